//! Tables of pages that are written from the code.
//!
//! A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`. With `ROLLCALL_DOCS=write` in the
//! environment these tests write the tables instead of comparing them.

use super::pages::{Page, pages, root};
use crate::support::{rollcall, run};
use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use clap::{Arg, Args, Command};
use rollcall::audience::setting::{SettingKey, Settings};
use rollcall::config::{
    AnswerSettings, BackupFlags, DatabaseSettings, FederationSettings, FirstKeyFlags, GeneralFlags,
    ImportFlags, ListenSettings, ScheduleSettings, TransferSettings, WebhookFlags,
};
use rollcall::graphql::ErrorCode;
use rollcall::rule::vocabulary::{Role, Word, list_words};
use rollcall::rule::{
    Field, MAX_DEPTH, MAX_EVENT_FILTERS, MAX_NODES, MAX_REGEX_LENGTH, MAX_REGEX_SIZE,
    MAX_REGEXES_LENGTH, MAX_REGEXES_SIZE, MAX_VALUES, NodeName, list_builtin_fields,
};

const START: &str = "<!-- table: ";
const END: &str = "<!-- end of table -->";

/// Every table, with the page that must have it.
const TABLES: [(&str, &str); 9] = [
    ("docs/api.md", "enum UserErrorCode"),
    ("docs/rules.md", "bounds of rules"),
    ("docs/rules.md", "enum RuleWarningCode"),
    ("docs/rules.md", "fields"),
    ("docs/rules.md", "nodes"),
    ("docs/rules.md", "values"),
    ("docs/settings.md", "settings"),
    ("docs/settings.md", "settings of the database"),
    ("docs/webhooks.md", "enum WebhookType"),
];

/// Returns every flag of `rollcall serve` with its variable.
fn flags() -> Vec<Arg> {
    let mut command = Command::new("serve");
    command = DatabaseSettings::augment_args(command);
    command = ListenSettings::augment_args(command);
    command = AnswerSettings::augment_args(command);
    command = TransferSettings::augment_args(command);
    command = ScheduleSettings::augment_args(command);
    command = ImportFlags::augment_args(command);
    command = FederationSettings::augment_args(command);
    command = WebhookFlags::augment_args(command);
    command = BackupFlags::augment_args(command);
    command = FirstKeyFlags::augment_args(command);
    command = GeneralFlags::augment_args(command);
    command.get_arguments().cloned().collect()
}

/// Returns the key of the setting of the database that a flag sets.
fn setting_of(flag: &Arg) -> Option<SettingKey> {
    SettingKey::find(&flag.get_long()?.replace('-', "_"))
}

fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{text}`")
    }
}

fn codes<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let codes: Vec<String> = texts.into_iter().map(code).collect();
    codes.join(" ")
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn head(names: &[&str]) -> String {
    let line = names.iter().map(|_| "---|").collect::<String>();
    format!("| {} |\n|{line}\n", names.join(" | "))
}

/// Returns flag, variable, default and meaning of a flag.
fn flag_cells(flag: &Arg) -> [String; 4] {
    let env = flag.get_env().unwrap_or_default().to_string_lossy();
    // A switch is off, and says so nowhere.
    let is_switch = !flag.get_action().takes_values();
    let defaults = flag.get_default_values().iter();
    let default = match defaults.map(|value| value.to_string_lossy()).next() {
        _ if is_switch => "off".to_owned(),
        Some(value) => code(&value),
        None => String::new(),
    };
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    [
        code(&format!("--{}", flag.get_long().unwrap_or_default())),
        code(&env),
        default,
        cell(&help),
    ]
}

fn settings() -> String {
    let mut table = head(&["flag", "environment", "default", "meaning"]);
    for flag in flags().iter().filter(|flag| setting_of(flag).is_none()) {
        table += &row(&flag_cells(flag));
    }
    table
}

fn settings_of_the_database() -> String {
    let mut table = head(&["setting", "flag", "environment", "default", "meaning"]);
    let flags = flags();
    for key in SettingKey::ALL {
        let flag = flags.iter().find(|flag| setting_of(flag) == Some(key));
        let [name, env, _, meaning] = flag_cells(flag.expect("a flag for every setting"));
        let default = code(&Settings::default().text(key));
        // How the flag is used is told above the table.
        let meaning = meaning
            .split(". Used at")
            .next()
            .unwrap_or_default()
            .to_owned();
        table += &row(&[code(key.as_str()), name, env, default, meaning]);
    }
    table
}

/// Returns the names of words with this role.
fn words_of(words: &[Word], role: Role) -> String {
    let of_role = words.iter().filter(|word| word.role == role);
    codes(of_role.map(|word| word.name))
}

fn nodes() -> String {
    let mut table = head(&["node", "tests and measures", "windows", "beside them"]);
    for node in NodeName::ALL {
        let words = list_words(node.as_str());
        // Logic has nodes and no words.
        if words.is_empty() {
            continue;
        }
        let lists = [[Role::Test, Role::Measure], [Role::Subject, Role::Filter]].map(|roles| {
            let lists = roles.map(|role| words_of(&words, role));
            lists.join(" ").trim().to_owned()
        });
        let options = words_of(&words, Role::Option);
        let [tests, subjects] = lists;
        let beside = format!("{subjects} {options}").trim().to_owned();
        let windows = words_of(&words, Role::Window);
        table += &row(&[code(node.as_str()), tests, windows, beside]);
    }
    table
}

fn fields() -> String {
    let mut table = head(&["node", "fields"]);
    for node in ["text", "number", "date", "boolean", "list"] {
        let of_node = list_builtin_fields()
            .into_iter()
            .filter(|(_, field)| Field::node_name(field) == node);
        let fields = codes(of_node.map(|(name, _)| name).chain(["custom.KEY"]));
        table += &row(&[code(node), fields]);
    }
    table
}

/// Returns what is under each word: the words of each kind of value.
fn values() -> String {
    let schema = schema();
    let mut table = head(&["value", "is", "is under"]);
    for (value, description) in enum_values(&schema, "RuleValueKind") {
        let mut words: Vec<&str> = Vec::new();
        for node in NodeName::ALL {
            for word in list_words(node.as_str()) {
                let kind = format!("{:?}", word.value);
                let is_it = kind.eq_ignore_ascii_case(&value.replace('_', ""));
                if is_it && !words.contains(&word.name) {
                    words.push(word.name);
                }
            }
        }
        assert!(!words.is_empty(), "no word takes {value}");
        table += &row(&[code(&value), description, codes(words)]);
    }
    table
}

fn bounds() -> String {
    let thousands = |number: usize| {
        let digits = number.to_string();
        let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
        let comma = if head.is_empty() { "" } else { "," };
        format!("{head}{comma}{tail}")
    };
    let rows = [
        ("nodes of a rule", thousands(MAX_NODES)),
        ("nodes within each other", thousands(MAX_DEPTH)),
        ("values in a list", thousands(MAX_VALUES)),
        ("tests under `where`", thousands(MAX_EVENT_FILTERS)),
        (
            "characters of a regular expression",
            thousands(MAX_REGEX_LENGTH),
        ),
        (
            "characters of all regular expressions of a rule",
            thousands(MAX_REGEXES_LENGTH),
        ),
        (
            "KiB of a compiled regular expression",
            thousands(MAX_REGEX_SIZE >> 10),
        ),
        ("KiB of all of them", thousands(MAX_REGEXES_SIZE >> 10)),
    ];
    let rows = rows.map(|(what, most)| row(&[what.to_owned(), most]));
    head(&["what", "at most"]) + &rows.concat()
}

fn schema() -> Schema {
    let text = std::fs::read_to_string(root().join("schema.graphql")).expect("a text");
    Schema::parse(text, "schema.graphql").expect("the committed schema")
}

fn enum_values(schema: &Schema, name: &str) -> Vec<(String, String)> {
    let Some(ExtendedType::Enum(of)) = schema.types.get(name) else {
        panic!("{name} is no enum of the schema");
    };
    let values = of.values.values().map(|value| {
        let description = value.description.as_deref().unwrap_or_default();
        (value.value.to_string(), cell(description.trim()))
    });
    values.collect()
}

fn table(name: &str) -> String {
    match name {
        "settings" => settings(),
        "settings of the database" => settings_of_the_database(),
        "nodes" => nodes(),
        "fields" => fields(),
        "values" => values(),
        "bounds of rules" => bounds(),
        _ => {
            let name = name.strip_prefix("enum ").expect("a table of this name");
            let mut table = head(&["code", "means"]);
            for (value, description) in enum_values(&schema(), name) {
                table += &row(&[code(&value), description]);
            }
            table
        }
    }
}

/// Returns the text of a page with its tables written anew, and their names.
fn rewritten(page: &Page) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut names = Vec::new();
    let mut rest = page.text.as_str();
    while let Some((before, after)) = rest.split_once(START) {
        let (name, after) = after.split_once(" -->\n").expect("the end of a mark");
        let (_, after) = after.split_once(END).expect("the end of a table");
        // Markdown wants an empty line around tables.
        text += &format!("{before}{START}{name} -->\n\n{}\n{END}", table(name));
        names.push(name.to_owned());
        rest = after;
    }
    (text + rest, names)
}

#[test]
fn tables_of_the_pages_are_those_of_the_code() {
    let is_written = std::env::var("ROLLCALL_DOCS").is_ok_and(|value| value == "write");
    let mut found = Vec::new();
    for page in pages() {
        let (text, names) = rewritten(&page);
        found.extend(names.into_iter().map(|name| (page.name.clone(), name)));
        if is_written && text != page.text {
            std::fs::write(root().join(&page.name), &text).expect("the page can be written");
        } else {
            let lines = text.lines().zip(page.text.lines());
            let different: Vec<_> = lines.filter(|(new, old)| new != old).take(3).collect();
            assert!(
                text == page.text,
                "{}: a table differs from the code, first here: {different:#?}\n\
                 write it anew: ROLLCALL_DOCS=write cargo test --test integration docs::tables",
                page.name
            );
        }
    }
    found.sort();
    let wanted = TABLES.map(|(page, name)| (page.to_owned(), name.to_owned()));
    assert_eq!(found, wanted);
}

#[test]
fn every_flag_of_the_server_is_in_the_table() {
    let help = run(&mut rollcall(&["serve", "--help"])).stdout;
    let table = settings() + &settings_of_the_database();
    let flags = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|flag| flag.trim_end_matches([',', '.']));
    for flag in flags.filter(|flag| !["--help", "--version"].contains(flag)) {
        assert!(
            table.contains(&format!("| `{flag}` |")),
            "{flag} is missing"
        );
    }
}

/// Their meaning is written by hand, so that it can say more than the code does.
#[test]
fn the_api_chapter_lists_every_code_and_no_other() {
    let page = Page::read("docs/api.md");
    let section = page
        .text
        .split("\n## ")
        .find(|part| part.starts_with("Errors\n"));
    let section = section.and_then(|section| section.split("\n### ").next());
    let listed: Vec<&str> = section
        .expect("a section about errors")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(code, _)| code)
        .collect();
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn the_architecture_chapter_places_every_table_of_the_database() {
    let page = Page::read("docs/architecture.md");
    let section = page
        .text
        .split("\n## ")
        .find(|part| part.starts_with("Where things are stored\n"));
    let rows = section.expect("a section about tables").lines();
    let mut listed: Vec<String> = rows
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|cell| cell.split_whitespace())
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    listed.sort();
    let schema = std::fs::read_to_string(root().join("src/db/schema.rs")).expect("a text");
    let mut tables: Vec<String> = schema
        .lines()
        .filter_map(|line| {
            line.strip_prefix("    ")?
                .strip_suffix(") {")?
                .split_once(" (")
        })
        .map(|(name, _)| name.to_owned())
        .collect();
    tables.sort();
    assert_eq!(listed, tables);
}
