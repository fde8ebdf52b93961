//! Asking for imports, and for what can be done with them.

use super::analysis::{ImportOthers, ImportProgram};
use super::{ImportKindName, ImportModeName, ImportNode};
use crate::graphql::engine::error::UserError;
use crate::graphql::types::custom_field::CustomFieldType;
use crate::graphql::types::subscriber::SubscriberStatus;
use async_graphql::{ID, InputObject, SimpleObject};

/// A custom field to make of a column.
#[derive(InputObject)]
pub struct ImportFieldInput {
    /// The column.
    pub column: String,
    /// The type of the field.
    pub r#type: CustomFieldType,
}

/// Where a column goes that has another name.
#[derive(InputObject)]
pub struct ImportColumnInput {
    /// The column.
    pub column: String,
    /// A built-in field, the key of a custom field, or for events the name the column should have.
    pub field: String,
}

/// What a word in the status column means.
#[derive(InputObject)]
pub struct ImportStatusInput {
    /// The word, in any letter case.
    pub word: String,
    /// What it means.
    pub status: SubscriberStatus,
}

/// A value that every row has.
#[derive(InputObject)]
pub struct ImportSetInput {
    /// A built-in field, `status_reason`, `subscribed_at`, `unsubscribed_at` or the key of a custom field.
    pub field: String,
    /// The value, written as in a cell.
    pub value: String,
}

/// How the days and times of a column are written.
#[derive(InputObject)]
pub struct ImportDateFormatInput {
    /// The column.
    pub column: String,
    /// The format, such as `dd.mm.yyyy`.
    pub format: String,
}

/// What stands between the items of the lists in a column.
#[derive(InputObject)]
pub struct ImportSplitInput {
    /// The column.
    pub column: String,
    /// The character.
    pub character: String,
}

/// What to import, and how. The file comes afterwards. A column is named as the header has it, or by its place as `#3`.
#[derive(InputObject)]
pub struct CreateImportInput {
    /// What is imported.
    pub kind: ImportKindName,
    /// How to call the file.
    pub file_name: Option<String>,
    /// What stands between cells: one character. Found out if absent.
    pub delimiter: Option<String>,
    /// What stands around cells: one character; an empty text says that no cell is quoted.
    pub quote: Option<String>,
    /// The encoding: utf-8, utf-16le, windows-1252 or any other that browsers know. Found out if absent.
    pub encoding: Option<String>,
    /// How many lines to pass over before the header, or before the first row. Found out if absent.
    pub skip_lines: Option<u32>,
    /// The file within a ZIP archive, or the sheet of a workbook. An archive with one file, and the first sheet with rows,
    /// need not be named.
    pub part: Option<String>,
    /// Whether the first line names the columns. Found out if absent. Without a header columns are called `column 1`,
    /// `column 2` and so on.
    pub header: Option<bool>,
    /// The program that wrote the file: what is recorded of its exports holds where nothing else is said.
    pub from: Option<ImportProgram>,
    /// Where columns go that have other names.
    #[graphql(default)]
    pub columns: Vec<ImportColumnInput>,
    /// Columns to leave out.
    #[graphql(default)]
    pub ignore: Vec<String>,
    /// What becomes of all other columns. If absent, each of them has to be settled. Columns that speak of consent have to be
    /// in any case.
    pub others: Option<ImportOthers>,
    /// What every row has where it says nothing else, such as the field `status` with the value `unsubscribed`.
    #[graphql(default)]
    pub set: Vec<ImportSetInput>,
    /// How days and times are written, such as `dd.mm.yyyy` or `mm/dd/yyyy HH:MM` (`mm` is the month, `MM` are minutes).
    /// What ISO 8601 has is always understood; anything else is never guessed.
    pub date_format: Option<String>,
    /// The same for single columns.
    #[graphql(default)]
    pub date_formats: Vec<ImportDateFormatInput>,
    /// Columns in which decimals follow a comma.
    #[graphql(default)]
    pub decimal_commas: Vec<String>,
    /// Columns in which decimals follow a point, and commas stand between groups of digits.
    #[graphql(default)]
    pub decimal_points: Vec<String>,
    /// Whether decimals follow a comma in every column, as in `1.234,5`.
    #[graphql(default)]
    pub decimal_comma: bool,
    /// The time zone of times that come without one; UTC if absent.
    pub time_zone: Option<String>,
    /// What stands between the items of lists, by column. Without it items are separated by `|`; arrays of JSON and items
    /// in quotes are always understood.
    #[graphql(default)]
    pub splits: Vec<ImportSplitInput>,
    /// Columns that name groups to add the subscriber of the row to.
    #[graphql(default)]
    pub groups_from: Vec<String>,
    /// Columns with JSON objects, whose keys become custom fields.
    #[graphql(default)]
    pub fields_from: Vec<String>,
    /// The name of all events of the file, where no column has it.
    pub event: Option<String>,
    /// The column in which the lines of one order are the same: they become one event.
    pub fold: Option<String>,
    /// Whether to make subscribers of people who are not known, when events are imported. Their status is PENDING.
    #[graphql(default)]
    pub create_people: bool,
    /// The keys of groups to add every subscriber of the file to.
    #[graphql(default)]
    pub groups: Vec<String>,
    /// Whether to make the groups that do not exist.
    #[graphql(default)]
    pub create_groups: bool,
    /// Custom fields to make of columns.
    #[graphql(default)]
    pub fields: Vec<ImportFieldInput>,
    /// What the words of the status column mean, where they are not the names of statuses.
    #[graphql(default)]
    pub statuses: Vec<ImportStatusInput>,
    /// The source of those who are new, where the file names none.
    pub source: Option<String>,
    /// Whom to touch; UPSERT if absent.
    pub mode: Option<ImportModeName>,
    /// Whether to fill only what is missing.
    #[graphql(default)]
    pub fill_missing: bool,
    /// Why people who unsubscribed, bounced or complained are to be addressed again where the file says so; needs ADMIN
    /// rights. Without a reason they stay as they are.
    pub raise_consent: Option<String>,
    /// Whether a cell that cannot be read costs its row. Otherwise it is left out with a remark, and the row is used.
    #[graphql(default)]
    pub strict: bool,
    /// Whether to stop when the file was looked at: `Import.analysis` tells then what would be done, and `startImport` does
    /// it.
    #[graphql(default)]
    pub review: bool,
    /// Whether to report only, and write nothing.
    #[graphql(default)]
    pub dry_run: bool,
}

/// Which import to start, and how.
#[derive(InputObject)]
pub struct StartImportInput {
    /// The global id of the import.
    pub id: ID,
    /// Whether to do what `Import.analysis.proposal` proposes.
    #[graphql(default)]
    pub accept_proposal: bool,
    /// What to do instead of what was asked for; what was asked for if absent.
    pub options: Option<CreateImportInput>,
}

/// The import, or what was wrong.
#[derive(SimpleObject)]
pub struct CreateImportPayload {
    /// The import, which waits for its file.
    pub import: Option<ImportNode>,
    /// What was wrong with the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which import.
#[derive(InputObject)]
pub struct ImportIdInput {
    /// The global id of the import.
    pub id: ID,
}

/// The import as it is now, or what was wrong.
#[derive(SimpleObject)]
pub struct ImportPayload {
    /// The import.
    pub import: Option<ImportNode>,
    /// What was wrong, or stands in the way; empty on success.
    pub user_errors: Vec<UserError>,
}
