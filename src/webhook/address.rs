//! Which addresses messages may be sent to. If every address were allowed, an administrator of the API could reach
//! systems that only the server can reach.
//!
//! Only globally reachable unicast addresses are allowed, by the registries of special-purpose addresses of IANA
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>).
//! IPv6 addresses that embed an IPv4 address (mapped, NAT64, 6to4, Teredo) are refused, whatever that address is.

use crate::error::{InputCode, InputProblem};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The longest URL of an endpoint, in characters.
const MAX_URL: usize = 2_000;

/// Which URLs and addresses messages may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendRules {
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
    /// Whether private addresses and loopback are allowed.
    pub allow_private: bool,
}

impl SendRules {
    /// Returns whether messages may be sent to an address.
    pub fn allow(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                is_global_v4(address) || self.allow_private && is_private_v4(address)
            }
            IpAddr::V6(address) => {
                is_global_v6(address) || self.allow_private && is_private_v6(address)
            }
        }
    }

    /// Reads the URL of an endpoint and returns its normal form.
    ///
    /// # Errors
    /// The problem, with the path `url`.
    pub fn check_url(self, text: &str) -> Result<String, InputProblem> {
        let problem = |message: String, hint: Option<&str>| {
            let problem = InputProblem::new(InputCode::Invalid, "url", message);
            problem.with_hint(hint.map(str::to_owned))
        };
        let text = text.trim();
        if text.is_empty() {
            let message = "expected the URL of the receiver, found an empty text";
            return Err(InputProblem::new(InputCode::Missing, "url", message));
        }
        let length = text.chars().count();
        if length > MAX_URL {
            let message = format!("expected at most {MAX_URL} characters, found {length}");
            return Err(problem(message, None));
        }
        let url = Url::parse(text).map_err(|error| {
            let message = format!("expected a URL, found \"{text}\" ({error})");
            problem(message, Some("write it as https://example.com/path"))
        })?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => {
                let hint = "use https, or start the server with --webhook-allow-http";
                return Err(problem("expected https, found http".to_owned(), Some(hint)));
            }
            other => return Err(problem(format!("expected https, found {other}"), None)),
        }
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "receivers know us by the signature; put a token into the path or the query";
            return Err(problem(
                "expected no user or password in the URL".to_owned(),
                Some(hint),
            ));
        }
        if url.fragment().is_some() {
            return Err(problem("expected no # in the URL".to_owned(), None));
        }
        self.check_host(&url)
            .map_err(|(message, hint)| problem(message, Some(hint)))?;
        Ok(url.into())
    }

    fn check_host(self, url: &Url) -> Result<(), (String, &'static str)> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                if name == "localhost" || name.ends_with(".localhost") {
                    IpAddr::V4(Ipv4Addr::LOCALHOST)
                } else {
                    return Ok(());
                }
            }
            None => {
                return Err((
                    "expected a host in the URL".to_owned(),
                    "write it as https://example.com/path",
                ));
            }
        };
        if self.allow(address) {
            return Ok(());
        }
        let message = format!("expected a public address, found {address}");
        let could = SendRules {
            allow_private: true,
            ..self
        }
        .allow(address);
        Err((
            message,
            match could {
                true => {
                    "start the server with --webhook-allow-private to reach receivers in a private network"
                }
                false => "no setting allows this kind of address",
            },
        ))
    }
}

/// Networks of IPv4 that are not globally reachable, as address and length of the prefix.
const CLOSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Networks within 2000::/3 that are not globally reachable, or that embed IPv4 addresses.
const CLOSED_V6: [(Ipv6Addr, u32); 5] = [
    // IETF protocol assignments: Teredo, benchmarking, ORCHID and others.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // The former 6bone.
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
];

fn is_within_v4(address: Ipv4Addr, (network, length): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0
}

fn is_within_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - length) == 0
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4
        .into_iter()
        .any(|network| is_within_v4(address, network))
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let unicast = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    is_within_v6(address, unicast)
        && !CLOSED_V6
            .into_iter()
            .any(|network| is_within_v6(address, network))
}

