//! From people to the columns that the evaluator reads, filled as a refresh fills them from the tables, and the
//! evaluator's answers over them.

use crate::generate::{CUSTOM_FIELDS, GROUPS};
use crate::naive::{self, CustomValue, Event, Person};
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, StringArray, TimestampMicrosecondArray, UInt8Array,
};
use arrow_buffer::BooleanBuffer;
use chrono::{DateTime, NaiveDate, Utc};
use rollcall::evaluate::{
    Chunk, Column, ColumnKey, EventTally, Plan, combine, day_number, evaluate_leaves,
};
use rollcall::rule::{
    Catalogue, CheckedRule, CustomType, DateField, Moment, Problem, Status, TextField,
    parse_and_check,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One row per id of a chunk; none where no subscriber exists.
pub type Rows = [Option<Person>];

/// Every custom field and group of the generators; the id of a group is 10 more than its place.
pub fn catalogue() -> Catalogue {
    let custom_type = |name| CustomType::parse(name).expect("a type");
    let custom_fields = CUSTOM_FIELDS.map(|(key, name)| (key.to_owned(), custom_type(name)));
    let groups = GROUPS.iter().zip(10..);
    Catalogue {
        custom_fields: custom_fields.into(),
        groups: groups.map(|(key, id)| ((*key).to_owned(), id)).collect(),
    }
}

/// Reads a rule and looks up its names in [`catalogue`].
pub fn read(rule: &Value) -> Result<CheckedRule, Vec<Problem>> {
    parse_and_check(rule, &catalogue()).map(|(_, checked)| checked)
}

/// Evaluates rules with one plan. Returns the members of every node of each rule; the first node is the rule itself.
pub fn evaluate(
    rules: &[CheckedRule],
    rows: &Rows,
    moment: &naive::Moment,
) -> Vec<Vec<BooleanBuffer>> {
    let moment = Moment {
        now: moment.now,
        zone: moment.zone,
    };
    let plan = Plan::new(rules, &moment);
    let chunk = make_chunk(rows, &plan);
    let leaves = evaluate_leaves(&plan, &chunk, &moment);
    let trees = plan.trees.iter();
    trees
        .map(|tree| combine(tree, &leaves, &chunk.exists))
        .collect()
}

fn make_chunk(rows: &Rows, plan: &Plan) -> Chunk {
    let column = |key: &ColumnKey| (key.clone(), make_column(rows, key));
    let members = |id: &i64| (*id, list_members(rows, *id));
    Chunk {
        exists: rows.iter().map(Option::is_some).collect(),
        columns: plan.columns.iter().map(column).collect(),
        groups: plan.groups.iter().map(members).collect::<HashMap<_, _>>(),
        events: answer_events(rows, plan),
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

fn list_members(rows: &Rows, group: i64) -> BooleanBuffer {
    let catalogue = catalogue();
    let is_member = |person: &Person| {
        let mut keys = person.groups.keys();
        keys.any(|key| catalogue.groups[key] == group)
    };
    let rows = rows.iter().map(Option::as_ref);
    rows.map(|row| row.is_some_and(is_member)).collect()
}

/// Leaves of all time are answered from lifetime totals, the others from the events themselves.
fn answer_events(rows: &Rows, plan: &Plan) -> Vec<BooleanBuffer> {
    let mut answers = BTreeMap::new();
    for from_totals in [true, false] {
        let leaves = plan.event_leaves.iter().enumerate();
        let (places, leaves): (Vec<usize>, Vec<_>) = leaves
            .filter(|(_, leaf)| leaf.is_all_time() == from_totals)
            .unzip();
        let mut tally = EventTally::new(leaves, rows.len());
        for (row, person) in rows.iter().enumerate() {
            let events = person.as_ref().map_or(&[][..], |person| &person.events);
            match from_totals {
                true => add_totals(&mut tally, row, events),
                false => add_events(&mut tally, row, events),
            }
        }
        answers.extend(places.into_iter().zip(tally.finish()));
    }
    answers.into_values().collect()
}

fn add_totals(tally: &mut EventTally<'_>, row: usize, events: &[Event]) {
    let span = tally.span().clone();
    for (number, name) in span.names.iter().enumerate() {
        let mine = || events.iter().filter(|event| event.name == *name);
        // A total exists only of what happened at all.
        if let Some(first_at) = mine().map(|event| event.occurred_at).min() {
            let sum = mine().filter_map(|event| event.value).map(i128::from).sum();
            let sum = if span.needs_values { sum } else { 0 };
            let at = first_at.timestamp_micros();
            tally.add(row, number, at, mine().count() as u64, sum);
        }
    }
}

fn add_events(tally: &mut EventTally<'_>, row: usize, events: &[Event]) {
    let span = tally.span().clone();
    for event in events {
        let at = event.occurred_at.timestamp_micros();
        let is_needed =
            span.from.is_none_or(|from| from <= at) && span.until.is_none_or(|until| at < until);
        let number = span.names.iter().position(|name| *name == event.name);
        if let Some(number) = number.filter(|_| is_needed) {
            let value = event.value.filter(|_| span.needs_values).unwrap_or(0);
            tally.add(row, number, at, 1, i128::from(value));
        }
    }
}
