//! Texts have one form, at every door and in rules.

use crate::support::TestApp;
use rollcall::db::migrate;
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00Z";

/// Forms of one address each, the last as it is shown.
const ADDRESSES: [&[&str]; 4] = [
    &[
        "jose\u{301}@example.com",
        "JOSÉ@Example.com",
        "josé@example.com",
    ],
    &[
        "User@XN--MNCHEN-3YA.de",
        "user@mu\u{308}nchen.de",
        "user@münchen.de",
    ],
    &[
        "\u{feff}ona@exam\u{ad}ple.com\u{200b}",
        "ona\u{202e}@example.com ",
        "\u{2067}ona\u{2069}\u{61c}@exam\u{2063}ple.com",
        "o\u{34f}n\u{180e}a\u{3164}@example.com",
        "ona@example.com",
    ],
    &[
        "info@xn--r8jz45g.xn--zckzah",
        "info@例え。テスト",
        "info@例え.テスト",
    ],
];

/// Returns how many subscribers a rule matches.
#[track_caller]
fn matched(app: &TestApp, rule: &Value) -> Value {
    let data = app.query(
        "query ($rule: JSON!) { subscribers(filter: {ruleJson: $rule}) { totalCount } }",
        json!({ "rule": rule }),
    );
    data["subscribers"]["totalCount"].clone()
}

fn find(app: &TestApp, email: &str) -> Value {
    let data = app.query(
        "query ($email: String!) { subscriber(email: $email) { id email } }",
        json!({ "email": email }),
    );
    data["subscriber"].clone()
}

#[test]
fn one_person_has_one_address_however_it_is_written() {
    let app = TestApp::at(NOW);
    for (place, forms) in ADDRESSES.into_iter().enumerate() {
        let shown = forms[forms.len() - 1];
        let id = app.subscriber(forms[0], json!({}));
        for form in forms {
            assert_eq!(app.subscriber(form, json!({})), id, "{form:?}");
            assert_eq!(
                find(&app, form),
                json!({"id": id, "email": shown}),
                "{form:?}"
            );
            let rule = json!({"text": {"field": "email", "is": {"equals": form}}});
            assert_eq!(matched(&app, &rule), json!(1), "{form:?}");
            let rule = json!({"text": {"field": "email", "is": {"in": ["x@example.org", form]}}});
            assert_eq!(matched(&app, &rule), json!(1), "{form:?}");
            let domain = form.split_once('@').expect("an @").1;
            let rule = json!({"all": [{"text": {"field": "email.domain", "is": {"equals": domain}}},
                {"text": {"field": "email", "is": {"equals": form}}}]});
            assert_eq!(matched(&app, &rule), json!(1), "{domain:?}");
            app.event(form, "visit", NOW, None);
            let told = app.person(form);
            assert_eq!(told.expect("a person")["subscriber"]["email"], json!(shown));
        }
        let csv: String = forms.iter().map(|form| format!("\"{form}\"\n")).collect();
        let report = import_subscribers(
            app.db(),
            format!("email\n{csv}").as_bytes(),
            &SubscriberImport::default(),
            app.clock.now(),
            |_| {},
        );
        let report = report.expect("an import");
        assert_eq!((report.created, report.refused), (0, 0), "{shown}");
        let group = format!("g{place}");
        app.group(&group, forms);
        let data = app.query(
            "query ($key: String!) { group(key: $key) { memberCount } }",
            json!({ "key": group }),
        );
        assert_eq!(data["group"]["memberCount"], json!(1));
    }
    for (test, count) in [
        (json!({"contains": "ünch"}), 1),
        (json!({"endsWith": "@münchen.de"}), 1),
        (json!({"endsWith": "@xn--mnchen-3ya.de"}), 1),
        (json!({"startsWith": "user@mü"}), 1),
        (json!({"matches": "mu\u{308}nchen"}), 1),
        (json!({"contains": "xn--"}), 0),
    ] {
        let rule = json!({"text": {"field": "email", "is": test}});
        assert_eq!(matched(&app, &rule), json!(count), "{test}");
    }
    assert_eq!(
        app.database.ask("SELECT count(*) FROM subscribers"),
        ADDRESSES.len().to_string()
    );
    assert_eq!(
        app.database
            .ask("SELECT count(*) FROM subscribers WHERE email ~ '@.*[^ -~]'"),
        "0"
    );
}

