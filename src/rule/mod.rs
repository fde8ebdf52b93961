//! The rule language: what a rule may say, and whether a given rule is one.
//!
//! | stage | file | type in -> type out | can fail with |
//! |---|---|---|---|
//! | parse | `parse.rs` | JSON -> [`Node`] | problems of shape, size and value |
//! | check | `check.rs` | [`Node`] and [`Catalogue`] -> [`CheckedRule`] | problems of fields and groups that do not exist |
//! | resolve | `evaluate/plan.rs` | [`CheckedRule`] and [`Moment`] -> plan | nothing |
//!
//! Every problem of a rule is reported at once, each with the path of the place it is about.
//! This module knows no database, no clock and no asynchronous code.

mod calendar;
mod check;
mod document;
mod field;
mod limits;
mod literal;
mod node;
mod parse;
mod parse_date;
mod parse_event;
mod parse_test;
mod problem;

pub use calendar::{Moment, days_after, days_before};
pub use check::{Dependency, check_rule, list_dependencies, parse_and_check};
pub use document::{DOCUMENT_VERSION, read_document, write_document};
pub use field::{Catalogue, CustomType, DateField, Field, TextField, list_builtin_fields};
pub use limits::{
    MAX_DEPTH, MAX_NODES, MAX_PERIOD, MAX_PROBLEMS, MAX_REGEX_LENGTH, MAX_VALUES, compile_regex,
};
pub use literal::{DateLiteral, Period, Status, Unit};
pub use node::{
    BooleanTest, CheckedNode, CheckedRule, Condition, DateTest, EventCondition, EventWindow, Leaf,
    Measure, Node, NodeKind, NumberTest, Quantifier, TextTest,
};
pub use parse::parse_rule;
pub use problem::{Code, Problem, nearest, quoted};
