//! The order of keys. Postgres' `jsonb` does not keep the order in which people write keys, so rules are put back into
//! reading order.

use serde_json::{Map, Value};

/// Keys that come first, in this order. All others follow in the order they have.
const FIRST: [&str; 17] = [
    "field",
    "property",
    "salt",
    "name",
    "names",
    "where",
    "latitude",
    "longitude",
    "fromPercent",
    "from",
    "amount",
    "inAny",
    "inAll",
    "inTheLast",
    "betweenAgo",
    "during",
    "is",
];

/// The key that comes last: "sum ... of" a property.
const LAST: &str = "of";

/// Returns the same rule with its keys in reading order.
pub fn in_reading_order(rule: &Value) -> Value {
    match rule {
        Value::Object(body) => {
            let mut entries: Vec<(&String, &Value)> = body.iter().collect();
            entries.sort_by_key(|(key, _)| {
                let place = FIRST.iter().position(|first| first == key);
                place.unwrap_or(FIRST.len() + usize::from(*key == LAST))
            });
            let ordered = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), in_reading_order(value)));
            Value::Object(ordered.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(in_reading_order).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_subject_comes_first_and_the_test_last() {
        // As jsonb orders keys: by length, then bytewise.
        let stored = json!({"all": [
            {"text": {"is": {"in": ["LT"]}, "field": "country", "caseSensitive": true}},
            {"event": {"of": "total", "sum": {"between": {"to": 2, "from": 1}}, "name": "purchase", "inTheLast": {"unit": "DAY", "amount": 7}}}]});
        let ordered = in_reading_order(&stored);
        assert_eq!(
            ordered.to_string(),
            "{\"all\":[{\"text\":{\"field\":\"country\",\"is\":{\"in\":[\"LT\"]},\"caseSensitive\":true}},\
             {\"event\":{\"name\":\"purchase\",\"inTheLast\":{\"amount\":7,\"unit\":\"DAY\"},\
             \"sum\":{\"between\":{\"from\":1,\"to\":2}},\"of\":\"total\"}}]}"
        );
        assert_eq!(ordered, stored);
    }
}
