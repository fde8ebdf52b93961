//! Queries for any object by its global id.

use super::api_key::ApiKeyNode;
use super::bulk_action::BulkActionNode;
use super::custom_field::CustomFieldNode;
use super::event::EventNode;
use super::group::GroupNode;
use super::import::ImportNode;
use super::refresh::RefreshNode;
use super::segment::SegmentNode;
use super::subscriber::SubscriberNode;
use super::webhook::WebhookNode;
use crate::audience::api_key::Scope;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::id::{IdKind, parse_global};
use crate::graphql::engine::loaders::{
    ApiKeyById, BulkActionById, CustomFieldById, EventById, GroupById, ImportById, RefreshById,
    SegmentById, SubscriberById, WebhookById, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use async_graphql::{Context, ID, Interface, Object};

/// The most ids in one request.
const MAX_IDS: usize = 250;

/// An object that can be fetched by its id.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The global id: opaque, and the same for ever."
))]
#[expect(
    clippy::large_enum_variant,
    reason = "nodes are few, and asked one by one"
)]
pub enum Node {
    /// A subscriber.
    Subscriber(SubscriberNode),
    /// A group.
    Group(GroupNode),
    /// A segment.
    Segment(SegmentNode),
    /// A custom field.
    CustomField(CustomFieldNode),
    /// A refresh.
    Refresh(RefreshNode),
    /// An API key; for ADMIN.
    ApiKey(ApiKeyNode),
    /// An event.
    Event(EventNode),
    /// An import.
    Import(ImportNode),
    /// A bulk action.
    BulkAction(BulkActionNode),
    /// A webhook; for ADMIN.
    Webhook(WebhookNode),
}

/// Queries for any object by its global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Returns the object with that id, or null if it does not exist.
    #[graphql(shareable)]
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Nullable<Node> {
        nullable(find_node(context, &id)).await
    }

    /// Returns the objects with these ids, in the order of the ids; null for an object that does not exist. At most 250
    /// at once.
    #[graphql(shareable)]
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global ids.")] ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Nullable<Node>>> {
        if ids.len() > MAX_IDS {
            let message = format!("expected at most {MAX_IDS} ids, found {}", ids.len());
            return Err(crate::graphql::engine::error::bad_input(message));
        }
        let found = ids.iter().map(|id| nullable(find_node(context, id)));
        Ok(async_graphql::futures_util::future::join_all(found).await)
    }
}

async fn find_node(context: &Context<'_>, id: &ID) -> async_graphql::Result<Option<Node>> {
    let loader = context.loader()?;
    let Some((kind, number)) = parse_global(id) else {
        return Ok(None);
    };
    Ok(match kind {
        IdKind::Subscriber => load_one(loader, SubscriberById(number))
            .await?
            .map(|subscriber| Node::Subscriber(SubscriberNode::new(subscriber))),
        IdKind::Group => load_one(loader, GroupById(number))
            .await?
            .map(|group| Node::Group(GroupNode(group))),
        IdKind::Segment => load_one(loader, SegmentById(number))
            .await?
            .map(|segment| Node::Segment(SegmentNode::new(segment))),
        IdKind::CustomField => load_one(loader, CustomFieldById(number))
            .await?
            .map(|field| Node::CustomField(CustomFieldNode(field))),
        IdKind::Refresh => load_one(loader, RefreshById(number))
            .await?
            .map(|refresh| Node::Refresh(RefreshNode(refresh))),
        // Clients without ADMIN do not learn whether the key exists.
        IdKind::ApiKey if context.require(Scope::Admin, "ApiKey.id").is_err() => None,
        IdKind::ApiKey => load_one(loader, ApiKeyById(number))
            .await?
            .map(|key| Node::ApiKey(ApiKeyNode(key))),
        IdKind::Event => load_one(loader, EventById(number))
            .await?
            .map(|event| Node::Event(EventNode(event))),
        IdKind::Import => load_one(loader, ImportById(number))
            .await?
            .map(|import| Node::Import(ImportNode(import))),
        IdKind::BulkAction => load_one(loader, BulkActionById(number))
            .await?
            .map(|action| Node::BulkAction(BulkActionNode(action))),
        IdKind::Webhook if context.require(Scope::Admin, "Webhook.id").is_err() => None,
        IdKind::Webhook => load_one(loader, WebhookById(number))
            .await?
            .map(|webhook| Node::Webhook(WebhookNode(webhook))),
    })
}