/// Returns whether `--webhook-allow-private` allows the address. Link-local addresses stay refused: clouds hand out
/// credentials there.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let shared = (Ipv4Addr::new(100, 64, 0, 0), 10);
    address.is_private() || address.is_loopback() || is_within_v4(address, shared)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STRICT: SendRules = SendRules {
        allow_http: false,
        allow_private: false,
    };
    const OPEN: SendRules = SendRules {
        allow_http: true,
        allow_private: true,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn only_global_addresses_are_allowed() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "3fff:1000::1",
        ] {
            assert!(STRICT.allow(address(text)), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            // IPv4-compatible, mapped and translated, also of global addresses.
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:0:127.0.0.1",
            // NAT64, well-known and local.
            "64:ff9b::7f00:1",
            "64:ff9b::101:101",
            "64:ff9b:1::a00:1",
            "100::1",
            // Teredo, benchmarking, ORCHID.
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            // 6to4 of 127.0.0.1 and of 1.1.1.1.
            "2002:7f00:1::1",
            "2002:101:101::1",
            "3ffe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!STRICT.allow(address(text)), "{text}");
        }
    }

    #[test]
    fn private_networks_can_be_opened_and_link_local_ones_cannot() {
        for text in [
            "10.0.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "192.168.0.1",
            "::1",
            "fd00::1",
        ] {
            assert!(OPEN.allow(address(text)), "{text}");
        }
        for text in [
            "169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "255.255.255.255",
        ] {
            assert!(!OPEN.allow(address(text)), "{text}");
        }
    }

    #[test]
    fn literals_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "%31%32%37.0.0.1",
            "１２７.０.０.１",
            "127。0。0。1",
            "0",
            "localhost",
            "LOCALHOST.",
            "api.localhost",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "169.254.169.254",
            "0xa9fea9fe",
        ] {
            let url = format!("https://{host}/hook");
            let problem = STRICT.check_url(&url).expect_err(&url);
            assert_eq!(problem.path, "url", "{url}");
            assert!(
                problem.message.contains("expected a public address"),
                "{url}: {problem}"
            );
            assert!(problem.hint.is_some(), "{url}");
        }
    }

    #[test]
    fn urls_are_checked_and_normalised() {
        for (text, normal) in [
            ("https://Example.com", "https://example.com/"),
            (
                " https://example.com:443/a?b=c ",
                "https://example.com/a?b=c",
            ),
            ("https://žirgas.lt/x", "https://xn--irgas-tib.lt/x"),
            ("https://1.1.1.1/x", "https://1.1.1.1/x"),
        ] {
            assert_eq!(STRICT.check_url(text).as_deref(), Ok(normal), "{text}");
        }
        for text in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com/#x",
            "https://[fe80::1%25eth0]/",
            &format!("https://example.com/{}", "x".repeat(MAX_URL)),
        ] {
            let problem = STRICT.check_url(text).expect_err(text);
            assert_eq!(problem.path, "url", "{text}");
        }
        let plain = "http://127.0.0.1:8080/hook";
        assert_eq!(OPEN.check_url(plain).as_deref(), Ok(plain));
        let hint = STRICT
            .check_url("http://example.com/")
            .expect_err("http")
            .hint;
        assert!(hint.is_some_and(|hint| hint.contains("--webhook-allow-http")));
    }

    proptest! {
        /// An IPv6 address that embeds a closed IPv4 address is closed, too.
        #[test]
        fn no_form_of_ipv6_stands_for_ipv4(bits: u32, low: u64) {
            let v4 = u128::from(bits);
            for form in [
                v4,
                0xffff_u128 << 32 | v4,
                0xffff_0000_u128 << 32 | v4,
                0x0064_ff9b_u128 << 96 | v4,
                0x2002_u128 << 112 | v4 << 80 | u128::from(low),
                0x2001_0000_u128 << 96 | u128::from(low) << 32 | v4,
            ] {
                let address = Ipv6Addr::from_bits(form);
                prop_assert!(!STRICT.allow(address.into()), "{}", address);
            }
        }
    }
}
