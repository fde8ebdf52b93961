//! Arguments of `rollcall import`.

use crate::import::{
    DateFormat, Encoding, EventImport, FileOptions, ImportMode, ImportOptions, NO_QUOTE, Others,
    PRESETS, SubscriberImport,
};
use crate::rule::{CustomType, Status};
use chrono_tz::Tz;
use std::path::PathBuf;

/// Subcommands of `rollcall import`.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Add or change subscribers: one row per subscriber, identified by the column "email".
    #[command(after_help = EXIT_CODES)]
    Subscribers(SubscriberArguments),
    /// Record events of subscribers: columns "email", "event" and "occurred_at", optionally "value", "dedupe_key" and
    /// "properties.NAME".
    #[command(after_help = EXIT_CODES)]
    Events(EventArguments),
    /// List the latest imports.
    List,
    /// Show an import: its file, where its columns went, and its report.
    Show(OneImport),
    /// Resume an import that was interrupted, cancelled or failed. It continues after the last stored batch.
    #[command(after_help = EXIT_CODES)]
    Resume(OneImport),
    /// Stop an import. The rows stored so far are kept; the import can be resumed or undone.
    Cancel(OneImport),
    /// Undo an import: everything is as it was before. Refused if later changes would be lost.
    Undo(OneImport),
    /// Print the rows that were refused or kept with a remark, as CSV.
    Problems(OneImport),
    /// Print the refused rows as CSV, with the delimiter of the file and the reason as first column, to be corrected
    /// and imported again.
    Refused(OneImport),
}

const EXIT_CODES: &str =
    "Exit codes: 0 every row was used; 2 some rows were refused; 1 the import failed.";

/// An import.
#[derive(Debug, Clone, clap::Args)]
pub struct OneImport {
    /// The number of the import, as `rollcall import list` shows it.
    #[arg(value_name = "ID")]
    pub id: i64,
}

/// The form of a file. Omitted properties are detected.
#[derive(Debug, Clone, clap::Args)]
pub struct FileArguments {
    /// The file: CSV, Excel (.xlsx) or NDJSON, optionally compressed with gzip or ZIP. "-" reads standard input.
    pub file: PathBuf,

    /// The delimiter between cells: one character, or "tab". Detected if omitted.
    #[arg(long, value_parser = parse_delimiter)]
    delimiter: Option<u8>,

    /// The quote around cells: one character, or "none".
    #[arg(long, value_parser = parse_quote)]
    quote: Option<u8>,

    /// The encoding: utf-8, utf-16le, windows-1252 or any other that browsers know. Detected if omitted.
    #[arg(long, value_parser = parse_encoding)]
    encoding: Option<Encoding>,

    /// Whether the first line names the columns. Detected if omitted. Without a header columns are called "column 1",
    /// "column 2" and so on.
    #[arg(long, value_name = "yes|no", value_parser = parse_flag)]
    header: Option<bool>,

    /// The field that a column with another name goes to: COLUMN=FIELD. May be given several times.
    #[arg(long = "column", value_name = "COLUMN=FIELD", value_parser = parse_column)]
    columns: Vec<(String, String)>,

    /// Leave a column out. May be given several times.
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    /// How days and times are written, such as dd.mm.yyyy or mm/dd/yyyy HH:MM (mm is the month, MM are minutes), in the
    /// whole file or in one column. ISO 8601 is always understood. May be given several times.
    #[arg(long = "date-format", value_name = "[COLUMN=]FORMAT", value_parser = parse_date_format)]
    date_formats: Vec<(Option<String>, DateFormat)>,

    /// The time zone of times without a zone, such as Europe/Vilnius; UTC if absent.
    #[arg(long, value_name = "ZONE", value_parser = crate::config::parse_zone)]
    date_zone: Option<Tz>,

    /// Decimals follow a comma, as in 1.234,5, in the whole file or in one column. May be given several times.
    #[arg(long = "decimal-comma", value_name = "COLUMN", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    decimal_commas: Vec<String>,

    /// Decimals of this column follow a point, and commas separate groups of digits. May be given several times.
    #[arg(long = "decimal-point", value_name = "COLUMN")]
    decimal_points: Vec<String>,

    /// Skip this many lines before the header, or before the first row.
    #[arg(long, value_name = "LINES")]
    skip_lines: Option<u64>,

    /// The file within a ZIP archive, or the sheet of a workbook.
    #[arg(long, value_name = "NAME")]
    part: Option<String>,

