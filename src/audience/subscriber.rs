//! Subscribers: people who can be addressed, unique by e-mail.

use super::clean::clean_email;
use super::consent::{Consent, Notice};
use super::membership;
use super::paging::{Page, PageRequest};
use super::removal::erase;
use super::subscriber_changes::{SubscriberChanges, apply};
use super::subscriber_status::{check_consent, keep_status, meet_suppression, tell_change};
use super::version::check_version;
use crate::db::JsonText;
use crate::db::schema::subscribers;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{Catalogue, Status};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A subscriber as stored.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, AsChangeset)]
#[diesel(table_name = subscribers, treat_none_as_null = true, check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct Subscriber {
    pub id: i64,
    pub email: String,
    pub status: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub birthday: Option<NaiveDate>,
    pub source: Option<String>,
    pub custom: JsonText,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub subscribed_at: Option<DateTime<Utc>>,
    pub unsubscribed_at: Option<DateTime<Utc>>,
    /// Counted by the database with every change.
    pub version: i32,
}

/// What an upsert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such subscriber.
    Created,
    /// Something changed.
    Updated,
    /// Everything was so already.
    Unchanged,
}

/// A subscriber after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The subscriber as it is now.
    pub subscriber: Subscriber,
    /// What was done.
    pub outcome: Outcome,
    /// What was done in another way than it was asked for.
    pub notices: Vec<Notice>,
}

/// How a list of subscribers is ordered; both keys are unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubscriberOrder {
    /// By id, which is the order in which they were added.
    #[default]
    Id,
    /// By e-mail, bytewise.
    Email,
}

/// The place of a subscriber in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriberKey {
    /// In a list by id.
    Id(i64),
    /// In a list by e-mail.
    Email(String),
}

impl Subscriber {
    /// The place in a list of that order.
    pub fn key(&self, order: SubscriberOrder) -> SubscriberKey {
        match order {
            SubscriberOrder::Id => SubscriberKey::Id(self.id),
            SubscriberOrder::Email => SubscriberKey::Email(self.email.clone()),
        }
    }
}

/// Finds subscribers by id, in no particular order.
///
/// # Errors
/// Those of the database.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Subscriber>, Error> {
    Ok(subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .select(Subscriber::as_select())
        .load(connection)?)
}

