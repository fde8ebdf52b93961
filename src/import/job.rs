//! An import as a job: a row with the request, the progress and the result.

use super::file::form::Form;
use super::plan::analysis::Analysis;
use super::plan::options::{ImportKind, ImportOptions};
use super::plan::settled::Settled;
use super::report::{ImportReport, MAX_LISTED, ProblemKind, list_problems};
use crate::audience::paging::{Page, PageRequest};
use crate::db::schema::{
    import_additions, import_batches, import_changes, import_problems, import_suppressions, imports,
};
use crate::db::word::words;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;

/// An import.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = imports, check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct Import {
    pub id: i64,
    pub kind: ImportKind,
    /// The stored state. It does not show a requested undo, as `state()` does.
    pub state: ImportState,
    pub options: Value,
    pub file_name: String,
    pub file_path: Option<String>,
    pub file_size: i64,
    pub file_hash: Option<String>,
    pub is_spooled: bool,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub done_rows: i64,
    pub done_bytes: i64,
    pub batches: i32,
    pub counts: Value,
    pub form: Option<Value>,
    pub made: Value,
    pub error: Option<String>,
    pub cancel_requested: bool,
    pub undo_until: Option<DateTime<Utc>>,
    pub undone_at: Option<DateTime<Utc>>,
    pub undo_asked_at: Option<DateTime<Utc>>,
    pub undo_error: Option<String>,
    pub analysis: Option<Value>,
    pub waits_for_start: bool,
}

/// The state of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportState {
    /// The file has not been uploaded yet.
    Waiting,
    /// Queued.
    Ready,
    /// The file was analyzed; the import waits to be started.
    Analyzed,
    /// Running, or interrupted when its process died.
    Running,
    /// Every row was used or reported.
    Succeeded,
    /// Failed; the rows stored so far are kept.
    Failed,
    /// Cancelled; the rows stored so far are kept.
    Cancelled,
    /// Queued to be undone, or being undone.
    Undoing,
    /// Undone: its changes were reverted.
    Undone,
}

words!(ImportState {
    Waiting: "waiting",
    Ready: "ready",
    Analyzed: "analyzed",
    Running: "running",
    Succeeded: "succeeded",
    Failed: "failed",
    Cancelled: "cancelled",
    Undoing: "undoing",
    Undone: "undone",
});

/// The form of a file, as detected before its rows are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileForm {
    /// Encoding, delimiter and header.
    #[serde(flatten)]
    pub form: Form,
    /// The columns in their order, each with its target.
    pub columns: Vec<MappedColumn>,
    /// The decisions about the file, if no question is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// A column and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedColumn {
    /// The name in the header, or a name such as `column 1` if there is no header.
    pub column: String,
    /// A built-in field, `custom.KEY` or `properties.NAME`; `None` if the column is left out.
    pub target: Option<String>,
    /// The target that the column looks like: a built-in field, or `custom:TYPE`.
    pub suggestion: Option<String>,
}

/// The groups and custom fields that an import created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Made {
    /// The ids of groups.
    pub groups: Vec<i64>,
    /// The ids of custom fields.
    pub custom_fields: Vec<i64>,
}

impl Import {
    /// Returns [`ImportState::Undoing`] if undo is requested, or else the stored state.
    pub fn state(&self) -> ImportState {
        match self.undo_asked_at {
            Some(_) => ImportState::Undoing,
            None => self.state,
        }
    }

    /// Returns the options of the import.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored JSON cannot be read, for example because another version of this program wrote
    /// it.
    pub fn options(&self) -> Result<ImportOptions, Error> {
        serde_json::from_value(self.options.clone())
            .map_err(|error| Error::Internal(format!("the options of import {}: {error}", self.id)))
    }

    /// Returns the report so far, without problems.
    pub fn report(&self) -> ImportReport {
        serde_json::from_value(self.counts.clone()).unwrap_or_default()
    }

    /// Returns the form of the file, or `None` if it is not known yet.
    pub fn form(&self) -> Option<FileForm> {
        serde_json::from_value(self.form.clone()?).ok()
    }

    /// Returns the analysis of the whole file, or `None` if the file was not analyzed yet.
    pub fn analysis(&self) -> Option<Analysis> {
        serde_json::from_value(self.analysis.clone()?).ok()
    }

