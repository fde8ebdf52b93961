//! Writes a batch of people. New people go into the table by `COPY`, which is the fastest way in Postgres. Existing
//! subscribers are staged and merged by one statement.

use super::batch::{Context, Placed};
use super::copy::{CopyText, NewPeople};
use super::merge::{Merged, merge};
use super::person::{Person, custom_json, is_raised, place_of};
use super::reasons::remember_reasons;
use super::suppressed::{Fresh, cause, find_suppressed, fresh_status, remember_suppressed};
use crate::audience::consent::lift_suppressions;
use crate::db::schema::subscribers;
use crate::db::{Named, statement};
use crate::error::Error;
use crate::import::plan::options::{ImportMode, SubscriberImport};
use crate::import::report::{ProblemKind, RowProblem};
use crate::rule::Status;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use std::collections::HashMap;

/// Returns the ids of the subscribers with the addresses of these people. It locks no rows: [`place`] notices
/// subscribers who were added or deleted, or got another address since.
pub fn find_ids(connection: &mut PgConnection, people: &[Person]) -> Result<Vec<i64>, Error> {
    let emails: Vec<&str> = people.iter().map(Person::email).collect();
    let known = subscribers::table.filter(subscribers::email.eq_any(emails));
    Ok(known.select(subscribers::id).load(connection)?)
}

/// Writes people, except their memberships. `found` has the ids of [`find_ids`].
///
/// # Errors
/// [`Error::Invalid`] if another transaction has just added one of the people; the caller retries the transaction then.
pub fn place(
    connection: &mut PgConnection,
    people: &[Person],
    found: &[i64],
    options: &SubscriberImport,
    context: &Context,
) -> Result<Placed, Error> {
    let mut placed = Placed::default();
    let known = lock_known(connection, people, found, context)?;
    let suppressed = find_suppressed(connection, people, &known, options)?;
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
    let mut merged = Vec::new();
    // Subscribers who may be sent e-mail again, for the reason that the import gives.
    let mut raised: Vec<&str> = Vec::new();
    for person in people {
        match (known.get(person.email()), options.mode) {
            (None, ImportMode::Update) => {
                if !person.is_again {
                    placed.say(nobody(person));
                }
            }
            (None, mode) => {
                let kept = suppressed.get(person.email()).copied();
                if mode == ImportMode::Upsert && person.was_withheld {
                    merged_status(person, None, options, &mut placed);
                    fresh.push(Fresh::unsuppressed(person));
                } else {
                    fresh.push(fresh_status(person, kept, options, &mut placed));
                }
            }
            (Some(_), ImportMode::Insert) => placed.report.skipped += u64::from(!person.is_again),
            (Some((id, stored)), _) => {
                let status = merged_status(person, Some(*stored), options, &mut placed);
                if is_raised(*stored, status) {
                    raised.push(person.email());
                }
                let is_kept = status.is_none() && is_raised(*stored, person.status());
                merged.push(Merged {
                    person,
                    id: *id,
                    status,
                    is_kept,
                });
            }
        }
    }
    // In a dry run, people of an earlier batch were counted as members with that batch.
    let is_told_of = |person: &Person| context.is_dry_run && person.is_again;
    placed.would_be_new = fresh.iter().filter(|new| !new.person.is_again).count();
    placed.report.created = placed.would_be_new as u64;
    if !context.is_dry_run {
        placed.new_ids = insert(connection, &fresh, options, context)?;
        remember_suppressed(connection, &fresh, &placed.new_ids, options, context)?;
        let new = fresh.iter().filter(|new| new.was_raised());
        raised.extend(new.map(|new| new.person.email()));
        lift_suppressions(connection, &raised, Some(context.import_id))?;
        if merged.iter().any(|known| known.status.is_some()) {
            cause(options, context).tell(connection)?;
        }
    }
    let known = merged.iter().filter(|known| !is_told_of(known.person));
    placed.known_ids = known.map(|known| known.id).collect();
    name_groups(&mut placed, &fresh, &merged, context);
    let asked = merged.iter().filter(|known| !known.person.is_again);
    let asked = asked.count() as u64;
    if !merged.is_empty() {
        placed.report.updated = merge(connection, &merged, options, context)?;
    }
    if !context.is_dry_run {
        remember_reasons(
            connection,
            &fresh,
            &placed.new_ids,
            &merged,
            &cause(options, context),
            context.moment,
        )?;
    }
    placed.report.unchanged = asked.saturating_sub(placed.report.updated);
    Ok(placed)
}

/// Collects the people to add to the groups that single rows name.
fn name_groups(placed: &mut Placed, fresh: &[Fresh<'_>], merged: &[Merged<'_>], context: &Context) {
    for (place, new) in fresh.iter().enumerate() {
        for name in &new.person.groups {
            let members = placed.named.entry(name.clone()).or_default();
            members.would_be_new += u64::from(!new.person.is_again);
            members
                .new
                .extend(placed.new_ids.get(place).filter(|_| !context.is_dry_run));
        }
    }
    for known in merged {
        for name in &known.person.groups {
            placed
                .named
                .entry(name.clone())
                .or_default()
                .known
                .push(known.id);
        }
    }
}

