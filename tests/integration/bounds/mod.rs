//! Bounds: no question takes the server down, and work stops when nobody waits for it.

mod answers;
mod slow;
mod supervision;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the threads of a test however it ends.
struct Ending<'o>(&'o AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
