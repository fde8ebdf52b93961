//! The limits of a document, checked before it is validated, in time linear in its text.
//!
//! Fragments are measured once each and then counted wherever they are spread: a chain of thirty fragments, each of
//! which spreads the next one twice, is a kilobyte of text and a billion selections.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, Field, FragmentDefinition, Selection,
};
use std::collections::HashMap;

/// The limits of a document and of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of the text.
    pub tokens: usize,
    /// Nested brackets of any kind. The largest rules stay well below this.
    pub nesting: usize,
    /// Nested fields, without those of introspection.
    pub depth: usize,
    /// Fields and fragments. Those in a fragment count as often as it is spread.
    pub selections: usize,
    /// Occurrences of a field under the same name in one selection set.
    pub repeats: usize,
    /// Aliases. Those in a fragment count as often as it is spread.
    pub aliases: usize,
    /// Directives. Those in a fragment count as often as it is spread.
    pub directives: usize,
    /// Directives in one place.
    pub directives_in_place: usize,
    /// The length of a chain of fragments that spread each other.
    pub chain: usize,
    /// Nested lists of fields or types in an introspection: one more than tools ask for.
    pub introspection_lists: usize,
    /// The cost of an operation; see `cost.rs`.
    pub cost: u64,
    /// The bytes of an answer, counted while it is built; see `answer_budget.rs`.
    pub answer: usize,
    /// The bytes of all large answers together; see `answer_memory.rs`.
    pub answers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            tokens: 20_000,
            nesting: 200,
            depth: 15,
            selections: 10_000,
            repeats: 50,
            aliases: 100,
            directives: 100,
            directives_in_place: 5,
            chain: 50,
            introspection_lists: 2,
            cost: 50_000,
            answer: 32 << 20,
            answers: 128 << 20,
        }
    }
}

/// Checks that the brackets of a text are not nested too deeply for a recursive parser. Brackets in strings and
/// comments do not count.
pub fn check_nesting(text: &str, limits: &Limits) -> Result<(), String> {
    let mut depth: usize = 0;
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > limits.nesting {
                    return Err(at_most(limits.nesting, "brackets within each other"));
                }
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => rest = skip_line(rest),
            b'"' if rest.starts_with(b"\"\"") => rest = skip_block_string(&rest[2..]),
            b'"' => rest = skip_string(rest),
            _ => {}
        }
    }
    Ok(())
}

fn at_most(limit: usize, what: &str) -> String {
    format!("expected a document with at most {limit} {what}, found more")
}

/// A comment ends with its line, which may end with a carriage return alone.
fn skip_line(rest: &[u8]) -> &[u8] {
    let found = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    found.map_or(&[], |position| &rest[position..])
}

fn skip_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\\' => rest = rest.get(1..).unwrap_or_default(),
            b'"' | b'\n' | b'\r' => break,
            _ => {}
        }
    }
    rest
}

fn skip_block_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'\\' if after.starts_with(b"\"\"\"") => rest = &after[3..],
            b'"' if after.starts_with(b"\"\"") => return &after[2..],
            _ => rest = after,
        }
    }
    rest
}

/// Checks that a parsed document is within the limits.
pub fn check_size(document: &Document, limits: &Limits) -> Result<(), String> {
    let mut measuring = Measuring {
        limits,
        fragments: HashMap::new(),
        measured: HashMap::new(),
    };
    for definition in &document.definitions {
        if let Definition::FragmentDefinition(fragment) = definition {
            measuring.fragments.insert(fragment.name.as_str(), fragment);
        }
    }
    for definition in &document.definitions {
        let size = match definition {
            Definition::OperationDefinition(operation) => {
                let variables = operation
                    .variables
                    .iter()
                    .map(|variable| &variable.directives);
                let mut size = Size::of_directives(&operation.directives, limits)?;
                for directives in variables {
                    size = size.and(Size::of_directives(directives, limits)?);
                }
                size.and(measuring.measure_set(&operation.selection_set, 0)?)
            }
            // A fragment that is not used is measured too: validation visits it before it refuses it.
            Definition::FragmentDefinition(fragment) => measuring.measure_fragment(fragment, 0)?,
            _ => Size::default(),
        };
        size.check(limits)?;
    }
    Ok(())
}

