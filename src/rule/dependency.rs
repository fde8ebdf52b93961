//! What a rule uses, so that nothing that is in use is removed unnoticed.

use super::condition::Condition;
use super::node::Node;
use crate::names;

/// Something that a rule uses and that must not be removed unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// What kind of thing it is.
    pub kind: DependencyKind,
    /// Its key, or the name of the events.
    pub name: String,
}

/// What kind of thing a rule uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyKind {
    /// A custom field.
    Field,
    /// A group.
    Group,
    /// Another segment.
    Segment,
    /// Events of one name.
    Event,
}

names!(DependencyKind {
    Field: "field",
    Group: "group",
    Segment: "segment",
    Event: "event",
});

/// Lists what a rule uses, sorted, each once.
pub fn list_dependencies(node: &Node) -> Vec<Dependency> {
    let mut found = Vec::new();
    collect_dependencies(node, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect_dependencies(node: &Node, found: &mut Vec<Dependency>) {
    let mut use_all = |kind, names: &[String]| {
        let name = |name: &String| Dependency {
            kind,
            name: name.clone(),
        };
        found.extend(names.iter().map(name));
    };
    match node {
        Node::All(children) | Node::Any(children) => {
            for node in children {
                collect_dependencies(node, found);
            }
        }
        Node::Not(inner) => collect_dependencies(inner, found),
        Node::Everyone => {}
        Node::Condition(condition) => match condition {
            Condition::Text { field, .. }
            | Condition::Number { field, .. }
            | Condition::Date { field, .. }
            | Condition::Boolean { field, .. }
            | Condition::List { field, .. } => {
                if let Some(key) = field.strip_prefix("custom.") {
                    use_all(DependencyKind::Field, &[key.to_owned()]);
                }
            }
            Condition::Group { keys, .. } => use_all(DependencyKind::Group, keys),
            Condition::Segment { keys, .. } => use_all(DependencyKind::Segment, keys),
            Condition::Event(event) => use_all(DependencyKind::Event, &event.names),
            Condition::Status { .. }
            | Condition::Location(_)
            | Condition::NoGroup { .. }
            | Condition::Random(_) => {}
        },
    }
}
