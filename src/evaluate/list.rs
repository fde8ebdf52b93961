//! Matches lists of texts.

use super::kernels::passes;
use super::text::lower_case;
use arrow_array::{Array, ListArray, StringArray};
use arrow_buffer::BooleanBuffer;
use rollcall_rule::{ListTest, NumberTest};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What a list must contain. The wanted texts are in lower case and without duplicates. `All` numbers them.
#[derive(Debug)]
pub enum ListMatcher {
    /// At least one of the texts.
    Any(HashSet<String>),
    /// Every one of the texts.
    All(HashMap<String, usize>),
    /// A number of items that passes the test.
    Size(NumberTest),
    /// Nothing matches.
    Nothing,
}

impl ListMatcher {
    /// Prepares a positive test.
    pub fn new(test: &ListTest) -> ListMatcher {
        let folded = |texts: &[String]| -> HashSet<String> {
            texts.iter().map(|text| text.to_lowercase()).collect()
        };
        match test {
            ListTest::ContainsAny(texts) | ListTest::ContainsNone(texts) => {
                ListMatcher::Any(folded(texts))
            }
            ListTest::ContainsAll(texts) => {
                ListMatcher::All(folded(texts).into_iter().zip(0..).collect())
            }
            ListTest::Size(test) => ListMatcher::Size(test.clone()),
            ListTest::IsSet(_) => ListMatcher::Nothing,
        }
    }

    /// Returns which lists match. A missing list has no items.
    pub fn evaluate(&self, lists: &ListArray) -> BooleanBuffer {
        let items = |row: usize| -> Range<usize> {
            if lists.is_null(row) {
                return 0..0;
            }
            let offsets = lists.value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        };
        let rows = lists.len();
        match self {
            ListMatcher::Any(wanted) => {
                let texts = folded_items(lists);
                BooleanBuffer::collect_bool(rows, |row| {
                    items(row).any(|item| wanted.contains(texts.value(item)))
                })
            }
            ListMatcher::All(wanted) => {
                let texts = folded_items(lists);
                // The row in which each wanted text was last seen, so that no text counts twice.
                let mut seen_in = vec![usize::MAX; wanted.len()];
                BooleanBuffer::collect_bool(rows, |row| {
                    let mut found = 0;
                    for item in items(row) {
                        if let Some(number) = wanted.get(texts.value(item))
                            && seen_in[*number] != row
                        {
                            seen_in[*number] = row;
                            found += 1;
                        }
                    }
                    found == wanted.len()
                })
            }
            ListMatcher::Size(test) => {
                BooleanBuffer::collect_bool(rows, |row| passes(test, items(row).len() as f64))
            }
            ListMatcher::Nothing => BooleanBuffer::new_unset(rows),
        }
    }
}

fn folded_items(lists: &ListArray) -> StringArray {
    match lists.values().as_any().downcast_ref::<StringArray>() {
        Some(items) => lower_case(items),
        None => StringArray::new_null(lists.values().len()),
    }
}
