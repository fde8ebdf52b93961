//! The analysis of a file, before any row is written: the target of each column and the reason for it, the cells that
//! cannot be read, and the open questions, with options that answer them.

use super::decide::{Decider, Decisions, Why};
use super::options::{Others, SubscriberImport};
use super::presets::Preset;
use super::profile::{Profile, Tally};
use super::propose::{call, fit_change};
use super::question::{Change, Question, QuestionKind};
use super::target::Target;
use crate::error::{Error, InputCode, InputProblem};
use crate::import::value::cell::{CellKind, Fit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Up to this many unknown columns are proposed one by one.
pub const FEW: usize = 6;

/// A proposal makes custom fields of at most this many columns.
const MANY: usize = 60;

/// How many rounds of proposals may follow one another, each for the questions that are still open.
const ROUNDS: usize = 4;

/// How many unreadable cells of a column are shown.
const SHOWN: usize = 3;

/// What an import would do with a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Analysis {
    /// Rows of the file, without the header and empty lines.
    pub rows: u64,
    /// Rows that cannot be cut into cells.
    pub malformed: u64,
    /// The preset that the header looks like.
    pub recognised: Option<String>,
    /// The preset that is used.
    pub from: Option<String>,
    /// The columns in their order.
    pub columns: Vec<ColumnAnalysis>,
    /// The cells of the first rows, shortened, as long as the import has not begun.
    pub first_rows: Vec<Vec<String>>,
    /// The questions to answer before anything is written.
    pub questions: Vec<Question>,
    /// Options that answer all questions; empty if there are none, or if only the owner of the file knows the answers.
    pub proposal: Vec<Change>,
}

/// What an import would do with a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnAnalysis {
    /// Its name.
    pub name: String,
    /// The field that its cells go to; `None` for a column that is left out or not settled.
    pub target: Option<String>,
    /// Why the column goes there.
    pub why: String,
    /// How many cells are not empty.
    pub filled: u64,
    /// The first different values, as long as the import has not begun.
    pub samples: Vec<String>,
    /// How many cells cannot be read, and are left out.
    pub unread: u64,
    /// Some of the unreadable values, each with the number of its cells.
    pub unread_values: Vec<(String, u64)>,
    /// The option that makes most of the unreadable cells readable.
    pub mend: Option<Change>,
    /// How many cells that option makes readable.
    pub mended: u64,
    /// How many cells are read with a remark.
    pub remarks: u64,
}

/// The contents of a file, collected by reading all of it.
pub struct Looked {
    /// The names of the columns.
    pub names: Vec<String>,
    /// The contents of each column.
    pub profiles: Vec<Profile>,
    /// The cells of the first rows, shortened.
    pub first_rows: Vec<Vec<String>>,
    /// The names of groups in the columns that name groups.
    pub groups: BTreeSet<String>,
    /// How many rows there are.
    pub rows: u64,
    /// How many of them cannot be cut into cells.
    pub malformed: u64,
}

impl Analysis {
    /// Describes the decisions, and proposes options for the open questions. Every proposal is tried with the decider
    /// itself, so that it is accepted and leaves no question open.
    pub fn of(decider: &Decider<'_>, decisions: &Decisions, looked: &Looked) -> Analysis {
        let recognised = Preset::recognise(&looked.names).map(|preset| preset.name.to_owned());
        let proposal = match decisions.questions.is_empty() {
            true => Vec::new(),
            false => propose(decider, recognised.as_deref())
                .or_else(|| propose(decider, None))
                .unwrap_or_default(),
        };
        let columns = looked.names.iter().zip(&looked.profiles).enumerate();
        Analysis {
            rows: looked.rows,
            malformed: looked.malformed,
            recognised,
            from: decider.options.from.clone(),
            columns: columns
                .map(|(position, (name, profile))| {
                    column(decider, decisions, position, name.trim(), profile)
                })
                .collect(),
            first_rows: looked.first_rows.clone(),
            questions: decisions.questions.clone(),
            proposal,
        }
    }

