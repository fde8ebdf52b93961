//! Bounds: no question takes the server down, and work stops when nobody waits for it.

mod answers;
mod heavy;
mod heavy_audience;
mod slow;
mod supervision;
mod together;
mod work;

pub use supervision::StoppedPostgres;

use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the threads that watch a flag, also where an assertion fails: a scope waits for its threads.
struct EndsOnDrop<'a>(&'a AtomicBool);

impl Drop for EndsOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
