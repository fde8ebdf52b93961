//! The only module that reads the current time.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// The source of the current time, in whole microseconds as Postgres stores it.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The time of this machine.
    #[default]
    System,
    /// The time of this machine plus an offset, for the demo, whose data is from another time.
    Shifted(Duration),
    /// A time that stands still until it is set, for `--now` and tests.
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// Returns a clock that stands still at this time.
    pub fn standing_at(now: DateTime<Utc>) -> Clock {
        Clock::Manual(Arc::new(Mutex::new(now)))
    }

    /// Returns a clock that starts at this time and runs.
    pub fn going_from(start: DateTime<Utc>) -> Clock {
        Clock::Shifted(start - Clock::System.now())
    }

    /// Returns the current time.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that may ask"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self {
            Clock::System => Utc::now(),
            Clock::Shifted(shift) => Utc::now() + *shift,
            Clock::Manual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        };
        now.trunc_subsecs(6)
    }

    /// Sets a manual clock. Does nothing to other clocks.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Clock::Manual(current) = self {
            *current.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}
