//! Lists of subscribers, and the queries for them.

use super::ahead::{AskedOfSubscribers, SubscribersAhead};
use super::{SubscriberNode, SubscriberStatus};
use crate::audience::catalogue::load_catalogue;
use crate::audience::narrowing::Narrowing;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use crate::audience::subscriber_page::{Columns, list_page};
use crate::error::Error;
use crate::graphql::engine::ahead::selects;
use crate::graphql::engine::answer_budget::{Text, permit_load};
use crate::graphql::engine::connection::{PageArguments, connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::direction::SortDirection;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{IdKind, parse_kind};
use crate::graphql::engine::loaders::{SubscriberByEmail, SubscriberById, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scans::run_scan;
use crate::graphql::types::rule::input::{RuleInput, get_rule};
use crate::rule::parse_and_check;
use crate::scan::list_matching;
use async_graphql::{Context, Enum, ID, InputObject, Json, Object};
use serde_json::Value;
use std::sync::Arc;

/// How a list of subscribers is ordered.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubscriberOrderBy {
    /// In the order in which they were added.
    #[default]
    Added,
    /// By e-mail address, bytewise.
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

/// Which subscribers to list: those whom a rule matches now. Give exactly one of `rule` and `ruleJson`.
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
        list: PeopleList,
        request: PageRequest<SubscriberKey>,
        narrowing: Narrowing,
    ) -> async_graphql::Result<SubscriberConnection> {
        let order = list.order;
        let rule = get_rule(self.rule, self.rule_json)?;
        let (page, total) = run_scan(context, move |db, settings| {
            db.run_here(|connection| {
                let catalogue = load_catalogue(connection)?;
                let (_, rule) =
                    parse_and_check(&rule, &catalogue, None).map_err(Error::InvalidRule)?;
                let moment = settings.moment(connection)?;
                list_matching(db, (&rule, &narrowing), &moment, order, &request, settings)
            })
        })
        .await?;
        let total = Total::Known(total);
        let ahead = SubscribersAhead::load(context, &page.rows).await;
        Ok(list.connection(page, ahead, Columns::All, total))
    }
}

/// Reads the arguments `search` and `status` of a list of subscribers.
pub fn read_narrowing(
    search: Option<&str>,
    status: Option<SubscriberStatus>,
) -> async_graphql::Result<Narrowing> {
    let narrowing = Narrowing::new(search, status.map(Into::into));
    narrowing.map_err(|message| bad_input(format!("\"search\": {message}")))
}

/// Queries about subscribers.
#[derive(Default)]
pub struct SubscriberQuery;

#[Object]
impl SubscriberQuery {
    /// Returns the subscriber with this id or e-mail address, or null if there is no such subscriber. Give exactly one
    /// of `id` and `email`.
    async fn subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: Option<ID>,
        #[graphql(desc = "The e-mail address, in any letter case.")] email: Option<String>,
    ) -> Nullable<SubscriberNode> {
        nullable(async {
            let found = match (id, email) {
                (Some(id), None) => {
                    let id = parse_kind(&id, IdKind::Subscriber, "id")?;
                    load_one(context.loader()?, SubscriberById(id)).await?
                }
                (None, Some(email)) => {
                    let email = SubscriberByEmail::of(&email);
                    load_one(context.loader()?, email).await?
                }
                _ => return Err(bad_input("expected either \"id\" or \"email\"")),
            };
            Ok(found.map(SubscriberNode::new))
        })
        .await
    }

    /// Lists all subscribers, or those that match the filter and the search.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a filter, a search and an order"
    )]
    async fn subscribers(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Subscribers to list; all if absent.")] filter: Option<SubscriberFilter>,
        #[graphql(desc = "The beginning of the e-mail address, in any letter case.")]
        search: Option<String>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "The direction of the order.", default)] direction: SortDirection,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SubscriberConnection> {
        let list = PeopleList::new("Query.subscribers", order_by, direction);
        let request = list.request(page(first, after, last, before))?;
        let narrowing = read_narrowing(search.as_deref(), None)?;
        if let Some(filter) = filter {
            return filter.list(context, list, request, narrowing).await;
        }
        let permit = permit_load(context).await;
        let (order, emails) = (list.order, narrowing.clone());
        // A membership leads back to its subscriber, on whom any field may be selected.
        let columns = match selects(context, &["customFields", "customField", "memberships"]) {
            true => Columns::All,
            false => Columns::WithoutCustom,
        };
        let asked = AskedOfSubscribers::by(context);
        let found = context.app()?.db.run(move |connection| {
            let emails = emails.emails();
            let page = list_page(connection, emails.as_ref(), order, &request, columns)?;
            let ahead = SubscribersAhead::read(connection, asked, &page.rows)?;
            Ok((page, ahead))
        });
        let (page, ahead) = found.await.map_err(to_graphql)?;
        let total = Total::Subscribers(narrowing);
        let connection = list.connection(page, ahead, columns, total);
        Ok(connection.loaded_with(permit))
    }
}

/// A list of subscribers, named by its type and field, in an order and a direction. Its cursors hold an id or an e-mail
/// address.
pub struct PeopleList {
    name: String,
    /// The order, ascending.
    pub order: SubscriberOrder,
    direction: SortDirection,
}

impl PeopleList {
    /// Creates a list. `name` is its type and field.
    pub fn new(name: &str, order: SubscriberOrderBy, direction: SortDirection) -> PeopleList {
        PeopleList {
            name: direction.name_list(name),
            order: order.into(),
            direction,
        }
    }

    /// Reads paging arguments, and returns the request for the ascending list.
    pub fn request(
        &self,
        arguments: PageArguments,
    ) -> async_graphql::Result<PageRequest<SubscriberKey>> {
        let request = match self.order {
            SubscriberOrder::Id => map_keys(arguments.read(&self.name)?, SubscriberKey::Id),
            SubscriberOrder::Email => map_keys(arguments.read(&self.name)?, SubscriberKey::Email),
        };
        Ok(self.direction.turn_request(request))
    }

    /// Turns a page of the ascending list into the direction of this list.
    pub fn page<T>(&self, page: Page<T>) -> Page<T> {
        self.direction.turn_page(page)
    }

    /// Returns the cursor of a subscriber.
    pub fn cursor(&self, subscriber: &Subscriber) -> Text<String> {
        match subscriber.key(self.order) {
            SubscriberKey::Id(id) => write_cursor(&self.name, &id),
            SubscriberKey::Email(email) => write_cursor(&self.name, &email),
        }
    }

    /// Makes a connection of a page of the ascending list.
    pub fn connection(
        &self,
        page: Page<Subscriber>,
        ahead: Arc<SubscribersAhead>,
        columns: Columns,
        total: Total,
    ) -> SubscriberConnection {
        let edges = self.page(page).map(|subscriber| SubscriberEdge {
            cursor: self.cursor(&subscriber),
            node: SubscriberNode::listed(
                subscriber.into(),
                Arc::clone(&ahead),
                columns == Columns::WithoutCustom,
            ),
        });
        SubscriberConnection::new(edges, total)
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
