//! API keys and sessions, which a server checks in memory. They are loaded again if a request comes more than a second
//! after the last load, and every two seconds while sockets are open.
//!
//! So a request costs no statement, whatever key it has, and a key that was revoked on any server is soon refused here.
//! An unknown key may have been made since the last load, so its request waits for the next load. All such requests
//! share one load, at most ten times a second.

use crate::app::App;
use crate::audience::actor::Actor;
use crate::audience::api_key::{self, Access, ApiKey, Hash, MAX_KEYS};
use crate::audience::key_ring::{KeyRing, load_ring};
use crate::audience::refusals::Refused;
use crate::audience::session::{self, Session};
use crate::error::Error;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long loaded keys count as recent.
const RECENT: Duration = Duration::from_secs(1);
/// How long loaded keys are used while the database does not answer.
const STALE: Duration = Duration::from_secs(10);
/// How long to wait for a load while the loaded keys may still be used.
const BRIEF: Duration = Duration::from_secs(1);
/// How long to wait for a load if the loaded keys do not suffice.
const PATIENCE: Duration = Duration::from_secs(6);
/// The pause between two loads.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the keys are loaded while sockets are open.
const FOR_SOCKETS: Duration = Duration::from_secs(2);
/// How often the use of a key or session is recorded.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No key and no session was given, or one that is unknown or has ended. The client does not learn which.
    Unauthenticated,
    /// The keys cannot be loaded now.
    Unavailable,
}

/// The keys of a server.
pub struct Keys {
    /// Whether this server answers without a key while none exists.
    may_be_open: bool,
    seen: watch::Sender<LoadedKeys>,
    asked: Notify,
    uses: Mutex<Uses>,
}

/// The result of a load.
struct LoadedKeys {
    has_any: bool,
    ids: HashMap<Hash, i64>,
    keys: HashMap<i64, ApiKey>,
    session_ids: HashMap<Hash, i64>,
    sessions: HashMap<i64, Session>,
    /// When the load began.
    at: Instant,
}

impl LoadedKeys {
    fn new(ring: KeyRing, at: Instant) -> LoadedKeys {
        let ids = ring.keys.iter().map(|(hash, key)| (*hash, key.id));
        let sessions = ring.sessions.iter();
        LoadedKeys {
            has_any: ring.has_any,
            ids: ids.collect(),
            session_ids: sessions
                .map(|(hash, session)| (*hash, session.id))
                .collect(),
            sessions: ring
                .sessions
                .into_iter()
                .map(|(_, session)| (session.id, session))
                .collect(),
            keys: ring
                .keys
                .into_iter()
                .map(|(_, key)| (key.id, key))
                .collect(),
            at,
        }
    }

    fn find(&self, hash: &Hash, now: DateTime<Utc>) -> Option<Access> {
        let key = self.ids.get(hash).and_then(|id| self.keys.get(id));
        let key = key.filter(|key| key.is_usable(now))?;
        Some(Access {
            key_id: Some(key.id),
            session_id: None,
            scopes: key.scopes,
        })
    }

    fn find_session(&self, hash: &Hash, now: DateTime<Utc>) -> Option<Access> {
        let session = self
            .session_ids
            .get(hash)
            .and_then(|id| self.sessions.get(id));
        let session = session.filter(|session| session.is_usable(now))?;
        let key = self.keys.get(&session.api_key_id)?;
        key.is_usable(now).then_some(Access {
            key_id: Some(key.id),
            session_id: Some(session.id),
            scopes: key.scopes,
        })
    }

    /// Returns whether the key is usable, and the session if there is one.
    fn allows(&self, key_id: i64, session_id: Option<i64>, now: DateTime<Utc>) -> bool {
        let key = self.keys.get(&key_id);
        let session = session_id.map(|id| self.sessions.get(&id));
        key.is_some_and(|key| key.is_usable(now))
            && session.is_none_or(|session| session.is_some_and(|session| session.is_usable(now)))
    }
}

/// Receives a notification for every load.
pub struct KeyUpdates(watch::Receiver<LoadedKeys>);

