//! Values, as far as the validation of documents does not judge them: custom scalars, numbers that no double holds,
//! `@oneOf` inputs, and everything that comes as variables.

use super::translate::constant;
use crate::graphql::engine::scalar::Date;
use crate::rule::{check_digits, parse_instant};
use apollo_compiler::ast::{
    self, Argument, DirectiveList, InputValueDefinition, Type, VariableDefinition,
};
use apollo_compiler::executable::{
    ExecutableDocument, Fragment, Operation, Selection, SelectionSet,
};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{EnumType, ExtendedType, InputObjectType};
use apollo_compiler::{Name, Node, Schema};
use async_graphql::{InputType, Pos, Value};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use std::collections::{HashMap, HashSet};

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub struct ValueProblem {
    /// What was expected and what was found.
    pub message: String,
    /// Where it stands, as far as it stands in the document.
    pub span: Option<SourceSpan>,
}

/// Judges values by a schema.
#[derive(Clone, Copy)]
pub struct Judge<'s> {
    schema: &'s Schema,
    is_open: bool,
}

impl<'s> Judge<'s> {
    /// A judge. `is_open` is whether messages may tell names of the schema that were not in the request.
    pub fn new(schema: &'s Schema, is_open: bool) -> Self {
        Judge { schema, is_open }
    }

    /// Looks at the values of a validated document.
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
        // A fragment may stand in several operations, which may give its variables other types.
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

    /// Looks for variables that are null where a value is needed. Validation lets a variable of a nullable type stand
    /// there if it has a default.
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

    /// Looks at the variables of a request: what is wanted must be there and have the right form. A whole number that
    /// is written as a fraction, such as `2.0`, becomes one. What is absent gets its default.
    pub fn coerce_variables(
        self,
        operation: &Operation,
        variables: &mut Map<String, Json>,
    ) -> Vec<ValueProblem> {
        for definition in &operation.variables {
            let name = definition.name.as_str();
            if let Some(default) = &definition.default_value
                && !variables.contains_key(name)
            {
                let default = constant(default).into_json().unwrap_or_default();
                variables.insert(name.to_owned(), default);
            }
        }
        let definitions = operation.variables.iter();
        let checked = definitions.filter_map(|definition| {
            let value = variables.get_mut(definition.name.as_str());
            let message = self.check_variable(definition, value).err()?;
            Some(ValueProblem {
                message,
                span: definition.location(),
            })
        });
        checked.collect()
    }

    fn check_variable(
        self,
        definition: &VariableDefinition,
        value: Option<&mut Json>,
    ) -> Result<(), String> {
        let (name, ty) = (&definition.name, &definition.ty);
        let missing = |found: &str| {
            format!("expected a value of type {ty} for the variable \"${name}\", found {found}")
        };
        match value {
            None if definition.default_value.is_none() && ty.is_non_null() => Err(missing("none")),
            None => Ok(()),
            Some(Json::Null) if ty.is_non_null() => Err(missing("null")),
            Some(value) => {
                let mut path = format!("${name}");
                let checked = self.check_json(ty, value, &mut path);
                checked.map_err(|message| format!("{path}: {message}"))
            }
        }
    }

