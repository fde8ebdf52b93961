//! What to change of a subscriber, and the door at which every value is cleaned.

use super::catalogue::load_custom_fields;
use super::clean::{
    clean_birthday, clean_country, clean_day, clean_degrees, clean_language, clean_text,
    clean_timezone,
};
use super::consent::Consent;
use super::custom_field::clean_value;
use super::subscriber::Subscriber;
use super::type_lock::keep_types;
use crate::db::{JsonText, Named, in_transaction};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{Catalogue, Status, nearest};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::PgConnection;
use serde_json::Value;
use std::collections::BTreeMap;

/// What to set of a subscriber: absent values stay as they are, null ones are cleared.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct SubscriberChanges {
    pub status: Option<Status>,
    /// Why a subscriber who unsubscribed, bounced or complained may be addressed again.
    pub consent: Option<Consent>,
    pub first_name: Option<Option<String>>,
    pub last_name: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    pub country: Option<Option<String>>,
    pub region: Option<Option<String>>,
    pub city: Option<Option<String>>,
    pub postal_code: Option<Option<String>>,
    /// Degrees north and east, which only make sense together.
    pub position: Option<Option<(f64, f64)>>,
    pub language: Option<Option<String>>,
    pub timezone: Option<Option<String>>,
    pub birthday: Option<Option<String>>,
    pub source: Option<Option<String>>,
    /// Values of custom fields by key.
    pub custom: BTreeMap<String, Value>,
}

impl SubscriberChanges {
    /// Returns the names of the fields that are set, as the API has them: `custom.KEY` for custom fields.
    pub fn names(&self) -> Vec<String> {
        let named = [
            ("status", self.status.is_some()),
            ("consent", self.consent.is_some()),
            ("firstName", self.first_name.is_some()),
            ("lastName", self.last_name.is_some()),
            ("phone", self.phone.is_some()),
            ("country", self.country.is_some()),
            ("region", self.region.is_some()),
            ("city", self.city.is_some()),
            ("postalCode", self.postal_code.is_some()),
            ("position", self.position.is_some()),
            ("language", self.language.is_some()),
            ("timezone", self.timezone.is_some()),
            ("birthday", self.birthday.is_some()),
            ("source", self.source.is_some()),
        ];
        let set = named.into_iter().filter(|(_, is_set)| *is_set);
        let set = set.map(|(name, _)| name.to_owned());
        let custom = self.custom.keys().map(|key| format!("custom.{key}"));
        set.chain(custom).collect()
    }
}

/// Does something with changes in a transaction, in which the types that it is given stay the types of the custom fields.
///
/// # Errors
/// Those of the work and of the database.
pub fn with_types<T>(
    connection: &mut PgConnection,
    changes: &SubscriberChanges,
    work: impl FnOnce(&mut PgConnection, &Catalogue) -> Result<T, Error>,
) -> Result<T, Error> {
    in_transaction(connection, |connection| {
        // Changes ask about nothing else that rules may refer to.
        let mut catalogue = Catalogue::default();
        if !changes.custom.is_empty() {
            keep_types(connection)?;
            catalogue.custom_fields = load_custom_fields(connection)?;
        }
        work(connection, &catalogue)
    })
}

/// A text field: its place in the input, the change, where it goes, and how it is cleaned.
type TextChange<'c> = (
    &'static str,
    &'c Option<Option<String>>,
    &'c mut Option<String>,
    fn(&str) -> Result<Option<String>, String>,
);

/// Returns the subscriber with the changes; what cannot be accepted is added to the problems and left out.
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
    let texts: [TextChange<'_>; 10] = [
        (
            "firstName",
            &changes.first_name,
            &mut subscriber.first_name,
            clean_text,
        ),
        (
            "lastName",
            &changes.last_name,
            &mut subscriber.last_name,
            clean_text,
        ),
        ("phone", &changes.phone, &mut subscriber.phone, clean_text),
        (
            "country",
            &changes.country,
            &mut subscriber.country,
            clean_country,
        ),
        (
            "region",
            &changes.region,
            &mut subscriber.region,
            clean_text,
        ),
        ("city", &changes.city, &mut subscriber.city, clean_text),
        (
            "postalCode",
            &changes.postal_code,
            &mut subscriber.postal_code,
            clean_text,
        ),
        (
            "language",
            &changes.language,
            &mut subscriber.language,
            clean_language,
        ),
        (
            "timezone",
            &changes.timezone,
            &mut subscriber.timezone,
            clean_timezone,
        ),
        (
            "source",
            &changes.source,
            &mut subscriber.source,
            clean_text,
        ),
    ];
    for (path, change, target, clean) in texts {
        match change {
            None => {}
            Some(None) => *target = None,
            Some(Some(text)) => match clean(text) {
                Ok(value) => *target = value,
                Err(message) => refuse(path, message),
            },
        }
    }
    match &changes.birthday {
        None => {}
        Some(None) => subscriber.birthday = None,
        Some(Some(text)) => match read_birthday(text, now) {
            Ok(day) => subscriber.birthday = day,
            Err(message) => refuse("birthday", message),
        },
    }
    match changes.position {
        None => {}
        Some(None) => (subscriber.latitude, subscriber.longitude) = (None, None),
        Some(Some((latitude, longitude))) => {
            match (
                clean_degrees(latitude, 90.0),
                clean_degrees(longitude, 180.0),
            ) {
                (Ok(latitude), Ok(longitude)) => {
                    (subscriber.latitude, subscriber.longitude) = (Some(latitude), Some(longitude));
                }
                (latitude, longitude) => {
                    latitude
                        .err()
                        .into_iter()
                        .for_each(|message| refuse("latitude", message));
                    longitude
                        .err()
                        .into_iter()
                        .for_each(|message| refuse("longitude", message));
                }
            }
        }
    }
    apply_custom(&mut subscriber, &changes.custom, catalogue, problems);
    subscriber
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
