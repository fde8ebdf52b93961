//! Reads the days and times of a column. A form with one meaning needs no option. The order of 03/04/2026 must be given
//! and is never guessed: it is a day in March to some and in April to others.

use super::clock::Zone;
use super::date_format::DateFormat;
use super::moment::{Hints, Local, Order, Reading, read_moment};
use crate::audience::clean::{clean_day, clean_instant};
use crate::import::value::cell::{BadCell, Fit};
use crate::rule::check_moment;
use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// How the days and times of a column are read.
#[derive(Debug, Clone)]
pub struct DateReader {
    /// The format that an option gives, if there is one.
    pub format: Option<DateFormat>,
    /// The zone of times without a zone.
    pub zone: Tz,
}

impl DateReader {
    /// Reads a day, in any form with one meaning or in the given format. Of a date-time, the day is taken as it is
    /// written.
    ///
    /// # Errors
    /// What was expected and found, and the formats that would make the cell readable.
    pub fn day(&self, cell: &str) -> Result<Option<NaiveDate>, BadCell> {
        let text = cell.trim();
        if let Ok(day) = clean_day(text) {
            return Ok(day);
        }
        if let Some(moment) = self.as_named(text) {
            return Ok(Some(moment.date()));
        }
        match read_moment(text, &self.hints(true)) {
            Reading::Local(local) => Ok(Some(local.date)),
            Reading::Instant(instant) => Ok(Some(instant.with_timezone(&self.zone).date_naive())),
            Reading::Nothing => Ok(None),
            other => {
                let plain = clean_day(text).err();
                Err(self.bad(&other, text, "a day", "2026-03-01", plain))
            }
        }
    }

    /// Reads a date-time, in any form with one meaning or in the given format. A time without a zone is in the zone of
    /// the import, and a day without a time means midnight.
    ///
    /// # Errors
    /// What was expected and found, and the formats that would make the cell readable.
    pub fn instant(&self, cell: &str) -> Result<Option<DateTime<Utc>>, BadCell> {
        let text = cell.trim();
        if let Ok(instant) = clean_instant(text) {
            return Ok(instant);
        }
        if let Some(moment) = self.as_named(text) {
            let has_time = self.format.as_ref().is_some_and(DateFormat::has_time)
                || moment.time() != NaiveTime::MIN;
            let local = Local {
                date: moment.date(),
                time: has_time.then(|| moment.time()),
                zone: None,
            };
            return self.resolve(local, text).map(Some);
        }
        match read_moment(text, &self.hints(false)) {
            Reading::Local(local) => self.resolve(local, text).map(Some),
            Reading::Instant(instant) => Ok(Some(check_moment(instant)?)),
            Reading::Nothing => Ok(None),
            other => {
                let plain = clean_instant(text).err();
                Err(self.bad(&other, text, "a time", "2026-03-01T09:30:00Z", plain))
            }
        }
    }

    fn as_named(&self, text: &str) -> Option<NaiveDateTime> {
        self.format.as_ref()?.read(text)
    }

    fn hints(&self, is_day: bool) -> Hints {
        Hints {
            order: self.format.as_ref().and_then(DateFormat::order),
            is_day,
            reads_short_years: self
                .format
                .as_ref()
                .is_some_and(DateFormat::has_short_years),
        }
    }

