//! Converts a validated document to the form that async-graphql executes.
//!
//! The parser of async-graphql is not used: it overflows the stack on nested values, and knows less of the language.
//!
//! Selections are collected here as the specification demands (September 2025, section 6.3.2 "Field Collection"):
//! skipped selections are left out, fragments are inlined, and a field that is selected several times is executed once.
//! async-graphql would execute it each time, which repeats mutations. If one of these executions failed and the object
//! had to be null, async-graphql would keep the parts that did not fail.

use super::inclusion::is_included;
use apollo_compiler::ast;
use apollo_compiler::executable::{
    ExecutableDocument as Validated, Field, Operation, Selection, SelectionSet,
};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name as ApolloName, Node, Schema};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types as parsed;
use async_graphql::{Name, Pos, Positioned, Value as ConstValue};
use async_graphql_value::Value;
use serde_json::{Map, Number, Value as Json};
use std::collections::{HashMap, HashSet};

/// Returns a document with one operation, as it is executed with these coerced variables.
pub fn translate(
    schema: &Schema,
    document: &Validated,
    operation: &Node<Operation>,
    variables: &Map<String, Json>,
) -> parsed::ExecutableDocument {
    let declared = operation.variables.iter();
    let absent = declared
        .filter(|variable| variable.default_value.is_none())
        .map(|variable| variable.name.as_str())
        .filter(|name| !variables.contains_key(*name));
    let translation = Translation {
        schema,
        document,
        variables,
        absent: absent.collect(),
    };
    parsed::ExecutableDocument {
        operations: parsed::DocumentOperations::Single(translation.operation(operation)),
        fragments: HashMap::new(),
    }
}

/// Returns the line and column of a span, or the default position without one.
pub fn position(sources: &SourceMap, span: Option<SourceSpan>) -> Pos {
    let place = span.and_then(|span| span.line_column(sources));
    place.map_or_else(Pos::default, |place| Pos {
        line: place.line,
        column: place.column,
    })
}

struct Translation<'d> {
    schema: &'d Schema,
    document: &'d Validated,
    variables: &'d Map<String, Json>,
    /// The variables that have neither a value nor a default. An argument or an input field that uses one is left out,
    /// as the specification asks.
    absent: HashSet<&'d str>,
}

/// The fields under each response key of an object, in the order of first appearance.
type Collected<'d> = IndexMap<&'d str, Vec<&'d Node<Field>>>;

impl<'d> Translation<'d> {
    fn at<T>(&self, span: Option<SourceSpan>, node: T) -> Positioned<T> {
        Positioned::new(node, position(&self.document.sources, span))
    }

    fn name(&self, name: &ApolloName) -> Positioned<Name> {
        self.at(name.location(), Name::new(name))
    }

    fn operation(&self, operation: &'d Node<Operation>) -> Positioned<parsed::OperationDefinition> {
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
            directives: Vec::new(),
            selection_set: self.set(&[&operation.selection_set]),
        };
        self.at(operation.location(), definition)
    }

    /// Returns `None` for types that cannot be parsed. A validated document has none of them.
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
            directives: Vec::new(),
            default_value: default.map(|value| self.at(value.location(), constant(value))),
        };
        Some(self.at(variable.location(), definition))
    }

    /// Merges the selection sets of one object.
    fn set(&self, sets: &[&'d SelectionSet]) -> Positioned<parsed::SelectionSet> {
        let is_field = |selection: &Selection| matches!(selection, Selection::Field(_));
        let has_fragments = !sets.iter().all(|set| set.selections.iter().all(is_field));
        let items = match sets.first() {
            // Which fragments apply depends on the type of the object.
            Some(set) if has_fragments && self.is_abstract(&set.ty) => {
                let objects = self.objects(&set.ty);
                let of_object = |object| self.only_for(object, self.fields(object, sets));
                objects.into_iter().filter_map(of_object).collect()
            }
            Some(set) => self.fields(&set.ty, sets),
            None => Vec::new(),
        };
        Positioned::new(parsed::SelectionSet { items }, Pos::default())
    }

    /// Returns the fields that selection sets select on an object of a type.
    fn fields(&self, of: &'d str, sets: &[&'d SelectionSet]) -> Vec<Positioned<parsed::Selection>> {
        let mut collected = Collected::new();
        let mut spread = HashSet::new();
        for set in sets {
            self.collect(of, set, &mut collected, &mut spread);
        }
        let merged = collected.values().filter_map(|same| self.merged(same));
        merged.collect()
    }

    /// Collects fields. A fragment counts once for an object, so that chains of fragments cannot multiply.
    fn collect(
        &self,
        of: &str,
        set: &'d SelectionSet,
        collected: &mut Collected<'d>,
        spread: &mut HashSet<&'d str>,
    ) {
        for selection in &set.selections {
            if !is_included(selection, self.variables) {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    let same = collected.entry(field.response_key()).or_default();
                    same.push(field);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.is_a(of, condition)) {
                        self.collect(of, &fragment.selection_set, collected, spread);
                    }
                }
                Selection::FragmentSpread(found) => {
                    if spread.insert(&found.fragment_name)
                        && let Some(fragment) = self.document.fragments.get(&found.fragment_name)
                        && self.is_a(of, fragment.type_condition())
                    {
                        self.collect(of, &fragment.selection_set, collected, spread);
                    }
                }
            }
        }
    }

    /// Merges the fields under one response key. In a validated document they all have the same arguments.
    fn merged(&self, same: &[&'d Node<Field>]) -> Option<Positioned<parsed::Selection>> {
        let first = same.first()?;
        let sets: Vec<&SelectionSet> = same.iter().map(|field| &field.selection_set).collect();
        let field = parsed::Field {
            alias: first.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&first.name),
            arguments: self.arguments(&first.arguments),
            directives: Vec::new(),
            selection_set: self.set(&sets),
        };
        let field = parsed::Selection::Field(self.at(first.location(), field));
        Some(self.at(first.location(), field))
    }

    /// Makes a fragment of the selections on objects of a type. Returns `None` if there are none.
    fn only_for(
        &self,
        object: &str,
        items: Vec<Positioned<parsed::Selection>>,
    ) -> Option<Positioned<parsed::Selection>> {
        let place = items.first()?.pos;
        let on = Positioned::new(Name::new(object), place);
        let fragment = parsed::InlineFragment {
            type_condition: Some(Positioned::new(parsed::TypeCondition { on }, place)),
            directives: Vec::new(),
            selection_set: Positioned::new(parsed::SelectionSet { items }, place),
        };
        let fragment = parsed::Selection::InlineFragment(Positioned::new(fragment, place));
        Some(Positioned::new(fragment, place))
    }

    fn is_abstract(&self, of: &str) -> bool {
        let found = self.schema.types.get(of);
        matches!(
            found,
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// Returns whether an object of the type `of` is also of the type `other`.
    fn is_a(&self, of: &str, other: &str) -> bool {
        of == other || self.schema.is_subtype(other, of)
    }

    /// Lists the object types that belong to an abstract type.
    fn objects(&self, of: &str) -> Vec<&'d str> {
        let types = self.schema.types.iter();
        types
            .filter(|(name, kind)| kind.is_object() && self.schema.is_subtype(of, name))
            .map(|(name, _)| name.as_str())
            .collect()
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

/// Converts a value without variables. A variable in it would become null.
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

/// Reads the number of a literal. A number that no double can hold becomes null; `literals.rs` has refused it before.
fn read_number(text: &str) -> ConstValue {
    let number: Option<Number> = serde_json::from_str(text).ok();
    number.map_or(ConstValue::Null, ConstValue::Number)
}
