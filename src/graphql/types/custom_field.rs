//! Custom fields.

use super::dependency::users_of;
use super::segment::SegmentNode;
use super::subscriber::input::keep;
use super::subscriber::page;
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::custom_field::{self, CustomField};
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::change::change;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split, to_graphql};
use crate::graphql::engine::id::{IdKind, input_id, to_global};
use crate::graphql::engine::loaders::Total;
use crate::rule::{CustomType, DependencyKind};
use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// The type of a custom field.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "CustomType")]
pub enum CustomFieldType {
    /// Text.
    Text,
    /// A number: an IEEE double, never NaN or infinite.
    Number,
    /// A calendar day, such as `2026-03-01`.
    Date,
    /// A date-time, such as `2026-03-01T09:30:00Z`.
    Datetime,
    /// True or false.
    Boolean,
    /// A list of texts.
    List,
}

/// The value of a custom field of one subscriber.
#[derive(SimpleObject)]
pub struct CustomFieldValue {
    /// The key of the custom field.
    pub key: Text<String>,
    /// The value: a text, number, boolean or list of texts; days and date-times are texts.
    pub value: Document<Value>,
}

/// A typed field that was added to subscribers.
pub struct CustomFieldNode(pub CustomField);

/// A typed field that was added to subscribers.
#[Object(name = "CustomField")]
impl CustomFieldNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::CustomField, self.0.id)
    }

    /// The immutable name; rules call the field `custom.KEY`.
    async fn key(&self) -> Text<&str> {
        Text(&self.0.key)
    }

    /// The display name.
    async fn label(&self) -> Text<&str> {
        Text(&self.0.label)
    }

    /// The type.
    async fn r#type(&self) -> CustomFieldType {
        self.0.custom_type.0.into()
    }

    /// The segments whose rules use this field, by key. While there are any, the field can neither be deleted nor given
    /// another type.
    async fn used_by(&self, context: &Context<'_>) -> async_graphql::Result<Vec<SegmentNode>> {
        users_of(context, DependencyKind::Field, &self.0.key).await
    }

    /// The version: it grows with every change of the field, not with the values. Send it as `ifVersion`, so that your
    /// change is refused if someone else's came first.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When the field was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

connection! {
    /// A page of custom fields.
    CustomFieldConnection
    /// A custom field in a list.
    CustomFieldEdge { CustomFieldNode }
}

/// Queries about custom fields.
#[derive(Default)]
pub struct CustomFieldQuery;

