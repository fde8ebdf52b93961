//! The cookie of a session: when it counts, and how it is set.
//!
//! Browsers also send cookies with requests that pages of other sites make. Three checks together refuse such requests:
//! `SameSite=Strict`, the origin that the browser states, and a body or header that a page of another site can send
//! only after a preflight request, which is refused.

use super::host::{find_host, is_loopback_name};
use crate::audience::api_key::Hash;
use crate::audience::session::{self, LONGEST, Token};
use crate::server::http::media_type::is_json;
use crate::server::socket::upgrade::is_upgrade;
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The header that a page of this server sends with requests that have no JSON body.
const CONSOLE: HeaderName = HeaderName::from_static("x-rollcall-console");

/// The header in which the browser says which site made the request.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Headers of proxies. A request with any of them came over a network.
const OF_PROXIES: [HeaderName; 4] = [
    header::FORWARDED,
    header::VIA,
    header::X_FORWARDED_FOR,
    header::X_FORWARDED_PROTO,
];

/// The message for a request whose cookie does not count.
pub const FOREIGN: &str = "the cookie of a session counts only for pages of this server, with a JSON body or the header \
    X-Rollcall-Console; programs send the header \"Authorization: Bearer rck_...\"";

/// The message for a page that cannot start a session because it came over plain HTTP.
pub const IN_THE_CLEAR: &str = "expected https, or http on a loopback name such as localhost: browsers keep the cookie of a session only then";

/// The session cookie of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// No such cookie.
    Missing,
    /// A cookie that does not count for this request.
    Foreign,
    /// A cookie that counts, with the hash of its token; `None` if the text cannot be a token.
    Counts(Option<Hash>),
}

/// The names that the cookie may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// For https. Browsers accept a cookie with the prefix `__Host-` only over https, and only from the host itself.
    Secure,
    /// For http on this machine, where some browsers do not store secure cookies.
    Plain,
}

impl Name {
    fn as_str(self) -> &'static str {
        match self {
            Name::Secure => "__Host-rollcall",
            Name::Plain => "rollcall",
        }
    }

    /// Returns the other name.
    pub fn other(self) -> Name {
        match self {
            Name::Secure => Name::Plain,
            Name::Plain => Name::Secure,
        }
    }

    /// Returns the header `Set-Cookie` that gives the browser a token, or removes the cookie.
    pub fn set(self, token: Option<&Token>) -> HeaderValue {
        let (value, age) = match token {
            Some(token) => (token.reveal(), LONGEST.num_seconds()),
            None => ("", 0),
        };
        let name = self.as_str();
        let secure = match self {
            Name::Secure => "; Secure",
            Name::Plain => "",
        };
        let text =
            format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Strict");
        // Names and tokens are letters, digits, `-` and `_`.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// Returns the name for the page that signs in, or `None` if the browser would not store a cookie.
    pub fn choose(request: &HttpRequest) -> Option<Name> {
        let host = find_host(request).unwrap_or_default();
        match find_origin(request.headers()) {
            Some((scheme, _)) if scheme == "https" => Some(Name::Secure),
            _ if is_direct(request, &host) => Some(Name::Plain),
            Some((_, name)) if !is_loopback_name(&name) => None,
            _ => Some(Name::Secure),
        }
    }
}

/// Finds the session cookie of a request, and decides whether it counts.
pub fn find(request: &HttpRequest) -> Cookie {
    let headers = request.headers();
    let host = find_host(request).unwrap_or_default();
    let plain = is_direct(request, &host).then_some(Name::Plain);
    let names = [Some(Name::Secure), plain];
    let token = names
        .into_iter()
        .flatten()
        .find_map(|name| read(headers, name));
    match token {
        None => Cookie::Missing,
        Some(token) if is_of_own_page(headers, &host) => Cookie::Counts(session::hash(token)),
        Some(_) => Cookie::Foreign,
    }
}

/// Returns whether a page of this server made the request, in a form that a page of another site cannot send.
fn is_of_own_page(headers: &HeaderMap, host: &str) -> bool {
    let site = headers.get(SITE).map(HeaderValue::as_bytes);
    let is_origin_host =
        || find_origin(headers).is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
    let is_same_origin = site.map_or_else(is_origin_host, |site| site == b"same-origin");
    if is_upgrade(headers) {
        // A page cannot choose the headers of a WebSocket, and a WebSocket needs no preflight request. So the origin is
        // checked.
        return is_same_origin && is_origin_host();
    }
    is_same_origin && (is_json(headers) || headers.contains_key(CONSOLE))
}

/// Returns whether a request comes from this machine over plain HTTP, judged by its headers.
fn is_direct(request: &HttpRequest, host: &str) -> bool {
    let headers = request.headers();
    let is_forwarded = OF_PROXIES.iter().any(|name| headers.contains_key(name));
    let is_origin_direct = find_origin(headers)
        .is_none_or(|(scheme, name)| scheme == "http" && is_loopback_name(&name));
    is_loopback_name(host) && !is_forwarded && is_origin_direct
}

/// Returns the scheme and the host of the origin that a browser states, in lower case.
fn find_origin(headers: &HeaderMap) -> Option<(String, String)> {
    let origin = headers.get(header::ORIGIN)?;
    let origin = String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase();
    match origin.split_once("://") {
        Some((scheme, name)) => Some((scheme.to_owned(), name.to_owned())),
        // Such as `null`: an origin, but not that of a page of this server.
        None => Some((String::new(), origin)),
    }
}

