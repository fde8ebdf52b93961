//! Making and changing a large audience, in SQL, always the same for the same size.

use super::execute;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use rollcall::audience::{custom_field, group};
use rollcall::db::Db;
use rollcall::rule::CustomType;
use std::ops::RangeInclusive;

/// The time of the benchmark.
pub const NOW: &str = "2026-06-15T12:00:00Z";

/// Makes that many subscribers with custom fields, groups and five events each.
pub fn make(db: &Db, subscribers: i64, now: DateTime<Utc>) -> anyhow::Result<()> {
    make_names(db, now)?;
    add(db, 1..=subscribers, now)
}

fn make_names(db: &Db, now: DateTime<Utc>) -> anyhow::Result<()> {
    Ok(db.run_here(|connection| {
        for (key, custom_type) in [
            ("plan", CustomType::Text),
            ("visits", CustomType::Number),
            ("vip", CustomType::Boolean),
            ("renewal", CustomType::Date),
        ] {
            custom_field::create(connection, key, key, custom_type, now)?;
        }
        for key in ["staff", "press", "beta", "customers"] {
            group::create(connection, key, None, None, now)?;
        }
        Ok(())
    })?)
}

/// Adds the subscribers with these ids, and five times as many events of theirs.
///
/// The index that events come to in random order is made when they are all there: row by row ten million subscribers took longer
/// than everything else together.
pub fn add(db: &Db, ids: RangeInclusive<i64>, now: DateTime<Utc>) -> anyhow::Result<()> {
    execute(db, "DROP INDEX events_by_subscriber")?;
    insert(db, ids, now)?;
    execute(
        db,
        "SET LOCAL maintenance_work_mem = '512MB'; \
         CREATE INDEX events_by_subscriber ON events (subscriber_id, name, occurred_at) INCLUDE (value)",
    )?;
    execute(db, "VACUUM ANALYZE")
}

fn insert(db: &Db, ids: RangeInclusive<i64>, now: DateTime<Utc>) -> anyhow::Result<()> {
    let (first, last) = (ids.start(), ids.end());
    let count = last - first + 1;
    // A multiplicative hash spreads the values without a generator, so that every run has the same audience.
    execute(
        db,
        &format!(
            "SET LOCAL work_mem = '256MB'; INSERT INTO subscribers (id, email, status, first_name, country, city, language, birthday, custom, \
                 created_at, updated_at, subscribed_at) \
             SELECT id, 'person' || id || '@' || (ARRAY['example.com','example.org','mail.example','work.example'])[1 + h % 4], \
                 CASE WHEN h % 20 = 0 THEN 'unsubscribed' WHEN h % 31 = 0 THEN 'bounced' ELSE 'subscribed' END, \
                 CASE WHEN h % 3 > 0 THEN 'Name' || h % 1000 END, \
                 (ARRAY['LT','LV','EE','DE','FR','US','GB','PL',NULL,'SE'])[1 + h % 10], \
                 CASE WHEN h % 7 > 0 THEN 'City ' || h % 200 END, \
                 (ARRAY['lt','en','de','fr'])[1 + h % 4], \
                 CASE WHEN h % 5 > 0 THEN date '1950-01-01' + (h % 20000)::integer END, \
                 jsonb_strip_nulls(jsonb_build_object('plan', (ARRAY['free','pro','team',NULL])[1 + h % 4], \
                     'visits', CASE WHEN h % 6 > 0 THEN h % 500 END, 'vip', CASE WHEN h % 9 = 0 THEN true WHEN h % 9 < 3 THEN false END, \
                     'renewal', CASE WHEN h % 2 = 0 THEN to_char(date '2026-01-01' + (h % 500)::integer, 'YYYY-MM-DD') END)), \
                 timestamptz '{now}' - (h % 1500) * interval '1 day', timestamptz '{now}', timestamptz '{now}' - (h % 1500) * interval '1 day' \
             FROM (SELECT id, (id * 2654435761) % 4294967296 / 7 AS h FROM generate_series({first}, {last}) AS id) numbers; \
             SELECT setval(pg_get_serial_sequence('subscribers', 'id'), {last}); \
             INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT g.id, s.id, timestamptz '{now}', 'import' FROM groups g JOIN subscribers s ON \
                 ((g.key = 'staff' AND s.id % 500 = 0) OR (g.key = 'press' AND s.id % 100 = 7) \
                 OR (g.key = 'beta' AND s.id % 20 = 3) OR (g.key = 'customers' AND s.id % 3 = 0)) WHERE s.id >= {first}; \
             INSERT INTO events (subscriber_id, name, occurred_at, value) \
             SELECT {first} + (h % {count}), (ARRAY['purchase','visit','visit','open'])[1 + h / 3 % 4], \
                 timestamptz '{now}' - (h / 11 % 63072000) * interval '1 second', \
                 CASE WHEN h / 3 % 4 = 0 THEN (h % 20000)::numeric / 100 END \
             FROM (SELECT (n * 40503000007) % 1099511627776 AS h FROM generate_series(1, {events}) AS n) numbers; \
             INSERT INTO event_totals SELECT subscriber_id, name, count(*), coalesce(sum(value), 0), min(occurred_at), max(occurred_at) \
             FROM events WHERE subscriber_id >= {first} GROUP BY subscriber_id, name ORDER BY subscriber_id, name",
            events = count * 5,
        ),
    )
}

/// Changes about 1 % of the subscribers and lets about 1 % do something, others on each day.
pub fn change(db: &Db, later: DateTime<Utc>, day: usize) -> anyhow::Result<()> {
    let (edited, active) = ((42 + day) % 100, (17 + day) % 100);
    execute(
        db,
        &format!(
            "UPDATE subscribers SET country = CASE WHEN country = 'LT' THEN 'DE' ELSE 'LT' END, updated_at = timestamptz '{later}', \
                 custom = custom || jsonb_build_object('visits', id % 700) WHERE id % 100 = {edited}; \
             WITH happened AS (INSERT INTO events (subscriber_id, name, occurred_at, value) \
                 SELECT id, 'purchase', timestamptz '{later}' - interval '1 hour', 25 FROM subscribers WHERE id % 100 = {active} \
                 RETURNING subscriber_id, name, occurred_at, value) \
             INSERT INTO event_totals AS t SELECT subscriber_id, name, count(*), sum(value), min(occurred_at), max(occurred_at) \
             FROM happened GROUP BY subscriber_id, name ON CONFLICT (subscriber_id, name) DO UPDATE SET \
                 count = t.count + excluded.count, value_sum = t.value_sum + excluded.value_sum, \
                 last_at = greatest(t.last_at, excluded.last_at)"
        ),
    )?;
    execute(db, "VACUUM ANALYZE")
}

/// Runs a query for one number.
pub fn optional_number(db: &Db, sql: &str) -> anyhow::Result<Option<i64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<BigInt>)]
        number: Option<i64>,
    }
    let sql = format!("SELECT ({sql})::bigint AS number");
    let row: Row =
        db.run_here(|connection| Ok(diesel::sql_query(sql.as_str()).get_result(connection)?))?;
    Ok(row.number)
}
