//! Lists of subscribers, and the queries for them.

use super::SubscriberNode;
use crate::audience::catalogue::load_catalogue;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder, list_page};
use crate::error::Error;
use crate::graphql::engine::answer_budget::{Text, permit_load};
use crate::graphql::engine::connection::{PageArguments, connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{Kind, parse_kind};
use crate::graphql::engine::loaders::{SubscriberByEmail, SubscriberById, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scans::run_scan;
use crate::graphql::types::rule::input::{RuleInput, get_rule};
use crate::rule::parse_and_check;
use crate::scan::list_matching;
use async_graphql::{Context, Enum, ID, InputObject, Json, Object};
use serde_json::Value;

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
