//! A person who is deleted is gone from every table; one who asks is told everything.
//!
//! What has to be looked at is found in the catalogue of the database, so that a new table or column cannot be forgotten.

use crate::support::{TestApp, instant};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bytea, Integer, Text};
use insta::assert_json_snapshot;
use rollcall::audience::audit::forget_before;
use rollcall::audience::gaps;
use rollcall::audience::runs;
use rollcall::changes::{forget_changes, settle};
use rollcall::follow::follow_touches;
use rollcall::import::{
    FileOptions, SubscriberImport, ask_to_undo, import_subscribers, undo_asked,
};
use serde_json::json;

const NOW: &str = "2026-03-01T09:30:00Z";
const EMAIL: &str = "zuzana.traceable@example.com";
/// An id that nothing else has.
const ID: i64 = 48_611;
/// Everything that only this person has, in the order of no importance.
const MARKS: [&str; 8] = [
    "zuzana.traceable",
    "Zuzanamark",
    "Tracemark",
    "+4207654321",
    "Citymark",
    "Planmark",
    "Propertymark",
    "Dedupemark",
];

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    data_type: String,
}

/// Lists every column of every table.
fn columns(app: &TestApp) -> Vec<Column> {
    diesel::sql_query(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text FROM information_schema.columns c \
         JOIN information_schema.tables t USING (table_schema, table_name) \
         WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> '__diesel_schema_migrations' \
         ORDER BY 1, 2",
    )
    .load(&mut app.database.connect())
    .expect("the catalogue can be read")
}

/// Finds every place where something of the person is.
fn traces(app: &TestApp) -> Vec<String> {
    let mut found = Vec::new();
    for column in columns(app) {
        let Column {
            table_name,
            column_name,
            data_type,
        } = &column;
        let place = format!("{table_name}.{column_name}");
        let is_there = match data_type.as_str() {
            "text" | "jsonb" | "json" | "character varying" | "ARRAY" | "name" => {
                let marks = MARKS.map(|mark| {
                    format!("strpos(lower(\"{column_name}\"::text), lower('{mark}')) > 0")
                });
                let id = format!("\"{column_name}\"::text ~ '(^|[^0-9.])0*{ID}([^0-9]|$)'");
                count(app, table_name, &format!("{} OR {id}", marks.join(" OR ")))
            }
            // From this id to last_id, where no list says otherwise.
            "bigint" if column_name == "first_id" => count(
                app,
                table_name,
                &format!(
                    "{ID} IN (first_id, last_id) OR ids IS NULL AND {ID} BETWEEN first_id AND last_id"
                ),
            ),
            "bigint" | "integer" | "smallint" | "numeric" => {
                count(app, table_name, &format!("\"{column_name}\" = {ID}"))
            }
            "bytea" => count_in_bytes(app, &place),
            // What has no room for a name or an id.
            "boolean" | "date" | "timestamp with time zone" | "double precision" => continue,
            other => panic!("{place} is of type {other}: tell this test how to look into it"),
        };
        if is_there > 0 {
            found.push(place);
        }
    }
    found
}

fn count(app: &TestApp, table: &str, condition: &str) -> i64 {
    let count = app.database.ask(&format!(
        "SELECT count(*) FROM \"{table}\" WHERE {condition}"
    ));
    count.parse().expect("a number")
}

