//! The only place that asks what time it is.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// Tells the time, in whole microseconds as Postgres keeps it.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The time of this machine.
    #[default]
    System,
    /// The time of this machine, so much later or earlier: for the demo, whose data is of another time.
    Shifted(Duration),
    /// A fixed time, until it is set: for `--now` and tests.
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that always shows this instant.
    pub fn standing_at(now: DateTime<Utc>) -> Clock {
        Clock::Manual(Arc::new(Mutex::new(now)))
    }

    /// A clock that goes on from this instant.
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

    /// Sets a manual clock; the others go on as they do.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Clock::Manual(current) = self {
            *current.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}
