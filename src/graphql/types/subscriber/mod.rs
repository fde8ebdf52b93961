//! Subscribers: the object and the queries.

pub(in crate::graphql) mod input;
pub(in crate::graphql) mod status_change;
use super::custom_field::CustomFieldValue;
use super::event::{EventConnection, EventTotalNode, page_of_events};
use super::explain::{ExplainArguments, Explanation, explain_for};
use super::group::{SubscriberGroupConnection, SubscriberGroupEdge};
use super::membership::{Membership, MembershipTarget, is_member, memberships_of};
use super::past::{MembershipPassageConnection, Since, passage_edge, passage_key};
use super::rule::input::{RuleInput, get_rule};
use super::segment::{SegmentNode, SegmentRef, SubscriberSegmentConnection, SubscriberSegmentEdge};
use crate::audience::catalogue::load_catalogue;
use crate::audience::paging::{Page, PageRequest, page_of};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder, list_page};
use crate::error::Error;
use crate::graphql::engine::answer_budget::{Document, Text, permit_load};
use crate::graphql::engine::connection::{PageArguments, connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{Kind, parse_kind, to_global};
use crate::graphql::engine::loaders::{
    GroupsOf, PassagesOf, PersonalDataOf, SegmentsOf, SubscriberByEmail, SubscriberById, Total,
    TotalsOf, load_one,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scalar::Date;
use crate::graphql::engine::scans::run_scan;
use crate::graphql::types::subscriber::status_change::{
    StatusChangeConnection, page_of_status_changes,
};
use crate::rule::{Status, parse_and_check};
use crate::scan::list_matching;
use crate::text::show_email;
use async_graphql::{Context, Enum, ID, InputObject, Json, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::Arc;

/// Whether a subscriber may be addressed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Status")]
pub enum SubscriberStatus {
    /// Wants to be addressed.
    Subscribed,
    /// Asked not to be addressed any more.
    Unsubscribed,
    /// The address does not work.
    Bounced,
    /// Reported a message as unwanted.
    Complained,
    /// Has not confirmed yet.
    Pending,
}

/// How a list of subscribers is ordered.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubscriberOrderBy {
    /// In the order in which they were added.
    #[default]
    Added,
    /// By e-mail, bytewise.
    Email,
}

impl From<SubscriberOrderBy> for SubscriberOrder {
    fn from(order: SubscriberOrderBy) -> Self {
        match order {
            SubscriberOrderBy::Added => SubscriberOrder::Id,
            SubscriberOrderBy::Email => SubscriberOrder::Email,
        }
    }
}

/// A person who can be addressed, unique by e-mail.
pub struct SubscriberNode(pub Arc<Subscriber>);

/// A person who can be addressed, unique by e-mail.
#[Object(name = "Subscriber")]
impl SubscriberNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(Kind::Subscriber, self.0.id)
    }

    /// The e-mail address, trimmed and in lower case, with its domain in Unicode.
    async fn email(&self) -> Text<String> {
        Text(show_email(&self.0.email).into_owned())
    }

    /// Whether the subscriber may be addressed.
    async fn status(&self) -> SubscriberStatus {
        Status::parse(&self.0.status)
            .unwrap_or(Status::Pending)
            .into()
    }

    /// The first name.
    async fn first_name(&self) -> Option<Text<&str>> {
        self.0.first_name.as_deref().map(Text)
    }

    /// The last name.
    async fn last_name(&self) -> Option<Text<&str>> {
        self.0.last_name.as_deref().map(Text)
    }

    /// The phone number, as it was given.
    async fn phone(&self) -> Option<Text<&str>> {
        self.0.phone.as_deref().map(Text)
    }

    /// The country: ISO 3166-1 alpha-2, upper case.
    async fn country(&self) -> Option<Text<&str>> {
        self.0.country.as_deref().map(Text)
    }

    /// The region, state or province.
    async fn region(&self) -> Option<Text<&str>> {
        self.0.region.as_deref().map(Text)
    }

    /// The city.
    async fn city(&self) -> Option<Text<&str>> {
        self.0.city.as_deref().map(Text)
    }

    /// The postal code.
    async fn postal_code(&self) -> Option<Text<&str>> {
        self.0.postal_code.as_deref().map(Text)
    }

    /// Degrees north, WGS 84.
    async fn latitude(&self) -> Option<f64> {
        self.0.latitude
    }

    /// Degrees east, WGS 84.
    async fn longitude(&self) -> Option<f64> {
        self.0.longitude
    }

    /// The language: a BCP 47 tag, lower case.
    async fn language(&self) -> Option<Text<&str>> {
        self.0.language.as_deref().map(Text)
    }

    /// The IANA time zone.
    async fn timezone(&self) -> Option<Text<&str>> {
        self.0.timezone.as_deref().map(Text)
    }

    /// The day of birth.
    async fn birthday(&self) -> Option<Date> {
        self.0.birthday.map(Date)
    }

    /// Where the subscriber came from, in the words of whoever added them.
    async fn source(&self) -> Option<Text<&str>> {
        self.0.source.as_deref().map(Text)
    }

    /// When the subscriber was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When any value of the subscriber last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// The version: it grows with every change of any value. Send it as `ifVersion` to change nothing that you have not
    /// seen.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When the status last became SUBSCRIBED.
    async fn subscribed_at(&self) -> Option<DateTime<Utc>> {
        self.0.subscribed_at
    }

    /// When the status last became UNSUBSCRIBED, BOUNCED or COMPLAINED.
    async fn unsubscribed_at(&self) -> Option<DateTime<Utc>> {
        self.0.unsubscribed_at
    }

    /// The values of custom fields that the subscriber has, by key.
    async fn custom_fields(&self) -> Vec<CustomFieldValue> {
        let Value::Object(values) = self.0.custom.read() else {
            return Vec::new();
        };
        let values = values.into_iter().map(|(key, value)| CustomFieldValue {
            key: key.into(),
            value: Document(value),
        });
        values.collect()
    }

    /// The value of one custom field, or null if the subscriber has none.
    async fn custom_field(
        &self,
        #[graphql(desc = "The key of the custom field.")] key: String,
    ) -> Option<Document<Value>> {
        let mut custom = self.0.custom.read();
        custom.get_mut(&key).map(|value| Document(value.take()))
    }

    /// The groups the subscriber was put into, by key.
    async fn groups(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberGroupConnection> {
        let request = page(first, after, last, before).read::<String>("Subscriber.groups")?;
        let groups = load_one(context.loader()?, GroupsOf(self.0.id)).await?;
        let groups = groups.unwrap_or_default();
        let page = page_of(&groups, &request, |(group, _)| group.key.clone());
        let edges = page.map(|(group, added_at)| SubscriberGroupEdge {
            node: super::group::GroupNode(group),
            added_at,
        });
        Ok(SubscriberGroupConnection::new(
            edges,
            Total::Known(groups.len()),
        ))
    }

    /// The segments the subscriber belongs to because their rules say so, by key.
    async fn segments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberSegmentConnection> {
        let request = page(first, after, last, before).read::<String>("Subscriber.segments")?;
        let segments = load_one(context.loader()?, SegmentsOf(self.0.id)).await?;
        let segments = segments.unwrap_or_default();
        let page = page_of(&segments, &request, |segment| segment.key.clone());
        let edges = page.map(|segment| SubscriberSegmentEdge {
            since: Since {
                segment_id: segment.id,
                subscriber_id: self.0.id,
                as_of: None,
            },
            node: SegmentNode(segment),
        });
        Ok(SubscriberSegmentConnection::new(
            edges,
            Total::Known(segments.len()),
        ))
    }

    /// Every membership in a group or a segment: groups first, each kind by key.
    async fn memberships(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Membership>> {
        Box::pin(memberships_of(context, &self.0)).await
    }

    /// Whether the subscriber is a member of that group or segment.
    async fn is_member(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group or segment.")] of: MembershipTarget,
    ) -> async_graphql::Result<bool> {
        Box::pin(is_member(context, self.0.id, of)).await
    }

    /// When the subscriber joined segments and left them, newest first, as far back as changes are kept.
    async fn history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<MembershipPassageConnection> {
        let request = page(first, after, last, before).read("Subscriber.history")?;
        let passages = load_one(context.loader()?, PassagesOf(self.0.id)).await?;
        let passages = passages.unwrap_or_default();
        let page = page_of(&passages, &request, passage_key).map(passage_edge);
        Ok(MembershipPassageConnection::new(
            page,
            Total::Known(passages.len()),
        ))
    }

    /// The changes of the status, newest first, whatever made them.
    async fn status_history(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<StatusChangeConnection> {
        let request = page(first, after, last, before).read("Subscriber.statusHistory")?;
        let listing = page_of_status_changes(context.loader()?, self.0.id, request);
        Box::pin(listing).await
    }

    /// Why the subscriber is in a segment or not: every node of its rule, or of a rule that is not stored, with what
    /// the subscriber has and what is wanted. Exactly one of `segment`, `rule` and `ruleJson`.
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
        Box::pin(explain_for(context, self.0.id, arguments)).await
    }

    /// What the subscriber did, newest first.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only events of this name.")] name: Option<String>,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<EventConnection> {
        let arguments = page(first, after, last, before);
        Box::pin(page_of_events(context, self.0.id, name, arguments)).await
    }

    /// All that is held about the person, as one document to hand out: values, changes of the status, groups, segments
    /// with when they were joined, history, and events. An error if the people asked about have more than 10,000 events together, or events
    /// with more than 8,000,000 bytes of properties; `GET /export/person` has no such bound.
    async fn personal_data(&self, context: &Context<'_>) -> async_graphql::Result<Document<Value>> {
        let found = load_one(context.loader()?, PersonalDataOf(self.0.id)).await?;
        let missing = || {
            to_graphql(Error::not_found(
                "subscriber",
                format!("\"{}\"", self.0.email),
            ))
        };
        found.map(Document).ok_or_else(missing)
    }

    /// Lifetime figures of what the subscriber did, by event name.
    async fn event_totals(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<EventTotalNode>> {
        let totals = load_one(context.loader()?, TotalsOf(self.0.id)).await?;
        let totals = totals.unwrap_or_default();
        Ok(totals.into_iter().map(EventTotalNode::from).collect())
    }
}

/// Gathers the paging arguments of a field.
pub fn page(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> PageArguments {
    PageArguments {
        first,
        after,
        last,
        before,
    }
}

connection! {
    /// A page of subscribers.
    SubscriberConnection
    /// A subscriber in a list.
    SubscriberEdge { SubscriberNode }
}

/// Which subscribers to list: those whom a rule matches now. The rule comes as `rule` or as `ruleJson`; exactly one of
/// them.
#[derive(InputObject)]
pub struct SubscriberFilter {
    /// The rule.
    pub rule: Option<RuleInput>,
    /// The rule as JSON of the same shape.
    pub rule_json: Option<Json<Value>>,
}

impl SubscriberFilter {
    async fn list(
        self,
        context: &Context<'_>,
        order: SubscriberOrder,
        request: PageRequest<SubscriberKey>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let rule = get_rule(self.rule, self.rule_json)?;
        let (page, total) = run_scan(context, move |db, settings| {
            db.run_here(|connection| {
                let catalogue = load_catalogue(connection)?;
                let (_, rule) =
                    parse_and_check(&rule, &catalogue, None).map_err(Error::InvalidRule)?;
                let moment = settings.moment(connection)?;
                list_matching(db, &rule, &moment, order, &request, settings)
            })
        })
        .await?;
        Ok(subscriber_connection(
            SUBSCRIBERS,
            page,
            order,
            Total::Known(total),
        ))
    }
}

/// Questions about subscribers.
#[derive(Default)]
pub struct SubscriberQuery;

#[Object]
impl SubscriberQuery {
    /// Returns a subscriber by id or by e-mail, or null if there is none. Exactly one of the two is asked for.
    async fn subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: Option<ID>,
        #[graphql(desc = "The e-mail address, in any letter case.")] email: Option<String>,
    ) -> Nullable<SubscriberNode> {
        nullable(async {
            let found = match (id, email) {
                (Some(id), None) => {
                    let id = parse_kind(&id, Kind::Subscriber, "id")?;
                    load_one(context.loader()?, SubscriberById(id)).await?
                }
                (None, Some(email)) => {
                    let email = SubscriberByEmail::of(&email);
                    load_one(context.loader()?, email).await?
                }
                _ => return Err(bad_input("expected either \"id\" or \"email\"")),
            };
            Ok(found.map(SubscriberNode))
        })
        .await
    }

    /// Lists all subscribers, or those that a filter lets pass.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a filter and an order"
    )]
    async fn subscribers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whom to list; everybody if absent.")] filter: Option<SubscriberFilter>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "How many from the start; at most 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "How many from the end; at most 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let order = order_by.into();
        let request = subscriber_request(SUBSCRIBERS, order, page(first, after, last, before))?;
        if let Some(filter) = filter {
            return filter.list(context, order, request).await;
        }
        let _permit = permit_load(context).await;
        let page = context
            .app()?
            .db
            .run(move |connection| list_page(connection, order, &request))
            .await
            .map_err(to_graphql)?;
        Ok(subscriber_connection(
            SUBSCRIBERS,
            page,
            order,
            Total::Subscribers,
        ))
    }
}

