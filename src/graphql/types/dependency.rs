//! The dependencies of rules, and the segments whose rules have them.

use super::custom_field::CustomFieldNode;
use super::group::GroupNode;
use super::segment::SegmentNode;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::loaders::{
    CustomFieldByKey, DependenciesOf, GroupByKey, SegmentByKey, UsersOf, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::rule::{Dependency, DependencyKind};
use async_graphql::{Context, Enum, Object};

/// The kind of a dependency.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "DependencyKind")]
pub enum SegmentDependencyKind {
    /// A custom field.
    Field,
    /// A group.
    Group,
    /// Another segment.
    Segment,
    /// Events with a name.
    Event,
}

/// Something that the rule of a segment uses. It cannot be deleted while it is used.
pub struct SegmentDependency(Dependency);

/// Something that the rule of a segment uses. It cannot be deleted while it is used.
#[Object]
impl SegmentDependency {
    /// The kind of the dependency.
    async fn kind(&self) -> SegmentDependencyKind {
        self.0.kind.into()
    }

    /// The key of the custom field, group or segment, or the name of the events.
    async fn name(&self) -> Text<&str> {
        Text(&self.0.name)
    }

    /// The custom field, if a custom field is used.
    async fn custom_field(&self, context: &Context<'_>) -> Nullable<CustomFieldNode> {
        nullable(async {
            let Some(key) = self.key_of(DependencyKind::Field) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, CustomFieldByKey(key)).await?;
            Ok(found.map(CustomFieldNode))
        })
        .await
    }

    /// The group, if a group is used.
    async fn group(&self, context: &Context<'_>) -> Nullable<GroupNode> {
        nullable(async {
            let Some(key) = self.key_of(DependencyKind::Group) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, GroupByKey(key)).await?;
            Ok(found.map(GroupNode))
        })
        .await
    }

    /// The segment, if a segment is used.
    async fn segment(&self, context: &Context<'_>) -> Nullable<SegmentNode> {
        nullable(async {
            let Some(key) = self.key_of(DependencyKind::Segment) else {
                return Ok(None);
            };
            let found = load_one(context.loader()?, SegmentByKey(key)).await?;
            Ok(found.map(SegmentNode::new))
        })
        .await
    }
}

impl SegmentDependency {
    fn key_of(&self, kind: DependencyKind) -> Option<String> {
        (self.0.kind == kind).then(|| self.0.name.clone())
    }
}

/// Lists the dependencies of the rule of a segment.
pub async fn uses_of(
    context: &Context<'_>,
    segment_id: i64,
) -> async_graphql::Result<Vec<SegmentDependency>> {
    let uses = load_one(context.loader()?, DependenciesOf(segment_id)).await?;
    let uses = uses.unwrap_or_default().into_iter();
    Ok(uses.map(SegmentDependency).collect())
}

/// Lists the segments whose rules use a dependency.
pub async fn users_of(
    context: &Context<'_>,
    kind: DependencyKind,
    name: &str,
) -> async_graphql::Result<Vec<SegmentNode>> {
    let used = Dependency {
        kind,
        name: name.to_owned(),
    };
    let users = load_one(context.loader()?, UsersOf(used)).await?;
    let users = users.unwrap_or_default().into_iter();
    Ok(users.map(SegmentNode::new).collect())
}
