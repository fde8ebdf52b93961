//! The names of nodes in rules.

use crate::names;

/// The kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the keys of the language")]
pub enum NodeName {
    All,
    Any,
    Not,
    Everyone,
    Text,
    Number,
    Date,
    Boolean,
    List,
    Status,
    Location,
    Group,
    Segment,
    Event,
    Random,
}

names!(NodeName {
    All: "all",
    Any: "any",
    Not: "not",
    Everyone: "everyone",
    Text: "text",
    Number: "number",
    Date: "date",
    Boolean: "boolean",
    List: "list",
    Status: "status",
    Location: "location",
    Group: "group",
    Segment: "segment",
    Event: "event",
    Random: "random",
});
