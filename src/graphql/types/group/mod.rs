//! Groups: members chosen by hand.

pub(in crate::graphql) mod members;
use super::dependency::users_of;
use super::named_list::{GroupOrderBy, NamedListArguments};
use super::segment::SegmentNode;
use super::status_count::{StatusCount, list_counts};
use super::subscriber::input::{change, keep};
use super::subscriber::{
    PeopleList, SubscriberNode, SubscriberOrderBy, SubscriberStatus, SubscribersAhead, page,
    read_narrowing,
};
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::group::{self, Group, NewGroup};
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::change;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::direction::SortDirection;
use crate::graphql::engine::error::{UserError, bad_input, split, to_graphql};
use crate::graphql::engine::id::{IdKind, input_id, parse_kind, to_global};
use crate::graphql::engine::loaders::{
    GroupById, GroupMemberCount, GroupMembers, GroupStatusCounts, NarrowedGroupMembers, Total,
    load_one, load_people,
};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scalar::count;
use crate::rule::DependencyKind;
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// A group: members chosen by hand, who stay until they are removed.
pub struct GroupNode(pub Arc<Group>);

/// A group: members chosen by hand, who stay until they are removed.
#[Object(name = "Group")]
impl GroupNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Group, self.0.id)
    }

    /// The immutable name in rules, imports and commands.
    async fn key(&self) -> Text<&str> {
        Text(&self.0.key)
    }

    /// The display name.
    async fn name(&self) -> Text<&str> {
        Text(&self.0.name)
    }

    /// What the group is for.
    async fn description(&self) -> Option<Text<&str>> {
        self.0.description.as_deref().map(Text)
    }

    /// Free words for finding the group.
    async fn tags(&self) -> Vec<Text<&str>> {
        let tags = self.0.tags.list().iter();
        tags.map(|tag| Text(tag.as_str())).collect()
    }

    /// When the group was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When name, description or tags last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// The version: it grows with every change of name, description or tags, not with the members. Send it as
    /// `ifVersion`, so that your change is refused if someone else's came first.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// How many members the group has now.
    async fn member_count(&self, context: &Context<'_>) -> async_graphql::Result<i32> {
        let members = load_one(context.loader()?, GroupMemberCount(self.0.id)).await?;
        Ok(count(members.unwrap_or(0)))
    }

    /// How many members have each status: every status, in the order of the enum.
    async fn status_counts(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<Vec<StatusCount>> {
        let counts = load_one(context.loader()?, GroupStatusCounts(self.0.id)).await?;
        Ok(list_counts(&counts.unwrap_or_default()))
    }

    /// The members, or those that match `search` and `status`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a search, a status and an order"
    )]
    async fn members(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The beginning of the e-mail address, in any letter case.")]
        search: Option<String>,
        #[graphql(desc = "Only subscribers with this status.")] status: Option<SubscriberStatus>,
        #[graphql(desc = "The order of the list.", default)] order_by: SubscriberOrderBy,
        #[graphql(desc = "The direction of the order.", default)] direction: SortDirection,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<GroupMemberConnection> {
        let list = PeopleList::new("Group.members", order_by, direction);
        let request = list.request(page(first, after, last, before))?;
        let narrowing = read_narrowing(search.as_deref(), status)?;
        let (id, loader, order) = (self.0.id, context.loader()?, list.order);
        let (page, total) = if narrowing.is_everybody() {
            let page = load_one(loader, GroupMembers((id, (order, request)))).await?;
            (page.unwrap_or_default(), Total::GroupMembers(id))
        } else {
            let asked = NarrowedGroupMembers((id, (order, request, narrowing)));
            let (page, count) = load_one(loader, asked).await?.unwrap_or_default();
            (page, Total::Known(count))
        };
        let page = list.page(page);
        let added: HashMap<i64, Option<DateTime<Utc>>> = page
            .rows
            .iter()
            .map(|item| (item.id, item.moment))
            .collect();
        let (people, permit) = load_people(context, page.map(|item| item.id)).await?;
        let ahead = SubscribersAhead::load(context, &people.rows).await;
        let edges = people.map(|subscriber| GroupMemberEdge {
            cursor: list.cursor(&subscriber),
            added_at: added
                .get(&subscriber.id)
                .copied()
                .flatten()
                .unwrap_or_default(),
            node: SubscriberNode::listed(subscriber, Arc::clone(&ahead), false),
        });
        Ok(GroupMemberConnection::new(edges, total).loaded_with(permit))
    }

    /// The segments whose rules use this group, by key. While there are any, the group cannot be deleted.
    async fn used_by(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SegmentNode>> {
        users_of(context, DependencyKind::Group, &self.0.key).await
    }
}

