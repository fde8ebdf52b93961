//! People in messages: `id`, `email` and the fields that the endpoint chose.

use crate::audience::custom_field::{self, CustomField};
use crate::audience::global_id::write_global_id;
use crate::audience::subscriber::Subscriber;
use crate::audience::subscriber_column::COLUMNS;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::nearest;
use crate::text::show_email;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::PgConnection;
use serde_json::{Map, Value, json};

/// How many fields an endpoint can choose.
const MAX_FIELDS: usize = 50;

/// The prefix of the key of a custom field.
const CUSTOM: &str = "custom.";

/// Returns the value of a built-in field, or `None` if there is no field of that name.
fn builtin(person: &Subscriber, name: &str) -> Option<Value> {
    Some(match name {
        "status" => json!(person.status.0.as_str().to_uppercase()),
        "createdAt" => instant(Some(person.created_at)),
        "updatedAt" => instant(Some(person.updated_at)),
        "subscribedAt" => instant(person.subscribed_at),
        "unsubscribedAt" => instant(person.unsubscribed_at),
        _ => {
            let column = COLUMNS.iter().find(|column| column.field == name)?;
            (column.value)(person)
        }
    })
}

/// Lists the names of the built-in fields.
fn list_builtin() -> Vec<&'static str> {
    let known = COLUMNS.iter().map(|column| column.field);
    let times = ["createdAt", "updatedAt", "subscribedAt", "unsubscribedAt"];
    ["status"].into_iter().chain(known).chain(times).collect()
}

fn instant(time: Option<DateTime<Utc>>) -> Value {
    time.map_or(Value::Null, |time| {
        json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    })
}

/// The fields that an endpoint chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(pub Vec<String>);

impl From<Vec<Option<String>>> for Fields {
    fn from(names: Vec<Option<String>>) -> Fields {
        Fields(names.into_iter().flatten().collect())
    }
}

impl Fields {
    /// Checks the names of fields.
    ///
    /// # Errors
    /// The inner error has the problems, at `fields`. The outer error is one of the database.
    pub fn check(
        connection: &mut PgConnection,
        names: &[String],
    ) -> Result<Result<Fields, Vec<InputProblem>>, Error> {
        let custom = custom_field::list_all(connection)?;
        let known = list_known(&custom);
        let mut problems = Vec::new();
        if names.len() > MAX_FIELDS {
            let message = format!(
                "expected at most {MAX_FIELDS} fields, found {}",
                names.len()
            );
            problems.push(InputProblem::new(InputCode::Invalid, "fields", message));
            return Ok(Err(problems));
        }
        let mut chosen: Vec<String> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let name = name.trim();
            let path = format!("fields[{place}]");
            match name {
                // Every message has these fields.
                "id" | "email" => {}
                _ if chosen.iter().any(|known| known == name) => {}
                _ if known.iter().any(|known| known == name) => chosen.push(name.to_owned()),
                _ => problems.push(unknown(path, name, &known)),
            }
        }
        Ok(match problems.is_empty() {
            true => Ok(Fields(chosen)),
            false => Err(problems),
        })
    }

    /// Returns a person in the form of messages. A custom field that was deleted is null.
    pub fn write(&self, person: &Subscriber) -> Value {
        let mut written = Map::new();
        written.insert(
            "id".to_owned(),
            json!(write_global_id("Subscriber", person.id)),
        );
        written.insert("email".to_owned(), json!(show_email(&person.email)));
        let mut custom = None;
        for name in &self.0 {
            let value = match name.strip_prefix(CUSTOM) {
                Some(key) => {
                    let custom = custom.get_or_insert_with(|| person.custom.read());
                    custom.get(key).cloned().unwrap_or_default()
                }
                None => builtin(person, name).unwrap_or_default(),
            };
            written.insert(name.clone(), value);
        }
        Value::Object(written)
    }
}

fn list_known(custom: &[CustomField]) -> Vec<String> {
    let builtin = list_builtin().into_iter().map(str::to_owned);
    let custom = custom.iter().map(|field| format!("{CUSTOM}{}", field.key));
    builtin.chain(custom).collect()
}

fn unknown(path: String, name: &str, known: &[String]) -> InputProblem {
    let prefixed = format!("{CUSTOM}{name}");
    let hint = match known.contains(&prefixed) {
        true => Some(format!("did you mean \"{prefixed}\"?")),
        false => nearest(name, known.iter().map(String::as_str)),
    };
    let hint = hint.or_else(|| Some(format!("known are {}", known.join(", "))));
    let message = format!("expected the name of a field, found \"{name}\"");
    InputProblem::new(InputCode::NotFound, path, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::JsonText;

    fn person() -> Subscriber {
        Subscriber {
            id: 7,
            first_name: Some("Ona".to_owned()),
            country: Some("LT".to_owned()),
            latitude: Some(54.9),
            birthday: chrono::NaiveDate::from_ymd_opt(1990, 2, 28),
            custom: JsonText::from(&json!({"visits": 0.1, "tags": ["a", "b"]})),
            ..Subscriber::new("ona@xn--irgas-tib.lt".to_owned(), DateTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_person_has_id_and_email_and_the_chosen_fields() {
        let names = |names: &[&str]| Fields(names.iter().map(|name| (*name).to_owned()).collect());
        insta::assert_snapshot!(
            names(&[]).write(&person()),
            @r#"{"id":"U3Vic2NyaWJlcjo3","email":"ona@žirgas.lt"}"#
        );
        let mut all = list_builtin();
        all.extend(["custom.visits", "custom.tags", "custom.gone"]);
        insta::assert_snapshot!(
            names(&all).write(&person()),
            @r#"{"id":"U3Vic2NyaWJlcjo3","email":"ona@žirgas.lt","status":"SUBSCRIBED","firstName":"Ona","lastName":null,"phone":null,"country":"LT","region":null,"city":null,"postalCode":null,"latitude":54.9,"longitude":null,"language":null,"timezone":null,"birthday":"1990-02-28","source":null,"createdAt":"1970-01-01T00:00:00Z","updatedAt":"1970-01-01T00:00:00Z","subscribedAt":"1970-01-01T00:00:00Z","unsubscribedAt":null,"custom.visits":0.1,"custom.tags":["a","b"],"custom.gone":null}"#
        );
    }

    #[test]
    fn names_that_do_not_exist_have_a_hint() {
        let known = ["firstName".to_owned(), "custom.plan".to_owned()];
        let hint = |name| unknown("fields[0]".to_owned(), name, &known).hint;
        assert_eq!(
            hint("plan").as_deref(),
            Some("did you mean \"custom.plan\"?")
        );
        assert_eq!(
            hint("firstname").as_deref(),
            Some("did you mean \"firstName\"?")
        );
        assert!(hint("weather").is_some_and(|hint| hint.contains("custom.plan")));
    }
}
