//! The data of messages: the segment or group, the refresh, and the people.

use super::endpoint::Webhook;
use super::message::Entry;
use super::person::Fields;
use crate::audience::global_id::write_global_id;
use crate::audience::subscriber::{Subscriber, find_by_ids};
use crate::audience::subscriber_page::find_within;
use crate::audience::{group, segment};
use crate::changes::{Change, ChangeKind, ObjectKind, api_name};
use crate::db::schema::segment_refreshes;
use crate::error::Error;
use crate::import;
use crate::past::as_of::find_first_fill;
use crate::past::find_refreshes;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// How many bytes of people are loaded for a message at most, measured as text. A message holds fewer bytes. In memory,
/// small values take up to twenty times as much.
const LOADED: i64 = 512 << 10;

/// Returns the data of a message without its people, or `None` if the object that it is about was deleted since.
pub fn find_subject(
    connection: &mut PgConnection,
    changes: &[Change],
    base_path: &str,
) -> Result<Option<Map<String, Value>>, Error> {
    let (first, last) = (&changes[0], &changes[changes.len() - 1]);
    let mut data = Map::new();
    let mut key = String::new();
    if let (Some(noun), Some(about)) = (first.kind.noun(), first.about) {
        let Some((name, subject)) = describe(connection, first.kind, noun, about)? else {
            return Ok(None);
        };
        key.push_str(subject["key"].as_str().unwrap_or_default());
        data.insert(name.to_owned(), subject);
    }
    match first.kind {
        ChangeKind::SegmentMembersJoined | ChangeKind::SegmentMembersLeft => {
            let refresh = first.refresh_id.map(|id| write_global_id("Refresh", id));
            data.insert("refresh".to_owned(), json!(refresh));
            data.insert("asOf".to_owned(), instant(last.at));
        }
        ChangeKind::SubscriberUpdated | ChangeKind::SegmentUpdated | ChangeKind::GroupUpdated => {
            let fields = first.fields.iter().map(|column| api_name(column));
            data.insert("fields".to_owned(), fields.collect());
        }
        ChangeKind::SegmentInvalid => {
            let problems = find_problems(connection, first.about.unwrap_or_default())?;
            data.insert("problems".to_owned(), problems);
        }
        _ => {}
    }
    if first.is_fill {
        add_counts(connection, changes, &mut data)?;
        let path = format!("{base_path}/export/segment/{key}");
        data.insert("exportPath".to_owned(), json!(path));
    }
    Ok(Some(data))
}

/// Returns the object that a change is about, with its name in messages, or `None` if the object was deleted since.
fn describe(
    connection: &mut PgConnection,
    kind: ChangeKind,
    noun: ObjectKind,
    about: i64,
) -> Result<Option<(&'static str, Value)>, Error> {
    let (name, of, found) = match noun {
        ObjectKind::Segment => {
            let found = segment::find_by_ids(connection, &[about])?.pop();
            let found = found.map(|found| json!({"key": found.key, "name": found.name}));
            ("segment", "Segment", found)
        }
        ObjectKind::Group => {
            let found = group::find_by_ids(connection, &[about])?.pop();
            let found = found.map(|found| json!({"key": found.key, "name": found.name}));
            ("group", "Group", found)
        }
        ObjectKind::Refresh => ("refresh", "Refresh", find_run(connection, about)?),
        ObjectKind::Import => ("import", "Import", find_import(connection, about)?),
        ObjectKind::CustomField => return Ok(None),
    };
    let is_deletion = matches!(kind, ChangeKind::GroupDeleted | ChangeKind::SegmentDeleted);
    let mut subject = Map::new();
    subject.insert("id".to_owned(), json!(write_global_id(of, about)));
    match found {
        Some(Value::Object(found)) => subject.extend(found),
        _ if is_deletion => {}
        _ => return Ok(None),
    }
    Ok(Some((name, Value::Object(subject))))
}

/// Returns the data of a refresh.
fn find_run(connection: &mut PgConnection, id: i64) -> Result<Option<Value>, Error> {
    let found = find_refreshes(connection, &[id])?.pop();
    Ok(found.map(|refresh| {
        json!({
            "trigger": refresh.trigger.as_str().to_uppercase(),
            "asOf": instant(refresh.as_of),
            "startedAt": instant(refresh.started_at),
            "finishedAt": refresh.finished_at.map(instant),
            "error": refresh.error,
        })
    }))
}

