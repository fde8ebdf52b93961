//! Webhooks: the objects and the queries.

pub(in crate::graphql) mod mutation;

use super::group::GroupNode;
use super::segment::SegmentNode;
use super::subscriber::page;
use crate::audience::api_key::Scope;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{IdKind, parse_kind, to_global};
use crate::graphql::engine::loaders::{
    GroupById, SegmentById, Total, WebhookAttemptsOf, WebhookById, load_many, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::webhook::{self, Attempt, DisabledReason, Followed, KEPT, MessageType, Webhook};
use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};

/// A type of message that a webhook can receive.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookType {
    /// `segment.members.changed`: subscribers joined a segment or left it. The receiver also gets `segment.filled`,
    /// `segment.deleted` and `subscriber.deleted`, so that it misses nothing.
    SegmentMembersChanged,
    /// `segment.filled`: a segment was filled for the first time or its rule changed. The message has counts and no
    /// subscribers.
    SegmentFilled,
    /// `segment.invalid`: the rule of a segment could not be evaluated.
    SegmentInvalid,
    /// `segment.created`: a segment was created.
    SegmentCreated,
    /// `segment.updated`: a segment was changed, but not its members.
    SegmentUpdated,
    /// `segment.deleted`: a segment was deleted.
    SegmentDeleted,
    /// `group.members.changed`: subscribers were added to a group or removed from it. The receiver also gets
    /// `group.deleted` and `subscriber.deleted`.
    GroupMembersChanged,
    /// `group.created`: a group was created.
    GroupCreated,
    /// `group.updated`: a group was changed, but not its members.
    GroupUpdated,
    /// `group.deleted`: a group was deleted.
    GroupDeleted,
    /// `subscriber.created`: subscribers were created.
    SubscriberCreated,
    /// `subscriber.updated`: values of subscribers changed.
    SubscriberUpdated,
    /// `subscriber.status_changed`: the status of subscribers changed.
    SubscriberStatusChanged,
    /// `subscriber.deleted`: subscribers were deleted. The message has only their ids.
    SubscriberDeleted,
    /// `refresh.finished`: a refresh has succeeded.
    RefreshFinished,
    /// `refresh.failed`: a refresh has failed.
    RefreshFailed,
    /// `import.finished`: an import has ended, or was undone.
    ImportFinished,
}

/// Converts between the two enums. They have the same variants, except those that a client cannot choose.
macro_rules! same_names {
    ($($name:ident),* $(,)?) => {
        impl From<WebhookType> for MessageType {
            fn from(of: WebhookType) -> MessageType {
                match of {
                    $(WebhookType::$name => MessageType::$name,)*
                }
            }
        }

        impl WebhookType {
            fn of(message_type: MessageType) -> Option<WebhookType> {
                match message_type {
                    $(MessageType::$name => Some(WebhookType::$name),)*
                    MessageType::WebhookTest | MessageType::WebhookResync => None,
                }
            }
        }
    };
}

same_names!(
    SegmentMembersChanged,
    SegmentFilled,
    SegmentInvalid,
    SegmentCreated,
    SegmentUpdated,
    SegmentDeleted,
    GroupMembersChanged,
    GroupCreated,
    GroupUpdated,
    GroupDeleted,
    SubscriberCreated,
    SubscriberUpdated,
    SubscriberStatusChanged,
    SubscriberDeleted,
    RefreshFinished,
    RefreshFailed,
    ImportFinished,
);

/// Why a webhook is disabled.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "DisabledReason")]
pub enum WebhookDisabledReason {
    /// An administrator disabled it.
    Manual,
    /// The receiver answered 410 Gone.
    Gone,
    /// Every attempt failed for three days.
    Failing,
    /// The database was restored from a backup.
    Restored,
}

/// An endpoint of another system that receives messages about changes.
pub struct WebhookNode(pub Webhook);