/// Looks into bytes, of which the form is known for each column.
fn count_in_bytes(app: &TestApp, place: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        number: i32,
        #[diesel(sql_type = Bytea)]
        bytes: Vec<u8>,
    }
    let load = |sql: &str| -> Vec<Row> {
        diesel::sql_query(sql)
            .load(&mut app.database.connect())
            .expect("the bytes can be read")
    };
    let holds = |row: &Row| match place {
        "segment_blocks.members" | "bulk_action_people.members" => {
            let bit = (ID & 8_191) as usize;
            i64::from(row.number) == ID >> 13 && row.bytes[bit / 8] & (1 << (bit % 8)) != 0
        }
        // Places after the first id, which stands there itself too.
        "changes.ids" => {
            let places = gaps::decode(&row.bytes).expect("a change");
            let ids = places
                .iter()
                .map(|place| i64::from(row.number) + i64::from(*place));
            ids.into_iter().any(|id| id == ID)
        }
        "import_batches.created" | "import_batches.people" | "import_additions.added" => {
            runs::decode(&row.bytes).expect("runs").contains(&ID)
        }
        _ => {
            let first = i64::from(row.number) * 131_072;
            let places = gaps::decode(&row.bytes).expect("a change");
            places.iter().any(|place| first + i64::from(*place) == ID)
        }
    };
    let rows = match place {
        "segment_blocks.members" => {
            load("SELECT block AS number, members AS bytes FROM segment_blocks")
        }
        "bulk_action_people.members" => {
            load("SELECT block AS number, members AS bytes FROM bulk_action_people")
        }
        "segment_deletions.deleted" => {
            load("SELECT chunk AS number, deleted AS bytes FROM segment_deletions")
        }
        "segment_changes.changed" => {
            load("SELECT chunk AS number, changed AS bytes FROM segment_changes")
        }
        "import_batches.created" => load(
            "SELECT number, created AS bytes FROM import_batches b JOIN imports i ON i.id = b.import_id \
             WHERE i.kind = 'subscribers'",
        ),
        "import_batches.people" => {
            load("SELECT number, people AS bytes FROM import_batches WHERE people IS NOT NULL")
        }
        "import_additions.added" => load("SELECT number, added AS bytes FROM import_additions"),
        "changes.ids" => load(
            "SELECT first_id::integer AS number, ids AS bytes FROM changes WHERE ids IS NOT NULL",
        ),
        // Hashes, of what nobody can tell.
        "api_keys.sha256"
        | "erased_subscribers.hash"
        | "import_suppressions.address_hash"
        | "sessions.sha256"
        | "suppression_key.inner_key"
        | "suppression_key.outer_key"
        | "suppressions.address_hash" => return 0,
        _ => panic!("{place} holds bytes: tell this test how to look into them"),
    };
    rows.iter().filter(|row| holds(row)).count() as i64
}

/// Imports the person twice: once as somebody new, once changed, added to a group and spoken of in a problem.
fn import(app: &TestApp) {
    let files = [
        format!("email,city\n{EMAIL},Citymark\n"),
        format!(
            "email,first_name,last_name,phone,country,plan\n{EMAIL},x,,,,\n{EMAIL},Zuzanamark,Tracemark,+4207654321,CZ,Planmark\n"
        ),
    ];
    for (minute, (file, group)) in (0..).zip(files.iter().zip([None, Some("imported")])) {
        let options = SubscriberImport {
            groups: group.map(str::to_owned).into_iter().collect(),
            create_groups: true,
            ..SubscriberImport::default()
        };
        let now = app.app.now() + chrono::Duration::minutes(minute);
        let report = import_subscribers(app.db(), file.as_bytes(), &options, now, |_| {});
        assert_eq!(report.expect("an import").refused, 0);
    }
}

/// An import that fails because the person's row is taken for a header, and one that is not undone because the person
/// was edited since.
fn import_in_vain(app: &TestApp) {
    let options = SubscriberImport {
        file: FileOptions {
            header: Some(true),
            ..FileOptions::default()
        },
        ..SubscriberImport::default()
    };
    // The error shows the beginning of it.
    let file = format!("Zuzanamark,{},{EMAIL}\n", "x".repeat(100));
    let now = app.app.now();
    import_subscribers(app.db(), file.as_bytes(), &options, now, |_| {}).expect_err("no header");
    app.db()
        .run_here(|connection| ask_to_undo(connection, 2, now))
        .expect("it can be asked for");
    let undone = undo_asked(app.db(), 2, now);
    undone.expect_err("the person was edited since");
}

