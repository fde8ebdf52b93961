//! Events: what subscribers did, and the lifetime totals that are kept with them.

use super::paged_list::{Item, PagedList};
use super::paging::{Page, PageRequest};
use super::row_size::rows_within;
use super::subscriber::{Known, keep_known};
use crate::db::schema::{event_totals, events};
use crate::db::{JsonText, in_transaction, statement};
use crate::error::Error;
use crate::rule::StoredMoment;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Jsonb, Nullable, Text, Timestamptz};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Everything that is known of an event.
#[derive(Debug, Clone, PartialEq, Queryable)]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct Event {
    pub id: i64,
    pub subscriber_id: i64,
    pub name: String,
    pub occurred_at: DateTime<Utc>,
    pub value: Option<f64>,
    pub properties: JsonText,
    pub dedupe_key: Option<String>,
}

/// An event to record, cleaned.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct NewEvent {
    pub subscriber_id: i64,
    pub name: String,
    pub occurred_at: DateTime<Utc>,
    pub value: Option<f64>,
    pub properties: Map<String, Value>,
    pub dedupe_key: Option<String>,
}

/// Lifetime figures of one event name of one subscriber.
#[derive(Debug, Clone, PartialEq, Queryable)]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct EventTotal {
    pub subscriber_id: i64,
    pub name: String,
    pub count: i64,
    pub value_sum: f64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

/// Records events and their totals in one statement, and returns for each event whether it is new. An event is skipped
/// if its dedupe key is stored already for its subscriber and name. The caller must keep the subscribers from being
/// deleted.
pub fn record(connection: &mut PgConnection, new_events: &[NewEvent]) -> Result<Vec<bool>, Error> {
    if new_events.is_empty() {
        return Ok(Vec::new());
    }
    let merge = merge_ctes(
        "unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY \
         AS e (subscriber_id, name, occurred_at, value, properties, dedupe_key, place)",
        "ORDER BY e.place",
    );
    // The ids have the order of the events.
    Ok(statement(format!(
        "{merge} SELECT r.id IS NOT NULL AS is_new FROM numbered n LEFT JOIN recorded r ON r.id = n.id ORDER BY n.id"
    ))
    .bind::<Array<BigInt>, _>(column(new_events, |event| event.subscriber_id))
    .bind::<Array<Text>, _>(column(new_events, |event| event.name.clone()))
    .bind::<Array<Timestamptz>, _>(column(new_events, |event| event.occurred_at))
    .bind::<Array<Nullable<Text>>, _>(column(new_events, |event| {
        event.value.map(|value| value.to_string())
    }))
    .bind::<Array<Jsonb>, _>(column(new_events, |event| {
        Value::Object(event.properties.clone())
    }))
    .bind::<Array<Nullable<Text>>, _>(column(new_events, |event| event.dedupe_key.clone()))
    .returning::<Bool>()
    .load(connection)?)
}

/// Finds subscribers by id and e-mail address, makes events of them and records the events, in one transaction: no
/// subscriber found is deleted meanwhile. Returns for each event whether it is new, or why it could not be made.
pub fn record_of<E>(
    connection: &mut PgConnection,
    ids: &[i64],
    emails: &[String],
    make: impl FnOnce(&Known) -> Vec<Result<NewEvent, E>>,
) -> Result<Vec<Result<bool, E>>, Error> {
    in_transaction(connection, |connection| {
        let known = keep_known(connection, ids, emails)?;
        let mut events = Vec::new();
        let made = make(&known).into_iter();
        let made = made.map(|made| made.map(|event| events.push(event)));
        let made: Vec<Result<(), E>> = made.collect();
        let mut recorded = record(connection, &events)?.into_iter();
        let outcomes = made
            .into_iter()
            .map(|made| made.map(|()| recorded.next().unwrap_or_default()));
        Ok(outcomes.collect())
    })
}

fn column<T>(new_events: &[NewEvent], value: impl Fn(&NewEvent) -> T) -> Vec<T> {
    new_events.iter().map(value).collect()
}

/// The events that a merge recorded.
#[derive(QueryableByName)]
pub struct Recorded {
    /// Their number.
    #[diesel(sql_type = BigInt)]
    pub events: i64,
    /// Their ids.
    #[diesel(sql_type = Array<BigInt>)]
    pub ids: Vec<i64>,
}

/// Returns the statement that records the events of a source and adds them to the totals. The source must have the
/// alias `e` and the columns of a new event. Events get their ids in the order of `order`. Values must be text or
/// `numeric`, because a cast from double to `numeric` keeps only 15 digits.
///
/// Subscribers, dedupe keys and totals are locked one after the other, each in the order of its key, so that two
/// writers cannot deadlock. The locks prevent the deletion of subscribers. Events of deleted subscribers are skipped.
pub fn merge_sql(source: &str, order: &str) -> String {
    let merge = merge_ctes(source, order);
    format!(
        "{merge} SELECT count(*) AS events, coalesce(array_agg(id), '{{}}') AS ids FROM recorded"
    )
}

