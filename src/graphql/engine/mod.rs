//! Turns a document into an answer, whatever the types: parsing and validation, limits and costs, loaders, pages, ids
//! and errors.

pub(in crate::graphql) mod ahead;
pub(in crate::graphql) mod answer_budget;
pub(in crate::graphql) mod answer_memory;
pub(in crate::graphql) mod api;
pub(in crate::graphql) mod at_hand;
pub(in crate::graphql) mod change;
pub(in crate::graphql) mod code;
pub(in crate::graphql) mod connection;
pub(in crate::graphql) mod context;
pub(in crate::graphql) mod direction;
pub(in crate::graphql) mod document;
pub(in crate::graphql) mod error;
pub(in crate::graphql) mod error_paths;
pub(in crate::graphql) mod id;
pub(in crate::graphql) mod idle;
pub(in crate::graphql) mod loaders;
pub(in crate::graphql) mod nullable;
pub(in crate::graphql) mod parameters;
pub(in crate::graphql) mod position;
pub(in crate::graphql) mod quick;
pub(in crate::graphql) mod scalar;
pub(in crate::graphql) mod scans;
pub(in crate::graphql) mod scope;
pub(in crate::graphql) mod written;
