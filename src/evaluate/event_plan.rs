//! The event conditions of a plan: what to read of the events, and what to make of it.

use super::columns::ColumnKey;
use super::dates::{InstantTest, resolve_window};
use super::plan::Identity;
use super::resolve::{ResolvedLeaf, resolve_leaf};
use rollcall_rule::{
    EventFilter, EventLeaf, InstantMeasure, Measure, Moment, NumberMeasure, NumberTest,
};
use std::collections::{BTreeSet, HashMap};

/// The event conditions of a plan.
#[derive(Debug, Default)]
pub struct EventPlan {
    /// The conditions, to which [`ResolvedLeaf::Event`] refers by position.
    pub leaves: Vec<ResolvedEvent>,
    /// Every distinct test of a property, to which conditions refer by position.
    pub filters: Vec<ResolvedFilter>,
    /// Every distinct property that something is computed of, to which conditions refer by position.
    pub measured: Vec<String>,
    /// The properties to load, named like columns.
    pub columns: BTreeSet<ColumnKey>,
    places: HashMap<Identity, usize>,
}

/// An event condition whose window is worked out.
#[derive(Debug)]
pub struct ResolvedEvent {
    /// Names of the events, sorted.
    pub names: Vec<String>,
    /// The first instant that counts, in microseconds since 1970-01-01.
    pub from: Option<i64>,
    /// The first instant that does not count any more.
    pub until: Option<i64>,
    /// Positions of the tests that an event must pass to count, sorted, each once.
    pub filters: Vec<usize>,
    /// What is computed, and what it must be.
    pub measure: ResolvedMeasure,
    /// The position of the property that it is computed of; none for the values of the events.
    pub of: Option<usize>,
}

/// What is computed of events, and what it must be.
#[derive(Debug)]
pub enum ResolvedMeasure {
    /// A number.
    Number(NumberMeasure, NumberTest),
    /// An instant.
    Instant(InstantMeasure, InstantTest),
}

/// A test of a property, or its complement among events.
#[derive(Debug)]
pub struct ResolvedFilter {
    /// The test.
    pub leaf: ResolvedLeaf,
    /// Whether its complement is meant.
    pub negated: bool,
}

impl ResolvedEvent {
    /// Whether the lifetime totals answer it, so that no event need be read.
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

    /// Whether it needs the values of events.
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
        let identity = Identity::of(filter);
        if let Some(place) = self.places.get(&identity) {
            return *place;
        }
        // A property has no events of its own, nor is it in a group.
        let leaf = resolve_leaf(&filter.leaf, moment, &mut EventPlan::default());
        leaf.list_needs(&mut self.columns, &mut BTreeSet::new());
        self.filters.push(ResolvedFilter {
            leaf,
            negated: filter.negated,
        });
        self.places.insert(identity, self.filters.len() - 1);
        self.filters.len() - 1
    }
}
