//! The newest refreshes and the last changes, polled once for all subscriptions of this server.
//!
//! The hub in `server/loops/hub.rs` polls the database, and subscriptions listen. While there is no listener, the hub
//! waits.

use crate::past::Newest;
use tokio::sync::{Notify, watch};

/// The newest refreshes and the last changes as of the last poll, with the signals between the hub and its listeners.
pub struct Live {
    newest: watch::Sender<Newest>,
    arrived: Notify,
    ended: Notify,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            newest: watch::Sender::new(Newest::default()),
            arrived: Notify::new(),
            ended: Notify::new(),
        }
    }
}

impl Live {
    /// Returns a receiver of the newest refreshes. Its first value may be older than this call.
    pub fn listen(&self) -> watch::Receiver<Newest> {
        let listener = self.newest.subscribe();
        self.arrived.notify_one();
        listener
    }

    /// Reports that a refresh has ended in this process, or that changes were followed, so that the hub polls at once.
    pub fn tell_ended(&self) {
        self.ended.notify_one();
    }

    /// Waits until there is a listener.
    pub async fn listener(&self) {
        while self.newest.receiver_count() == 0 {
            self.arrived.notified().await;
        }
    }

    /// Waits for a call of [`Live::tell_ended`].
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Sends a value to all listeners.
    pub fn publish(&self, newest: Newest) {
        self.newest.send_replace(newest);
    }
}