    /// Returns the groups and custom fields that the import created.
    pub fn made(&self) -> Made {
        serde_json::from_value(self.made.clone()).unwrap_or_default()
    }

    /// Whether this is a dry run, which writes nothing.
    pub fn is_dry_run(&self) -> bool {
        self.options().is_ok_and(|options| options.is_dry_run())
    }

    /// Returns the share of the file that is done, from 0 to 1.
    pub fn progress(&self) -> f64 {
        match self.state {
            ImportState::Succeeded | ImportState::Undone => 1.0,
            _ if self.file_size <= 0 => 0.0,
            _ => (self.done_bytes as f64 / self.file_size as f64).clamp(0.0, 1.0),
        }
    }

    /// Whether undo can be requested at this time.
    pub fn can_undo(&self, now: DateTime<Utc>) -> bool {
        self.undo_asked_at.is_none() && self.is_undoable(now)
    }

    /// Whether the import has ended and its undo data is still stored.
    pub(super) fn is_undoable(&self, now: DateTime<Utc>) -> bool {
        !self.is_dry_run()
            && self.undo_until.is_some_and(|until| now <= until)
            && matches!(
                self.state,
                ImportState::Succeeded | ImportState::Failed | ImportState::Cancelled
            )
    }
}

/// Finds imports by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Import>, Error> {
    Ok(imports::table
        .filter(imports::id.eq_any(ids))
        .select(Import::as_select())
        .load(connection)?)
}

/// Returns the import of that id.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get(connection: &mut PgConnection, id: i64) -> Result<Import, Error> {
    find_by_ids(connection, &[id])?
        .pop()
        .ok_or_else(|| Error::not_found("import", id))
}

/// Lists a page of imports, newest first.
pub fn list_page(
    connection: &mut PgConnection,
    request: &PageRequest<i64>,
) -> Result<Page<Import>, Error> {
    request.fetch(
        |import: &Import| import.id,
        |request, limit| {
            let mut query = imports::table
                .select(Import::as_select())
                .limit(limit)
                .into_boxed();
            if let Some(after) = request.after {
                query = query.filter(imports::id.lt(after));
            }
            if let Some(before) = request.before {
                query = query.filter(imports::id.gt(before));
            }
            query = if request.from_end {
                query.order(imports::id.asc())
            } else {
                query.order(imports::id.desc())
            };
            Ok(query.load(connection)?)
        },
    )
}

/// Lists the imports that are queued, running or interrupted, oldest first.
pub fn list_unfinished(connection: &mut PgConnection) -> Result<Vec<Import>, Error> {
    Ok(imports::table
        .filter(imports::state.eq_any(["ready", "running"]))
        .order(imports::id)
        .select(Import::as_select())
        .load(connection)?)
}

/// Lists the imports that are to be undone, in the order of the requests.
pub(super) fn list_undoing(connection: &mut PgConnection) -> Result<Vec<i64>, Error> {
    Ok(imports::table
        .filter(imports::undo_asked_at.is_not_null())
        .order((imports::undo_asked_at, imports::id))
        .select(imports::id)
        .load(connection)?)
}

/// Returns the report of an import with the first rows that were skipped.
pub fn full_report(connection: &mut PgConnection, import: &Import) -> Result<ImportReport, Error> {
    let mut report = import.report();
    let request = PageRequest::first(MAX_LISTED);
    let refusals = &ProblemKind::ALL[..4];
    let mut problems = list_problems(connection, &[import.id], refusals, &request)?;
    let problems = problems.remove(&import.id).unwrap_or_default().rows;
    report.problems = problems.into_iter().map(Into::into).collect();
    Ok(report)
}

pub(super) fn lock(connection: &mut PgConnection, id: i64) -> Result<Import, Error> {
    imports::table
        .find(id)
        .for_update()
        .select(Import::as_select())
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("import", id))
}

