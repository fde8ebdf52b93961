//! What a key may do: every field of the schema is asked with a key that may do everything but what it asks for.
//!
//! The questions are made from the schema, so that no field can be forgotten.

use crate::support::{Server, Socket, TestDatabase, rollcall, run};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use rollcall::audience::api_key::Scope;
use rollcall::graphql::{needed_scopes, sdl};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// The roots, each with the keyword of its operations.
const ROOTS: [(&str, &str); 3] = [
    ("Query", "query"),
    ("Mutation", "mutation"),
    ("Subscription", "subscription"),
];

/// The schema by the names of its types.
pub struct Schema {
    pub types: BTreeMap<String, TypeDefinition>,
}

/// A field that can be asked, with the document that does so.
struct Question {
    parent: String,
    field: String,
    root: &'static str,
    document: String,
}

impl Question {
    fn coordinate(&self) -> String {
        format!("{}.{}", self.parent, self.field)
    }
}

impl Schema {
    pub fn load() -> Schema {
        let document = parse_schema(sdl()).expect("our own schema");
        let types = document.definitions.into_iter().filter_map(|definition| {
            let TypeSystemDefinition::Type(definition) = definition else {
                return None;
            };
            Some((definition.node.name.node.to_string(), definition.node))
        });
        Schema {
            types: types.collect(),
        }
    }

    pub fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        let fields = match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => &object.fields,
            Some(TypeKind::Interface(interface)) => &interface.fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| &field.node).collect()
    }

    /// Lists the objects that something of an abstract type can be.
    pub fn possible(&self, name: &str) -> Vec<String> {
        if let Some(TypeKind::Union(union)) = self.types.get(name).map(|found| &found.kind) {
            return union
                .members
                .iter()
                .map(|member| member.node.to_string())
                .collect();
        }
        let implements = |definition: &&TypeDefinition| match &definition.kind {
            TypeKind::Object(object) => object.implements.iter().any(|found| found.node == name),
            _ => false,
        };
        let found = self.types.values().filter(implements);
        found
            .map(|definition| definition.name.node.to_string())
            .collect()
    }

    /// Writes the smallest value of a type.
    pub fn literal(&self, of: &str) -> String {
        let bare = of.trim_end_matches('!');
        if bare.starts_with('[') {
            return "[]".to_owned();
        }
        match self
            .types
            .get(bare)
            .map(|definition| (definition, &definition.kind))
        {
            Some((_, TypeKind::Enum(values))) => values.values[0].node.value.node.to_string(),
            Some((definition, TypeKind::InputObject(object))) => {
                let directives = &definition.directives;
                let is_one_of = directives
                    .iter()
                    .any(|found| found.node.name.node == "oneOf");
                let fields = object.fields.iter().map(|field| &field.node);
                let fields: Vec<&InputValueDefinition> = if is_one_of {
                    fields.take(1).collect()
                } else {
                    fields.filter(|field| is_required(field)).collect()
                };
                let fields = fields.iter().map(|field| self.argument(field));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            _ => match bare {
                "Int" => "1".to_owned(),
                "Float" => "1.5".to_owned(),
                "Boolean" => "true".to_owned(),
                "DateTime" => "\"2026-01-01T00:00:00Z\"".to_owned(),
                "Date" => "\"2026-01-01\"".to_owned(),
                "JSON" => "{}".to_owned(),
                _ => "\"x\"".to_owned(),
            },
        }
    }

    pub fn argument(&self, value: &InputValueDefinition) -> String {
        let literal = self.literal(&value.ty.node.to_string());
        format!("{}: {literal}", value.name.node)
    }

    /// Writes a field with what it must have.
    fn select(&self, field: &FieldDefinition, below: &str) -> String {
        let arguments = field.arguments.iter().map(|argument| &argument.node);
        let arguments: Vec<String> = arguments
            .filter(|argument| is_required(argument))
            .map(|argument| self.argument(argument))
            .collect();
        let arguments = match arguments.as_slice() {
            [] => String::new(),
            arguments => format!("({})", arguments.join(", ")),
        };
        format!("{}{arguments}{below}", field.name.node)
    }

    /// Writes what to select of a type when nothing of it is wanted.
    pub fn leaf(&self, of: &str) -> &'static str {
        let kind = self.types.get(of).map(|definition| &definition.kind);
        match kind {
            Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)) => {
                " { __typename }"
            }
            _ => "",
        }
    }

    /// Finds the shortest way from a root to every type; a way is a document with a gap.
    fn ways(&self) -> BTreeMap<String, (&'static str, String)> {
        let mut ways: BTreeMap<String, (&'static str, String)> = BTreeMap::new();
        let mut next = VecDeque::new();
        for (root, keyword) in ROOTS {
            ways.insert(root.to_owned(), (root, format!("{keyword} {{ GAP }}")));
            next.push_back(root.to_owned());
        }
        while let Some(name) = next.pop_front() {
            let (root, way) = ways[&name].clone();
            let fields = self.fields(&name).into_iter().map(|field| {
                let of = bare(&field.ty.node.to_string());
                (of, self.select(field, " { GAP }"))
            });
            let parts = self.possible(&name).into_iter();
            let parts = parts.map(|part| (part.clone(), format!("... on {part} {{ GAP }}")));
            for (of, step) in fields.chain(parts) {
                let is_new = !self.leaf(&of).is_empty() && !ways.contains_key(&of);
                if is_new {
                    ways.insert(of.clone(), (root, way.replace("GAP", &step)));
                    next.push_back(of);
                }
            }
        }
        ways
    }

    /// Makes a question of every field of every type.
    fn questions(&self) -> Vec<Question> {
        let ways = self.ways();
        let mut questions = Vec::new();
        for name in self.types.keys() {
            for field in self.fields(name) {
                let (root, way) = ways
                    .get(name)
                    .unwrap_or_else(|| panic!("nothing leads to {name}"));
                let below = self.leaf(&bare(&field.ty.node.to_string()));
                questions.push(Question {
                    parent: name.clone(),
                    field: field.name.node.to_string(),
                    root,
                    document: way.replace("GAP", &self.select(field, below)),
                });
            }
        }
        questions
    }
}