    /// Returns the UTC date-time of a local time.
    fn resolve(&self, local: Local, text: &str) -> Result<DateTime<Utc>, BadCell> {
        let moment = local.date.and_time(local.time.unwrap_or_default());
        let zone = match local.zone {
            Some(Zone::Offset(offset)) => {
                let instant = offset.from_local_datetime(&moment).single();
                let expected = || BadCell::new(format!("expected a time, found \"{text}\""));
                return Ok(check_moment(instant.ok_or_else(expected)?.to_utc())?);
            }
            Some(Zone::Named(zone)) => zone,
            None => self.zone,
        };
        match zone.from_local_datetime(&moment) {
            // The zone may move a day at the border out of the range.
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                Ok(check_moment(instant.to_utc())?)
            }
            LocalResult::None if local.time.is_none() => {
                // The day begins later than midnight, as some do when clocks are changed.
                let later = zone
                    .from_local_datetime(&(moment + Duration::hours(1)))
                    .earliest();
                later
                    .map(|instant| instant.to_utc())
                    .ok_or_else(|| BadCell::new(format!("expected a time, found \"{text}\"")))
            }
            LocalResult::None => Err(BadCell::new(format!(
                "expected a time that exists in {zone}, found \"{text}\", which the clocks there skipped"
            ))),
        }
    }

    /// Returns why a cell cannot be read, with the formats that would make it readable.
    fn bad(
        &self,
        reading: &Reading,
        text: &str,
        what: &str,
        example: &str,
        plain: Option<String>,
    ) -> BadCell {
        let named = self
            .format
            .as_ref()
            .filter(|format| format.order().is_some());
        let expected = match (named, plain) {
            (Some(format), _) => format!(
                "expected {what} as {} or such as {example}, found \"{text}\"",
                format.as_str()
            ),
            (None, Some(plain)) => plain,
            (None, None) => format!("expected {what} such as {example}, found \"{text}\""),
        };
        let formats = match reading {
            Reading::EitherOrder {
                separator,
                is_short_year,
                orders,
            } => orders
                .iter()
                .filter_map(|order| format_of(*order, *separator, *is_short_year))
                .collect(),
            Reading::ShortYear => vec!["yy"],
            Reading::Serial => vec!["excel"],
            Reading::NoYear => return BadCell::new(format!("{expected}, which has no year")),
            _ => Vec::new(),
        };
        let question = match formats.as_slice() {
            [] => String::new(),
            ["yy"] => "; which century is it? name the date format".to_owned(),
            many => format!("; is it {}? name the date format", many.join(" or ")),
        };
        BadCell {
            reason: format!("{expected}{question}"),
            fits: formats.into_iter().map(Fit::DateFormat).collect(),
        }
    }
}

