//! Events: what subscribers did.

use crate::audience::audit::{TargetKind, Trace};
use crate::audience::clean::clean_email;
use crate::audience::event::{self, Event, EventKey, EventTotal, NewEvent};
use crate::audience::event_bounds::{check_properties, clean_dedupe_key, clean_name, clean_value};
use crate::audience::properties::clean_properties;
use crate::audience::subscriber::Known;
use crate::graphql::engine::answer_budget::{Document, Text};
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::change::change;
use crate::graphql::engine::connection::{PageArguments, connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, to_graphql};
use crate::graphql::engine::id::{IdKind, parse_global, to_global};
use crate::graphql::engine::loaders::{EventsOf, Total, load_events, load_one};
use crate::graphql::engine::scalar::count;
use crate::rule::{check_moment, shorten};
use crate::text;
use async_graphql::{Context, Enum, ID, InputObject, Json, Object, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The most events that can be recorded at once.
const MAX_EVENTS: usize = 1_000;

/// Something that a subscriber did at a given time.
pub struct EventNode(pub Event);

/// Something that a subscriber did at a given time.
#[Object(name = "Event")]
impl EventNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Event, self.0.id)
    }

    /// The name of the event, such as `purchase`.
    async fn name(&self) -> Text<&str> {
        Text(&self.0.name)
    }

    /// When the event happened.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }

    /// The amount, in your unit.
    async fn value(&self) -> Option<f64> {
        self.0.value
    }

    /// Further properties of the event.
    async fn properties(&self) -> Document<Value> {
        Document(self.0.properties.read())
    }
}

connection! {
    /// A page of events.
    EventConnection
    /// An event in a list.
    EventEdge { EventNode }
}

/// Lifetime totals of one event name of one subscriber.
#[derive(SimpleObject)]
#[graphql(name = "EventTotal")]
pub struct EventTotalNode {
    /// The name of the events.
    pub name: Text<String>,
    /// How many events there were.
    pub count: i32,
    /// The sum of the values; an event without a value adds 0.
    pub sum: f64,
    /// When the first event happened.
    pub first_at: DateTime<Utc>,
    /// When the last event happened.
    pub last_at: DateTime<Utc>,
}

impl From<EventTotal> for EventTotalNode {
    fn from(total: EventTotal) -> Self {
        EventTotalNode {
            name: total.name.into(),
            count: count(total.count),
            sum: total.value_sum,
            first_at: total.first_at,
            last_at: total.last_at,
        }
    }
}

/// Lists a page of the events of a subscriber.
pub async fn page_of_events(
    context: &Context<'_>,
    subscriber_id: i64,
    name: Option<String>,
    arguments: PageArguments,
) -> async_graphql::Result<EventConnection> {
    let request = arguments.read::<EventKey>("Subscriber.events")?;
    // A name that is empty after cleaning matches no event. It must not become `None`, which lists all events.
    let name = name.map(|name| text::clean(&name).unwrap_or_default());
    let total = Total::Events(subscriber_id, name.clone());
    let events = EventsOf((subscriber_id, (name, request)));
    let page = load_one(context.loader()?, events).await?;
    let page = page.unwrap_or_default().map(|item| item.id);
    let (events, permit) = load_events(context, page).await?;
    let edges = events.map(|event| EventEdge {
        cursor: write_cursor("Subscriber.events", &(event.occurred_at, event.id)),
        node: EventNode(event),
    });
    Ok(EventConnection::new(edges, total).loaded_with(permit))
}

/// An event to record, of the subscriber with that id or e-mail address.
#[derive(InputObject, Clone)]
pub struct EventInput {
    /// The global id of the subscriber; absent if the e-mail address is given.
    pub subscriber_id: Option<ID>,
    /// The e-mail address of the subscriber; absent if the id is given.
    pub email: Option<String>,
    /// The name of the event, such as `purchase`; at most 100 characters.
    pub name: String,
    /// When the event happened, in the years 1 to 9999; it may be in the future. Now if absent.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The amount, in your unit: below a million million, with at most six decimals. More decimals are refused, so that
    /// sums are exact.
    pub value: Option<f64>,
    /// Further properties of the event: an object of at most 65,536 bytes as an export writes it, nested at most 32
    /// deep, with names of at most 255 characters.
    pub properties: Option<Json<Map<String, Value>>>,
    /// Your own key of the event, at most 255 characters, unique among the events of the same subscriber and name. An
    /// event whose key is already recorded is ignored, so sending it again does no harm.
    pub dedupe_key: Option<String>,
}