pub fn is_required(value: &InputValueDefinition) -> bool {
    !value.ty.node.nullable && value.default_value.is_none()
}

pub fn bare(of: &str) -> String {
    of.trim_matches(['[', ']', '!']).to_owned()
}

/// A server with a key for every set of scopes.
pub struct Guarded {
    pub database: TestDatabase,
    pub server: Server,
    keys: Vec<(Vec<Scope>, String)>,
}

impl Guarded {
    pub fn start() -> Guarded {
        let database = TestDatabase::new();
        let sets = [
            vec![Scope::Read],
            vec![Scope::Write],
            vec![Scope::Read, Scope::Write],
            vec![Scope::Admin],
        ];
        let keys = sets.into_iter().map(|set| {
            let mut command = rollcall(&["key", "create", "key", "--database-url", &database.url]);
            for scope in &set {
                command.args(["--scope", scope.name()]);
            }
            let done = run(&mut command);
            assert!(done.status.success(), "{done}");
            (set, done.stdout.trim_end().to_owned())
        });
        let keys = keys.collect();
        let server = Server::start(&database);
        Guarded {
            database,
            server,
            keys,
        }
    }

    #[track_caller]
    pub fn bearer(&self, scopes: &[Scope]) -> String {
        let found = self.keys.iter().find(|(set, _)| set == scopes);
        format!("Bearer {}", found.expect("a key of these scopes").1)
    }

    /// Returns the key that may do everything but this.
    fn bearer_without(&self, scope: Scope) -> String {
        self.bearer(match scope {
            Scope::Read => &[Scope::Write],
            Scope::Write => &[Scope::Read],
            Scope::Admin => &[Scope::Read, Scope::Write],
        })
    }

    pub fn ask(&self, bearer: &str, document: &str) -> (u16, Value) {
        let headers = [("authorization", bearer)];
        let answer = self.server.post_as(&headers, document, json!({}));
        (answer.status().as_u16(), answer.into_body())
    }
}

/// Returns what is wrong with errors that should say that a coordinate is not for the key.
fn find_fault(errors: &Value, coordinate: &str) -> Option<String> {
    let errors = errors.as_array().filter(|errors| !errors.is_empty());
    let errors = errors?;
    let is_forbidden = |error: &Value| error["extensions"]["code"] == "FORBIDDEN";
    let names_it = |error: &Value| {
        let message = error["message"].as_str().unwrap_or_default();
        message.split_whitespace().any(|word| word == coordinate)
    };
    let is_right = errors.iter().all(is_forbidden) && errors.iter().any(names_it);
    (!is_right).then(|| format!("{coordinate}: {}", json!(errors)))
}

#[test]
fn every_type_can_be_asked_for() {
    let questions = Schema::load().questions();
    assert!(questions.len() > 300, "{}", questions.len());
    let roots = ROOTS.map(|(root, _)| {
        questions
            .iter()
            .filter(|question| question.parent == root)
            .count()
    });
    assert!(roots.iter().all(|count| *count > 0), "{roots:?}");
    for question in questions {
        let parsed = async_graphql::parser::parse_query(&question.document);
        assert!(
            parsed.is_ok(),
            "{}: {}",
            question.coordinate(),
            question.document
        );
    }
}

