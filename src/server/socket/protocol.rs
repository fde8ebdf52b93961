//! The protocol `graphql-transport-ws`, without sockets and timers: what to do after each message of a client, and the
//! messages of the server.
//!
//! It is specified in <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>. The engine of async-graphql is
//! not used: it lets a second subscriber of an id replace the first, and uses other close codes than the protocol.

use crate::graphql::{ErrorCode, Parameters, Refusal, write_response};
use async_graphql::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The name of the protocol in `Sec-WebSocket-Protocol`.
pub const NAME: &str = "graphql-transport-ws";

/// How many operations may run over one socket at the same time.
const MAX_OPERATIONS: usize = 100;

/// How the server closes a socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// The reason, for people.
    pub reason: String,
}

impl Close {
    /// Returns a close with this code and reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Close {
        Close {
            code,
            reason: reason.into(),
        }
    }
}

/// What to do after a message.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Send this.
    Send(String),
    /// Admit the client by its key, in the form of a header `Authorization`, and acknowledge it.
    Introduce { authorization: Option<String> },
    /// Execute an operation, and hand over its replies.
    Start {
        id: String,
        parameters: Box<Parameters>,
    },
    /// Stop an operation: the client no longer waits for it.
    Stop { id: String },
    /// Close the socket.
    Close(Close),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Ping {
        payload: Option<Map<String, Value>>,
    },
    Pong {
        #[serde(default, rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
    Subscribe {
        id: String,
        payload: Value,
    },
    Complete {
        id: String,
    },
}

/// The state of one socket.
#[derive(Debug, Default)]
pub struct Protocol {
    is_introduced: bool,
    is_acknowledged: bool,
    running: HashSet<String>,
}

impl Protocol {
    /// Returns whether the `connection_init` of the client was accepted.
    pub fn is_acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    /// Returns how to close the socket if `connection_init` was not accepted in time.
    pub fn time_out(&self) -> Close {
        Close::new(4408, "Connection initialisation timeout")
    }

    /// Handles a message of the client.
    pub fn receive(&mut self, text: &str) -> Step {
        match serde_json::from_str(text) {
            Err(error) => Step::Close(Close::new(4400, format!("Invalid message: {error}"))),
            Ok(Message::ConnectionInit { .. }) if self.is_introduced => {
                Step::Close(Close::new(4429, "Too many initialisation requests"))
            }
            Ok(Message::ConnectionInit { payload }) => {
                self.is_introduced = true;
                let authorization = find_authorization(payload.unwrap_or_default());
                Step::Introduce { authorization }
            }
            Ok(Message::Ping { payload: None }) => {
                Step::Send(json!({ "type": "pong" }).to_string())
            }
            Ok(Message::Ping { payload }) => {
                Step::Send(json!({ "type": "pong", "payload": payload }).to_string())
            }
            Ok(Message::Pong { .. }) => Step::Nothing,
            Ok(Message::Subscribe { id, payload }) => self.subscribe(id, payload, text),
            Ok(Message::Complete { id }) if self.running.remove(&id) => Step::Stop { id },
            // The operation has ended already, but the client did not know yet.
            Ok(Message::Complete { .. }) => Step::Nothing,
        }
    }

    /// Lets the client start operations, and returns the message `connection_ack`.
    pub fn acknowledge(&mut self) -> String {
        self.is_acknowledged = true;
        json!({ "type": "connection_ack" }).to_string()
    }

    /// Returns the message for an operation that does not start because the budget of the client is used up.
    pub fn refuse_rate(&mut self, id: &str, message: &str, seconds: u64) -> String {
        self.running.remove(id);
        let extensions = json!({ "code": ErrorCode::RateLimited.as_str(), "retryAfter": seconds });
        let error = json!({ "message": message, "extensions": extensions });
        json!({ "id": id, "type": "error", "payload": [error] }).to_string()
    }

    fn subscribe(&mut self, id: String, payload: Value, text: &str) -> Step {
        if !self.is_acknowledged {
            return Step::Close(Close::new(4401, "Unauthorized"));
        }
        let mut parameters = match Parameters::from_json(payload) {
            Ok(parameters) => parameters,
            Err(message) => {
                return Step::Close(Close::new(4400, format!("Invalid message: {message}")));
            }
        };
        if self.running.contains(&id) {
            let reason = format!("Subscriber for {id} already exists");
            return Step::Close(Close::new(4409, reason));
        }
        if self.running.len() >= MAX_OPERATIONS {
            let message = format!(
                "expected at most {MAX_OPERATIONS} operations at the same time over a socket"
            );
            return Step::Send(refuse(&id, ErrorCode::TooManyOperations, &message));
        }
        self.running.insert(id.clone());
        parameters.find_lost_digits(text.as_bytes(), &["payload", "variables"]);
        Step::Start {
            id,
            parameters: Box::new(parameters),
        }
    }

