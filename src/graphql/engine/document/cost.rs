//! The cost of an operation, computed before it is executed: about how many things the server has to look up and write.
//!
//! An object costs 1, ten scalars of it 1 more, and a JSON document [`JSON`] more. A list costs as much as the items
//! that it can have: a page of a connection, and otherwise [`USUAL_ITEMS`] if the list has no size of its own. Fields
//! that evaluate rules or read history cost their [`WEIGHTS`], and the conditions of a rule in the request cost extra
//! (`rule_cost.rs`).

use super::inclusion::is_included;
use super::rule_cost::cost_of_rule;
use apollo_compiler::Node;
use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// How many items count for a list without a size of its own.
const USUAL_ITEMS: u64 = 10;
/// The size of a page if the request gives none.
const USUAL_PAGE: u64 = 50;
/// The largest page.
const LARGEST_PAGE: u64 = 250;
/// The cost of a field about the schema: returning all of it takes as long as a page of objects.
const INTROSPECTION: u64 = 200;
/// How many scalars of an object cost as much as one object: every field of an answer takes memory.
const SCALARS: u64 = 10;
/// The cost of a JSON document: custom values, properties of events and rules are larger than other scalars.
const JSON: u64 = 2;
/// The cost of any mutation.
const MUTATION: u64 = 10;

/// Fields that cost more than an object. If an argument is named, the weight counts only if the argument is given.
const WEIGHTS: [(&str, &str, Option<&str>, u64); 27] = [
    ("Mutation", "refreshSegments", None, 1_000),
    ("Mutation", "createBulkAction", None, 500),
    ("Mutation", "copySegmentToGroup", None, 500),
    ("Query", "changes", None, 20),
    ("Query", "previewSegment", None, 500),
    ("Query", "subscribers", Some("filter"), 200),
    ("Query", "subscribers", Some("search"), 20),
    ("Query", "groups", Some("orderBy"), 20),
    ("Query", "segments", Some("orderBy"), 20),
    ("Query", "ruleEvents", None, 20),
    ("Group", "members", Some("search"), 20),
    ("Group", "members", Some("status"), 20),
    ("Group", "statusCounts", None, 50),
    ("RuleField", "suggestedValues", None, 100),
    ("Segment", "changes", None, 20),
    ("Segment", "growth", None, 50),
    ("Segment", "memberCount", Some("asOf"), 20),
    ("Segment", "members", Some("asOf"), 20),
    ("Segment", "members", Some("search"), 20),
    ("Segment", "members", Some("status"), 20),
    ("Segment", "statusCounts", None, 50),
    ("Segment", "overlap", None, 50),
    ("Subscriber", "explain", None, 100),
    ("Subscriber", "history", None, 20),
    ("Subscriber", "personalData", None, 100),
    ("SegmentChange", "joined", None, 5),
    ("SegmentChange", "left", None, 5),
];

/// Returns the cost of an operation of a validated document with these variables.
pub fn cost_of(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Map<String, Json>,
) -> u64 {
    let mut costing = Costing {
        document,
        variables,
        fragments: HashMap::new(),
    };
    costing.cost_set(&operation.selection_set).settle().once
}

/// The cost of a selection set: once, and for each item of the page that it belongs to.
#[derive(Clone, Copy, Default)]
struct Cost {
    once: u64,
    each: u64,
    /// The scalars of the object itself, which are not in `once` yet.
    scalars: u64,
}

impl Cost {
    fn and(self, other: Cost) -> Cost {
        Cost {
            once: self.once.saturating_add(other.once),
            each: self.each.saturating_add(other.each),
            scalars: self.scalars.saturating_add(other.scalars),
        }
    }

    /// Adds the cost of the scalars, once all scalars of the object are counted.
    fn settle(self) -> Cost {
        Cost {
            once: self.once.saturating_add(self.scalars / SCALARS),
            each: self.each,
            scalars: 0,
        }
    }
}

