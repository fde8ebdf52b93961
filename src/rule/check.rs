//! From [`Node`] to [`CheckedRule`]: every name is looked up in the [`Catalogue`], negative tests become complements.

use super::field::{Catalogue, CustomType, DateField, Field, TextField};
use super::literal::{DateLiteral, Period, Unit};
use super::node::{
    BooleanTest, CheckedNode, CheckedRule, Condition, DateTest, Leaf, Node, NodeKind, NumberTest,
    TextTest,
};
use super::parse::{child, element, parse_leniently};
use super::problem::{Code, Problem, Problems, nearest, shorten};
use serde_json::Value;

/// Looks up every name of a rule.
///
/// # Errors
/// Every name that is not known and every field that has another type than its node asks about.
pub fn check_rule(node: &Node, catalogue: &Catalogue) -> Result<CheckedRule, Vec<Problem>> {
    check_further(node, catalogue, Problems::default())
}

/// Reads a rule and looks up every name of it.
///
/// # Errors
/// Every problem of either step: first those of shape and value, then those of names.
pub fn parse_and_check(
    value: &Value,
    catalogue: &Catalogue,
) -> Result<(Node, CheckedRule), Vec<Problem>> {
    match parse_leniently(value) {
        (Some(node), problems) => {
            let checked = check_further(&node, catalogue, problems)?;
            Ok((node, checked))
        }
        (None, problems) => problems.or(None),
    }
}

fn check_further(
    node: &Node,
    catalogue: &Catalogue,
    problems: Problems,
) -> Result<CheckedRule, Vec<Problem>> {
    let mut checker = Checker {
        catalogue,
        nodes: Vec::new(),
        problems,
    };
    checker.check_node(node, String::new(), None);
    let nodes = checker.nodes;
    checker.problems.or(Some(CheckedRule { nodes }))
}

/// Something that a rule uses, so that it must not vanish unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// A custom field, by key.
    Field(String),
    /// A group, by key.
    Group(String),
    /// An event name.
    Event(String),
}

