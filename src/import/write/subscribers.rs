//! Writing a batch of people. Who is new goes into the table by `COPY`, which is what Postgres is fastest at; who is
//! known is staged and merged by one statement.

use super::batch::{Context, Members, Placed};
use super::copy::{CopyText, import_staging as staging, use_indexes};
use super::person::{Person, is_raised, place_of};
use super::reasons::remember_reasons;
use super::suppressed::{Fresh, cause, find_suppressed, fresh_status, remember_suppressed};
use crate::audience::consent::lift_suppressions;
use crate::audience::group;
use crate::db::schema::{import_additions, subscribers};
use crate::error::Error;
use crate::import::plan::options::{ImportMode, SubscriberImport};
use crate::import::plan::target::BUILTIN_COLUMNS;
use crate::import::report::{ProblemKind, RowProblem};
use crate::rule::Status;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use std::collections::{BTreeMap, HashMap};

/// The columns that are merged as they are.
fn plain_columns() -> impl Iterator<Item = (usize, &'static str)> {
    let columns = BUILTIN_COLUMNS.into_iter().enumerate();
    columns.filter(|(_, name)| !["email", "status", "created_at"].contains(name))
}

/// Writes people, but for their memberships.
///
/// # Errors
/// Those of the database. That somebody else has just added one of the people is a [`Error::Invalid`]; the transaction
/// is to be tried again then.
pub fn place(
    connection: &mut PgConnection,
    people: &[Person],
    options: &SubscriberImport,
    context: &Context,
) -> Result<Placed, Error> {
    let mut placed = Placed::default();
    let known = find_known(connection, people, context)?;
    let suppressed = find_suppressed(connection, people, &known, options)?;
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
    let mut merged = Vec::new();
    // Subscribers who may be addressed again, for the reason that the import gives.
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
                let status = merged_status(person, *stored, options, &mut placed);
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
    // In a dry run whoever was told of by an earlier batch has joined the groups with it.
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

/// Notes who is added to the groups that single rows name.
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

/// Somebody who is known, and what a row changes of them.
pub struct Merged<'p> {
    /// The row.
    pub person: &'p Person,
    /// Who.
    pub id: i64,
    /// The status to give, if it changes.
    pub status: Option<Status>,
    /// Whether the row says to address somebody who is not to be addressed: what it says of that does not count.
    pub is_kept: bool,
}

fn nobody(person: &Person) -> RowProblem {
    let message = format!(
        "expected the e-mail address of a subscriber, since only those who are known are to be changed, found \"{}\"",
        person.email()
    );
    RowProblem::new(person.line, ProblemKind::Unknown, message).of_cell("email", person.email())
}

/// Finds who is known, and keeps them from changing until the end of the transaction. The rows are locked in the order
/// of their ids, as everywhere.
fn find_known(
    connection: &mut PgConnection,
    people: &[Person],
    context: &Context,
) -> Result<HashMap<String, (i64, Option<Status>)>, Error> {
    use_indexes(connection)?;
    let emails: Vec<&str> = people.iter().map(Person::email).collect();
    let query = subscribers::table
        .filter(subscribers::email.eq_any(emails))
        .order(subscribers::id)
        .select((subscribers::email, subscribers::id, subscribers::status));
    let rows: Vec<(String, i64, String)> = if context.is_dry_run {
        query.load(connection)?
    } else {
        query.for_no_key_update().load(connection)?
    };
    let known = rows.into_iter();
    Ok(known
        .map(|(email, id, status)| (email, (id, Status::parse(&status))))
        .collect())
}

/// Returns the status that a row gives to somebody, if it changes it.
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

/// That somebody is not addressed again because a file says so.
pub fn suppressed(person: &Person, stored: Option<Status>, status: Status) -> RowProblem {
    let message = format!(
        "{} is {} and stays so; an import does not change that",
        person.email(),
        stored.map_or("not to be addressed", Status::as_str),
    );
    RowProblem::new(person.line, ProblemKind::Suppressed, message)
        .of_cell("status", status.as_str())
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct IdList {
    #[diesel(sql_type = Array<BigInt>)]
    ids: Vec<i64>,
}

/// Adds who is new, with ids in the order of the file; returns the ids.
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
    let numbers: IdList = diesel::sql_query(
        "SELECT array(SELECT nextval((SELECT pg_get_serial_sequence('subscribers', 'id')::regclass)) \
         FROM generate_series(1, $1)) AS ids",
    )
    .bind::<BigInt, _>(people.len() as i64)
    .get_result(connection)?;
    let ids = numbers.ids;
    let moment = context.moment.to_rfc3339();
    let [source, created] = ["source", "created_at"].map(place_of);
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
        // Nobody agreed before there was anything of them.
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
        for (place, _) in plain_columns() {
            let default = options.source.as_deref().filter(|_| place == source);
            text.cell(person.values[place].as_deref().or(default));
        }
        text.cell(Some(&custom_json(person)?));
        text.cell(Some(created_at));
        text.cell(Some(&moment));
        text.cell(subscribed_at.as_deref());
        text.cell(unsubscribed_at.map(|at| at.to_rfc3339()).as_deref());
        text.end_row();
    }
    text.send(
        connection,
        subscribers::table,
        (
            subscribers::id,
            subscribers::email,
            subscribers::status,
            subscribers::first_name,
            subscribers::last_name,
            subscribers::phone,
            subscribers::country,
            subscribers::region,
            subscribers::city,
            subscribers::postal_code,
            subscribers::latitude,
            subscribers::longitude,
            subscribers::language,
            subscribers::timezone,
            subscribers::birthday,
            subscribers::source,
            subscribers::custom,
            subscribers::created_at,
            subscribers::updated_at,
            subscribers::subscribed_at,
            subscribers::unsubscribed_at,
        ),
    )?;
    Ok(ids)
}

