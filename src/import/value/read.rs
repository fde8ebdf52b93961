//! Reading one cell as one value.

use super::cell::{BadCell, CellFormat, CellKind, CellOutcome, CellValue};
use crate::audience::clean::{
    clean_boolean, clean_country, clean_degrees, clean_email, clean_language, clean_text,
    clean_timezone,
};
use crate::audience::custom_field::clean_cell;
use crate::rule::CustomType;
use serde_json::Value;

/// Reads a cell as a value of this kind. Whatever is wrong is the cell's own fault: the row may be used without it.
pub fn read_cell(kind: CellKind, cell: &str, format: &CellFormat) -> CellOutcome<CellValue> {
    if cell.trim().is_empty() {
        return CellOutcome::Nothing;
    }
    let text = |read: Result<Option<String>, String>| outcome(read.map(|text| text.map(CellValue::Text)));
    let degrees = |bound: f64| {
        let number = format.numbers.read(cell).and_then(|number| {
            number.map(|number| clean_degrees(number, bound)).transpose()
        });
        outcome(number.map(|number| number.map(CellValue::Number)))
    };
    match kind {
        CellKind::Email => text(clean_email(cell).map(Some)),
        CellKind::Text | CellKind::Phone | CellKind::PostalCode => text(clean_text(cell)),
        CellKind::Country => text(clean_country(cell)),
        CellKind::Language => text(clean_language(cell)),
        CellKind::Timezone => text(clean_timezone(cell)),
        CellKind::Day => outcome(format.dates.day(cell).map(|day| day.map(CellValue::Day))),
        CellKind::Instant => outcome(format.dates.instant(cell).map(|at| at.map(CellValue::Instant))),
        CellKind::Latitude => degrees(90.0),
        CellKind::Longitude => degrees(180.0),
        CellKind::Number => outcome(format.numbers.read(cell).map(|number| number.map(CellValue::Number))),
        CellKind::Boolean => outcome(clean_boolean(cell).map(|flag| flag.map(CellValue::Boolean))),
        CellKind::List => outcome(clean_cell(CustomType::List, cell).map(|list| {
            let Some(Value::Array(items)) = list else {
                return None;
            };
            let items = items.into_iter().filter_map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            });
            Some(CellValue::List(items.collect()))
        })),
    }
}

fn outcome<T>(read: Result<Option<T>, String>) -> CellOutcome<T> {
    match read {
        Ok(Some(value)) => CellOutcome::Value(value),
        Ok(None) => CellOutcome::Nothing,
        Err(reason) => CellOutcome::Bad(BadCell::new(reason)),
    }
}
