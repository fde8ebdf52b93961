//! Which scope a field asks for, by its coordinate in the schema.
//!
//! It is decided by kind and not field by field, so that a new field is closed before anybody thinks of it.

use crate::audience::api_key::Scope;

/// The mutations for ADMIN. All others change the audience, which is what WRITE is for.
const ADMIN_MUTATIONS: [&str; 2] = ["createApiKey", "revokeApiKey"];

/// The types about API keys, for ADMIN as the keys themselves.
const ADMIN_TYPES: [&str; 3] = ["ApiKey", "ApiKeyConnection", "ApiKeyEdge"];

/// Returns the scope that a field of an object or an interface asks for; none where any valid key will do.
///
/// What a mutation returns about itself is open, so that a key for writing learns whether it worked, but what it
/// returns of the audience (a `Subscriber`) asks for READ like everywhere.
pub fn needed_scope(parent_type: &str, field: &str) -> Option<Scope> {
    // What the schema is and what type a thing has, people can read in public.
    if field.starts_with("__") || parent_type.starts_with("__") {
        return None;
    }
    match parent_type {
        "Mutation" if ADMIN_MUTATIONS.contains(&field) => Some(Scope::Admin),
        "Mutation" => Some(Scope::Write),
        "Query" if field == "apiKeys" => Some(Scope::Admin),
        "UserError" => None,
        _ if ADMIN_TYPES.contains(&parent_type) => Some(Scope::Admin),
        _ if parent_type.ends_with("Payload") => None,
        _ => Some(Scope::Read),
    }
}

/// Says that a field, given by its coordinate such as `Query.groups`, is not for the key that asks.
pub fn forbidden(coordinate: &str, needed: Scope) -> String {
    let needed = needed.name().to_uppercase();
    format!("expected an API key with the scope {needed}, which {coordinate} asks for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::sdl;
    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

    /// Returns every field of every type that has fields to select, as (type, field, type of the field).
    fn coordinates() -> Vec<(String, String, String)> {
        let document = parse_schema(sdl()).expect("our own schema");
        let mut found = Vec::new();
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            let name = definition.node.name.node.to_string();
            for field in fields {
                let of = field.node.ty.node.to_string();
                let of = of.trim_matches(['[', ']', '!']).to_owned();
                found.push((name.clone(), field.node.name.node.to_string(), of));
            }
        }
        found
    }

    #[test]
    fn every_field_of_the_schema_has_its_scope() {
        let coordinates = coordinates();
        assert!(coordinates.len() > 300, "{}", coordinates.len());
        for (parent, field, _) in &coordinates {
            let found = needed_scope(parent, field);
            let is_about_keys = parent == "ApiKey"
                || ["apiKeys", "createApiKey", "revokeApiKey"].contains(&field.as_str());
            let is_outcome = parent == "UserError" || parent.ends_with("Payload");
            let expected = match parent.as_str() {
                _ if is_outcome => None,
                _ if is_about_keys => Some(Scope::Admin),
                "ApiKeyConnection" | "ApiKeyEdge" => Some(Scope::Admin),
                "Mutation" => Some(Scope::Write),
                _ => Some(Scope::Read),
            };
            assert_eq!(found, expected, "{parent}.{field}");
        }
    }

    /// Whatever is named as if it were about keys, or leads to them, is for ADMIN, also what is added later.
    #[test]
    fn nothing_leads_to_keys_without_admin() {
        for (parent, field, of) in coordinates() {
            let is_payload = parent.ends_with("Payload");
            if of.starts_with("ApiKey") && !is_payload && of != "ApiKeyScope" {
                let found = needed_scope(&parent, &field);
                assert_eq!(found, Some(Scope::Admin), "{parent}.{field}");
            }
            if parent == "Mutation" && field.contains("ApiKey") {
                let found = needed_scope(&parent, &field);
                assert_eq!(found, Some(Scope::Admin), "{parent}.{field}");
            }
        }
    }

    /// A payload is reached by its mutation alone; were it a part of something else, it would open that.
    #[test]
    fn outcomes_belong_to_mutations() {
        for (parent, field, of) in coordinates() {
            if of.ends_with("Payload") {
                assert_eq!(parent, "Mutation", "{parent}.{field}");
            }
            if of == "UserError" {
                assert!(parent.ends_with("Payload"), "{parent}.{field}");
            }
        }
    }

    #[test]
    fn what_is_about_the_schema_is_open() {
        for (parent, field) in [
            ("Query", "__typename"),
            ("Query", "__schema"),
            ("Query", "__type"),
            ("Mutation", "__typename"),
            ("Subscriber", "__typename"),
            ("__Type", "fields"),
        ] {
            assert_eq!(needed_scope(parent, field), None, "{parent}.{field}");
        }
        assert_eq!(needed_scope("Later", "field"), Some(Scope::Read));
    }
}
