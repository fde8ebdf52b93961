//! Ways through the schema that lead to several objects of every type, and a database in which those objects exist.

use crate::scopes::{Schema, bare, is_required};
use crate::support::TestApp;
use async_graphql::parser::types::{FieldDefinition, InputValueDefinition, TypeKind};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// How many objects of each kind the database has.
pub const OBJECTS: usize = 10;

/// The key under which every document asks for the type of the parents.
pub const PARENT: &str = "parent";

/// Arguments that fit the database.
const ARGUMENTS: [(&str, &str); 13] = [
    ("Query.bulkAction", "id: \"QnVsa0FjdGlvbjox\""),
    ("Query.group", "key: \"g0\""),
    ("Query.import", "id: \"SW1wb3J0OjE\""),
    ("Query.node", "id: \"R3JvdXA6MQ\""),
    ("Query.nodes", "ids: [\"R3JvdXA6MQ\", \"U2VnbWVudDox\"]"),
    ("Query.segment", "key: \"s0\""),
    ("Query.subscriber", "email: \"p0@example.com\""),
    (
        "Segment.growth",
        "from: \"2026-06-10T00:00:00Z\", to: \"2026-06-20T00:00:00Z\"",
    ),
    ("Segment.overlap", "with: {group: \"g0\"}"),
    ("Subscriber.customField", "key: \"plan\""),
    ("Subscriber.explain", "segment: {key: \"s0\"}"),
    ("Subscriber.isMember", "of: {segment: \"s0\"}"),
    ("Query.webhook", "id: \"V2ViaG9vazox\""),
];

/// A field of a type, in a document that asks it of several objects.
pub struct Question<'s> {
    pub parent: String,
    pub field: &'s FieldDefinition,
    /// The document around the field; `GAP` stands for it.
    pub around: String,
    /// The field with arguments and a selection, once for each set of arguments that is tried.
    pub selections: Vec<String>,
}

impl Question<'_> {
    pub fn coordinate(&self) -> String {
        format!("{}.{}", self.parent, self.field.name.node)
    }

    /// Lists the documents, one for each set of arguments.
    pub fn documents(&self) -> impl Iterator<Item = String> {
        let selections = self.selections.iter();
        selections.map(|selection| self.ask(&format!("{PARENT}: __typename {selection}")))
    }

    /// Returns the document that asks for nothing but the parents.
    pub fn without_the_field(&self) -> String {
        self.ask(&format!("{PARENT}: __typename"))
    }

    fn ask(&self, selection: &str) -> String {
        self.around.replace("GAP", selection)
    }
}

/// Makes a question of every field of every type that the query root leads to, for so many parents of each list on the way.
pub fn questions_of(schema: &Schema, parents: usize) -> Vec<Question<'_>> {
    let ways = ways(schema, parents);
    let mut questions = Vec::new();
    for (parent, around) in &ways {
        for field in schema.fields(parent) {
            let below = below(schema, field);
            let arguments = variations(schema, parent, field, OBJECTS).into_iter();
            questions.push(Question {
                parent: parent.clone(),
                field,
                around: around.clone(),
                selections: arguments
                    .map(|arguments| select(field, &arguments, &below))
                    .collect(),
            });
        }
    }
    questions
}

/// Finds the shortest way to every type. From the root only lists are followed, so that there are several parents.
fn ways(schema: &Schema, parents: usize) -> BTreeMap<String, String> {
    let mut ways = BTreeMap::from([("Query".to_owned(), "{ GAP }".to_owned())]);
    let mut next = VecDeque::from(["Query".to_owned()]);
    while let Some(name) = next.pop_front() {
        let way = ways[&name].clone();
        let fields = schema.fields(&name).into_iter();
        let fields = fields.filter(|field| name != "Query" || leads_to_several(field));
        let fields = fields.map(|field| {
            let arguments = &variations(schema, &name, field, parents)[0];
            (
                bare(&field.ty.node.to_string()),
                select(field, arguments, " { GAP }"),
            )
        });
        let parts = schema.possible(&name).into_iter();
        let parts = parts.map(|part| (part.clone(), format!("... on {part} {{ GAP }}")));
        let steps: Vec<(String, String)> = fields.chain(parts).collect();
        for (of, step) in steps {
            if !schema.leaf(&of).is_empty() && !ways.contains_key(&of) {
                ways.insert(of.clone(), way.replace("GAP", &step));
                next.push_back(of);
            }
        }
    }
    ways
}

