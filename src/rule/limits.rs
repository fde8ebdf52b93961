//! The bounds of a rule. They keep a hostile or mistaken rule from costing more than a moment.

use super::problem::shorten;
use regex::{Regex, RegexBuilder};

/// How deeply nodes may be nested; a rule of one condition has depth 1.
pub const MAX_DEPTH: usize = 16;
/// How many nodes a rule may have, logic and conditions together.
pub const MAX_NODES: usize = 500;
/// How many values a list in a rule may have.
pub const MAX_VALUES: usize = 10_000;
/// How many characters a regular expression may have.
pub const MAX_REGEX_LENGTH: usize = 500;
/// How many problems of a rule are reported; whoever mends these is told the rest.
pub const MAX_PROBLEMS: usize = 100;
/// The largest amount of a period, whatever its unit.
pub const MAX_PERIOD: u32 = 100_000;

/// Memory bound of one compiled regular expression, in bytes.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// Compiles a pattern that is searched for anywhere in a text, in time linear in the text.
///
/// # Errors
/// What is wrong with the pattern, on one line.
pub fn compile_regex(pattern: &str, case_sensitive: bool) -> Result<Regex, String> {
    let length = pattern.chars().count();
    if length > MAX_REGEX_LENGTH {
        return Err(format!(
            "expected a regular expression of at most {MAX_REGEX_LENGTH} characters, found {length}"
        ));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(!case_sensitive)
        .size_limit(REGEX_SIZE_LIMIT)
        .dfa_size_limit(REGEX_SIZE_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!(
                "expected a regular expression that needs at most {limit} bytes, found one that needs more"
            ),
            other => {
                // The error draws the pattern; its last line is the reason.
                let text = other.to_string();
                let reason = text.lines().last().unwrap_or(&text).trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                let found = shorten(pattern);
                format!("expected a valid regular expression, found \"{found}\": {reason}")
            }
        })
}
