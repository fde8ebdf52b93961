//! Checks the values that are written in a document.

use super::translate::constant;
use super::values::{Judge, ValueProblem, check_custom_scalar, is_one_of};
use crate::rule::check_digits;
use apollo_compiler::ast::{
    self, Argument, DirectiveList, InputValueDefinition, Type, VariableDefinition,
};
use apollo_compiler::executable::{
    ExecutableDocument, Fragment, Operation, Selection, SelectionSet,
};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Name, Node};
use serde_json::{Map, Value as Json};
use std::collections::{HashMap, HashSet};

impl Judge<'_> {
    /// Checks the values in a validated document.
    pub fn check_literals(self, document: &ExecutableDocument) -> Vec<ValueProblem> {
        let mut problems = Vec::new();
        let none = HashSet::new();
        for operation in document.operations.iter() {
            let literals = Literals {
                judge: self,
                operation: Some(operation),
                nulls: &none,
            };
            for variable in &operation.variables {
                if let Some(value) = &variable.default_value {
                    check_names(value, &mut problems);
                    literals.check(&variable.ty, value, &mut problems);
                }
            }
            literals.check_set(&operation.selection_set, &mut problems);
        }
        // A fragment may be used in several operations, which may give its variables other types.
        for fragment in document.fragments.values() {
            let literals = Literals {
                judge: self,
                operation: None,
                nulls: &none,
            };
            literals.check_set(&fragment.selection_set, &mut problems);
        }
        problems
    }

    /// Finds variables that are null although a value is needed. Validation allows a nullable variable there if it has
    /// a default.
    pub fn check_nulls(
        self,
        document: &ExecutableDocument,
        operation: &Node<Operation>,
        variables: &Map<String, Json>,
    ) -> Vec<ValueProblem> {
        let is_null = |variable: &&Node<VariableDefinition>| {
            variable.default_value.is_some()
                && !variable.ty.is_non_null()
                && variables.get(variable.name.as_str()) == Some(&Json::Null)
        };
        let nulls = operation.variables.iter().filter(is_null);
        let nulls: HashSet<&str> = nulls.map(|variable| variable.name.as_str()).collect();
        let mut problems = Vec::new();
        if nulls.is_empty() {
            return problems;
        }
        let literals = Literals {
            judge: self,
            operation: Some(operation),
            nulls: &nulls,
        };
        literals.check_set(&operation.selection_set, &mut problems);
        for fragment in spread_fragments(document, &operation.selection_set) {
            literals.check_set(&fragment.selection_set, &mut problems);
        }
        problems
    }
}

/// Checks the values that are written in an operation or a fragment.
struct Literals<'d> {
    judge: Judge<'d>,
    /// The operation, for the types of its variables.
    operation: Option<&'d Node<Operation>>,
    /// The variables that are null; empty if their values are not known yet.
    nulls: &'d HashSet<&'d str>,
}

