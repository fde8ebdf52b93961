//! API keys: who may use the API, and for what.
//!
//! A key is `rck_`, eight letters and digits by which people recognise it, and 32 more that make it a secret: 190 random
//! bits. Only the SHA-256 of the whole key is stored. A slow hash would add time to every request and no security: 190
//! bits cannot be guessed.

use super::clean::clean_text;
use super::paging::{Page, PageRequest};
use crate::db::schema::{api_keys, sessions};
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

/// The beginning of every key, so that a leaked key is recognised as one.
pub const MARK: &str = "rck_";
/// How many characters of a key are shown so that people recognise it, including [`MARK`].
pub(super) const PREFIX_LENGTH: usize = MARK.len() + 8;
/// How many characters a whole key has.
pub(super) const KEY_LENGTH: usize = PREFIX_LENGTH + 32;
/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// How many keys may be usable at the same time; every server holds all of them in memory.
pub const MAX_KEYS: usize = 1_000;
/// The last use of a key is stored at most once in this many seconds.
const USE_SECONDS: i64 = 60;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Read everything about the audience.
    Read,
    /// Change the audience.
    Write,
    /// Do everything, including managing API keys.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

    /// The name in the database and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    granted: [bool; 3],
}

impl Scopes {
    /// Every scope.
    pub fn all() -> Scopes {
        Scope::ALL.into_iter().collect()
    }

    /// Whether these scopes allow what needs `needed`. ADMIN allows everything. WRITE does not allow reading, so that a
    /// lost key for recording events does not reveal who is in the audience.
    pub fn allow(self, needed: Scope) -> bool {
        self.has(needed) || self.has(Scope::Admin)
    }

    /// Lists the scopes that were granted explicitly.
    pub fn list(self) -> Vec<Scope> {
        let granted = Scope::ALL.into_iter();
        granted.filter(|scope| self.has(*scope)).collect()
    }

    fn has(self, scope: Scope) -> bool {
        self.granted[scope as usize]
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        let mut set = Scopes::default();
        for scope in scopes {
            set.granted[scope as usize] = true;
        }
        set
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The id of the API key; absent if the server needs no key.
    pub key_id: Option<i64>,
    /// The id of the session, if the request has a session instead of the key.
    pub session_id: Option<i64>,
    /// The scopes that are granted.
    pub scopes: Scopes,
}

impl Access {
    /// The access of every client of a server on loopback while no key exists: everything is allowed.
    pub fn local() -> Access {
        Access {
            key_id: None,
            session_id: None,
            scopes: Scopes::all(),
        }
    }
}

/// A key, without its secret, which is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(diesel::pg::Pg))]
pub struct ApiKey {
    /// Its id.
    pub id: i64,
    /// The purpose of the key, in the words of its author.
    pub name: String,
    /// The beginning of the key, by which people recognise it.
    pub prefix: String,
    /// The scopes of the key.
    #[diesel(deserialize_as = Vec<Option<String>>)]
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it expires, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Whether the key is neither revoked nor expired.
    pub fn is_usable(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// The SHA-256 of a key.
pub type Hash = [u8; 32];

/// A whole key. It is shown once, to its author. It has no `Debug`, so that it cannot get into a log.
pub struct Secret(String);

impl Secret {
    fn random() -> Secret {
        // `rand::rng` is cryptographically secure and seeded by the operating system.
        let random = Alphanumeric.sample_string(&mut rand::rng(), KEY_LENGTH - MARK.len());
        Secret(format!("{MARK}{random}"))
    }

    /// Returns the key, to be shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn prefix(&self) -> &str {
        &self.0[..PREFIX_LENGTH]
    }
}

/// Returns the hash under which a key is stored, or `None` if the text does not have the form of a key.
pub fn hash(key: &str) -> Option<Hash> {
    let random = key.strip_prefix(MARK)?;
    let is_key = key.len() == KEY_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then(|| Sha256::digest(key.as_bytes()).into())
}

impl From<Vec<Option<String>>> for Scopes {
    /// Reads scopes from the database. A constraint of the table allows no other names.
    fn from(names: Vec<Option<String>>) -> Scopes {
        let named = |name: &String| Scope::ALL.into_iter().find(|scope| scope.name() == name);
        names.iter().flatten().filter_map(named).collect()
    }
}

/// Makes a key and returns it with its secret, which cannot be read again.
///
/// # Errors
/// [`Error::Invalid`] if the name is empty or too long, no scope is given, `expires_at` is not in the future, or there
/// are too many usable keys.
pub fn create(
    connection: &mut PgConnection,
    name: &str,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(ApiKey, Secret), Error> {
    let name = check(name, scopes, expires_at, now)?;
    // Two calls at the same time may exceed the limit by one, which does no harm.
    let usable: i64 = api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now)),
        )
        .count()
        .get_result(connection)?;
    if usable >= MAX_KEYS as i64 {
        let message = format!("there are already {usable} usable keys (the limit is {MAX_KEYS})");
        let problem = InputProblem::new(InputCode::Invalid, "name", message);
        let hint = "revoke keys that are not in use any more".to_owned();
        return Err(Error::Invalid(vec![problem.with_hint(Some(hint))]));
    }
    let secret = Secret::random();
    let digest: Hash = Sha256::digest(secret.0.as_bytes()).into();
    let names: Vec<&str> = scopes.list().into_iter().map(Scope::name).collect();
    let key = diesel::insert_into(api_keys::table)
        .values((
            api_keys::name.eq(name),
            api_keys::prefix.eq(secret.prefix()),
            api_keys::sha256.eq(digest.as_slice()),
            api_keys::scopes.eq(names),
            api_keys::created_at.eq(now),
            api_keys::expires_at.eq(expires_at),
        ))
        .returning(ApiKey::as_returning())
        .get_result(connection)?;
    Ok((key, secret))
}

