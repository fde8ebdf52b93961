//! Stops work that has begun: the caller sets a flag that the work checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why work was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The client has disconnected and does not wait for the answer.
    Abandoned,
    /// The deadline has passed.
    Deadline,
}

/// A flag that stops work. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

/// Work was stopped before its end. Its result must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work was stopped before its end")]
pub struct Stopped(pub StopReason);

impl Cancel {
    /// Stops the work. The first reason counts.
    pub fn stop(&self, reason: StopReason) {
        let code = match reason {
            StopReason::Abandoned => 1,
            StopReason::Deadline => 2,
        };
        // Fails if another reason came first.
        let _ = self
            .0
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns whether the work must stop.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Fails if the work must stop.
    ///
    /// # Errors
    /// Fails with [`Stopped`] and the reason.
    pub fn check(&self) -> Result<(), Stopped> {
        match self.0.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Stopped(StopReason::Abandoned)),
            _ => Err(Stopped(StopReason::Deadline)),
        }
    }

    /// Returns a guard that stops the work as abandoned when it is dropped.
    pub fn stop_on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }
}

/// Stops work when this guard is dropped. The caller that waits for the work holds the guard. Work that has ended is
/// not affected.
#[derive(Debug)]
pub struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(StopReason::Abandoned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts() {
        let cancel = Cancel::default();
        assert_eq!(cancel.check(), Ok(()));
        drop(cancel.clone().stop_on_drop());
        cancel.stop(StopReason::Deadline);
        assert_eq!(cancel.check(), Err(Stopped(StopReason::Abandoned)));
        assert!(cancel.is_stopped());
    }
}