/// An endpoint of another system that receives messages about changes.
#[Object(name = "Webhook")]
impl WebhookNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Webhook, self.0.id)
    }

    /// What the webhook is for.
    async fn name(&self) -> Text<&str> {
        Text(&self.0.name)
    }

    /// The URL that messages are sent to.
    async fn url(&self) -> Text<&str> {
        Text(&self.0.url)
    }

    /// The types of message the webhook receives.
    async fn types(&self) -> Vec<WebhookType> {
        let types = self.0.types.0.iter();
        types.filter_map(|of| WebhookType::of(*of)).collect()
    }

    /// The segments that the webhook follows; null if it follows all. Deleted ones are left out.
    async fn segments(&self, context: &Context<'_>) -> Nullable<Vec<SegmentNode>> {
        nullable(async {
            let Followed(Some(ids)) = &self.0.segment_ids else {
                return Ok(None);
            };
            let keys = ids.iter().map(|id| SegmentById(*id));
            let mut found = load_many(context.loader()?, keys.clone()).await?;
            let segments = keys.filter_map(|key| found.remove(&key));
            Ok(Some(segments.map(SegmentNode::new).collect()))
        })
        .await
    }

    /// The groups that the webhook follows; null if it follows all. Deleted ones are left out.
    async fn groups(&self, context: &Context<'_>) -> Nullable<Vec<GroupNode>> {
        nullable(async {
            let Followed(Some(ids)) = &self.0.group_ids else {
                return Ok(None);
            };
            let keys = ids.iter().map(|id| GroupById(*id));
            let mut found = load_many(context.loader()?, keys.clone()).await?;
            let groups = keys.filter_map(|key| found.remove(&key));
            Ok(Some(groups.map(GroupNode).collect()))
        })
        .await
    }

    /// The fields of subscribers in messages, besides `id` and `email`.
    async fn fields(&self) -> Vec<Text<&str>> {
        self.0
            .fields
            .0
            .iter()
            .map(|name| Text(name.as_str()))
            .collect()
    }

    /// The most subscribers in one message.
    async fn people_per_message(&self) -> i32 {
        self.0.people_per_message
    }

    /// Whether messages are sent.
    async fn is_enabled(&self) -> bool {
        self.0.disabled_since.is_none()
    }

    /// Why no messages are sent; null if they are.
    async fn disabled_reason(&self) -> Option<WebhookDisabledReason> {
        self.0.disabled_reason().map(WebhookDisabledReason::from)
    }

    /// Since when no messages are sent; null if they are.
    async fn disabled_since(&self) -> Option<DateTime<Utc>> {
        self.0.disabled_since
    }

    /// How many attempts have failed since the last delivered message.
    async fn failure_count(&self) -> i32 {
        self.0.failures
    }

    /// When the first attempt since the last delivered message failed; null if none has failed.
    async fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.0.failing_since
    }

    /// When the next attempt is due after a failure; null if the last attempt did not fail, or the webhook is disabled.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        let is_waiting = self.0.failures > 0 && self.0.disabled_since.is_none();
        is_waiting.then_some(self.0.next_attempt_at)
    }

    /// Until when messages are signed with the former secret, too; null if the secret was never rotated.
    async fn previous_secret_until(&self) -> Option<DateTime<Utc>> {
        self.0.previous_secret_until
    }

    /// The last attempts, newest first; 100 are kept, for 30 days.
    async fn attempts(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many attempts, up to 100.", default = 20)] first: i32,
    ) -> async_graphql::Result<Vec<WebhookAttempt>> {
        let number = usize::try_from(first).ok().filter(|number| *number <= KEPT);
        let number = number.ok_or_else(|| {
            bad_input(format!(
                "expected \"first\" from 0 to {KEPT}, found {first}"
            ))
        })?;
        let key = WebhookAttemptsOf((self.0.id, number));
        let attempts = load_one(context.loader()?, key).await?;
        let attempts = attempts.unwrap_or_default().into_iter();
        Ok(attempts.map(WebhookAttempt).collect())
    }

    /// The version: it grows with every change by an administrator. Send it as `ifVersion`, so that your change is
    /// refused if someone else's came first.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When the webhook was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When an administrator last changed it.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// An attempt to deliver a message.
pub struct WebhookAttempt(pub Attempt);

/// An attempt to deliver a message.
#[Object]
impl WebhookAttempt {
    /// The header `webhook-id` of the message. All attempts to deliver a message have the same one.
    async fn message_id(&self) -> Text<&str> {
        Text(&self.0.message_id)
    }

    /// The type of the message, such as `segment.members.changed`.
    async fn r#type(&self) -> Text<&str> {
        Text(&self.0.type_)
    }

    /// The number of the attempt for this message, from 1.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// When the message was sent.
    async fn attempted_at(&self) -> DateTime<Utc> {
        self.0.attempted_at
    }

    /// How long the receiver took, in milliseconds.
    async fn duration_ms(&self) -> i32 {
        self.0.took_ms
    }

    /// Whether the message was delivered: the receiver answered with 2xx.
    async fn is_delivered(&self) -> bool {
        self.0.is_delivered
    }

    /// The HTTP status; null if there was no answer.
    async fn status(&self) -> Option<i32> {
        self.0.status
    }

    /// Why there was no answer.
    async fn error(&self) -> Option<Text<&str>> {
        self.0.error.as_deref().map(Text)
    }

    /// The first 64 kB of the answer, without the message's data about subscribers. The next deletion of subscribers
    /// removes it.
    async fn answer(&self) -> Option<Text<&str>> {
        self.0.answer.as_deref().map(Text)
    }
}

connection! {
    /// A page of webhooks.
    WebhookConnection
    /// A webhook in a list.
    WebhookEdge { WebhookNode }
}

/// Queries about webhooks.
#[derive(Default)]
pub struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// Lists the webhooks, oldest first. For ADMIN.
    async fn webhooks(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<WebhookConnection> {
        context.require(Scope::Admin, "Query.webhooks")?;
        let request = page(first, after, last, before).read("Query.webhooks")?;
        let db = &context.app()?.db;
        let found = db.run(move |connection| webhook::list_page(connection, &request));
        let edges = found.await.map_err(to_graphql)?.map(|webhook| WebhookEdge {
            cursor: write_cursor("Query.webhooks", &webhook.id),
            node: WebhookNode(webhook),
        });
        Ok(WebhookConnection::new(edges, Total::Webhooks))
    }

    /// Returns the webhook with that id, or null if it does not exist. For ADMIN.
    async fn webhook(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Nullable<WebhookNode> {
        nullable(async {
            context.require(Scope::Admin, "Query.webhook")?;
            let id = parse_kind(&id, IdKind::Webhook, "id")?;
            let found = load_one(context.loader()?, WebhookById(id)).await?;
            Ok(found.map(WebhookNode))
        })
        .await
    }
}

at_hand!(WebhookNode {});
