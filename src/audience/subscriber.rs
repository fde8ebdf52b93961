//! Subscribers: people with an e-mail address, which is unique.

use super::paging::KeyRange;
use crate::db::schema::subscribers;
use crate::db::{JsonText, Named};
use crate::error::Error;
use crate::rule::Status;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::SqlTypeOf;
use diesel::pg::Pg;
use diesel::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A subscriber as stored.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, AsChangeset, Insertable)]
#[diesel(table_name = subscribers, treat_none_as_null = true, treat_none_as_default_value = false)]
#[diesel(check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct Subscriber {
    #[diesel(skip_insertion)]
    pub id: i64,
    pub email: String,
    pub status: Named<Status>,
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
    /// Its version, which the database increments with every change.
    #[diesel(skip_insertion)]
    pub version: i32,
}

/// The types of the columns of a [`Subscriber`], in its order.
pub type SubscriberTypes = SqlTypeOf<<Subscriber as Selectable<Pg>>::SelectExpression>;

/// How a list of subscribers is ordered; both keys are unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SubscriberOrder {
    /// Ordered by id, which is the order in which they were added.
    #[default]
    Id,
    /// Ordered by e-mail address, bytewise.
    Email,
}

/// The place of a subscriber in a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubscriberKey {
    /// The id, in a list ordered by id.
    Id(i64),
    /// The e-mail address, in a list ordered by it.
    Email(String),
}

impl std::fmt::Display for SubscriberKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SubscriberKey::Id(id) => write!(formatter, "{id}"),
            SubscriberKey::Email(email) => formatter.write_str(email),
        }
    }
}

impl Subscriber {
    /// Returns a subscriber with the status SUBSCRIBED, of whom only the address is known.
    pub fn new(email: String, now: DateTime<Utc>) -> Subscriber {
        Subscriber {
            id: 0,
            email,
            status: Named(Status::Subscribed),
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
            custom: JsonText::from(&json!({})),
            created_at: now,
            updated_at: now,
            subscribed_at: Some(now),
            unsubscribed_at: None,
            version: 1,
        }
    }

    /// Returns the place in a list of that order.
    pub fn key(&self, order: SubscriberOrder) -> SubscriberKey {
        match order {
            SubscriberOrder::Id => SubscriberKey::Id(self.id),
            SubscriberOrder::Email => SubscriberKey::Email(self.email.clone()),
        }
    }
}

/// Finds subscribers by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Subscriber>, Error> {
    Ok(subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .select(Subscriber::as_select())
        .load(connection)?)
}

/// Finds subscribers by id, in the order of the ids.
pub fn find_in_order(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Subscriber>, Error> {
    let found = find_by_ids(connection, ids)?.into_iter();
    let mut found: HashMap<i64, Subscriber> = found.map(|found| (found.id, found)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Returns the first and the last id that a range of a list by id can have.
pub fn id_bounds<H>(range: &KeyRange<H, SubscriberKey>) -> (i64, i64) {
    let id_of = |key: &Option<SubscriberKey>| match key {
        Some(SubscriberKey::Id(id)) => Some(*id),
        _ => None,
    };
    (
        id_of(&range.after).map_or(0, |after| after.saturating_add(1).max(0)),
        id_of(&range.before).map_or(i64::MAX, |before| before.saturating_sub(1)),
    )
}

/// Finds subscribers by e-mail address. The addresses must have the form in which they are stored.
pub fn find_by_emails(
    connection: &mut PgConnection,
    emails: &[String],
) -> Result<Vec<Subscriber>, Error> {
    Ok(subscribers::table
        .filter(subscribers::email.eq_any(emails))
        .select(Subscriber::as_select())
        .load(connection)?)
}

/// Returns the ids of the subscribers with these e-mail addresses, by address.
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

/// Existing subscribers, found by e-mail address or by id.
#[derive(Debug, Default)]
pub struct Known {
    /// Ids by e-mail address.
    pub by_email: BTreeMap<String, i64>,
    /// The ids of all of them.
    pub ids: BTreeSet<i64>,
}

/// Finds subscribers by id and by e-mail address, and keeps them from being deleted until the end of this transaction.
/// The rows are locked in the order of their ids, as everywhere.
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
