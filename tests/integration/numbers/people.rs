//! Custom fields and positions: by file and by API, and back by API, export, personal data, explanations, suggestions and
//! the undoing of an import.

use super::{COUNT, NOW, ask, assert_same, assert_same_file, bits, doubles, name, read, write};
use crate::support::TestApp;
use rollcall::export::{Content, ExportRequest, Format, prepare};
use rollcall::import::{
    ImportOptions, SubscriberImport, create, get, import_subscribers, try_run, undo,
};
use rollcall::rule::CustomType;
use serde_json::{Value, json};
use std::collections::HashSet;

const LATER: &str = "2026-03-02T09:30:00Z";

/// How many custom fields there are.
const FIELDS: usize = 50;
/// How many there are where each person costs a request.
const WIDE: usize = 250;
/// How many people, so that each has as many numbers as there are fields.
const PEOPLE: usize = COUNT / FIELDS;

fn email(number: usize) -> String {
    format!("p{number}@example.com")
}

fn options() -> SubscriberImport {
    SubscriberImport {
        fields: (0..FIELDS)
            .map(|field| (name(field), CustomType::Number))
            .collect(),
        ..SubscriberImport::default()
    }
}

/// A file in which each person has the next numbers.
fn file(doubles: &[f64]) -> String {
    let names: Vec<String> = (0..FIELDS).map(name).collect();
    let mut csv = format!("email,{}\n", names.join(","));
    for (number, numbers) in doubles.chunks(FIELDS).enumerate() {
        let cells = numbers.iter().enumerate();
        let cells: Vec<String> = cells.map(|(place, double)| write(place, *double)).collect();
        csv += &format!("{},{}\n", email(number), cells.join(","));
    }
    csv
}

fn export(app: &TestApp, format: Format) -> String {
    let request = ExportRequest {
        format,
        ..ExportRequest::of(Content::Subscribers)
    };
    let export = prepare(app.db(), &request, &app.app.refresh, &app.entry()).expect("an export");
    let mut file = Vec::new();
    export.write(&mut file, |_| {}).expect("it can be written");
    String::from_utf8(file).expect("UTF-8")
}

/// The numbers of an export as CSV, in the order of the file that was imported.
fn exported(csv: &str, prefix: &str) -> Vec<f64> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let places: Vec<usize> = (0..FIELDS)
        .map(|field| {
            let wanted = format!("{prefix}{}", name(field));
            let place = header.iter().position(|column| column == wanted);
            place.expect("a column")
        })
        .collect();
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.flat_map(|row| {
        let cells = places
            .iter()
            .map(|place| row[*place].parse().expect("a number"));
        cells.collect::<Vec<f64>>()
    })
    .collect()
}

/// The numbers of some people as the API gives them.
fn custom_numbers(person: &Value) -> [f64; WIDE] {
    let values = person["customFields"].as_array().expect("a list");
    let mut numbers = [f64::NAN; WIDE];
    for value in values {
        let key = value["key"].as_str().expect("a key");
        let place: usize = key[1..].parse().expect("a number");
        numbers[place] = read(&value["value"]);
    }
    numbers
}

