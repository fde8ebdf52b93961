//! Explains why a subscriber is in a segment or not, node by node.

use super::chunk_range::ChunkRange;
use super::load::load_chunk;
use super::load_events::measure_events;
use super::meter::Meter;
use super::rows::Rows;
use super::rules::plan_unsaved;
use super::work::Work;
use crate::audience::catalogue::load_catalogue;
use crate::cancel::Cancel;
use crate::error::Error;
use crate::evaluate::{
    AskedSegment, Chunk, PlannedNode, SegmentSource, Witness, combine, describe_memberships,
    evaluate_leaves,
};
use crate::past::membership_changes::{MembershipChange, membership_changes_of};
use crate::rule::{Catalogue, CheckedRule, Moment};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;

/// The answer to one node of a rule for one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAnswer {
    /// Whether the node is true of the subscriber.
    pub is_true: bool,
    /// The value of the subscriber that the node tests, in words; `None` for logic.
    pub seen: Option<String>,
}

/// Evaluates a rule for one subscriber. Returns an answer for each of its nodes, in their order. The rules of segments
/// that it uses are evaluated with it. Archived segments and segments with an invalid rule count with their stored
/// members.
///
/// # Errors
/// [`Error::NotFound`] if the subscriber does not exist.
pub fn explain(
    connection: &mut PgConnection,
    subscriber_id: i64,
    rule: &CheckedRule,
    moment: &Moment,
) -> Result<Vec<NodeAnswer>, Error> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(|connection| answer_nodes(connection, subscriber_id, rule, moment))
}

fn answer_nodes(
    connection: &mut PgConnection,
    subscriber_id: i64,
    rule: &CheckedRule,
    moment: &Moment,
) -> Result<Vec<NodeAnswer>, Error> {
    let plan = plan_unsaved(connection, rule, moment)?;
    let catalogue = load_catalogue(connection)?;
    let alone = Rows::Range(ChunkRange {
        first: subscriber_id,
        rows: 1,
    });
    let (meter, cancel) = (Meter::default(), Cancel::default());
    let work = Work {
        moment,
        meter: &meter,
        cancel: &cancel,
        spending: None,
    };
    let chunk = load_chunk(connection, &plan, &alone, work)?;
    if !chunk.exists.value(0) {
        return Err(Error::not_found("subscriber", subscriber_id));
    }
    let leaves = evaluate_leaves(&plan, &chunk, moment, &cancel)?;
    let mut answers = vec![Vec::new(); plan.trees.len()];
    combine(&plan, &leaves, &chunk, |place, nodes| {
        answers[place] = nodes.iter().map(|members| members.value(0)).collect();
    });
    let is_member = |asked: &AskedSegment| match asked.source {
        SegmentSource::Tree(place) => answers[place].first() == Some(&true),
        SegmentSource::Stored(id) => chunk.segments.get(&id).is_some_and(|bits| bits.value(0)),
    };
    let changes = match plan.histories.is_empty() {
        true => Vec::new(),
        false => {
            let mut changes = membership_changes_of(connection, &[subscriber_id])?;
            changes.remove(&subscriber_id).unwrap_or_default()
        }
    };
    let segments = SegmentWitness {
        catalogue: &catalogue,
        chunk: &chunk,
        changes: &changes,
        moment,
    };
    let measured = measure_events(connection, &plan.events, subscriber_id, work)?;
    let groups = catalogue.groups.iter();
    let groups = groups.map(|(key, id)| (*id, key.as_str())).collect();
    let witness = Witness {
        plan: &plan,
        chunk: &chunk,
        measured: &measured,
        groups: &groups,
        moment,
    };
    let nodes = plan.trees[0].iter().zip(&answers[0]);
    let answer = |(planned, is_true): (&PlannedNode, &bool)| NodeAnswer {
        is_true: *is_true,
        seen: match planned {
            PlannedNode::Leaf { leaf, .. } => Some(witness.describe(*leaf)),
            PlannedNode::Segment { asked, past, .. } => {
                let present = asked.iter().map(|asked| (asked.id, is_member(asked)));
                Some(match past {
                    None => segments.describe_present(present),
                    Some(_) => segments.describe_past(present),
                })
            }
            _ => None,
        },
    };
    Ok(nodes.map(answer).collect())
}

/// The data for describing the memberships of one subscriber in segments.
struct SegmentWitness<'w> {
    catalogue: &'w Catalogue,
    chunk: &'w Chunk,
    changes: &'w [MembershipChange],
    moment: &'w Moment,
}

impl SegmentWitness<'_> {
    fn describe_present(&self, present: impl Iterator<Item = (i64, bool)>) -> String {
        describe_memberships(present.map(|(id, is_in)| (self.key_of(id), is_in)))
    }

    /// Says for each segment since when the subscriber is a member, or whether the subscriber was one.
    fn describe_past(&self, present: impl Iterator<Item = (i64, bool)>) -> String {
        let describe = |(id, is_in): (i64, bool)| {
            let key = self.key_of(id);
            let stored = self.chunk.segments.get(&id);
            let is_stored = stored.is_some_and(|bits| bits.value(0));
            let mut changes = self.changes.iter().filter(|known| known.segment_id == id);
            let was_in = is_stored || changes.clone().next().is_some();
            let joined = changes.find(|change| change.joined);
            let joined = joined.map(|change| self.instant(change.at));
            match (is_in, joined) {
                (true, _) if !is_stored => format!("joins \"{key}\" now"),
                (true, Some(joined)) => format!("in \"{key}\" since {joined}"),
                (true, None) => format!("in \"{key}\" for longer than changes are kept"),
                (false, Some(joined)) => format!("was in \"{key}\", joined last at {joined}"),
                (false, None) if was_in => format!("was in \"{key}\""),
                (false, None) => format!("never in \"{key}\""),
            }
        };
        present.map(describe).collect::<Vec<_>>().join(", ")
    }

    fn instant(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.moment.zone)
            .to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    fn key_of(&self, id: i64) -> &str {
        let mut segments = self.catalogue.segments.iter();
        let key = segments.find_map(|(key, known)| (known.id == id).then_some(key.as_str()));
        key.unwrap_or_default()
    }
}
