//! Segments: the mutations and their inputs.

use super::{SegmentModeName, SegmentNode};
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::segment::{self, NewSegment, Segment, SegmentChanges, Updated};
use crate::audience::warning::find_warnings_of;
use crate::error::Error;
use crate::graphql::engine::change::change as change_audited;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split};
use crate::graphql::engine::id::{IdKind, input_id};
use crate::graphql::types::rule::input::{RuleInput, read_rule};
use crate::graphql::types::rule::node::{RuleWarning, list_warnings};
use crate::graphql::types::subscriber::input::{change, keep, null_refused};
use crate::rule::Warning;
use async_graphql::{Context, ID, InputObject, Json, MaybeUndefined, Object, SimpleObject};
use diesel::PgConnection;
use serde_json::Value;

/// A segment to create. Give exactly one of `rule` and `ruleJson`.
#[derive(InputObject)]
pub struct CreateSegmentInput {
    /// The immutable name: lower-case letters, digits, `-` and `_`.
    pub key: String,
    /// The display name; the key if absent.
    pub name: Option<String>,
    /// What the segment is for.
    pub description: Option<String>,
    /// The rule that chooses the members.
    pub rule: Option<RuleInput>,
    /// The rule as JSON of the same shape, for clients that build rules as data.
    pub rule_json: Option<Json<Value>>,
    /// When the members of the segment change.
    #[graphql(default)]
    pub mode: SegmentModeName,
    /// Free words for finding the segment: at most 20 of at most 50 characters each.
    #[graphql(default)]
    pub tags: Vec<String>,
}

/// The segment, or the errors.
#[derive(SimpleObject)]
pub struct CreateSegmentPayload {
    /// The segment. Its first refresh starts by itself.
    pub segment: Option<SegmentNode>,
    /// The errors of the input, every problem of the rule included; empty on success.
    pub user_errors: Vec<UserError>,
    /// Possible mistakes in the rule, such as an event that was never recorded. The segment was saved nevertheless.
    pub warnings: Vec<RuleWarning>,
}

/// The changes to a segment; absent values stay as they are.
#[derive(InputObject)]
pub struct UpdateSegmentInput {
    /// The global id of the segment.
    pub id: ID,
    /// The version that you have read. If the segment has another one, nothing is changed and the answer is CONFLICT.
    pub if_version: Option<i32>,
    /// The display name.
    pub name: MaybeUndefined<String>,
    /// What the segment is for; null clears it.
    pub description: MaybeUndefined<String>,
    /// The rule that chooses the members. A new rule creates a new version and starts a refresh.
    pub rule: MaybeUndefined<RuleInput>,
    /// The rule as JSON of the same shape.
    pub rule_json: MaybeUndefined<Json<Value>>,
    /// Whether the segment is archived. An archived segment is not refreshed and keeps its last members, which rules
    /// that use it see.
    pub archived: MaybeUndefined<bool>,
    /// When its members change. A change to INSTANT creates a new version of the same rule and starts a refresh.
    pub mode: MaybeUndefined<SegmentModeName>,
    /// All the tags that the segment has from now on, as for `createSegment`.
    pub tags: MaybeUndefined<Vec<String>>,
}

/// The segment, or the errors.
#[derive(SimpleObject)]
pub struct UpdateSegmentPayload {
    /// The segment as it is now. If the rule changed, its refresh starts by itself.
    pub segment: Option<SegmentNode>,
    /// The errors of the input, every problem of the rule included; empty on success.
    pub user_errors: Vec<UserError>,
    /// Possible mistakes in the rule, such as an event that was never recorded. The segment was saved nevertheless.
    pub warnings: Vec<RuleWarning>,
}

/// Which segment to delete.
#[derive(InputObject)]
pub struct DeleteSegmentInput {
    /// The global id of the segment.
    pub id: ID,
    /// The version that you have read. If the segment has another one, it is not deleted and the answer is CONFLICT.
    pub if_version: Option<i32>,
}

/// Whether the segment was deleted.
#[derive(SimpleObject)]
pub struct DeleteSegmentPayload {
    /// The global id of the deleted segment.
    pub deleted_id: Option<ID>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of segments.
#[derive(Default)]
pub struct SegmentMutation;

#[Object]
impl SegmentMutation {
    /// Creates a segment. It is PENDING until its first refresh, which starts by itself.
    async fn create_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment.")] input: CreateSegmentInput,
    ) -> async_graphql::Result<CreateSegmentPayload> {
        let app = context.app()?;
        let now = app.now();
        let refused = |user_errors| {
            Ok(CreateSegmentPayload {
                segment: None,
                user_errors,
                warnings: Vec::new(),
            })
        };
        let rule = match read_rule(input.rule, input.rule_json) {
            Ok(Some(rule)) => rule,
            Ok(None) => {
                let message = "expected \"rule\" or \"ruleJson\", found neither";
                let missing = UserError::new(UserErrorCode::Missing, "rule", message);
                return refused(vec![missing]);
            }
            Err(error) => return refused(vec![error]),
        };
        let written_by = context.origin()?.actor.clone();
        let result = change_audited(context, move |connection| {
            let (name, description) = (input.name.as_deref(), input.description.as_deref());
            let segment = NewSegment {
                key: &input.key,
                name,
                description,
                rule: &rule,
                mode: input.mode.into(),
                tags: &input.tags,
                written_by: &written_by,
            };
            let created = segment::create_with(connection, segment, now)?;
            saved(connection, created, None)
        });
        let (segment, user_errors, warnings) = parts(split(result.await)?);
        app.pending.notify_one();
        Ok(CreateSegmentPayload {
            segment,
            user_errors,
            warnings,
        })
    }

