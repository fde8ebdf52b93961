//! Checking a backup by restoring it into a throw-away database.

use super::archive::Archive;
use super::error::BackupError;
use super::restore::restore;
use super::tables::{Place, count_rows, list_migrations, list_tables};
use crate::db::embedded::{BinarySearch, EmbeddedOptions, EmbeddedPostgres};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a restored backup contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The number of tables.
    pub tables: usize,
    /// The number of rows in all tables.
    pub rows: i64,
}

/// Restores a backup into a throw-away cluster, and compares the contents with the manifest. The cluster is in the
/// directory for temporary files, which needs enough space.
///
/// # Errors
/// [`BackupError`], also if something differs.
pub fn verify(archive: &Archive, data_dir: &Path) -> Result<Verified, BackupError> {
    archive.check()?;
    let dir = std::env::temp_dir();
    // If root runs this, the server runs as another user, who must be able to enter the directory.
    let dir = tempfile::Builder::new()
        .prefix("rollcall-verify-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(&dir)
        .map_err(BackupError::file("write", &dir))?;
    let mut options = EmbeddedOptions::throwaway(dir.path().join("cluster"));
    // A cluster that was upgraded may be newer than the first PostgreSQL that is found on this system.
    let known = data_dir
        .join("binaries")
        .join(archive.manifest.postgres_major.to_string())
        .join("bin");
    if known.join("postgres").is_file() {
        options.search = BinarySearch::Only(vec![known]);
    }
    let cluster = EmbeddedPostgres::start(&options)?;
    let verified = restore_and_count(archive, cluster.url(), data_dir);
    cluster.stop()?;
    verified
}

fn restore_and_count(
    archive: &Archive,
    url: &str,
    data_dir: &Path,
) -> Result<Verified, BackupError> {
    let manifest = &archive.manifest;
    let mut connection = PgConnection::establish(url).map_err(crate::error::Error::from)?;
    let place = Place {
        schema: manifest.schema.clone(),
        ..Place::find(&mut connection)?
    };
    let schema = place.quoted(None);
    connection.batch_execute(&format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path TO {schema}"
    ))?;
    restore(archive, &mut connection, url, data_dir, false, "")?;
    let tables = list_tables(&mut connection, &place)?;
    let tables: Vec<String> = tables
        .into_iter()
        .filter(|table| !table.starts_with(super::finish::MARK))
        .collect();
    let rows = count_rows(&mut connection, &place, &tables)?;
    let is_same =
        rows == manifest.rows && list_migrations(&mut connection, &place)? == manifest.migrations;
    if !is_same {
        let told = manifest.rows.iter();
        let different = told.filter(|(table, number)| rows.get(*table) != Some(number));
        let different: Vec<&str> = different.map(|(table, _)| table.as_str()).collect();
        return Err(archive.unusable(format!(
            "differs from its manifest in: {}",
            match different.is_empty() {
                true => "the list of tables and migrations".to_owned(),
                false => different.join(", "),
            }
        )));
    }
    Ok(Verified {
        tables: rows.len(),
        rows: rows.values().sum(),
    })
}
