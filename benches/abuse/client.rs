//! Clients: one that asks and waits for the answer, and bare connections for what no decent client does.

use anyhow::Context;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest time that a decent client waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that asks and waits.
pub struct Client {
    agent: ureq::Agent,
    address: String,
}

impl Client {
    /// A client of the server at that address.
    pub fn new(address: &str) -> Client {
        let configured = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        Client {
            agent: configured.build().into(),
            address: address.to_owned(),
        }
    }

    /// Sends a document and returns the whole answer.
    pub fn ask(&self, document: &str, variables: Value) -> anyhow::Result<Value> {
        let request = self.agent.post(format!("http://{}/graphql", self.address));
        let body = json!({ "query": document, "variables": variables });
        let text = request.send_json(body)?.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text:?}"))
    }

    /// Sends a document that must be answered without an error, and returns the data.
    pub fn data(&self, document: &str) -> anyhow::Result<Value> {
        let mut answer = self.ask(document, Value::Null)?;
        anyhow::ensure!(
            answer["errors"].is_null(),
            "{document}: {}",
            answer["errors"]
        );
        Ok(answer["data"].take())
    }

    /// Makes an import of subscribers and returns its id and the path for its file.
    pub fn create_import(&self) -> anyhow::Result<(Value, String)> {
        let data = self.data(
            "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { id uploadUrl } } }",
        )?;
        let import = &data["createImport"]["import"];
        let path = import["uploadUrl"].as_str().context("no uploadUrl")?;
        Ok((import["id"].clone(), path.to_owned()))
    }

    /// Sends a file, and returns the status.
    pub fn put(&self, path: &str, text: &str) -> anyhow::Result<u16> {
        let request = self.agent.put(format!("http://{}{path}", self.address));
        let sent = request.header("content-type", "text/csv").send(text)?;
        Ok(sent.status().as_u16())
    }

    /// Fetches a path to its end, and returns the status and how many bytes came.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, u64)> {
        let mut answer = self
            .agent
            .get(format!("http://{}{path}", self.address))
            .call()?;
        let read = std::io::copy(&mut answer.body_mut().as_reader(), &mut std::io::sink())?;
        Ok((answer.status().as_u16(), read))
    }
}

/// Opens a connection on which nothing waits for longer than a second.
pub fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(stream)
}

/// Sends the head of a request and the beginning of its body.
pub fn begin(address: &str, line: &str, headers: &str, body: &[u8]) -> std::io::Result<TcpStream> {
    let mut stream = connect(address)?;
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    Ok(stream)
}

/// Sends a document, without waiting for an answer.
pub fn post(address: &str, document: &str) -> std::io::Result<TcpStream> {
    let body = json!({ "query": document }).to_string();
    let headers = format!(
        "Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    begin(address, "POST /graphql", &headers, body.as_bytes())
}

/// Reads until the connection ends or the time is over, keeps the beginning, and returns it with how many bytes came.
pub fn read_until(stream: &mut TcpStream, deadline: Instant) -> (String, u64) {
    const KEPT: usize = 4_096;
    let (mut beginning, mut count) = (Vec::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    while Instant::now() < deadline {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let room = KEPT.saturating_sub(beginning.len()).min(read);
                beginning.extend_from_slice(&buffer[..room]);
                count += read as u64;
            }
            Err(error) if is_timeout(&error) => {}
            Err(_) => break,
        }
    }
    (String::from_utf8_lossy(&beginning).into_owned(), count)
}

/// Says in a few words how an answer begins: its status, and the first code in it.
pub fn outcome(answer: &str) -> String {
    let status = answer.split(' ').nth(1).unwrap_or("no answer");
    let code = answer
        .split_once("\"code\":\"")
        .and_then(|(_, rest)| rest.split('"').next());
    match code {
        Some(code) => format!("{status} {code}"),
        None => status.to_owned(),
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock
            | std::io::ErrorKind::TimedOut
            | std::io::ErrorKind::Interrupted
    )
}
