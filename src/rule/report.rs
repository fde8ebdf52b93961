//! The problem messages that all readers of JSON share.

use super::problem::{Code, Problems, shorten};
use serde_json::Value;

/// A reader of JSON that continues after a mistake. A method that returns an `Option` returns `None` if it reported a
/// problem.
pub(super) trait Report {
    /// The problems found so far.
    fn problems(&mut self) -> &mut Problems;

    /// Adds a problem without a hint.
    fn report(&mut self, path: &str, code: Code, message: impl Into<String>) {
        self.problems().add(path, code, message, || None);
    }

    /// Reports that a value does not have the expected shape.
    fn wrong_shape<T>(&mut self, path: &str, expected: &str, found: &Value) -> Option<T> {
        let message = format!("expected {expected}, found {}", describe(found));
        self.report(path, Code::WrongShape, message);
        None
    }

    /// Returns a text that Postgres can store.
    fn storable<'v>(&mut self, text: &'v str, path: &str) -> Option<&'v str> {
        if text.contains('\0') {
            let message = "expected a text without the character U+0000, which cannot be stored";
            self.report(path, Code::WrongValue, message);
            return None;
        }
        Some(text)
    }
}

/// Describes a value for a message.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{}\"", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
