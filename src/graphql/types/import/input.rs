//! Asking for imports, and for what can be done with them.

use super::analysis::{ImportOthers, ImportProgram};
use super::{ImportKindName, ImportModeName, ImportNode};
use crate::app::App;
use crate::audience::api_key::Scope;
use crate::error::Error;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::{UserError, UserErrorCode, split};
use crate::graphql::engine::id::{Kind, input_id};
use crate::graphql::types::custom_field::CustomFieldType;
use crate::graphql::types::subscriber::SubscriberStatus;
use crate::import;
use crate::import::{
    DateFormat, Encoding, EventImport, FileOptions, Import, ImportOptions, ImportState, NO_QUOTE,
    SubscriberImport,
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use std::time::Duration;
use tokio::task::JoinHandle;

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

/// Gathers what is wrong with an input.
#[derive(Default)]
struct Reading {
    errors: Vec<UserError>,
}

impl Reading {
    fn refuse(&mut self, path: &str, message: impl Into<String>) {
        self.errors
            .push(UserError::new(UserErrorCode::Invalid, path, message));
    }

    /// Reads a value, if there is one.
    fn read<T>(
        &mut self,
        path: &str,
        text: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(text?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(path, message);
                None
            }
        }
    }
}

fn read_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\r\n".contains(byte) => {
            Ok(*byte)
        }
        _ => Err(format!(
            "expected one character that is neither a letter nor a digit, found \"{text}\""
        )),
    }
}

fn read_encoding(text: &str) -> Result<Encoding, String> {
    let known: Vec<&str> = Encoding::ALL.into_iter().map(Encoding::as_str).collect();
    Encoding::parse(text)
        .ok_or_else(|| format!("expected one of {}, found \"{text}\"", known.join(", ")))
}

/// Reads what is asked for; everything that is wrong is told at once.
fn read_options(input: &CreateImportInput) -> Result<ImportOptions, Vec<UserError>> {
    let mut reading = Reading::default();
    let file = FileOptions {
        delimiter: reading.read("delimiter", input.delimiter.as_deref(), read_character),
        quote: reading.read("quote", input.quote.as_deref(), |text| match text {
            "" => Ok(NO_QUOTE),
            text => read_character(text),
        }),
        encoding: reading.read("encoding", input.encoding.as_deref(), read_encoding),
        header: input.header,
        skip_lines: input.skip_lines.map(u64::from),
        part: input.part.clone(),
        fields_from: match input.kind {
            ImportKindName::Subscribers => input.fields_from.clone(),
            ImportKindName::Events => Vec::new(),
        },
        decimal_comma: input.decimal_comma,
    };
    if file.delimiter.is_some() && file.delimiter == file.quote {
        reading.refuse("quote", "expected another character than the delimiter");
    }
    let date_format = reading.read(
        "dateFormat",
        input.date_format.as_deref(),
        DateFormat::parse,
    );
    let time_zone = reading.read(
        "timeZone",
        input.time_zone.as_deref(),
        crate::audience::setting::parse_zone,
    );
    let mut date_formats = Vec::new();
    for (place, said) in input.date_formats.iter().enumerate() {
        let path = format!("dateFormats.{place}.format");
        let format = reading.read(&path, Some(&said.format), DateFormat::parse);
        date_formats.extend(format.map(|format| (said.column.clone(), format)));
    }
    let mut splits = Vec::new();
    for (place, split) in input.splits.iter().enumerate() {
        let mut characters = split.character.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => splits.push((split.column.clone(), character)),
            _ => reading.refuse(
                &format!("splits.{place}.character"),
                "expected one character",
            ),
        }
    }
    let columns = input.columns.iter();
    let columns = columns.map(|column| (column.column.clone(), column.field.clone()));
    let columns: Vec<(String, String)> = columns.collect();
    let options = match input.kind {
        ImportKindName::Subscribers => {
            refuse_of_events(input, &mut reading);
            ImportOptions::Subscribers(SubscriberImport {
                file,
                groups: input.groups.clone(),
                create_groups: input.create_groups,
                fields: input
                    .fields
                    .iter()
                    .map(|field| (field.column.clone(), field.r#type.into()))
                    .collect(),
                columns,
                ignore: input.ignore.clone(),
                others: input.others.map(Into::into),
                from: input.from.map(|from| from.preset().to_owned()),
                set: input
                    .set
                    .iter()
                    .map(|set| (set.field.clone(), set.value.clone()))
                    .collect(),
                date_format,
                date_formats,
                decimal_commas: input.decimal_commas.clone(),
                splits,
                groups_from: input.groups_from.clone(),
                decimal_points: input.decimal_points.clone(),
                time_zone,
                statuses: input
                    .statuses
                    .iter()
                    .map(|status| (status.word.clone(), status.status.into()))
                    .collect(),
                source: input.source.clone(),
                mode: input.mode.map(Into::into).unwrap_or_default(),
                fill_missing: input.fill_missing,
                strict: input.strict,
                raise_consent: input.raise_consent.clone(),
                dry_run: input.dry_run,
            })
        }
        ImportKindName::Events => {
            refuse_of_subscribers(input, &mut reading);
            ImportOptions::Events(EventImport {
                file,
                columns,
                ignore: input.ignore.clone(),
                others: input.others.map(Into::into),
                event: input.event.clone(),
                fold: input.fold.clone(),
                create_people: input.create_people,
                date_format,
                time_zone,
                dry_run: input.dry_run,
            })
        }
    };
    if input
        .raise_consent
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        let message = "expected a reason why people may be addressed again, found an empty text";
        reading.refuse("raiseConsent", message);
    }
    if reading.errors.is_empty() {
        Ok(options)
    } else {
        Err(reading.errors)
    }
}