/// Events to record.
#[derive(InputObject)]
pub struct RecordEventsInput {
    /// The events; at most 1,000. Invalid events are reported in `userErrors` and skipped, and the others are recorded.
    pub events: Vec<EventInput>,
}

/// What was done with an event.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordEventOutcome {
    /// Recorded.
    Recorded,
    /// Ignored: an event with the same dedupe key was already recorded.
    Ignored,
}

/// The result for one of the events.
#[derive(SimpleObject, Default)]
pub struct RecordEventPayload {
    /// What was done with the event; null if the event was invalid.
    pub outcome: Option<RecordEventOutcome>,
    /// The errors of the event, such as at `events[3].name`; empty on success.
    pub user_errors: Vec<UserError>,
}

/// The count of recorded events, and the errors of the others.
#[derive(SimpleObject, Default)]
pub struct RecordEventsPayload {
    /// How many events were recorded.
    pub recorded_count: i32,
    /// How many events were ignored, because their dedupe key was already recorded.
    pub ignored_count: i32,
    /// A result for each item of `events`, in their order.
    pub results: Vec<RecordEventPayload>,
    /// The errors of the input, of all events together. Events without an error were recorded or ignored.
    pub user_errors: Vec<UserError>,
}

impl From<Vec<Result<bool, Vec<UserError>>>> for RecordEventsPayload {
    fn from(recorded: Vec<Result<bool, Vec<UserError>>>) -> RecordEventsPayload {
        let number = |is_new| {
            let outcomes = recorded.iter();
            let outcomes = outcomes.filter(|found| matches!(found, Ok(found) if *found == is_new));
            i32::try_from(outcomes.count()).unwrap_or(i32::MAX)
        };
        let (recorded_count, ignored_count) = (number(true), number(false));
        let mut all = Vec::new();
        let results = recorded.into_iter().map(|recorded| match recorded {
            Ok(is_new) => RecordEventPayload {
                outcome: Some(if is_new {
                    RecordEventOutcome::Recorded
                } else {
                    RecordEventOutcome::Ignored
                }),
                user_errors: Vec::new(),
            },
            Err(user_errors) => {
                all.extend(user_errors.iter().cloned());
                RecordEventPayload {
                    outcome: None,
                    user_errors,
                }
            }
        });
        RecordEventsPayload {
            recorded_count,
            ignored_count,
            results: results.collect(),
            user_errors: all,
        }
    }
}

/// Recording of events.
#[derive(Default)]
pub struct EventMutation;

#[Object]
impl EventMutation {
    /// Records events of subscribers. Invalid events are reported in `userErrors` and skipped. The others are recorded,
    /// in one transaction.
    async fn record_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The events.")] input: RecordEventsInput,
    ) -> async_graphql::Result<RecordEventsPayload> {
        let now = context.app()?.now();
        let asked = input.events.len();
        if asked > MAX_EVENTS {
            let message = format!("expected at most {MAX_EVENTS} events, found {asked}");
            return Ok(RecordEventsPayload {
                user_errors: vec![UserError::new(UserErrorCode::Invalid, "events", message)],
                ..Default::default()
            });
        }
        let emails: Vec<String> = input
            .events
            .iter()
            .filter_map(|event| clean_email(event.email.as_deref()?).ok())
            .collect();
        let ids: Vec<i64> = input
            .events
            .iter()
            .filter_map(|event| subscriber_number(event.subscriber_id.as_ref()?))
            .collect();
        let recorded = change(context, move |connection| {
            let inputs = input.events.clone();
            let mut subscribers = Vec::new();
            let recorded = event::record_of(connection, &ids, &emails, |known| {
                let events = clean_events(inputs, known, now);
                let whole = events.iter().filter_map(|event| event.as_ref().ok());
                subscribers.extend(whole.map(|event| event.subscriber_id));
                events
            })?;
            let trace = match subscribers.is_empty() {
                true => Trace::nothing(),
                false => Trace::to(TargetKind::Event).with_subscribers(&subscribers),
            };
            Ok((recorded, trace))
        });
        Ok(recorded.await.map_err(to_graphql)?.into())
    }
}

