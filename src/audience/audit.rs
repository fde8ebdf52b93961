//! The audit log: who did what. A row is written in the transaction of its action, so that neither exists without the
//! other.
//!
//! A row has ids and names of fields but no values of a person's fields, so that erasing a person need not touch it.
//! The database refuses to change rows, and to delete them except by [`forget_before`].

use super::actor::{Actor, Origin};
use crate::db::schema::audit_log;
use crate::db::word::words;
use crate::db::{in_transaction, statement};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use std::borrow::Cow;

/// How many ids of subscribers a row lists at most.
pub const MOST_IDS: usize = 100;
/// How many names of fields a row lists at most.
const MOST_FIELDS: usize = 200;
/// How many rows are removed at a time.
const AT_A_TIME: i64 = 10_000;

/// The kind of thing that an action was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the nouns themselves")]
pub enum TargetKind {
    Subscriber,
    Group,
    Segment,
    CustomField,
    Event,
    Refresh,
    Import,
    BulkAction,
    ApiKey,
    Webhook,
    Settings,
    AuditLog,
    Database,
}

words!(TargetKind {
    Subscriber: "subscriber",
    Group: "group",
    Segment: "segment",
    CustomField: "custom_field",
    Event: "event",
    Refresh: "refresh",
    Import: "import",
    BulkAction: "bulk_action",
    ApiKey: "api_key",
    Webhook: "webhook",
    Settings: "settings",
    AuditLog: "audit_log",
    Database: "database",
});

/// An action that is about to be done, without its target, which is a [`Trace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The actor, and the address of the request.
    pub origin: Origin,
    /// The name of the mutation or of the other action.
    pub action: Cow<'static, str>,
    /// The names of the fields that the request sets. [`Trace::with_fields`] overrides them.
    pub fields: Vec<String>,
    /// When it is done.
    pub at: DateTime<Utc>,
}

impl Entry {
    /// An action that sets no fields.
    pub fn new(origin: Origin, action: impl Into<Cow<'static, str>>, at: DateTime<Utc>) -> Entry {
        Entry {
            origin,
            action: action.into(),
            fields: Vec::new(),
            at,
        }
    }

    /// An action that a server does without a request.
    pub fn of_system(action: &'static str, at: DateTime<Utc>) -> Entry {
        Entry::new(Origin::of(Actor::System), action, at)
    }
}

/// The target of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    is_nothing: bool,
    target: Option<TargetKind>,
    id: Option<i64>,
    key: Option<String>,
    subscriber_ids: Option<Vec<i64>>,
    count: Option<i64>,
    fields: Option<Vec<String>>,
    versions: (Option<i32>, Option<i32>),
}

impl Trace {
    /// Nothing was done, so no row is written.
    pub fn nothing() -> Trace {
        Trace {
            is_nothing: true,
            ..Trace::default()
        }
    }

    /// A target of a kind, without an id.
    pub fn to(target: TargetKind) -> Trace {
        Trace {
            target: Some(target),
            ..Trace::default()
        }
    }

    /// A target of a kind, with its id.
    pub fn of(target: TargetKind, id: i64) -> Trace {
        Trace {
            id: Some(id),
            ..Trace::to(target)
        }
    }

    /// Adds the key of the target. A key is a name that an owner chose, never data of a person.
    pub fn with_key(mut self, key: &str) -> Trace {
        self.key = Some(key.to_owned());
        self
    }

    /// Adds subscribers: their number, and the first [`MOST_IDS`] of their ids.
    pub fn with_subscribers(mut self, ids: &[i64]) -> Trace {
        self.count = i64::try_from(ids.len()).ok();
        self.subscriber_ids = Some(ids.iter().copied().take(MOST_IDS).collect());
        self
    }

    /// Adds a count.
    pub fn with_count(mut self, count: usize) -> Trace {
        self.count = i64::try_from(count).ok();
        self
    }

