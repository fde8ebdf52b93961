//! The rules of stored segments, read and checked for an evaluation.

use crate::audience::catalogue::load_catalogue;
use crate::audience::segment::SegmentMode;
use crate::db::schema::segments;
use crate::error::Error;
use crate::evaluate::{Plan, PlannedRule};
use crate::rule::{Catalogue, CheckedRule, Moment, Problem, check_rule, read_document};
use diesel::prelude::*;
use serde_json::Value;

/// A segment with its rule.
pub struct SegmentRule {
    /// The id of the segment.
    pub id: i64,
    /// The version of the rule.
    pub definition_version: i32,
    /// The last refresh that may have used an earlier time zone.
    pub stale_through: i64,
    /// Whether the segment follows changes of subscribers at once.
    pub is_instant: bool,
    /// The rule, or why it cannot be evaluated.
    pub rule: Result<CheckedRule, Vec<Problem>>,
}

/// Loads the rules of segments that are not archived, ordered by id: of the segments with these ids, or of all.
pub fn load_rules(
    connection: &mut PgConnection,
    catalogue: &Catalogue,
    ids: Option<&[i64]>,
) -> Result<Vec<SegmentRule>, Error> {
    let mut query = segments::table
        .filter(segments::archived_at.is_null())
        .order(segments::id)
        .select((
            segments::id,
            segments::key,
            segments::definition_version,
            segments::stale_through,
            segments::mode,
            segments::rule,
        ))
        .into_boxed();
    if let Some(ids) = ids {
        query = query.filter(segments::id.eq_any(ids));
    }
    type Row = (i64, String, i32, i64, SegmentMode, Value);
    let rows: Vec<Row> = query.load(connection)?;
    let read = |(id, key, definition_version, stale_through, mode, document): Row| SegmentRule {
        id,
        definition_version,
        stale_through,
        is_instant: mode == SegmentMode::Instant,
        rule: read_document(&document).and_then(|node| check_rule(&node, catalogue, Some(&key))),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Makes the plan of a rule that is not stored. The rule is the first tree. The plan also has the rules of the segments
/// that the rule uses, directly or through others. They are evaluated with it if they can be evaluated; stored members
/// are not used then.
pub fn plan_unsaved(
    connection: &mut PgConnection,
    rule: &CheckedRule,
    moment: &Moment,
) -> Result<Plan, Error> {
    let segments = rule.list_segments();
    let asked = if segments.is_empty() {
        Vec::new()
    } else {
        let catalogue = load_catalogue(connection)?;
        let asked = Vec::from_iter(catalogue.list_asked(segments));
        load_rules(connection, &catalogue, Some(&asked))?
    };
    let unsaved = PlannedRule {
        segment_id: None,
        rule,
    };
    let rules = std::iter::once(unsaved).chain(plannable(&asked));
    Ok(Plan::new(rules, moment))
}

/// Lists the rules that can be evaluated, for a plan.
pub fn plannable<'r>(
    rules: impl IntoIterator<Item = &'r SegmentRule>,
) -> impl Iterator<Item = PlannedRule<'r>> {
    rules.into_iter().filter_map(|segment| {
        let rule = segment.rule.as_ref().ok()?;
        Some(PlannedRule {
            segment_id: Some(segment.id),
            rule,
        })
    })
}
