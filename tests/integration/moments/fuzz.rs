//! Extreme values for every input of the schema that holds a moment, a day, a period or a cursor.
//!
//! The positions are read from the schema, so that a new one cannot be forgotten: one that this test does not know how to
//! reach fails it, and so does one at which no value at all is taken. Whatever the server takes must come back: it can
//! be evaluated, exported, imported into an empty database and exported again as the same files.

use super::{FIRST, LAST, OUTSIDE};
use crate::support::TestApp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall::export::{Content, ExportRequest, prepare};
use rollcall::import::{EventImport, SubscriberImport, import_events, import_subscribers};
use rollcall::rule::CustomType;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

const NOW: &str = "2026-03-01T12:00:00Z";

const INTROSPECTION: &str = "{ __schema { types { name kind fields { name args { ...input } type { ...type } } \
     inputFields { ...input } isOneOf enumValues { name } } } } \
     fragment input on __InputValue { name description defaultValue type { ...type } } \
     fragment type on __Type { kind name ofType { kind name ofType { kind name ofType { ...inner } } } } \
     fragment inner on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// Texts that mention days and moments in their description, and hold none.
const NO_MOMENTS: [&str; 2] = ["CreateImportInput.dateFormat", "CreateImportInput.timeZone"];

/// What an input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    /// An instant, as a scalar.
    Instant,
    /// A day, as a scalar or a text that takes nothing else.
    Day,
    /// A day or an instant, as a text of a rule.
    Literal,
    /// A period.
    Period,
    /// The place in a list.
    Cursor,
    /// Custom fields, properties or a rule.
    Json,
}

/// An input of the schema.
struct Input {
    name: String,
    description: String,
    type_name: String,
    /// As the schema writes it, with lists and exclamation marks.
    written: String,
    is_list: bool,
    is_required: bool,
}

impl Input {
    fn read(value: &Value) -> Input {
        let (mut at, mut written, mut end) = (&value["type"], String::new(), String::new());
        let mut is_list = false;
        let is_non_null = at["kind"] == "NON_NULL";
        while at["name"].is_null() {
            assert!(!at.is_null(), "the type is deeper than was asked: {value}");
            match at["kind"].as_str() {
                Some("LIST") => {
                    is_list = true;
                    written.push('[');
                    end.insert(0, ']');
                }
                _ => end.insert(0, '!'),
            }
            at = &at["ofType"];
        }
        let type_name = at["name"].as_str().expect("a name").to_owned();
        Input {
            name: value["name"].as_str().expect("a name").to_owned(),
            description: value["description"].as_str().unwrap_or_default().to_owned(),
            written: format!("{written}{type_name}{end}"),
            type_name,
            is_list,
            is_required: is_non_null && value["defaultValue"].is_null(),
        }
    }

    /// Returns what this input, of a type or of a field, holds; nothing if it is none of our business.
    fn holds(&self, of: &str, of_field: bool) -> Option<Holds> {
        let says = |words: &[&str]| {
            let description = self.description.to_lowercase();
            let mut found = description.split(|letter: char| !letter.is_alphanumeric());
            found.any(|word| words.contains(&word))
        };
        match self.type_name.as_str() {
            "DateTime" => Some(Holds::Instant),
            "Date" => Some(Holds::Day),
            "PeriodInput" => Some(Holds::Period),
            "JSON" => Some(Holds::Json),
            "String" if of_field && says(&["cursor"]) => Some(Holds::Cursor),
            "String" if NO_MOMENTS.contains(&format!("{of}.{}", self.name).as_str()) => None,
            "String" if self.name == "birthday" => Some(Holds::Day),
            // Tests of dates say "before it": there the type tells.
            "String" if of == "DateTestInput" => Some(Holds::Literal),
            "String" if says(&["day", "days", "instant", "instants", "moment", "date"]) => {
                Some(Holds::Literal)
            }
            // A new kind of moment would have a scalar of its own.
            name => {
                let is_known = ["String", "ID", "Int", "Float", "Boolean"].contains(&name);
                let is_suspect = ["date", "time", "moment", "duration", "period"]
                    .iter()
                    .any(|word| name.to_lowercase().contains(word));
                // Calendar periods are named, without a moment of their own.
                let is_object = name.ends_with("Input") || name.ends_with("Unit");
                let is_known = is_known || name == "CalendarPeriod";
                assert!(
                    is_known || !is_suspect || is_object,
                    "what does {name} hold?"
                );
                None
            }
        }
    }
}

