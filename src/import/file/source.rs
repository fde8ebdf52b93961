//! Opens a file of any format, and passes its rows on.

use super::encoding::{Decoding, Encoding, Guess, guess_encoding};
use super::foreign::find_foreign;
use super::form::{FileFormat, Form};
use super::json_lines::{JsonLines, collect_keys, is_json_lines};
use super::rows::{Dialect, Rows};
use super::shape::{
    Header, find_header, find_line_end, guess_delimiter, is_address, read_separator,
};
use super::spread::{Spread, collect_keys as collect_spread_keys};
use super::table::{RowSource, WithFooter};
use super::unpack::{Packing, find_packing, unpack};
use super::unreadable::unreadable;
use super::workbook::read_workbook;
use crate::error::Error;
use crate::import::plan::options::{FileOptions, NO_QUOTE};
use crate::import::plan::vocabulary::exact;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How much of a file is examined to detect its form, in bytes.
const SAMPLE: usize = 256 << 10;

/// Opens a file, and calls `work` with its rows and its form. `read_bytes` counts the bytes read so far.
///
/// # Errors
/// [`Error::Invalid`] if the file cannot be opened or unpacked, or is not a table; errors of `work`.
pub fn read<T>(
    path: &Path,
    options: &FileOptions,
    read_bytes: &Arc<AtomicU64>,
    work: impl FnOnce(&mut dyn RowSource, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    if options.fields_from.is_empty() {
        return read_plain(path, options, read_bytes, work);
    }
    let spreading = read_plain(path, options, &Arc::default(), |rows, form| {
        collect_spread_keys(rows, &options.fields_from, form.has_header)
    })?;
    read_plain(path, options, read_bytes, |rows, form| {
        work(&mut Spread::new(rows, &spreading, form.has_header), form)
    })
}

fn read_plain<T>(
    path: &Path,
    options: &FileOptions,
    read_bytes: &Arc<AtomicU64>,
    work: impl FnOnce(&mut dyn RowSource, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    let part = options.part.as_deref();
    let packing = find_packing(path, part)?;
    match &packing {
        Packing::Workbook => {
            let file = File::open(path).map_err(unreadable)?;
            return read_sheet(file, part, options, work);
        }
        Packing::Zip(_, name) if name.to_ascii_lowercase().ends_with(".xlsx") => {
            let mut copy = tempfile::tempfile().map_err(unreadable)?;
            unpack(path, &packing, read_bytes, |source| {
                io::copy(source, &mut copy).map_err(unreadable)?;
                io::Seek::rewind(&mut copy).map_err(unreadable)
            })?;
            return read_sheet(copy, None, options, work);
        }
        _ => {}
    }
    let start = read_start(path, &packing)?;
    if let Some(words) = find_foreign(&start) {
        return Err(Error::invalid(
            "file",
            format!("expected a table such as a CSV file, {words}"),
        ));
    }
    let part = match &packing {
        Packing::Zip(_, name) => Some(name.clone()),
        _ => None,
    };
    if is_json_lines(&start) && options.delimiter.is_none() {
        return read_json_lines(path, &packing, part, read_bytes, work);
    }
    let (form, dialect) = find_form(path, &packing, options, &start)?;
    let form = Form { part, ..form };
    unpack(path, &packing, read_bytes, |source| {
        if form.encoding.is_utf8() {
            let mut rows = Rows::new(BufReader::with_capacity(1 << 16, source), dialect);
            work(&mut WithFooter::new(&mut rows), form)
        } else {
            let decoded = Decoding::new(source, form.encoding);
            let mut rows = Rows::new(BufReader::with_capacity(1 << 16, decoded), dialect);
            work(&mut WithFooter::new(&mut rows), form)
        }
    })
}

/// Reads the beginning of a file.
fn read_start(path: &Path, packing: &Packing) -> Result<Vec<u8>, Error> {
    unpack(path, packing, &Arc::default(), |source| {
        let mut start = Vec::new();
        source
            .take(SAMPLE as u64)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        Ok(start)
    })
}

/// Detects the form of a file of text.
fn find_form(
    path: &Path,
    packing: &Packing,
    options: &FileOptions,
    start: &[u8],
) -> Result<(Form, Dialect), Error> {
    let is_whole = start.len() < SAMPLE;
    let guess = match options.encoding {
        Some(encoding) => Guess {
            encoding,
            of_other_lines: None,
        },
        None if start.is_ascii() && !is_whole && !start.contains(&0) => {
            guess_encoding(&find_other_bytes(path, packing)?)
        }
        None => guess_encoding(start),
    };
    let mut text = guess.encoding.decode(start);
    let line_end = find_line_end(&text);
    // The last line may be incomplete.
    if !is_whole && let Some(end) = text.rfind(char::from(line_end)) {
        text.truncate(end + 1);
    }
    let separator = read_separator(&text);
    let quote = Some(options.quote.unwrap_or(b'"')).filter(|quote| *quote != NO_QUOTE);
    let before = options
        .skip_lines
        .unwrap_or_default()
        .max(u64::from(separator.is_some()));
    let mut dialect = Dialect {
        quote,
        line_end,
        is_decoded: !guess.encoding.is_utf8(),
        of_other_cells: guess.of_other_lines,
        skipped_lines: before,
        ..Dialect::default()
    };
    dialect.delimiter = options
        .delimiter
        .or(separator)
        .unwrap_or_else(|| guess_delimiter(&text, dialect));
    let header = match options.skip_lines {
        // The option says how many lines to skip; only whether the next row is a header is detected.
        Some(_) => Header {
            exists: !first_row_holds_address(&text, dialect),
            skipped_lines: before,
        },
        None => find_header(&text, dialect, |cell| exact(cell) == Some("email")),
    };
    dialect.skipped_lines = header.skipped_lines.max(before);
    let form = Form {
        encoding: guess.encoding,
        delimiter: dialect.delimiter,
        quote,
        has_header: options.header.unwrap_or(header.exists),
        skipped_lines: dialect.skipped_lines,
        format: FileFormat::Text,
        part: None,
    };
    Ok((form, dialect))
}

fn first_row_holds_address(text: &str, dialect: Dialect) -> bool {
    let first = Rows::new(text.as_bytes(), dialect).next_row();
    first.is_ok_and(|row| {
        row.is_some_and(|row| row.cells.is_ok_and(|cells| cells.iter().any(is_address)))
    })
}

/// Collects lines with bytes beyond ASCII from the whole of a file whose beginning has none.
fn find_other_bytes(path: &Path, packing: &Packing) -> Result<Vec<u8>, Error> {
    unpack(path, packing, &Arc::default(), |source| {
        let mut found = Vec::new();
        let mut reader = BufReader::with_capacity(1 << 16, source);
        loop {
            let piece = io::BufRead::fill_buf(&mut reader).map_err(unreadable)?;
            let length = piece.len();
            if length == 0 || found.len() >= SAMPLE {
                return Ok(found);
            }
            if !piece.is_ascii() {
                // Only whole lines: a character that is cut off would look broken.
                let lines = piece.split_inclusive(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_ascii() && line.ends_with(b"\n"));
                lines.for_each(|line| found.extend_from_slice(line));
            }
            io::BufRead::consume(&mut reader, length);
        }
    })
}

fn read_sheet<T>(
    file: File,
    sheet: Option<&str>,
    options: &FileOptions,
    work: impl FnOnce(&mut dyn RowSource, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    read_workbook(file, sheet, |rows, name| {
        let (mut rows, header) = super::shape::skip_titles(rows, options.skip_lines, |cell| {
            exact(cell) == Some("email")
        })?;
        let form = Form {
            encoding: Encoding::UTF_8,
            delimiter: b',',
            quote: Some(b'"'),
            has_header: options.header.unwrap_or(header.exists),
            skipped_lines: header.skipped_lines,
            format: FileFormat::Workbook,
            part: Some(name),
        };
        work(&mut WithFooter::new(&mut rows), form)
    })
}

fn read_json_lines<T>(
    path: &Path,
    packing: &Packing,
    part: Option<String>,
    read_bytes: &Arc<AtomicU64>,
    work: impl FnOnce(&mut dyn RowSource, Form) -> Result<T, Error>,
) -> Result<T, Error> {
    let keys = unpack(path, packing, &Arc::default(), |source| {
        collect_keys(BufReader::new(source))
    })?;
    let form = Form {
        encoding: Encoding::UTF_8,
        delimiter: b',',
        quote: Some(b'"'),
        has_header: true,
        skipped_lines: 0,
        format: FileFormat::JsonLines,
        part,
    };
    unpack(path, packing, read_bytes, |source| {
        let mut rows = JsonLines::new(BufReader::with_capacity(1 << 16, source), keys);
        work(&mut rows, form)
    })
}