    /// Report what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl FileArguments {
    fn form(&self) -> FileOptions {
        FileOptions {
            delimiter: self.delimiter,
            quote: self.quote,
            encoding: self.encoding,
            header: self.header,
            skip_lines: self.skip_lines,
            part: self.part.clone(),
            fields_from: Vec::new(),
            decimal_comma: self.decimal_commas.iter().any(String::is_empty),
        }
    }

    /// The format of days and times of the whole file.
    fn date_format(&self) -> Option<DateFormat> {
        let mut formats = self.date_formats.iter();
        formats
            .find(|(column, _)| column.is_none())
            .map(|(_, format)| format.clone())
    }
}

/// Arguments of `rollcall import subscribers`.
#[derive(Debug, Clone, clap::Args)]
pub struct SubscriberArguments {
    #[command(flatten)]
    pub file: FileArguments,

    /// The program that wrote the file. Its columns are mapped as known for that program unless another argument differs.
    #[arg(long, value_name = "PROGRAM", value_parser = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>())]
    from: Option<String>,

    /// A value for every row without a value of its own: FIELD=VALUE, such as status=unsubscribed. Of two statuses the
    /// stricter counts. May be given several times.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_set)]
    set: Vec<(String, String)>,

    /// What happens to unknown columns: leave them out, or make custom fields of them. Columns about consent have to be
    /// mapped or ignored by name.
    #[arg(long, value_name = "ignore|field", value_parser = parse_others)]
    others: Option<Others>,

    /// Refuse a row for any cell that cannot be read. Otherwise the cell is left out with a remark.
    #[arg(long)]
    strict: bool,

    /// The character between the items of a column of lists: COLUMN=CHARACTER, such as "Tags=,". May be given several
    /// times.
    #[arg(long = "split", value_name = "COLUMN=CHARACTER", value_parser = parse_split)]
    splits: Vec<(String, char)>,

    /// A column that names groups to add the subscriber of the row to. May be given several times.
    #[arg(long, value_name = "COLUMN")]
    groups_from: Vec<String>,

    /// A column with JSON objects, whose keys become custom fields. May be given several times.
    #[arg(long, value_name = "COLUMN")]
    fields_from: Vec<String>,

    /// The key of a group to add every subscriber of the file to. May be given several times.
    #[arg(long = "group", value_name = "KEY")]
    groups: Vec<String>,

    /// Create the groups that do not exist.
    #[arg(long)]
    create_group: bool,

    /// Create a custom field for a column: COLUMN:TYPE, with text, number, date, datetime, boolean or list. May be given
    /// several times.
    #[arg(long = "field", value_name = "COLUMN:TYPE", value_parser = parse_field)]
    fields: Vec<(String, CustomType)>,

    /// What a word in the status column means: WORD=STATUS, such as active=subscribed. May be given several times.
    #[arg(long = "status", value_name = "WORD=STATUS", value_parser = parse_status)]
    statuses: Vec<(String, Status)>,

    /// The source of new subscribers, if the file names none.
    #[arg(long)]
    source: Option<String>,

    /// Which subscribers the import may change: all (upsert), only new ones (insert), or only existing ones (update).
    #[arg(long, default_value = "upsert", value_parser = parse_mode)]
    mode: ImportMode,

    /// Fill only missing values; existing values stay.
    #[arg(long)]
    fill_missing: bool,

    /// Re-subscribe people who unsubscribed, bounced or complained, if the file says so, for this reason.
    #[arg(long, value_name = "REASON")]
    raise_consent: Option<String>,
}

/// Arguments of `rollcall import events`.
#[derive(Debug, Clone, clap::Args)]
pub struct EventArguments {
    #[command(flatten)]
    pub file: FileArguments,

    /// The name of all events of the file, if no column has it.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// The column that identifies an order: consecutive rows with the same value become one event.
    #[arg(long, value_name = "COLUMN")]
    fold: Option<String>,

    /// Create subscribers for unknown people. Their status is pending, because a purchase is not consent to receive mail.
    #[arg(long)]
    create_people: bool,

    /// What happens to unknown columns: leave them out, or make properties of them.
    #[arg(long, value_name = "ignore|field", value_parser = parse_others)]
    others: Option<Others>,
}

