//! The tables of a database, and how many rows they have.

use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use std::collections::BTreeMap;

/// The table in which diesel records the applied migrations.
pub(super) const MIGRATIONS: &str = "__diesel_schema_migrations";

/// The source that declares the tables of Rollcall.
const SCHEMA: &str = include_str!("../db/schema.rs");

/// The version of a server, and the schema of the tables.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) version: String,
    pub(super) major: u32,
    pub(super) schema: String,
}

impl Place {
    /// Reads the version of the server and the current schema of a connection.
    pub(super) fn find(connection: &mut PgConnection) -> Result<Place, Error> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            version: String,
            #[diesel(sql_type = Integer)]
            number: i32,
            #[diesel(sql_type = Nullable<Text>)]
            schema: Option<String>,
        }
        let row: Row = diesel::sql_query(
            "SELECT current_setting('server_version') AS version, current_schema()::text AS schema, \
             current_setting('server_version_num')::integer AS number",
        )
        .get_result(connection)?;
        // Debian writes `15.4 (Debian 15.4-1)`.
        let version = row.version.split_whitespace().next().unwrap_or_default();
        Ok(Place {
            version: version.to_owned(),
            major: u32::try_from(row.number / 10_000).unwrap_or_default(),
            schema: row.schema.ok_or_else(|| {
                Error::Unavailable(
                    "the search path of the connection names no schema that exists".to_owned(),
                )
            })?,
        })
    }

    /// Returns the quoted name of the schema, or of an object in it.
    pub(super) fn quoted(&self, name: Option<&str>) -> String {
        let schema = quote(&self.schema);
        name.map_or_else(
            || schema.clone(),
            |name| format!("{schema}.{}", quote(name)),
        )
    }
}

/// Quotes an identifier for SQL and for patterns of `pg_dump`.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Lists the tables of a schema.
pub(super) fn list_tables(
    connection: &mut PgConnection,
    place: &Place,
) -> Result<Vec<String>, Error> {
    list_relations(connection, place, "'r', 'p'")
}

/// Lists the tables, views, foreign tables and sequences of a schema.
pub(super) fn list_all(connection: &mut PgConnection, place: &Place) -> Result<Vec<String>, Error> {
    list_relations(connection, place, "'r', 'p', 'v', 'm', 'f', 'S'")
}

fn list_relations(
    connection: &mut PgConnection,
    place: &Place,
    kinds: &str,
) -> Result<Vec<String>, Error> {
    let names: Vec<Name> = diesel::sql_query(format!(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind IN ({kinds}) \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
         ORDER BY 1"
    ))
    .bind::<Text, _>(&place.schema)
    .load(connection)?;
    Ok(names.into_iter().map(|row| row.name).collect())
}

/// Counts the rows of each table.
pub(super) fn count_rows(
    connection: &mut PgConnection,
    place: &Place,
    tables: &[String],
) -> Result<BTreeMap<String, i64>, Error> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let mut rows = BTreeMap::new();
    for table in tables {
        let name = place.quoted(Some(table));
        let Count { count } = diesel::sql_query(format!("SELECT count(*) AS count FROM {name}"))
            .get_result(connection)?;
        rows.insert(table.clone(), count);
    }
    Ok(rows)
}

/// Lists the migrations that were applied, oldest first.
pub(super) fn list_migrations(
    connection: &mut PgConnection,
    place: &Place,
) -> Result<Vec<String>, Error> {
    let table = place.quoted(Some(MIGRATIONS));
    let names: Vec<Name> = diesel::sql_query(format!(
        "SELECT version::text AS name FROM {table} ORDER BY 1"
    ))
    .load(connection)?;
    Ok(names.into_iter().map(|row| row.name).collect())
}

/// Returns whether a table is one of Rollcall.
pub(super) fn is_ours(table: &str) -> bool {
    let mut lines = SCHEMA.lines();
    let begins = format!("    {table} (");
    table == MIGRATIONS
        || table.starts_with(super::finish::MARK)
        || lines.any(|line| line.starts_with(&begins) && line.ends_with(") {"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_program_are_known() {
        for table in ["subscribers", "segment_blocks", "history", MIGRATIONS] {
            assert!(is_ours(table), "{table}");
        }
        for table in ["", "subscriber", "invoices", "id"] {
            assert!(!is_ours(table), "{table}");
        }
    }
}
