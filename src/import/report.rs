//! The report of an import: counts by outcome, and remarks about single rows.

use crate::audience::paged_list::{PagedList, fill_pages};
use crate::audience::paging::{Page, PageRequest};
use crate::db::schema::import_problems;
use crate::db::word::words;
use crate::error::Error;
use crate::import::file::row::Row;
use crate::rule::bounded;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;

/// How many problems the report of one call lists; all are counted and stored in the database.
pub const MAX_LISTED: usize = 1_000;

/// How many characters of a cell are stored with a problem.
const MAX_VALUE: usize = 200;

/// The counts of an import. Every row of the file is counted once in `created`, `updated`, `unchanged`, `repeated`,
/// `skipped`, `folded` or `refused`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportReport {
    /// Rows of the file, without the header and empty lines.
    pub rows: u64,
    /// Subscribers or events that were new.
    pub created: u64,
    /// Subscribers who were changed.
    pub updated: u64,
    /// Subscribers who needed no change, and events that were known by their dedupe key.
    pub unchanged: u64,
    /// Rows whose e-mail address is in another row of the same file too.
    pub repeated: u64,
    /// Existing subscribers who were not changed, because the import only adds new ones.
    pub skipped: u64,
    /// Rows that subscribe a person who unsubscribed, bounced or complained, perhaps as a subscriber who was deleted
    /// since. That status stayed.
    pub suppressed: u64,
    /// Subscribers who may be sent e-mail again, because the import gave a reason.
    pub consent_raised: u64,
    /// Rows whose address is that of a role, such as info@, and not of a person; they were kept.
    pub role_addresses: u64,
    /// How many memberships of groups were added.
    pub added_to_group: u64,
    /// Rows that were skipped, for any of the next four reasons.
    pub refused: u64,
    /// Rows that could not be cut into cells, or had too few or too many.
    pub malformed: u64,
    /// Rows without a valid e-mail address.
    pub invalid_email: u64,
    /// Rows with another value that does not have its column's type.
    pub mistyped: u64,
    /// Rows about subscribers who do not exist.
    pub unknown: u64,
    /// Cells that could not be read and were left out; the rest of their rows was used.
    pub dropped_cells: u64,
    /// Cells that were read with a remark.
    pub remarks: u64,
    /// Rows that were joined to the first row of their order.
    pub folded: u64,
    /// Subscribers who were created because the file has events of unknown people.
    pub created_people: u64,
    /// The first [`MAX_LISTED`] reasons why rows were skipped.
    #[serde(skip)]
    pub problems: Vec<RowProblem>,
}

/// The kinds of remarks about a row of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The row could not be cut into cells, or has too few or too many, and was skipped.
    Malformed,
    /// The row has no valid e-mail address and was skipped.
    InvalidEmail,
    /// Another value of the row does not have its column's type. The row was skipped.
    Mistyped,
    /// The subscriber of the row does not exist. The row was skipped.
    Unknown,
    /// Another row of the file has the same e-mail address.
    Repeated,
    /// The row subscribes a person who unsubscribed, bounced or complained. That status stayed; the rest of the row was
    /// used.
    Suppressed,
    /// The address is that of a role, such as info@. The row was used.
    RoleAddress,
    /// A cell could not be read and was left out; the rest of the row was used.
    DroppedCell,
    /// A cell was read, with a remark about it.
    Remark,
}

words!(ProblemKind {
    Malformed: "malformed",
    InvalidEmail: "invalid_email",
    Mistyped: "mistyped",
    Unknown: "unknown",
    Repeated: "repeated",
    Suppressed: "suppressed",
    RoleAddress: "role_address",
    DroppedCell: "dropped_cell",
    Remark: "remark",
});

impl ProblemKind {
    /// Whether the row was skipped.
    pub fn is_refusal(self) -> bool {
        ProblemKind::ALL[..4].contains(&self)
    }
}

/// A remark about one row of the file, or the reason why it was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The kind of the remark.
    pub kind: ProblemKind,
    /// The column, if the remark is about one.
    pub column: Option<String>,
    /// The value of the cell, shortened.
    pub value: Option<String>,
    /// What was expected and what was found.
    pub message: String,
    /// The cells of a skipped row, so that it can be corrected.
    pub cells: Option<Vec<String>>,
}

impl RowProblem {
    /// Returns a problem of a whole row.
    pub fn new(line: u64, kind: ProblemKind, message: impl Into<String>) -> RowProblem {
        RowProblem {
            line,
            kind,
            column: None,
            value: None,
            message: bounded(message),
            cells: None,
        }
    }

