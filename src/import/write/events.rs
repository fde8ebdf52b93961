//! Writes a batch of events.
//!
//! New events go into the table by `COPY`, and their totals by one statement. Whether they are new is not checked
//! first: if the key of an event exists already, the `COPY` is rolled back, and the batch is merged through a staging
//! table. Files that were imported before are full of known events, so the next batches are merged at once.

use super::batch::{Context, Placed};
use super::copy::{CopyText, import_staging_events as staging};
use super::event_row::ReadEvent;
use super::person::Person;
use super::subscribers;
use crate::audience::event::{Recorded, merge_sql};
use crate::audience::subscriber::find_ids_by_emails;
use crate::db::schema::events;
use crate::error::Error;
use crate::import::plan::options::{EventImport, ImportMode, SubscriberImport};
use crate::import::report::{ProblemKind, RowProblem};
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

/// Subscribers by address.
pub type Found = BTreeMap<String, i64>;

/// Looks up the subscribers of events. The batch need not wait for its turn first: if a subscriber is deleted before
/// the events are written, that is noticed then.
pub fn find_people(connection: &mut PgConnection, events: &[ReadEvent]) -> Result<Found, Error> {
    let mut emails: Vec<String> = events.iter().map(|event| event.email.clone()).collect();
    emails.sort();
    emails.dedup();
    find_ids_by_emails(connection, &emails)
}

/// Looks up missing subscribers again, because the batch may have waited for its turn since.
fn find_missing(
    connection: &mut PgConnection,
    events: &[ReadEvent],
    found: &mut Found,
) -> Result<(), Error> {
    let emails = events.iter().map(|event| &event.email);
    let missing: BTreeSet<&String> = emails.filter(|email| !found.contains_key(*email)).collect();
    if !missing.is_empty() {
        let missing: Vec<String> = missing.into_iter().cloned().collect();
        found.append(&mut find_ids_by_emails(connection, &missing)?);
    }
    Ok(())
}

/// Records events of a batch.
pub fn place(
    connection: &mut PgConnection,
    events: &[ReadEvent],
    mut found: Found,
    options: &EventImport,
    context: &Context,
) -> Result<Placed, Error> {
    let mut placed = Placed::default();
    if options.create_people {
        create_people(connection, events, &mut found, context, &mut placed)?;
    } else {
        find_missing(connection, events, &mut found)?;
    }
    let mut known: Vec<(i64, &ReadEvent)> = Vec::with_capacity(events.len());
    for event in events {
        match found.get(&event.email) {
            Some(id) => known.push((*id, event)),
            // A dry run does not create the subscriber.
            None if options.create_people => placed.report.created += 1,
            None => placed.say(of_nobody(event)),
        }
    }
    if known.is_empty() {
        return Ok(placed);
    }
    let asked = known.len() as u64;
    if context.is_dry_run {
        stage(connection, &known)?;
        let new = count_new(connection)?;
        placed.report.created += new;
        placed.report.unchanged = asked.saturating_sub(new);
        return Ok(placed);
    }
    placed.new_ids = match context.meets_known_events.load(Ordering::Relaxed) {
        false => record_new(connection, &known, context)?,
        true => merge(connection, &known, context)?,
    };
    placed.report.created = placed.new_ids.len() as u64;
    placed.report.unchanged = asked.saturating_sub(placed.report.created);
    Ok(placed)
}

fn of_nobody(event: &ReadEvent) -> RowProblem {
    let message = format!(
        "no subscriber has the address \"{}\"; import subscribers first, or have subscribers created",
        event.email
    );
    RowProblem::new(event.line, ProblemKind::Unknown, message).of_cell("email", &event.email)
}

/// Creates subscribers for unknown addresses. Their status is PENDING, because an event is not consent to receive mail.
fn create_people(
    connection: &mut PgConnection,
    events: &[ReadEvent],
    found: &mut Found,
    context: &Context,
    placed: &mut Placed,
) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let unknown = events
        .iter()
        .filter(|event| !found.contains_key(&event.email) && seen.insert(event.email.as_str()));
    let people: Vec<Person> = unknown
        .map(|event| Person::with_status(event.line, &event.email, Status::Pending))
        .collect();
    if people.is_empty() {
        return Ok(());
    }
    let options = SubscriberImport {
        mode: ImportMode::Insert,
        ..SubscriberImport::default()
    };
    // None of them exists: they were looked up just before.
    let made = subscribers::place(connection, &people, &[], &options, context)?;
    placed.report.created_people = made.report.created;
    placed.report.suppressed = made.report.suppressed;
    placed.problems.extend(made.problems);
    placed.new_people = made.new_ids;
    // Another transaction may have added some of them meanwhile.
    let emails: Vec<String> = people
        .iter()
        .map(|person| person.email().to_owned())
        .collect();
    found.extend(find_ids_by_emails(connection, &emails)?);
    Ok(())
}

