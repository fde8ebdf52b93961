//! The hostile cases. Each returns in a few words how the server answered.

use super::client::{Client, begin, connect, outcome, post, read_until};
use super::server::Server;
use anyhow::Context;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a case lasts at the most.
const LASTS: Duration = Duration::from_secs(10);

/// A case: it attacks the server and returns how the server answered.
pub type Case = fn(&Server) -> anyhow::Result<String>;

/// All cases by name.
pub const ALL: [(&str, Case); 10] = [
    ("frame", frame),
    ("regex", regex),
    ("previews", previews),
    ("overlap", overlap),
    ("filters", filters),
    ("suggestions", suggestions),
    ("answer", answer),
    ("readers", readers),
    ("uploads", uploads),
    ("exports", exports),
];

/// A WebSocket frame that declares 2^40 bytes, and then zeros, over four sockets.
fn frame(server: &Server) -> anyhow::Result<String> {
    let deadline = Instant::now() + LASTS;
    let sent = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..4)
            .map(|_| scope.spawn(move || flood(&server.address, deadline)))
            .collect();
        let mut sent = 0;
        for flood in floods {
            sent += flood
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        Ok::<_, anyhow::Error>(sent)
    })?;
    Ok(format!("{} MB taken", sent / 1_000_000))
}

fn flood(address: &str, deadline: Instant) -> anyhow::Result<u64> {
    let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n";
    let mut stream = begin(address, "GET /graphql", headers, b"")?;
    let mut head = [0; 1_024];
    let read = stream.read(&mut head)?;
    anyhow::ensure!(head[..read].starts_with(b"HTTP/1.1 101"), "no WebSocket");
    // A text, masked by zeros, of 2^40 bytes.
    let mut header = vec![0x81, 0x80 | 127];
    header.extend((1_u64 << 40).to_be_bytes());
    header.extend([0; 4]);
    stream.write_all(&header)?;
    let zeros = vec![0; 1 << 16];
    let mut sent = 0;
    while Instant::now() < deadline && stream.write_all(&zeros).is_ok() {
        sent += zeros.len() as u64;
    }
    Ok(sent)
}

/// An expensive regular expression whose client leaves after half a second.
fn regex(server: &Server) -> anyhow::Result<String> {
    let stream = post(&server.address, &format!("{{ {} }}", preview(0)))?;
    std::thread::sleep(Duration::from_millis(500));
    drop(stream);
    let left = Instant::now();
    let mut before = server.processor_time();
    let mut rested = None;
    while left.elapsed() < LASTS {
        std::thread::sleep(Duration::from_millis(500));
        let now = server.processor_time();
        // The probe itself takes some of it.
        if now - before < Duration::from_millis(250) {
            rested.get_or_insert(left.elapsed());
        }
        before = now;
    }
    Ok(match rested {
        Some(after) => format!("at rest {:.1} s after the client left", after.as_secs_f64()),
        None => "still at work when the case ends".to_owned(),
    })
}

/// A preview that reads every letter of every name many times. Each is another one, so that nothing is shared.
fn preview(number: usize) -> String {
    format!(
        "p{number}: previewSegment(rule: {{text: {{field: \"lastName\", is: {{matches: \"[0-8][^z]{{80,120}}x{number}\"}}}}}}) {{ memberCount }}"
    )
}

/// Ninety such previews under aliases in one document.
fn previews(server: &Server) -> anyhow::Result<String> {
    ask_at_once(server, 1, &repeat(90, preview))
}

fn overlap(server: &Server) -> anyhow::Result<String> {
    let one = |number| {
        format!("o{number}: overlap(with: {{segment: \"segment-0001\"}}) {{ eitherCount }}")
    };
    let document = format!("{{ segment(key: \"segment-0000\") {} }}", repeat(99, one));
    ask_at_once(server, 1, &document)
}

fn filters(server: &Server) -> anyhow::Result<String> {
    let one = |number| {
        format!(
            "f{number}: subscribers(first: 0, filter: {{rule: {{text: {{field: \"lastName\", is: {{contains: \"x{number}\"}}}}}}}}) {{ totalCount }}"
        )
    };
    ask_at_once(server, 1, &repeat(90, one))
}