impl SubscriberArguments {
    /// Returns the options of the import.
    pub fn options(&self) -> ImportOptions {
        ImportOptions::Subscribers(SubscriberImport {
            file: FileOptions {
                fields_from: self.fields_from.clone(),
                ..self.file.form()
            },
            splits: self.splits.clone(),
            groups_from: self.groups_from.clone(),
            groups: self.groups.clone(),
            create_groups: self.create_group,
            fields: self.fields.clone(),
            columns: self.file.columns.clone(),
            ignore: self.file.ignore.clone(),
            others: self.others,
            from: self.from.clone(),
            set: self.set.clone(),
            date_format: self.file.date_format(),
            date_formats: self
                .file
                .date_formats
                .iter()
                .filter_map(|(column, format)| Some((column.clone()?, format.clone())))
                .collect(),
            decimal_commas: self
                .file
                .decimal_commas
                .iter()
                .filter(|column| !column.is_empty())
                .cloned()
                .collect(),
            decimal_points: self.file.decimal_points.clone(),
            time_zone: self.file.date_zone,
            statuses: self.statuses.clone(),
            source: self.source.clone(),
            mode: self.mode,
            fill_missing: self.fill_missing,
            strict: self.strict,
            raise_consent: self.raise_consent.clone(),
            dry_run: self.file.dry_run,
        })
    }
}

impl EventArguments {
    /// Returns the options of the import.
    pub fn options(&self) -> ImportOptions {
        ImportOptions::Events(EventImport {
            file: self.file.form(),
            event: self.event.clone(),
            fold: self.fold.clone(),
            create_people: self.create_people,
            others: self.others,
            columns: self.file.columns.clone(),
            ignore: self.file.ignore.clone(),
            date_format: self.file.date_format(),
            time_zone: self.file.date_zone,
            dry_run: self.file.dry_run,
        })
    }
}

fn parse_field(text: &str) -> Result<(String, CustomType), String> {
    let expected = "expected COLUMN:TYPE with text, number, date, datetime, boolean or list, such as first_purchase:date";
    let (column, type_name) = text.rsplit_once(':').ok_or(expected)?;
    let custom_type = CustomType::find(type_name.trim()).ok_or(expected)?;
    Ok((column.trim().to_owned(), custom_type))
}

fn parse_split(text: &str) -> Result<(String, char), String> {
    let expected = || "expected COLUMN=CHARACTER, such as \"Tags=,\" or \"Tags=tab\"".to_owned();
    let (column, split) = text.rsplit_once('=').ok_or_else(expected)?;
    let mut characters = split.chars();
    let character = match (characters.next(), characters.next()) {
        (Some(character), None) => character,
        _ if split.eq_ignore_ascii_case("tab") => '\t',
        _ => return Err(expected()),
    };
    Ok((column.trim().to_owned(), character))
}

fn parse_column(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=');
    let parts = parts.map(|(column, field)| (column.trim().to_owned(), field.trim().to_owned()));
    parts
        .filter(|(column, field)| !column.is_empty() && !field.is_empty())
        .ok_or_else(|| "expected COLUMN=FIELD, such as \"E-Mail Address=email\"".to_owned())
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let parts = parts.map(|(field, value)| (field.trim().to_owned(), value.trim().to_owned()));
    parts
        .filter(|(field, value)| !field.is_empty() && !value.is_empty())
        .ok_or_else(|| "expected FIELD=VALUE, such as status=unsubscribed".to_owned())
}

fn parse_others(text: &str) -> Result<Others, String> {
    match text {
        "ignore" => Ok(Others::Ignore),
        "field" => Ok(Others::Field),
        _ => Err("expected ignore or field".to_owned()),
    }
}

fn parse_date_format(text: &str) -> Result<(Option<String>, DateFormat), String> {
    match text.rsplit_once('=') {
        Some((column, format)) => Ok((Some(column.trim().to_owned()), DateFormat::parse(format)?)),
        None => Ok((None, DateFormat::parse(text)?)),
    }
}

fn parse_status(text: &str) -> Result<(String, Status), String> {
    let expected = "expected WORD=STATUS with subscribed, unsubscribed, bounced, complained or pending, such as active=subscribed";
    let (word, status) = text.rsplit_once('=').ok_or(expected)?;
    let status = Status::parse(status.trim()).ok_or(expected)?;
    Ok((word.trim().to_owned(), status))
}

fn parse_mode(text: &str) -> Result<ImportMode, String> {
    match text {
        "upsert" => Ok(ImportMode::Upsert),
        "insert" => Ok(ImportMode::Insert),
        "update" => Ok(ImportMode::Update),
        _ => Err("expected upsert, insert or update".to_owned()),
    }
}

fn parse_encoding(text: &str) -> Result<Encoding, String> {
    let known: Vec<&str> = Encoding::ALL.into_iter().map(Encoding::as_str).collect();
    Encoding::parse(text).ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

fn parse_flag(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'"' && *byte != b'\n' => Ok(*byte),
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        _ => Err("expected one character such as \";\", or \"tab\"".to_owned()),
    }
}

fn parse_quote(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() => Ok(*byte),
        _ if text == "none" => Ok(NO_QUOTE),
        _ => Err("expected one character such as ' or \", or \"none\"".to_owned()),
    }
}
