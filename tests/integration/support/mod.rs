//! What the tests share: the cluster, a database of their own for each, and the API over it.

mod cluster;
mod observe;
mod process;
mod socket;
mod terminal;
mod tools;

pub use cluster::{COUNTS_ARE_RIGHT, TestDatabase, cluster_dir};
pub use observe::{Held, eventually};
pub use process::{Finished, Server, import_text, rollcall, run, run_within, without_settings};
pub use socket::{Socket, keep_little};
pub use terminal::{Watched, watch};
pub use tools::{Workshop, postgres18, python};

use chrono::{DateTime, Utc};
use rollcall::app::App;
use rollcall::audience::api_key::Access;
use rollcall::audience::audit::Entry;
use rollcall::audience::setting::{Missing, SettingKey, settle};
use rollcall::clock::Clock;
use rollcall::db::Db;
use rollcall::graphql::{
    Answer, Api, ApiSettings, OperationKinds, Parameters, RequestContext, write_response,
};
use rollcall::import::{ImportSettings, Spool};
use rollcall::past::{Refresh, Trigger};
use rollcall::refresh::{Selection, refresh};
use rollcall::scan::RefreshSettings;
use rollcall::scan::{Meter, RULE_BUDGET};
use rollcall::webhook::{SendRules, WebhookSettings};
use serde_json::{Value, json};
use std::sync::Arc;

/// An application over a database of its own, with a clock that stands until it is set.
pub struct TestApp {
    pub database: Arc<TestDatabase>,
    pub app: App,
    pub clock: Clock,
    api: Api,
    runtime: tokio::runtime::Runtime,
    _spool: tempfile::TempDir,
}

impl TestApp {
    /// An application at this instant, in UTC, refreshing daily at 03:00.
    pub fn at(now: &str) -> TestApp {
        TestApp::in_zone(now, chrono_tz::UTC)
    }

    /// The same in a time zone.
    pub fn in_zone(now: &str, zone: chrono_tz::Tz) -> TestApp {
        TestApp::over(TestDatabase::new(), now, zone)
    }

    /// The same over a database that has something in it already.
    pub fn over(database: TestDatabase, now: &str, zone: chrono_tz::Tz) -> TestApp {
        let given = [(SettingKey::TimeZone, zone.name().to_owned())];
        let settled = database
            .db
            .run_here(|connection| settle(connection, &given, Missing::Defaults));
        assert_eq!(settled.expect("the settings are stored"), []);
        let db = database.db.clone();
        let clock = Clock::standing_at(instant(now));
        TestApp::with(Arc::new(database), db, clock)
    }

    /// Another server over the same database, with connections of its own and the same clock.
    pub fn beside(&self) -> TestApp {
        self.beside_with(6)
    }

    /// Another server over the same database, with so many connections of its own and the same clock.
    pub fn beside_with(&self, connections: u32) -> TestApp {
        let db = Db::open(&self.database.url, connections).expect("the cluster answers");
        let database = Arc::clone(&self.database);
        TestApp::with(database, db, self.clock.clone())
    }

