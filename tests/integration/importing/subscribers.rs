//! Rows become subscribers.

use super::{import, into_group, with_fields};
use crate::support::TestApp;
use insta::assert_snapshot;
use rollcall::import::{ImportReport, SubscriberImport, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Value, json};

const NOW: &str = "2026-03-01T09:30:00Z";
const LATER: &str = "2026-04-01T09:30:00Z";

/// Returns some columns of every subscriber, by id.
fn stored(app: &TestApp, columns: &str) -> Value {
    let rows = app.database.ask(&format!(
        "SELECT json_agg(json_build_array({columns}) ORDER BY s.id) FROM subscribers s"
    ));
    serde_json::from_str(&rows).unwrap_or_default()
}

#[test]
fn every_column_and_every_type_is_stored_in_its_normal_form() {
    let app = TestApp::at(NOW);
    let csv = "E-Mail,Status,First name,lastName,phone,country,region,city,postal_code,latitude,longitude,language,\
        timezone,birthday,source,Created At,Nickname,Visits,Member since,Last seen,Is VIP,Favourite things\n\
        \" Ona.Petraitė@Example.LT \",Unsubscribed, Ona ,Petraitė,+370 600 00000,lt,Vilniaus,Vilnius,01100,54.6872,25.2797,\
        LT_lt,europe/vilnius,1990-05-17,fair,2025-12-24T18:00:00+02:00, Onutė ,12.50,2024-02-29,2026-02-28T23:59:59.1234567Z,\
        YES,tea| books ||tea\n";
    let options = with_fields(&[
        ("Nickname", CustomType::Text),
        ("Visits", CustomType::Number),
        ("Member since", CustomType::Date),
        ("Last seen", CustomType::Datetime),
        ("Is VIP", CustomType::Boolean),
        ("Favourite things", CustomType::List),
    ]);
    let report = import(&app, csv, &options);
    assert_eq!(
        report,
        ImportReport {
            rows: 1,
            created: 1,
            ..ImportReport::default()
        }
    );
    let row = app
        .database
        .ask("SELECT jsonb_pretty(to_jsonb(s)) FROM subscribers s");
    assert_snapshot!(row, @r#"
    {
        "id": 1,
        "city": "Vilnius",
        "email": "ona.petraitė@example.lt",
        "phone": "+370 600 00000",
        "custom": {
            "is_vip": true,
            "visits": 12.5,
            "nickname": "Onutė",
            "last_seen": "2026-02-28T23:59:59.123456Z",
            "member_since": "2024-02-29",
            "favourite_things": [
                "tea",
                "books"
            ]
        },
        "region": "Vilniaus",
        "source": "fair",
        "status": "unsubscribed",
        "country": "LT",
        "version": 1,
        "birthday": "1990-05-17",
        "language": "lt-lt",
        "latitude": 54.6872,
        "timezone": "Europe/Vilnius",
        "last_name": "Petraitė",
        "longitude": 25.2797,
        "created_at": "2025-12-24T16:00:00+00:00",
        "first_name": "Ona",
        "updated_at": "2026-03-01T09:30:00+00:00",
        "postal_code": "01100",
        "subscribed_at": null,
        "unsubscribed_at": "2026-03-01T09:30:00+00:00"
    }
    "#);
    assert_eq!(
        app.database
            .ask("SELECT json_agg(f.key || ' ' || f.type ORDER BY f.key) FROM custom_fields f"),
        r#"["favourite_things list", "is_vip boolean", "last_seen datetime", "member_since date", "nickname text", "visits number"]"#
    );
}

#[test]
fn an_address_is_the_same_person_in_any_case() {
    let app = TestApp::at(NOW);
    import(
        &app,
        "email,first_name\nona@example.com,Ona\njonas@example.com,Jonas\n",
        &SubscriberImport::default(),
    );
    app.set_time(LATER);
    let report = import(
        &app,
        "EMAIL,First Name\nONA@Example.com,Onutė\nRuta@example.com,Rūta\njonas@example.com,Jonas\n",
        &SubscriberImport::default(),
    );
    assert_eq!(
        report,
        ImportReport {
            rows: 3,
            created: 1,
            updated: 1,
            unchanged: 1,
            ..ImportReport::default()
        }
    );
    assert_eq!(
        stored(
            &app,
            "s.id, s.email, s.first_name, date(s.created_at), date(s.updated_at)"
        ),
        json!([
            [1, "ona@example.com", "Onutė", "2026-03-01", "2026-04-01"],
            [2, "jonas@example.com", "Jonas", "2026-03-01", "2026-03-01"],
            [3, "ruta@example.com", "Rūta", "2026-04-01", "2026-04-01"],
        ])
    );
}

#[test]
fn an_empty_cell_and_an_absent_column_leave_a_value_as_it_is() {
    let app = TestApp::at(NOW);
    let options = with_fields(&[("visits", CustomType::Number), ("tags", CustomType::List)]);
    import(
        &app,
        "email,city,birthday,visits,tags\nona@example.com,Vilnius,1990-05-17,3,a|b\n",
        &options,
    );
    let report = import(
        &app,
        "email,city,birthday,visits,country\nona@example.com,, ,4,\n",
        &SubscriberImport::default(),
    );
    assert_eq!(report.updated, 1);
    assert_eq!(
        stored(&app, "s.city, s.birthday, s.country, s.custom"),
        json!([["Vilnius", "1990-05-17", null, {"tags": ["a", "b"], "visits": 4}]])
    );
}

#[test]
fn of_a_repeated_address_the_last_row_counts_cell_by_cell() {
    let app = TestApp::at(NOW);
    let options = with_fields(&[
        ("visits", CustomType::Number),
        ("nickname", CustomType::Text),
    ]);
    let report = import(
        &app,
        "email,first_name,city,visits,nickname\n\
         ona@example.com,Ona,Vilnius,1,\n\
         jonas@example.com,Jonas,,,\n\
         ONA@example.com,Onutė,,,On\n",
        &options,
    );
    assert_eq!(
        report,
        ImportReport {
            rows: 3,
            created: 2,
            repeated: 1,
            ..ImportReport::default()
        }
    );
    assert_eq!(
        stored(&app, "s.id, s.first_name, s.city, s.custom"),
        json!([
            [1, "Onutė", "Vilnius", {"nickname": "On", "visits": 1}],
            [2, "Jonas", null, {}],
        ])
    );
}

#[test]
fn a_group_is_made_only_when_told_to() {
    let app = TestApp::at(NOW);
    let csv = "email\nona@example.com\njonas@example.com\n";
    let options = into_group("readers", false);
    let refused = import_subscribers(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    assert!(refused.is_err());
    assert_eq!(stored(&app, "s.id"), Value::Null, "nobody was imported");

    let report = import(&app, csv, &into_group("readers", true));
    assert_eq!((report.created, report.added_to_group), (2, 2));
    let again = import(&app, csv, &into_group("readers", true));
    assert_eq!((again.unchanged, again.added_to_group), (2, 0));
    // One who was in already, by another way, and one who is new.
    app.group("staff", &["ona@example.com"]);
    let report = import(
        &app,
        "email\nona@example.com\nruta@example.com\n",
        &into_group("staff", false),
    );
    assert_eq!(
        (report.created, report.unchanged, report.added_to_group),
        (1, 1, 1)
    );
    assert_eq!(
        app.database.ask(
            "SELECT json_agg(json_build_array(g.key, s.email, m.source) ORDER BY g.key, s.id) FROM group_memberships m \
             JOIN groups g ON g.id = m.group_id JOIN subscribers s ON s.id = m.subscriber_id"
        ),
        r#"[["readers", "ona@example.com", "import"], ["readers", "jonas@example.com", "import"], ["staff", "ona@example.com", "api"], ["staff", "ruta@example.com", "import"]]"#
    );
}

/// Three batches; ids are given in the order of the file and none is wasted.
#[test]
fn importing_again_changes_nothing_and_wastes_no_id() {
    let app = TestApp::at(NOW);
    let size = 12_000;
    let row = |number: usize| format!("p{number}@example.com,Name {number},{number}\n");
    let rows: String = (1..=size).map(row).collect();
    let csv = format!("email,first_name,visits\n{rows}");
    let mut options = with_fields(&[("visits", CustomType::Number)]);
    options.groups = vec!["everybody".to_owned()];
    options.create_groups = true;
    let first = import(&app, &csv, &options);
    assert_eq!(
        (first.created, first.added_to_group),
        (size as u64, size as u64)
    );
    let before = app
        .database
        .ask("SELECT md5(string_agg(s::text, ',' ORDER BY s.id)) FROM subscribers s");

    app.set_time(LATER);
    let again = import(&app, &csv, &options);
    assert_eq!(
        again,
        ImportReport {
            rows: size as u64,
            unchanged: size as u64,
            ..ImportReport::default()
        }
    );
    assert_eq!(
        app.database
            .ask("SELECT md5(string_agg(s::text, ',' ORDER BY s.id)) FROM subscribers s"),
        before
    );

    // Half of them again with as many new ones between.
    let mixed: String = (size / 2..size + size / 2)
        .map(|number| row(number + 1))
        .collect();
    let report = import(
        &app,
        format!("email,first_name,visits\n{mixed}"),
        &SubscriberImport::default(),
    );
    assert_eq!(
        (report.created, report.unchanged),
        (size as u64 / 2, size as u64 / 2)
    );
    assert_eq!(
        app.database.ask(
            "SELECT json_build_array(count(*), max(id), bool_and(s.email = 'p' || s.id || '@example.com')) FROM subscribers s"
        ),
        format!("[{0}, {0}, true]", size + size / 2)
    );
}

#[test]
fn consent_is_never_raised_by_a_file() {
    let app = TestApp::at(NOW);
    let people = [
        "subscribed",
        "unsubscribed",
        "bounced",
        "complained",
        "pending",
    ];
    let file = |status: &dyn Fn(&str) -> String| -> String {
        let rows = people
            .iter()
            .map(|person| format!("{person}@example.com,{},LT\n", status(person)));
        format!("email,status,country\n{}", rows.collect::<String>())
    };
    import(
        &app,
        file(&|person| person.to_owned()),
        &SubscriberImport::default(),
    );
    app.set_time(LATER);
    let columns = "s.status, date(s.subscribed_at), date(s.unsubscribed_at)";
    let before = stored(&app, columns);
    assert_eq!(
        before,
        json!([
            ["subscribed", "2026-03-01", null],
            ["unsubscribed", null, "2026-03-01"],
            ["bounced", null, "2026-03-01"],
            ["complained", null, "2026-03-01"],
            ["pending", null, null],
        ])
    );

    // No word about it changes nothing, and is nothing to report.
    let silent = import(&app, file(&|_| String::new()), &SubscriberImport::default());
    assert_eq!((silent.unchanged, silent.suppressed), (5, 0));

    let raising = import(
        &app,
        file(&|_| "subscribed".to_owned()),
        &SubscriberImport::default(),
    );
    assert_eq!(
        (raising.updated, raising.unchanged, raising.suppressed),
        (1, 4, 3)
    );
    let after = json!([
        ["subscribed", "2026-03-01", null],
        ["unsubscribed", null, "2026-03-01"],
        ["bounced", null, "2026-03-01"],
        ["complained", null, "2026-03-01"],
        ["subscribed", "2026-04-01", null],
    ]);
    assert_eq!(stored(&app, columns), after);

    // The other values of such a row count.
    let moved = import(
        &app,
        "email,status,country\nbounced@example.com,subscribed,LV\n",
        &SubscriberImport::default(),
    );
    assert_eq!((moved.updated, moved.suppressed), (1, 1));
    assert_eq!(
        app.database
            .ask("SELECT status || country FROM subscribers WHERE country <> 'LT'"),
        "bouncedLV"
    );

    // Consent can be withdrawn by a file.
    let lowering = import(
        &app,
        "email,status\nsubscribed@example.com,unsubscribed\n",
        &SubscriberImport::default(),
    );
    assert_eq!((lowering.updated, lowering.suppressed), (1, 0));
    assert_eq!(
        stored(&app, columns)[0],
        json!(["unsubscribed", "2026-03-01", "2026-04-01"])
    );
}

#[test]
fn consent_is_not_raised_by_a_later_row_either() {
    let app = TestApp::at(NOW);
    let report = import(
        &app,
        "email,status,city\nona@example.com,unsubscribed,Vilnius\nona@example.com,subscribed,Kaunas\n\
         ona@example.com,bounced,\n",
        &SubscriberImport::default(),
    );
    assert_eq!(
        report,
        ImportReport {
            rows: 3,
            created: 1,
            repeated: 2,
            suppressed: 1,
            ..ImportReport::default()
        }
    );
    assert_eq!(
        stored(&app, "s.status, s.city"),
        json!([["bounced", "Kaunas"]])
    );
}
