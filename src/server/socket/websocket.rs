//! The WebSocket endpoint of the API: `GET /graphql`, for queries, mutations and subscriptions.
//!
//! Every socket is one task: it receives messages, drives the operations, and sends their results. A client that reads
//! slowly slows down only its own operations. A client that reads nothing loses its connection.

use super::connection::Held;
use super::frame_guard::{MessageLimit, guard};
use super::outbox::Outbox;
use super::protocol::{Close, NAME, Protocol, Step};
use crate::graphql::{Answer, ErrorCode, OperationKinds, Parameters, Reply};
use crate::server::door::caller::{Caller, Client, peer};
use crate::server::door::host::find_strange_host;
use crate::server::door::keys::Refusal;
use crate::server::door::limits::MAX_BODY;
use crate::server::http::refusal::{TOO_MANY_SOCKETS, rate_message, refuse, refuse_connection};
use crate::server::http::request_id::RequestId;
use crate::server::state::State;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, ProtocolError};
use async_graphql::futures_util::future::{AbortHandle, Abortable};
use async_graphql::futures_util::stream::{BoxStream, SelectAll, StreamExt, abortable, iter, once};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep, timeout};

/// How long a client may take to send `connection_init`.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// How often the server sends a ping.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a client may send nothing, not even a pong.
const SILENCE: Duration = Duration::from_secs(50);
/// How long a client may take to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(1);
/// The largest message before `connection_init` is accepted, in bytes.
const MAX_INTRODUCTION: usize = 8 << 10;

/// Opens a socket. If the request names no caller, the socket counts for the address of the client until the client
/// sends `connection_init`.
pub async fn open(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<State>,
    caller: Option<web::ReqData<Caller>>,
) -> actix_web::Result<HttpResponse> {
    if let Some(origin) = state.gate.find_foreign_origin(request.headers()) {
        let message =
            format!("expected a page from this server or an allowed origin, found \"{origin}\"");
        return Ok(refuse(
            StatusCode::FORBIDDEN,
            ErrorCode::Forbidden,
            &message,
        ));
    }
    if !is_spoken(request.headers()) {
        let message = format!("expected {NAME} among the protocols of the WebSocket");
        return Ok(refuse(
            StatusCode::NOT_ACCEPTABLE,
            ErrorCode::BadRequest,
            &message,
        ));
    }
    let caller = caller.map(web::ReqData::into_inner);
    let peer = peer(request.peer_addr());
    let client = caller.map_or(Client::Peer(peer), |caller| caller.client());
    let permit = match state.gate.permits.take(client, "websocket") {
        Ok(permit) => permit,
        Err(full) => return Ok(refuse_connection(full)),
    };
    let limit = MessageLimit::new(MAX_INTRODUCTION);
    let body = guard(&request, body, limit.clone())?;
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, body, &[NAME])?;
    let (response, outbox) = Outbox::open(response, session);
    let messages = messages
        .max_frame_size(MAX_BODY)
        .aggregate_continuations()
        .max_continuation_size(MAX_BODY);
    let socket = Socket {
        state,
        request_id: RequestId::of(&request),
        outbox,
        limit,
        protocol: Protocol::default(),
        caller,
        peer,
        is_strange: find_strange_host(&request).is_some(),
        held: Held::hold(&request, permit),
        running: HashMap::new(),
        events: SelectAll::new(),
    };
    actix_web::rt::spawn(socket.run(messages));
    Ok(response)
}

fn is_spoken(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offers = offers.filter_map(|offer| offer.to_str().ok());
    offers.any(|offer| offer.split(',').any(|name| name.trim() == NAME))
}

/// A reply of an operation.
struct Event {
    id: String,
    /// `None` at the end of the operation.
    reply: Option<Reply>,
}

/// One socket.
struct Socket {
    state: web::Data<State>,
    request_id: Arc<str>,
    outbox: Outbox,
    limit: MessageLimit,
    protocol: Protocol,
    /// The caller, once it is known.
    caller: Option<Caller>,
    peer: IpAddr,
    /// Whether the host by which the client addresses this server is not a loopback name. Then a key is always needed.
    is_strange: bool,
    held: Held,
    /// The handles that stop the running operations, by id.
    running: HashMap<String, AbortHandle>,
    events: SelectAll<Abortable<BoxStream<'static, Event>>>,
}

