//! From people to the columns that the evaluator reads, filled as a refresh fills them from the tables, and the
//! evaluator's answers over them.

mod events;

use crate::generate::{CUSTOM_FIELDS, GROUPS, SEGMENTS};
use crate::naive::{CustomValue, Past, Person, Segment, World};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, ListArray, StringArray, TimestampMicrosecondArray,
    UInt8Array,
};
use arrow_buffer::BooleanBuffer;
use chrono::{DateTime, NaiveDate, Utc};
use events::answer_events;
use rollcall_evaluate::cancel::Cancel;
use rollcall_evaluate::{
    Chunk, Column, ColumnKey, GroupKey, HistoryKey, Plan, PlannedRule, RowIds, combine, day_number,
    evaluate_leaves,
};
use rollcall_rule::{
    Catalogue, CheckedRule, CustomType, DateField, KnownSegment, Moment, Problem, Status,
    TextField, parse_and_check,
};
use serde_json::Value;
use std::sync::LazyLock;

/// One row per id of a chunk; none where no subscriber exists.
pub type Rows = [Option<Person>];

/// The id of the first row of every chunk.
pub const FIRST_ID: i64 = 3 * 8_192;

/// The id of the first segment; those of the others follow.
const FIRST_SEGMENT: i64 = 100;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let custom_type = |name| CustomType::find(name).expect("a type");
    let custom_fields = CUSTOM_FIELDS.map(|(key, name)| (key.to_owned(), custom_type(name)));
    let groups = GROUPS.iter().zip(10..);
    let segment = |(key, id): (&&str, i64)| {
        let uses = Vec::new();
        ((*key).to_owned(), KnownSegment { id, uses })
    };
    Catalogue {
        custom_fields: custom_fields.into(),
        groups: groups.map(|(key, id)| ((*key).to_owned(), id)).collect(),
        segments: SEGMENTS.iter().zip(FIRST_SEGMENT..).map(segment).collect(),
    }
});

/// Every custom field, group and segment of the generators; the id of a group is 10 more than its place.
pub fn catalogue() -> Catalogue {
    CATALOGUE.clone()
}

/// Reads a rule and looks up its names in [`catalogue`].
pub fn read(rule: &Value) -> Result<CheckedRule, Vec<Problem>> {
    parse_and_check(rule, &CATALOGUE, None).map(|(_, checked)| checked)
}

/// People with the ids of the rows they are in.
pub fn numbered(people: impl IntoIterator<Item = Option<Person>>) -> Vec<Option<Person>> {
    let number = |(person, id): (Option<Person>, i64)| person.map(|person| Person { id, ..person });
    people.into_iter().zip(FIRST_ID..).map(number).collect()
}

/// Evaluates rules with one plan, together with the rules of the segments, as a refresh does. Returns the members of
/// every node of each rule; the first node is the rule itself. Behind them stand the segments that have rules.
pub fn evaluate(rules: &[CheckedRule], rows: &Rows, world: &World) -> Vec<Vec<BooleanBuffer>> {
    let moment = Moment {
        now: world.moment.now,
        zone: world.moment.zone,
    };
    let segments: Vec<(i64, CheckedRule)> = list_rules(world)
        .map(|(key, rule)| {
            let described = |problems| panic!("{key}: {rule} has problems: {problems:?}");
            (
                CATALOGUE.segments[key].id,
                read(rule).unwrap_or_else(described),
            )
        })
        .collect();
    let alone = rules.iter().map(|rule| PlannedRule {
        segment_id: None,
        rule,
    });
    let stored = segments.iter().map(|(id, rule)| PlannedRule {
        segment_id: Some(*id),
        rule,
    });
    let plan = Plan::new(alone.chain(stored), &moment);
    let chunk = make_chunk(rows, &plan, world, &moment);
    let leaves = evaluate_leaves(&plan, &chunk, &moment, &Cancel::default()).expect("no stop");
    let mut members = vec![Vec::new(); plan.trees.len()];
    combine(&plan, &leaves, &chunk, |place, nodes| {
        members[place] = nodes
    });
    members
}

/// The segments that have rules, by key; in an order in which some stand before those that they ask about.
pub fn list_rules(world: &World) -> impl Iterator<Item = (&str, &Value)> {
    let segments = world.segments.iter().rev();
    segments.filter_map(|(key, segment)| match segment {
        Segment::Rule(rule) => Some((key.as_str(), rule)),
        Segment::Stored(_) => None,
    })
}

fn make_chunk(rows: &Rows, plan: &Plan, world: &World, moment: &Moment) -> Chunk {
    let column = |key: &ColumnKey| (key.clone(), make_column(rows, key));
    let members = |key: &GroupKey| (*key, list_members(rows, key));
    // Somebody who was deleted meanwhile is still a stored member.
    let ids = || FIRST_ID..FIRST_ID + rows.len() as i64;
    let key_of = |id: i64| SEGMENTS[usize::try_from(id - FIRST_SEGMENT).expect("a segment")];
    let stored = |id: &i64| {
        let past = |subscriber| world.past_of(key_of(*id), subscriber);
        (*id, ids().map(|id| past(id).is_member).collect())
    };
    let history = |key: &HistoryKey| {
        let counts = |id| counts_in_past(key, &world.past_of(key_of(key.segment_id), id));
        (*key, ids().map(counts).collect())
    };
    Chunk {
        ids: RowIds::From(FIRST_ID),
        exists: rows.iter().map(Option::is_some).collect(),
        columns: plan.columns.iter().map(column).collect(),
        groups: plan.groups.iter().map(members).collect(),
        segments: plan.segments.iter().map(stored).collect(),
        histories: plan.histories.iter().map(history).collect(),
        events: answer_events(rows, &plan.events, moment),
    }
}

