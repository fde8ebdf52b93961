//! New people of a file with suppressed addresses: the status of an earlier subscriber is kept for the address.

use super::batch::{Context, Placed};
use super::person::Person;
use crate::audience::consent::{Suppression, find_suppressions};
use crate::audience::status_change::{Cause, FirstStatus, remember_first};
use crate::error::Error;
use crate::import::plan::options::{ImportMode, SubscriberImport};
use crate::import::report::{ProblemKind, RowProblem};
use crate::rule::Status;
use diesel::PgConnection;
use std::collections::HashMap;

/// Finds the statuses that are kept for the addresses of people who are not subscribers.
pub fn find_suppressed(
    connection: &mut PgConnection,
    people: &[Person],
    known: &HashMap<String, (i64, Status)>,
    options: &SubscriberImport,
) -> Result<HashMap<String, Suppression>, Error> {
    if options.mode == ImportMode::Update {
        return Ok(HashMap::new());
    }
    let emails = people.iter().map(Person::email);
    let unknown: Vec<&str> = emails.filter(|email| !known.contains_key(*email)).collect();
    find_suppressions(connection, &unknown)
}

/// A new subscriber, with the status to give them.
pub struct Fresh<'p> {
    /// The row.
    pub person: &'p Person,
    /// The status to give.
    pub status: Status,
    /// The status that was kept for the address.
    pub kept: Option<Suppression>,
}

impl Fresh<'_> {
    /// Returns a new subscriber without a suppression.
    pub fn unsuppressed(person: &Person) -> Fresh<'_> {
        Fresh {
            person,
            status: person.first_status(),
            kept: None,
        }
    }

    /// Whether the reason of the import ended a suppression.
    pub fn was_raised(&self) -> bool {
        self.kept.is_some() && !self.status.withholds()
    }
}

/// Decides the status of a new subscriber. If a status was kept for the address, a row re-subscribes the person only if
/// the import has a reason, as with existing subscribers.
pub fn fresh_status<'p>(
    person: &'p Person,
    kept: Option<Suppression>,
    options: &SubscriberImport,
    placed: &mut Placed,
) -> Fresh<'p> {
    let fresh = Fresh::unsuppressed(person);
    let Some(suppression) = kept.filter(|_| !fresh.status.withholds()) else {
        return fresh;
    };
    if options.raise_consent.is_some() && person.status().is_some() {
        placed.report.consent_raised += u64::from(!person.is_again);
        return Fresh { kept, ..fresh };
    }
    // In a dry run, the person is new again in a later batch. A row without a status needs no remark then.
    if !person.is_again || person.status().is_some() {
        placed.say(suppressed_address(person, suppression.status));
    }
    Fresh {
        status: suppression.status,
        kept,
        ..fresh
    }
}

fn suppressed_address(person: &Person, status: Status) -> RowProblem {
    let message = format!(
        "{} is {} now: an earlier subscriber with this address had this status; an import does not change that",
        person.email(),
        status.as_str(),
    );
    let problem = RowProblem::new(person.line, ProblemKind::Suppressed, message);
    match person.status() {
        Some(asked) => problem.of_cell("status", asked.as_str()),
        None => problem.of_cell("email", person.email()),
    }
}

/// Stores the source of the status of new people with suppressed addresses.
pub fn remember_suppressed(
    connection: &mut PgConnection,
    people: &[Fresh<'_>],
    ids: &[i64],
    options: &SubscriberImport,
    context: &Context,
) -> Result<(), Error> {
    let (mut given, mut raised) = (Vec::new(), Vec::new());
    for (new, id) in people.iter().zip(ids) {
        let Some(kept) = new.kept else { continue };
        let first = FirstStatus {
            subscriber_id: *id,
            from: new.was_raised().then_some(kept.status.as_str()),
            to: new.status.as_str(),
        };
        if new.was_raised() {
            raised.push(first);
        } else {
            given.push(first);
        }
    }
    remember_first(connection, &given, &Cause::suppression(), context.moment)?;
    remember_first(
        connection,
        &raised,
        &cause(options, context),
        context.moment,
    )
}

/// Returns the cause of the status changes by this import.
pub fn cause(options: &SubscriberImport, context: &Context) -> Cause {
    Cause::import(context.import_id, options.raise_consent.as_deref())
}
