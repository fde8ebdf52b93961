//! Reads conditions on a subscriber: field tests, status, location, memberships and random shares.

use super::parser::Parser;
use crate::condition::{
    BooleanTest, Condition, DateTest, ListTest, LocationTest, NumberTest, Quantifier, RandomShare,
    TextTest, TimeWindow,
};
use crate::limits::MAX_RADIUS_KM;
use crate::literal::Status;
use crate::path::child;
use crate::problem::Code;
use crate::report::Report;
use crate::stored_form::Edges;
use crate::vocabulary;
use crate::vocabulary::names;
use serde_json::{Map, Value};

const GROUP_KEYS: [&str; 4] = names(&vocabulary::GROUP_WORDS);
const SEGMENT_KEYS: [&str; 4] = names(&vocabulary::SEGMENT_WORDS);
const LOCATION_TESTS: [&str; 2] = names(&vocabulary::LOCATION_TESTS);

impl Parser {
    /// Reads a test of a field, or of a property if `subject` is `property`.
    pub(super) fn parse_test_of(
        &mut self,
        kind: &str,
        subject: &str,
        value: &Value,
        path: &str,
    ) -> Option<Condition> {
        let keys: &[&str] = match kind {
            "text" => &[subject, "is", "caseSensitive"],
            _ => &[subject, "is"],
        };
        let body = self.object(value, path, keys)?;
        let field = self
            .required(body, subject, path)
            .and_then(|name| match subject {
                "property" => self.value(name, &child(path, subject), Edges::Trimmed),
                _ => self.text(name, &child(path, subject)).map(str::to_owned),
            });
        let case_sensitive = self.case_sensitive(body, path);
        let inside = child(path, "is");
        let test = self.required(body, "is", path);
        // If the test cannot be read, a placeholder replaces it, so that the field is still looked up.
        Some(match kind {
            "text" => {
                let test =
                    test.and_then(|test| self.parse_text_test(test, &inside, case_sensitive));
                Condition::Text {
                    field: field?,
                    test: test.unwrap_or(TextTest::IsSet(true)),
                    case_sensitive,
                }
            }
            "number" => {
                let test = test.and_then(|test| self.parse_number_test(test, &inside));
                Condition::Number {
                    field: field?,
                    test: test.unwrap_or(NumberTest::IsSet(true)),
                }
            }
            "date" => {
                let test = test.and_then(|test| self.parse_date_test(test, &inside));
                Condition::Date {
                    field: field?,
                    test: test.unwrap_or(DateTest::IsSet(true)),
                }
            }
            "list" => {
                let test = test.and_then(|test| self.parse_list_test(test, &inside));
                Condition::List {
                    field: field?,
                    test: test.unwrap_or(ListTest::IsSet(true)),
                }
            }
            _ => {
                let test = test.and_then(|test| self.parse_boolean_test(test, &inside));
                Condition::Boolean {
                    field: field?,
                    test: test.unwrap_or(BooleanTest::IsSet(true)),
                }
            }
        })
    }

    fn case_sensitive(&mut self, body: &Map<String, Value>, path: &str) -> bool {
        body.get("caseSensitive")
            .filter(|flag| !flag.is_null())
            .and_then(|flag| self.flag(flag, &child(path, "caseSensitive")))
            .unwrap_or(false)
    }

