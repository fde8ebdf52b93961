//! Reads days, date-times, periods and tests of dates.

use super::parser::Parser;
use crate::calendar_period::CalendarPeriod;
use crate::condition::DateTest;
use crate::limits::MAX_PERIOD;
use crate::literal::{DateLiteral, Period, Unit};
use crate::number::read_whole;
use crate::path::child;
use crate::problem::Code;
use crate::range::{Refusal, read_day, read_instant};
use crate::report::Report;
use crate::vocabulary;
use crate::vocabulary::names;
use crate::words;
use serde_json::Value;

pub(crate) const DATE_TESTS: [&str; 17] = names(&vocabulary::DATE_TESTS);

impl Parser {
    pub(crate) fn parse_date_test(&mut self, value: &Value, path: &str) -> Option<DateTest> {
        let (name, wanted) = self.single_entry(value, path, "a test of dates", &DATE_TESTS)?;
        let inside = child(path, name);
        let inside = inside.as_str();
        match name {
            "on" => self.date_literal(wanted, inside).map(DateTest::On),
            "before" => self.date_literal(wanted, inside).map(DateTest::Before),
            "after" => self.date_literal(wanted, inside).map(DateTest::After),
            "onOrBefore" => self.date_literal(wanted, inside).map(DateTest::OnOrBefore),
            "onOrAfter" => self.date_literal(wanted, inside).map(DateTest::OnOrAfter),
            "between" => self
                .date_range(wanted, inside)
                .map(|(from, to)| DateTest::Between(from, to)),
            "inTheLast" => self.period(wanted, inside).map(DateTest::InTheLast),
            "moreThanAgo" => self.period(wanted, inside).map(DateTest::MoreThanAgo),
            "betweenAgo" => self
                .period_range(wanted, inside)
                .map(|(from, to)| DateTest::BetweenAgo(from, to)),
            "inTheNext" => self.period(wanted, inside).map(DateTest::InTheNext),
            "during" => self.calendar_period(wanted, inside).map(DateTest::During),
            "isToday" => self.expect_true(wanted, inside).map(|()| DateTest::IsToday),
            "anniversaryToday" => self
                .expect_true(wanted, inside)
                .map(|()| DateTest::AnniversaryToday),
            "anniversaryInTheNext" => self
                .period_of_days(wanted, inside)
                .map(DateTest::AnniversaryInTheNext),
            "anniversaryInTheLast" => self
                .period_of_days(wanted, inside)
                .map(DateTest::AnniversaryInTheLast),
            "anniversaryMonth" => self.month(wanted, inside).map(DateTest::AnniversaryMonth),
            "isSet" => self.flag(wanted, inside).map(DateTest::IsSet),
            _ => self.unknown(
                path,
                name,
                Code::UnknownTest,
                "a test of dates",
                &DATE_TESTS,
            ),
        }
    }

    pub(crate) fn date_literal(&mut self, value: &Value, path: &str) -> Option<DateLiteral> {
        const EXPECTED: &str =
            "a day such as \"2026-03-01\" or a time such as \"2026-03-01T09:30:00Z\"";
        let Value::String(text) = value else {
            return self.wrong_shape(path, EXPECTED, value);
        };
        match read_date_literal(text) {
            Ok(literal) => Some(literal),
            Err(refusal) => {
                self.report(path, Code::WrongValue, refusal.explain(EXPECTED, text));
                None
            }
        }
    }

    pub(crate) fn date_range(
        &mut self,
        value: &Value,
        path: &str,
    ) -> Option<(DateLiteral, DateLiteral)> {
        let body = self.object(value, path, &["from", "to"])?;
        let [from, to] = ["from", "to"].map(|end| {
            let value = self.required(body, end, path)?;
            let literal = self.date_literal(value, &child(path, end))?;
            Some((literal, value))
        });
        let ((from, from_value), (to, to_value)) = (from?, to?);
        let is_reversed = match (from, to) {
            (DateLiteral::Day(from), DateLiteral::Day(to)) => from > to,
            (DateLiteral::Instant(from), DateLiteral::Instant(to)) => from > to,
            _ => false,
        };
        if is_reversed {
            let message = format!(
                "expected \"from\" not later than \"to\", found {from_value} and {to_value}"
            );
            self.report(path, Code::WrongValue, message);
            return None;
        }
        Some((from, to))
    }

