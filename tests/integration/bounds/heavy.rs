//! Every field of the schema that can be expensive, asked with the largest arguments that are permitted, of an audience
//! of 100,000: nothing fails inside the server, cheap questions are answered meanwhile, and memory stays bounded.

use super::EndsOnDrop;
use super::heavy_audience::{People, fill};
use crate::support::{Server, TestDatabase};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PROBE: &str = "{ groups(first: 1) { totalCount } }";
/// The largest page.
const PAGE: usize = 250;
/// Of how many parents a field is asked at once. More of them are a matter of the document's price, and the benchmark
/// `abuse` asks for as much as that permits.
const PARENTS: usize = 4;
/// How many bytes the peak of the server's memory may grow by.
const MEMORY: u64 = 100_000_000;
/// How many bytes an answer may have.
const LARGEST_ANSWER: u64 = 64 << 20;
/// How long one document may take. This test is about memory and about others, and its program is not optimised.
const PATIENCE: &str = "300";
/// Arguments that make a field read much.
const HEAVY_ARGUMENTS: [&str; 8] = [
    "first",
    "last",
    "filter",
    "rule",
    "asOf",
    "ids",
    "prefix",
    "representations",
];
/// How the price list of `cost.rs` begins and ends.
const PRICE_LIST: (&str, &str) = ("const WEIGHTS", "];");

/// The schema as introspection tells it.
struct Schema {
    types: Map<String, Value>,
    /// The fields with a price, as `Type.field`.
    priced: BTreeSet<String>,
}

impl Schema {
    #[track_caller]
    fn read(server: &Server) -> Schema {
        let named = "name kind ofType { name kind ofType { name kind ofType { name kind } } }";
        let document = format!(
            "{{ __schema {{ types {{ name kind fields {{ name type {{ {named} }} \
             args {{ name defaultValue type {{ {named} }} }} }} }} }} }}"
        );
        let (status, mut body) = server.post(&document, Value::Null);
        assert_eq!(status, 200, "{body}");
        let types = body["data"]["__schema"]["types"].take();
        let types = types.as_array().expect("a list").iter();
        Schema {
            types: types
                .map(|one| (text(&one["name"]).to_owned(), one.clone()))
                .collect(),
            priced: priced_fields(),
        }
    }

    fn fields(&self, type_name: &str) -> impl Iterator<Item = &Value> {
        let fields = self
            .types
            .get(type_name)
            .and_then(|one| one["fields"].as_array());
        fields.into_iter().flatten()
    }

    /// Lists the fields that can be expensive, with the types that they are in.
    fn expensive(&self) -> Vec<(&str, &Value)> {
        let names = self.types.keys().filter(|name| !name.starts_with("__"));
        names
            .flat_map(|name| self.fields(name).map(move |field| (name.as_str(), field)))
            .filter(|(parent, field)| self.is_expensive(parent, field))
            .collect()
    }

    fn is_expensive(&self, parent: &str, field: &Value) -> bool {
        let coordinate = format!("{parent}.{}", text(&field["name"]));
        arguments(field).any(|argument| HEAVY_ARGUMENTS.contains(&text(&argument["name"])))
            || named_type(&field["type"]).ends_with("Connection")
            || self.priced.contains(&coordinate)
    }

    /// Selects the scalars of a type that need no arguments, and those of the items of a page.
    fn selection(&self, type_name: &str) -> String {
        let mut parts = vec!["__typename".to_owned()];
        for field in self.fields(type_name) {
            let (name, of) = (text(&field["name"]), named_type(&field["type"]));
            let is_item = type_name.ends_with("Connection") && name == "nodes";
            if !is_item
                && (self.is_expensive(type_name, field) || arguments(field).any(is_required))
            {
                continue;
            }
            match text(&self.types[of]["kind"]) {
                "SCALAR" | "ENUM" => parts.push(name.to_owned()),
                _ if is_item => parts.push(format!("nodes {}", self.selection(of))),
                _ => {}
            }
        }
        format!("{{ {} }}", parts.join(" "))
    }

