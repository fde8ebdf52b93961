//! Sends one POST to an allowed address, without redirects and proxies, within 20 seconds.
//!
//! Names are resolved only here, and addresses that are not allowed are dropped before the connection is made. So a
//! name that resolves to another address each time (DNS rebinding) cannot reach a forbidden address.

use super::address::SendRules;
use super::answer::MAX_ANSWER;
use super::signature::{Secret, sign};
use crate::clock::Clock;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// How long connecting may take, including name resolution and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole attempt may take.
const WHOLE: Duration = Duration::from_secs(20);

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The URL of the receiver.
    pub url: String,
    /// The header `webhook-id`.
    pub id: String,
    /// The body.
    pub body: String,
}

/// The result of an attempt to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The beginning of the answer.
    pub answer: Vec<u8>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// How long the attempt took.
    pub took: Duration,
}

/// Sends messages.
#[derive(Clone)]
pub struct Sender {
    agent: Agent,
    /// Which addresses messages may be sent to.
    pub rules: SendRules,
}

impl Sender {
    /// Returns a sender that uses the resolver of the system.
    pub fn new(rules: SendRules) -> Sender {
        Sender::with_resolver(rules, Arc::new(DefaultResolver::default()))
    }

    /// Returns a sender that uses another resolver.
    pub fn with_resolver(rules: SendRules, names: Arc<dyn Resolver>) -> Sender {
        let config = Agent::config_builder()
            .https_only(!rules.allow_http)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // If the receiver closed an idle connection, the next message over it would fail.
            .max_idle_connections(0)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .user_agent(concat!("Rollcall/", env!("CARGO_PKG_VERSION")))
            .build();
        let guard = Guard { rules, names };
        let agent = Agent::with_parts(config, DefaultConnector::default(), guard);
        Sender { agent, rules }
    }

    /// Sends a message, signed with each of these secrets. Blocks for 20 seconds at most.
    pub fn send(&self, envelope: &Envelope, secrets: &[Secret]) -> Sent {
        let begun = Instant::now();
        // Receivers compare the timestamp with their own clocks, so it is the real time even in the demo.
        let timestamp = Clock::System.now().timestamp();
        let signature = sign(secrets, &envelope.id, timestamp, &envelope.body);
        let answered = self
            .agent
            .post(&envelope.url)
            .header("content-type", "application/json")
            .header("webhook-id", &envelope.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .send(&envelope.body);
        let mut sent = match answered {
            Ok(answer) => {
                let retry_after = answer.headers().get("retry-after");
                let retry_after = retry_after.and_then(|value| value.to_str().ok());
                Sent {
                    status: Some(answer.status().as_u16()),
                    retry_after: retry_after.map(str::to_owned),
                    answer: read_beginning(answer.into_body().into_reader()),
                    ..Sent::default()
                }
            }
            Err(error) => Sent {
                error: Some(explain(&error)),
                ..Sent::default()
            },
        };
        sent.took = begun.elapsed();
        sent
    }
}

/// Reads the beginning of an answer. Later errors do not matter, because the status has arrived.
fn read_beginning(mut body: impl Read) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut piece = [0; 8_192];
    while answer.len() < MAX_ANSWER {
        match body.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
        }
    }
    answer.truncate(MAX_ANSWER);
    answer
}

/// Returns why there was no answer, in words for administrators.
fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "the receiver took too long".to_owned(),
        ureq::Error::HostNotFound => "the name of the host does not resolve".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "the receiver refused the connection".to_owned(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                "the receiver closed the connection without an answer".to_owned()
            }
            io::ErrorKind::TimedOut => "the receiver took too long".to_owned(),
            _ => error.to_string(),
        },
        ureq::Error::RequireHttpsOnly(_) => {
            "the server that sends allows https only (--webhook-allow-http)".to_owned()
        }
        other => other.to_string(),
    }
}

/// Resolves names and drops every address that is not allowed.
#[derive(Debug)]
struct Guard {
    rules: SendRules,
    names: Arc<dyn Resolver>,
}

