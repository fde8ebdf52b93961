//! Subscribers: the mutations and their inputs.

use super::groups::GroupChangesInput;
use super::{SubscriberNode, SubscriberStatus};
use crate::audience::audit::{TargetKind, Trace};
use crate::audience::consent::{CONSENT_HINT, Consent, Notice, NoticeCode};
use crate::audience::subscriber_changes::{SubscriberChanges, with_types};
use crate::audience::subscriber_store::{self, Outcome, Stored};
use crate::audience::upsert::{Upsert, upsert};
use crate::error::Error;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::change;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, split};
use crate::graphql::engine::id::{IdKind, input_id};
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

/// Values of a subscriber. Absent values stay as they are; null clears a value.
#[derive(InputObject, Debug, Clone, Default)]
pub struct SubscriberValuesInput {
    /// Whether the subscriber may be sent e-mail; it cannot be null. A new subscriber is SUBSCRIBED unless this says
    /// otherwise. To change UNSUBSCRIBED, BOUNCED or COMPLAINED to SUBSCRIBED or PENDING, give `consent` besides the
    /// values.
    pub status: MaybeUndefined<SubscriberStatus>,
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
    /// Values of custom fields by key, such as `{"plan": "pro", "visits": 3}`; null clears a field. The map itself
    /// cannot be null.
    pub custom_fields: MaybeUndefined<Json<BTreeMap<String, Value>>>,
}

impl SubscriberValuesInput {
    fn into_changes(self, consent: Option<Consent>) -> Result<SubscriberChanges, Error> {
        let position = change(self.position);
        let position = position.map(|at| at.map(|at| (at.latitude, at.longitude)));
        let values = [
            ("firstName", self.first_name),
            ("lastName", self.last_name),
            ("phone", self.phone),
            ("country", self.country),
            ("region", self.region),
            ("city", self.city),
            ("postalCode", self.postal_code),
            ("language", self.language),
            ("timezone", self.timezone),
            ("birthday", self.birthday),
            ("source", self.source),
        ];
        let values = values.into_iter();
        let values = values
            .filter_map(|(input, value)| Some((input, change(value)?)))
            .collect();
        let custom = keep(self.custom_fields, "customFields")?;
        Ok(SubscriberChanges {
            status: keep(self.status, "status")?.map(Into::into),
            consent,
            values,
            position,
            custom: custom.map(|Json(map)| map).unwrap_or_default(),
        })
    }
}

fn read_values(
    values: MaybeUndefined<SubscriberValuesInput>,
    consent: Option<Consent>,
) -> Result<SubscriberChanges, Error> {
    let values = keep(values, "values")?;
    values.unwrap_or_default().into_changes(consent)
}

/// Returns `None` for an absent value, which stays as it is, and `Some(None)` for null, which clears the value.
pub fn change<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Returns `None` for an absent value, which stays as it is. Fails if the value is null, because the field must have
/// one.
pub fn keep<T>(value: MaybeUndefined<T>, path: &str) -> Result<Option<T>, Error> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Err(Error::invalid(path, null_refused(path))),
        MaybeUndefined::Value(value) => Ok(Some(value)),
    }
}

/// Returns the message that a field cannot be null.
pub fn null_refused(path: &str) -> String {
    format!("expected a value, found null; leave {path} out to keep it as it is")
}

/// Why a subscriber who unsubscribed, bounced or complained may be sent e-mail again. The reason is kept in
/// `statusHistory`.
#[derive(InputObject, Debug, Clone)]
pub struct ConsentInput {
    /// What the subscriber did, such as `signed up again`.
    pub reason: String,
    /// Where the subscriber did so, such as `newsletter form`.
    pub source: String,
}

impl ConsentInput {
    fn read(input: Option<ConsentInput>) -> Result<Option<Consent>, Error> {
        input
            .map(|input| Consent::read(&input.reason, &input.source))
            .transpose()
    }
}

