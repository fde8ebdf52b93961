//! Previews: what a rule would match, without storing anything.

use super::rule::input::{RuleInput, get_rule};
use super::rule::node::{
    PreviewNode, RuleProblem, RuleWarning, list_nodes, list_problems, list_warnings,
};
use super::segment::SegmentRef;
use super::subscriber::SubscriberNode;
use crate::audience::catalogue::load_catalogue;
use crate::audience::paging::MAX_PAGE_SIZE;
use crate::audience::warning::find_warnings;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::bad_input;
use crate::graphql::engine::scalar::count;
use crate::graphql::engine::scans::run_scan;
use crate::rule::{Moment, Node, Problem, parse_and_check, summarize};
use crate::scan::{People, Preview, PreviewRequest, preview};
use async_graphql::{Context, Json, Object, SimpleObject};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;

/// The exact result of a rule at a moment.
#[derive(SimpleObject)]
pub struct SegmentPreview {
    /// Every problem of the rule; if there is one, nothing was counted.
    pub problems: Vec<RuleProblem>,
    /// Possible mistakes in a valid rule, such as an event that was never recorded.
    pub warnings: Vec<RuleWarning>,
    /// The rule as one English sentence; null if it is not valid.
    pub summary: Option<Text<String>>,
    /// How many subscribers the rule matches; null if it is not valid.
    pub member_count: Option<i32>,
    /// The number of all subscribers; null if the rule is not valid.
    pub audience_count: Option<i32>,
    /// The matching share of all subscribers, from 0 to 1; null if the rule is not valid or there are no subscribers.
    pub share: Option<f64>,
    /// Every node of the rule, parents before children; empty if the rule is not valid.
    pub nodes: Vec<PreviewNode>,
    /// Some of the matching subscribers: those added first.
    pub sample: Vec<SubscriberNode>,
    /// How the members of the rule differ from those that the segment of `compareTo` has now; null without it, or if
    /// the rule is not valid.
    pub difference: Option<PreviewDifference>,
    /// The moment from which relative dates were counted.
    pub as_of: DateTime<Utc>,
}

/// How the members of a rule differ from those that a segment has now.
#[derive(SimpleObject)]
pub struct PreviewDifference {
    /// How many subscribers would join.
    pub joining_count: i32,
    /// Some of the subscribers who would join: those added first.
    pub joining: Vec<SubscriberNode>,
    /// How many subscribers would leave.
    pub leaving_count: i32,
    /// Some of the subscribers who would leave: those added first.
    pub leaving: Vec<SubscriberNode>,
}

/// Queries about rules that are not stored.
#[derive(Default)]
pub struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// Evaluates a rule over all subscribers without storing anything. Give exactly one of `rule` and `ruleJson`.
    async fn preview_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The rule.")] rule: Option<RuleInput>,
        #[graphql(desc = "The rule as JSON of the same shape.")] rule_json: Option<Json<Value>>,
        #[graphql(desc = "The moment that relative dates count from; now if absent.")] now: Option<
            DateTime<Utc>,
        >,
        #[graphql(
            desc = "A segment whose present members to compare with. The rule may use this segment."
        )]
        compare_to: Option<SegmentRef>,
        #[graphql(
            desc = "How many members to return as a sample; at most 250.",
            default = 10
        )]
        first: i32,
    ) -> async_graphql::Result<SegmentPreview> {
        let app = context.app()?;
        let rule = get_rule(rule, rule_json)?;
        let sample_size = sample_size(first)?;
        let compare_to = match compare_to {
            Some(segment) => Some(segment.get(context).await?),
            None => None,
        };
        let now = now.unwrap_or_else(|| app.now()).trunc_subsecs(6);
        run_scan(context, move |db, settings| {
            db.run_here(|connection| {
                let moment = Moment {
                    now,
                    ..settings.moment(connection)?
                };
                let catalogue = load_catalogue(connection)?;
                // The rule is only compared with the segment and not saved, so it may use the segment.
                let (node, checked) = match parse_and_check(&rule, &catalogue, None) {
                    Ok(checked) => checked,
                    Err(problems) => return Ok(invalid(problems, &moment)),
                };
                let warnings = find_warnings(connection, &rule)?;
                let request = PreviewRequest {
                    rule: checked,
                    compare_to: compare_to.as_ref().map(|segment| segment.id),
                    moment,
                    sample_size,
                };
                let mut answer = valid(&node, preview(db, &request, settings)?, &moment);
                answer.warnings = list_warnings(warnings);
                Ok(answer)
            })
        })
        .await
    }
}

/// Reads the argument `first` of a list that is not a connection.
pub fn sample_size(first: i32) -> async_graphql::Result<usize> {
    usize::try_from(first)
        .ok()
        .filter(|size| *size <= MAX_PAGE_SIZE)
        .ok_or_else(|| {
            bad_input(format!(
                "expected \"first\" from 0 to {MAX_PAGE_SIZE}, found {first}"
            ))
        })
}

fn invalid(problems: Vec<Problem>, moment: &Moment) -> SegmentPreview {
    SegmentPreview {
        problems: list_problems(problems),
        warnings: Vec::new(),
        summary: None,
        member_count: None,
        audience_count: None,
        share: None,
        nodes: Vec::new(),
        sample: Vec::new(),
        difference: None,
        as_of: moment.now,
    }
}

fn valid(rule: &Node, preview: Preview, moment: &Moment) -> SegmentPreview {
    let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let sample = |people: People| {
        people
            .sample
            .into_iter()
            .map(|person| SubscriberNode::new(person.into()))
            .collect()
    };
    let nodes = list_nodes(rule).into_iter().zip(preview.node_counts);
    let members = preview.members.count;
    SegmentPreview {
        problems: Vec::new(),
        warnings: Vec::new(),
        summary: Some(summarize(rule).into()),
        member_count: Some(number(members)),
        audience_count: Some(number(preview.audience_count)),
        share: (preview.audience_count > 0).then(|| members as f64 / preview.audience_count as f64),
        nodes: nodes
            .map(|(node, count)| PreviewNode {
                node,
                match_count: number(count),
            })
            .collect(),
        sample: sample(preview.members),
        difference: preview.difference.map(|difference| PreviewDifference {
            joining_count: number(difference.joining.count),
            joining: sample(difference.joining),
            leaving_count: number(difference.leaving.count),
            leaving: sample(difference.leaving),
        }),
        as_of: moment.now,
    }
}