    /// Returns the questions as input problems of the API.
    pub fn problems(&self) -> Vec<InputProblem> {
        let problems = self.questions.iter().map(|question| {
            let message = match question.column.and_then(|place| self.columns.get(place)) {
                Some(column) => format!("column \"{}\" {}", column.name, question.message),
                None => question.message.clone(),
            };
            let code = match question.kind {
                QuestionKind::NoEmail | QuestionKind::NoEvent | QuestionKind::NoTime => {
                    InputCode::Missing
                }
                QuestionKind::Unknown => InputCode::NotFound,
                QuestionKind::Again | QuestionKind::Unreadable | QuestionKind::StatusWords => {
                    InputCode::Invalid
                }
                QuestionKind::Consent | QuestionKind::AboutLeft => InputCode::ConsentRequired,
            };
            let hint: Vec<String> = question.changes.iter().map(Change::as_input).collect();
            let hint = (!hint.is_empty()).then(|| format!("proposed: {}", hint.join(", ")));
            InputProblem::new(code, "header", message).with_hint(hint)
        });
        problems.collect()
    }

    /// Deletes the values of people, which are needed only to answer the questions.
    pub fn forget_values(&mut self) {
        for column in &mut self.columns {
            column.samples.clear();
            column.unread_values.clear();
        }
        self.first_rows.clear();
    }
}

/// Returns the questions as an error, if there are any.
pub fn open_questions(analysis: &Analysis) -> Option<Error> {
    (!analysis.questions.is_empty()).then(|| Error::Invalid(analysis.problems()))
}

fn column(
    decider: &Decider<'_>,
    decisions: &Decisions,
    position: usize,
    name: &str,
    profile: &Profile,
) -> ColumnAnalysis {
    let decision = &decisions.columns[position];
    let tally = decision
        .target
        .kind()
        .map(|kind| profile.tally(kind))
        .unwrap_or_default();
    let mut unread: Vec<(String, u64)> = tally.bad_words.clone().into_iter().collect();
    unread.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    unread.truncate(SHOWN);
    let mend = mend(decider, &tally, name, position);
    ColumnAnalysis {
        name: name.to_owned(),
        target: decision.target.name(),
        why: why(decision.why, &decision.target, decisions, position),
        filled: profile.filled,
        samples: profile.samples.clone(),
        unread: tally.bad,
        unread_values: unread,
        mended: mend.as_ref().map(|(_, count)| *count).unwrap_or_default(),
        mend: mend.map(|(change, _)| change),
        remarks: tally.remarks,
    }
}

fn mend(
    decider: &Decider<'_>,
    tally: &Tally,
    name: &str,
    position: usize,
) -> Option<(Change, u64)> {
    let is = |said: &str| super::header::is_column(said, name, position);
    let options = decider.options;
    let is_said = |fit: Fit| match fit {
        Fit::DateFormat(_) => options.date_formats.iter().any(|(said, _)| is(said)),
        Fit::DecimalComma | Fit::DecimalPoint => {
            let mut said = options.decimal_commas.iter().chain(&options.decimal_points);
            said.any(|said| is(said))
        }
    };
    let fits = tally.best_fits();
    let (fit, count) = fits.into_iter().find(|(fit, _)| !is_said(*fit))?;
    Some((fit_change(fit, call(name, position))?, count))
}

fn why(why: Why, target: &Target, decisions: &Decisions, position: usize) -> String {
    match why {
        Why::Said => "by an option".to_owned(),
        Why::Preset(preset) => format!("as in exports of {}", preset.title),
        Why::Name => "by its name".to_owned(),
        Why::Values => "by its values".to_owned(),
        Why::OwnField => "a custom field".to_owned(),
        Why::Empty => "is empty".to_owned(),
        Why::Others if *target == Target::Nowhere => "like all other columns".to_owned(),
        Why::Others => "a custom field, like all other columns".to_owned(),
        Why::Refused => "says why rows were refused".to_owned(),
        Why::Open => {
            let mut questions = decisions.questions.iter();
            let question = questions.find(|question| question.column == Some(position));
            // If the first line is not a header, that is the only question.
            question.map_or_else(
                || "has a name that Rollcall does not know".to_owned(),
                |question| question.message.clone(),
            )
        }
    }
}

