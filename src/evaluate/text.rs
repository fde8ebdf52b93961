//! Matches text columns, with an Arrow kernel if there is one.

use super::watch::Watch;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, BooleanArray, Scalar, StringArray};
use arrow_buffer::BooleanBuffer;
use rollcall_rule::{Pattern, TextTest};
use std::collections::HashSet;

/// Up to this many wanted values, comparing the column with each is faster than looking every row up in a set.
const FEW: usize = 16;

/// What a text must match. The wanted texts are in lower case if letter case is ignored.
#[derive(Debug)]
pub enum TextMatcher {
    /// Equal to the text.
    Equals(String),
    /// Equal to one of a few texts.
    InFew(Vec<String>),
    /// Equal to one of many texts.
    InMany(HashSet<String>),
    /// Contains the text.
    Contains(String),
    /// Starts with the text.
    StartsWith(String),
    /// Ends with the text.
    EndsWith(String),
    /// The expression is found somewhere in the text.
    Matches(Pattern),
    /// Nothing matches.
    Nothing,
}

impl TextMatcher {
    /// Prepares a positive test.
    pub fn new(test: &TextTest, case_sensitive: bool) -> TextMatcher {
        let fold = |text: &String| {
            if case_sensitive {
                text.clone()
            } else {
                text.to_lowercase()
            }
        };
        match test {
            TextTest::Equals(text) | TextTest::NotEquals(text) => TextMatcher::Equals(fold(text)),
            TextTest::In(texts) | TextTest::NotIn(texts) if texts.len() <= FEW => {
                TextMatcher::InFew(texts.iter().map(fold).collect())
            }
            TextTest::In(texts) | TextTest::NotIn(texts) => {
                TextMatcher::InMany(texts.iter().map(fold).collect())
            }
            TextTest::Contains(text) | TextTest::NotContains(text) => {
                TextMatcher::Contains(fold(text))
            }
            TextTest::StartsWith(text) => TextMatcher::StartsWith(fold(text)),
            TextTest::EndsWith(text) => TextMatcher::EndsWith(fold(text)),
            TextTest::Matches(pattern) => TextMatcher::Matches(pattern.clone()),
            TextTest::IsSet(_) => TextMatcher::Nothing,
        }
    }

    /// Returns whether the column must be in lower case. Regular expressions ignore letter case by themselves.
    pub fn needs_fold(&self) -> bool {
        !matches!(self, TextMatcher::Matches(_))
    }

    /// Returns which rows of the column match. Once `watch` stops a search, the remaining rows do not match.
    pub fn evaluate(&self, column: &StringArray, watch: &dyn Watch) -> BooleanBuffer {
        match self {
            TextMatcher::Equals(text) => equals(column, text),
            TextMatcher::InFew(texts) => texts
                .iter()
                .map(|text| equals(column, text))
                .reduce(|left, right| &left | &right)
                .unwrap_or_else(|| BooleanBuffer::new_unset(column.len())),
            TextMatcher::InMany(texts) => each(column, |value| texts.contains(value)),
            TextMatcher::Contains(text) => {
                truths(arrow_string::like::contains(column, &scalar(text)), column)
            }
            TextMatcher::StartsWith(text) => truths(
                arrow_string::like::starts_with(column, &scalar(text)),
                column,
            ),
            TextMatcher::EndsWith(text) => {
                truths(arrow_string::like::ends_with(column, &scalar(text)), column)
            }
            TextMatcher::Matches(pattern) => each(column, |value| {
                watch.may_search(value.len()) && pattern.is_match(value)
            }),
            TextMatcher::Nothing => BooleanBuffer::new_unset(column.len()),
        }
    }
}

fn equals(column: &StringArray, text: &str) -> BooleanBuffer {
    truths(arrow_ord::cmp::eq(column, &scalar(text)), column)
}

fn scalar(text: &str) -> Scalar<StringArray> {
    StringArray::new_scalar(text)
}

fn each(column: &StringArray, is_match: impl Fn(&str) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(column.len(), |row| {
        column.is_valid(row) && is_match(column.value(row))
    })
}

fn truths(
    result: Result<BooleanArray, arrow_schema::ArrowError>,
    column: &dyn Array,
) -> BooleanBuffer {
    super::kernels::truths(result, column.len())
}

/// Returns the column in lower case, in all of Unicode.
pub fn lower_case(column: &StringArray) -> StringArray {
    let used = column.value_data();
    if used.is_ascii() {
        let lowered = used.to_ascii_lowercase();
        let values = arrow_buffer::Buffer::from_vec(lowered);
        let folded =
            StringArray::try_new(column.offsets().clone(), values, column.nulls().cloned());
        if let Ok(folded) = folded {
            return folded;
        }
    }
    let mut builder = StringBuilder::with_capacity(column.len(), used.len());
    for value in column {
        builder.append_option(value.map(str::to_lowercase));
    }
    builder.finish()
}