/// The kind of a notice.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "NoticeCode")]
pub enum SubscriberNoticeCode {
    /// The status stayed as it was, because re-subscribing the subscriber needs `consent`.
    ConsentRequired,
    /// The subscriber got the status that was kept for the address of an earlier subscriber.
    Suppressed,
    /// The address occurs earlier in the same call. Both were applied, in their order.
    Repeated,
}

/// A notice that something was done in another way than requested. It is not an error: everything else was done.
#[derive(SimpleObject, Debug)]
pub struct SubscriberNotice {
    /// The kind of the notice.
    pub code: SubscriberNoticeCode,
    /// What was done instead, and why.
    pub message: Text<String>,
    /// The place in the input, such as `status`.
    pub path: Text<String>,
    /// How to get the requested result.
    pub hint: Option<Text<String>>,
}

impl From<Notice> for SubscriberNotice {
    fn from(notice: Notice) -> SubscriberNotice {
        let hint = match notice.code {
            NoticeCode::ConsentRequired | NoticeCode::Suppressed => Some(CONSENT_HINT.to_owned()),
            NoticeCode::Repeated => None,
        };
        SubscriberNotice {
            code: notice.code.into(),
            message: notice.message.into(),
            path: notice.path.to_owned().into(),
            hint: hint.map(Text),
        }
    }
}

/// The values of the subscriber with an e-mail address, who is created if missing.
#[derive(InputObject, Debug, Clone)]
pub struct UpsertSubscriberInput {
    /// The e-mail address, in any letter case.
    pub email: String,
    /// The values to set; none if absent.
    pub values: MaybeUndefined<SubscriberValuesInput>,
    /// Why the subscriber may be sent e-mail again. Without consent, a status that needs it stays, and a notice says
    /// so.
    pub consent: Option<ConsentInput>,
    /// The changes to the subscriber's groups; none if absent. It cannot be null.
    pub groups: MaybeUndefined<GroupChangesInput>,
}

impl UpsertSubscriberInput {
    /// Reads the input.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a value is null but must not be, or the consent is not complete.
    pub fn read(self) -> Result<Upsert, Error> {
        let consent = ConsentInput::read(self.consent)?;
        let groups = keep(self.groups, "groups")?;
        Ok(Upsert {
            email: self.email,
            changes: read_values(self.values, consent)?,
            groups: groups.map(Into::into).unwrap_or_default(),
        })
    }
}

/// The result of an upsert.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Outcome")]
pub enum UpsertOutcome {
    /// The subscriber was created.
    Created,
    /// The subscriber was changed.
    Updated,
    /// The subscriber already had these values.
    Unchanged,
}

/// The subscriber, or the errors. `upsertSubscribers` returns one for each item.
#[derive(SimpleObject, Default)]
pub struct UpsertSubscriberPayload {
    /// The subscriber as it is now.
    pub subscriber: Option<SubscriberNode>,
    /// What was done with the subscriber.
    pub outcome: Option<UpsertOutcome>,
    /// Notices about what was done in another way than requested.
    pub notices: Vec<SubscriberNotice>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

impl From<Result<Stored, Vec<UserError>>> for UpsertSubscriberPayload {
    fn from(result: Result<Stored, Vec<UserError>>) -> UpsertSubscriberPayload {
        match result {
            Ok(stored) => UpsertSubscriberPayload {
                subscriber: Some(SubscriberNode::new(stored.subscriber.into())),
                outcome: Some(stored.outcome.into()),
                notices: stored.notices.into_iter().map(Into::into).collect(),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpsertSubscriberPayload {
                user_errors,
                ..Default::default()
            },
        }
    }
}

/// The changes to a subscriber.
#[derive(InputObject, Debug)]
pub struct UpdateSubscriberInput {
    /// The global id of the subscriber.
    pub id: ID,
    /// The version that you have read. If the subscriber has another one, nothing is changed and the answer is
    /// CONFLICT.
    pub if_version: Option<i32>,
    /// The new e-mail address.
    pub email: MaybeUndefined<String>,
    /// The values to set; none if absent.
    pub values: MaybeUndefined<SubscriberValuesInput>,
    /// Why the subscriber may be sent e-mail again. Without consent, a status that needs it is refused.
    pub consent: Option<ConsentInput>,
}

/// The subscriber, or the errors.
#[derive(SimpleObject, Default)]
pub struct UpdateSubscriberPayload {
    /// The subscriber as it is now.
    pub subscriber: Option<SubscriberNode>,
    /// Notices about what was done in another way than requested.
    pub notices: Vec<SubscriberNotice>,
    /// The errors of the input; empty on success.
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
    /// The errors of the input; empty on success.
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
        let now = context.app()?.now();
        let result = change::change(context, move |connection| {
            let input = input.clone().read()?;
            let stored = upsert(connection, &input, now)?;
            let trace = Trace::of(TargetKind::Subscriber, stored.subscriber.id);
            Ok((stored, trace.with_fields(input.names())))
        });
        Ok(split(result.await)?.into())
    }

