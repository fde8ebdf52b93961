//! Custom fields: typed fields that the owner adds to subscribers.

use super::clean::{clean_boolean, clean_day, clean_instant, clean_number, clean_text};
use super::dependency::refuse_if_used;
use super::key::suggest_key;
use super::paging::{Page, PageRequest};
use super::rule_lock::lock_rules;
use super::type_lock::lock_types;
use super::version::check_version;
use crate::db::Named;
use crate::db::schema::custom_fields;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{CustomType, DependencyKind, read_double};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Text};
use serde_json::{Value, json};

/// The most items a list value may have.
pub const MAX_LIST: usize = 1_000;

/// A custom field.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = custom_fields, check_for_backend(diesel::pg::Pg))]
pub struct CustomField {
    /// Its id.
    pub id: i64,
    /// Its immutable name in rules, CSV headers and stored values.
    pub key: String,
    /// Its name for people.
    pub label: String,
    /// Its type.
    #[diesel(column_name = type_)]
    pub custom_type: Named<CustomType>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Its version, which the database increments with every change.
    pub version: i32,
}

/// Lists all custom fields by key.
pub fn list_all(connection: &mut PgConnection) -> Result<Vec<CustomField>, Error> {
    Ok(custom_fields::table
        .order(custom_fields::key)
        .select(CustomField::as_select())
        .load(connection)?)
}

