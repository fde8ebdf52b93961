//! Random edits of an audience, by every way there is: the API of two servers, files, their undoing, and plain SQL.

use crate::support::{TestDatabase, import_text};
use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The groups that always exist.
pub const GROUPS: [&str; 2] = ["a", "b"];
/// How many people there are at most, beside those of files.
const PEOPLE: u32 = 60;

fn equals(field: &str, value: &str) -> Value {
    json!({"text": {"field": field, "is": {"equals": value}}})
}

/// The segments: key, mode and rule.
pub fn segments() -> [(&'static str, &'static str, Value); 3] {
    let not_lt = json!({"not": equals("country", "LT")});
    [
        ("lt", "DAILY", equals("country", "LT")),
        ("pro", "INSTANT", equals("custom.plan", "pro")),
        (
            "vip",
            "INSTANT",
            json!({"all": [{"group": {"inAny": ["a"]}}, not_lt]}),
        ),
    ]
}

/// Returns what an answer has at a place; `None` if there was no answer.
fn find(answer: Option<Value>, place: &str) -> Option<Value> {
    let found = answer?.pointer(place)?.clone();
    (!found.is_null()).then_some(found)
}

/// Draws numbers; the same in every run with the same seed.
pub struct Dice(TestRng);

impl Dice {
    pub fn new(seed: u32) -> Dice {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// Others, which do not depend on how many are drawn here.
    pub fn fork(&mut self) -> Dice {
        Dice::new(self.0.next_u32())
    }

    pub fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }

    fn one_of(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.below(u32::try_from(texts.len()).expect("few texts")) as usize]
    }
}

/// Who edits.
pub struct Editor {
    dice: Dice,
    agent: ureq::Agent,
    /// How often each kind of edit was done.
    done: BTreeMap<&'static str, u32>,
}

impl Editor {
    pub fn new(dice: Dice) -> Editor {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .build();
        Editor {
            dice,
            agent: agent.into(),
            done: BTreeMap::new(),
        }
    }

    /// Makes an edit of any kind.
    pub fn edit(&mut self, database: &TestDatabase, addresses: &[String; 2]) {
        match self.dice.below(100) {
            0..4 => self.import(database),
            4..7 => self.undo_import(addresses),
            7..14 => self.plain_sql(database),
            14..22 => self.refresh(addresses),
            22..24 => self.change_rule(addresses),
            24..27 => self.change_groups(addresses),
            _ => self.edit_one(addresses),
        }
    }

    /// Makes an edit of one subscriber.
    pub fn edit_one(&mut self, addresses: &[String; 2]) {
        let email = self.email();
        match self.dice.below(20) {
            0..8 => {
                let values = json!({"country": self.dice.one_of(&["LT", "LV", "DE"]),
                    "firstName": self.dice.one_of(&["Ona", "Jonas", "Rasa"]),
                    "customFields": {"plan": self.dice.one_of(&["pro", "free"])}});
                self.upsert(addresses, &email, &values);
            }
            8..10 => {
                let status = self.dice.one_of(&["UNSUBSCRIBED", "BOUNCED", "SUBSCRIBED"]);
                self.upsert(addresses, &email, &json!({ "status": status }));
            }
            10..15 => self.members(addresses, "addToGroup", &email),
            15..18 => self.members(addresses, "removeFromGroup", &email),
            _ => self.delete(addresses, &email),
        }
    }

    fn email(&mut self) -> String {
        format!("p{}@example.com", self.dice.below(PEOPLE))
    }

    /// Sends a document to one of the servers, which may be dead.
    fn post(&mut self, addresses: &[String; 2], document: &str, variables: Value) -> Option<Value> {
        let address = &addresses[self.dice.below(2) as usize];
        let body = json!({"query": document, "variables": variables});
        let answered = self
            .agent
            .post(format!("http://{address}/graphql"))
            .send_json(body);
        let mut answer: Value = answered.ok()?.body_mut().read_json().ok()?;
        Some(answer["data"].take())
    }

    fn note(&mut self, what: &'static str, data: Option<&Value>) {
        let payload = data
            .and_then(Value::as_object)
            .and_then(|data| data.values().next());
        if payload.is_some_and(|payload| payload["userErrors"] == json!([])) {
            *self.done.entry(what).or_default() += 1;
        }
    }

    fn upsert(&mut self, addresses: &[String; 2], email: &str, values: &Value) {
        let data = self.post(
            addresses,
            "mutation ($email: String!, $values: SubscriberValuesInput) { upsertSubscriber(input: {email: $email, values: $values}) { userErrors { message } } }",
            json!({"email": email, "values": values}),
        );
        self.note("upsert", data.as_ref());
    }