/// The size of a part of a document.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    depth: usize,
    selections: usize,
    aliases: usize,
    directives: usize,
    lists: usize,
}

impl Size {
    fn of_directives(directives: &DirectiveList, limits: &Limits) -> Result<Size, String> {
        if directives.len() > limits.directives_in_place {
            return Err(at_most(
                limits.directives_in_place,
                "directives in one place",
            ));
        }
        Ok(Size {
            directives: directives.len(),
            ..Size::default()
        })
    }

    /// Returns the size of two parts beside each other.
    fn and(self, other: Size) -> Size {
        Size {
            depth: self.depth.max(other.depth),
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            lists: self.lists.max(other.lists),
        }
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        for (found, limit, what) in [
            (self.depth, limits.depth, "fields within each other"),
            (
                self.selections,
                limits.selections,
                "selected fields, fragments counted as often as they are spread",
            ),
            (self.aliases, limits.aliases, "aliases"),
            (self.directives, limits.directives, "directives"),
        ] {
            if found > limit {
                return Err(at_most(limit, what));
            }
        }
        Ok(())
    }
}

/// Checks that a field is not repeated too often in one selection set. Tools that join documents repeat some fields.
fn check_repeats(set: &[Selection], limits: &Limits) -> Result<(), String> {
    if set.len() <= limits.repeats {
        return Ok(());
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for selection in set {
        if let Selection::Field(field) = selection {
            let count = counts.entry(field.response_name()).or_default();
            *count += 1;
            if *count > limits.repeats {
                return Err(at_most(limits.repeats, "times the same field in one place"));
            }
        }
    }
    Ok(())
}

struct Measuring<'d> {
    limits: &'d Limits,
    fragments: HashMap<&'d str, &'d Node<FragmentDefinition>>,
    /// `None` while a fragment is being measured. Validation refuses a fragment that spreads itself.
    measured: HashMap<&'d str, Option<Size>>,
}

impl<'d> Measuring<'d> {
    fn measure_set(&mut self, set: &'d [Selection], chain: usize) -> Result<Size, String> {
        let mut size = Size::default();
        check_repeats(set, self.limits)?;
        for selection in set {
            let one = match selection {
                Selection::Field(field) => self.measure_field(field, chain)?,
                Selection::InlineFragment(fragment) => {
                    Size::of_directives(&fragment.directives, self.limits)?
                        .and(self.measure_set(&fragment.selection_set, chain)?)
                }
                Selection::FragmentSpread(spread) => {
                    let size = Size::of_directives(&spread.directives, self.limits)?;
                    match self.fragments.get(spread.fragment_name.as_str()) {
                        Some(fragment) => size.and(self.measure_fragment(fragment, chain + 1)?),
                        None => size,
                    }
                }
            };
            size = size.and(one);
            size.selections = size.selections.saturating_add(1);
        }
        Ok(size)
    }

    fn measure_field(&mut self, field: &'d Field, chain: usize) -> Result<Size, String> {
        let mut size = Size::of_directives(&field.directives, self.limits)?
            .and(self.measure_set(&field.selection_set, chain)?);
        match field.name.as_str() {
            "__schema" | "__type" => {
                if size.lists > self.limits.introspection_lists {
                    let limit = self.limits.introspection_lists;
                    let what = "lists of fields or types within each other in an introspection";
                    return Err(at_most(limit, what));
                }
                size.depth = 0;
            }
            "fields" | "interfaces" | "possibleTypes" | "inputFields" => size.lists += 1,
            _ => {}
        }
        size.depth += 1;
        size.aliases = size
            .aliases
            .saturating_add(usize::from(field.alias.is_some()));
        Ok(size)
    }

