//! The nouns: each file holds a noun's type, its invariants and its SQL.
//!
//! Functions take a connection and, where time matters, `now`; they know no pool, no clock and no GraphQL.

pub mod api_key;
pub mod block;
pub mod catalogue;
pub mod clean;
pub mod consent;
pub mod custom_field;
pub mod definition;
pub mod dependency;
pub mod event;
pub mod event_bounds;
pub mod field_column;
pub mod formula;
pub mod gaps;
pub mod group;
pub mod group_changes;
pub mod id_set;
pub mod import_trace;
pub mod key;
pub mod member_count;
pub mod member_lock;
pub mod membership;
mod mentioned;
pub mod paged_list;
pub mod paging;
pub mod properties;
pub mod removal;
mod row_size;
pub mod rule_lock;
pub mod runs;
pub mod segment;
pub mod setting;
pub mod status_change;
pub mod status_count;
pub mod subscriber;
pub mod subscriber_changes;
pub mod subscriber_status;
pub mod subscriber_store;
pub mod suggestion;
pub mod type_lock;
pub mod upsert;
pub mod version;
pub mod warning;
