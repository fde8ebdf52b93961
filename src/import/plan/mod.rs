//! The plan of an import, settled before the first row is written: where columns go, which groups exist, and how values
//! are read.
//!
//! The whole file is read once for the plan (`look.rs`, `profile.rs`). Then the target of each column is decided
//! (`decide/`), with the names that fields have in other programs (`vocabulary.rs`), the words for consent
//! (`consent_words.rs`) and the recorded options for well-known programs (`presets.rs`). A column that cannot be
//! decided becomes a question, with a proposal that answers it (`question.rs`, `propose.rs`, `analysis.rs`). The
//! decisions are stored with the import.

pub(in crate::import) mod analysis;
pub(in crate::import) mod column;
pub(in crate::import) mod consent_words;
pub(in crate::import) mod decide;
pub(in crate::import) mod event_analysis;
pub(in crate::import) mod event_columns;
pub(in crate::import) mod header;
pub(in crate::import) mod look;
pub(in crate::import) mod mapping;
pub(in crate::import) mod options;
pub(in crate::import) mod presets;
pub(in crate::import) mod profile;
#[cfg(test)]
mod properties;
pub(in crate::import) mod propose;
pub(in crate::import) mod question;
pub(in crate::import) mod settled;
pub(in crate::import) mod status_words;
pub(in crate::import) mod target;
pub(in crate::import) mod vocabulary;

use self::analysis::{Analysis, Looked, open_questions};
use self::column::{ColumnPlan, StoredPlan, format_of, format_of_event};
use self::decide::{Decider, Decisions};
use self::event_analysis::analyze_events;
use self::event_columns::{EventTarget, decide_event_columns, map_event_columns};
use self::mapping::{Columns, make_fields};
use self::options::{EventImport, ImportOptions, SubscriberImport};
use self::settled::Settled;
use self::target::Target;
use super::file::form::Form;
use super::file::reader::RowReader;
use super::file::table::is_own_export;
use super::job::{self, FileForm, Import, Made, MappedColumn};
use super::write::event_row::EventReader;
use super::write::person::PersonReader;
use crate::audience::catalogue::load_catalogue;
use crate::audience::clean::clean_text;
use crate::audience::event_bounds::clean_name;
use crate::audience::group;
use crate::db::Db;
use crate::db::schema::imports;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::join_first;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::HashMap;

/// What an import needs to read and write rows.
pub struct Plan {
    /// How rows are read.
    pub kind: RowReader,
    /// The ids of the groups to add to; `None` for a group that a dry run does not create.
    pub groups: Vec<Option<i64>>,
    /// The groups that single rows name, by the name.
    pub named_groups: HashMap<String, Option<i64>>,
}

