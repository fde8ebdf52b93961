//! Repeats a transaction that lost a conflict.

use std::time::Duration;

/// How often a transaction is tried before its conflict is reported.
const ATTEMPTS: u32 = 6;

/// The longest pause before the second attempt. It doubles with every further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Counts the attempts of one transaction.
#[derive(Debug, Default)]
pub struct Attempts {
    failed: u32,
}

impl Attempts {
    /// Starts with the first attempt.
    pub fn new() -> Attempts {
        Attempts::default()
    }

    /// Counts a failed attempt, and waits for the next one. Returns false if that was the last attempt.
    ///
    /// The pause is random, because two transactions that met once would meet again after equal pauses.
    pub fn wait_for_next(&mut self) -> bool {
        self.failed += 1;
        if self.failed >= ATTEMPTS {
            return false;
        }
        let longest = FIRST_PAUSE * 2_u32.pow(self.failed - 1);
        std::thread::sleep(longest.mul_f64(rand::random::<f64>()));
        true
    }
}
