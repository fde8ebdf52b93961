//! What the old program does before its database is dumped: some of everything that it keeps.

use crate::support::{Server, eventually};
use serde_json::{Value, json};

/// Sends a document that must succeed, without user errors, and returns its data.
#[track_caller]
pub fn ask(server: &Server, document: &str, variables: Value) -> Value {
    let (status, mut body) = server.post(document, variables);
    assert!(
        status == 200 && body.get("errors").is_none(),
        "{document}: {body}"
    );
    let payloads = body["data"].as_object().expect("data").values();
    for payload in payloads {
        let problems = &payload["userErrors"];
        assert!(
            problems.as_array().is_none_or(Vec::is_empty),
            "{document}: {problems}"
        );
    }
    body["data"].take()
}

/// Runs one mutation.
#[track_caller]
fn change(server: &Server, name: &str, input_type: &str, input: Value) {
    let document = format!(
        "mutation ($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ message path }} }} }}"
    );
    ask(server, &document, json!({ "input": input }));
}

fn refresh(server: &Server) {
    // The server itself refreshes new segments; only one refresh runs at a time.
    eventually("a refresh has run", || {
        let document = "mutation { refreshSegments(input: {}) { userErrors { message } } }";
        server.post(document, Value::Null).1["data"]["refreshSegments"]["userErrors"] == json!([])
    });
    eventually("all segments are ready", || {
        let found = ask(
            server,
            "{ segments(first: 50) { nodes { state } } }",
            Value::Null,
        );
        let nodes = found["segments"]["nodes"].as_array().expect("a list");
        nodes.iter().all(|node| node["state"] == "READY")
    });
}

/// Fills the database of the demo with more.
pub fn fill(server: &Server) {
    make_people(server);
    make_segments(server);
    refresh(server);
    change_people(server);
    refresh(server);
    import(server);
    act_on_many(server);
    change(
        server,
        "updateSettings",
        "UpdateSettingsInput",
        json!({"keepChanges": 500, "refreshAt": "04:30"}),
    );
    refresh(server);
}

fn email(number: usize) -> String {
    format!("p{number}@example.com")
}

fn make_people(server: &Server) {
    let types = [
        "visits NUMBER",
        "vip BOOLEAN",
        "renewal DATE",
        "seen DATETIME",
        "tastes LIST",
        "nick TEXT",
    ];
    for field in types {
        let (key, kind) = field.split_once(' ').expect("two words");
        change(
            server,
            "createCustomField",
            "CreateCustomFieldInput",
            json!({"key": key, "type": kind}),
        );
    }
    change(
        server,
        "createGroup",
        "CreateGroupInput",
        json!({"key": "staff", "name": "Staff", "description": "Who works here", "tags": ["inner", "Ačiū"]}),
    );
    let countries = ["LT", "LV", "EE", "DE", "US"];
    let people = (0..240).map(|number| {
        json!({
            "email": email(number),
            "values": {
                "firstName": (["Ona", "Jonas", "Žydrūnė", "李", "O'Hara"][number % 5]),
                "lastName": format!("Number {number}"),
                "country": (countries[number % 5]),
                "city": (["Vilnius", "Rīga", "Tartu", "Köln", "Boston"][number % 5]),
                "language": (["lt", "lv", "et", "de", "en-US"][number % 5]),
                "timezone": "Europe/Vilnius",
                "birthday": format!("19{}-02-{:02}", 40 + number % 50, 1 + number % 28),
                "phone": format!("+370600{number:05}"),
                "position": {"latitude": 54.6872 + number as f64 / 100.0, "longitude": 25.2797},
                "status": if number % 15 == 5 { "PENDING" } else { "SUBSCRIBED" },
                "customFields": {
                    "visits": number as f64 + 0.25, "vip": number % 7 == 0, "renewal": "1999-01-31",
                    "seen": "1998-06-30T10:00:00Z", "nick": format!("n{}", number % 3),
                    "tastes": (["jazz", "rock", "folk"][..number % 4]),
                },
            },
            "groups": {"add": if number % 6 == 0 { vec!["staff"] } else { vec![] }},
        })
    });
    let people: Vec<Value> = people.collect();
    change(
        server,
        "upsertSubscribers",
        "UpsertSubscribersInput",
        json!({ "subscribers": people }),
    );
    let events = (0..300).map(|number| {
        json!({
            "email": email(number % 100),
            "name": (["visit", "purchase"][number % 2]),
            "occurredAt": format!("1998-06-{:02}T10:00:00.5Z", 1 + number % 28),
            "value": (number as f64 + 0.123456),
            "dedupeKey": format!("e{number}"),
            "properties": {"page": (["/start", "/shop", "/help"][number % 3]), "genre": (["rock", "jazz"][number % 2]), "pieces": number % 4},
        })
    });
    let events: Vec<Value> = events.collect();
    change(
        server,
        "recordEvents",
        "RecordEventsInput",
        json!({ "events": events }),
    );
    for number in [4, 24] {
        change(
            server,
            "upsertSubscriber",
            "UpsertSubscriberInput",
            json!({"email": email(number), "values": {"status": "UNSUBSCRIBED"}}),
        );
    }
    change(
        server,
        "upsertSubscriber",
        "UpsertSubscriberInput",
        json!({"email": email(4), "values": {"status": "SUBSCRIBED"}, "consent": {"reason": "asked by phone", "source": "desk"}}),
    );
}

