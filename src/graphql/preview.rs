//! Previews: what a rule would match, without storing anything.

use super::app::ContextExt;
use super::error::{bad_input, to_graphql};
use super::rule_input::{RuleInput, read_rule};
use super::scalar::count;
use super::segment::RuleProblem;
use super::subscriber::SubscriberNode;
use crate::audience::catalogue::load_catalogue;
use crate::audience::paging::MAX_PAGE_SIZE;
use crate::error::Error;
use crate::refresh::{Preview, preview};
use crate::rule::{CheckedNode, CheckedRule, Moment, NodeKind, Problem, parse_and_check};
use async_graphql::{Context, Enum, Json, Object, SimpleObject};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;

/// What kind of node of a rule it is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleNodeKind {
    /// True where every child is true.
    All,
    /// True where at least one child is true.
    Any,
    /// True where the child is false.
    Not,
    /// Always true.
    Everyone,
    /// A test of something a subscriber has or did.
    Condition,
}

/// A node of a rule with how many subscribers it matches by itself.
#[derive(SimpleObject)]
pub struct RuleNode {
    /// The place in the rule, such as `all[1].not`; empty for the root.
    pub path: String,
    /// The place of the node above it; null for the root.
    pub parent_path: Option<String>,
    /// What kind of node it is.
    pub kind: RuleNodeKind,
    /// How many subscribers the node matches.
    pub match_count: i32,
}

/// What a rule matches at a moment, exactly.
#[derive(SimpleObject)]
pub struct SegmentPreview {
    /// Everything wrong with the rule; if there is anything, nothing was counted.
    pub problems: Vec<RuleProblem>,
    /// How many subscribers the rule matches; null if it is not valid.
    pub member_count: Option<i32>,
    /// How many subscribers there are; null if the rule is not valid.
    pub audience_count: Option<i32>,
    /// The matched part of all subscribers, from 0 to 1; null if the rule is not valid or there are none.
    pub share: Option<f64>,
    /// Every node of the rule, parents before children; empty if the rule is not valid.
    pub nodes: Vec<RuleNode>,
    /// Some of the members: those added first.
    pub sample: Vec<SubscriberNode>,
    /// The moment that relative dates were counted from.
    pub as_of: DateTime<Utc>,
}

/// Questions about rules that are not stored.
#[derive(Default)]
pub struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// Evaluates a rule over all subscribers without storing anything. The rule comes as `rule` or as `ruleJson`;
    /// exactly one of them.
    async fn preview_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The rule.")] rule: Option<RuleInput>,
        #[graphql(desc = "The rule as JSON of the same shape.")] rule_json: Option<Json<Value>>,
        #[graphql(desc = "The moment that relative dates count from; now if absent.")] now: Option<
            DateTime<Utc>,
        >,
        #[graphql(
            desc = "How many members to return as a sample; at most 250.",
            default = 10
        )]
        first: i32,
    ) -> async_graphql::Result<SegmentPreview> {
        let app = context.app()?;
        let rule = read_rule(rule, rule_json)
            .map_err(|error| bad_input(error.message))?
            .ok_or_else(|| bad_input("expected \"rule\" or \"ruleJson\", found neither"))?;
        let sample_size = usize::try_from(first)
            .ok()
            .filter(|size| *size <= MAX_PAGE_SIZE)
            .ok_or_else(|| {
                bad_input(format!(
                    "expected \"first\" from 0 to {MAX_PAGE_SIZE}, found {first}"
                ))
            })?;
        let moment = Moment {
            now: now.unwrap_or_else(|| app.now()).trunc_subsecs(6),
            zone: app.refresh.zone,
        };
        let (db, settings) = (app.db.clone(), app.refresh.clone());
        let result = app.db.run(move |connection| {
            let catalogue = load_catalogue(connection)?;
            let checked = parse_and_check(&rule, &catalogue).map(|(_, checked)| checked);
            match checked {
                Err(problems) => Ok(invalid(problems, &moment)),
                Ok(rule) => {
                    let preview = preview(&db, &rule, &moment, sample_size, &settings)?;
                    Ok::<_, Error>(valid(&rule, preview, &moment))
                }
            }
        });
        result.await.map_err(to_graphql)
    }
}

fn invalid(problems: Vec<Problem>, moment: &Moment) -> SegmentPreview {
    SegmentPreview {
        problems: problems.into_iter().map(RuleProblem::from).collect(),
        member_count: None,
        audience_count: None,
        share: None,
        nodes: Vec::new(),
        sample: Vec::new(),
        as_of: moment.now,
    }
}

fn valid(rule: &CheckedRule, preview: Preview, moment: &Moment) -> SegmentPreview {
    let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let members = preview.node_counts.first().copied().unwrap_or_default();
    let nodes = rule.nodes.iter().zip(&preview.node_counts);
    SegmentPreview {
        problems: Vec::new(),
        member_count: Some(number(members)),
        audience_count: Some(number(preview.audience_count)),
        share: (preview.audience_count > 0).then(|| members as f64 / preview.audience_count as f64),
        nodes: nodes
            .map(|(node, count)| RuleNode {
                path: node.path.clone(),
                parent_path: node.parent.map(|parent| rule.nodes[parent].path.clone()),
                kind: kind_of(node),
                match_count: number(*count),
            })
            .collect(),
        sample: preview.sample.into_iter().map(SubscriberNode).collect(),
        as_of: moment.now,
    }
}

fn kind_of(node: &CheckedNode) -> RuleNodeKind {
    match node.kind {
        NodeKind::All(_) => RuleNodeKind::All,
        NodeKind::Any(_) => RuleNodeKind::Any,
        NodeKind::Not(_) => RuleNodeKind::Not,
        NodeKind::Everyone => RuleNodeKind::Everyone,
        NodeKind::Leaf { .. } => RuleNodeKind::Condition,
    }
}
