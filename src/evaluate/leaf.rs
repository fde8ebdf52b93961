//! Evaluates the leaves of a plan for one chunk.

use super::anniversary::AnniversaryDays;
use super::columns::{Chunk, Column, ColumnKey, GroupKey};
use super::kernels::{evaluate_boolean, is_among, quantify, truths};
use super::plan::Plan;
use super::resolve::ResolvedLeaf;
use super::text::lower_case;
use super::watch::{Part, Watch};
use crate::cancel::Stopped;
use arrow_array::{Array, ArrowPrimitiveType, Float64Array, PrimitiveArray, Scalar, StringArray};
use arrow_buffer::BooleanBuffer;
use chrono::{DateTime, NaiveDate, Utc};
use rollcall_rule::{Moment, NumberTest, Quantifier, RandomShare, Status, TextField, buckets};
use std::collections::HashMap;

/// Returns the answer to every leaf of the plan, each true only for subscribers that exist.
///
/// # Errors
/// Fails with [`Stopped`] if `watch` stops the evaluation.
pub fn evaluate_leaves(
    plan: &Plan,
    chunk: &Chunk,
    moment: &Moment,
    watch: &dyn Watch,
) -> Result<Vec<BooleanBuffer>, Stopped> {
    let mut folded = FoldedText::default();
    let leaves = plan.leaves.iter().enumerate();
    leaves
        .map(|(place, leaf)| {
            let part = Part::Leaf(place);
            evaluate_part(part, leaf, chunk, moment, &mut folded, watch)
        })
        .collect()
}

/// Returns the answer to a leaf as a part of its plan. If `watch` does not need the part, nothing matches.
pub fn evaluate_part(
    part: Part,
    leaf: &ResolvedLeaf,
    chunk: &Chunk,
    moment: &Moment,
    folded: &mut FoldedText,
    watch: &dyn Watch,
) -> Result<BooleanBuffer, Stopped> {
    if !watch.begin(part) {
        return Ok(BooleanBuffer::new_unset(chunk.rows()));
    }
    let answer = evaluate_leaf(leaf, chunk, moment, folded, watch);
    watch.end(part).map(|()| answer)
}

/// Text columns in lower case, computed once for all leaves that use them.
#[derive(Default)]
pub struct FoldedText {
    columns: HashMap<TextField, StringArray>,
}

impl FoldedText {
    fn get(&mut self, field: &TextField, column: &StringArray) -> &StringArray {
        self.columns
            .entry(field.clone())
            .or_insert_with(|| lower_case(column))
    }
}

fn evaluate_leaf(
    leaf: &ResolvedLeaf,
    chunk: &Chunk,
    moment: &Moment,
    folded: &mut FoldedText,
    watch: &dyn Watch,
) -> BooleanBuffer {
    let none = || BooleanBuffer::new_unset(chunk.rows());
    let column = |key: &ColumnKey| chunk.columns.get(key);
    match leaf {
        ResolvedLeaf::Text {
            field,
            matcher,
            fold,
        } => match column(&ColumnKey::Text(field.clone())) {
            Some(Column::Text(texts)) if *fold && matcher.needs_fold() => {
                matcher.evaluate(folded.get(field, texts), watch)
            }
            Some(Column::Text(texts)) => matcher.evaluate(texts, watch),
            _ => none(),
        },
        ResolvedLeaf::Number { key, test } => match column(&ColumnKey::Number(key.clone())) {
            Some(Column::Number(numbers)) => evaluate_number(numbers, test),
            _ => none(),
        },
        ResolvedLeaf::Days { field, from, to } => match column(&ColumnKey::Date(field.clone())) {
            Some(Column::Day(days)) => in_range(days, *from, to.map(|to| to.saturating_add(1))),
            _ => none(),
        },
        ResolvedLeaf::Instants { field, from, until } => {
            match column(&ColumnKey::Date(field.clone())) {
                Some(Column::Instant(instants)) => in_range(instants, *from, *until),
                _ => none(),
            }
        }
        ResolvedLeaf::Anniversary { field, days } => {
            match column(&ColumnKey::Date(field.clone())) {
                Some(column) => evaluate_anniversary(column, days, moment),
                None => none(),
            }
        }
        ResolvedLeaf::IsSet(key) => column(key).map_or_else(none, Column::is_set),
        ResolvedLeaf::Boolean { key, wanted } => match column(&ColumnKey::Boolean(key.clone())) {
            Some(Column::Boolean(flags)) => evaluate_boolean(flags, *wanted),
            _ => none(),
        },
        ResolvedLeaf::Status(any_of) => match column(&ColumnKey::Status) {
            Some(Column::Status(places)) => {
                let wanted: Vec<bool> = Status::ALL
                    .iter()
                    .map(|status| any_of.contains(status))
                    .collect();
                BooleanBuffer::collect_bool(places.len(), |row| {
                    places.is_valid(row)
                        && wanted.get(usize::from(places.value(row))) == Some(&true)
                })
            }
            _ => none(),
        },
        ResolvedLeaf::List { key, matcher } => match column(&ColumnKey::List(key.clone())) {
            // A missing list can pass the test (`containsNone`), but an id without a subscriber never matches.
            Some(Column::List(lists)) => &matcher.evaluate(lists) & &chunk.exists,
            _ => none(),
        },
        ResolvedLeaf::Near(circle) => {
            let latitudes = column(&ColumnKey::Latitude);
            match (latitudes, column(&ColumnKey::Longitude)) {
                (Some(Column::Number(latitudes)), Some(Column::Number(longitudes))) => {
                    circle.evaluate(latitudes, longitudes)
                }
                _ => none(),
            }
        }
        ResolvedLeaf::HasLocation => {
            let is_set = |key| column(&key).map_or_else(none, Column::is_set);
            &is_set(ColumnKey::Latitude) & &is_set(ColumnKey::Longitude)
        }
        ResolvedLeaf::Group { quantifier, keys } => evaluate_groups(chunk, *quantifier, keys),
        ResolvedLeaf::Random(share) => &evaluate_random(chunk, share) & &chunk.exists,
        ResolvedLeaf::Event(position) => match chunk.events.get(*position) {
            // A count of zero can pass the test, but an id without a subscriber never matches.
            Some(answer) => answer & &chunk.exists,
            None => none(),
        },
    }
}