fn make_segments(server: &Server) {
    let lithuanian = json!({"all": [
        {"text": {"field": "country", "is": {"equals": "LT"}}}, {"status": {"in": ["SUBSCRIBED"]}},
    ]});
    let segments = [
        ("lt", "DAILY", lithuanian),
        (
            "now",
            "INSTANT",
            json!({"text": {"field": "country", "is": {"equals": "LV"}}}),
        ),
        (
            "near",
            "INSTANT",
            json!({"location": {"within": {"latitude": 55.0, "longitude": 25.3, "radiusKm": 60.0}}}),
        ),
        (
            "tasteful",
            "DAILY",
            json!({"all": [
                {"list": {"field": "custom.tastes", "is": {"containsAny": ["jazz"]}}},
                {"not": {"group": {"inAny": ["staff"]}}},
                {"not": {"segment": {"inAny": ["lt"]}}},
                {"date": {"field": "custom.renewal", "is": {"after": "1998-12-31"}}},
                {"text": {"field": "custom.nick", "is": {"in": ["n1", "n2"]}}},
            ]}),
        ),
        (
            "buyers-of-rock",
            "DAILY",
            json!({"event": {
                "name": "purchase", "where": [{"text": {"property": "genre", "is": {"equals": "jazz"}}}],
                "of": "pieces", "sum": {"atLeast": 2},
            }}),
        ),
        (
            "moved",
            "DAILY",
            json!({"any": [
                {"segment": {"inAny": ["lt"], "ever": true}}, {"random": {"fromPercent": 0, "toPercent": 10, "salt": "m"}},
            ]}),
        ),
        (
            "quiet",
            "DAILY",
            json!({"not": {"event": {"name": "purchase", "inTheLast": {"amount": 300, "unit": "DAY"}}}}),
        ),
    ];
    for (key, mode, rule) in segments {
        change(
            server,
            "createSegment",
            "CreateSegmentInput",
            json!({"key": key, "mode": mode, "ruleJson": rule, "tags": [format!("tag {mode}")], "description": format!("Of {key}")}),
        );
    }
}

fn id_of(server: &Server, document: &str) -> Value {
    let found = ask(server, document, Value::Null);
    let of = found.as_object().and_then(|data| data.values().next());
    of.expect("a field")["id"].clone()
}

fn change_people(server: &Server) {
    for number in (0..60).step_by(4) {
        let country = ["LV", "LT", "EE"][number % 3];
        change(
            server,
            "upsertSubscriber",
            "UpsertSubscriberInput",
            json!({"email": email(number), "values": {"country": country}}),
        );
    }
    let former = id_of(server, "{ subscriber(email: \"p30@example.com\") { id } }");
    change(
        server,
        "deleteSubscriber",
        "DeleteSubscriberInput",
        json!({ "id": former }),
    );
    let segment = id_of(server, "{ segment(key: \"quiet\") { id } }");
    let rule = json!({"not": {"event": {"name": "purchase", "inTheLast": {"amount": 400, "unit": "DAY"}}}});
    change(
        server,
        "updateSegment",
        "UpdateSegmentInput",
        json!({"id": segment, "name": "Quiet ones", "ruleJson": rule}),
    );
    refresh(server);
    let big = id_of(server, "{ segment(key: \"big-spenders\") { id } }");
    change(
        server,
        "updateSegment",
        "UpdateSegmentInput",
        json!({"id": big, "archived": true}),
    );
    change(
        server,
        "removeFromGroup",
        "RemoveFromGroupInput",
        json!({"group": "staff", "emails": ["p0@example.com"]}),
    );
}

