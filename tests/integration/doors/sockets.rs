//! What clients send over WebSockets.

use super::{MEGABYTE, assert_answers, connect, start};
use crate::support::{Server, TestDatabase};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const TEXT: u8 = 0x81;
const FIRST_PIECE: u8 = 0x01;
const NEXT_PIECE: u8 = 0x00;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

/// Opens a socket that says nothing by itself.
fn open(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
        server.address
    );
    stream
        .write_all(request.as_bytes())
        .expect("it can be asked");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

/// The header of a frame whose mask changes nothing.
fn header(flags: u8, length: u64) -> Vec<u8> {
    let mut header = vec![flags];
    match length {
        0..126 => header.push(0x80 | length as u8),
        126..65_536 => {
            header.push(0x80 | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(flags, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// Reads a frame; none where the connection ends.
fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start).ok()?;
    let mut length = [0; 8];
    let wide = match start[1] {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    stream.read_exact(&mut length[8 - wide..]).ok()?;
    let length = match wide {
        0 => u64::from(start[1]),
        _ => u64::from_be_bytes(length),
    };
    let mut payload = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut payload).ok()?;
    Some((start[0], payload))
}

/// Reads until a text comes.
fn read_text(stream: &mut TcpStream) -> String {
    loop {
        let (flags, payload) = read_frame(stream).expect("an answer");
        if flags == TEXT {
            return String::from_utf8_lossy(&payload).into_owned();
        }
    }
}

/// Reads until the socket is closed and returns the code.
fn close_code(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let (flags, payload) = read_frame(stream)?;
        if flags == 0x88 {
            return Some(u16::from_be_bytes([payload[0], payload[1]]));
        }
    }
}

/// Introduces the client and waits until it is let in.
fn introduce(stream: &mut TcpStream) {
    let introduction = frame(TEXT, br#"{"type":"connection_init"}"#);
    stream.write_all(&introduction).expect("it can be sent");
    assert_eq!(read_text(stream), r#"{"type":"connection_ack"}"#);
}

/// Sends zeros until the server takes no more, at most so many megabytes.
fn flood(mut stream: TcpStream, megabytes: usize) {
    let zeros = vec![0; 1 << 20];
    for _ in 0..megabytes {
        if stream.write_all(&zeros).is_err() {
            return;
        }
    }
}

#[test]
fn a_frame_that_declares_too_much_is_refused_before_it_is_kept() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    assert_answers(&server);
    let before = server.memory();
    let starts: Vec<Vec<u8>> = vec![
        header(TEXT, 1 << 40),
        header(BINARY, 1 << 40),
        header(FIRST_PIECE, u64::MAX >> 1),
        header(BINARY, 9_000),
        header(PING, 1 << 40),
        [frame(FIRST_PIECE, &[0; 5_000]), header(NEXT_PIECE, 5_000)].concat(),
        [
            frame(FIRST_PIECE, &[0; 8_000]),
            frame(PING, &[0; 100]),
            header(NEXT_PIECE, 1 << 40),
        ]
        .concat(),
    ];
    let sockets: Vec<_> = starts
        .into_iter()
        .map(|start| {
            let mut stream = open(&server);
            stream.write_all(&start).expect("it can be sent");
            let sending = stream.try_clone().expect("a handle");
            let flooding = thread::spawn(move || flood(sending, 64));
            (stream, flooding)
        })
        .collect();
    for (mut stream, flooding) in sockets {
        assert_eq!(close_code(&mut stream), Some(1009));
        flooding.join().expect("no panic");
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 20 * MEGABYTE, "{grown} bytes more");
    assert_answers(&server);
}

#[test]
fn headers_that_come_byte_by_byte_are_understood() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let mut streams: Vec<TcpStream> = (0..50).map(|_| open(&server)).collect();
    for byte in header(TEXT, 1 << 40) {
        for stream in &mut streams {
            // The length is complete before the mask, which some may not send any more.
            let _ = stream.write_all(&[byte]);
        }
    }
    for mut stream in streams {
        assert_eq!(close_code(&mut stream), Some(1009));
    }
    assert_answers(&server);
}

#[test]
fn after_the_introduction_messages_may_have_a_megabyte() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    let message = |length: usize| {
        let document = "{ __typename }";
        let start = format!(
            r#"{{"type":"subscribe","id":"1","payload":{{"query":"{document}","extensions":{{"x":""#
        );
        let end = r#""}}}"#;
        let filling = "x".repeat(length - start.len() - end.len());
        format!("{start}{filling}{end}")
    };
    let mut stream = open(&server);
    introduce(&mut stream);
    let whole = message(1 << 20);
    stream
        .write_all(&frame(TEXT, whole.as_bytes()))
        .expect("it can be sent");
    assert!(read_text(&mut stream).contains(r#""__typename":"Query""#));
    assert!(read_text(&mut stream).contains("complete"));
    // In pieces too.
    let mut pieces = whole.as_bytes().chunks(300_000).peekable();
    let mut flags = FIRST_PIECE;
    while let Some(piece) = pieces.next() {
        let is_last = if pieces.peek().is_none() { 0x80 } else { 0 };
        stream
            .write_all(&frame(flags | is_last, piece))
            .expect("it can be sent");
        flags = NEXT_PIECE;
    }
    assert!(read_text(&mut stream).contains(r#""__typename":"Query""#));
    stream
        .write_all(&header(TEXT, (1 << 20) + 1))
        .expect("it can be sent");
    assert_eq!(close_code(&mut stream), Some(1009));
}

#[test]
fn pings_without_end_fill_no_memory() {
    let database = TestDatabase::new();
    let server = start(&database, &[]);
    assert_answers(&server);
    let before = server.memory();
    let pings = frame(PING, &[1; 125]).repeat(1_000);
    let sockets: Vec<TcpStream> = (0..5)
        .map(|_| {
            let mut stream = open(&server);
            stream
                .set_write_timeout(Some(Duration::from_millis(500)))
                .expect("a timeout");
            // Until the server takes no more, since nobody reads what it answers.
            for _ in 0..200 {
                if stream.write_all(&pings).is_err() {
                    break;
                }
            }
            stream
        })
        .collect();
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 20 * MEGABYTE, "{grown} bytes more");
    assert_answers(&server);
    drop(sockets);
}
