//! The stored form of a rule: `{"v": 1, "root": <node>}`.

use super::parse::parse_rule;
use super::{Code, Node, Problem};
use serde_json::{Value, json};

/// The version that is written. Older ones are upgraded when read, by pure functions.
pub const DOCUMENT_VERSION: u64 = 1;

/// Wraps a rule for storage.
pub fn write_document(rule: &Value) -> Value {
    json!({"v": DOCUMENT_VERSION, "root": rule})
}

/// Reads a stored rule and returns it parsed.
///
/// # Errors
/// The problems of the rule, or of the document around it.
pub fn read_document(document: &Value) -> Result<Node, Vec<Problem>> {
    let version = document.get("v");
    if version.and_then(Value::as_u64) != Some(DOCUMENT_VERSION) {
        let found = match version {
            Some(version) => format!("version {version}"),
            None => "no version".to_owned(),
        };
        let message =
            format!("expected a stored rule of version {DOCUMENT_VERSION}, found {found}");
        return Err(vec![Problem::new("", Code::UnknownVersion, message)]);
    }
    match document.get("root") {
        Some(root) => parse_rule(root),
        None => {
            let message = "expected the key \"root\" in a stored rule, found none";
            Err(vec![Problem::new("", Code::Missing, message)])
        }
    }
}
