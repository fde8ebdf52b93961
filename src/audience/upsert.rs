//! Adds or changes subscribers by their address, one or a thousand of them, with their groups.

use super::catalogue::load_custom_fields;
use super::consent::{Notice, NoticeCode};
use super::group_changes::{GroupChanges, GroupIds, KnownGroups, change_groups};
use super::subscriber::{Subscriber, find_ids_by_emails};
use super::subscriber_changes::SubscriberChanges;
use super::subscriber_store::{self, Outcome, Stored};
use super::type_lock::keep_types;
use crate::db::in_transaction;
use crate::error::{Error, InputProblem};
use crate::rule::Catalogue;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::HashMap;

/// The values and groups that the subscriber with an address gets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Upsert {
    /// The address.
    pub email: String,
    /// The values.
    pub changes: SubscriberChanges,
    /// The groups.
    pub groups: GroupChanges,
}

impl Upsert {
    /// Returns the names of the fields that are set, as the API has them.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.changes.names();
        if self.groups != GroupChanges::default() {
            names.push("groups".to_owned());
        }
        names
    }
}

/// The result of one of several upserts, or its problems.
pub type Upserted = Result<Stored, Vec<InputProblem>>;

/// The custom fields and groups that upserts are checked against. They cannot change until the end of the transaction.
struct Known {
    catalogue: Catalogue,
    groups: KnownGroups,
}

impl Known {
    fn lock<'u>(
        connection: &mut PgConnection,
        upserts: impl Iterator<Item = &'u Upsert> + Clone,
    ) -> Result<Known, Error> {
        // Values use nothing else of the catalogue.
        let mut catalogue = Catalogue::default();
        if upserts
            .clone()
            .any(|upsert| !upsert.changes.custom.is_empty())
        {
            keep_types(connection)?;
            catalogue.custom_fields = load_custom_fields(connection)?;
        }
        let groups = KnownGroups::lock(connection, upserts.map(|upsert| &upsert.groups))?;
        Ok(Known { catalogue, groups })
    }
}

/// An upsert without problems.
struct Checked<'u> {
    upsert: &'u Upsert,
    /// The subscriber that is added if the address is new.
    fresh: Subscriber,
    groups: GroupIds,
}

impl<'u> Checked<'u> {
    fn check(
        upsert: &'u Upsert,
        known: &Known,
        now: DateTime<Utc>,
    ) -> Result<Checked<'u>, Vec<InputProblem>> {
        let fresh =
            subscriber_store::check_new(&upsert.email, &upsert.changes, &known.catalogue, now);
        let groups = upsert.groups.resolve(&known.groups);
        match (fresh, groups) {
            (Ok(fresh), Ok(groups)) => Ok(Checked {
                upsert,
                fresh,
                groups,
            }),
            (fresh, groups) => {
                let mut problems = fresh.err().unwrap_or_default();
                problems.extend(groups.err().unwrap_or_default());
                Err(problems)
            }
        }
    }

    fn write(
        &self,
        connection: &mut PgConnection,
        known: &Known,
        now: DateTime<Utc>,
    ) -> Result<Stored, Error> {
        let changes = &self.upsert.changes;
        let fresh = self.fresh.clone();
        let mut stored =
            subscriber_store::upsert(connection, fresh, changes, &known.catalogue, now)?;
        let has_moved = change_groups(connection, stored.subscriber.id, &self.groups, now)?;
        if has_moved && stored.outcome == Outcome::Unchanged {
            stored.outcome = Outcome::Updated;
        }
        Ok(stored)
    }
}

/// Adds a subscriber, or changes the existing one with that address. A status that lacks consent stays as it is.
///
/// # Errors
/// [`Error::Invalid`] with every problem.
pub fn upsert(
    connection: &mut PgConnection,
    upsert: &Upsert,
    now: DateTime<Utc>,
) -> Result<Stored, Error> {
    in_transaction(connection, |connection| {
        let known = Known::lock(connection, std::iter::once(upsert))?;
        let checked = Checked::check(upsert, &known, now).map_err(Error::Invalid)?;
        checked.write(connection, &known, now)
    })
}

/// Does several upserts in one transaction, each in a savepoint, so that a problem of one does not undo the others. The
/// results have the order of the upserts. Several upserts for one address are applied one after the other. If the
/// database fails, nothing is written.
pub fn upsert_all(
    connection: &mut PgConnection,
    upserts: &[Result<Upsert, Vec<InputProblem>>],
    now: DateTime<Utc>,
) -> Result<Vec<Upserted>, Error> {
    in_transaction(connection, |connection| {
        let given = upserts.iter().filter_map(|upsert| upsert.as_ref().ok());
        let known = Known::lock(connection, given)?;
        let checked = upserts.iter().map(|upsert| match upsert {
            Ok(upsert) => Checked::check(upsert, &known, now),
            Err(problems) => Err(problems.clone()),
        });
        let checked: Vec<_> = checked.collect();
        let mut results: Vec<Upserted> = checked.iter().map(|_| Err(Vec::new())).collect();
        for place in order(connection, &checked)? {
            results[place] = match &checked[place] {
                Err(problems) => Err(problems.clone()),
                Ok(checked) => {
                    match connection
                        .transaction(|connection| checked.write(connection, &known, now))
                    {
                        Ok(stored) => Ok(stored),
                        Err(Error::Invalid(problems)) => Err(problems),
                        Err(error) => return Err(error),
                    }
                }
            };
        }
        tell_repeated(&checked, &mut results);
        Ok(results)
    })
}

/// Returns the places of upserts in the order in which they are written: existing subscribers by id, as locks are taken
/// everywhere, then new addresses in their order, so that two calls with the same addresses cannot deadlock.
fn order<E>(
    connection: &mut PgConnection,
    checked: &[Result<Checked<'_>, E>],
) -> Result<Vec<usize>, Error> {
    let email = |place: usize| {
        let checked = checked[place].as_ref().ok();
        checked.map_or("", |checked| checked.fresh.email.as_str())
    };
    let emails: Vec<String> = (0..checked.len())
        .map(|place| email(place).to_owned())
        .collect();
    let ids = find_ids_by_emails(connection, &emails)?;
    let mut places: Vec<usize> = (0..checked.len()).collect();
    places.sort_by_key(|place| {
        let id = ids.get(email(*place)).copied().unwrap_or(i64::MAX);
        (id, email(*place), *place)
    });
    Ok(places)
}

/// Adds a notice to each subscriber whose address occurs earlier in the same call.
fn tell_repeated<E>(checked: &[Result<Checked<'_>, E>], results: &mut [Upserted]) {
    let mut firsts = HashMap::new();
    for (place, checked) in checked.iter().enumerate() {
        let Ok(checked) = checked else {
            continue;
        };
        let first = *firsts.entry(&checked.fresh.email).or_insert(place);
        if let Some(Ok(stored)) = results.get_mut(place).filter(|_| first != place) {
            stored.notices.push(Notice {
                code: NoticeCode::Repeated,
                path: "email",
                message: format!(
                    "the address is in subscribers[{first}] too; both were applied, in their order"
                ),
            });
        }
    }
}