pub(super) fn set_state(
    connection: &mut PgConnection,
    id: i64,
    state: ImportState,
    error: Option<&str>,
    finished_at: Option<DateTime<Utc>>,
) -> Result<Import, Error> {
    Ok(diesel::update(imports::table.find(id))
        .set((
            imports::state.eq(state.as_str()),
            imports::error.eq(error.map(|error| error.replace('\0', "\u{fffd}"))),
            imports::finished_at.eq(finished_at),
        ))
        .returning(Import::as_returning())
        .get_result(connection)?)
}

/// Stores the form and the analysis of a file.
pub(super) fn store_analysis(
    connection: &mut PgConnection,
    id: i64,
    form: &FileForm,
    analysis: &Analysis,
) -> Result<(), Error> {
    let internal = |error: serde_json::Error| Error::Internal(error.to_string());
    let storable = |value: Value| -> Value {
        // Postgres takes no NUL in JSON.
        let text = value.to_string();
        match text.contains("\\u0000") {
            true => serde_json::from_str(&text.replace("\\u0000", "\\ufffd")).unwrap_or(value),
            false => value,
        }
    };
    diesel::update(imports::table.find(id))
        .set((
            imports::form.eq(storable(serde_json::to_value(form).map_err(internal)?)),
            imports::analysis.eq(storable(serde_json::to_value(analysis).map_err(internal)?)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Deletes the values of people from the analysis. They were needed only to answer its questions.
pub(super) fn forget_values(connection: &mut PgConnection, import: &Import) -> Result<(), Error> {
    let Some(mut analysis) = import.analysis() else {
        return Ok(());
    };
    analysis.forget_values();
    let stored =
        serde_json::to_value(analysis).map_err(|error| Error::Internal(error.to_string()))?;
    diesel::update(imports::table.find(import.id))
        .set(imports::analysis.eq(stored))
        .execute(connection)?;
    Ok(())
}

/// Clears the path of the file of an import, because the file was removed.
pub(super) fn forget_file(connection: &mut PgConnection, id: i64) -> Result<(), Error> {
    diesel::update(imports::table.find(id))
        .set(imports::file_path.eq(None::<String>))
        .execute(connection)?;
    Ok(())
}

/// Deletes the undo data of imports that can no longer be undone, and their problems of single rows, which hold values of
/// people. The counts of their reports stay.
pub(super) fn forget_expired(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    connection.transaction(|connection| {
        let expired: Vec<i64> = imports::table
            .filter(imports::undo_until.lt(now))
            .filter(imports::undo_asked_at.is_null())
            .select(imports::id)
            .for_update()
            .load(connection)?;
        forget_before(connection, &expired)?;
        diesel::delete(import_problems::table.filter(import_problems::import_id.eq_any(&expired)))
            .execute(connection)?;
        diesel::update(imports::table.filter(imports::id.eq_any(&expired)))
            .set((
                imports::undo_until.eq(None::<DateTime<Utc>>),
                imports::undo_error.eq(None::<String>),
            ))
            .execute(connection)?;
        Ok(expired.len())
    })
}

pub(super) fn forget_before(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    diesel::delete(import_changes::table.filter(import_changes::import_id.eq_any(ids)))
        .execute(connection)?;
    diesel::delete(import_batches::table.filter(import_batches::import_id.eq_any(ids)))
        .execute(connection)?;
    diesel::delete(import_additions::table.filter(import_additions::import_id.eq_any(ids)))
        .execute(connection)?;
    diesel::delete(import_suppressions::table.filter(import_suppressions::import_id.eq_any(ids)))
        .execute(connection)?;
    Ok(())
}

/// Returns how many problems of these kinds each of these imports has.
pub fn count_problems(
    connection: &mut PgConnection,
    ids: &[i64],
    kinds: &[ProblemKind],
) -> Result<HashMap<i64, i64>, Error> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let counted: Vec<(i64, i64)> = import_problems::table
        .filter(import_problems::import_id.eq_any(ids))
        .filter(import_problems::kind.eq_any(names))
        .group_by(import_problems::import_id)
        .select((import_problems::import_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(counted.into_iter().collect())
}

/// Returns the path of the file of an import. Fails if the file is not kept any more.
pub(super) fn path_of(import: &Import) -> Result<PathBuf, Error> {
    match &import.file_path {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(Error::invalid(
            "file",
            "the file of the import is no longer stored; import it again",
        )),
    }
}
