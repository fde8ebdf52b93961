//! The columns of an export: their names, which imports can read, and the SQL of each.

use super::{Content, ExportRequest, Format};
use crate::audience::custom_field::CustomField;
use crate::audience::subscriber_column::{COLUMNS, ValueKind};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{CustomType, nearest};
use std::borrow::Cow;

/// The kind of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text that people wrote.
    Text,
    /// A date, a time, a number, a boolean or a fixed word: not text that people wrote, but quoted in JSON.
    Plain,
    /// JSON, which is written into JSON unchanged.
    Json,
    /// A list of texts as JSON.
    List,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name in the header.
    pub name: String,
    /// The SQL of the column, as text. Names that people chose are not in it. It refers to them by their place in
    /// [`Chosen::names`].
    pub sql: String,
    /// The kind of its cells.
    pub kind: CellKind,
}

/// The columns of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// Keys of custom fields and names of properties that the columns read.
    pub names: Vec<String>,
}

impl Chosen {
    /// Returns the names of the columns. Names of properties, which may be anything, are left out.
    pub fn known_names(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        let mut known: Vec<String> = names
            .map(|name| match name.split_once('.') {
                Some(("properties", _)) => "properties".to_owned(),
                _ => name.to_owned(),
            })
            .collect();
        known.dedup();
        known
    }
}

/// A built-in column: its name, its SQL, what its cells are, and whether it is exported by default.
type Builtin = (&'static str, Cow<'static, str>, CellKind, bool);

/// Writes a time in UTC, independent of the settings of the session.
macro_rules! instant {
    ($column:literal) => {
        concat!(
            "to_char(",
            $column,
            " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        )
    };
}

/// Lists the built-in columns of subscribers.
fn list_of_subscriber() -> Vec<Builtin> {
    let known = COLUMNS.iter().map(|column| {
        let (sql, kind) = match column.kind {
            ValueKind::Text(_) => (format!("s.{}", column.name), CellKind::Text),
            ValueKind::Degrees => (format!("s.{}::text", column.name), CellKind::Json),
            ValueKind::Day(_) => (
                format!("to_char(s.{}, 'YYYY-MM-DD')", column.name),
                CellKind::Plain,
            ),
        };
        (column.name, sql.into(), kind, true)
    });
    let before = [
        ("email", "s.email", CellKind::Text, true),
        ("status", "s.status", CellKind::Plain, true),
    ];
    let after = [
        (
            "created_at",
            instant!("s.created_at"),
            CellKind::Plain,
            true,
        ),
        (
            "updated_at",
            instant!("s.updated_at"),
            CellKind::Plain,
            false,
        ),
        (
            "subscribed_at",
            instant!("s.subscribed_at"),
            CellKind::Plain,
            false,
        ),
        (
            "unsubscribed_at",
            instant!("s.unsubscribed_at"),
            CellKind::Plain,
            false,
        ),
        ("groups", GROUPS, CellKind::Json, false),
    ];
    let (before, after) = (before.map(written), after.map(written));
    before.into_iter().chain(known).chain(after).collect()
}

fn written((name, sql, kind, is_usual): (&'static str, &'static str, CellKind, bool)) -> Builtin {
    (name, sql.into(), kind, is_usual)
}

/// The keys of the groups of a subscriber. They contain no `;`.
const GROUPS: &str = "(SELECT coalesce(json_agg(g.key ORDER BY g.key), '[]')::text \
    FROM group_memberships m JOIN groups g ON g.id = m.group_id WHERE m.subscriber_id = s.id)";
const GROUPS_IN_A_CELL: &str = "(SELECT string_agg(g.key, ';' ORDER BY g.key) \
    FROM group_memberships m JOIN groups g ON g.id = m.group_id WHERE m.subscriber_id = s.id)";

const MEMBERSHIP: [(&str, &str, CellKind, bool); 6] = [
    ("email", "s.email", CellKind::Text, true),
    ("kind", "m.kind", CellKind::Plain, true),
    ("key", "m.key", CellKind::Plain, true),
    ("added_at", instant!("m.added_at"), CellKind::Plain, true),
    ("joined_at", instant!("m.joined_at"), CellKind::Plain, true),
    ("source", "m.source", CellKind::Text, true),
];

const EVENT: [(&str, &str, CellKind, bool); 6] = [
    ("email", "s.email", CellKind::Text, true),
    ("event", "e.name", CellKind::Text, true),
    (
        "occurred_at",
        instant!("e.occurred_at"),
        CellKind::Plain,
        true,
    ),
    (
        "value",
        "to_jsonb(trim_scale(e.value))::text",
        CellKind::Json,
        true,
    ),
    ("dedupe_key", "e.dedupe_key", CellKind::Text, true),
    ("properties", "e.properties::text", CellKind::Json, true),
];

/// The prefix of the key of a custom field in the name of its column.
const CUSTOM: &str = "custom.";
/// The prefix of the name of a property in the name of its column.
const PROPERTIES: &str = "properties.";
/// Stands for the columns that are exported by default.
const ALL: &str = "all";

/// Chooses the columns that a request asks for.
///
/// # Errors
/// [`Error::Invalid`] with every name that is not a column, at `columns`.
pub fn choose(request: &ExportRequest, fields: &[CustomField]) -> Result<Chosen, Error> {
    let mut choice = Choice {
        content: &request.content,
        format: request.format,
        fields,
        chosen: Chosen::default(),
    };
    let asked = request.columns.clone();
    let asked = asked.unwrap_or_else(|| vec![ALL.to_owned()]);
    let mut problems = Vec::new();
    for name in asked.iter().map(|name| name.trim()) {
        let found = match name {
            ALL => choice.list_usual(),
            name => match choice.find(name) {
                Some(found) => vec![found],
                None => {
                    problems.push(choice.unknown(name));
                    continue;
                }
            },
        };
        for found in found {
            choice.add(found, &mut problems);
        }
    }
    if problems.is_empty() && choice.chosen.columns.is_empty() {
        let message = "expected the names of columns, found none";
        problems.push(InputProblem::new(InputCode::Missing, "columns", message));
    }
    if problems.is_empty() {
        Ok(choice.chosen)
    } else {
        Err(Error::Invalid(problems))
    }
}

/// A column that was asked for.
enum Found<'c> {
    Builtin(Builtin),
    Custom(&'c CustomField),
    Property(String),
}

struct Choice<'c> {
    content: &'c Content,
    format: Format,
    fields: &'c [CustomField],
    chosen: Chosen,
}

