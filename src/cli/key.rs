//! `rollcall key`: API keys.

use super::audited::entry;
use super::database;
use crate::audience::api_key::{self, ApiKey, Scope, Scopes};
use crate::audience::audit::{TargetKind, Trace, within};
use crate::audience::first_api_key;
use crate::clock::Clock;
use crate::config::DatabaseSettings;
use crate::db::Db;
use crate::rule::{check_moment, parse_instant};
use anyhow::Context;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use std::path::Path;
use std::process::ExitCode;

/// The name of the first key if it is read from a file.
const FIRST_KEY: &str = "first key, from a file";

/// Subcommands of `rollcall key`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Create an API key and print it, this once. As soon as there is a key, every request needs one.
    Create(Create),
    /// List the API keys, including revoked ones.
    List,
    /// Revoke an API key for ever. Running servers refuse it within seconds.
    Revoke(Revoke),
    /// Delete all keys if none of them is usable any more. A server on loopback then answers without a key again.
    Clear,
}

/// Arguments of `rollcall key create`.
#[derive(Debug, Clone, clap::Args)]
pub struct Create {
    /// What the key is for, such as "shop, orders".
    name: String,

    /// A scope of the key; may be given several times. read: read the audience; write: change the audience (without
    /// read, see only the results of own changes); admin: all of that, and manage API keys, webhooks and settings.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = parse_scope)]
    scopes: Vec<Scope>,

    /// How long the key is valid, such as 90d. The units are s, m, h, d and w (seconds to weeks). Without it the key
    /// does not expire.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "expires_at")]
    expires_in: Option<Duration>,

    /// When the key expires, such as 2027-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    expires_at: Option<DateTime<Utc>>,
}

/// Arguments of `rollcall key revoke`.
#[derive(Debug, Clone, clap::Args)]
pub struct Revoke {
    /// The prefix or the id of the key, as `rollcall key list` shows them.
    #[arg(value_name = "PREFIX|ID")]
    key: String,
}

/// Runs the subcommand.
pub fn run(settings: &DatabaseSettings, command: &Command) -> anyhow::Result<ExitCode> {
    let opened = database::open(settings)?;
    let now = Clock::System.now();
    match command {
        Command::Create(arguments) => create(&opened.db, arguments, now)?,
        Command::List => list(&opened.db, now)?,
        Command::Revoke(arguments) => revoke(&opened.db, &arguments.key, now)?,
        Command::Clear => clear(&opened.db, now)?,
    }
    opened.close()?;
    Ok(ExitCode::SUCCESS)
}

/// Stores the key in `file` as the first API key, with ADMIN. If there is a key already, the file is not read.
pub fn create_first(db: &Db, file: &Path, now: DateTime<Utc>) -> anyhow::Result<()> {
    if db.run_here(first_api_key::has_any)? {
        return Ok(());
    }
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the first API key from {}", file.display()))?;
    let mut entry = entry("createApiKey", now);
    entry.fields = ["name", "scopes"].map(str::to_owned).to_vec();
    let created = db.run_here(|connection| {
        within(connection, &entry, |connection| {
            let created = first_api_key::create_first(connection, text.trim(), FIRST_KEY, now)?;
            let trace = created.as_ref().map_or_else(Trace::nothing, trace);
            Ok((created, trace))
        })
    });
    let created =
        created.map_err(|error| anyhow::anyhow!("{} has no API key: {error}", file.display()))?;
    if let Some(key) = created {
        tracing::info!(prefix = key.prefix, file = %file.display(), "stored the first API key");
    } else if !db.run_here(|connection| first_api_key::is_stored(connection, text.trim()))? {
        tracing::warn!(
            file = %file.display(),
            "another server has stored another first API key meanwhile; the one of this file is not valid"
        );
    }
    Ok(())
}

/// Prints the key alone on standard output, so that `KEY=$(rollcall key create ...)` works.
fn create(db: &Db, arguments: &Create, now: DateTime<Utc>) -> anyhow::Result<()> {
    let scopes: Scopes = arguments.scopes.iter().copied().collect();
    let expires_at = match arguments.expires_in {
        Some(duration) => Some(
            now.checked_add_signed(duration)
                .and_then(|end| check_moment(end).ok())
                .ok_or_else(|| {
                    anyhow::anyhow!("--expires-in is beyond the end of the year 9999")
                })?,
        ),
        None => arguments.expires_at,
    };
    let mut entry = entry("createApiKey", now);
    entry.fields = ["name", "scopes"].map(str::to_owned).to_vec();
    entry
        .fields
        .extend(expires_at.map(|_| "expiresAt".to_owned()));
    let (key, secret) = db.run_here(|connection| {
        within(connection, &entry, |connection| {
            let created = api_key::create(connection, &arguments.name, scopes, expires_at, now)?;
            let trace = trace(&created.0);
            Ok((created, trace))
        })
    })?;
    eprintln!(
        "API key {} \"{}\" ({}), {}. It is shown this once:",
        key.id,
        key.name,
        list_scopes(&key),
        match key.expires_at {
            Some(expires_at) => format!("good until {}", show(expires_at)),
            None => "good until it is revoked".to_owned(),
        }
    );
    println!("{}", secret.reveal());
    Ok(())
}

