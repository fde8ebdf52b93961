//! Properties of events in their normal form, in which rules look for them.

use crate::text::clean;
use serde_json::{Map, Value};

/// Returns the properties with every name and text trimmed and in its normal form. Empty texts are left out.
pub fn clean_properties(properties: Map<String, Value>) -> Map<String, Value> {
    let cleaned = properties.into_iter().filter_map(|(name, value)| {
        // A name that would become empty stays as it is, so that no property is lost silently.
        let name = clean(&name).unwrap_or(name);
        Some((name, clean_value(value)?))
    });
    cleaned.collect()
}

fn clean_value(value: Value) -> Option<Value> {
    Some(match value {
        Value::String(text) => Value::String(clean(&text)?),
        Value::Array(items) => items.into_iter().filter_map(clean_value).collect(),
        Value::Object(properties) => Value::Object(clean_properties(properties)),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_in_properties_is_cleaned() {
        let Value::Object(raw) = json!({
            " shop ": "Vilnius ",
            "empty": " \u{200b}",
            "list": [" a", "", 1, null],
            "deep": { "cafe\u{301}": "Jose\u{301}", "gone": "" },
            "number": 1.5,
        }) else {
            panic!("an object");
        };
        assert_eq!(
            Value::Object(clean_properties(raw)),
            json!({
                "shop": "Vilnius",
                "list": ["a", 1, null],
                "deep": { "café": "José" },
                "number": 1.5,
            })
        );
    }
}