    /// Sets the names of the fields. They must be names of the schema or keys of custom fields that exist: nothing else
    /// from a request may get here.
    pub fn with_fields(mut self, mut fields: Vec<String>) -> Trace {
        fields.truncate(MOST_FIELDS);
        self.fields = Some(fields);
        self
    }

    /// Adds the versions of the rule of a segment, if they differ.
    pub fn with_versions(mut self, before: Option<i32>, after: Option<i32>) -> Trace {
        if before != after {
            self.versions = (before, after);
        }
        self
    }
}

/// Does `work` and writes its row, in one transaction. If either fails, nothing is kept.
pub fn within<T>(
    connection: &mut PgConnection,
    entry: &Entry,
    work: impl FnOnce(&mut PgConnection) -> Result<(T, Trace), Error>,
) -> Result<T, Error> {
    in_transaction(connection, |connection| {
        let (done, trace) = work(connection)?;
        write(connection, entry, &trace)?;
        Ok(done)
    })
}

/// Writes the row of an action. Call it in the transaction of the action.
pub fn write(connection: &mut PgConnection, entry: &Entry, trace: &Trace) -> Result<(), Error> {
    if trace.is_nothing {
        return Ok(());
    }
    let Origin {
        actor,
        peer,
        request_id,
    } = &entry.origin;
    let (version_before, version_after) = trace.versions;
    // The name of the API key is read here, so that requests need not carry it.
    statement(
        "INSERT INTO audit_log (at, action, actor, actor_name, api_key_id, api_key_prefix, session_id, peer, request_id, \
             target, target_id, target_key, subscriber_ids, count, fields, version_before, version_after) \
         SELECT $1, $2, $3, coalesce($4, k.name), $5, k.prefix, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 \
         FROM (SELECT) one LEFT JOIN api_keys k ON k.id = $5",
    )
    .bind::<Timestamptz, _>(entry.at)
    .bind::<Text, _>(entry.action.as_ref())
    .bind::<Text, _>(actor.kind().as_str())
    .bind::<Nullable<Text>, _>(actor.user())
    .bind::<Nullable<BigInt>, _>(actor.api_key_id())
    .bind::<Nullable<BigInt>, _>(actor.session_id())
    .bind::<Nullable<Text>, _>(peer.map(|peer| peer.to_string()))
    .bind::<Nullable<Text>, _>(request_id.as_deref())
    .bind::<Nullable<Text>, _>(trace.target.map(TargetKind::as_str))
    .bind::<Nullable<BigInt>, _>(trace.id)
    .bind::<Nullable<Text>, _>(trace.key.as_deref())
    .bind::<Nullable<Array<BigInt>>, _>(trace.subscriber_ids.as_deref())
    .bind::<Nullable<BigInt>, _>(trace.count)
    .bind::<Array<Text>, _>(trace.fields.as_ref().unwrap_or(&entry.fields))
    .bind::<Nullable<Integer>, _>(version_before)
    .bind::<Nullable<Integer>, _>(version_after)
    .execute(connection)?;
    Ok(())
}

/// Deletes the rows from before a time and returns their number. If there were any, it writes a row with that number.
pub fn forget_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let mut forgotten = 0;
    loop {
        let removed = connection.transaction(|connection| {
            connection.batch_execute("SET LOCAL rollcall.forgets_audit = 'on'")?;
            let oldest: Vec<i64> = audit_log::table
                .filter(audit_log::at.lt(before))
                .order((audit_log::at, audit_log::id))
                .limit(AT_A_TIME)
                .select(audit_log::id)
                .load(connection)?;
            let oldest = audit_log::table.filter(audit_log::id.eq_any(oldest));
            Ok::<_, Error>(diesel::delete(oldest).execute(connection)?)
        })?;
        forgotten += removed;
        if removed == 0 {
            break;
        }
    }
    if forgotten > 0 {
        let entry = Entry::of_system("forgetAuditLog", now);
        let trace = Trace::to(TargetKind::AuditLog).with_count(forgotten);
        write(connection, &entry, &trace)?;
    }
    Ok(forgotten)
}
