//! All data about a person, as one JSON document, for people who request it.

use crate::audience::event::{Event, EventTotal, list_all_of, list_totals};
use crate::audience::import_trace::{PersonChange, list_changes_of};
use crate::audience::membership::list_segments_of;
use crate::audience::segment::{self, Segment};
use crate::audience::status_change::{StatusChange, list_status_changes};
use crate::audience::subscriber::{Subscriber, find_by_emails, find_by_ids};
use crate::audience::subscriber_column::COLUMNS;
use crate::bulk::list_traces_of;
use crate::db::schema::{events, group_memberships, groups};
use crate::error::Error;
use crate::past::{MembershipChange, in_snapshot, joined_at_of, membership_changes_of};
use crate::text::{find_email, show_email};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// The most events that all documents of [`list_people`] may contain together.
pub const MAX_EVENTS: i64 = 10_000;

/// The most bytes that the properties of these events may take.
const MAX_BYTES: i64 = 8_000_000;

/// Returns the id of the subscriber with that e-mail address, and all data about the subscriber. The list of events is
/// empty, because they are read while the document is written.
///
/// # Errors
/// [`Error::NotFound`] if there is no such subscriber.
pub fn collect_one(
    connection: &mut PgConnection,
    email: &str,
) -> Result<(i64, Map<String, Value>), Error> {
    let missing = || Error::not_found("subscriber", format!("\"{}\"", email.trim()));
    let email = find_email(email);
    let subscriber = find_by_emails(connection, &[email])?.pop();
    let subscriber = subscriber.ok_or_else(missing)?;
    let id = subscriber.id;
    let held = hold(connection, &[id])?;
    match compose(vec![subscriber], held).remove(&id) {
        Some(Value::Object(document)) => Ok((id, document)),
        _ => Err(missing()),
    }
}