#[test]
fn values_in_rules_are_cleaned_as_stored_values_are() {
    let app = TestApp::at(NOW);
    for (key, kind) in [("plan", "TEXT"), ("tags", "LIST")] {
        app.mutate(
            "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
            json!({ "key": key, "type": kind }),
        );
    }
    app.subscriber(
        "ona@example.com",
        json!({"city": " Riga\u{a0}", "firstName": "Jose\u{301}", "language": "pt_BR", "country": "uk", "timezone": "europe/riga",
            "customFields": {"plan": "\u{feff}pro plan ", "tags": [" red", "gru\u{308}n"]}}),
    );
    app.mutate(
        "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { userErrors { message } } }",
        json!({"event": {"email": "ona@example.com", "name": " bu\u{200b}y", "occurredAt": NOW,
            "properties": {"shop ": " Vilnius\u{ad} ", "colours": ["blue "], "empty": " "}}}),
    );
    let text = |field: &str, test: Value| json!({"text": {"field": field, "is": test}});
    let event = |filter: Value| json!({"event": {"name": "buy ", "where": [filter]}});
    for rule in [
        text("city", json!({"equals": "Riga "})),
        text("city", json!({"in": ["\u{200b}riga", "x"]})),
        text("city", json!({"startsWith": " Ri"})),
        text("city", json!({"endsWith": "ga "})),
        text("firstName", json!({"equals": "José"})),
        text("firstName", json!({"contains": "se\u{301}"})),
        text("firstName", json!({"matches": "^jose\u{301}$"})),
        text("language", json!({"equals": "pt_BR"})),
        text("language", json!({"startsWith": "pt_"})),
        text("language", json!({"in": ["pt-BR "]})),
        text("country", json!({"equals": "UK"})),
        text("country", json!({"in": ["gb "]})),
        text("timezone", json!({"equals": "EUROPE/RIGA "})),
        text("custom.plan", json!({"equals": " pro plan"})),
        text("custom.plan", json!({"contains": "pro "})),
        json!({"list": {"field": "custom.tags", "is": {"containsAll": ["red ", "grün"]}}}),
        event(text_of("shop", json!({"equals": "Vilnius "}))),
        event(text_of(" shop", json!({"in": ["vilnius"]}))),
        event(json!({"list": {"property": "colours", "is": {"containsAny": [" blue"]}}})),
        json!({"event": {"names": ["\u{feff}buy"]}}),
        json!({"not": event(text_of("empty", json!({"isSet": true})))}),
    ] {
        assert_eq!(matched(&app, &rule), json!(1), "{rule}");
    }
    // A blank within a part still tells words apart.
    assert_eq!(
        matched(&app, &text("custom.plan", json!({"contains": "plan "}))),
        json!(0)
    );
    let data = app.query(
        "{ subscriber(email: \"ona@example.com\") { events(name: \" buy\") { totalCount nodes { properties } } } }",
        json!({}),
    );
    let events = &data["subscriber"]["events"];
    assert_eq!(
        events["nodes"][0]["properties"],
        json!({"shop": "Vilnius", "colours": ["blue"]})
    );
    assert_eq!(events["totalCount"], json!(1));
}

fn text_of(property: &str, test: Value) -> Value {
    json!({"text": {"property": property, "is": test}})
}

