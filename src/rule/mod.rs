//! The rule language: what a rule may contain, and whether a given rule is valid.
//!
//! | stage | file | type in -> type out | can fail with |
//! |---|---|---|---|
//! | parse | `parse/` | JSON -> [`Node`] | problems of shape, size and value |
//! | check | `check.rs` | [`Node`] and [`Catalogue`] -> [`CheckedRule`] | problems of names that do not exist, and of cycles |
//! | resolve | `evaluate/plan.rs` | [`CheckedRule`] and [`Moment`] -> plan | nothing |
//!
//! A [`Node`] can also be described in English, in one sentence (`words/summary.rs`) and node by node
//! (`words/outline.rs`), and mapped from and to the JSON of react-querybuilder (`query_builder/`).
//!
//! All problems of a rule are reported at once, each with the path of its place in the rule. This module uses no
//! database, no clock and no asynchronous code.

mod bounded;
mod calendar;
mod calendar_period;
mod catalogue;
mod check;
mod condition;
mod dependency;
mod digits;
mod document;
mod field;
mod key_order;
mod limits;
mod literal;
mod names;
mod node;
mod node_name;
mod number;
mod parse;
mod path;
mod pattern;
mod positive;
mod problem;
mod query_builder;
mod random;
mod range;
mod report;
mod stored_form;
pub mod vocabulary;
mod warning;
mod words;

pub use bounded::{and_more, bounded, join_first};
pub use calendar::{Moment, days_after, days_before};
pub use calendar_period::CalendarPeriod;
pub use catalogue::{Catalogue, KnownSegment};
pub use check::{check_rule, parse_and_check};
pub use condition::{
    BooleanTest, Condition, DateTest, EventCondition, InstantMeasure, ListTest, LocationTest,
    Measure, NumberMeasure, NumberTest, Quantifier, RandomShare, TextTest, TimeWindow,
};
pub use dependency::{Dependency, DependencyKind, list_dependencies};
pub use document::{
    DOCUMENT_VERSION, Upgrade, read_document, read_root, upgrade_document, write_document,
};
pub use field::{
    CustomType, DateField, Field, TextField, custom_field, find_label, list_builtin_fields,
};
pub use key_order::in_reading_order;
pub use limits::{
    MAX_DEPTH, MAX_EVENT_FILTERS, MAX_NODES, MAX_PERIOD, MAX_PROBLEMS, MAX_RADIUS_KM,
    MAX_REGEX_LENGTH, MAX_REGEX_SIZE, MAX_REGEXES_LENGTH, MAX_REGEXES_SIZE, MAX_VALUES,
};
pub use literal::{DateLiteral, Period, Status, Unit};
pub use node::{CheckedNode, CheckedRule, EventFilter, EventLeaf, Leaf, Node, NodeKind};
pub use node_name::NodeName;
pub use number::{check_digits, find_lost_digits, read_double, read_whole};
pub use parse::date::parse_date_literal;
pub use parse::parse_rule;
pub use pattern::Pattern;
pub use problem::{Code, Problem, nearest, quoted, shorten};
pub use query_builder::from_query_builder;
pub use query_builder::write::to_query_builder;
pub use random::{BUCKETS, bucket, buckets};
pub use range::{
    END_OF_MOMENTS, FIRST_MOMENT, StoredMoment, check_moment, clamp_moment, parse_day,
    parse_instant, shift_moment,
};
pub use warning::{AskedEvents, AskedProperty, Warning, WarningCode, list_asked_events};
pub use words::number as write_number;
pub use words::outline::{NodeText, describe_nodes};
pub use words::summary::summarize;
