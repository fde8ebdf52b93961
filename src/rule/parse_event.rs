//! Reading conditions about what people did.

use super::node::{Condition, EventCondition, EventWindow, Measure, Node, NumberTest};
use super::parse::{Parser, child};
use super::problem::{Code, quoted};
use serde_json::{Map, Value};

const KEYS: [&str; 8] = [
    "name",
    "names",
    "inTheLast",
    "between",
    "before",
    "after",
    "count",
    "sum",
];
const WINDOWS: [&str; 4] = ["inTheLast", "between", "before", "after"];
const MEASURES: [&str; 2] = ["count", "sum"];

impl Parser {
    pub(super) fn parse_event_condition(&mut self, value: &Value, path: &str) -> Option<Node> {
        let body = self.object(value, path, &KEYS)?;
        let names = self.event_names(body, path);
        let window = self.event_window(body, path);
        let measured = self.event_measure(body, path);
        let (measure, test) = measured?;
        Some(Node::Condition(Condition::Event(EventCondition {
            names: names?,
            window: window?,
            measure,
            test,
        })))
    }

    fn event_names(&mut self, body: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
        let mut names = match self.at_most_one(body, &["name", "names"], path)? {
            Some(("name", value)) => vec![self.text(value, &child(path, "name"))?.to_owned()],
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

    fn event_window(&mut self, body: &Map<String, Value>, path: &str) -> Option<EventWindow> {
        let Some((name, value)) = self.at_most_one(body, &WINDOWS, path)? else {
            return Some(EventWindow::AllTime);
        };
        let inside = child(path, name);
        match name {
            "inTheLast" => self.period(value, &inside).map(EventWindow::InTheLast),
            "between" => self
                .date_range(value, &inside)
                .map(|(from, to)| EventWindow::Between(from, to)),
            "before" => self.date_literal(value, &inside).map(EventWindow::Before),
            _ => self.date_literal(value, &inside).map(EventWindow::After),
        }
    }

    fn event_measure(
        &mut self,
        body: &Map<String, Value>,
        path: &str,
    ) -> Option<(Measure, NumberTest)> {
        let Some((name, value)) = self.at_most_one(body, &MEASURES, path)? else {
            return Some((Measure::Count, NumberTest::AtLeast(1.0)));
        };
        let inside = child(path, name);
        let test = self.parse_number_test(value, &inside)?;
        if let NumberTest::IsSet(_) = test {
            let message = format!("expected a comparison, found \"isSet\": a {name} always exists");
            self.report(&inside, Code::UnknownTest, message);
            return None;
        }
        let measure = match name {
            "count" => Measure::Count,
            _ => Measure::Sum,
        };
        Some((measure, test))
    }

    /// Returns the one of these keys that is there, or none; reports a problem if there are several.
    fn at_most_one<'v>(
        &mut self,
        body: &'v Map<String, Value>,
        keys: &[&'static str],
        path: &str,
    ) -> Option<Option<(&'static str, &'v Value)>> {
        let mut present = keys
            .iter()
            .filter_map(|key| body.get(*key).map(|value| (*key, value)))
            .filter(|(_, value)| !value.is_null());
        let first = present.next();
        if present.next().is_some() {
            let message = format!(
                "expected at most one of {}, found several",
                quoted(keys.iter().copied())
            );
            self.report(path, Code::WrongShape, message);
            return None;
        }
        Some(first)
    }
}
