//! Checks the values that the validation of documents does not check: custom scalars, numbers that no double can hold,
//! `@oneOf` inputs, and all variables. `literals.rs` checks those that are written in the document.

use super::translate::constant;
use crate::graphql::engine::scalar::Date;
use crate::rule::parse_instant;
use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, VariableDefinition};
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{EnumType, ExtendedType, InputObjectType};
use async_graphql::{InputType, Pos, Value};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub struct ValueProblem {
    /// What was expected and what was found.
    pub message: String,
    /// The position of the value, if it is in the document.
    pub span: Option<SourceSpan>,
}

/// Checks values against a schema.
#[derive(Clone, Copy)]
pub struct Judge<'s> {
    pub(super) schema: &'s Schema,
    is_open: bool,
}

impl<'s> Judge<'s> {
    /// Creates a judge. `is_open` says whether messages may show names of the schema that were not in the request.
    pub fn new(schema: &'s Schema, is_open: bool) -> Self {
        Judge { schema, is_open }
    }

    /// Checks the variables of a request: required ones must be present, and all must have the right form. A whole
    /// number that is written as a fraction, such as `2.0`, becomes an integer. Absent variables get their defaults.
    pub fn coerce_variables(
        self,
        operation: &Operation,
        variables: &mut Map<String, Json>,
    ) -> Vec<ValueProblem> {
        for definition in &operation.variables {
            let name = definition.name.as_str();
            if let Some(default) = &definition.default_value
                && !variables.contains_key(name)
            {
                let default = constant(default).into_json().unwrap_or_default();
                variables.insert(name.to_owned(), default);
            }
        }
        let definitions = operation.variables.iter();
        let checked = definitions.filter_map(|definition| {
            let value = variables.get_mut(definition.name.as_str());
            let message = self.check_variable(definition, value).err()?;
            Some(ValueProblem {
                message,
                span: definition.location(),
            })
        });
        checked.collect()
    }

    fn check_variable(
        self,
        definition: &VariableDefinition,
        value: Option<&mut Json>,
    ) -> Result<(), String> {
        let (name, ty) = (&definition.name, &definition.ty);
        let missing = |found: &str| {
            format!("expected a value of type {ty} for the variable \"${name}\", found {found}")
        };
        match value {
            None if definition.default_value.is_none() && ty.is_non_null() => Err(missing("none")),
            None => Ok(()),
            Some(Json::Null) if ty.is_non_null() => Err(missing("null")),
            Some(value) => {
                let mut path = format!("${name}");
                let checked = self.check_json(ty, value, &mut path);
                checked.map_err(|message| format!("{path}: {message}"))
            }
        }
    }