/// Lists what a rule uses, sorted, each once.
pub fn list_dependencies(node: &Node) -> Vec<Dependency> {
    let mut found = Vec::new();
    collect_dependencies(node, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect_dependencies(node: &Node, found: &mut Vec<Dependency>) {
    match node {
        Node::All(children) | Node::Any(children) => {
            for node in children {
                collect_dependencies(node, found);
            }
        }
        Node::Not(inner) => collect_dependencies(inner, found),
        Node::Everyone => {}
        Node::Condition(condition) => match condition {
            Condition::Text { field, .. }
            | Condition::Number { field, .. }
            | Condition::Date { field, .. }
            | Condition::Boolean { field, .. } => {
                let custom = field.strip_prefix("custom.");
                found.extend(custom.map(|key| Dependency::Field(key.to_owned())));
            }
            Condition::Status { .. } => {}
            Condition::Group { keys, .. } => {
                found.extend(keys.iter().cloned().map(Dependency::Group));
            }
            Condition::Event(event) => {
                found.extend(event.names.iter().cloned().map(Dependency::Event));
            }
        },
    }
}

struct Checker<'c> {
    catalogue: &'c Catalogue,
    nodes: Vec<CheckedNode>,
    problems: Problems,
}

impl Checker<'_> {
    /// Appends the node and those below it; returns its index.
    fn check_node(&mut self, node: &Node, path: String, parent: Option<usize>) -> usize {
        let index = self.nodes.len();
        self.nodes.push(CheckedNode {
            path: path.clone(),
            parent,
            kind: NodeKind::Everyone,
        });
        let kind = match node {
            Node::All(children) => {
                NodeKind::All(self.check_children(children, &child(&path, "all"), index))
            }
            Node::Any(children) => {
                NodeKind::Any(self.check_children(children, &child(&path, "any"), index))
            }
            Node::Not(inner) => {
                NodeKind::Not(self.check_node(inner, child(&path, "not"), Some(index)))
            }
            Node::Everyone => NodeKind::Everyone,
            Node::Condition(condition) => match self.check_condition(condition, &path) {
                Some((leaf, negated)) => NodeKind::Leaf { leaf, negated },
                // A problem was reported, so that the rule is refused and this node never seen.
                None => NodeKind::Everyone,
            },
        };
        self.nodes[index].kind = kind;
        index
    }

    fn check_children(&mut self, children: &[Node], path: &str, parent: usize) -> Vec<usize> {
        children
            .iter()
            .enumerate()
            .map(|(position, node)| self.check_node(node, element(path, position), Some(parent)))
            .collect()
    }

    fn check_condition(&mut self, condition: &Condition, path: &str) -> Option<(Leaf, bool)> {
        match condition {
            Condition::Text {
                field,
                test,
                case_sensitive,
            } => {
                let field = self.text_field(field, path)?;
                let (test, negated) = positive_text(test);
                let case_sensitive = *case_sensitive;
                Some((
                    Leaf::Text {
                        field,
                        test,
                        case_sensitive,
                    },
                    negated,
                ))
            }
            Condition::Number { field, test } => {
                let key = self.custom_key(field, path, "number", CustomType::Number)?;
                let (test, negated) = positive_number(test);
                Some((Leaf::Number { key, test }, negated))
            }
            Condition::Date { field, test } => {
                let field = self.date_field(field, path)?;
                self.check_day_only(&field, test, &child(path, "date.is"))?;
                let (test, negated) = match test {
                    DateTest::IsSet(false) => (DateTest::IsSet(true), true),
                    other => (other.clone(), false),
                };
                Some((Leaf::Date { field, test }, negated))
            }
            Condition::Boolean { field, test } => {
                let key = self.custom_key(field, path, "boolean", CustomType::Boolean)?;
                let (test, negated) = match test {
                    BooleanTest::IsSet(false) => (BooleanTest::IsSet(true), true),
                    other => (*other, false),
                };
                Some((Leaf::Boolean { key, test }, negated))
            }
            Condition::Status { any_of } => Some((
                Leaf::Status {
                    any_of: any_of.clone(),
                },
                false,
            )),
            Condition::Group { quantifier, keys } => {
                let name = match quantifier {
                    super::Quantifier::Any => "group.inAny",
                    super::Quantifier::All => "group.inAll",
                };
                let ids = self.group_ids(keys, &child(path, name))?;
                Some((
                    Leaf::Group {
                        quantifier: *quantifier,
                        ids,
                    },
                    false,
                ))
            }
            Condition::Event(event) => {
                let (test, negated) = positive_number(&event.test);
                let event = super::EventCondition {
                    test,
                    ..event.clone()
                };
                Some((Leaf::Event(event), negated))
            }
        }
    }

    fn text_field(&mut self, name: &str, path: &str) -> Option<TextField> {
        match self.field(name, path, "text")? {
            Field::Text(field) => Some(field),
            other => self.wrong_type(name, path, "text", &other),
        }
    }

    fn date_field(&mut self, name: &str, path: &str) -> Option<DateField> {
        match self.field(name, path, "date")? {
            Field::Date(field) => Some(field),
            other => self.wrong_type(name, path, "date", &other),
        }
    }

    fn custom_key(
        &mut self,
        name: &str,
        path: &str,
        node_name: &str,
        wanted: CustomType,
    ) -> Option<String> {
        match (self.field(name, path, node_name)?, wanted) {
            (Field::Number(key), CustomType::Number)
            | (Field::Boolean(key), CustomType::Boolean) => Some(key),
            (other, _) => self.wrong_type(name, path, node_name, &other),
        }
    }

    fn field(&mut self, name: &str, path: &str, node_name: &str) -> Option<Field> {
        let field = self.catalogue.find_field(name);
        if field.is_none() {
            let hint = || {
                let known = self.catalogue.list_field_names(node_name);
                let slip = nearest(name, known.iter().map(String::as_str));
                slip.or_else(|| Some(describe_fields(&known, node_name)))
            };
            let path = child(&child(path, node_name), "field");
            let found = shorten(name);
            let message = format!("expected a field, found \"{found}\", which does not exist");
            self.problems.add(&path, Code::UnknownField, message, hint);
        }
        field
    }

    fn wrong_type<T>(
        &mut self,
        name: &str,
        path: &str,
        node_name: &str,
        found: &Field,
    ) -> Option<T> {
        let right = found.node_name();
        let message =
            format!("expected a field of type {node_name}, found \"{name}\" of type {right}");
        let hint = format!("ask about it with {{\"{right}\": {{\"field\": \"{name}\", ...}}}}");
        let path = child(&child(path, node_name), "field");
        self.problems
            .add(&path, Code::WrongFieldType, message, || Some(hint));
        None
    }

    /// A field of days has no time of day: instants and hours cannot be compared with it.
    fn check_day_only(&mut self, field: &DateField, test: &DateTest, path: &str) -> Option<()> {
        if !field.is_day() {
            return Some(());
        }
        let misfits = match test {
            DateTest::On(literal) => vec![instant("on", literal)],
            DateTest::Before(literal) => vec![instant("before", literal)],
            DateTest::After(literal) => vec![instant("after", literal)],
            DateTest::OnOrBefore(literal) => vec![instant("onOrBefore", literal)],
            DateTest::OnOrAfter(literal) => vec![instant("onOrAfter", literal)],
            DateTest::Between(from, to) => {
                vec![instant("between.from", from), instant("between.to", to)]
            }
            DateTest::InTheLast(period) => vec![hours("inTheLast.unit", *period)],
            DateTest::MoreThanAgo(period) => vec![hours("moreThanAgo.unit", *period)],
            DateTest::InTheNext(period) => vec![hours("inTheNext.unit", *period)],
            _ => vec![],
        };
        let misfits: Vec<_> = misfits.into_iter().flatten().collect();
        for (place, message) in &misfits {
            let path = child(path, place);
            self.problems
                .add(&path, Code::WrongValue, *message, || None);
        }
        misfits.is_empty().then_some(())
    }

    fn group_ids(&mut self, keys: &[String], path: &str) -> Option<Vec<i64>> {
        let mut ids: Vec<Option<i64>> = Vec::with_capacity(keys.len());
        for (position, key) in keys.iter().enumerate() {
            let id = self.catalogue.groups.get(key).copied();
            if id.is_none() {
                let hint = || nearest(key, self.catalogue.groups.keys().map(String::as_str));
                let found = shorten(key);
                let message =
                    format!("expected the key of a group, found \"{found}\", which does not exist");
                let path = element(path, position);
                self.problems.add(&path, Code::UnknownGroup, message, hint);
            }
            ids.push(id);
        }
        let mut ids: Vec<i64> = ids.into_iter().collect::<Option<_>>()?;
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }
}

