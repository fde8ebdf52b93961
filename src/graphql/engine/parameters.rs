//! The parameters of a GraphQL request, over any transport:
//! <https://graphql.github.io/graphql-over-http/draft/#sec-Request>.

use super::code::ErrorCode;
use super::document::{Reference, Refusal};
use crate::rule::find_lost_digits;
use serde_json::{Map, Value};

/// The parameters of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// The text of the document.
    pub query: Option<String>,
    /// The hash or name of a document that the server knows.
    pub document_id: Option<String>,
    /// The name of the operation to execute.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Map<String, Value>,
    /// The extensions of the request.
    pub extensions: Map<String, Value>,
    /// The path of a number in the variables that no double can hold, and what is wrong with it.
    pub lost_digits: Option<(String, String)>,
}

/// The message for a malformed request.
const EXPECTED: &str = "expected a JSON object with \"query\" and perhaps \"variables\"";

impl Parameters {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// A message if the body is not JSON.
    pub fn parse_json(body: &[u8]) -> Result<Value, String> {
        serde_json::from_slice(body).map_err(|error| format!("{EXPECTED}: {error}"))
    }

    /// Finds numbers in the variables that no double can hold. `json` is the text that the parameters were read from,
    /// and `below` has the keys under which the variables are. The request is refused when it is prepared.
    pub fn find_lost_digits(&mut self, json: &[u8], below: &[&str]) {
        let json = std::str::from_utf8(json).unwrap_or_default();
        self.lost_digits = find_lost_digits(json, below);
    }

    /// Reads parameters from JSON. Unknown ones are ignored.
    ///
    /// # Errors
    /// A message if a parameter has the wrong type.
    pub fn from_json(value: Value) -> Result<Parameters, String> {
        let Value::Object(mut fields) = value else {
            return Err(format!("{EXPECTED}, found {}", name_type(&value)));
        };
        Ok(Parameters {
            query: take_text(&mut fields, "query")?,
            document_id: take_text(&mut fields, "documentId")?,
            operation_name: take_text(&mut fields, "operationName")?,
            variables: take_map(&mut fields, "variables")?,
            extensions: take_map(&mut fields, "extensions")?,
            lost_digits: None,
        })
    }

    /// Reads parameters from the query string of a URL. An empty parameter counts as absent.
    ///
    /// # Errors
    /// A message if a parameter cannot be read.
    pub fn from_query(query: &str) -> Result<Parameters, String> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|error| format!("expected parameters such as ?query=…: {error}"))?;
        let mut fields = Map::new();
        let mut lost_digits = None;
        for (name, text) in pairs {
            if text.is_empty() {
                continue;
            }
            if name == "variables" {
                lost_digits = find_lost_digits(&text, &[]);
            }
            let value = match name.as_str() {
                "variables" | "extensions" => serde_json::from_str(&text)
                    .map_err(|error| format!("expected \"{name}\" as a JSON object: {error}"))?,
                _ => Value::String(text),
            };
            fields.insert(name, value);
        }
        let parameters = Parameters::from_json(Value::Object(fields))?;
        Ok(Parameters {
            lost_digits,
            ..parameters
        })
    }

    /// Returns how the request names its document, besides its text or instead of it.
    ///
    /// # Errors
    /// A [`Refusal`] if the extension does not have the form that Apollo's clients give it.
    pub fn reference(&self) -> Result<Option<Reference>, Refusal> {
        if let Some(id) = &self.document_id {
            return Ok(Some(Reference::parse(id)));
        }
        let Some(extension) = self
            .extensions
            .get("persistedQuery")
            .filter(|value| !value.is_null())
        else {
            return Ok(None);
        };
        let hash = extension.get("sha256Hash").and_then(Value::as_str);
        match (extension.get("version").and_then(Value::as_i64), hash) {
            (Some(1), Some(hash)) => Ok(Some(Reference::Hash(hash.to_ascii_lowercase()))),
            _ => {
                let message = "expected {\"version\": 1, \"sha256Hash\": …} as the extension \"persistedQuery\"";
                Err(Refusal::new(ErrorCode::BadRequest, message))
            }
        }
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!(
            "expected \"{name}\" as a text, found {}",
            name_type(&other)
        )),
    }
}

fn take_map(fields: &mut Map<String, Value>, name: &str) -> Result<Map<String, Value>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(format!(
            "expected \"{name}\" as an object, found {}",
            name_type(&other)
        )),
    }
}

fn name_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