fn leads_to_several(field: &FieldDefinition) -> bool {
    let of = field.ty.node.to_string();
    // Anything by its id is something else each time.
    (of.starts_with('[') || of.ends_with("Connection!")) && field.name.node != "nodes"
}

/// Lists sets of arguments: first those that are needed, with a page of so many objects, then each other argument besides.
fn variations(
    schema: &Schema,
    parent: &str,
    field: &FieldDefinition,
    objects: usize,
) -> Vec<String> {
    let coordinate = format!("{parent}.{}", field.name.node);
    let fitting = ARGUMENTS.iter().find(|(of, _)| *of == coordinate);
    let arguments: Vec<&InputValueDefinition> =
        field.arguments.iter().map(|found| &found.node).collect();
    let needed: Vec<String> = match fitting {
        Some((_, fitting)) => vec![(*fitting).to_owned()],
        None => {
            let needed = arguments.iter().filter(|argument| is_required(argument));
            needed.map(|argument| schema.argument(argument)).collect()
        }
    };
    let has_pages = arguments.iter().any(|found| found.name.node == "first");
    let page = has_pages.then(|| format!("first: {objects}"));
    let with = |more: Option<String>| {
        let all = needed.iter().cloned().chain(more);
        all.collect::<Vec<String>>().join(", ")
    };
    let mut sets = vec![with(page)];
    if arguments.iter().any(|found| found.name.node == "last") {
        sets.push(with(Some("last: 2".to_owned())));
    }
    let others = arguments.iter().filter(|argument| {
        let name = argument.name.node.as_str();
        !is_required(argument)
            && !["first", "last", "after", "before"].contains(&name)
            && fitting.is_none()
    });
    for other in others {
        let values = values(schema, other).into_iter();
        sets.extend(values.map(|value| with(Some(format!("{}: {value}", other.name.node)))));
    }
    sets
}

/// Lists values of an argument: every one of an enum, else one.
fn values(schema: &Schema, argument: &InputValueDefinition) -> Vec<String> {
    let of = argument.ty.node.to_string();
    match schema.types.get(&bare(&of)).map(|found| &found.kind) {
        Some(TypeKind::Enum(of)) => {
            let values = of.values.iter();
            values
                .map(|value| value.node.value.node.to_string())
                .collect()
        }
        _ if of.starts_with("DateTime") => vec!["\"2026-06-13T12:00:00Z\"".to_owned()],
        _ => vec![schema.literal(&of)],
    }
}

fn select(field: &FieldDefinition, arguments: &str, below: &str) -> String {
    let arguments = match arguments {
        "" => String::new(),
        arguments => format!("({arguments})"),
    };
    format!("{}{arguments}{below}", field.name.node)
}

/// Writes what is selected of a field: of a connection all that it has.
fn below(schema: &Schema, field: &FieldDefinition) -> String {
    let of = bare(&field.ty.node.to_string());
    if !of.ends_with("Connection") {
        return schema.leaf(&of).to_owned();
    }
    let fields = schema.fields(&of).into_iter();
    let fields = fields.map(|field| {
        let below = schema.leaf(&bare(&field.ty.node.to_string()));
        format!("{}{below}", field.name.node)
    });
    format!(" {{ {} }}", fields.collect::<Vec<_>>().join(" "))
}

