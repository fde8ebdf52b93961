//! Where one column goes and how its cells are read: settled before the first row is read, and kept, so that an import
//! that is resumed reads them in the same way.

use super::decide::is_column;
use super::options::{EventImport, SubscriberImport};
use super::target::{BUILTIN_COLUMNS, Target};
use crate::import::value::Decimal;
use crate::import::value::cell::CellFormat;
use crate::import::value::dates::{DateFormat, DateReader};
use crate::import::value::numbers::NumberReader;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// What is settled of one column.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    /// Where its cells go.
    pub target: Target,
    /// How they are read.
    pub format: CellFormat,
}

/// What is kept of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPlan {
    /// Where its cells go, as [`Target::write`] has it.
    pub target: String,
    /// What stands before decimals, if its cells prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Whether an empty cell means no, because the others hold marks.
    #[serde(default)]
    pub empty_is_no: bool,
}

/// How the cells of a column are read, by what was said of it and of the whole file.
pub fn format_of(options: &SubscriberImport, names: &[String], position: usize) -> CellFormat {
    let name = names[position].trim();
    let is = |said: &str| is_column(said, name, position);
    let mut said = options.date_formats.iter().filter(|(said, _)| is(said));
    let format = said.next().map(|(_, format)| format);
    let mut numbers = options.file.numbers();
    if options.decimal_commas.iter().any(|said| is(said)) {
        numbers.decimal = Some(Decimal::Comma);
    } else if options.decimal_points.iter().any(|said| is(said)) {
        numbers.decimal = Some(Decimal::Point);
    }
    let dates = dates(format.or(options.date_format.as_ref()), options.time_zone);
    CellFormat {
        is_literal: is_own_export(names),
        ..CellFormat::new(dates, numbers)
    }
}

/// The same for a file of events.
pub fn format_of_event(options: &EventImport) -> CellFormat {
    CellFormat::new(dates(options.date_format.as_ref(), options.time_zone), options.file.numbers())
}

/// Whether a file is an export of Rollcall: its first columns are those of every such export, in their order. Every text
/// in it means itself.
fn is_own_export(names: &[String]) -> bool {
    names.len() >= BUILTIN_COLUMNS.len() && BUILTIN_COLUMNS.iter().zip(names).all(|(builtin, name)| builtin == name)
}

/// How cells are read of which nothing was said.
pub fn plain_format() -> CellFormat {
    CellFormat::new(dates(None, None), NumberReader::default())
}

/// How days and times are read.
pub fn dates(format: Option<&DateFormat>, zone: Option<Tz>) -> DateReader {
    DateReader {
        format: format.cloned(),
        zone: zone.unwrap_or(Tz::UTC),
    }
}
