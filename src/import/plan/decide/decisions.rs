//! The decisions about the columns of a file, and the open questions.

use crate::error::{InputCode, InputProblem};
use crate::import::plan::presets::Preset;
use crate::import::plan::question::{Change, Question, QuestionKind};
use crate::import::plan::target::Target;
use std::collections::HashSet;

/// Why a column goes where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// An option says so.
    Said,
    /// The preset of a well-known program has the column.
    Preset(&'static Preset),
    /// The name of the column means that.
    Name,
    /// The values of the column mean that.
    Values,
    /// The name of the column is the key of a custom field.
    OwnField,
    /// The column is empty.
    Empty,
    /// The option for all other columns says so.
    Others,
    /// The column belongs to a file of refused rows.
    Refused,
    /// The column is not settled yet.
    Open,
}

/// Where a column goes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The target of the column.
    pub target: Target,
    /// Why it goes there.
    pub why: Why,
}

/// The decisions about a file.
#[derive(Debug, Default)]
pub struct Decisions {
    /// The decision about every column, in their order.
    pub columns: Vec<Decision>,
    /// The values of `set`, each with its target.
    pub constants: Vec<(Target, String)>,
    /// The questions to answer before anything is written.
    pub questions: Vec<Question>,
    /// The errors of the options.
    pub problems: Vec<InputProblem>,
    /// The keys of custom fields that columns go to.
    pub keys: HashSet<String>,
}

impl Decisions {
    /// Whether a column has the target already.
    pub fn is_taken(&self, target: &Target) -> bool {
        self.columns
            .iter()
            .any(|decision| decision.target == *target)
    }

    /// Whether a question proposes the target.
    pub fn is_offered(&self, target: &Target) -> bool {
        let name = target.name();
        let mut changes = self.questions.iter().flat_map(|question| &question.changes);
        changes.any(
            |change| matches!(change, Change::Column { field, .. } if Some(field) == name.as_ref()),
        )
    }

    /// Adds a question about a column.
    pub fn ask(
        &mut self,
        kind: QuestionKind,
        column: usize,
        message: String,
        changes: Vec<Change>,
    ) -> Decision {
        self.questions.push(Question {
            kind,
            column: Some(column),
            message,
            changes,
        });
        Decision {
            target: Target::Nowhere,
            why: Why::Open,
        }
    }

    /// Reports that an option for a column is wrong.
    pub fn refuse(&mut self, code: InputCode, message: String, hint: Option<String>) -> Decision {
        self.problems
            .push(InputProblem::new(code, "header", message).with_hint(hint));
        Decision {
            target: Target::Nowhere,
            why: Why::Said,
        }
    }
}

/// Returns a decision for a target.
pub fn decided(target: Target, why: Why) -> Decision {
    Decision { target, why }
}