fn custom_json(person: &Person) -> Result<String, Error> {
    serde_json::to_string(&person.custom).map_err(|error| Error::Internal(error.to_string()))
}

#[derive(QueryableByName)]
struct Affected {
    #[diesel(sql_type = BigInt)]
    affected: i64,
}

/// Changes who is known where anything differs, and remembers how they were; returns how many, but for those whom an
/// earlier batch told of already.
fn merge(
    connection: &mut PgConnection,
    people: &[Merged<'_>],
    options: &SubscriberImport,
    context: &Context,
) -> Result<u64, Error> {
    let mut text = CopyText::default();
    for known in people {
        let person = known.person;
        let time =
            |at: Option<DateTime<Utc>>| at.filter(|_| !known.is_kept).map(|at| at.to_rfc3339());
        text.number(known.id);
        text.flag(person.is_again);
        for (place, _) in plain_columns() {
            text.cell(person.values[place].as_deref());
        }
        text.cell(known.status.map(Status::as_str));
        text.cell(Some(&custom_json(person)?));
        text.cell(time(person.consent.subscribed_at).as_deref());
        text.cell(time(person.consent.unsubscribed_at).as_deref());
        text.end_row();
    }
    text.send(
        connection,
        staging::table,
        (
            staging::subscriber_id,
            staging::is_again,
            staging::first_name,
            staging::last_name,
            staging::phone,
            staging::country,
            staging::region,
            staging::city,
            staging::postal_code,
            staging::latitude,
            staging::longitude,
            staging::language,
            staging::timezone,
            staging::birthday,
            staging::source,
            staging::status,
            staging::custom,
            staging::subscribed_at,
            staging::unsubscribed_at,
        ),
    )?;
    let sql = merge_sql(options.fill_missing, context.is_dry_run);
    let affected: Affected = diesel::sql_query(sql)
        .bind::<BigInt, _>(context.import_id)
        .bind::<Timestamptz, _>(context.moment)
        .get_result(connection)?;
    Ok(u64::try_from(affected.affected).unwrap_or_default())
}

/// The statement that merges staged rows. What is remembered leaves out the version, which undoing does not give back.
/// Every look-up is one of the primary key, whatever the planner believes.
fn merge_sql(fills: bool, is_dry_run: bool) -> String {
    let names: Vec<&str> = plain_columns().map(|(_, name)| name).collect();
    let merged = |name: &str| match fills {
        true => format!("coalesce(s.{name}, r.{name})"),
        false => format!("coalesce(r.{name}, s.{name})"),
    };
    let custom = if fills {
        "r.custom || s.custom"
    } else {
        "s.custom || r.custom"
    };
    let list =
        |each: &dyn Fn(&str) -> String| names.iter().map(|name| each(name)).collect::<String>();
    let values = list(&|name| format!("{} AS {name}, ", merged(name)));
    let differences = list(&|name| format!("{} IS DISTINCT FROM s.{name} OR ", merged(name)));
    let sets = list(&|name| format!("{name} = t.{name}, "));
    // A status that changes does so when the file says, or now.
    let subscribed_at = format!(
        "CASE WHEN coalesce(r.status, s.status) = 'subscribed' AND s.status <> 'subscribed' \
             THEN coalesce(r.subscribed_at, $2) ELSE {} END",
        merged("subscribed_at")
    );
    let unsubscribed_at = format!(
        "CASE WHEN r.status IN ('unsubscribed', 'bounced', 'complained') AND s.status <> r.status \
             THEN coalesce(r.unsubscribed_at, $2) ELSE {} END",
        merged("unsubscribed_at")
    );
    let changed = format!(
        "WITH changed AS MATERIALIZED ( \
             SELECT s.id, r.is_again, to_jsonb(s) - 'version' AS before, {values} \
                 {subscribed_at} AS subscribed_at, {unsubscribed_at} AS unsubscribed_at, \
                 coalesce(r.status, s.status) AS status, {custom} AS custom \
             FROM import_staging r \
             CROSS JOIN LATERAL (SELECT * FROM subscribers WHERE id = r.subscriber_id OFFSET 0) s \
             WHERE {differences} {subscribed_at} IS DISTINCT FROM s.subscribed_at \
                 OR {unsubscribed_at} IS DISTINCT FROM s.unsubscribed_at \
                 OR coalesce(r.status, s.status) <> s.status OR {custom} <> s.custom)"
    );
    let counted = "SELECT count(*) FILTER (WHERE NOT is_again) AS affected FROM changed";
    if is_dry_run {
        return format!("{changed} {counted} WHERE $1 IS NOT NULL AND $2 IS NOT NULL");
    }
    // Whoever was added by an earlier batch has nothing before the import to go back to.
    format!(
        "{changed}, updated AS ( \
             UPDATE subscribers s SET {sets} status = t.status, custom = t.custom, updated_at = $2, \
                 subscribed_at = t.subscribed_at, unsubscribed_at = t.unsubscribed_at \
             FROM changed t WHERE s.id = t.id RETURNING s.id, t.before, to_jsonb(s) - 'version' AS after \
         ), remembered AS ( \
             INSERT INTO import_changes (import_id, subscriber_id, before, after) \
             SELECT $1, u.id, u.before, u.after FROM updated u \
             WHERE (u.before ->> 'updated_at')::timestamptz <> $2 \
                 OR EXISTS (SELECT FROM import_changes c WHERE c.import_id = $1 AND c.subscriber_id = u.id) \
             ON CONFLICT (import_id, subscriber_id) DO UPDATE SET after = excluded.after \
         ) {counted}"
    )
}

/// Adds the people of a batch to the groups; returns how many memberships were added.
///
/// # Errors
/// Those of the database.
pub fn join_groups(
    connection: &mut PgConnection,
    number: i32,
    placed: &Placed,
    context: &Context,
) -> Result<u64, Error> {
    // Groups of whole files and of single rows are locked in one order.
    let mut joined: BTreeMap<Option<i64>, Members> = BTreeMap::new();
    let mut total = 0;
    for (name, members) in &placed.named {
        match context.named_groups.get(name).copied().flatten() {
            Some(group) => joined.entry(Some(group)).or_default().extend(members),
            // A group that a dry run does not make has nobody in it yet.
            None => total += members.would_be_new + members.known.len() as u64,
        }
    }
    for group in &context.groups {
        let everybody = Members {
            new: placed.new_ids.clone(),
            known: placed.known_ids.clone(),
            would_be_new: placed.would_be_new as u64,
        };
        match group {
            Some(_) => {
                joined.insert(*group, everybody);
            }
            None => total += everybody.would_be_new + everybody.known.len() as u64,
        }
    }
    for (group, members) in joined {
        let Some(group) = group else {
            continue;
        };
        total += match context.is_dry_run {
            true => members.would_be_new + count_outside(connection, group, &members.known)?,
            false => join_group(connection, number, group, &members, context)?,
        };
    }
    Ok(total)
}

fn join_group(
    connection: &mut PgConnection,
    number: i32,
    group: i64,
    members: &Members,
    context: &Context,
) -> Result<u64, Error> {
    group::lock(connection, group)?;
    let mut added = join_known(connection, group, &members.known, context)?;
    join_new(connection, group, &members.new, context)?;
    added.extend(&members.new);
    let count = added.len() as u64;
    if count > 0 {
        diesel::insert_into(import_additions::table)
            .values((
                import_additions::import_id.eq(context.import_id),
                import_additions::number.eq(number),
                import_additions::group_id.eq(group),
                import_additions::added.eq(crate::audience::runs::encode(added)),
            ))
            .execute(connection)?;
    }
    Ok(count)
}

fn join_new(
    connection: &mut PgConnection,
    group: i64,
    new_ids: &[i64],
    context: &Context,
) -> Result<(), Error> {
    if new_ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT $1, id, $2, 'import' FROM unnest($3) AS new (id)",
    )
    .bind::<BigInt, _>(group)
    .bind::<Timestamptz, _>(context.moment)
    .bind::<Array<BigInt>, _>(new_ids)
    .execute(connection)?;
    Ok(())
}

