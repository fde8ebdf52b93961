//! Conditions about events, as GraphQL input.

use super::input::{
    BooleanTestInput, CalendarPeriod, DateRangeInput, DateTestInput, ListTestInput,
    NumberTestInput, PeriodInput, PeriodRangeInput, TextTestInput,
};
use async_graphql::{InputObject, OneofObject};

/// A condition about events of subscribers: names of events, tests of their properties, at most one window of time, and
/// at most one measure. Without a measure, there must be at least one event. Without a window, every recorded event
/// counts, also future ones; with a window, only the events in it. A window that reaches beyond the years 1 to 9999
/// ends there.
#[derive(InputObject)]
pub struct EventConditionInput {
    /// The name of the events; or give `names`.
    pub name: Option<String>,
    /// Names of events that count together; or give `name`.
    pub names: Option<Vec<String>>,
    /// Tests of properties, all of which an event must pass to count.
    pub r#where: Option<Vec<EventPropertyInput>>,
    /// Only events from this long ago until now; future events do not count.
    pub in_the_last: Option<PeriodInput>,
    /// Only events between these two lengths of time ago, both included.
    pub between_ago: Option<PeriodRangeInput>,
    /// Only events within this whole period of the calendar.
    pub during: Option<CalendarPeriod>,
    /// Only events between these days or date-times, both included.
    pub between: Option<DateRangeInput>,
    /// Only events before this day or date-time.
    pub before: Option<String>,
    /// Only events after this day or date-time.
    pub after: Option<String>,
    /// How many events there are.
    pub count: Option<NumberTestInput>,
    /// On how many days of the server's time zone an event happened.
    pub distinct_days: Option<NumberTestInput>,
    /// The sum of the values; 0 if there are no values.
    pub sum: Option<NumberTestInput>,
    /// The mean of the values; missing if there are no values.
    pub average: Option<NumberTestInput>,
    /// The least of the values; missing if there are no values.
    pub min: Option<NumberTestInput>,
    /// The greatest of the values; missing if there are no values.
    pub max: Option<NumberTestInput>,
    /// When the first event happened; missing if there are no events.
    pub first_at: Option<DateTestInput>,
    /// When the last event happened; missing if there are no events.
    pub last_at: Option<DateTestInput>,
    /// The property whose numbers `sum`, `average`, `min` or `max` uses; the values of the events if absent. An event
    /// without a number in the property does not count. The sum is exact and rounded once.
    pub of: Option<String>,
}

/// A test of a property of an event. A property of another type than the test counts as missing.
#[derive(OneofObject)]
pub enum EventPropertyInput {
    /// A text that passes a test.
    Text(TextPropertyInput),
    /// A number that passes a test.
    Number(NumberPropertyInput),
    /// A day or a date-time, written as in rules, that passes a test; a day is the beginning of the local day.
    Date(DatePropertyInput),
    /// A boolean that passes a test.
    Boolean(BooleanPropertyInput),
    /// A list of texts that passes a test.
    List(ListPropertyInput),
}

/// A property that is a text and passes a test.
#[derive(InputObject)]
pub struct TextPropertyInput {
    /// The name of the property.
    pub property: String,
    /// The test.
    pub is: TextTestInput,
    /// Whether upper and lower case differ; false if absent.
    pub case_sensitive: Option<bool>,
}

/// A property that is a number and passes a test.
#[derive(InputObject)]
pub struct NumberPropertyInput {
    /// The name of the property.
    pub property: String,
    /// The test.
    pub is: NumberTestInput,
}

/// A property that is a day or a date-time and passes a test.
#[derive(InputObject)]
pub struct DatePropertyInput {
    /// The name of the property.
    pub property: String,
    /// The test.
    pub is: DateTestInput,
}

/// A property that is a boolean and passes a test.
#[derive(InputObject)]
pub struct BooleanPropertyInput {
    /// The name of the property.
    pub property: String,
    /// The test.
    pub is: BooleanTestInput,
}

/// A property that is a list of texts and passes a test.
#[derive(InputObject)]
pub struct ListPropertyInput {
    /// The name of the property.
    pub property: String,
    /// The test.
    pub is: ListTestInput,
}
