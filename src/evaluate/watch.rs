//! Watches an evaluation: the evaluator reports which part it works on, and asks whether to continue. The evaluator
//! uses no clock.

use crate::cancel::{Cancel, Stopped};

/// A part of a plan that is evaluated by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The leaf at this position in [`Plan::leaves`](super::Plan::leaves).
    Leaf(usize),
    /// The test of event properties at this position in [`EventPlan::filters`](super::EventPlan::filters).
    Filter(usize),
}

/// Watches the evaluation of a chunk.
pub trait Watch {
    /// The evaluation of a part begins. Returns whether it is needed at all; if not, the part has no end.
    fn begin(&self, part: Part) -> bool;

    /// A regular expression is about to search a text of that many bytes. Returns whether it may. If not, the answer to
    /// the part must not be used.
    fn may_search(&self, bytes: usize) -> bool;

    /// The evaluation of a part has ended.
    ///
    /// # Errors
    /// [`Stopped`] if nothing more must be evaluated.
    fn end(&self, part: Part) -> Result<(), Stopped>;
}

impl Watch for Cancel {
    fn begin(&self, _: Part) -> bool {
        true
    }

    fn may_search(&self, _: usize) -> bool {
        !self.is_stopped()
    }

    fn end(&self, _: Part) -> Result<(), Stopped> {
        self.check()
    }
}
