//! Finds the culprits: the rules that make an evaluation fail.
//!
//! All rules are evaluated together, so that a failure of one rule fails them all. The search evaluates halves of the
//! rules over the chunk that failed, until it has the rules that fail alone. These become invalid, with the reason, and
//! the others are evaluated without them.

use super::compare::{Evaluable, compare_chunk};
use crate::cancel::Cancel;
use crate::db::Db;
use crate::error::Error;
use crate::rule::{Code, Moment, Problem};
use crate::scan::budget::Spending;
use crate::scan::chunk_range::ChunkRange;
use crate::scan::guard::{guard, may_be_of_rule};
use crate::scan::meter::Meter;
use crate::scan::rules::SegmentRule;
use crate::scan::snapshot::SharedSnapshot;
use crate::scan::work::Work;
use crate::scan::workers::evaluate_chunk;
use std::time::Duration;

/// How much of a reason is kept, in characters.
const LONGEST_REASON: usize = 300;

/// A search among rules, over one chunk of the snapshot in which they failed.
pub struct Search<'s> {
    /// The database.
    pub db: &'s Db,
    /// The snapshot.
    pub snapshot: &'s SharedSnapshot,
    /// The moment of the evaluation.
    pub moment: &'s Moment,
    /// The chunk that failed.
    pub range: ChunkRange,
    /// How long each rule may be evaluated. A rule that exceeds it is not evaluated any further and not found here: the
    /// next attempt at the refresh finds it.
    pub budget: Duration,
}

impl Search<'_> {
    /// Returns the rules that cannot be evaluated, by their positions, each with the reason.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database goes away meanwhile.
    pub fn find(&self, rules: &[SegmentRule]) -> Result<Vec<(usize, Problem)>, Error> {
        let places: Vec<usize> = (0..rules.len())
            .filter(|place| rules[*place].rule.is_ok())
            .collect();
        let mut found = Vec::new();
        self.halve(rules, &places, &mut found)?;
        Ok(found)
    }

    fn halve(
        &self,
        rules: &[SegmentRule],
        places: &[usize],
        found: &mut Vec<(usize, Problem)>,
    ) -> Result<(), Error> {
        if places.is_empty() {
            return Ok(());
        }
        match self.evaluate(rules, places) {
            Ok(()) => Ok(()),
            Err(error) if !may_be_of_rule(&error) => Err(error),
            Err(error) => match places {
                [alone] => {
                    found.push((*alone, problem_of(&error)));
                    Ok(())
                }
                _ => {
                    let (first, second) = places.split_at(places.len() / 2);
                    self.halve(rules, first, found)?;
                    self.halve(rules, second, found)
                }
            },
        }
    }

    /// Evaluates some of the rules over the chunk. A segment that they use and that is not among them is read as it is
    /// stored, so that no segment is blamed for the rule of another.
    fn evaluate(&self, rules: &[SegmentRule], places: &[usize]) -> Result<(), Error> {
        // A connection that failed cannot be used again.
        let mut connection = self.snapshot.join(self.db)?;
        guard(|| {
            let evaluable = Evaluable::new(rules, places.to_vec(), self.moment);
            let (meter, cancel) = (Meter::default(), Cancel::default());
            let spending = Spending::new(&evaluable.plan, self.budget);
            let work = Work {
                moment: self.moment,
                meter: &meter,
                cancel: &cancel,
                spending: Some(&spending),
            };
            evaluate_chunk(
                &mut connection,
                &evaluable.plan,
                self.range,
                work,
                |connection, evaluated| {
                    compare_chunk(connection, &evaluable, evaluated, &meter).map(drop)
                },
            )
        })
    }
}

fn problem_of(error: &Error) -> Problem {
    let reason = match error {
        Error::Internal(reason) => reason.clone(),
        other => other.to_string(),
    };
    let reason: String = reason.chars().take(LONGEST_REASON).collect();
    let message = format!("the evaluation of the rule fails: {reason}");
    let hint = "change the rule or the values it asks about; the next refresh tries again";
    Problem::new("", Code::EvaluationFailed, message).with_hint(Some(hint.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_says_why() {
        let panicked: Result<(), Error> = guard(|| panic!("no such kernel: {}", 7));
        let error = panicked.expect_err("it panicked");
        assert!(may_be_of_rule(&error));
        assert!(problem_of(&error).message.ends_with("no such kernel: 7"));
    }
}