    /// Changes a segment. If the rule changes, the segment is PENDING until its refresh, which starts by itself.
    async fn update_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment and the values.")] input: UpdateSegmentInput,
    ) -> async_graphql::Result<UpdateSegmentPayload> {
        let app = context.app()?;
        let now = app.now();
        let rule = match read_new_rule(input.rule, input.rule_json) {
            Ok(rule) => rule,
            Err(error) => {
                return Ok(UpdateSegmentPayload {
                    segment: None,
                    user_errors: vec![error],
                    warnings: Vec::new(),
                });
            }
        };
        let written_by = context.origin()?.actor.clone();
        let result = change_audited(context, move |connection| {
            let id = input_id(&input.id, IdKind::Segment)?;
            let changes = SegmentChanges {
                written_by: written_by.clone(),
                if_version: input.if_version,
                name: keep(input.name.clone(), "name")?,
                description: change(input.description.clone()),
                rule: rule.clone(),
                archived: keep(input.archived, "archived")?,
                mode: keep(input.mode, "mode")?.map(Into::into),
                tags: keep(input.tags.clone(), "tags")?,
            };
            let Updated {
                segment,
                version_before,
            } = segment::update(connection, id, &changes, now)?;
            saved(connection, segment, Some(version_before))
        });
        let (segment, user_errors, warnings) = parts(split(result.await)?);
        app.pending.notify_one();
        Ok(UpdateSegmentPayload {
            segment,
            user_errors,
            warnings,
        })
    }

    /// Deletes a segment with its memberships and its past; the subscribers stay.
    async fn delete_segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment.")] input: DeleteSegmentInput,
    ) -> async_graphql::Result<DeleteSegmentPayload> {
        let id = input.id.clone();
        let result = change_audited(context, move |connection| {
            let id = input_id(&id, IdKind::Segment)?;
            let segment = segment::delete(connection, id, input.if_version)?;
            let trace = Trace::of(TargetKind::Segment, id)
                .with_key(&segment.key)
                .with_versions(Some(segment.definition_version), None);
            Ok((segment, trace))
        });
        Ok(match split(result.await)? {
            Ok(_) => DeleteSegmentPayload {
                deleted_id: Some(input.id),
                user_errors: Vec::new(),
            },
            Err(user_errors) => DeleteSegmentPayload {
                deleted_id: None,
                user_errors,
            },
        })
    }
}

/// Returns the new rule of a segment, or `None` if it keeps its own.
fn read_new_rule(
    rule: MaybeUndefined<RuleInput>,
    rule_json: MaybeUndefined<Json<Value>>,
) -> Result<Option<Value>, UserError> {
    for (path, is_null) in [("rule", rule.is_null()), ("ruleJson", rule_json.is_null())] {
        if is_null {
            let message = null_refused(path);
            return Err(UserError::new(UserErrorCode::Invalid, path, message));
        }
    }
    read_rule(rule.take(), rule_json.take())
}

/// A segment that was saved, with the warnings about its rule.
pub(super) type Saved = (Segment, Vec<Warning>);

/// Finds the warnings about a segment that was saved, and returns the trace of the change for the audit log.
pub(super) fn saved(
    connection: &mut PgConnection,
    segment: Segment,
    version_before: Option<i32>,
) -> Result<(Saved, Trace), Error> {
    let warnings = find_warnings_of(connection, &segment)?;
    let trace = Trace::of(TargetKind::Segment, segment.id)
        .with_key(&segment.key)
        .with_versions(version_before, Some(segment.definition_version));
    Ok(((segment, warnings), trace))
}

pub(super) fn parts(
    result: Result<Saved, Vec<UserError>>,
) -> (Option<SegmentNode>, Vec<UserError>, Vec<RuleWarning>) {
    match result {
        Ok((segment, warnings)) => {
            let warnings = list_warnings(warnings);
            (Some(SegmentNode::new(segment.into())), Vec::new(), warnings)
        }
        Err(user_errors) => (None, user_errors, Vec::new()),
    }
}
