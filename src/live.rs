//! What the listeners of this server share: one look at the newest refreshes for all of them.
//!
//! The loop that looks is in `server/loops/hub.rs`; subscriptions listen. While nobody listens, nobody looks.

use crate::past::Newest;
use tokio::sync::{Notify, watch};

/// The newest refreshes, as last looked at.
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
    /// Begins to listen. What is published is what somebody saw at some time, perhaps before this.
    pub fn listen(&self) -> watch::Receiver<Newest> {
        let listener = self.newest.subscribe();
        self.arrived.notify_one();
        listener
    }

    /// Tells that a refresh has ended in this process, or that changes were followed, so that it is not waited for.
    pub fn tell_ended(&self) {
        self.ended.notify_one();
    }

    /// Waits until somebody listens.
    pub async fn listener(&self) {
        while self.newest.receiver_count() == 0 {
            self.arrived.notified().await;
        }
    }

    /// Waits until something of that has happened.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Tells everybody who listens.
    pub fn publish(&self, newest: Newest) {
        self.newest.send_replace(newest);
    }
}