    /// Returns the same problem, with the cells of the row if it was skipped.
    pub fn of_row(mut self, row: Row) -> RowProblem {
        let cells = row.cells.ok().filter(|_| self.kind.is_refusal());
        self.cells = cells.map(|cells| cells.iter().map(str::to_owned).collect());
        self
    }

    /// Returns the same problem, with a column and the value of its cell.
    pub fn of_cell(mut self, column: &str, value: &str) -> RowProblem {
        self.column = Some(storable(column));
        self.value = Some(storable(value));
        self
    }
}

/// Shortens a text, and removes NULs, which Postgres cannot store.
fn storable(text: &str) -> String {
    let kept = text.chars().filter(|character| *character != '\0');
    kept.take(MAX_VALUE).collect()
}

impl std::fmt::Display for RowProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(formatter, ", {column}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl ImportReport {
    /// Lists the number of rows for each outcome. Each row counts once.
    pub fn outcomes(&self) -> [(&'static str, u64); 7] {
        [
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("repeated", self.repeated),
            ("skipped", self.skipped),
            ("folded", self.folded),
            ("refused", self.refused),
        ]
    }

    /// Counts a problem.
    pub fn count(&mut self, kind: ProblemKind) {
        self.refused += u64::from(kind.is_refusal());
        match kind {
            ProblemKind::Malformed => self.malformed += 1,
            ProblemKind::InvalidEmail => self.invalid_email += 1,
            ProblemKind::Mistyped => self.mistyped += 1,
            ProblemKind::Unknown => self.unknown += 1,
            ProblemKind::Repeated => self.repeated += 1,
            ProblemKind::Suppressed => self.suppressed += 1,
            ProblemKind::RoleAddress => self.role_addresses += 1,
            ProblemKind::DroppedCell => self.dropped_cells += 1,
            ProblemKind::Remark => self.remarks += 1,
        }
    }

    /// Adds the counts of a batch.
    pub fn add(&mut self, batch: &ImportReport) {
        let ImportReport {
            rows,
            created,
            updated,
            unchanged,
            repeated,
            skipped,
            suppressed,
            consent_raised,
            role_addresses,
            added_to_group,
            refused,
            malformed,
            invalid_email,
            mistyped,
            unknown,
            dropped_cells,
            remarks,
            folded,
            created_people,
            problems: _,
        } = batch;
        for (total, more) in [
            (&mut self.rows, rows),
            (&mut self.created, created),
            (&mut self.updated, updated),
            (&mut self.unchanged, unchanged),
            (&mut self.repeated, repeated),
            (&mut self.skipped, skipped),
            (&mut self.suppressed, suppressed),
            (&mut self.consent_raised, consent_raised),
            (&mut self.role_addresses, role_addresses),
            (&mut self.added_to_group, added_to_group),
            (&mut self.refused, refused),
            (&mut self.malformed, malformed),
            (&mut self.invalid_email, invalid_email),
            (&mut self.mistyped, mistyped),
            (&mut self.unknown, unknown),
            (&mut self.dropped_cells, dropped_cells),
            (&mut self.remarks, remarks),
            (&mut self.folded, folded),
            (&mut self.created_people, created_people),
        ] {
            *total += more;
        }
    }
}

/// A stored problem. Its id orders the problems of an import as the file does, batch by batch.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = import_problems, check_for_backend(diesel::pg::Pg))]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct StoredProblem {
    pub id: i64,
    pub line: i64,
    pub kind: ProblemKind,
    pub column: Option<String>,
    pub value: Option<String>,
    pub reason: String,
}

impl From<StoredProblem> for RowProblem {
    fn from(stored: StoredProblem) -> RowProblem {
        RowProblem {
            line: u64::try_from(stored.line).unwrap_or_default(),
            kind: stored.kind,
            column: stored.column,
            value: stored.value,
            message: stored.reason,
            cells: None,
        }
    }
}

/// How many rows one statement inserts. Each has seven values, and a statement takes at most 65,535.
const INSERTED_AT_A_TIME: usize = 5_000;

