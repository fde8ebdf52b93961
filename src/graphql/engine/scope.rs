//! The scopes that each field of the schema needs, and so what a key with WRITE alone can see.
//!
//! Scopes are decided by kind and not field by field, so that a new field is closed by default.
//!
//! A key with WRITE alone sees what its own mutation did: `userErrors`, the counts of [`OUTCOME_FIELDS`] and the `id`
//! of the objects that were made or changed. It runs imports, and sees their progress ([`IMPORT_FIELDS`]). It sees
//! nothing that depends on values which it did not send. Otherwise it could find out any value by counting, with a
//! segment, a dry run or a conversion.

use crate::audience::api_key::Scope;

/// The mutations that need ADMIN. All others change the audience, which is what WRITE is for.
const ADMIN_MUTATIONS: [&str; 9] = [
    "createApiKey",
    "createWebhook",
    "deleteWebhook",
    "replayWebhook",
    "revokeApiKey",
    "rotateWebhookSecret",
    "sendTestWebhook",
    "updateSettings",
    "updateWebhook",
];

/// Mutations whose counts or errors reveal stored values; they need READ and WRITE.
const TELLING_MUTATIONS: [&str; 8] = [
    "cancelBulkAction",
    "copySegment",
    "copySegmentToGroup",
    "createBulkAction",
    "restoreSegmentDefinition",
    "undoBulkAction",
    "undoImport",
    "updateCustomField",
];

/// The queries that need ADMIN.
const ADMIN_QUERIES: [&str; 4] = ["apiKeys", "auditLog", "webhook", "webhooks"];

/// The types about API keys, webhooks and the audit log. They need ADMIN, like the keys and webhooks themselves.
const ADMIN_TYPES: [&str; 11] = [
    "ApiKey",
    "ApiKeyConnection",
    "ApiKeyEdge",
    "AuditEntry",
    "AuditEntryConnection",
    "AuditEntryEdge",
    "AuditEntryTarget",
    "Webhook",
    "WebhookAttempt",
    "WebhookConnection",
    "WebhookEdge",
];

/// The fields of payloads that any key may see if its mutation was allowed: what the mutation did, and the objects that
/// it made or changed. Of these objects only `id` is open.
const OUTCOME_FIELDS: [&str; 17] = [
    "addedCount",
    "bulkAction",
    "customField",
    "deletedId",
    "group",
    "ignoredCount",
    "import",
    "outcome",
    "recordedCount",
    "refresh",
    "removedCount",
    "results",
    "segment",
    "subscriber",
    "unchangedCount",
    "unknownCount",
    "userErrors",
];

/// The fields of an import that its creator needs: where to send the file, and its state. Its counts need READ: in a
/// dry run they would reveal which values are stored.
const IMPORT_FIELDS: [&str; 6] = [
    "createdAt",
    "finishedAt",
    "progress",
    "startedAt",
    "state",
    "uploadUrl",
];

/// Returns the scopes that a field of an object or an interface needs. If the list is empty, any valid key will do.
pub fn needed_scopes(parent_type: &str, field: &str) -> &'static [Scope] {
    // The schema and the types of objects are public.
    if field.starts_with("__") || parent_type.starts_with("__") {
        return &[];
    }
    match parent_type {
        "Mutation" if ADMIN_MUTATIONS.contains(&field) => &[Scope::Admin],
        "Mutation" if TELLING_MUTATIONS.contains(&field) => &[Scope::Write, Scope::Read],
        "Mutation" => &[Scope::Write],
        "Query" if ADMIN_QUERIES.contains(&field) => &[Scope::Admin],
        "Segment" if field == "auditLog" => &[Scope::Admin],
        // Every client may know its own scopes.
        "Query" if field == "viewer" => &[],
        "Viewer" if field == "apiKey" => &[Scope::Admin],
        "Viewer" | "Session" => &[],
        // The fields of the import that are not in `IMPORT_FIELDS` need READ.
        "Query" if field == "import" => &[],
        "Subscription" if field == "importProgress" => &[],
        "UserError" => &[],
        _ if ADMIN_TYPES.contains(&parent_type) => &[Scope::Admin],
        // Objects are reached by fields that need READ, or from the payload of their mutation.
        _ if field == "id" => &[],
        "Import" if IMPORT_FIELDS.contains(&field) => &[],
        _ if parent_type.ends_with("Payload") && OUTCOME_FIELDS.contains(&field) => &[],
        _ => &[Scope::Read],
    }
}