/// Ten clients that ask for the suggested values of every field.
fn suggestions(server: &Server) -> anyhow::Result<String> {
    let document = "{ ruleFields { name suggestedValues(first: 250) { value count } } }";
    ask_at_once(server, 10, document)
}

/// An answer of hundreds of megabytes, read by its client.
fn answer(server: &Server) -> anyhow::Result<String> {
    ask_at_once(server, 2, &bulk(90))
}

/// A document that asks for so many pages of 2.5 MB.
fn bulk(pages: usize) -> String {
    let one = |number| {
        format!(
            "b{number}: group(key: \"staff\") {{ members(first: 250) {{ nodes {{ customField(key: \"bulk\") }} }} }}"
        )
    };
    repeat(pages, one)
}

/// Fifty clients that ask for 25 MB each and do not read.
fn readers(server: &Server) -> anyhow::Result<String> {
    let document = bulk(10);
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(post(&server.address, &document)?);
    }
    std::thread::sleep(LASTS);
    Ok(format!("{} clients that did not read", streams.len()))
}

/// Six hundred uploads to twenty imports that send a byte a second.
fn uploads(server: &Server) -> anyhow::Result<String> {
    let deadline = Instant::now() + LASTS;
    let client = Client::new(&server.address);
    let imports = (0..20).map(|_| client.create_import());
    let paths: Vec<String> = imports
        .map(|import| Ok(import?.1))
        .collect::<anyhow::Result<_>>()?;
    let headers = "Content-Type: text/csv\r\nContent-Length: 1000000\r\n";
    let mut streams = Vec::new();
    for number in 0..600 {
        let line = format!("PUT {}", paths[number % paths.len()]);
        streams.push(begin(&server.address, &line, headers, b"e")?);
    }
    while Instant::now() + Duration::from_secs(2) < deadline {
        for stream in &mut streams {
            // Fails where the upload was refused and closed.
            let _ = stream.write_all(b"m");
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(count_outcomes(&mut streams))
}

/// Twenty exports that are not read.
fn exports(server: &Server) -> anyhow::Result<String> {
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(begin(&server.address, "GET /export/subscribers", "", b"")?);
    }
    std::thread::sleep(LASTS - Duration::from_secs(1));
    Ok(count_outcomes(&mut streams))
}

/// Says how those were answered that were answered.
fn count_outcomes(streams: &mut [TcpStream]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for stream in streams {
        let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
        let mut head = [0; 4_096];
        let read = stream.read(&mut head).unwrap_or_default();
        let told = outcome(&String::from_utf8_lossy(&head[..read]));
        *counts.entry(told).or_default() += 1;
    }
    list(counts)
}

fn list(counts: BTreeMap<String, usize>) -> String {
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(outcome, count)| format!("{count} × {outcome}"))
        .collect();
    counts.join(", ")
}

fn repeat(times: usize, one: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..times).map(one).collect();
    format!("{{ {} }}", all.join(" "))
}

/// Lets so many clients ask at the same time; they leave when the time of the case is over.
fn ask_at_once(server: &Server, clients: usize, document: &str) -> anyhow::Result<String> {
    // Whether the server is there at all.
    connect(&server.address).context("the server does not listen")?;
    let deadline = Instant::now() + LASTS;
    let answers: Vec<(String, u64)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(move || {
                    let mut stream = post(&server.address, document)?;
                    Ok::<_, anyhow::Error>(read_until(&mut stream, deadline))
                })
            })
            .collect();
        let answers = asking.into_iter().map(|one| {
            let answer = one.join().map_err(|_| anyhow::anyhow!("a thread panicked"));
            answer?
        });
        answers.collect::<anyhow::Result<_>>()
    })?;
    let bytes: u64 = answers.iter().map(|(_, bytes)| bytes).sum();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (beginning, _) in &answers {
        *counts.entry(outcome(beginning)).or_default() += 1;
    }
    Ok(format!("{}, {:.1} MB", list(counts), bytes as f64 / 1e6))
}
