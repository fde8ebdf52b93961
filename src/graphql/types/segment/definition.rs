//! Versions of the rules of segments.

use crate::audience::api_key::Scope;
use crate::audience::definition::Definition;
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::types::audit::Actor;
use crate::rule::{in_reading_order, read_document, summarize};
use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Returns the rule of a stored document.
pub(super) fn rule_of(document: &Value) -> Document<Value> {
    Document(in_reading_order(
        document.get("root").unwrap_or(&Value::Null),
    ))
}

/// Returns the rule of a stored document as one English sentence, if it can be read.
pub(super) fn summary_of(document: &Value) -> Option<String> {
    Some(summarize(&read_document(document).ok()?))
}

/// A version of the rule of a segment.
pub struct SegmentDefinition(pub Definition);

/// A version of the rule of a segment.
#[Object]
impl SegmentDefinition {
    /// The number of the version, from 1.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The rule: a node with one key.
    async fn rule(&self) -> Document<Value> {
        rule_of(&self.0.rule)
    }

    /// The rule as one English sentence; null if it cannot be read any more.
    async fn summary(&self) -> Option<Text<String>> {
        summary_of(&self.0.rule).map(Text)
    }

    /// When this version became the rule.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The actor who wrote the version; null for versions older than the audit log. `name` and `keyPrefix` are only
    /// visible to ADMIN, as in the audit log; for others they are null.
    async fn written_by(&self, context: &Context<'_>) -> Option<Actor> {
        let Definition {
            written_by,
            written_by_name,
            written_by_prefix,
            ..
        } = &self.0;
        let kind = written_by.as_deref()?;
        let access = context.access();
        let is_told = access.is_ok_and(|access| access.scopes.allow(Scope::Admin));
        let name = written_by_name.as_ref().filter(|_| is_told);
        let prefix = written_by_prefix.as_ref().filter(|_| is_told);
        Some(Actor::read(kind, name, prefix))
    }
}

at_hand!(SegmentDefinition {});