    pub(super) fn parse_status(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let body = self.object(value, path, &["in"])?;
        let list = self.required(body, "in", path)?;
        let inside = child(path, "in");
        let mut any_of = self.list(list, &inside, "statuses", |parser, item, path| {
            let text = parser.text(item, path)?;
            let mut statuses = Status::ALL.into_iter();
            let status = statuses.find(|status| status.as_rule_str() == text);
            status.or_else(|| {
                let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_rule_str).collect();
                parser.unknown(path, text, Code::WrongValue, "a status", &known)
            })
        })?;
        any_of.sort();
        any_of.dedup();
        Some(Condition::Status { any_of })
    }

    pub(super) fn parse_location(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let (name, wanted) =
            self.single_entry(value, path, "a test of locations", &LOCATION_TESTS)?;
        let inside = child(path, name);
        let test = match name {
            "within" => self.parse_within(wanted, &inside),
            "isSet" => self.flag(wanted, &inside).map(LocationTest::IsSet),
            _ => {
                let expected = "a test of locations";
                self.unknown(path, name, Code::UnknownTest, expected, &LOCATION_TESTS)
            }
        };
        test.map(Condition::Location)
    }

    fn parse_within(&mut self, value: &Value, path: &str) -> Option<LocationTest> {
        let body = self.object(value, path, &["latitude", "longitude", "radiusKm"])?;
        let latitude = self.number_between(body, "latitude", path, (-90.0, 90.0));
        let longitude = self.number_between(body, "longitude", path, (-180.0, 180.0));
        let radius_km = self.number_between(body, "radiusKm", path, (0.0, MAX_RADIUS_KM));
        if radius_km == Some(0.0) {
            let message = "expected a radius of more than 0 kilometres, found 0";
            self.report(&child(path, "radiusKm"), Code::WrongValue, message);
        }
        Some(LocationTest::Within {
            latitude: latitude?,
            longitude: longitude?,
            radius_km: radius_km?,
        })
    }

    pub(super) fn parse_group(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let body = self.object(value, path, &GROUP_KEYS)?;
        let added = self.membership_window(body, "addedAt", path);
        let tests = ["inAny", "inAll", "none"];
        let Some((name, wanted)) = self.at_most_one(body, &tests, path)? else {
            let message = "expected the key \"inAny\", \"inAll\" or \"none\", found none of them";
            self.report(path, Code::Missing, message);
            return None;
        };
        let inside = child(path, name);
        if name == "none" {
            self.expect_true(wanted, &inside)?;
            return Some(Condition::NoGroup { added });
        }
        Some(Condition::Group {
            quantifier: quantifier(name),
            keys: self.texts(wanted, &inside, "group keys")?,
            added,
        })
    }

    pub(super) fn parse_segment(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let body = self.object(value, path, &SEGMENT_KEYS)?;
        let joined = self.membership_window(body, "joinedAt", path);
        let ever = body.get("ever").filter(|ever| !ever.is_null());
        if let Some(ever) = ever {
            self.expect_true(ever, &child(path, "ever"));
        }
        let Some((name, list)) = self.at_most_one(body, &["inAny", "inAll"], path)? else {
            let message = "expected the key \"inAny\" or \"inAll\", found neither";
            self.report(path, Code::Missing, message);
            return None;
        };
        Some(Condition::Segment {
            quantifier: quantifier(name),
            keys: self.texts(list, &child(path, name), "segment keys")?,
            ever: ever.is_some(),
            joined,
        })
    }

    /// Reads the window in which memberships must have begun to count. Returns all time if the key is missing or the
    /// window cannot be read.
    fn membership_window(
        &mut self,
        body: &Map<String, Value>,
        key: &str,
        path: &str,
    ) -> TimeWindow {
        let window = body.get(key).filter(|window| !window.is_null());
        window
            .and_then(|window| self.parse_window(window, &child(path, key)))
            .unwrap_or(TimeWindow::AllTime)
    }

    pub(super) fn parse_random(&mut self, value: &Value, path: &str) -> Option<Condition> {
        let body = self.object(value, path, &["salt", "fromPercent", "toPercent"])?;
        let salt = self
            .required(body, "salt", path)
            .and_then(|salt| self.text(salt, &child(path, "salt")));
        let from = self.number_between(body, "fromPercent", path, (0.0, 100.0));
        let to = self.number_between(body, "toPercent", path, (0.0, 100.0));
        let (salt, from, to) = (salt?, from?, to?);
        if from >= to {
            let message =
                format!("expected \"fromPercent\" less than \"toPercent\", found {from} and {to}");
            self.report(path, Code::WrongValue, message);
        }
        Some(Condition::Random(RandomShare {
            salt: salt.to_owned(),
            from_percent: from,
            to_percent: to,
        }))
    }
}

fn quantifier(name: &str) -> Quantifier {
    match name {
        "inAny" => Quantifier::Any,
        _ => Quantifier::All,
    }
}