    fn with(database: Arc<TestDatabase>, db: Db, clock: Clock) -> TestApp {
        let spool = tempfile::tempdir().expect("a directory for files to import");
        let app = App {
            db,
            refresh: RefreshSettings {
                workers: 2,
                clock: clock.clone(),
                meter: Meter::default(),
                cancel: Default::default(),
                rule_budget: RULE_BUDGET,
            },
            scans: Arc::default(),
            pending: Arc::default(),
            live: Arc::default(),
            changed: Arc::default(),
            keys_changed: Arc::default(),
            imports: ImportSettings {
                clock: clock.clone(),
                spool: Spool::new(spool.path().to_owned(), 50_000_000),
                batch_rows: 5_000,
                is_stopping: Arc::default(),
            },
            import_ready: Arc::default(),
            bulk_ready: Arc::default(),
            refusals: Arc::default(),
            // Receivers of tests listen on this machine.
            webhooks: WebhookSettings::new(
                SendRules {
                    allow_http: true,
                    allow_private: true,
                },
                String::new(),
            ),
            webhooks_due: Arc::default(),
        };
        TestApp {
            database,
            api: Api::new(app.clone(), ApiSettings::default()),
            app,
            clock,
            _spool: spool,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    /// Answers as a subgraph of Apollo Federation from now on.
    pub fn become_subgraph(&mut self) {
        let settings = ApiSettings {
            is_subgraph: true,
            ..ApiSettings::default()
        };
        self.api = Api::new(self.app.clone(), settings);
    }

    pub fn db(&self) -> &Db {
        &self.app.db
    }

    /// All that is held about a person, as the export of a person tells it.
    pub fn person(&self, email: &str) -> Result<Value, rollcall::export::ExportError> {
        let mut document = Vec::new();
        rollcall::export::write_person(self.db(), email, false, &mut document, &self.entry())?;
        Ok(serde_json::from_slice(&document).expect("a document"))
    }

    /// What the audit log says of something that a test does below the API.
    pub fn entry(&self) -> Entry {
        Entry::of_system("test", self.clock.now())
    }

    pub fn set_time(&self, now: &str) {
        self.clock.set(instant(now));
    }

    /// Runs a document and returns the whole response.
    pub fn respond(&self, document: &str, variables: Value) -> Value {
        self.respond_to(&Access::local(), document, variables)
    }

    /// Runs a document of somebody who may do that much, and returns the whole response.
    pub fn respond_to(&self, access: &Access, document: &str, variables: Value) -> Value {
        let asked = json!({ "query": document, "variables": variables });
        let parameters = Parameters::from_json(asked).expect("a request");
        self.answer(access, parameters)
    }

    /// Answers the text of a body with the text of a response, as the server does.
    pub fn respond_to_text(&self, body: &str) -> String {
        let json = Parameters::parse_json(body.as_bytes()).expect("JSON");
        let mut parameters = Parameters::from_json(json).expect("a request");
        parameters.find_lost_digits(body.as_bytes(), &["variables"]);
        self.answer(&Access::local(), parameters).to_string()
    }

    fn answer(&self, access: &Access, parameters: Parameters) -> Value {
        let context = RequestContext {
            operations: OperationKinds::Once,
            access: *access,
            request_id: "test".into(),
            peer: None,
        };
        // One thread with local tasks, as a worker of the server is.
        let local = tokio::task::LocalSet::new();
        let answer = async {
            match self.api.prepare(parameters, &context) {
                Ok(prepared) => read_answer(&self.api.answer(prepared).await),
                Err(refusal) => json!({ "errors": refusal.errors }),
            }
        };
        local.block_on(&self.runtime, answer)
    }

    /// Runs a document that must succeed and returns its data.
    #[track_caller]
    pub fn query(&self, document: &str, variables: Value) -> Value {
        let mut response = self.respond(document, variables);
        assert_eq!(response.get("errors"), None, "{document}");
        response["data"].take()
    }

    /// Runs a mutation that must succeed and returns its payload, the only field of the data.
    #[track_caller]
    pub fn mutate(&self, document: &str, variables: Value) -> Value {
        let payload = self.payload(document, variables);
        assert_eq!(payload["userErrors"], json!([]), "{document}");
        payload
    }

    /// Runs a mutation and returns its payload, with `userErrors` or without.
    #[track_caller]
    pub fn payload(&self, document: &str, variables: Value) -> Value {
        let mut data = self.query(document, variables);
        let data = data.as_object_mut().expect("an object");
        let (_, payload) = data.iter_mut().next().expect("a field");
        payload.take()
    }

    /// Makes a subscriber and returns its global id.
    #[track_caller]
    pub fn subscriber(&self, email: &str, values: Value) -> String {
        let payload = self.mutate(
            "mutation ($email: String!, $values: SubscriberValuesInput!) { \
             upsertSubscriber(input: {email: $email, values: $values}) { subscriber { id } userErrors { message path } } }",
            json!({ "email": email, "values": values }),
        );
        payload["subscriber"]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Makes a group with these members.
    #[track_caller]
    pub fn group(&self, key: &str, emails: &[&str]) {
        self.mutate(
            "mutation ($key: String!) { createGroup(input: {key: $key}) { userErrors { message } } }",
            json!({ "key": key }),
        );
        if !emails.is_empty() {
            self.mutate(
                "mutation ($key: String!, $emails: [String!]!) { \
                 addToGroup(input: {group: $key, emails: $emails}) { userErrors { message } } }",
                json!({ "key": key, "emails": emails }),
            );
        }
    }

    /// Records an event.
    #[track_caller]
    pub fn event(&self, email: &str, name: &str, occurred_at: &str, value: Option<f64>) {
        self.mutate(
            "mutation ($event: EventInput!) { recordEvents(input: {events: [$event]}) { userErrors { message path } } }",
            json!({ "event": { "email": email, "name": name, "occurredAt": occurred_at, "value": value } }),
        );
    }

    /// Makes a segment, without refreshing it, and returns its global id.
    #[track_caller]
    pub fn segment(&self, key: &str, rule: Value) -> String {
        let payload = self.mutate(
            "mutation ($key: String!, $rule: JSON!) { createSegment(input: {key: $key, ruleJson: $rule}) { \
             segment { id } userErrors { code message path hint } } }",
            json!({ "key": key, "rule": rule }),
        );
        payload["segment"]["id"].as_str().expect("an id").to_owned()
    }

    /// Refreshes all segments now.
    #[track_caller]
    pub fn refresh(&self) -> Refresh {
        refresh(
            self.db(),
            &Selection::All,
            Trigger::Manual,
            &self.app.refresh,
        )
        .expect("a refresh")
    }

    /// Returns the e-mail addresses of the members of a segment, sorted.
    #[track_caller]
    pub fn members(&self, key: &str) -> Vec<String> {
        let data = self.query(
            "query ($key: String!) { segment(key: $key) { memberCount members(first: 250, orderBy: EMAIL) { \
             totalCount nodes { email } } } }",
            json!({ "key": key }),
        );
        let segment = &data["segment"];
        let nodes = segment["members"]["nodes"].as_array().expect("a list");
        let emails: Vec<String> = nodes
            .iter()
            .map(|node| node["email"].as_str().expect("an e-mail").to_owned())
            .collect();
        assert_eq!(segment["memberCount"], segment["members"]["totalCount"]);
        if emails.len() < 250 {
            assert_eq!(segment["memberCount"], json!(emails.len()));
        }
        emails
    }
}

/// Reads an instant.
#[track_caller]
pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse()
        .expect("an instant such as 2026-03-01T09:30:00Z")
}

/// Reads an answer as a client does.
pub fn read_answer(answer: &Answer) -> Value {
    serde_json::from_slice(&write_response(&answer.response)).expect("JSON")
}