fn evaluate_number(numbers: &Float64Array, test: &NumberTest) -> BooleanBuffer {
    use arrow_ord::cmp;
    let rows = numbers.len();
    let scalar = |number: f64| Scalar::new(Float64Array::from(vec![number]));
    let equals = |number: f64| truths(cmp::eq(numbers, &scalar(number)), rows);
    match test {
        NumberTest::Equals(number) | NumberTest::NotEquals(number) => equals(*number),
        NumberTest::GreaterThan(number) => truths(cmp::gt(numbers, &scalar(*number)), rows),
        NumberTest::AtLeast(number) => truths(cmp::gt_eq(numbers, &scalar(*number)), rows),
        NumberTest::LessThan(number) => truths(cmp::lt(numbers, &scalar(*number)), rows),
        NumberTest::AtMost(number) => truths(cmp::lt_eq(numbers, &scalar(*number)), rows),
        NumberTest::Between(from, to) => {
            let above = truths(cmp::gt_eq(numbers, &scalar(*from)), rows);
            let below = truths(cmp::lt_eq(numbers, &scalar(*to)), rows);
            &above & &below
        }
        NumberTest::In(wanted) => BooleanBuffer::collect_bool(rows, |row| {
            numbers.is_valid(row) && is_among(wanted, numbers.value(row))
        }),
        NumberTest::IsSet(_) => BooleanBuffer::new_unset(rows),
    }
}

/// Returns the rows whose values are at least `from` and less than `until`.
fn in_range<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    from: Option<T::Native>,
    until: Option<T::Native>,
) -> BooleanBuffer {
    let rows = values.len();
    let scalar = |value: T::Native| Scalar::new(PrimitiveArray::<T>::from_value(value, 1));
    let above = from.map(|from| truths(arrow_ord::cmp::gt_eq(values, &scalar(from)), rows));
    let below = until.map(|until| truths(arrow_ord::cmp::lt(values, &scalar(until)), rows));
    match (above, below) {
        (Some(above), Some(below)) => &above & &below,
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => values.nulls().map_or_else(
            || BooleanBuffer::new_set(rows),
            |nulls| nulls.inner().clone(),
        ),
    }
}

fn evaluate_anniversary(column: &Column, days: &AnniversaryDays, moment: &Moment) -> BooleanBuffer {
    match column {
        Column::Day(values) => BooleanBuffer::collect_bool(values.len(), |row| {
            values.is_valid(row)
                && NaiveDate::from_epoch_days(values.value(row))
                    .is_some_and(|day| days.contains(day))
        }),
        Column::Instant(values) => BooleanBuffer::collect_bool(values.len(), |row| {
            values.is_valid(row)
                && DateTime::<Utc>::from_timestamp_micros(values.value(row))
                    .is_some_and(|instant| days.contains(moment.local_day(instant)))
        }),
        other => BooleanBuffer::new_unset(other.is_set().len()),
    }
}

fn evaluate_groups(chunk: &Chunk, quantifier: Quantifier, keys: &[GroupKey]) -> BooleanBuffer {
    let none = BooleanBuffer::new_unset(chunk.rows());
    let members = keys
        .iter()
        .map(|key| chunk.groups.get(key).unwrap_or(&none).clone());
    quantify(quantifier, members).unwrap_or(none)
}

fn evaluate_random(chunk: &Chunk, share: &RandomShare) -> BooleanBuffer {
    let mut bucket = buckets(&share.salt);
    BooleanBuffer::collect_bool(chunk.rows(), |row| {
        let bucket = bucket(chunk.ids.get(row));
        // A division rounds to the number that was written, a multiplication does not: 100 times 1.1 is more than 110.
        let percent = bucket as f64 / 100.0;
        share.from_percent <= percent && percent < share.to_percent
    })
}
