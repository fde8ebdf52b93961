//! The stored form of a rule: `{"v": 1, "root": <node>}`.

use super::number::read_whole;
use super::parse::parse_rule;
use super::{Code, Node, Problem};
use serde_json::{Value, json};

/// The version that is written. Older versions are upgraded when they are read.
pub const DOCUMENT_VERSION: u64 = 1;

/// A step from one version to the next, a pure function of the root of the rule.
pub type Upgrade = fn(Value) -> Value;

/// The steps from each version to the next, from version 1 on.
///
/// A change of the language that gives old rules another meaning or none adds a step here and a fixture of the new
/// version to the tests. The fixtures of the old versions stay as they are.
const UPGRADES: [Upgrade; DOCUMENT_VERSION as usize - 1] = [];

/// Wraps a rule for storage.
pub fn write_document(rule: &Value) -> Value {
    json!({"v": DOCUMENT_VERSION, "root": rule})
}

/// Reads a stored rule and returns it parsed.
///
/// # Errors
/// The problems of the rule, or of the document around it.
pub fn read_document(document: &Value) -> Result<Node, Vec<Problem>> {
    parse_rule(&upgrade_document(document, &UPGRADES)?)
}

/// Reads a stored rule and returns its root, upgraded to the newest version.
///
/// # Errors
/// A problem with the document around the rule.
pub fn read_root(document: &Value) -> Result<Value, Vec<Problem>> {
    upgrade_document(document, &UPGRADES)
}

/// Returns the root of a stored rule, upgraded by these steps. The first step leads from version 1 to version 2.
///
/// # Errors
/// A problem with the document around the rule.
pub fn upgrade_document(document: &Value, upgrades: &[Upgrade]) -> Result<Value, Vec<Problem>> {
    let version = document.get("v");
    let known = version
        .and_then(read_whole)
        .and_then(|version| usize::try_from(version).ok())
        .and_then(|version| version.checked_sub(1));
    let Some(steps) = known.and_then(|passed| upgrades.get(passed..)) else {
        let expected = match upgrades.len() {
            0 => "version 1".to_owned(),
            steps => format!("a version from 1 to {}", steps + 1),
        };
        let found = match version {
            Some(version) => format!("version {version}"),
            None => "no version".to_owned(),
        };
        let message = format!("expected a stored rule of {expected}, found {found}");
        return Err(vec![Problem::new("", Code::UnknownVersion, message)]);
    };
    match document.get("root") {
        Some(root) => Ok(steps.iter().fold(root.clone(), |root, step| step(root))),
        None => {
            let message = "expected the key \"root\" in a stored rule, found none";
            Err(vec![Problem::new("", Code::Missing, message)])
        }
    }
}
