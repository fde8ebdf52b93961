//! `rollcall settings`.

use super::audited::entry;
use super::database;
use crate::audience::audit::{TargetKind, Trace, within};
use crate::audience::setting::{self, SettingKey, Settings};
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use crate::rule::nearest;
use anyhow::anyhow;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Arguments of `rollcall settings`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// Subcommands of `rollcall settings`.
#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Change a setting for all servers and commands; running servers use it at once. Another time zone makes all
    /// segments pending: a running server refreshes them within a minute, `rollcall refresh` does so now.
    Set {
        /// The setting: time_zone, refresh_at, keep_changes, keep_undo or keep_audit.
        #[arg(value_parser = parse_key)]
        key: SettingKey,
        /// The value, such as Europe/Vilnius for time_zone, 03:00 for refresh_at, or a number of days.
        value: String,
    },
}

/// Lists the settings of the database, or changes one.
pub fn run(database: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Set { key, value }) = &arguments.command {
        // Checked first, so that no database is started for a value that cannot be used.
        let checked = Settings::default().set(*key, value);
        checked.map_err(|message| anyhow!("{}: {message}", key.as_str()))?;
    }
    let opened = database::open(database)?;
    let (settings, stored) = opened.db.run_here(|connection| {
        let settings = match &arguments.command {
            Some(Command::Set { key, value }) => {
                let mut entry = entry("updateSettings", Clock::System.now());
                entry.fields = vec![key.field().to_owned()];
                within(connection, &entry, |connection| {
                    let changed = setting::change(connection, &[(*key, value.clone())])?;
                    Ok((changed, Trace::to(TargetKind::Settings)))
                })?
            }
            None => setting::load(connection)?,
        };
        Ok((settings, setting::list_stored(connection)?))
    })?;
    for key in SettingKey::ALL {
        let is_stored = stored.iter().any(|(other, _)| *other == key);
        let note = if is_stored { "" } else { "  (default)" };
        println!("{:<12}  {}{note}", key.as_str(), settings.text(key));
    }
    opened.close()?;
    Ok(ExitCode::SUCCESS)
}

fn parse_key(name: &str) -> Result<SettingKey, String> {
    SettingKey::find(name).ok_or_else(|| {
        let names = SettingKey::ALL.map(SettingKey::as_str);
        let hint = nearest(name, names);
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("expected one of {}{hint}", names.join(", "))
    })
}