fn join_known(
    connection: &mut PgConnection,
    group: i64,
    known_ids: &[i64],
    context: &Context,
) -> Result<Vec<i64>, Error> {
    if known_ids.is_empty() {
        return Ok(Vec::new());
    }
    let added: Vec<IdRow> = diesel::sql_query(
        "INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT $1, id, $2, 'import' FROM unnest($3) AS known (id) ORDER BY id \
         ON CONFLICT DO NOTHING RETURNING subscriber_id AS id",
    )
    .bind::<BigInt, _>(group)
    .bind::<Timestamptz, _>(context.moment)
    .bind::<Array<BigInt>, _>(known_ids)
    .load(connection)?;
    Ok(added.into_iter().map(|row| row.id).collect())
}

fn count_outside(connection: &mut PgConnection, group: i64, ids: &[i64]) -> Result<u64, Error> {
    let outside: Affected = diesel::sql_query(
        "SELECT count(*) AS affected FROM unnest($2) AS known (id) WHERE NOT EXISTS \
         (SELECT FROM group_memberships WHERE group_id = $1 AND subscriber_id = known.id)",
    )
    .bind::<BigInt, _>(group)
    .bind::<Array<BigInt>, _>(ids)
    .get_result(connection)?;
    Ok(u64::try_from(outside.affected).unwrap_or_default())
}
