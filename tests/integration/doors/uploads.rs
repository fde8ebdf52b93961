//! Bodies that come slowly, at the same time, or too large.

use super::{assert_answers, begin, connect, create_import, read_answer, start, status};
use crate::support::{TestDatabase, eventually};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const CSV: &str = "Content-Type: text/csv\r\n";

#[test]
fn hundreds_of_slow_uploads_hold_up_nobody() {
    let database = TestDatabase::new();
    let server = start(
        &database,
        &["--max-uploads", "8", "--transfer-timeout", "300"],
    );
    let paths: Vec<String> = (0..20).map(|_| create_import(&server, &[]).1).collect();
    let headers = format!("{CSV}Content-Length: 1000000\r\n");
    let mut uploads: Vec<TcpStream> = (0..600)
        .map(|number| {
            let line = format!("PUT {}", paths[number % paths.len()]);
            begin(&server, &line, &headers, b"e")
        })
        .collect();
    for _ in 0..10 {
        assert_answers(&server);
    }
    // All but eight have their answer.
    let mut waiting = 0;
    for upload in &mut uploads {
        upload
            .set_read_timeout(Some(Duration::from_secs(1)))
            .expect("a timeout");
        let answer = read_answer(upload);
        match status(&answer) {
            0 => waiting += 1,
            409 => assert!(answer.contains("BAD_USER_INPUT"), "{answer}"),
            503 => assert!(
                answer.contains("retry-after") && answer.contains("UNAVAILABLE"),
                "{answer}"
            ),
            _ => panic!("{answer}"),
        }
    }
    assert_eq!(waiting, 8);
    assert_answers(&server);
}

#[test]
fn an_upload_that_stands_still_is_given_up() {
    let database = TestDatabase::new();
    let server = start(
        &database,
        &["--transfer-timeout", "1", "--min-rate", "2000"],
    );
    let (_, path) = create_import(&server, &[]);
    let line = format!("PUT {path}");
    let headers = format!("{CSV}Content-Length: 1000000\r\n");
    // The one sends nothing more, the other too little.
    let mut silent = begin(&server, &line, &headers, b"email\n");
    let answer = read_answer(&mut silent);
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(
        answer.contains("expected at least 2000 bytes in 1 s"),
        "{answer}"
    );
    assert!(answer.contains("TIMEOUT"), "{answer}");
    let mut slow = begin(&server, &line, &headers, b"email\n");
    slow.set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    let mut answer = Vec::new();
    eventually("a slow upload is given up", || {
        let _ = slow.write_all(b"a@b.lt\n");
        let mut buffer = [0; 4_096];
        let read = slow.read(&mut buffer).unwrap_or(0);
        answer.extend_from_slice(&buffer[..read]);
        status(&String::from_utf8_lossy(&answer)) == 408
    });
    // The import can have its file from a faster client.
    let headers = format!("{CSV}Content-Length: 6\r\n");
    eventually("the import can be uploaded again", || {
        let mut fast = begin(&server, &line, &headers, b"email\n");
        status(&read_answer(&mut fast)) == 202
    });
}

#[test]
fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    let database = TestDatabase::new();
    let server = start(&database, &["--max-upload", "1"]);
    let (_, path) = create_import(&server, &[]);
    for (line, media_type, length) in [
        (format!("PUT {path}"), "text/csv", 1_000_001),
        (format!("PUT {path}"), "text/csv", u64::MAX),
        (
            "POST /export/rule".to_owned(),
            "application/json",
            (1 << 20) + 1,
        ),
        (
            "POST /graphql".to_owned(),
            "application/json",
            (1 << 20) + 1,
        ),
    ] {
        let headers = format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n");
        let mut stream = begin(&server, &line, &headers, b"");
        let answer = read_answer(&mut stream);
        assert_eq!(status(&answer), 413, "{line}: {answer}");
    }
    assert_answers(&server);
}

#[test]
fn rules_that_come_slowly_take_no_place_of_exports() {
    let database = TestDatabase::new();
    let server = start(
        &database,
        &["--max-exports", "1", "--transfer-timeout", "1"],
    );
    let headers = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
    let mut slow: Vec<TcpStream> = (0..20)
        .map(|_| begin(&server, "POST /export/rule", headers, b"{"))
        .collect();
    let mut export = begin(
        &server,
        "GET /export/subscribers",
        "Connection: close\r\n",
        b"",
    );
    assert_eq!(status(&read_answer(&mut export)), 200);
    for stream in &mut slow {
        let answer = read_answer(stream);
        assert_eq!(status(&answer), 408, "{answer}");
    }
    drop(connect(&server));
}
