//! What comes through the doors has bounds: memory, time, number and length. And who may knock.

mod audit;
mod environment;
mod messages;
mod readers;
mod sites;
mod sockets;
mod uploads;

use crate::support::{Server, TestDatabase};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const MEGABYTE: u64 = 1 << 20;

/// A server over the database with these settings more.
#[track_caller]
fn start(database: &TestDatabase, more: &[&str]) -> Server {
    Server::start_with(&[&["--database-url", &database.url], more].concat())
}

/// The question that a server must always answer.
#[track_caller]
fn assert_answers(server: &Server) {
    let answer = server.post("{ groups(first: 1) { totalCount } }", json!({}));
    assert_eq!(
        answer,
        (200, json!({"data": {"groups": {"totalCount": 0}}}))
    );
}

/// Opens a connection on which nothing waits for more than ten seconds.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).expect("the server listens");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("a timeout");
    stream.set_write_timeout(patience).expect("a timeout");
    stream
}

/// Sends the head of a request, and the beginning of its body.
fn begin(server: &Server, line: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = connect(server);
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).expect("it can be asked");
    stream.write_all(body).expect("it can be asked");
    stream
}

/// Reads an answer with its head, as far as it has come when the server closes the connection or says nothing more.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 1 << 14];
    let mut length = None;
    while length.is_none_or(|length| answer.len() < length) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        length = length.or_else(|| whole_length(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// How long an answer is by its head, if that is there and tells.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(&answer[..answer.len().min(4_096)]).to_ascii_lowercase();
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head.len() + 4 + length.parse::<usize>().ok()?)
}

/// The status of an answer, 0 where there is none.
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1);
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Makes an import that waits for its file, and returns its id and the path to send it to.
#[track_caller]
fn create_import(server: &Server, headers: &[(&str, &str)]) -> (Value, String) {
    let created = server.post_as(
        headers,
        "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { id uploadUrl } userErrors { message } } }",
        json!({}),
    );
    let import = created.body()["data"]["createImport"]["import"].clone();
    let path = import["uploadUrl"].as_str().expect("a path").to_owned();
    (import["id"].clone(), path)
}

/// Fills the database with people of so many characters each.
fn fill(database: &TestDatabase, people: usize, characters: usize) {
    database.execute(&format!(
        "INSERT INTO subscribers (email, first_name, created_at, updated_at) \
         SELECT 'p' || n || '@example.com', repeat('x', {characters}), '2026-01-01', '2026-01-01' \
         FROM generate_series(1, {people}) n"
    ));
}
