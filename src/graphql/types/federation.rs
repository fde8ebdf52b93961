//! Rollcall as a subgraph of Apollo Federation, version 2: other subgraphs add fields to subscribers, groups and
//! segments, and a router asks for these by their keys.
//!
//! Finding entities is always part of the query root, but without their [`Keys`] in the schema there is no field
//! `_entities` that could ask, and the schema is the one of `schema.graphql` to the letter.

use super::group::GroupNode;
use super::segment::SegmentNode;
use super::subscriber::SubscriberNode;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::bad_input;
use crate::graphql::engine::id::{Kind, parse_global};
use crate::graphql::engine::loaders::{
    GroupById, GroupByKey, SegmentById, SegmentByKey, SubscriberByEmail, SubscriberById, load_one,
};
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::{ContainerType, resolve_container};
use async_graphql::{
    Context, ContextSelectionSet, ID, Name, OutputType, Positioned, ServerResult, SimpleObject,
    Value,
};
use std::borrow::Cow;

/// The entities, each with the fields of which either is a key.
const ENTITIES: [(&str, [&str; 2]); 3] = [
    ("Subscriber", ["id", "email"]),
    ("Group", ["id", "key"]),
    ("Segment", ["id", "key"]),
];

/// Registered, it makes the schema that of a subgraph. It is no type and has no values.
pub enum Keys {}

impl OutputType for Keys {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Keys")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        for (entity, keys) in ENTITIES {
            for key in keys {
                registry.add_keys(entity, key);
            }
        }
        String::new()
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match *self {}
    }
}

/// The part of the query root that finds entities. It has no fields.
#[derive(Default)]
pub struct EntityQuery;

/// What a part of the query root without fields looks like to async-graphql.
#[derive(SimpleObject)]
#[graphql(fake)]
struct NoFields;

impl ContainerType for EntityQuery {
    async fn resolve_field(&self, _: &Context<'_>) -> ServerResult<Option<Value>> {
        Ok(None)
    }

    async fn find_entity(
        &self,
        context: &Context<'_>,
        representation: &Value,
    ) -> ServerResult<Option<Value>> {
        let selected = context.with_selection_set(&context.item.node.selection_set);
        let found = match find_entity(context, representation).await {
            Ok(found) => found,
            Err(error) => {
                return Err(context.set_error_path(error.into_server_error(context.item.pos)));
            }
        };
        let resolved = match found {
            Entity::Subscriber(found) => found.resolve(&selected, context.item).await,
            Entity::Group(found) => found.resolve(&selected, context.item).await,
            Entity::Segment(found) => found.resolve(&selected, context.item).await,
        };
        resolved.map(Some)
    }
}

impl OutputType for EntityQuery {
    fn type_name() -> Cow<'static, str> {
        NoFields::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        NoFields::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_container(context, self).await
    }
}

/// An entity, or that there is none of its kind with the key.
enum Entity {
    Subscriber(Option<SubscriberNode>),
    Group(Option<GroupNode>),
    Segment(Option<SegmentNode>),
}

/// The value of a key of a representation.
enum Key {
    /// A global id.
    Id(ID),
    /// The other one: an e-mail address or the key of a group or segment.
    Name(String),
}

/// Finds what a representation is of. Several of them cost one statement for each kind of key.
async fn find_entity(
    context: &Context<'_>,
    representation: &Value,
) -> async_graphql::Result<Entity> {
    let loader = context.loader()?;
    Ok(match read_representation(representation)? {
        ("Subscriber", Key::Id(id)) => Entity::Subscriber(match number(&id, Kind::Subscriber) {
            Some(id) => load_one(loader, SubscriberById(id))
                .await?
                .map(SubscriberNode::new),
            None => None,
        }),
        ("Subscriber", Key::Name(email)) => {
            let found = load_one(loader, SubscriberByEmail::of(&email)).await?;
            Entity::Subscriber(found.map(SubscriberNode::new))
        }
        ("Group", Key::Id(id)) => Entity::Group(match number(&id, Kind::Group) {
            Some(id) => load_one(loader, GroupById(id)).await?.map(GroupNode),
            None => None,
        }),
        ("Group", Key::Name(key)) => {
            Entity::Group(load_one(loader, GroupByKey(key)).await?.map(GroupNode))
        }
        (_, Key::Id(id)) => Entity::Segment(match number(&id, Kind::Segment) {
            Some(id) => load_one(loader, SegmentById(id))
                .await?
                .map(SegmentNode::new),
            None => None,
        }),
        (_, Key::Name(key)) => Entity::Segment(
            load_one(loader, SegmentByKey(key))
                .await?
                .map(SegmentNode::new),
        ),
    })
}

/// Reads the number out of a global id. An id of another kind matches no row.
fn number(id: &ID, wanted: Kind) -> Option<i64> {
    let (kind, number) = parse_global(id)?;
    (kind == wanted).then_some(number)
}

/// Reads the name of the type and the first key that there is.
fn read_representation(representation: &Value) -> async_graphql::Result<(&'static str, Key)> {
    let Value::Object(fields) = representation else {
        return Err(bad_input(format!(
            "representations: expected objects such as {{__typename: \"Subscriber\", id: …}}, found {representation}"
        )));
    };
    let text = |name: &str| match fields.get(&Name::new(name)) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let typename = text("__typename").unwrap_or_default();
    let Some((typename, [id, name])) = ENTITIES.into_iter().find(|(known, _)| *known == typename)
    else {
        return Err(bad_input(format!(
            "representations: expected Subscriber, Group or Segment as \"__typename\", found \"{typename}\""
        )));
    };
    match (text(id), text(name)) {
        (Some(id), _) => Ok((typename, Key::Id(ID::from(id)))),
        (None, Some(name)) => Ok((typename, Key::Name(name.to_owned()))),
        (None, None) => Err(bad_input(format!(
            "representations: expected \"{id}\" or \"{name}\" of a {typename} as a text, found neither"
        ))),
    }
}
