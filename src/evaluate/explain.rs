//! Explanations: the values of a subscriber that the nodes of a rule test, in words.

use super::columns::{Chunk, Column, ColumnKey, GroupKey};
use super::event_plan::ResolvedMeasure;
use super::events::Measured;
use super::plan::Plan;
use super::resolve::ResolvedLeaf;
use arrow_array::{Array, ListArray, StringArray};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rollcall_rule::{
    InstantMeasure, Moment, NumberMeasure, RandomShare, Status, TextField, bucket, write_number,
};
use std::collections::HashMap;

/// The data for describing the tested values of one subscriber.
pub struct Witness<'w> {
    /// The plan that was evaluated.
    pub plan: &'w Plan,
    /// A chunk of that one subscriber.
    pub chunk: &'w Chunk,
    /// What was measured for the event conditions of the plan, in their order.
    pub measured: &'w [Measured],
    /// The keys of groups by id.
    pub groups: &'w HashMap<i64, &'w str>,
    /// The "now" of the evaluation. Dates are shown in its time zone.
    pub moment: &'w Moment,
}

const MISSING: &str = "missing";

impl Witness<'_> {
    /// Describes the value that a leaf of the plan tests.
    pub fn describe(&self, leaf: usize) -> String {
        match &self.plan.leaves[leaf] {
            ResolvedLeaf::Text { field, .. } => self.column(&ColumnKey::Text(field.clone())),
            ResolvedLeaf::Number { key, .. } => self.column(&ColumnKey::Number(key.clone())),
            ResolvedLeaf::Days { field, .. }
            | ResolvedLeaf::Instants { field, .. }
            | ResolvedLeaf::Anniversary { field, .. } => {
                self.column(&ColumnKey::Date(field.clone()))
            }
            ResolvedLeaf::IsSet(key) => self.column(key),
            ResolvedLeaf::Boolean { key, .. } => self.column(&ColumnKey::Boolean(key.clone())),
            ResolvedLeaf::List { key, .. } => self.column(&ColumnKey::List(key.clone())),
            ResolvedLeaf::Status(_) => self.column(&ColumnKey::Status),
            ResolvedLeaf::Near(circle) => match self.place() {
                Some((latitude, longitude)) => {
                    let distance = circle.distance_km(latitude, longitude);
                    format!("{distance:.1} km away")
                }
                None => MISSING.to_owned(),
            },
            ResolvedLeaf::HasLocation => match self.place() {
                Some((latitude, longitude)) => format!("{latitude}, {longitude}"),
                None => MISSING.to_owned(),
            },
            ResolvedLeaf::Group { keys, .. } if keys.iter().any(|key| key.group.is_none()) => {
                let is_in = keys.iter().any(|key| self.is_in_group(key));
                let seen = if is_in { "in a group" } else { "in no group" };
                seen.to_owned()
            }
            ResolvedLeaf::Group { keys, .. } => describe_memberships(keys.iter().map(|key| {
                let group = key.group.and_then(|id| self.groups.get(&id));
                (group.copied().unwrap_or_default(), self.is_in_group(key))
            })),
            ResolvedLeaf::Event(place) => self.measure(*place),
            ResolvedLeaf::Random(share) => self.bucket(share),
        }
    }

    fn is_in_group(&self, key: &GroupKey) -> bool {
        let members = self.chunk.groups.get(key);
        members.is_some_and(|members| members.value(0))
    }

    fn column(&self, key: &ColumnKey) -> String {
        let Some(column) = self.chunk.columns.get(key) else {
            return MISSING.to_owned();
        };
        if !column.is_set().value(0) {
            return MISSING.to_owned();
        }
        match column {
            Column::Text(texts) => match key {
                ColumnKey::Text(TextField::Email) => texts.value(0).to_owned(),
                _ => format!("\"{}\"", texts.value(0)),
            },
            Column::Number(numbers) => write_number(numbers.value(0)),
            Column::Day(days) => NaiveDate::from_epoch_days(days.value(0))
                .map_or_else(|| MISSING.to_owned(), |day| day.to_string()),
            Column::Instant(instants) => self.instant(instants.value(0)),
            Column::Boolean(flags) => flags.value(0).to_string(),
            Column::List(lists) => items(lists),
            Column::Status(places) => Status::ALL
                .get(usize::from(places.value(0)))
                .map_or(MISSING, |status| status.as_str())
                .to_owned(),
        }
    }

    fn instant(&self, micros: i64) -> String {
        match DateTime::<Utc>::from_timestamp_micros(micros) {
            Some(instant) => instant
                .with_timezone(&self.moment.zone)
                .to_rfc3339_opts(SecondsFormat::AutoSi, true),
            None => MISSING.to_owned(),
        }
    }

    fn place(&self) -> Option<(f64, f64)> {
        let degrees = |key| match self.chunk.columns.get(&key) {
            Some(Column::Number(degrees)) if degrees.is_valid(0) => Some(degrees.value(0)),
            _ => None,
        };
        Some((
            degrees(ColumnKey::Latitude)?,
            degrees(ColumnKey::Longitude)?,
        ))
    }

    fn measure(&self, place: usize) -> String {
        let event = &self.plan.events.leaves[place];
        let measure = &event.measure;
        let measured = self.measured.get(place).copied();
        match (measure, measured.unwrap_or(Measured::Missing)) {
            (ResolvedMeasure::Number(NumberMeasure::Count, _), Measured::Number(1.0)) => {
                "1 event".to_owned()
            }
            (ResolvedMeasure::Number(NumberMeasure::Count, _), Measured::Number(count)) => {
                format!("{count} events")
            }
            (ResolvedMeasure::Number(NumberMeasure::DistinctDays, _), Measured::Number(1.0)) => {
                "events on 1 day".to_owned()
            }
            (ResolvedMeasure::Number(NumberMeasure::DistinctDays, _), Measured::Number(days)) => {
                format!("events on {days} days")
            }
            (ResolvedMeasure::Number(measure, _), Measured::Number(number)) => {
                format!("{} {number}", measure.as_str())
            }
            (ResolvedMeasure::Instant(InstantMeasure::FirstAt, _), Measured::Instant(at)) => {
                format!("first at {}", self.instant(at))
            }
            (ResolvedMeasure::Instant(InstantMeasure::LastAt, _), Measured::Instant(at)) => {
                format!("last at {}", self.instant(at))
            }
            (ResolvedMeasure::Number(..), _) => {
                match event.of.and_then(|of| self.plan.events.measured.get(of)) {
                    Some(property) => format!("no events with a number in \"{property}\""),
                    None => "no events with a value".to_owned(),
                }
            }
            (ResolvedMeasure::Instant(..), _) => "no events".to_owned(),
        }
    }

    fn bucket(&self, share: &RandomShare) -> String {
        let bucket = bucket(&share.salt, self.chunk.ids.get(0));
        format!("at {} %", bucket as f64 / 100.0)
    }
}

/// Says for each group or segment, given by its key, whether the subscriber is in it.
pub fn describe_memberships<'k>(answers: impl Iterator<Item = (&'k str, bool)>) -> String {
    let describe = |(key, is_in): (&str, bool)| match is_in {
        true => format!("in \"{key}\""),
        false => format!("not in \"{key}\""),
    };
    answers.map(describe).collect::<Vec<_>>().join(", ")
}

fn items(lists: &ListArray) -> String {
    let items = lists.value(0);
    match items.as_any().downcast_ref::<StringArray>() {
        Some(texts) => {
            let quoted = texts.iter().flatten().map(|text| format!("\"{text}\""));
            quoted.collect::<Vec<_>>().join(", ")
        }
        None => MISSING.to_owned(),
    }
}