/// Lists a page of custom fields by key.
pub fn list_page(
    connection: &mut PgConnection,
    request: &PageRequest<String>,
) -> Result<Page<CustomField>, Error> {
    request.fetch(
        |field: &CustomField| field.key.clone(),
        |request, limit| {
            let mut query = custom_fields::table
                .select(CustomField::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = &request.after {
                query = query.filter(custom_fields::key.gt(after));
            }
            if let Some(before) = &request.before {
                query = query.filter(custom_fields::key.lt(before));
            }
            query = if request.from_end {
                query.order(custom_fields::key.desc())
            } else {
                query.order(custom_fields::key.asc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Finds custom fields by id.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<CustomField>, Error> {
    Ok(custom_fields::table
        .filter(custom_fields::id.eq_any(ids))
        .select(CustomField::as_select())
        .load(connection)?)
}

/// Finds custom fields by key, in no particular order.
pub fn find_by_keys(
    connection: &mut PgConnection,
    keys: &[String],
) -> Result<Vec<CustomField>, Error> {
    Ok(custom_fields::table
        .filter(custom_fields::key.eq_any(keys))
        .select(CustomField::as_select())
        .load(connection)?)
}

/// Adds a custom field.
///
/// # Errors
/// [`Error::Invalid`] if the key is taken or not of the form `[a-z][a-z0-9_]*`.
pub fn create(
    connection: &mut PgConnection,
    key: &str,
    label: &str,
    custom_type: CustomType,
    now: DateTime<Utc>,
) -> Result<CustomField, Error> {
    check_key(key)?;
    let label = clean_text(label)
        .map_err(|message| Error::invalid("label", message))?
        .unwrap_or_else(|| key.to_owned());
    Ok(diesel::insert_into(custom_fields::table)
        .values((
            custom_fields::key.eq(key),
            custom_fields::label.eq(label),
            custom_fields::type_.eq(custom_type.as_str()),
            custom_fields::created_at.eq(now),
            custom_fields::updated_at.eq(now),
        ))
        .returning(CustomField::as_returning())
        .get_result(connection)?)
}

/// Changes the label or the type of a custom field. The key stays. If the type changes, every value is converted.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`], also if a value cannot be converted or the field has another version;
/// [`Error::InUse`] if its type would change while rules of segments use the field or an import runs.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
    label: Option<&str>,
    custom_type: Option<CustomType>,
    now: DateTime<Utc>,
) -> Result<CustomField, Error> {
    connection.transaction(|connection| {
        lock_rules(connection)?;
        let mut field = lock(connection, id)?;
        check_version("custom field", if_version, field.version)?;
        if let Some(label) = label {
            field.label = clean_text(label)
                .map_err(|message| Error::invalid("label", message))?
                .ok_or_else(|| Error::invalid("label", "expected a text, found an empty one"))?;
        }
        let new_type = custom_type.filter(|new_type| *new_type != field.custom_type.0);
        if let Some(new_type) = new_type {
            refuse_if_used(connection, DependencyKind::Field, &field.key)?;
            lock_types(connection, &field.key)?;
            convert_values(connection, &field.key, new_type)?;
            field.custom_type = Named(new_type);
        }
        Ok(diesel::update(custom_fields::table.find(id))
            .set((
                custom_fields::label.eq(field.label),
                custom_fields::type_.eq(field.custom_type),
                custom_fields::updated_at.eq(now),
            ))
            .returning(CustomField::as_returning())
            .get_result(connection)?)
    })
}

/// How many values are converted with one statement.
const CONVERTED_AT_A_TIME: i64 = 10_000;

/// Converts all values of a field to another type, or fails if any value cannot be converted. The caller must hold the
/// lock of [`lock_types`], so that no value changes between being read and being written.
fn convert_values(
    connection: &mut PgConnection,
    key: &str,
    new_type: CustomType,
) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        email: String,
        #[diesel(sql_type = Jsonb)]
        value: Value,
    }
    let (mut after, mut refused, mut example) = (0, 0, None);
    loop {
        let rows: Vec<Row> = diesel::sql_query(
            "SELECT id, email, custom -> $1 AS value FROM subscribers WHERE id > $2 AND custom ? $1 ORDER BY id LIMIT $3",
        )
        .bind::<Text, _>(key)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(CONVERTED_AT_A_TIME)
        .load(connection)?;
        let Some(last) = rows.last() else {
            break;
        };
        after = last.id;
        let (mut ids, mut values) = (Vec::new(), Vec::new());
        for row in rows {
            match convert_value(&row.value, new_type) {
                Ok(Some(value)) => {
                    ids.push(row.id);
                    values.push(value);
                }
                _ => {
                    refused += 1;
                    example.get_or_insert((row.value, row.email));
                }
            }
        }
        diesel::sql_query(
            "UPDATE subscribers SET custom = jsonb_set(custom, ARRAY[$1], converted.value) \
             FROM unnest($2, $3) AS converted (id, value) WHERE subscribers.id = converted.id",
        )
        .bind::<Text, _>(key)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<Jsonb>, _>(values)
        .execute(connection)?;
    }
    let Some((value, email)) = example else {
        return Ok(());
    };
    let message = format!(
        "expected values that can be read as {}, found {refused} that cannot, such as {value} of {email}",
        new_type.as_str()
    );
    Err(Error::invalid("type", message))
}

/// Converts a value to another type. The lists `["a|b"]` and `["a", "b"]` stay different, and codes such as `007` are
/// not converted to numbers.
fn convert_value(value: &Value, new_type: CustomType) -> Result<Option<Value>, String> {
    let cell = write_list(value);
    if new_type == CustomType::Number && is_code(&cell) {
        return Err(format!("expected a number, found the code \"{cell}\""));
    }
    clean_cell(new_type, &cell)
}

/// Whether a text is a code such as `007`, whose leading zeros a number would lose.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && !text.contains(['.', ','])
}

/// Writes a value as a CSV cell, from which every type can be read.
fn cell_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(cell_of).collect();
            items.join("|")
        }
        other => other.to_string(),
    }
}

fn lock(connection: &mut PgConnection, id: i64) -> Result<CustomField, Error> {
    custom_fields::table
        .find(id)
        .for_update()
        .select(CustomField::as_select())
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("custom field", id))
}

/// Deletes a custom field and all its values.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::InUse`] with the segments whose rules use the field, or while an import runs;
/// [`Error::Invalid`] if the field has another version.
pub fn delete(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
) -> Result<CustomField, Error> {
    connection.transaction(|connection| {
        lock_rules(connection)?;
        let field = lock(connection, id)?;
        check_version("custom field", if_version, field.version)?;
        refuse_if_used(connection, DependencyKind::Field, &field.key)?;
        lock_types(connection, &field.key)?;
        diesel::sql_query("UPDATE subscribers SET custom = custom - $1 WHERE custom ? $1")
            .bind::<Text, _>(&field.key)
            .execute(connection)?;
        diesel::delete(custom_fields::table.find(id)).execute(connection)?;
        Ok(field)
    })
}