/// Says which parts of an input mean nothing for events.
fn refuse_of_events(input: &CreateImportInput, reading: &mut Reading) {
    for (path, is_there) in [
        ("event", input.event.is_some()),
        ("fold", input.fold.is_some()),
        ("createPeople", input.create_people),
    ] {
        if is_there {
            reading.refuse(
                path,
                "expected nothing here for an import of subscribers, found something",
            );
        }
    }
}

fn refuse_of_subscribers(input: &CreateImportInput, reading: &mut Reading) {
    for (path, is_there) in [
        ("groups", !input.groups.is_empty()),
        ("createGroups", input.create_groups),
        ("fields", !input.fields.is_empty()),
        ("statuses", !input.statuses.is_empty()),
        ("source", input.source.is_some()),
        ("mode", input.mode.is_some()),
        ("fillMissing", input.fill_missing),
        ("strict", input.strict),
        ("from", input.from.is_some()),
        ("set", !input.set.is_empty()),
        ("splits", !input.splits.is_empty()),
        ("groupsFrom", !input.groups_from.is_empty()),
        ("fieldsFrom", !input.fields_from.is_empty()),
        ("raiseConsent", input.raise_consent.is_some()),
    ] {
        if is_there {
            reading.refuse(
                path,
                "expected nothing here for an import of events, found something",
            );
        }
    }
}

/// For how long an undoing is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long between two looks at an undoing that somebody else does.
const PAUSE: Duration = Duration::from_millis(100);