/// The inputs of the schema: of input objects, and of the fields of objects with the type of their answer.
struct Inputs {
    objects: BTreeMap<String, (Vec<Input>, bool)>,
    enums: BTreeMap<String, String>,
    fields: Vec<Field>,
    /// Fields of each object, by name, for the selections.
    answers: BTreeMap<String, BTreeSet<String>>,
}

struct Field {
    of: String,
    name: String,
    inputs: Vec<Input>,
    answer: String,
}

impl Inputs {
    fn read(app: &TestApp) -> Inputs {
        let data = app.query(INTROSPECTION, json!({}));
        let mut inputs = Inputs {
            objects: BTreeMap::new(),
            enums: BTreeMap::new(),
            fields: Vec::new(),
            answers: BTreeMap::new(),
        };
        let list = |value: &Value| -> Vec<Input> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(Input::read)
                .collect()
        };
        for of in data["__schema"]["types"].as_array().expect("a list") {
            let name = of["name"].as_str().expect("a name").to_owned();
            if name.starts_with("__") {
                continue;
            }
            if let Some(first) = of["enumValues"][0]["name"].as_str() {
                inputs.enums.insert(name.clone(), first.to_owned());
            }
            if of["kind"] == "INPUT_OBJECT" {
                let is_one_of = of["isOneOf"] == json!(true);
                inputs
                    .objects
                    .insert(name.clone(), (list(&of["inputFields"]), is_one_of));
            }
            // An interface has the fields of its objects.
            for field in of["fields"].as_array().into_iter().flatten() {
                let field_name = field["name"].as_str().expect("a name").to_owned();
                let answers = inputs.answers.entry(name.clone()).or_default();
                answers.insert(field_name.clone());
                if of["kind"] == "OBJECT" {
                    inputs.fields.push(Field {
                        of: name.clone(),
                        name: field_name,
                        inputs: list(&field["args"]),
                        answer: Input::read(field).type_name,
                    });
                }
            }
        }
        inputs
    }

    /// Lists the ways from an input object to what holds a moment, each by the names of the types and their fields. No
    /// type occurs twice on a way.
    fn ways(&self, from: &str) -> Vec<(Vec<(String, usize)>, Holds)> {
        let mut found = Vec::new();
        self.walk(from, &mut Vec::new(), &mut found);
        found
    }

    fn walk(
        &self,
        of: &str,
        way: &mut Vec<(String, usize)>,
        found: &mut Vec<(Vec<(String, usize)>, Holds)>,
    ) {
        let Some((fields, _)) = self.objects.get(of) else {
            return;
        };
        if way.iter().any(|(name, _)| name == of) {
            return;
        }
        for (place, field) in fields.iter().enumerate() {
            way.push((of.to_owned(), place));
            match field.holds(of, false) {
                Some(holds) => found.push((way.clone(), holds)),
                None => {
                    let (inner, last) = (field.type_name.clone(), way.pop().expect("a step"));
                    // The step is put back after the check that the type is new on the way.
                    way.push(last);
                    self.walk(&inner, way, found);
                }
            }
            way.pop();
        }
    }
}

/// Asks, and fills what must stand beside a value.
struct Fuzz {
    app: TestApp,
    inputs: Inputs,
    ids: BTreeMap<&'static str, Value>,
    made: Cell<usize>,
}

