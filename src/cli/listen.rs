//! `rollcall listen`.

use super::database;
use super::export_file::Destination;
use super::terminal::output_of_others;
use crate::audience::{custom_field, group, segment, subscriber};
use crate::changes::{
    Change, ChangeKind, ChangePage, Fills, ObjectKind, PEOPLE, Position, Reading, api_name, read,
};
use crate::config::DatabaseSettings;
use crate::db::Db;
use crate::error::Error;
use crate::graphql::{IdKind, to_global};
use crate::rule::{nearest, shorten};
use crate::text::show_email;
use anyhow::{Context, anyhow};
use chrono::SecondsFormat;
use clap::Args;
use diesel::PgConnection;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How many changes are read at a time.
const PAGE: usize = 250;
/// How long to wait before the next poll.
const PAUSE: Duration = Duration::from_millis(500);
/// The exit code if changes cannot be followed from the position.
const RESYNC: u8 = 3;

/// Arguments of `rollcall listen`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// A file that keeps the position up to which changes were printed. If the file exists, printing continues from its
    /// position; if not, printing starts at --after or the current position, and the file is created.
    #[arg(long, value_name = "FILE")]
    after_file: Option<PathBuf>,

    /// The position to begin after, unless the file has a position; the current position if absent.
    #[arg(long, value_name = "POSITION", value_parser = parse_position)]
    after: Option<Position>,

    /// Only changes of these kinds, separated by commas, such as SUBSCRIBER_CREATED,SEGMENT_MEMBERS_JOINED.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = parse_kind)]
    kinds: Vec<ChangeKind>,

    /// Print the existing changes and exit, instead of waiting for more.
    #[arg(long)]
    once: bool,
}

/// Prints changes, one JSON object per line, until it is interrupted or the reader closes the pipe.
pub fn run(settings: &DatabaseSettings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Read first, so that no database is started if the file cannot be used.
    let kept = match &arguments.after_file {
        Some(path) => read_position(path)?,
        None => None,
    };
    let opened = database::open(settings)?;
    let mut listening = Listening {
        reading: Reading {
            after: kept.or(arguments.after),
            kinds: arguments.kinds.clone(),
            first: PAGE,
            people: PEOPLE,
            fills: Fills::People,
            segment_ids: None,
            group_ids: None,
        },
        arguments,
        db: &opened.db,
        is_unavailable: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listened = runtime.block_on(listening.listen());
    opened.close()?;
    match listened {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<Error>() {
            Some(Error::Resync(_)) => {
                eprintln!("rollcall: {error}");
                eprintln!("rollcall: {}", advice(arguments));
                Ok(ExitCode::from(RESYNC))
            }
            _ => Err(error),
        },
    }
}

fn advice(arguments: &Arguments) -> String {
    match &arguments.after_file {
        Some(path) => format!(
            "to start over: remove {}, run this command again, and load everything once it runs",
            path.display()
        ),
        None => "to start over: run this command without --after, and load everything once it runs"
            .to_owned(),
    }
}

/// The state of the running command.
struct Listening<'a> {
    reading: Reading,
    arguments: &'a Arguments,
    db: &'a Db,
    is_unavailable: bool,
}

impl Listening<'_> {
    async fn listen(&mut self) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            let is_waiting = match self.step().await {
                Ok(has_more) => !has_more,
                Err(error) => match error.downcast_ref::<std::io::Error>() {
                    // The reader has closed the pipe, as `head` does.
                    Some(broken) if broken.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    _ => return Err(error),
                },
            };
            if is_waiting && self.arguments.once {
                return Ok(());
            }
            let pause = if is_waiting { PAUSE } else { Duration::ZERO };
            tokio::select! {
                biased;
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Prints one page of changes and stores the position after it. Returns whether there are more changes.
    async fn step(&mut self) -> anyhow::Result<bool> {
        let reading = self.reading.clone();
        let read = self.db.run(move |connection| {
            let page = read(connection, &reading)?;
            let lines = write_lines(connection, &page.changes)?;
            Ok((page, lines))
        });
        let (page, lines): (ChangePage, Vec<String>) = match read.await {
            Err(Error::Unavailable(reason)) if !self.arguments.once => {
                if !std::mem::replace(&mut self.is_unavailable, true) {
                    eprintln!("rollcall: the database is not available, still trying: {reason}");
                }
                return Ok(false);
            }
            read => read?,
        };
        self.is_unavailable = false;
        if !lines.is_empty() {
            let mut output = output_of_others();
            for line in &lines {
                writeln!(output, "{line}")?;
            }
            output.flush()?;
        }
        if self.reading.after != Some(page.end) {
            self.reading.after = Some(page.end);
            // Written after the lines: if the process ends in between, the lines are printed again and none is lost.
            if let Some(path) = &self.arguments.after_file {
                write_position(path, &page.end)?;
            }
        }
        Ok(page.has_more)
    }
}