struct Costing<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Map<String, Json>,
    fragments: HashMap<&'d str, Cost>,
}

impl<'d> Costing<'d> {
    fn cost_set(&mut self, set: &'d SelectionSet) -> Cost {
        let mut cost = Cost::default();
        let (selections, variables) = (set.selections.iter(), self.variables);
        for selection in selections.filter(|selection| is_included(selection, variables)) {
            cost = cost.and(match selection {
                Selection::Field(field) => self.cost_field(&set.ty, field),
                Selection::InlineFragment(fragment) => self.cost_set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => self.cost_fragment(&spread.fragment_name),
            });
        }
        cost
    }

    /// Computes the cost of each fragment once.
    fn cost_fragment(&mut self, name: &'d str) -> Cost {
        if let Some(cost) = self.fragments.get(name) {
            return *cost;
        }
        let cost = match self.document.fragments.get(name) {
            Some(fragment) => self.cost_set(&fragment.selection_set),
            None => Cost::default(),
        };
        self.fragments.insert(name, cost);
        cost
    }

    fn cost_field(&mut self, parent: &str, field: &'d Node<Field>) -> Cost {
        match field.name.as_str() {
            "__typename" => {
                return Cost {
                    scalars: 1,
                    ..Cost::default()
                };
            }
            "__schema" | "__type" | "_service" => {
                return Cost {
                    once: INTROSPECTION,
                    ..Cost::default()
                };
            }
            _ => {}
        }
        let below = self.cost_set(&field.selection_set).settle();
        let is_object = !field.selection_set.is_empty();
        let is_list = field.ty().is_list();
        let is_json = field.ty().inner_named_type() == "JSON";
        let weight = self.weigh(parent, field)
            + u64::from(is_object && !is_list)
            + if is_json { JSON } else { 0 };
        let is_page = match parent {
            "ChangePage" => field.name == "changes",
            _ => parent.ends_with("Connection") && matches!(field.name.as_str(), "edges" | "nodes"),
        };
        let is_results = parent.ends_with("Payload") && field.name == "results";
        if is_page || is_results {
            return Cost {
                each: below.once.saturating_add(1),
                ..Cost::default()
            };
        }
        let once = if parent == "Mutation" {
            let results = self.inputs(field).saturating_mul(below.each);
            below.once.saturating_add(results)
        } else if is_paged(field.ty().inner_named_type()) {
            let page = self.size(field).unwrap_or(USUAL_PAGE).min(LARGEST_PAGE);
            below.once.saturating_add(page.saturating_mul(below.each))
        } else if is_list && is_object {
            let items = self.size(field).unwrap_or(USUAL_ITEMS);
            items.saturating_mul(below.once.saturating_add(1))
        } else {
            below.once
        };
        Cost {
            once: once.saturating_add(weight),
            each: 0,
            scalars: u64::from(!is_object),
        }
    }

    fn weigh(&self, parent: &str, field: &Field) -> u64 {
        let given = |name: &str| {
            field
                .arguments
                .iter()
                .any(|argument| argument.name == name && !argument.value.is_null())
        };
        let weights = WEIGHTS.iter().filter(|(of, name, argument, _)| {
            *of == parent && field.name == *name && argument.is_none_or(given)
        });
        let weight: u64 = weights.map(|(_, _, _, weight)| weight).sum();
        let rule = cost_of_rule(parent, field, self.variables);
        weight.saturating_add(rule) + if parent == "Mutation" { MUTATION } else { 0 }
    }

    /// Returns how many items the arguments of a field ask for: `first`, `last`, or the length of a list such as `ids`.
    fn size(&self, field: &Field) -> Option<u64> {
        let sizes = ["first", "last", "ids", "representations"].into_iter();
        sizes
            .filter_map(|name| field.specified_argument_by_name(name))
            .find_map(|value| self.read(value))
    }

