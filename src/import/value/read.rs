//! Reads one cell as one value.
//!
//! A form with one meaning is read, whichever program wrote it. A form with two meanings needs an option, which the
//! outcome names. If a value is not read exactly as it is written, a remark says so.

use super::bare::{bare, is_cut_number, is_nothing, is_nothing_typed, is_spreadsheet_error};
use super::boolean::find_boolean;
use super::cell::{BadCell, CellKind, CellOutcome, CellValue};
use super::email::read_email;
use super::format::CellFormat;
use super::list::read_items;
use super::mojibake::mend;
use super::number::Decimal;
use super::numbers::NumberReader;
use crate::audience::clean::{
    clean_boolean, clean_country, clean_degrees, clean_email, clean_language, clean_number,
    clean_text, clean_timezone,
};
use crate::audience::custom_field::{clean_cell, clean_list, write_list};
use crate::rule::CustomType;
use crate::text::find_country;
use serde_json::Value;

/// Reads a cell as a value of this kind. If the cell cannot be read, the row may still be used without it.
pub fn read_cell(kind: CellKind, cell: &str, format: &CellFormat) -> CellOutcome<CellValue> {
    if format.is_literal {
        return read_literal(kind, cell, format);
    }
    let text = bare(cell);
    if text.is_empty() {
        let is_no = format.empty_is_no && kind == CellKind::Boolean;
        return if is_no {
            CellOutcome::Value(CellValue::Boolean(false))
        } else {
            CellOutcome::Nothing
        };
    }
    let text = text.as_ref();
    if is_nothing(text)
        || kind != CellKind::Text && kind != CellKind::List && is_nothing_of(kind, text)
    {
        return CellOutcome::Nothing;
    }
    if is_spreadsheet_error(text) {
        let message = format!(
            "expected a value, found \"{text}\", which a spreadsheet writes in place of one that it cannot show"
        );
        return CellOutcome::Bad(BadCell::new(message));
    }
    match kind {
        CellKind::Email => read_email(text).map(CellValue::Text),
        CellKind::Text => read_text(text),
        CellKind::Phone => read_phone(text),
        CellKind::PostalCode => read_postal_code(text),
        CellKind::Country => match find_country(text) {
            Some(code) => CellOutcome::Value(CellValue::Text(code.to_owned())),
            None => bad(format!(
                "expected a country, by its name or its code, found \"{text}\""
            )),
        },
        CellKind::Language => outcome(clean_language(text).map(|tag| tag.map(CellValue::Text))),
        CellKind::Timezone => outcome(clean_timezone(text).map(|zone| zone.map(CellValue::Text))),
        CellKind::Day => outcome(format.dates.day(text).map(|day| day.map(CellValue::Day))),
        CellKind::Instant => outcome(
            format
                .dates
                .instant(text)
                .map(|at| at.map(CellValue::Instant)),
        ),
        CellKind::Latitude => read_degrees(text, format, 90.0),
        CellKind::Longitude => read_degrees(text, format, 180.0),
        CellKind::Number => outcome(
            format
                .numbers
                .read(text)
                .map(|number| number.map(CellValue::Number)),
        ),
        CellKind::Boolean => match find_boolean(text) {
            Some(flag) => CellOutcome::Value(CellValue::Boolean(flag)),
            None => bad(format!(
                "expected true or false (or yes, no, 1, 0), found \"{text}\""
            )),
        },
        CellKind::List => outcome(read_items(text, format.split).and_then(list_of)),
    }
}

/// Whether a text means no value in a column of this kind. In a column of countries, `NA` is Namibia.
fn is_nothing_of(kind: CellKind, text: &str) -> bool {
    let is_code = kind == CellKind::Country && text.len() == 2 && find_country(text).is_some();
    !is_code && is_nothing_typed(text)
}