fn check(
    name: &str,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let mut problems = Vec::new();
    let mut refuse = |code, path: &str, message: String| {
        problems.push(InputProblem::new(code, path, message));
        String::new()
    };
    let name = match clean_text(name) {
        Ok(Some(name)) if name.chars().count() <= MAX_NAME => name,
        Ok(Some(name)) => {
            let found = name.chars().count();
            let message = format!("expected at most {MAX_NAME} characters, found {found}");
            refuse(InputCode::Invalid, "name", message)
        }
        Ok(None) => {
            let message = "expected a name that says what the key is for, found an empty text";
            refuse(InputCode::Missing, "name", message.to_owned())
        }
        Err(message) => refuse(InputCode::Invalid, "name", message),
    };
    if scopes == Scopes::default() {
        let message = "expected at least one of read, write and admin, found none";
        refuse(InputCode::Missing, "scopes", message.to_owned());
    }
    if let Some(expires_at) = expires_at.filter(|expires_at| *expires_at <= now) {
        let message = format!("expected a time in the future, found {expires_at:?}");
        refuse(InputCode::Invalid, "expiresAt", message);
    }
    if problems.is_empty() {
        Ok(name)
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Revokes a key for ever and ends its sessions. If the key is revoked already, `revoked_at` stays.
///
/// # Errors
/// [`Error::NotFound`].
pub fn revoke(connection: &mut PgConnection, id: i64, now: DateTime<Utc>) -> Result<ApiKey, Error> {
    connection.transaction(|connection| {
        let still_valid = api_keys::table
            .find(id)
            .filter(api_keys::revoked_at.is_null());
        diesel::update(still_valid)
            .set(api_keys::revoked_at.eq(now))
            .execute(connection)?;
        let started = sessions::table.filter(sessions::api_key_id.eq(id));
        diesel::delete(started).execute(connection)?;
        Ok::<_, Error>(())
    })?;
    let key = find_by_ids(connection, &[id])?.pop();
    key.ok_or_else(|| Error::not_found("API key", id))
}

/// Deletes all keys and returns how many there were. A server on loopback then answers without a key again. If some
/// keys are usable, it deletes none and returns the usable keys as the inner error.
pub fn clear(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Result<usize, Vec<ApiKey>>, Error> {
    connection.transaction(|connection| {
        let keys = list(connection)?;
        let ids: Vec<i64> = keys.iter().map(|key| key.id).collect();
        let mut usable = keys;
        usable.retain(|key| key.is_usable(now));
        if !usable.is_empty() {
            return Ok(Err(usable));
        }
        let forgotten = api_keys::table.filter(api_keys::id.eq_any(ids));
        Ok(Ok(diesel::delete(forgotten).execute(connection)?))
    })
}

/// Finds keys by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<ApiKey>, Error> {
    Ok(api_keys::table
        .filter(api_keys::id.eq_any(ids))
        .select(ApiKey::as_select())
        .load(connection)?)
}

/// Returns the key with this id or this prefix. Of a whole key, only the prefix is compared.
///
/// # Errors
/// [`Error::NotFound`]. The message repeats at most the prefix, because `name` may be a whole key.
pub fn get_by_name(connection: &mut PgConnection, name: &str) -> Result<ApiKey, Error> {
    let prefix: String = name.chars().take(PREFIX_LENGTH).collect();
    let keys = api_keys::table.select(ApiKey::as_select());
    let found = match name.parse::<i64>() {
        Ok(id) => keys.filter(api_keys::id.eq(id)).first(connection),
        Err(_) => keys.filter(api_keys::prefix.eq(&prefix)).first(connection),
    };
    found
        .optional()?
        .ok_or_else(|| Error::not_found("API key", format!("\"{prefix}\"")))
}

/// Lists all keys, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<ApiKey>, Error> {
    Ok(api_keys::table
        .order(api_keys::id)
        .select(ApiKey::as_select())
        .load(connection)?)
}

/// Lists a page of all keys, oldest first.
pub fn list_page(
    connection: &mut PgConnection,
    request: &PageRequest<i64>,
) -> Result<Page<ApiKey>, Error> {
    request.fetch(
        |key: &ApiKey| key.id,
        |request, limit| {
            let mut query = api_keys::table
                .select(ApiKey::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(api_keys::id.gt(after));
            }
            if let Some(before) = request.before {
                query = query.filter(api_keys::id.lt(before));
            }
            query = if request.from_end {
                query.order(api_keys::id.desc())
            } else {
                query.order(api_keys::id.asc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Stores when keys were last used, at most once a minute for each key.
pub fn record_use(
    connection: &mut PgConnection,
    ids: &[i64],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let before = now - Duration::seconds(USE_SECONDS);
    let due = api_keys::table.filter(api_keys::id.eq_any(ids)).filter(
        api_keys::last_used_at
            .is_null()
            .or(api_keys::last_used_at.lt(before)),
    );
    diesel::update(due)
        .set(api_keys::last_used_at.eq(now))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_random_and_recognised() {
        let (one, other) = (Secret::random(), Secret::random());
        assert_ne!(one.prefix(), other.prefix());
        for secret in [&one, &other] {
            assert_eq!(secret.reveal().len(), 44);
            assert!(secret.reveal().starts_with(secret.prefix()));
            assert_eq!(secret.prefix().len(), 12);
            // The part that is not shown has 32 characters, each one of 62.
            assert!((KEY_LENGTH - PREFIX_LENGTH) as f64 * 62f64.log2() >= 160.0);
        }
        assert_ne!(hash(one.reveal()), hash(other.reveal()));
        assert!(hash(one.reveal()).is_some());
    }

    #[test]
    fn what_cannot_be_a_key_has_no_hash() {
        let key = Secret::random().reveal().to_owned();
        for other in [
            "",
            "rck_",
            &key[1..],
            &key[..43],
            &format!("{key}x"),
            &key.to_uppercase(),
            &key.replacen("rck_", "rck-", 1),
            &format!("{}ė", &key[..42]),
        ] {
            assert_eq!(hash(other), None, "{other}");
        }
    }

    #[test]
    fn admin_may_everything_and_write_does_not_read() {
        let scopes = |list: &[Scope]| list.iter().copied().collect::<Scopes>();
        let allowed = |list: &[Scope]| Scope::ALL.map(|needed| scopes(list).allow(needed));
        assert_eq!(allowed(&[]), [false, false, false]);
        assert_eq!(allowed(&[Scope::Read]), [true, false, false]);
        assert_eq!(allowed(&[Scope::Write]), [false, true, false]);
        assert_eq!(allowed(&[Scope::Read, Scope::Write]), [true, true, false]);
        assert_eq!(allowed(&[Scope::Admin]), [true, true, true]);
        assert_eq!(scopes(&[Scope::Admin]).list(), [Scope::Admin]);
        assert_eq!(Access::local().scopes, Scopes::all());
    }
}