connection! {
    /// A page of groups.
    GroupConnection
    /// A group in a list.
    GroupEdge { GroupNode }
}

connection! {
    /// A page of the members of a group.
    GroupMemberConnection
    /// A member of a group.
    GroupMemberEdge {
        SubscriberNode,
        /// When the subscriber was added to the group.
        added_at: DateTime<Utc>
    }
}

connection! {
    /// A page of the groups of a subscriber.
    SubscriberGroupConnection
    /// A group of a subscriber.
    SubscriberGroupEdge {
        GroupNode,
        /// When the subscriber was added to the group.
        added_at: DateTime<Utc>
    } by |group: &GroupNode| write_cursor("Subscriber.groups", &group.0.key)
}

/// Queries about groups.
#[derive(Default)]
pub struct GroupQuery;

#[Object]
impl GroupQuery {
    /// Returns the group with this id or key, or null if it does not exist. Give exactly one of `id` and `key`.
    async fn group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: Option<ID>,
        #[graphql(desc = "The key.")] key: Option<String>,
    ) -> Nullable<GroupNode> {
        nullable(async {
            let found = match (id, key) {
                (Some(id), None) => {
                    let id = parse_kind(&id, IdKind::Group, "id")?;
                    load_one(context.loader()?, GroupById(id)).await?
                }
                (None, Some(key)) => context
                    .app()?
                    .db
                    .run(move |connection| group::find_by_key(connection, &key))
                    .await
                    .map_err(to_graphql)?
                    .map(Arc::new),
                _ => return Err(bad_input("expected either \"id\" or \"key\"")),
            };
            Ok(found.map(GroupNode))
        })
        .await
    }

    /// Lists the groups, or those that match `search` and `tag`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a search, a tag and an order"
    )]
    async fn groups(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "A part of name or key, in any letter case.")] search: Option<String>,
        #[graphql(desc = "A tag, in any letter case.")] tag: Option<String>,
        #[graphql(desc = "The order of the list.", default)] order_by: GroupOrderBy,
        #[graphql(desc = "The direction of the order.", default)] direction: SortDirection,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<GroupConnection> {
        let arguments = NamedListArguments {
            search,
            tag,
            order: order_by.into(),
            direction,
        };
        let list = arguments.list("Query.groups");
        let request = list.request(page(first, after, last, before))?;
        let (filter, order) = (list.filter.clone(), list.order);
        let db = &context.app()?.db;
        let groups =
            db.run(move |connection| group::list_page(connection, &filter, order, &request));
        let (groups, total) = groups.await.map_err(to_graphql)?;
        let edges = list.page(groups).map(|(place, group)| GroupEdge {
            cursor: list.cursor(&place),
            node: GroupNode(group.into()),
        });
        Ok(GroupConnection::new(edges, Total::Known(total)))
    }
}

/// A group to create.
#[derive(InputObject)]
pub struct CreateGroupInput {
    /// The immutable name: lower-case letters, digits, `-` and `_`.
    pub key: String,
    /// The display name; the key if absent.
    pub name: Option<String>,
    /// What the group is for.
    pub description: Option<String>,
    /// Free words for finding the group: at most 20 of at most 50 characters each.
    #[graphql(default)]
    pub tags: Vec<String>,
}