/// The id by which the API knows the person.
fn to_global(app: &TestApp) -> String {
    let found = app.query(
        "query ($email: String!) { subscriber(email: $email) { id } }",
        json!({ "email": EMAIL }),
    );
    found["subscriber"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

/// Somebody of whom there is something everywhere.
fn app_with_person() -> (TestApp, String) {
    let app = TestApp::at(NOW);
    app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    app.subscriber("other@example.com", json!({ "country": "CZ" }));
    app.database.execute(&format!(
        "SELECT setval(pg_get_serial_sequence('subscribers', 'id'), {})",
        ID - 1
    ));
    import(&app);
    assert_eq!(
        app.database
            .ask(&format!("SELECT email FROM subscribers WHERE id = {ID}")),
        EMAIL
    );
    app.group("staff", &[EMAIL, "other@example.com"]);
    app.mutate(
        "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { userErrors { message } } }",
        json!({ "event": {
            "email": EMAIL, "name": "purchase", "occurredAt": "2026-02-01T10:00:00Z", "value": 12.5, "dedupeKey": "Dedupemark-1",
            "properties": { "note": "Propertymark" },
        }}),
    );
    app.segment(
        "czech",
        json!({"text": {"field": "country", "is": {"equals": "CZ"}}}),
    );
    app.mutate(
        "mutation ($rule: JSON!) { createSegment(input: {key: \"at-once\", mode: INSTANT, ruleJson: $rule}) { userErrors { message } } }",
        json!({ "rule": {"text": {"field": "city", "is": {"equals": "Brno"}}} }),
    );
    app.refresh();
    // Leaves and joins again, in refreshes and between them, so that the past has traces of both kinds.
    for (day, country, city) in [(2, "SK", "Brno"), (3, "CZ", "Citymark")] {
        app.set_time(&format!("2026-03-0{day}T09:30:00Z"));
        app.subscriber(EMAIL, json!({ "country": country, "city": city }));
        follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
        app.refresh();
    }
    app.mutate(
        "mutation { copySegmentToGroup(input: {segment: \"czech\", group: \"copied\", createGroup: true}) { userErrors { message } } }",
        json!({}),
    );
    import_in_vain(&app);
    app.database.execute(&format!(
        "INSERT INTO bulk_actions (state, people, change, created_at, started_at) VALUES ('succeeded', '{{\"group\": \"staff\"}}', \
         '{{\"setField\": {{\"field\": \"city\", \"value\": \"Brno\"}}}}', '2026-03-03T09:30:00Z', '2026-03-03T09:30:00Z'); \
         INSERT INTO bulk_action_changes SELECT id, {ID}, '{{\"city\": \"Citymark\"}}' FROM bulk_actions"
    ));
    let id = to_global(&app);
    (app, id)
}

#[test]
fn a_deleted_person_leaves_no_trace_in_any_table() {
    let (app, id) = app_with_person();
    // Some of the log has its order by then, and some has not.
    app.db().run_here(settle).expect("changes get their order");
    let in_order = traces(&app);
    assert!(
        in_order.iter().any(|place| place == "changes.ids"),
        "{in_order:?}"
    );
    app.subscriber(EMAIL, json!({ "city": "Citymark" }));
    app.subscriber(
        EMAIL,
        json!({ "firstName": "Zuzanamark", "language": "cs" }),
    );
    let before = traces(&app);
    for place in [
        "events.dedupe_key",
        "events.properties",
        "event_totals.subscriber_id",
        "group_memberships.subscriber_id",
        "import_additions.added",
        "import_batches.created",
        "import_changes.after",
        "import_changes.before",
        "import_problems.value",
        "imports.error",
        "imports.form",
        "imports.undo_error",
        "instant_changes.subscriber_id",
        "segment_blocks.members",
        "segment_changes.changed",
        "subscribers.custom",
        "subscribers.email",
        "touches.subscriber_id",
        "waiting_changes.first_id",
    ] {
        assert!(
            before.iter().any(|found| found == place),
            "{place} is not among {before:?}"
        );
    }
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
    // The bare id is kept for as long as changes of segments and the audit log are, and says nothing about anybody.
    let bare = [
        "audit_log.subscriber_ids",
        "audit_log.target_id",
        "changes.first_id",
        "changes.last_id",
        "instant_changes.subscriber_id",
        "segment_changes.changed",
        "segment_deletions.deleted",
        "subscriber_deletions.subscriber_id",
    ];
    let meanwhile = traces(&app);
    let is_bare = |place: &String| {
        bare.contains(&place.as_str())
            || place == "touches.subscriber_id"
            || place.starts_with("waiting_changes.")
            || place.starts_with("changes.")
    };
    assert!(meanwhile.iter().all(is_bare), "{meanwhile:?}");
    app.set_time("2026-03-04T09:30:00Z");
    follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
    app.refresh();
    follow_touches(app.db(), &app.app.refresh).expect("changes are followed");
    // Servers do so every few seconds.
    app.db().run_here(settle).expect("changes get their order");
    assert_eq!(traces(&app), bare);
    let kinds = format!("SELECT string_agg(kind, ', ') FROM changes WHERE first_id = {ID}");
    assert_eq!(app.database.ask(&kinds), "subscriber_deleted");
    // The others are as they were, also in the past.
    assert_eq!(app.members("czech"), ["other@example.com"]);
    let data = app.query(
        "query ($at: DateTime!) { segment(key: \"czech\") { memberCount(asOf: $at) members(asOf: $at) { totalCount } } \
         group(key: \"copied\") { memberCount } }",
        json!({ "at": instant("2026-03-01T10:00:00Z") }),
    );
    assert_eq!(
        data,
        json!({ "segment": { "memberCount": 2, "members": { "totalCount": 1 } }, "group": { "memberCount": 1 } })
    );
    // With the changes their ids go.
    let later = instant("2026-03-05T09:30:00Z");
    app.set_time("2026-03-05T09:30:00Z");
    app.refresh();
    let folded = app.db().run_here(|connection| {
        let before = later + chrono::Duration::days(1);
        forget_before(connection, before, later)?;
        forget_changes(connection, before)
    });
    folded.expect("a fold");
    assert_eq!(traces(&app), Vec::<String>::new());
}

#[test]
fn a_person_is_told_everything() {
    let (app, _) = app_with_person();
    let document = app.query(
        "query ($email: String!) { subscriber(email: $email) { personalData } }",
        json!({ "email": EMAIL }),
    );
    let document = &document["subscriber"]["personalData"];
    assert_json_snapshot!(document, @r#"
    {
      "subscriber": {
        "email": "zuzana.traceable@example.com",
        "status": "SUBSCRIBED",
        "firstName": "Zuzanamark",
        "lastName": "Tracemark",
        "phone": "+4207654321",
        "country": "CZ",
        "region": null,
        "city": "Citymark",
        "postalCode": null,
        "latitude": null,
        "longitude": null,
        "language": null,
        "timezone": null,
        "birthday": null,
        "source": null,
        "customFields": {
          "plan": "Planmark"
        },
        "createdAt": "2026-03-01T09:30:00Z",
        "updatedAt": "2026-03-03T09:30:00Z",
        "subscribedAt": "2026-03-01T09:30:00Z",
        "unsubscribedAt": null
      },
      "statusHistory": [],
      "groups": [
        {
          "key": "copied",
          "name": "copied",
          "addedAt": "2026-03-03T09:30:00Z",
          "source": "segment:czech"
        },
        {
          "key": "imported",
          "name": "imported",
          "addedAt": "2026-03-01T09:31:00Z",
          "source": "import"
        },
        {
          "key": "staff",
          "name": "staff",
          "addedAt": "2026-03-01T09:30:00Z",
          "source": "api"
        }
      ],
      "segments": [
        {
          "key": "czech",
          "name": "czech",
          "joinedAt": "2026-03-03T09:30:00Z"
        }
      ],
      "history": [
        {
          "at": "2026-03-03T09:30:00Z",
          "direction": "JOINED",
          "segment": "czech"
        },
        {
          "at": "2026-03-03T09:30:00Z",
          "direction": "LEFT",
          "segment": "at-once"
        },
        {
          "at": "2026-03-02T09:30:00Z",
          "direction": "LEFT",
          "segment": "czech"
        },
        {
          "at": "2026-03-02T09:30:00Z",
          "direction": "JOINED",
          "segment": "at-once"
        },
        {
          "at": "2026-03-01T09:30:00Z",
          "direction": "JOINED",
          "segment": "czech"
        }
      ],
      "eventTotals": [
        {
          "name": "purchase",
          "count": 1,
          "valueSum": 12.5,
          "firstAt": "2026-02-01T10:00:00Z",
          "lastAt": "2026-02-01T10:00:00Z"
        }
      ],
      "events": [
        {
          "name": "purchase",
          "occurredAt": "2026-02-01T10:00:00Z",
          "value": 12.5,
          "properties": {
            "note": "Propertymark"
          },
          "dedupeKey": "Dedupemark-1"
        }
      ],
      "imports": [
        {
          "file": "",
          "at": "2026-03-01T09:31:00Z",
          "before": {
            "id": 48611,
            "city": "Citymark",
            "email": "zuzana.traceable@example.com",
            "phone": null,
            "custom": {},
            "region": null,
            "source": null,
            "status": "subscribed",
            "country": null,
            "birthday": null,
            "language": null,
            "latitude": null,
            "timezone": null,
            "last_name": null,
            "longitude": null,
            "created_at": "2026-03-01T09:30:00+00:00",
            "first_name": null,
            "updated_at": "2026-03-01T09:30:00+00:00",
            "postal_code": null,
            "subscribed_at": "2026-03-01T09:30:00+00:00",
            "unsubscribed_at": null
          },
          "after": {
            "id": 48611,
            "city": "Citymark",
            "email": "zuzana.traceable@example.com",
            "phone": "+4207654321",
            "custom": {
              "plan": "Planmark"
            },
            "region": null,
            "source": null,
            "status": "subscribed",
            "country": "CZ",
            "birthday": null,
            "language": null,
            "latitude": null,
            "timezone": null,
            "last_name": "Tracemark",
            "longitude": null,
            "created_at": "2026-03-01T09:30:00+00:00",
            "first_name": "Zuzanamark",
            "updated_at": "2026-03-01T09:31:00+00:00",
            "postal_code": null,
            "subscribed_at": "2026-03-01T09:30:00+00:00",
            "unsubscribed_at": null
          }
        }
      ],
      "bulkActions": [
        {
          "source": "bulk 1",
          "change": {
            "setField": {
              "field": "city",
              "value": "Brno"
            }
          },
          "at": "2026-03-03T09:30:00Z",
          "before": {
            "city": "Citymark"
          }
        }
      ]
    }
    "#);
    for mark in MARKS {
        assert!(document.to_string().contains(mark), "{mark}");
    }
    // The same by another way.
    let told = app.person(" Zuzana.Traceable@example.com ");
    assert_eq!(&told.expect("the person is known"), document);
}

#[test]
fn every_column_about_a_person_is_in_what_they_are_told() {
    let (app, _) = app_with_person();
    let document = app.person(EMAIL).expect("the person is known");
    let told = document["subscriber"].as_object().expect("an object");
    for column in columns(&app)
        .iter()
        .filter(|column| column.table_name == "subscribers")
    {
        let mut name = String::new();
        for (place, part) in column.column_name.split('_').enumerate() {
            let (first, rest) = part.split_at(1);
            name += &if place == 0 {
                part.to_owned()
            } else {
                first.to_uppercase() + rest
            };
        }
        let name = match name.as_str() {
            // A name and a counter of the row: nothing about the person.
            "id" | "version" => continue,
            "custom" => "customFields",
            name => name,
        };
        assert!(told.contains_key(name), "{name} is not in {document}");
    }
}

#[test]
fn many_people_with_many_events_are_not_told_at_once() {
    let app = TestApp::at(NOW);
    app.subscriber("busy@example.com", json!({}));
    app.subscriber("idle@example.com", json!({}));
    app.database.execute(
        "INSERT INTO events (subscriber_id, name, occurred_at) SELECT 1, 'visit', now() FROM generate_series(1, 10001); \
         INSERT INTO event_totals VALUES (1, 'visit', 10001, 0, now(), now())",
    );
    let ask = |email: &str| {
        app.respond(
            "query ($email: String!) { subscriber(email: $email) { personalData } }",
            json!({ "email": email }),
        )
    };
    let refused = ask("busy@example.com");
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        json!("BAD_USER_INPUT"),
        "{refused}"
    );
    assert_eq!(ask("idle@example.com").get("errors"), None);
    let whole = app.person("busy@example.com").expect("a document");
    assert_eq!(whole["events"].as_array().map(Vec::len), Some(10_001));
}

/// The id is not looked for where it could be a part of another number.
#[test]
fn the_search_finds_what_is_there() {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let app = TestApp::at(NOW);
    app.database.execute(&format!(
        "INSERT INTO segments (key, name, rule, created_at, updated_at) VALUES ('a', 'about {ID}', '{{\"deep\": [\"Zuzanamark\"]}}', now(), now())"
    ));
    assert_eq!(traces(&app), ["segments.name", "segments.rule"]);
    let found: Found = diesel::sql_query("SELECT count(*) AS count FROM segments")
        .get_result(&mut app.database.connect())
        .expect("a count");
    assert_eq!(found.count, 1);
}
