//! What answers say, whatever the form in which a server says it.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// What each server names in its own way.
const OWN: [&str; 5] = [
    "id",
    "endCursor",
    "startCursor",
    "clientMutationId",
    "__typename",
];

/// Returns the values of an answer in the order of the document, without names and ids.
pub fn of_answer(answer: &Value) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(answer["errors"].is_null(), "{}", answer["errors"]);
    let mut values = Vec::new();
    collect("", answer.get("data").context("no data")?, &mut values);
    Ok(values)
}

fn collect(name: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        // Keys with their values, as an object or as a list of pairs, in no order.
        Value::Object(pairs) if name == "custom" => {
            let pairs = pairs.iter();
            let mut pairs: Vec<String> =
                pairs.map(|(key, value)| format!("{key}={value}")).collect();
            pairs.sort();
            into.extend(pairs);
        }
        Value::Array(pairs) if name == "customFields" => {
            let text = |pair: &Value| {
                format!(
                    "{}={}",
                    pair["key"].as_str().unwrap_or_default(),
                    pair["value"]
                )
            };
            let mut pairs: Vec<String> = pairs.iter().map(text).collect();
            pairs.sort();
            into.extend(pairs);
        }
        Value::Object(fields) => {
            for (name, value) in fields
                .iter()
                .filter(|(name, _)| !OWN.contains(&name.as_str()))
            {
                collect(name, value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect("", item, into)),
        Value::String(text) => into.push(match text.parse::<DateTime<Utc>>() {
            Ok(moment) => moment.to_rfc3339(),
            Err(_) => text.clone(),
        }),
        other => into.push(other.to_string()),
    }
}

/// Compares what two servers say.
///
/// # Errors
/// The first difference.
pub fn compare(expected: &[String], found: &[String]) -> anyhow::Result<()> {
    let differs = expected
        .iter()
        .zip(found)
        .position(|(expected, found)| expected != found);
    if let Some(place) = differs {
        anyhow::bail!(
            "value {place}: expected {:?}, found {:?}",
            expected[place],
            found[place]
        );
    }
    anyhow::ensure!(
        expected.len() == found.len(),
        "expected {} values, found {}",
        expected.len(),
        found.len()
    );
    Ok(())
}