fn list(db: &Db, now: DateTime<Utc>) -> anyhow::Result<()> {
    let keys = db.run_here(api_key::list)?;
    if keys.is_empty() {
        eprintln!(
            "there are no API keys: a server on loopback answers all requests from this machine"
        );
        return Ok(());
    }
    let mut rows = vec![
        [
            "ID",
            "PREFIX",
            "NAME",
            "SCOPES",
            "STATE",
            "CREATED",
            "EXPIRES",
            "LAST USED",
        ]
        .map(str::to_owned),
    ];
    rows.extend(keys.iter().map(|key| row(key, now)));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
    Ok(())
}

fn row(key: &ApiKey, now: DateTime<Utc>) -> [String; 8] {
    let state = match key.revoked_at {
        Some(_) => "revoked",
        None if key.is_usable(now) => "usable",
        None => "expired",
    };
    // A name may contain line breaks; the table has one line for each key.
    let name: String = key
        .name
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    [
        key.id.to_string(),
        key.prefix.clone(),
        name,
        list_scopes(key),
        state.to_owned(),
        show(key.created_at),
        key.expires_at.map_or_else(|| "never".to_owned(), show),
        key.last_used_at.map_or_else(|| "never".to_owned(), show),
    ]
}

fn revoke(db: &Db, name: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
    let (before, key) = db.run_here(|connection| {
        within(connection, &entry("revokeApiKey", now), |connection| {
            let before = api_key::get_by_name(connection, name)?;
            let key = api_key::revoke(connection, before.id, now)?;
            let trace = trace(&key);
            Ok(((before, key), trace))
        })
    })?;
    match before.revoked_at {
        Some(revoked_at) => println!(
            "API key {} \"{}\" has been revoked since {}",
            key.prefix,
            key.name,
            show(revoked_at)
        ),
        None => println!("API key {} \"{}\" is revoked", key.prefix, key.name),
    }
    Ok(())
}

fn clear(db: &Db, now: DateTime<Utc>) -> anyhow::Result<()> {
    let cleared = db.run_here(|connection| {
        within(connection, &entry("clearApiKeys", now), |connection| {
            let cleared = api_key::clear(connection, now)?;
            let trace = match &cleared {
                Ok(forgotten) => Trace::to(TargetKind::ApiKey).with_count(*forgotten),
                Err(_) => Trace::nothing(),
            };
            Ok((cleared, trace))
        })
    });
    match cleared? {
        Ok(forgotten) => println!("API keys deleted: {forgotten}"),
        Err(usable) => {
            let usable = usable
                .iter()
                .map(|key| format!("{} \"{}\"", key.prefix, key.name));
            let usable: Vec<String> = usable.collect();
            anyhow::bail!(
                "cannot delete the keys: these are still usable; revoke them first: {}",
                usable.join(", ")
            );
        }
    }
    Ok(())
}

fn trace(key: &ApiKey) -> Trace {
    Trace::of(TargetKind::ApiKey, key.id).with_key(&key.prefix)
}

fn list_scopes(key: &ApiKey) -> String {
    let names: Vec<&str> = key.scopes.list().into_iter().map(Scope::name).collect();
    names.join(" ")
}

fn show(time: DateTime<Utc>) -> String {
    // To the second, rounded down, which is enough for people.
    time.trunc_subsecs(0)
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    let known = Scope::ALL
        .into_iter()
        .find(|scope| scope.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| "expected read, write or admin".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let seconds = |unit: &str| {
        Some(match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        })
    };
    let number_ends = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(number_ends);
    let number = number.parse::<i64>().ok().filter(|number| *number > 0);
    number
        .zip(seconds(unit))
        .and_then(|(number, seconds)| number.checked_mul(seconds))
        .and_then(Duration::try_seconds)
        .ok_or_else(|| {
            "expected a number of 1 or more and a unit, such as 90d, 12h or 30m".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("30m", 1_800),
            ("12h", 43_200),
            ("90d", 7_776_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::seconds(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("2w"), parse_duration("14d"));
        for text in [
            "",
            "90",
            "d",
            "0d",
            "-1d",
            "1.5h",
            "1y",
            "1 d",
            "9223372036854775807w",
            "9d9",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