#[test]
fn properties_of_imported_events_are_cleaned() {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    let csv = "email,event,occurred_at,properties,properties.size\nona@example.com,buy,2026-03-01T00:00:00Z,\"{\"\"shop\"\": \"\" Vilnius\u{200b} \"\", \"\"none\"\": \"\"\"\"}\", xl \n";
    import_events(
        app.db(),
        csv.as_bytes(),
        &EventImport::default(),
        app.clock.now(),
        |_| {},
    )
    .expect("an import");
    assert_eq!(
        app.database.ask("SELECT properties FROM events"),
        "{\"shop\": \"Vilnius\", \"size\": \"xl\"}"
    );
}

#[test]
fn a_value_of_which_nothing_is_left_is_a_problem() {
    let app = TestApp::at(NOW);
    let text = |test: Value| json!({"text": {"field": "city", "is": test}});
    for (rule, path) in [
        (text(json!({"equals": " "})), "rule.text.is.equals"),
        (
            text(json!({"notIn": ["a", "\u{2060}"]})),
            "rule.text.is.notIn[1]",
        ),
        (
            text(json!({"contains": "\u{200b}"})),
            "rule.text.is.contains",
        ),
        (text(json!({"startsWith": " "})), "rule.text.is.startsWith"),
        (text(json!({"endsWith": "\u{a0}"})), "rule.text.is.endsWith"),
        (text(json!({"matches": "\u{feff}"})), "rule.text.is.matches"),
        (json!({"event": {"name": "\t"}}), "rule.event.name"),
    ] {
        let payload = app.payload(
            "mutation ($rule: JSON!) { createSegment(input: {key: \"s\", ruleJson: $rule}) { userErrors { code path } } }",
            json!({ "rule": rule }),
        );
        assert_eq!(
            payload["userErrors"],
            json!([{"code": "EMPTY", "path": path}]),
            "{rule}"
        );
    }
    assert_eq!(matched(&app, &text(json!({"contains": " "}))), json!(0));
}

#[test]
fn countries_exist_and_birthdays_lie_within_a_life() {
    let app = TestApp::at(NOW);
    let upsert = |values: Value| {
        let payload = app.payload(
            "mutation ($values: SubscriberValuesInput!) { upsertSubscriber(input: {email: \"ona@example.com\", values: $values}) { \
             subscriber { country birthday } userErrors { path } } }",
            json!({ "values": values }),
        );
        match payload["userErrors"][0]["path"].as_str() {
            Some(path) => path.to_owned(),
            None => format!(
                "{} {}",
                payload["subscriber"]["country"], payload["subscriber"]["birthday"]
            ),
        }
    };
    let import = |column: &str, cell: &str| {
        let good = match column {
            "country" => "LT",
            _ => "1990-01-01",
        };
        // A column of which most cells are lost would be asked about.
        let csv = format!("email,{column}\nona@example.com,{cell}\njonas@example.com,{good}\n");
        let report = import_subscribers(
            app.db(),
            csv.as_bytes(),
            &SubscriberImport::default(),
            app.clock.now(),
            |_| {},
        );
        report.expect("an import").dropped_cells
    };
    for (raw, stored) in [("UK", "GB"), ("xk", "XK"), (" lt ", "LT"), ("el", "GR")] {
        assert_eq!(
            upsert(json!({"country": raw})),
            format!("\"{stored}\" null")
        );
        assert_eq!(import("country", raw), 0);
        assert_eq!(
            app.database
                .ask("SELECT country FROM subscribers WHERE email LIKE 'ona%'"),
            stored
        );
    }
    for wrong in ["ZZ", "XX", "EU", "Atlantis"] {
        assert_eq!(upsert(json!({"country": wrong})), "country");
        assert_eq!(import("country", wrong), 1);
    }
    // Programs write codes, files names.
    for name in ["LVA", "Latvia"] {
        assert_eq!(upsert(json!({"country": name})), "country");
        assert_eq!(import("country", name), 0);
    }
    for (day, fits) in [
        ("1900-01-01", true),
        ("2026-03-01", true),
        ("1899-12-31", false),
        ("2026-03-02", false),
        ("2999-01-01", false),
    ] {
        let answer = upsert(json!({"birthday": day}));
        assert_eq!(answer == "birthday", !fits, "{day}: {answer}");
        assert_eq!(import("birthday", day), u64::from(!fits), "{day}");
    }
}

