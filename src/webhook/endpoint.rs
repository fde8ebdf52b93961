//! Endpoints: the URLs of other systems that receive changes, which changes each receives, and the position of each.

use super::address::SendRules;
use super::draft::{Draft, Followed, check};
use super::message::DEFAULT_PEOPLE;
use super::message_type::Choice;
use super::person::Fields;
use super::position::{position_at, position_now};
use super::retry::DisabledReason;
use super::signature::Secret;
use crate::audience::audit::{Entry, TargetKind, Trace, within};
use crate::audience::paging::{Page, PageRequest};
use crate::audience::version::check_version;
use crate::db::schema::webhooks;
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

/// The largest number of endpoints.
pub const MAX_WEBHOOKS: usize = 100;
/// How long the previous secret also signs after a rotation.
pub const ROTATION: TimeDelta = TimeDelta::hours(24);

/// An endpoint, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = webhooks, check_for_backend(diesel::pg::Pg))]
#[expect(missing_docs, reason = "the columns, described in the migration")]
pub struct Webhook {
    pub id: i64,
    pub name: String,
    pub url: String,
    #[diesel(deserialize_as = Vec<Option<String>>)]
    pub types: Choice,
    #[diesel(deserialize_as = Option<Vec<Option<i64>>>)]
    pub segment_ids: Followed,
    #[diesel(deserialize_as = Option<Vec<Option<i64>>>)]
    pub group_ids: Followed,
    #[diesel(deserialize_as = Vec<Option<String>>)]
    pub fields: Fields,
    pub people_per_message: i32,
    pub previous_secret_until: Option<DateTime<Utc>>,
    pub disabled_reason: Option<String>,
    pub disabled_since: Option<DateTime<Utc>>,
    pub position: String,
    pub part: i32,
    pub round: i32,
    pub failures: i32,
    pub failing_since: Option<DateTime<Utc>>,
    pub next_attempt_at: DateTime<Utc>,
    pub lease_until: Option<DateTime<Utc>>,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Webhook {
    /// Returns why the endpoint is disabled, or `None` if it is enabled.
    pub fn disabled_reason(&self) -> Option<DisabledReason> {
        let name = self.disabled_reason.as_deref()?;
        let mut reasons = DisabledReason::ALL.into_iter();
        reasons.find(|reason| reason.name() == name)
    }
}

/// Creates an endpoint that receives all changes from now on. Returns it with its secret, which is shown only once.
///
/// # Errors
/// [`Error::Invalid`] with all problems.
pub fn create(
    connection: &mut PgConnection,
    draft: &Draft,
    rules: SendRules,
    now: DateTime<Utc>,
    entry: &Entry,
) -> Result<(Webhook, Secret), Error> {
    let draft = Draft {
        name: Some(draft.name.clone().unwrap_or_default()),
        url: Some(draft.url.clone().unwrap_or_default()),
        types: Some(draft.types.clone().unwrap_or_default()),
        segments: Some(draft.segments.clone().flatten()),
        groups: Some(draft.groups.clone().flatten()),
        fields: Some(draft.fields.clone().unwrap_or_default()),
        people_per_message: Some(draft.people_per_message.unwrap_or(DEFAULT_PEOPLE as i32)),
        is_enabled: Some(draft.is_enabled.unwrap_or(true)),
    };
    let checked = check(connection, &draft, rules)?;
    // Two calls at the same time may exceed the limit by one, which does no harm.
    let known: i64 = webhooks::table.count().get_result(connection)?;
    if known >= MAX_WEBHOOKS as i64 {
        let message = format!("there are already {known} webhooks (the limit is {MAX_WEBHOOKS})");
        let problem = InputProblem::new(InputCode::Invalid, "", message);
        let hint = "delete those that are not used any more".to_owned();
        return Err(Error::Invalid(vec![problem.with_hint(Some(hint))]));
    }
    let secret = Secret::random();
    let is_disabled = draft.is_enabled == Some(false);
    let position = position_now(connection)?;
    within(connection, entry, |connection| {
        let webhook: Webhook = diesel::insert_into(webhooks::table)
            .values((
                webhooks::name.eq(checked.name.unwrap_or_default()),
                webhooks::url.eq(checked.url.unwrap_or_default()),
                webhooks::types.eq(checked.types.unwrap_or_default()),
                webhooks::segment_ids.eq(checked.segment_ids.and_then(|ids| ids.0)),
                webhooks::group_ids.eq(checked.group_ids.and_then(|ids| ids.0)),
                webhooks::fields.eq(checked.fields.unwrap_or_default().0),
                webhooks::people_per_message.eq(checked.people_per_message.unwrap_or_default()),
                webhooks::secret.eq(secret.reveal()),
                webhooks::disabled_reason.eq(is_disabled.then_some(DisabledReason::Manual.name())),
                webhooks::disabled_since.eq(is_disabled.then_some(now)),
                webhooks::position.eq(position),
                webhooks::next_attempt_at.eq(now),
                webhooks::created_at.eq(now),
                webhooks::updated_at.eq(now),
            ))
            .returning(Webhook::as_returning())
            .get_result(connection)?;
        let trace = Trace::of(TargetKind::Webhook, webhook.id);
        Ok(((webhook, secret), trace))
    })
}

/// Changes an endpoint. An endpoint that is enabled again continues at once from its position.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] with all problems, or if the endpoint has another version.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    draft: &Draft,
    if_version: Option<i32>,
    rules: SendRules,
    now: DateTime<Utc>,
) -> Result<Webhook, Error> {
    connection.transaction(|connection| {
        let before = lock(connection, id)?;
        check_version("webhook", if_version, before.version)?;
        let checked = check(connection, draft, rules)?;
        let (reason, since) = match (draft.is_enabled, before.disabled_since) {
            (Some(true), _) => (None, None),
            (Some(false), None) => (Some(DisabledReason::Manual.name().to_owned()), Some(now)),
            _ => (before.disabled_reason.clone(), before.disabled_since),
        };
        let is_tried_anew = draft.is_enabled == Some(true) || checked.url.is_some();
        let followed = |new: Option<Followed>, old: &Followed| new.unwrap_or(old.clone()).0;
        let types = before.types.0.iter().map(|kind| kind.name()).collect();
        Ok(diesel::update(webhooks::table.find(id))
            .set((
                webhooks::name.eq(checked.name.unwrap_or(before.name)),
                webhooks::url.eq(checked.url.unwrap_or(before.url)),
                webhooks::types.eq(checked.types.unwrap_or(types)),
                webhooks::segment_ids.eq(followed(checked.segment_ids, &before.segment_ids)),
                webhooks::group_ids.eq(followed(checked.group_ids, &before.group_ids)),
                webhooks::fields.eq(checked.fields.unwrap_or(before.fields).0),
                webhooks::people_per_message.eq(checked
                    .people_per_message
                    .unwrap_or(before.people_per_message)),
                webhooks::disabled_reason.eq(reason),
                webhooks::disabled_since.eq(since),
                webhooks::failures.eq(if is_tried_anew { 0 } else { before.failures }),
                webhooks::failing_since.eq(before.failing_since.filter(|_| !is_tried_anew)),
                webhooks::next_attempt_at.eq(match is_tried_anew {
                    true => now,
                    false => before.next_attempt_at,
                }),
                // Earlier parts were built with the old settings, so the parts after them are counted from the
                // beginning again.
                webhooks::part.eq(0),
                // Ends the claim, so that a message that is being sent with the old settings is not recorded.
                webhooks::lease_token.eq(None::<i64>),
                webhooks::version.eq(before.version + 1),
                webhooks::updated_at.eq(now),
            ))
            .returning(Webhook::as_returning())
            .get_result(connection)?)
    })
}