/// Returns each event if it is valid and its subscriber is known, or else all its errors.
fn clean_events(
    inputs: Vec<EventInput>,
    known: &Known,
    now: DateTime<Utc>,
) -> Vec<Result<NewEvent, Vec<UserError>>> {
    let events = inputs.into_iter().enumerate().map(|(position, event)| {
        let path = format!("events[{position}]");
        let mut errors = Vec::new();
        let subscriber = find_subscriber(&event, &path, &mut errors, |email| {
            known.by_email.get(email).copied()
        })
        .filter(|id| {
            let is_known = known.ids.contains(id);
            if !is_known {
                let sent = event
                    .subscriber_id
                    .as_ref()
                    .map_or("", |sent| sent.as_str());
                let message = format!("no subscriber has the id \"{}\"", shorten(sent));
                errors.push(unknown(&path, "subscriberId", message));
            }
            is_known
        });
        clean_event(event, subscriber, &path, &mut errors, now).ok_or(errors)
    });
    events.collect()
}

fn subscriber_number(id: &ID) -> Option<i64> {
    parse_global(id)
        .filter(|(kind, _)| *kind == IdKind::Subscriber)
        .map(|(_, number)| number)
}

fn unknown(path: &str, field: &str, message: String) -> UserError {
    UserError::new(UserErrorCode::NotFound, format!("{path}.{field}"), message)
}

fn find_subscriber(
    event: &EventInput,
    path: &str,
    errors: &mut Vec<UserError>,
    by_email: impl Fn(&str) -> Option<i64>,
) -> Option<i64> {
    let error = match (&event.subscriber_id, &event.email) {
        (Some(id), None) => match subscriber_number(id) {
            Some(number) => return Some(number),
            None => {
                let sent = shorten(id.as_str());
                let message = format!("expected the id of a subscriber, found \"{sent}\"");
                unknown(path, "subscriberId", message)
            }
        },
        (None, Some(email)) => match clean_email(email) {
            Ok(email) => match by_email(&email) {
                Some(number) => return Some(number),
                None => {
                    let message = format!("no subscriber has the e-mail address \"{email}\"");
                    unknown(path, "email", message)
                }
            },
            Err(message) => {
                UserError::new(UserErrorCode::Invalid, format!("{path}.email"), message)
            }
        },
        _ => UserError::new(
            UserErrorCode::Invalid,
            path,
            "expected either \"subscriberId\" or \"email\"",
        ),
    };
    errors.push(error);
    None
}

fn clean_event(
    event: EventInput,
    subscriber_id: Option<i64>,
    path: &str,
    errors: &mut Vec<UserError>,
    now: DateTime<Utc>,
) -> Option<NewEvent> {
    let mut refuse = |field: &str, message: String| {
        let path = format!("{path}.{field}");
        errors.push(UserError::new(UserErrorCode::Invalid, path, message));
    };
    let name = clean_name(&event.name).map_err(|message| refuse("name", message));
    let occurred_at = check_moment(event.occurred_at.unwrap_or(now))
        .map_err(|message| refuse("occurredAt", message));
    let value = event.value.map(clean_value).transpose();
    let value = value.map_err(|message| refuse("value", message));
    let properties = clean_properties(event.properties.map(|Json(map)| map).unwrap_or_default());
    let checked = check_properties(&properties).map_err(|message| refuse("properties", message));
    let dedupe_key = clean_dedupe_key(event.dedupe_key.as_deref().unwrap_or_default())
        .map_err(|message| refuse("dedupeKey", message));
    checked.ok()?;
    Some(NewEvent {
        subscriber_id: subscriber_id?,
        name: name.ok()?,
        occurred_at: occurred_at.ok()?,
        value: value.ok()?,
        properties,
        dedupe_key: dedupe_key.ok()?,
    })
}

at_hand!(EventNode {
    "id": id(),
    "name": name(),
    "occurredAt": occurred_at(),
    "value": value(),
    "properties": properties(),
});