    /// Changes a subscriber, including the e-mail address.
    async fn update_subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The subscriber and the values.")] input: UpdateSubscriberInput,
    ) -> async_graphql::Result<UpdateSubscriberPayload> {
        let now = context.app()?.now();
        let result = change::change(context, move |connection| {
            let id = input_id(&input.id, IdKind::Subscriber)?;
            let email = keep(input.email.clone(), "email")?;
            let consent = ConsentInput::read(input.consent.clone())?;
            let changes = read_values(input.values.clone(), consent)?;
            let (if_version, email) = (input.if_version, email.as_deref());
            let stored = with_types(connection, &changes, |connection, catalogue| {
                subscriber_store::update(
                    connection, id, if_version, email, &changes, catalogue, now,
                )
            })?;
            let mut fields = changes.names();
            fields.extend(email.map(|_| "email".to_owned()));
            let trace = Trace::of(TargetKind::Subscriber, id).with_fields(fields);
            Ok((stored, trace))
        });
        Ok(match split(result.await)? {
            Ok(stored) => UpdateSubscriberPayload {
                subscriber: Some(SubscriberNode::new(stored.subscriber.into())),
                notices: stored.notices.into_iter().map(Into::into).collect(),
                user_errors: Vec::new(),
            },
            Err(user_errors) => UpdateSubscriberPayload {
                user_errors,
                ..Default::default()
            },
        })
    }

    /// Deletes a subscriber with all memberships and events. A running refresh leaves the subscriber out too.
    async fn delete_subscriber(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The subscriber.")] input: DeleteSubscriberInput,
    ) -> async_graphql::Result<DeleteSubscriberPayload> {
        let now = context.app()?.now();
        let id = input.id.clone();
        let result = change::change(context, move |connection| {
            let id = input_id(&id, IdKind::Subscriber)?;
            subscriber_store::delete(connection, id, now)?;
            Ok(((), Trace::of(TargetKind::Subscriber, id)))
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::subscriber_column::list_inputs;
    use async_graphql::InputType;
    use serde_json::json;

    #[test]
    fn every_column_has_an_input() {
        let inputs = list_inputs().into_iter().map(|input| match input {
            "position" => (
                input.to_owned(),
                json!({ "latitude": 1.5, "longitude": 2.5 }),
            ),
            _ => (input.to_owned(), json!("a")),
        });
        let given: serde_json::Map<String, Value> = inputs.collect();
        let given = async_graphql::Value::from_json(given.into()).expect("a value");
        let values = SubscriberValuesInput::parse(Some(given));
        let values = values.unwrap_or_else(|_| panic!("the values of an input"));
        let changes = values.into_changes(None).expect("changes");
        assert_eq!(changes.names(), list_inputs());
    }
}