    /// Returns how many results a mutation has: one for each item of the longest list in its input, or 1 without a
    /// list.
    fn inputs(&self, field: &Field) -> u64 {
        let number = match field
            .specified_argument_by_name("input")
            .map(|value| &**value)
        {
            Some(Literal::Variable(name)) => {
                let given = self.variables.get(name.as_str()).and_then(Json::as_object);
                let lists = given
                    .into_iter()
                    .flatten()
                    .filter_map(|(_, value)| value.as_array());
                lists
                    .filter_map(|list| u64::try_from(list.len()).ok())
                    .max()
            }
            Some(Literal::Object(fields)) => fields
                .iter()
                .filter_map(|(_, value)| match &**value {
                    Literal::List(_) => self.read(value),
                    Literal::Variable(name) => {
                        let given = self.variables.get(name.as_str())?.as_array()?;
                        u64::try_from(given.len()).ok()
                    }
                    _ => None,
                })
                .max(),
            _ => None,
        };
        number.unwrap_or(1)
    }

    fn read(&self, value: &Literal) -> Option<u64> {
        match value {
            Literal::Int(number) => Some(number.try_to_i32().ok()?.try_into().unwrap_or(0)),
            Literal::List(items) => u64::try_from(items.len()).ok(),
            Literal::Variable(name) => match self.variables.get(name.as_str()) {
                Some(Json::Array(items)) => u64::try_from(items.len()).ok(),
                value => value?.as_f64().map(|number| number as u64),
            },
            _ => None,
        }
    }
}