impl Fuzz {
    fn new() -> Fuzz {
        let app = TestApp::at(NOW);
        for (key, of_type) in [("seen", "DATETIME"), ("day", "DATE")] {
            app.mutate(
                "mutation ($key: String!, $type: CustomFieldType!) { createCustomField(input: {key: $key, type: $type}) { userErrors { message } } }",
                json!({ "key": key, "type": of_type }),
            );
        }
        let ona = app.subscriber("ona@x.lt", json!({}));
        app.subscriber("rasa@x.lt", json!({}));
        app.group("staff", &["ona@x.lt"]);
        app.event("ona@x.lt", "visit", "2026-02-01T00:00:00Z", Some(1.0));
        let mut ids = BTreeMap::from([("UpdateSubscriberInput", json!(ona))]);
        app.segment("everyone", json!({"everyone": true}));
        ids.insert(
            "UpdateSegmentInput",
            json!(app.segment("changing", json!({"everyone": true}))),
        );
        app.refresh();
        let import = app.mutate(
            "mutation { createImport(input: {kind: SUBSCRIBERS}) { import { id } userErrors { message } } }",
            json!({}),
        );
        ids.insert("Import", import["import"]["id"].clone());
        let webhook = app.mutate(
            "mutation { createWebhook(input: {name: \"shop\", url: \"https://example.com/\", types: [REFRESH_FAILED]}) { webhook { id } userErrors { message } } }",
            json!({}),
        );
        ids.insert("ReplayWebhookInput", webhook["webhook"]["id"].clone());
        let inputs = Inputs::read(&app);
        Fuzz {
            app,
            inputs,
            ids,
            made: Cell::new(0),
        }
    }

    /// Returns the document around a field of an object, with its place marked.
    fn around(&self, of: &str) -> String {
        let inside = match of {
            "Query" | "Mutation" => return format!("{} (DECLARED) {{ FIELD }}", of.to_lowercase()),
            "Segment" => "segment(key: \"everyone\") { FIELD }",
            "Subscriber" => "subscriber(email: \"ona@x.lt\") { FIELD }",
            "Group" => "group(key: \"staff\") { FIELD }",
            "Import" => &format!("import(id: {}) {{ FIELD }}", self.ids["Import"]),
            "SegmentChange" => {
                "segment(key: \"everyone\") { changes(first: 1) { nodes { FIELD } } }"
            }
            other => panic!("how is {other} reached? say it here"),
        };
        format!("query (DECLARED) {{ {inside} }}")
    }

    /// Returns a value that a required input takes, or what must stand beside another in an input object.
    fn sample(&self, of: &str, input: &Input) -> Value {
        self.made.set(self.made.get() + 1);
        let value = match (of, input.name.as_str(), input.type_name.as_str()) {
            (_, "id", _) => self
                .ids
                .get(of)
                .cloned()
                .unwrap_or_else(|| panic!("which id has {of}?")),
            (_, "key", "String") => json!(format!("made-{}", self.made.get())),
            // Somebody new each time, so that every value stays.
            ("UpsertSubscriberInput", "email", _) => json!(format!("p{}@x.lt", self.made.get())),
            (_, "email", _) => json!("ona@x.lt"),
            (_, "name", "String") => json!("visit"),
            ("BulkFieldInput", "field", _) => json!("birthday"),
            (_, "field", "String") => json!("createdAt"),
            (_, "property", "String") => json!("at"),
            (_, "group", "String") => json!("staff"),
            (_, "segment", "String") => json!("everyone"),
            ("DateRangeInput", "from", _) => json!("0001-01-01"),
            ("DateRangeInput", "to", _) => json!("9999-12-31"),
            (_, "from", "DateTime") => json!(FIRST),
            (_, "to", "DateTime") => json!(LAST),
            (_, _, "Int") => json!(1),
            (_, _, "Float") => json!(1.5),
            (_, _, "Boolean") => json!(true),
            (_, _, "SegmentRef") => json!({"key": "everyone"}),
            (_, _, "RuleInput") => json!({"everyone": true}),
            (_, _, "BulkChangeInput") => json!({"addToGroup": "staff"}),
            (_, name, type_name) => match (self.inputs.enums.get(type_name), type_name) {
                (Some(first), _) => json!(first),
                (None, object) if self.inputs.objects.contains_key(object) => {
                    Value::Object(self.companions(object, usize::MAX))
                }
                _ => panic!("what does {of}.{name} of type {type_name} take? say it here"),
            },
        };
        if input.is_list { json!([value]) } else { value }
    }