/// Whether a stored membership counts.
fn counts_in_past(key: &HistoryKey, past: &Past) -> bool {
    let is_in_time = |at: &DateTime<Utc>| key.contains(at.timestamp_micros());
    if key.is_unbounded() {
        past.is_member || !past.joined.is_empty()
    } else if key.ever {
        past.joined.iter().any(is_in_time)
    } else {
        past.is_member && past.joined.last().is_some_and(is_in_time)
    }
}

fn make_column(rows: &Rows, key: &ColumnKey) -> Column {
    match key {
        ColumnKey::Text(field) => {
            Column::Text(values(rows, |person| find_text(person, field)).collect::<StringArray>())
        }
        ColumnKey::Number(key) => {
            let numbers = values(rows, |person| match person.custom.get(key)? {
                // Minus zero is stored as zero.
                CustomValue::Number(number) => Some(number + 0.0),
                other => panic!("{other:?} is not a number"),
            });
            Column::Number(numbers.collect::<Float64Array>())
        }
        ColumnKey::Date(field) if field.is_day() => {
            let days = values(rows, |person| find_day(person, field).map(day_number));
            Column::Day(days.collect::<Date32Array>())
        }
        ColumnKey::Date(field) => {
            let instants = values(rows, |person| find_instant(person, field));
            let micros = instants.map(|at| at.map(|at| at.timestamp_micros()));
            Column::Instant(micros.collect::<TimestampMicrosecondArray>())
        }
        ColumnKey::Boolean(key) => {
            let flags = values(rows, |person| match person.custom.get(key)? {
                CustomValue::Boolean(flag) => Some(*flag),
                other => panic!("{other:?} is not a boolean"),
            });
            Column::Boolean(flags.collect::<BooleanArray>())
        }
        ColumnKey::List(key) => {
            let lists = values(rows, |person| match person.custom.get(key)? {
                CustomValue::List(list) => Some(list.iter().map(String::as_str)),
                other => panic!("{other:?} is not a list"),
            });
            Column::List(make_lists(lists))
        }
        ColumnKey::Latitude => {
            let degrees = values(rows, |person| person.place.map(|place| place.0));
            Column::Number(degrees.collect::<Float64Array>())
        }
        ColumnKey::Longitude => {
            let degrees = values(rows, |person| person.place.map(|place| place.1));
            Column::Number(degrees.collect::<Float64Array>())
        }
        ColumnKey::Status => {
            let places = values(rows, |person| {
                let status = Status::parse(person.status).expect("a status");
                let place = Status::ALL.iter().position(|one| *one == status);
                place.and_then(|place| u8::try_from(place).ok())
            });
            Column::Status(places.collect::<UInt8Array>())
        }
    }
}

/// What is found of each person; nothing where nobody is.
fn values<'r, T>(
    rows: &'r Rows,
    find: impl Fn(&'r Person) -> Option<T>,
) -> impl Iterator<Item = Option<T>> {
    rows.iter().map(move |row| row.as_ref().and_then(&find))
}

fn find_text<'p>(person: &'p Person, field: &TextField) -> Option<&'p str> {
    let name = match field {
        TextField::Email => return Some(&person.email),
        TextField::EmailDomain => return person.email.rsplit('@').next(),
        TextField::Custom(key) => {
            return person.custom.get(key).map(|value| match value {
                CustomValue::Text(text) => text.as_str(),
                other => panic!("{other:?} is not a text"),
            });
        }
        TextField::FirstName => "firstName",
        TextField::LastName => "lastName",
        TextField::Phone => "phone",
        TextField::Country => "country",
        TextField::Region => "region",
        TextField::City => "city",
        TextField::PostalCode => "postalCode",
        TextField::Language => "language",
        TextField::Timezone => "timezone",
        TextField::Source => "source",
    };
    person.text.get(name).map(String::as_str)
}

fn find_day(person: &Person, field: &DateField) -> Option<NaiveDate> {
    let DateField::CustomDate(key) = field else {
        return person.birthday;
    };
    person.custom.get(key).map(|value| match value {
        CustomValue::Date(day) => *day,
        other => panic!("{other:?} is not a day"),
    })
}

fn find_instant(person: &Person, field: &DateField) -> Option<DateTime<Utc>> {
    let name = match field {
        DateField::CreatedAt => "createdAt",
        DateField::UpdatedAt => "updatedAt",
        DateField::SubscribedAt => "subscribedAt",
        DateField::UnsubscribedAt => "unsubscribedAt",
        DateField::CustomDatetime(key) => {
            return person.custom.get(key).map(|value| match value {
                CustomValue::Datetime(at) => *at,
                other => panic!("{other:?} is not an instant"),
            });
        }
        DateField::Birthday | DateField::CustomDate(_) => panic!("{field:?} holds days"),
    };
    person.instants.get(name).copied()
}

/// Lists of texts; an empty one is missing.
fn make_lists<'t, T: Iterator<Item = &'t str>>(
    lists: impl Iterator<Item = Option<T>>,
) -> ListArray {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        let items: Vec<&str> = list.into_iter().flatten().collect();
        items
            .iter()
            .for_each(|item| builder.values().append_value(item));
        builder.append(!items.is_empty());
    }
    builder.finish()
}

fn list_members(rows: &Rows, wanted: &GroupKey) -> BooleanBuffer {
    let is_member = |person: &Person| {
        let mut groups = person.groups.iter();
        groups.any(|(key, added_at)| {
            let is_asked = |id| CATALOGUE.groups[key] == id;
            wanted.group.is_none_or(is_asked) && wanted.contains(added_at.timestamp_micros())
        })
    };
    let rows = rows.iter().map(Option::as_ref);
    rows.map(|row| row.is_some_and(is_member)).collect()
}
