//! The rule language as GraphQL input: the same shape as its JSON, with every key typed and described.
//!
//! These types only carry values. They are turned into JSON, which one parser reads wherever a rule comes from. A test
//! checks that they offer every node and test that the parser knows.

use super::event_input::EventConditionInput;
use crate::graphql::engine::error::{UserError, UserErrorCode, bad_input};
use async_graphql::{Enum, InputObject, InputType, Json, OneofObject};
use serde_json::Value;

/// A node of a rule: exactly one of its keys.
#[derive(OneofObject)]
pub enum RuleInput {
    /// True if every child is true.
    All(Vec<RuleInput>),
    /// True if at least one child is true.
    Any(Vec<RuleInput>),
    /// True if the child is false: the complement among all subscribers.
    Not(Box<RuleInput>),
    /// Always true; the value is `true`.
    Everyone(bool),
    /// A text field that passes a test.
    Text(TextConditionInput),
    /// A custom number that passes a test.
    Number(NumberConditionInput),
    /// A day or a date-time that passes a test.
    Date(DateConditionInput),
    /// A custom boolean that passes a test.
    Boolean(BooleanConditionInput),
    /// A custom list of texts that passes a test.
    List(ListConditionInput),
    /// One of several subscription statuses.
    Status(StatusConditionInput),
    /// Where subscribers are.
    Location(LocationConditionInput),
    /// Membership in groups.
    Group(GroupConditionInput),
    /// Membership of other segments, evaluated at the same moment; for an archived segment, its last members.
    Segment(SegmentConditionInput),
    /// Events of subscribers.
    Event(Box<EventConditionInput>),
    /// A stable share of all subscribers.
    Random(RandomConditionInput),
}

/// A text field that passes a test.
#[derive(InputObject)]
pub struct TextConditionInput {
    /// The field: email, email.domain, firstName, lastName, phone, country, region, city, postalCode, language,
    /// timezone, source or `custom.KEY`.
    pub field: String,
    /// The test.
    pub is: TextTestInput,
    /// Whether upper and lower case differ; false if absent.
    pub case_sensitive: Option<bool>,
}

/// A test of a text. Negative tests are also true if there is no text.
#[derive(OneofObject)]
pub enum TextTestInput {
    /// Is this text.
    Equals(String),
    /// Is not this text.
    NotEquals(String),
    /// Is one of these texts.
    In(Vec<String>),
    /// Is none of these texts.
    NotIn(Vec<String>),
    /// Contains this text.
    Contains(String),
    /// Does not contain this text.
    NotContains(String),
    /// Starts with this text.
    StartsWith(String),
    /// Ends with this text.
    EndsWith(String),
    /// Contains a match of this regular expression.
    Matches(String),
    /// Whether there is a text.
    IsSet(bool),
}

/// A custom number that passes a test.
#[derive(InputObject)]
pub struct NumberConditionInput {
    /// The field: `custom.KEY`.
    pub field: String,
    /// The test.
    pub is: NumberTestInput,
}

/// A test of a number. Negative tests are also true if there is no number.
#[derive(OneofObject)]
pub enum NumberTestInput {
    /// Is this number.
    Equals(f64),
    /// Is not this number.
    NotEquals(f64),
    /// Is more than this.
    GreaterThan(f64),
    /// Is this or more.
    AtLeast(f64),
    /// Is less than this.
    LessThan(f64),
    /// Is this or less.
    AtMost(f64),
    /// Lies between these, both included.
    Between(NumberRangeInput),
    /// Is one of these numbers.
    In(Vec<f64>),
    /// Whether there is a number.
    IsSet(bool),
}

/// From one number to another, both included.
#[derive(InputObject)]
pub struct NumberRangeInput {
    /// The least number.
    pub from: f64,
    /// The greatest number.
    pub to: f64,
}

/// A day or a date-time that passes a test.
#[derive(InputObject)]
pub struct DateConditionInput {
    /// The field: birthday, createdAt, updatedAt, subscribedAt, unsubscribedAt or `custom.KEY`.
    pub field: String,
    /// The test.
    pub is: DateTestInput,
}