    /// Returns what must stand in an input object beside one of its fields.
    fn companions(&self, of: &str, chosen: usize) -> Map<String, Value> {
        let (fields, is_one_of) = &self.inputs.objects[of];
        let mut beside = Map::new();
        if *is_one_of {
            return beside;
        }
        let optional: &[&str] = match of {
            "EventInput" => &["email"],
            "EventConditionInput" => &["name"],
            "GroupConditionInput" => &["inAny"],
            _ => &[],
        };
        for (place, field) in fields.iter().enumerate() {
            if place == chosen {
                continue;
            }
            let members = [
                ("GroupConditionInput", "staff"),
                ("SegmentConditionInput", "everyone"),
            ];
            let of_members = members.iter().find(|(name, _)| *name == of);
            if let (Some((_, key)), "inAny") = (of_members, field.name.as_str()) {
                beside.insert(field.name.clone(), json!([key]));
            } else if field.is_required || optional.contains(&field.name.as_str()) {
                beside.insert(field.name.clone(), self.sample(of, field));
            }
        }
        // Segments and bulk actions need a rule in one form or the other.
        let needs_rule = ["CreateSegmentInput", "CreateBulkActionInput"].contains(&of);
        if needs_rule && fields[chosen.min(fields.len() - 1)].type_name != "JSON" {
            let is_rule = chosen < fields.len() && fields[chosen].name == "rule";
            if !is_rule {
                beside.insert("rule".to_owned(), json!({"everyone": true}));
            }
        }
        beside
    }

    /// Puts a value at the end of a way.
    fn wrap(&self, way: &[(String, usize)], value: &Value) -> Value {
        let Some(((of, place), rest)) = way.split_first() else {
            return value.clone();
        };
        let field = &self.inputs.objects[of].0[*place];
        let mut object = self.companions(of, *place);
        let inner = self.wrap(rest, value);
        let inner = if field.is_list { json!([inner]) } else { inner };
        object.insert(field.name.clone(), inner);
        Value::Object(object)
    }

    /// Returns the values to try for what an input holds; the first are few and enough where the same is tried elsewhere.
    fn values(&self, holds: Holds, name: &str) -> Vec<Value> {
        let moments = moments();
        let days = moments
            .iter()
            .map(|text| text.get(..10).unwrap_or(text).to_owned());
        let days: BTreeSet<String> = days.collect();
        let texts = |texts: Vec<String>| texts.into_iter().map(Value::from);
        let odd = [
            json!(0),
            json!(-1),
            json!(1e300),
            json!(true),
            json!({}),
            json!(["2026-03-01"]),
        ];
        match holds {
            Holds::Instant => texts(moments).chain(odd).collect(),
            Holds::Day => texts(days.into_iter().collect()).chain(odd).collect(),
            Holds::Literal => texts(moments.into_iter().chain(days).collect())
                .chain(odd)
                .collect(),
            Holds::Period => periods(),
            Holds::Cursor => cursors(),
            Holds::Json => {
                let all: Vec<String> = moments.into_iter().chain(days).collect();
                let each =
                    |make: &dyn Fn(&str) -> Value| all.iter().map(|text| make(text)).collect();
                let date = |test: &str, value: Value| json!({"date": {"field": "createdAt", "is": {test: value}}});
                match name {
                    "customFields" => all
                        .iter()
                        .flat_map(|text| [json!({"seen": text}), json!({"day": text})])
                        .collect(),
                    "properties" => each(&|text| json!({"at": text})),
                    "ruleJson" => {
                        let periods = periods()
                            .into_iter()
                            .map(|period| date("inTheLast", period));
                        let mut rules: Vec<Value> = each(&|text| date("after", json!(text)));
                        rules.extend(periods);
                        rules
                    }
                    "value" => each(&|text| json!(text)),
                    "query" => each(
                        &|text| json!({"combinator": "and", "rules": [{"field": "createdAt", "operator": ">", "value": text}]}),
                    ),
                    other => panic!("what is in the JSON of {other}? say it here"),
                }
            }
        }
    }