/// Stores problems of a batch, in the order of their lines.
pub(super) fn store_problems(
    connection: &mut PgConnection,
    import_id: i64,
    problems: &mut [RowProblem],
) -> Result<(), Error> {
    problems.sort_by_key(|problem| (problem.line, problem.kind));
    for some in problems.chunks(INSERTED_AT_A_TIME) {
        let rows: Vec<_> = some
            .iter()
            .map(|problem| {
                (
                    import_problems::import_id.eq(import_id),
                    import_problems::line.eq(i64::try_from(problem.line).unwrap_or(i64::MAX)),
                    import_problems::kind.eq(problem.kind.as_str()),
                    import_problems::column.eq(&problem.column),
                    import_problems::value.eq(&problem.value),
                    import_problems::reason.eq(storable_reason(&problem.message)),
                    import_problems::cells.eq(problem.cells.as_deref().map(stored_cells)),
                )
            })
            .collect();
        diesel::insert_into(import_problems::table)
            .values(rows)
            .execute(connection)?;
    }
    Ok(())
}

fn stored_cells(cells: &[String]) -> Value {
    let cells = cells.iter();
    cells
        .map(|cell| Value::from(storable_reason(cell)))
        .collect()
}

fn storable_reason(reason: &str) -> String {
    reason.replace('\0', "\u{fffd}")
}

/// Lists a page of the problems of these kinds of each of these imports, in the order of the file.
pub fn list_problems(
    connection: &mut PgConnection,
    import_ids: &[i64],
    kinds: &[ProblemKind],
    request: &PageRequest<i64>,
) -> Result<HashMap<i64, Page<StoredProblem>>, Error> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let list = PagedList {
        from: "import_problems p WHERE p.import_id = asked.holder AND p.kind = ANY(string_to_array($4, ' '))",
        text: Some(&names.join(" ")),
        id: "p.id",
        key: &["p.id"],
        bound: "KEY::bigint",
        ..PagedList::default()
    };
    let pages = list.find_pages(connection, import_ids, &request.map(i64::to_string))?;
    let ids = pages.values().flat_map(|page| &page.rows);
    let ids: Vec<i64> = ids.map(|item| item.id).collect();
    let rows: Vec<(i64, StoredProblem)> = import_problems::table
        .filter(import_problems::id.eq_any(ids))
        .select((import_problems::import_id, StoredProblem::as_select()))
        .load(connection)?;
    let rows = rows.into_iter();
    let rows = rows.map(|(import_id, problem)| ((import_id, problem.id), problem));
    Ok(fill_pages(pages, rows.collect()))
}

/// How many problems are read at a time.
const READ_AT_A_TIME: usize = 1_000;

/// Returns the next problems of an import after the one with the id `after` as lines of CSV, and the id of the last of
/// them. Returns `None` if there are no more. The header comes before the first problem.
pub fn problems_csv(
    connection: &mut PgConnection,
    import_id: i64,
    after: Option<i64>,
) -> Result<Option<(String, i64)>, Error> {
    let request = PageRequest {
        size: READ_AT_A_TIME,
        after,
        before: None,
        from_end: false,
    };
    let mut pages = list_problems(connection, &[import_id], &ProblemKind::ALL, &request)?;
    let page = pages.remove(&import_id).unwrap_or_default();
    let mut text = String::new();
    if after.is_none() {
        text.push_str("line,kind,column,value,reason\r\n");
    }
    for row in &page.rows {
        let cells = [
            row.kind.as_str(),
            row.column.as_deref().unwrap_or_default(),
            row.value.as_deref().unwrap_or_default(),
            &row.reason,
        ];
        text.push_str(&row.line.to_string());
        for cell in cells {
            text.push(',');
            text.push_str(&safe_cell(cell));
        }
        text.push_str("\r\n");
    }
    match page.rows.last() {
        Some(last) => Ok(Some((text, last.id))),
        None if after.is_none() => Ok(Some((text, 0))),
        None => Ok(None),
    }
}

/// Writes all problems of an import as CSV.
///
/// # Errors
/// [`Error::Invalid`] if `output` cannot be written.
pub fn write_problems(
    connection: &mut PgConnection,
    import_id: i64,
    output: &mut impl Write,
) -> Result<(), Error> {
    let mut after = None;
    while let Some((text, last)) = problems_csv(connection, import_id, after)? {
        output.write_all(text.as_bytes()).map_err(|error| {
            Error::invalid("output", format!("the problems cannot be written: {error}"))
        })?;
        after = Some(last);
    }
    Ok(())
}

/// Writes a cell so that no spreadsheet takes it for a formula: a text that begins like one gets an apostrophe before
/// it.
pub fn safe_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if is_formula || text.contains([',', '"', '\n', '\r', ';']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_safe_in_spreadsheets() {
        for (cell, written) in [
            ("Ona", "Ona"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(safe_cell(cell), written);
        }
    }
}
