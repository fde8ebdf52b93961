//! Copying the members of a segment into a group.

use crate::graphql::engine::change::entry;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split};
use crate::graphql::engine::scalar::count;
use crate::graphql::types::group::GroupNode;
use crate::refresh::{SegmentCopy, copy_segment_to_group, fill_pending};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// The members of a segment to add to a group.
#[derive(InputObject)]
pub struct CopySegmentToGroupInput {
    /// The key of the segment.
    pub segment: String,
    /// The key of the group.
    pub group: String,
    /// Whether to create the group if it does not exist.
    #[graphql(default)]
    pub create_group: bool,
    /// The members at this past moment are copied; those of the last refresh if absent.
    pub as_of: Option<DateTime<Utc>>,
}

/// The counts of added subscribers, or the errors.
#[derive(SimpleObject, Default)]
pub struct CopySegmentToGroupPayload {
    /// The group.
    pub group: Option<GroupNode>,
    /// How many subscribers were added.
    pub added_count: i32,
    /// How many subscribers were in the group already.
    pub unchanged_count: i32,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The mutation that copies a segment to a group.
#[derive(Default)]
pub struct CopyMutation;

#[Object]
impl CopyMutation {
    /// Adds the members of a segment, now or as of a past moment, to a group, where they stay. Existing members stay as
    /// they are, so repeating the mutation changes nothing. A segment that is PENDING is refreshed first; a segment
    /// that has never been refreshed and cannot be refreshed is refused.
    async fn copy_segment_to_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment and the group.")] input: CopySegmentToGroupInput,
    ) -> async_graphql::Result<CopySegmentToGroupPayload> {
        let app = context.app()?;
        let now = app.now();
        let copy = SegmentCopy {
            segment: input.segment,
            group: input.group,
            create_group: input.create_group,
            as_of: input.as_of,
        };
        if copy.as_of.is_none() {
            let (db, settings) = (app.db.for_long_work(), app.refresh.clone());
            let key = copy.segment.clone();
            let filled =
                tokio::task::spawn_blocking(move || fill_pending(&db, &key, "segment", &settings));
            let filled = filled.await;
            app.live.tell_ended();
            if let Err(user_errors) = split(filled?)? {
                return Ok(CopySegmentToGroupPayload {
                    user_errors,
                    ..Default::default()
                });
            }
        }
        let entry = entry(context)?;
        let copied = app
            .db
            .run(move |connection| copy_segment_to_group(connection, &copy, now, &entry));
        Ok(match split(copied.await)? {
            Ok(copied) => CopySegmentToGroupPayload {
                group: Some(GroupNode(copied.group.into())),
                added_count: count(copied.added),
                unchanged_count: count(copied.unchanged),
                user_errors: Vec::new(),
            },
            Err(user_errors) => CopySegmentToGroupPayload {
                user_errors,
                ..Default::default()
            },
        })
    }
}