    fn measure_fragment(
        &mut self,
        fragment: &'d Node<FragmentDefinition>,
        chain: usize,
    ) -> Result<Size, String> {
        if chain > self.limits.chain {
            return Err(at_most(
                self.limits.chain,
                "fragments that spread each other in a row",
            ));
        }
        match self.measured.get(fragment.name.as_str()) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Ok(Size::default()),
            None => {}
        }
        self.measured.insert(&fragment.name, None);
        let size = Size::of_directives(&fragment.directives, self.limits)?
            .and(self.measure_set(&fragment.selection_set, chain)?);
        self.measured.insert(&fragment.name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apollo_compiler::parser::Parser;

    fn check(text: &str) -> Result<(), String> {
        let document = Parser::new()
            .parse_ast(text, "document")
            .expect("a document");
        check_size(&document, &Limits::default())
    }

    #[test]
    fn brackets_count_but_not_in_strings_and_comments() {
        let is_too_deep = |text: &str| check_nesting(text, &Limits::default()).is_err();
        let nested = |opening: &str| format!("{{ a(b: {}", opening.repeat(5_000));
        assert!(is_too_deep(&nested("[")));
        assert!(is_too_deep(&nested("{a:")));
        assert!(!is_too_deep(&format!(
            "{{ a(b: \"{}\") }}",
            "[".repeat(5_000)
        )));
        assert!(!is_too_deep(&format!(
            "{{ a(b: \"\"\"{} \\\"\"\" [\"\"\") }}",
            "[".repeat(5_000)
        )));
        assert!(!is_too_deep(&format!("# {}\n{{ a }}", "[".repeat(5_000))));
        assert!(is_too_deep(&format!("# \r{}", "[".repeat(5_000))));
        assert!(!is_too_deep(&"{a}".repeat(5_000)));
        assert!(is_too_deep(&format!("\"\\\"\" {}", "[".repeat(5_000))));
    }

    #[test]
    fn fragments_count_as_often_as_they_are_spread() {
        let chain = |length: usize| {
            let links: String = (0..length)
                .map(|link| {
                    format!(
                        "fragment f{link} on Query {{ ...f{0} ...f{0} }}\n",
                        link + 1
                    )
                })
                .collect();
            format!("{{ ...f0 }} {links} fragment f{length} on Query {{ __typename }}")
        };
        assert_eq!(check(&chain(5)), Ok(()));
        assert_eq!(
            check(&chain(30)).unwrap_err(),
            "expected a document with at most 10000 selected fields, fragments counted as often as they are spread, \
             found more"
        );
        let row: String = (0..60)
            .map(|link| format!("fragment f{link} on Query {{ ...f{} }}\n", link + 1))
            .collect();
        assert_eq!(
            check(&format!("{{ ...f0 }} {row}")).unwrap_err(),
            "expected a document with at most 50 fragments that spread each other in a row, found more"
        );
        // Not refused here: validation reports cycles.
        assert_eq!(
            check("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"),
            Ok(())
        );
    }

    #[test]
    fn each_limit_is_told() {
        let deep = |depth: usize| {
            format!(
                "{{ {} a {} }}",
                "a {".repeat(depth - 1),
                "}".repeat(depth - 1)
            )
        };
        assert_eq!(check(&deep(15)), Ok(()));
        assert_eq!(
            check(&deep(16)).unwrap_err(),
            "expected a document with at most 15 fields within each other, found more"
        );
        let aliases = |count: usize| {
            let fields: String = (0..count).map(|n| format!("a{n}: __typename ")).collect();
            format!("{{ {fields} }}")
        };
        assert_eq!(check(&aliases(100)), Ok(()));
        assert_eq!(
            check(&aliases(101)).unwrap_err(),
            "expected a document with at most 100 aliases, found more"
        );
        assert_eq!(
            check("{ a @a @b @c @d @e @f }").unwrap_err(),
            "expected a document with at most 5 directives in one place, found more"
        );
        let directives: String = (0..101)
            .map(|number| format!("a{number} @skip(if: true) "))
            .collect();
        assert_eq!(
            check(&format!("{{ {directives} }}")).unwrap_err(),
            "expected a document with at most 100 directives, found more"
        );
    }

    #[test]
    fn introspection_may_be_deep_but_not_in_circles() {
        let of_type = "ofType {".repeat(20);
        let ends = "}".repeat(20);
        assert_eq!(
            check(&format!(
                "{{ __schema {{ types {{ fields {{ type {{ {of_type} name {ends} }} }} }} }} }}"
            )),
            Ok(())
        );
        let circle = "fields { type { fields { type { fields { name } } } } }";
        assert_eq!(
            check(&format!(
                "{{ __type(name: \"Query\") {{ ...t }} }} fragment t on __Type {{ {circle} }}"
            ))
            .unwrap_err(),
            "expected a document with at most 2 lists of fields or types within each other in an introspection, found more"
        );
    }
}