/// Returns all data about each of these subscribers, by id.
///
/// # Errors
/// [`Error::Invalid`] if they have more than [`MAX_EVENTS`] events, or if the events have too many bytes of properties.
pub fn list_people(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, Value>, Error> {
    in_snapshot(connection, |connection| {
        let totals = list_totals(connection, ids)?;
        let count: i64 = totals.iter().map(|total| total.count).sum();
        if count > MAX_EVENTS {
            let message = format!(
                "expected people with at most {MAX_EVENTS} events together, found {count}; GET /export/person?email=ADDRESS and rollcall export person ADDRESS have no such bound"
            );
            return Err(Error::invalid("personalData", message));
        }
        let bytes: Option<i64> = events::table
            .filter(events::subscriber_id.eq_any(ids))
            .select(sql::<Nullable<BigInt>>(
                "sum(octet_length(properties::text))::bigint",
            ))
            .get_result(connection)?;
        if let Some(bytes) = bytes.filter(|bytes| *bytes > MAX_BYTES) {
            let message = format!(
                "expected people whose events have at most {MAX_BYTES} bytes of properties together, found {bytes}; GET /export/person?email=ADDRESS and rollcall export person ADDRESS have no such bound"
            );
            return Err(Error::invalid("personalData", message));
        }
        let found = find_by_ids(connection, ids)?;
        let ids: Vec<i64> = found.iter().map(|person| person.id).collect();
        let mut held = hold(connection, &ids)?;
        for event in list_all_of(connection, &ids)? {
            let of_person = held.events.entry(event.subscriber_id).or_default();
            of_person.push(event_json(&event));
        }
        Ok(compose(found, held))
    })
}

/// The data about some people, by subscriber.
#[derive(Default)]
struct Held {
    statuses: HashMap<i64, Vec<Value>>,
    groups: HashMap<i64, Vec<Value>>,
    segments: HashMap<i64, Vec<Value>>,
    history: HashMap<i64, Vec<Value>>,
    events: HashMap<i64, Vec<Value>>,
    totals: HashMap<i64, Vec<Value>>,
    imports: HashMap<i64, Vec<Value>>,
    bulk_actions: HashMap<i64, Vec<Value>>,
}

/// Collects the data about people, except their events.
fn hold(connection: &mut PgConnection, ids: &[i64]) -> Result<Held, Error> {
    let mut held = Held::default();
    for change in list_status_changes(connection, ids)? {
        let of_person = held.statuses.entry(change.subscriber_id).or_default();
        of_person.push(status_json(change));
    }
    collect_groups(connection, ids, &mut held)?;
    collect_segments(connection, ids, &mut held)?;
    collect_history(connection, ids, &mut held)?;
    for total in list_totals(connection, ids)? {
        let of_person = held.totals.entry(total.subscriber_id).or_default();
        of_person.push(total_json(total));
    }
    for change in list_changes_of(connection, ids)? {
        let of_person = held.imports.entry(change.subscriber_id).or_default();
        of_person.push(change_json(change));
    }
    for trace in list_traces_of(connection, ids)? {
        let of_person = held.bulk_actions.entry(trace.subscriber_id).or_default();
        of_person.push(json!({
            "source": format!("bulk {}", trace.number), "change": trace.change,
            "at": trace.at.map(instant), "before": trace.before
        }));
    }
    Ok(held)
}

/// Builds the documents, by subscriber.
fn compose(people: Vec<Subscriber>, mut held: Held) -> HashMap<i64, Value> {
    let document = |person: Subscriber| {
        let id = person.id;
        let document = json!({
            "subscriber": subscriber_json(person),
            "statusHistory": held.statuses.remove(&id).unwrap_or_default(),
            "groups": held.groups.remove(&id).unwrap_or_default(),
            "segments": held.segments.remove(&id).unwrap_or_default(),
            "history": held.history.remove(&id).unwrap_or_default(),
            "eventTotals": held.totals.remove(&id).unwrap_or_default(),
            "events": held.events.remove(&id).unwrap_or_default(),
            "imports": held.imports.remove(&id).unwrap_or_default(),
            "bulkActions": held.bulk_actions.remove(&id).unwrap_or_default(),
        });
        (id, document)
    };
    people.into_iter().map(document).collect()
}

fn collect_groups(
    connection: &mut PgConnection,
    ids: &[i64],
    held: &mut Held,
) -> Result<(), Error> {
    let rows: Vec<(i64, String, String, DateTime<Utc>, String)> = group_memberships::table
        .inner_join(groups::table.on(groups::id.eq(group_memberships::group_id)))
        .filter(group_memberships::subscriber_id.eq_any(ids))
        .order((group_memberships::subscriber_id, groups::key))
        .select((
            group_memberships::subscriber_id,
            groups::key,
            groups::name,
            group_memberships::added_at,
            group_memberships::source,
        ))
        .load(connection)?;
    for (id, key, name, added_at, source) in rows {
        let group = json!({
            "key": key, "name": name, "addedAt": instant(added_at), "source": source
        });
        held.groups.entry(id).or_default().push(group);
    }
    Ok(())
}

fn collect_segments(
    connection: &mut PgConnection,
    ids: &[i64],
    held: &mut Held,
) -> Result<(), Error> {
    let segments = list_segments_of(connection, ids)?;
    let pairs: Vec<(i64, i64)> = segments
        .iter()
        .flat_map(|(id, segments)| segments.iter().map(|segment| (segment.id, *id)))
        .collect();
    let joined = joined_at_of(connection, &pairs, None)?;
    for (id, segments) in segments {
        let of_person = segments.into_iter().map(|segment| {
            let joined = joined.get(&(segment.id, id)).copied();
            json!({ "key": segment.key, "name": segment.name, "joinedAt": joined.map(instant) })
        });
        held.segments.insert(id, of_person.collect());
    }
    Ok(())
}

fn collect_history(
    connection: &mut PgConnection,
    ids: &[i64],
    held: &mut Held,
) -> Result<(), Error> {
    let mut changes = membership_changes_of(connection, ids)?;
    let all = changes.values().flatten();
    let segment_ids: HashSet<i64> = all.map(|change| change.segment_id).collect();
    let segment_ids: Vec<i64> = segment_ids.into_iter().collect();
    let segments = segment::find_by_ids(connection, &segment_ids)?.into_iter();
    let segments: HashMap<i64, Segment> = segments.map(|found| (found.id, found)).collect();
    for id in ids {
        let changes = changes.remove(id).unwrap_or_default().into_iter();
        let told = changes.filter_map(|change: MembershipChange| {
            let segment = segments.get(&change.segment_id)?;
            let direction = if change.joined { "JOINED" } else { "LEFT" };
            Some(
                json!({ "at": instant(change.at), "direction": direction, "segment": segment.key }),
            )
        });
        held.history.insert(*id, told.collect());
    }
    Ok(())
}

fn subscriber_json(person: Subscriber) -> Value {
    let known = COLUMNS
        .iter()
        .map(|column| (column.field, (column.value)(&person)));
    let before = [
        ("email", json!(show_email(&person.email))),
        ("status", json!(person.status.0.as_str().to_uppercase())),
    ];
    let after = [
        ("customFields", person.custom.read()),
        ("createdAt", json!(instant(person.created_at))),
        ("updatedAt", json!(instant(person.updated_at))),
        ("subscribedAt", json!(person.subscribed_at.map(instant))),
        ("unsubscribedAt", json!(person.unsubscribed_at.map(instant))),
    ];
    let fields = before.into_iter().chain(known).chain(after);
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn status_json(change: StatusChange) -> Value {
    json!({
        "at": instant(change.changed_at),
        "from": change.from_status.map(|status| status.0.as_str().to_uppercase()),
        "to": change.to_status.0.as_str().to_uppercase(),
        "source": change.source,
        "reason": change.reason,
        "consentSource": change.consent_source,
    })
}

/// Writes a change of a person by an import, which is kept until the import can no longer be undone.
fn change_json(change: PersonChange) -> Value {
    json!({
        "file": change.file_name,
        "at": change.at.map(instant),
        "before": change.before,
        "after": change.after,
    })
}

/// Writes an event in the form of these documents.
pub fn event_json(event: &Event) -> Value {
    json!({
        "name": event.name,
        "occurredAt": instant(event.occurred_at),
        "value": event.value,
        "properties": event.properties.read(),
        "dedupeKey": event.dedupe_key,
    })
}

fn total_json(total: EventTotal) -> Value {
    json!({
        "name": total.name,
        "count": total.count,
        "valueSum": total.value_sum,
        "firstAt": instant(total.first_at),
        "lastAt": instant(total.last_at),
    })
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
