//! The types of the schema: one file or folder per noun, its object, inputs and mutations together.

pub(in crate::graphql) mod api_key;
pub(in crate::graphql) mod audit;
pub(in crate::graphql) mod bulk_action;
pub(in crate::graphql) mod change;
pub(in crate::graphql) mod custom_field;
pub(in crate::graphql) mod dependency;
pub(in crate::graphql) mod event;
pub(in crate::graphql) mod explain;
pub(in crate::graphql) mod federation;
pub(in crate::graphql) mod group;
pub(in crate::graphql) mod import;
pub(in crate::graphql) mod membership;
pub(in crate::graphql) mod named_list;
pub(in crate::graphql) mod node;
pub(in crate::graphql) mod past;
pub(in crate::graphql) mod preview;
pub(in crate::graphql) mod refresh;
pub(in crate::graphql) mod rule;
pub(in crate::graphql) mod segment;
pub(in crate::graphql) mod setting;
pub(in crate::graphql) mod status_count;
pub(in crate::graphql) mod subscriber;
pub(in crate::graphql) mod subscription;
pub(in crate::graphql) mod viewer;
pub(in crate::graphql) mod webhook;
