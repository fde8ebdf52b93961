//! Rules: what they can test, how they are written as GraphQL input, and how they are shown.

pub(in crate::graphql) mod event_input;
pub(in crate::graphql) mod field;
pub(in crate::graphql) mod input;
pub(in crate::graphql) mod node;
pub(in crate::graphql) mod query_builder;
