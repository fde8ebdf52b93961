//! Opening the database of a command: the one named by its settings, or the embedded one.

use super::audited::entry;
use crate::audience::audit::{self, TargetKind, Trace, within};
use crate::audience::setting::{self, GivenSetting, Missing};
use crate::backup::finish_restore;
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use crate::db::Db;
use crate::db::embedded::{
    EmbeddedError, EmbeddedOptions, EmbeddedPostgres, Supervised, default_data_dir,
};
use crate::db::migrate;
use anyhow::{Context, anyhow, bail};
use std::path::{Path, PathBuf};

/// An open database with all its migrations. When it is dropped, it stops the embedded Postgres if no other process uses it.
pub struct Opened {
    /// The database.
    pub db: Db,
    /// Kept alive as long as the database is used.
    embedded: Option<Embedded>,
}

/// The embedded Postgres of a command.
struct Embedded {
    server: EmbeddedPostgres,
    options: EmbeddedOptions,
}

/// A database that a server uses: its embedded Postgres is started again when it ends.
pub struct Watched {
    supervised: Option<Supervised>,
}

impl Watched {
    /// Stops the embedded Postgres, if there is one.
    pub fn close(self) -> anyhow::Result<()> {
        match self.supervised {
            Some(supervised) => Ok(supervised.stop()?),
            None => Ok(()),
        }
    }
}

impl Opened {
    /// Stops the embedded Postgres, if there is one.
    pub fn close(self) -> anyhow::Result<()> {
        drop(self.db);
        match self.embedded {
            Some(embedded) => Ok(embedded.server.stop()?),
            None => Ok(()),
        }
    }

    /// Restarts the embedded Postgres from now on when it ends. `give_up` is called if it cannot be restarted.
    pub fn watch(self, give_up: impl FnOnce(EmbeddedError) + Send + 'static) -> Watched {
        let supervised = self
            .embedded
            .map(|embedded| Supervised::watch(embedded.server, embedded.options, give_up));
        Watched { supervised }
    }
}

/// Opens the database and runs the missing migrations.
pub fn open(settings: &DatabaseSettings) -> anyhow::Result<Opened> {
    open_at(settings, &data_dir(settings)?)
}

/// Stores the settings that the database does not have yet.
///
/// Fails if a given setting differs from the stored one: two servers must not give one rule two meanings.
pub fn settle(db: &Db, given: &[GivenSetting], missing: Missing) -> anyhow::Result<()> {
    let disagreements = db.run_here(|connection| {
        let before = setting::list_stored(connection)?;
        let entry = entry("updateSettings", Clock::System.now());
        within(connection, &entry, |connection| {
            let disagreements = setting::settle(connection, given, missing)?;
            let mut after = setting::list_stored(connection)?;
            after.retain(|(key, _)| before.iter().all(|(known, _)| known != key));
            let trace = match after.is_empty() {
                true => Trace::nothing(),
                false => Trace::to(TargetKind::Settings).with_fields(
                    after
                        .iter()
                        .map(|(key, _)| key.field().to_owned())
                        .collect(),
                ),
            };
            Ok((disagreements, trace))
        })
    })?;
    if disagreements.is_empty() {
        return Ok(());
    }
    let lines = disagreements.iter().map(|one| {
        let key = one.key.as_str();
        format!(
            "--{} (or ROLLCALL_{}) is {}, but the setting {key} of this database is {}; leave it out, or change the setting for all servers: rollcall settings set {key} {}",
            key.replace('_', "-"),
            key.to_uppercase(),
            one.given,
            one.stored,
            one.given,
        )
    });
    bail!("{}", lines.collect::<Vec<String>>().join("\n"))
}

/// Returns the data directory of these settings.
pub fn data_dir(settings: &DatabaseSettings) -> anyhow::Result<PathBuf> {
    match &settings.data_dir {
        Some(dir) => absolute(dir),
        // With `DATABASE_URL`, a user without a home directory can run Rollcall too.
        None => match (default_data_dir(), &settings.database_url) {
            (Err(_), Some(_)) => Ok(std::env::temp_dir().join("rollcall")),
            (found, _) => Ok(found?),
        },
    }
}

/// Opens the database without migrating it: it may have no tables, or the tables of another version.
pub fn open_as_it_is(settings: &DatabaseSettings) -> anyhow::Result<Opened> {
    connect(settings, &data_dir(settings)?)
}

/// Opens and migrates the database. `data_dir` is the directory of an embedded one.
pub fn open_at(settings: &DatabaseSettings, data_dir: &Path) -> anyhow::Result<Opened> {
    let opened = connect(settings, data_dir)?;
    opened.db.run_here(|connection| {
        let names = migrate(connection)?;
        for name in &names {
            tracing::info!(%name, "migrated");
        }
        if names.is_empty() {
            return Ok(());
        }
        let entry = entry("migrate", Clock::System.now());
        let trace = Trace::to(TargetKind::Database).with_count(names.len());
        audit::write(connection, &entry, &trace)
    })?;
    // Finishes a restore whose process was killed.
    if let Some(finished) = finish_restore(&opened.db, Clock::System.now())? {
        tracing::info!(?finished, "finished restoring a backup");
    }
    Ok(opened)
}

fn connect(settings: &DatabaseSettings, data_dir: &Path) -> anyhow::Result<Opened> {
    let (url, embedded) = match &settings.database_url {
        Some(url) => (url.clone(), None),
        None => {
            let options = EmbeddedOptions::lasting(absolute(data_dir)?);
            let server = EmbeddedPostgres::start(&options)?;
            let url = server.url().to_owned();
            (url, Some(Embedded { server, options }))
        }
    };
    let advice = match embedded {
        Some(_) => {
            "the embedded Postgres does not answer; its log is postgres.log in the data directory"
        }
        None => "check DATABASE_URL and that Postgres runs, or unset it to use the embedded one",
    };
    let db = Db::open(&url, settings.connections).map_err(|error| anyhow!("{error}; {advice}"))?;
    Ok(Opened { db, embedded })
}

fn absolute(dir: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(dir)
        .with_context(|| format!("the data directory \"{}\" cannot be used", dir.display()))
}
