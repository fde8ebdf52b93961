//! Regular expressions: compiled once, when the rule is read. Each expression and their sum per rule are limited.

use super::limits::{MAX_REGEX_LENGTH, MAX_REGEX_SIZE, MAX_REGEXES_LENGTH, MAX_REGEXES_SIZE};
use super::problem::shorten;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde::{Serialize, Serializer};
use std::fmt::{Debug, Formatter};

/// How many bytes of automaton states a search may cache to be fast.
const SEARCH_CACHE: usize = 1 << 20;

/// A regular expression that is searched for anywhere in a text, in time linear in the text.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    case_sensitive: bool,
    regex: Regex,
}

impl Pattern {
    /// Returns the expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the expression matches anywhere in a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text && self.case_sensitive == other.case_sensitive
    }
}

impl Debug for Pattern {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(formatter)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// Compiles the regular expressions of one rule. The time to parse a pattern grows with its length, the time to compile
/// it with its compiled size. Both are limited, because neither predicts the other: `\w{20}` is short and large.
#[derive(Debug, Default)]
pub struct PatternCompiler {
    length: usize,
    size: usize,
}

impl PatternCompiler {
    /// Compiles a pattern. Returns `None` if the limit of the rule is exceeded and already reported.
    ///
    /// # Errors
    /// Fails with a message of one line that says what is wrong with the pattern.
    pub fn compile(
        &mut self,
        pattern: &str,
        case_sensitive: bool,
    ) -> Result<Option<Pattern>, String> {
        if self.length > MAX_REGEXES_LENGTH || self.size > MAX_REGEXES_SIZE {
            return Ok(None);
        }
        let length = pattern.chars().count();
        if length > MAX_REGEX_LENGTH {
            return Err(format!(
                "expected a regular expression of at most {MAX_REGEX_LENGTH} characters, found {length}"
            ));
        }
        self.length += length;
        if self.length > MAX_REGEXES_LENGTH {
            return Err(format!(
                "expected regular expressions of at most {MAX_REGEXES_LENGTH} characters in all of the rule, found more"
            ));
        }
        let regex = build(pattern, case_sensitive)?;
        self.size += regex.memory_usage();
        if self.size > MAX_REGEXES_SIZE {
            return Err(format!(
                "expected regular expressions that need at most {MAX_REGEXES_SIZE} bytes in all of the rule, found more"
            ));
        }
        Ok(Some(Pattern {
            text: pattern.to_owned(),
            case_sensitive,
            regex,
        }))
    }
}

fn build(pattern: &str, case_sensitive: bool) -> Result<Regex, String> {
    let limits = Regex::config()
        .nfa_size_limit(Some(MAX_REGEX_SIZE))
        .hybrid_cache_capacity(SEARCH_CACHE);
    Regex::builder()
        .syntax(syntax::Config::new().case_insensitive(!case_sensitive))
        .configure(limits)
        .build(pattern)
        .map_err(|error| {
            let Some(reason) = error.syntax_error() else {
                return format!(
                    "expected a regular expression that needs at most {MAX_REGEX_SIZE} bytes, found one that needs more"
                );
            };
            // The message of the error draws the pattern, and its last line is the reason.
            let text = reason.to_string();
            let reason = text.lines().last().unwrap_or(&text).trim();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let found = shorten(pattern);
            format!("expected a valid regular expression, found \"{found}\": {reason}")
        })
}