    /// Checks a value. If it is wrong, `path` leads to the wrong part afterwards.
    fn check_json(self, ty: &Type, value: &mut Json, path: &mut String) -> Result<(), String> {
        if value.is_null() {
            return match ty.is_non_null() {
                true => Err(format!("expected a value of type {ty}, found null")),
                false => Ok(()),
            };
        }
        if let Type::List(inner) | Type::NonNullList(inner) = ty {
            // A single value is accepted as a list of one.
            let Json::Array(items) = value else {
                return self.check_json(inner, value, path);
            };
            let length = path.len();
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                self.check_json(inner, item, path)?;
                path.truncate(length);
            }
            return Ok(());
        }
        let name = ty.inner_named_type();
        match self.schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) => check_scalar(name, value),
            Some(ExtendedType::Enum(definition)) => self.check_enum(definition, value),
            Some(ExtendedType::InputObject(input)) => self.check_object(input, value, path),
            _ => Ok(()),
        }
    }

    fn check_enum(self, definition: &EnumType, value: &Json) -> Result<(), String> {
        let is_known = |text| definition.values.contains_key(text);
        if value.as_str().is_some_and(is_known) {
            return Ok(());
        }
        let found = shorten(value);
        if !self.is_open {
            return Err(format!("expected a {}, found {found}", definition.name));
        }
        let names = definition.values.keys().map(|name| name.as_str());
        let names: Vec<&str> = names.collect();
        Err(format!(
            "expected one of {}, found {found}",
            names.join(", ")
        ))
    }

    fn check_object(
        self,
        input: &InputObjectType,
        value: &mut Json,
        path: &mut String,
    ) -> Result<(), String> {
        let Json::Object(fields) = value else {
            let found = shorten(value);
            return Err(format!(
                "expected an object of type {}, found {found}",
                input.name
            ));
        };
        if is_one_of(input) && (fields.len() != 1 || fields.values().any(Json::is_null)) {
            return Err(self.describe_one_of(input, fields.keys().map(String::as_str)));
        }
        if let Some(unknown) = find_unknown(input, fields) {
            let names = input.fields.keys().map(|name| name.as_str());
            let hint = crate::rule::nearest(unknown, names).filter(|_| self.is_open);
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(format!("{} has no \"{unknown}\"{hint}", input.name));
        }
        let length = path.len();
        for (name, field) in &input.fields {
            path.push_str(&format!(".{name}"));
            match fields.get_mut(name.as_str()) {
                Some(value) => self.check_json(&field.ty, value, path)?,
                None if field.ty.is_non_null() && field.default_value.is_none() => {
                    return Err(format!("expected a value of type {}, found none", field.ty));
                }
                None => {}
            }
            path.truncate(length);
        }
        Ok(())
    }

    pub(super) fn describe_one_of<'n>(
        self,
        input: &InputObjectType,
        found: impl Iterator<Item = &'n str>,
    ) -> String {
        let quote = |names: Vec<&str>, between: &str| {
            let quoted = names.iter().map(|name| format!("\"{name}\""));
            quoted.collect::<Vec<String>>().join(between)
        };
        let expected = match self.is_open {
            true => format!(
                "exactly one of {}",
                quote(
                    input.fields.keys().map(|name| name.as_str()).collect(),
                    ", "
                )
            ),
            false => "exactly one field".to_owned(),
        };
        let found = match quote(found.collect(), " and ") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        format!("expected {expected} in {}, found {found}", input.name)
    }
}

pub(super) fn is_one_of(input: &InputObjectType) -> bool {
    input.directives.get("oneOf").is_some()
}

fn find_unknown<'f>(input: &InputObjectType, fields: &'f Map<String, Json>) -> Option<&'f String> {
    let mut names = fields.keys();
    names.find(|name| !input.fields.contains_key(name.as_str()))
}

fn check_scalar(name: &str, value: &mut Json) -> Result<(), String> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    let (is_right, expected) = match name {
        "Int" => {
            let fits =
                whole.filter(|number| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(number));
            if let Some(number) = fits {
                *value = Json::from(number as i64);
            }
            (fits.is_some(), "a whole number of 32 bits")
        }
        "Float" => (value.is_number(), "a number"),
        "String" => (value.is_string(), "a text"),
        "Boolean" => (value.is_boolean(), "true or false"),
        "ID" => (
            value.is_string() || value.is_i64() || value.is_u64(),
            "an id",
        ),
        _ => {
            let value = Value::from_json(value.clone()).unwrap_or_default();
            return check_custom_scalar(name, value);
        }
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("expected {expected}, found {}", shorten(value))),
    }
}

/// Checks a value of one of our own scalars as the resolvers will read it.
pub(super) fn check_custom_scalar(name: &str, value: Value) -> Result<(), String> {
    let failed = match name {
        "Date" => {
            let parsed = Date::parse(Some(value));
            parsed
                .err()
                .map(|error| error.into_server_error(Pos::default()))
        }
        "DateTime" => {
            if let Value::String(text) = &value
                && let Err(message) = parse_instant(text)
            {
                return Err(message);
            }
            let parsed = DateTime::<Utc>::parse(Some(value));
            parsed
                .err()
                .map(|error| error.into_server_error(Pos::default()))
        }
        _ => None,
    };
    match failed {
        Some(error) => Err(format!("expected a {name}: {}", error.message)),
        None => Ok(()),
    }
}

/// Shortens a value for a message. The beginning is enough to recognise it.
fn shorten(value: &Json) -> String {
    match value {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        other => crate::rule::shorten(&other.to_string()),
    }
}
