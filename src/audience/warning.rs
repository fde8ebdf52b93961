//! Warnings about rules that use event names, properties or types of properties that the recorded events do not have.

use super::segment::Segment;
use crate::error::Error;
use crate::rule::{AskedEvents, AskedProperty, Warning, WarningCode, list_asked_events, nearest};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Properties are searched for in this many of the latest events of all names, because a warning must not cost more
/// than the preview that it belongs to.
const LATEST_EVENTS: i64 = 20_000;

/// The most known names that are compared with a misspelt name.
const MOST_NAMES: i64 = 1_000;

/// The most warnings about a rule. Further warnings appear once these are fixed.
const MOST_WARNINGS: usize = 20;

/// The most pairs of event name and property that are checked. Further pairs of a larger rule are not checked.
const MOST_PROPERTIES: usize = 200;

/// How many of the latest events of a condition are read to suggest a property.
const EVENTS_FOR_HINT: i64 = 200;

/// Finds the warnings about a valid rule, the root node as JSON.
pub fn find_warnings(connection: &mut PgConnection, rule: &Value) -> Result<Vec<Warning>, Error> {
    let asked = list_asked_events(rule);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let known = find_known_names(connection, &asked)?;
    let sample = sample_properties(connection, &asked, &known)?;
    let mut all_names: Option<Vec<String>> = None;
    let mut warnings = Vec::new();
    for condition in &asked {
        for (path, name) in &condition.names {
            if !known.contains(*name) && warnings.len() < MOST_WARNINGS {
                if all_names.is_none() {
                    all_names = Some(list_names(connection)?);
                }
                let names = all_names.as_deref().unwrap_or_default();
                warnings.push(unknown_event(path, name, names));
            }
        }
        for property in &condition.properties {
            if warnings.len() < MOST_WARNINGS {
                warnings.extend(check_property(connection, condition, property, &sample)?);
            }
        }
    }
    Ok(warnings)
}

fn unknown_event(path: &str, name: &str, known: &[String]) -> Warning {
    Warning {
        path: path.to_owned(),
        code: WarningCode::UnknownEvent,
        message: format!(
            "expected the name of a recorded event, found \"{name}\", which was never recorded"
        ),
        hint: nearest(name, known.iter().map(String::as_str)),
    }
}

