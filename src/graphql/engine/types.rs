//! The types of the schema, for those who look at answers: async-graphql shows its own only to itself.

use crate::graphql::types::membership::Membership;
use crate::graphql::types::node::Node;
use crate::graphql::{Mutation, Query, Subscription};
use async_graphql::registry::{MetaType, Registry};
use async_graphql::{OutputType, SubscriptionType};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// What is known of the types.
#[derive(Default)]
struct Types {
    /// The types of the fields of objects and interfaces, as they are written, such as `[Segment!]!`.
    fields: HashMap<String, HashMap<String, String>>,
    /// The objects that an interface may be.
    objects: HashMap<String, HashSet<String>>,
}

/// Returns the type of a field as it is written.
pub fn type_of(parent: &str, field: &str) -> Option<&'static str> {
    let fields = types().fields.get(parent)?;
    fields.get(field).map(String::as_str)
}

/// Whether an object of one type is one of another type too.
pub fn is_a(kind: &str, other: &str) -> bool {
    // Beside objects and interfaces there is only the union of all entities, which holds whatever stands in it.
    match types().objects.get(other) {
        Some(objects) => objects.contains(kind),
        None => kind == other || !types().fields.contains_key(other),
    }
}

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut registry = Registry::default();
        Query::create_type_info(&mut registry);
        Mutation::create_type_info(&mut registry);
        Subscription::create_type_info(&mut registry);
        Node::create_type_info(&mut registry);
        Membership::create_type_info(&mut registry);
        let mut types = Types::default();
        for kind in registry.types.into_values() {
            let (name, fields) = match kind {
                MetaType::Object { name, fields, .. } => (name, fields),
                MetaType::Interface {
                    name,
                    fields,
                    possible_types,
                    ..
                } => {
                    let objects = possible_types.into_iter().collect();
                    types.objects.insert(name.clone(), objects);
                    (name, fields)
                }
                _ => continue,
            };
            let fields = fields.into_iter().map(|(name, field)| (name, field.ty));
            types.fields.insert(name, fields.collect());
        }
        // What federation adds.
        if let Some(query) = types.fields.get_mut("Query") {
            query.insert("_entities".to_owned(), "[_Entity]!".to_owned());
            query.insert("_service".to_owned(), "_Service!".to_owned());
        }
        types
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_interfaces_are_known() {
        assert_eq!(type_of("Query", "segments"), Some("SegmentConnection!"));
        assert_eq!(type_of("Node", "id"), Some("ID!"));
        assert_eq!(type_of("Subscription", "refreshProgress"), Some("Refresh!"));
        assert_eq!(type_of("Segment", "shoeSize"), None);
        for (kind, other, wanted) in [
            ("Group", "Group", true),
            ("Group", "Node", true),
            ("Group", "Segment", false),
            ("Group", "Membership", false),
            ("GroupMembership", "Membership", true),
            ("GroupMembership", "_Entity", true),
        ] {
            assert_eq!(is_a(kind, other), wanted, "{kind} {other}");
        }
    }
}
