//! Numbers in rules: as literals and as JSON, kept as they were written, and equal to what people have.

use super::{NOW, ask, assert_same, bits, doubles, read, write};
use crate::support::TestApp;
use rollcall::import::{SubscriberImport, import_events, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Value, json};
use std::collections::HashSet;

/// How many people there are: each has two of the doubles.
const PEOPLE: usize = 50_000;
/// How many numbers a rule has; a literal one has to keep within the bounds of a document.
const NUMBERS: usize = 5_000;

#[test]
fn rules_keep_every_bit() {
    let app = TestApp::at(NOW);
    ask(
        &app,
        "mutation { createCustomField(input: {key: \"a\", type: NUMBER}) { userErrors { message } } }",
        "{}",
    );
    let numbers_of = |rule: &Value| -> Vec<f64> {
        let numbers = rule["number"]["is"]["in"].as_array().expect("a list");
        numbers.iter().map(read).collect()
    };
    let read_again = "query ($key: String!) { segment(key: $key) { rule } }";
    for (place, numbers) in doubles().chunks(NUMBERS).enumerate() {
        let written = numbers.iter().enumerate();
        let written: Vec<String> = written
            .map(|(place, double)| write(place, *double))
            .collect();
        let written = written.join(" ");
        let literal = format!(
            "mutation {{ createSegment(input: {{key: \"literal-{place}\", rule: {{number: {{field: \"custom.a\", is: {{in: [{written}]}}}}}}}}) \
             {{ segment {{ rule }} userErrors {{ message }} }} }}"
        );
        let data = ask(&app, &literal, "{}");
        let rule = &data["createSegment"]["segment"]["rule"];
        assert_same("a literal", numbers_of(rule), numbers);
        let written = written.replace(' ', ",");
        let json = format!(
            "{{\"key\": \"json-{place}\", \"rule\": {{\"number\": {{\"field\": \"custom.a\", \"is\": {{\"in\": [{written}]}}}}}}}}"
        );
        let document = "mutation ($key: String!, $rule: JSON!) { createSegment(input: {key: $key, ruleJson: $rule}) { \
            segment { rule } userErrors { message } } }";
        let data = ask(&app, document, &json);
        let rule = &data["createSegment"]["segment"]["rule"];
        assert_same("ruleJson", numbers_of(rule), numbers);
        for key in ["literal", "json"] {
            let variables = json!({ "key": format!("{key}-{place}") }).to_string();
            let data = ask(&app, read_again, &variables);
            assert_same(key, numbers_of(&data["segment"]["rule"]), numbers);
        }
    }
}

/// Counts those whom a rule matches.
fn count(app: &TestApp, rule: &str) -> usize {
    let document = "query ($rule: JSON!) { previewSegment(ruleJson: $rule) { memberCount } }";
    let data = ask(app, document, &format!("{{\"rule\": {rule}}}"));
    read(&data["previewSegment"]["memberCount"]) as usize
}

/// Those who have one of some numbers are found with these numbers, by custom field and by the value of an event.
#[test]
fn rules_find_the_numbers_that_people_have() {
    let doubles = doubles();
    let app = TestApp::at(NOW);
    let now = app.clock.now();
    let options = SubscriberImport {
        fields: ["a", "b"]
            .map(|field| (field.to_owned(), CustomType::Number))
            .into(),
        ..SubscriberImport::default()
    };
    let (mut people, mut events) = (
        "email,a,b\n".to_owned(),
        "email,event,occurred_at,value\n".to_owned(),
    );
    let mut values = Vec::new();
    for (number, pair) in doubles.chunks(2).enumerate() {
        let (a, b) = (write(number, pair[0]), write(number + 1, pair[1]));
        people += &format!("p{number}@example.com,{a},{b}\n");
        if rollcall::audience::event_bounds::clean_value(pair[0]).is_ok() {
            events += &format!("p{number}@example.com,v,{NOW},{a}\n");
            values.push(pair[0]);
        }
    }
    let report = import_subscribers(app.db(), people.as_bytes(), &options, now, |_| {});
    assert_eq!(report.expect("a report").created, PEOPLE as u64);
    let report = import_events(
        app.db(),
        events.as_bytes(),
        &Default::default(),
        now,
        |_| {},
    );
    assert_eq!(report.expect("a report").created, values.len() as u64);

    let a: Vec<f64> = doubles.iter().copied().step_by(2).collect();
    let b: Vec<f64> = doubles.iter().copied().skip(1).step_by(2).collect();
    let list = |numbers: &[f64]| {
        let written = numbers.iter().enumerate();
        let written: Vec<String> = written
            .map(|(place, double)| write(place, *double))
            .collect();
        written.join(",")
    };
    let expected = |all: &[f64], wanted: &[f64]| {
        let wanted: HashSet<u64> = wanted.iter().map(|double| bits(*double)).collect();
        all.iter()
            .filter(|double| wanted.contains(&bits(**double)))
            .count()
    };
    for (field, all) in [("a", &a), ("b", &b)] {
        for wanted in all.chunks(10_000) {
            let rule = format!(
                "{{\"number\": {{\"field\": \"custom.{field}\", \"is\": {{\"in\": [{}]}}}}}}",
                list(wanted)
            );
            assert_eq!(count(&app, &rule), expected(all, wanted), "{field}");
        }
    }
    for measure in ["min", "average", "sum"] {
        for wanted in values.chunks(10_000) {
            let rule = format!(
                "{{\"event\": {{\"name\": \"v\", \"{measure}\": {{\"in\": [{}]}}}}}}",
                list(wanted)
            );
            // The sum of those without an event is 0.
            let has_zero = measure == "sum" && wanted.contains(&0.0);
            let without = if has_zero { PEOPLE - values.len() } else { 0 };
            assert_eq!(
                count(&app, &rule),
                expected(&values, wanted) + without,
                "{measure}"
            );
        }
    }
}
