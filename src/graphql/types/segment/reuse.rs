//! Segments with existing rules: copies of other segments, and earlier versions of the rule.

use super::SegmentNode;
use super::input::{parts, saved};
use crate::audience::segment::Updated;
use crate::audience::segment_reuse::{copy, restore_definition};
use crate::graphql::engine::change::change;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split};
use crate::graphql::engine::id::{IdKind, input_id};
use crate::graphql::types::rule::node::RuleWarning;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// A segment to copy.
#[derive(InputObject)]
pub struct CopySegmentInput {
    /// The global id of the segment.
    pub id: ID,
    /// The immutable name of the copy: lower-case letters, digits, `-` and `_`.
    pub key: String,
    /// The display name of the copy; that of the segment if absent.
    pub name: Option<String>,
}

/// The copy, or the errors.
#[derive(SimpleObject)]
pub struct CopySegmentPayload {
    /// The copy. Its first refresh starts by itself.
    pub segment: Option<SegmentNode>,
    /// The errors of the input, every problem of the rule included; empty on success.
    pub user_errors: Vec<UserError>,
    /// Possible mistakes in the rule, such as an event that was never recorded. The copy was saved nevertheless.
    pub warnings: Vec<RuleWarning>,
}

/// The version of the rule to restore, and its segment.
#[derive(InputObject)]
pub struct RestoreSegmentDefinitionInput {
    /// The global id of the segment.
    pub id: ID,
    /// The version of the rule, as `definitions` lists it.
    pub definition_version: i32,
    /// The version of the segment that you have read. If the segment has another one, nothing is changed and the answer
    /// is CONFLICT.
    pub if_version: Option<i32>,
}

/// The segment, or the errors.
#[derive(SimpleObject)]
pub struct RestoreSegmentDefinitionPayload {
    /// The segment as it is now. If the rule changed, its refresh starts by itself.
    pub segment: Option<SegmentNode>,
    /// The errors of the input, every problem of the rule included; empty on success.
    pub user_errors: Vec<UserError>,
    /// Possible mistakes in the rule, such as an event that was never recorded. The segment was saved nevertheless.
    pub warnings: Vec<RuleWarning>,
}

/// Mutations of segments that reuse existing rules.
#[derive(Default)]
pub struct SegmentReuseMutation;

#[Object]
impl SegmentReuseMutation {
    /// Creates a segment with the rule, mode, description and tags of another one. The new segment is PENDING until its
    /// first refresh, which starts by itself.
    async fn copy_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment and the names of the copy.")] input: CopySegmentInput,
    ) -> async_graphql::Result<CopySegmentPayload> {
        let app = context.app()?;
        let now = app.now();
        let written_by = context.origin()?.actor.clone();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Segment)?;
            let name = input.name.as_deref();
            let copied = copy(connection, id, &input.key, name, &written_by, now)?;
            saved(connection, copied, None)
        });
        let (segment, user_errors, warnings) = parts(split(result.await)?);
        app.pending.notify_one();
        Ok(CopySegmentPayload {
            segment,
            user_errors,
            warnings,
        })
    }

    /// Restores an earlier rule of a segment as its newest version. Restoring the present rule creates no version.
    async fn restore_segment_definition(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment and the version.")] input: RestoreSegmentDefinitionInput,
    ) -> async_graphql::Result<RestoreSegmentDefinitionPayload> {
        let app = context.app()?;
        let now = app.now();
        let written_by = context.origin()?.actor.clone();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Segment)?;
            let (version, if_version) = (input.definition_version, input.if_version);
            let Updated {
                segment,
                version_before,
            } = restore_definition(connection, id, version, if_version, &written_by, now)?;
            saved(connection, segment, Some(version_before))
        });
        let (segment, user_errors, warnings) = parts(split(result.await)?);
        app.pending.notify_one();
        Ok(RestoreSegmentDefinitionPayload {
            segment,
            user_errors,
            warnings,
        })
    }
}
