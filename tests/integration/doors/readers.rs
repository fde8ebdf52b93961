//! Clients that do not read what they are sent, and keys that are revoked meanwhile.

use super::{assert_answers, begin, create_import, fill, read_answer, start, status};
use crate::keys::{create_key, revoke, status as status_of};
use crate::support::{Server, Socket, TestDatabase, eventually};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A query whose answer is larger than what the system keeps on its way: twelve megabytes.
fn large() -> String {
    pages(10)
}

/// A query for so many pages of 1.2 megabytes.
fn pages(count: usize) -> String {
    let pages: String = (0..count)
        .map(|page| format!("a{page}: subscribers(first: 250) {{ nodes {{ firstName }} }} "))
        .collect();
    format!("{{ {pages} }}")
}

fn post(server: &Server, accept: &str) -> TcpStream {
    ask(server, accept, &large())
}

fn ask(server: &Server, accept: &str, document: &str) -> TcpStream {
    let body = json!({ "query": document }).to_string();
    let headers = format!(
        "Content-Type: application/json\r\nAccept: {accept}\r\nContent-Length: {}\r\n",
        body.len()
    );
    begin(server, "POST /graphql", &headers, body.as_bytes())
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at connections in /proc")]
fn answers_that_nobody_reads_are_given_up() {
    let database = TestDatabase::new();
    fill(&database, 250, 5_000);
    let server = start(&database, &["--transfer-timeout", "1"]);
    let streams: Vec<TcpStream> = (0..4).map(|_| post(&server, "application/json")).collect();
    eventually("the server has them", || server.connections() == 4);
    eventually("the server closes them", || server.connections() == 0);
    // They would read now, and do not get all of it.
    for mut stream in streams {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.ends_with(b"]}}}"), "the answer is whole");
    }
    let mut reading = post(&server, "application/json");
    assert!(
        read_answer(&mut reading).ends_with("]}}}"),
        "who reads gets it"
    );
}

#[test]
fn a_client_that_reads_slowly_gets_everything() {
    let database = TestDatabase::new();
    fill(&database, 250, 5_000);
    let server = start(&database, &["--transfer-timeout", "1"]);
    let mut stream = ask(&server, "application/json", &pages(4));
    let mut answer = Vec::new();
    let mut buffer = [0; 1 << 14];
    // Half a megabyte a second.
    while !answer.ends_with(b"]}}}") {
        let read = stream.read(&mut buffer).expect("the connection lasts");
        assert!(read > 0, "it ended after {} bytes", answer.len());
        answer.extend_from_slice(&buffer[..read]);
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at connections in /proc")]
fn event_streams_that_nobody_reads_are_given_up_with_their_permit() {
    let database = TestDatabase::new();
    fill(&database, 250, 5_000);
    let server = start(
        &database,
        &["--transfer-timeout", "4", "--max-sockets", "1"],
    );
    let unread = post(&server, "text/event-stream");
    eventually("the permit is taken", || {
        Socket::connect(
            &server,
            &[("sec-websocket-protocol", "graphql-transport-ws")],
        )
        .err()
            == Some(503)
    });
    eventually("the permit is free again", || {
        let opened = Socket::connect(
            &server,
            &[("sec-websocket-protocol", "graphql-transport-ws")],
        );
        // While it is open it counts itself.
        opened.is_ok() && server.connections() == 1
    });
    drop(unread);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "looks at connections in /proc")]
fn sockets_that_do_not_read_are_given_up_with_their_permit() {
    let database = TestDatabase::new();
    fill(&database, 250, 5_000);
    let server = start(
        &database,
        &["--transfer-timeout", "4", "--max-sockets", "1"],
    );
    assert_answers(&server);
    let before = server.memory();
    let mut socket = Socket::open(&server);
    for id in 0..30 {
        socket.subscribe(&id.to_string(), &pages(1), json!({}));
    }
    eventually("the permit is free again", || {
        let opened = Socket::connect(
            &server,
            &[("sec-websocket-protocol", "graphql-transport-ws")],
        );
        opened.is_ok() && server.connections() == 1
    });
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 100 * super::MEGABYTE, "{grown} bytes more");
    drop(socket);
}

/// Begins to download a file of thirty megabytes.
fn download(server: &Server, headers: &str) -> TcpStream {
    let mut stream = begin(server, "GET /export/subscribers", headers, b"");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("it begins");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn an_export_that_nobody_reads_makes_room_for_the_next() {
    let database = TestDatabase::new();
    fill(&database, 60_000, 500);
    let settings = ["--max-exports", "1", "--transfer-timeout", "5"];
    let server = start(&database, &settings);
    let unread = download(&server, "");
    let next = || {
        let mut next = begin(
            &server,
            "GET /export/subscribers?columns=email",
            "Connection: close\r\n",
            b"",
        );
        status(&read_answer(&mut next))
    };
    assert_eq!(next(), 503);
    eventually("there is room again", || next() == 200);
    drop(unread);
}

#[test]
fn a_download_ends_with_its_key() {
    let database = TestDatabase::new();
    fill(&database, 60_000, 500);
    let key = create_key(&database, &["reports", "--scope", "read"]);
    let server = start(&database, &[]);
    for path in [
        "/export/subscribers",
        "/export/rule?rule=%7B%22everyone%22:true%7D",
    ] {
        let key = create_key(&database, &[&format!("k{}", path.len()), "--scope", "read"]);
        let headers = format!("Authorization: Bearer {key}\r\n");
        let mut stream = begin(&server, &format!("GET {path}"), &headers, b"");
        let mut first = [0; 1 << 16];
        stream.read_exact(&mut first).expect("it begins");
        assert!(first.starts_with(b"HTTP/1.1 200"));
        revoke(&database, &key);
        eventually("the key is revoked", || status_of(&server, &key) == 401);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{path} looks whole");
        assert!(rest.len() < 25_000_000, "{path}: {} bytes", rest.len());
    }
    assert_eq!(status_of(&server, &key), 200, "other keys are still good");
}

#[test]
fn an_upload_ends_with_its_key() {
    let database = TestDatabase::new();
    let spool = tempfile::tempdir().expect("a directory");
    let spool_dir = spool.path().to_str().expect("a plain path");
    let admin = create_key(&database, &["admin", "--scope", "admin"]);
    let admin = format!("Bearer {admin}");
    let server = start(&database, &["--spool-dir", spool_dir]);
    let (id, path) = create_import(&server, &[("authorization", &admin)]);
    // One that goes on sending, and one that has stopped.
    for sends_more in [false, true] {
        let name = format!("loader-{sends_more}");
        let key = create_key(&database, &[&name, "--scope", "write"]);
        let headers = format!(
            "Authorization: Bearer {key}\r\nContent-Type: text/csv\r\nContent-Length: 200000\r\n"
        );
        let mut stream = begin(&server, &format!("PUT {path}"), &headers, b"email\n");
        revoke(&database, &key);
        if sends_more {
            eventually("the key is revoked", || status_of(&server, &key) == 401);
            let _ = stream.write_all(&b"ona@example.com,"[..].repeat(10_000));
        }
        let answer = read_answer(&mut stream);
        assert_eq!(status(&answer), 401, "{answer}");
        assert!(answer.contains("UNAUTHENTICATED"), "{answer}");
    }
    let import = server.post_as(
        &[("authorization", &admin)],
        "query ($id: ID!) { import(id: $id) { state } }",
        json!({ "id": id }),
    );
    assert_eq!(import.body()["data"]["import"]["state"], "WAITING");
    let left = std::fs::read_dir(spool.path()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing of them is kept");
}