    fn members(&mut self, addresses: &[String; 2], mutation: &'static str, email: &str) {
        let group = self.dice.one_of(&["a", "b", "c"]);
        let data = self.post(
            addresses,
            &format!("mutation ($group: String!, $email: String!) {{ {mutation}(input: {{group: $group, emails: [$email]}}) {{ userErrors {{ message }} }} }}"),
            json!({"group": group, "email": email}),
        );
        self.note(mutation, data.as_ref());
    }

    fn delete(&mut self, addresses: &[String; 2], email: &str) {
        let found = self.post(
            addresses,
            "query ($email: String!) { subscriber(email: $email) { id } }",
            json!({ "email": email }),
        );
        let Some(id) = find(found, "/subscriber/id") else {
            return;
        };
        let data = self.post(
            addresses,
            "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": id }),
        );
        self.note("delete", data.as_ref());
    }

    fn import(&mut self, database: &TestDatabase) {
        let mut text = "email,country,first_name\n".to_owned();
        for _ in 0..8 {
            let country = self.dice.one_of(&["LT", "LV", "DE"]);
            let number = self.dice.below(PEOPLE + 20);
            text += &format!("p{number}@example.com,{country},Imported\n");
        }
        let imported = import_text(database, "subscribers", text, &[]);
        assert!(imported.status.success(), "{imported}");
        *self.done.entry("import").or_default() += 1;
    }

    fn undo_import(&mut self, addresses: &[String; 2]) {
        let found = self.post(
            addresses,
            "{ imports(first: 1) { nodes { id } } }",
            json!({}),
        );
        let Some(id) = find(found, "/imports/nodes/0/id") else {
            return;
        };
        let data = self.post(
            addresses,
            "mutation ($id: ID!) { undoImport(input: {id: $id}) { userErrors { message } } }",
            json!({ "id": id }),
        );
        self.note("undo", data.as_ref());
    }

    fn plain_sql(&mut self, database: &TestDatabase) {
        let (third, country) = (self.dice.below(3), self.dice.one_of(&["LT", "LV"]));
        let email = self.email();
        let statement = match self.dice.below(4) {
            0 => format!("UPDATE subscribers SET country = '{country}' WHERE id % 3 = {third}"),
            1 => format!(
                "UPDATE subscribers SET custom = custom || '{{\"plan\": \"pro\"}}' WHERE id % 5 = {third}"
            ),
            2 => format!(
                "INSERT INTO group_memberships SELECT g.id, s.id, now(), 'sql' FROM groups g, subscribers s \
                 WHERE g.key = 'b' AND s.id % 4 = {third} ON CONFLICT DO NOTHING"
            ),
            _ => format!("DELETE FROM subscribers WHERE email = '{email}'"),
        };
        super::execute(database, &statement);
        *self.done.entry("sql").or_default() += 1;
    }

    fn refresh(&mut self, addresses: &[String; 2]) {
        let data = self.post(
            addresses,
            "mutation { refreshSegments(input: {}) { userErrors { message } } }",
            json!({}),
        );
        self.note("refresh", data.as_ref());
    }

    /// Changes the rule of a segment, which is filled anew then.
    fn change_rule(&mut self, addresses: &[String; 2]) {
        let found = self.post(addresses, "{ segment(key: \"lt\") { id } }", json!({}));
        let Some(id) = find(found, "/segment/id") else {
            return;
        };
        let rule = equals("country", self.dice.one_of(&["LT", "LV"]));
        let data = self.post(
            addresses,
            "mutation ($id: ID!, $rule: JSON!) { updateSegment(input: {id: $id, ruleJson: $rule}) { userErrors { message } } }",
            json!({"id": id, "rule": rule}),
        );
        self.note("rule", data.as_ref());
    }

    /// Makes a third group, or deletes it.
    fn change_groups(&mut self, addresses: &[String; 2]) {
        let found = self.post(addresses, "{ group(key: \"c\") { id } }", json!({}));
        let data = match find(found, "/group/id") {
            Some(id) => self.post(
                addresses,
                "mutation ($id: ID!) { deleteGroup(input: {id: $id}) { userErrors { message } } }",
                json!({ "id": id }),
            ),
            None => self.post(
                addresses,
                "mutation { createGroup(input: {key: \"c\"}) { userErrors { message } } }",
                json!({}),
            ),
        };
        self.note("groups", data.as_ref());
    }

    /// Makes sure that every kind of edit was done.
    #[track_caller]
    pub fn assert_everything_was_done(&self) {
        for what in [
            "upsert",
            "addToGroup",
            "removeFromGroup",
            "delete",
            "import",
            "undo",
            "sql",
            "refresh",
            "rule",
            "groups",
        ] {
            assert!(self.done.contains_key(what), "no {what}: {:?}", self.done);
        }
    }
}
