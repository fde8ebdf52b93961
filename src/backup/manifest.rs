//! The manifest of a backup.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of the file. Rollcall refuses files of a later format.
pub const FORMAT: u32 = 1;

/// The description of a backup, beside the dump in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the file.
    pub format: u32,
    /// The time of the snapshot.
    pub made_at: DateTime<Utc>,
    /// The version of the Rollcall that made the backup.
    pub rollcall: String,
    /// The version of the PostgreSQL server, such as `15.4`.
    pub postgres: String,
    /// The major version of the PostgreSQL server.
    pub postgres_major: u32,
    /// The major version of the `pg_dump` that wrote the dump.
    pub pg_dump_major: u32,
    /// The schema that the tables were in.
    pub schema: String,
    /// The migrations of the database, oldest first.
    pub migrations: Vec<String>,
    /// How many rows each table has.
    pub rows: BTreeMap<String, i64>,
    /// The dump.
    pub dump: DumpPart,
}

/// The dump within a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpPart {
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
}
