//! Limits how many messages of the type `webhook.test` a process sends at the same time. Each blocks a thread of its
//! own while it waits for its receiver, for 20 seconds at most.

use crate::error::Error;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many endpoints can be tested at the same time.
pub const AT_ONCE: usize = 4;

/// The endpoints that are being tested.
pub type Tests = Arc<Mutex<BTreeSet<i64>>>;

/// A running test. Dropping it ends the test.
pub(super) struct Testing {
    tests: Tests,
    webhook_id: i64,
}

impl Testing {
    /// Begins a test of an endpoint.
    ///
    /// # Errors
    /// [`Error::Busy`] if the endpoint is being tested, or too many others are.
    pub fn begin(tests: &Tests, webhook_id: i64) -> Result<Testing, Error> {
        let mut running = lock(tests);
        if running.contains(&webhook_id) {
            let message =
                "another test of this webhook waits for its receiver; try again when it has ended";
            return Err(Error::Busy(message.to_owned()));
        }
        if running.len() >= AT_ONCE {
            let message = format!(
                "{AT_ONCE} tests of other webhooks wait for their receivers; try again when one has ended"
            );
            return Err(Error::Busy(message));
        }
        running.insert(webhook_id);
        Ok(Testing {
            tests: Arc::clone(tests),
            webhook_id,
        })
    }
}

impl Drop for Testing {
    fn drop(&mut self) {
        lock(&self.tests).remove(&self.webhook_id);
    }
}

fn lock(tests: &Tests) -> MutexGuard<'_, BTreeSet<i64>> {
    tests.lock().unwrap_or_else(PoisonError::into_inner)
}