    /// Writes a field with the largest arguments; `end` is the argument that says how many are asked for.
    #[track_caller]
    fn call(&self, parent: &str, field: &Value, end: &str) -> String {
        let name = text(&field["name"]);
        let written: Vec<String> = arguments(field)
            .filter_map(|argument| {
                let argument_name = text(&argument["name"]);
                let value = largest(parent, name, argument_name, end);
                assert!(
                    value.is_some() || !is_required(argument),
                    "{parent}.{name}: this test does not know what to give as \"{argument_name}\""
                );
                Some(format!("{argument_name}: {}", value?))
            })
            .collect();
        let written = match written.is_empty() {
            true => String::new(),
            false => format!("({})", written.join(", ")),
        };
        let of = named_type(&field["type"]);
        match text(&self.types[of]["kind"]) {
            "SCALAR" | "ENUM" => format!("{name}{written}"),
            _ => format!("{name}{written} {}", self.selection(of)),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn arguments(field: &Value) -> impl Iterator<Item = &Value> {
    field["args"].as_array().into_iter().flatten()
}

fn is_required(argument: &Value) -> bool {
    argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
}

/// Returns the name of a type without the lists around it.
fn named_type(of: &Value) -> &str {
    match &of["ofType"] {
        Value::Null => text(&of["name"]),
        inner => named_type(inner),
    }
}

/// Reads the fields of the price list, which is private to the library.
fn priced_fields() -> BTreeSet<String> {
    let source = include_str!("../../../src/graphql/engine/document/cost.rs");
    let (_, list) = source.split_once(PRICE_LIST.0).expect("a price list");
    let (list, _) = list.split_once(PRICE_LIST.1).expect("its end");
    let entries = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\""));
    let fields: BTreeSet<String> = entries
        .filter_map(|entry| {
            let mut parts = entry.split("\", \"");
            let (parent, rest) = (parts.next()?, parts.next()?);
            Some(format!("{parent}.{}", rest.split('"').next()?))
        })
        .collect();
    assert!(fields.contains("Query.previewSegment"), "{fields:?}");
    fields
}

/// Returns the largest value of an argument; `None` if it is better left out, or not known.
fn largest(parent: &str, field: &str, argument: &str, end: &str) -> Option<String> {
    let value = match (field, argument) {
        (_, "first" | "last") if argument == end => return Some(PAGE.to_string()),
        ("copySegmentToGroup", "input") => {
            "{segment: \"everybody\", group: \"copied\", createGroup: true}"
        }
        // All of them are in it already.
        ("createBulkAction", "input") => "{rule: $rule, action: {addToGroup: \"everybody\"}}",
        ("refreshSegments", "input") => "{}",
        (_, "rule") => "$rule",
        ("auditLog", "filter") => "{actions: [\"updateSegment\"]}",
        (_, "filter") => "{rule: $rule}",
        (_, "ids") => "$ids",
        (_, "representations") => "$representations",
        (_, "asOf") => "$past",
        (_, "from") => "\"2026-01-01T00:00:00Z\"",
        (_, "to") => "\"2027-01-01T00:00:00Z\"",
        (_, "with") => "{group: \"everybody\"}",
        (_, "compareTo") => "{key: \"everybody\"}",
        ("groups" | "segments", "orderBy") => "MEMBER_COUNT",
        ("members", "status") => "SUBSCRIBED",
        (_, "orderBy") if parent != "GroupMember" => "EMAIL",
        (_, "withArchived") => "true",
        (_, "prefix") => "\"\"",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Returns the document that asks a field of that many parents. Fails for a type that it does not know how to reach.
#[track_caller]
fn document(parent: &str, call: &str, parents: usize) -> String {
    let body = match parent {
        "Query" => format!("{{ {call} }}"),
        "Mutation" => format!("{{ {call} }}"),
        "Group" => format!("{{ groups(first: {parents}) {{ nodes {{ {call} }} }} }}"),
        "Import" => format!("{{ imports(first: {parents}) {{ nodes {{ {call} }} }} }}"),
        "RuleEventProperty" => {
            format!("{{ ruleEvents(first: {parents}) {{ properties {{ {call} }} }} }}")
        }
        "RuleField" => format!("{{ ruleFields {{ {call} }} }}"),
        "Segment" => format!("{{ segments(first: {parents}) {{ nodes {{ {call} }} }} }}"),
        "SegmentChange" => format!(
            "{{ segment(key: \"everybody\") {{ changes(first: {parents}) {{ nodes {{ {call} }} }} }} }}"
        ),
        "Webhook" => format!("{{ webhooks(first: {parents}) {{ nodes {{ {call} }} }} }}"),
        "Subscriber" => format!("{{ subscribers(first: {parents}) {{ nodes {{ {call} }} }} }}"),
        _ => panic!("this test does not know how to reach the type {parent}"),
    };
    let variables: Vec<&str> = [
        ("$rule", "$rule: RuleInput!"),
        ("$ids", "$ids: [ID!]!"),
        ("$past", "$past: DateTime!"),
        ("$representations", "$representations: [_Any!]!"),
    ]
    .into_iter()
    .filter_map(|(name, declared)| body.contains(name).then_some(declared))
    .collect();
    let kind = if parent == "Mutation" {
        "mutation"
    } else {
        "query"
    };
    match variables.is_empty() {
        true => format!("{kind} {body}"),
        false => format!("{kind} ({}) {body}", variables.join(", ")),
    }
}

/// Asks a field of a few parents, fewer if the document costs too much, and returns how many those were.
#[track_caller]
fn ask(server: &Server, parent: &str, call: &str, variables: &Value) -> usize {
    let mut parents = PARENTS;
    loop {
        let document = document(parent, call, parents);
        let (status, errors) = send(server, &document, variables);
        let codes: BTreeSet<&str> = errors
            .iter()
            .map(|error| text(&error["extensions"]["code"]))
            .collect();
        let told = || format!("{document}: {status} {codes:?}");
        assert!(status < 500, "{}", told());
        if codes.is_empty() {
            assert_eq!(status, 200, "{}", told());
            return parents;
        }
        // Whatever else is wrong is wrong with this test, or with the server.
        assert!(
            codes.iter().all(|code| TOO_MUCH.contains(code)),
            "{}: {}",
            told(),
            shortened(&errors)
        );
        assert!(parents > 1, "never permitted: {}", told());
        parents /= 2;
    }
}

/// The codes by which the server says that less of it would be answered.
const TOO_MUCH: [&str; 3] = ["TOO_COMPLEX", "ANSWER_TOO_LARGE", "TOO_LARGE"];

fn shortened(errors: &[Value]) -> String {
    json!(errors).to_string().chars().take(1_000).collect()
}

/// Sends a document and returns the status and the errors. Data is not parsed: that takes long if it is large.
#[track_caller]
fn send(server: &Server, document: &str, variables: &Value) -> (u16, Vec<Value>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let request = agent.post(format!("http://{}/graphql", server.address));
    let body = json!({ "query": document, "variables": variables });
    let mut answer = request
        .header("accept", "application/graphql-response+json")
        .send_json(body)
        .expect("the server answers");
    let body = answer.body_mut().with_config().limit(LARGEST_ANSWER);
    let body = body.read_to_string().expect("a text");
    let status = answer.status().as_u16();
    // Quotes within values are escaped.
    if status == 200 && !body.contains("\"errors\":[") {
        return (status, Vec::new());
    }
    let mut body: Value = serde_json::from_str(&body).expect("JSON");
    let errors = body["errors"].as_array_mut().map(std::mem::take);
    (status, errors.unwrap_or_default())
}

/// Returns which of the arguments `first` and `last` a field has; an empty text stands for neither.
fn ends(field: &Value) -> Vec<&str> {
    let names = arguments(field).map(|argument| text(&argument["name"]));
    let ends: Vec<&str> = names
        .filter(|name| matches!(*name, "first" | "last"))
        .collect();
    if ends.is_empty() { vec![""] } else { ends }
}

#[test]
fn each_expensive_field_is_answered_within_bounds() {
    let database = TestDatabase::new();
    let server = Server::start_with(&[
        "--database-url",
        &database.url,
        "--federation",
        "--request-timeout",
        PATIENCE,
    ]);
    let People { variables } = fill(&database, &server);
    let schema = Schema::read(&server);
    let is_over = AtomicBool::new(false);
    let expensive = schema.expensive();
    std::thread::scope(|scope| {
        let probing = scope.spawn(|| {
            let mut answered = 0;
            while !is_over.load(Ordering::Relaxed) {
                let (status, body) = server.post(PROBE, Value::Null);
                assert_eq!((status, &body["errors"]), (200, &Value::Null));
                answered += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            answered
        });
        {
            let _ends = EndsOnDrop(&is_over);
            ask_all(&server, &schema, &expensive, &variables);
        }
        let answered: usize = probing.join().expect("every probe is answered");
        assert!(answered > expensive.len(), "{answered} probes");
    });
}

/// Asks all of them one after the other. None adds more than its bound to the peak of memory.
fn ask_all(server: &Server, schema: &Schema, expensive: &[(&str, &Value)], variables: &Value) {
    let mut report = Vec::new();
    for (parent, field) in expensive {
        for end in ends(field) {
            let (start, begun) = (server.peak_memory(), std::time::Instant::now());
            let call = schema.call(parent, field, end);
            let parents = ask(server, parent, &call, variables);
            // The kernel counts pages in batches, so that the peak may be told a little lower than before.
            let grown = server.peak_memory().saturating_sub(start);
            let line = format!(
                "{parent}.{} {end} of {parents}: {} kB, {} ms",
                text(&field["name"]),
                grown / 1_000,
                begun.elapsed().as_millis()
            );
            println!("{line}");
            assert!(grown < MEMORY, "{line}");
            report.push(line);
        }
    }
    let names: Vec<&String> = schema.priced.iter().collect();
    assert!(
        names
            .iter()
            .all(|name| report.iter().any(|line| line.starts_with(name.as_str()))),
        "every priced field was asked: {names:?}\n{}",
        report.join("\n")
    );
}

#[test]
#[should_panic(expected = "does not know how to reach")]
fn a_type_that_cannot_be_reached_fails_the_test() {
    document("Newcomer", "things(first: 250) { id }", 1);
}
