//! Imports: the objects and the queries.

mod analysis;
pub(in crate::graphql) mod feed;
pub(in crate::graphql) mod input;
pub(in crate::graphql) mod mutation;
mod options;
use self::analysis::ImportAnalysis;
use super::subscriber::page;
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::at_hand::at_hand;
use crate::graphql::engine::connection::{connection, write_cursor};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, parse_global, parse_kind, to_global};
use crate::graphql::engine::loaders::{ImportById, ProblemsOf, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::engine::scalar::count;
use crate::import;
use crate::import::{
    Import, ImportKind, ImportMode, ImportReport, ImportState, MappedColumn, ProblemKind,
    StoredProblem,
};
use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

/// What is imported.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ImportKind", name = "ImportKind")]
pub enum ImportKindName {
    /// Subscribers.
    Subscribers,
    /// Events of subscribers.
    Events,
}

/// The state of an import.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ImportState", name = "ImportState")]
pub enum ImportStateName {
    /// Waiting for the file: send it to `uploadUrl`.
    Waiting,
    /// Queued; imports run one at a time.
    Ready,
    /// Analysed: `analysis` shows what would be done, `startImport` starts the import.
    Analyzed,
    /// Running, or about to continue after its server was stopped.
    Running,
    /// Finished: every row was used or reported.
    Succeeded,
    /// Failed; what was done is kept. `error` says why.
    Failed,
    /// Cancelled; what was done is kept.
    Cancelled,
    /// Undo requested or in progress.
    Undoing,
    /// Undone.
    Undone,
}

/// Which subscribers an import may change.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ImportMode", name = "ImportMode")]
pub enum ImportModeName {
    /// Add new subscribers and change existing ones.
    Upsert,
    /// Add new subscribers, leave existing ones unchanged.
    Insert,
    /// Change existing subscribers, add none.
    Update,
}

/// A remark about one row of the file.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ProblemKind")]
pub enum ImportProblemKind {
    /// The row could not be cut into cells, or has too few or too many, and was skipped.
    Malformed,
    /// The row has no valid e-mail address and was skipped.
    InvalidEmail,
    /// A value other than the e-mail address does not have the type of its column, and the row was skipped.
    Mistyped,
    /// The subscriber does not exist, and the row was skipped.
    Unknown,
    /// Another row of the file has the same e-mail address.
    Repeated,
    /// The row would subscribe someone who unsubscribed, bounced or complained. The status stayed; the rest of the row
    /// was used.
    Suppressed,
    /// The address is that of a role, such as info@. The row was used.
    RoleAddress,
    /// A cell could not be read and was left out; the rest of the row was used.
    DroppedCell,
    /// A cell was read, but its value was adjusted.
    Remark,
}

/// A remark about one row of the file.
pub struct ImportProblem(StoredProblem);

/// A remark about one row of the file.
#[Object]
impl ImportProblem {
    /// The line of the file on which the row begins, from 1.
    async fn line(&self) -> i32 {
        count(self.0.line)
    }

    /// The kind of the remark.
    async fn kind(&self) -> ImportProblemKind {
        self.0.kind.into()
    }

    /// The column, if the remark is about one.
    async fn column(&self) -> Option<Text<&str>> {
        self.0.column.as_deref().map(Text)
    }

    /// What the cell holds, shortened.
    async fn value(&self) -> Option<Text<&str>> {
        self.0.value.as_deref().map(Text)
    }

    /// What was expected and what was found.
    async fn reason(&self) -> Text<&str> {
        Text(&self.0.reason)
    }
}

connection! {
    /// A page of remarks about rows.
    ImportProblemConnection
    /// A remark about a row, in a list.
    ImportProblemEdge { ImportProblem }
}

/// A column of a file and the field it goes to.
#[derive(SimpleObject)]
pub struct ImportColumn {
    /// The name of the column in the header, or `column 1` if it has none.
    pub name: Text<String>,
    /// A built-in field, `custom.KEY` or `properties.NAME`; null if it is left out, or not mapped yet.
    pub target: Option<Text<String>>,
    /// The kind of value that the name and the first values suggest: a built-in field, or `custom:TYPE`.
    pub suggestion: Option<Text<String>>,
}

impl From<MappedColumn> for ImportColumn {
    fn from(mapped: MappedColumn) -> Self {
        ImportColumn {
            name: mapped.column.into(),
            target: mapped.target.map(Text),
            suggestion: mapped.suggestion.map(Text),
        }
    }
}

/// The counts of an import so far. Every row is counted once in `created`, `updated`, `unchanged`, `repeated`,
/// `skipped`, `folded` or `refused`.
pub struct ImportReportNode(ImportReport);

fn number(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The counts of an import so far. Every row is counted once in `created`, `updated`, `unchanged`, `repeated`,
/// `skipped`, `folded` or `refused`.
#[Object(name = "ImportReport")]
impl ImportReportNode {
    /// Rows of the file, without the header and empty lines.
    async fn rows(&self) -> i32 {
        number(self.0.rows)
    }

    /// New subscribers or events.
    async fn created(&self) -> i32 {
        number(self.0.created)
    }

    /// Subscribers who were changed.
    async fn updated(&self) -> i32 {
        number(self.0.updated)
    }

    /// Subscribers who already had these values, and events whose dedupe key was already recorded.
    async fn unchanged(&self) -> i32 {
        number(self.0.unchanged)
    }

    /// Rows whose e-mail address is also in another row of the same file.
    async fn repeated(&self) -> i32 {
        number(self.0.repeated)
    }

    /// Subscribers left unchanged, because only new ones were to be added.
    async fn skipped(&self) -> i32 {
        number(self.0.skipped)
    }

    /// Rows that would subscribe someone who unsubscribed, bounced or complained: the status stayed.
    async fn suppressed(&self) -> i32 {
        number(self.0.suppressed)
    }

    /// Subscribers who may be sent e-mail again, because a reason was given.
    async fn consent_raised(&self) -> i32 {
        number(self.0.consent_raised)
    }

    /// Rows whose address is that of a role, such as info@, and not of a person; they were kept.
    async fn role_addresses(&self) -> i32 {
        number(self.0.role_addresses)
    }

    /// How many memberships of groups were added.
    async fn added_to_groups(&self) -> i32 {
        number(self.0.added_to_group)
    }

    /// Skipped rows, for any of these reasons: `malformed`, `invalidEmail`, `mistyped`, `unknown`.
    async fn refused(&self) -> i32 {
        number(self.0.refused)
    }

    /// Rows that could not be cut into cells, or had too few or too many.
    async fn malformed(&self) -> i32 {
        number(self.0.malformed)
    }

    /// Rows without a valid e-mail address.
    async fn invalid_email(&self) -> i32 {
        number(self.0.invalid_email)
    }

    /// Rows with a value, other than the e-mail address, that does not have the type of its column.
    async fn mistyped(&self) -> i32 {
        number(self.0.mistyped)
    }

    /// Rows about subscribers who do not exist.
    async fn unknown(&self) -> i32 {
        number(self.0.unknown)
    }

    /// Cells that could not be read and were left out; the rest of their rows was used.
    async fn dropped_cells(&self) -> i32 {
        number(self.0.dropped_cells)
    }

    /// Cells that were read, but whose value was adjusted.
    async fn remarks(&self) -> i32 {
        number(self.0.remarks)
    }

    /// Rows that are further lines of an order, and were joined to its first line.
    async fn folded(&self) -> i32 {
        number(self.0.folded)
    }

    /// Subscribers who were created because of their events.
    async fn created_people(&self) -> i32 {
        number(self.0.created_people)
    }
}

/// Returns the path that the file of an import is sent to.
pub fn upload_url(id: i64) -> String {
    format!("/imports/{}/file", to_global(IdKind::Import, id).as_str())
}

/// Reads the global id of an import.
pub fn parse_import_id(text: &str) -> Option<i64> {
    match parse_global(&ID(text.to_owned())) {
        Some((IdKind::Import, id)) => Some(id),
        _ => None,
    }
}

/// An import of a file.
pub struct ImportNode(pub Import);

/// An import of a file.
#[Object(name = "Import")]
impl ImportNode {
    /// The global id: opaque, and the same for ever.
    pub async fn id(&self) -> ID {
        to_global(IdKind::Import, self.0.id)
    }

    /// The number of the import, as the command line uses it.
    async fn number(&self) -> i32 {
        count(self.0.id)
    }

    /// What is imported.
    async fn kind(&self) -> ImportKindName {
        self.0.kind.into()
    }

    /// The state.
    async fn state(&self) -> ImportStateName {
        self.0.state().into()
    }

    /// Whether the import only reports and writes nothing.
    async fn dry_run(&self) -> bool {
        self.0.is_dry_run()
    }

    /// The name of the file, as the client gave it.
    async fn file_name(&self) -> Text<&str> {
        Text(&self.0.file_name)
    }

    /// The address on this server to send the file to, by PUT; null once the file has arrived. The file may be
    /// compressed with gzip or ZIP.
    async fn upload_url(&self, context: &Context<'_>) -> Nullable<String> {
        let is_waiting = self.0.state() == ImportState::Waiting;
        is_waiting.then(|| context.address(&upload_url(self.0.id)))
    }

    /// When it was requested.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it began; all its changes have this time.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// The share of the file that is processed, from 0 to 1.
    async fn progress(&self) -> f64 {
        self.0.progress()
    }

    /// The counts of the import so far.
    async fn report(&self) -> ImportReportNode {
        ImportReportNode(self.0.report())
    }

    /// The encoding of the file, detected or given.
    async fn encoding(&self) -> Option<&'static str> {
        self.0.form().map(|file| file.form.encoding.as_str())
    }

    /// The character between cells, detected or given.
    async fn delimiter(&self) -> Option<String> {
        let form = self.0.form()?.form;
        Some(char::from(form.delimiter).to_string())
    }

    /// Whether the first line of the file names its columns, detected or given.
    async fn has_header(&self) -> Option<bool> {
        self.0.form().map(|file| file.form.has_header)
    }

    /// How many lines before the header, or before the first row, were skipped.
    async fn skipped_lines(&self) -> Option<i32> {
        self.0.form().map(|file| number(file.form.skipped_lines))
    }

    /// The file within a ZIP archive, or the sheet of a workbook, that was read.
    async fn part(&self) -> Option<Text<String>> {
        self.0.form()?.form.part.map(Text)
    }

    /// The columns of the file and the fields they go to; empty before the file was analysed.
    async fn columns(&self) -> Vec<ImportColumn> {
        let columns = self.0.form().map(|file| file.columns);
        columns
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect()
    }

    /// What the import would do with its file. The whole file is analysed before anything is written. Null before that.
    async fn analysis(&self) -> Option<ImportAnalysis> {
        self.0.analysis().map(Into::into)
    }

    /// Why it failed; null if it did not.
    async fn error(&self) -> Option<Text<&str>> {
        self.0.error.as_deref().map(Text)
    }

    /// Whether the import can be undone now; later changes that prevent it are only found by the undo itself.
    async fn can_undo(&self, context: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.0.can_undo(context.app()?.now()))
    }

    /// Until when it can be undone.
    async fn undo_until(&self) -> Option<DateTime<Utc>> {
        self.0.undo_until
    }

    /// When it was undone.
    async fn undone_at(&self) -> Option<DateTime<Utc>> {
        self.0.undone_at
    }

    /// Why the last requested undo was not carried out.
    async fn undo_error(&self) -> Option<Text<&str>> {
        self.0.undo_error.as_deref().map(Text)
    }

    /// Remarks about rows, in the order of the file.
    async fn problems(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only these kinds; all if absent.")] kinds: Option<Vec<ImportProblemKind>>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<ImportProblemConnection> {
        let request = page(first, after, last, before).read("Import.problems")?;
        let kinds: Vec<ProblemKind> = match kinds {
            Some(kinds) => kinds.into_iter().map(Into::into).collect(),
            None => ProblemKind::ALL.to_vec(),
        };
        let id = self.0.id;
        let total = Total::ImportProblems(id, kinds.clone());
        let page = load_one(context.loader()?, ProblemsOf((id, (kinds, request)))).await?;
        let edges = page.unwrap_or_default().map(|problem| ImportProblemEdge {
            cursor: write_cursor("Import.problems", &problem.id),
            node: ImportProblem(problem),
        });
        Ok(ImportProblemConnection::new(edges, total))
    }

    /// The address on this server where all remarks can be fetched as CSV.
    async fn problems_url(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        let id = to_global(IdKind::Import, self.0.id);
        context.address(&format!("/imports/{}/problems.csv", id.as_str()))
    }

    /// The address on this server where the skipped rows can be fetched: a file of the same form with the reason as its
    /// first column, to be corrected and imported again.
    async fn refused_url(&self, context: &Context<'_>) -> async_graphql::Result<String> {
        let id = to_global(IdKind::Import, self.0.id);
        context.address(&format!("/imports/{}/refused.csv", id.as_str()))
    }
}

connection! {
    /// A page of imports.
    ImportConnection
    /// An import in a list.
    ImportEdge { ImportNode }
}

/// Queries about imports.
#[derive(Default)]
pub struct ImportQuery;

#[Object]
impl ImportQuery {
    /// Returns the import with that id, or null if it does not exist.
    async fn import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Nullable<ImportNode> {
        nullable(async {
            let id = parse_kind(&id, IdKind::Import, "id")?;
            let found = load_one(context.loader()?, ImportById(id)).await?;
            Ok(found.map(ImportNode))
        })
        .await
    }

    /// Lists the imports, newest first.
    async fn imports(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<ImportConnection> {
        let request = page(first, after, last, before).read("Query.imports")?;
        let db = &context.app()?.db;
        let imports = db.run(move |connection| import::list_page(connection, &request));
        let edges = imports.await.map_err(to_graphql)?.map(|import| ImportEdge {
            cursor: write_cursor("Query.imports", &import.id),
            node: ImportNode(import),
        });
        Ok(ImportConnection::new(edges, Total::Imports))
    }
}

at_hand!(ImportProblem {});
at_hand!(ImportNode {});
