//! Converts conditions to leaves. A negative test becomes the complement of a positive one, so that it is also true for
//! a missing value.

use super::condition::{
    BooleanTest, Condition, DateTest, EventCondition, ListTest, Measure, NumberTest, TextTest,
};
use super::field::{DateField, Field, TextField};
use super::node::{EventFilter, EventLeaf, Leaf};
use super::stored_form::stored_form;

/// Returns the leaf of a condition about a field, and whether its complement is meant. Returns `None` if the field has
/// another type.
pub fn field_leaf(condition: &Condition, field: Field) -> Option<(Leaf, bool)> {
    Some(match (condition, field) {
        (
            Condition::Text {
                test,
                case_sensitive,
                ..
            },
            Field::Text(field),
        ) => {
            let (test, negated) = positive_text(&stored_form(&field, test));
            let case_sensitive = *case_sensitive;
            let leaf = Leaf::Text {
                field,
                test,
                case_sensitive,
            };
            (leaf, negated)
        }
        (Condition::Number { test, .. }, Field::Number(key)) => {
            let (test, negated) = positive_number(test);
            (Leaf::Number { key, test }, negated)
        }
        (Condition::Date { test, .. }, Field::Date(field)) => {
            let (test, negated) = positive_date(test);
            (Leaf::Date { field, test }, negated)
        }
        (Condition::Boolean { test, .. }, Field::Boolean(key)) => {
            let (test, negated) = match test {
                BooleanTest::IsSet(false) => (BooleanTest::IsSet(true), true),
                positive => (*positive, false),
            };
            (Leaf::Boolean { key, test }, negated)
        }
        (Condition::List { test, .. }, Field::List(key)) => {
            let (test, negated) = positive_list(test);
            (Leaf::List { key, test }, negated)
        }
        _ => return None,
    })
}

/// Returns the leaf of a condition about events, and whether its complement is meant.
pub fn event_leaf(event: &EventCondition) -> (Leaf, bool) {
    let (measure, negated) = match &event.measure {
        Measure::Number(measure, test) => {
            let (test, negated) = positive_number(test);
            (Measure::Number(*measure, test), negated)
        }
        Measure::Instant(measure, test) => {
            let (test, negated) = positive_date(test);
            (Measure::Instant(*measure, test), negated)
        }
    };
    let filters = event.filters.iter().filter_map(|filter| {
        let (leaf, negated) = field_leaf(filter, property(filter)?)?;
        Some(EventFilter { leaf, negated })
    });
    let leaf = Leaf::Event(EventLeaf {
        names: event.names.clone(),
        window: event.window,
        filters: filters.collect(),
        measure,
        of: event.of.clone(),
    });
    (leaf, negated)
}

/// Returns the property that a filter tests, as if it were a custom field.
fn property(filter: &Condition) -> Option<Field> {
    Some(match filter {
        Condition::Text { field, .. } => Field::Text(TextField::Custom(field.clone())),
        Condition::Number { field, .. } => Field::Number(field.clone()),
        Condition::Date { field, .. } => Field::Date(DateField::CustomDatetime(field.clone())),
        Condition::Boolean { field, .. } => Field::Boolean(field.clone()),
        Condition::List { field, .. } => Field::List(field.clone()),
        _ => return None,
    })
}

fn positive_text(test: &TextTest) -> (TextTest, bool) {
    match test {
        TextTest::NotEquals(text) => (TextTest::Equals(text.clone()), true),
        TextTest::NotIn(texts) => (TextTest::In(texts.clone()), true),
        TextTest::NotContains(text) => (TextTest::Contains(text.clone()), true),
        TextTest::IsSet(false) => (TextTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}

fn positive_number(test: &NumberTest) -> (NumberTest, bool) {
    match test {
        NumberTest::NotEquals(number) => (NumberTest::Equals(*number), true),
        NumberTest::IsSet(false) => (NumberTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}

fn positive_date(test: &DateTest) -> (DateTest, bool) {
    match test {
        DateTest::IsSet(false) => (DateTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}

fn positive_list(test: &ListTest) -> (ListTest, bool) {
    match test {
        ListTest::ContainsNone(texts) => (ListTest::ContainsAny(texts.clone()), true),
        ListTest::Size(test) => {
            let (test, negated) = positive_number(test);
            (ListTest::Size(test), negated)
        }
        ListTest::IsSet(false) => (ListTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}
