//! Resolves leaves to what can be compared with stored values: dates become ranges, once for the whole evaluation.

use super::anniversary::AnniversaryDays;
use super::circle::Circle;
use super::columns::{ColumnKey, GroupKey};
use super::dates::{anniversary_days, day_number, day_range, instant_range, resolve_window};
use super::list::ListMatcher;
use super::text::TextMatcher;
use rollcall_rule::{
    BooleanTest, DateField, DateTest, EventLeaf, Leaf, ListTest, LocationTest, Moment, NumberTest,
    Quantifier, RandomShare, Status, TextField, TextTest,
};
use std::collections::BTreeSet;

/// A leaf with resolved names, periods and patterns.
#[derive(Debug)]
pub enum ResolvedLeaf {
    /// A text that matches, compared in lower case if `fold`.
    Text {
        /// The field.
        field: TextField,
        /// What it must match.
        matcher: TextMatcher,
        /// Whether letter case is ignored.
        fold: bool,
    },
    /// A custom number that passes a test.
    Number {
        /// The key of the custom field.
        key: String,
        /// The test.
        test: NumberTest,
    },
    /// A day in a range, both ends included, in days since 1970-01-01.
    Days {
        /// The field.
        field: DateField,
        /// The first day.
        from: Option<i32>,
        /// The last day.
        to: Option<i32>,
    },
    /// A date-time in a half-open range, in microseconds since 1970-01-01.
    Instants {
        /// The field.
        field: DateField,
        /// The start of the range.
        from: Option<i64>,
        /// The end of the range, itself excluded.
        until: Option<i64>,
    },
    /// One of several days of the year.
    Anniversary {
        /// The field.
        field: DateField,
        /// The days.
        days: AnniversaryDays,
    },
    /// A field that has a value.
    IsSet(ColumnKey),
    /// A custom boolean of this value.
    Boolean {
        /// The key of the custom field.
        key: String,
        /// The value.
        wanted: bool,
    },
    /// A list of texts that passes a test.
    List {
        /// The key of the custom field.
        key: String,
        /// What it must hold.
        matcher: ListMatcher,
    },
    /// One of several statuses.
    Status(Vec<Status>),
    /// A location in a circle.
    Near(Circle),
    /// Latitude and longitude that are both known.
    HasLocation,
    /// Membership of certain groups, or of any group.
    Group {
        /// Whether one membership is enough, or all are needed.
        quantifier: Quantifier,
        /// The groups, each with the range of times in which members must have been added.
        keys: Vec<GroupKey>,
    },
    /// The event leaf at this position of the plan.
    Event(usize),
    /// A share of all subscribers.
    Random(RandomShare),
}

impl ResolvedLeaf {
    /// Adds the columns and groups that this leaf needs. The plan lists events separately.
    pub fn list_needs(&self, columns: &mut BTreeSet<ColumnKey>, groups: &mut BTreeSet<GroupKey>) {
        match self {
            ResolvedLeaf::Text { field, .. } => {
                columns.insert(ColumnKey::Text(field.clone()));
            }
            ResolvedLeaf::Number { key, .. } => {
                columns.insert(ColumnKey::Number(key.clone()));
            }
            ResolvedLeaf::Days { field, .. }
            | ResolvedLeaf::Instants { field, .. }
            | ResolvedLeaf::Anniversary { field, .. } => {
                columns.insert(ColumnKey::Date(field.clone()));
            }
            ResolvedLeaf::IsSet(key) => {
                columns.insert(key.clone());
            }
            ResolvedLeaf::Boolean { key, .. } => {
                columns.insert(ColumnKey::Boolean(key.clone()));
            }
            ResolvedLeaf::Status(_) => {
                columns.insert(ColumnKey::Status);
            }
            ResolvedLeaf::List { key, .. } => {
                columns.insert(ColumnKey::List(key.clone()));
            }
            ResolvedLeaf::Near(_) | ResolvedLeaf::HasLocation => {
                columns.extend([ColumnKey::Latitude, ColumnKey::Longitude]);
            }
            ResolvedLeaf::Group { keys, .. } => groups.extend(keys),
            ResolvedLeaf::Event(_) | ResolvedLeaf::Random(_) => {}
        }
    }
}