/// No address of a name is allowed.
#[derive(Debug, thiserror::Error)]
#[error("the host has no address that messages may be sent to (--webhook-allow-private)")]
struct Closed;

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in found
            .iter()
            .filter(|address| self.rules.allow(address.ip()))
        {
            allowed.push(*address);
        }
        match allowed.is_empty() {
            true => Err(ureq::Error::Other(Box::new(Closed))),
            false => Ok(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Mutex;
    use std::thread::JoinHandle;

    const OPEN: SendRules = SendRules {
        allow_http: true,
        allow_private: true,
    };

    /// Resolves a name to each of these lists of addresses in turn.
    #[derive(Debug)]
    struct Stub(Mutex<Vec<Vec<SocketAddr>>>);

    impl Resolver for Stub {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut resolved = self.empty();
            let next = self.0.lock().expect("a lock").pop();
            next.expect("another answer")
                .into_iter()
                .for_each(|address| resolved.push(address));
            Ok(resolved)
        }
    }

    fn sender(rules: SendRules, answers: &[&[SocketAddr]]) -> Sender {
        let answers = answers.iter().rev().map(|answer| answer.to_vec());
        Sender::with_resolver(rules, Arc::new(Stub(Mutex::new(answers.collect()))))
    }

    /// A receiver that reads one request and answers with these bytes.
    fn receive(answer: &'static [u8]) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let received = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            let mut piece = [0; 4_096];
            while !request.ends_with(b"}") {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => request.extend_from_slice(&piece[..length]),
                }
            }
            // Fails if the sender does not read the whole answer, which does not matter.
            let _ = stream.write_all(answer);
            String::from_utf8(request).expect("a text")
        });
        (address, received)
    }

    fn envelope(url: String) -> Envelope {
        Envelope {
            url,
            id: "msg_1".to_owned(),
            body: "{\"type\":\"webhook.test\"}".to_owned(),
        }
    }

    fn send(rules: SendRules, address: SocketAddr) -> Sent {
        let sender = sender(rules, &[&[address]]);
        let url = format!("http://receiver.example:{}/hook?a=b", address.port());
        sender.send(&envelope(url), &[Secret::random()])
    }

    #[test]
    fn a_message_has_the_headers_of_standard_webhooks() {
        let (address, received) = receive(b"HTTP/1.1 204 No Content\r\n\r\n");
        let sent = send(OPEN, address);
        assert_eq!((sent.status, sent.error), (Some(204), None));
        let request = received.join().expect("a receiver").to_lowercase();
        assert!(
            request.starts_with("post /hook?a=b http/1.1\r\n"),
            "{request}"
        );
        for header in [
            "webhook-id: msg_1\r\n",
            "webhook-timestamp: ",
            "webhook-signature: v1,",
            "content-type: application/json\r\n",
            "content-length: 23\r\n",
            "user-agent: rollcall/",
        ] {
            assert!(request.contains(header), "{header}: {request}");
        }
    }

    #[test]
    fn a_name_that_resolves_to_a_closed_address_is_not_connected() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener");
        let rules = SendRules {
            allow_http: true,
            allow_private: false,
        };
        let sent = send(rules, address);
        assert_eq!(sent.status, None);
        let error = sent.error.expect("a reason");
        assert!(error.contains("--webhook-allow-private"), "{error}");
        let nobody = listener.accept().expect_err("no connection");
        assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
    }

    /// A name that was public when it was checked and is private when it is connected (DNS rebinding).
    #[test]
    fn every_resolution_is_guarded() {
        let (address, received) = receive(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let metadata: SocketAddr = "169.254.169.254:80".parse().expect("an address");
        let sender = sender(OPEN, &[&[address], &[metadata]]);
        let envelope = envelope(format!("http://receiver.example:{}/", address.port()));
        let secrets = [Secret::random()];
        let first = sender.send(&envelope, &secrets);
        assert_eq!(first.status, Some(200));
        received.join().expect("a receiver");
        let second = sender.send(&envelope, &secrets);
        assert_eq!(
            second.status, None,
            "the name was resolved anew and refused"
        );
    }

    /// The addresses of a name that are not allowed are never tried.
    #[test]
    fn closed_addresses_are_dropped_from_among_allowed_ones() {
        let (address, received) = receive(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let metadata: SocketAddr = "169.254.169.254:80".parse().expect("an address");
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:80".parse().expect("an address");
        let sender = sender(OPEN, &[&[metadata, mapped, address]]);
        let envelope = envelope(format!("http://receiver.example:{}/", address.port()));
        let sent = sender.send(&envelope, &[]);
        assert_eq!(sent.status, Some(200), "{sent:?}");
        received.join().expect("a receiver");
    }

    #[test]
    fn redirects_are_not_followed() {
        let (address, received) = receive(
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        );
        let sent = send(OPEN, address);
        assert_eq!((sent.status, sent.error), (Some(307), None));
        received.join().expect("a receiver");
    }

    #[test]
    fn plain_http_is_refused_where_it_is_not_allowed() {
        let rules = SendRules {
            allow_http: false,
            allow_private: true,
        };
        let address = "127.0.0.1:9".parse().expect("an address");
        let error = send(rules, address).error.expect("a reason");
        assert!(error.contains("--webhook-allow-http"), "{error}");
    }

    #[test]
    fn half_answers_count_by_their_status() {
        let (address, _received) = receive(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhal");
        let sent = send(OPEN, address);
        assert_eq!((sent.status, sent.answer), (Some(200), b"hal".to_vec()));
        let (address, _received) = receive(b"HTTP/1.1 20");
        let sent = send(OPEN, address);
        assert_eq!(sent.status, None);
        assert!(sent.error.is_some());
        let (address, _received) = receive(b"");
        let sent = send(OPEN, address);
        let reason = "the receiver closed the connection without an answer";
        assert_eq!(sent.error.as_deref(), Some(reason));
    }

    #[test]
    fn long_answers_are_cut_and_retry_after_is_read() {
        let mut answer = b"HTTP/1.1 503 Busy\r\nretry-after: 120\r\n\r\n".to_vec();
        answer.resize(answer.len() + MAX_ANSWER * 3, b'x');
        let (address, _received) = receive(answer.leak());
        let sent = send(OPEN, address);
        assert_eq!(sent.status, Some(503));
        assert_eq!(sent.retry_after.as_deref(), Some("120"));
        assert_eq!(sent.answer.len(), MAX_ANSWER);
    }

    #[test]
    fn a_receiver_that_does_not_listen_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let error = send(OPEN, address).error.expect("a reason");
        assert_eq!(error, "the receiver refused the connection");
    }
}
