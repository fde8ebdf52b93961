//! Rules as react-querybuilder writes them, for editors that are built with it.

use super::input::{RuleInput, get_rule};
use super::node::{RuleProblem, list_problems};
use crate::audience::catalogue::load_catalogue;
use crate::graphql::engine::answer_budget::Document;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::rule::{Problem, from_query_builder, parse_rule, to_query_builder};
use async_graphql::{Context, Json, Object, SimpleObject};
use serde_json::Value;

/// A rule in another form, or why it cannot be converted.
#[derive(SimpleObject)]
pub struct RuleConversion {
    /// The rule in the other form; null if the other form cannot express all of it.
    pub result: Option<Document<Value>>,
    /// Everything that the other form cannot express, each at its place in the input.
    pub problems: Vec<RuleProblem>,
}

/// Queries that convert rules.
#[derive(Default)]
pub struct QueryBuilderQuery;

#[Object]
impl QueryBuilderQuery {
    /// Turns a query of react-querybuilder into a rule. Its fields have the names that rules give them; `status`,
    /// `group` and `segment` are fields too. A group without rules matches everyone, as in react-querybuilder; muted
    /// rules are left out.
    async fn rule_from_query_builder(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The query: the JSON of a RuleGroupType or a RuleGroupTypeIC.")]
        query: Json<Value>,
    ) -> async_graphql::Result<RuleConversion> {
        let converted = context.app()?.db.run(move |connection| {
            let catalogue = load_catalogue(connection)?;
            Ok(from_query_builder(&query.0, &catalogue))
        });
        converted.await.map(conversion).map_err(to_graphql)
    }

    /// Turns a rule into a query of react-querybuilder. Give exactly one of `rule` and `ruleJson`.
    async fn rule_to_query_builder(
        &self,
        #[graphql(desc = "The rule.")] rule: Option<RuleInput>,
        #[graphql(desc = "The rule as JSON of the same shape.")] rule_json: Option<Json<Value>>,
    ) -> async_graphql::Result<RuleConversion> {
        let rule = get_rule(rule, rule_json)?;
        Ok(conversion(
            parse_rule(&rule).and_then(|node| to_query_builder(&node)),
        ))
    }
}

fn conversion(converted: Result<Value, Vec<Problem>>) -> RuleConversion {
    match converted {
        Ok(result) => RuleConversion {
            result: Some(Document(result)),
            problems: Vec::new(),
        },
        Err(problems) => RuleConversion {
            result: None,
            problems: list_problems(problems),
        },
    }
}
