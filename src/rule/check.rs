//! From [`Node`] to [`CheckedRule`]: every name is looked up in the [`Catalogue`].

use super::catalogue::Catalogue;
use super::condition::{Condition, DateTest, LocationTest, Quantifier};
use super::field::{DateField, Field};
use super::literal::{DateLiteral, Period, Unit};
use super::node::{CheckedNode, CheckedRule, Leaf, Node, NodeKind};
use super::parse::parse_leniently;
use super::path::{child, element};
use super::positive::{event_leaf, field_leaf};
use super::problem::{Code, Problem, Problems, nearest, shorten};
use serde_json::Value;
use std::collections::BTreeSet;

/// Looks up every name in a rule. `own` is the key of the segment that the rule belongs to.
///
/// # Errors
/// Fails with a problem for every unknown name, every field whose type does not fit its node, and every segment whose
/// rule leads back to this one.
pub fn check_rule(
    node: &Node,
    catalogue: &Catalogue,
    own: Option<&str>,
) -> Result<CheckedRule, Vec<Problem>> {
    check_further(node, catalogue, own, Problems::default())
}

/// Reads a rule and looks up every name in it. `own` is the key of the segment that the rule belongs to.
///
/// # Errors
/// Fails with the problems of both steps: first the problems of shape and value, then those of names.
pub fn parse_and_check(
    value: &Value,
    catalogue: &Catalogue,
    own: Option<&str>,
) -> Result<(Node, CheckedRule), Vec<Problem>> {
    match parse_leniently(value) {
        (Some(node), problems) => {
            let checked = check_further(&node, catalogue, own, problems)?;
            Ok((node, checked))
        }
        (None, problems) => problems.or(None),
    }
}

fn check_further(
    node: &Node,
    catalogue: &Catalogue,
    own: Option<&str>,
    problems: Problems,
) -> Result<CheckedRule, Vec<Problem>> {
    let mut checker = Checker {
        catalogue,
        own,
        leading_here: None,
        nodes: Vec::new(),
        problems,
    };
    checker.check_node(node, String::new(), None);
    let nodes = checker.nodes;
    checker.problems.or(Some(CheckedRule { nodes }))
}

struct Checker<'c> {
    catalogue: &'c Catalogue,
    own: Option<&'c str>,
    /// The segments whose rules lead to this one. Computed when it is first needed.
    leading_here: Option<BTreeSet<&'c str>>,
    nodes: Vec<CheckedNode>,
    problems: Problems,
}