impl Literals<'_> {
    /// Checks the values below a selection set.
    fn check_set(&self, set: &SelectionSet, problems: &mut Vec<ValueProblem>) {
        for selection in &set.selections {
            self.check_directives(selection.directives(), problems);
            match selection {
                Selection::Field(field) => {
                    self.check_arguments(&field.arguments, &field.definition.arguments, problems);
                    self.check_set(&field.selection_set, problems);
                }
                Selection::InlineFragment(fragment) => {
                    self.check_set(&fragment.selection_set, problems);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Checks the values of directives.
    fn check_directives(&self, directives: &DirectiveList, problems: &mut Vec<ValueProblem>) {
        for directive in directives.iter() {
            let definitions = &self.judge.schema.directive_definitions;
            if let Some(definition) = definitions.get(&directive.name) {
                self.check_arguments(&directive.arguments, &definition.arguments, problems);
            }
        }
    }

    fn check_arguments(
        &self,
        given: &[Node<Argument>],
        definitions: &[Node<InputValueDefinition>],
        problems: &mut Vec<ValueProblem>,
    ) {
        for argument in given {
            let mut definitions = definitions.iter();
            if let Some(definition) = definitions.find(|one| one.name == argument.name) {
                check_names(&argument.value, problems);
                self.check(&definition.ty, &argument.value, problems);
            }
        }
    }

    fn check(&self, ty: &Type, value: &Node<ast::Value>, problems: &mut Vec<ValueProblem>) {
        if let (ast::Value::List(items), Type::List(inner) | Type::NonNullList(inner)) =
            (value.as_ref(), ty)
        {
            for item in items {
                self.check(inner, item, problems);
            }
            return;
        }
        let checked = match (
            value.as_ref(),
            self.judge.schema.types.get(ty.inner_named_type()),
        ) {
            (ast::Value::Null, _) if ty.is_non_null() => {
                Err(format!("expected a value of type {ty}, found null"))
            }
            (ast::Value::Variable(name), _)
                if ty.is_non_null() && self.nulls.contains(name.as_str()) =>
            {
                Err(format!(
                    "expected a value of type {ty}, found the variable \"${name}\", which is null"
                ))
            }
            (ast::Value::Null | ast::Value::Variable(_), _) => Ok(()),
            (ast::Value::Object(fields), Some(ExtendedType::InputObject(input))) => {
                for (name, value) in fields {
                    if let Some(field) = input.fields.get(name) {
                        self.check(&field.ty, value, problems);
                    }
                }
                self.check_one_of(input, fields)
            }
            (literal, Some(ExtendedType::Scalar(scalar))) => check_literal(&scalar.name, literal),
            _ => Ok(()),
        };
        if let Err(message) = checked {
            problems.push(ValueProblem {
                message,
                span: value.location(),
            });
        }
    }

    fn check_one_of(
        &self,
        input: &InputObjectType,
        fields: &[(Name, Node<ast::Value>)],
    ) -> Result<(), String> {
        if !is_one_of(input) {
            return Ok(());
        }
        let [(name, value)] = fields else {
            let names = fields.iter().map(|(name, _)| name.as_str());
            return Err(self.judge.describe_one_of(input, names));
        };
        let of = &input.name;
        match value.as_ref() {
            ast::Value::Null => Err(format!(
                "expected a value of \"{name}\" of {of}, found null"
            )),
            ast::Value::Variable(variable) if self.is_nullable(variable) => Err(format!(
                "expected a variable of a type that ends with \"!\" for \"{name}\" of {of}, found ${variable}"
            )),
            _ => Ok(()),
        }
    }

    fn is_nullable(&self, name: &Name) -> bool {
        let operations = self.operation.iter();
        let mut variables = operations.flat_map(|operation| &operation.variables);
        let variable = variables.find(|variable| variable.name == *name);
        variable.is_some_and(|variable| !variable.ty.is_non_null())
    }
}

/// Returns each fragment that a selection set spreads once, including those that other fragments spread.
fn spread_fragments<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
) -> impl Iterator<Item = &'d Node<Fragment>> {
    let mut found = HashMap::new();
    let mut waiting = vec![set];
    while let Some(set) = waiting.pop() {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => waiting.push(&field.selection_set),
                Selection::InlineFragment(fragment) => waiting.push(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.fragment_name)
                        && found.insert(fragment.name.as_str(), fragment).is_none()
                    {
                        waiting.push(&fragment.selection_set);
                    }
                }
            }
        }
    }
    found.into_values()
}

/// Checks that no object in a value has a field twice.
fn check_names(value: &Node<ast::Value>, problems: &mut Vec<ValueProblem>) {
    match value.as_ref() {
        ast::Value::List(items) => {
            for item in items {
                check_names(item, problems);
            }
        }
        ast::Value::Object(fields) => {
            let mut seen = HashSet::new();
            for (name, value) in fields {
                if !seen.insert(name) {
                    problems.push(ValueProblem {
                        message: format!("There can be only one input field named \"{name}\"."),
                        span: name.location(),
                    });
                }
                check_names(value, problems);
            }
        }
        _ => {}
    }
}

fn check_literal(scalar: &str, literal: &ast::Value) -> Result<(), String> {
    check_numbers(literal)?;
    check_custom_scalar(scalar, constant(literal))
}

/// Checks that doubles can hold the numbers in a value of any form.
fn check_numbers(value: &ast::Value) -> Result<(), String> {
    let check = |text: &str| match text.parse() {
        Ok(double) => check_digits(text, double),
        Err(_) => Err(format!("expected a number, found {text}")),
    };
    match value {
        ast::Value::Int(number) => check(number.as_str()),
        ast::Value::Float(number) => check(number.as_str()),
        ast::Value::List(items) => items.iter().try_for_each(|item| check_numbers(item)),
        ast::Value::Object(fields) => {
            let mut values = fields.iter().map(|(_, value)| value);
            values.try_for_each(|value| check_numbers(value))
        }
        _ => Ok(()),
    }
}
