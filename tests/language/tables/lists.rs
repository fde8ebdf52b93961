//! Lists of texts.

use super::{Audience, NOON, audience, check, custom};
use crate::naive::CustomValue;
use serde_json::{Value, json};

/// People named by their tags; `empty` has a list without any.
fn tagged() -> Audience {
    let values = "empty | red | RED green | red red blue | GRÜN | dark red";
    audience(NOON, values, |tags| {
        let tags = match tags {
            "empty" => vec![],
            // The one whose tag has a space in it.
            "dark red" => vec![tags.to_owned()],
            tags => tags.split(' ').map(str::to_owned).collect(),
        };
        custom("tags", CustomValue::List(tags))
    })
}

fn tags(test: Value) -> Value {
    json!({"list": {"field": "custom.tags", "is": test}})
}

#[test]
fn lists_contain_whole_texts_in_any_letter_case() {
    let people = tagged();
    for (test, expected) in [
        (
            json!({"containsAny": ["red"]}),
            "red | RED green | red red blue",
        ),
        (json!({"containsAny": ["re"]}), ""),
        (json!({"containsAny": ["Dark Red", "x"]}), "dark red"),
        (
            json!({"containsAny": ["grün", "Blue"]}),
            "red red blue | GRÜN",
        ),
        (json!({"containsAll": ["red", "blue"]}), "red red blue"),
        (json!({"containsAll": ["Green", "Red"]}), "RED green"),
        (
            json!({"containsAll": ["red", "RED", "red"]}),
            "red | RED green | red red blue",
        ),
        (json!({"containsAll": ["red", "x"]}), ""),
        (
            json!({"containsNone": ["red"]}),
            "none | empty | GRÜN | dark red",
        ),
        (
            json!({"containsNone": ["green", "grün"]}),
            "none | empty | red | red red blue | dark red",
        ),
    ] {
        check(&people, tags(test), expected);
    }
    check(
        &people,
        json!({"not": tags(json!({"containsNone": ["red"]}))}),
        "red | RED green | red red blue",
    );
}

#[test]
fn a_missing_list_has_no_items_and_is_not_set() {
    let people = tagged();
    let all = "none | empty | red | RED green | red red blue | GRÜN | dark red";
    for (size, expected) in [
        (json!({"equals": 0}), "none | empty"),
        (json!({"atMost": 0}), "none | empty"),
        (json!({"lessThan": 1}), "none | empty"),
        (json!({"lessThan": 0}), ""),
        (json!({"atLeast": 0}), all),
        (
            json!({"notEquals": 0}),
            "red | RED green | red red blue | GRÜN | dark red",
        ),
        (json!({"equals": 1}), "red | GRÜN | dark red"),
        (
            json!({"notEquals": 1}),
            "none | empty | RED green | red red blue",
        ),
        // Each item counts, also one that is there twice.
        (json!({"equals": 3}), "red red blue"),
        (json!({"greaterThan": 1}), "RED green | red red blue"),
        (
            json!({"between": {"from": 2, "to": 3}}),
            "RED green | red red blue",
        ),
        (
            json!({"between": {"from": 0, "to": 1}}),
            "none | empty | red | GRÜN | dark red",
        ),
        (json!({"in": [0, 2]}), "none | empty | RED green"),
        (json!({"equals": 1.5}), ""),
    ] {
        check(&people, tags(json!({ "size": size })), expected);
    }
    check(
        &people,
        tags(json!({"isSet": true})),
        "red | RED green | red red blue | GRÜN | dark red",
    );
    check(&people, tags(json!({"isSet": false})), "none | empty");
    check(
        &people,
        json!({"all": [tags(json!({"containsNone": ["red"]})), tags(json!({"isSet": true}))]}),
        "GRÜN | dark red",
    );
}

#[test]
fn long_lists_are_read_to_the_end() {
    let long: Vec<String> = (0..5_000).map(|number| format!("tag {number}")).collect();
    let people = audience(NOON, "long", |_| {
        custom("tags", CustomValue::List(long.clone()))
    });
    check(&people, tags(json!({"containsAny": ["TAG 4999"]})), "long");
    check(&people, tags(json!({"containsAll": long})), "long");
    check(&people, tags(json!({"containsNone": ["tag 4999"]})), "none");
    check(&people, tags(json!({"size": {"equals": 5_000}})), "long");
}