impl KeyUpdates {
    /// Waits for the next load.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The sender was dropped: the server has ended, and there are no more loads.
            std::future::pending::<()>().await;
        }
    }
}

/// A key or a session that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Used {
    Key(i64),
    Session(i64),
}

/// How many uses are remembered before those of more than a minute ago are forgotten.
const MOST_USES: usize = 2 * MAX_KEYS;

/// The uses of keys and sessions, and which of them must still be recorded in the database.
#[derive(Default)]
struct Uses {
    noted: HashMap<Used, Instant>,
    due_keys: Vec<i64>,
    due_sessions: Vec<i64>,
}

impl Uses {
    /// Adds a use to those that must be recorded, unless one was recorded within the last minute. Returns whether it
    /// was added.
    fn add(&mut self, used: Used) -> bool {
        let noted = self.noted.get(&used);
        if noted.is_some_and(|at| at.elapsed() < NOTE_EVERY) {
            return false;
        }
        if self.noted.len() >= MOST_USES {
            self.noted.retain(|_, at| at.elapsed() < NOTE_EVERY);
        }
        self.noted.insert(used, Instant::now());
        match used {
            Used::Key(id) => self.due_keys.push(id),
            Used::Session(id) => self.due_sessions.push(id),
        }
        true
    }
}

impl Keys {
    /// Loads the keys for the first time.
    pub async fn open(app: &App, may_be_open: bool) -> Result<Keys, Error> {
        let keys = Keys {
            may_be_open,
            seen: watch::Sender::new(LoadedKeys::new(KeyRing::default(), Instant::now())),
            asked: Notify::new(),
            uses: Mutex::default(),
        };
        keys.load(app).await?;
        Ok(keys)
    }

    /// Returns whether any key is usable.
    pub fn has_usable(&self, now: DateTime<Utc>) -> bool {
        let seen = self.seen.borrow();
        seen.keys.values().any(|key| key.is_usable(now))
    }

