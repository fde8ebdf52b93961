//! Work that is expensive: it stops when its client leaves and when its time is over, and others are answered meanwhile.

use super::EndsOnDrop;
use crate::support::{Server, Socket, TestApp, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The question that must be answered whatever else happens.
const PROBE: &str = "{ groups(first: 1) { totalCount } }";

/// An audience whose names are long, so that a hard regular expression takes many seconds over them.
fn audience() -> TestApp {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.database.execute(
        "INSERT INTO subscribers (email, first_name, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', repeat(md5(n::text), 60), now(), now() FROM generate_series(1, 60000) n",
    );
    app
}

/// A preview that has to look at every letter of every name many times.
fn hard_preview(number: usize) -> String {
    // Every rule is another one, so that nothing can be shared.
    format!(
        "p{number}: previewSegment(rule: {{text: {{field: \"firstName\", is: {{matches: \"[0-8][^z]{{80,120}}x{number}\"}}}}}}) {{ memberCount }}"
    )
}

fn request(address: &str, document: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let body = json!({ "query": document }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a request");
    stream.write_all(body.as_bytes()).expect("a body");
    stream
}

/// Waits until the server rests: over half a second it uses next to no processor time.
#[track_caller]
fn assert_comes_to_rest(server: &Server) {
    eventually("the server stops working", || {
        let before = server.processor_time();
        std::thread::sleep(Duration::from_millis(500));
        server.processor_time() - before < Duration::from_millis(100)
    });
}

#[track_caller]
fn assert_works(server: &Server) {
    let before = server.processor_time();
    eventually("the server works on the preview", || {
        server.processor_time() - before > Duration::from_millis(300)
    });
}

fn answer_of(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    // A server that answers keeps the connection open.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut buffer = [0; 4096];
    while !answer.contains("\r\n\r\n") || !answer.ends_with('}') {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer += &String::from_utf8_lossy(&buffer[..read]),
        }
    }
    answer
}

/// Starts a server whose requests may take so many seconds.
#[track_caller]
fn start_with_timeout(app: &TestApp, seconds: &str) -> Server {
    let url = &app.database.url;
    Server::start_with(&["--database-url", url, "--request-timeout", seconds])
}

#[test]
fn a_preview_stops_when_its_client_leaves() {
    let app = audience();
    let server = Server::start(&app.database);
    let stream = request(&server.address, &format!("{{ {} }}", hard_preview(1)));
    assert_works(&server);
    drop(stream);
    assert_comes_to_rest(&server);
}

#[test]
fn a_preview_stops_at_its_deadline() {
    let app = audience();
    let server = start_with_timeout(&app, "2");
    let stream = request(&server.address, &format!("{{ {} }}", hard_preview(1)));
    let answer = answer_of(stream);
    assert!(answer.contains("\"TIMEOUT\""), "{answer}");
    assert_comes_to_rest(&server);
}

#[test]
fn over_a_socket_a_preview_stops_at_its_deadline() {
    let app = audience();
    let server = start_with_timeout(&app, "2");
    let mut socket = Socket::open(&server);
    socket.subscribe("1", &format!("{{ {} }}", hard_preview(1)), json!({}));
    let answer = socket.receive().to_string();
    assert!(answer.contains("TIMEOUT"), "{answer}");
    assert_comes_to_rest(&server);
}

#[test]
fn cheap_questions_are_answered_beside_a_document_full_of_previews() {
    let app = audience();
    let server = start_with_timeout(&app, "20");
    let previews: Vec<String> = (0..80).map(hard_preview).collect();
    let document = format!("{{ {} }}", previews.join(" "));
    let streams: Vec<TcpStream> = (0..4)
        .map(|_| request(&server.address, &document))
        .collect();
    assert_works(&server);
    for _ in 0..50 {
        let (status, body) = server.post(PROBE, Value::Null);
        assert_eq!((status, &body["errors"]), (200, &Value::Null));
    }
    drop(streams);
    assert_comes_to_rest(&server);
}

#[test]
fn every_preview_of_a_document_is_answered_in_its_turn() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let aliases: Vec<String> = (0..90)
        .map(|number| {
            format!("p{number}: previewSegment(rule: {{everyone: true}}) {{ memberCount }}")
        })
        .collect();
    let data = app.query(&format!("{{ {} }}", aliases.join(" ")), json!({}));
    let counts = data.as_object().expect("an object").values();
    assert!(
        counts
            .into_iter()
            .all(|preview| preview["memberCount"] == 1)
    );
}

#[test]
fn previews_use_their_connections_again() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.subscriber("ona@example.com", json!({}));
    let preview = || {
        app.query(
            "{ previewSegment(rule: {everyone: true}) { memberCount } }",
            json!({}),
        );
    };
    let backends = || {
        app.database.ask(&format!(
            "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity \
             WHERE application_name = '{}' AND query = 'ROLLBACK'",
            app.database.name()
        ))
    };
    preview();
    let first = backends();
    assert_ne!(first, "");
    preview();
    assert_eq!(backends(), first);
}

#[test]
fn the_probe_is_answered_while_many_ask_for_suggestions() {
    let app = audience();
    let server = Server::start(&app.database);
    let is_over = AtomicBool::new(false);
    let question = "{ ruleFields { name suggestedValues(first: 5) { value } } }";
    std::thread::scope(|scope| {
        let _ending = EndsOnDrop(&is_over);
        for _ in 0..10 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    answer_of(request(&server.address, question));
                }
            });
        }
        for _ in 0..50 {
            let (status, body) = server.post(PROBE, Value::Null);
            assert_eq!((status, &body["errors"]), (200, &Value::Null));
        }
    });
}