/// A test of a day or a date-time. Days such as `2026-03-01` mean the local day; date-times such as
/// `2026-03-01T09:30:00Z` can be compared with date-times only.
#[derive(OneofObject)]
pub enum DateTestInput {
    /// On this day or at this date-time.
    On(String),
    /// Before this day or date-time.
    Before(String),
    /// After this day or date-time.
    After(String),
    /// On or before this day or date-time.
    OnOrBefore(String),
    /// On or after this day or date-time.
    OnOrAfter(String),
    /// Between these days or date-times, both included.
    Between(DateRangeInput),
    /// From this long ago until now.
    InTheLast(PeriodInput),
    /// Longer ago than this.
    MoreThanAgo(PeriodInput),
    /// Between these two lengths of time ago, both included.
    BetweenAgo(PeriodRangeInput),
    /// From now until this much later.
    InTheNext(PeriodInput),
    /// Within this whole period of the calendar.
    During(CalendarPeriod),
    /// Today; the value is `true`.
    IsToday(bool),
    /// Has its anniversary today; the value is `true`.
    AnniversaryToday(bool),
    /// Has its next anniversary within this period, today included.
    AnniversaryInTheNext(PeriodInput),
    /// Had its latest anniversary within this period, today included.
    AnniversaryInTheLast(PeriodInput),
    /// Has its anniversary in this month, 1 to 12.
    AnniversaryMonth(i32),
    /// Whether there is a value.
    IsSet(bool),
}

/// From one day or date-time to another, both included.
#[derive(InputObject)]
pub struct DateRangeInput {
    /// The first day or date-time.
    pub from: String,
    /// The last day or date-time.
    pub to: String,
}

/// A length of time.
#[derive(InputObject)]
pub struct PeriodInput {
    /// The number of units.
    pub amount: i32,
    /// The unit.
    pub unit: PeriodUnit,
}

/// From one length of time before now to another, both included, such as from 60 to 30 days ago.
#[derive(InputObject)]
pub struct PeriodRangeInput {
    /// The earlier end: this long ago.
    pub from: PeriodInput,
    /// The later end: this long ago.
    pub to: PeriodInput,
}

/// A whole period of the calendar in the server's time zone, relative to the present day. Weeks begin on Monday.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarPeriod {
    /// The day before today.
    Yesterday,
    /// The present day.
    Today,
    /// The day after today.
    Tomorrow,
    /// The week before the present one, Monday to Sunday.
    LastWeek,
    /// The present week, Monday to Sunday.
    ThisWeek,
    /// The week after the present one, Monday to Sunday.
    NextWeek,
    /// The month before the present one.
    LastMonth,
    /// The present month.
    ThisMonth,
    /// The month after the present one.
    NextMonth,
    /// The three months before the present quarter. Quarters begin in January, April, July and October.
    LastQuarter,
    /// The present quarter.
    ThisQuarter,
    /// The quarter after the present one.
    NextQuarter,
    /// The year before the present one.
    LastYear,
    /// The present year.
    ThisYear,
    /// The year after the present one.
    NextYear,
}

/// A unit of time. An hour is 3,600 seconds; the others are steps of the calendar in the server's time zone.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodUnit {
    /// 3,600 seconds.
    Hour,
    /// The same time of another day.
    Day,
    /// Seven days.
    Week,
    /// The same day of another month, or its last.
    Month,
    /// The same day of another year.
    Year,
}

/// A custom boolean that passes a test.
#[derive(InputObject)]
pub struct BooleanConditionInput {
    /// The field: `custom.KEY`.
    pub field: String,
    /// The test.
    pub is: BooleanTestInput,
}

/// A test of a boolean.
#[derive(OneofObject)]
#[expect(clippy::enum_variant_names, reason = "the keys of the language")]
pub enum BooleanTestInput {
    /// Is true; the value is `true`.
    IsTrue(bool),
    /// Is false, not missing; the value is `true`.
    IsFalse(bool),
    /// Whether there is a value.
    IsSet(bool),
}

/// One of several subscription statuses.
#[derive(InputObject)]
pub struct StatusConditionInput {
    /// The statuses.
    pub r#in: Vec<crate::graphql::types::subscriber::SubscriberStatus>,
}

/// A custom list of texts that passes a test.
#[derive(InputObject)]
pub struct ListConditionInput {
    /// The field: `custom.KEY`.
    pub field: String,
    /// The test.
    pub is: ListTestInput,
}

