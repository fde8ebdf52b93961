//! What is stored of the answers of receivers: the beginning, without the people of the message.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, BuildError, MatchKind};
use serde_json::Value;

/// How much of an answer is read, in bytes.
pub const MAX_ANSWER: usize = 64_000;

/// Replaces each value of a person in an answer.
const HIDDEN: &str = "…";

/// How long a text must be to be hidden, in characters. Shorter texts say nothing about a person, and hiding them would
/// leave holes in every word.
const SHORTEST: usize = 3;

/// Returns an answer without the people of the message, because some receivers send the message back. Characters that
/// Postgres cannot store are removed too.
pub fn without_people(answer: &[u8], body: &str) -> String {
    let answer = String::from_utf8_lossy(answer).replace('\0', "");
    if answer.is_empty() {
        return answer;
    }
    let told: Value = serde_json::from_str(body).unwrap_or_default();
    let mut texts = Vec::new();
    if let Some(data) = told["data"].as_object() {
        let lists = data.values().filter_map(Value::as_array);
        lists
            .flatten()
            .for_each(|person| collect(person, &mut texts));
    }
    match find_any(texts) {
        Some(Ok(texts)) => texts.replace_all(&answer, &vec![HIDDEN; texts.patterns_len()]),
        Some(Err(_)) => String::new(),
        None => answer,
    }
}

fn find_any(texts: Vec<String>) -> Option<Result<AhoCorasick, BuildError>> {
    let mut builder = AhoCorasickBuilder::new();
    let builder = builder
        .ascii_case_insensitive(true)
        // Texts may be long. A DFA, with every transition, would be a thousand times as large as they are.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::LeftmostLongest);
    (!texts.is_empty()).then(|| builder.build(texts))
}

/// Collects the texts and numbers of a person, both plain and as JSON writes them.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let quoted = value.to_string();
            let escaped = quoted.trim_matches('"');
            if escaped != text {
                texts.extend(is_telling(escaped).then(|| escaped.to_owned()));
            }
            texts.extend(is_telling(text).then(|| text.clone()));
        }
        Value::Number(number) => {
            let text = number.to_string();
            texts.extend(is_telling(&text).then_some(text));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn is_telling(text: &str) -> bool {
    text.chars().count() >= SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> String {
        let people = json!([
            {"id": "U3Vi", "email": "ona@example.com", "firstName": "Ona \"O\" Žukaitė", "country": "LT", "custom.visits": 48_611},
            {"id": "U3Vj", "email": "jonas@example.com", "custom.tags": ["gold", "vip-77"]},
        ]);
        json!({"type": "subscriber.created", "data": {"part": 1, "people": people}}).to_string()
    }

    #[test]
    fn echoes_are_hidden() {
        let body = body();
        let kept = without_people(body.as_bytes(), &body);
        for text in [
            "ona@", "jonas", "U3V", "Ona", "kait", "48611", "gold", "vip",
        ] {
            assert!(!kept.contains(text), "{text}: {kept}");
        }
        assert!(kept.contains("\"email\":\"…\""), "{kept}");
    }

    #[test]
    fn the_rest_of_an_answer_stays() {
        let answer = "no handler for subscriber.created (ONA@Example.com), part 1, country LT";
        let kept = without_people(answer.as_bytes(), &body());
        assert_eq!(
            kept,
            "no handler for subscriber.created (…), part 1, country LT"
        );
        assert_eq!(without_people(b"a\0b\xff", "{}"), "ab\u{fffd}");
        assert_eq!(without_people(b"", &body()), "");
    }

    #[test]
    fn long_texts_are_hidden_too() {
        let note = "x".repeat(200_000);
        let body = json!({"data": {"people": [{"note": note}]}}).to_string();
        assert_eq!(without_people(note.as_bytes(), &body), "…");
    }
}
