//! The names of nodes in rules.

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

impl NodeName {
    /// Every kind.
    pub const ALL: [NodeName; 15] = [
        NodeName::All,
        NodeName::Any,
        NodeName::Not,
        NodeName::Everyone,
        NodeName::Text,
        NodeName::Number,
        NodeName::Date,
        NodeName::Boolean,
        NodeName::List,
        NodeName::Status,
        NodeName::Location,
        NodeName::Group,
        NodeName::Segment,
        NodeName::Event,
        NodeName::Random,
    ];

    /// The name in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            NodeName::All => "all",
            NodeName::Any => "any",
            NodeName::Not => "not",
            NodeName::Everyone => "everyone",
            NodeName::Text => "text",
            NodeName::Number => "number",
            NodeName::Date => "date",
            NodeName::Boolean => "boolean",
            NodeName::List => "list",
            NodeName::Status => "status",
            NodeName::Location => "location",
            NodeName::Group => "group",
            NodeName::Segment => "segment",
            NodeName::Event => "event",
            NodeName::Random => "random",
        }
    }
}
