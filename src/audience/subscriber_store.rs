//! Adding, changing and deleting subscribers.

use super::clean::clean_email;
use super::consent::{Consent, Notice};
use super::import_trace::forget_person;
use super::member_lock::lock_for_refresh;
use super::removal::erase;
use super::subscriber::Subscriber;
use super::subscriber_changes::{SubscriberChanges, apply};
use super::subscriber_status::{check_consent, keep_status, meet_suppression, tell_change};
use super::version::check_version;
use crate::db::schema::subscribers;
use crate::db::{Kept, in_transaction};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::Catalogue;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// The outcome of an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such subscriber.
    Created,
    /// Something changed.
    Updated,
    /// Nothing changed.
    Unchanged,
}

/// A subscriber after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The subscriber as it is now.
    pub subscriber: Subscriber,
    /// Whether the subscriber was created, changed or left as it was.
    pub outcome: Outcome,
    /// Notices about changes that were made differently from the request.
    pub notices: Vec<Notice>,
}

/// Returns a new subscriber with this address and these values.
///
/// # Errors
/// A problem for every value that cannot be accepted.
pub fn check_new(
    email: &str,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
) -> Result<Subscriber, Vec<InputProblem>> {
    let mut problems = Vec::new();
    let email = clean_email(email)
        .map_err(|message| problems.push(InputProblem::new(InputCode::Invalid, "email", message)))
        .unwrap_or_default();
    let fresh = Subscriber::new(email, now);
    let fresh = apply(fresh, changes, catalogue, now, &mut problems);
    if problems.is_empty() {
        Ok(fresh)
    } else {
        Err(problems)
    }
}

/// Adds the subscriber that [`check_new`] made of these values, or changes the existing subscriber with that address. A
/// status that lacks consent stays as it is. Must run in a transaction.
///
/// # Errors
/// [`Error::Contention`] if the subscriber was added and deleted meanwhile.
pub fn upsert(
    connection: &mut PgConnection,
    fresh: Subscriber,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    let email = fresh.email.clone();
    if let Some(existing) = find_for_update(connection, &email)? {
        return change(connection, existing, changes, catalogue, now);
    }
    if let Some(created) = create(connection, fresh, changes.consent.as_ref(), now)? {
        return Ok(created);
    }
    let existing = find_for_update(connection, &email)?.ok_or_else(|| {
        Error::Contention("the subscriber was added and deleted meanwhile".to_owned())
    })?;
    change(connection, existing, changes, catalogue, now)
}

/// Adds a subscriber. Returns `None` if another transaction has just added one with the address.
fn create(
    connection: &mut PgConnection,
    mut fresh: Subscriber,
    consent: Option<&Consent>,
    now: DateTime<Utc>,
) -> Result<Option<Stored>, Error> {
    let mut notices = Vec::new();
    let first = meet_suppression(connection, &mut fresh, consent, &mut notices)?;
    // A lost race must not be an error. DO UPDATE in place of the search before would waste an id with every change.
    let created: Option<Subscriber> = diesel::insert_into(subscribers::table)
        .values(&fresh)
        .on_conflict(subscribers::email)
        .do_nothing()
        .returning(Subscriber::as_returning())
        .get_result(connection)
        .optional()?;
    let Some(subscriber) = created else {
        return Ok(None);
    };
    if let Some(first) = first {
        first.remember(connection, &subscriber, now)?;
    }
    Ok(Some(Stored {
        subscriber,
        outcome: Outcome::Created,
        notices,
    }))
}

/// Changes a subscriber, and its e-mail address if `email` is given.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] with every value that cannot be accepted, also for a status that lacks consent,
/// or if the subscriber has another version.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
    email: Option<&str>,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    in_transaction(connection, |connection| {
        let mut existing: Subscriber = subscribers::table
            .find(id)
            .for_update()
            .select(Subscriber::as_select())
            .first(connection)
            .optional()?
            .ok_or_else(|| Error::not_found("subscriber", id))?;
        check_version("subscriber", if_version, existing.version)?;
        let before = existing.clone();
        let mut problems = Vec::new();
        if let Some(email) = email {
            match clean_email(email) {
                Ok(email) => existing.email = email,
                Err(message) => {
                    problems.push(InputProblem::new(InputCode::Invalid, "email", message));
                }
            }
        }
        check_consent(&existing, changes, &mut problems);
        let changed = apply(existing, changes, catalogue, now, &mut problems);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        store(connection, &before, changed, changes.consent.as_ref(), now)
    })
}

/// Deletes a subscriber with memberships, events and totals. A refresh that runs meanwhile drops the subscriber too.
///
/// # Errors
/// [`Error::NotFound`].
pub fn delete(connection: &mut PgConnection, id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    in_transaction(connection, |connection| {
        lock_for_refresh(connection)?;
        let email: Option<String> = diesel::delete(subscribers::table.find(id))
            .returning(subscribers::email)
            .get_result(connection)
            .optional()?;
        let email = email.ok_or_else(|| Error::not_found("subscriber", id))?;
        forget_person(connection, id, &email)?;
        erase(connection, vec![id], now)?;
        Ok(())
    })
}

fn find_for_update(
    connection: &mut PgConnection,
    email: &str,
) -> Result<Option<Subscriber>, Error> {
    Ok(subscribers::table
        .filter(subscribers::email.eq(email))
        .for_update()
        .select(Subscriber::as_select())
        .first(connection)
        .optional()?)
}

fn change(
    connection: &mut PgConnection,
    existing: Subscriber,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    let before = existing.clone();
    let mut changes = changes.clone();
    let mut notices = Vec::new();
    keep_status(&existing, &mut changes, &mut notices);
    let changed = apply(existing, &changes, catalogue, now, &mut Vec::new());
    let mut stored = store(connection, &before, changed, changes.consent.as_ref(), now)?;
    stored.notices.append(&mut notices);
    Ok(stored)
}

fn store(
    connection: &mut PgConnection,
    before: &Subscriber,
    mut changed: Subscriber,
    consent: Option<&Consent>,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    let mut notices = Vec::new();
    let mut first = None;
    if changed.email != before.email {
        first = meet_suppression(connection, &mut changed, consent, &mut notices)?;
    }
    if *before == changed {
        return Ok(Stored {
            subscriber: changed,
            outcome: Outcome::Unchanged,
            notices,
        });
    }
    tell_change(connection, before, &changed, consent, first)?;
    changed.updated_at = now;
    // The statement sets every column, so its text is always the same and may be kept prepared.
    let update = diesel::update(subscribers::table.find(changed.id))
        .set(&changed)
        .returning(Subscriber::as_returning());
    let subscriber = Kept(update).get_result(connection)?;
    Ok(Stored {
        subscriber,
        outcome: Outcome::Updated,
        notices,
    })
}
