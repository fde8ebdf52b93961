//! The problems of a rule: one value per mistake, each with its path.

use super::bounded::bounded;
use super::limits::MAX_PROBLEMS;
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
    /// How to fix it, if that is known: usually the nearest known name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The closed list of mistakes a rule can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A value has another shape than the language expects here.
    WrongShape,
    /// A value has the right shape but cannot be used, such as a day that does not exist.
    WrongValue,
    /// A required key is missing.
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
    /// The field exists but has another type than the node tests.
    WrongFieldType,
    /// A group of this key does not exist.
    UnknownGroup,
    /// A segment of this key does not exist.
    UnknownSegment,
    /// The rule of a segment uses the segment itself, directly or through other segments.
    Cycle,
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
    /// Evaluating the rule failed, although the rule is valid.
    EvaluationFailed,
    /// Evaluating the rule took longer than its budget.
    TooSlow,
}

impl Problem {
    /// Makes a problem without a hint.
    pub fn new(path: &str, code: Code, message: impl Into<String>) -> Problem {
        Problem {
            path: bounded(path),
            code,
            message: bounded(message),
            hint: None,
        }
    }

    /// Returns the same problem with a hint, if there is one.
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

/// Problems in the order in which they are found, at most [`MAX_PROBLEMS`].
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Adds a problem unless the limit is reached. The hint is computed only if the problem is added, because finding a
    /// hint takes longer than finding the problem.
    pub fn add(
        &mut self,
        path: &str,
        code: Code,
        message: impl Into<String>,
        hint: impl FnOnce() -> Option<String>,
    ) {
        if !self.is_full() {
            self.found
                .push(Problem::new(path, code, message).with_hint(hint()));
        }
    }

    /// Returns whether the limit is reached.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_PROBLEMS
    }

    /// Returns the value if there is one and no problem was found.
    ///
    /// # Errors
    /// Fails with the problems.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self.found),
        }
    }
}

/// Returns "did you mean ...?" for the known name nearest to `found`, if one is near enough for a typo.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = found.to_lowercase();
    let length = folded.chars().count();
    known
        .into_iter()
        .filter_map(|name| {
            let other = name.to_lowercase();
            let other_length = other.chars().count();
            let farthest = 1 + length.max(other_length) / 4;
            // The distance is at least the difference in length, and far slower to compute.
            let distance = (length.abs_diff(other_length) <= farthest)
                .then(|| damerau_levenshtein(&folded, &other))?;
            (distance <= farthest).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| format!("did you mean \"{name}\"?"))
}

/// Cuts a long text, so that it does not flood a message.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
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