/// The place and the problem of an instant that stands where only a day can.
fn instant(place: &'static str, literal: &DateLiteral) -> Option<(&'static str, &'static str)> {
    const MESSAGE: &str = "expected a day, since the field holds days, found an instant";
    matches!(literal, DateLiteral::Instant(_)).then_some((place, MESSAGE))
}

/// The same for a period of hours.
fn hours(place: &'static str, period: Period) -> Option<(&'static str, &'static str)> {
    const MESSAGE: &str =
        "expected DAY, WEEK, MONTH or YEAR, since the field holds days, found HOUR";
    (period.unit == Unit::Hour).then_some((place, MESSAGE))
}

/// Says which fields a node could ask about, or the first of them.
fn describe_fields(known: &[String], node_name: &str) -> String {
    const MANY: usize = 20;
    match known {
        [] => format!("no custom field of type {node_name} exists yet"),
        known if known.len() <= MANY => format!("known fields: {}", known.join(", ")),
        known => format!("known fields: {}, …", known[..MANY].join(", ")),
    }
}

/// Splits a test into its positive form and whether the complement of that is meant.
fn positive_text(test: &TextTest) -> (TextTest, bool) {
    match test {
        TextTest::NotEquals(text) => (TextTest::Equals(text.clone()), true),
        TextTest::NotIn(texts) => (TextTest::In(texts.clone()), true),
        TextTest::NotContains(text) => (TextTest::Contains(text.clone()), true),
        TextTest::IsSet(false) => (TextTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}

fn positive_number(test: &NumberTest) -> (NumberTest, bool) {
    match test {
        NumberTest::NotEquals(number) => (NumberTest::Equals(*number), true),
        NumberTest::IsSet(false) => (NumberTest::IsSet(true), true),
        positive => (positive.clone(), false),
    }
}
