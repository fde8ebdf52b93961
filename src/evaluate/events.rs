//! Event conditions: one pass over the events of a chunk answers all of them.
//!
//! Events, or lifetime totals, arrive in the order of subscribers. For the subscriber at hand the tally keeps one count
//! and one sum per distinct window, and turns them into one bit per leaf when the next subscriber begins; its memory
//! depends on the number of leaves, not on the number of events.

use super::leaf::is_among;
use super::resolve::EventLeaf;
use crate::rule::{Measure, NumberTest};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use std::collections::HashMap;

/// Which events a set of leaves needs to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSpan {
    /// Names of the events, sorted; the place of a name is its number in [`EventTally::add`].
    pub names: Vec<String>,
    /// The first instant that any leaf needs, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The first instant that no leaf needs any more.
    pub until: Option<i64>,
    /// Whether any leaf needs the values.
    pub needs_values: bool,
}

/// Counts and sums in the making.
#[derive(Debug)]
pub struct EventTally<'l> {
    leaves: Vec<&'l EventLeaf>,
    windows: Vec<Window>,
    window_of_leaf: Vec<usize>,
    /// For each event name by number, the windows that it counts in.
    windows_of_name: Vec<Vec<usize>>,
    answers: Vec<BooleanBufferBuilder>,
    current_row: Option<usize>,
    span: EventSpan,
}

/// The names of a window, its first instant and the first after it.
type WindowKey<'l> = (&'l [String], Option<i64>, Option<i64>);

#[derive(Debug)]
struct Window {
    from: i64,
    until: i64,
    count: u64,
    sum: i128,
}

impl<'l> EventTally<'l> {
    /// A tally of these leaves over a chunk of that many rows.
    pub fn new(leaves: Vec<&'l EventLeaf>, rows: usize) -> EventTally<'l> {
        let span = span_of(&leaves);
        let mut windows = Vec::new();
        let mut windows_of_name = vec![Vec::new(); span.names.len()];
        let mut places: HashMap<WindowKey<'_>, usize> = HashMap::new();
        let mut window_of_leaf = Vec::with_capacity(leaves.len());
        for leaf in &leaves {
            let key = (leaf.names.as_slice(), leaf.from, leaf.until);
            let place = *places.entry(key).or_insert_with(|| {
                for name in &leaf.names {
                    if let Ok(number) = span.names.binary_search(name) {
                        windows_of_name[number].push(windows.len());
                    }
                }
                windows.push(Window {
                    from: leaf.from.unwrap_or(i64::MIN),
                    until: leaf.until.unwrap_or(i64::MAX),
                    count: 0,
                    sum: 0,
                });
                windows.len() - 1
            });
            window_of_leaf.push(place);
        }
        let answers = leaves
            .iter()
            .map(|leaf| filled(rows, passes(&leaf.test, 0.0)))
            .collect();
        EventTally {
            leaves,
            windows,
            window_of_leaf,
            windows_of_name,
            answers,
            current_row: None,
            span,
        }
    }

    /// Returns which events must be added.
    pub fn span(&self) -> &EventSpan {
        &self.span
    }

    /// Adds events of a subscriber: `count` of them at an instant, with the sum of their values in millionths.
    ///
    /// All events of a row must be added before those of another. A total is added as many events at one instant;
    /// its leaves span all time, so that the instant does not matter.
    pub fn add(&mut self, row: usize, name: usize, at: i64, count: u64, sum: i128) {
        if self.current_row != Some(row) {
            self.finish_row();
            self.current_row = Some(row);
        }
        for place in &self.windows_of_name[name] {
            let window = &mut self.windows[*place];
            if window.from <= at && at < window.until {
                window.count += count;
                window.sum += sum;
            }
        }
    }

    /// Returns the answers, in the order of the leaves.
    pub fn finish(mut self) -> Vec<BooleanBuffer> {
        self.finish_row();
        self.answers
            .into_iter()
            .map(|mut bits| bits.finish())
            .collect()
    }

    fn finish_row(&mut self) {
        let Some(row) = self.current_row else {
            return;
        };
        for ((leaf, window), answer) in self
            .leaves
            .iter()
            .zip(&self.window_of_leaf)
            .zip(&mut self.answers)
        {
            let window = &self.windows[*window];
            let measured = match leaf.measure {
                Measure::Count => window.count as f64,
                Measure::Sum => window.sum as f64 / 1e6,
            };
            answer.set_bit(row, passes(&leaf.test, measured));
        }
        for window in &mut self.windows {
            window.count = 0;
            window.sum = 0;
        }
    }
}

fn span_of(leaves: &[&EventLeaf]) -> EventSpan {
    let mut names: Vec<String> = leaves
        .iter()
        .flat_map(|leaf| leaf.names.iter().cloned())
        .collect();
    names.sort();
    names.dedup();
    // An open end anywhere opens the whole: None is the least of the options, and the greatest is asked for below.
    let from = leaves.iter().map(|leaf| leaf.from).min().flatten();
    let is_open = leaves.iter().any(|leaf| leaf.until.is_none());
    let until = leaves.iter().filter_map(|leaf| leaf.until).max();
    EventSpan {
        names,
        from,
        until: if is_open { None } else { until },
        needs_values: leaves.iter().any(|leaf| leaf.measure == Measure::Sum),
    }
}

fn passes(test: &NumberTest, measured: f64) -> bool {
    match test {
        NumberTest::Equals(wanted) => measured == *wanted,
        NumberTest::NotEquals(wanted) => measured != *wanted,
        NumberTest::GreaterThan(wanted) => measured > *wanted,
        NumberTest::AtLeast(wanted) => measured >= *wanted,
        NumberTest::LessThan(wanted) => measured < *wanted,
        NumberTest::AtMost(wanted) => measured <= *wanted,
        NumberTest::Between(from, to) => *from <= measured && measured <= *to,
        NumberTest::In(wanted) => is_among(wanted, measured),
        NumberTest::IsSet(wanted) => *wanted,
    }
}

fn filled(rows: usize, value: bool) -> BooleanBufferBuilder {
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, value);
    bits
}
