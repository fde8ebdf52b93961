//! What an evaluation goes by: its moment, and what measures and stops it.

use super::budget::{Spending, Stopwatch};
use super::meter::Meter;
use super::settings::RefreshSettings;
use crate::cancel::Cancel;
use crate::rule::Moment;

/// What an evaluation goes by.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    /// The one "now".
    pub moment: &'w Moment,
    /// Takes measure of it.
    pub meter: &'w Meter,
    /// Stops it.
    pub cancel: &'w Cancel,
    /// What the rules spend; not measured if absent.
    pub spending: Option<&'w Spending>,
}

impl<'w> Work<'w> {
    /// Returns what an evaluation by these settings goes by, without a budget.
    pub fn of(moment: &'w Moment, settings: &'w RefreshSettings) -> Work<'w> {
        Work {
            moment,
            meter: &settings.meter,
            cancel: &settings.cancel,
            spending: None,
        }
    }

    /// Returns a watch for the evaluation of a chunk.
    pub fn watch(&self) -> Stopwatch<'w> {
        Stopwatch::new(self.cancel, self.spending)
    }
}