impl<'c> Choice<'c> {
    fn builtins(&self) -> Vec<Builtin> {
        match self.content {
            Content::Memberships => MEMBERSHIP.map(written).into(),
            Content::Events => EVENT.map(written).into(),
            _ => list_of_subscriber(),
        }
    }

    fn has_custom_fields(&self) -> bool {
        !matches!(self.content, Content::Memberships | Content::Events)
    }

    fn list_usual(&self) -> Vec<Found<'c>> {
        let builtins = self.builtins().into_iter().filter(|builtin| builtin.3);
        let builtins = builtins.map(Found::Builtin);
        if self.has_custom_fields() {
            builtins
                .chain(self.fields.iter().map(Found::Custom))
                .collect()
        } else {
            builtins.collect()
        }
    }

    fn find(&self, name: &str) -> Option<Found<'c>> {
        if self.has_custom_fields()
            && let Some(key) = name.strip_prefix(CUSTOM)
        {
            let field = self.fields.iter().find(|field| field.key == key)?;
            return Some(Found::Custom(field));
        }
        if let (Content::Events, Some(property)) = (self.content, name.strip_prefix(PROPERTIES)) {
            return (!property.is_empty()).then(|| Found::Property(property.to_owned()));
        }
        let mut builtins = self.builtins().into_iter();
        let builtin = builtins.find(|builtin| fold(builtin.0) == fold(name))?;
        Some(Found::Builtin(builtin))
    }

    fn add(&mut self, found: Found<'_>, problems: &mut Vec<InputProblem>) {
        let column = match found {
            Found::Builtin(("groups", ..)) if self.format == Format::Csv => Column {
                name: "groups".to_owned(),
                sql: GROUPS_IN_A_CELL.to_owned(),
                kind: CellKind::Plain,
            },
            Found::Builtin((name, sql, kind, _)) => Column {
                name: name.to_owned(),
                sql: sql.into_owned(),
                kind,
            },
            Found::Custom(field) => self.custom(field),
            Found::Property(name) => self.property(name),
        };
        let mut columns = self.chosen.columns.iter();
        if columns.any(|known| known.name == column.name) {
            let message = format!("expected each column once, found \"{}\" again", column.name);
            problems.push(InputProblem::new(InputCode::Invalid, "columns", message));
        } else {
            self.chosen.columns.push(column);
        }
    }

    fn custom(&mut self, field: &CustomField) -> Column {
        let place = self.place_of(field.key.clone());
        let as_text = format!("s.custom ->> ($1)[{place}]");
        let as_json = format!("(s.custom -> ($1)[{place}])::text");
        let (sql, kind) = match (self.format, field.custom_type.0) {
            (Format::Ndjson, _) => (as_json, CellKind::Json),
            (Format::Csv, CustomType::List) => (as_json, CellKind::List),
            (Format::Csv, CustomType::Text) => (as_text, CellKind::Text),
            (Format::Csv, _) => (as_text, CellKind::Plain),
        };
        Column {
            name: format!("{CUSTOM}{}", field.key),
            sql,
            kind,
        }
    }

    fn property(&mut self, name: String) -> Column {
        let column = format!("{PROPERTIES}{name}");
        let place = self.place_of(name);
        let (sql, kind) = match self.format {
            Format::Ndjson => (
                format!("(e.properties -> ($1)[{place}])::text"),
                CellKind::Json,
            ),
            Format::Csv => (format!("e.properties ->> ($1)[{place}]"), CellKind::Plain),
        };
        Column {
            name: column,
            sql,
            kind,
        }
    }

    /// Adds a name and returns its place, from 1.
    fn place_of(&mut self, name: String) -> usize {
        self.chosen.names.push(name);
        self.chosen.names.len()
    }

    fn unknown(&self, name: &str) -> InputProblem {
        let builtins = self.builtins().into_iter();
        let mut known: Vec<String> = builtins.map(|builtin| builtin.0.to_owned()).collect();
        if self.has_custom_fields() {
            let keys = self.fields.iter();
            known.extend(keys.map(|field| format!("{CUSTOM}{}", field.key)));
        }
        // People often write a key without its prefix.
        let prefixed = format!("{CUSTOM}{name}");
        let hint = match known.contains(&prefixed) {
            true => Some(format!("did you mean \"{prefixed}\"?")),
            false => nearest(name, known.iter().map(String::as_str)),
        };
        let known = match hint {
            Some(_) => String::new(),
            None => format!(" ({})", known.join(", ")),
        };
        let message = format!("expected names of columns{known}, found \"{name}\"");
        InputProblem::new(InputCode::NotFound, "columns", message).with_hint(hint)
    }
}

/// Makes `first_name`, `firstName` and `First name` equal, as imports do.
fn fold(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}
