//! Keys: the names that groups, segments and custom fields have in rules.

use crate::error::{Error, InputCode, InputProblem};

/// How many bytes a key has at most.
pub const MAX_KEY: usize = 63;

/// Checks that the key of a group or a segment has the form `[a-z0-9][a-z0-9_-]*`.
///
/// # Errors
/// [`Error::Invalid`], with a suggested key if one can be made.
pub fn check_key(key: &str) -> Result<(), Error> {
    let is_plain = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    let starts_well = key
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_plain && starts_well && key.len() <= MAX_KEY {
        return Ok(());
    }
    let message = format!(
        "expected 1 to 63 lower-case letters, digits, \"-\" and \"_\", starting with a letter or digit, found \"{key}\""
    );
    let suggestion = suggest_key(key).replace('_', "-");
    let hint = (!suggestion.is_empty()).then(|| format!("for example \"{suggestion}\""));
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::Invalid, "key", message).with_hint(hint),
    ]))
}

/// Makes a key from a text, such as a CSV header. Returns an empty text if no letter from a to z is in it.
pub fn suggest_key(text: &str) -> String {
    let mut key = String::new();
    for character in text.trim().to_lowercase().chars() {
        if character.is_ascii_lowercase() || (character.is_ascii_digit() && !key.is_empty()) {
            key.push(character);
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.truncate(MAX_KEY);
    key.trim_end_matches('_').to_owned()
}
