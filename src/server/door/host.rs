//! The name by which a client reaches this server.

use actix_web::HttpRequest;
use actix_web::http::header;
use std::net::IpAddr;

/// Returns the host by which the client addresses this server, if it is not a loopback name. Browsers always send the
/// host. Headers of proxies are ignored, because a hostile page could send them too.
pub fn find_strange_host(request: &HttpRequest) -> Option<String> {
    find_host(request).filter(|host| !is_loopback_name(host))
}

/// Returns the host by which the client addresses this server, with the port if there is one.
pub fn find_host(request: &HttpRequest) -> Option<String> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => {
            let host = request.headers().get(header::HOST)?;
            Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
        }
    }
}

/// Returns whether a host, with or without a port, is a loopback name.
pub fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        for host in [
            "localhost",
            "LOCALHOST:7655",
            "127.0.0.1:7655",
            "127.8.9.1",
            "[::1]:7655",
            "[::1]",
        ] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com:7655",
            "10.0.0.1",
            "127.0.0.1.example.com",
            "[::2]:1",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
