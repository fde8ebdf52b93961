//! Consent: what raises a status, what is kept for addresses of deleted subscribers, and the history of statuses.

use crate::support::TestApp;
use diesel::prelude::*;
use diesel::sql_types::Bytea;
use rollcall::audience::paging::PageRequest;
use rollcall::import::{
    Import, ImportMode, ImportReport, SubscriberImport, import_subscribers, list_problems, undo,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NOW: &str = "2026-03-01T09:30:00+00:00";
const LATER: &str = "2026-04-01T09:30:00+00:00";
const WITHHELD: [&str; 3] = ["UNSUBSCRIBED", "BOUNCED", "COMPLAINED"];

const UPSERT: &str = "mutation ($input: UpsertSubscriberInput!) { upsertSubscriber(input: $input) { \
    subscriber { id status unsubscribedAt firstName } notices { code path } userErrors { code path hint } } }";
const UPDATE: &str = "mutation ($input: UpdateSubscriberInput!) { updateSubscriber(input: $input) { \
    subscriber { id status firstName } notices { code path } userErrors { code path hint } } }";

fn delete(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}

fn consent() -> Value {
    json!({ "reason": "signed up again", "source": "newsletter form" })
}

fn history(app: &TestApp, email: &str) -> Value {
    let data = app.query(
        "query ($email: String!) { subscriber(email: $email) { statusHistory(first: 10) { \
         totalCount nodes { from to at source reason consentSource } } } }",
        json!({ "email": email }),
    );
    data["subscriber"]["statusHistory"]["nodes"].clone()
}

fn status(app: &TestApp, email: &str) -> Value {
    let data = app.query(
        "query ($email: String!) { subscriber(email: $email) { status } }",
        json!({ "email": email }),
    );
    data["subscriber"]["status"].clone()
}

/// Makes a subscriber of that status and deletes it.
fn leave_behind(app: &TestApp, email: &str, status: &str) {
    app.subscriber(email, json!({}));
    let id = app.subscriber(email, json!({ "status": status }));
    delete(app, &id);
}

fn import(app: &TestApp, csv: &str, options: &SubscriberImport) -> ImportReport {
    let report = import_subscribers(app.db(), csv.as_bytes(), options, app.clock.now(), |_| {});
    report.expect("the file can be imported")
}

fn undo_import(app: &TestApp, id: i64) -> Import {
    undo(app.db(), id, app.clock.now()).expect("it can be undone")
}

fn with_reason() -> SubscriberImport {
    SubscriberImport {
        raise_consent: Some("they signed up again at the fair".to_owned()),
        ..SubscriberImport::default()
    }
}

fn suppressions(app: &TestApp) -> String {
    app.database.ask("SELECT count(*) FROM suppressions")
}

#[test]
fn the_address_of_a_deleted_subscriber_keeps_the_wish_not_to_be_addressed() {
    let app = TestApp::at(NOW);
    for withheld in WITHHELD {
        let email = format!("{}@example.com", withheld.to_lowercase());
        leave_behind(&app, &email, withheld);
        app.set_time(LATER);
        for values in [
            json!({}),
            json!({"status": "SUBSCRIBED"}),
            json!({"status": "PENDING"}),
        ] {
            let asked = format!(" {}", email.to_uppercase());
            let payload = app.mutate(UPSERT, json!({"input": {"email": asked, "values": values}}));
            assert_eq!(payload["subscriber"]["status"], json!(withheld), "{values}");
            assert_eq!(payload["subscriber"]["unsubscribedAt"], json!(NOW));
            assert_eq!(
                payload["notices"],
                json!([{"code": "SUPPRESSED", "path": "email"}])
            );
            assert_eq!(
                history(&app, &email),
                json!([{"from": null, "to": withheld, "at": LATER, "source": "suppression", "reason": null, "consentSource": null}])
            );
            // Deleting again forgets nothing.
            let id = payload["subscriber"]["id"].as_str().expect("an id");
            delete(&app, id);
        }
        app.set_time(NOW);
    }
    for free in ["SUBSCRIBED", "PENDING"] {
        let email = format!("{}@example.com", free.to_lowercase());
        leave_behind(&app, &email, free);
        let payload = app.mutate(UPSERT, json!({"input": {"email": email}}));
        assert_eq!(payload["subscriber"]["status"], json!("SUBSCRIBED"));
        assert_eq!(payload["notices"], json!([]));
        assert_eq!(history(&app, &email), json!([]));
    }
    assert_eq!(suppressions(&app), "3");
}

#[test]
fn consent_ends_a_suppression() {
    let app = TestApp::at(NOW);
    for values in [json!({}), json!({"status": "SUBSCRIBED"})] {
        leave_behind(&app, "ona@example.com", "COMPLAINED");
        let input = json!({"email": "ona@example.com", "values": values, "consent": consent()});
        let payload = app.mutate(UPSERT, json!({ "input": input }));
        assert_eq!(payload["subscriber"]["status"], json!("SUBSCRIBED"));
        assert_eq!(payload["notices"], json!([]));
        assert_eq!(
            history(&app, "ona@example.com"),
            json!([{"from": "COMPLAINED", "to": "SUBSCRIBED", "at": NOW, "source": "api",
                "reason": "signed up again", "consentSource": "newsletter form"}])
        );
        assert_eq!(suppressions(&app), "0");
        delete(&app, payload["subscriber"]["id"].as_str().expect("an id"));
        assert_eq!(suppressions(&app), "0");
    }
}

#[test]
fn only_consent_raises_a_status() {
    let app = TestApp::at(NOW);
    for (place, withheld) in WITHHELD.into_iter().enumerate() {
        let email = format!("{place}@example.com");
        app.subscriber(&email, json!({}));
        let id = app.subscriber(&email, json!({ "status": withheld }));
        for raised in ["SUBSCRIBED", "PENDING"] {
            let name = format!("{withheld}{raised}");
            let values = json!({ "status": raised, "firstName": name });
            let payload = app.mutate(UPSERT, json!({"input": {"email": email, "values": values}}));
            assert_eq!(
                payload["notices"],
                json!([{"code": "CONSENT_REQUIRED", "path": "status"}])
            );
            let subscriber = &payload["subscriber"];
            assert_eq!(
                (&subscriber["status"], &subscriber["firstName"]),
                (&json!(withheld), &json!(name))
            );

            let values = json!({ "status": raised, "firstName": "not written" });
            let payload = app.payload(UPDATE, json!({"input": {"id": id, "values": values}}));
            assert_eq!(payload["userErrors"][0]["code"], json!("CONSENT_REQUIRED"));
            assert_eq!(payload["userErrors"][0]["path"], json!("status"));
            assert!(
                payload["userErrors"][0]["hint"]
                    .as_str()
                    .expect("a hint")
                    .contains("consent")
            );
            let data = app.query(
                "query ($id: ID!) { subscriber(id: $id) { firstName } }",
                json!({ "id": id }),
            );
            assert_eq!(data["subscriber"]["firstName"], json!(name));
        }
        // From one wish not to be addressed to another, and back where nobody had to agree.
        for (asked, document) in [("BOUNCED", UPDATE), (withheld, UPDATE)] {
            app.mutate(
                document,
                json!({"input": {"id": id, "values": {"status": asked}}}),
            );
        }
        for empty in [
            json!({"reason": " ", "source": "x"}),
            json!({"reason": "x", "source": "\u{200b}"}),
        ] {
            let input = json!({"id": id, "values": {"status": "SUBSCRIBED"}, "consent": empty});
            let payload = app.payload(UPDATE, json!({ "input": input }));
            assert_eq!(
                payload["userErrors"][0]["code"],
                json!("MISSING"),
                "{empty}"
            );
        }
        let input = json!({"id": id, "values": {"status": "SUBSCRIBED"}, "consent": consent()});
        let payload = app.mutate(UPDATE, json!({ "input": input }));
        assert_eq!(payload["subscriber"]["status"], json!("SUBSCRIBED"));
        let told = history(&app, &email);
        assert_eq!(told[0]["from"], json!(withheld));
        assert_eq!(told[0]["reason"], json!("signed up again"));
        assert_eq!(told[0]["consentSource"], json!("newsletter form"));
        assert_eq!(told[1]["reason"], json!(null));
    }
}

#[test]
fn another_address_is_suppressed_as_a_new_one_is() {
    let app = TestApp::at(NOW);
    leave_behind(&app, "gone@example.com", "BOUNCED");
    let id = app.subscriber("ona@example.com", json!({}));
    let payload = app.mutate(
        UPDATE,
        json!({"input": {"id": id, "email": "gone@example.com"}}),
    );
    assert_eq!(payload["subscriber"]["status"], json!("BOUNCED"));
    assert_eq!(
        payload["notices"],
        json!([{"code": "SUPPRESSED", "path": "email"}])
    );
    assert_eq!(
        history(&app, "gone@example.com")[0]["source"],
        json!("suppression")
    );
    // The address that a bounced subscriber had stays bounced.
    app.mutate(
        UPDATE,
        json!({"input": {"id": id, "email": "new@example.com"}}),
    );
    assert_eq!(status(&app, "new@example.com"), json!("BOUNCED"));
    app.subscriber("gone@example.com", json!({}));
    assert_eq!(status(&app, "gone@example.com"), json!("BOUNCED"));
}

#[test]
fn an_import_gives_suppressed_addresses_their_status_back() {
    let app = TestApp::at(NOW);
    for (name, withheld) in [("u", "UNSUBSCRIBED"), ("b", "BOUNCED"), ("c", "COMPLAINED")] {
        leave_behind(&app, &format!("{name}@example.com"), withheld);
    }
    app.set_time(LATER);
    let csv = "email,status\nU@example.com,\nb@example.com,subscribed\nc@example.com,unsubscribed\nfree@example.com,\n";
    for mode in [ImportMode::Upsert, ImportMode::Insert] {
        for dry_run in [true, false] {
            let options = SubscriberImport {
                mode,
                dry_run,
                ..SubscriberImport::default()
            };
            let report = import(&app, csv, &options);
            assert_eq!(
                (report.created, report.suppressed),
                (4, 2),
                "{mode:?} {dry_run}"
            );
            let lines = app.database.ask(
                "SELECT string_agg(line::text, ' ' ORDER BY line) FROM import_problems \
                 WHERE import_id = (SELECT max(id) FROM imports)",
            );
            assert_eq!(lines, "2 3");
        }
        assert_eq!(
            app.database
                .ask("SELECT string_agg(status, ' ' ORDER BY email) FROM subscribers"),
            "bounced unsubscribed subscribed unsubscribed"
        );
        assert_eq!(
            history(&app, "b@example.com")[0]["source"],
            json!("suppression")
        );
        assert_eq!(history(&app, "b@example.com")[0]["at"], json!(LATER));
        // Its own wish is the row's, not one that was kept.
        assert_eq!(history(&app, "c@example.com"), json!([]));
        let newest = app.database.ask("SELECT max(id) FROM imports");
        undo_import(&app, newest.parse().expect("an id"));
        assert_eq!(suppressions(&app), "3");
    }
}

#[test]
fn the_reason_of_an_import_ends_suppressions_and_undoing_brings_them_back() {
    let app = TestApp::at(NOW);
    for email in ["gone@example.com", "silent@example.com"] {
        leave_behind(&app, email, "COMPLAINED");
    }
    app.subscriber("known@example.com", json!({}));
    app.subscriber("known@example.com", json!({"status": "UNSUBSCRIBED"}));
    let before = app
        .database
        .ask("SELECT json_agg(s ORDER BY s) FROM suppressions s");
    app.set_time(LATER);
    let csv = "email,status\ngone@example.com,subscribed\nsilent@example.com,\nknown@example.com,subscribed\n";
    let report = import(&app, csv, &with_reason());
    // A row that does not say to address the subscriber raises nothing.
    assert_eq!((report.consent_raised, report.suppressed), (2, 1));
    for (email, from) in [
        ("gone@example.com", "COMPLAINED"),
        ("known@example.com", "UNSUBSCRIBED"),
    ] {
        assert_eq!(
            history(&app, email)[0],
            json!({"from": from, "to": "SUBSCRIBED", "at": LATER, "source": "import 1",
                "reason": "they signed up again at the fair", "consentSource": null})
        );
    }
    assert_eq!(status(&app, "silent@example.com"), json!("COMPLAINED"));
    assert_eq!(suppressions(&app), "1");
    undo_import(&app, 1);
    assert_eq!(
        app.database
            .ask("SELECT json_agg(s ORDER BY s) FROM suppressions s"),
        before
    );
    assert_eq!(
        history(&app, "known@example.com")[0],
        json!({"from": "SUBSCRIBED", "to": "UNSUBSCRIBED", "at": LATER, "source": "undo of import 1",
            "reason": null, "consentSource": null})
    );
    app.subscriber("gone@example.com", json!({}));
    assert_eq!(status(&app, "gone@example.com"), json!("COMPLAINED"));
}

#[test]
fn undoing_an_import_of_unsubscribed_people_suppresses_nobody() {
    let app = TestApp::at(NOW);
    import(
        &app,
        "email,status\na@example.com,unsubscribed\nb@example.com,bounced\n",
        &SubscriberImport::default(),
    );
    undo_import(&app, 1);
    assert_eq!(suppressions(&app), "0");
    assert_eq!(app.database.ask("SELECT count(*) FROM subscribers"), "0");
}

#[test]
fn every_door_writes_the_history_of_statuses() {
    let app = TestApp::at(NOW);
    let id = app.subscriber("ona@example.com", json!({}));
    app.subscriber("ona@example.com", json!({"firstName": "Ona"}));
    assert_eq!(history(&app, "ona@example.com"), json!([]));
    app.set_time("2026-03-02T00:00:00Z");
    app.subscriber("ona@example.com", json!({"status": "PENDING"}));
    app.set_time("2026-03-03T00:00:00Z");
    app.mutate(
        UPDATE,
        json!({"input": {"id": id, "values": {"status": "SUBSCRIBED"}}}),
    );
    app.set_time("2026-03-04T00:00:00Z");
    import(
        &app,
        "email,status\nona@example.com,bounced\n",
        &SubscriberImport::default(),
    );
    app.set_time("2026-03-05T00:00:00Z");
    undo_import(&app, 1);
    app.database.execute(
        "UPDATE subscribers SET status = 'complained', updated_at = '2026-03-06T00:00:00Z'",
    );
    let told = history(&app, "ona@example.com");
    let short: Vec<String> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| {
            format!(
                "{} {} {} {}",
                change["at"], change["source"], change["from"], change["to"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        short,
        [
            "2026-03-06T00:00:00+00:00 sql SUBSCRIBED COMPLAINED",
            "2026-03-05T00:00:00+00:00 undo of import 1 BOUNCED SUBSCRIBED",
            "2026-03-04T00:00:00+00:00 import 1 SUBSCRIBED BOUNCED",
            "2026-03-03T00:00:00+00:00 api PENDING SUBSCRIBED",
            "2026-03-02T00:00:00+00:00 api SUBSCRIBED PENDING",
        ]
    );
    let paged = app.query(
        "{ subscriber(email: \"ona@example.com\") { personalData statusHistory(last: 2) { totalCount nodes { to } pageInfo { hasPreviousPage } } } }",
        json!({}),
    );
    let paged = &paged["subscriber"];
    assert_eq!(
        paged["statusHistory"],
        json!({"totalCount": 5, "nodes": [{"to": "SUBSCRIBED"}, {"to": "PENDING"}], "pageInfo": {"hasPreviousPage": true}})
    );
    let held = paged["personalData"]["statusHistory"].to_string();
    let told = told.to_string().replace("+00:00", "Z");
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(read(&held), read(&told));
    delete(&app, &id);
    assert_eq!(app.database.ask("SELECT count(*) FROM status_changes"), "0");
}

#[test]
fn suppressed_addresses_are_kept_as_keyed_hashes() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bytea)]
        inner_key: Vec<u8>,
        #[diesel(sql_type = Bytea)]
        outer_key: Vec<u8>,
        #[diesel(sql_type = Bytea)]
        address_hash: Vec<u8>,
    }
    let load = |app: &TestApp| -> Row {
        leave_behind(app, "Zoë@münchen.de", "UNSUBSCRIBED");
        diesel::sql_query(
            "SELECT inner_key, outer_key, address_hash FROM suppression_key, suppressions",
        )
        .get_result(&mut app.database.connect())
        .expect("one of each")
    };
    let row = load(&TestApp::at(NOW));
    let secret: Vec<u8> = row.inner_key.iter().map(|byte| byte ^ 0x36).collect();
    let other: Vec<u8> = row.outer_key.iter().map(|byte| byte ^ 0x5c).collect();
    assert_eq!((secret.len(), &secret), (64, &other));
    assert!(
        secret[..32].iter().any(|byte| *byte != 0) && secret[32..].iter().all(|byte| *byte == 0)
    );
    let digest = |parts: [&[u8]; 2]| -> Vec<u8> {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize().to_vec()
    };
    let inner = digest([&row.inner_key, "zoë@xn--mnchen-3ya.de".as_bytes()]);
    assert_eq!(row.address_hash, digest([&row.outer_key, &inner]));
    // Another database has another secret. The databases of tests are copies, so this one makes its own as the migration does.
    let other = TestApp::at(NOW);
    let up = include_str!("../../migrations/2026-11-28-000060_remember_statuses/up.sql");
    let (start, end) = (up.find("DO $$"), up.find("END $$;"));
    let making = &up[start.expect("a start")..end.expect("an end") + "END $$;".len()];
    other.database.execute("DELETE FROM suppression_key");
    other.database.execute(making);
    assert_ne!(load(&other).address_hash, row.address_hash);
}