/// Returns whether a type is a page of a list. The page size is an argument of the field that has the type.
fn is_paged(name: &str) -> bool {
    name.ends_with("Connection") || name == "ChangePage"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::sdl;
    use apollo_compiler::Schema;

    /// Without this test, a renamed field would become cheap unnoticed.
    #[test]
    fn what_has_a_weight_exists() {
        let schema = Schema::parse_and_validate(sdl(), "schema.graphql").expect("our own schema");
        for (parent, field, argument, weight) in WEIGHTS {
            let definition = schema.type_field(parent, field);
            let definition = definition.unwrap_or_else(|_| panic!("{parent}.{field}"));
            let has = |name: &str| definition.arguments.iter().any(|one| one.name == name);
            assert!(argument.is_none_or(has), "{parent}.{field}");
            assert!(weight > 0);
        }
    }
    /// Returns what a document costs with these variables.
    fn cost(document: &str, variables: Json) -> u64 {
        let schema = Schema::parse_and_validate(sdl(), "schema.graphql").expect("our own schema");
        let document = ExecutableDocument::parse_and_validate(&schema, document, "document")
            .unwrap_or_else(|problems| panic!("{problems}"));
        let operation = document.operations.get(None).expect("one operation");
        let variables = variables.as_object().cloned().unwrap_or_default();
        cost_of(&document, operation, &variables)
    }

    fn preview(rule: &str) -> String {
        format!("{{ previewSegment(rule: {rule}) {{ memberCount }} }}")
    }

    #[test]
    fn conditions_cost_the_same_however_the_rule_is_given() {
        let literal = r#"{all: [{text: {field: "city", is: {matches: "^V"}}}, {not: {status: {in: [SUBSCRIBED]}}}]}"#;
        let json = serde_json::json!({"all": [
            {"text": {"field": "city", "is": {"matches": "^V"}}},
            {"not": {"status": {"in": ["SUBSCRIBED"]}}},
        ]});
        let costs = [
            cost(&preview(literal), Json::Null),
            cost(
                &format!("{{ previewSegment(ruleJson: {literal}) {{ memberCount }} }}"),
                Json::Null,
            ),
            cost(
                "query ($r: RuleInput) { previewSegment(rule: $r) { memberCount } }",
                serde_json::json!({ "r": json }),
            ),
            cost(
                "query ($r: JSON) { previewSegment(ruleJson: $r) { memberCount } }",
                serde_json::json!({ "r": json }),
            ),
            cost(
                "query ($c: [RuleInput!]) { previewSegment(rule: {all: $c}) { memberCount } }",
                serde_json::json!({ "c": json["all"] }),
            ),
        ];
        assert_eq!(costs, [costs[0]; 5]);
        let everyone = cost(&preview("{everyone: true}"), Json::Null);
        assert!(costs[0] > everyone);

        let filters = [
            "{ subscribers(filter: {rule: RULE}) { totalCount } }",
            "query ($f: SubscriberFilter) { subscribers(filter: $f) { totalCount } }",
        ];
        let given = serde_json::json!({"f": {"rule": json}});
        let of_filter =
            filters.map(|document| cost(&document.replace("RULE", literal), given.clone()));
        assert_eq!(of_filter, [of_filter[0]; 2]);
        let explained = |rule: &str| {
            let document = format!(
                "{{ subscriber(email: \"a@x.lt\") {{ explain(rule: {rule}) {{ isMatch }} }} }}"
            );
            cost(&document, Json::Null)
        };
        assert!(explained(literal) > explained("{everyone: true}"));
    }

    #[test]
    fn regular_expressions_are_dearer_wherever_they_stand() {
        let of = |test: &str| {
            let texts = format!(r#"{{text: {{field: "city", is: {{{test}: "V"}}}}}}"#);
            let filter = format!(
                r#"{{event: {{name: "purchase", where: [{{text: {{property: "sku", is: {{{test}: "V"}}}}}}]}}}}"#
            );
            [texts, filter].map(|rule| {
                let document = "query ($r: JSON) { previewSegment(ruleJson: $r) { memberCount } }";
                let as_literal = document
                    .replace("query ($r: JSON) ", "")
                    .replace("$r", &rule);
                cost(&as_literal, Json::Null)
            })
        };
        let (matches, contains) = (of("matches"), of("contains"));
        assert!(matches[0] > contains[0] && matches[1] > contains[1]);
    }

    #[test]
    fn the_largest_rule_can_be_previewed_and_many_small_ones_too() {
        let limit = crate::graphql::Limits::default().cost;
        let hard = r#"{text: {field: "city", is: {matches: "V"}}}"#;
        let children = [hard; crate::rule::MAX_NODES - 1].join(", ");
        let largest = cost(&preview(&format!("{{all: [{children}]}}")), Json::Null);
        assert!(largest <= limit, "{largest}");
        assert!(2 * largest > limit, "not twice: {largest}");
        let small = |number: usize| {
            format!(
                "p{number}: previewSegment(rule: {{status: {{in: [PENDING]}}}}) {{ memberCount }}"
            )
        };
        let small: Vec<String> = (0..90).map(small).collect();
        let many = cost(&format!("{{ {} }}", small.join(" ")), Json::Null);
        assert!(many <= limit, "{many}");
    }

    /// The fields of a result count as often as the input has items, whether the input is a variable or in the
    /// document.
    #[test]
    fn results_cost_as_many_as_there_are_inputs() {
        let ask = |variable: &str, input: &str| {
            format!(
                "mutation {variable} {{ upsertSubscribers(input: {input}) {{ results {{ subscriber {{ id }} }} }} }}"
            )
        };
        let person = serde_json::json!({"email": "a@example.com"});
        let people = vec![person.clone(); 300];
        let variables =
            serde_json::json!({"one": person, "list": people, "input": {"subscribers": people}});
        let items = vec!["{email: \"a\"}"; 300].join(", ");
        for (variable, input) in [
            ("", format!("{{subscribers: [{items}]}}")),
            (
                "($list: [UpsertSubscriberInput!]!)",
                "{subscribers: $list}".to_owned(),
            ),
            ("($input: UpsertSubscribersInput!)", "$input".to_owned()),
        ] {
            let found = cost(&ask(variable, &input), variables.clone());
            assert!((600..700).contains(&found), "{input}: {found}");
        }
        let one = ask("($one: UpsertSubscriberInput!)", "{subscribers: [$one]}");
        let one = cost(&one, variables);
        assert!(one < 20, "{one}");
    }
}