/// Reads a cell of a file that Rollcall exported: every text is taken literally.
fn read_literal(kind: CellKind, cell: &str, format: &CellFormat) -> CellOutcome<CellValue> {
    if cell.trim().is_empty() {
        return CellOutcome::Nothing;
    }
    let text =
        |read: Result<Option<String>, String>| outcome(read.map(|text| text.map(CellValue::Text)));
    if format.is_canonical && !is_canonical(kind, cell) {
        return bad(format!(
            "expected a value as Rollcall writes it, found \"{cell}\""
        ));
    }
    match kind {
        CellKind::Email => text(clean_email(cell).map(Some)),
        CellKind::Text | CellKind::Phone | CellKind::PostalCode => text(clean_text(cell)),
        CellKind::Country => text(clean_country(cell)),
        CellKind::Language => text(clean_language(cell)),
        CellKind::Timezone => text(clean_timezone(cell)),
        CellKind::Day => outcome(format.dates.day(cell).map(|day| day.map(CellValue::Day))),
        CellKind::Instant => outcome(
            format
                .dates
                .instant(cell)
                .map(|at| at.map(CellValue::Instant)),
        ),
        CellKind::Latitude => read_degrees(cell, format, 90.0),
        CellKind::Longitude => read_degrees(cell, format, 180.0),
        CellKind::Number => outcome(
            format
                .numbers
                .read(cell)
                .map(|number| number.map(CellValue::Number)),
        ),
        CellKind::Boolean => outcome(clean_boolean(cell).map(|flag| flag.map(CellValue::Boolean))),
        CellKind::List if format.split.is_some() => {
            outcome(read_items(cell, format.split).and_then(list_of))
        }
        CellKind::List => match clean_cell(CustomType::List, cell) {
            Ok(Some(list)) => outcome(Ok::<_, String>(texts_of(list))),
            Ok(None) => CellOutcome::Nothing,
            Err(reason) => bad(reason),
        },
    }
}

/// Whether Rollcall exports a value of this kind as this cell.
fn is_canonical(kind: CellKind, cell: &str) -> bool {
    let custom_type = match kind {
        CellKind::Number => return is_plain_number(cell) && clean_number(cell).is_ok(),
        CellKind::Boolean => CustomType::Boolean,
        CellKind::Day => CustomType::Date,
        CellKind::Instant => CustomType::Datetime,
        CellKind::List => CustomType::List,
        _ => return true,
    };
    match clean_cell(custom_type, cell) {
        Ok(Some(Value::String(text))) => text == cell,
        Ok(Some(list @ Value::Array(_))) => write_list(&list) == cell,
        Ok(Some(Value::Bool(flag))) => cell == if flag { "true" } else { "false" },
        Ok(Some(_)) => false,
        Ok(None) | Err(_) => false,
    }
}

/// Whether a number is written as Postgres writes it: every digit, no exponent, no superfluous zeros.
fn is_plain_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "1"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole)
        && are_digits(decimals)
        && (whole == "0" || !whole.starts_with('0'))
        && !decimals.ends_with('0')
        && cell != "-0"
}

fn read_text(text: &str) -> CellOutcome<CellValue> {
    let cleaned = match clean_text(text) {
        Ok(Some(cleaned)) => cleaned,
        Ok(None) => return CellOutcome::Nothing,
        Err(reason) => return bad(reason),
    };
    if is_cut_number(&cleaned) {
        let remark =
            format!("a spreadsheet shortened a number to {cleaned}: its last digits are lost");
        return CellOutcome::Remark(CellValue::Text(cleaned), remark);
    }
    match mend(&cleaned) {
        Some(mended) => {
            let remark = format!("\"{cleaned}\" was encoded twice; \"{mended}\" is used");
            CellOutcome::Remark(CellValue::Text(mended), remark)
        }
        None => CellOutcome::Value(CellValue::Text(cleaned)),
    }
}

