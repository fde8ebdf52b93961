//! Requests that mean harm: each is refused, the server lives and goes on to serve others.

use super::{Answer, Client};
use crate::support::{Server, Socket, TestDatabase, eventually};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn assert_serves(client: &Client) {
    assert_eq!(
        client.ask(&json!({"query": "{ __typename }"})).text,
        r#"{"data":{"__typename":"Query"}}"#
    );
}

/// Documents that would bring down or occupy a server that takes them as they come, with the code of their refusal.
fn documents() -> Vec<(&'static str, String, &'static str)> {
    let chain: String = (0..30)
        .map(|link| format!("fragment f{link} on Query {{ ...f{0} ...f{0} }} ", link + 1))
        .collect();
    let aliases = |count: usize| {
        (0..count)
            .map(|n| format!("a{n}: __typename "))
            .collect::<String>()
    };
    let spreads = "...F ".repeat(2_000);
    vec![
        ("nested lists", format!("{{ previewSegment(ruleJson: {}", "[".repeat(100_000)), "TOO_COMPLEX"),
        ("nested objects", format!("{{ previewSegment(ruleJson: {}", "{a:".repeat(100_000)), "TOO_COMPLEX"),
        ("nested selections", "{a".repeat(100_000), "TOO_COMPLEX"),
        ("nested variable types", format!("query ($a: {}Int", "[".repeat(100_000)), "TOO_COMPLEX"),
        ("a chain of fragments", format!("{{ ...f0 }} {chain} fragment f30 on Query {{ __typename }}"), "TOO_COMPLEX"),
        ("ten thousand aliases", format!("{{ {} }}", aliases(10_000)), "TOO_COMPLEX"),
        ("a hundred and one aliases", format!("{{ {} }}", aliases(101)), "TOO_COMPLEX"),
        ("aliases by fragments", format!("{{ {spreads} }} fragment F on Query {{ {} }}", aliases(100)), "TOO_COMPLEX"),
        ("many fields", format!("{{ {} }}", "__typename ".repeat(15_000)), "TOO_COMPLEX"),
        ("directives", format!("{{ __typename {} }}", "@include(if: true) ".repeat(2_000)), "TOO_COMPLEX"),
        ("unknown directives", format!("{{ __typename {} }}", "@aa".repeat(10)), "TOO_COMPLEX"),
        (
            "circular introspection",
            "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }".to_owned(),
            "TOO_COMPLEX",
        ),
        ("fragments in a circle", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("a huge number", format!("{{ groups(first: {}) {{ totalCount }} }}", "9".repeat(100_000)), "GRAPHQL_VALIDATION_FAILED"),
        ("a huge fraction", format!("{{ previewSegment(ruleJson: 1e{}) {{ memberCount }} }}", "9".repeat(1_000)), "GRAPHQL_VALIDATION_FAILED"),
        ("many words", format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"a\" ".repeat(150_000)), "TOO_COMPLEX"),
        ("many mistakes", format!("{{ {} }}", (0..5_000).map(|n| format!("x{n} ")).collect::<String>()), "GRAPHQL_VALIDATION_FAILED"),
        ("many operations", "query { a }".repeat(1_500), "GRAPHQL_VALIDATION_FAILED"),
    ]
}

#[test]
fn hostile_documents_are_refused_over_http_and_sockets() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let mut socket = Socket::open(&server);
    for (what, document, code) in documents() {
        let before = server.processor_time();
        let answer = client.ask(&json!({"query": document}));
        let taken = server.processor_time() - before;
        println!("{what}: {taken:?}");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{what}: {}",
            beginning(&answer)
        );
        let told = answer.json()["errors"].as_array().expect("a list").len();
        assert!((1..=21).contains(&told), "{what}: {told} errors");
        assert_serves(&client);
        socket.subscribe("1", &document, json!({}));
        let message = socket.receive();
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{what}");
    }
}

fn beginning(answer: &Answer) -> String {
    answer.text.chars().take(500).collect()
}

#[test]
fn a_document_of_a_thousand_fragments_in_a_row_does_not_end_the_process() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let row: String = (0..2_000)
        .map(|link| format!("fragment f{link} on Query{{...f{}}}", link + 1))
        .collect();
    let answer = client.ask(&json!({"query": format!("{{...f0}} {row}")}));
    assert_eq!(answer.code(), "TOO_COMPLEX");
    assert_serves(&client);
}

#[test]
fn large_and_strange_bodies() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let large = "x".repeat(50 << 20);
    // The server may close the connection before all of it has been sent.
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let sent = agent
        .post(&client.url)
        .content_type("application/json")
        .send(large.as_bytes());
    if let Ok(response) = sent {
        assert_eq!(response.status(), 413);
    }
    assert_serves(&client);
    let batch = format!(
        "[{}]",
        vec![r#"{"query": "{ __typename }"}"#; 100].join(",")
    );
    let headers = [
        ("content-type", "application/json"),
        ("accept", super::GRAPHQL),
    ];
    let answer = client.post(&batch, &headers);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "BAD_REQUEST")
    );
    let nested = format!(
        "{{\"query\": \"{{ __typename }}\", \"variables\": {}",
        "{\"a\":".repeat(100_000)
    );
    assert_eq!(client.post(&nested, &headers).status, 400);
    let huge = format!(
        "{{\"query\": \"{{ __typename }}\", \"variables\": {{\"a\": {}}}}}",
        "9".repeat(500_000)
    );
    assert!([200, 400].contains(&client.post(&huge, &headers).status));
    let zip = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(client.post("{}", &zip).status, 415);
    assert_serves(&client);
}

#[test]
fn a_body_that_unpacks_to_too_much_is_refused() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; 200 << 20]).expect("memory");
    let packed = packed.finish().expect("memory");
    let request = client
        .agent
        .post(&client.url)
        .content_type("application/json")
        .header("content-encoding", "gzip");
    let response = request.send(&packed[..]).expect("an answer");
    assert_eq!(response.status(), 415);
    assert_serves(&client);
}

#[test]
fn those_who_say_nothing_or_slowly_keep_nobody_from_being_served() {
    let database = TestDatabase::new();
    let server = Server::start(&database);
    let client = Client::new(&server);
    let silent: Vec<TcpStream> = (0..1_000)
        .map(|_| TcpStream::connect(&server.address).expect("the server listens"))
        .collect();
    let mut slow = TcpStream::connect(&server.address).expect("the server listens");
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 30\r\n\r\n{";
    slow.write_all(head.as_bytes()).expect("sent");
    assert_serves(&client);
    slow.set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a limit");
    let mut said = [0; 12];
    slow.read_exact(&mut said).expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 408");
    // By then those who said nothing have been shown out.
    eventually("silent connections end", || {
        silent.iter().all(|stream| {
            stream.set_nonblocking(true).expect("a setting");
            let mut byte = [0];
            !matches!((&*stream).read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        })
    });
    assert_serves(&client);
}