/// Imports three files and undoes one of them.
fn import(server: &Server) {
    let people =
        (0..300).map(|number| format!("fair{number}@example.com,Fair {number},PL,{number}\n"));
    let people = people.chain(["not an address,x,PL,1\n".to_owned()]);
    let file = format!(
        "email,first_name,country,visits\n{}",
        people.collect::<String>()
    );
    let options = json!({"kind": "SUBSCRIBERS", "fileName": "fair.csv", "groups": ["fair"], "createGroups": true});
    upload(server, options, &file);
    let undone = upload(
        server,
        json!({"kind": "SUBSCRIBERS", "fileName": "mistake.csv"}),
        "email,city\nfair1@example.com,Nowhere\n",
    );
    change(
        server,
        "undoImport",
        "ImportIdInput",
        json!({ "id": undone }),
    );
    let events = (0..120)
        .map(|number| format!("fair{number}@example.com,visit,1998-06-30T08:00:00Z,{number}\n"));
    let file = format!(
        "email,event,occurred_at,value\n{}",
        events.collect::<String>()
    );
    upload(
        server,
        json!({"kind": "EVENTS", "fileName": "visits.csv"}),
        &file,
    );
}

fn upload(server: &Server, options: Value, file: &str) -> Value {
    let document = "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id uploadUrl } userErrors { message } } }";
    let made = ask(server, document, json!({ "input": options }))["createImport"]["import"].take();
    let path = made["uploadUrl"].as_str().expect("a path");
    let put = ureq::put(format!("http://{}{path}", server.address)).send(file);
    put.expect("the file is taken");
    let asked = "query ($id: ID!) { import(id: $id) { state error } }";
    eventually("the import has ended", || {
        let found = ask(server, asked, json!({"id": made["id"]}));
        assert_ne!(found["import"]["state"], "FAILED", "{found}");
        found["import"]["state"] == "SUCCEEDED"
    });
    made["id"].clone()
}

/// Runs three bulk actions and undoes one of them.
fn act_on_many(server: &Server) {
    let estonian = json!({"text": {"field": "country", "is": {"equals": "EE"}}});
    let actions = [
        json!({"setField": {"field": "region", "value": "Tartu"}}),
        json!({"addToGroup": "staff"}),
        json!({"setField": {"field": "custom.vip", "value": true}}),
    ];
    for (number, action) in actions.into_iter().enumerate() {
        let document = "mutation ($input: CreateBulkActionInput!) { createBulkAction(input: $input) { bulkAction { id } userErrors { message } } }";
        let input = json!({"ruleJson": estonian, "action": action});
        let made = ask(server, document, json!({ "input": input }))["createBulkAction"]["bulkAction"]["id"].take();
        let is_now = |state: &str| {
            let found = ask(
                server,
                "query ($id: ID!) { node(id: $id) { ... on BulkAction { state } } }",
                json!({ "id": made }),
            );
            found["node"]["state"] == state
        };
        eventually("the action has ended", || is_now("SUCCEEDED"));
        if number == 2 {
            change(
                server,
                "undoBulkAction",
                "BulkActionIdInput",
                json!({ "id": made }),
            );
            eventually("the action is undone", || is_now("UNDONE"));
        }
    }
}

/// Makes two API keys and revokes one of them; the secret of the other is returned.
pub fn make_keys(server: &Server) -> String {
    let document = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret userErrors { message } } }";
    let input = json!({"name": "shop", "scopes": ["ADMIN"]});
    let made = ask(server, document, json!({ "input": input }))["createApiKey"].take();
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let key = format!("Bearer {secret}");
    let other = server.post_as(
        &[("authorization", &key)],
        document,
        json!({"input": {"name": "former", "scopes": ["READ"]}}),
    );
    let id = &other.body()["data"]["createApiKey"]["apiKey"]["id"];
    let revoke =
        "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { userErrors { message } } }";
    let revoked = server.post_as(&[("authorization", &key)], revoke, json!({ "id": id }));
    assert_eq!(
        revoked.body()["data"]["revokeApiKey"]["userErrors"],
        json!([])
    );
    secret
}