fn lock(connection: &mut PgConnection, id: i64) -> Result<Webhook, Error> {
    webhooks::table
        .find(id)
        .for_update()
        .select(Webhook::as_select())
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("webhook", id))
}

/// Deletes an endpoint with its attempts.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the endpoint has another version.
pub fn delete(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
) -> Result<Webhook, Error> {
    connection.transaction(|connection| {
        let webhook = lock(connection, id)?;
        check_version("webhook", if_version, webhook.version)?;
        diesel::delete(webhooks::table.find(id)).execute(connection)?;
        Ok(webhook)
    })
}

/// Gives an endpoint a new secret. The previous secret also signs for 24 hours.
///
/// # Errors
/// [`Error::NotFound`].
pub fn rotate(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<(Webhook, Secret), Error> {
    let secret = Secret::random();
    let webhook = diesel::update(webhooks::table.find(id))
        .set((
            webhooks::previous_secret.eq(webhooks::secret.nullable()),
            webhooks::previous_secret_until.eq(Some(now + ROTATION)),
            webhooks::secret.eq(secret.reveal()),
            webhooks::version.eq(webhooks::version + 1),
            webhooks::updated_at.eq(now),
        ))
        .returning(Webhook::as_returning())
        .get_result(connection)
        .optional()?;
    let webhook = webhook.ok_or_else(|| Error::not_found("webhook", id))?;
    Ok((webhook, secret))
}

/// Moves the endpoint to the position at `since`: what is after it is sent again, or what is before it is skipped.
/// Attempts begin at once.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if `since` is in the future, or if changes are not kept back to then.
pub fn replay(
    connection: &mut PgConnection,
    id: i64,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    entry: &Entry,
) -> Result<Webhook, Error> {
    if since > now {
        let message = format!("expected a time that is not in the future, found {since:?}");
        return Err(Error::invalid("since", message));
    }
    get(connection, id)?;
    let position = position_at(connection, since)?;
    within(connection, entry, |connection| {
        let before = lock(connection, id)?;
        let webhook = diesel::update(webhooks::table.find(id))
            .set((
                webhooks::position.eq(&position),
                webhooks::part.eq(0),
                webhooks::round.eq(before.round + 1),
                webhooks::failures.eq(0),
                webhooks::failing_since.eq(None::<DateTime<Utc>>),
                webhooks::next_attempt_at.eq(now),
                // Ends the claim: recording the message that is being sent would move the cursor.
                webhooks::lease_token.eq(None::<i64>),
            ))
            .returning(Webhook::as_returning())
            .get_result(connection)?;
        Ok((webhook, Trace::of(TargetKind::Webhook, id)))
    })
}

/// Returns the secrets that sign messages to an endpoint now, including the previous one for a while after a rotation.
///
/// # Errors
/// [`Error::NotFound`].
pub fn find_secrets(
    connection: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Secret>, Error> {
    type Row = (String, Option<String>, Option<DateTime<Utc>>);
    let row: Option<Row> = webhooks::table
        .find(id)
        .select((
            webhooks::secret,
            webhooks::previous_secret,
            webhooks::previous_secret_until,
        ))
        .first(connection)
        .optional()?;
    let (secret, previous, until) = row.ok_or_else(|| Error::not_found("webhook", id))?;
    let previous = previous.filter(|_| until.is_some_and(|until| now < until));
    let secrets = [Some(secret), previous].into_iter().flatten();
    Ok(secrets.filter_map(|text| Secret::parse(&text)).collect())
}

/// Returns an endpoint.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get(connection: &mut PgConnection, id: i64) -> Result<Webhook, Error> {
    let found = find_by_ids(connection, &[id])?.pop();
    found.ok_or_else(|| Error::not_found("webhook", id))
}

/// Returns the endpoint with this id or this name.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if several endpoints have that name.
pub fn get_by_name(connection: &mut PgConnection, name: &str) -> Result<Webhook, Error> {
    if let Ok(id) = name.parse() {
        return get(connection, id);
    }
    let found: Vec<Webhook> = webhooks::table
        .filter(webhooks::name.eq(name))
        .select(Webhook::as_select())
        .load(connection)?;
    match <[Webhook; 1]>::try_from(found) {
        Ok([webhook]) => Ok(webhook),
        Err(found) if found.is_empty() => Err(Error::not_found("webhook", format!("\"{name}\""))),
        Err(found) => {
            let message = format!("expected the name of one webhook, found {}", found.len());
            Err(Error::invalid("", message + " of that name; use the id"))
        }
    }
}

/// Finds endpoints by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Webhook>, Error> {
    Ok(webhooks::table
        .filter(webhooks::id.eq_any(ids))
        .select(Webhook::as_select())
        .load(connection)?)
}

/// Lists all endpoints, oldest first.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Webhook>, Error> {
    Ok(webhooks::table
        .order(webhooks::id)
        .select(Webhook::as_select())
        .load(connection)?)
}

/// Lists a page of all endpoints, oldest first.
pub fn list_page(
    connection: &mut PgConnection,
    request: &PageRequest<i64>,
) -> Result<Page<Webhook>, Error> {
    request.fetch(
        |webhook: &Webhook| webhook.id,
        |request, limit| {
            let mut query = webhooks::table
                .select(Webhook::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(webhooks::id.gt(after));
            }
            if let Some(before) = request.before {
                query = query.filter(webhooks::id.lt(before));
            }
            query = if request.from_end {
                query.order(webhooks::id.desc())
            } else {
                query.order(webhooks::id.asc())
            };
            Ok(query.load(connection)?)
        },
    )
}