    /// Tries every value at one position: an argument of a field, and the way in it. Returns how many were tried.
    fn try_position(
        &self,
        field: &Field,
        argument: &Input,
        way: &[(String, usize)],
        values: &[Value],
    ) -> usize {
        let path: Vec<&str> = way
            .iter()
            .map(|(of, place)| self.inputs.objects[of].0[*place].name.as_str())
            .collect();
        let position = format!(
            "{}.{}({}: {})",
            field.of,
            field.name,
            argument.name,
            path.join(".")
        );
        let mut declared = format!("$v: {}", argument.written);
        let mut arguments = format!("{}: $v", argument.name);
        let mut variables = Map::new();
        for other in field
            .inputs
            .iter()
            .filter(|other| other.name != argument.name)
        {
            let is_rule = other.type_name == "RuleInput" && self.needs_rule(field, argument);
            if other.is_required || is_rule {
                declared += &format!(", ${}: {}", other.name, other.written);
                arguments += &format!(", {0}: ${0}", other.name);
                variables.insert(other.name.clone(), self.sample(&field.of, other));
            }
        }
        let answers = self.inputs.answers.get(&field.answer);
        let has = |name: &str| answers.is_some_and(|fields| fields.contains(name));
        let selection = match () {
            () if has("userErrors") => "{ userErrors { code path message } }",
            () if has("problems") => "{ problems { code path message } }",
            () if has("pageInfo") => "{ pageInfo { hasNextPage } }",
            () if answers.is_some() => "{ __typename }",
            () => "",
        };
        let asked = format!("{}({arguments}) {selection}", field.name);
        let document = self.around(&field.of);
        let document = document
            .replace("DECLARED", &declared)
            .replace("FIELD", &asked);
        let mut taken = 0;
        for value in values {
            let value = self.wrap(way, value);
            variables.insert("v".to_owned(), value.clone());
            let response = self
                .app
                .respond(&document, Value::Object(variables.clone()));
            if field.name == "createBulkAction" {
                // They wait, and no more than 100 may.
                self.app.database.execute("DELETE FROM bulk_actions");
            }
            let told = format!("{position} of {value}: {response}");
            match response.get("errors").and_then(Value::as_array) {
                Some(errors) => {
                    for error in errors {
                        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{told}");
                    }
                }
                // Refused by what is told beside the data, or taken.
                None => taken += usize::from(!response.to_string().contains("\"message\":")),
            }
        }
        // Most rules have no counterpart in react-querybuilder, and that is what this field says of them.
        let may_refuse_all = field.name == "ruleToQueryBuilder";
        assert!(
            taken > 0 || may_refuse_all,
            "no value at all is taken at {position}: is the position reached?"
        );
        values.len()
    }

    /// Whether a field takes a rule in one of two forms, and this argument is neither.
    fn needs_rule(&self, field: &Field, argument: &Input) -> bool {
        let is_rule = |input: &Input| input.type_name == "RuleInput" || input.name == "ruleJson";
        field.inputs.iter().any(is_rule) && !is_rule(argument)
    }
}

fn moments() -> Vec<String> {
    let inside = [
        FIRST,
        LAST,
        "0001-01-01T00:00:00-23:59",
        "0001-01-01T00:00:00.000001Z",
        "0004-02-29T12:00:00Z",
        "1582-10-10T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-02-28T12:00:00.123456789Z",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59+23:59",
    ];
    let malformed = [
        "",
        " ",
        "now",
        "infinity",
        "-infinity",
        "2026-03-01T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-03-01T00:00:00+24:00",
        "2026-03-01 00:00:00",
        "99999999999-01-01T00:00:00Z",
        "2026-03-01T00:00:00Z\u{0}",
    ];
    let texts = inside.into_iter().chain(OUTSIDE).chain(malformed);
    texts.map(str::to_owned).collect()
}

fn periods() -> Vec<Value> {
    let amounts = [
        0,
        1,
        7_000,
        100_000,
        100_001,
        i64::from(i32::MAX),
        -1,
        i64::MAX,
    ];
    let units = ["HOUR", "DAY", "WEEK", "MONTH", "YEAR"];
    let each = |amount| units.map(|unit| json!({"amount": amount, "unit": unit}));
    amounts.into_iter().flat_map(each).collect()
}