/// The group, or the errors.
#[derive(SimpleObject)]
pub struct CreateGroupPayload {
    /// The group.
    pub group: Option<GroupNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The changes to a group; absent values stay as they are.
#[derive(InputObject)]
pub struct UpdateGroupInput {
    /// The global id of the group.
    pub id: ID,
    /// The version that you have read. If the group has another one, nothing is changed and the answer is CONFLICT.
    pub if_version: Option<i32>,
    /// The display name.
    pub name: MaybeUndefined<String>,
    /// What the group is for; null clears it.
    pub description: MaybeUndefined<String>,
    /// All the tags that the group has from now on, as for `createGroup`.
    pub tags: MaybeUndefined<Vec<String>>,
}

/// The group, or the errors.
#[derive(SimpleObject)]
pub struct UpdateGroupPayload {
    /// The group as it is now.
    pub group: Option<GroupNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which group to delete.
#[derive(InputObject)]
pub struct DeleteGroupInput {
    /// The global id of the group.
    pub id: ID,
    /// The version that you have read. If the group has another one, it is not deleted and the answer is CONFLICT.
    pub if_version: Option<i32>,
}

/// Whether the group was deleted.
#[derive(SimpleObject)]
pub struct DeleteGroupPayload {
    /// The global id of the deleted group.
    pub deleted_id: Option<ID>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of groups.
#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    /// Creates a group without members.
    async fn create_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group.")] input: CreateGroupInput,
    ) -> async_graphql::Result<CreateGroupPayload> {
        let now = context.app()?.now();
        let result = change::change(context, move |connection| {
            let (name, description) = (input.name.as_deref(), input.description.as_deref());
            let group = NewGroup {
                key: &input.key,
                name,
                description,
                tags: &input.tags,
            };
            let group = group::create_with(connection, group, now)?;
            let trace = trace(&group);
            Ok((group, trace))
        });
        let (group, user_errors) = parts(split(result.await)?);
        Ok(CreateGroupPayload { group, user_errors })
    }

    /// Changes name, description and tags of a group.
    async fn update_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group and the values.")] input: UpdateGroupInput,
    ) -> async_graphql::Result<UpdateGroupPayload> {
        let now = context.app()?.now();
        let result = change::change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Group)?;
            let name = keep(input.name.clone(), "name")?;
            let tags = keep(input.tags.clone(), "tags")?;
            let description = change(input.description.clone());
            let description = description.as_ref().map(Option::as_deref);
            let group = group::update(
                connection,
                id,
                input.if_version,
                name.as_deref(),
                description,
                tags.as_deref(),
                now,
            )?;
            let trace = trace(&group);
            Ok((group, trace))
        });
        let (group, user_errors) = parts(split(result.await)?);
        Ok(UpdateGroupPayload { group, user_errors })
    }

    /// Deletes a group; its members stay subscribers. Refused while a segment uses it.
    async fn delete_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group.")] input: DeleteGroupInput,
    ) -> async_graphql::Result<DeleteGroupPayload> {
        let id = input.id.clone();
        let result = change::change(context, move |connection| {
            let id = input_id(&id, IdKind::Group)?;
            let group = group::delete(connection, id, input.if_version)?;
            let trace = trace(&group);
            Ok((group, trace))
        });
        Ok(match split(result.await)? {
            Ok(_) => DeleteGroupPayload {
                deleted_id: Some(input.id),
                user_errors: Vec::new(),
            },
            Err(user_errors) => DeleteGroupPayload {
                deleted_id: None,
                user_errors,
            },
        })
    }
}

fn trace(group: &Group) -> Trace {
    Trace::of(TargetKind::Group, group.id).with_key(&group.key)
}

fn parts(result: Result<Group, Vec<UserError>>) -> (Option<GroupNode>, Vec<UserError>) {
    match result {
        Ok(group) => (Some(GroupNode(group.into())), Vec::new()),
        Err(user_errors) => (None, user_errors),
    }
}

at_hand!(GroupNode {
    "id": id(),
    "key": key(),
    "name": name(),
    "description": description(),
    "tags": tags(),
    "createdAt": created_at(),
    "updatedAt": updated_at(),
    "version": version(),
});
