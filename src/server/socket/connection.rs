//! Connections of clients. A client that does not read what it was sent loses its connection, and with it everything
//! that the connection holds: buffers, permits, and the thread of an export.

use crate::config::TransferSettings;
use crate::server::door::caller::Client;
use crate::server::door::limits::{ConnectionPermit, Full};
use crate::server::door::pace::{Pace, too_slow};
use actix_web::HttpRequest;
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose client must keep reading.
pub struct Connection<T> {
    stream: T,
    settings: TransferSettings,
    /// Watches the client from the first write that blocks until everything is written.
    blocked: Option<Pace>,
    held: Held,
}

/// How many unsent bytes the system buffers for a connection. With its default of megabytes, a slow client would seem
/// to read nothing for a long time, and then a megabyte at once.
const UNSENT: u32 = 1 << 16;

impl Connection<TcpStream> {
    /// Wraps the connection of a client.
    pub fn accept(stream: TcpStream, settings: TransferSettings) -> Connection<TcpStream> {
        let socket = SockRef::from(&stream);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let set = socket.set_tcp_notsent_lowat(UNSENT);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let set = socket.set_send_buffer_size(UNSENT as usize);
        if let Err(error) = set {
            tracing::debug!(%error, "cannot limit the send buffer of a connection; the system's default stays");
        }
        Connection::new(stream, settings)
    }
}

impl<T> Connection<T> {
    /// Wraps a stream.
    fn new(stream: T, settings: TransferSettings) -> Connection<T> {
        Connection {
            stream,
            settings,
            blocked: None,
            held: Held::default(),
        }
    }

    /// Returns the permit that the connection holds.
    pub fn held(&self) -> Held {
        self.held.clone()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(written) = Pin::new(&mut this.stream).poll_write(context, bytes) {
            if let (Some(pace), Ok(written)) = (&mut this.blocked, &written) {
                pace.count(*written);
            }
            return Poll::Ready(written);
        }
        let pace = this
            .blocked
            .get_or_insert_with(|| Pace::new(&this.settings));
        ready!(pace.poll_too_slow(context));
        tracing::debug!("a connection is closed whose client does not read");
        let message = too_slow(&this.settings);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        this.blocked = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The permit of a socket or an event stream. The connection keeps a copy, so that the permit is free again only when
/// the connection is gone: until then, unsent messages need memory.
#[derive(Clone, Default)]
pub struct Held(Rc<RefCell<Option<ConnectionPermit>>>);

impl Held {
    /// Lets the connection of a request hold this permit.
    pub fn hold(request: &HttpRequest, permit: ConnectionPermit) -> Held {
        let held = request.conn_data::<Held>().cloned().unwrap_or_default();
        held.0.replace(Some(permit));
        held
    }

    /// Counts the permit for another client.
    ///
    /// # Errors
    /// [`Full`] if that client has as many sockets as it may have.
    pub fn move_to(&self, client: Client) -> Result<(), Full> {
        let mut permit = self.0.borrow_mut();
        permit
            .as_mut()
            .map_or(Ok(()), |permit| permit.move_to(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn settings() -> TransferSettings {
        TransferSettings {
            max_uploads: NonZeroU32::MIN,
            max_exports: NonZeroU32::MIN,
            transfer_timeout: 1,
            min_rate: NonZeroU32::new(1_000).expect("not zero"),
        }
    }

    fn block_on(test: impl Future<Output = ()>) {
        actix_web::rt::System::new().block_on(test);
    }

    #[test]
    fn writing_fails_if_the_client_does_not_read() {
        block_on(async {
            let (ours, _theirs) = duplex(10);
            let mut connection = Connection::new(ours, settings());
            let failed = connection.write_all(&[0; 100]).await;
            let failed = failed.expect_err("nobody reads");
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn writing_fails_if_the_client_reads_too_slowly() {
        block_on(async {
            let (ours, mut theirs) = duplex(10);
            actix_web::rt::spawn(async move {
                while theirs.read_u8().await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            });
            let mut connection = Connection::new(ours, settings());
            let failed = connection.write_all(&[0; 1_000_000]).await;
            let failed = failed.expect_err("fifty bytes a second are too few");
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_client_may_rest_while_nothing_is_written() {
        block_on(async {
            let (ours, mut theirs) = duplex(10);
            let mut connection = Connection::new(ours, settings());
            connection.write_all(&[1; 10]).await.expect("there is room");
            connection.flush().await.expect("everything is written");
            tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
            actix_web::rt::spawn(async move {
                let mut read = Vec::new();
                let _ = theirs.read_to_end(&mut read).await;
            });
            connection.write_all(&[2; 100]).await.expect("it reads");
        });
    }
}
