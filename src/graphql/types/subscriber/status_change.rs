//! The history of a subscriber's status.

use super::SubscriberStatus;
use crate::audience::paging::{PageRequest, page_of};
use crate::audience::status_change::StatusChange;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::loaders::{RequestLoader, StatusChangesOf, Total, load_one};
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use std::cmp::Reverse;

/// A change of the status of a subscriber.
#[derive(SimpleObject)]
#[graphql(name = "StatusChange")]
pub struct StatusChangeNode {
    /// The status before. Null for a new subscriber who got the status that was kept for the address.
    pub from: Option<SubscriberStatus>,
    /// The status after.
    pub to: SubscriberStatus,
    /// When it changed.
    pub at: DateTime<Utc>,
    /// Where the change came from: `api`, `import 12` or `bulk 12`; an undo, such as `undo of import 12`; `suppression`
    /// if the status was kept for the address of an earlier subscriber; or `sql` for a change in the database itself.
    pub source: Text<String>,
    /// Why the subscriber may be sent e-mail again. Null unless the change ends UNSUBSCRIBED, BOUNCED or COMPLAINED.
    pub reason: Option<Text<String>>,
    /// Where the subscriber gave consent.
    pub consent_source: Option<Text<String>>,
}

connection! {
    /// A page of changes of the status.
    StatusChangeConnection
    /// A change of the status in a list.
    StatusChangeEdge { StatusChangeNode }
}

/// Lists a page of the changes of a subscriber's status, newest first.
pub async fn page_of_status_changes(
    loader: &RequestLoader,
    subscriber_id: i64,
    request: PageRequest<Reverse<i64>>,
) -> async_graphql::Result<StatusChangeConnection> {
    let changes = load_one(loader, StatusChangesOf(subscriber_id)).await?;
    let changes = changes.unwrap_or_default();
    let page = page_of(&changes, &request, |change| Reverse(change.id));
    let edges = page.map(|change| StatusChangeEdge {
        cursor: write_cursor("Subscriber.statusHistory", &Reverse(change.id)),
        node: change.into(),
    });
    Ok(StatusChangeConnection::new(
        edges,
        Total::Known(changes.len()),
    ))
}

impl From<StatusChange> for StatusChangeNode {
    fn from(change: StatusChange) -> StatusChangeNode {
        StatusChangeNode {
            from: change.from_status.map(|status| status.0.into()),
            to: change.to_status.0.into(),
            at: change.changed_at,
            source: change.source.into(),
            reason: change.reason.map(Text),
            consent_source: change.consent_source.map(Text),
        }
    }
}

at_hand!(StatusChangeNode {});
