//! Properties and values of events: by API and by file, and back by API, export and personal data.

use super::{COUNT, NOW, ask, assert_same, assert_same_file, doubles, name, read, write};
use crate::support::TestApp;
use rollcall::export::{Content, ExportRequest, Format, prepare};
use rollcall::graphql::Parameters;
use rollcall::import::{EventImport, ImportReport, import_events};
use serde_json::{Value, json};

/// How many numbers an event has.
const PROPERTIES: usize = 100;
const EVENTS: usize = COUNT / PROPERTIES;

const RECORD: &str = "mutation ($events: [EventInput!]!) { recordEvents(input: {events: $events}) { recordedCount userErrors { message path } } }";

/// An application with one subscriber.
fn app() -> TestApp {
    let app = TestApp::at(NOW);
    app.subscriber("ona@example.com", json!({}));
    app
}

fn export(app: &TestApp, format: Format, columns: Option<Vec<String>>) -> String {
    let request = ExportRequest {
        format,
        columns,
        ..ExportRequest::of(Content::Events)
    };
    let export = prepare(app.db(), &request, &app.app.refresh, &app.entry()).expect("an export");
    let mut file = Vec::new();
    export.write(&mut file, |_| {}).expect("it can be written");
    String::from_utf8(file).expect("UTF-8")
}

#[track_caller]
fn import(app: &TestApp, csv: &str) -> ImportReport {
    let options = EventImport::default();
    let report = import_events(app.db(), csv.as_bytes(), &options, app.clock.now(), |_| {});
    let report = report.expect("the file can be imported");
    assert_eq!((report.refused, &report.problems), (0, &Vec::new()));
    report
}

/// The numbers of one event, half of them in an object within the properties and in a list.
fn properties(numbers: &[f64]) -> String {
    let (plain, deep) = numbers.split_at(PROPERTIES / 2);
    let plain = plain.iter().enumerate();
    let plain: Vec<String> = plain
        .map(|(place, double)| format!("\"{}\": {}", name(place), write(place, *double)))
        .collect();
    let deep = deep.iter().enumerate();
    let deep: Vec<String> = deep.map(|(place, double)| write(place, *double)).collect();
    format!(
        "{{{}, \"deep\": {{\"list\": [{}]}}}}",
        plain.join(", "),
        deep.join(", ")
    )
}

/// The numbers of the properties of an event.
fn numbers_of(properties: &Value) -> Vec<f64> {
    let plain = (0..PROPERTIES / 2).map(|place| read(&properties[name(place)]));
    let deep = properties["deep"]["list"].as_array().expect("a list");
    plain.chain(deep.iter().map(read)).collect()
}

/// Makes sure that every way out gives these numbers.
fn check_ways_out(app: &TestApp, doubles: &[f64]) {
    let csv = export(app, Format::Csv, None);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    let numbers = rows.flat_map(|row| numbers_of(&serde_json::from_str(&row[5]).expect("JSON")));
    assert_same("events in CSV", numbers, doubles);
    let ndjson = export(app, Format::Ndjson, None);
    let lines = ndjson.lines().map(serde_json::from_str::<Value>);
    let numbers = lines.flat_map(|line| numbers_of(&line.expect("JSON")["properties"]));
    assert_same("events in NDJSON", numbers, doubles);

    let document = "query ($before: String) { subscriber(email: \"ona@example.com\") { events(last: 250, before: $before) { \
        nodes { properties } pageInfo { startCursor } } } }";
    let (mut pages, mut before) = (Vec::new(), Value::Null);
    while pages.len() < EVENTS {
        let data = ask(app, document, &json!({ "before": before }).to_string());
        let events = &data["subscriber"]["events"];
        let nodes = events["nodes"].as_array().expect("a list");
        pages.extend(nodes.iter().rev().cloned());
        before = events["pageInfo"]["startCursor"].clone();
    }
    let numbers = pages
        .iter()
        .flat_map(|event| numbers_of(&event["properties"]));
    assert_same("events in the API", numbers, doubles);

    let document = "{ subscriber(email: \"ona@example.com\") { personalData } }";
    let data = ask(app, document, "{}");
    let events = data["subscriber"]["personalData"]["events"]
        .as_array()
        .expect("a list");
    let events = events.iter().rev();
    let numbers = events.flat_map(|event| numbers_of(&event["properties"]));
    assert_same("personal data", numbers, doubles);
}

#[test]
fn properties_of_the_api_come_back_everywhere() {
    let doubles = doubles();
    let app = app();
    let events = doubles.chunks(PROPERTIES).map(|numbers| {
        let properties = properties(numbers);
        format!("{{\"email\": \"ona@example.com\", \"name\": \"n\", \"properties\": {properties}}}")
    });
    let events: Vec<String> = events.collect();
    let variables = format!("{{\"events\": [{}]}}", events.join(", "));
    let data = ask(&app, RECORD, &variables);
    assert_eq!(
        data["recordEvents"],
        json!({ "recordedCount": EVENTS, "userErrors": [] })
    );
    check_ways_out(&app, &doubles);

    // What is exported can be imported.
    let again = self::app();
    let first = export(&app, Format::Csv, None);
    assert_eq!(import(&again, &first).created, EVENTS as u64);
    assert_same_file(&export(&again, Format::Csv, None), &first);
    check_ways_out(&again, &doubles);
}

