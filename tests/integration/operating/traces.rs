//! Traces, as a collector of OpenTelemetry gets them.
#![cfg(feature = "otlp")]

use crate::support::{Server, TestDatabase, eventually, rollcall, run};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector, which is also the receiver of webhooks.
#[derive(Clone)]
struct Collector {
    address: String,
    /// What was sent to it as spans.
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// How it answers.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Well,
    WithErrors,
    Never,
}

impl Collector {
    fn start(answers: Answers) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let collector = Collector {
            address: listener.local_addr().expect("an address").to_string(),
            bodies: Arc::default(),
        };
        let bodies = Arc::clone(&collector.bodies);
        // Both end with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let bodies = Arc::clone(&bodies);
                std::thread::spawn(move || serve(stream.expect("a connection"), answers, &bodies));
            }
        });
        collector
    }

    /// Prepares a server that exports to it, without waiting for more spans.
    fn command(&self, database: &TestDatabase) -> Command {
        let mut command = rollcall(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            &database.url,
        ]);
        command
            .args(["--webhook-allow-http", "--webhook-allow-private"])
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://{}", self.address),
            )
            .env("OTEL_BSP_SCHEDULE_DELAY", "20");
        command
    }

    fn count(&self) -> usize {
        self.bodies.lock().expect("no panic").len()
    }

    /// All spans so far, and the names of their services.
    fn spans(&self) -> (Vec<Span>, Vec<String>) {
        let bodies = self.bodies.lock().expect("no panic");
        let (mut spans, mut services) = (vec![], vec![]);
        for body in bodies.iter() {
            let request = ExportTraceServiceRequest::decode(&body[..]).expect("a protobuf message");
            for of_resource in request.resource_spans {
                let resource = of_resource.resource.expect("a resource");
                let named = resource
                    .attributes
                    .iter()
                    .find(|one| one.key == "service.name");
                services.push(text(
                    named.and_then(|one| one.value.as_ref()?.value.as_ref()),
                ));
                spans.extend(
                    of_resource
                        .scope_spans
                        .into_iter()
                        .flat_map(|scope| scope.spans),
                );
            }
        }
        (spans, services)
    }

    /// Waits for a span of this name, in the caller's trace if `in_trace`.
    #[track_caller]
    fn wait_for(&self, name: &str, in_trace: bool) -> Span {
        let mut found = None;
        eventually("the span comes", || {
            let (spans, _) = self.spans();
            found = spans
                .into_iter()
                .find(|span| span.name == name && (!in_trace || hex(&span.trace_id) == TRACE));
            found.is_some()
        });
        found.expect("a span")
    }
}