#[Object]
impl CustomFieldQuery {
    /// Lists the custom fields by key.
    async fn custom_fields(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<CustomFieldConnection> {
        let request = page(first, after, last, before).read("Query.customFields")?;
        let db = &context.app()?.db;
        let fields = db.run(move |connection| custom_field::list_page(connection, &request));
        let edges = fields
            .await
            .map_err(to_graphql)?
            .map(|field| CustomFieldEdge {
                cursor: write_cursor("Query.customFields", &field.key),
                node: CustomFieldNode(field),
            });
        Ok(CustomFieldConnection::new(edges, Total::CustomFields))
    }
}

/// A custom field to add.
#[derive(InputObject)]
pub struct CreateCustomFieldInput {
    /// The immutable name: a lower-case letter, then lower-case letters, digits and `_`.
    pub key: String,
    /// The display name; the key if absent.
    pub label: Option<String>,
    /// The type.
    pub r#type: CustomFieldType,
}

/// The custom field, or the errors.
#[derive(SimpleObject)]
pub struct CreateCustomFieldPayload {
    /// The custom field.
    pub custom_field: Option<CustomFieldNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The changes to a custom field; absent values stay as they are.
#[derive(InputObject)]
pub struct UpdateCustomFieldInput {
    /// The global id of the custom field.
    pub id: ID,
    /// The version that you have read. If the field has another one, nothing is changed and the answer is CONFLICT.
    pub if_version: Option<i32>,
    /// The display name.
    pub label: MaybeUndefined<String>,
    /// The type. All values are converted. If any value cannot be converted, a segment uses the field, or an import is
    /// running, nothing is changed.
    pub r#type: MaybeUndefined<CustomFieldType>,
}

/// The custom field, or the errors.
#[derive(SimpleObject)]
pub struct UpdateCustomFieldPayload {
    /// The custom field as it is now.
    pub custom_field: Option<CustomFieldNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which custom field to delete.
#[derive(InputObject)]
pub struct DeleteCustomFieldInput {
    /// The global id of the custom field.
    pub id: ID,
    /// The version that you have read. If the field has another one, it is not deleted and the answer is CONFLICT.
    pub if_version: Option<i32>,
}

/// Whether the custom field was deleted.
#[derive(SimpleObject)]
pub struct DeleteCustomFieldPayload {
    /// The global id of the deleted custom field.
    pub deleted_id: Option<ID>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of custom fields.
#[derive(Default)]
pub struct CustomFieldMutation;

#[Object]
impl CustomFieldMutation {
    /// Adds a custom field. No subscriber has a value of it yet.
    async fn create_custom_field(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The custom field.")] input: CreateCustomFieldInput,
    ) -> async_graphql::Result<CreateCustomFieldPayload> {
        let now = context.app()?.now();
        let result = change(context, move |connection| {
            let label = input.label.as_deref().unwrap_or_default();
            let custom_type = input.r#type.into();
            let field = custom_field::create(connection, &input.key, label, custom_type, now)?;
            let trace = trace(&field);
            Ok((field, trace))
        });
        let (custom_field, user_errors) = parts(split(result.await)?);
        Ok(CreateCustomFieldPayload {
            custom_field,
            user_errors,
        })
    }

    /// Changes the display name or the type of a custom field.
    async fn update_custom_field(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The custom field and the values.")] input: UpdateCustomFieldInput,
    ) -> async_graphql::Result<UpdateCustomFieldPayload> {
        let now = context.app()?.now();
        let result = change(context, move |connection| {
            let id = input_id(&input.id, IdKind::CustomField)?;
            let label = keep(input.label.clone(), "label")?;
            let custom_type = keep(input.r#type, "type")?.map(CustomType::from);
            let field = custom_field::update(
                connection,
                id,
                input.if_version,
                label.as_deref(),
                custom_type,
                now,
            )?;
            let trace = trace(&field);
            Ok((field, trace))
        });
        let (custom_field, user_errors) = parts(split(result.await)?);
        Ok(UpdateCustomFieldPayload {
            custom_field,
            user_errors,
        })
    }

    /// Deletes a custom field and all its values. Refused while a segment uses it.
    async fn delete_custom_field(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The custom field.")] input: DeleteCustomFieldInput,
    ) -> async_graphql::Result<DeleteCustomFieldPayload> {
        let id = input.id.clone();
        let result = change(context, move |connection| {
            let id = input_id(&id, IdKind::CustomField)?;
            let field = custom_field::delete(connection, id, input.if_version)?;
            let trace = trace(&field);
            Ok((field, trace))
        });
        Ok(match split(result.await)? {
            Ok(_) => DeleteCustomFieldPayload {
                deleted_id: Some(input.id),
                user_errors: Vec::new(),
            },
            Err(user_errors) => DeleteCustomFieldPayload {
                deleted_id: None,
                user_errors,
            },
        })
    }
}

fn trace(field: &CustomField) -> Trace {
    Trace::of(TargetKind::CustomField, field.id).with_key(&field.key)
}

fn parts(result: Result<CustomField, Vec<UserError>>) -> (Option<CustomFieldNode>, Vec<UserError>) {
    match result {
        Ok(field) => (Some(CustomFieldNode(field)), Vec::new()),
        Err(user_errors) => (None, user_errors),
    }
}

at_hand!(CustomFieldValue {
    "key": key,
    "value": value,
});
at_hand!(CustomFieldNode {});
