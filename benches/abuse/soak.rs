//! Mixed load for a long time: edits that instant segments follow, queries, imports, exports, refreshes and sockets.

use super::client::Client;
use super::measure::PROBE;
use super::server::Server;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

/// The codes that the load provokes: a refresh is asked for while another runs, and concurrent edits meet.
const CHOSEN: [&str; 2] = ["REFRESH_RUNNING", "CONTENTION"];
/// How many rows an imported file has.
const ROWS: usize = 5_000;
/// How many files are imported in turn, first with new people, and then with another city each time.
const FILES: usize = 4;
/// How often memory is printed.
const MINUTE: Duration = Duration::from_secs(60);
/// How long a socket is read before it is opened anew.
const SOCKET_LASTS: Duration = Duration::from_secs(20);

/// What is queried in turn.
const QUERIES: [&str; 4] = [
    PROBE,
    "{ subscribers(first: 250) { totalCount nodes { id email groups(first: 5) { nodes { key } } } } }",
    "{ segments(first: 20) { nodes { key memberCount members(first: 20) { nodes { email } } } } }",
    "{ segment(key: \"soaked\") { memberCount changes(first: 50) { nodes { joinedCount leftCount } } } }",
];

/// What the load shares.
struct Load<'a> {
    server: &'a Server,
    is_over: AtomicBool,
    /// How many steps of each kind succeeded.
    done: BTreeMap<&'static str, AtomicU64>,
    /// How often each error code came; what has none is written out.
    errors: Mutex<BTreeMap<String, u64>>,
}

/// A kind of load: what it is called, how long it rests between its steps, and a step. Steps are numbered.
type Kind = (
    &'static str,
    Duration,
    fn(&Load<'_>, &Client, usize) -> anyhow::Result<()>,
);

const KINDS: [Kind; 7] = [
    ("edits", Duration::from_millis(20), edit),
    ("queries", Duration::from_millis(50), query),
    ("previews", Duration::from_millis(500), preview),
    ("imports", Duration::from_secs(15), import),
    ("exports", Duration::from_secs(10), export),
    ("refreshes", Duration::from_secs(10), refresh),
    ("sockets", Duration::from_millis(500), socket),
];

/// Runs the load for that long.
pub fn run(server: &Server, lasts: Duration) -> anyhow::Result<()> {
    let client = Client::new(&server.address);
    client.data(
        "mutation { createSegment(input: {key: \"soaked\", mode: INSTANT, \
         rule: {text: {field: \"city\", is: {equals: \"Soaked\"}}}}) { userErrors { message } } }",
    )?;
    // A document that is not valid any more fails at once, not after the soak.
    for query in QUERIES {
        client.data(query)?;
    }
    let load = Load {
        server,
        is_over: AtomicBool::new(false),
        done: KINDS.map(|(name, ..)| (name, AtomicU64::new(0))).into(),
        errors: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for (name, pause, step) in KINDS {
            let load = &load;
            scope.spawn(move || load.repeat(name, pause, step));
        }
        load.watch(lasts);
        load.is_over.store(true, Ordering::Relaxed);
    });
    load.judge()
}

