//! The pace that a client must keep while it sends or reads a body.

use crate::config::TransferSettings;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Watches one transfer: in each period at least `least` bytes must be transferred.
pub struct Pace {
    period: Duration,
    least: u64,
    moved: u64,
    end: Pin<Box<Sleep>>,
}

impl Pace {
    /// Starts the first period.
    pub fn new(settings: &TransferSettings) -> Pace {
        let period = settings.timeout();
        Pace {
            period,
            least: settings.least(),
            moved: 0,
            end: Box::pin(sleep(period)),
        }
    }

    /// Counts transferred bytes.
    pub fn count(&mut self, bytes: usize) {
        self.moved += bytes as u64;
    }

    /// Becomes ready when too few bytes were transferred in a period.
    pub fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.end.as_mut().poll(context));
            if self.moved < self.least {
                return Poll::Ready(());
            }
            self.moved = 0;
            self.end.as_mut().reset(Instant::now() + self.period);
        }
    }
}

/// Returns the message for a client that is too slow.
pub fn too_slow(settings: &TransferSettings) -> String {
    format!(
        "expected at least {} bytes in {} s, found fewer; try again over a faster connection, or lower --min-rate",
        settings.least(),
        settings.transfer_timeout
    )
}