/// Converts a JSON value to the stored form of a type. Returns `None` if it is null or empty.
///
/// # Errors
/// What was expected and found.
pub fn clean_value(custom_type: CustomType, value: &Value) -> Result<Option<Value>, String> {
    match (custom_type, value) {
        (_, Value::Null) => Ok(None),
        (CustomType::Text, Value::String(text)) => Ok(clean_text(text)?.map(Value::String)),
        (CustomType::Number, Value::Number(number)) => Ok(Some(store_number(read_double(number)?))),
        (CustomType::Date, Value::String(text)) => {
            Ok(clean_day(text)?.map(|day| json!(day.to_string())))
        }
        (CustomType::Datetime, Value::String(text)) => {
            Ok(clean_instant(text)?.map(|instant| json!(store_instant(instant))))
        }
        (CustomType::Boolean, Value::Bool(flag)) => Ok(Some(json!(flag))),
        (CustomType::List, Value::Array(items)) => clean_list(items),
        (custom_type, found) => Err(format!(
            "expected a value of type {}, found {found}",
            custom_type.as_str()
        )),
    }
}

/// Converts a CSV cell to the stored form of a type. Returns `None` if it is empty. Items of a list are separated by
/// `|`.
///
/// # Errors
/// What was expected and found.
pub fn clean_cell(custom_type: CustomType, cell: &str) -> Result<Option<Value>, String> {
    Ok(match custom_type {
        CustomType::Text => clean_text(cell)?.map(Value::String),
        CustomType::Number => clean_number(cell)?.map(store_number),
        CustomType::Date => clean_day(cell)?.map(|day| json!(day.to_string())),
        CustomType::Datetime => clean_instant(cell)?.map(|instant| json!(store_instant(instant))),
        CustomType::Boolean => clean_boolean(cell)?.map(|flag| json!(flag)),
        CustomType::List => clean_list(&read_list(cell))?,
    })
}

/// Reads the items of a list from a cell: a JSON array of texts, or texts separated by `|`.
fn read_list(cell: &str) -> Vec<Value> {
    let as_json = cell.trim_start().starts_with('[');
    match as_json.then(|| serde_json::from_str::<Vec<String>>(cell)) {
        Some(Ok(items)) => items.into_iter().map(Value::String).collect(),
        _ => {
            let items = cell.split('|').filter(|item| !item.trim().is_empty());
            items.map(|item| json!(item)).collect()
        }
    }
}

/// Writes a value as a cell that is read back as the same value. The items of a list are separated by `|`, or written
/// as a JSON array if that text would be read back as other items.
pub fn write_list(list: &Value) -> String {
    let cell = cell_of(list);
    match list {
        Value::Array(items) if read_list(&cell) != *items => list.to_string(),
        _ => cell,
    }
}

/// Returns the items of a list in their normal form, each once, or `None` if no item is left.
///
/// # Errors
/// If there are too many items, or an item is not a text or cannot be stored.
pub fn clean_list(items: &[Value]) -> Result<Option<Value>, String> {
    if items.len() > MAX_LIST {
        return Err(format!(
            "expected at most {MAX_LIST} items, found {}",
            items.len()
        ));
    }
    let mut cleaned: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let Value::String(text) = item else {
            return Err(format!("expected a list of texts, found {item} in it"));
        };
        if let Some(text) = clean_text(text)?
            && !cleaned.contains(&text)
        {
            cleaned.push(text);
        }
    }
    Ok((!cleaned.is_empty()).then(|| json!(cleaned)))
}

/// Returns a number as JSON. Whole numbers have no fraction, and zero has no sign.
pub(crate) fn store_number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        json!(number as i64)
    } else {
        json!(number)
    }
}

fn store_instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn check_key(key: &str) -> Result<(), Error> {
    let is_plain = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let starts_well = key
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if is_plain && starts_well && key.len() <= 63 {
        return Ok(());
    }
    let message = format!(
        "expected a lower-case letter followed by at most 62 lower-case letters, digits and \"_\", found \"{key}\""
    );
    let suggestion = suggest_key(key);
    let hint = (!suggestion.is_empty()).then(|| format!("for example \"{suggestion}\""));
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::Invalid, "key", message).with_hint(hint),
    ]))
}