    /// Returns the message for an answer.
    pub fn next(&self, id: &str, response: &Response) -> String {
        let payload = write_response(response);
        let payload = String::from_utf8_lossy(&payload);
        format!(
            r#"{{"id":{},"type":"next","payload":{payload}}}"#,
            json!(id)
        )
    }

    /// Returns the message for a refusal, which ends the operation.
    pub fn refuse(&mut self, id: &str, refusal: &Refusal) -> String {
        self.running.remove(id);
        json!({ "id": id, "type": "error", "payload": refusal.errors }).to_string()
    }

    /// Returns the message for the end of an operation, or `None` if the client already knows that it has ended.
    pub fn end(&mut self, id: &str) -> Option<String> {
        let was_running = self.running.remove(id);
        was_running.then(|| json!({ "id": id, "type": "complete" }).to_string())
    }
}

/// Finds the key in the payload of `connection_init`. A value that is not text counts as an invalid key, as in a
/// header.
fn find_authorization(payload: Map<String, Value>) -> Option<String> {
    let mut fields = payload.into_iter();
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        _ => Some(String::new()),
    }
}

fn refuse(id: &str, code: ErrorCode, message: &str) -> String {
    let error = json!({ "message": message, "extensions": { "code": code.as_str() } });
    json!({ "id": id, "type": "error", "payload": [error] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::value;

    const INIT: &str = r#"{"type": "connection_init"}"#;

    fn subscribe(id: &str) -> String {
        json!({"id": id, "type": "subscribe", "payload": {"query": "{ a }"}}).to_string()
    }

    fn acknowledged() -> Protocol {
        let mut protocol = Protocol::default();
        assert_eq!(introduced(protocol.receive(INIT)), None);
        assert_eq!(protocol.acknowledge(), r#"{"type":"connection_ack"}"#);
        protocol
    }

    #[track_caller]
    fn sent(step: Step) -> Value {
        match step {
            Step::Send(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("not sent: {other:?}"),
        }
    }

    #[track_caller]
    fn introduced(step: Step) -> Option<String> {
        match step {
            Step::Introduce { authorization } => authorization,
            other => panic!("not introduced: {other:?}"),
        }
    }

    #[track_caller]
    fn closed(step: Step) -> (u16, String) {
        match step {
            Step::Close(close) => (close.code, close.reason),
            other => panic!("not closed: {other:?}"),
        }
    }

    #[track_caller]
    fn started(step: Step) -> Parameters {
        match step {
            Step::Start { parameters, .. } => *parameters,
            other => panic!("not started: {other:?}"),
        }
    }

    #[test]
    fn what_is_no_message_closes_with_4400() {
        for text in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"type": "start", "id": "1", "payload": {"query": "{ a }"}}"#,
            r#"{"type": "connection_init", "payload": "key"}"#,
            r#"{"type": "ping", "payload": 1}"#,
            r#"{"type": "subscribe", "payload": {"query": "{ a }"}}"#,
            r#"{"type": "subscribe", "id": 1, "payload": {"query": "{ a }"}}"#,
            r#"{"type": "subscribe", "id": "1"}"#,
            r#"{"type": "subscribe", "id": "1", "payload": {"query": 1}}"#,
            r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": [1]}}"#,
            r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": 1}}"#,
            r#"{"type": "complete"}"#,
        ] {
            let (code, reason) = closed(acknowledged().receive(text));
            assert_eq!(code, 4400, "{text}: {reason}");
            assert!(reason.starts_with("Invalid message: "), "{reason}");
        }
        let deep = format!(
            r#"{{"type": "ping", "payload": {}"#,
            r#"{"a": "#.repeat(10_000)
        );
        assert_eq!(closed(acknowledged().receive(&deep)).0, 4400);
    }

    #[test]
    fn to_ask_before_the_introduction_closes_with_4401() {
        let step = Protocol::default().receive(&subscribe("1"));
        assert_eq!(closed(step), (4401, "Unauthorized".to_owned()));
    }

    #[test]
    fn no_introduction_closes_with_4408() {
        let protocol = Protocol::default();
        assert!(!protocol.is_acknowledged());
        assert_eq!(protocol.time_out().code, 4408);
        assert!(acknowledged().is_acknowledged());
    }

    #[test]
    fn a_second_subscriber_of_an_id_closes_with_4409() {
        let mut protocol = acknowledged();
        started(protocol.receive(&subscribe("1")));
        started(protocol.receive(&subscribe("2")));
        let reason = "Subscriber for 1 already exists".to_owned();
        assert_eq!(closed(protocol.receive(&subscribe("1"))), (4409, reason));
    }

    #[test]
    fn the_key_of_an_introduction_is_found() {
        let find = |payload: Value| {
            let message = json!({"type": "connection_init", "payload": payload});
            introduced(Protocol::default().receive(&message.to_string()))
        };
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let found = find(json!({"other": 1, name: "Bearer rck_1"}));
            assert_eq!(found.as_deref(), Some("Bearer rck_1"));
        }
        for payload in [json!(null), json!({}), json!({"authorization": null})] {
            assert_eq!(find(payload), None);
        }
        let odd = find(json!({"authorization": ["Bearer rck_1"]}));
        assert_eq!(odd.as_deref(), Some(""), "not the same as none");
    }

    #[test]
    fn nothing_is_answered_while_the_key_is_looked_up() {
        let mut protocol = Protocol::default();
        introduced(protocol.receive(INIT));
        assert_eq!(closed(protocol.receive(INIT)).0, 4429);
        assert_eq!(closed(protocol.receive(&subscribe("1"))).0, 4401);
        assert!(!protocol.is_acknowledged(), "the time goes on");
    }

    #[test]
    fn what_the_budget_refuses_has_ended() {
        let mut protocol = acknowledged();
        started(protocol.receive(&subscribe("1")));
        let refused = protocol.refuse_rate("1", "too much", 7);
        assert_eq!(
            refused,
            r#"{"id":"1","type":"error","payload":[{"message":"too much","extensions":{"code":"RATE_LIMITED","retryAfter":7}}]}"#
        );
        started(protocol.receive(&subscribe("1")));
    }

    #[test]
    fn a_second_introduction_closes_with_4429() {
        assert_eq!(closed(acknowledged().receive(INIT)).0, 4429);
    }

    #[test]
    fn an_id_is_free_again_after_its_end_whoever_ended_it() {
        let mut protocol = acknowledged();
        started(protocol.receive(&subscribe("1")));
        let step = protocol.receive(r#"{"type": "complete", "id": "1"}"#);
        assert!(matches!(step, Step::Stop { id } if id == "1"));
        assert_eq!(protocol.end("1"), None, "the client knows");
        started(protocol.receive(&subscribe("1")));
        let complete = protocol.end("1").expect("a message");
        assert_eq!(complete, r#"{"id":"1","type":"complete"}"#);
        let step = protocol.receive(r#"{"type": "complete", "id": "1"}"#);
        assert!(matches!(step, Step::Nothing), "they crossed");
        started(protocol.receive(&subscribe("1")));
        let refused = Refusal::new(ErrorCode::BadRequest, "no");
        assert_eq!(
            protocol.refuse("1", &refused),
            r#"{"id":"1","type":"error","payload":[{"message":"no","extensions":{"code":"BAD_REQUEST"}}]}"#
        );
        assert_eq!(protocol.end("1"), None, "an error is an end");
        started(protocol.receive(&subscribe("1")));
    }

    #[test]
    fn answers_are_next_messages() {
        let mut protocol = acknowledged();
        started(protocol.receive(&subscribe("1")));
        let next = Response::new(value!({"a": 1}));
        assert_eq!(
            protocol.next("1", &next),
            r#"{"id":"1","type":"next","payload":{"data":{"a":1}}}"#
        );
    }

    #[test]
    fn the_request_is_the_one_that_was_sent() {
        let message = r#"{"type": "subscribe", "id": "1", "payload": {"query": "query B { b } query C { c }",
            "operationName": "C", "variables": {"n": 1}, "extensions": {"x": 1}}}"#;
        let request = started(acknowledged().receive(message));
        assert_eq!(
            request.query.as_deref(),
            Some("query B { b } query C { c }")
        );
        assert_eq!(request.operation_name.as_deref(), Some("C"));
        assert_eq!(json!(request.variables), json!({"n": 1}));
        let message = r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ a }",
            "operationName": null, "variables": null, "extensions": null}}"#;
        started(acknowledged().receive(message));
    }

    #[test]
    fn pings_are_answered_at_any_time() {
        let mut protocol = Protocol::default();
        let pong = sent(protocol.receive(r#"{"type": "ping"}"#));
        assert_eq!(pong, json!({"type": "pong"}));
        let pong = sent(protocol.receive(r#"{"type": "ping", "payload": {"n": 1}}"#));
        assert_eq!(pong, json!({"type": "pong", "payload": {"n": 1}}));
        assert!(matches!(
            protocol.receive(r#"{"type": "pong"}"#),
            Step::Nothing
        ));
    }

    #[test]
    fn too_much_is_refused_and_the_rest_goes_on() {
        let mut protocol = acknowledged();
        for id in 0..MAX_OPERATIONS {
            started(protocol.receive(&subscribe(&id.to_string())));
        }
        let refused = sent(protocol.receive(&subscribe("more")));
        assert_eq!(refused["type"], "error");
        let code = &refused["payload"][0]["extensions"]["code"];
        assert_eq!(code, "TOO_MANY_OPERATIONS");
        protocol.end("7");
        started(protocol.receive(&subscribe("more")));
    }
}