    /// Checks a value, and leaves the place of what is wrong in the path.
    fn check_json(self, ty: &Type, value: &mut Json, path: &mut String) -> Result<(), String> {
        if value.is_null() {
            return match ty.is_non_null() {
                true => Err(format!("expected a value of type {ty}, found null")),
                false => Ok(()),
            };
        }
        if let Type::List(inner) | Type::NonNullList(inner) = ty {
            // A single value stands for a list of one.
            let Json::Array(items) = value else {
                return self.check_json(inner, value, path);
            };
            let length = path.len();
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                self.check_json(inner, item, path)?;
                path.truncate(length);
            }
            return Ok(());
        }
        let name = ty.inner_named_type();
        match self.schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) => check_scalar(name, value),
            Some(ExtendedType::Enum(definition)) => self.check_enum(definition, value),
            Some(ExtendedType::InputObject(input)) => self.check_object(input, value, path),
            _ => Ok(()),
        }
    }

    fn check_enum(self, definition: &EnumType, value: &Json) -> Result<(), String> {
        let is_known = |text| definition.values.contains_key(text);
        if value.as_str().is_some_and(is_known) {
            return Ok(());
        }
        let found = shorten(value);
        if !self.is_open {
            return Err(format!("expected a {}, found {found}", definition.name));
        }
        let names = definition.values.keys().map(|name| name.as_str());
        let names: Vec<&str> = names.collect();
        Err(format!(
            "expected one of {}, found {found}",
            names.join(", ")
        ))
    }

    fn check_object(
        self,
        input: &InputObjectType,
        value: &mut Json,
        path: &mut String,
    ) -> Result<(), String> {
        let Json::Object(fields) = value else {
            let found = shorten(value);
            return Err(format!(
                "expected an object of type {}, found {found}",
                input.name
            ));
        };
        if is_one_of(input) && (fields.len() != 1 || fields.values().any(Json::is_null)) {
            return Err(self.describe_one_of(input, fields.keys().map(String::as_str)));
        }
        if let Some(unknown) = find_unknown(input, fields) {
            let names = input.fields.keys().map(|name| name.as_str());
            let hint = crate::rule::nearest(unknown, names).filter(|_| self.is_open);
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(format!("{} has no \"{unknown}\"{hint}", input.name));
        }
        let length = path.len();
        for (name, field) in &input.fields {
            path.push_str(&format!(".{name}"));
            match fields.get_mut(name.as_str()) {
                Some(value) => self.check_json(&field.ty, value, path)?,
                None if field.ty.is_non_null() && field.default_value.is_none() => {
                    return Err(format!("expected a value of type {}, found none", field.ty));
                }
                None => {}
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn describe_one_of<'n>(
        self,
        input: &InputObjectType,
        found: impl Iterator<Item = &'n str>,
    ) -> String {
        let quote = |names: Vec<&str>, between: &str| {
            let quoted = names.iter().map(|name| format!("\"{name}\""));
            quoted.collect::<Vec<String>>().join(between)
        };
        let expected = match self.is_open {
            true => format!(
                "exactly one of {}",
                quote(
                    input.fields.keys().map(|name| name.as_str()).collect(),
                    ", "
                )
            ),
            false => "exactly one field".to_owned(),
        };
        let found = match quote(found.collect(), " and ") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        format!("expected {expected} in {}, found {found}", input.name)
    }
}

/// The values that stand in a document, of one of its operations or of a fragment.
struct Literals<'d> {
    judge: Judge<'d>,
    operation: Option<&'d Node<Operation>>,
    /// The variables that are null, where their values are known.
    nulls: &'d HashSet<&'d str>,
}

impl Literals<'_> {
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

/// Returns the fragments that a selection set spreads, each once, those that fragments spread included.
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

/// Makes sure that every object in a value has each of its fields once.
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

fn is_one_of(input: &InputObjectType) -> bool {
    input.directives.get("oneOf").is_some()
}

fn find_unknown<'f>(input: &InputObjectType, fields: &'f Map<String, Json>) -> Option<&'f String> {
    let mut names = fields.keys();
    names.find(|name| !input.fields.contains_key(name.as_str()))
}

fn check_literal(scalar: &str, literal: &ast::Value) -> Result<(), String> {
    check_numbers(literal)?;
    check_custom_scalar(scalar, constant(literal))
}

/// Makes sure that doubles hold the numbers in a value of any form.
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

fn check_scalar(name: &str, value: &mut Json) -> Result<(), String> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0);
    let (is_right, expected) = match name {
        "Int" => {
            let fits =
                whole.filter(|number| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(number));
            if let Some(number) = fits {
                *value = Json::from(number as i64);
            }
            (fits.is_some(), "a whole number of 32 bits")
        }
        "Float" => (value.is_number(), "a number"),
        "String" => (value.is_string(), "a text"),
        "Boolean" => (value.is_boolean(), "true or false"),
        "ID" => (
            value.is_string() || value.is_i64() || value.is_u64(),
            "an id",
        ),
        _ => {
            let value = Value::from_json(value.clone()).unwrap_or_default();
            return check_custom_scalar(name, value);
        }
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("expected {expected}, found {}", shorten(value))),
    }
}

/// Reads values of our own scalars as the resolvers will.
fn check_custom_scalar(name: &str, value: Value) -> Result<(), String> {
    let failed = match name {
        "Date" => {
            let parsed = Date::parse(Some(value));
            parsed
                .err()
                .map(|error| error.into_server_error(Pos::default()))
        }
        "DateTime" => {
            if let Value::String(text) = &value
                && let Err(message) = parse_instant(text)
            {
                return Err(message);
            }
            let parsed = DateTime::<Utc>::parse(Some(value));
            parsed
                .err()
                .map(|error| error.into_server_error(Pos::default()))
        }
        _ => None,
    };
    match failed {
        Some(error) => Err(format!("expected a {name}: {}", error.message)),
        None => Ok(()),
    }
}

/// Writes a value for a message: the beginning is enough to know it again.
fn shorten(value: &Json) -> String {
    match value {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        other => crate::rule::shorten(&other.to_string()),
    }
}
