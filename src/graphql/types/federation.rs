//! Rollcall as a subgraph of Apollo Federation, version 2: other subgraphs add fields to subscribers, groups and
//! segments, and a router fetches these by their keys.
//!
//! [`EntityQuery`] is always part of the query root. Without [`Keys`] in the schema there is no field `_entities` that
//! could use it, and the schema is exactly that of `schema.graphql`.

use super::group::GroupNode;
use super::segment::SegmentNode;
use super::subscriber::SubscriberNode;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::bad_input;
use crate::graphql::engine::id::{IdKind, parse_global};
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

/// The entities, each with its two key fields, either of which is enough.
const ENTITIES: [(&str, [&str; 2]); 3] = [
    ("Subscriber", ["id", "email"]),
    ("Group", ["id", "key"]),
    ("Segment", ["id", "key"]),
];

/// Registering this type makes the schema that of a subgraph. It adds no type to the schema and has no values.
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

/// Describes to async-graphql a part of the query root that has no fields.
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

/// The entity that a representation names, or `None` if none has the key.
enum Entity {
    Subscriber(Option<SubscriberNode>),
    Group(Option<GroupNode>),
    Segment(Option<SegmentNode>),
}

/// The value of a key of a representation.
enum Key {
    /// A global id.
    Id(ID),
    /// An e-mail address, or the key of a group or segment.
    Name(String),
}

/// Finds the entity of a representation. Several representations take one statement for each type and kind of key.
async fn find_entity(
    context: &Context<'_>,
    representation: &Value,
) -> async_graphql::Result<Entity> {
    let loader = context.loader()?;
    Ok(match read_representation(representation)? {
        ("Subscriber", Key::Id(id)) => Entity::Subscriber(match number(&id, IdKind::Subscriber) {
            Some(id) => load_one(loader, SubscriberById(id))
                .await?
                .map(SubscriberNode::new),
            None => None,
        }),
        ("Subscriber", Key::Name(email)) => {
            let found = load_one(loader, SubscriberByEmail::of(&email)).await?;
            Entity::Subscriber(found.map(SubscriberNode::new))
        }
        ("Group", Key::Id(id)) => Entity::Group(match number(&id, IdKind::Group) {
            Some(id) => load_one(loader, GroupById(id)).await?.map(GroupNode),
            None => None,
        }),
        ("Group", Key::Name(key)) => {
            Entity::Group(load_one(loader, GroupByKey(key)).await?.map(GroupNode))
        }
        (_, Key::Id(id)) => Entity::Segment(match number(&id, IdKind::Segment) {
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

/// Returns the number in a global id, or `None` if the id is of another kind or malformed.
fn number(id: &ID, wanted: IdKind) -> Option<i64> {
    let (kind, number) = parse_global(id)?;
    (kind == wanted).then_some(number)
}

/// Returns the type of a representation and the first key that it has.
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
