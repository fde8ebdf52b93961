//! Where one column goes and how its cells are read: settled before the first row is read, and kept, so that an import
//! that is resumed reads them in the same way.

use super::decide::is_column;
use super::options::SubscriberImport;
use super::target::Target;
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
}

impl ColumnPlan {
    /// Returns what has to be kept. What was said stays in the options of the import.
    pub fn stored(&self) -> StoredPlan {
        StoredPlan {
            target: self.target.write(),
        }
    }
}

/// How the cells of a column are read, by what was said of it and of the whole file.
pub fn format_of(options: &SubscriberImport, name: &str, position: usize) -> CellFormat {
    let is = |said: &str| is_column(said, name, position);
    let mut said = options.date_formats.iter().filter(|(said, _)| is(said));
    let format = said.next().map(|(_, format)| format);
    let has_comma = options.decimal_commas.iter().any(|said| is(said));
    let mut numbers = options.file.numbers();
    numbers.decimal_comma |= has_comma;
    CellFormat {
        dates: dates(format.or(options.date_format.as_ref()), options.time_zone),
        numbers,
    }
}

/// How cells are read of which nothing was said.
pub fn plain_format() -> CellFormat {
    CellFormat {
        dates: dates(None, None),
        numbers: NumberReader::default(),
    }
}

/// How days and times are read.
pub fn dates(format: Option<&DateFormat>, zone: Option<Tz>) -> DateReader {
    DateReader {
        format: format.cloned(),
        zone: zone.unwrap_or(Tz::UTC),
    }
}
