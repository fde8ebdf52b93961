//! How imports are run.

use super::file::spool::Spool;
use crate::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How imports are run.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// Tells the time.
    pub clock: Clock,
    /// The spool of the files to import.
    pub spool: Spool,
    /// How many rows are written in one transaction.
    pub batch_rows: u64,
    /// Set when the process is about to end: the running import stops after its batch and is resumed later.
    pub is_stopping: Arc<AtomicBool>,
}

/// How many rows are written in one transaction by default.
pub const BATCH_ROWS: u64 = 5_000;