/// Returns the changes of options that leave no question open, in the order in which to apply them. Returns `None` if
/// there are none.
fn propose(decider: &Decider<'_>, recognised: Option<&str>) -> Option<Vec<Change>> {
    let mut options = decider.options.clone();
    let mut changes: Vec<Change> = Vec::new();
    if let Some(preset) = recognised.filter(|_| options.from.is_none()) {
        changes.push(Change::From {
            preset: preset.to_owned(),
        });
        options.from = Some(preset.to_owned());
    }
    for _ in 0..ROUNDS {
        let decisions = with(decider, &options).decide();
        if !decisions.problems.is_empty() {
            return None;
        }
        if decisions.questions.is_empty() {
            changes.extend(mends(decider, &options, &decisions));
            return Some(changes);
        }
        let more = answer(&decisions.questions, &options);
        if more.is_empty() {
            return None;
        }
        for change in more {
            change.apply(&mut options);
            changes.push(change);
        }
    }
    None
}

/// Returns options that make unreadable cells readable. If several options fit a column, its cells are only reported.
fn mends(decider: &Decider<'_>, options: &SubscriberImport, decisions: &Decisions) -> Vec<Change> {
    let decider = with(decider, options);
    let columns = decisions.columns.iter().zip(decider.profiles).enumerate();
    let changes = columns.filter_map(|(position, (decision, profile))| {
        let tally = profile.tally(decision.target.kind()?);
        let is_clear = tally.best_fits().len() == 1;
        let name = decider.names[position].trim();
        let (change, _) = mend(&decider, &tally, name, position).filter(|_| is_clear)?;
        Some(change)
    });
    changes.collect()
}

/// Returns the same decider with other options.
fn with<'a>(decider: &Decider<'a>, options: &'a SubscriberImport) -> Decider<'a> {
    Decider {
        options,
        ..*decider
    }
}

/// Returns the changes that answer questions. If many columns are unknown, most are answered together.
fn answer(questions: &[Question], options: &SubscriberImport) -> Vec<Change> {
    let is_other = |question: &&Question| {
        let is_plain =
            |change: &Change| matches!(change, Change::Field { .. } | Change::Ignore { .. });
        matches!(question.kind, QuestionKind::Unknown | QuestionKind::Again)
            && question.changes.iter().all(is_plain)
    };
    let (others, known): (Vec<&Question>, Vec<&Question>) = questions.iter().partition(is_other);
    let mut changes: Vec<Change> = Vec::new();
    let mut add = |change: &Change| {
        if !changes.contains(change) {
            changes.push(change.clone());
        }
    };
    known
        .iter()
        .flat_map(|question| &question.changes)
        .for_each(&mut add);
    let is_ignored =
        |question: &&&Question| matches!(question.changes.as_slice(), [Change::Ignore { .. }]);
    let ignored: Vec<&&Question> = others.iter().filter(is_ignored).collect();
    let fields = others.len() - ignored.len();
    if others.len() <= FEW || options.others.is_some() {
        others
            .iter()
            .flat_map(|question| &question.changes)
            .for_each(&mut add);
    } else if fields == 0 || fields > MANY {
        add(&Change::Others {
            others: Others::Ignore,
        });
    } else {
        // Columns that are proposed to be ignored are ignored by name.
        ignored
            .iter()
            .flat_map(|question| &question.changes)
            .for_each(&mut add);
        add(&Change::Others {
            others: Others::Field,
        });
    }
    changes
}

/// Returns the kinds of values that columns of this name may hold. The profile always counts them.
pub fn kinds_to_ask(name: &str, targets: &[Target]) -> Vec<CellKind> {
    let by_name = super::vocabulary::exact(name).or_else(|| super::vocabulary::probable(name));
    let by_name = by_name.and_then(Target::builtin);
    let all = targets.iter().chain(&by_name).filter_map(Target::kind);
    let mut kinds: Vec<CellKind> = Vec::new();
    for kind in all {
        if kind != CellKind::Text && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}