/// Finds subscribers by id, in the order of the ids.
///
/// # Errors
/// Those of the database.
pub fn find_in_order(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Subscriber>, Error> {
    let found = find_by_ids(connection, ids)?.into_iter();
    let mut found: HashMap<i64, Subscriber> = found.map(|found| (found.id, found)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Returns the first and the last id that a request for a page by id can mean.
pub fn id_bounds(request: &PageRequest<SubscriberKey>) -> (i64, i64) {
    let id_of = |key: &Option<SubscriberKey>| match key {
        Some(SubscriberKey::Id(id)) => Some(*id),
        _ => None,
    };
    (
        id_of(&request.after).map_or(0, |after| after.saturating_add(1).max(0)),
        id_of(&request.before).map_or(i64::MAX, |before| before.saturating_sub(1)),
    )
}

/// Finds subscribers by e-mail, trimmed and in lower case.
///
/// # Errors
/// Those of the database.
pub fn find_by_emails(
    connection: &mut PgConnection,
    emails: &[String],
) -> Result<Vec<Subscriber>, Error> {
    Ok(subscribers::table
        .filter(subscribers::email.eq_any(emails))
        .select(Subscriber::as_select())
        .load(connection)?)
}

/// Returns the ids of the subscribers with these e-mails, by e-mail.
///
/// # Errors
/// Those of the database.
pub fn find_ids_by_emails(
    connection: &mut PgConnection,
    emails: &[String],
) -> Result<BTreeMap<String, i64>, Error> {
    let rows: Vec<(String, i64)> = subscribers::table
        .filter(subscribers::email.eq_any(emails))
        .select((subscribers::email, subscribers::id))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Subscribers who exist, by how they were asked for.
#[derive(Debug, Default)]
pub struct Known {
    /// Ids by e-mail.
    pub by_email: BTreeMap<String, i64>,
    /// Those of the ids that exist.
    pub ids: BTreeSet<i64>,
}

/// Finds subscribers by id and by e-mail, and keeps them from being deleted until the end of this transaction. The rows
/// are locked in the order of their ids, as everywhere.
///
/// # Errors
/// Those of the database.
pub fn keep_known(
    connection: &mut PgConnection,
    ids: &[i64],
    emails: &[String],
) -> Result<Known, Error> {
    let is_asked = subscribers::id
        .eq_any(ids)
        .or(subscribers::email.eq_any(emails));
    let rows: Vec<(String, i64)> = subscribers::table
        .filter(is_asked)
        .order(subscribers::id)
        .select((subscribers::email, subscribers::id))
        .for_key_share()
        .load(connection)?;
    Ok(Known {
        ids: rows.iter().map(|(_, id)| *id).collect(),
        by_email: rows.into_iter().collect(),
    })
}

/// Lists a page of all subscribers.
///
/// # Errors
/// Those of the database.
pub fn list_page(
    connection: &mut PgConnection,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<Page<Subscriber>, Error> {
    request.fetch(
        |found: &Subscriber| found.key(order),
        |request, limit| {
            let mut query = subscribers::table
                .select(Subscriber::as_select())
                .limit(limit)
                .into_boxed();
            match &request.after {
                Some(SubscriberKey::Id(id)) => query = query.filter(subscribers::id.gt(*id)),
                Some(SubscriberKey::Email(email)) => {
                    query = query.filter(subscribers::email.gt(email))
                }
                None => {}
            }
            match &request.before {
                Some(SubscriberKey::Id(id)) => query = query.filter(subscribers::id.lt(*id)),
                Some(SubscriberKey::Email(email)) => {
                    query = query.filter(subscribers::email.lt(email))
                }
                None => {}
            }
            query = match (order, request.from_end) {
                (SubscriberOrder::Id, false) => query.order(subscribers::id.asc()),
                (SubscriberOrder::Id, true) => query.order(subscribers::id.desc()),
                (SubscriberOrder::Email, false) => query.order(subscribers::email.asc()),
                (SubscriberOrder::Email, true) => query.order(subscribers::email.desc()),
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Returns how many subscribers there are.
///
/// # Errors
/// Those of the database.
pub fn count(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(subscribers::table.count().get_result(connection)?)
}

/// Adds a subscriber of that e-mail or changes the one that exists. A status that lacks consent stays as it is.
///
/// # Errors
/// [`Error::Invalid`] with every value that cannot be accepted.
pub fn upsert(
    connection: &mut PgConnection,
    email: &str,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    let mut problems = Vec::new();
    let email = clean_email(email)
        .map_err(|message| problems.push(InputProblem::new(InputCode::Invalid, "email", message)))
        .unwrap_or_default();
    let fresh = apply(
        new_subscriber(email.clone(), now),
        changes,
        catalogue,
        now,
        &mut problems,
    );
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    connection.transaction(|connection| {
        if let Some(existing) = find_for_update(connection, &email)? {
            return change(connection, existing, changes, catalogue, now);
        }
        match create(connection, fresh, changes.consent.as_ref(), now)? {
            Some(created) => Ok(created),
            None => {
                let existing = find_for_update(connection, &email)?.ok_or_else(|| {
                    Error::Contention("the subscriber was added and deleted meanwhile".to_owned())
                })?;
                change(connection, existing, changes, catalogue, now)
            }
        }
    })
}

/// Adds a subscriber; returns nothing if somebody else has just added one with the address.
fn create(
    connection: &mut PgConnection,
    mut fresh: Subscriber,
    consent: Option<&Consent>,
    now: DateTime<Utc>,
) -> Result<Option<Stored>, Error> {
    let mut notices = Vec::new();
    let first = meet_suppression(connection, &mut fresh, consent, &mut notices)?;
    // Without a conflict clause a lost race would be an error, with an update in it a wasted id.
    let created: Option<Subscriber> = diesel::insert_into(subscribers::table)
        .values(insertable(&fresh))
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

/// Changes a subscriber, perhaps its e-mail too.
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
    connection.transaction(|connection| {
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

/// Deletes a subscriber with memberships, events and totals; a refresh that runs meanwhile forgets the person too.
///
/// # Errors
/// [`Error::NotFound`].
pub fn delete(connection: &mut PgConnection, id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    connection.transaction(|connection| {
        membership::lock_for_refresh(connection)?;
        let email: Option<String> = diesel::delete(subscribers::table.find(id))
            .returning(subscribers::email)
            .get_result(connection)
            .optional()?;
        let email = email.ok_or_else(|| Error::not_found("subscriber", id))?;
        super::import_trace::forget_person(connection, id, &email)?;
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
    let subscriber = diesel::update(subscribers::table.find(changed.id))
        .set(&changed)
        .returning(Subscriber::as_returning())
        .get_result(connection)?;
    Ok(Stored {
        subscriber,
        outcome: Outcome::Updated,
        notices,
    })
}

fn new_subscriber(email: String, now: DateTime<Utc>) -> Subscriber {
    Subscriber {
        id: 0,
        email,
        status: Status::Subscribed.as_str().to_owned(),
        first_name: None,
        last_name: None,
        phone: None,
        country: None,
        region: None,
        city: None,
        postal_code: None,
        latitude: None,
        longitude: None,
        language: None,
        timezone: None,
        birthday: None,
        source: None,
        custom: JsonText::from(&Value::Object(Map::new())),
        created_at: now,
        updated_at: now,
        subscribed_at: Some(now),
        unsubscribed_at: None,
        version: 1,
    }
}

/// Every column but the id, which the database gives.
#[derive(Insertable)]
#[diesel(table_name = subscribers)]
struct NewRow<'s> {
    email: &'s str,
    status: &'s str,
    first_name: Option<&'s str>,
    last_name: Option<&'s str>,
    phone: Option<&'s str>,
    country: Option<&'s str>,
    region: Option<&'s str>,
    city: Option<&'s str>,
    postal_code: Option<&'s str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    language: Option<&'s str>,
    timezone: Option<&'s str>,
    birthday: Option<NaiveDate>,
    source: Option<&'s str>,
    custom: &'s JsonText,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    subscribed_at: Option<DateTime<Utc>>,
    unsubscribed_at: Option<DateTime<Utc>>,
}

fn insertable(subscriber: &Subscriber) -> NewRow<'_> {
    NewRow {
        email: &subscriber.email,
        status: &subscriber.status,
        first_name: subscriber.first_name.as_deref(),
        last_name: subscriber.last_name.as_deref(),
        phone: subscriber.phone.as_deref(),
        country: subscriber.country.as_deref(),
        region: subscriber.region.as_deref(),
        city: subscriber.city.as_deref(),
        postal_code: subscriber.postal_code.as_deref(),
        latitude: subscriber.latitude,
        longitude: subscriber.longitude,
        language: subscriber.language.as_deref(),
        timezone: subscriber.timezone.as_deref(),
        birthday: subscriber.birthday,
        source: subscriber.source.as_deref(),
        custom: &subscriber.custom,
        created_at: subscriber.created_at,
        updated_at: subscriber.updated_at,
        subscribed_at: subscriber.subscribed_at,
        unsubscribed_at: subscriber.unsubscribed_at,
    }
}
