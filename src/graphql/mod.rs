//! The API: translation between GraphQL and the use cases below, and nothing else.
//!
//! One file per noun holds its object, queries, inputs and mutations, in that order. Doc comments on what is derived
//! here are the reference that clients read. Every field over many parents goes through a loader.

mod app;
mod connection;
mod custom_field;
mod dependency;
mod error;
mod event;
mod explain;
mod group;
mod id;
mod import;
mod import_feed;
mod import_input;
mod live;
mod loaders;
mod membership;
mod node;
mod order;
mod past;
mod preview;
mod query_builder;
mod refresh;
mod request;
mod rule_field;
mod rule_input;
mod rule_node;
mod scalar;
mod segment;
mod segment_input;
mod subscriber;
mod subscriber_input;
mod subscription;

pub use app::App;
pub use import::{parse_import_id, upload_url};
pub use live::Live;
pub use request::{Reply, execute, execute_stream, never_began};
pub use subscription::Subscription;

use async_graphql::{MergedObject, SDLExportOptions, Schema, SchemaBuilder};

/// What can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    subscriber::SubscriberQuery,
    group::GroupQuery,
    segment::SegmentQuery,
    preview::PreviewQuery,
    rule_field::RuleFieldQuery,
    query_builder::QueryBuilderQuery,
    custom_field::CustomFieldQuery,
    refresh::RefreshQuery,
    import::ImportQuery,
);

/// What can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    subscriber_input::SubscriberMutation,
    group::GroupMutation,
    segment_input::SegmentMutation,
    custom_field::CustomFieldMutation,
    event::EventMutation,
    refresh::RefreshMutation,
    import_input::ImportMutation,
);

/// The schema with everything it needs to answer.
pub type RollcallSchema = Schema<Query, Mutation, Subscription>;

/// Starts the schema without anything to answer with: enough to print it.
fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<node::Node>()
        .register_output_type::<membership::Membership>()
}

/// Makes the schema that answers from this application.
pub fn build_schema(app: App) -> RollcallSchema {
    builder().data(app).finish()
}

/// Returns the schema in the GraphQL schema definition language, as `schema.graphql` keeps it.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_enum_items()
        .include_specified_by();
    let mut sdl = builder().finish().sdl_with_options(options);
    // Trailing blanks and blank lines at the end would trip editors over an unchanged file.
    let lines: Vec<&str> = sdl.lines().map(str::trim_end).collect();
    sdl = lines.join("\n");
    format!("{}\n", sdl.trim_end())
}
