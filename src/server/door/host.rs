//! The name by which a client reaches this server.

use actix_web::HttpRequest;
use actix_web::http::header;
use std::net::IpAddr;

/// Returns what the client calls this server if that is no loopback name. Browsers always say; what proxies put into
/// headers of their own does not count, since the page that this is about could write them too.
pub fn find_strange_host(request: &HttpRequest) -> Option<String> {
    find_host(request).filter(|host| !is_loopback_name(host))
}

/// Returns what the client calls this server, with the port if it says one.
pub fn find_host(request: &HttpRequest) -> Option<String> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => {
            let host = request.headers().get(header::HOST)?;
            Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
        }
    }
}

/// Whether a host, with or without a port, is this machine.
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
