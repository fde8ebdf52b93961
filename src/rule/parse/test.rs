//! Reads the tests of texts, numbers, booleans and lists.

use super::parser::Parser;
use crate::condition::{BooleanTest, ListTest, NumberTest, TextTest};
use crate::path::child;
use crate::problem::Code;
use crate::report::Report;
use crate::stored_form::Edges;
use crate::vocabulary;
use crate::vocabulary::names;
use rollcall_text::normalize;
use serde_json::Value;

const TEXT_TESTS: [&str; 10] = names(&vocabulary::TEXT_TESTS);

const NUMBER_TESTS: [&str; 9] = names(&vocabulary::NUMBER_TESTS);

const BOOLEAN_TESTS: [&str; 3] = names(&vocabulary::BOOLEAN_TESTS);

const LIST_TESTS: [&str; 5] = names(&vocabulary::LIST_TESTS);

impl Parser {
    pub(super) fn parse_text_test(
        &mut self,
        value: &Value,
        path: &str,
        case_sensitive: bool,
    ) -> Option<TextTest> {
        let (name, wanted) = self.single_entry(value, path, "a test of text", &TEXT_TESTS)?;
        let inside = child(path, name);
        let edges = match name {
            "startsWith" => Edges::OpenEnd,
            "endsWith" => Edges::OpenStart,
            "contains" | "notContains" => Edges::Open,
            _ => Edges::Trimmed,
        };
        let mut one = |of: fn(String) -> TextTest| self.value(wanted, &inside, edges).map(of);
        match name {
            "equals" => one(TextTest::Equals),
            "notEquals" => one(TextTest::NotEquals),
            "contains" => one(TextTest::Contains),
            "notContains" => one(TextTest::NotContains),
            "startsWith" => one(TextTest::StartsWith),
            "endsWith" => one(TextTest::EndsWith),
            "in" => self.texts(wanted, &inside, "texts").map(TextTest::In),
            "notIn" => self.texts(wanted, &inside, "texts").map(TextTest::NotIn),
            "matches" => self
                .pattern(wanted, &inside, case_sensitive)
                .map(TextTest::Matches),
            "isSet" => self.flag(wanted, &inside).map(TextTest::IsSet),
            _ => self.unknown(path, name, Code::UnknownTest, "a test of text", &TEXT_TESTS),
        }
    }

    pub(super) fn parse_number_test(&mut self, value: &Value, path: &str) -> Option<NumberTest> {
        let (name, wanted) = self.single_entry(value, path, "a test of numbers", &NUMBER_TESTS)?;
        let inside = child(path, name);
        match name {
            "equals" => self.number(wanted, &inside).map(NumberTest::Equals),
            "notEquals" => self.number(wanted, &inside).map(NumberTest::NotEquals),
            "greaterThan" => self.number(wanted, &inside).map(NumberTest::GreaterThan),
            "atLeast" => self.number(wanted, &inside).map(NumberTest::AtLeast),
            "lessThan" => self.number(wanted, &inside).map(NumberTest::LessThan),
            "atMost" => self.number(wanted, &inside).map(NumberTest::AtMost),
            "between" => self.parse_number_range(wanted, &inside),
            "in" => self
                .list(wanted, &inside, "numbers", |parser, item, path| {
                    parser.number(item, path)
                })
                .map(|mut numbers| {
                    numbers.sort_by(f64::total_cmp);
                    numbers.dedup();
                    NumberTest::In(numbers)
                }),
            "isSet" => self.flag(wanted, &inside).map(NumberTest::IsSet),
            _ => self.unknown(
                path,
                name,
                Code::UnknownTest,
                "a test of numbers",
                &NUMBER_TESTS,
            ),
        }
    }

    fn parse_number_range(&mut self, value: &Value, path: &str) -> Option<NumberTest> {
        let body = self.object(value, path, &["from", "to"])?;
        let from = self
            .required(body, "from", path)
            .and_then(|from| self.number(from, &child(path, "from")));
        let to = self
            .required(body, "to", path)
            .and_then(|to| self.number(to, &child(path, "to")));
        let (from, to) = (from?, to?);
        if from > to {
            let message = format!("expected \"from\" at most \"to\", found {from} and {to}");
            self.report(path, Code::WrongValue, message);
            return None;
        }
        Some(NumberTest::Between(from, to))
    }

    pub(super) fn parse_boolean_test(&mut self, value: &Value, path: &str) -> Option<BooleanTest> {
        let (name, wanted) =
            self.single_entry(value, path, "a test of booleans", &BOOLEAN_TESTS)?;
        let inside = child(path, name);
        match name {
            "isTrue" => self
                .expect_true(wanted, &inside)
                .map(|()| BooleanTest::IsTrue),
            "isFalse" => self
                .expect_true(wanted, &inside)
                .map(|()| BooleanTest::IsFalse),
            "isSet" => self.flag(wanted, &inside).map(BooleanTest::IsSet),
            _ => self.unknown(
                path,
                name,
                Code::UnknownTest,
                "a test of booleans",
                &BOOLEAN_TESTS,
            ),
        }
    }

    pub(super) fn parse_list_test(&mut self, value: &Value, path: &str) -> Option<ListTest> {
        let what = "a test of lists";
        let (name, wanted) = self.single_entry(value, path, what, &LIST_TESTS)?;
        let inside = child(path, name);
        match name {
            "containsAny" => self
                .texts(wanted, &inside, "texts")
                .map(ListTest::ContainsAny),
            "containsAll" => self
                .texts(wanted, &inside, "texts")
                .map(ListTest::ContainsAll),
            "containsNone" => self
                .texts(wanted, &inside, "texts")
                .map(ListTest::ContainsNone),
            "size" => self
                .parse_figure_test(wanted, &inside, "size")
                .map(ListTest::Size),
            "isSet" => self.flag(wanted, &inside).map(ListTest::IsSet),
            _ => self.unknown(path, name, Code::UnknownTest, what, &LIST_TESTS),
        }
    }

    /// Reads a list of texts, each normalized and trimmed.
    pub(super) fn texts(&mut self, value: &Value, path: &str, what: &str) -> Option<Vec<String>> {
        self.list(value, path, what, |parser, item, path| {
            parser.value(item, path, Edges::Trimmed)
        })
    }

    /// Reads a text that is compared with stored texts, and normalizes it as they are. Reports a problem if nothing is
    /// left of it.
    pub(super) fn value(&mut self, value: &Value, path: &str, edges: Edges) -> Option<String> {
        let text = self.text(value, path)?;
        let normal = normalize(text);
        let wanted = edges.trim(&normal);
        if wanted.is_empty() {
            let message = "expected a text, found only white space or invisible characters";
            self.report(path, Code::Empty, message);
            return None;
        }
        Some(wanted.to_owned())
    }
}
