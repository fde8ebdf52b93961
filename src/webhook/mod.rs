//! Webhooks: other systems receive changes as signed messages in the format of
//! [Standard Webhooks](https://www.standardwebhooks.com/) 1.0.0.
//!
//! Each endpoint reads the log of changes with a cursor of its own. No message is stored. It is built from the log
//! whenever it is sent, so that later messages never contain deleted people, and an endpoint that is behind takes no
//! space. A cursor moves past a message only when the receiver has answered with 2xx, in the statement that records the
//! attempt.
//!
//! | file | does |
//! |---|---|
//! | `message_type` `message` `person` `signature` `wanted` | the content of messages; pure |
//! | `retry` `address` `answer` | retries, allowed addresses, what is stored of answers; pure |
//! | `draft` `endpoint` `attempt` `lease` | rows and their SQL |
//! | `feed` `render` | from the log of changes to the next message |
//! | `send` | one POST |
//! | `delivery` | the steps of a delivery |
//! | `testing` | how many tests run at the same time |

mod address;
mod answer;
mod attempt;
mod delivery;
mod draft;
mod endpoint;
mod feed;
mod lease;
mod message;
mod message_type;
mod person;
mod position;
mod render;
mod retry;
mod send;
mod signature;
mod testing;
mod wanted;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use address::SendRules;
pub use attempt::{Attempt, KEPT, list_last, tidy};
pub use delivery::{Delivery, DeliveryOutcome, Ready};
pub use draft::{Draft, Followed};
pub use endpoint::{
    Webhook, create, delete, find_by_ids, get, get_by_name, list, list_page, replay, rotate, update,
};
pub use feed::Reader;
pub use lease::{Claim, has_enabled, next_due};
pub use message::{DEFAULT_PEOPLE, MAX_PEOPLE};
pub use message_type::{Choice, MessageType};
pub use retry::DisabledReason;
pub use send::{Envelope, Sender, Sent};
pub use signature::Secret;
pub use testing::{AT_ONCE as TESTS_AT_ONCE, Tests};

/// How a process sends messages.
#[derive(Clone)]
pub struct WebhookSettings {
    /// Sends messages to addresses that are allowed.
    pub sender: Sender,
    /// The path below which the server is reached.
    pub base_path: String,
    /// Set when the server stops.
    pub is_stopping: Arc<AtomicBool>,
    /// The endpoints that are being tested.
    pub tests: Tests,
}

impl WebhookSettings {
    /// Returns the settings of a server with this base path.
    pub fn new(rules: SendRules, base_path: String) -> WebhookSettings {
        WebhookSettings {
            sender: Sender::new(rules),
            base_path,
            is_stopping: Arc::default(),
            tests: Tests::default(),
        }
    }
}
