//! The target of one column, and how its cells are read. Both are decided before the first row is read, and stored, so
//! that a resumed import reads the cells in the same way.

use super::header::is_column;
use super::options::{EventImport, SubscriberImport};
use super::presets::{Preset, Recorded};
use super::target::Target;
use crate::import::file::table::is_own_export;
use crate::import::value::Decimal;
use crate::import::value::date_format::DateFormat;
use crate::import::value::dates::DateReader;
use crate::import::value::format::CellFormat;
use crate::import::value::numbers::NumberReader;
use crate::rule::CustomType;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The plan of one column.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    /// The target of its cells.
    pub target: Target,
    /// How its cells are read.
    pub format: CellFormat,
}

/// The stored part of a [`ColumnPlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPlan {
    /// The target of its cells, as [`Target::write`] returns it.
    pub target: String,
    /// The decimal separator, if its cells prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Whether an empty cell means no, because the other cells hold marks.
    #[serde(default)]
    pub empty_is_no: bool,
}

/// Returns how the cells of a column are read, by the options for the column and for the whole file.
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
    let is_literal = is_own_export(names);
    let split = options
        .splits
        .iter()
        .find(|(said, _)| is(said))
        .map(|(_, split)| *split);
    // Exports of Rollcall separate the keys of groups with semicolons.
    let split = split.or_else(|| (is_literal && name == GROUPS).then_some(';'));
    let preset = options.from.as_deref().and_then(Preset::find);
    let recorded =
        preset.filter(|preset| preset.recorded(name) == Some(Recorded::Field(CustomType::List)));
    let split = split.or_else(|| recorded?.split);
    CellFormat {
        split,
        is_literal,
        ..CellFormat::new(dates, numbers)
    }
}

/// The name of the column with the groups in exports of Rollcall.
const GROUPS: &str = "groups";

/// Whether a column names groups: because an option says so, or because Rollcall exported the file.
pub fn names_groups(options: &SubscriberImport, names: &[String], position: usize) -> bool {
    let name = names[position].trim();
    let is = |said: &str| is_column(said, name, position);
    options.groups_from.iter().any(|said| is(said))
        || options.columns.iter().any(|(said, target)| {
            is(said) && Target::builtin(target.trim()) == Some(Target::Groups)
        })
        || name == GROUPS && is_own_export(names) && !options.ignore.iter().any(|said| is(said))
}

/// Returns how the cells of a file of events are read.
pub fn format_of_event(options: &EventImport, names: &[String]) -> CellFormat {
    CellFormat {
        is_literal: is_own_export(names),
        ..CellFormat::new(
            dates(options.date_format.as_ref(), options.time_zone),
            options.file.numbers(),
        )
    }
}

/// Returns how cells are read if no options are given.
pub fn plain_format() -> CellFormat {
    CellFormat::new(dates(None, None), NumberReader::default())
}

/// Returns how days and times are read.
pub fn dates(format: Option<&DateFormat>, zone: Option<Tz>) -> DateReader {
    DateReader {
        format: format.cloned(),
        zone: zone.unwrap_or(Tz::UTC),
    }
}
