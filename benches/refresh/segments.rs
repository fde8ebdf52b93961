//! Mixed segments, each as a rule and as the SQL that a careful person would write for it.

use chrono::{DateTime, Utc};
use rollcall::audience::segment::{self, SegmentMode};
use rollcall::db::Db;
use serde_json::{Value, json};
use std::ops::Range;

/// A segment in both forms. In the SQL, `s` is the subscriber and `$now` the moment.
pub struct Definition {
    /// Its id.
    pub id: i64,
    /// The condition of the SQL way.
    pub condition: String,
}

/// Makes segments with these numbers.
pub fn make(db: &Db, numbers: Range<usize>, now: DateTime<Utc>) -> anyhow::Result<Vec<Definition>> {
    let mut definitions = Vec::with_capacity(numbers.len());
    for number in numbers {
        let (rule, condition) = mixed(number);
        let key = format!("segment-{number:04}");
        let made = db.run_here(|connection| {
            segment::create(connection, &key, None, None, &rule, SegmentMode::Daily, now)
        })?;
        definitions.push(Definition {
            id: made.id,
            condition,
        });
    }
    Ok(definitions)
}

fn mixed(number: usize) -> (Value, String) {
    // Parameters go round, so that some leaves are shared between segments, as they are in life.
    let round = number / 20;
    let country = ["LT", "LV", "EE", "DE", "FR", "US", "GB", "PL", "SE"][round % 9];
    let days = [7, 14, 30, 60, 90, 180, 365][round % 7];
    let amount = 50 + 25 * (round % 12);
    let visits = 10 * (round % 40);
    let plan = ["free", "pro", "team"][round % 3];
    let group = ["staff", "press", "beta", "customers"][round % 4];
    match number % 20 {
        0 => leaf(is_country(country)),
        1 => not(is_country(country)),
        2 => all(vec![is_country(country), is_plan(plan)]),
        3 => leaf(visits_at_least(visits)),
        4 => any(vec![visits_at_least(visits + 200), is_vip()]),
        5 => leaf(in_group(group)),
        6 => all(vec![in_group(group), in_status("subscribed")]),
        7 => leaf(did("purchase", days)),
        8 => not(did("visit", days)),
        9 => leaf(spent(amount)),
        10 => leaf(never("purchase")),
        11 => all(vec![did("visit", days), never("purchase")]),
        12 => all(vec![spent(amount), not_node(did("purchase", days))]),
        13 => leaf(added_in_the_last(days)),
        14 => leaf(email_contains(&format!("{}@work", round % 10))),
        15 => all(vec![is_plan(plan), did_times("open", days, 2)]),
        16 => any(vec![
            is_country(country),
            in_group(group),
            did("purchase", days),
        ]),
        17 => leaf(born_before(1950 + (round % 50) as i32)),
        18 => leaf(renews_in_the_next(days)),
        _ => all(vec![
            in_status("subscribed"),
            is_country(country),
            not_node(in_group("staff")),
            spent(amount),
        ]),
    }
}

/// A rule with its SQL.
type Pair = (Value, String);

fn leaf(pair: Pair) -> Pair {
    pair
}

fn not(pair: Pair) -> Pair {
    not_node(pair)
}

fn not_node((rule, sql): Pair) -> Pair {
    (json!({ "not": rule }), format!("({sql}) IS NOT TRUE"))
}

fn all(pairs: Vec<Pair>) -> Pair {
    combine("all", " AND ", pairs)
}

fn any(pairs: Vec<Pair>) -> Pair {
    combine("any", " OR ", pairs)
}

fn combine(key: &str, operator: &str, pairs: Vec<Pair>) -> Pair {
    let (rules, sqls): (Vec<Value>, Vec<String>) = pairs.into_iter().unzip();
    let sqls: Vec<String> = sqls.into_iter().map(|sql| format!("({sql})")).collect();
    (json!({ key: rules }), sqls.join(operator))
}

