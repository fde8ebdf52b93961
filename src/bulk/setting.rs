//! Sets one field of many subscribers. The value passes the same input validation as that of a single subscriber.

use crate::audience::catalogue::load_custom_fields;
use crate::audience::subscriber_changes::SubscriberChanges;
use crate::audience::subscriber_column::{COLUMNS, list_inputs};
use crate::audience::subscriber_store::check_new;
use crate::audience::type_lock::keep_types;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{Catalogue, Status, nearest, shorten};
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The path of the field in the input, for errors.
const FIELD: &str = "action.setField.field";
/// The path of the value in the input, for errors.
const VALUE: &str = "action.setField.value";
/// The name of the status, both as a field and as a column.
const STATUS: &str = "status";

/// A field and its new value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldSetting {
    /// The name of the field, as in rules: `country` or `custom.plan`.
    pub field: String,
    /// The value as it was given; null clears.
    pub value: Value,
    /// The type of a custom field when the action was requested. If the field gets another type, the action fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_type: Option<String>,
}

/// A setting as columns of `subscribers`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Columns {
    /// Columns with their values.
    BuiltIn {
        /// The columns that show whether a subscriber has the value.
        compared: Vec<&'static str>,
        /// Further columns that are written with them.
        beside: &'static [&'static str],
        /// The values of all these columns, by name.
        values: Value,
    },
    /// The key and the value of a custom field; null removes the field.
    Custom(String, Value),
}

impl FieldSetting {
    /// Reads a field and its value.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the field does not exist or does not accept the value.
    pub(super) fn read(
        connection: &mut PgConnection,
        field: &str,
        value: &Value,
        now: DateTime<Utc>,
    ) -> Result<FieldSetting, Error> {
        let mut setting = FieldSetting {
            field: field.to_owned(),
            value: value.clone(),
            custom_type: None,
        };
        if let Some(key) = field.strip_prefix("custom.") {
            let custom_fields = load_custom_fields(connection)?;
            let Some(custom_type) = custom_fields.get(key) else {
                let known = custom_fields.keys().map(String::as_str);
                let hint = nearest(key, known).map(|hint| format!("custom.{hint}"));
                return Err(unknown(field, hint));
            };
            setting.custom_type = Some(custom_type.as_str().to_owned());
        }
        // The moment only bounds birthdays.
        setting.columns(connection, now)?;
        Ok(setting)
    }

    /// Returns the setting as columns, for a change at `moment`. Custom fields keep their types until this transaction
    /// ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the field was deleted, has another type, or does not accept the value.
    pub(super) fn columns(
        &self,
        connection: &mut PgConnection,
        moment: DateTime<Utc>,
    ) -> Result<Columns, Error> {
        let mut catalogue = Catalogue::default();
        if let Some(key) = self.field.strip_prefix("custom.") {
            keep_types(connection)?;
            catalogue.custom_fields = load_custom_fields(connection)?;
            let now = catalogue.custom_fields.get(key).map(|found| found.as_str());
            if now != self.custom_type.as_deref() {
                let message = format!(
                    "the custom field \"{}\" was deleted, or its type was changed, after the bulk action was created",
                    shorten(key)
                );
                return Err(Error::invalid(FIELD, message));
            }
        }
        let changes = self.changes()?;
        let cleaned = check_new("someone@example.com", &changes, &catalogue, moment);
        let cleaned = cleaned.map_err(|problems| {
            let at_value = problems.into_iter().map(|problem| InputProblem {
                path: VALUE.to_owned(),
                ..problem
            });
            Error::Invalid(at_value.collect())
        })?;
        if let Some(key) = self.field.strip_prefix("custom.") {
            let value = cleaned.custom.read().get(key).cloned().unwrap_or_default();
            return Ok(Columns::Custom(key.to_owned(), value));
        }
        if self.field == STATUS {
            return Ok(status_columns(cleaned.status.0, moment));
        }
        let set = COLUMNS.iter().filter(|column| column.input == self.field);
        let values = set
            .clone()
            .map(|column| (column.name.to_owned(), (column.value)(&cleaned)));
        Ok(Columns::BuiltIn {
            compared: set.map(|column| column.name).collect(),
            beside: &[],
            values: Value::Object(values.collect()),
        })
    }

    fn changes(&self) -> Result<SubscriberChanges, Error> {
        let mut changes = SubscriberChanges::default();
        if let Some(key) = self.field.strip_prefix("custom.") {
            changes.custom.insert(key.to_owned(), self.value.clone());
            return Ok(changes);
        }
        match self.field.as_str() {
            STATUS => {
                let status = self.value.as_str().map(str::to_lowercase);
                let status = status.and_then(|status| Status::parse(&status));
                changes.status = Some(status.ok_or_else(|| wrong("a status", &self.value))?);
            }
            "position" => changes.position = Some(read_position(&self.value)?),
            other => {
                let known = list_fields();
                let Some(input) = known.iter().find(|input| **input == other) else {
                    return Err(unknown(other, nearest(other, known)));
                };
                let value = match &self.value {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => return Err(wrong("a text or null", other)),
                };
                changes.values.insert(input, value);
            }
        }
        Ok(changes)
    }
}

