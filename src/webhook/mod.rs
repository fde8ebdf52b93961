//! Webhooks: other systems receive changes as signed messages, as [Standard Webhooks](https://www.standardwebhooks.com/)
//! 1.0.0 has it.
//!
//! An endpoint is a reader of the log of changes with a cursor of its own. No message is stored: it is put together from the
//! log whenever it is sent, so that a deleted person is in no message that is still to come, and an endpoint that is behind
//! takes no space. A cursor moves only when the receiver has answered with 2xx, in the statement that records the attempt.
//!
//! | file | does |
//! |---|---|
//! | `message_type` `message` `person` `signature` `wanted` | what is sent; pure |
//! | `retry` `address` `answer` | when it is sent again, where it may go, what is kept of answers; pure |
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
pub use delivery::{Delivery, Ready, Turn};
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
    /// What sends, and where to it may.
    pub sender: Sender,
    /// The path below which the server is reached.
    pub base_path: String,
    /// Tells that the server stops.
    pub is_stopping: Arc<AtomicBool>,
    /// The endpoints that are being tested.
    pub tests: Tests,
}

impl WebhookSettings {
    /// Settings of a server that is reached below a path.
    pub fn new(rules: SendRules, base_path: String) -> WebhookSettings {
        WebhookSettings {
            sender: Sender::new(rules),
            base_path,
            is_stopping: Arc::default(),
            tests: Tests::default(),
        }
    }
}
