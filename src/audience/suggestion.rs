//! Suggestions for authors of rules: the most frequent values of a field, and the existing events and properties.

use super::field_column::{custom_column, custom_json, date_column, text_column};
use crate::error::Error;
use crate::rule::Field;
use crate::text::normalize;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

/// Properties are read from this many of the latest events of a name.
pub const LATEST_EVENTS: usize = 10_000;

/// The longest value or property name that is suggested, in characters. Longer ones are of no use in a rule.
const LONGEST: usize = 250;

/// The most properties that are listed for a name of events.
const MOST_PROPERTIES: usize = 250;

/// Where suggested values come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SuggestionSource {
    /// The values that subscribers have in a field, or the items if it is a list.
    Field(Field),
    /// The statuses, as rules name them.
    Status,
    /// The keys of groups, with how many members each has.
    Group,
    /// The keys of segments, with how many members each has.
    Segment,
    /// The names of events, with how many each has.
    Event,
    /// The values of a property, in the latest events of a name.
    Property {
        /// The name of the events.
        event: String,
        /// The name of the property.
        property: String,
        /// The type of its values, as JSON names it.
        json_type: String,
    },
}

/// A request for suggested values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SuggestionRequest {
    /// Where the values come from.
    pub source: SuggestionSource,
    /// The beginning of the values, in any letter case.
    pub prefix: String,
    /// The most values to return.
    pub first: usize,
}

/// A value, and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The value, as text.
    pub value: String,
    /// How many subscribers, members or events have it.
    pub count: i64,
}

/// A property of events.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct EventProperty {
    /// The name of the events.
    #[diesel(sql_type = Text)]
    pub event: String,
    /// The name of the property.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The type of its values, as JSON names it.
    #[diesel(sql_type = Text)]
    pub json_type: String,
    /// How many of the latest events have it.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

/// Answers several requests with one statement: the most frequent values for each, the most frequent first.
pub fn suggest(
    connection: &mut PgConnection,
    requests: &[SuggestionRequest],
) -> Result<Vec<Vec<Suggestion>>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        request: i32,
        #[diesel(sql_type = Text)]
        value: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let mut binds = Vec::new();
    let parts: Vec<String> = requests
        .iter()
        .enumerate()
        .map(|(place, request)| request_sql(place, request, &mut binds))
        .collect();
    let mut query = diesel::sql_query(parts.join(" UNION ALL ")).into_boxed();
    for bind in binds {
        query = query.bind::<Text, _>(bind);
    }
    let mut answers = vec![Vec::new(); requests.len()];
    for row in query.load::<Row>(connection)? {
        let answer = usize::try_from(row.request)
            .ok()
            .and_then(|place| answers.get_mut(place));
        answer.into_iter().for_each(|answer: &mut Vec<Suggestion>| {
            answer.push(Suggestion {
                value: row.value.clone(),
                count: row.count,
            });
        });
    }
    Ok(answers)
}

fn request_sql(place: usize, request: &SuggestionRequest, binds: &mut Vec<String>) -> String {
    let values = values_sql(&request.source, binds);
    binds.push(normalize(&request.prefix).to_lowercase());
    let prefix = binds.len();
    let first = request.first;
    format!(
        "(SELECT {place} AS request, value, sum(count)::bigint AS count FROM ({values}) AS found \
         WHERE value <> '' AND length(value) <= {LONGEST} AND starts_with(lower(value), ${prefix}) \
         GROUP BY value ORDER BY count DESC, value LIMIT {first})"
    )
}

/// Returns a SELECT of values with counts, in which a value may occur several times.
fn values_sql(source: &SuggestionSource, binds: &mut Vec<String>) -> String {
    let of_subscribers = |expression: &str| {
        format!(
            "SELECT ({expression})::text AS value, count(*) AS count FROM subscribers GROUP BY 1"
        )
    };
    match source {
        SuggestionSource::Field(Field::Text(field)) => of_subscribers(&text_column(field)),
        SuggestionSource::Field(Field::Date(field)) => of_subscribers(&date_column(field)),
        SuggestionSource::Field(Field::Number(key) | Field::Boolean(key)) => {
            of_subscribers(&custom_column(key))
        }
        SuggestionSource::Field(Field::List(key)) => {
            let list = custom_json(key);
            format!(
                "SELECT item AS value, count(*) AS count FROM subscribers, \
                 jsonb_array_elements_text(CASE jsonb_typeof({list}) WHEN 'array' THEN {list} END) AS item GROUP BY 1"
            )
        }
        SuggestionSource::Status => {
            "SELECT upper(status) AS value, sum(count) AS count FROM subscriber_counts GROUP BY 1 HAVING sum(count) <> 0"
                .to_owned()
        }
        SuggestionSource::Group => "SELECT key AS value, \
             (SELECT count(*) FROM group_memberships WHERE group_id = groups.id) AS count FROM groups"
            .to_owned(),
        SuggestionSource::Segment => "SELECT key AS value, \
             coalesce((SELECT members FROM segment_counts WHERE segment_id = segments.id), 0) AS count FROM segments WHERE archived_at IS NULL"
            .to_owned(),
        SuggestionSource::Event => {
            "SELECT name AS value, sum(count) AS count FROM event_totals GROUP BY 1".to_owned()
        }
        SuggestionSource::Property {
            event,
            property,
            json_type,
        } => {
            binds.extend([event.clone(), property.clone(), json_type.clone()]);
            let (event, property, json_type) = (binds.len() - 2, binds.len() - 1, binds.len());
            format!(
                "SELECT CASE WHEN jsonb_typeof(found) = 'array' THEN item #>> '{{}}' ELSE found #>> '{{}}' END AS value, 1 AS count \
                 FROM (SELECT properties -> ${property} AS found FROM events WHERE name = ${event} \
                 ORDER BY id DESC LIMIT {LATEST_EVENTS}) AS latest LEFT JOIN LATERAL \
                 jsonb_array_elements(CASE jsonb_typeof(found) WHEN 'array' THEN found END) AS item \
                 ON jsonb_typeof(item) = 'string' WHERE jsonb_typeof(found) = ${json_type}"
            )
        }
    }
}

/// Lists the properties of the latest events of each of these names, with the types of their values. Only properties
/// that a rule can use are listed, the most frequent first, and at most 250 of each name. A list must have a text that
/// is not empty.
pub fn list_properties(
    connection: &mut PgConnection,
    events: &[String],
) -> Result<Vec<EventProperty>, Error> {
    let sql = format!(
        "SELECT asked.name AS event, found.* FROM unnest($1) AS asked (name), LATERAL ( \
             SELECT property.key AS name, jsonb_typeof(property.value) AS json_type, count(*) AS count \
             FROM (SELECT properties FROM events WHERE events.name = asked.name ORDER BY id DESC LIMIT {LATEST_EVENTS}) AS latest, \
             jsonb_each(latest.properties) AS property \
             WHERE length(property.key) BETWEEN 1 AND {LONGEST} AND CASE jsonb_typeof(property.value) \
                 WHEN 'string' THEN property.value <> '\"\"' \
                 WHEN 'array' THEN jsonb_path_exists(property.value, 'strict $[*] ? (@.type() == \"string\" && @ != \"\")') \
                 ELSE jsonb_typeof(property.value) IN ('number', 'boolean') END \
             GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST_PROPERTIES}) AS found \
         ORDER BY 1, 4 DESC, 2, 3"
    );
    Ok(diesel::sql_query(sql)
        .bind::<diesel::sql_types::Array<Text>, _>(events)
        .load(connection)?)
}
