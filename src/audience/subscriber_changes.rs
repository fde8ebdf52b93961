//! Changes of a subscriber, and the input validation of every value.

use super::catalogue::load_custom_fields;
use super::clean::{clean_birthday, clean_day, clean_degrees};
use super::consent::Consent;
use super::custom_field::clean_value;
use super::subscriber::Subscriber;
use super::subscriber_column::{COLUMNS, ValueKind, list_inputs};
use super::type_lock::keep_types;
use crate::db::{JsonText, Named, in_transaction};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{Catalogue, Status, nearest};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::PgConnection;
use serde_json::Value;
use std::collections::BTreeMap;

/// Changes of a subscriber. Absent values stay as they are; null clears a value.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct SubscriberChanges {
    pub status: Option<Status>,
    /// Why a subscriber who unsubscribed, bounced or complained may be sent e-mail again.
    pub consent: Option<Consent>,
    /// Texts and days by the input of their [column](COLUMNS). `None` clears the column.
    pub values: BTreeMap<&'static str, Option<String>>,
    /// Degrees north and east, which only make sense together.
    pub position: Option<Option<(f64, f64)>>,
    /// Values of custom fields by key.
    pub custom: BTreeMap<String, Value>,
}

impl SubscriberChanges {
    /// Returns the names of the fields that are set, as the API has them: `custom.KEY` for custom fields.
    pub fn names(&self) -> Vec<String> {
        let set = [
            ("status", self.status.is_some()),
            ("consent", self.consent.is_some()),
        ];
        let columns = list_inputs().into_iter();
        let columns = columns.map(|input| (input, self.sets(input)));
        let set = set.into_iter().chain(columns).filter(|(_, is_set)| *is_set);
        let set = set.map(|(name, _)| name.to_owned());
        let custom = self.custom.keys().map(|key| format!("custom.{key}"));
        set.chain(custom).collect()
    }

    fn sets(&self, input: &str) -> bool {
        match input {
            "position" => self.position.is_some(),
            _ => self.values.contains_key(input),
        }
    }
}

/// Does `work` in a transaction, in which the types of custom fields that it gets cannot change. It gets them only if
/// the changes set custom fields.
///
/// # Errors
/// Errors of `work`.
pub fn with_types<T>(
    connection: &mut PgConnection,
    changes: &SubscriberChanges,
    work: impl FnOnce(&mut PgConnection, &Catalogue) -> Result<T, Error>,
) -> Result<T, Error> {
    in_transaction(connection, |connection| {
        // Changes use nothing else of the catalogue.
        let mut catalogue = Catalogue::default();
        if !changes.custom.is_empty() {
            keep_types(connection)?;
            catalogue.custom_fields = load_custom_fields(connection)?;
        }
        work(connection, &catalogue)
    })
}

/// Returns the subscriber with the changes. A value that cannot be accepted is left out, and a problem is added.
pub fn apply(
    mut subscriber: Subscriber,
    changes: &SubscriberChanges,
    catalogue: &Catalogue,
    now: DateTime<Utc>,
    problems: &mut Vec<InputProblem>,
) -> Subscriber {
    let mut refuse = |path: &str, message: String| {
        problems.push(InputProblem::new(InputCode::Invalid, path, message));
    };
    if let Some(status) = changes.status {
        set_status(&mut subscriber, status, now);
    }
    for column in &COLUMNS {
        let Some(value) = changes.values.get(column.input) else {
            continue;
        };
        let value = value.as_deref();
        let set = match &column.kind {
            ValueKind::Text(text) => value
                .map_or(Ok(None), text.clean)
                .map(|value| *(text.place)(&mut subscriber) = value),
            ValueKind::Day(place) => value
                .map_or(Ok(None), |value| read_birthday(value, now))
                .map(|day| *place(&mut subscriber) = day),
            // Degrees are numbers, which `position` sets below.
            ValueKind::Degrees => Ok(()),
        };
        set.unwrap_or_else(|message| refuse(column.input, message));
    }
    if let Some(position) = changes.position {
        set_position(&mut subscriber, position, &mut refuse);
    }
    apply_custom(&mut subscriber, &changes.custom, catalogue, problems);
    subscriber
}

fn set_position(
    subscriber: &mut Subscriber,
    position: Option<(f64, f64)>,
    refuse: &mut impl FnMut(&str, String),
) {
    let Some((latitude, longitude)) = position else {
        (subscriber.latitude, subscriber.longitude) = (None, None);
        return;
    };
    let latitude = clean_degrees(latitude, 90.0).map_err(|message| refuse("latitude", message));
    let longitude = clean_degrees(longitude, 180.0).map_err(|message| refuse("longitude", message));
    if let (Ok(latitude), Ok(longitude)) = (latitude, longitude) {
        (subscriber.latitude, subscriber.longitude) = (Some(latitude), Some(longitude));
    }
}

fn read_birthday(text: &str, now: DateTime<Utc>) -> Result<Option<NaiveDate>, String> {
    let day = clean_day(text)?;
    day.map(|day| clean_birthday(day, now)).transpose()
}

fn apply_custom(
    subscriber: &mut Subscriber,
    values: &BTreeMap<String, Value>,
    catalogue: &Catalogue,
    problems: &mut Vec<InputProblem>,
) {
    if values.is_empty() {
        return;
    }
    let mut custom = subscriber.custom.read();
    let Value::Object(stored) = &mut custom else {
        return;
    };
    for (key, value) in values {
        let path = format!("customFields.{key}");
        let Some(custom_type) = catalogue.custom_fields.get(key) else {
            let known = catalogue.custom_fields.keys().map(String::as_str);
            let message = format!(
                "expected the key of a custom field, found \"{key}\", which does not exist"
            );
            problems.push(
                InputProblem::new(InputCode::NotFound, path, message)
                    .with_hint(nearest(key, known)),
            );
            continue;
        };
        match clean_value(*custom_type, value) {
            Ok(Some(value)) => {
                stored.insert(key.clone(), value);
            }
            Ok(None) => {
                stored.shift_remove(key);
            }
            Err(message) => {
                problems.push(InputProblem::new(InputCode::Invalid, path, message));
            }
        }
    }
    subscriber.custom = JsonText::from(&custom);
}

fn set_status(subscriber: &mut Subscriber, status: Status, now: DateTime<Utc>) {
    if subscriber.status.0 == status && subscriber.id != 0 {
        return;
    }
    subscriber.status = Named(status);
    match status {
        Status::Subscribed => subscriber.subscribed_at = Some(now),
        Status::Unsubscribed | Status::Bounced | Status::Complained => {
            if subscriber.id == 0 {
                subscriber.subscribed_at = None;
            }
            subscriber.unsubscribed_at = Some(now);
        }
        Status::Pending if subscriber.id == 0 => subscriber.subscribed_at = None,
        Status::Pending => {}
    }
}
