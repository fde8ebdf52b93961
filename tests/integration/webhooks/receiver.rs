//! A receiver of messages: an HTTP server on loopback that remembers what it got and answers as it is told.

use serde_json::Value;
use standardwebhooks::Webhook as Judge;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("a header");
        value.to_str().expect("a text")
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub fn message_type(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    pub fn data(&self) -> Value {
        self.json()["data"].take()
    }

    /// Whether the library of others accepts the message with a secret.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let judge = Judge::new(secret).expect("a secret");
        judge.verify(self.body.as_bytes(), &self.headers).is_ok()
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status with these header lines.
    Status(u16, &'static str),
    /// 200 with what came as the body.
    Echo,
    /// The connection is closed without an answer.
    Nothing,
    /// Half of a status line.
    Half,
    /// Nothing until the gate is opened, and then 200.
    Gate,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    replies: Mutex<VecDeque<Reply>>,
    usual: Mutex<Option<Reply>>,
    is_open: Mutex<bool>,
    opened: Condvar,
}

/// A receiver. It stops with the process.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Receiver {
            url: format!("http://{address}/hook"),
            shared,
        }
    }

    /// Answers the next messages with these, and the later ones as usual.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().expect("a lock").extend(replies);
    }

    /// Answers with this from now on.
    pub fn always(&self, reply: Reply) {
        *self.shared.usual.lock().expect("a lock") = Some(reply);
    }

    /// Lets those go on who wait for the gate.
    pub fn open(&self) {
        *self.shared.is_open.lock().expect("a lock") = true;
        self.shared.opened.notify_all();
    }

    /// Returns everything that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("a lock").clone()
    }

    /// Returns what came since the last call.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.received.lock().expect("a lock"))
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let Some(received) = read(&mut stream) else {
            return;
        };
        let body = received.body.clone();
        self.received.lock().expect("a lock").push(received);
        let next = self.replies.lock().expect("a lock").pop_front();
        let usual = || self.usual.lock().expect("a lock").clone();
        let reply = next.or_else(usual).unwrap_or(Reply::Status(204, ""));
        let answer = match reply {
            Reply::Status(status, headers) => {
                format!("HTTP/1.1 {status} Told\r\n{headers}content-length: 0\r\n\r\n")
            }
            Reply::Echo => format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Reply::Nothing => String::new(),
            Reply::Half => "HTTP/1.1 2".to_owned(),
            Reply::Gate => {
                let closed = self.is_open.lock().expect("a lock");
                let opened = self.opened.wait_while(closed, |is_open| !*is_open);
                drop(opened.expect("a lock"));
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
        };
        // The sender may be gone.
        let _ = stream.write_all(answer.as_bytes());
    }
}

/// Reads one request.
pub fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut piece = [0; 65_536];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut headers = http::HeaderMap::new();
    for line in text.lines().skip(1) {
        let (name, value) = line.split_once(": ").expect("a header");
        let name: http::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    let length = headers.get("content-length").expect("a length");
    let length: usize = length.to_str().expect("a text").parse().expect("a number");
    while bytes.len() < head + 4 + length {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
        }
    }
    let body = String::from_utf8(bytes.split_off(head + 4)).expect("a text");
    Some(Received { headers, body })
}
