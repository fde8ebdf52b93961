//! A client of the protocol `graphql-transport-ws`, message by message.

use super::Server;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::HeaderName;
use tungstenite::{Error, Message, WebSocket};

/// How long to wait for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets the system keep little of what is not read of a stream: it may take tens of megabytes otherwise.
#[track_caller]
pub fn keep_little(stream: &TcpStream) {
    let stream = socket2::SockRef::from(stream);
    let set = stream.set_recv_buffer_size(1 << 16);
    set.expect("the system takes a size");
}

/// An open socket.
pub struct Socket {
    inner: WebSocket<TcpStream>,
}

impl Socket {
    /// Opens a socket and introduces itself.
    #[track_caller]
    pub fn open(server: &Server) -> Socket {
        let mut socket = Socket::silent(server);
        socket.send(json!({"type": "connection_init"}));
        assert_eq!(socket.receive(), json!({"type": "connection_ack"}));
        socket
    }

    /// Opens a socket and introduces itself with a payload; returns how it was closed if it was.
    #[track_caller]
    pub fn introduce(server: &Server, payload: Value) -> Result<Socket, (u16, String)> {
        let mut socket = Socket::silent(server);
        socket.send(json!({"type": "connection_init", "payload": payload}));
        let acknowledged = socket.read()?;
        assert_eq!(acknowledged, json!({"type": "connection_ack"}));
        Ok(socket)
    }

    /// Opens a socket and says nothing.
    #[track_caller]
    pub fn silent(server: &Server) -> Socket {
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        let opened = Socket::connect(server, &[protocol]);
        opened.expect("the server opens a socket")
    }

    /// Opens a socket with these headers, or returns the status with which it is refused.
    pub fn connect(server: &Server, headers: &[(&str, &str)]) -> Result<Socket, u16> {
        let stream = TcpStream::connect(&server.address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time limit");
        let mut request = format!("ws://{}/graphql", server.address)
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        match tungstenite::client(request, stream) {
            Ok((inner, _)) => Ok(Socket { inner }),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("neither opened nor refused: {error}"),
        }
    }

    /// The connection below.
    pub fn stream(&self) -> &TcpStream {
        self.inner.get_ref()
    }

    #[track_caller]
    pub fn send(&mut self, message: Value) {
        self.send_message(Message::text(message.to_string()));
    }

    #[track_caller]
    pub fn send_message(&mut self, message: Message) {
        self.inner.send(message).expect("the message can be sent");
    }

    /// Starts an operation.
    #[track_caller]
    pub fn subscribe(&mut self, id: &str, document: &str, variables: Value) {
        self.send(json!({
            "id": id, "type": "subscribe", "payload": {"query": document, "variables": variables}
        }));
    }

    /// Asks something until what was asked before has surely begun.
    #[track_caller]
    pub fn settle(&mut self) {
        for _ in 0..3 {
            self.subscribe("settle", "{ refreshes { nodes { id } } }", json!({}));
            self.next("settle");
            assert_eq!(self.receive()["type"], json!("complete"));
        }
    }

    /// Waits for a message.
    #[track_caller]
    pub fn receive(&mut self) -> Value {
        match self.read() {
            Ok(message) => message,
            Err((code, reason)) => panic!("closed with {code}: {reason}"),
        }
    }

    /// Waits for the data of the next answer of an operation.
    #[track_caller]
    pub fn next(&mut self, id: &str) -> Value {
        let mut message = self.receive();
        assert_eq!(message["id"], json!(id), "{message}");
        assert_eq!(message["type"], json!("next"), "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        message["payload"]["data"].take()
    }

    /// Waits for the end of the socket and returns its code and reason.
    #[track_caller]
    pub fn wait_for_close(&mut self) -> (u16, String) {
        match self.read() {
            Err(closed) => closed,
            Ok(message) => panic!("not closed: {message}"),
        }
    }

    /// Waits for a message or the end.
    #[track_caller]
    fn read(&mut self) -> Result<Value, (u16, String)> {
        // The pings of the server keep a silent socket from running into its own limit.
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "nothing comes");
            match self.inner.read().expect("the server says something") {
                Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Message::Close(Some(frame)) => {
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                Message::Close(None) => return Err((1005, String::new())),
                _ => {}
            }
        }
    }
}
