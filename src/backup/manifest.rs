//! What a backup says about itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of the file; a program refuses files of a later one.
pub const FORMAT: u32 = 1;

/// What a backup says about itself, beside the dump in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the file.
    pub format: u32,
    /// The moment of the snapshot.
    pub made_at: DateTime<Utc>,
    /// The version of the Rollcall that made it.
    pub rollcall: String,
    /// The version of the server, such as `15.4`.
    pub postgres: String,
    /// Its first number.
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
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
}
