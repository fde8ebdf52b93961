//! Settings of transfers: uploads, exports, and how fast clients must send and read.

use clap::Args;
use std::num::NonZeroU32;
use std::time::Duration;

/// Limits of simultaneous uploads and exports, and of slow clients.
#[derive(Debug, Clone, Args)]
pub struct TransferSettings {
    /// How many files may be uploaded at the same time. Further uploads are refused; clients can send them again.
    #[arg(long, env = "ROLLCALL_MAX_UPLOADS", value_name = "NUMBER", default_value = "8", value_parser = super::parse_count)]
    pub max_uploads: NonZeroU32,

    /// How many exports may run at the same time. Each holds a connection and a snapshot of the database.
    #[arg(long, env = "ROLLCALL_MAX_EXPORTS", value_name = "NUMBER", default_value = "4", value_parser = super::parse_count)]
    pub max_exports: NonZeroU32,

    /// The span, in seconds, over which a client must keep up `--min-rate`. Slower connections are closed.
    #[arg(long, env = "ROLLCALL_TRANSFER_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub transfer_timeout: u32,

    /// The slowest rate, in bytes per second, at which uploads may arrive and answers may be read.
    #[arg(long, env = "ROLLCALL_MIN_RATE", value_name = "BYTES", default_value = "1000", value_parser = super::parse_count)]
    pub min_rate: NonZeroU32,
}

impl TransferSettings {
    /// Returns the period in which [`least`](Self::least) bytes must be transferred.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.transfer_timeout.into())
    }

    /// Returns how many bytes must be transferred in each period.
    pub fn least(&self) -> u64 {
        u64::from(self.min_rate.get()) * u64::from(self.transfer_timeout)
    }
}
