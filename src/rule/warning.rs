//! Warnings: parts of a valid rule that may be mistakes, such as an event that was never recorded.
//!
//! Clients choose event names and properties freely. A rule may use one before the first event with it is recorded, so
//! this is not a problem of the rule. But mostly it is a misspelt name, and the rule matches no subscriber, or every
//! one.

use super::node_name::NodeName;
use super::path::{child, element};
use serde_json::Value;

/// One part of a valid rule that may be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it is, from the root of the rule, as in problems.
    pub path: String,
    /// What kind of mistake it may be.
    pub code: WarningCode,
    /// What was expected and what was found.
    pub message: String,
    /// How to fix it, if that is known.
    pub hint: Option<String>,
}

/// The closed list of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningCode {
    /// No event of this name was ever recorded.
    UnknownEvent,
    /// None of the latest events has this property.
    UnknownProperty,
    /// The latest events have this property, but never with a value of the type that the rule tests.
    OtherPropertyType,
}

/// A condition about events: the names and properties that it uses, with their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEvents<'r> {
    /// The names of the events.
    pub names: Vec<(String, &'r str)>,
    /// The properties.
    pub properties: Vec<AskedProperty<'r>>,
}

/// A property that a condition about events uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedProperty<'r> {
    /// The path of its name.
    pub path: String,
    /// Its name.
    pub name: &'r str,
    /// The node that tests it.
    pub node: NodeName,
}

impl AskedProperty<'_> {
    /// Returns the type that its values must have, as JSON names it.
    pub fn json_type(&self) -> &'static str {
        match self.node {
            NodeName::Number => "number",
            NodeName::Boolean => "boolean",
            NodeName::List => "array",
            _ => "string",
        }
    }
}

/// Lists the conditions about events in a valid rule. `rule` is its root node as JSON.
pub fn list_asked_events(rule: &Value) -> Vec<AskedEvents<'_>> {
    let mut found = Vec::new();
    collect(rule, String::new(), &mut found);
    found
}

fn collect<'r>(node: &'r Value, path: String, found: &mut Vec<AskedEvents<'r>>) {
    let body = |key: &str| node.get(key).filter(|body| !body.is_null());
    for key in ["all", "any"] {
        for (position, inner) in items(body(key)).enumerate() {
            collect(inner, element(&child(&path, key), position), found);
        }
    }
    if let Some(inner) = body("not") {
        collect(inner, child(&path, "not"), found);
    }
    if let Some(event) = body("event") {
        found.push(read_event(event, &child(&path, "event")));
    }
}

fn read_event<'r>(event: &'r Value, path: &str) -> AskedEvents<'r> {
    let text = |key: &str| event.get(key).and_then(Value::as_str);
    let mut names = Vec::new();
    names.extend(text("name").map(|name| (child(path, "name"), name)));
    for (position, name) in items(event.get("names")).enumerate() {
        let path = element(&child(path, "names"), position);
        names.extend(name.as_str().map(|name| (path, name)));
    }
    let mut properties = Vec::new();
    for (position, filter) in items(event.get("where")).enumerate() {
        let path = element(&child(path, "where"), position);
        properties.extend(read_filter(filter, &path));
    }
    properties.extend(text("of").map(|name| AskedProperty {
        path: child(path, "of"),
        name,
        node: NodeName::Number,
    }));
    AskedEvents { names, properties }
}

fn read_filter<'r>(filter: &'r Value, path: &str) -> Option<AskedProperty<'r>> {
    let entries = filter.as_object()?;
    let (kind, body) = entries.iter().find(|(_, body)| !body.is_null())?;
    let node = NodeName::ALL
        .into_iter()
        .find(|node| node.as_str() == kind)?;
    Some(AskedProperty {
        path: child(&child(path, kind), "property"),
        name: body.get("property")?.as_str()?,
        node,
    })
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}
