//! Watches the server while a process uses it. A server that has ended is started again, whatever the reason.
//!
//! The socket stays where it was, so that connection pools find the new server under the old URL.

use super::{EmbeddedError, EmbeddedOptions, EmbeddedPostgres};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The time between two checks of the server.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How often to try to start a server that has ended.
const ATTEMPTS: u32 = 5;
/// How long to wait after the first failure. The time doubles with each further failure.
const PAUSE: Duration = Duration::from_millis(500);

/// An embedded server that is started again when it ends. Dropping it stops the server as dropping
/// [`EmbeddedPostgres`] does.
#[derive(Debug)]
pub struct Supervised {
    /// Dropping the sender ends the thread.
    stop: Sender<()>,
    thread: JoinHandle<EmbeddedPostgres>,
}

impl Supervised {
    /// Starts watching. If the server cannot be started again, `give_up` is called and watching ends.
    pub fn watch(
        embedded: EmbeddedPostgres,
        options: EmbeddedOptions,
        give_up: impl FnOnce(EmbeddedError) + Send + 'static,
    ) -> Supervised {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let mut embedded = embedded;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(BETWEEN_LOOKS) {
                if embedded.is_running() {
                    continue;
                }
                tracing::error!(
                    "PostgreSQL has ended and is started again; postgres.log in the data directory says why"
                );
                match restart(&options) {
                    // The new use begins before the former one is dropped, so that dropping it does not stop the
                    // server.
                    Ok(started) => embedded = started,
                    Err(error) => {
                        give_up(error);
                        break;
                    }
                }
            }
            embedded
        });
        Supervised { stop, thread }
    }

    /// Ends watching, and this process' use of the server.
    ///
    /// # Errors
    /// As [`EmbeddedPostgres::stop`].
    pub fn stop(self) -> Result<(), EmbeddedError> {
        drop(self.stop);
        match self.thread.join() {
            Ok(embedded) => embedded.stop(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn restart(options: &EmbeddedOptions) -> Result<EmbeddedPostgres, EmbeddedError> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match EmbeddedPostgres::start(options) {
            Ok(started) => return Ok(started),
            Err(error) => tracing::error!("PostgreSQL cannot be started yet: {error}"),
        }
        thread::sleep(pause);
        pause *= 2;
    }
    EmbeddedPostgres::start(options)
}
