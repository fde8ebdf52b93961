//! Migrates the tables to the version of this program.

use super::addresses::clean_addresses;
use super::advisory_lock::{self, AdvisoryLock};
use super::schema::oldest_program;
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::{Duration, Instant};
use tracing::warn;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// How long a migration waits for a lock. Requests to the same table wait behind it meanwhile. It is less than the
/// `deadlock_timeout` of Postgres (a second), so that in a deadlock the migration gives up and not the request.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a migration pauses, so that others can go on, before it waits for the lock again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a migration is tried again before its failure is reported. A backup may read the tables for minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// Whether the tables of a database fit this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tables {
    /// All migrations that this program knows are applied. Newer migrations may be applied too, if this program can
    /// work beside the newer program.
    Good,
    /// Migrations are missing.
    Older,
    /// A newer program has applied migrations after which this program cannot work.
    Newer(Vec<String>),
}

/// Returns whether this program can work on the tables as they are.
///
/// # Errors
/// [`Error::Internal`] if the migrations cannot be listed.
pub fn check_tables(connection: &mut PgConnection) -> Result<Tables, Error> {
    let newer = list_newer_migrations(connection)?;
    let pending = list_pending_migrations(connection)?;
    Ok(match (newer.is_empty(), pending.is_empty()) {
        (true, true) => Tables::Good,
        (true, false) => Tables::Older,
        // All known migrations are applied, so the table that says so exists.
        (false, true) if is_old_enough(connection)? => Tables::Good,
        (false, _) => Tables::Newer(newer),
    })
}

/// Returns whether this program can work on tables that a newer program has migrated.
fn is_old_enough(connection: &mut PgConnection) -> Result<bool, Error> {
    let oldest: Option<String> = oldest_program::table
        .select(oldest_program::migration)
        .first(connection)
        .optional()?;
    let known = list_known_migrations()?;
    Ok(oldest.is_some_and(|oldest| known.contains(&oldest)))
}

/// Applies the migrations that are missing, and returns their names. Several servers may do so at once: one works,
/// the others wait. Servers of the previous release may be at work meanwhile: a migration that waits for a lock gives up
/// after a moment, lets them go on and is tried again.
///
/// # Errors
/// [`Error::NewerDatabase`] if a newer program has migrated the database and this one cannot work beside it;
/// [`Error::Internal`] if a migration fails. The migrations before it stay applied. The failed one is rolled back if it
/// runs in a transaction.
pub fn migrate(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    with_lock(connection, |connection| {
        if !list_newer_migrations(connection)?.is_empty() {
            return match check_tables(connection)? {
                Tables::Newer(names) => Err(Error::NewerDatabase(names.join(", "))),
                _ => {
                    warn!(
                        "a newer Rollcall has migrated this database; this version can work beside it"
                    );
                    Ok(Vec::new())
                }
            };
        }
        let pending = connection.pending_migrations(MIGRATIONS);
        let pending = pending.map_err(|error| not_listed(&*error))?;
        let names = pending
            .iter()
            .map(|migration| apply(connection, migration.as_ref()));
        let names = names.collect::<Result<Vec<String>, Error>>()?;
        clean_addresses(connection)?;
        Ok(names)
    })
}

/// Applies a migration and returns its name.
fn apply(connection: &mut PgConnection, migration: &dyn Migration<Pg>) -> Result<String, Error> {
    let name = migration.name().version().to_string();
    let began = Instant::now();
    // A migration that runs in no transaction, such as one that makes an index CONCURRENTLY, is not repeated, because
    // its first attempt may leave something that the next attempt fails on. It blocks no requests.
    let may_repeat = migration.metadata().run_in_transaction();
    let milliseconds = match may_repeat {
        true => LOCK_TIMEOUT.as_millis(),
        false => 0,
    };
    connection.batch_execute(&format!("SET lock_timeout = {milliseconds}"))?;
    let applied = loop {
        match connection.run_migration(migration) {
            Ok(_) => break Ok(name),
            Err(error) if may_repeat && lost_to_others(&*error) && began.elapsed() < PATIENCE => {
                warn!(%name, "a migration waits for other sessions that use its tables; retrying");
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                break Err(Error::Internal(format!("a migration failed: {error}")));
            }
        }
    };
    let reset = connection.batch_execute("RESET lock_timeout");
    let name = applied?;
    reset?;
    Ok(name)
}

/// Returns whether a migration failed because others hold locks. Diesel hides the error of the database in that of the
/// migration, so only the message shows it.
fn lost_to_others(error: &(dyn std::error::Error + Send + Sync)) -> bool {
    let message = error.to_string();
    message.contains("lock timeout") || message.contains("deadlock detected")
}

/// Reverts every migration, newest first: all data is lost.
///
/// # Errors
/// [`Error::Internal`] if a migration fails.
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
    let pending = connection.pending_migrations(MIGRATIONS);
    let pending: Vec<Box<dyn Migration<Pg>>> = pending.map_err(|error| not_listed(&*error))?;
    Ok(pending
        .iter()
        .map(|migration| migration.name().to_string())
        .collect())
}

/// Lists the migrations of the database that this program does not know, because a newer program has applied them.
///
/// # Errors
/// [`Error::Internal`] if the migrations cannot be listed.
fn list_newer_migrations(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let applied = connection.applied_migrations();
    let applied = applied.map_err(|error| not_listed(&*error))?;
    let known = list_known_migrations()?;
    let applied = applied.iter().map(ToString::to_string);
    Ok(applied.filter(|version| !known.contains(version)).collect())
}

/// Lists the migrations of this program, oldest first.
///
/// # Errors
/// [`Error::Internal`] if they cannot be listed.
pub fn list_known_migrations() -> Result<Vec<String>, Error> {
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS);
    let known = known.map_err(|error| not_listed(&*error))?;
    let known = known.iter();
    Ok(known.map(|one| one.name().version().to_string()).collect())
}

fn not_listed(error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Internal(format!("the migrations cannot be listed: {error}"))
}

/// Keeps two servers from migrating at once: diesel takes no lock by itself.
fn with_lock<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    AdvisoryLock::Migrations.keep(connection)?;
    let result = work(connection);
    advisory_lock::let_go(connection)?;
    result
}