#[test]
fn every_field_refuses_a_key_without_its_scope() {
    let guarded = Guarded::start();
    let mut sockets = BTreeMap::new();
    let mut wrong = Vec::new();
    for question in Schema::load().questions() {
        let coordinate = question.coordinate();
        for &needed in needed_scopes(&question.parent, &question.field) {
            let bearer = guarded.bearer_without(needed);
            let document = &question.document;
            if question.root == "Subscription" {
                let socket = sockets.entry(needed).or_insert_with(|| {
                    let payload = json!({"authorization": bearer});
                    Socket::introduce(&guarded.server, payload).expect("let in")
                });
                socket.subscribe("1", document, json!({}));
                let message = socket.receive();
                if message["type"] != "error" {
                    wrong.push(format!("{coordinate}: {document}: {message}"));
                }
                wrong.extend(find_fault(&message["payload"], &coordinate));
            } else {
                let (status, body) = guarded.ask(&bearer, document);
                if status != 403 || body.get("data").is_some() {
                    wrong.push(format!("{coordinate}: {document}: {status} {body}"));
                }
                wrong.extend(find_fault(&body["errors"], &coordinate));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    // Nothing was executed.
    for table in [
        "subscribers",
        "groups",
        "segments",
        "custom_fields",
        "events",
        "refreshes",
    ] {
        let rows = guarded
            .database
            .ask(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(rows, "0", "{table}");
    }
    let keys = guarded
        .database
        .ask("SELECT count(*) || ' ' || count(revoked_at) FROM api_keys");
    assert_eq!(keys, "4 0");
}

#[test]
fn no_field_refuses_a_key_with_its_scope() {
    let guarded = Guarded::start();
    for question in Schema::load().questions() {
        if question.parent == "Query" || question.parent == "Mutation" {
            let bearer = guarded.bearer(match needed_scopes(&question.parent, &question.field) {
                [] => &[Scope::Write],
                [Scope::Write, Scope::Read] => &[Scope::Read, Scope::Write],
                scopes => scopes,
            });
            let (status, body) = guarded.ask(&bearer, &question.document);
            let coordinate = question.coordinate();
            assert_ne!(status, 403, "{coordinate}: {body}");
            assert!(
                !body.to_string().contains("FORBIDDEN"),
                "{coordinate}: {body}"
            );
        }
    }
}

#[test]
fn a_key_for_writing_sees_whether_it_worked() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    let create = "mutation { createGroup(input: {key: \"staff\"}) { __typename userErrors { code path message hint } } }";
    let (status, body) = guarded.ask(&write, create);
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["data"]["createGroup"]["userErrors"], json!([]));
    let (_, body) = guarded.ask(&write, create);
    assert_eq!(
        body["data"]["createGroup"]["userErrors"][0]["code"],
        json!("TAKEN")
    );
    let (status, body) = guarded.ask(&write, "{ __typename __schema { queryType { name } } }");
    assert_eq!(status, 200, "{body}");
}

#[test]
fn there_is_no_way_around() {
    let guarded = Guarded::start();
    let write = guarded.bearer(&[Scope::Write]);
    for document in [
        "{ harmless: subscribers { __typename } }",
        "{ __typename ... { groups { __typename } } }",
        "{ __typename ... on Query { groups { __typename } } }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { segments { __typename } }",
        "query A { __typename groups @skip(if: false) { __typename } }",
        "query A($yes: Boolean = true) { __typename groups @include(if: $yes) { __typename } }",
        "query A($no: Boolean = false) { __typename ... @skip(if: $no) { groups { __typename } } }",
        "mutation { createGroup(input: {key: \"a\"}) { userErrors { code } group { key } } }",
        "mutation { createGroup(input: {key: \"a\"}) { ...P } } fragment P on CreateGroupPayload { group { id ... on Group { name } } }",
        "mutation { a: createGroup(input: {key: \"a\"}) { __typename } b: createApiKey(input: {name: \"b\", scopes: [ADMIN]}) { secret } }",
    ] {
        let (status, body) = guarded.ask(&write, document);
        assert_eq!(status, 403, "{document}: {body}");
        assert_eq!(
            body["errors"][0]["extensions"]["code"],
            json!("FORBIDDEN"),
            "{document}"
        );
        assert_eq!(body.get("data"), None, "{document}");
    }
    assert_eq!(guarded.database.ask("SELECT count(*) FROM groups"), "0");
    let reading = guarded.bearer(&[Scope::Read]);
    let (status, _) = guarded.ask(&reading, "{ apiKeys { nodes { name } } }");
    assert_eq!(status, 403);
    let (status, _) = guarded.ask(
        &reading,
        "{ node(id: \"x\") { id ... on ApiKey { name } } }",
    );
    assert_eq!(status, 403);
}