/// Records events that are probably all new, and returns the ids of the new ones.
fn record_new(
    connection: &mut PgConnection,
    known: &[(i64, &ReadEvent)],
    context: &Context,
) -> Result<Vec<i64>, Error> {
    let mut keys = HashSet::new();
    let first_of_key = |(id, event): &&(i64, &ReadEvent)| {
        let key = event.dedupe_key.as_deref();
        key.is_none_or(|key| keys.insert((*id, event.name.clone(), key.to_owned())))
    };
    let new: Vec<(i64, &ReadEvent)> = known.iter().filter(first_of_key).copied().collect();
    match connection.transaction(|connection| copy(connection, &new)) {
        // A key exists already, or a subscriber was deleted meanwhile.
        Err(Error::Contention(_)) => {
            context.meets_known_events.store(true, Ordering::Relaxed);
            merge(connection, known, context)
        }
        copied => copied,
    }
}

#[derive(QueryableByName)]
struct IdList {
    #[diesel(sql_type = Array<BigInt>)]
    ids: Vec<i64>,
}

/// Copies events into their table, with ids in the order of the file, and adds them to the totals. Rows are written in the
/// order of subscribers, names and keys, in which every writer locks them.
fn copy(connection: &mut PgConnection, new: &[(i64, &ReadEvent)]) -> Result<Vec<i64>, Error> {
    let numbers: IdList = diesel::sql_query(
        "SELECT array(SELECT nextval((SELECT pg_get_serial_sequence('events', 'id')::regclass)) \
         FROM generate_series(1, $1)) AS ids",
    )
    .bind::<BigInt, _>(new.len() as i64)
    .get_result(connection)?;
    let ids = numbers.ids;
    let mut order: Vec<usize> = (0..new.len()).collect();
    order.sort_by_key(|place| {
        let (subscriber, event) = new[*place];
        (
            subscriber,
            event.name.as_str(),
            event.dedupe_key.as_deref(),
            *place,
        )
    });
    let mut text = CopyText::default();
    for place in &order {
        text.number(ids[*place]);
        write_event(&mut text, &new[*place])?;
    }
    text.send(
        connection,
        events::table,
        (
            events::id,
            events::subscriber_id,
            events::name,
            events::occurred_at,
            events::value,
            events::properties,
            events::dedupe_key,
        ),
    )?;
    add_totals(connection, order.iter().map(|place| new[*place]))?;
    Ok(ids)
}

fn write_event(text: &mut CopyText, (subscriber, event): &(i64, &ReadEvent)) -> Result<(), Error> {
    text.number(*subscriber);
    text.cell(Some(&event.name));
    text.cell(Some(&event.occurred_at.to_rfc3339()));
    text.cell(event.value.map(|value| value.to_string()).as_deref());
    if event.properties.is_empty() {
        text.cell(Some("{}"));
    } else {
        let properties = serde_json::to_string(&event.properties);
        text.cell(Some(
            &properties.map_err(|error| Error::Internal(error.to_string()))?,
        ));
    }
    text.cell(event.dedupe_key.as_deref());
    text.end_row();
    Ok(())
}

