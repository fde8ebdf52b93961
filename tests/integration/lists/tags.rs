//! Tags on groups and segments.

use crate::support::TestApp;
use serde_json::{Value, json};

/// The nouns with tags, each with how one is made.
const NOUNS: [(&str, &str, &str); 2] = [
    ("group", "Group", ""),
    ("segment", "Segment", "rule: {everyone: true},"),
];

fn create(app: &TestApp, noun: &str, rule: &str, key: &str, tags: &Value) -> Value {
    let lower = noun.to_lowercase();
    let document = format!(
        "mutation ($key: String!, $tags: [String!]!) {{ create{noun}(input: {{{rule} key: $key, tags: $tags}}) \
         {{ {lower} {{ id tags version }} userErrors {{ code path message }} }} }}"
    );
    app.payload(&document, json!({"key": key, "tags": tags}))
}

fn update(app: &TestApp, noun: &str, id: &Value, tags: &Value) -> Value {
    let lower = noun.to_lowercase();
    let document = format!(
        "mutation ($id: ID!, $tags: [String!]) {{ update{noun}(input: {{id: $id, tags: $tags}}) \
         {{ {lower} {{ tags version }} userErrors {{ code path message }} }} }}"
    );
    app.payload(&document, json!({"id": id, "tags": tags}))
}

#[test]
fn tags_are_cleaned_and_kept_in_their_order() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (lower, noun, rule) in NOUNS {
        let given = json!([" Spring ", "b2b", "SPRING", "Žalia\u{200b}", "žalia"]);
        let made = create(&app, noun, rule, "one", &given);
        assert_eq!(made["userErrors"], json!([]));
        assert_eq!(made[lower]["tags"], json!(["Spring", "b2b", "Žalia"]));
        let id = &made[lower]["id"];
        let changed = update(&app, noun, id, &json!(["new"]));
        let expected = json!({"tags": ["new"], "version": 2});
        assert_eq!(changed[lower], expected, "{changed}");
        let cleared = update(&app, noun, id, &json!([]));
        assert_eq!(cleared[lower]["tags"], json!([]));
        update(&app, noun, id, &json!(["kept"]));
        let document = format!(
            "mutation ($id: ID!) {{ update{noun}(input: {{id: $id, name: \"New\"}}) {{ {lower} {{ tags }} userErrors {{ message }} }} }}"
        );
        let renamed = app.mutate(&document, json!({ "id": id }));
        assert_eq!(renamed[lower]["tags"], json!(["kept"]), "absent stays");
        let none = create(&app, noun, rule, "two", &json!([]));
        assert_eq!(none[lower]["tags"], json!([]));
    }
}

#[test]
fn wrong_tags_are_refused_and_nothing_is_changed() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (lower, noun, rule) in NOUNS {
        let wrong = json!(["fine", " ", "x".repeat(51)]);
        let refused = create(&app, noun, rule, "one", &wrong);
        let expected = json!({
            lower: null,
            "userErrors": [
                {"code": "INVALID", "path": "tags[1]", "message": "expected a tag, found an empty text"},
                {"code": "INVALID", "path": "tags[2]", "message": "expected at most 50 characters, found 51"},
            ]
        });
        assert_eq!(refused, expected);
        let made = create(&app, noun, rule, "one", &json!(["kept"]));
        let id = &made[lower]["id"];
        let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        let refused = update(&app, noun, id, &json!(many));
        assert_eq!(
            refused["userErrors"],
            json!([{"code": "INVALID", "path": "tags", "message": "expected at most 20 tags, found 21"}])
        );
        let null = update(&app, noun, id, &Value::Null);
        assert_eq!(null["userErrors"][0]["path"], json!("tags"), "{null}");
        let document = format!("{{ {lower}(key: \"one\") {{ tags version }} }}");
        let kept = app.query(&document, json!({}));
        assert_eq!(kept[lower], json!({"tags": ["kept"], "version": 1}));
        let twenty = update(&app, noun, id, &json!(many[..20]));
        assert_eq!(twenty["userErrors"], json!([]));
    }
}

#[test]
fn lists_are_filtered_by_a_whole_tag() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    for (lower, noun, rule) in NOUNS {
        create(&app, noun, rule, "a", &json!(["Spring", "b2b"]));
        create(&app, noun, rule, "b", &json!(["spring"]));
        create(&app, noun, rule, "c", &json!(["spring sale"]));
        let keys = |arguments: &str| {
            let document = format!("{{ {lower}s({arguments}) {{ totalCount nodes {{ key }} }} }}");
            let list = app.query(&document, json!({}))[format!("{lower}s")].take();
            let keys: Vec<Value> = list["nodes"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|node| node["key"].clone())
                .collect();
            assert_eq!(list["totalCount"], json!(keys.len()));
            keys
        };
        assert_eq!(keys("tag: \"SPRING\""), ["a", "b"]);
        assert_eq!(keys("tag: \" b2b \""), ["a"]);
        assert!(keys("tag: \"spr\"").is_empty());
        assert_eq!(keys("tag: \"spring\", search: \"B\""), ["b"]);
        assert_eq!(keys("tag: \"\""), ["a", "b", "c"]);
    }
}
