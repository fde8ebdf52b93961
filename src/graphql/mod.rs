//! The GraphQL API. It translates between GraphQL and the use cases of other modules, and does nothing else.
//!
//! One file per noun holds its object, queries, inputs and mutations, in that order. Doc comments on GraphQL types and
//! fields are the descriptions that clients read. Every field that many parents have goes through a loader.

mod engine;
mod types;

pub use engine::answer_memory::Holding;
pub use engine::api::{
    Answer, Api, ApiSettings, OperationKinds, Prepared, Reply, RequestContext, refuse_late,
};
pub use engine::code::{ErrorCode, code_of};
pub use engine::document::{AllowedDocuments, AllowedDocumentsError, Limits, Refusal};
pub use engine::error::describe_missing;
pub use engine::id::{IdKind, to_global};
pub use types::import::{parse_import_id, upload_url};

pub use engine::parameters::Parameters;
pub use engine::scope::{forbidden, needed_scopes};
pub use engine::written::write_response;
pub use types::subscription::Subscription;

use crate::app::App;
use async_graphql::{MergedObject, SDLExportOptions, Schema, SchemaBuilder, ValidationMode};
use chrono::{DateTime, Utc};

/// The queries.
#[derive(MergedObject, Default)]
pub struct Query(
    types::node::NodeQuery,
    types::subscriber::list::SubscriberQuery,
    types::group::GroupQuery,
    types::segment::list::SegmentQuery,
    types::preview::PreviewQuery,
    types::rule::field::RuleFieldQuery,
    types::rule::query_builder::QueryBuilderQuery,
    types::custom_field::CustomFieldQuery,
    types::refresh::RefreshQuery,
    types::change::ChangeQuery,
    types::setting::SettingQuery,
    types::api_key::ApiKeyQuery,
    types::audit::AuditQuery,
    types::viewer::ViewerQuery,
    types::status_count::StatusCountQuery,
    types::import::ImportQuery,
    types::bulk_action::BulkActionQuery,
    types::webhook::WebhookQuery,
    // This one is last because async-graphql asks the last one first for entities. The others refuse with other
    // messages.
    types::federation::EntityQuery,
);

/// The mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    types::subscriber::input::SubscriberMutation,
    types::subscriber::many::SubscribersMutation,
    types::group::GroupMutation,
    types::group::members::GroupMemberMutation,
    types::segment::copy::CopyMutation,
    types::segment::input::SegmentMutation,
    types::segment::reuse::SegmentReuseMutation,
    types::custom_field::CustomFieldMutation,
    types::event::EventMutation,
    types::refresh::RefreshMutation,
    types::setting::SettingMutation,
    types::api_key::ApiKeyMutation,
    types::import::mutation::ImportMutation,
    types::bulk_action::BulkActionMutation,
    types::webhook::mutation::WebhookMutation,
);

/// The schema with everything it needs to answer.
pub type RollcallSchema = Schema<Query, Mutation, Subscription>;

/// Builds the types of the schema without an application, which is enough to print it.
fn builder(is_subgraph: bool) -> SchemaBuilder<Query, Mutation, Subscription> {
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<types::node::Node>()
        .register_output_type::<types::membership::Membership>()
        .override_output_type_description::<DateTime<Utc>>(engine::scalar::INSTANT);
    if is_subgraph {
        builder
            .register_output_type::<types::federation::Keys>()
            .enable_subscription_in_federation()
    } else {
        builder
    }
}

/// Builds the schema that answers from this application.
fn build_schema(app: App, is_subgraph: bool, base_path: String) -> RollcallSchema {
    // Documents are validated and limited before they get here, so nothing in them is nested too deeply.
    builder(is_subgraph)
        .data(app)
        .data(engine::context::BasePath(base_path))
        .extension(engine::error_paths::ErrorPaths)
        .validation_mode(ValidationMode::Fast)
        .limit_recursive_depth(1_000)
        .finish()
}

/// Returns the schema in the GraphQL schema definition language, as `schema.graphql` keeps it.
pub fn sdl() -> String {
    served_sdl(false)
}

/// Returns the schema as it is served. For a subgraph it has the fields that routers use.
pub fn served_sdl(is_subgraph: bool) -> String {
    let options = SDLExportOptions::new().include_specified_by();
    print(builder(is_subgraph), options)
}

/// Returns the schema of a subgraph of Apollo Federation, for composing a supergraph: what the field `_service`
/// returns, in a stable order.
pub fn subgraph_sdl() -> String {
    print(builder(true), SDLExportOptions::new().federation())
}

fn print(
    builder: SchemaBuilder<Query, Mutation, Subscription>,
    options: SDLExportOptions,
) -> String {
    let options = options.sorted_fields().sorted_enum_items();
    let mut sdl = builder.finish().sdl_with_options(options);
    // Editors remove trailing blanks and blank lines at the end, and would so change the file.
    let lines: Vec<&str> = sdl.lines().map(str::trim_end).collect();
    sdl = lines.join("\n");
    format!("{}\n", sdl.trim_end())
}
