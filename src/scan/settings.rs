//! How evaluations are run.

use super::meter::Meter;
use crate::audience::setting;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::error::Error;
use crate::rule::Moment;
use diesel::PgConnection;
use std::time::Duration;

/// How refreshes are run.
#[derive(Debug, Clone)]
pub struct RefreshSettings {
    /// How many chunks are evaluated at the same time, each over a connection of its own.
    pub workers: usize,
    /// The clock for `as_of` and for the times at which a refresh started and finished.
    pub clock: Clock,
    /// Measures the work.
    pub meter: Meter,
    /// Stops the work.
    pub cancel: Cancel,
    /// How long the conditions of one rule may be evaluated in one refresh, all workers together.
    pub rule_budget: Duration,
}

impl RefreshSettings {
    /// Returns the moment of the clock, in the time zone of the database.
    pub fn moment(&self, connection: &mut PgConnection) -> Result<Moment, Error> {
        Ok(Moment {
            now: self.clock.now(),
            zone: setting::load(connection)?.time_zone,
        })
    }
}
