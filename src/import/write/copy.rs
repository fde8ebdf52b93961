//! `COPY`: the text that Postgres reads rows from, and the temporary tables that rows are staged in.

use crate::audience::subscriber_column::{COLUMNS, list_names};
use crate::db::schema::subscribers;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::pg::{CopyTarget, Pg};
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use std::io::Write;

/// Rows in the text format of `COPY`.
#[derive(Debug, Default)]
pub struct CopyText {
    text: Vec<u8>,
    is_in_row: bool,
}

impl CopyText {
    /// Adds a cell; `None` is NULL.
    pub fn cell(&mut self, value: Option<&str>) {
        if self.is_in_row {
            self.text.push(b'\t');
        }
        self.is_in_row = true;
        let Some(value) = value else {
            self.text.extend_from_slice(b"\\N");
            return;
        };
        let mut rest = value.as_bytes();
        while let Some(place) = rest.iter().position(|byte| b"\\\t\n\r".contains(byte)) {
            self.text.extend_from_slice(&rest[..place]);
            self.text.extend_from_slice(match rest[place] {
                b'\t' => b"\\t",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                _ => b"\\\\",
            });
            rest = &rest[place + 1..];
        }
        self.text.extend_from_slice(rest);
    }

    /// Adds a number.
    pub fn number(&mut self, number: i64) {
        self.cell(Some(&number.to_string()));
    }

    /// Adds true or false.
    pub fn flag(&mut self, flag: bool) {
        self.cell(Some(if flag { "t" } else { "f" }));
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.text.push(b'\n');
        self.is_in_row = false;
    }

    /// Copies the rows into these columns.
    pub fn send<T, C>(
        &self,
        connection: &mut PgConnection,
        table: T,
        columns: C,
    ) -> Result<usize, Error>
    where
        T: Table,
        C: CopyTarget<Table = T>,
    {
        let write = |sink: &mut dyn Write| {
            sink.write_all(&self.text)
                .map_err(|error| diesel::result::Error::QueryBuilderError(Box::new(error)))
        };
        Ok(diesel::copy_from(table)
            .from_raw_data(columns, write)
            .execute(connection)?)
    }
}

/// The target of [`CopyText::send`] for new subscribers, with their ids.
pub struct NewPeople;

/// The target of [`CopyText::send`] for the existing subscribers of a batch.
pub struct StagedPeople;

/// The columns of subscribers are listed at run time, which diesel's own targets cannot do.
impl CopyTarget for NewPeople {
    type Table = subscribers::table;
    type SqlType = subscribers::SqlType;

    fn walk_target(mut out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        out.push_sql(&format!("subscribers (id, {})", list_names().join(", ")));
        Ok(())
    }
}

impl CopyTarget for StagedPeople {
    type Table = subscribers::table;
    type SqlType = subscribers::SqlType;

    fn walk_target(mut out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        out.push_sql("import_staging");
        Ok(())
    }
}

diesel::table! {
    /// Events of a batch.
    import_staging_events (subscriber_id) {
        subscriber_id -> Int8,
        name -> Text,
        occurred_at -> Timestamptz,
        value -> Nullable<Numeric>,
        properties -> Jsonb,
        dedupe_key -> Nullable<Text>,
    }
}

/// Sets the time zone to UTC until the end of the transaction. Rows are stored as JSON, whose times must not depend on
/// the connection.
pub fn make_time_utc(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute("SET LOCAL TIME ZONE 'UTC'")?)
}

/// Creates the temporary tables of a connection. They are empty after every transaction.
pub fn make_staging(connection: &mut PgConnection) -> Result<(), Error> {
    // For the time zone see above. Statements of batches are too short to be worth compiling. A batch need not wait for
    // the disk: if the database crashes, the last batches are lost with their checkpoints, and read again. The end of
    // an import is written by another connection, which waits for the disk, and thus for all earlier commits. Look-ups
    // must use indexes, although the planner has no statistics yet of tables that grow.
    let known: String = COLUMNS
        .iter()
        .map(|column| format!("{}, ", column.name))
        .collect();
    Ok(connection.batch_execute(&format!(
        "SET TIME ZONE 'UTC'; SET jit = off; SET enable_seqscan = off; SET synchronous_commit = off; \
         CREATE TEMPORARY TABLE import_staging ON COMMIT DELETE ROWS AS \
             SELECT id AS subscriber_id, false AS is_again, {known} status, custom, subscribed_at, unsubscribed_at \
             FROM subscribers WITH NO DATA; \
         CREATE TEMPORARY TABLE import_staging_events (subscriber_id bigint NOT NULL, name text NOT NULL, \
             occurred_at timestamptz NOT NULL, value numeric, properties jsonb NOT NULL, dedupe_key text COLLATE \"C\") \
             ON COMMIT DELETE ROWS",
    ))?)
}
