//! The literal values in rules: days, date-times, periods and statuses.

use crate::names;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// A day or a date-time, as a rule writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum DateLiteral {
    /// A calendar day, such as `2026-03-01`. Compared with a date-time, it means the whole local day.
    Day(NaiveDate),
    /// An RFC 3339 date-time, kept to microseconds like every stored date-time.
    Instant(DateTime<Utc>),
}

/// A length of time: an amount of calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Period {
    /// How many units; at most [`MAX_PERIOD`](super::MAX_PERIOD).
    pub amount: u32,
    /// The unit.
    pub unit: Unit,
}

impl Period {
    /// Returns whether the period is shorter than another one, whatever the date. A day counts as 24 hours. Months and
    /// years vary in length, so that either of 1 month and 30 days can be the longer one.
    pub fn is_always_shorter_than(self, other: Period) -> bool {
        if self.unit == other.unit {
            return self.amount < other.amount;
        }
        self.hours(|unit| unit.hours().1) < other.hours(|unit| unit.hours().0)
    }

    fn hours(self, of_unit: impl Fn(Unit) -> u64) -> u64 {
        u64::from(self.amount) * of_unit(self.unit)
    }
}

/// The unit of a [`Period`]. An hour is 3,600 seconds; the others are calendar steps in the configured time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Unit {
    /// 3,600 seconds.
    Hour,
    /// The same wall-clock time on the next or previous day.
    Day,
    /// Seven days.
    Week,
    /// The same day of another month, clamped to its end.
    Month,
    /// The same day of another year, clamped to the end of February.
    Year,
}

names!(Unit {
    Hour: "HOUR",
    Day: "DAY",
    Week: "WEEK",
    Month: "MONTH",
    Year: "YEAR",
});

impl Unit {
    /// Returns the least and the greatest number of hours in the unit.
    fn hours(self) -> (u64, u64) {
        match self {
            Unit::Hour => (1, 1),
            Unit::Day => (24, 24),
            Unit::Week => (7 * 24, 7 * 24),
            Unit::Month => (28 * 24, 31 * 24),
            Unit::Year => (365 * 24, 366 * 24),
        }
    }
}

/// Whether a subscriber may be sent e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Wants to be sent e-mail.
    Subscribed,
    /// Opted out of e-mail.
    Unsubscribed,
    /// The e-mail address does not work.
    Bounced,
    /// Reported a message as unwanted.
    Complained,
    /// Has not confirmed the subscription yet.
    Pending,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 5] = [
        Status::Subscribed,
        Status::Unsubscribed,
        Status::Bounced,
        Status::Complained,
        Status::Pending,
    ];

    /// Returns the name in rules and in GraphQL.
    pub fn as_rule_str(self) -> &'static str {
        match self {
            Status::Subscribed => "SUBSCRIBED",
            Status::Unsubscribed => "UNSUBSCRIBED",
            Status::Bounced => "BOUNCED",
            Status::Complained => "COMPLAINED",
            Status::Pending => "PENDING",
        }
    }

    /// Returns the name in the database and in CSV files.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Subscribed => "subscribed",
            Status::Unsubscribed => "unsubscribed",
            Status::Bounced => "bounced",
            Status::Complained => "complained",
            Status::Pending => "pending",
        }
    }

    /// Returns whether subscribers with this status must not be sent e-mail because they opted out, bounced or
    /// complained.
    pub fn withholds(self) -> bool {
        matches!(
            self,
            Status::Unsubscribed | Status::Bounced | Status::Complained
        )
    }

    /// Reads the name of a status in any letter case.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
    }
}
