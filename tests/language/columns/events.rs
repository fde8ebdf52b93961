//! Events, counted as a refresh counts them: from lifetime totals where those suffice, else one by one.

use super::{Rows, make_lists};
use crate::naive::{Event, Person};
use arrow_array::{Array, BooleanArray, Float64Array, StringArray, TimestampMicrosecondArray};
use arrow_buffer::BooleanBuffer;
use rollcall_evaluate::cancel::Cancel;
use rollcall_evaluate::{
    Column, ColumnKey, EventFigures, EventPlan, EventTally, evaluate_filters, measured_numbers,
};
use rollcall_rule::{DateField, DateLiteral, Moment, TextField, parse_date_literal};
use serde_json::Value;

/// The answers to the event leaves of a plan, in their order.
pub fn answer_events(rows: &Rows, plan: &EventPlan, moment: &Moment) -> Vec<BooleanBuffer> {
    let mut answers = vec![BooleanBuffer::new_unset(rows.len()); plan.leaves.len()];
    let mut tallies = Vec::new();
    if let Some(mut tally) = EventTally::of_totals(plan, rows.len(), moment) {
        add_totals(&mut tally, rows);
        tallies.push(tally);
    }
    if let Some(mut tally) = EventTally::of_events(plan, rows.len(), moment) {
        add_events(&mut tally, rows, plan, moment);
        tallies.push(tally);
    }
    for (place, answer) in tallies.into_iter().flat_map(EventTally::finish) {
        answers[place] = answer;
    }
    answers
}

fn list_people(rows: &Rows) -> impl Iterator<Item = (usize, &Person)> {
    let rows = rows.iter().enumerate();
    rows.filter_map(|(row, person)| Some((row, person.as_ref()?)))
}

fn micros(event: &Event) -> i64 {
    event.occurred_at.timestamp_micros()
}

fn add_totals(tally: &mut EventTally<'_>, rows: &Rows) {
    let names = tally.span().names.clone();
    for (row, person) in list_people(rows) {
        for (number, name) in names.iter().enumerate() {
            let mine = || person.events.iter().filter(|event| event.name == *name);
            let sum = mine().filter_map(|event| event.value).map(i128::from).sum();
            // A total exists only of what happened at all.
            if let (Some(first), Some(last)) = (mine().map(micros).min(), mine().map(micros).max())
            {
                let figures = EventFigures::of_totals(mine().count() as u64, sum, first, last);
                tally.add(row, number, &figures, |_| false, |_| None);
            }
        }
    }
}

fn add_events(tally: &mut EventTally<'_>, rows: &Rows, plan: &EventPlan, moment: &Moment) {
    let span = tally.span().clone();
    let is_needed = |event: &Event| {
        span.from.is_none_or(|from| from <= micros(event))
            && span.until.is_none_or(|until| micros(event) < until)
    };
    let number = |event: &Event| span.names.iter().position(|name| *name == event.name);
    let events: Vec<(usize, usize, &Event)> = list_people(rows)
        .flat_map(|(row, person)| person.events.iter().map(move |event| (row, event)))
        .filter(|(_, event)| is_needed(event))
        .filter_map(|(row, event)| Some((row, number(event)?, event)))
        .collect();
    let column = |key: &ColumnKey| (key.clone(), make_property(&events, key, moment));
    let columns = plan.columns.iter().map(column).collect();
    let numbers = measured_numbers(plan, &columns);
    let passing =
        evaluate_filters(plan, columns, events.len(), moment, &Cancel::default()).expect("no stop");
    for (place, (row, number, event)) in events.into_iter().enumerate() {
        let value = event.value.filter(|_| span.needs_values).map(i128::from);
        let figures = EventFigures::of_event(micros(event), value);
        let measured = |property: usize| {
            let numbers = numbers[property].as_ref().expect("a column");
            numbers.is_valid(place).then(|| numbers.value(place))
        };
        let passes = |filter: usize| passing[filter].value(place);
        tally.add(row, number, &figures, passes, measured);
    }
}

/// The column of a property; a value of another type than the one asked for is missing.
fn make_property(events: &[(usize, usize, &Event)], key: &ColumnKey, moment: &Moment) -> Column {
    let values = |name: &str| -> Vec<Option<&Value>> {
        events
            .iter()
            .map(|(_, _, event)| event.properties.get(name))
            .collect()
    };
    match key {
        ColumnKey::Text(TextField::Custom(name)) => {
            let texts = values(name).into_iter().map(|value| value?.as_str());
            let texts = texts.map(|text| text.filter(|text| !text.is_empty()));
            Column::Text(texts.collect::<StringArray>())
        }
        ColumnKey::Number(name) => {
            let numbers = values(name)
                .into_iter()
                .map(|value| Some(value?.as_f64()? + 0.0));
            Column::Number(numbers.collect::<Float64Array>())
        }
        ColumnKey::Date(DateField::CustomDatetime(name)) => {
            let instants = values(name).into_iter().map(|value| {
                Some(match parse_date_literal(value?.as_str()?)? {
                    DateLiteral::Day(day) => moment.day_start(day),
                    DateLiteral::Instant(instant) => instant,
                })
            });
            let micros = instants.map(|at| at.map(|at| at.timestamp_micros()));
            Column::Instant(micros.collect::<TimestampMicrosecondArray>())
        }
        ColumnKey::Boolean(name) => {
            let flags = values(name).into_iter().map(|value| value?.as_bool());
            Column::Boolean(flags.collect::<BooleanArray>())
        }
        ColumnKey::List(name) => {
            let texts = |value: &&'_ Vec<Value>| -> Vec<String> {
                let texts = value.iter().filter_map(Value::as_str);
                texts
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
                    .collect()
            };
            let lists: Vec<Vec<String>> = values(name)
                .into_iter()
                .map(|value| {
                    value
                        .and_then(Value::as_array)
                        .as_ref()
                        .map(texts)
                        .unwrap_or_default()
                })
                .collect();
            Column::List(make_lists(
                lists
                    .iter()
                    .map(|list| Some(list.iter().map(String::as_str))),
            ))
        }
        other => panic!("{other:?} is not a property"),
    }
}
