//! Making a backup: exports a snapshot, counts the rows in it, and dumps it.

use super::archive::{write_dump, write_manifest};
use super::error::BackupError;
use super::finish::MARK;
use super::manifest::{DumpPart, FORMAT, Manifest};
use super::program::Program;
use super::tables::{MIGRATIONS, Place, count_rows, list_migrations, list_tables};
use crate::db::embedded::{BinarySearch, ClientPrograms};
use crate::db::{Db, statement};
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::NamedTempFile;

/// The suffix of a file while it is written. It marks the files that killed processes leave behind.
pub(super) const PARTIAL: &str = ".partial";

/// What a backup is made of.
#[derive(Clone)]
pub struct BackupSource {
    /// The database.
    pub db: Db,
    /// The directory with downloaded PostgreSQL programs.
    pub data_dir: PathBuf,
    /// Set when the process is about to end.
    pub is_stopping: Arc<AtomicBool>,
}

/// Writes a backup. The file gets its name when it is complete, replaces a file of that name, and is readable only by
/// its owner. Other clients can use the database meanwhile.
///
/// # Errors
/// [`BackupError`]. A file of that name is then unchanged.
pub fn make_backup(
    source: &BackupSource,
    path: &Path,
    now: DateTime<Utc>,
) -> Result<Manifest, BackupError> {
    let write = |error| BackupError::file("write", path)(error);
    if path.is_dir() {
        return Err(BackupError::Refused(format!(
            "expected the name of a file for the backup, found the directory \"{}\"",
            path.display()
        )));
    }
    let whole = std::path::absolute(path).map_err(write)?;
    let dir = whole.parent().unwrap_or(Path::new("/"));
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let mut partial = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(PARTIAL)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(dir)
        .map_err(write)?;
    let manifest = fill(source, &mut partial, path, now)?;
    partial
        .persist(&whole)
        .map_err(|error| write(error.error))?;
    // The new name must also survive a crash of the machine.
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(write)?;
    Ok(manifest)
}

/// Finds PostgreSQL's client programs for a database. Downloaded ones are in the data directory.
///
/// # Errors
/// [`BackupError`].
pub fn find_programs(db: &Db, data_dir: &Path) -> Result<ClientPrograms, BackupError> {
    let place = db.run_here(Place::find)?;
    Ok(ClientPrograms::find(
        &BinarySearch::System,
        data_dir,
        place.major,
    )?)
}

/// Writes dump and manifest to a file.
fn fill(
    source: &BackupSource,
    partial: &mut NamedTempFile,
    path: &Path,
    now: DateTime<Utc>,
) -> Result<Manifest, BackupError> {
    let db = source.db.for_long_work();
    let mut snapshot = db.connect()?;
    let (place, name) = begin_snapshot(&mut snapshot)?;
    let programs = ClientPrograms::find(&BinarySearch::System, &source.data_dir, place.major)?;
    let tables = list_tables(&mut snapshot, &place)?;
    if !tables.iter().any(|table| table == MIGRATIONS) {
        return Err(BackupError::Refused(format!(
            "the schema \"{}\" of this database has no tables of Rollcall, so there is nothing to back up",
            place.schema
        )));
    }
    if tables.iter().any(|table| table == MARK) {
        return Err(BackupError::Refused(
            "a restore into this database was interrupted; run rollcall migrate, which finishes it"
                .to_owned(),
        ));
    }
    let migrations = list_migrations(&mut snapshot, &place)?;
    let rows = count_rows(&mut snapshot, &place, &tables)?;
    let file = partial.as_file_mut();
    let dump = dump(source, &programs, &place, &name, file, path)?;
    // The snapshot must exist until here.
    drop(snapshot);
    let manifest = Manifest {
        format: FORMAT,
        made_at: now,
        rollcall: env!("CARGO_PKG_VERSION").to_owned(),
        postgres: place.version.clone(),
        postgres_major: place.major,
        pg_dump_major: programs.major,
        schema: place.schema.clone(),
        migrations,
        rows,
        dump,
    };
    write_manifest(file, &manifest).map_err(BackupError::file("write", path))?;
    Ok(manifest)
}

/// Begins a transaction whose snapshot other connections can use, and returns the name of the snapshot.
fn begin_snapshot(connection: &mut PgConnection) -> Result<(Place, String), BackupError> {
    // The transaction is idle while pg_dump works, which can take long.
    connection.batch_execute(
        "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )?;
    let place = Place::find(connection)?;
    let name = statement("SELECT pg_export_snapshot()").returning::<Text>();
    Ok((place, name.get_result(connection)?))
}

/// Dumps the schema as the snapshot shows it.
fn dump(
    source: &BackupSource,
    programs: &ClientPrograms,
    place: &Place,
    snapshot: &str,
    file: &mut File,
    path: &Path,
) -> Result<DumpPart, BackupError> {
    let mut command = programs.command("pg_dump", source.db.url())?;
    command
        .args([
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--no-password",
        ])
        .arg(format!("--snapshot={snapshot}"))
        .arg(format!("--schema={}", place.quoted(None)))
        .stdout(Stdio::piped());
    let mut program = Program::start("pg_dump", &mut command)?;
    let Some(mut output) = program.child.stdout.take() else {
        return Err(BackupError::Stopping);
    };
    let goes_on = || !source.is_stopping.load(Ordering::Relaxed);
    let dump = write_dump(file, &mut output, goes_on).map_err(BackupError::file("write", path))?;
    let dump = dump.ok_or(BackupError::Stopping)?;
    program.finish()?;
    Ok(dump)
}
