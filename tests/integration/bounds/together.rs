//! Large answers have a bound together: clients that ask for many and read none take no more memory than a few do.

use super::answers::audience;
use crate::support::{Server, Socket, TestApp, eventually, keep_little};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;

/// Asks for an answer of 18 megabytes over [`audience`], or for a part of it.
macro_rules! names {
    ($first:literal) => {
        concat!(
            "{ subscribers(first: ",
            $first,
            ") { nodes { a: firstName b: firstName c: firstName d: firstName \
             e: lastName f: lastName g: lastName h: lastName } } }"
        )
    };
}
const LARGE: &str = names!("250");
const MEDIUM: &str = names!("50");
const SMALL: &str = names!("5");

/// A server on which one of the large answers has room.
fn start(app: &TestApp) -> Server {
    let url = &app.database.url;
    Server::start_with(&["--database-url", url, "--answer-memory", "20"])
}

/// Asks for the large answer in a form, and does not read it.
fn ask(server: &Server, accept: &str) -> TcpStream {
    ask_for(server, LARGE, accept)
}

/// Asks for an answer in a form, and does not read it.
fn ask_for(server: &Server, document: &str, accept: &str) -> TcpStream {
    let body = json!({ "query": document }).to_string();
    let mut stream = TcpStream::connect(&server.address).expect("the server listens");
    keep_little(&stream);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    stream.write_all(body.as_bytes()).expect("the body is sent");
    stream
}

/// Waits until so many bytes of an answer have arrived, and returns them.
fn wait_for(stream: &TcpStream, bytes: usize) -> String {
    let mut found = vec![0; bytes];
    eventually("an answer arrives", || {
        stream.peek(&mut found).expect("an answer") == bytes
    });
    String::from_utf8_lossy(&found).into_owned()
}

fn assert_crowded_out(server: &Server) {
    let (status, answer) = server.post(LARGE, Value::Null);
    let error = &answer["errors"][0];
    let code = &error["extensions"]["code"];
    assert_eq!((status, code), (503, &json!("UNAVAILABLE")));
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("use 20 MiB together (the limit of --answer-memory)"),
        "{message}"
    );
    let (status, answer) = server.post(SMALL, Value::Null);
    assert_eq!(
        (status, &answer["errors"]),
        (200, &Value::Null),
        "small answers are made"
    );
}

fn assert_has_room(server: &Server) {
    eventually("there is room again", || {
        wait_for(&ask(server, "application/json"), 12) == "HTTP/1.1 200"
    });
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads memory in /proc")]
fn clients_that_do_not_read_take_a_bounded_part_of_the_memory() {
    let app = audience();
    let server = start(&app);
    assert_has_room(&server);
    let before = server.memory();
    let first = ask(&server, "application/json");
    wait_for(&first, 8_192);
    let others: Vec<TcpStream> = (0..30).map(|_| ask(&server, "application/json")).collect();
    assert_crowded_out(&server);
    for other in &others {
        assert_eq!(wait_for(other, 12), "HTTP/1.1 503");
    }
    // Thirty answers would be half a gigabyte.
    eventually("memory is given back", || {
        server.memory() < before + 250_000_000
    });
    drop((first, others));
    assert_has_room(&server);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads memory in /proc")]
fn pages_of_large_rows_are_not_loaded_for_many_answers_at_once() {
    let app = TestApp::at("2026-06-15T12:00:00Z");
    app.mutate(
        "mutation { createCustomField(input: {key: \"bulk\", label: \"Bulk\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    app.group("all", &[]);
    // Nothing to compress: as large in the table as in the answer.
    app.database.execute(
        "INSERT INTO subscribers (email, custom, created_at, updated_at) \
         SELECT n || '@example.com', jsonb_build_object('bulk', (SELECT string_agg(md5(n || ' ' || m), '') \
          FROM generate_series(1, 300) m)), now(), now() FROM generate_series(1, 250) n; \
         INSERT INTO group_memberships SELECT g.id, s.id, now(), 'api' FROM groups g, subscribers s",
    );
    let url = &app.database.url;
    let server = Server::start_with(&["--database-url", url]);
    let page = |number| {
        format!(
            "p{number}: group(key: \"all\") {{ members(first: 250) {{ nodes {{ customField(key: \"bulk\") }} }} }}"
        )
    };
    let pages: Vec<String> = (0..10).map(page).collect();
    let document = format!("{{ {} }}", pages.join(" "));
    let before = server.memory();
    let asked = (0..40).map(|_| ask_for(&server, &document, "application/json"));
    let asked: Vec<TcpStream> = asked.collect();
    let answers = asked.iter().map(|stream| wait_for(stream, 12));
    let answers: Vec<String> = answers.collect();
    let made = answers.iter().filter(|answer| *answer == "HTTP/1.1 200");
    assert!(made.count() >= 3, "{answers:?}");
    // All pages of all answers would be a gigabyte.
    let peak = server.peak_memory() - before;
    assert!(peak < 500_000_000, "{} MB", peak / 1_000_000);
}

#[test]
fn sockets_and_event_streams_that_do_not_read_count_too() {
    let app = audience();
    let server = start(&app);
    let mut socket = Socket::open(&server);
    keep_little(socket.stream());
    socket.subscribe("1", LARGE, json!({}));
    wait_for(socket.stream(), 8_192);
    assert_crowded_out(&server);
    drop(socket);
    assert_has_room(&server);
    let stream = ask(&server, "text/event-stream");
    wait_for(&stream, 8_192);
    assert_crowded_out(&server);
    drop(stream);
    assert_has_room(&server);
}

#[test]
fn long_answers_come_whole_over_every_door() {
    let app = audience();
    let server = start(&app);
    let (_, expected) = server.post(MEDIUM, Value::Null);
    let mut socket = Socket::open(&server);
    socket.subscribe("1", MEDIUM, json!({}));
    assert!(socket.next("1") == expected["data"], "over a socket");
    drop(socket);
    let events = ureq::post(format!("http://{}/graphql", server.address))
        .header("accept", "text/event-stream")
        .send_json(json!({ "query": MEDIUM }))
        .expect("a stream")
        .body_mut()
        .with_config()
        .limit(1 << 26)
        .read_to_string()
        .expect("the stream ends");
    let data = events.lines().find_map(|line| line.strip_prefix("data:"));
    let answer: Value = serde_json::from_str(data.unwrap_or_default().trim()).expect("JSON");
    assert!(answer["data"] == expected["data"], "over an event stream");
}
