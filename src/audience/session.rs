//! Sessions: browsers that signed in with an API key and carry a cookie instead of the key.
//!
//! A session has the scopes of its key and ends with it. It also ends 12 hours after its last use and 7 days after its
//! start. Only the SHA-256 of the token in the cookie is stored. Like a key, a token has too many bits to be guessed.

use super::actor::{Actor, Origin};
use super::api_key::{ApiKey, Hash};
use super::audit::{self, Entry, TargetKind, Trace};
use crate::db::in_transaction;
use crate::db::schema::{api_keys, sessions};
use crate::error::Error;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// How long a session lasts without being used.
pub const IDLE: TimeDelta = TimeDelta::hours(12);
/// How long a session lasts at most.
pub const LONGEST: TimeDelta = TimeDelta::days(7);
/// How many sessions a key has at most, because every server holds them in memory. Starting one more ends the session
/// that is unused for longest.
pub const MOST_PER_KEY: usize = 20;
/// How many characters a token has. Each is one of 62, so that 43 of them make 256 bits.
const TOKEN_LENGTH: usize = 43;
/// The last use of a session is stored at most once in this time.
const USE: TimeDelta = TimeDelta::minutes(1);

/// A session, without its token, which only the browser has.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
pub struct Session {
    /// Its id.
    pub id: i64,
    /// The key that it was started with.
    pub api_key_id: i64,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
}

impl Session {
    /// Returns when the session ends if it is not used again and its key stays usable.
    pub fn ends_at(&self) -> DateTime<Utc> {
        (self.last_used_at + IDLE).min(self.started_at + LONGEST)
    }

    /// Whether the session has not ended. Its key may be revoked or expired.
    pub fn is_usable(&self, now: DateTime<Utc>) -> bool {
        now < self.ends_at()
    }
}

/// The token of a session, for the cookie. It has no `Debug`, so that it cannot get into a log.
pub struct Token(String);

impl Token {
    fn random() -> Token {
        // `rand::rng` is cryptographically secure and seeded by the operating system.
        Token(Alphanumeric.sample_string(&mut rand::rng(), TOKEN_LENGTH))
    }

    /// Returns the token, to be sent to the browser.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Returns the hash under which a token is stored, or `None` if the text does not have the form of a token.
pub fn hash(token: &str) -> Option<Hash> {
    let is_token =
        token.len() == TOKEN_LENGTH && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_token.then(|| Sha256::digest(token.as_bytes()).into())
}

/// Starts a session as [`start`] does, and writes its row of the audit log. The actor of `origin` is replaced.
pub fn sign_in(
    connection: &mut PgConnection,
    api_key_id: i64,
    replaced: Option<&Hash>,
    origin: Origin,
    now: DateTime<Utc>,
) -> Result<Option<(Session, Token)>, Error> {
    in_transaction(connection, |connection| {
        let started = start(connection, api_key_id, replaced, now)?;
        if let Some((session, _)) = &started {
            record(connection, "signIn", session, origin, now)?;
        }
        Ok(started)
    })
}

/// Ends the session of a token, if there is one, and writes its row of the audit log. The actor of `origin` is
/// replaced.
pub fn sign_out(
    connection: &mut PgConnection,
    hash: &Hash,
    origin: Origin,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    in_transaction(connection, |connection| match end(connection, hash)? {
        Some(session) => record(connection, "signOut", &session, origin, now),
        None => Ok(()),
    })
}

fn record(
    connection: &mut PgConnection,
    action: &'static str,
    session: &Session,
    mut origin: Origin,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    origin.actor = Actor::Session {
        api_key_id: session.api_key_id,
        session_id: session.id,
    };
    let trace = Trace::of(TargetKind::ApiKey, session.api_key_id);
    audit::write(connection, &Entry::new(origin, action, now), &trace)
}

/// Starts a session with a key, and ends the session `replaced` if the browser has one. Returns `None` if the key is
/// not usable any more. Deletes the sessions that have ended, and the longest unused sessions of this key if there are
/// too many.
pub fn start(
    connection: &mut PgConnection,
    api_key_id: i64,
    replaced: Option<&Hash>,
    now: DateTime<Utc>,
) -> Result<Option<(Session, Token)>, Error> {
    connection.transaction(|connection| {
        // The lock keeps other sessions of the key from being started meanwhile, and the key from being revoked.
        let key = api_keys::table
            .find(api_key_id)
            .for_update()
            .select(ApiKey::as_select())
            .first(connection)
            .optional()?;
        if !key.is_some_and(|key| key.is_usable(now)) {
            return Ok(None);
        }
        if let Some(replaced) = replaced {
            end(connection, replaced)?;
        }
        remove_ended(connection, now)?;
        let oldest: Vec<i64> = sessions::table
            .filter(sessions::api_key_id.eq(api_key_id))
            .order((sessions::last_used_at.desc(), sessions::id.desc()))
            .offset(MOST_PER_KEY as i64 - 1)
            .select(sessions::id)
            .load(connection)?;
        diesel::delete(sessions::table.filter(sessions::id.eq_any(oldest))).execute(connection)?;
        let token = Token::random();
        let digest: Hash = Sha256::digest(token.0.as_bytes()).into();
        let session = diesel::insert_into(sessions::table)
            .values((
                sessions::api_key_id.eq(api_key_id),
                sessions::sha256.eq(digest.as_slice()),
                sessions::started_at.eq(now),
                sessions::last_used_at.eq(now),
            ))
            .returning(Session::as_returning())
            .get_result(connection)?;
        Ok(Some((session, token)))
    })
}

/// Removes sessions that have ended by time. Sessions of revoked keys were removed with the revocation.
fn remove_ended(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
    let expired = api_keys::table
        .filter(api_keys::expires_at.le(now))
        .select(api_keys::id);
    let ended = sessions::last_used_at
        .le(now - IDLE)
        .or(sessions::started_at.le(now - LONGEST))
        .or(sessions::api_key_id.eq_any(expired));
    diesel::delete(sessions::table.filter(ended)).execute(connection)?;
    Ok(())
}

/// Ends the session of a token, and returns it if there was one.
pub fn end(connection: &mut PgConnection, hash: &Hash) -> Result<Option<Session>, Error> {
    let ended = sessions::table.filter(sessions::sha256.eq(hash.as_slice()));
    Ok(diesel::delete(ended)
        .returning(Session::as_returning())
        .get_result(connection)
        .optional()?)
}

/// Finds sessions by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Session>, Error> {
    Ok(sessions::table
        .filter(sessions::id.eq_any(ids))
        .select(Session::as_select())
        .load(connection)?)
}

