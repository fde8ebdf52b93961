//! The send buffer of a socket, bounded in bytes. If a client does not read, the socket waits instead of filling the
//! memory of the server.

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use actix_ws::{CloseReason, Closed, Item, Session};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::watch;

/// How many bytes may wait for the connection when another message is added.
const MOST_WAITING: u64 = 1 << 18;

/// How many bytes of a message are added at a time: the connection copies what it is given.
const PIECE: usize = 1 << 16;

/// The send buffer of a socket.
pub struct Outbox {
    session: Session,
    /// How many bytes were added.
    sent: u64,
    /// How many bytes the connection has taken out.
    taken: watch::Receiver<u64>,
}

impl Outbox {
    /// Returns the outbox of a session, and its response with a body that counts the sent bytes.
    pub fn open(response: HttpResponse, session: Session) -> (HttpResponse, Outbox) {
        let (sender, taken) = watch::channel(0);
        let response = response.map_body(|_, body| {
            let counted = CountedBody {
                body,
                taken: sender,
            };
            counted.boxed()
        });
        let outbox = Outbox {
            session,
            sent: 0,
            taken,
        };
        (response, outbox)
    }

    /// Adds a text once the buffer has capacity. A long text is added in pieces, so that most of it is already sent
    /// when this returns.
    ///
    /// # Errors
    /// [`Closed`] if the connection is gone.
    pub async fn text(&mut self, text: String) -> Result<(), Closed> {
        if text.len() <= PIECE {
            self.make_room(text.len()).await?;
            return self.session.text(text).await;
        }
        let mut rest = Bytes::from(text);
        let first = rest.split_to(PIECE);
        self.piece(Item::FirstText(first)).await?;
        while rest.len() > PIECE {
            let piece = rest.split_to(PIECE);
            self.piece(Item::Continue(piece)).await?;
        }
        self.piece(Item::Last(rest)).await
    }

    async fn piece(&mut self, piece: Item) -> Result<(), Closed> {
        let (Item::FirstText(bytes)
        | Item::FirstBinary(bytes)
        | Item::Continue(bytes)
        | Item::Last(bytes)) = &piece;
        self.make_room(bytes.len()).await?;
        self.session.continuation(piece).await
    }

    /// Adds a ping.
    ///
    /// # Errors
    /// As [`Outbox::text`].
    pub async fn ping(&mut self) -> Result<(), Closed> {
        self.make_room(0).await?;
        self.session.ping(b"").await
    }

    /// Adds the answer to a ping.
    ///
    /// # Errors
    /// As [`Outbox::text`].
    pub async fn pong(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.make_room(bytes.len()).await?;
        self.session.pong(bytes).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// As [`Outbox::text`].
    pub async fn close(self, reason: Option<CloseReason>) -> Result<(), Closed> {
        self.session.close(reason).await
    }

    async fn make_room(&mut self, length: usize) -> Result<(), Closed> {
        let sent = self.sent;
        let has_room = |taken: &u64| sent.saturating_sub(*taken) <= MOST_WAITING;
        self.taken.wait_for(has_room).await.map_err(|_| Closed)?;
        self.sent += frame_length(length);
        Ok(())
    }
}

/// Returns the length of a frame with that payload. Frames of a server are not masked.
fn frame_length(payload: usize) -> u64 {
    let header = match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    };
    header + payload as u64
}

/// The body of a socket. It reports how many bytes the connection has taken.
struct CountedBody {
    body: BoxBody,
    taken: watch::Sender<u64>,
}

impl MessageBody for CountedBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.taken.send_modify(|taken| *taken += bytes.len() as u64);
        }
        polled
    }
}