/// Returns the format of three numbers in an order.
fn format_of(order: Order, separator: char, is_short_year: bool) -> Option<&'static str> {
    Some(match (order, separator, is_short_year) {
        (Order::DayFirst, '/', false) => "dd/mm/yyyy",
        (Order::DayFirst, '/', true) => "dd/mm/yy",
        (Order::DayFirst, '-', false) => "dd-mm-yyyy",
        (Order::DayFirst, '-', true) => "dd-mm-yy",
        (Order::DayFirst, '.', false) => "dd.mm.yyyy",
        (Order::DayFirst, '.', true) => "dd.mm.yy",
        (Order::DayFirst, ' ', false) => "dd mm yyyy",
        (Order::DayFirst, ' ', true) => "dd mm yy",
        (Order::MonthFirst, '/', false) => "mm/dd/yyyy",
        (Order::MonthFirst, '/', true) => "mm/dd/yy",
        (Order::MonthFirst, '-', false) => "mm-dd-yyyy",
        (Order::MonthFirst, '-', true) => "mm-dd-yy",
        (Order::MonthFirst, '.', false) => "mm.dd.yyyy",
        (Order::MonthFirst, '.', true) => "mm.dd.yy",
        (Order::MonthFirst, ' ', false) => "mm dd yyyy",
        (Order::MonthFirst, ' ', true) => "mm dd yy",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(format: Option<&str>, zone: Tz) -> DateReader {
        let format = format.map(|format| DateFormat::parse(format).expect("a format"));
        DateReader { format, zone }
    }

    fn fits(bad: &BadCell) -> Vec<&'static str> {
        let fits = bad.fits.iter().filter_map(|fit| match fit {
            Fit::DateFormat(format) => Some(*format),
            _ => None,
        });
        fits.collect()
    }

    #[test]
    fn days_are_read_in_the_named_format() {
        let german = reader(Some("dd.mm.yyyy"), Tz::UTC);
        let day = NaiveDate::from_ymd_opt(2026, 3, 1);
        for text in [" 1.3.2026 ", "2026-03-01", "1.3.2026 17:30", "1 March 2026"] {
            assert_eq!(german.day(text), Ok(day), "{text}");
        }
        assert_eq!(german.day(""), Ok(None));
        for wrong in [
            "01/03/2026",
            "31.02.2026",
            "1.3.26",
            "1.3.20266",
            "01.03.2026 x",
            "0.1.2026",
        ] {
            assert!(german.day(wrong).is_err(), "{wrong}");
        }
        let american = reader(Some("mm/dd/yyyy"), Tz::UTC);
        assert_eq!(american.day("03/01/2026"), Ok(day));
        assert_eq!(american.day("3/1/2026 5:30 PM"), Ok(day));
    }

    #[test]
    fn an_ambiguous_day_is_not_guessed() {
        let none = reader(None, Tz::UTC);
        for (text, formats, end) in [
            (
                "03/04/2026",
                &["dd/mm/yyyy", "mm/dd/yyyy"][..],
                "is it dd/mm/yyyy or mm/dd/yyyy? name the date format",
            ),
            (
                "13/04/2026",
                &["dd/mm/yyyy"],
                "is it dd/mm/yyyy? name the date format",
            ),
            (
                "4-13-26",
                &["mm-dd-yy"],
                "is it mm-dd-yy? name the date format",
            ),
            (
                "14-Mar-12",
                &["yy"],
                "which century is it? name the date format",
            ),
            ("45052", &["excel"], "is it excel? name the date format"),
            ("03/14", &[], "which has no year"),
            ("soon", &[], "found \"soon\""),
        ] {
            let bad = none.day(text).expect_err(text);
            assert_eq!(fits(&bad), formats, "{text}");
            assert!(bad.reason.ends_with(end), "{}", bad.reason);
            for format in formats {
                assert!(
                    reader(Some(format), Tz::UTC).day(text).is_ok(),
                    "{text} {format}"
                );
            }
        }
    }

    #[test]
    fn times_are_of_the_zone() {
        let vilnius = reader(Some("dd.mm.yyyy HH:MM"), Tz::Europe__Vilnius);
        let read = |text: &str| {
            vilnius
                .instant(text)
                .map(|instant| instant.map(|i| i.to_rfc3339()))
        };
        for (text, instant) in [
            ("01.07.2026 12:00", "2026-07-01T09:00:00+00:00"),
            ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00+00:00"),
            ("2026-07-01 12:00", "2026-07-01T09:00:00+00:00"),
            ("2026-07-01 12:00 +0000", "2026-07-01T12:00:00+00:00"),
            ("01.07.2026", "2026-06-30T21:00:00+00:00"),
            ("31.12.9999 23:59", "9999-12-31T21:59:00+00:00"),
        ] {
            assert_eq!(read(text), Ok(Some(instant.to_owned())), "{text}");
        }
        assert!(read("29.03.2026 03:30").is_err_and(|bad| bad.reason.contains("skipped")));
        for border in ["01.01.0001 00:30", "01.01.0000 12:00"] {
            assert!(read(border).is_err(), "{border}");
        }
    }

    #[test]
    fn days_that_a_spreadsheet_counts() {
        let excel = reader(Some("excel"), Tz::UTC);
        let read = |text: &str| {
            excel
                .instant(text)
                .map(|instant| instant.map(|i| i.to_rfc3339()))
        };
        assert_eq!(
            read("45052.297"),
            Ok(Some("2023-05-06T07:07:40.800+00:00".to_owned()))
        );
        assert_eq!(excel.day("31120"), Ok(NaiveDate::from_ymd_opt(1985, 3, 14)));
        let mac = reader(Some("excel-1904"), Tz::UTC);
        assert_eq!(mac.day("29658"), Ok(NaiveDate::from_ymd_opt(1985, 3, 14)));
        assert!(excel.day("0").is_err() && excel.day("9999999").is_err());
    }

    #[test]
    fn formats_that_make_no_sense() {
        for wrong in [
            "",
            "dd.mm",
            "dd.mm.yy yyyy",
            "yyyy-mm-dd dd",
            "yyyy-mm-dd MM",
            "Day m yyyy",
            "yyyy mm dd HH:SS",
        ] {
            assert!(DateFormat::parse(wrong).is_err(), "{wrong}");
        }
        let kept = serde_json::to_string(&DateFormat::parse("d/m/yyyy").expect("a format"));
        assert_eq!(kept.expect("JSON"), "\"d/m/yyyy\"");
    }
}
