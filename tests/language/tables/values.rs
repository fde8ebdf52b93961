//! Text, number, boolean, status and group tests.

use super::{NOON, audience, check, custom, nobody, parse};
use crate::naive::{CustomValue, Person};
use serde_json::{Value, json};

fn from_city(city: &str) -> Person {
    Person {
        text: [("city", city.to_owned())].into(),
        ..nobody()
    }
}

fn city(test: Value) -> Value {
    json!({"text": {"field": "city", "is": test}})
}

fn exact_city(test: Value) -> Value {
    json!({"text": {"field": "city", "is": test, "caseSensitive": true}})
}

#[test]
fn text_ignores_letter_case() {
    let people = audience(NOON, "Vilnius | VILNIUS | Vilnia | Łódź | ŁÓDŹ", from_city);
    check(
        &people,
        city(json!({"equals": "vilnius"})),
        "Vilnius | VILNIUS",
    );
    check(&people, city(json!({"equals": "vilniu"})), "");
    check(
        &people,
        city(json!({"notEquals": "vilnius"})),
        "none | Vilnia | Łódź | ŁÓDŹ",
    );
    check(
        &people,
        city(json!({"in": ["łÓDŹ", "VILNIA"]})),
        "Vilnia | Łódź | ŁÓDŹ",
    );
    check(
        &people,
        city(json!({"notIn": ["łÓDŹ", "VILNIA"]})),
        "none | Vilnius | VILNIUS",
    );
    check(
        &people,
        city(json!({"contains": "ILNI"})),
        "Vilnius | VILNIUS | Vilnia",
    );
    check(&people, city(json!({"contains": "vilniusx"})), "");
    check(
        &people,
        city(json!({"notContains": "ÓD"})),
        "none | Vilnius | VILNIUS | Vilnia",
    );
    check(&people, city(json!({"startsWith": "viLNIA"})), "Vilnia");
    check(&people, city(json!({"startsWith": "ilnia"})), "");
    check(
        &people,
        city(json!({"endsWith": "IUS"})),
        "Vilnius | VILNIUS",
    );
    check(&people, city(json!({"endsWith": "viln"})), "");
    check(
        &people,
        city(json!({"matches": "^v.*s$"})),
        "Vilnius | VILNIUS",
    );
    check(&people, city(json!({"matches": "ó"})), "Łódź | ŁÓDŹ");
    check(
        &people,
        city(json!({"isSet": true})),
        "Vilnius | VILNIUS | Vilnia | Łódź | ŁÓDŹ",
    );
    check(&people, city(json!({"isSet": false})), "none");
}

#[test]
fn case_sensitive_text_does_not() {
    let people = audience(NOON, "Vilnius | VILNIUS | vilnius", from_city);
    check(&people, exact_city(json!({"equals": "Vilnius"})), "Vilnius");
    check(
        &people,
        exact_city(json!({"notEquals": "Vilnius"})),
        "none | VILNIUS | vilnius",
    );
    check(
        &people,
        exact_city(json!({"in": ["VILNIUS", "vilniuS"]})),
        "VILNIUS",
    );
    check(
        &people,
        exact_city(json!({"contains": "iln"})),
        "Vilnius | vilnius",
    );
    check(
        &people,
        exact_city(json!({"startsWith": "V"})),
        "Vilnius | VILNIUS",
    );
    check(
        &people,
        exact_city(json!({"endsWith": "s"})),
        "Vilnius | vilnius",
    );
    check(
        &people,
        exact_city(json!({"matches": "^[a-z]+$"})),
        "vilnius",
    );
    check(
        &people,
        exact_city(json!({"isSet": true})),
        "Vilnius | VILNIUS | vilnius",
    );
}

#[test]
fn lower_case_is_that_of_unicode() {
    let values = "İstanbul | ΟΔΥΣΣΕΥΣ | οδυσσευς | \u{212a}elvin | Straße | ǅ";
    let people = audience(NOON, values, from_city);
    check(
        &people,
        city(json!({"equals": "οδυσσευς"})),
        "ΟΔΥΣΣΕΥΣ | οδυσσευς",
    );
    check(&people, city(json!({"equals": "KELVIN"})), "\u{212a}elvin");
    check(&people, city(json!({"equals": "ǆ"})), "ǅ");
    check(&people, city(json!({"equals": "STRASSE"})), "");
    check(&people, city(json!({"equals": "istanbul"})), "");
    check(&people, city(json!({"equals": "İSTANBUL"})), "İstanbul");
    check(&people, city(json!({"endsWith": "STANBUL"})), "İstanbul");
}

#[test]
fn only_patterns_have_wildcards() {
    let people = audience(NOON, r"50%_off | 50xyoff | a.b\c", from_city);
    check(&people, city(json!({"contains": "%_"})), "50%_off");
    check(&people, city(json!({"equals": "50__off"})), "");
    check(&people, city(json!({"startsWith": "50%"})), "50%_off");
    check(&people, city(json!({"endsWith": r".b\c"})), r"a.b\c");
    check(&people, city(json!({"endsWith": "a.c"})), "");
    check(
        &people,
        city(json!({"matches": "50..off"})),
        "50%_off | 50xyoff",
    );
}

#[test]
fn long_lists_of_texts_work_like_short_ones() {
    let people = audience(NOON, "Vilnius | VILNIUS | Kaunas", from_city);
    let mut many: Vec<String> = (0..100).map(|number| format!("City {number}")).collect();
    many.push("vilniuS".to_owned());
    check(&people, city(json!({"in": many})), "Vilnius | VILNIUS");
    check(&people, city(json!({"notIn": many})), "none | Kaunas");
    check(&people, exact_city(json!({"in": many})), "");
    many.push("VILNIUS".to_owned());
    check(&people, exact_city(json!({"in": many})), "VILNIUS");
}