/// Returns the value of a cookie, the first if there are several.
fn read(headers: &HeaderMap, name: Name) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE);
    let texts = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(found, value)| (found == name.as_str()).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn request(headers: &[(&'static str, &str)]) -> HttpRequest {
        let request = TestRequest::with_uri("/graphql");
        headers
            .iter()
            .fold(request, |request, header| request.insert_header(*header))
            .to_http_request()
    }

    fn found(headers: &[(&'static str, &str)]) -> Cookie {
        find(&request(headers))
    }

    fn counted() -> Cookie {
        Cookie::Counts(session::hash(TOKEN))
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:7655");
    const PUBLIC: (&str, &str) = ("host", "crm.example.com");
    const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
    const MARK: (&str, &str) = ("x-rollcall-console", "1");

    fn plain() -> (&'static str, &'static str) {
        ("cookie", concat_cookie("rollcall"))
    }

    fn secure() -> (&'static str, &'static str) {
        ("cookie", concat_cookie("__Host-rollcall"))
    }

    fn concat_cookie(name: &str) -> &'static str {
        Box::leak(format!("a=b; {name}={TOKEN}; c").into_boxed_str())
    }

    #[test]
    fn a_cookie_counts_for_own_pages_with_a_mark_or_json() {
        let json = ("content-type", "application/json");
        assert_eq!(found(&[HOST, SAME, MARK, plain()]), counted());
        assert_eq!(found(&[HOST, SAME, json, plain()]), counted());
        assert_eq!(found(&[PUBLIC, SAME, MARK, secure()]), counted());
        let origin = ("origin", "http://127.0.0.1:7655");
        assert_eq!(found(&[HOST, origin, MARK, plain()]), counted());
        let origin = ("origin", "https://CRM.example.com");
        assert_eq!(found(&[PUBLIC, origin, MARK, secure()]), counted());
        assert_eq!(found(&[HOST, SAME, MARK]), Cookie::Missing);
        let bad = ("cookie", "rollcall=short");
        assert_eq!(found(&[HOST, SAME, MARK, bad]), Cookie::Counts(None));
    }

    #[test]
    fn a_cookie_does_not_count_for_other_pages() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let text = ("content-type", "text/plain");
        for headers in [
            vec![],
            vec![MARK],
            vec![SAME],
            vec![SAME, form],
            vec![SAME, text],
            vec![("sec-fetch-site", "cross-site"), MARK],
            vec![("sec-fetch-site", "same-site"), MARK],
            vec![("sec-fetch-site", "none"), MARK],
            vec![("sec-fetch-site", ""), MARK],
            // What the browser says about the site takes precedence over the origin.
            vec![
                ("sec-fetch-site", "same-site"),
                ("origin", "http://127.0.0.1:7655"),
                MARK,
            ],
            vec![("origin", "http://127.0.0.1:3000"), MARK],
            vec![("origin", "http://localhost:7655"), MARK],
        ] {
            let headers: Vec<_> = [HOST, plain()].into_iter().chain(headers).collect();
            assert_eq!(found(&headers), Cookie::Foreign, "{headers:?}");
        }
        for origin in [
            "null",
            "https://evil.example",
            "https://crm.example.com:444",
            "",
        ] {
            let headers = [PUBLIC, secure(), ("origin", origin), MARK];
            assert_eq!(found(&headers), Cookie::Foreign, "{origin}");
        }
    }

    #[test]
    fn the_plain_cookie_is_for_this_machine() {
        assert_eq!(found(&[PUBLIC, SAME, MARK, plain()]), Cookie::Missing);
        for (name, value) in [
            ("origin", "https://127.0.0.1:7655"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "proto=https"),
            ("via", "1.1 proxy"),
        ] {
            let headers = [HOST, SAME, MARK, plain(), (name, value)];
            assert_eq!(found(&headers), Cookie::Missing, "{name}");
            let headers = [HOST, SAME, MARK, secure(), (name, value)];
            assert_eq!(found(&headers), counted(), "{name}");
        }
    }

    #[test]
    fn a_web_socket_needs_the_origin_of_the_host() {
        let upgrade = ("upgrade", "websocket");
        let own = ("origin", "http://127.0.0.1:7655");
        assert_eq!(found(&[HOST, upgrade, own, plain()]), counted());
        assert_eq!(found(&[HOST, upgrade, own, SAME, plain()]), counted());
        for headers in [
            vec![],
            vec![SAME],
            vec![SAME, MARK],
            vec![("origin", "http://127.0.0.1:3000")],
            vec![("origin", "http://127.0.0.1:3000"), SAME],
            vec![own, ("sec-fetch-site", "same-site")],
        ] {
            let headers: Vec<_> = [HOST, upgrade, plain()]
                .into_iter()
                .chain(headers)
                .collect();
            assert_eq!(found(&headers), Cookie::Foreign, "{headers:?}");
        }
    }

    #[test]
    fn the_name_follows_the_scheme_of_the_page() {
        let chosen = |headers: &[(&'static str, &str)]| Name::choose(&request(headers));
        assert_eq!(chosen(&[HOST]), Some(Name::Plain));
        let own = ("origin", "http://127.0.0.1:7655");
        assert_eq!(chosen(&[HOST, own]), Some(Name::Plain));
        assert_eq!(chosen(&[PUBLIC]), Some(Name::Secure));
        let secure = ("origin", "https://crm.example.com");
        assert_eq!(chosen(&[PUBLIC, secure]), Some(Name::Secure));
        // A proxy that sends as `Host` the address by which it reaches the server.
        assert_eq!(chosen(&[HOST, secure]), Some(Name::Secure));
        let forwarded = ("x-forwarded-proto", "https");
        assert_eq!(chosen(&[HOST, forwarded]), Some(Name::Secure));
        let clear = ("origin", "http://crm.example.com");
        assert_eq!(chosen(&[PUBLIC, clear]), None);
        assert_eq!(chosen(&[HOST, clear]), None);
        assert_eq!(chosen(&[PUBLIC, ("origin", "null")]), None);
    }
}