/// Answers requests on a connection until it is closed.
fn serve(stream: TcpStream, answers: Answers, bodies: &Mutex<Vec<Vec<u8>>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            let line = line.trim_end();
            if path.is_empty() {
                path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            } else if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse().expect("a number");
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a whole body");
        if path == "/v1/traces" {
            bodies.lock().expect("no panic").push(body);
        }
        let status = match answers {
            Answers::Well => "200 OK",
            Answers::WithErrors => "500 Internal Server Error",
            Answers::Never => {
                // Until the other side has enough of it.
                let _ = reader.read_line(&mut String::new());
                return;
            }
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: Option<&Attribute>) -> String {
    match value {
        Some(Attribute::StringValue(text)) => text.clone(),
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Returns an attribute of a span as text.
fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|one| one.key == key);
    text(found.and_then(|one| one.value.as_ref()?.value.as_ref()))
}

#[track_caller]
fn ask(server: &Server, document: &str, variables: Value) -> Value {
    let (status, body) = server.post(document, variables);
    assert!(status == 200 && body.get("errors").is_none(), "{body}");
    body["data"].clone()
}

#[test]
fn spans_of_a_request_belong_to_the_trace_of_its_caller() {
    let database = TestDatabase::new();
    let collector = Collector::start(Answers::Well);
    let server = Server::spawn(&mut collector.command(&database));
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let asked = server.post_as(
        &[("traceparent", &parent)],
        "query Find($email: String!) { subscriber(email: $email) { firstName } }",
        json!({"email": "zuzanamark@example.com"}),
    );
    assert_eq!(asked.status(), 200);
    let request = collector.wait_for("POST /graphql", true);
    assert_eq!(hex(&request.parent_span_id), CALLER);
    assert_eq!(attribute(&request, "http.response.status_code"), "200");
    assert_eq!(attribute(&request, "http.route"), "/graphql");
    let id = asked.headers()["x-request-id"].to_str().expect("a name");
    assert_eq!(attribute(&request, "request_id"), id);
    let operation = collector.wait_for("query Find", true);
    assert_eq!(operation.parent_span_id, request.span_id);
    assert_eq!(attribute(&operation, "graphql.operation.type"), "query");
    assert_eq!(attribute(&operation, "graphql.operation.name"), "Find");
    assert_eq!(attribute(&operation, "outcome"), "ok");
    let statement = collector.wait_for("database", true);
    assert_eq!(statement.parent_span_id, operation.span_id);
    assert!(attribute(&statement, "connection_wait_seconds").contains("DoubleValue"));
    let (_, services) = collector.spans();
    assert!(
        services.iter().all(|name| name == "rollcall"),
        "{services:?}"
    );

    // A request without a trace begins one, also where the caller's header is nonsense.
    let asked = server.post_as(
        &[("traceparent", "00-nonsense")],
        "query Other { __typename }",
        Value::Null,
    );
    assert_eq!(asked.status(), 200);
    let operation = collector.wait_for("query Other", false);
    assert_ne!(hex(&operation.trace_id), TRACE);
}

#[test]
fn work_without_a_request_has_spans_and_none_of_them_tells_of_people() {
    let database = TestDatabase::new();
    let collector = Collector::start(Answers::Well);
    let server = Server::spawn(&mut collector.command(&database));
    ask(
        &server,
        "mutation ($url: String!) { createWebhook(input: {name: \"shop\", url: $url, types: [SUBSCRIBER_CREATED]}) { userErrors { message } } }",
        json!({"url": format!("http://{}/hook/secretmark", collector.address)}),
    );
    ask(
        &server,
        "mutation Edit { upsertSubscriber(input: {email: \"zuzanamark@example.com\", values: {firstName: \"Zuzanamark\"}}) \
         { userErrors { message } } refreshSegments(input: {}) { userErrors { message } } }",
        Value::Null,
    );
    let made = ask(
        &server,
        "mutation { createImport(input: {kind: SUBSCRIBERS, fileName: \"filemark.csv\"}) { import { uploadUrl } userErrors { message } } }",
        Value::Null,
    );
    let path = made["createImport"]["import"]["uploadUrl"]
        .as_str()
        .expect("a path");
    let sent = ureq::put(format!("http://{}{path}", server.address))
        .send("email\nother.zuzanamark@example.com\n");
    sent.expect("the file is taken");
    assert_eq!(
        attribute(&collector.wait_for("refresh", false), "outcome"),
        "ok"
    );
    let import = collector.wait_for("import", false);
    assert_eq!(attribute(&import, "kind"), "subscribers");
    assert_eq!(attribute(&import, "outcome"), "ok");
    let delivery = collector.wait_for("webhook delivery", false);
    assert_eq!(attribute(&delivery, "http.response.status_code"), "200");
    let failing = "{ subscriber(email: \"zuzanamark\") { nothing } }";
    assert_ne!(server.post(failing, Value::Null).0, 200);
    collector.wait_for("PUT /imports/{id}/file", false);
    server.interrupt();
    let bodies = collector.bodies.lock().expect("no panic").concat();
    let bodies = String::from_utf8_lossy(&bodies).to_lowercase();
    for word in [
        "zuzanamark",
        "secretmark",
        "filemark",
        "subscriber(",
        "upsert",
        "postgres://",
        "select ",
    ] {
        assert!(!bodies.contains(word), "{word}");
    }
}

#[test]
fn failures_of_a_collector_are_logged_once() {
    let database = TestDatabase::new();
    let collector = Collector::start(Answers::WithErrors);
    let server = Server::spawn(&mut collector.command(&database));
    eventually("it was tried again and again", || {
        ask(&server, "{ __typename }", Value::Null);
        collector.count() > 5
    });
    let stopped = server.interrupt();
    assert!(stopped.status.success(), "{stopped}");
    let warning = "traces were not exported: the collector answered 500 Internal Server Error";
    assert_eq!(stopped.stderr.matches(warning).count(), 1, "{stopped}");
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nothing() {
    let database = TestDatabase::new();
    let collector = Collector::start(Answers::Never);
    let mut command = collector.command(&database);
    // More spans than the queue holds.
    let server = Server::spawn(
        command
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "16")
            .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8"),
    );
    // The collector never answers: were requests to wait for it, not one of these would be answered.
    for _ in 0..100 {
        ask(&server, "{ settings { timeZone } }", Value::Null);
    }
    eventually("spans are sent", || collector.count() > 0);
    let stopped = server.interrupt();
    assert!(stopped.status.success(), "{stopped}");
}

#[test]
fn an_address_that_is_none_is_refused_without_telling_it() {
    let database = TestDatabase::new();
    for address in ["localhost:4318", "ftp://secret@host", "nonsense"] {
        let mut command = rollcall(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            &database.url,
        ]);
        let refused = run(command.env("OTEL_EXPORTER_OTLP_ENDPOINT", address)).to_string();
        assert_eq!(
            refused,
            "exit code 1\nrollcall: OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http://localhost:4318, found something else\n"
        );
    }
}
