//! New people of a file whose addresses are suppressed: a status is kept for them.

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
    /// A new subscriber of whom nothing is kept.
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

/// Decides on the status of a new subscriber. A status that was kept for the address is raised as that of an existing
/// subscriber is: by a row that says so, if the import has a reason.
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
    // In a dry run a later batch finds the person new again; a row without a status has nothing to say then.
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

/// Remembers where the status of new people came from, if their addresses were suppressed.
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

/// What the changes of statuses by this import come from.
pub fn cause(options: &SubscriberImport, context: &Context) -> Cause {
    Cause::import(context.import_id, options.raise_consent.as_deref())
}