/// Returns the names that were ever recorded.
fn find_known_names(
    connection: &mut PgConnection,
    asked: &[AskedEvents<'_>],
) -> Result<HashSet<String>, Error> {
    let names = asked.iter().flat_map(|condition| &condition.names);
    let names: BTreeSet<&str> = names.map(|(_, name)| *name).collect();
    let known: Vec<Name> = diesel::sql_query("SELECT name FROM event_names WHERE name = ANY($1)")
        .bind::<Array<Text>, _>(Vec::from_iter(names))
        .load(connection)?;
    Ok(known.into_iter().map(|known| known.name).collect())
}

fn list_names(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let names: Vec<Name> = diesel::sql_query("SELECT name FROM event_names ORDER BY name LIMIT $1")
        .bind::<BigInt, _>(MOST_NAMES)
        .load(connection)?;
    Ok(names.into_iter().map(|known| known.name).collect())
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The properties of the latest events.
#[derive(Default)]
struct Sample {
    /// How many events of each name were read.
    events: HashMap<String, i64>,
    /// How many events have a property with values of a type, by event name, property and type.
    types: HashMap<(String, String), HashMap<String, i64>>,
}

/// Reads which of the properties in the rule the latest events have, and of which types.
fn sample_properties(
    connection: &mut PgConnection,
    asked: &[AskedEvents<'_>],
    known: &HashSet<String>,
) -> Result<Sample, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        event: String,
        #[diesel(sql_type = Text)]
        property: String,
        #[diesel(sql_type = Nullable<Text>)]
        json_type: Option<String>,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let pairs = asked.iter().flat_map(|condition| {
        let names = condition
            .names
            .iter()
            .filter(|(_, name)| known.contains(*name));
        names.flat_map(|(_, name)| {
            let properties = condition.properties.iter();
            properties.map(move |property| (*name, property.name))
        })
    });
    let pairs: BTreeSet<(&str, &str)> = pairs.collect();
    let (events, properties): (Vec<&str>, Vec<&str>) =
        pairs.into_iter().take(MOST_PROPERTIES).unzip();
    let mut sample = Sample::default();
    if events.is_empty() {
        return Ok(sample);
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT a.event, a.property, nullif(jsonb_typeof(e.properties -> a.property), 'null') AS json_type, count(*) AS count \
         FROM (SELECT name, properties FROM events ORDER BY id DESC LIMIT $3) e \
         JOIN unnest($1, $2) AS a (event, property) ON a.event = e.name GROUP BY 1, 2, 3",
    )
    .bind::<Array<Text>, _>(events)
    .bind::<Array<Text>, _>(properties)
    .bind::<BigInt, _>(LATEST_EVENTS)
    .load(connection)?;
    let mut counted: HashMap<(String, String), i64> = HashMap::new();
    for row in rows {
        let pair = (row.event, row.property);
        *counted.entry(pair.clone()).or_default() += row.count;
        let types = sample.types.entry(pair).or_default();
        types.extend(row.json_type.map(|json_type| (json_type, row.count)));
    }
    // Each pair has counted every event of its name once.
    for ((event, _), count) in counted {
        sample.events.insert(event, count);
    }
    Ok(sample)
}

/// Returns a warning if none of the latest events of a condition has the property, or none has it with values of that
/// type.
fn check_property(
    connection: &mut PgConnection,
    condition: &AskedEvents<'_>,
    property: &AskedProperty<'_>,
    sample: &Sample,
) -> Result<Option<Warning>, Error> {
    let mut events = 0;
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for (_, name) in &condition.names {
        let pair = ((*name).to_owned(), property.name.to_owned());
        if let Some(found) = sample.types.get(&pair) {
            events += sample.events.get(*name).copied().unwrap_or_default();
            types.extend(found.keys().map(String::as_str));
        }
    }
    if events == 0 || types.contains(property.json_type()) {
        return Ok(None);
    }
    let latest = match events {
        1 => "the latest such event".to_owned(),
        many => format!("the latest {many} such events"),
    };
    let found = property.name;
    let warning = match types.is_empty() {
        true => {
            let known = list_properties_of(connection, condition)?;
            Warning {
                path: property.path.clone(),
                code: WarningCode::UnknownProperty,
                message: format!(
                    "expected a property of {latest}, found \"{found}\", which none of them has"
                ),
                hint: nearest(found, known.iter().map(String::as_str)),
            }
        }
        false => {
            let types: Vec<&str> = types.into_iter().map(describe_type).collect();
            Warning {
                path: property.path.clone(),
                code: WarningCode::OtherPropertyType,
                message: format!(
                    "expected a property that holds {}, found \"{found}\", which holds {} in {latest}",
                    describe_type(property.json_type()),
                    types.join(" and ")
                ),
                hint: None,
            }
        }
    };
    Ok(Some(warning))
}

fn describe_type(json_type: &str) -> &str {
    match json_type {
        "string" => "texts",
        "number" => "numbers",
        "boolean" => "true and false",
        "array" => "lists",
        _ => "objects",
    }
}

/// Lists properties that the latest events of a condition have.
fn list_properties_of(
    connection: &mut PgConnection,
    condition: &AskedEvents<'_>,
) -> Result<Vec<String>, Error> {
    let names: Vec<&str> = condition.names.iter().map(|(_, name)| *name).collect();
    let found: Vec<Name> = diesel::sql_query(
        "SELECT DISTINCT property.key AS name FROM (SELECT properties FROM \
         (SELECT id, name, properties FROM events ORDER BY id DESC LIMIT $3) AS latest \
         WHERE name = ANY($1) ORDER BY id DESC LIMIT $2) e, \
         jsonb_each(e.properties) AS property WHERE jsonb_typeof(property.value) <> 'null' LIMIT $4",
    )
    .bind::<Array<Text>, _>(names)
    .bind::<BigInt, _>(EVENTS_FOR_HINT)
    .bind::<BigInt, _>(LATEST_EVENTS)
    .bind::<BigInt, _>(MOST_NAMES)
    .load(connection)?;
    Ok(found.into_iter().map(|known| known.name).collect())
}

/// Finds the warnings about the rule of a segment.
pub fn find_warnings_of(
    connection: &mut PgConnection,
    segment: &Segment,
) -> Result<Vec<Warning>, Error> {
    let document = segment.rule.read();
    find_warnings(connection, document.get("root").unwrap_or(&Value::Null))
}
