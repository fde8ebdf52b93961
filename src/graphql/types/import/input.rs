//! The inputs of the mutations of imports, and their payloads.

use super::analysis::{ImportOthers, ImportProgram};
use super::{ImportKindName, ImportModeName, ImportNode};
use crate::graphql::engine::error::UserError;
use crate::graphql::types::custom_field::CustomFieldType;
use crate::graphql::types::subscriber::SubscriberStatus;
use async_graphql::{ID, InputObject, SimpleObject};

/// A custom field to create from a column.
#[derive(InputObject)]
pub struct ImportFieldInput {
    /// The column.
    pub column: String,
    /// The type of the field.
    pub r#type: CustomFieldType,
}

/// The field that a column with another name goes to.
#[derive(InputObject)]
pub struct ImportColumnInput {
    /// The column.
    pub column: String,
    /// A built-in field, the key of a custom field, or for events the name the column should have.
    pub field: String,
}

/// The meaning of a word in the status column.
#[derive(InputObject)]
pub struct ImportStatusInput {
    /// The word, in any letter case.
    pub word: String,
    /// The status that the word means.
    pub status: SubscriberStatus,
}

/// A value for rows that have none of their own.
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

/// The separator of list items in a column.
#[derive(InputObject)]
pub struct ImportSplitInput {
    /// The column.
    pub column: String,
    /// The character.
    pub character: String,
}

/// What to import, and how. The file is sent afterwards. Columns are named by their header, or by position, such as
/// `#3`.
#[derive(InputObject)]
pub struct CreateImportInput {
    /// What is imported.
    pub kind: ImportKindName,
    /// The name of the file.
    pub file_name: Option<String>,
    /// The character between cells. Detected if absent.
    pub delimiter: Option<String>,
    /// The character around quoted cells; an empty text if no cell is quoted.
    pub quote: Option<String>,
    /// The encoding: utf-8, utf-16le, windows-1252 or any other that browsers know. Detected if absent.
    pub encoding: Option<String>,
    /// How many lines to skip before the header, or before the first row. Detected if absent.
    pub skip_lines: Option<u32>,
    /// The file within a ZIP archive, or the sheet of a workbook. By default it is the only file of the archive, or the
    /// first sheet with rows.
    pub part: Option<String>,
    /// Whether the first line names the columns. Detected if absent. Without a header columns are called `column 1`,
    /// `column 2` and so on.
    pub header: Option<bool>,
    /// The program that wrote the file. The preset for its exports applies unless this input says otherwise.
    pub from: Option<ImportProgram>,
    /// The fields that columns with other names go to.
    #[graphql(default)]
    pub columns: Vec<ImportColumnInput>,
    /// Columns to leave out.
    #[graphql(default)]
    pub ignore: Vec<String>,
    /// What to do with all other columns. If absent, each of them needs an option of its own. Columns about consent
    /// need one in any case.
    pub others: Option<ImportOthers>,
    /// Values for rows that have none of their own, such as the field `status` with the value `unsubscribed`.
    #[graphql(default)]
    pub set: Vec<ImportSetInput>,
    /// The format of days and times, such as `dd.mm.yyyy` or `mm/dd/yyyy HH:MM` (`mm` is the month, `MM` are minutes).
    /// ISO 8601 is always understood; other formats are never guessed.
    pub date_format: Option<String>,
    /// The formats of days and times in single columns.
    #[graphql(default)]
    pub date_formats: Vec<ImportDateFormatInput>,
    /// Columns in which decimals follow a comma.
    #[graphql(default)]
    pub decimal_commas: Vec<String>,
    /// Columns in which decimals follow a point, and commas separate groups of digits.
    #[graphql(default)]
    pub decimal_points: Vec<String>,
    /// Whether decimals follow a comma in every column, as in `1.234,5`.
    #[graphql(default)]
    pub decimal_comma: bool,
    /// The time zone of times that have none in the file; UTC if absent.
    pub time_zone: Option<String>,
    /// The separators of list items, by column. The default is `|`; arrays of JSON and items in quotes are always
    /// understood.
    #[graphql(default)]
    pub splits: Vec<ImportSplitInput>,
    /// Columns that name groups to add the subscriber of the row to.
    #[graphql(default)]
    pub groups_from: Vec<String>,
    /// Columns with JSON objects, whose keys become custom fields.
    #[graphql(default)]
    pub fields_from: Vec<String>,
    /// The name of all events of the file, if no column has it.
    pub event: Option<String>,
    /// The column that identifies an order: rows with the same value become one event.
    pub fold: Option<String>,
    /// Whether importing events creates a subscriber for an unknown e-mail address. The status of such a subscriber is
    /// PENDING.
    #[graphql(default)]
    pub create_people: bool,
    /// The keys of groups to add every subscriber of the file to.
    #[graphql(default)]
    pub groups: Vec<String>,
    /// Whether to create groups that do not exist.
    #[graphql(default)]
    pub create_groups: bool,
    /// Custom fields to create from columns.
    #[graphql(default)]
    pub fields: Vec<ImportFieldInput>,
    /// The meanings of words in the status column that are not names of statuses.
    #[graphql(default)]
    pub statuses: Vec<ImportStatusInput>,
    /// The source of new subscribers, if the file names none.
    pub source: Option<String>,
    /// Which subscribers the import may change: all (UPSERT, the default), only new or only existing ones.
    pub mode: Option<ImportModeName>,
    /// Whether to set only values that are missing.
    #[graphql(default)]
    pub fill_missing: bool,
    /// Why subscribers who unsubscribed, bounced or complained may be sent e-mail again if the file says so. Needs
    /// ADMIN. Without a reason their status stays as it is.
    pub raise_consent: Option<String>,
    /// Whether a row with an unreadable cell is skipped. Otherwise only the cell is left out, with a remark, and the
    /// row is used.
    #[graphql(default)]
    pub strict: bool,
    /// Whether to stop after the file was analysed: `Import.analysis` then shows what would be done, and `startImport`
    /// does it.
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
    /// Options to use instead of those of the import; unchanged if absent.
    pub options: Option<CreateImportInput>,
}

/// The import, or the errors.
#[derive(SimpleObject)]
pub struct CreateImportPayload {
    /// The import, which now waits for its file.
    pub import: Option<ImportNode>,
    /// The errors of the input; empty on success.
    pub user_errors: Vec<UserError>,
}

/// Which import.
#[derive(InputObject)]
pub struct ImportIdInput {
    /// The global id of the import.
    pub id: ID,
}

/// The import as it is now, or the errors.
#[derive(SimpleObject)]
pub struct ImportPayload {
    /// The import.
    pub import: Option<ImportNode>,
    /// The errors of the input, or what prevents the action; empty on success.
    pub user_errors: Vec<UserError>,
}