    /// Returns the access for a value of the header `Authorization`, or for a request without that header. A refused
    /// key is counted for the audit log.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn admit(
        &self,
        presented: Option<&str>,
        peer: IpAddr,
        app: &App,
    ) -> Result<Access, Refusal> {
        let admitted = self.admit_key(presented, app).await;
        if admitted == Err(Refusal::Unauthenticated) && presented.is_some() {
            let refusals = &app.refusals;
            refusals.note(Refused::Key, Actor::Nobody, Some(peer));
        }
        admitted
    }

    async fn admit_key(&self, presented: Option<&str>, app: &App) -> Result<Access, Refusal> {
        self.load_recently().await?;
        if self.is_open() {
            return Ok(Access::local());
        }
        let hash = presented.and_then(read_bearer).and_then(api_key::hash);
        let hash = hash.ok_or(Refusal::Unauthenticated)?;
        self.find_or_wait(|seen| seen.find(&hash, app.now())).await
    }

    /// Returns the beginning of a key, by which the log names it.
    pub fn prefix_of(&self, key_id: i64) -> Option<String> {
        let seen = self.seen.borrow();
        seen.keys.get(&key_id).map(|key| key.prefix.clone())
    }

    /// Returns the access for the token of a session, given by its hash. `None` stands for a text that cannot be a
    /// token.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn admit_session(&self, hash: Option<Hash>, app: &App) -> Result<Access, Refusal> {
        self.load_recently().await?;
        if self.is_open() {
            return Ok(Access::local());
        }
        let hash = hash.ok_or(Refusal::Unauthenticated)?;
        self.find_or_wait(|seen| seen.find_session(&hash, app.now()))
            .await
    }

    /// Finds an access in the loaded keys, or otherwise in the next load.
    async fn find_or_wait(
        &self,
        find: impl Fn(&LoadedKeys) -> Option<Access>,
    ) -> Result<Access, Refusal> {
        let found = find(&self.seen.borrow());
        let access = match found {
            Some(access) => access,
            None => {
                self.load_now().await?;
                let found = find(&self.seen.borrow());
                found.ok_or(Refusal::Unauthenticated)?
            }
        };
        self.note_use(&access);
        Ok(access)
    }

    /// Waits for a load that begins now or later.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] if the load does not end in time.
    pub async fn load_now(&self) -> Result<(), Refusal> {
        self.wait_for_load(Instant::now(), PATIENCE).await
    }

    /// Returns whether an admitted client would be admitted again.
    pub fn still_admit(&self, access: &Access, now: DateTime<Utc>) -> bool {
        let seen = self.seen.borrow();
        match access.key_id {
            Some(id) => seen.allows(id, access.session_id, now),
            None => self.may_be_open && !seen.has_any,
        }
    }

    /// Returns whether an admitted client would be admitted again, by a recent load.
    pub async fn still_admit_now(&self, access: &Access, app: &App) -> bool {
        let loaded = self.load_recently().await;
        loaded.is_ok() && self.still_admit(access, app.now())
    }

    /// Remembers the use of a key, and of the session if the request came with one.
    pub fn note_use(&self, access: &Access) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let used = [
            access.key_id.map(Used::Key),
            access.session_id.map(Used::Session),
        ];
        let mut is_due = false;
        for used in used.into_iter().flatten() {
            is_due |= uses.add(used);
        }
        if is_due {
            self.asked.notify_one();
        }
    }

    /// Returns a receiver that is notified of every load. While a receiver exists, the keys are loaded regularly.
    pub fn listen(&self) -> KeyUpdates {
        let updates = KeyUpdates(self.seen.subscribe());
        self.asked.notify_one();
        updates
    }

    /// Returns whether requests needed no key at the last load.
    pub fn is_open(&self) -> bool {
        self.may_be_open && !self.seen.borrow().has_any
    }

    /// Makes sure that the loaded keys are recent, or at least not stale if the database does not answer.
    async fn load_recently(&self) -> Result<(), Refusal> {
        let age = self.seen.borrow().at.elapsed();
        if age <= RECENT {
            return Ok(());
        }
        let wanted = Instant::now() - RECENT;
        if age > STALE {
            return self.wait_for_load(wanted, PATIENCE).await;
        }
        // If no load ends in time, the last one is used.
        let _ = self.wait_for_load(wanted, BRIEF).await;
        Ok(())
    }

    /// Requests a load, and waits for one that began at `wanted` or later.
    async fn wait_for_load(&self, wanted: Instant, patience: Duration) -> Result<(), Refusal> {
        let mut listener = self.seen.subscribe();
        self.asked.notify_one();
        let loaded = listener.wait_for(|seen| seen.at >= wanted);
        match timeout(patience, loaded).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Refusal::Unavailable),
        }
    }

    async fn load(&self, app: &App) -> Result<(), Error> {
        let at = Instant::now();
        let now = app.now();
        let (keys, sessions) = {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            let due_keys = std::mem::take(&mut uses.due_keys);
            (due_keys, std::mem::take(&mut uses.due_sessions))
        };
        let ring = app.db.run(move |connection| {
            let noted = api_key::record_use(connection, &keys, now)
                .and_then(|()| session::record_use(connection, &sessions, now));
            if let Err(error) = noted {
                tracing::warn!(%error, "the last use of API keys and sessions could not be stored");
            }
            load_ring(connection, now)
        });
        self.seen.send_replace(LoadedKeys::new(ring.await?, at));
        Ok(())
    }
}

/// Loads the keys on request, and regularly while there are receivers. Never returns.
pub async fn run(app: App, keys: Arc<Keys>) {
    loop {
        let has_sockets = keys.seen.receiver_count() > 0;
        tokio::select! {
            () = sleep(FOR_SOCKETS), if has_sockets => {}
            () = keys.asked.notified() => {}
            () = app.keys_changed.notified() => {}
        }
        if let Err(error) = keys.load(&app).await {
            tracing::warn!(%error, "cannot load the API keys; retrying");
        }
        sleep(PAUSE).await;
    }
}

/// Returns the key of `Bearer KEY`. The case of the first word does not matter (RFC 9110, section 11.1).
fn read_bearer(presented: &str) -> Option<&str> {
    let (scheme, key) = presented.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| key.trim())
}
