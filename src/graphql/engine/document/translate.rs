//! From a validated document to the form that async-graphql executes.
//!
//! Its own parser is not used: it overflows the stack over nested values, and knows less of the language.

use apollo_compiler::ast::{self, Directive, DirectiveList};
use apollo_compiler::executable::{
    self, ExecutableDocument as Validated, Fragment, Operation, Selection, SelectionSet,
};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::{Name as ApolloName, Node};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types as parsed;
use async_graphql::{Name, Pos, Positioned, Value as ConstValue};
use async_graphql_value::Value;
use serde_json::Number;
use std::collections::HashSet;

/// Returns a document with one of its operations.
///
/// `absent` are its variables that have neither a value nor a default: what they stand for is left out, as the
/// specification asks, while async-graphql would take it for null.
pub fn translate(
    document: &Validated,
    operation: &Node<Operation>,
    absent: &HashSet<&str>,
) -> parsed::ExecutableDocument {
    let translation = Translation {
        document,
        sources: &document.sources,
        absent,
    };
    let fragments = document.fragments.values().map(|fragment| {
        let name = Name::new(&fragment.name);
        (name, translation.fragment(fragment))
    });
    parsed::ExecutableDocument {
        operations: parsed::DocumentOperations::Single(translation.operation(operation)),
        fragments: fragments.collect(),
    }
}

/// Returns where something stands.
pub fn position(sources: &SourceMap, span: Option<SourceSpan>) -> Pos {
    let place = span.and_then(|span| span.line_column(sources));
    place.map_or_else(Pos::default, |place| Pos {
        line: place.line,
        column: place.column,
    })
}

struct Translation<'d> {
    document: &'d Validated,
    sources: &'d SourceMap,
    absent: &'d HashSet<&'d str>,
}