/// What can be done with imports.
#[derive(Default)]
pub struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Makes an import. Send its file to `uploadUrl` by PUT; it runs by itself then.
    async fn create_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to import, and how.")] input: CreateImportInput,
    ) -> async_graphql::Result<CreateImportPayload> {
        if input.raise_consent.is_some() {
            context.require(Scope::Admin, "CreateImportInput.raiseConsent")?;
        }
        let options = match read_options(&input) {
            Ok(options) => options,
            Err(user_errors) => {
                return Ok(CreateImportPayload {
                    import: None,
                    user_errors,
                });
            }
        };
        let app = context.app()?;
        let now = app.now();
        let name = input.file_name.unwrap_or_default();
        let review = input.review;
        let created = app.db.run(move |connection| {
            import::create_to(connection, &options, &name, None, review, now)
        });
        Ok(match split(created.await)? {
            Ok(import) => CreateImportPayload {
                import: Some(ImportNode(import)),
                user_errors: Vec::new(),
            },
            Err(user_errors) => CreateImportPayload {
                import: None,
                user_errors,
            },
        })
    }

    /// Starts an import whose file was looked at (see `CreateImportInput.review`), or that failed because something had to be
    /// settled first.
    async fn start_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which import, and how.")] input: StartImportInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, Kind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let options = input.options.as_ref();
        if options.is_some_and(|options| options.raise_consent.is_some()) {
            context.require(Scope::Admin, "CreateImportInput.raiseConsent")?;
        }
        let options = match options.map(read_options).transpose() {
            Ok(options) => options,
            Err(user_errors) => {
                return Ok(ImportPayload {
                    import: None,
                    user_errors,
                });
            }
        };
        let app = context.app()?;
        let accepts = input.accept_proposal;
        let started = app
            .db
            .run(move |connection| import::start(connection, id, options.clone(), accepts))
            .await;
        app.import_ready.notify_one();
        payload(started)
    }

    /// Stops an import. What is stored stays; it can be resumed or undone. One whose undoing was asked for and has not
    /// begun is not undone.
    async fn cancel_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, Kind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?.clone();
        let cancelled =
            tokio::task::spawn_blocking(move || import::cancel(&app.db, id, &app.imports));
        payload(cancelled.await?)
    }

    /// Goes on with an import that failed or was cancelled, behind what is stored already.
    async fn resume_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, Kind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?;
        let resumed = app
            .db
            .run(move |connection| import::resume(connection, id))
            .await;
        app.import_ready.notify_one();
        payload(resumed)
    }

    /// Makes everything as it was before an import, exactly. Refused where later changes would be lost, which are named
    /// then. What takes longer than some seconds goes on after the answer, which has the state UNDOING then:
    /// `importProgress` tells when it is UNDONE, or not, and `undoError` why.
    async fn undo_import(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The import.")] input: ImportIdInput,
    ) -> async_graphql::Result<ImportPayload> {
        let id = match input_id(&input.id, Kind::Import) {
            Ok(id) => id,
            Err(error) => return payload(Err(error)),
        };
        let app = context.app()?;
        let now = app.now();
        let asked = app
            .db
            .run(move |connection| import::ask_to_undo(connection, id, now));
        if let Err(error) = asked.await {
            return payload(Err(error));
        }
        let db = app.db.for_long_work();
        // It goes on where nobody waits for it any more.
        let work = tokio::task::spawn_blocking(move || import::undo_asked(&db, id, now));
        let undone = tokio::time::timeout(PATIENCE, until_undone(app, id, work)).await;
        match undone {
            Ok(undone) => payload(undone?),
            Err(_) => payload(
                app.db
                    .run(move |connection| import::get(connection, id))
                    .await,
            ),
        }
    }
}

/// Waits for the end of an undoing, whoever does it: this task, or another server or the importer who came first, or
/// comes after another import.
async fn until_undone(
    app: &App,
    id: i64,
    work: JoinHandle<Result<Option<Import>, Error>>,
) -> async_graphql::Result<Result<Import, Error>> {
    match work.await? {
        Ok(Some(import)) if import.undo_error.is_none() => return Ok(Ok(import)),
        Ok(_) => {}
        Err(error) => return Ok(Err(error)),
    }
    loop {
        let import = app.db.run(move |connection| import::get(connection, id));
        match import.await {
            Ok(import) if import.state() == ImportState::Undoing => {}
            Ok(Import {
                undo_error: Some(why),
                ..
            }) => return Ok(Err(Error::invalid("id", why))),
            ended => return Ok(ended),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn payload(result: Result<Import, Error>) -> async_graphql::Result<ImportPayload> {
    Ok(match split(result)? {
        Ok(import) => ImportPayload {
            import: Some(ImportNode(import)),
            user_errors: Vec::new(),
        },
        Err(user_errors) => ImportPayload {
            import: None,
            user_errors,
        },
    })
}
