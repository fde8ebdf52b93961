//! Endpoints: the addresses of other systems that are told of changes, what each is told, and how far each is.

use super::address::SendRules;
use super::feed;
use super::message::{DEFAULT_PEOPLE, MAX_PEOPLE};
use super::message_type::{Choice, MessageType};
use super::person::Fields;
use super::retry::DisabledReason;
use super::signature::Secret;
use crate::audience::clean::clean_text;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::version::check_version;
use crate::audience::{group, segment};
use crate::db::schema::webhooks;
use crate::error::{Error, InputCode, InputProblem};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

/// How many endpoints there may be.
pub const MAX_WEBHOOKS: usize = 100;
/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// How many segments or groups an endpoint can name.
const MAX_FILTER: usize = 1_000;
/// How long the former secret signs beside the new one.
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
    /// Why the endpoint is disabled; `None` if it is enabled.
    pub fn disabled_reason(&self) -> Option<DisabledReason> {
        let name = self.disabled_reason.as_deref()?;
        let mut reasons = DisabledReason::ALL.into_iter();
        reasons.find(|reason| reason.name() == name)
    }
}

/// The segments or the groups that an endpoint follows: all, or those of these ids. One that is deleted stays in the
/// list, so that a list never becomes empty and means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed(pub Option<Vec<i64>>);

impl Followed {
    /// Whether the endpoint follows it.
    pub fn has(&self, id: i64) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(&id))
    }
}

impl From<Option<Vec<Option<i64>>>> for Followed {
    fn from(ids: Option<Vec<Option<i64>>>) -> Followed {
        Followed(ids.map(|ids| ids.into_iter().flatten().collect()))
    }
}

/// An endpoint to make, or what to change of one: what is absent stays as it is, or takes its default.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What the endpoint is for.
    pub name: Option<String>,
    /// Where messages go.
    pub url: Option<String>,
    /// What the endpoint is told.
    pub types: Option<Vec<MessageType>>,
    /// The keys of the segments that it follows; all if the inner value is absent.
    pub segments: Option<Option<Vec<String>>>,
    /// The keys of the groups that it follows; all if the inner value is absent.
    pub groups: Option<Option<Vec<String>>>,
    /// The fields that people have in messages.
    pub fields: Option<Vec<String>>,
    /// How many people a message has at most.
    pub people_per_message: Option<i32>,
    /// Whether messages are sent.
    pub is_enabled: Option<bool>,
}

/// A draft whose values can be stored.
struct Checked {
    name: Option<String>,
    url: Option<String>,
    types: Option<Vec<&'static str>>,
    segment_ids: Option<Followed>,
    group_ids: Option<Followed>,
    fields: Option<Fields>,
    people_per_message: Option<i32>,
}

/// Makes an endpoint that is told of everything from now on, and returns it with its secret, which cannot be had again.
///
/// # Errors
/// [`Error::Invalid`] with everything that is wrong.
pub fn create(
    connection: &mut PgConnection,
    draft: &Draft,
    rules: SendRules,
    now: DateTime<Utc>,
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
    // Two at once may pass the bound by one, which does no harm.
    let known: i64 = webhooks::table.count().get_result(connection)?;
    if known >= MAX_WEBHOOKS as i64 {
        let message = format!("expected fewer than {MAX_WEBHOOKS} webhooks, found {known}");
        let problem = InputProblem::new(InputCode::Invalid, "", message);
        let hint = "delete those that are not used any more".to_owned();
        return Err(Error::Invalid(vec![problem.with_hint(Some(hint))]));
    }
    let secret = Secret::random();
    let is_disabled = draft.is_enabled == Some(false);
    let position = feed::position_now(connection)?;
    let webhook = diesel::insert_into(webhooks::table)
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
    Ok((webhook, secret))
}

/// Changes an endpoint. One that is enabled again goes on where it stopped, at once.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] with everything that is wrong, also if the endpoint has another version.
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
                // What is being sent to the endpoint as it was is not recorded.
                webhooks::lease_token.eq(None::<i64>),
                webhooks::version.eq(before.version + 1),
                webhooks::updated_at.eq(now),
            ))
            .returning(Webhook::as_returning())
            .get_result(connection)?)
    })
}