/// Returns the data of an import, without the file name, which may contain names of people.
fn find_import(connection: &mut PgConnection, id: i64) -> Result<Option<Value>, Error> {
    let found = import::find_by_ids(connection, &[id])?.pop();
    Ok(found.map(|import| {
        json!({
            "kind": import.kind.as_str().to_uppercase(),
            "state": import.state.as_str().to_uppercase(),
            "rows": import.done_rows,
            "createdAt": instant(import.created_at),
            "finishedAt": import.finished_at.map(instant),
        })
    }))
}

/// Returns the last problems of a segment that could not be evaluated.
fn find_problems(connection: &mut PgConnection, segment_id: i64) -> Result<Value, Error> {
    let problems: Option<Value> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::problems.ne(json!([])))
        .order(segment_refreshes::refresh_id.desc())
        .select(segment_refreshes::problems)
        .first(connection)
        .optional()?;
    Ok(problems.unwrap_or(json!([])))
}

fn instant(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Adds the counts of a segment that was filled.
fn add_counts(
    connection: &mut PgConnection,
    changes: &[Change],
    data: &mut Map<String, Value>,
) -> Result<(), Error> {
    let count = |kind: ChangeKind| {
        let counts = changes.iter().filter(|change| change.kind == kind);
        counts.map(|change| change.number).sum::<usize>()
    };
    let (segment_id, refresh_id) = (
        changes[0].about.unwrap_or_default(),
        changes[0].refresh_id.unwrap_or_default(),
    );
    let members: Option<i64> = segment_refreshes::table
        .filter(segment_refreshes::segment_id.eq(segment_id))
        .filter(segment_refreshes::refresh_id.eq(refresh_id))
        .select(segment_refreshes::member_count)
        .first(connection)
        .optional()?;
    let first = find_first_fill(connection, &[segment_id])?;
    let is_first = first.get(&segment_id) == Some(&refresh_id);
    let counts = [
        ("memberCount", json!(members)),
        (
            "joinedCount",
            json!(count(ChangeKind::SegmentMembersJoined)),
        ),
        ("leftCount", json!(count(ChangeKind::SegmentMembersLeft))),
        ("isFirst", json!(is_first)),
    ];
    data.extend(counts.map(|(name, value)| (name.to_owned(), value)));
    Ok(())
}

/// Lists the people of changes: as many as one message may have, and as may be loaded at once.
pub fn list_entries(
    connection: &mut PgConnection,
    webhook: &Webhook,
    changes: &[Change],
) -> Result<Vec<Entry>, Error> {
    let most = usize::try_from(webhook.people_per_message)
        .unwrap_or(1)
        .max(1);
    let people = changes.iter().flat_map(|change| {
        let ids = change.subscriber_ids.iter();
        ids.map(move |id| (change.kind, *id))
    });
    let mut people: Vec<(ChangeKind, i64)> = people.take(most).collect();
    if changes[0].kind == ChangeKind::SubscriberDeleted {
        let entries = people.into_iter().map(|(_, id)| Entry {
            side: "deletedIds",
            value: Some(json!(write_global_id("Subscriber", id))),
        });
        return Ok(entries.collect());
    }
    let found = load(connection, &mut people)?;
    let fields = match changes[0].kind {
        ChangeKind::SubscriberStatusChanged => &with_status(&webhook.fields),
        _ => &webhook.fields,
    };
    // A subscriber who changed several times is listed once.
    let mut told = HashSet::new();
    let entries = people.into_iter().map(|(kind, id)| Entry {
        side: side_of(kind),
        value: match told.insert((side_of(kind), id)) {
            true => found.get(&id).map(|person| fields.write(person)),
            false => None,
        },
    });
    Ok(entries.collect())
}

/// Loads people. Halves their number while their rows take too many bytes together.
fn load(
    connection: &mut PgConnection,
    people: &mut Vec<(ChangeKind, i64)>,
) -> Result<HashMap<i64, Subscriber>, Error> {
    loop {
        let ids: Vec<i64> = people.iter().map(|(_, id)| *id).collect();
        let found = match ids.len() {
            0 | 1 => find_by_ids(connection, &ids)?,
            _ => find_within(connection, &ids, LOADED)?,
        };
        if ids.len() <= 1 || !found.is_empty() {
            let found = found.into_iter();
            return Ok(found.map(|person| (person.id, person)).collect());
        }
        people.truncate(ids.len() / 2);
    }
}

fn with_status(fields: &Fields) -> Fields {
    let mut names = fields.0.clone();
    if !names.iter().any(|name| name == "status") {
        names.insert(0, "status".to_owned());
    }
    Fields(names)
}

fn side_of(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::SegmentMembersJoined => "joined",
        ChangeKind::SegmentMembersLeft => "left",
        ChangeKind::GroupMembersAdded => "added",
        ChangeKind::GroupMembersRemoved => "removed",
        _ => "people",
    }
}