#[test]
fn deleting_a_person_leaves_the_remarks_about_others() {
    let app = TestApp::at(NOW);
    let emails = [
        "a@example.com",
        "maria@example.com",
        "o'a@example.com",
        "x.a@example.com",
        "a@example.com.au",
        "user@münchen.de",
    ];
    // Every row is repeated, which is remarked.
    let rows: String = emails
        .iter()
        .map(|email| format!("{email}\n{}\n", email.to_uppercase()))
        .collect();
    import(
        &app,
        &format!("email\n{rows}"),
        &SubscriberImport::default(),
    );
    let remarks = |app: &TestApp| -> Vec<String> {
        let request = PageRequest {
            size: 100,
            after: None,
            before: None,
            from_end: false,
        };
        let kinds = rollcall::import::ProblemKind::ALL;
        let pages = app
            .db()
            .run_here(|connection| list_problems(connection, &[1], &kinds, &request));
        let page = pages.expect("the remarks").remove(&1).unwrap_or_default();
        let rows = page.rows.into_iter();
        rows.map(|row| row.value.unwrap_or_default()).collect()
    };
    assert_eq!(remarks(&app).len(), emails.len());
    let id_of = |email: &str| app.subscriber(email, json!({}));
    delete(&app, &id_of("A@example.com"));
    assert_eq!(
        remarks(&app),
        [
            "maria@example.com",
            "o'a@example.com",
            "x.a@example.com",
            "a@example.com.au",
            "user@xn--mnchen-3ya.de"
        ]
    );
    delete(&app, &id_of("user@münchen.de"));
    delete(&app, &id_of("maria@example.com"));
    assert_eq!(
        remarks(&app),
        ["o'a@example.com", "x.a@example.com", "a@example.com.au"]
    );
}