/// Loads the sessions that have not ended, each with its hash.
pub fn load(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<(Hash, Session)>, Error> {
    let rows: Vec<(Vec<u8>, Session)> = sessions::table
        .filter(sessions::last_used_at.gt(now - IDLE))
        .filter(sessions::started_at.gt(now - LONGEST))
        .select((sessions::sha256, Session::as_select()))
        .load(connection)?;
    let rows = rows.into_iter();
    let sessions = rows.filter_map(|(hash, session)| Some((hash.try_into().ok()?, session)));
    Ok(sessions.collect())
}

/// Stores when sessions were last used, at most once a minute for each. Ended sessions stay ended.
pub fn record_use(
    connection: &mut PgConnection,
    ids: &[i64],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let due = sessions::table
        .filter(sessions::id.eq_any(ids))
        .filter(sessions::last_used_at.lt(now - USE))
        .filter(sessions::last_used_at.gt(now - IDLE));
    diesel::update(due)
        .set(sessions::last_used_at.eq(now))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_have_256_bits() {
        let (one, other) = (Token::random(), Token::random());
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(hash(one.reveal()), hash(other.reveal()));
        assert!(hash(one.reveal()).is_some());
        assert!(TOKEN_LENGTH as f64 * 62f64.log2() >= 256.0);
    }

    #[test]
    fn other_texts_have_no_hash() {
        let token = Token::random().reveal().to_owned();
        for other in [
            "",
            &token[1..],
            &format!("{token}x"),
            &format!("{}-", &token[1..]),
            &format!("{}ė", &token[2..]),
        ] {
            assert_eq!(hash(other), None, "{other}");
        }
    }

    #[test]
    fn sessions_end_by_idleness_or_age() {
        let start = DateTime::UNIX_EPOCH;
        let session = |last_used_at| Session {
            id: 1,
            api_key_id: 1,
            started_at: start,
            last_used_at,
        };
        let almost = TimeDelta::microseconds(1);
        assert!(session(start).is_usable(start + IDLE - almost));
        assert!(!session(start).is_usable(start + IDLE));
        let busy = session(start + LONGEST - TimeDelta::hours(1));
        assert!(busy.is_usable(start + LONGEST - almost));
        assert!(!busy.is_usable(start + LONGEST));
    }
}
