//! Reads conditions on events.

use super::parser::Parser;
use crate::condition::{
    Condition, DateTest, EventCondition, InstantMeasure, Measure, NumberMeasure, NumberTest,
    TimeWindow,
};
use crate::limits::MAX_EVENT_FILTERS;
use crate::path::{child, element};
use crate::problem::{Code, quoted};
use crate::report::Report;
use crate::stored_form::Edges;
use crate::vocabulary;
use crate::vocabulary::names;
use serde_json::{Map, Value};

const KEYS: [&str; 18] = [
    "name",
    "names",
    "where",
    "inTheLast",
    "betweenAgo",
    "during",
    "between",
    "before",
    "after",
    "count",
    "distinctDays",
    "sum",
    "average",
    "min",
    "max",
    "firstAt",
    "lastAt",
    "of",
];
const WINDOWS: [&str; 6] = names(&vocabulary::WINDOWS);
const MEASURES: [&str; 8] = names(&vocabulary::MEASURES);
const FILTERS: [&str; 5] = ["text", "number", "date", "boolean", "list"];

impl Parser {
    pub(super) fn parse_event(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let body = self.object(value, path, &KEYS)?;
        let names = self.event_names(body, path);
        let window = match self.at_most_one(body, &WINDOWS, path) {
            Some(Some((name, value))) => self.window(name, value, &child(path, name)),
            Some(None) => Some(TimeWindow::AllTime),
            None => None,
        };
        let filters = self.event_filters(body, path);
        let measure = self.event_measure(body, path);
        let of = self.measured_property(body, path);
        Some(Condition::Event(EventCondition {
            names: names?,
            window: window?,
            filters: filters?,
            measure: measure?,
            of: of?,
        }))
    }

    /// Reads a window of time from an object with one key, such as `inTheLast`. Reports a problem and returns `None` if
    /// there is one.
    pub(super) fn parse_window(&mut self, value: &Value, path: &str) -> Option<TimeWindow> {
        let what = "a window of time";
        let (name, value) = self.single_entry(value, path, what, &WINDOWS)?;
        if !WINDOWS.contains(&name) {
            return self.unknown(path, name, Code::UnknownTest, what, &WINDOWS);
        }
        self.window(name, value, &child(path, name))
    }

    fn window(&mut self, name: &str, value: &Value, path: &str) -> Option<TimeWindow> {
        match name {
            "inTheLast" => self.period(value, path).map(TimeWindow::InTheLast),
            "betweenAgo" => self
                .period_range(value, path)
                .map(|(from, to)| TimeWindow::BetweenAgo(from, to)),
            "during" => self.calendar_period(value, path).map(TimeWindow::During),
            "between" => self
                .date_range(value, path)
                .map(|(from, to)| TimeWindow::Between(from, to)),
            "before" => self.date_literal(value, path).map(TimeWindow::Before),
            _ => self.date_literal(value, path).map(TimeWindow::After),
        }
    }

    fn event_names(&mut self, body: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
        let mut names = match self.at_most_one(body, &["name", "names"], path)? {
            Some(("name", value)) => {
                vec![self.value(value, &child(path, "name"), Edges::Trimmed)?]
            }
            Some((_, value)) => self.texts(value, &child(path, "names"), "event names")?,
            None => {
                let message = "expected the key \"name\" or \"names\", found neither";
                self.report(path, Code::Missing, message);
                return None;
            }
        };
        names.sort();
        names.dedup();
        Some(names)
    }

    fn event_filters(&mut self, body: &Map<String, Value>, path: &str) -> Option<Vec<Condition>> {
        let Some(value) = body.get("where").filter(|value| !value.is_null()) else {
            return Some(Vec::new());
        };
        let inside = child(path, "where");
        let Value::Array(items) = value else {
            return self.wrong_shape(&inside, "a list of tests of properties", value);
        };
        if items.is_empty() {
            let message = "expected a list of tests of properties, found an empty one";
            self.report(&inside, Code::Empty, message);
            return None;
        }
        if items.len() > MAX_EVENT_FILTERS {
            let message = format!(
                "expected at most {MAX_EVENT_FILTERS} tests of properties, found {}",
                items.len()
            );
            self.report(&inside, Code::TooManyValues, message);
            return None;
        }
        let read: Vec<Option<Condition>> = items
            .iter()
            .enumerate()
            .map(|(place, item)| self.event_filter(item, &element(&inside, place)))
            .collect();
        read.into_iter().collect()
    }

    fn event_filter(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let what = "a test of a property";
        let (kind, body) = self.single_entry(value, path, what, &FILTERS)?;
        if !FILTERS.contains(&kind) {
            return self.unknown(path, kind, Code::UnknownTest, what, &FILTERS);
        }
        self.parse_test_of(kind, "property", body, &child(path, kind))
    }

    fn event_measure(&mut self, body: &Map<String, Value>, path: &str) -> Option<Measure> {
        let Some((name, value)) = self.at_most_one(body, &MEASURES, path)? else {
            return Some(Measure::Number(
                NumberMeasure::Count,
                NumberTest::AtLeast(1.0),
            ));
        };
        let inside = child(path, name);
        let number = NumberMeasure::ALL
            .into_iter()
            .find(|measure| measure.as_str() == name);
        match number {
            Some(measure) => {
                let test = if measure.always_exists() {
                    self.parse_figure_test(value, &inside, name)
                } else {
                    self.parse_number_test(value, &inside)
                };
                test.map(|test| Measure::Number(measure, test))
            }
            None => {
                let measure = match name {
                    "firstAt" => InstantMeasure::FirstAt,
                    _ => InstantMeasure::LastAt,
                };
                let test: Option<DateTest> = self.parse_date_test(value, &inside);
                test.map(|test| Measure::Instant(measure, test))
            }
        }
    }

    /// Reads the property that a measure is computed from, if one is named.
    fn measured_property(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
    ) -> Option<Option<String>> {
        let Some(value) = body.get("of").filter(|value| !value.is_null()) else {
            return Some(None);
        };
        let inside = child(path, "of");
        let property = self.text(value, &inside)?;
        let of_values = || {
            let measures = NumberMeasure::ALL.into_iter();
            measures.filter(|measure| measure.is_of_values())
        };
        let is_measured = |measure: NumberMeasure| {
            let test = body.get(measure.as_str());
            test.is_some_and(|test| !test.is_null())
        };
        if !of_values().any(is_measured) {
            let message = format!(
                "expected \"of\" only beside one of {}, found none of them",
                quoted(of_values().map(NumberMeasure::as_str))
            );
            self.report(&inside, Code::WrongShape, message);
            return None;
        }
        Some(Some(property.to_owned()))
    }

    /// Reads a test of a number that is never missing.
    pub(super) fn parse_figure_test(
        &mut self,
        value: &Value,
        path: &str,
        name: &str,
    ) -> Option<NumberTest> {
        let test = self.parse_number_test(value, path)?;
        if let NumberTest::IsSet(_) = test {
            let message = format!("expected a comparison, found \"isSet\": a {name} always exists");
            self.report(path, Code::UnknownTest, message);
            return None;
        }
        Some(test)
    }
}
