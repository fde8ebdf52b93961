//! One snapshot for many connections: every worker sees the database as it was at the same moment.

use crate::db::Db;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

/// An open snapshot, and the connection that keeps it.
pub struct Snapshot {
    /// Sees the snapshot.
    pub connection: PgConnection,
    /// How many ids there are from 0 to the last that a subscriber or a stored block has.
    pub ids: i64,
    name: String,
}

impl Snapshot {
    /// Takes a snapshot; it lasts until it is dropped.
    pub fn take(db: &Db) -> Result<Snapshot, Error> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let mut connection = db.connect()?;
        begin(&mut connection)?;
        let row: Row =
            diesel::sql_query("SELECT pg_export_snapshot() AS name").get_result(&mut connection)?;
        Ok(Snapshot {
            ids: count_ids(&mut connection)?,
            connection,
            name: row.name,
        })
    }

    /// Opens another connection that sees the same.
    pub fn join(&self, db: &Db) -> Result<PgConnection, Error> {
        let mut connection = db.connect()?;
        begin(&mut connection)?;
        let name = self.name.replace('\'', "''");
        connection.batch_execute(&format!("SET TRANSACTION SNAPSHOT '{name}'"))?;
        // Every query asks for a range of ids: the index is right also where statistics are missing or stale, and
        // the cores are busy with workers already.
        connection.batch_execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off",
        )?;
        Ok(connection)
    }
}

fn count_ids(connection: &mut PgConnection) -> Result<i64, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<BigInt>)]
        ids: Option<i64>,
    }
    let row: Row = diesel::sql_query(
        "SELECT greatest((SELECT max(id) + 1 FROM subscribers), \
         (SELECT (max(block)::bigint + 1) << 13 FROM segment_blocks)) AS ids",
    )
    .get_result(connection)?;
    Ok(row.ids.unwrap_or(0))
}

fn begin(connection: &mut PgConnection) -> Result<(), Error> {
    // Opened by hand and never committed: it ends with its connection.
    Ok(connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?)
}