/// A test of a list of texts; upper and lower case are the same. A missing list has no items.
#[derive(OneofObject)]
pub enum ListTestInput {
    /// Contains at least one of these texts.
    ContainsAny(Vec<String>),
    /// Contains every one of these texts.
    ContainsAll(Vec<String>),
    /// Contains none of these texts.
    ContainsNone(Vec<String>),
    /// Has a number of items that passes this test.
    Size(NumberTestInput),
    /// Whether there is a list.
    IsSet(bool),
}

/// Where subscribers are.
#[derive(OneofObject)]
pub enum LocationConditionInput {
    /// At most this far from a place.
    Within(CircleInput),
    /// Whether latitude and longitude are known.
    IsSet(bool),
}

/// A place and a distance from it, measured along the great circle.
#[derive(InputObject)]
pub struct CircleInput {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// The greatest distance, in kilometres.
    pub radius_km: f64,
}

/// Membership in groups: exactly one of `inAny`, `inAll` and `none`.
#[derive(InputObject)]
pub struct GroupConditionInput {
    /// In at least one of the groups with these keys.
    pub in_any: Option<Vec<String>>,
    /// In every one of the groups with these keys.
    pub in_all: Option<Vec<String>>,
    /// In no group at all; the value is `true`.
    pub none: Option<bool>,
    /// Only memberships that began in this window.
    pub added_at: Option<WindowInput>,
}

/// A window of time.
#[derive(OneofObject)]
pub enum WindowInput {
    /// From this long ago until now.
    InTheLast(PeriodInput),
    /// Between these two lengths of time ago, both included.
    BetweenAgo(PeriodRangeInput),
    /// Within this whole period of the calendar.
    During(CalendarPeriod),
    /// Between these days or date-times, both included.
    Between(DateRangeInput),
    /// Before this day or date-time.
    Before(String),
    /// After this day or date-time.
    After(String),
}

/// Membership of other segments: exactly one of `inAny` and `inAll`. Without `ever` and `joinedAt`, the condition
/// matches the members at the same moment.
///
/// `ever` and `joinedAt` use the stored history: what refreshes and the follower of INSTANT segments had written before
/// this evaluation began. A subscriber who is a member now, but is not stored as one yet, joins now. A membership that
/// ended longer ago than changes are kept is not known any more. One that began longer ago has no `joinedAt`.
#[derive(InputObject)]
pub struct SegmentConditionInput {
    /// In at least one of the segments with these keys.
    pub in_any: Option<Vec<String>>,
    /// In every one of the segments with these keys.
    pub in_all: Option<Vec<String>>,
    /// Whether memberships that have ended count too; the value is `true`.
    pub ever: Option<bool>,
    /// Only memberships that began in this window. Without `ever` they must last until now.
    pub joined_at: Option<WindowInput>,
}

/// A stable share of all subscribers: each subscriber keeps its place while the salt stays the same.
#[derive(InputObject)]
pub struct RandomConditionInput {
    /// Shares of different salts are independent of each other; use one salt for the parts of one experiment.
    pub salt: String,
    /// Where the share begins, in percent, 0 to 100.
    pub from_percent: f64,
    /// Where the share ends, in percent. The end is not included, unless it is 100.
    pub to_percent: f64,
}

/// Returns the rule of an input as JSON, or `None` if there is no rule.
pub fn read_rule(
    rule: Option<RuleInput>,
    rule_json: Option<Json<Value>>,
) -> Result<Option<Value>, UserError> {
    let refused = |message: &str| Err(UserError::new(UserErrorCode::Invalid, "rule", message));
    match (rule, rule_json) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => refused("expected \"rule\" or \"ruleJson\", found both"),
        (None, Some(Json(value))) => Ok(Some(value)),
        (Some(rule), None) => match rule.to_value().into_json() {
            Ok(value) => Ok(Some(without_nulls(value))),
            Err(_) => refused("expected a rule that can be written as JSON"),
        },
    }
}

/// Returns the rule of a query's arguments as JSON. Exactly one of the two must be given.
pub fn get_rule(
    rule: Option<RuleInput>,
    rule_json: Option<Json<Value>>,
) -> async_graphql::Result<Value> {
    read_rule(rule, rule_json)
        .map_err(|error| bad_input(error.message.0))?
        .ok_or_else(|| bad_input("expected \"rule\" or \"ruleJson\", found neither"))
}

/// Removes keys without a value: the typed form has all keys, the stored form only those that were given.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
