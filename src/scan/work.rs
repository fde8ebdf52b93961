//! The context of an evaluation: its moment, and what measures and stops it.

use super::budget::{Spending, Stopwatch};
use super::meter::Meter;
use super::settings::RefreshSettings;
use crate::cancel::Cancel;
use crate::rule::Moment;

/// The context of an evaluation.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    /// The one "now".
    pub moment: &'w Moment,
    /// Measures the work.
    pub meter: &'w Meter,
    /// Stops the work.
    pub cancel: &'w Cancel,
    /// The time that the rules spend. If absent, it is not measured.
    pub spending: Option<&'w Spending>,
}

impl<'w> Work<'w> {
    /// Returns the context of an evaluation with these settings, without a budget.
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