fn read_phone(text: &str) -> CellOutcome<CellValue> {
    let peeled = ["tel:", "phone:", "callto:", "sms:"]
        .into_iter()
        .find_map(|scheme| {
            let begin = text.get(..scheme.len())?;
            begin
                .eq_ignore_ascii_case(scheme)
                .then(|| text[scheme.len()..].trim())
        });
    let text = peeled.unwrap_or(text);
    if is_cut_number(text) {
        return bad(format!(
            "expected a phone number, found {text}: a spreadsheet cut its last digits off"
        ));
    }
    let mut parts = text
        .split(" ::: ")
        .flat_map(|part| part.split([';', '\n']))
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or(text);
    let others = parts.count();
    if others > 0 {
        let remark = format!(
            "found {} phone numbers in one cell; {first}, the first, is used",
            others + 1
        );
        return with_remark(first, remark);
    }
    without_fraction(first)
}

fn read_postal_code(text: &str) -> CellOutcome<CellValue> {
    if is_cut_number(text) {
        return bad(format!(
            "expected a postal code, found {text}: a spreadsheet cut its last digits off"
        ));
    }
    without_fraction(text)
}

/// Reads a text of digits that a program took for a number, and wrote with a fraction of zero: `370600000000.0`.
fn without_fraction(text: &str) -> CellOutcome<CellValue> {
    match text
        .strip_suffix(".0")
        .filter(|digits| digits.len() > 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    {
        Some(digits) => with_remark(
            digits,
            format!("a program made a number of it, {text}; {digits} is used"),
        ),
        None => read_text(text),
    }
}

fn with_remark(text: &str, remark: String) -> CellOutcome<CellValue> {
    match clean_text(text) {
        Ok(Some(text)) => CellOutcome::Remark(CellValue::Text(text), remark),
        Ok(None) => CellOutcome::Nothing,
        Err(reason) => bad(reason),
    }
}

fn read_degrees(text: &str, format: &CellFormat, bound: f64) -> CellOutcome<CellValue> {
    let read = format.numbers.read(text).or_else(|bad| {
        // Degrees have no thousands, so a comma separates decimals.
        let comma = NumberReader {
            decimal: Some(Decimal::Comma),
        };
        match format.numbers.decimal {
            None => comma.read(text).map_err(|_| bad),
            Some(_) => Err(bad),
        }
    });
    match read {
        Ok(Some(number)) => match clean_degrees(number, bound) {
            Ok(degrees) => CellOutcome::Value(CellValue::Number(degrees)),
            Err(reason) => bad(reason),
        },
        Ok(None) => CellOutcome::Nothing,
        Err(bad) => CellOutcome::Bad(bad),
    }
}

fn list_of(items: Vec<String>) -> Result<Option<CellValue>, String> {
    let items: Vec<Value> = items.into_iter().map(Value::String).collect();
    Ok(clean_list(&items)?.and_then(texts_of))
}

fn texts_of(list: Value) -> Option<CellValue> {
    let Value::Array(items) = list else {
        return None;
    };
    let texts = items.into_iter().filter_map(|item| match item {
        Value::String(text) => Some(text),
        _ => None,
    });
    Some(CellValue::List(texts.collect()))
}

fn bad(reason: String) -> CellOutcome<CellValue> {
    CellOutcome::Bad(BadCell::new(reason))
}

fn outcome<T, E: Into<BadCell>>(read: Result<Option<T>, E>) -> CellOutcome<T> {
    match read {
        Ok(Some(value)) => CellOutcome::Value(value),
        Ok(None) => CellOutcome::Nothing,
        Err(reason) => CellOutcome::Bad(reason.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::value::dates::DateReader;
    use crate::import::value::numbers::NumberReader;
    use chrono_tz::Tz;

    fn format() -> CellFormat {
        let dates = DateReader {
            format: None,
            zone: Tz::UTC,
        };
        CellFormat::new(dates, NumberReader::default())
    }

    fn shown(kind: CellKind, cell: &str) -> String {
        let value = |value: CellValue| match value {
            CellValue::Text(text) => text,
            CellValue::Number(number) => number.to_string(),
            CellValue::Boolean(flag) => flag.to_string(),
            CellValue::Day(day) => day.to_string(),
            CellValue::Instant(instant) => instant.to_rfc3339(),
            CellValue::List(items) => items.join("|"),
        };
        match read_cell(kind, cell, &format()) {
            CellOutcome::Value(found) => value(found),
            CellOutcome::Remark(found, _) => format!("{} (remarked)", value(found)),
            CellOutcome::Nothing => "nothing".to_owned(),
            CellOutcome::Bad(_) => "bad".to_owned(),
        }
    }

    #[test]
    fn cells_of_every_kind() {
        use CellKind::{
            Boolean, Country, Day, Email, Instant, Latitude, List, Number, Phone, PostalCode, Text,
        };
        for (kind, cell, value) in [
            (Phone, "3.7E+11", "bad"),
            (Phone, "3,70601E+11", "bad"),
            (Phone, "370600000000.0", "370600000000 (remarked)"),
            (Phone, "'+37060000000", "+37060000000"),
            (
                Phone,
                "+37060000000 ::: +37060000001",
                "+37060000000 (remarked)",
            ),
            (Phone, "tel:+370-600-00000", "+370-600-00000"),
            (Phone, "860000000", "860000000"),
            (Phone, "n/a", "nothing"),
            (Phone, "#ERROR!", "bad"),
            (Phone, "=\"0600000000\"", "0600000000"),
            (PostalCode, "=\"01103\"", "01103"),
            (PostalCode, "'01103", "01103"),
            (PostalCode, "#N/A", "nothing"),
            (PostalCode, "1103.0", "1103 (remarked)"),
            (Country, "Lietuva", "LT"),
            (Country, "NA", "NA"),
            (Country, "N/A", "nothing"),
            (Country, "n.a.", "nothing"),
            (Country, "EN", "bad"),
            (Text, "Null", "Null"),
            (Text, "NULL", "nothing"),
            (Text, "'t Hooft", "'t Hooft"),
            (Text, "M\u{c3}\u{bc}ller", "Müller (remarked)"),
            (Text, "3.7E+11", "3.7E+11 (remarked)"),
            (Text, "O\0na", "Ona"),
            (Email, "-", "nothing"),
            (Email, "n/a", "nothing"),
            (Email, "Ona <ona@example.com>", "ona@example.com"),
            (Number, "$1,050.00", "1050"),
            (Number, "NaN", "nothing"),
            (Number, "many", "bad"),
            (Number, "3.7E+11", "370000000000"),
            (Latitude, "54.6872000", "54.6872"),
            (Latitude, "154.6", "bad"),
            (Boolean, "WAHR", "true"),
            (Boolean, "-", "nothing"),
            (Boolean, "maybe", "bad"),
            (Day, "0000-00-00", "nothing"),
            (Day, "14-Mar-1985", "1985-03-14"),
            (Day, "1985-03-14T00:00:00", "1985-03-14"),
            (Day, "03/04/1985", "bad"),
            (Instant, "1683356889", "2023-05-06T07:08:09+00:00"),
            (Instant, "2023-05-06", "2023-05-06T00:00:00+00:00"),
            (List, "\"VIP\",\"Blog, weekly\"", "VIP|Blog, weekly"),
            (List, "[]", "nothing"),
        ] {
            assert_eq!(shown(kind, cell), value, "{kind:?} {cell}");
        }
    }

    #[test]
    fn cells_of_our_own_files_mean_themselves() {
        let format = CellFormat {
            is_literal: true,
            ..format()
        };
        for text in ["n/a", "NULL", "M\u{c3}\u{bc}ller", "'5", "-", "#REF!"] {
            let value = CellOutcome::Value(CellValue::Text(text.to_owned()));
            assert_eq!(read_cell(CellKind::Text, text, &format), value);
        }
    }

    #[test]
    fn an_empty_cell_beside_marks_is_a_no() {
        let format = CellFormat {
            empty_is_no: true,
            ..format()
        };
        let no = CellOutcome::Value(CellValue::Boolean(false));
        assert_eq!(read_cell(CellKind::Boolean, " ", &format), no);
        assert_eq!(
            read_cell(CellKind::Text, " ", &format),
            CellOutcome::Nothing
        );
    }
}
