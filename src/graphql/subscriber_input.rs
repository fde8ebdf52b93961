//! Subscribers: the mutations and their inputs.

use super::app::ContextExt;
use super::error::{UserError, split};
use super::id::{Kind, parse_kind};
use super::subscriber::{SubscriberNode, SubscriberStatus};
use crate::audience::subscriber::{self, Outcome};
use crate::audience::subscriber_changes::{SubscriberChanges, with_types};
use async_graphql::{Context, Enum, ID, InputObject, Json, MaybeUndefined, Object, SimpleObject};
use serde_json::Value;
use std::collections::BTreeMap;

/// A point on the globe.
#[derive(InputObject, Debug, Clone)]
pub struct PositionInput {
    /// Degrees north, WGS 84, from -90 to 90.
    pub latitude: f64,
    /// Degrees east, WGS 84, from -180 to 180.
    pub longitude: f64,
}

/// Values of a subscriber: what is absent stays as it is, null clears.
#[derive(InputObject, Debug, Clone, Default)]
pub struct SubscriberValuesInput {
    /// Whether the subscriber may be addressed. A new subscriber is SUBSCRIBED unless this says otherwise.
    pub status: Option<SubscriberStatus>,
    /// The first name.
    pub first_name: MaybeUndefined<String>,
    /// The last name.
    pub last_name: MaybeUndefined<String>,
    /// The phone number.
    pub phone: MaybeUndefined<String>,
    /// The country: ISO 3166-1 alpha-2.
    pub country: MaybeUndefined<String>,
    /// The region, state or province.
    pub region: MaybeUndefined<String>,
    /// The city.
    pub city: MaybeUndefined<String>,
    /// The postal code.
    pub postal_code: MaybeUndefined<String>,
    /// Where the subscriber is.
    pub position: MaybeUndefined<PositionInput>,
    /// The language: a BCP 47 tag such as `en` or `pt-BR`.
    pub language: MaybeUndefined<String>,
    /// The IANA time zone, such as `Europe/Vilnius`.
    pub timezone: MaybeUndefined<String>,
    /// The day of birth, such as `1990-02-28`.
    pub birthday: MaybeUndefined<String>,
    /// Where the subscriber came from, in your words.
    pub source: MaybeUndefined<String>,
    /// Values of custom fields by key, such as `{"plan": "pro", "visits": 3}`; null clears one.
    pub custom_fields: Option<Json<BTreeMap<String, Value>>>,
}

impl SubscriberValuesInput {
    fn into_changes(self) -> SubscriberChanges {
        let position = match self.position {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(position) => Some(Some((position.latitude, position.longitude))),
        };
        SubscriberChanges {
            status: self.status.map(Into::into),
            first_name: change(self.first_name),
            last_name: change(self.last_name),
            phone: change(self.phone),
            country: change(self.country),
            region: change(self.region),
            city: change(self.city),
            postal_code: change(self.postal_code),
            position,
            language: change(self.language),
            timezone: change(self.timezone),
            birthday: change(self.birthday),
            source: change(self.source),
            custom: self.custom_fields.map(|Json(map)| map).unwrap_or_default(),
        }
    }
}

/// Absent stays, null clears.
pub fn change<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// What to make of the subscriber with an e-mail address.
#[derive(InputObject, Debug)]
pub struct UpsertSubscriberInput {
    /// The e-mail address, in any letter case.
    pub email: String,
    /// The values to set; none if absent.
    pub values: Option<SubscriberValuesInput>,
}

/// What an upsert did.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Outcome")]
pub enum UpsertOutcome {
    /// There was no such subscriber.
    Created,
    /// Something changed.
    Updated,
    /// Everything was so already.
    Unchanged,
}