fn cursors() -> Vec<Value> {
    let encode = |key: Value| json!(URL_SAFE_NO_PAD.encode(key.to_string()));
    let places = moments().into_iter().flat_map(|text| {
        [
            json!([text, 1]),
            json!([text, i64::MAX]),
            json!(text),
            json!([[text, 1], 1]),
        ]
    });
    let ids = [
        json!(0),
        json!(1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!([[1, 1], 1]),
        json!("a"),
        json!(["a", 1]),
    ];
    places.chain(ids).map(encode).chain([json!("")]).collect()
}

#[test]
fn every_input_of_a_moment_takes_what_it_can_give_back() {
    let fuzz = Fuzz::new();
    let (mut positions, mut tried) = (0, 0);
    let mut kinds = BTreeSet::new();
    for field in &fuzz.inputs.fields {
        for argument in &field.inputs {
            let mut ways: Vec<(Vec<(String, usize)>, Holds)> = Vec::new();
            ways.extend(
                argument
                    .holds(&field.of, true)
                    .map(|holds| (Vec::new(), holds)),
            );
            ways.extend(fuzz.inputs.ways(&argument.type_name));
            for (way, holds) in ways {
                let last = way
                    .last()
                    .map_or(argument, |(of, place)| &fuzz.inputs.objects[of].0[*place]);
                let mut values = fuzz.values(holds, &last.name);
                // Rules are read by one parser, whoever asks: elsewhere a few values tell that it is asked.
                let in_rule = way.iter().any(|(of, _)| of == "RuleInput")
                    || argument.type_name == "RuleInput";
                if in_rule && field.name != "createSegment" {
                    // Odd, so that it meets every unit of a period.
                    let step = values.len().div_ceil(4) | 1;
                    values = values.into_iter().step_by(step).collect();
                }
                tried += fuzz.try_position(field, argument, &way, &values);
                positions += 1;
                kinds.insert(holds);
            }
        }
    }
    assert!(
        positions > 150 && kinds.len() == 6,
        "{positions} positions of {kinds:?}"
    );
    assert!(tried > 5_000, "{tried} values");
    everything_comes_back(&fuzz.app);
}

/// Checks that what was taken can be evaluated, exported, and imported again as the same.
fn everything_comes_back(app: &TestApp) {
    app.refresh();
    let states = app.database.ask(
        "SELECT count(*) || ' ' || count(*) FILTER (WHERE problems <> '[]') FROM segment_refreshes \
         WHERE refresh_id = (SELECT max(id) FROM refreshes WHERE state = 'succeeded')",
    );
    let (segments, invalid) = states.split_once(' ').expect("two numbers");
    assert!(
        segments.parse::<usize>().expect("a number") > 200,
        "{segments} segments"
    );
    assert_eq!(invalid, "0", "every stored rule can be evaluated");
    let empty = TestApp::at(NOW);
    let subscribers = export(app, Content::Subscribers);
    let events = export(app, Content::Events);
    assert!(
        events.lines().count() > 20 && subscribers.contains("0001-01-01"),
        "{subscribers}"
    );
    let options = SubscriberImport {
        fields: vec![
            ("custom.seen".to_owned(), CustomType::Datetime),
            ("custom.day".to_owned(), CustomType::Date),
        ],
        ..SubscriberImport::default()
    };
    let now = app.clock.now();
    let imported = import_subscribers(empty.db(), subscribers.as_bytes(), &options, now, |_| {});
    let imported = imported.expect("the file can be imported");
    assert_eq!((imported.refused, imported.problems), (0, Vec::new()));
    let options = EventImport::default();
    let imported = import_events(empty.db(), events.as_bytes(), &options, now, |_| {});
    let imported = imported.expect("the file can be imported");
    assert_eq!((imported.refused, imported.problems), (0, Vec::new()));
    assert_eq!(export(&empty, Content::Subscribers), subscribers);
    assert_eq!(export(&empty, Content::Events), events);
}

fn export(app: &TestApp, content: Content) -> String {
    let export = prepare(
        app.db(),
        &ExportRequest::of(content),
        &app.app.refresh,
        &app.entry(),
    );
    let mut file = Vec::new();
    let written = export.expect("an export").write(&mut file, |_| {});
    written.expect("it can be written");
    String::from_utf8(file).expect("UTF-8")
}