/// Why a socket ends.
enum Ending {
    /// The server closes the socket.
    Close(Close),
    /// The client closed the socket, or is gone.
    Gone(Option<CloseReason>),
}

impl Socket {
    async fn run(mut self, mut messages: AggregatedMessageStream) {
        // A stopping server waits until every socket has dropped its receiver.
        let mut is_ending = self.state.end_sockets.subscribe();
        let ending = self.talk(&mut messages, &mut is_ending).await;
        let reason = match ending {
            Ending::Close(close) => {
                tracing::debug!(
                    code = close.code,
                    reason = close.reason,
                    "a socket is closed"
                );
                Some(CloseReason::from((
                    actix_ws::CloseCode::from(close.code),
                    close.reason,
                )))
            }
            Ending::Gone(reason) => reason,
        };
        // Fails if the client is gone.
        let _ = self.outbox.close(reason).await;
        // A client that answers has read the close frame. Whatever else it has sent is discarded.
        let _ = timeout(FAREWELL, async {
            while let Some(Ok(_)) = messages.recv().await {}
        })
        .await;
    }

    async fn talk(
        &mut self,
        messages: &mut AggregatedMessageStream,
        is_ending: &mut watch::Receiver<bool>,
    ) -> Ending {
        let mut updates = self.state.gate.keys.listen();
        let introduction = sleep(INTRODUCTION);
        tokio::pin!(introduction);
        let mut pings = interval(PING_EVERY);
        let mut heard_at = Instant::now();
        loop {
            let done = tokio::select! {
                _ = is_ending.wait_for(|is_ending| *is_ending) => {
                    Err(Ending::Close(Close::new(1001, "The server stops")))
                }
                () = &mut introduction, if !self.protocol.is_acknowledged() => {
                    Err(Ending::Close(self.protocol.time_out()))
                }
                () = updates.next() => self.check_key(),
                now = pings.tick() => self.ping(now - heard_at).await,
                message = messages.recv() => {
                    heard_at = Instant::now();
                    self.receive(message).await
                }
                Some(event) = self.events.next() => {
                    let start = Instant::now();
                    let told = self.tell(event).await;
                    // Nothing is received while an event is sent. That time does not count as silence of the client.
                    heard_at += start.elapsed();
                    told
                }
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    /// Closes the socket if its key is no longer valid.
    fn check_key(&self) -> Result<(), Ending> {
        let State { api, gate, .. } = &**self.state;
        let app = api.app();
        match &self.caller {
            Some(caller) if !gate.keys.still_admit(&caller.access, app.now()) => {
                Err(Ending::Close(Close::new(4403, "Forbidden")))
            }
            _ => Ok(()),
        }
    }

    /// Admits the client by the key in `connection_init`, or else by the caller of the upgrade request, or without a
    /// key if none is needed.
    async fn introduce(&mut self, authorization: Option<String>) -> Result<(), Ending> {
        let State { api, gate, .. } = &**self.state;
        let app = api.app();
        let caller = match self.caller {
            Some(caller) if authorization.is_none() => caller,
            _ => match gate
                .keys
                .admit(authorization.as_deref(), self.peer, app)
                .await
            {
                Ok(access) if access.key_id.is_some() || !self.is_strange => Caller {
                    access,
                    peer: self.peer,
                },
                Ok(_) | Err(Refusal::Unauthenticated) => {
                    return Err(Ending::Close(Close::new(4403, "Forbidden")));
                }
                Err(Refusal::Unavailable) => {
                    return Err(Ending::Close(Close::new(1013, "Try again later")));
                }
            },
        };
        if self.held.move_to(caller.client()).is_err() {
            return Err(Ending::Close(Close::new(1013, TOO_MANY_SOCKETS)));
        }
        self.caller = Some(caller);
        self.limit.set(MAX_BODY);
        let acknowledged = self.protocol.acknowledge();
        self.send(acknowledged).await
    }

    async fn ping(&mut self, silence: Duration) -> Result<(), Ending> {
        if silence > SILENCE {
            let close = Close::new(1001, "The client has not been heard of for too long");
            return Err(Ending::Close(close));
        }
        self.outbox.ping().await.map_err(|_| Ending::Gone(None))
    }

    async fn send(&mut self, text: String) -> Result<(), Ending> {
        let sent = self.outbox.text(text).await;
        sent.map_err(|_| Ending::Gone(None))
    }

    async fn receive(
        &mut self,
        message: Option<Result<AggregatedMessage, ProtocolError>>,
    ) -> Result<(), Ending> {
        let text = match message {
            Some(Ok(AggregatedMessage::Text(text))) => text,
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                // Fails if the client is gone, which is noticed at the next message.
                let _ = self.outbox.pong(&bytes).await;
                return Ok(());
            }
            Some(Ok(AggregatedMessage::Pong(_))) => return Ok(()),
            Some(Ok(AggregatedMessage::Binary(_))) => {
                let close = Close::new(4400, "Invalid message: expected text, found bytes");
                return Err(Ending::Close(close));
            }
            Some(Ok(AggregatedMessage::Close(reason))) => return Err(Ending::Gone(reason)),
            Some(Err(error)) => return Err(Ending::Close(close_for(&error, self.limit.get()))),
            None => return Err(Ending::Gone(None)),
        };
        match self.protocol.receive(&text) {
            Step::Nothing => Ok(()),
            Step::Send(text) => self.send(text).await,
            Step::Introduce { authorization } => self.introduce(authorization).await,
            Step::Start { id, parameters } => self.start(id, *parameters).await,
            Step::Stop { id } => {
                self.stop(&id);
                Ok(())
            }
            Step::Close(close) => Err(Ending::Close(close)),
        }
    }

    async fn start(&mut self, id: String, parameters: Parameters) -> Result<(), Ending> {
        let State { api, gate, .. } = &**self.state;
        let Some(caller) = self.caller else {
            // The protocol starts no operation before `connection_init`.
            return Err(Ending::Close(Close::new(4401, "Unauthorized")));
        };
        let prepared = api.prepare(
            parameters,
            &caller.context(OperationKinds::Stream, &self.request_id),
        );
        if let Err(wait) = gate.limiter.charge(caller.client(), &prepared) {
            let refused = self
                .protocol
                .refuse_rate(&id, &rate_message(wait), wait.seconds());
            return self.send(refused).await;
        }
        gate.keys.note_use(&caller.access);
        let replies = match prepared {
            Ok(prepared) => api.stream(prepared),
            Err(refusal) => iter([Reply::Refused(refusal)]).boxed(),
        };
        let event = {
            let id = id.clone();
            move |reply| Event {
                id: id.clone(),
                reply,
            }
        };
        let events = replies.map(Some).chain(once(async { None })).map(event);
        let (events, handle) = abortable(events.boxed());
        self.events.push(events);
        self.running.insert(id, handle);
        Ok(())
    }

    /// Stops an operation, and drops everything that it waits for.
    fn stop(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
        }
    }

    async fn tell(&mut self, event: Event) -> Result<(), Ending> {
        let id = &event.id;
        let is_end = !matches!(event.reply, Some(Reply::Next(_)));
        if is_end {
            self.stop(id);
        }
        // The memory that an answer holds is released when the answer has been sent.
        let (message, _holding) = match event.reply {
            Some(Reply::Next(answer)) => {
                let Answer { response, holding } = *answer;
                (Some(self.protocol.next(id, &response)), Some(holding))
            }
            Some(Reply::Refused(refusal)) => (Some(self.protocol.refuse(id, &refusal)), None),
            None => (self.protocol.end(id), None),
        };
        match message {
            Some(text) => self.send(text).await,
            None => Ok(()),
        }
    }
}

fn close_for(error: &ProtocolError, limit: u64) -> Close {
    match error {
        ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Close::new(1007, "Expected UTF-8")
        }
        // A fragmented message that is too large is reported as an I/O error.
        ProtocolError::Overflow | ProtocolError::Io(_) => {
            Close::new(1009, format!("Expected at most {limit} bytes"))
        }
        other => Close::new(1002, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_protocol_is_spoken() {
        let is_spoken = |offers| is_spoken(&headers(header::SEC_WEBSOCKET_PROTOCOL, offers));
        assert!(is_spoken(&["graphql-transport-ws"]));
        assert!(is_spoken(&["graphql-ws, graphql-transport-ws"]));
        assert!(is_spoken(&["graphql-ws", "graphql-transport-ws"]));
        assert!(!is_spoken(&[]));
        assert!(!is_spoken(&["graphql-ws"]));
        assert!(!is_spoken(&["graphql-transport-ws-2"]));
    }
}