    pub(crate) fn period(&mut self, value: &Value, path: &str) -> Option<Period> {
        let body = self.object(value, path, &["amount", "unit"])?;
        let amount = self
            .required(body, "amount", path)
            .and_then(|amount| self.period_amount(amount, &child(path, "amount")));
        let unit = self
            .required(body, "unit", path)
            .and_then(|unit| self.unit(unit, &child(path, "unit")));
        Some(Period {
            amount: amount?,
            unit: unit?,
        })
    }

    /// Reads two periods before now. The first must reach back at least as far as the second.
    pub(crate) fn period_range(&mut self, value: &Value, path: &str) -> Option<(Period, Period)> {
        let body = self.object(value, path, &["from", "to"])?;
        let [from, to] = ["from", "to"].map(|end| {
            let value = self.required(body, end, path)?;
            self.period(value, &child(path, end))
        });
        let (from, to) = (from?, to?);
        if from.is_always_shorter_than(to) {
            let message = format!(
                "expected \"from\" at least as long ago as \"to\", found {} ago and {} ago",
                words::period(from),
                words::period(to)
            );
            self.report(path, Code::WrongValue, message);
            return None;
        }
        Some((from, to))
    }

    pub(crate) fn calendar_period(&mut self, value: &Value, path: &str) -> Option<CalendarPeriod> {
        let text = self.text(value, path)?;
        let mut periods = CalendarPeriod::ALL.into_iter();
        match periods.find(|period| period.as_str() == text) {
            Some(period) => Some(period),
            None => {
                let known = CalendarPeriod::ALL.map(CalendarPeriod::as_str);
                self.unknown(path, text, Code::WrongValue, "a calendar period", &known)
            }
        }
    }

    /// Reads a period that can be counted in whole days. Hours are refused.
    fn period_of_days(&mut self, value: &Value, path: &str) -> Option<Period> {
        let period = self.period(value, path)?;
        if period.unit == Unit::Hour {
            let message = "expected DAY, WEEK, MONTH or YEAR for an anniversary, found HOUR";
            self.report(&child(path, "unit"), Code::WrongValue, message);
            return None;
        }
        Some(period)
    }

    fn period_amount(&mut self, value: &Value, path: &str) -> Option<u32> {
        let amount = read_whole(value)
            .and_then(|amount| u32::try_from(amount).ok())
            .filter(|amount| *amount <= MAX_PERIOD);
        match amount {
            Some(amount) => Some(amount),
            None => {
                let expected = format!("a whole number from 0 to {MAX_PERIOD}");
                self.wrong_shape(path, &expected, value)
            }
        }
    }

    fn unit(&mut self, value: &Value, path: &str) -> Option<Unit> {
        let text = self.text(value, path)?;
        match Unit::ALL.into_iter().find(|unit| unit.as_str() == text) {
            Some(unit) => Some(unit),
            None => {
                let known: Vec<&str> = Unit::ALL.into_iter().map(Unit::as_str).collect();
                self.unknown(path, text, Code::WrongValue, "a unit", &known)
            }
        }
    }

    fn month(&mut self, value: &Value, path: &str) -> Option<u32> {
        match read_whole(value) {
            Some(month @ 1..=12) => u32::try_from(month).ok(),
            _ => self.wrong_shape(path, "a month from 1 to 12", value),
        }
    }
}

/// Reads a day or an RFC 3339 date-time of the years 1 to 9999.
pub fn parse_date_literal(text: &str) -> Option<DateLiteral> {
    read_date_literal(text).ok()
}

/// Like [`parse_date_literal`], but returns the reason if the text is refused.
pub(crate) fn read_date_literal(text: &str) -> Result<DateLiteral, Refusal> {
    match read_day(text) {
        Err(Refusal::Malformed) => read_instant(text).map(DateLiteral::Instant),
        day => day.map(DateLiteral::Day),
    }
}
