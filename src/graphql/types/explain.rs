//! Explanations: why a subscriber is in a segment or not.

use super::rule::input::{RuleInput, get_rule};
use super::rule::node::{
    ExplainedNode, RuleProblem, RuleWarning, list_nodes, list_problems, list_warnings,
};
use super::segment::SegmentRef;
use crate::audience::catalogue::load_catalogue;
use crate::audience::segment::Segment;
use crate::audience::warning::find_warnings;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::loaders::{SegmentPair, load_one};
use crate::rule::{Moment, Node, check_rule, parse_rule, read_document};
use crate::scan::explain;
use async_graphql::{Context, Json, SimpleObject};
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Why a rule matches a subscriber or not, node by node.
#[derive(SimpleObject)]
pub struct Explanation {
    /// Whether the rule matches the subscriber as of `asOf`; null if the rule is not valid.
    pub is_match: Option<bool>,
    /// Whether the subscriber is a stored member of the segment; null for a rule that is not stored.
    pub is_member: Option<bool>,
    /// Every node of the rule, parents before children; empty if the rule is not valid.
    pub nodes: Vec<ExplainedNode>,
    /// Every problem of the rule.
    pub problems: Vec<RuleProblem>,
    /// Possible mistakes in a valid rule, such as an event that was never recorded.
    pub warnings: Vec<RuleWarning>,
    /// The moment from which relative dates were counted.
    pub as_of: DateTime<Utc>,
}

/// The arguments of an explanation.
pub struct ExplainArguments {
    /// A stored segment; no rule may then be given.
    pub segment: Option<SegmentRef>,
    /// A rule.
    pub rule: Option<RuleInput>,
    /// A rule as JSON.
    pub rule_json: Option<Json<Value>>,
    /// The moment that relative dates count from.
    pub now: Option<DateTime<Utc>>,
}

/// Explains a rule for a subscriber.
pub async fn explain_for(
    context: &Context<'_>,
    subscriber_id: i64,
    arguments: ExplainArguments,
) -> async_graphql::Result<Explanation> {
    let app = context.app()?;
    let now = arguments.now.unwrap_or_else(|| app.now()).trunc_subsecs(6);
    let (segment, root, rule) = match arguments.segment {
        None => {
            let rule = get_rule(arguments.rule, arguments.rule_json)?;
            let parsed = parse_rule(&rule);
            (None, rule, parsed)
        }
        Some(_) if arguments.rule.is_some() || arguments.rule_json.is_some() => {
            return Err(bad_input("expected either \"segment\" or a rule"));
        }
        Some(segment) => {
            let segment = segment.get(context).await?;
            let document = segment.rule.read();
            let parsed = read_document(&document);
            let root = document.get("root").cloned().unwrap_or_default();
            (Some(segment), root, parsed)
        }
    };
    let is_member = match &segment {
        Some(segment) => {
            let pair = SegmentPair((segment.id, subscriber_id));
            Some(load_one(context.loader()?, pair).await?.is_some())
        }
        None => None,
    };
    let answered = match rule {
        Ok(rule) => answer(context, subscriber_id, segment, (root, rule), now).await?,
        Err(problems) => Err(list_problems(problems)),
    };
    let (nodes, warnings, problems) = match answered {
        Ok((nodes, warnings)) => (nodes, warnings, Vec::new()),
        Err(problems) => (Vec::new(), Vec::new(), problems),
    };
    Ok(Explanation {
        is_match: nodes.first().map(|root| root.is_true),
        is_member,
        nodes,
        problems,
        warnings,
        as_of: now,
    })
}

async fn answer(
    context: &Context<'_>,
    subscriber_id: i64,
    segment: Option<Arc<Segment>>,
    (root, rule): (Value, Node),
    now: DateTime<Utc>,
) -> async_graphql::Result<Result<(Vec<ExplainedNode>, Vec<RuleWarning>), Vec<RuleProblem>>> {
    let app = context.app()?;
    let settings = app.refresh.clone();
    let answered = app.db.run(move |connection| {
        let moment = Moment {
            now,
            ..settings.moment(connection)?
        };
        let catalogue = load_catalogue(connection)?;
        let own = segment.as_ref().map(|segment| segment.key.as_str());
        let checked = match check_rule(&rule, &catalogue, own) {
            Ok(checked) => checked,
            Err(problems) => return Ok(Err(list_problems(problems))),
        };
        let answers = explain(connection, subscriber_id, &checked, &moment)?;
        let nodes = list_nodes(&rule).into_iter().zip(answers);
        let nodes = nodes.map(|(node, answer)| ExplainedNode {
            node,
            is_true: answer.is_true,
            seen: answer.seen.map(Text),
        });
        let warnings = find_warnings(connection, &root)?;
        Ok(Ok((nodes.collect(), list_warnings(warnings))))
    });
    answered.await.map_err(to_graphql)
}