/// Resolves a leaf at a moment. `plan_event` adds an event condition to the plan.
pub fn resolve_leaf(
    leaf: &Leaf,
    moment: &Moment,
    plan_event: &mut dyn FnMut(&EventLeaf) -> ResolvedLeaf,
) -> ResolvedLeaf {
    match leaf {
        Leaf::Text {
            test: TextTest::IsSet(_),
            field,
            ..
        } => ResolvedLeaf::IsSet(ColumnKey::Text(field.clone())),
        Leaf::Text {
            field,
            test,
            case_sensitive,
        } => ResolvedLeaf::Text {
            field: field.clone(),
            matcher: TextMatcher::new(test, *case_sensitive),
            fold: !case_sensitive,
        },
        Leaf::Number {
            key,
            test: NumberTest::IsSet(_),
        } => ResolvedLeaf::IsSet(ColumnKey::Number(key.clone())),
        Leaf::Number { key, test } => ResolvedLeaf::Number {
            key: key.clone(),
            test: test.clone(),
        },
        Leaf::Date { field, test } => resolve_date(field, test, moment),
        Leaf::Boolean { key, test } => match test {
            BooleanTest::IsSet(_) => ResolvedLeaf::IsSet(ColumnKey::Boolean(key.clone())),
            BooleanTest::IsTrue | BooleanTest::IsFalse => ResolvedLeaf::Boolean {
                key: key.clone(),
                wanted: *test == BooleanTest::IsTrue,
            },
        },
        Leaf::List {
            key,
            test: ListTest::IsSet(_),
        } => ResolvedLeaf::IsSet(ColumnKey::List(key.clone())),
        Leaf::List { key, test } => ResolvedLeaf::List {
            key: key.clone(),
            matcher: ListMatcher::new(test),
        },
        Leaf::Status { any_of } => ResolvedLeaf::Status(any_of.clone()),
        Leaf::Location(LocationTest::IsSet(_)) => ResolvedLeaf::HasLocation,
        Leaf::Location(LocationTest::Within {
            latitude,
            longitude,
            radius_km,
        }) => ResolvedLeaf::Near(Circle::new(*latitude, *longitude, *radius_km)),
        Leaf::Group {
            quantifier,
            ids,
            added,
        } => {
            let (from, until) = resolve_window(*added, moment);
            let key = |id: &i64| GroupKey {
                group: Some(*id),
                from,
                until,
            };
            ResolvedLeaf::Group {
                quantifier: *quantifier,
                keys: ids.iter().map(key).collect(),
            }
        }
        Leaf::AnyGroup { added } => {
            let (from, until) = resolve_window(*added, moment);
            let group = None;
            ResolvedLeaf::Group {
                quantifier: Quantifier::Any,
                keys: vec![GroupKey { group, from, until }],
            }
        }
        Leaf::Event(event) => plan_event(event),
        Leaf::Random(share) => ResolvedLeaf::Random(share.clone()),
    }
}

fn resolve_date(field: &DateField, test: &DateTest, moment: &Moment) -> ResolvedLeaf {
    let field = field.clone();
    let today = moment.today();
    match (test, anniversary_days(test, today)) {
        (DateTest::IsSet(_), _) => ResolvedLeaf::IsSet(ColumnKey::Date(field)),
        (_, Some(days)) => ResolvedLeaf::Anniversary { field, days },
        (test, None) if field.is_day() => {
            let (from, to) = day_range(test, today);
            ResolvedLeaf::Days {
                field,
                from: from.map(day_number),
                to: to.map(day_number),
            }
        }
        (test, None) => {
            let (from, until) = instant_range(test, moment);
            ResolvedLeaf::Instants { field, from, until }
        }
    }
}
