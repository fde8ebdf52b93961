//! Bringing the tables to the version of this program.

use super::addresses::clean_addresses;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, QueryableByName, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Names the lock that keeps two servers from migrating at once; diesel takes none by itself.
const MIGRATION_LOCK: &str = "rollcall migrations";

/// Applies the migrations that are missing, and returns their names. Several servers may do so at once: one works,
/// the others wait.
///
/// # Errors
/// [`Error::NewerDatabase`] if a newer program has migrated the database; [`Error::Internal`] if a migration fails; those before it stay applied, itself leaves nothing.
pub fn migrate(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    with_lock(connection, |connection| {
        refuse_newer(connection)?;
        let applied = connection
            .run_pending_migrations(MIGRATIONS)
            .map_err(|error| Error::Internal(format!("a migration failed: {error}")))?;
        let applied = applied.iter().map(ToString::to_string).collect();
        clean_addresses(connection)?;
        Ok(applied)
    })
}

/// Reverts every migration, newest first: all data is lost.
///
/// # Errors
/// [`Error::Internal`] if one fails.
pub fn revert_all_migrations(connection: &mut PgConnection) -> Result<usize, Error> {
    with_lock(connection, |connection| {
        let reverted = connection
            .revert_all_migrations(MIGRATIONS)
            .map_err(|error| Error::Internal(format!("a migration failed: {error}")))?;
        Ok(reverted.len())
    })
}

/// Lists the migrations that are missing.
///
/// # Errors
/// [`Error::Internal`] if the table of migrations cannot be read.
pub fn list_pending_migrations(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let pending = connection
        .pending_migrations(MIGRATIONS)
        .map_err(|error| Error::Internal(format!("the migrations cannot be listed: {error}")))?;
    Ok(pending
        .iter()
        .map(|migration| migration.name().to_string())
        .collect())
}

/// Lists the migrations of the database that this program does not know, because a newer one has applied them.
///
/// # Errors
/// [`Error::Internal`] if the migrations cannot be listed.
pub fn list_newer_migrations(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::Internal(format!("the migrations cannot be listed: {error}"))
    };
    let applied = connection.applied_migrations().map_err(failed)?;
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(failed)?;
    let known: Vec<_> = known.iter().map(|one| one.name().version()).collect();
    let newer = applied.iter().filter(|version| !known.contains(version));
    Ok(newer.map(ToString::to_string).collect())
}

/// Lists the migrations of this program, oldest first.
///
/// # Errors
/// [`Error::Internal`] if they cannot be listed.
pub fn list_known_migrations() -> Result<Vec<String>, Error> {
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| Error::Internal(format!("the migrations cannot be listed: {error}")))?;
    let known = known.iter();
    Ok(known.map(|one| one.name().version().to_string()).collect())
}

fn refuse_newer(connection: &mut PgConnection) -> Result<(), Error> {
    let newer = list_newer_migrations(connection)?;
    match newer.is_empty() {
        true => Ok(()),
        false => Err(Error::NewerDatabase(newer.join(", "))),
    }
}

#[derive(QueryableByName)]
struct LockKey {
    #[diesel(sql_type = BigInt)]
    key: i64,
}

fn with_lock<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    // The schema belongs to the key, so that servers of different schemas do not wait for each other.
    let LockKey { key } = diesel::sql_query(
        "SELECT hashtextextended($1 || coalesce(current_schema(), ''), 0) AS key",
    )
    .bind::<Text, _>(MIGRATION_LOCK)
    .get_result(connection)?;
    connection.batch_execute(&format!("SELECT pg_advisory_lock({key})"))?;
    let result = work(connection);
    connection.batch_execute(&format!("SELECT pg_advisory_unlock({key})"))?;
    result
}
