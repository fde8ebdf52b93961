//! Secrets and signatures of [Standard Webhooks](https://www.standardwebhooks.com/) 1.0.0.
//!
//! A secret is `whsec_` and the base64 of 32 random bytes. A signature is `v1,` and the base64 of the HMAC-SHA256 of
//! `ID.TIMESTAMP.BODY` by those bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

/// The prefix of every secret, by which a leaked secret is recognised.
pub const MARK: &str = "whsec_";
/// How many random bytes a secret has.
const BYTES: usize = 32;

/// The secret with which a receiver checks that a message is ours. It has no `Debug` that could put it into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Returns a random secret from the generator of the thread, which is cryptographic and seeded by the system.
    pub fn random() -> Secret {
        let mut bytes = vec![0; BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Secret(bytes)
    }

    /// Reads a stored secret. Returns `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Secret> {
        let bytes = STANDARD.decode(text.strip_prefix(MARK)?).ok()?;
        (!bytes.is_empty()).then_some(Secret(bytes))
    }

    /// Returns the secret in the form that receivers get.
    pub fn reveal(&self) -> String {
        format!("{MARK}{}", STANDARD.encode(&self.0))
    }

    /// Signs a message. `timestamp` is the time of sending, in seconds since 1970.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        // HMAC accepts a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

/// Returns the header `webhook-signature`: one signature for each secret, so that a receiver accepts messages while its
/// secret is being replaced.
pub fn sign(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let signatures = secrets
        .iter()
        .filter_map(|secret| secret.sign(id, timestamp, body));
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;

    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let secret = Secret::parse(SECRET).expect("a secret");
        let signed = sign(&[secret], ID, 1_614_265_330, BODY);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_judges_of_others_accept_every_signature() {
        let (new, old) = (Secret::random(), Secret::random());
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a time after 1970");
        let timestamp = i64::try_from(now.as_secs()).expect("a time");
        let body = r#"{"type":"webhook.test","data":{"name":"Žygimantas 🎉"}}"#;
        let signed = sign(&[new.clone(), old.clone()], "msg_1", timestamp, body);
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signed),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        for secret in [new, old] {
            let judge = standardwebhooks::Webhook::new(&secret.reveal()).expect("a secret");
            judge
                .verify(body.as_bytes(), &headers)
                .expect("a valid signature");
            let other = judge.verify(b"{}", &headers);
            assert!(other.is_err(), "another body must not be accepted");
        }
        let stranger = standardwebhooks::Webhook::new(&Secret::random().reveal());
        let judged = stranger
            .expect("a secret")
            .verify(body.as_bytes(), &headers);
        assert!(judged.is_err(), "another secret must not be accepted");
    }

    #[test]
    fn secrets_are_random_and_come_back() {
        let (one, other) = (Secret::random(), Secret::random());
        assert!(one != other);
        assert!(one.reveal().starts_with(MARK));
        assert!(Secret::parse(&one.reveal()) == Some(one));
        for text in ["", "whsec_", "whsec_%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
    }
}
