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
/// How long to wait before checking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// An open snapshot, and the connection that keeps it.
pub struct Snapshot {
    /// The connection that sees the snapshot.
    pub connection: Lease,
    /// The number of ids from 0 to the greatest id of a subscriber or of a stored block.
    pub ids: i64,
    shared: Option<SharedSnapshot>,
}

/// The name of a snapshot, by which other connections can join it while it is open.
#[derive(Debug, Clone)]
pub struct SharedSnapshot(String);

impl Snapshot {
    /// Takes a snapshot. It lasts until it is dropped.
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

    /// Exports the snapshot, so that other connections can join it.
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
    /// Opens another connection that sees the same snapshot.
    pub fn join(&self, db: &Db) -> Result<Lease, Error> {
        let mut connection = db.lease()?;
        begin(&mut connection)?;
        connection.batch_execute(&format!("SET TRANSACTION SNAPSHOT '{}'", self.0))?;
        prefer_indexes(&mut connection)?;
        Ok(connection)
    }
}

/// Makes Postgres prefer indexes and a single process until the end of the transaction. Every query reads a range of
/// ids: the index is right even if statistics are missing or stale, and the workers already keep the processors busy.
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

/// Waits until every transaction that is writing now has ended. The wait for a very long transaction is cut short: the
/// next daily refresh finds what it changes.
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
    // The transaction is never committed. It ends with its lease.
    Ok(connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?)
}
