//! Exports over HTTP, from the real server.

use crate::support::{Server, TestDatabase, eventually};
use insta::assert_snapshot;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Many large rows: more than what sockets hold on their way, also when it is compressed.
const MANY: usize = 60_000;

fn fill(database: &TestDatabase) {
    database.execute(&format!(
        "INSERT INTO subscribers (email, first_name, city, created_at, updated_at) SELECT 'p' || n || '@example.com', \
         (SELECT string_agg(md5(n || ' ' || i), '') FROM generate_series(1, 20) i), 'Vilnius', '2026-01-01', '2026-01-01' \
         FROM generate_series(1, {MANY}) n"
    ));
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

/// Asks and returns the status, the headers of a kind, and the body.
fn get(server: &Server, path: &str) -> (u16, String, String) {
    let mut response = agent()
        .get(format!("http://{}{path}", server.address))
        .call()
        .expect("the server answers");
    let status = response.status().as_u16();
    let headers: Vec<String> = [
        "content-type",
        "content-disposition",
        "cache-control",
        "retry-after",
    ]
    .iter()
    .filter_map(|name| {
        Some(format!(
            "{name}: {}",
            response.headers().get(*name)?.to_str().ok()?
        ))
    })
    .collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(1 << 30)
        .read_to_string()
        .expect("a whole body");
    (status, headers.join("\n"), body)
}

fn shown(server: &Server, path: &str) -> String {
    let (status, headers, body) = get(server, path);
    format!("{status}\n{headers}\n\n{body}")
}

#[test]
fn files_are_streamed_and_mistakes_are_errors_of_the_api() {
    let database = TestDatabase::new();
    database.execute(
        "INSERT INTO subscribers (email, country, created_at, updated_at) VALUES ('ona@example.com', 'LT', '2026-01-01', '2026-01-01'), \
         ('anna@example.com', 'DE', '2026-01-01', '2026-01-01'); \
         INSERT INTO groups (key, name, created_at, updated_at) VALUES ('staff', 'Staff', '2026-01-01', '2026-01-01'); \
         INSERT INTO group_memberships SELECT g.id, s.id, '2026-01-01', 'api' FROM groups g, subscribers s WHERE s.country = 'DE'",
    );
    let server = Server::start(&database);
    assert_snapshot!(shown(&server, "/export/subscribers?columns=email,country"), @r#"
    200
    content-type: text/csv; charset=utf-8; header=present
    content-disposition: attachment; filename="subscribers.csv"
    cache-control: no-store

    email,country
    ona@example.com,LT
    anna@example.com,DE
    "#);
    assert_snapshot!(shown(&server, "/export/group/staff?format=ndjson&columns=email"), @r#"
    200
    content-type: application/x-ndjson
    content-disposition: attachment; filename="staff.ndjson"
    cache-control: no-store

    {"email":"anna@example.com"}
    "#);
    assert_snapshot!(shown(&server, "/export/rule?columns=email&rule=%7B%22everyone%22:true%7D&status=subscribed,pending"), @r#"
    200
    content-type: text/csv; charset=utf-8; header=present
    content-disposition: attachment; filename="rule.csv"
    cache-control: no-store

    email
    ona@example.com
    anna@example.com
    "#);
    assert_snapshot!(shown(&server, "/export/memberships"), @r#"
    200
    content-type: text/csv; charset=utf-8; header=present
    content-disposition: attachment; filename="memberships.csv"
    cache-control: no-store

    email,kind,key,added_at,joined_at,source
    anna@example.com,group,staff,2026-01-01T00:00:00.000000Z,,api
    "#);
    let posted = agent()
        .post(format!(
            "http://{}/export/rule?columns=email",
            server.address
        ))
        .send_json(serde_json::json!({"text": {"field": "country", "is": {"equals": "LT"}}}))
        .expect("the server answers")
        .body_mut()
        .read_to_string();
    assert_eq!(posted.expect("a body"), "email\nona@example.com\n");
    let (status, _, body) = get(&server, "/export/person?email=ONA@example.com");
    assert_eq!(status, 200);
    assert!(
        body.starts_with("{\"subscriber\":{\"email\":\"ona@example.com\""),
        "{body}"
    );

    let refused = |path: &str| {
        let (status, _, body) = get(&server, path);
        format!("{status} {body}")
    };
    assert_snapshot!(refused("/export/group/stuff"), @r#"404 {"errors":[{"message":"group: expected the key of a group, found \"stuff\", which does not exist (did you mean \"staff\"?)","extensions":{"code":"NOT_FOUND"}}]}"#);
    assert_snapshot!(refused("/export/segment/nobody"), @r#"404 {"errors":[{"message":"segment: expected the key of a segment, found \"nobody\", which does not exist","extensions":{"code":"NOT_FOUND"}}]}"#);
    assert_snapshot!(refused("/export/person?email=nobody@example.com"), @r#"404 {"errors":[{"message":"no subscriber \"nobody@example.com\" exists","extensions":{"code":"NOT_FOUND"}}]}"#);
    assert_snapshot!(refused("/export/person"), @r#"400 {"errors":[{"message":"email: expected ?email=ADDRESS and nothing else","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/everything"), @r#"404 {"errors":[{"message":"expected GET and one of /export/subscribers, /export/group/KEY, /export/segment/KEY, /export/rule, /export/memberships, /export/events, /export/person or /export/audit","extensions":{"code":"NOT_FOUND"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?columns=emial"), @r#"400 {"errors":[{"message":"columns: expected names of columns, found \"emial\" (did you mean \"email\"?)","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?colums=email"), @r#"400 {"errors":[{"message":"colums: unknown parameter; use one of: format, columns, status, raw; did you mean \"columns\"?","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?format=xml"), @r#"400 {"errors":[{"message":"format: expected csv or ndjson, found \"xml\"","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?status=gone"), @r#"400 {"errors":[{"message":"status: expected subscribed, unsubscribed, bounced, complained, pending, found \"gone\"","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?raw=perhaps"), @r#"400 {"errors":[{"message":"raw: expected true or false, found \"perhaps\"","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?asOf=2026-01-01T00:00:00Z"), @r#"400 {"errors":[{"message":"asOf: unknown parameter; use one of: format, columns, status, raw","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/subscribers?raw=true&raw=true"), @r#"400 {"errors":[{"message":"raw: the parameter is given twice","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/segment/x?asOf=yesterday"), @r#"400 {"errors":[{"message":"asOf: expected a time such as \"2026-03-01T09:30:00Z\", found \"yesterday\"","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/rule"), @r#"400 {"errors":[{"message":"rule: expected a rule as JSON, in the parameter \"rule\" or as the body of a POST","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/rule?rule=%7B"), @r#"400 {"errors":[{"message":"rule: expected a rule as JSON: EOF while parsing an object at line 1 column 1","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    assert_snapshot!(refused("/export/rule?rule=%7B%22al%22:%5B%5D%7D"), @r#"400 {"errors":[{"message":"the rule is not valid: rule: expected a node (\"all\", \"any\", \"not\", \"everyone\", \"text\", \"number\", \"date\", \"boolean\", \"list\", \"status\", \"location\", \"group\", \"segment\", \"event\", \"random\"), found \"al\" (did you mean \"all\"?)","extensions":{"code":"BAD_USER_INPUT"}}]}"#);
    let plain = agent()
        .post(format!("http://{}/export/rule", server.address))
        .content_type("text/plain")
        .send("{\"everyone\": true}")
        .expect("the server answers");
    assert_eq!(plain.status(), 415);

    let deleted = agent()
        .delete(format!("http://{}/export/subscribers", server.address))
        .call();
    assert_eq!(deleted.expect("the server answers").status(), 405);
    let large = format!("{{\"all\": [{}]}}", " ".repeat(1 << 20));
    let large = agent()
        .post(format!("http://{}/export/rule", server.address))
        .content_type("application/json")
        .send(large)
        .expect("the server answers");
    assert_eq!(large.status(), 413);

    // Without the database: an error with a status of its own, since nothing was sent yet.
    database.execute("ALTER TABLE custom_fields RENAME TO elsewhere");
    let (status, _, body) = get(&server, "/export/subscribers");
    assert_eq!(status, 500);
    assert!(
        body.contains("INTERNAL_SERVER_ERROR") && !body.contains("custom_fields"),
        "{body}"
    );
    database.execute("ALTER TABLE elsewhere RENAME TO custom_fields");
    let (status, _, _) = get(&server, "/export/subscribers");
    assert_eq!(status, 200);
}

/// Starts a download and reads its first bytes.
fn begin(server: &Server, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(&server.address).expect("the server listens");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let request = format!(
        "GET /export/subscribers HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
        server.address
    );
    socket
        .write_all(request.as_bytes())
        .expect("it can be asked");
    let mut first = [0; 64];
    socket.read_exact(&mut first).expect("it begins");
    assert!(
        first.starts_with(b"HTTP/1.1 200 OK"),
        "{}",
        String::from_utf8_lossy(&first)
    );
    socket
}

/// How many exports hold a snapshot of the database.
fn snapshots(database: &TestDatabase) -> String {
    database.ask(&format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}-process' AND state LIKE 'idle in transaction%'",
        database.name()
    ))
}

#[test]
fn a_slow_client_is_waited_for_and_one_that_goes_ends_the_export() {
    let database = TestDatabase::new();
    fill(&database);
    let server = Server::start(&database);
    let sockets: Vec<TcpStream> = (0..4).map(|_| begin(&server, "")).collect();
    // They stand still with most of the file unsent: the thread waits and holds its snapshot.
    eventually("four exports wait", || snapshots(&database) == "4");
    let (status, headers, body) = get(&server, "/export/subscribers");
    assert_snapshot!(format!("{status} {headers} {body}"), @r#"
    503 content-type: application/json
    cache-control: no-store
    retry-after: 5 {"errors":[{"message":"the database is not available, or too many exports are running; try again in a moment","extensions":{"code":"UNAVAILABLE"}}]}
    "#);
    // The document of a person is an export too. Others are served meanwhile.
    assert_eq!(get(&server, "/export/person?email=p1@example.com").0, 503);
    let (status, _) = server.post("{ groups(first: 1) { totalCount } }", json!({}));
    assert_eq!(status, 200);
    drop(sockets);
    eventually("the exports end", || snapshots(&database) == "0");
    assert_eq!(get(&server, "/export/person?email=p1@example.com").0, 200);
    let (status, _, body) = get(&server, "/export/subscribers");
    assert_eq!((status, body.lines().count()), (200, MANY + 1));
}

#[test]
fn an_error_in_the_middle_breaks_the_transfer() {
    let database = TestDatabase::new();
    fill(&database);
    for headers in ["", "Accept-Encoding: gzip\r\n"] {
        let server = Server::start(&database);
        let mut socket = begin(&server, headers);
        eventually("the export waits", || snapshots(&database) == "1");
        database.cut();
        let mut rest = Vec::new();
        // Either the socket is reset or it ends; what it never has is the mark of the end.
        let _ = socket.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "the transfer looks whole");
        // The server lives on.
        eventually("the server answers again", || {
            get(&server, "/export/subscribers?columns=email").0 == 200
        });
    }
}

#[test]
fn files_are_compressed_for_those_who_take_it() {
    let database = TestDatabase::new();
    fill(&database);
    let server = Server::start(&database);
    let mut socket = begin(&server, "Accept-Encoding: gzip\r\nConnection: close\r\n");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("a whole answer");
    assert!(rest.ends_with(b"0\r\n\r\n"), "it is whole");
    let head = String::from_utf8_lossy(&rest[..400.min(rest.len())]).to_lowercase();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    // Half of it are digits of hashes; the parts that are compressed by themselves are smaller when the reader is slow.
    assert!(rest.len() < MANY * 600, "{} bytes", rest.len());
}
