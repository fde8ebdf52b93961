//! Scalars that the libraries do not provide under the names we want.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::NaiveDate;

/// The description of `DateTime`, which replaces that of the library.
pub const INSTANT: &str = "An instant in the form of RFC 3339, such as `2026-03-01T09:30:00Z`, from `0001-01-01T00:00:00Z` to `9999-12-31T23:59:59.999999Z`; kept to microseconds. Leap seconds (`23:59:60`) are refused. Answers are in UTC.";

/// A calendar day without a time or a zone, such as `2026-03-01`, of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A calendar day without a time or a zone, such as `2026-03-01`, of the years 1 to 9999.
#[Scalar(specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        match crate::audience::clean::clean_day(text) {
            Ok(Some(day)) => Ok(Date(day)),
            Ok(None) => Err(InputValueError::custom(
                "expected a day, found an empty text",
            )),
            Err(message) => Err(InputValueError::custom(message)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Returns a count as GraphQL's 32-bit integer, which is large enough for two hundred times ten million subscribers.
pub fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
