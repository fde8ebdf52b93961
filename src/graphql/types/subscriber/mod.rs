//! Subscribers: the object.

mod ahead;
pub(in crate::graphql) mod groups;
pub(in crate::graphql) mod input;
pub(in crate::graphql) mod list;
pub(in crate::graphql) mod many;
pub(in crate::graphql) mod status_change;
use super::custom_field::CustomFieldValue;
use super::event::{EventConnection, EventTotalNode, page_of_events};
use super::explain::{ExplainArguments, Explanation, explain_for};
use super::group::{SubscriberGroupConnection, SubscriberGroupEdge};
use super::membership::{Membership, MembershipTarget, is_member, memberships_of};
use super::past::{
    MembershipPassageConnection, Since, membership_change_edge, membership_change_key,
};
use super::rule::input::RuleInput;
use super::segment::{SegmentNode, SegmentRef, SubscriberSegmentConnection, SubscriberSegmentEdge};
use crate::audience::paging::page_of;
use crate::audience::subscriber::Subscriber;
use crate::error::Error;
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::{at_hand, written_as_value};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, to_global};
use crate::graphql::engine::loaders::{
    GroupList, GroupsOf, MembershipChangesOf, PersonalDataOf, SegmentList, SegmentsOf,
    SubscriberById, Total, TotalsOf, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::quick::{Items, Quick};
use crate::graphql::engine::scalar::Date;
use crate::graphql::types::subscriber::status_change::{
    StatusChangeConnection, page_of_status_changes,
};
use crate::rule::Status;
use crate::text::show_email;
use async_graphql::{Context, Enum, ID, Json, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

pub use ahead::SubscribersAhead;
pub use list::{PeopleList, SubscriberConnection, SubscriberOrderBy, page, read_narrowing};

/// Whether a subscriber may be sent e-mail.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Status")]
pub enum SubscriberStatus {
    /// The subscriber wants to receive e-mail.
    Subscribed,
    /// The subscriber opted out of e-mail.
    Unsubscribed,
    /// The e-mail address does not work.
    Bounced,
    /// The subscriber reported a message as unwanted.
    Complained,
    /// The subscriber has not confirmed yet.
    Pending,
}

/// A person with an e-mail address, which is unique.
#[derive(Clone)]
pub struct SubscriberNode {
    row: Arc<Subscriber>,
    /// The values loaded for all subscribers of the list.
    ahead: Arc<SubscribersAhead>,
    /// Whether the row lacks the values of custom fields.
    is_bare: bool,
}

impl SubscriberNode {
    /// Creates a subscriber that is not part of a list.
    pub fn new(row: Arc<Subscriber>) -> SubscriberNode {
        SubscriberNode::listed(row, Arc::default(), false)
    }

    /// Creates a subscriber of a list, with the values loaded for the list. A bare row lacks the values of custom
    /// fields.
    pub fn listed(
        row: Arc<Subscriber>,
        ahead: Arc<SubscribersAhead>,
        is_bare: bool,
    ) -> SubscriberNode {
        SubscriberNode {
            row,
            ahead,
            is_bare,
        }
    }

    /// Returns the id in the database.
    pub fn row_id(&self) -> i64 {
        self.row.id
    }

    /// Returns the groups, by key.
    pub async fn list_groups(&self, context: &Context<'_>) -> async_graphql::Result<GroupList> {
        match self.ahead.groups_of(self.row.id) {
            Some(groups) => groups,
            None => {
                let found = load_one(context.loader()?, GroupsOf(self.row.id)).await?;
                Ok(found.unwrap_or_default())
            }
        }
    }

    /// Returns the segments, by key.
    pub async fn list_segments(&self, context: &Context<'_>) -> async_graphql::Result<SegmentList> {
        match self.ahead.segments_of(self.row.id) {
            Some(segments) => segments,
            None => {
                let found = load_one(context.loader()?, SegmentsOf(self.row.id)).await?;
                Ok(found.unwrap_or_default())
            }
        }
    }

    /// Returns the error for a subscriber who was deleted after the row was read.
    fn missing(&self) -> async_graphql::Error {
        to_graphql(Error::not_found(
            "subscriber",
            format!("\"{}\"", self.row.email),
        ))
    }

    /// Returns the values of custom fields by key.
    async fn read_custom(&self, context: &Context<'_>) -> async_graphql::Result<Value> {
        if !self.is_bare {
            return Ok(self.row.custom.read());
        }
        let whole = load_one(context.loader()?, SubscriberById(self.row.id)).await?;
        let whole = whole.ok_or_else(|| self.missing())?;
        Ok(whole.custom.read())
    }
}

/// A person with an e-mail address, which is unique.
#[Object(name = "Subscriber")]
impl SubscriberNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Subscriber, self.row.id)
    }

    /// The e-mail address, trimmed and in lower case, with its domain in Unicode.
    async fn email(&self) -> Text<String> {
        Text(show_email(&self.row.email).into_owned())
    }

    /// Whether the subscriber may be sent e-mail.
    async fn status(&self) -> SubscriberStatus {
        self.row.status.0.into()
    }

    /// The first name.
    async fn first_name(&self) -> Option<Text<&str>> {
        self.row.first_name.as_deref().map(Text)
    }

    /// The last name.
    async fn last_name(&self) -> Option<Text<&str>> {
        self.row.last_name.as_deref().map(Text)
    }

    /// The phone number, as it was given.
    async fn phone(&self) -> Option<Text<&str>> {
        self.row.phone.as_deref().map(Text)
    }

    /// The country: ISO 3166-1 alpha-2, upper case.
    async fn country(&self) -> Option<Text<&str>> {
        self.row.country.as_deref().map(Text)
    }

    /// The region, state or province.
    async fn region(&self) -> Option<Text<&str>> {
        self.row.region.as_deref().map(Text)
    }

    /// The city.
    async fn city(&self) -> Option<Text<&str>> {
        self.row.city.as_deref().map(Text)
    }

    /// The postal code.
    async fn postal_code(&self) -> Option<Text<&str>> {
        self.row.postal_code.as_deref().map(Text)
    }

    /// Degrees north, WGS 84.
    async fn latitude(&self) -> Option<f64> {
        self.row.latitude
    }

    /// Degrees east, WGS 84.
    async fn longitude(&self) -> Option<f64> {
        self.row.longitude
    }

    /// The language: a BCP 47 tag, lower case.
    async fn language(&self) -> Option<Text<&str>> {
        self.row.language.as_deref().map(Text)
    }

    /// The IANA time zone.
    async fn timezone(&self) -> Option<Text<&str>> {
        self.row.timezone.as_deref().map(Text)
    }

    /// The day of birth.
    async fn birthday(&self) -> Option<Date> {
        self.row.birthday.map(Date)
    }

    /// Where the subscriber came from, in the words of the client that added the subscriber.
    async fn source(&self) -> Option<Text<&str>> {
        self.row.source.as_deref().map(Text)
    }

    /// When the subscriber was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When any value of the subscriber last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.row.updated_at
    }

    /// The version: it grows with every change of any value. Send it as `ifVersion`, so that your change is refused if
    /// someone else's came first.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// When the status last became SUBSCRIBED.
    async fn subscribed_at(&self) -> Option<DateTime<Utc>> {
        self.row.subscribed_at
    }

    /// When the status last became UNSUBSCRIBED, BOUNCED or COMPLAINED.
    async fn unsubscribed_at(&self) -> Option<DateTime<Utc>> {
        self.row.unsubscribed_at
    }

    /// The values of custom fields that the subscriber has, by key.
    async fn custom_fields(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Items<Quick<CustomFieldValue>>> {
        let Value::Object(values) = self.read_custom(context).await? else {
            return Ok(Items(Vec::new()));
        };
        let values = values.into_iter().map(|(key, value)| CustomFieldValue {
            key: key.into(),
            value: Document(value),
        });
        Ok(Items(values.map(Quick).collect()))
    }

    /// The value of one custom field, or null if the subscriber has none.
    async fn custom_field(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The key of the custom field.")] key: String,
    ) -> Nullable<Document<Value>> {
        nullable(async {
            let mut custom = self.read_custom(context).await?;
            Ok(custom.get_mut(&key).map(|value| Document(value.take())))
        })
        .await
    }

    /// The groups of the subscriber, by key.
    async fn groups(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<Quick<SubscriberGroupConnection>> {
        let request = page(first, after, last, before).read::<String>("Subscriber.groups")?;
        let groups = self.list_groups(context).await?;
        let page = page_of(&groups, &request, |(group, _)| group.key.clone());
        let edges = page.map(|(group, added_at)| SubscriberGroupEdge {
            node: super::group::GroupNode(group),
            added_at,
        });
        let total = Total::Known(groups.len());
        Ok(Quick(SubscriberGroupConnection::new(edges, total)))
    }

    /// The segments of the subscriber, by key.
    async fn segments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<Quick<SubscriberSegmentConnection>> {
        let request = page(first, after, last, before).read::<String>("Subscriber.segments")?;
        let segments = self.list_segments(context).await?;
        let page = page_of(&segments, &request, |segment| segment.key.clone());
        let edges = page.map(|segment| SubscriberSegmentEdge {
            since: Since {
                segment_id: segment.id,
                subscriber_id: self.row.id,
                as_of: None,
            },
            node: SegmentNode::new(segment),
        });
        let total = Total::Known(segments.len());
        Ok(Quick(SubscriberSegmentConnection::new(edges, total)))
    }

    /// Every membership in a group or a segment: groups first, each kind by key.
    async fn memberships(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Membership>> {
        Box::pin(memberships_of(context, self)).await
    }

    /// Whether the subscriber is a member of that group or segment.
    async fn is_member(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group or segment.")] of: MembershipTarget,
    ) -> async_graphql::Result<bool> {
        Box::pin(is_member(context, self.row.id, of)).await
    }

    /// When the subscriber joined segments and left them, newest first, as far back as changes are kept.
    async fn history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<MembershipPassageConnection> {
        let request = page(first, after, last, before).read("Subscriber.history")?;
        let changes = load_one(context.loader()?, MembershipChangesOf(self.row.id)).await?;
        let changes = changes.unwrap_or_default();
        let page = page_of(&changes, &request, membership_change_key).map(membership_change_edge);
        Ok(MembershipPassageConnection::new(
            page,
            Total::Known(changes.len()),
        ))
    }

    /// The changes of the status from every source, newest first.
    async fn status_history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<StatusChangeConnection> {
        let request = page(first, after, last, before).read("Subscriber.statusHistory")?;
        let listing = page_of_status_changes(context.loader()?, self.row.id, request);
        Box::pin(listing).await
    }

    /// Why a segment, or a rule that is not stored, matches the subscriber or not: every node of the rule with the
    /// subscriber's value and the expected one. Give exactly one of `segment`, `rule` and `ruleJson`.
    async fn explain(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The segment.")] segment: Option<SegmentRef>,
        #[graphql(desc = "A rule.")] rule: Option<RuleInput>,
        #[graphql(desc = "A rule as JSON of the same shape.")] rule_json: Option<Json<Value>>,
        #[graphql(desc = "The moment that relative dates count from; now if absent.")] now: Option<
            DateTime<Utc>,
        >,
    ) -> async_graphql::Result<Explanation> {
        let arguments = ExplainArguments {
            segment,
            rule,
            rule_json,
            now,
        };
        Box::pin(explain_for(context, self.row.id, arguments)).await
    }

    /// The events of the subscriber, newest first.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only events of this name.")] name: Option<String>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<EventConnection> {
        let arguments = page(first, after, last, before);
        Box::pin(page_of_events(context, self.row.id, name, arguments)).await
    }

    /// All data stored about the subscriber, as one document to hand out: values, changes of the status, groups,
    /// segments with the times of joining, history, and events. Fails if the subscribers of the request have more than
    /// 10,000 events together, or events with more than 8,000,000 bytes of properties; `GET /export/person` has no such
    /// limit.
    async fn personal_data(&self, context: &Context<'_>) -> async_graphql::Result<Document<Value>> {
        let found = load_one(context.loader()?, PersonalDataOf(self.row.id)).await?;
        found.map(Document).ok_or_else(|| self.missing())
    }

    /// Lifetime totals of the subscriber's events, by event name.
    async fn event_totals(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<EventTotalNode>> {
        let totals = load_one(context.loader()?, TotalsOf(self.row.id)).await?;
        let totals = totals.unwrap_or_default();
        Ok(totals.into_iter().map(EventTotalNode::from).collect())
    }
}

at_hand!(SubscriberNode {
    "id": id(),
    "email": email(),
    "status": status(),
    "firstName": first_name(),
    "lastName": last_name(),
    "phone": phone(),
    "country": country(),
    "region": region(),
    "city": city(),
    "postalCode": postal_code(),
    "latitude": latitude(),
    "longitude": longitude(),
    "language": language(),
    "timezone": timezone(),
    "birthday": birthday(),
    "source": source(),
    "createdAt": created_at(),
    "updatedAt": updated_at(),
    "version": version(),
    "subscribedAt": subscribed_at(),
    "unsubscribedAt": unsubscribed_at(),
    "customFields": custom_fields(),
    "groups": groups(first, after, last, before),
    "segments": segments(first, after, last, before),
});
written_as_value!(SubscriberStatus);
