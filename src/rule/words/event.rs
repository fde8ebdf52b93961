//! Conditions on events, in English.

use super::phrase::{Phrase, say_date_test, say_number_test, say_test};
use super::{
    accepts_zero, amount, how_many, join_clauses, measured, name, one_of, quotes, things, window,
};
use crate::condition::{
    Condition, EventCondition, InstantMeasure, Measure, NumberMeasure, NumberTest, TimeWindow,
};

/// Describes a condition on events, or its opposite.
pub fn say_event(event: &EventCondition, negated: bool) -> Phrase {
    let events = say_events(event, "events");
    match &event.measure {
        Measure::Number(NumberMeasure::Count, test) => {
            let (quantity, is_one) = how_many(test, negated);
            let word = if is_one { "event" } else { "events" };
            let events = say_events(event, word);
            let clause = match quantity.strip_prefix("not ") {
                Some(quantity) => format!("who do not have {quantity} {events}"),
                None => format!("who have {quantity} {events}"),
            };
            Phrase::new(clause, quantity)
        }
        Measure::Number(NumberMeasure::DistinctDays, test) => {
            let days = things(test, negated, "day", "days");
            let none = zero_note(test, negated);
            let clause = match days.strip_prefix("not ") {
                Some(days) => format!("whose {events} do not fall on {days}{none}"),
                None => format!("whose {events} fall on {days}{none}"),
            };
            Phrase::new(clause, days)
        }
        Measure::Number(NumberMeasure::Sum, test) => {
            let sum = measured(test, negated);
            let none = zero_note(test, negated);
            let of = say_property(event);
            let clause = format!("whose {events} have a sum {of}{sum}{none}");
            Phrase::new(clause, amount(test, negated))
        }
        Measure::Number(measure, test) => {
            let measure = match measure {
                NumberMeasure::Min => "lowest value",
                NumberMeasure::Max => "highest value",
                _ => "average",
            };
            say_result(&events, measure, &say_property(event), (test, negated))
        }
        Measure::Instant(measure, test) => {
            let which = match measure {
                InstantMeasure::FirstAt => "first",
                InstantMeasure::LastAt => "last",
            };
            let subject = format!("{which} {}", say_events(event, "event"));
            Phrase::of_value(&subject, &say_date_test(test, true, negated))
        }
    }
}

/// Returns the property that a measure is computed from, to be written before the test.
fn say_property(event: &EventCondition) -> String {
    let property = event.of.as_ref();
    property.map_or_else(String::new, |of| format!("of property {} ", name(of)))
}

fn zero_note(test: &NumberTest, negated: bool) -> &'static str {
    if accepts_zero(test, negated) {
        " (no events count as 0)"
    } else {
        ""
    }
}

/// Describes a measure that is missing if there is nothing to measure.
fn say_result(
    events: &str,
    measure: &str,
    of: &str,
    (test, negated): (&NumberTest, bool),
) -> Phrase {
    let article = if measure == "average" { "an" } else { "a" };
    let (test, negated) = match test {
        NumberTest::NotEquals(value) => (&NumberTest::Equals(*value), !negated),
        test => (test, negated),
    };
    let said = match (test, negated) {
        (NumberTest::IsSet(wanted), _) if *wanted != negated => format!("{article} {measure} {of}"),
        (NumberTest::IsSet(_), _) => format!("no {measure} {of}"),
        (test, false) => format!("{article} {measure} {of}{}", measured(test, false)),
        (test, true) => format!("no {measure} {of}or one {}", measured(test, true)),
    };
    let said = said.trim_end();
    let wanted = say_number_test(test, negated);
    let wanted = wanted.strip_prefix("is ").unwrap_or(&wanted).to_owned();
    Phrase::new(format!("whose {events} have {said}"), wanted)
}

/// Describes which events count.
fn say_events(event: &EventCondition, word: &str) -> String {
    let mut said = format!("{} {word}", one_of(&quotes(&event.names)));
    if !event.filters.is_empty() {
        let filters: Vec<String> = event.filters.iter().map(say_filter).collect();
        said.push_str(&format!(" ({})", join_clauses(&filters, "and")));
    }
    if event.window != TimeWindow::AllTime {
        let window = window(event.window, "of").unwrap_or_default();
        said.push_str(&format!(" {window}"));
    }
    said
}

fn say_filter(filter: &Condition) -> String {
    let property = match filter {
        Condition::Text { field, .. }
        | Condition::Number { field, .. }
        | Condition::Date { field, .. }
        | Condition::Boolean { field, .. }
        | Condition::List { field, .. } => name(field),
        _ => String::new(),
    };
    say_test(filter, &property, true, false).clause
}