fn is_country(country: &str) -> Pair {
    (
        json!({"text": {"field": "country", "is": {"equals": country}, "caseSensitive": true}}),
        format!("s.country = '{country}'"),
    )
}

fn is_plan(plan: &str) -> Pair {
    (
        json!({"text": {"field": "custom.plan", "is": {"equals": plan}}}),
        format!("lower(s.custom ->> 'plan') = '{plan}'"),
    )
}

fn visits_at_least(visits: usize) -> Pair {
    (
        json!({"number": {"field": "custom.visits", "is": {"atLeast": visits}}}),
        format!("(s.custom ->> 'visits')::float8 >= {visits}"),
    )
}

fn is_vip() -> Pair {
    (
        json!({"boolean": {"field": "custom.vip", "is": {"isTrue": true}}}),
        "(s.custom ->> 'vip')::boolean".to_owned(),
    )
}

fn in_group(key: &str) -> Pair {
    (
        json!({"group": {"inAny": [key]}}),
        format!(
            "s.id IN (SELECT m.subscriber_id FROM group_memberships m JOIN groups g ON g.id = m.group_id WHERE g.key = '{key}')"
        ),
    )
}

fn in_status(status: &str) -> Pair {
    (
        json!({"status": {"in": [status.to_uppercase()]}}),
        format!("s.status = '{status}'"),
    )
}

fn did(name: &str, days: usize) -> Pair {
    (
        json!({"event": {"name": name, "inTheLast": {"amount": days, "unit": "DAY"}}}),
        format!(
            "s.id IN (SELECT e.subscriber_id FROM events e WHERE e.name = '{name}' \
             AND e.occurred_at BETWEEN $now - interval '{days} days' AND $now)"
        ),
    )
}

fn did_times(name: &str, days: usize, times: usize) -> Pair {
    (
        json!({"event": {"name": name, "inTheLast": {"amount": days, "unit": "DAY"}, "count": {"atLeast": times}}}),
        format!(
            "s.id IN (SELECT e.subscriber_id FROM events e WHERE e.name = '{name}' \
             AND e.occurred_at BETWEEN $now - interval '{days} days' AND $now \
             GROUP BY e.subscriber_id HAVING count(*) >= {times})"
        ),
    )
}

fn spent(amount: usize) -> Pair {
    (
        json!({"event": {"name": "purchase", "sum": {"atLeast": amount}}}),
        format!(
            "s.id IN (SELECT t.subscriber_id FROM event_totals t WHERE t.name = 'purchase' AND t.value_sum >= {amount})"
        ),
    )
}

fn never(name: &str) -> Pair {
    (
        json!({"event": {"name": name, "count": {"equals": 0}}}),
        format!(
            "NOT EXISTS (SELECT FROM event_totals t WHERE t.subscriber_id = s.id AND t.name = '{name}')"
        ),
    )
}

fn added_in_the_last(days: usize) -> Pair {
    (
        json!({"date": {"field": "createdAt", "is": {"inTheLast": {"amount": days, "unit": "DAY"}}}}),
        format!("s.created_at BETWEEN $now - interval '{days} days' AND $now"),
    )
}

fn email_contains(part: &str) -> Pair {
    (
        json!({"text": {"field": "email", "is": {"contains": part}}}),
        format!("position('{part}' in s.email) > 0"),
    )
}

fn born_before(year: i32) -> Pair {
    (
        json!({"date": {"field": "birthday", "is": {"before": format!("{year}-01-01")}}}),
        format!("s.birthday < date '{year}-01-01'"),
    )
}

fn renews_in_the_next(days: usize) -> Pair {
    (
        json!({"date": {"field": "custom.renewal", "is": {"inTheNext": {"amount": days, "unit": "DAY"}}}}),
        format!(
            "(s.custom ->> 'renewal')::date BETWEEN ($now AT TIME ZONE 'UTC')::date \
             AND ($now AT TIME ZONE 'UTC')::date + {days}"
        ),
    )
}
