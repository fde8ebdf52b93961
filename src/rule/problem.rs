//! What is wrong with a rule: one value per mistake, each with its place.

use serde::{Deserialize, Serialize};
use strsim::damerau_levenshtein;

/// One thing wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it is, from the root of the rule, such as `all[1].not.group.inAny[0]`; empty for the root itself.
    pub path: String,
    /// What kind of mistake it is.
    pub code: Code,
    /// What was expected and what was found.
    pub message: String,
    /// How to mend it, where that is known: usually the nearest known name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The closed list of mistakes a rule can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A value has another shape than the language asks for here.
    WrongShape,
    /// A value has the right shape but cannot be used, such as a day that does not exist.
    WrongValue,
    /// A required key is not there.
    Missing,
    /// A list or a text that must hold something is empty.
    Empty,
    /// A node of this name does not exist.
    UnknownNode,
    /// A key that this node does not have.
    UnknownKey,
    /// A test that this node does not have.
    UnknownTest,
    /// A field of this name does not exist.
    UnknownField,
    /// The field exists but has another type than the node asks about.
    WrongFieldType,
    /// A group of this key does not exist.
    UnknownGroup,
    /// The regular expression is not valid or too large.
    InvalidRegex,
    /// Nodes are nested too deeply.
    TooDeep,
    /// The rule has too many nodes.
    TooManyNodes,
    /// A list has too many values.
    TooManyValues,
    /// The stored document has a version that this server does not know.
    UnknownVersion,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(path: &str, code: Code, message: impl Into<String>) -> Problem {
        Problem {
            path: path.to_owned(),
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The same problem with a hint, if there is one.
    pub fn with_hint(mut self, hint: Option<String>) -> Problem {
        self.hint = hint;
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.path.is_empty() {
            "rule"
        } else {
            &self.path
        };
        write!(formatter, "{place}: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Returns "did you mean ...?" for the known name nearest to `found`, if one is near enough to be a slip.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = found.to_lowercase();
    known
        .into_iter()
        .map(|name| (damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(found.len()) / 4)
        .min()
        .map(|(_, name)| format!("did you mean \"{name}\"?"))
}

/// Returns the names as `"a", "b", "c"`.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names
        .into_iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let known = ["country", "city", "email"];
        assert_eq!(
            nearest("contry", known).as_deref(),
            Some("did you mean \"country\"?")
        );
        assert_eq!(
            nearest("Email", known).as_deref(),
            Some("did you mean \"email\"?")
        );
        assert_eq!(nearest("latitude", known), None);
    }
}
