//! Reasons: why a subscriber is in a segment or not, node by node.

use super::load::{Work, load_chunk};
use super::load_events::measure_events;
use super::meter::Meter;
use super::rows::Rows;
use super::rules::plan_unsaved;
use super::scan::ChunkRange;
use crate::cancel::Cancel;
use crate::error::Error;
use crate::evaluate::{
    PlannedNode, SegmentSource, Witness, combine, describe_memberships, evaluate_leaves,
};
use crate::rule::{Catalogue, CheckedNode, CheckedRule, Moment, NodeKind};
use diesel::prelude::*;

/// The answer to one node of a rule for one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAnswer {
    /// Whether the node is true of the subscriber.
    pub is_true: bool,
    /// What the subscriber has where the node asks, in words; none for logic.
    pub seen: Option<String>,
}

/// Evaluates a rule for one subscriber: an answer for each of its nodes, in their order. Segments that it asks about
/// are evaluated with it, not read.
///
/// # Errors
/// [`Error::NotFound`] if the subscriber does not exist; those of the database.
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
    let (plan, catalogue) = plan_unsaved(connection, rule, moment)?;
    let alone = Rows::Range(ChunkRange {
        first: subscriber_id,
        rows: 1,
    });
    let (meter, cancel) = (Meter::default(), Cancel::default());
    let work = Work {
        moment,
        meter: &meter,
        cancel: &cancel,
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
    let is_in_segment = |source: &SegmentSource| match source {
        SegmentSource::Tree(place) => answers[*place].first() == Some(&true),
        SegmentSource::Stored(id) => chunk.segments.get(id).is_some_and(|bits| bits.value(0)),
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
    let nodes = rule.nodes.iter().zip(&plan.trees[0]).zip(&answers[0]);
    let answer = |((checked, planned), is_true): ((&_, &PlannedNode), &bool)| NodeAnswer {
        is_true: *is_true,
        seen: match planned {
            PlannedNode::Leaf { leaf, .. } => Some(witness.describe(*leaf)),
            PlannedNode::Segment { sources, .. } => Some(describe_segments(
                &catalogue,
                checked,
                sources,
                is_in_segment,
            )),
            _ => None,
        },
    };
    Ok(nodes.map(answer).collect())
}

fn describe_segments(
    catalogue: &Catalogue,
    node: &CheckedNode,
    sources: &[SegmentSource],
    is_in: impl Fn(&SegmentSource) -> bool,
) -> String {
    let NodeKind::Segment { ids, .. } = &node.kind else {
        return String::new();
    };
    let key_of = |id: &i64| {
        let mut segments = catalogue.segments.iter();
        segments.find_map(|(key, known)| (known.id == *id).then_some(key.as_str()))
    };
    let answers = ids.iter().zip(sources);
    describe_memberships(
        answers.map(|(id, source)| (key_of(id).unwrap_or_default(), is_in(source))),
    )
}