/// The subscriber, or what was wrong.
#[derive(SimpleObject, Default)]
pub struct UpsertSubscriberPayload {
    /// The subscriber as it is now.
    pub subscriber: Option<SubscriberNode>,
    /// What was done.
    pub outcome: Option<UpsertOutcome>,
    /// What was wrong with the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// What to change of a subscriber.
#[derive(InputObject, Debug)]
pub struct UpdateSubscriberInput {
    /// The global id of the subscriber.
    pub id: ID,
    /// The version that you have read. If the subscriber has another one, nothing is changed and the answer is CONFLICT.
    pub if_version: Option<i32>,
    /// Another e-mail address.
    pub email: Option<String>,
    /// The values to set; none if absent.
    pub values: Option<SubscriberValuesInput>,
}

/// The subscriber, or what was wrong.
#[derive(SimpleObject, Default)]
pub struct UpdateSubscriberPayload {
    /// The subscriber as it is now.
    pub subscriber: Option<SubscriberNode>,
    /// What was wrong with the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which subscriber to delete.
#[derive(InputObject, Debug)]
pub struct DeleteSubscriberInput {
    /// The global id of the subscriber.
    pub id: ID,
}

/// Whether the subscriber was deleted.
#[derive(SimpleObject, Default)]
pub struct DeleteSubscriberPayload {
    /// The global id of the deleted subscriber.
    pub deleted_id: Option<ID>,
    /// What was wrong with the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Changes of subscribers.
#[derive(Default)]
pub struct SubscriberMutation;

#[Object]
impl SubscriberMutation {
    /// Adds the subscriber with this e-mail address, or changes the one that exists.
    async fn upsert_subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The address and the values.")] input: UpsertSubscriberInput,
    ) -> async_graphql::Result<UpsertSubscriberPayload> {
        let app = context.app()?;
        let now = app.now();
        let changes = input.values.unwrap_or_default().into_changes();
        let result = app.db.run(move |connection| {
            with_types(connection, &changes, |connection, catalogue| {
                subscriber::upsert(connection, &input.email, &changes, catalogue, now)
            })
        });
        Ok(match split(result.await)? {
            Ok((subscriber, outcome)) => UpsertSubscriberPayload {
                subscriber: Some(SubscriberNode(subscriber)),
                outcome: Some(outcome.into()),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpsertSubscriberPayload {
                user_errors,
                ..Default::default()
            },
        })
    }

    /// Changes a subscriber, perhaps the e-mail address too.
    async fn update_subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The subscriber and the values.")] input: UpdateSubscriberInput,
    ) -> async_graphql::Result<UpdateSubscriberPayload> {
        let app = context.app()?;
        let now = app.now();
        let id = parse_kind(&input.id, Kind::Subscriber, "input.id")?;
        let changes = input.values.unwrap_or_default().into_changes();
        let result = app.db.run(move |connection| {
            let (if_version, email) = (input.if_version, input.email.as_deref());
            with_types(connection, &changes, |connection, catalogue| {
                subscriber::update(connection, id, if_version, email, &changes, catalogue, now)
            })
        });
        Ok(match split(result.await)? {
            Ok(subscriber) => UpdateSubscriberPayload {
                subscriber: Some(SubscriberNode(subscriber)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpdateSubscriberPayload {
                user_errors,
                ..Default::default()
            },
        })
    }

    /// Deletes a subscriber with all memberships and events. A refresh that is running forgets the person too.
    async fn delete_subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The subscriber.")] input: DeleteSubscriberInput,
    ) -> async_graphql::Result<DeleteSubscriberPayload> {
        let app = context.app()?;
        let now = app.now();
        let id = parse_kind(&input.id, Kind::Subscriber, "input.id")?;
        let result = app
            .db
            .run(move |connection| subscriber::delete(connection, id, now));
        Ok(match split(result.await)? {
            Ok(()) => DeleteSubscriberPayload {
                deleted_id: Some(input.id),
                user_errors: Vec::new(),
            },
            Err(user_errors) => DeleteSubscriberPayload {
                deleted_id: None,
                user_errors,
            },
        })
    }
}
