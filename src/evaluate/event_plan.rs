//! The event conditions of a plan: which events and properties to read, and what to compute from them.

use super::columns::ColumnKey;
use super::dates::{InstantTest, resolve_window};
use super::identity::Places;
use super::resolve::{ResolvedLeaf, resolve_leaf};
use rollcall_rule::{
    EventFilter, EventLeaf, InstantMeasure, Measure, Moment, NumberMeasure, NumberTest,
};
use std::collections::BTreeSet;

/// The event conditions of a plan.
#[derive(Debug, Default)]
pub struct EventPlan {
    /// The conditions, to which [`ResolvedLeaf::Event`] refers by position.
    pub leaves: Vec<ResolvedEvent>,
    /// Every distinct test of a property, to which conditions refer by position.
    pub filters: Vec<ResolvedFilter>,
    /// Every distinct property that a measure is computed from, to which conditions refer by position.
    pub measured: Vec<String>,
    /// The properties to load, named like columns.
    pub columns: BTreeSet<ColumnKey>,
    places: Places<EventFilter>,
}

/// An event condition with a resolved window.
#[derive(Debug)]
pub struct ResolvedEvent {
    /// Names of the events, sorted.
    pub names: Vec<String>,
    /// The start of the window, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The end of the window, itself excluded.
    pub until: Option<i64>,
    /// Positions of the tests that an event must pass to count, sorted, each once.
    pub filters: Vec<usize>,
    /// What is computed, and the test of the result.
    pub measure: ResolvedMeasure,
    /// The position of the property that the measure is computed from; `None` for the values of the events.
    pub of: Option<usize>,
}

/// What is computed from events, and the test of the result.
#[derive(Debug)]
pub enum ResolvedMeasure {
    /// A number.
    Number(NumberMeasure, NumberTest),
    /// A time.
    Instant(InstantMeasure, InstantTest),
}

/// A test of a property, or its complement among events.
#[derive(Debug)]
pub struct ResolvedFilter {
    /// The test.
    pub leaf: ResolvedLeaf,
    /// Whether the complement of the test is meant.
    pub negated: bool,
}

impl ResolvedEvent {
    /// Returns whether lifetime totals answer the condition, so that no event need be read.
    pub fn is_answered_by_totals(&self) -> bool {
        let is_kept = match &self.measure {
            ResolvedMeasure::Number(measure, _) => {
                matches!(measure, NumberMeasure::Count | NumberMeasure::Sum)
            }
            ResolvedMeasure::Instant(..) => true,
        };
        is_kept
            && self.of.is_none()
            && self.from.is_none()
            && self.until.is_none()
            && self.filters.is_empty()
    }

    /// Returns whether the condition needs the values of events.
    pub fn needs_values(&self) -> bool {
        match &self.measure {
            ResolvedMeasure::Number(measure, _) => measure.is_of_values() && self.of.is_none(),
            ResolvedMeasure::Instant(..) => false,
        }
    }
}

impl EventPlan {
    /// Adds a condition.
    pub fn add(&mut self, event: &EventLeaf, moment: &Moment) -> ResolvedLeaf {
        let (from, until) = resolve_window(event.window, moment);
        let filters: BTreeSet<usize> = event
            .filters
            .iter()
            .map(|filter| self.add_filter(filter, moment))
            .collect();
        let of = event
            .of
            .as_ref()
            .map(|property| self.add_measured(property));
        self.leaves.push(ResolvedEvent {
            of,
            names: event.names.clone(),
            from,
            until,
            filters: filters.into_iter().collect(),
            measure: match &event.measure {
                Measure::Number(measure, test) => ResolvedMeasure::Number(*measure, test.clone()),
                Measure::Instant(measure, test) => {
                    ResolvedMeasure::Instant(*measure, InstantTest::new(test, moment))
                }
            },
        });
        ResolvedLeaf::Event(self.leaves.len() - 1)
    }

    fn add_measured(&mut self, property: &str) -> usize {
        let known = self.measured.iter().position(|known| known == property);
        known.unwrap_or_else(|| {
            self.columns.insert(ColumnKey::Number(property.to_owned()));
            self.measured.push(property.to_owned());
            self.measured.len() - 1
        })
    }

    fn add_filter(&mut self, filter: &EventFilter, moment: &Moment) -> usize {
        if let Some(place) = self.places.find(filter) {
            return place;
        }
        let leaf = resolve_leaf(&filter.leaf, moment, &mut |event| self.add(event, moment));
        // A test of a property needs no groups.
        leaf.list_needs(&mut self.columns, &mut BTreeSet::new());
        self.filters.push(ResolvedFilter {
            leaf,
            negated: filter.negated,
        });
        self.places.insert(filter, self.filters.len() - 1);
        self.filters.len() - 1
    }
}