/// Returns the columns of a status: the status and, unless it is PENDING, the time of the change.
fn status_columns(status: Status, moment: DateTime<Utc>) -> Columns {
    let beside: &'static [&'static str] = match status {
        Status::Subscribed => &["subscribed_at"],
        Status::Unsubscribed | Status::Bounced | Status::Complained => &["unsubscribed_at"],
        Status::Pending => &[],
    };
    let mut values = Map::new();
    values.insert(STATUS.to_owned(), json!(status.as_str()));
    for column in beside {
        values.insert((*column).to_owned(), json!(moment));
    }
    Columns::BuiltIn {
        compared: vec![STATUS],
        beside,
        values: Value::Object(values),
    }
}

fn read_position(value: &Value) -> Result<Option<(f64, f64)>, Error> {
    if value.is_null() {
        return Ok(None);
    }
    let degrees = |name: &str| value.get(name).and_then(Value::as_f64);
    match (degrees("latitude"), degrees("longitude")) {
        (Some(latitude), Some(longitude)) => Ok(Some((latitude, longitude))),
        _ => Err(wrong(
            "an object with the numbers \"latitude\" and \"longitude\", or null",
            value,
        )),
    }
}

/// Lists the built-in fields that a bulk action can set.
fn list_fields() -> Vec<&'static str> {
    [vec![STATUS], list_inputs()].concat()
}

fn unknown(field: &str, hint: Option<String>) -> Error {
    let message = format!(
        "expected a field that can be set, found \"{}\"; it is custom.KEY or one of {}",
        shorten(field),
        list_fields().join(", ")
    );
    Error::Invalid(vec![
        InputProblem::new(InputCode::NotFound, FIELD, message).with_hint(hint),
    ])
}

fn wrong(expected: &str, found: &Value) -> Error {
    let found = shorten(&found.to_string());
    Error::invalid(VALUE, format!("expected {expected}, found {found}"))
}

/// SQL fragments that write or compare a setting. `$2` is [`Columns::value`] and `$3` is [`Columns::key`]; `s` is the
/// row of the subscriber, and `new` has the new values.
pub(super) struct Parts {
    /// The `FROM` item `new`.
    pub new: String,
    /// The condition that the subscriber has another value.
    pub differs: String,
    /// The condition that the change needs consent and is therefore withheld.
    pub withheld: String,
    /// The JSON object with the previous values, which is stored for undo.
    pub before: String,
    /// The assignments of the new values.
    pub set: String,
    /// The assignments that restore the previous values, which `c.before` has.
    pub restore: String,
}

impl Columns {
    /// Returns the new values, for `$2`.
    pub fn value(&self) -> &Value {
        match self {
            Columns::BuiltIn { values, .. } => values,
            Columns::Custom(_, value) => value,
        }
    }

    /// Returns the key of the custom field, for `$3`; it is empty for built-in fields.
    pub fn key(&self) -> &str {
        match self {
            Columns::BuiltIn { .. } => "",
            Columns::Custom(key, _) => key,
        }
    }

    /// Returns the SQL fragments. Column names come from this program, and everything else is bound.
    pub fn parts(&self) -> Parts {
        match self {
            Columns::BuiltIn {
                compared, beside, ..
            } => {
                let row = |of: &str, columns: &[&str]| {
                    let columns: Vec<String> =
                        columns.iter().map(|name| format!("{of}{name}")).collect();
                    columns.join(", ")
                };
                let all = [compared, *beside].concat();
                let before: Vec<String> =
                    all.iter().map(|name| format!("'{name}', s.{name}")).collect();
                let withheld = if *compared == [STATUS] {
                    "s.status IN ('unsubscribed', 'bounced', 'complained') \
                     AND new.status NOT IN ('unsubscribed', 'bounced', 'complained')"
                } else {
                    "false"
                };
                Parts {
                    new: "jsonb_populate_record(NULL::subscribers, $2) new".to_owned(),
                    differs: format!(
                        "ROW({}) IS DISTINCT FROM ROW({})",
                        row("s.", compared),
                        row("new.", compared)
                    ),
                    withheld: withheld.to_owned(),
                    before: format!("jsonb_build_object({})", before.join(", ")),
                    set: format!("({}) = ROW({})", row("", &all), row("new.", &all)),
                    restore: format!("({}) = ROW({})", row("", &all), row("old.", &all)),
                }
            }
            Columns::Custom(..) => Parts {
                new: "(SELECT nullif($2, 'null') AS value) new".to_owned(),
                differs: "(s.custom -> $3) IS DISTINCT FROM new.value".to_owned(),
                withheld: "false".to_owned(),
                before: "CASE WHEN s.custom ? $3 THEN jsonb_build_object('value', s.custom -> $3) ELSE '{}' END"
                    .to_owned(),
                set: "custom = CASE WHEN new.value IS NULL THEN s.custom - $3 \
                      ELSE jsonb_set(s.custom, ARRAY[$3], new.value) END"
                    .to_owned(),
                restore: "custom = CASE WHEN c.before ? 'value' \
                          THEN jsonb_set(s.custom, ARRAY[$3], c.before -> 'value') ELSE s.custom - $3 END"
                    .to_owned(),
            },
        }
    }
}
