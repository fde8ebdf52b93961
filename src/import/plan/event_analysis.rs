//! The analysis of a file of events, before any row is written.

use super::analysis::{Analysis, ColumnAnalysis, FEW, Looked};
use super::event_columns::{
    EventDecisions, EventTarget, PROPERTIES, decide_event_columns, kind_of_event,
};
use super::mapping::{Columns, missing_column};
use super::options::{EventImport, Others};
use super::profile::Profile;
use super::propose::call;
use super::question::{Change, Question, QuestionKind};
use crate::import::value::cell::CellKind;

/// The proposed name of all events of a file that has no column for the name.
const PURCHASE: &str = "purchase";

/// Describes the decisions about a file of events, and proposes options for the open questions.
pub fn analyze_events(
    columns: Columns<'_>,
    options: &EventImport,
    decisions: &EventDecisions,
    looked: &Looked,
) -> Analysis {
    let questions = questions(columns, decisions, looked);
    let proposal = match questions.is_empty() {
        true => Vec::new(),
        false => propose(columns, options, &questions, looked).unwrap_or_default(),
    };
    let found = looked
        .names
        .iter()
        .zip(&looked.profiles)
        .zip(&decisions.targets);
    Analysis {
        rows: looked.rows,
        malformed: looked.malformed,
        columns: found
            .enumerate()
            .map(|(place, ((name, profile), target))| {
                column(place, name.trim(), profile, target.as_ref(), &questions)
            })
            .collect(),
        first_rows: looked.first_rows.clone(),
        questions,
        proposal,
        ..Analysis::default()
    }
}

fn column(
    place: usize,
    name: &str,
    profile: &Profile,
    target: Option<&EventTarget>,
    questions: &[Question],
) -> ColumnAnalysis {
    let mut questions = questions.iter();
    let question = questions.find(|question| question.column == Some(place));
    let tally = target
        .and_then(EventTarget::name)
        .and_then(|name| kind_of_event(&name));
    let tally = tally.map(|kind| profile.tally(kind)).unwrap_or_default();
    ColumnAnalysis {
        name: name.to_owned(),
        target: target.and_then(EventTarget::name),
        why: match (target, question) {
            (_, Some(question)) => question.message.clone(),
            (Some(EventTarget::Nowhere), None) => "by an option".to_owned(),
            _ => "by its name".to_owned(),
        },
        filled: profile.filled,
        samples: profile.samples.clone(),
        unread: tally.bad,
        unread_values: tally.bad_words.into_iter().take(3).collect(),
        ..ColumnAnalysis::default()
    }
}

fn questions(columns: Columns<'_>, decisions: &EventDecisions, looked: &Looked) -> Vec<Question> {
    let mut questions = Vec::new();
    for (place, target) in decisions.targets.iter().enumerate() {
        if target.is_none() {
            let name = columns.names[place].trim();
            questions.push(Question {
                kind: QuestionKind::Unknown,
                column: Some(place),
                message: "has a name that Rollcall does not know".to_owned(),
                changes: vec![for_unknown(place, name, &looked.profiles[place], decisions)],
            });
        }
    }
    for needed in &decisions.missing {
        let offers = |question: &Question| {
            let mut changes = question.changes.iter();
            changes.any(|change| matches!(change, Change::Column { field, .. } if field == needed))
        };
        if questions.iter().any(offers) {
            continue;
        }
        let is_empty = looked.profiles.is_empty();
        questions.push(match *needed {
            "event" if !is_empty => Question {
                kind: QuestionKind::NoEvent,
                column: None,
                message: "no column has the names of the events: give one name for all events"
                    .to_owned(),
                changes: vec![Change::Event {
                    name: PURCHASE.to_owned(),
                }],
            },
            needed => Question {
                kind: match needed {
                    "occurred_at" => QuestionKind::NoTime,
                    _ => QuestionKind::NoEmail,
                },
                column: None,
                message: missing_column(needed, columns.names, columns.delimiter).message,
                changes: Vec::new(),
            },
        });
    }
    questions
}

/// Proposes a target for an unknown column: a missing required field if all of its values fit, or else a property.
fn for_unknown(place: usize, name: &str, profile: &Profile, decisions: &EventDecisions) -> Change {
    let is_missing = |needed: &str| decisions.missing.contains(&needed);
    let is_all = |kind| profile.tally(kind).is_all_good() && profile.empty == 0;
    let field = match () {
        () if is_missing("email") && is_all(CellKind::Email) => "email".to_owned(),
        () if is_missing("occurred_at") && is_all(CellKind::Instant) => "occurred_at".to_owned(),
        () => format!("{PROPERTIES}{name}"),
    };
    Change::Column {
        column: call(name, place),
        field,
    }
}

/// Returns the changes of options that leave no question open, or `None` if there are none. They are tried with the
/// decider itself.
fn propose(
    columns: Columns<'_>,
    options: &EventImport,
    questions: &[Question],
    looked: &Looked,
) -> Option<Vec<Change>> {
    let is_property = |change: &Change| matches!(change, Change::Column { field, .. } if field.starts_with(PROPERTIES));
    let all = || questions.iter().flat_map(|question| &question.changes);
    let properties = all().filter(|change| is_property(change)).count();
    let mut changes: Vec<Change> = Vec::new();
    for change in all().filter(|change| properties <= FEW || !is_property(change)) {
        let is_offered = |known: &Change| match (known, change) {
            (Change::Column { field: known, .. }, Change::Column { field, .. }) => known == field,
            _ => known == change,
        };
        if !changes.iter().any(is_offered) {
            changes.push(change.clone());
        }
    }
    if properties > FEW {
        changes.push(Change::Others {
            others: Others::Field,
        });
    }
    let with = |changes: &[Change]| {
        let mut options = options.clone();
        changes
            .iter()
            .for_each(|change| change.apply_to_events(&mut options));
        decide_event_columns(columns, &options)
    };
    let is_settled = |decisions: &EventDecisions| {
        decisions.problems.is_empty()
            && decisions.missing.is_empty()
            && decisions.targets.iter().all(Option::is_some)
    };
    if !is_settled(&with(&changes)) {
        // If several columns fit a missing field, only the first gets it. The others become properties.
        changes.push(Change::Others {
            others: Others::Field,
        });
    }
    if options.fold.is_none()
        && let Some(column) = column_of_lines(columns, &with(&changes), looked)
    {
        changes.push(Change::Fold { column });
    }
    is_settled(&with(&changes)).then_some(changes)
}

/// Returns the column that identifies an order: the column of dedupe keys, if keys occur several times and some rows
/// lack a value.
fn column_of_lines(
    columns: Columns<'_>,
    decisions: &EventDecisions,
    looked: &Looked,
) -> Option<String> {
    let place_of = |name| {
        let target = Some(EventTarget::Column(name));
        decisions.targets.iter().position(|known| *known == target)
    };
    let (key, value) = (place_of("dedupe_key")?, place_of("value")?);
    let words = looked.profiles[key].words();
    let is_repeated = match words {
        Some(words) => words.values().any(|count| *count > 1),
        None => false,
    };
    let lacks_values = looked.profiles[value].empty > 0;
    (is_repeated && lacks_values).then(|| columns.names[key].trim().to_owned())
}