/// The total of the events of one subscriber and name.
struct Total {
    count: i64,
    /// The sum in millionths, so that it is exact.
    sum: i128,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

/// Adds events to the totals. The events must be in the order of subscribers and names.
fn add_totals<'e>(
    connection: &mut PgConnection,
    new: impl Iterator<Item = (i64, &'e ReadEvent)>,
) -> Result<(), Error> {
    let mut keys: Vec<(i64, &str)> = Vec::new();
    let mut totals: Vec<Total> = Vec::new();
    for (subscriber, event) in new {
        let key = (subscriber, event.name.as_str());
        let value = event.value.map_or(0, millionths);
        match totals.last_mut().filter(|_| keys.last() == Some(&key)) {
            Some(total) => {
                total.count += 1;
                total.sum += value;
                total.first_at = total.first_at.min(event.occurred_at);
                total.last_at = total.last_at.max(event.occurred_at);
            }
            None => {
                keys.push(key);
                totals.push(Total {
                    count: 1,
                    sum: value,
                    first_at: event.occurred_at,
                    last_at: event.occurred_at,
                });
            }
        }
    }
    let subscribers: Vec<i64> = keys.iter().map(|(subscriber, _)| *subscriber).collect();
    let names: Vec<&str> = keys.iter().map(|(_, name)| *name).collect();
    let sums: Vec<String> = totals.iter().map(|total| total.sum.to_string()).collect();
    diesel::sql_query(
        "INSERT INTO event_totals AS t (subscriber_id, name, count, value_sum, first_at, last_at) \
         SELECT subscriber_id, name, count, sum::numeric / 1000000, first_at, last_at \
         FROM unnest($1, $2, $3, $4, $5, $6) AS new (subscriber_id, name, count, sum, first_at, last_at) \
         ON CONFLICT (subscriber_id, name) DO UPDATE SET \
             count = t.count + excluded.count, \
             value_sum = t.value_sum + excluded.value_sum, \
             first_at = least(t.first_at, excluded.first_at), \
             last_at = greatest(t.last_at, excluded.last_at)",
    )
    .bind::<Array<BigInt>, _>(subscribers)
    .bind::<Array<Text>, _>(names)
    .bind::<Array<BigInt>, _>(totals.iter().map(|total| total.count).collect::<Vec<i64>>())
    .bind::<Array<Text>, _>(sums)
    .bind::<Array<Timestamptz>, _>(totals.iter().map(|total| total.first_at).collect::<Vec<DateTime<Utc>>>())
    .bind::<Array<Timestamptz>, _>(totals.iter().map(|total| total.last_at).collect::<Vec<DateTime<Utc>>>())
    .execute(connection)?;
    Ok(())
}

/// Returns a value in millionths. Values have at most six decimals, so nothing is rounded.
fn millionths(value: f64) -> i128 {
    let written = value.to_string();
    let digits = written.trim_start_matches('-');
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{decimals:0<6}").parse().unwrap_or_default();
    if written.starts_with('-') {
        -number
    } else {
        number
    }
}

fn stage(connection: &mut PgConnection, known: &[(i64, &ReadEvent)]) -> Result<(), Error> {
    let mut text = CopyText::default();
    for event in known {
        write_event(&mut text, event)?;
    }
    text.send(
        connection,
        staging::table,
        (
            staging::subscriber_id,
            staging::name,
            staging::occurred_at,
            staging::value,
            staging::properties,
            staging::dedupe_key,
        ),
    )?;
    Ok(())
}

/// Records the events of a batch that are not stored yet, and returns their ids.
fn merge(
    connection: &mut PgConnection,
    known: &[(i64, &ReadEvent)],
    context: &Context,
) -> Result<Vec<i64>, Error> {
    stage(connection, known)?;
    let recorded: Recorded =
        diesel::sql_query(merge_sql("import_staging_events e", "ORDER BY e.ctid"))
            .get_result(connection)?;
    if recorded.ids.len() == known.len() {
        context.meets_known_events.store(false, Ordering::Relaxed);
    }
    Ok(recorded.ids)
}

/// Counts the staged events that would be new.
fn count_new(connection: &mut PgConnection) -> Result<u64, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        events: i64,
    }
    let counted: Row = diesel::sql_query(
        "SELECT count(*) FILTER (WHERE e.dedupe_key IS NULL) \
             + count(DISTINCT (e.subscriber_id, e.name, e.dedupe_key)) FILTER (WHERE e.dedupe_key IS NOT NULL) AS events \
         FROM import_staging_events e WHERE e.dedupe_key IS NULL \
         OR NOT EXISTS (SELECT FROM events x WHERE x.subscriber_id = e.subscriber_id AND x.name = e.name \
             AND x.dedupe_key = e.dedupe_key)",
    )
    .get_result(connection)?;
    Ok(u64::try_from(counted.events).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_in_millionths() {
        for (value, counted) in [
            (0.0, 0),
            (1.0, 1_000_000),
            (-12.5, -12_500_000),
            (0.1, 100_000),
            (0.000_001, 1),
            (999_999_999_999.0, 999_999_999_999_000_000),
            (1e-6, 1),
        ] {
            assert_eq!(millionths(value), counted, "{value}");
        }
    }
}