impl Load<'_> {
    fn repeat(
        &self,
        name: &'static str,
        pause: Duration,
        step: fn(&Load<'_>, &Client, usize) -> anyhow::Result<()>,
    ) {
        let client = Client::new(&self.server.address);
        for number in 0.. {
            match step(self, &client, number) {
                Ok(()) => {
                    self.done[name].fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => self.note(&format!("{name}: {error}")),
            }
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.is_over() {
                    return;
                }
                std::thread::sleep(pause.min(Duration::from_millis(200)));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn note(&self, code: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(code.to_owned()).or_default() += 1;
    }

    /// Sends a document and notes the codes of its errors. Returns the data, which is null if the answer has none.
    fn ask(&self, client: &Client, document: &str, variables: Value) -> anyhow::Result<Value> {
        let mut answer = client.ask(document, variables)?;
        for error in answer["errors"].as_array().into_iter().flatten() {
            self.note_error(error, &error["extensions"]["code"]);
        }
        let payloads = answer["data"].as_object().into_iter().flatten();
        for (_, payload) in payloads {
            for error in payload["userErrors"].as_array().into_iter().flatten() {
                self.note_error(error, &error["code"]);
            }
        }
        Ok(answer["data"].take())
    }

    fn note_error(&self, error: &Value, code: &Value) {
        match code.as_str() {
            Some(code) => self.note(code),
            None => self.note(&error.to_string()),
        }
    }

    /// Prints memory and what was done, every minute and in the end.
    fn watch(&self, lasts: Duration) {
        let start = Instant::now();
        println!("{:>6}{:>10}{:>10}  done so far", "minute", "MB", "peak MB");
        loop {
            let left = lasts.saturating_sub(start.elapsed());
            std::thread::sleep(MINUTE.min(left));
            let done: Vec<String> = self
                .done
                .iter()
                .map(|(name, count)| format!("{} {name}", count.load(Ordering::Relaxed)))
                .collect();
            println!(
                "{:>6.1}{:>10.1}{:>10.1}  {}",
                start.elapsed().as_secs_f64() / 60.0,
                self.server.memory() as f64 / 1e6,
                self.server.peak_memory() as f64 / 1e6,
                done.join(", ")
            );
            if start.elapsed() >= lasts {
                return;
            }
        }
    }

    /// Prints the errors, and fails if there are some that the load does not provoke, or load that never succeeded.
    fn judge(&self) -> anyhow::Result<()> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in errors.iter() {
            let is_chosen = CHOSEN.contains(&code.as_str());
            println!(
                "{count:>8} × {code}{}",
                if is_chosen {
                    ""
                } else {
                    "  (not provoked on purpose)"
                }
            );
        }
        let idle = self
            .done
            .iter()
            .find(|(_, count)| count.load(Ordering::Relaxed) == 0);
        anyhow::ensure!(idle.is_none(), "not once done: {idle:?}");
        let strange = errors.keys().find(|code| !CHOSEN.contains(&code.as_str()));
        anyhow::ensure!(strange.is_none(), "errors that are not provoked on purpose");
        println!("no error that is not provoked on purpose");
        Ok(())
    }
}

/// A subscriber joins the instant segment or leaves it.
fn edit(load: &Load<'_>, client: &Client, number: usize) -> anyhow::Result<()> {
    let city = if number.is_multiple_of(2) {
        "Soaked"
    } else {
        "Dry"
    };
    load.ask(
        client,
        "mutation ($email: String!, $city: String!) { upsertSubscriber(input: {email: $email, values: {city: $city}}) \
         { userErrors { code message } } }",
        json!({"email": format!("soaked{}@example.com", number / 2 % 1_000), "city": city}),
    )?;
    Ok(())
}

fn query(load: &Load<'_>, client: &Client, number: usize) -> anyhow::Result<()> {
    load.ask(client, QUERIES[number % QUERIES.len()], Value::Null)?;
    Ok(())
}

fn preview(load: &Load<'_>, client: &Client, number: usize) -> anyhow::Result<()> {
    let document = "query ($city: String!) { previewSegment(rule: {text: {field: \"city\", is: {equals: $city}}}) \
                    { memberCount } }";
    load.ask(
        client,
        document,
        json!({"city": format!("City {}", number % 200)}),
    )?;
    Ok(())
}

/// Imports a file and waits for its end. Every other time the people are known already.
fn import(load: &Load<'_>, client: &Client, number: usize) -> anyhow::Result<()> {
    let mut file = "email,city\n".to_owned();
    // The same people again and again: memory must not grow, and it may grow with the audience.
    let city = ["Vilnius", "Kaunas"][number / FILES % 2];
    for row in 0..ROWS {
        writeln!(file, "imported{}x{row}@example.com,{city}", number % FILES)?;
    }
    let (id, path) = client.create_import()?;
    let status = client.put(&path, &file)?;
    anyhow::ensure!(status == 202, "the upload ends with {status}");
    let document = "query ($id: ID!) { import(id: $id) { state error } }";
    while !load.is_over() {
        let data = load.ask(client, document, json!({ "id": id }))?;
        match data["import"]["state"].as_str().unwrap_or_default() {
            "SUCCEEDED" => return Ok(()),
            "READY" | "RUNNING" => std::thread::sleep(Duration::from_millis(200)),
            _ => anyhow::bail!("{data}"),
        }
    }
    Ok(())
}

fn export(_: &Load<'_>, client: &Client, number: usize) -> anyhow::Result<()> {
    let paths = [
        "/export/segment/segment-0000",
        "/export/memberships",
        "/export/group/customers",
    ];
    let (status, bytes) = client.get(paths[number % paths.len()])?;
    anyhow::ensure!(status == 200 && bytes > 0, "{status} and {bytes} bytes");
    Ok(())
}

fn refresh(load: &Load<'_>, client: &Client, _: usize) -> anyhow::Result<()> {
    let document = "mutation { refreshSegments(input: {}) { userErrors { code message } } }";
    load.ask(client, document, Value::Null)?;
    Ok(())
}

/// Opens a socket, listens to the instant segment for a while, and leaves without a word every other time.
fn socket(load: &Load<'_>, _: &Client, number: usize) -> anyhow::Result<()> {
    let stream = TcpStream::connect(&load.server.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut request = format!("ws://{}/graphql", load.server.address).into_client_request()?;
    let protocol = "graphql-transport-ws".parse()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tungstenite::client(request, stream)
        .ok()
        .context("refused")?;
    let document =
        "subscription { membershipChanged(segment: {key: \"soaked\"}) { joinedCount leftCount } }";
    for message in [
        json!({"type": "connection_init"}),
        json!({"type": "subscribe", "id": "1", "payload": {"query": document}}),
    ] {
        socket.send(Message::text(message.to_string()))?;
    }
    let (start, mut items) = (Instant::now(), 0);
    while start.elapsed() < SOCKET_LASTS && !load.is_over() {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let message: Value = serde_json::from_str(&text)?;
                match message["type"].as_str() {
                    Some("connection_ack" | "ping") => {}
                    Some("next") if message["payload"]["errors"].is_null() => items += 1,
                    _ => anyhow::bail!("{message}"),
                }
            }
            Ok(Message::Close(frame)) => anyhow::bail!("closed: {frame:?}"),
            Ok(_) => {}
            // The second without a message is over.
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::ensure!(items > 0 || load.is_over(), "nothing was told");
    if number.is_multiple_of(2) {
        socket.close(None)?;
    }
    Ok(())
}