impl Translation<'_> {
    fn at<T>(&self, span: Option<SourceSpan>, node: T) -> Positioned<T> {
        Positioned::new(node, position(self.sources, span))
    }

    fn name(&self, name: &ApolloName) -> Positioned<Name> {
        self.at(name.location(), Name::new(name))
    }

    fn operation(&self, operation: &Node<Operation>) -> Positioned<parsed::OperationDefinition> {
        let definition = parsed::OperationDefinition {
            ty: match operation.operation_type {
                ast::OperationType::Query => parsed::OperationType::Query,
                ast::OperationType::Mutation => parsed::OperationType::Mutation,
                ast::OperationType::Subscription => parsed::OperationType::Subscription,
            },
            variable_definitions: operation
                .variables
                .iter()
                .filter_map(|variable| self.variable(variable))
                .collect(),
            directives: self.directives(&operation.directives),
            selection_set: match operation.operation_type {
                ast::OperationType::Subscription => self.subscribed(operation),
                _ => self.set(&operation.selection_set),
            },
        };
        self.at(operation.location(), definition)
    }

    /// The one field of a subscription, which async-graphql finds only where it stands in the operation itself, and
    /// takes for several where it stands several times.
    fn subscribed(&self, operation: &Operation) -> Positioned<parsed::SelectionSet> {
        let mut fields = operation.root_fields(self.document);
        let mut items = Vec::new();
        if let Some(first) = fields.next() {
            let mut field = self.field(first);
            for again in fields {
                let more = self.set(&again.selection_set).node.items;
                field.node.selection_set.node.items.extend(more);
            }
            items.push(self.at(first.location(), parsed::Selection::Field(field)));
        }
        Positioned::new(parsed::SelectionSet { items }, Pos::default())
    }

    /// Returns None for types that cannot be written, of which a validated document has none.
    fn variable(
        &self,
        variable: &Node<ast::VariableDefinition>,
    ) -> Option<Positioned<parsed::VariableDefinition>> {
        let default = variable.default_value.as_ref();
        let definition = parsed::VariableDefinition {
            name: self.name(&variable.name),
            var_type: self.at(
                variable.ty.location(),
                parsed::Type::new(&variable.ty.to_string())?,
            ),
            directives: self.directives(&variable.directives),
            default_value: default.map(|value| self.at(value.location(), constant(value))),
        };
        Some(self.at(variable.location(), definition))
    }

    fn fragment(&self, fragment: &Node<Fragment>) -> Positioned<parsed::FragmentDefinition> {
        let definition = parsed::FragmentDefinition {
            type_condition: self.condition(fragment.type_condition()),
            directives: self.directives(&fragment.directives),
            selection_set: self.set(&fragment.selection_set),
        };
        self.at(fragment.location(), definition)
    }

    fn condition(&self, name: &ApolloName) -> Positioned<parsed::TypeCondition> {
        let on = self.name(name);
        self.at(name.location(), parsed::TypeCondition { on })
    }

    fn set(&self, set: &SelectionSet) -> Positioned<parsed::SelectionSet> {
        let items = set.selections.iter().map(|selection| match selection {
            Selection::Field(field) => {
                let translated = parsed::Selection::Field(self.field(field));
                self.at(field.location(), translated)
            }
            Selection::FragmentSpread(spread) => {
                let translated = parsed::FragmentSpread {
                    fragment_name: self.name(&spread.fragment_name),
                    directives: self.directives(&spread.directives),
                };
                let translated = self.at(spread.location(), translated);
                self.at(
                    spread.location(),
                    parsed::Selection::FragmentSpread(translated),
                )
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.type_condition.as_ref();
                let translated = parsed::InlineFragment {
                    type_condition: condition.map(|name| self.condition(name)),
                    directives: self.directives(&fragment.directives),
                    selection_set: self.set(&fragment.selection_set),
                };
                let translated = self.at(fragment.location(), translated);
                self.at(
                    fragment.location(),
                    parsed::Selection::InlineFragment(translated),
                )
            }
        });
        let items = items.collect();
        Positioned::new(parsed::SelectionSet { items }, Pos::default())
    }

    fn field(&self, field: &Node<executable::Field>) -> Positioned<parsed::Field> {
        let translated = parsed::Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments: self.arguments(&field.arguments),
            directives: self.directives(&field.directives),
            selection_set: self.set(&field.selection_set),
        };
        self.at(field.location(), translated)
    }

    fn directives(&self, directives: &DirectiveList) -> Vec<Positioned<parsed::Directive>> {
        let translate = |directive: &Node<Directive>| {
            let translated = parsed::Directive {
                name: self.name(&directive.name),
                arguments: self.arguments(&directive.arguments),
            };
            self.at(directive.location(), translated)
        };
        directives.iter().map(translate).collect()
    }

    fn arguments(
        &self,
        arguments: &[Node<ast::Argument>],
    ) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let given = arguments
            .iter()
            .filter(|argument| !self.is_absent(&argument.value));
        let translate = |argument: &Node<ast::Argument>| {
            let value = self.at(argument.value.location(), self.value(&argument.value));
            (self.name(&argument.name), value)
        };
        given.map(translate).collect()
    }

    fn is_absent(&self, value: &ast::Value) -> bool {
        matches!(value, ast::Value::Variable(name) if self.absent.contains(name.as_str()))
    }

    fn value(&self, value: &ast::Value) -> Value {
        match value {
            ast::Value::Variable(name) => Value::Variable(Name::new(name)),
            ast::Value::List(items) => {
                // In a list an absent variable is null.
                Value::List(items.iter().map(|item| self.value(item)).collect())
            }
            ast::Value::Object(fields) => {
                let given = fields.iter().filter(|(_, value)| !self.is_absent(value));
                let fields = given.map(|(name, value)| (Name::new(name), self.value(value)));
                Value::Object(fields.collect())
            }
            other => constant(other).into_value(),
        }
    }
}

/// Returns a value without variables; one there would be null.
pub fn constant(value: &ast::Value) -> ConstValue {
    match value {
        ast::Value::Null | ast::Value::Variable(_) => ConstValue::Null,
        ast::Value::Enum(name) => ConstValue::Enum(Name::new(name)),
        ast::Value::String(text) => ConstValue::String(text.clone()),
        ast::Value::Boolean(value) => ConstValue::Boolean(*value),
        ast::Value::Int(number) => read_number(number.as_str()),
        ast::Value::Float(number) => read_number(number.as_str()),
        ast::Value::List(items) => {
            ConstValue::List(items.iter().map(|item| constant(item)).collect())
        }
        ast::Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (Name::new(name), constant(value)));
            ConstValue::Object(fields.collect::<IndexMap<_, _>>())
        }
    }
}

/// Reads a number as JSON has it. What no double can hold is none; `values.rs` refuses it before.
fn read_number(text: &str) -> ConstValue {
    let number: Option<Number> = serde_json::from_str(text).ok();
    number.map_or(ConstValue::Null, ConstValue::Number)
}