/// Decides how the analyzed file is imported, and stores the decisions with the import.
///
/// # Errors
/// [`Error::Invalid`] with all problems of the options, or else with all open questions.
pub fn settle(
    db: &Db,
    import: &Import,
    options: &ImportOptions,
    form: &Form,
    looked: &Looked,
) -> Result<(), Error> {
    let delimiter = form.delimiter;
    let failed = db.run_here(|connection| match options {
        ImportOptions::Subscribers(options) => {
            let catalogue = load_catalogue(connection)?;
            let decider = Decider {
                catalogue: &catalogue,
                options,
                names: &looked.names,
                profiles: &looked.profiles,
                file_name: form.part.as_deref().unwrap_or(&import.file_name),
                delimiter,
            };
            let decisions = decider.decide();
            let analysis = Analysis::of(&decider, &decisions, looked);
            let failed = match decisions.problems.is_empty() {
                false => Some(Error::Invalid(decisions.problems.clone())),
                true => open_questions(&analysis),
            };
            let targets: Vec<Option<String>> = decisions
                .columns
                .iter()
                .map(|decision| decision.target.name())
                .collect();
            let settled = failed.is_none().then(|| settled_of(&decisions, looked));
            let form = file_form(form, looked, &targets, settled);
            job::store_analysis(connection, import.id, &form, &analysis)?;
            Ok(failed)
        }
        ImportOptions::Events(options) => {
            let columns = Columns {
                names: &looked.names,
                delimiter,
            };
            let decisions = decide_event_columns(columns, options);
            let analysis = analyze_events(columns, options, &decisions, looked);
            let failed = match decisions.problems.is_empty() {
                false => Some(Error::Invalid(decisions.problems.clone())),
                true => open_questions(&analysis),
            };
            let targets = decisions.targets.iter();
            let targets: Vec<Option<String>> = targets
                .map(|target| target.as_ref().and_then(EventTarget::name))
                .collect();
            let settled = failed.is_none().then(|| Settled {
                columns: Vec::new(),
                constants: Vec::new(),
                groups: Vec::new(),
            });
            let form = file_form(form, looked, &targets, settled);
            job::store_analysis(connection, import.id, &form, &analysis)?;
            Ok(failed)
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn settled_of(decisions: &Decisions, looked: &Looked) -> Settled {
    let columns = decisions.columns.iter().zip(&looked.profiles);
    let columns = columns.map(|(decision, profile)| StoredPlan {
        target: decision.target.write(),
        decimal: profile.decimal(),
        empty_is_no: profile.has_marks_only(),
    });
    let constants = decisions.constants.iter();
    Settled {
        columns: columns.collect(),
        constants: constants
            .map(|(target, value)| (target.write(), value.clone()))
            .collect(),
        groups: looked.groups.iter().cloned().collect(),
    }
}

fn file_form(
    form: &Form,
    looked: &Looked,
    targets: &[Option<String>],
    settled: Option<Settled>,
) -> FileForm {
    let columns = looked.names.iter().zip(&looked.profiles).zip(targets);
    FileForm {
        form: form.clone(),
        columns: columns
            .map(|((name, profile), target)| MappedColumn {
                column: name.trim().replace('\0', "\u{fffd}"),
                target: target.clone(),
                suggestion: target
                    .clone()
                    .filter(|target| Target::builtin(target).is_some())
                    .or_else(|| propose::suggestion(profile, name.trim())),
            })
            .collect(),
        settled,
    }
}

/// Creates missing groups and custom fields, and returns how the rows of a settled file become people or events.
///
/// # Errors
/// [`Error::Invalid`] with all problems of the options.
pub fn prepare(
    db: &Db,
    import: &Import,
    options: &ImportOptions,
    names: &[String],
    moment: DateTime<Utc>,
) -> Result<Plan, Error> {
    let settled = import.form().and_then(|form| form.settled);
    let settled = settled.ok_or_else(|| {
        Error::Internal("the import was started before its options were settled".to_owned())
    })?;
    db.run_here(|connection| {
        connection.transaction(|connection| match options {
            ImportOptions::Subscribers(options) => {
                let reader = person_reader(&settled, names, options, moment)?;
                let creates_groups = options.create_groups || is_own_export(names);
                let making = Making {
                    options,
                    creates_groups,
                    moment,
                };
                let (groups, named_groups) = make(
                    connection,
                    import,
                    names,
                    &reader.columns,
                    &settled.groups,
                    &making,
                )?;
                let kind = RowReader::People(Box::new(reader), Box::new(cleaned(options)?));
                Ok(Plan {
                    kind,
                    groups,
                    named_groups,
                })
            }
            ImportOptions::Events(options) => {
                let columns = Columns {
                    names,
                    delimiter: b',',
                };
                let reader = event_reader(map_event_columns(columns, options)?, names, options)?;
                let kind = RowReader::Events(Box::new(reader), Box::new(options.clone()));
                Ok(Plan {
                    kind,
                    groups: Vec::new(),
                    named_groups: HashMap::new(),
                })
            }
        })
    })
}

fn event_reader(
    targets: Vec<EventTarget>,
    names: &[String],
    options: &EventImport,
) -> Result<EventReader, Error> {
    let name = |text: &String| clean_name(text).map_err(|message| Error::invalid("event", message));
    let fold = options.fold.as_ref();
    Ok(EventReader {
        header: names.to_vec(),
        targets,
        format: format_of_event(options, names),
        event: options.event.as_ref().map(name).transpose()?,
        fold: fold.and_then(|fold| names.iter().position(|name| name.trim() == fold.trim())),
    })
}

fn person_reader(
    settled: &Settled,
    names: &[String],
    options: &SubscriberImport,
    now: DateTime<Utc>,
) -> Result<PersonReader, Error> {
    let unknown =
        |text: &String| Error::Internal(format!("an import goes to {text}, which is unknown"));
    let read = |text: &String| Target::read(text).ok_or_else(|| unknown(text));
    let mut columns = Vec::with_capacity(names.len());
    for (position, stored) in settled.columns.iter().enumerate().take(names.len()) {
        let mut format = format_of(options, names, position);
        format.numbers.decimal = format.numbers.decimal.or(stored.decimal);
        format.empty_is_no = stored.empty_is_no;
        columns.push(ColumnPlan {
            target: read(&stored.target)?,
            format,
        });
    }
    let mut constants = Vec::new();
    for (target, value) in &settled.constants {
        let plan = ColumnPlan {
            target: read(target)?,
            format: column::plain_format(),
        };
        constants.push((plan, value.clone()));
    }
    let preset = options.from.as_deref().and_then(presets::Preset::find);
    let recorded = preset.map(|preset| preset.statuses).unwrap_or_default();
    let recorded = recorded
        .iter()
        .map(|(word, status)| ((*word).to_owned(), *status));
    Ok(PersonReader {
        header: names.iter().map(|name| name.trim().to_owned()).collect(),
        columns,
        constants,
        statuses: options.statuses.iter().cloned().chain(recorded).collect(),
        is_strict: options.strict,
        now,
    })
}

/// Returns the options, with the texts to store in their normal form.
fn cleaned(options: &SubscriberImport) -> Result<SubscriberImport, Error> {
    let clean = |text: &Option<String>, path: &str| match text {
        Some(text) => clean_text(text).map_err(|message| Error::invalid(path, message)),
        None => Ok(None),
    };
    let raise_consent = clean(&options.raise_consent, "raiseConsent")?;
    if options.raise_consent.is_some() && raise_consent.is_none() {
        let message = "expected a reason why people may be addressed again, found an empty text";
        return Err(Error::invalid("raiseConsent", message));
    }
    Ok(SubscriberImport {
        source: clean(&options.source, "source")?,
        raise_consent,
        ..options.clone()
    })
}

/// How groups and custom fields are created.
struct Making<'o> {
    options: &'o SubscriberImport,
    creates_groups: bool,
    moment: DateTime<Utc>,
}

/// The groups of all rows, and the groups that single rows name.
type Groups = (Vec<Option<i64>>, HashMap<String, Option<i64>>);

/// Creates missing groups and custom fields, and returns the groups.
fn make(
    connection: &mut PgConnection,
    import: &Import,
    names: &[String],
    columns: &[ColumnPlan],
    named: &[String],
    making: &Making<'_>,
) -> Result<Groups, Error> {
    let mut made: Made = import.made();
    let mut groups = Vec::new();
    for key in &making.options.groups {
        let found = making.find_group(connection, key, &mut made)?;
        if !groups.contains(&found) || found.is_none() {
            groups.push(found);
        }
    }
    let named_groups = making.find_named(connection, named, &mut made)?;
    if !making.options.dry_run {
        made.custom_fields
            .extend(make_fields(connection, names, columns, making.moment)?);
        let made =
            serde_json::to_value(&made).map_err(|error| Error::Internal(error.to_string()))?;
        diesel::update(imports::table.find(import.id))
            .set(imports::made.eq(made))
            .execute(connection)?;
    }
    Ok((groups, named_groups))
}

impl Making<'_> {
    fn find_group(
        &self,
        connection: &mut PgConnection,
        key: &str,
        made: &mut Made,
    ) -> Result<Option<i64>, Error> {
        if self.options.create_groups && group::find_by_key(connection, key)?.is_none() {
            if self.options.dry_run {
                return Ok(None);
            }
            let created =
                group::create(connection, key, None, None, self.moment).map_err(of_group)?;
            made.groups.push(created.id);
            return Ok(Some(created.id));
        }
        match group::get_by_key(connection, key, "group") {
            Err(Error::Invalid(problems)) => Err(Error::Invalid(
                problems
                    .into_iter()
                    .map(|problem| {
                        let hint = problem.hint.clone();
                        let hint = hint.unwrap_or_else(|| {
                            "set createGroups, or --create-group, to create it".to_owned()
                        });
                        problem.with_hint(Some(hint))
                    })
                    .collect(),
            )),
            found => Ok(Some(found?.id)),
        }
    }

    /// Finds the groups that rows name, by their key or their name in any letter case. Creates the missing groups, or
    /// fails if it may not.
    fn find_named(
        &self,
        connection: &mut PgConnection,
        names: &[String],
        made: &mut Made,
    ) -> Result<HashMap<String, Option<i64>>, Error> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for name in names {
            match group::find_named(connection, name)? {
                Some(group) => {
                    found.insert(name.clone(), Some(group.id));
                }
                None if !self.creates_groups => missing.push(name.as_str()),
                None if self.options.dry_run => {
                    found.insert(name.clone(), None);
                }
                None => {
                    let key = group::free_key(connection, name)?;
                    let created = group::create(connection, &key, Some(name), None, self.moment)
                        .map_err(of_group)?;
                    made.groups.push(created.id);
                    found.insert(name.clone(), Some(created.id));
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let message = format!(
            "{} of the named groups do not exist: {}",
            missing.len(),
            join_first(&missing, ", ")
        );
        let hint = "set createGroups, or --create-group, to create them".to_owned();
        Err(Error::Invalid(vec![
            InputProblem::new(InputCode::NotFound, "groupsFrom", message).with_hint(Some(hint)),
        ]))
    }
}

/// Changes the path of an error about the key of a new group to the option `group`.
fn of_group(error: Error) -> Error {
    match error {
        Error::Invalid(mut problems) => {
            for problem in &mut problems {
                problem.path = "group".to_owned();
            }
            Error::Invalid(problems)
        }
        other => other,
    }
}
