//! Excel workbooks: reads the rows of one sheet, with typed values.

use super::row::Row;
use super::table::RowSource;
use crate::error::Error;
use calamine::{Data, DataRef, DataType, Reader, SheetVisible, Xlsx, XlsxCellReader, XlsxError};
use std::fs::File;
use std::io::{self, BufReader, Read};

/// The most columns of a sheet.
const MAX_COLUMNS: u32 = 16_384;

/// The most bytes of the texts of a workbook, which are all in memory while it is read.
const MAX_TEXTS: u64 = 64 << 20;

/// Opens a workbook, and calls `work` with the rows and the name of a sheet.
///
/// # Errors
/// [`Error::Invalid`] if the workbook cannot be read or has no such sheet; errors of `work`.
pub fn read_workbook<T>(
    file: File,
    sheet: Option<&str>,
    work: impl FnOnce(&mut dyn RowSource, String) -> Result<T, Error>,
) -> Result<T, Error> {
    check_size(&file)?;
    let mut workbook: Xlsx<_> =
        Xlsx::new(BufReader::new(file)).map_err(|error| not_read(&error))?;
    let name = find_sheet(&mut workbook, sheet)?;
    let reader = workbook
        .worksheet_cells_reader(&name)
        .map_err(|error| not_read(&error))?;
    let mut rows = SheetRows {
        reader,
        ahead: None,
        is_ended: false,
    };
    work(&mut rows, name)
}

fn not_read(error: &XlsxError) -> Error {
    let reason = match error {
        XlsxError::Password => "it is protected by a password; save it without one".to_owned(),
        other => {
            format!("{other}; open it in a spreadsheet and save it again, or save it as CSV UTF-8")
        }
    };
    Error::invalid(
        "file",
        format!("the Excel workbook cannot be read: {reason}"),
    )
}

/// Fails if the texts of a workbook would fill the memory: they are unpacked as a whole.
fn check_size(file: &File) -> Result<(), Error> {
    let again = file.try_clone().map_err(super::unreadable::unreadable)?;
    let Ok(mut archive) = zip::ZipArchive::new(again) else {
        return Ok(());
    };
    for name in ["xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"] {
        let Ok(part) = archive.by_name(name) else {
            continue;
        };
        // Count the unpacked bytes: the size that the archive states may be wrong.
        let unpacked = io::copy(&mut part.take(MAX_TEXTS + 1), &mut io::sink()).unwrap_or_default();
        if unpacked > MAX_TEXTS {
            let message = format!(
                "expected a workbook with at most {MAX_TEXTS} bytes of texts, found more; save the sheet as CSV UTF-8"
            );
            return Err(Error::invalid("file", message));
        }
    }
    Ok(())
}

/// Returns the sheet of that name, or the first visible sheet with rows.
fn find_sheet(workbook: &mut Xlsx<BufReader<File>>, wanted: Option<&str>) -> Result<String, Error> {
    let shown: Vec<String> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    if let Some(wanted) = wanted {
        let names = workbook.sheet_names();
        return super::unpack::find_part(&names, wanted).map(str::to_owned);
    }
    for name in &shown {
        let mut reader = match workbook.worksheet_cells_reader(name) {
            Ok(reader) => reader,
            // The sheet is a chart.
            Err(_) if shown.len() > 1 => continue,
            Err(error) => return Err(not_read(&error)),
        };
        while let Some(cell) = reader.next_cell().map_err(|error| not_read(&error))? {
            if !is_blank(cell.get_value()) {
                return Ok(name.clone());
            }
        }
    }
    Err(Error::invalid(
        "file",
        "expected a workbook with a sheet that has rows, found none",
    ))
}

fn is_blank(value: &DataRef<'_>) -> bool {
    match value {
        DataRef::Empty => true,
        DataRef::String(text) => text.trim().is_empty(),
        DataRef::SharedString(text) => text.trim().is_empty(),
        _ => false,
    }
}

struct SheetRows<'w> {
    reader: XlsxCellReader<'w, BufReader<File>>,
    /// The first cell of the next row: its row, its column and its text.
    ahead: Option<(u32, u32, String)>,
    is_ended: bool,
}

impl SheetRows<'_> {
    fn next_cell(&mut self) -> Result<Option<(u32, u32, String)>, Error> {
        if let Some(cell) = self.ahead.take() {
            return Ok(Some(cell));
        }
        while !self.is_ended {
            let Some(cell) = self.reader.next_cell().map_err(|error| not_read(&error))? else {
                self.is_ended = true;
                break;
            };
            let (row, column) = cell.get_position();
            if column >= MAX_COLUMNS {
                return Err(Error::invalid(
                    "file",
                    format!("expected a sheet of at most {MAX_COLUMNS} columns, found more"),
                ));
            }
            if !is_blank(cell.get_value()) {
                return Ok(Some((row, column, text_of(cell.get_value()))));
            }
        }
        Ok(None)
    }
}

impl RowSource for SheetRows<'_> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        let Some((row, column, text)) = self.next_cell()? else {
            return Ok(None);
        };
        let mut cells = Vec::new();
        let mut place = |column: u32, text: String| {
            let column = column as usize;
            if cells.len() <= column {
                cells.resize(column + 1, String::new());
            }
            cells[column] = text;
        };
        place(column, text);
        while let Some((next_row, column, text)) = self.next_cell()? {
            if next_row != row {
                self.ahead = Some((next_row, column, text));
                break;
            }
            place(column, text);
        }
        Ok(Some(Row::of(
            u64::from(row) + 1,
            Ok(cells.iter().collect()),
        )))
    }
}

/// Writes a value as text that can be read in only one way.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::DateTime(moment) if moment.is_duration() => moment.as_f64().to_string(),
        DataRef::DateTime(_) => match value.as_datetime() {
            Some(moment) if moment.time() == chrono::NaiveTime::MIN => moment.date().to_string(),
            // Spreadsheets store times as doubles, which are exact to the millisecond.
            Some(moment) => moment
                .format("%Y-%m-%dT%H:%M:%S%.3f")
                .to_string()
                .trim_end_matches(".000")
                .to_owned(),
            None => Data::from(value.clone()).to_string(),
        },
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
    }
}