#[test]
fn texts_that_were_stored_before_get_their_form_when_migrating() {
    const MIGRATION: (&str, &str) = (
        include_str!("../../migrations/2026-11-28-000060_remember_statuses/up.sql"),
        include_str!("../../migrations/2026-11-28-000060_remember_statuses/down.sql"),
    );
    let app = TestApp::at(NOW);
    app.database.execute(MIGRATION.1);
    for (id, email, city) in [
        (1, "jose\u{301}@example.com", "Ri\u{200b}ga"),
        (2, "user@münchen.de", "Gru\u{308}nau"),
        (3, "user@xn--mnchen-3ya.de", "\u{feff}"),
        (4, "plain@example.com", "plain"),
        (5, "\u{202e}no address", "Łódź"),
    ] {
        app.database.execute(&format!(
            "INSERT INTO subscribers (id, email, city, country, custom, created_at, updated_at) VALUES \
             ({id}, '{email}', '{city}', 'UK', '{{\"plan\": \"e\u{301}\"}}', '{NOW}', '{NOW}')"
        ));
    }
    app.database.execute(MIGRATION.0);
    app.db().run_here(migrate).expect("addresses are cleaned");
    let rows = "SELECT string_agg(concat_ws('|', email, city, country, custom ->> 'plan'), E'\\n' ORDER BY id) FROM subscribers";
    assert_eq!(
        app.database.ask(rows),
        "josé@example.com|Riga|GB|é\nuser@münchen.de|Grünau|GB|é\nuser@xn--mnchen-3ya.de|GB|é\nplain@example.com|plain|GB|é\n\u{202e}no address|Łódź|GB|é"
    );
    // Two records of one person: the owner decides, and the next start cleans the one that is left.
    assert_eq!(
        app.database
            .ask("SELECT string_agg(subscriber_id::text, ' ') FROM unclean_addresses"),
        "2"
    );
    app.database.execute("DELETE FROM subscribers WHERE id = 3");
    app.db().run_here(migrate).expect("addresses are cleaned");
    assert_eq!(
        app.database
            .ask("SELECT email FROM subscribers WHERE id = 2"),
        "user@xn--mnchen-3ya.de"
    );
    assert_eq!(
        app.database.ask("SELECT count(*) FROM unclean_addresses"),
        "0"
    );
}

#[test]
fn invisible_characters_that_were_stored_are_taken_out_when_migrating() {
    let app = TestApp::at(NOW);
    for (id, email, city) in [
        (1, "on\u{2066}a@example.com", "Ri\u{2067}ga\u{2069}"),
        (2, "rasa@example.com", "\u{3164}\u{61c}"),
        (3, "plain@example.com", "Łódź"),
    ] {
        app.database.execute(&format!(
            "INSERT INTO subscribers (id, email, city, custom, created_at, updated_at) VALUES \
             ({id}, '{email}', '{city}', '{{\"plan\": \"a\u{2063}b\"}}', '{NOW}', '{NOW}')"
        ));
    }
    app.database.execute(include_str!(
        "../../migrations/2026-11-28-000095_clean_invisible_characters/up.sql"
    ));
    app.db().run_here(migrate).expect("addresses are cleaned");
    let rows = "SELECT string_agg(concat_ws('|', email, city, custom ->> 'plan'), E'\\n' ORDER BY id) FROM subscribers";
    assert_eq!(
        app.database.ask(rows),
        "ona@example.com|Riga|ab\nrasa@example.com|ab\nplain@example.com|Łódź|ab"
    );
}