/// Returns the `WITH` clause of that statement. `numbered` has every event, and `recorded` the new events.
fn merge_ctes(source: &str, order: &str) -> String {
    format!(
        "WITH kept AS MATERIALIZED (
            SELECT s.id FROM subscribers s WHERE s.id IN (SELECT e.subscriber_id FROM {source})
            ORDER BY s.id FOR KEY SHARE
        ), numbered AS MATERIALIZED (
            SELECT nextval((SELECT pg_get_serial_sequence('events', 'id')::regclass)) AS id,
                e.subscriber_id, e.name, e.occurred_at, e.value, e.properties, e.dedupe_key
            FROM {source} JOIN kept k ON k.id = e.subscriber_id {order}
        ), recorded AS (
            INSERT INTO events (id, subscriber_id, name, occurred_at, value, properties, dedupe_key)
            SELECT id, subscriber_id, name, occurred_at, value::numeric, properties, dedupe_key
            FROM numbered ORDER BY subscriber_id, name, dedupe_key, id
            ON CONFLICT (subscriber_id, name, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
            RETURNING id, subscriber_id, name, occurred_at, value
        ), totalled AS (
            INSERT INTO event_totals AS t (subscriber_id, name, count, value_sum, first_at, last_at)
            SELECT subscriber_id, name, count(*), coalesce(sum(value), 0), min(occurred_at), max(occurred_at)
            FROM recorded GROUP BY subscriber_id, name ORDER BY subscriber_id, name
            ON CONFLICT (subscriber_id, name) DO UPDATE SET
                count = t.count + excluded.count,
                value_sum = t.value_sum + excluded.value_sum,
                first_at = least(t.first_at, excluded.first_at),
                last_at = greatest(t.last_at, excluded.last_at)
        )"
    )
}

/// The columns of an [`Event`], in its order.
const COLUMNS: &str = "id, subscriber_id, name, occurred_at, value::float8, properties, dedupe_key";

/// The types of [`COLUMNS`].
type Types = (
    BigInt,
    BigInt,
    Text,
    Timestamptz,
    Nullable<Double>,
    Jsonb,
    Nullable<Text>,
);

/// Finds events by id.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Event>, Error> {
    Ok(events::table
        .filter(events::id.eq_any(ids))
        .select(sql::<Types>(COLUMNS))
        .load(connection)?)
}

/// Finds events by id. Returns an empty list if their rows take more than `bytes` of memory together.
pub fn find_within(
    connection: &mut PgConnection,
    ids: &[i64],
    bytes: i64,
) -> Result<Vec<Event>, Error> {
    let rows = rows_within("events", COLUMNS, "properties", "name, dedupe_key");
    Ok(statement(rows)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<BigInt, _>(bytes)
        .returning::<Types>()
        .load(connection)?)
}

/// The place of an event in the list of a subscriber's events: newest first. Of events with the same time, the one
/// recorded last is first.
pub type EventKey = (StoredMoment, i64);

/// Finds a page of the ids of events of each of these subscribers, newest first. If `name` is given, only events of
/// that name.
pub fn find_pages(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
    name: Option<&str>,
    request: &PageRequest<EventKey>,
) -> Result<HashMap<i64, Page<Item>>, Error> {
    let list = PagedList {
        from: match name {
            Some(_) => "events e WHERE e.subscriber_id = asked.holder AND e.name = $4",
            None => "events e WHERE e.subscriber_id = asked.holder",
        },
        id: "e.id",
        key: &["e.occurred_at", "e.id"],
        bound: "split_part(KEY, '|', 1)::timestamptz, split_part(KEY, '|', 2)::bigint",
        descends: true,
        text: name,
        ..PagedList::default()
    };
    let text = |(StoredMoment(at), id): &EventKey| format!("{}|{id}", at.to_rfc3339());
    list.find_pages(connection, subscriber_ids, &request.map(text))
}

/// Lists all events of these subscribers, newest first.
pub fn list_all_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<Event>, Error> {
    Ok(events::table
        .filter(events::subscriber_id.eq_any(subscriber_ids))
        .order((events::occurred_at.desc(), events::id.desc()))
        .select(sql::<Types>(COLUMNS))
        .load(connection)?)
}

/// Lists events of a subscriber, newest first, starting after the event with this time and id.
pub fn list_page_of(
    connection: &mut PgConnection,
    subscriber_id: i64,
    after: Option<(DateTime<Utc>, i64)>,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let mut query = events::table
        .filter(events::subscriber_id.eq(subscriber_id))
        .order((events::occurred_at.desc(), events::id.desc()))
        .select(sql::<Types>(COLUMNS))
        .limit(limit)
        .into_boxed();
    if let Some((at, id)) = after {
        // Only the first condition can use an index.
        query = query
            .filter(events::occurred_at.le(at))
            .filter(events::occurred_at.lt(at).or(events::id.lt(id)));
    }
    Ok(query.load(connection)?)
}

/// Lists the totals of these subscribers, by event name.
pub fn list_totals(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<EventTotal>, Error> {
    Ok(event_totals::table
        .filter(event_totals::subscriber_id.eq_any(subscriber_ids))
        .order((event_totals::subscriber_id, event_totals::name))
        .select((
            event_totals::subscriber_id,
            event_totals::name,
            event_totals::count,
            diesel::dsl::sql::<Double>("value_sum::float8"),
            event_totals::first_at,
            event_totals::last_at,
        ))
        .load(connection)?)
}

/// Updates the planner's statistics of the tables, after a large load.
pub fn analyze(connection: &mut PgConnection) -> Result<(), Error> {
    Ok(connection.batch_execute("ANALYZE subscribers, group_memberships, events, event_totals")?)
}