#[test]
fn the_domain_is_what_follows_the_last_at_sign() {
    let values = r#"ann@example.com | bob@mail.example.com | "a@b"@example.org"#;
    let people = audience(NOON, values, |email| Person {
        email: email.to_owned(),
        ..nobody()
    });
    let domain = |test| json!({"text": {"field": "email.domain", "is": test}});
    check(
        &people,
        domain(json!({"equals": "EXAMPLE.com"})),
        "none | ann@example.com",
    );
    check(
        &people,
        domain(json!({"endsWith": "example.org"})),
        r#""a@b"@example.org"#,
    );
    check(&people, domain(json!({"contains": "@"})), "");
}

#[test]
fn numbers_compare_as_doubles() {
    let values = "-1e308 | -1 | 0 | 0.3 | 2.5 | 3 | 9 | 1e308";
    let people = audience(NOON, values, |value| {
        custom("visits", CustomValue::Number(parse(value)))
    });
    let visits = |test| json!({"number": {"field": "custom.visits", "is": test}});
    check(&people, visits(json!({"equals": 3})), "3");
    check(&people, visits(json!({"equals": 3.0})), "3");
    check(&people, visits(json!({"equals": 0.30000000000000004})), "");
    check(&people, visits(json!({"equals": -0.0})), "0");
    check(
        &people,
        visits(json!({"notEquals": 3})),
        "none | -1e308 | -1 | 0 | 0.3 | 2.5 | 9 | 1e308",
    );
    check(&people, visits(json!({"greaterThan": 3})), "9 | 1e308");
    check(&people, visits(json!({"atLeast": 3})), "3 | 9 | 1e308");
    check(&people, visits(json!({"atLeast": 1e308})), "1e308");
    check(&people, visits(json!({"lessThan": 0})), "-1e308 | -1");
    check(&people, visits(json!({"lessThan": -0.0})), "-1e308 | -1");
    check(&people, visits(json!({"atMost": 0})), "-1e308 | -1 | 0");
    check(
        &people,
        visits(json!({"between": {"from": 2.5, "to": 9}})),
        "2.5 | 3 | 9",
    );
    check(
        &people,
        visits(json!({"between": {"from": 3, "to": 3}})),
        "3",
    );
    check(
        &people,
        visits(json!({"in": [9, 4, -1, -0.0, 9.0]})),
        "-1 | 0 | 9",
    );
    check(&people, visits(json!({"in": [3]})), "3");
    check(
        &people,
        visits(json!({"isSet": true})),
        "-1e308 | -1 | 0 | 0.3 | 2.5 | 3 | 9 | 1e308",
    );
    check(&people, visits(json!({"isSet": false})), "none");
}

#[test]
fn a_missing_boolean_is_neither_true_nor_false() {
    let people = audience(NOON, "true | false", |value| {
        custom("vip", CustomValue::Boolean(parse(value)))
    });
    let vip = |test| json!({"boolean": {"field": "custom.vip", "is": test}});
    check(&people, vip(json!({"isTrue": true})), "true");
    check(&people, vip(json!({"isFalse": true})), "false");
    check(
        &people,
        json!({"not": vip(json!({"isTrue": true}))}),
        "none | false",
    );
    check(
        &people,
        json!({"not": vip(json!({"isFalse": true}))}),
        "none | true",
    );
    check(&people, vip(json!({"isSet": true})), "true | false");
    check(&people, vip(json!({"isSet": false})), "none");
}

#[test]
fn a_status_is_one_of_several() {
    // Somebody without anything else is subscribed.
    let people = audience(
        NOON,
        "unsubscribed | bounced | complained | pending",
        |value| {
            let status = match value {
                "unsubscribed" => "unsubscribed",
                "bounced" => "bounced",
                "complained" => "complained",
                _ => "pending",
            };
            Person { status, ..nobody() }
        },
    );
    let status = |names: Value| json!({"status": {"in": names}});
    check(&people, status(json!(["SUBSCRIBED"])), "none");
    check(
        &people,
        status(json!(["PENDING", "BOUNCED", "BOUNCED"])),
        "bounced | pending",
    );
    let all = json!([
        "SUBSCRIBED",
        "UNSUBSCRIBED",
        "BOUNCED",
        "COMPLAINED",
        "PENDING"
    ]);
    check(
        &people,
        status(all),
        "none | unsubscribed | bounced | complained | pending",
    );
}

#[test]
fn groups_are_any_or_all() {
    let people = audience(NOON, "staff | press | staff press", |keys| Person {
        groups: keys
            .split(' ')
            .map(|key| (key.to_owned(), parse("2026-01-01T00:00:00Z")))
            .collect(),
        ..nobody()
    });
    let group = |test: Value| json!({"group": test});
    check(
        &people,
        group(json!({"inAny": ["staff"]})),
        "staff | staff press",
    );
    check(
        &people,
        group(json!({"inAny": ["staff", "press", "beta"]})),
        "staff | press | staff press",
    );
    check(
        &people,
        group(json!({"inAll": ["press", "staff", "press"]})),
        "staff press",
    );
    check(&people, group(json!({"inAll": ["staff", "beta"]})), "");
    check(
        &people,
        json!({"not": group(json!({"inAny": ["press"]}))}),
        "none | staff",
    );
    check(
        &people,
        json!({"not": group(json!({"inAll": ["staff", "press"]}))}),
        "none | staff | press",
    );
}