fn check(connection: &mut PgConnection, draft: &Draft, rules: SendRules) -> Result<Checked, Error> {
    let mut problems = Vec::new();
    let name = draft
        .name
        .as_deref()
        .map(|name| check_name(name, &mut problems));
    let url = draft.url.as_deref().map(|url| {
        let checked = rules.check_url(url);
        checked.unwrap_or_else(|problem| {
            problems.push(problem);
            String::new()
        })
    });
    let types = draft
        .types
        .as_ref()
        .map(|types| check_types(types, &mut problems));
    let mut followed = |keys: Option<&Option<Vec<String>>>, what: What| -> Result<_, Error> {
        keys.map(|keys| match keys {
            None => Ok(Followed(None)),
            Some(keys) => what.find(connection, keys, &mut problems),
        })
        .transpose()
    };
    let segment_ids = followed(draft.segments.as_ref(), What::Segments)?;
    let group_ids = followed(draft.groups.as_ref(), What::Groups)?;
    let fields = match &draft.fields {
        None => None,
        Some(names) => match Fields::check(connection, names)? {
            Ok(fields) => Some(fields),
            Err(wrong) => {
                problems.extend(wrong);
                None
            }
        },
    };
    if let Some(people) = draft.people_per_message
        && !(1..=MAX_PEOPLE as i32).contains(&people)
    {
        let message = format!("expected 1 to {MAX_PEOPLE} people, found {people}");
        problems.push(InputProblem::new(
            InputCode::Invalid,
            "peoplePerMessage",
            message,
        ));
    }
    match problems.is_empty() {
        true => Ok(Checked {
            name,
            url,
            types,
            segment_ids,
            group_ids,
            fields,
            people_per_message: draft.people_per_message,
        }),
        false => Err(Error::Invalid(problems)),
    }
}

fn check_name(name: &str, problems: &mut Vec<InputProblem>) -> String {
    let problem = match clean_text(name) {
        Ok(Some(name)) if name.chars().count() <= MAX_NAME => return name,
        Ok(Some(name)) => {
            let found = name.chars().count();
            let message = format!("expected at most {MAX_NAME} characters, found {found}");
            InputProblem::new(InputCode::Invalid, "name", message)
        }
        Ok(None) => {
            let message = "expected a name that says what the webhook is for, found an empty text";
            InputProblem::new(InputCode::Missing, "name", message)
        }
        Err(message) => InputProblem::new(InputCode::Invalid, "name", message),
    };
    problems.push(problem);
    String::new()
}

fn check_types(types: &[MessageType], problems: &mut Vec<InputProblem>) -> Vec<&'static str> {
    if types.is_empty() {
        let message = "expected at least one type of message, found none";
        problems.push(InputProblem::new(InputCode::Missing, "types", message));
    }
    let mut names: Vec<&str> = Vec::new();
    for name in types.iter().map(|kind| kind.name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a filter names.
#[derive(Clone, Copy)]
enum What {
    Segments,
    Groups,
}

impl What {
    /// Finds what these keys name.
    fn find(
        self,
        connection: &mut PgConnection,
        keys: &[String],
        problems: &mut Vec<InputProblem>,
    ) -> Result<Followed, Error> {
        let path = match self {
            What::Segments => "segments",
            What::Groups => "groups",
        };
        if keys.is_empty() || keys.len() > MAX_FILTER {
            let found = keys.len();
            let message = format!("expected 1 to {MAX_FILTER} keys, found {found}");
            let hint = format!("leave {path} out to follow all, or set it to null");
            let problem = InputProblem::new(InputCode::Invalid, path, message);
            problems.push(problem.with_hint(Some(hint)));
            return Ok(Followed(None));
        }
        let mut ids = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let path = format!("{path}[{place}]");
            let found = match self {
                What::Segments => segment::get_by_key(connection, key, &path).map(|found| found.id),
                What::Groups => group::get_by_key(connection, key, &path).map(|found| found.id),
            };
            match found {
                Ok(id) => ids.push(id),
                Err(Error::Invalid(wrong)) => problems.extend(wrong),
                Err(error) => return Err(error),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Followed(Some(ids)))
    }
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

/// Gives an endpoint a new secret. The former one signs too, for 24 hours.
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

/// Sends the endpoint everything after a position anew, or skips to it if it lies ahead. Attempts begin at once.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] if the moment is to come.
pub fn replay(
    connection: &mut PgConnection,
    id: i64,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Webhook, Error> {
    if since > now {
        let message = format!("expected a time that is past, found {since}");
        return Err(Error::invalid("since", message));
    }
    get(connection, id)?;
    let position = feed::position_at(connection, since)?;
    connection.transaction(|connection| {
        let before = lock(connection, id)?;
        Ok(diesel::update(webhooks::table.find(id))
            .set((
                webhooks::position.eq(&position),
                webhooks::part.eq(0),
                webhooks::round.eq(before.round + 1),
                webhooks::failures.eq(0),
                webhooks::failing_since.eq(None::<DateTime<Utc>>),
                webhooks::next_attempt_at.eq(now),
                // What is being sent is not recorded: it would move the cursor.
                webhooks::lease_token.eq(None::<i64>),
            ))
            .returning(Webhook::as_returning())
            .get_result(connection)?)
    })
}

/// Returns the secrets that sign messages to an endpoint now: the former one too for a while.
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

/// Returns the endpoint that somebody names by its id or its name.
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
///
/// # Errors
/// Those of the database.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Webhook>, Error> {
    Ok(webhooks::table
        .filter(webhooks::id.eq_any(ids))
        .select(Webhook::as_select())
        .load(connection)?)
}

/// Lists all endpoints, oldest first.
///
/// # Errors
/// Those of the database.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Webhook>, Error> {
    Ok(webhooks::table
        .order(webhooks::id)
        .select(Webhook::as_select())
        .load(connection)?)
}

/// Lists a page of all endpoints, oldest first.
///
/// # Errors
/// Those of the database.
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
