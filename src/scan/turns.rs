//! The queue of scans. A scan is a query that reads the whole audience, such as a preview. Scans wait in a queue, so
//! that connections and processors stay free for cheap queries, and they stop when the client no longer waits.

use super::settings::RefreshSettings;
use crate::cancel::{Cancel, StopReason};
use crate::db::Db;
use crate::error::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How many scans may run and wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanLimits {
    /// How many run at the same time.
    pub at_once: usize,
    /// How many scans of one API key run at the same time.
    pub per_key: usize,
    /// How many scans of one API key wait. One more replaces the oldest.
    pub waiting: usize,
    /// How long a scan may take, waiting included.
    pub timeout: Duration,
}

impl Default for ScanLimits {
    fn default() -> Self {
        ScanLimits {
            at_once: 2,
            per_key: 1,
            waiting: 100,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The API key whose scans share a queue; `None` if no key is needed.
type Key = Option<i64>;

/// The queues of scans, one for each API key.
#[derive(Default)]
pub struct Scans {
    limits: ScanLimits,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    running: usize,
    /// Counts the scans that began.
    turn: u64,
    lines: HashMap<Key, Line>,
}

/// The scans of one API key.
#[derive(Default)]
struct Line {
    running: usize,
    /// The turn in which its last scan began.
    last_turn: u64,
    /// The newest scan is at the end and goes first: older ones are most often about a rule that was edited since.
    waiting: Vec<oneshot::Sender<Permit>>,
}

/// The right to run one scan. Dropping it lets the next one begin.
struct Permit {
    scans: Arc<Scans>,
    key: Key,
}

impl Scans {
    /// Makes an empty queue with these limits.
    pub fn new(limits: ScanLimits) -> Scans {
        Scans {
            limits,
            queue: Mutex::default(),
        }
    }

    /// Returns the limits.
    pub fn limits(&self) -> ScanLimits {
        self.limits
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the scan may run.
    ///
    /// # Errors
    /// [`Error::TooManyScans`] if newer scans of the same key replaced it.
    async fn wait(self: &Arc<Self>, key: Key) -> Result<Permit, Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut queue = self.lock();
            let line = queue.lines.entry(key).or_default();
            // Requests whose client has disconnected need no place.
            line.waiting.retain(|waiting| !waiting.is_closed());
            if line.waiting.len() >= self.limits.waiting.max(1) {
                line.waiting.remove(0);
            }
            line.waiting.push(sender);
        }
        self.begin_next();
        let limit = self.limits.waiting.max(1);
        receiver.await.map_err(|_| Error::TooManyScans(limit))
    }

    /// Starts the next scan, if the limits allow one more.
    fn begin_next(self: &Arc<Self>) {
        loop {
            let Some((key, sender)) = self.lock().take_next(self.limits) else {
                return;
            };
            let permit = Permit {
                scans: Arc::clone(self),
                key,
            };
            // If the receiver is gone, the permit comes back and is dropped, which lets the next scan begin.
            if sender.send(permit).is_ok() {
                return;
            }
        }
    }
}

impl Queue {
    /// Takes the newest scan of the key whose last turn is the longest ago.
    fn take_next(&mut self, limits: ScanLimits) -> Option<(Key, oneshot::Sender<Permit>)> {
        if self.running >= limits.at_once {
            return None;
        }
        let ready = self
            .lines
            .iter_mut()
            .filter(|(_, line)| !line.waiting.is_empty() && line.running < limits.per_key);
        let (key, line) = ready.min_by_key(|(_, line)| line.last_turn)?;
        let sender = line.waiting.pop()?;
        self.turn += 1;
        line.last_turn = self.turn;
        line.running += 1;
        self.running += 1;
        Some((*key, sender))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut queue = self.scans.lock();
            queue.running -= 1;
            if let Some(line) = queue.lines.get_mut(&self.key) {
                line.running -= 1;
                if line.running == 0 && line.waiting.is_empty() {
                    queue.lines.remove(&self.key);
                }
            }
        }
        self.scans.begin_next();
    }
}

impl Scans {
    /// Runs a scan of an API key as soon as the queue allows it. If the caller stops waiting, the scan stops too.
    ///
    /// # Errors
    /// Errors of `work`. [`Error::TimedOut`] if the scan takes too long. [`Error::TooManyScans`] if newer scans of the
    /// same key replaced it.
    pub async fn run<T, W>(
        self: &Arc<Self>,
        db: &Db,
        settings: &RefreshSettings,
        key: Key,
        work: W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Db, &RefreshSettings) -> Result<T, Error> + Send + 'static,
    {
        let cancel = Cancel::default();
        let _abandoned = cancel.stop_on_drop();
        let settings = RefreshSettings {
            cancel: cancel.clone(),
            ..settings.clone()
        };
        let db = db.clone();
        let running = async {
            let permit = self.wait(key).await?;
            let run = tokio::task::spawn_blocking(move || {
                // The permit is given back when the work has ended, which may be after the client has disconnected.
                let _permit = permit;
                work(&db, &settings)
            });
            match run.await {
                Ok(result) => result,
                Err(stopped) => match stopped.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(stopped) => Err(Error::Unavailable(stopped.to_string())),
                },
            }
        };
        match timeout(self.limits.timeout, running).await {
            Ok(result) => result,
            Err(_) => {
                cancel.stop(StopReason::Deadline);
                Err(Error::TimedOut)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn scans(at_once: usize, per_key: usize, waiting: usize) -> Arc<Scans> {
        Arc::new(Scans::new(ScanLimits {
            at_once,
            per_key,
            waiting,
            ..ScanLimits::default()
        }))
    }

    #[test]
    fn the_newest_of_a_key_goes_first_and_keys_take_turns() {
        let scans = scans(1, 1, 10);
        let wait = |key| Box::pin(scans.wait(Some(key)));
        let running = wait(1).now_or_never().expect("room").expect("a permit");
        let mut waiting = [wait(1), wait(1), wait(2)];
        let mut poll = |place: usize| waiting[place].as_mut().now_or_never();
        assert!((0..3).all(|place| poll(place).is_none()));
        drop(running);
        let of_other = poll(2).expect("the other key is next").expect("a permit");
        assert!(poll(0).is_none() && poll(1).is_none());
        drop(of_other);
        let newest = poll(1).expect("the newest is next").expect("a permit");
        assert!(poll(0).is_none());
        drop(newest);
        assert!(poll(0).is_some());
    }

    #[test]
    fn a_key_has_its_share_only() {
        let scans = scans(2, 1, 10);
        let wait = |key| Box::pin(scans.wait(Some(key)));
        let _first = wait(1).now_or_never().expect("room");
        let mut second = wait(1);
        assert!(second.as_mut().now_or_never().is_none());
        assert!(wait(2).now_or_never().is_some());
    }

    #[test]
    fn the_oldest_gives_way_and_those_who_left_need_no_place() {
        let scans = scans(1, 1, 2);
        let running = Box::pin(scans.wait(None)).now_or_never().expect("room");
        let queue = || {
            let mut waiting = Box::pin(scans.wait(None));
            assert!(waiting.as_mut().now_or_never().is_none());
            waiting
        };
        let (mut first, mut second, third) = (queue(), queue(), queue());
        let refused = first.as_mut().now_or_never().expect("an answer");
        assert!(matches!(refused, Err(Error::TooManyScans(_))));
        drop(third);
        let mut fourth = queue();
        assert!(second.as_mut().now_or_never().is_none());
        drop(running);
        assert!(fourth.as_mut().now_or_never().is_some());
    }

    #[test]
    fn nothing_is_kept_of_those_who_are_done() {
        let scans = scans(1, 1, 2);
        drop(Box::pin(scans.wait(Some(7))).now_or_never().expect("room"));
        assert!(scans.lock().lines.is_empty());
        assert_eq!(scans.lock().running, 0);
    }
}