/// Returns the message that a key lacks the scope for a field, given by its coordinate such as `Query.groups`.
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
            let found = needed_scopes(parent, field);
            match parent.as_str() {
                "Mutation" if ADMIN_MUTATIONS.contains(&field.as_str()) => {
                    assert_eq!(found, [Scope::Admin], "{field}");
                }
                "Mutation" => assert!(found.contains(&Scope::Write), "{field}"),
                _ if parent.starts_with("ApiKey")
                    || parent.starts_with("AuditEntry")
                    || parent.starts_with("Webhook")
                    || ["apiKey", "apiKeys", "auditLog", "webhook", "webhooks"]
                        .contains(&&**field)
                        && !parent.ends_with("Payload") =>
                {
                    assert_eq!(found, [Scope::Admin], "{parent}.{field}");
                }
                _ => assert!(
                    found.is_empty() || found == [Scope::Read],
                    "{parent}.{field}"
                ),
            }
        }
    }

    /// If another field is open, it is missing here or was opened by mistake.
    #[test]
    fn any_key_sees_outcomes_and_ids_and_nothing_else() {
        let plain = [
            "Int",
            "ID",
            "UserError",
            "UpsertOutcome",
            "RecordEventOutcome",
        ];
        let is_plain = |of: &str| plain.contains(&of);
        for (parent, field, of) in coordinates() {
            if !needed_scopes(&parent, &field).is_empty() {
                continue;
            }
            let coordinate = format!("{parent}.{field}");
            let is_expected = match parent.as_str() {
                "UserError" | "Viewer" | "Session" => true,
                "Query" | "Subscription" => ["Import", "Viewer"].contains(&&*of),
                "Import" => field == "id" || IMPORT_FIELDS.contains(&field.as_str()),
                _ if parent.ends_with("Payload") => {
                    is_plain(&of) || !needed_scopes(&of, "anything").is_empty()
                }
                _ => field == "id" && of == "ID",
            };
            assert!(is_expected, "{coordinate}");
        }
        for name in OUTCOME_FIELDS {
            let mut all = coordinates().into_iter();
            let exists = all.any(|(parent, field, _)| parent.ends_with("Payload") && field == name);
            assert!(exists, "no payload has {name}");
        }
        for name in IMPORT_FIELDS {
            let mut all = coordinates().into_iter();
            let exists = all.any(|(parent, field, _)| parent == "Import" && field == name);
            assert!(exists, "Import has no {name}");
        }
        for name in ADMIN_MUTATIONS.iter().chain(&TELLING_MUTATIONS) {
            let mut all = coordinates().into_iter();
            let exists = all.any(|(parent, field, _)| parent == "Mutation" && field == *name);
            assert!(exists, "no mutation {name}");
        }
        for name in ADMIN_QUERIES {
            let mut all = coordinates().into_iter();
            let exists = all.any(|(parent, field, _)| parent == "Query" && field == name);
            assert!(exists, "no question {name}");
        }
    }

    #[test]
    fn a_new_field_needs_read() {
        for parent in [
            "Later",
            "CreateGroupPayload",
            "Import",
            "Subscriber",
            "Query",
        ] {
            assert_eq!(needed_scopes(parent, "later"), [Scope::Read], "{parent}");
        }
        assert_eq!(needed_scopes("Mutation", "later"), [Scope::Write]);
    }

    /// Every field that is named as if it were about keys or webhooks, or leads to them, needs ADMIN. New fields too.
    #[test]
    fn nothing_leads_to_keys_without_admin() {
        for (parent, field, of) in coordinates() {
            let is_payload = parent.ends_with("Payload");
            let kinds = ["ApiKey", "AuditEntry", "Webhook"];
            let is_about_them = kinds.iter().any(|kind| of.starts_with(kind));
            if is_about_them && !is_payload && of != "ApiKeyScope" {
                let found = needed_scopes(&parent, &field);
                assert_eq!(found, [Scope::Admin], "{parent}.{field}");
            }
            if parent == "Mutation" && (field.contains("ApiKey") || field.contains("Webhook")) {
                let found = needed_scopes(&parent, &field);
                assert_eq!(found, [Scope::Admin], "{parent}.{field}");
            }
        }
    }

    /// Only mutations return payloads, directly or as one of their results. A payload in another object would open the
    /// fields of that payload to any key.
    #[test]
    fn outcomes_belong_to_mutations() {
        for (parent, field, of) in coordinates() {
            if of.ends_with("Payload") {
                let is_result = parent.ends_with("Payload") && field == "results";
                assert!(parent == "Mutation" || is_result, "{parent}.{field}");
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
            assert!(needed_scopes(parent, field).is_empty(), "{parent}.{field}");
        }
    }
}
