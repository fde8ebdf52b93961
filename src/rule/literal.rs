//! The small values that rules are made of: days, instants, periods, statuses.

use crate::names;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// A point on the time line as a rule writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum DateLiteral {
    /// A calendar day, `2026-03-01`: the whole local day where it meets an instant.
    Day(NaiveDate),
    /// An instant, RFC 3339, kept to microseconds like every stored instant.
    Instant(DateTime<Utc>),
}

/// A length of time as people say it: an amount of calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Period {
    /// How many units; at most [`MAX_PERIOD`](super::MAX_PERIOD).
    pub amount: u32,
    /// Which unit.
    pub unit: Unit,
}

impl Period {
    /// Whether it is shorter than another at every moment. Days count as 24 hours; months and years have a shortest and a
    /// longest length, so that 1 month and 30 days can each be the longer one.
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
    /// Returns how many hours it has at the least and at the most.
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

/// Whether a subscriber may be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Wants to be addressed.
    Subscribed,
    /// Asked not to be addressed any more.
    Unsubscribed,
    /// The address does not work.
    Bounced,
    /// Reported a message as unwanted.
    Complained,
    /// Has not confirmed yet.
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

    /// The name in rules and in GraphQL.
    pub fn as_rule_str(self) -> &'static str {
        match self {
            Status::Subscribed => "SUBSCRIBED",
            Status::Unsubscribed => "UNSUBSCRIBED",
            Status::Bounced => "BOUNCED",
            Status::Complained => "COMPLAINED",
            Status::Pending => "PENDING",
        }
    }

    /// The name in the database and in CSV files.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Subscribed => "subscribed",
            Status::Unsubscribed => "unsubscribed",
            Status::Bounced => "bounced",
            Status::Complained => "complained",
            Status::Pending => "pending",
        }
    }

    /// Whether it says not to address the subscriber.
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