#[test]
fn columns_of_properties_come_back() {
    let doubles = doubles();
    let app = app();
    let columns: Vec<String> = (0..PROPERTIES)
        .map(|place| format!("properties.{}", name(place)))
        .collect();
    let mut csv = format!("email,event,occurred_at,{}\n", columns.join(","));
    for numbers in doubles.chunks(PROPERTIES) {
        let cells = numbers.iter().enumerate();
        let cells: Vec<String> = cells.map(|(place, double)| write(place, *double)).collect();
        csv += &format!("ona@example.com,n,{NOW},{}\n", cells.join(","));
    }
    assert_eq!(import(&app, &csv).created, EVENTS as u64);
    let ndjson = export(&app, Format::Ndjson, Some(columns.clone()));
    let lines = ndjson.lines().map(serde_json::from_str::<Value>);
    let numbers = lines.flat_map(|line| {
        let line = line.expect("JSON");
        // A whole number beyond 2^53 that is written with all its digits is a key, which stays the text that it was.
        let numbers = columns.iter().map(|column| read(&line[column]));
        numbers.collect::<Vec<f64>>()
    });
    assert_same("columns of properties", numbers, &doubles);
}

/// Values with up to six decimals come back; the others are refused, so that no sum is wrong.
#[test]
fn values_come_back_or_are_refused() {
    let doubles = doubles();
    let is_kept = |double: &f64| rollcall::audience::event_bounds::clean_value(*double).is_ok();
    let (kept, refused): (Vec<f64>, Vec<f64>) = doubles.iter().partition(|double| is_kept(double));
    assert!(kept.len() > 20_000 && refused.len() > 20_000);
    let app = app();
    let event = |place: usize, double: f64| {
        let value = write(place, double);
        format!("{{\"email\": \"ona@example.com\", \"name\": \"v\", \"value\": {value}}}")
    };
    let events: Vec<String> = kept
        .iter()
        .enumerate()
        .map(|(place, double)| event(place, *double))
        .collect();
    for events in events.chunks(1_000) {
        let variables = format!("{{\"events\": [{}]}}", events.join(", "));
        let data = ask(&app, RECORD, &variables);
        assert_eq!(data["recordEvents"]["recordedCount"], json!(events.len()));
    }
    // All that are wrong are named.
    for numbers in refused.chunks(1_000) {
        let events = numbers.iter().enumerate();
        let events: Vec<String> = events
            .map(|(place, double)| event(place, *double))
            .collect();
        let variables = format!("{{\"events\": [{}]}}", events.join(", "));
        let data = ask(&app, RECORD, &variables);
        assert_eq!(data["recordEvents"]["recordedCount"], json!(0));
        let errors = data["recordEvents"]["userErrors"]
            .as_array()
            .expect("a list");
        assert_eq!(errors.len(), numbers.len());
    }
    let value_of = |csv: &str| {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows = reader.records().map(|row| row.expect("a row"));
        let values = rows.map(|row| row[3].parse().expect("a number"));
        values.collect::<Vec<f64>>()
    };
    let first = export(&app, Format::Csv, None);
    assert_same("values in CSV", value_of(&first), &kept);
    let again = self::app();
    assert_eq!(import(&again, &first).created, kept.len() as u64);
    // Batches are written in turns, so that the order is another.
    let sorted = |csv: &str| {
        let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    };
    assert_same_file(&sorted(&export(&again, Format::Csv, None)), &sorted(&first));

    let document =
        "{ subscriber(email: \"ona@example.com\") { events(first: 250) { nodes { value } } } }";
    let data = ask(&app, document, "{}");
    let nodes = data["subscriber"]["events"]["nodes"]
        .as_array()
        .expect("a list");
    let values = nodes.iter().rev().map(|node| read(&node["value"]));
    assert_same("values in the API", values, &kept[kept.len() - 250..]);
}

/// A body that a server would be sent: the digits of numbers that no double holds are seen in its text.
#[test]
fn the_text_of_a_request_is_looked_at() {
    let body = br#"{"query": "{ a }", "variables": {"events": [{"properties": {"num": 9007199254740993.0}}]}}"#;
    let json = Parameters::parse_json(body).expect("JSON");
    let mut parameters = Parameters::from_json(json).expect("a request");
    parameters.find_lost_digits(body, &["variables"]);
    let (path, _) = parameters.lost_digits.expect("a number");
    assert_eq!(path, "events[0].properties.num");
}
