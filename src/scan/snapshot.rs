//! One snapshot for many connections: every worker sees the database as it was at the same moment.

use crate::db::{Db, Lease, statement};
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::dsl::{select, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use std::time::{Duration, Instant};

/// The longest wait for transactions that write.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long to wait before looking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// An open snapshot, and the connection that keeps it.
pub struct Snapshot {
    /// Sees the snapshot.
    pub connection: Lease,
    /// How many ids there are from 0 to the last that a subscriber or a stored block has.
    pub ids: i64,
    shared: Option<SharedSnapshot>,
}

/// The name of a snapshot that other connections join, as long as it is open.
#[derive(Debug, Clone)]
pub struct SharedSnapshot(String);

impl Snapshot {
    /// Takes a snapshot; it lasts until it is dropped.
    pub fn take(db: &Db) -> Result<Snapshot, Error> {
        let mut connection = db.lease()?;
        begin(&mut connection)?;
        Ok(Snapshot {
            ids: count_ids(&mut connection)?,
            connection,
            shared: None,
        })
    }

    /// Returns whether other connections may join.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Lets other connections join, and returns what they join.
    pub fn share(&mut self) -> Result<SharedSnapshot, Error> {
        if let Some(shared) = &self.shared {
            return Ok(shared.clone());
        }
        let name: String = statement("SELECT pg_export_snapshot()")
            .returning::<Text>()
            .get_result(&mut *self.connection)?;
        let shared = SharedSnapshot(name.replace('\'', "''"));
        self.shared = Some(shared.clone());
        Ok(shared)
    }
}

impl SharedSnapshot {
    /// Opens another connection that sees the same.
    pub fn join(&self, db: &Db) -> Result<Lease, Error> {
        let mut connection = db.lease()?;
        begin(&mut connection)?;
        connection.batch_execute(&format!("SET TRANSACTION SNAPSHOT '{}'", self.0))?;
        prefer_indexes(&mut connection)?;
        Ok(connection)
    }
}

/// Every query asks for a range of ids: the index is right also where statistics are missing or stale, and the cores are
/// busy with workers already. Lasts as long as the transaction.
pub fn prefer_indexes(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute(
        "SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off",
    )?)
}

fn count_ids(connection: &mut PgConnection) -> Result<i64, Error> {
    let ids: Option<i64> = statement(
        "SELECT greatest((SELECT max(id) + 1 FROM subscribers), \
         (SELECT (max(block)::bigint + 1) << 13 FROM segment_blocks))",
    )
    .returning::<Nullable<BigInt>>()
    .get_result(connection)?;
    Ok(ids.unwrap_or(0))
}

/// Waits until every transaction has ended that writes now. A very long one is not waited for to its end: what it
/// changes is found by the next daily refresh.
pub fn wait_for_writers(db: &Db) -> Result<(), Error> {
    let mut connection = db.connect()?;
    let end: String = statement("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        .returning::<Text>()
        .get_result(&mut connection)?;
    let have_ended = format!("pg_snapshot_xmin(pg_current_snapshot()) >= '{end}'::xid8");
    let start = Instant::now();
    while !select(sql::<Bool>(&have_ended)).get_result(&mut connection)? {
        if start.elapsed() > LONGEST_WAIT {
            tracing::warn!(
                "a transaction has been running for more than {} s: segments follow its changes only at the next refresh",
                LONGEST_WAIT.as_secs()
            );
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(())
}

fn begin(connection: &mut PgConnection) -> Result<(), Error> {
    // Opened by hand and never committed: it ends with its lease.
    Ok(connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?)
}
