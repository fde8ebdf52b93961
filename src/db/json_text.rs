//! JSON of the database that stays text until it is read.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Jsonb;
use serde_json::Value;
use std::io::Write;

/// The version of the binary form of `jsonb`, which is followed by text.
const VERSION: u8 = 1;

/// A JSON document as text. It is not parsed when it is loaded, because most rows are loaded for their other columns.
#[derive(Debug, Clone, AsExpression, FromSqlRow)]
#[diesel(sql_type = Jsonb)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// Returns how many bytes of text it has.
    #[expect(clippy::len_without_is_empty, reason = "no document is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Parses the document.
    pub fn read(&self) -> Value {
        // The database accepts only valid JSON.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> JsonText {
        JsonText(value.to_string().into())
    }
}

/// Two documents are equal if their values are equal.
impl PartialEq for JsonText {
    fn eq(&self, other: &JsonText) -> bool {
        self.0 == other.0 || self.read() == other.read()
    }
}

impl FromSql<Jsonb, Pg> for JsonText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<JsonText> {
        match value.as_bytes().split_first() {
            Some((&VERSION, text)) => Ok(JsonText(std::str::from_utf8(text)?.into())),
            _ => Err("expected version 1 of the binary form of jsonb".into()),
        }
    }
}

impl ToSql<Jsonb, Pg> for JsonText {
    fn to_sql<'b>(&'b self, output: &mut Output<'b, '_, Pg>) -> serialize::Result {
        output.write_all(&[VERSION])?;
        output.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}