/// Makes a database with several objects of every kind, each of them in relation with several others.
pub fn fill() -> TestApp {
    let app = TestApp::at("2026-06-10T12:00:00Z");
    app.mutate(
        "mutation { createCustomField(input: {key: \"plan\", type: TEXT}) { userErrors { message } } }",
        json!({}),
    );
    let emails: Vec<String> = (0..=OBJECTS)
        .map(|number| format!("p{number}@example.com"))
        .collect();
    let all: Vec<&str> = emails.iter().map(String::as_str).collect();
    for email in &all {
        let values = json!({"country": "LT", "customFields": {"plan": "pro"}});
        app.subscriber(email, values);
        app.event(email, "visit", "2026-06-01T10:00:00Z", Some(1.5));
    }
    app.segment("z", json!({"everyone": true}));
    for number in 0..OBJECTS {
        fill_one_of_each(&app, number, &all);
    }
    app.database.execute(
        "INSERT INTO import_problems (import_id, line, kind, reason) SELECT id, 1, 'malformed', 'of a test' FROM imports; \
         INSERT INTO status_changes (subscriber_id, to_status, changed_at, source) SELECT id, 'pending', now(), 'sql' FROM subscribers; \
         UPDATE events SET properties = '{\"page\": \"home\"}'",
    );
    for day in 11..=20 {
        app.set_time(&format!("2026-06-{day}T12:00:00Z"));
        match day {
            // Somebody leaves every segment, joins them again, and is deleted.
            12 | 14 => app.database.execute(&format!(
                "UPDATE subscribers SET country = '{}' WHERE email = 'p{OBJECTS}@example.com'",
                if day == 12 { "DE" } else { "LT" }
            )),
            20 => app.database.execute(&format!(
                "DELETE FROM subscribers WHERE email = 'p{OBJECTS}@example.com'"
            )),
            _ => {}
        }
        app.refresh();
    }
    app
}

fn fill_one_of_each(app: &TestApp, number: usize, emails: &[&str]) {
    app.group(&format!("g{number}"), emails);
    app.event(
        emails[number],
        &format!("event {number}"),
        "2026-06-02T10:00:00Z",
        None,
    );
    app.mutate(
        "mutation ($name: String!) { createImport(input: {kind: SUBSCRIBERS, fileName: $name}) { userErrors { message } } }",
        json!({ "name": format!("{number}.csv") }),
    );
    app.mutate(
        "mutation ($group: String!) { createBulkAction(input: {group: $group, action: {addToGroup: $group}}) { userErrors { message } } }",
        json!({ "group": format!("g{number}") }),
    );
    app.mutate(
        "mutation ($name: String!) { createApiKey(input: {name: $name, scopes: [READ]}) { userErrors { message } } }",
        json!({ "name": format!("key {number}") }),
    );
    app.mutate(
        "mutation ($key: String!) { createCustomField(input: {key: $key, type: TEXT}) { userErrors { message } } }",
        json!({ "key": format!("f{number}") }),
    );
    let segment = app.segment(&format!("s{number}"), json!({"everyone": true}));
    app.mutate(
        "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { userErrors { message } } }",
        json!({ "input": {"name": format!("webhook {number}"), "url": "https://example.com/", "types": ["REFRESH_FAILED"],
            "segments": [format!("s{number}")], "groups": [format!("g{number}")], "fields": ["country"]} }),
    );
    app.database.execute(
        "INSERT INTO webhook_attempts (webhook_id, message_id, type, attempt, attempted_at, took_ms, is_delivered, status, error, answer) \
         SELECT max(id), 'msg_x', 'refresh.failed', 1, now(), 1, false, 500, 'none', 'no' FROM webhooks",
    );
    let mut nodes = vec![
        json!({"text": {"field": "country", "is": {"equals": "LT"}}}),
        json!({"text": {"field": "custom.plan", "is": {"equals": "pro"}}}),
        json!({"not": {"text": {"field": format!("custom.f{number}"), "is": {"equals": "no"}}}}),
        json!({"group": {"inAny": [format!("g{number}")]}}),
        json!({"event": {"name": "visit"}}),
    ];
    let other = match number {
        0 => "z".to_owned(),
        number => format!("s{}", number - 1),
    };
    nodes.push(json!({"segment": {"inAny": [other]}}));
    app.mutate(
        "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
        json!({ "id": segment, "rule": { "all": nodes } }),
    );
}