fn nobody(person: &Person) -> RowProblem {
    let message = format!(
        "no subscriber has the address \"{}\", and this import adds no new subscribers",
        person.email()
    );
    RowProblem::new(person.line, ProblemKind::Unknown, message).of_cell("email", person.email())
}

/// The ids and statuses of existing subscribers, by address.
type Known = HashMap<String, (i64, Status)>;

/// Locks the rows of existing subscribers until the end of the transaction, and returns them as they are now. The rows are
/// locked in the order of their ids, as everywhere, and only those that still have an address of the batch.
fn lock_known(
    connection: &mut PgConnection,
    people: &[Person],
    found: &[i64],
    context: &Context,
) -> Result<Known, Error> {
    if found.is_empty() {
        return Ok(Known::new());
    }
    let query = subscribers::table
        .filter(subscribers::id.eq_any(found))
        .filter(subscribers::email.eq_any(people.iter().map(Person::email)))
        .order(subscribers::id)
        .select((subscribers::email, subscribers::id, subscribers::status));
    let rows: Vec<(String, i64, Named<Status>)> = if context.is_dry_run {
        query.load(connection)?
    } else {
        query.for_no_key_update().load(connection)?
    };
    let known = rows.into_iter();
    Ok(known
        .map(|(email, id, status)| (email, (id, status.0)))
        .collect())
}

/// Returns the status that a row gives to a subscriber, if the row changes it.
fn merged_status(
    person: &Person,
    stored: Option<Status>,
    options: &SubscriberImport,
    placed: &mut Placed,
) -> Option<Status> {
    let status = person.status()?;
    if (person.was_withheld || stored.is_some_and(Status::withholds)) && !status.withholds() {
        if options.raise_consent.is_some() {
            placed.report.consent_raised += 1;
            return Some(status);
        }
        let stored = stored.filter(|stored| stored.withholds());
        placed.say(suppressed(person, stored, status));
        return None;
    }
    (!options.fill_missing || status.withholds()).then_some(status)
}

/// Returns the problem that a row does not re-subscribe a person who unsubscribed, bounced or complained.
pub fn suppressed(person: &Person, stored: Option<Status>, status: Status) -> RowProblem {
    let message = format!(
        "{} is {} and stays so; an import does not change that",
        person.email(),
        stored.map_or("not to be addressed", Status::as_str),
    );
    RowProblem::new(person.line, ProblemKind::Suppressed, message)
        .of_cell("status", status.as_str())
}

/// Adds the new subscribers, with ids in the order of the file, and returns the ids.
fn insert(
    connection: &mut PgConnection,
    people: &[Fresh<'_>],
    options: &SubscriberImport,
    context: &Context,
) -> Result<Vec<i64>, Error> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    // The sequence is looked up once, not for every number; the numbers come as one value.
    let ids: Vec<i64> = statement(
        "SELECT array(SELECT nextval((SELECT pg_get_serial_sequence('subscribers', 'id')::regclass)) \
         FROM generate_series(1, $1))",
    )
    .bind::<BigInt, _>(people.len() as i64)
    .returning::<Array<BigInt>>()
    .get_result(connection)?;
    let moment = context.moment.to_rfc3339();
    let created = place_of("created_at");
    let mut text = CopyText::default();
    for (new, id) in people.iter().zip(&ids) {
        let Fresh {
            person,
            status,
            kept,
        } = new;
        let consent = &person.consent;
        let left = consent.unsubscribed_at.filter(|_| status.withholds());
        let since = kept
            .map(|kept| kept.since)
            .or(left)
            .unwrap_or(context.moment);
        let unsubscribed_at = match status.withholds() {
            true => Some(since),
            false => consent.unsubscribed_at,
        };
        // A person existed when they agreed, so they were created no later than that.
        let agreed = consent
            .subscribed_at
            .filter(|at| *at < context.moment)
            .map(|at| at.to_rfc3339());
        let created_at = person.values[created]
            .as_deref()
            .or(agreed.as_deref())
            .unwrap_or(&moment);
        let subscribed_at = match (consent.subscribed_at, *status == Status::Subscribed) {
            (Some(at), _) => Some(at.to_rfc3339()),
            (None, true) => Some(created_at.to_owned()),
            (None, false) => None,
        };
        text.number(*id);
        text.cell(Some(person.email()));
        text.cell(Some(status.as_str()));
        for (name, value) in person.known() {
            let default = options.source.as_deref().filter(|_| name == "source");
            text.cell(value.or(default));
        }
        text.cell(Some(&custom_json(person)?));
        text.cell(Some(created_at));
        text.cell(Some(&moment));
        text.cell(subscribed_at.as_deref());
        text.cell(unsubscribed_at.map(|at| at.to_rfc3339()).as_deref());
        text.end_row();
    }
    text.send(connection, subscribers::table, NewPeople)?;
    Ok(ids)
}