/// Returns one line of JSON for each change.
fn write_lines(connection: &mut PgConnection, changes: &[Change]) -> Result<Vec<String>, Error> {
    let names = Names::load(connection, changes)?;
    Ok(changes
        .iter()
        .map(|change| Value::Object(names.describe(change)).to_string())
        .collect())
}

/// The e-mail addresses of subscribers, and the keys of groups, segments and custom fields, by id.
struct Names {
    emails: HashMap<i64, String>,
    keys: HashMap<(ObjectKind, i64), String>,
}

impl Names {
    fn load(connection: &mut PgConnection, changes: &[Change]) -> Result<Names, Error> {
        let existing = changes
            .iter()
            .filter(|change| change.kind != ChangeKind::SubscriberDeleted);
        let people: HashSet<i64> = existing
            .flat_map(|change| change.subscriber_ids.iter().copied())
            .collect();
        let people = subscriber::find_by_ids(connection, &Vec::from_iter(people))?.into_iter();
        let about = |noun| -> Vec<i64> {
            let of_noun = changes
                .iter()
                .filter(|change| change.kind.noun() == Some(noun));
            HashSet::<i64>::from_iter(of_noun.filter_map(|change| change.about))
                .into_iter()
                .collect()
        };
        let mut keys = HashMap::new();
        let groups = group::find_by_ids(connection, &about(ObjectKind::Group))?.into_iter();
        keys.extend(groups.map(|group| ((ObjectKind::Group, group.id), group.key)));
        let segments = segment::find_by_ids(connection, &about(ObjectKind::Segment))?.into_iter();
        keys.extend(segments.map(|segment| ((ObjectKind::Segment, segment.id), segment.key)));
        let fields =
            custom_field::find_by_ids(connection, &about(ObjectKind::CustomField))?.into_iter();
        keys.extend(fields.map(|field| ((ObjectKind::CustomField, field.id), field.key)));
        Ok(Names {
            emails: people
                .map(|person| (person.id, show_email(&person.email).into_owned()))
                .collect(),
            keys,
        })
    }

    /// Returns a change as an object with the names of the API.
    fn describe(&self, change: &Change) -> Map<String, Value> {
        let mut line = Map::new();
        let mut set = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        set("kind", json!(change.kind.as_str().to_uppercase()));
        let at = change.at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        set("at", json!(at));
        if let Some((noun, id)) = change.kind.noun().zip(change.about) {
            let (name, kind) = match noun {
                ObjectKind::Group => ("group", IdKind::Group),
                ObjectKind::Segment => ("segment", IdKind::Segment),
                ObjectKind::CustomField => ("customField", IdKind::CustomField),
                ObjectKind::Refresh => ("refresh", IdKind::Refresh),
                ObjectKind::Import => ("import", IdKind::Import),
            };
            let mut described = json!({ "id": to_global(kind, id) });
            if let Some(key) = self.keys.get(&(noun, id)) {
                described["key"] = json!(key);
            }
            set(name, described);
        }
        if change.kind.has_people() {
            let people = change.subscriber_ids.iter().map(|id| {
                let mut described = json!({ "id": to_global(IdKind::Subscriber, *id) });
                if let Some(email) = self.emails.get(id) {
                    described["email"] = json!(email);
                }
                described
            });
            set("subscribers", people.collect());
        }
        if !change.fields.is_empty() {
            let fields = change.fields.iter().map(|name| api_name(name));
            set("fields", json!(fields.collect::<Vec<String>>()));
        }
        if let Some(refresh) = change.refresh_id {
            set(
                "refresh",
                json!({ "id": to_global(IdKind::Refresh, refresh) }),
            );
        }
        set("position", json!(change.position.to_text()));
        line
    }
}

/// Reads the position from a file. Returns `None` if the file does not exist.
fn read_position(path: &Path) -> anyhow::Result<Option<Position>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let position = parse_position(text.trim());
    let position = position.map_err(|problem| anyhow!("{}: {problem}", path.display()))?;
    Ok(Some(position))
}

fn write_position(path: &Path, position: &Position) -> anyhow::Result<()> {
    let write = || {
        let mut file = Destination::open(path)?;
        writeln!(file, "{}", position.to_text())?;
        file.finish()
    };
    // Converted to text, so that an error of the file is not taken for an error of standard output.
    write()
        .map_err(|error: std::io::Error| anyhow!("{} cannot be written: {error}", path.display()))
}

fn parse_position(text: &str) -> Result<Position, String> {
    Position::parse(text).ok_or_else(|| {
        let found = shorten(text);
        format!("expected a position that this command or the API has returned, found \"{found}\"")
    })
}

fn parse_kind(name: &str) -> Result<ChangeKind, String> {
    let wanted = name.trim().to_lowercase();
    ChangeKind::parse(&wanted).ok_or_else(|| {
        let kinds = ChangeKind::ALL.into_iter().chain(ChangeKind::RUNS);
        let names: Vec<String> = kinds.map(|kind| kind.as_str().to_uppercase()).collect();
        let hint = nearest(&wanted, names.iter().map(String::as_str));
        hint.unwrap_or_else(|| format!("expected one of {}", names.join(", ")))
    })
}