/// Asks for something of all people, page by page.
fn ask_of_everybody(app: &TestApp, selection: &str) -> Vec<Value> {
    let document = format!(
        "query ($after: String) {{ subscribers(first: 100, after: $after) {{ nodes {{ {selection} }} \
         pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let (mut people, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = ask(app, &document, &json!({ "after": after }).to_string());
        let page = &data["subscribers"];
        people.extend(page["nodes"].as_array().expect("a list").iter().cloned());
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return people;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Makes sure that files have these numbers.
fn check_files(app: &TestApp, doubles: &[f64]) {
    let csv = export(app, Format::Csv);
    assert_same("CSV", exported(&csv, "custom."), doubles);
    let ndjson = export(app, Format::Ndjson);
    let people = ndjson
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let numbers = people.flat_map(|person| {
        let numbers = (0..FIELDS).map(|field| read(&person[format!("custom.{}", name(field))]));
        numbers.collect::<Vec<f64>>()
    });
    assert_same("NDJSON", numbers, doubles);
}

#[test]
fn numbers_of_a_file_come_back_everywhere() {
    let doubles = doubles();
    let app = TestApp::at(NOW);
    let (now, csv) = (app.clock.now(), file(&doubles));
    let report = import_subscribers(app.db(), csv.as_bytes(), &options(), now, |_| {});
    assert_eq!(report.expect("a report").created, PEOPLE as u64);
    check_files(&app, &doubles);

    // What is exported can be imported.
    let again = TestApp::at(NOW);
    let fields = (0..FIELDS).map(|field| (format!("custom.{}", name(field)), CustomType::Number));
    let with_prefix = SubscriberImport {
        fields: fields.collect(),
        ..SubscriberImport::default()
    };
    let first = export(&app, Format::Csv);
    let report = import_subscribers(again.db(), first.as_bytes(), &with_prefix, now, |_| {});
    assert_eq!(report.expect("a report").created, PEOPLE as u64);
    assert_same_file(&export(&again, Format::Csv), &first);

    check_explanations(&app, &doubles);
    check_suggestions(&app, &doubles);
    check_undoing(&app, &doubles);
}

/// An explanation shows the numbers that it has seen.
fn check_explanations(app: &TestApp, doubles: &[f64]) {
    let conditions: Vec<Value> = (0..FIELDS)
        .map(|field| {
            let field = format!("custom.{}", name(field));
            json!({ "number": { "field": field, "is": { "atLeast": 0.0 } } })
        })
        .collect();
    app.segment("numbers", json!({ "any": conditions }));
    let selection = "explain(segment: {key: \"numbers\"}) { nodes { isTrue seen } }";
    let people = ask_of_everybody(app, selection);
    let seen: Vec<(f64, bool)> = people
        .iter()
        .flat_map(|person| {
            let nodes = person["explain"]["nodes"].as_array().expect("a list");
            let leaves = nodes[1..].iter();
            leaves.map(|node| (read(&node["seen"]), node["isTrue"] == json!(true)))
        })
        .collect();
    assert_same(
        "explanations",
        seen.iter().map(|(number, _)| *number),
        doubles,
    );
    for ((_, is_true), double) in seen.iter().zip(doubles) {
        assert_eq!(*is_true, *double >= 0.0, "{double}");
    }
}

/// What is suggested are numbers that people have. A request answers with at most 250 values of a field, the most
/// frequent ones that begin with a text; these beginnings make it up to five times as many.
fn check_suggestions(app: &TestApp, doubles: &[f64]) {
    let document = "query ($prefix: String!) { ruleFields { name suggestedValues(prefix: $prefix, first: 250) { value } } }";
    for (prefix, least) in [("", 250), ("-", 150), ("1", 150), ("2", 50), ("9", 20)] {
        let data = ask(app, document, &json!({ "prefix": prefix }).to_string());
        let fields = data["ruleFields"].as_array().expect("a list");
        let mut checked = 0;
        for field in fields {
            let name = field["name"].as_str();
            let Some(number) = name.and_then(|name| name.strip_prefix("custom.n")) else {
                continue;
            };
            let number: usize = number.parse().expect("a number");
            let known = doubles.iter().skip(number).step_by(FIELDS);
            let known: HashSet<u64> = known.map(|double| bits(*double)).collect();
            let values = field["suggestedValues"].as_array().expect("a list");
            assert!(values.len() >= least, "{prefix:?}: {}", values.len());
            for value in values {
                let text = value["value"].as_str().expect("a text");
                assert!(text.starts_with(prefix), "{text}");
                assert!(known.contains(&bits(read(&value["value"]))), "{text}");
            }
            checked += 1;
        }
        assert_eq!(checked, FIELDS);
    }
}

/// The journal of an import has the numbers before and after it, and undoing gives the first ones back.
fn check_undoing(app: &TestApp, doubles: &[f64]) {
    let before = export(app, Format::Csv);
    app.set_time(LATER);
    let mut turned = doubles.to_vec();
    turned.rotate_left(FIELDS);
    let options = ImportOptions::Subscribers(options());
    let spooled = app.app.imports.spool.store(file(&turned).as_bytes());
    let spooled = spooled.expect("a spool");
    let now = app.clock.now();
    let made = app
        .db()
        .run_here(|connection| create(connection, &options, "numbers.csv", Some(&spooled), now));
    let id = made.expect("an import").id;
    try_run(app.db(), id, &app.app.imports, |_| {}).expect("it runs");
    let report = app.db().run_here(|connection| get(connection, id));
    assert_eq!(report.expect("an import").report().updated, PEOPLE as u64);
    assert_same(
        "a second file",
        exported(&export(app, Format::Csv), "custom."),
        &turned,
    );
    let people = ask_of_everybody(app, "personalData");
    let held = |path: &str| -> Vec<f64> {
        let numbers = people.iter().flat_map(|person| {
            let custom = person["personalData"].pointer(path).expect("an object");
            (0..FIELDS).map(|field| read(&custom[name(field)]))
        });
        numbers.collect()
    };
    assert_same("personal data", held("/subscriber/customFields"), &turned);
    assert_same(
        "before an import",
        held("/imports/0/before/custom"),
        doubles,
    );
    assert_same("after an import", held("/imports/0/after/custom"), &turned);
    undo(app.db(), id, app.clock.now()).expect("undone");
    assert_same_file(&export(app, Format::Csv), &before);
}

#[test]
fn numbers_of_the_api_come_back() {
    let doubles = doubles();
    let app = TestApp::at(NOW);
    let create = |field: usize| {
        format!(
            "f{field}: createCustomField(input: {{key: \"{}\", type: NUMBER}}) {{ userErrors {{ message }} }} ",
            name(field)
        )
    };
    for fields in (0..WIDE).collect::<Vec<usize>>().chunks(50) {
        let fields: String = fields.iter().map(|field| create(*field)).collect();
        ask(&app, &format!("mutation {{ {fields} }}"), "{}");
    }
    let people: Vec<(usize, &[f64])> = doubles.chunks(WIDE).enumerate().collect();
    for people in people.chunks(50) {
        let (mut document, mut variables) = ("mutation (".to_owned(), Vec::new());
        let mut fields = String::new();
        for (number, numbers) in people {
            document += &format!("$v{number}: SubscriberValuesInput! ");
            fields += &format!(
                "p{number}: upsertSubscriber(input: {{email: \"{}\", values: $v{number}}}) {{ userErrors {{ message path }} }} ",
                email(*number)
            );
            let values = numbers.iter().enumerate();
            let values: Vec<String> = values
                .map(|(place, double)| format!("\"{}\": {}", name(place), write(place, *double)))
                .collect();
            variables.push(format!(
                "\"v{number}\": {{\"customFields\": {{{}}}}}",
                values.join(", ")
            ));
        }
        let variables = format!("{{{}}}", variables.join(", "));
        let data = ask(&app, &format!("{document}) {{ {fields} }}"), &variables);
        for payload in data.as_object().expect("an object").values() {
            assert_eq!(payload["userErrors"], json!([]));
        }
    }
    let people = ask_of_everybody(&app, "customFields { key value }");
    assert_same("the API", people.iter().flat_map(custom_numbers), &doubles);
}

/// The doubles that can be degrees, all of them brought into their bounds.
fn degrees(doubles: &[f64]) -> Vec<f64> {
    doubles.iter().map(|double| double % 90.0).collect()
}

#[test]
fn positions_come_back_everywhere() {
    let degrees = degrees(&doubles());
    let app = TestApp::at(NOW);
    let mut csv = "email,latitude,longitude\n".to_owned();
    for (number, pair) in degrees.chunks(2).enumerate() {
        let (latitude, longitude) = (write(number, pair[0]), write(number + 1, pair[1]));
        csv += &format!("{},{latitude},{longitude}\n", email(number));
    }
    let options = SubscriberImport::default();
    let report = import_subscribers(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    assert_eq!(report.expect("a report").created, (COUNT / 2) as u64);
    let csv = export(&app, Format::Csv);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let place = |wanted| header.iter().position(|column| column == wanted);
    let (latitude, longitude) = (place("latitude").unwrap(), place("longitude").unwrap());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let found = rows
        .iter()
        .flat_map(|row| [&row[latitude], &row[longitude]])
        .map(|cell| cell.parse().expect("a number"));
    assert_same("positions in CSV", found, &degrees);
    let document = "query ($after: String) { subscribers(first: 250, after: $after) { nodes { latitude longitude } pageInfo { endCursor } } }";
    let (mut found, mut after) = (Vec::new(), Value::Null);
    while found.len() < degrees.len() {
        let data = ask(&app, document, &json!({ "after": after }).to_string());
        let page = &data["subscribers"];
        for person in page["nodes"].as_array().expect("a list") {
            found.extend([read(&person["latitude"]), read(&person["longitude"])]);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_same("positions in the API", found, &degrees);
}

/// The answer of a mutation has the position that was stored. Every position is a transaction of its own, so that these
/// are every twentieth double only (all of them with `ROLLCALL_NUMBERS=all`); the others go through the same type of the API in
/// `positions_in_rules_are_kept`, and through the same columns in `positions_come_back_everywhere`.
#[test]
fn positions_of_the_api_are_kept() {
    let step = match std::env::var("ROLLCALL_NUMBERS").as_deref() {
        Ok("all") => 1,
        _ => 20,
    };
    let degrees: Vec<f64> = degrees(&doubles()).into_iter().step_by(step).collect();
    let app = TestApp::at(NOW);
    for (batch, numbers) in degrees.chunks(200).enumerate() {
        let (mut declared, mut variables, mut fields) = (String::new(), Vec::new(), String::new());
        for (place, pair) in numbers.chunks(2).enumerate() {
            let (latitude, longitude) = (write(place, pair[0]), write(place + 1, pair[1]));
            // Half of them as literals, half as variables.
            let position = if place % 2 == 0 {
                format!("{{latitude: {latitude}, longitude: {longitude}}}")
            } else {
                declared += &format!("$v{place}: PositionInput! ");
                variables.push(format!(
                    "\"v{place}\": {{\"latitude\": {latitude}, \"longitude\": {longitude}}}"
                ));
                format!("$v{place}")
            };
            fields += &format!(
                "p{place}: upsertSubscriber(input: {{email: \"{}\", values: {{position: {position}}}}}) \
                 {{ subscriber {{ latitude longitude }} }} ",
                email(batch * 100 + place)
            );
        }
        let document = format!("mutation ({declared}) {{ {fields} }}");
        let data = ask(&app, &document, &format!("{{{}}}", variables.join(", ")));
        let found = (0..numbers.len() / 2).flat_map(|place| {
            let person = &data[format!("p{place}")]["subscriber"];
            [read(&person["latitude"]), read(&person["longitude"])]
        });
        assert_same("positions of mutations", found, numbers);
    }
}

/// All of them as literals and variables of the API, and back out of the stored rule.
#[test]
fn positions_in_rules_are_kept() {
    let degrees = degrees(&doubles());
    let app = TestApp::at(NOW);
    for (batch, numbers) in degrees.chunks(800).enumerate() {
        let nodes = numbers.chunks(2).enumerate().map(|(place, pair)| {
            let (latitude, longitude) = (write(place, pair[0]), write(place + 1, pair[1]));
            (latitude, longitude)
        });
        let is_literal = batch % 2 == 0;
        let quote = if is_literal { "" } else { "\"" };
        let nodes: Vec<String> = nodes
            .map(|(latitude, longitude)| {
                let key = |name: &str| format!("{quote}{name}{quote}");
                format!(
                    "{{{}: {{{}: {{{}: {latitude}, {}: {longitude}, {}: 1}}}}}}",
                    key("location"),
                    key("within"),
                    key("latitude"),
                    key("longitude"),
                    key("radiusKm")
                )
            })
            .collect();
        let rule = format!("{{{quote}any{quote}: [{}]}}", nodes.join(", "));
        let create = |rule: &str| {
            format!(
                "createSegment(input: {{key: \"s{batch}\", rule: {rule}}}) {{ segment {{ rule }} userErrors {{ message path }} }}"
            )
        };
        let data = if is_literal {
            ask(&app, &format!("mutation {{ {} }}", create(&rule)), "{}")
        } else {
            let document = format!("mutation ($rule: RuleInput!) {{ {} }}", create("$rule"));
            ask(&app, &document, &format!("{{\"rule\": {rule}}}"))
        };
        let payload = &data["createSegment"];
        assert_eq!(payload["userErrors"], json!([]));
        let stored = payload["segment"]["rule"]["any"].as_array();
        let found = stored.expect("a list").iter().flat_map(|node| {
            let within = &node["location"]["within"];
            [read(&within["latitude"]), read(&within["longitude"])]
        });
        assert_same("positions in rules", found, numbers);
    }
}