impl Checker<'_> {
    /// Appends the node and its descendants. Returns the index of the node.
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
            // If a problem was reported, the rule is refused and the placeholder is never used.
            Node::Condition(condition) => self
                .check_condition(condition, &path)
                .unwrap_or(NodeKind::Everyone),
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

    fn check_condition(&mut self, condition: &Condition, path: &str) -> Option<NodeKind> {
        let leaf = match condition {
            Condition::Text { field, .. } => {
                return self.check_field(condition, field, "text", path);
            }
            Condition::Number { field, .. } => {
                return self.check_field(condition, field, "number", path);
            }
            Condition::Date { field, .. } => {
                return self.check_field(condition, field, "date", path);
            }
            Condition::Boolean { field, .. } => {
                return self.check_field(condition, field, "boolean", path);
            }
            Condition::List { field, .. } => {
                return self.check_field(condition, field, "list", path);
            }
            Condition::Location(LocationTest::IsSet(false)) => {
                return Some(NodeKind::Leaf {
                    leaf: Leaf::Location(LocationTest::IsSet(true)),
                    negated: true,
                });
            }
            Condition::Segment {
                quantifier,
                keys,
                ever,
                joined,
            } => {
                let path = child(path, membership_key("segment", *quantifier));
                return Some(NodeKind::Segment {
                    quantifier: *quantifier,
                    ids: self.segment_ids(keys, &path)?,
                    ever: *ever,
                    joined: *joined,
                });
            }
            Condition::NoGroup { added } => {
                return Some(NodeKind::Leaf {
                    leaf: Leaf::AnyGroup { added: *added },
                    negated: true,
                });
            }
            Condition::Event(event) => {
                let (leaf, negated) = event_leaf(event);
                return Some(NodeKind::Leaf { leaf, negated });
            }
            Condition::Status { any_of } => Leaf::Status {
                any_of: any_of.clone(),
            },
            Condition::Location(test) => Leaf::Location(*test),
            Condition::Group {
                quantifier,
                keys,
                added,
            } => {
                let path = child(path, membership_key("group", *quantifier));
                Leaf::Group {
                    quantifier: *quantifier,
                    ids: self.group_ids(keys, &path)?,
                    added: *added,
                }
            }
            Condition::Random(share) => Leaf::Random(share.clone()),
        };
        let negated = false;
        Some(NodeKind::Leaf { leaf, negated })
    }

    /// Looks up the field of a condition. The field must have the type that the node tests.
    fn check_field(
        &mut self,
        condition: &Condition,
        name: &str,
        node_name: &str,
        path: &str,
    ) -> Option<NodeKind> {
        let field = self.field(name, path, node_name)?;
        if field.node_name() != node_name {
            return self.wrong_type(name, path, node_name, &field);
        }
        if let (Condition::Date { test, .. }, Field::Date(field)) = (condition, &field) {
            self.check_day_only(field, test, &child(path, "date.is"))?;
        }
        let (leaf, negated) = field_leaf(condition, field)?;
        Some(NodeKind::Leaf { leaf, negated })
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

    /// Reports date-times and hours in the test of a field of days. Such a field has no time of day to compare them
    /// with.
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
            DateTest::BetweenAgo(from, to) => vec![
                hours("betweenAgo.from.unit", *from),
                hours("betweenAgo.to.unit", *to),
            ],
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
        let groups = &self.catalogue.groups;
        let mut ids = Vec::with_capacity(keys.len());
        for (position, key) in keys.iter().enumerate() {
            let id = groups.get(key).copied();
            if id.is_none() {
                let hint = || nearest(key, groups.keys().map(String::as_str));
                let found = shorten(key);
                let message =
                    format!("expected the key of a group, found \"{found}\", which does not exist");
                let path = element(path, position);
                self.problems.add(&path, Code::UnknownGroup, message, hint);
            }
            ids.push(id);
        }
        sorted(ids)
    }

    fn segment_ids(&mut self, keys: &[String], path: &str) -> Option<Vec<i64>> {
        let segments = &self.catalogue.segments;
        let mut ids = Vec::with_capacity(keys.len());
        for (position, key) in keys.iter().enumerate() {
            let path = element(path, position);
            let known = segments.get(key);
            if known.is_none() && self.own != Some(key) {
                let hint = || nearest(key, segments.keys().map(String::as_str));
                let found = shorten(key);
                let message = format!(
                    "expected the key of a segment, found \"{found}\", which does not exist"
                );
                self.problems
                    .add(&path, Code::UnknownSegment, message, hint);
            }
            let is_acyclic = self.check_cycle(key, &path);
            ids.push(known.filter(|_| is_acyclic).map(|known| known.id));
        }
        sorted(ids)
    }

    /// Reports a segment that would use itself, directly or through other segments. Returns `true` if there is no
    /// cycle.
    fn check_cycle(&mut self, key: &str, path: &str) -> bool {
        let Some(own) = self.own else {
            return true;
        };
        let catalogue = self.catalogue;
        let leading = self
            .leading_here
            .get_or_insert_with(|| catalogue.list_leading_to(own));
        if key != own && !leading.contains(key) {
            return true;
        }
        // Finding the path takes longer than knowing that there is one.
        if !self.problems.is_full() {
            let cycle = catalogue.find_path(key, own).unwrap_or_default();
            let message = format!(
                "the segment would use itself: {own} -> {}",
                describe_path(&cycle)
            );
            self.problems.add(path, Code::Cycle, message, || None);
        }
        false
    }
}

/// Returns the ids sorted and without duplicates, or `None` if one of them is missing.
fn sorted(ids: Vec<Option<i64>>) -> Option<Vec<i64>> {
    let mut ids: Vec<i64> = ids.into_iter().collect::<Option<_>>()?;
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

fn membership_key(node_name: &str, quantifier: Quantifier) -> &'static str {
    match (node_name, quantifier) {
        ("group", Quantifier::Any) => "group.inAny",
        ("group", Quantifier::All) => "group.inAll",
        (_, Quantifier::Any) => "segment.inAny",
        (_, Quantifier::All) => "segment.inAll",
    }
}

/// Formats a path of segment keys. A long path is cut to its beginning and its end.
fn describe_path(path: &[String]) -> String {
    const END: usize = 5;
    if path.len() <= 2 * END {
        return path.join(" -> ");
    }
    let (beginning, end) = (&path[..END], &path[path.len() - END..]);
    format!("{} -> … -> {}", beginning.join(" -> "), end.join(" -> "))
}

/// Returns the place and the message for a date-time where only a day is allowed.
fn instant(place: &'static str, literal: &DateLiteral) -> Option<(&'static str, &'static str)> {
    const MESSAGE: &str = "the field holds days: expected a day, found a time";
    matches!(literal, DateLiteral::Instant(_)).then_some((place, MESSAGE))
}

/// Returns the place and the message for a period of hours.
fn hours(place: &'static str, period: Period) -> Option<(&'static str, &'static str)> {
    const MESSAGE: &str = "the field holds days: expected DAY, WEEK, MONTH or YEAR, found HOUR";
    (period.unit == Unit::Hour).then_some((place, MESSAGE))
}

/// Returns a hint that lists the fields that a node could test, or the first of them.
fn describe_fields(known: &[String], node_name: &str) -> String {
    const MANY: usize = 20;
    match known {
        [] => format!("no custom field of type {node_name} exists yet"),
        known if known.len() <= MANY => format!("known fields: {}", known.join(", ")),
        known => format!("known fields: {}, …", known[..MANY].join(", ")),
    }
}
