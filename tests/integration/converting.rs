//! Changing the type of a custom field: values that differ stay different, or the change is refused with the reason.

use crate::support::TestApp;
use serde_json::{Value, json};

/// An application with people who have these values of a custom field; returns the id of the field too.
fn with_values(of_type: &str, values: &[Value]) -> (TestApp, String) {
    let app = TestApp::at("2026-03-01T09:30:00Z");
    let payload = app.mutate(
        "mutation ($type: CustomFieldType!) { createCustomField(input: {key: \"x\", type: $type}) { customField { id } userErrors { message } } }",
        json!({ "type": of_type }),
    );
    for (number, value) in values.iter().enumerate() {
        let email = format!("p{number}@example.com");
        app.subscriber(&email, json!({ "customFields": { "x": value } }));
    }
    let id = payload["customField"]["id"].as_str().expect("an id");
    (app, id.to_owned())
}

/// Changes the type; returns what is wrong.
fn convert(app: &TestApp, id: &str, to: &str) -> Value {
    let payload = app.payload(
        "mutation ($id: ID!, $type: CustomFieldType!) { updateCustomField(input: {id: $id, type: $type}) { userErrors { code path message } } }",
        json!({ "id": id, "type": to }),
    );
    payload["userErrors"].clone()
}

/// The values of all people, in their order.
fn values(app: &TestApp) -> Value {
    let stored = app
        .database
        .ask("SELECT jsonb_agg(s.custom -> 'x' ORDER BY s.id)::text FROM subscribers s");
    serde_json::from_str(&stored).expect("JSON")
}

#[test]
fn lists_become_texts_that_tell_where_an_item_ends() {
    let lists = [
        json!(["a", "b"]),
        json!(["a|b"]),
        json!(["[\"a|b\"]"]),
        json!(["a"]),
        json!(["[a"]),
        json!(["[\"a\"]"]),
        json!(["a", "b|c"]),
        json!(["a|b", "c"]),
    ];
    let (app, id) = with_values("LIST", &lists);
    assert_eq!(convert(&app, &id, "TEXT"), json!([]));
    let texts = values(&app);
    assert_eq!(texts[0], "a|b");
    assert_eq!(texts[1], "[\"a|b\"]");
    let texts = texts.as_array().expect("a list");
    for (place, text) in texts.iter().enumerate() {
        assert!(!texts[..place].contains(text), "{text}");
    }
    // And back, they are the lists that they were.
    assert_eq!(convert(&app, &id, "LIST"), json!([]));
    assert_eq!(values(&app), json!(lists));
}

#[test]
fn numbers_become_texts_and_numbers_again() {
    let numbers = json!([
        0,
        7,
        -2.5,
        90.33333333333333,
        1e22,
        1e300,
        5e-324,
        9007199254740994_i64
    ]);
    let (app, id) = with_values("NUMBER", numbers.as_array().expect("a list"));
    let before = values(&app);
    for to in ["TEXT", "LIST", "NUMBER"] {
        assert_eq!(convert(&app, &id, to), json!([]), "{to}");
    }
    assert_eq!(values(&app), before);
}

/// A number would lose digits of these.
#[test]
fn codes_do_not_become_numbers() {
    for (of_type, value) in [
        ("TEXT", json!("007")),
        ("TEXT", json!("01067")),
        ("TEXT", json!("9007199254740993")),
        ("TEXT", json!("18446744073709551617.0")),
        ("LIST", json!(["007"])),
    ] {
        let (app, id) = with_values(of_type, &[json!(null), value.clone()]);
        let errors = convert(&app, &id, "NUMBER");
        assert_eq!(errors[0]["path"], "type", "{value}");
        let message = errors[0]["message"].as_str().expect("a message");
        let expected = "expected values that can be read as number, found 1 that cannot, such as";
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(values(&app), json!([null, value]), "nothing was converted");
    }
    let (app, id) = with_values(
        "TEXT",
        &[json!("0"), json!("0.5"), json!("-7"), json!("1e3")],
    );
    assert_eq!(convert(&app, &id, "NUMBER"), json!([]));
    assert_eq!(values(&app), json!([0, 0.5, -7, 1000]));
}
