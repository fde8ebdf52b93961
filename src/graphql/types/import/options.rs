//! Reads the options of an import from its input.

use super::ImportKindName;
use super::input::CreateImportInput;
use crate::graphql::engine::error::{UserError, UserErrorCode};
use crate::import::{
    DateFormat, Encoding, EventImport, FileOptions, ImportOptions, NO_QUOTE, SubscriberImport,
};

/// Collects the errors of an input.
#[derive(Default)]
struct Reading {
    errors: Vec<UserError>,
}

impl Reading {
    fn refuse(&mut self, path: &str, message: impl Into<String>) {
        self.errors
            .push(UserError::new(UserErrorCode::Invalid, path, message));
    }

    /// Reads a value, if there is one. If it cannot be read, collects the error.
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

/// Reads the options; all errors are returned together.
///
/// # Errors
/// The errors of the input.
pub fn read_options(input: &CreateImportInput) -> Result<ImportOptions, Vec<UserError>> {
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
        reading.refuse(
            "quote",
            "the quote must be another character than the delimiter",
        );
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
                format!("expected one character, found \"{}\"", split.character),
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

/// Refuses the options of event imports in an import of subscribers.
fn refuse_of_events(input: &CreateImportInput, reading: &mut Reading) {
    for (path, is_there) in [
        ("event", input.event.is_some()),
        ("fold", input.fold.is_some()),
        ("createPeople", input.create_people),
    ] {
        if is_there {
            reading.refuse(path, "an import of subscribers does not take this option");
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
            reading.refuse(path, "an import of events does not take this option");
        }
    }
}