/// The list of all subscribers.
const SUBSCRIBERS: &str = "Query.subscribers";

/// Reads paging arguments of a list of subscribers in an order; its cursors hold an id or an e-mail.
pub fn subscriber_request(
    list: &str,
    order: SubscriberOrder,
    arguments: PageArguments,
) -> async_graphql::Result<PageRequest<SubscriberKey>> {
    match order {
        SubscriberOrder::Id => Ok(map_keys(arguments.read(list)?, SubscriberKey::Id)),
        SubscriberOrder::Email => Ok(map_keys(arguments.read(list)?, SubscriberKey::Email)),
    }
}

fn map_keys<K>(
    request: PageRequest<K>,
    wrap: impl Fn(K) -> SubscriberKey,
) -> PageRequest<SubscriberKey> {
    PageRequest {
        size: request.size,
        after: request.after.map(&wrap),
        before: request.before.map(&wrap),
        from_end: request.from_end,
    }
}

/// Returns the cursor of a subscriber in a list of that order.
pub fn subscriber_cursor(
    list: &str,
    subscriber: &Subscriber,
    order: SubscriberOrder,
) -> Text<String> {
    match subscriber.key(order) {
        SubscriberKey::Id(id) => write_cursor(list, &id),
        SubscriberKey::Email(email) => write_cursor(list, &email),
    }
}

/// Makes a connection of a page of subscribers.
pub fn subscriber_connection(
    list: &str,
    page: Page<Subscriber>,
    order: SubscriberOrder,
    total: Total,
) -> SubscriberConnection {
    let edges = page.map(|subscriber| SubscriberEdge {
        cursor: subscriber_cursor(list, &subscriber, order),
        node: SubscriberNode(subscriber.into()),
    });
    SubscriberConnection::new(edges, total)
}
