//! The cost of the conditions of a rule in a request, computed before the rule is evaluated.
//!
//! The rule may be invalid. Everything in it is counted, so that nothing that would be evaluated is free.

use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::Field;
use serde_json::{Map, Value as Json};

/// The fields that evaluate a rule of the request, the arguments that may hold it, and the prices of its conditions.
const FIELDS: [(&str, &str, &[&str], Prices); 3] = [
    ("Query", "previewSegment", &["rule", "ruleJson"], OVER_ALL),
    ("Query", "subscribers", &["filter"], OVER_ALL),
    ("Subscriber", "explain", &["rule", "ruleJson"], FOR_ONE),
];

/// The prices of conditions.
#[derive(Clone, Copy)]
struct Prices {
    condition: u64,
    /// The price of a regular expression besides its condition: it reads every letter of every text.
    regex: u64,
}

/// With the default limit, the largest rule can be evaluated once, even if all its conditions are regular expressions.
const OVER_ALL: Prices = Prices {
    condition: 10,
    regex: 60,
};
const FOR_ONE: Prices = Prices {
    condition: 1,
    regex: 5,
};

/// Returns the cost of the conditions in the rule that a field is given. Returns 0 if the field evaluates no rule.
pub fn cost_of_rule(parent: &str, field: &Field, variables: &Map<String, Json>) -> u64 {
    let mut fields = FIELDS.iter();
    let Some((_, _, names, prices)) =
        fields.find(|(of, name, ..)| *of == parent && field.name == *name)
    else {
        return 0;
    };
    let mut found = Found::default();
    for argument in &field.arguments {
        if names.contains(&argument.name.as_str()) {
            found.count_literal(&argument.value, variables);
        }
    }
    let conditions = found.conditions.saturating_mul(prices.condition);
    conditions.saturating_add(found.regexes.saturating_mul(prices.regex))
}

/// The number of conditions and regular expressions in a rule.
#[derive(Default)]
struct Found {
    conditions: u64,
    regexes: u64,
}

impl Found {
    fn count_literal(&mut self, value: &Literal, variables: &Map<String, Json>) {
        match value {
            Literal::Object(entries) => {
                for (key, value) in entries {
                    if !value.is_null() {
                        self.count_key(key);
                        self.count_literal(value, variables);
                    }
                }
            }
            Literal::List(items) => {
                for item in items {
                    self.count_literal(item, variables);
                }
            }
            Literal::Variable(name) => {
                if let Some(value) = variables.get(name.as_str()) {
                    self.count_json(value);
                }
            }
            _ => {}
        }
    }

    fn count_json(&mut self, value: &Json) {
        match value {
            Json::Object(entries) => {
                for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                    self.count_key(key);
                    self.count_json(value);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| self.count_json(item)),
            _ => {}
        }
    }

    /// Counts a key by its name: conditions, also those in `where` of an event, and regular expressions.
    fn count_key(&mut self, key: &str) {
        match key {
            "text" | "number" | "date" | "boolean" | "list" | "status" | "location" | "group"
            | "segment" | "event" | "random" => self.conditions += 1,
            "matches" => self.regexes += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::sdl;
    use apollo_compiler::Schema;

    /// Without this test, a renamed or new field or condition would be free unnoticed.
    #[test]
    fn every_field_that_takes_a_rule_and_every_condition_has_a_price() {
        let schema = Schema::parse_and_validate(sdl(), "schema.graphql").expect("our own schema");
        for (parent, field, arguments, _) in FIELDS {
            let definition = schema.type_field(parent, field);
            let definition = definition.unwrap_or_else(|_| panic!("{parent}.{field}"));
            for name in arguments {
                let has = definition.arguments.iter().any(|one| one.name == *name);
                assert!(has, "{parent}.{field}({name}:)");
            }
        }
        let rule = schema.get_input_object("RuleInput").expect("RuleInput");
        for key in rule.fields.keys() {
            let mut found = Found::default();
            found.count_key(key);
            let is_logic = ["all", "any", "not", "everyone"].contains(&key.as_str());
            assert_eq!(found.conditions == 0, is_logic, "{key}");
        }
    }
}
