//! The history of changes as clients follow it: deletions are told, sums add up, and positions are of one history.

mod backup;
mod deletions;
mod edits;
mod migrated;
mod mirror;
mod positions;
mod sums;
mod whole_mirror;

use crate::support::{TestApp, read_answer};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::BoxStream;
use rollcall::app::App;
use rollcall::audience::api_key::Access;
use rollcall::changes::settle;
use rollcall::follow::follow_touches;
use rollcall::graphql::{Api, ApiSettings, OperationKinds, Parameters, Reply, RequestContext};
use rollcall::live::Live;
use rollcall::past::find_newest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const NOW: &str = "2026-06-15T12:00:00Z";
const FOLLOW: &str = "subscription ($key: String!, $after: ID) { membershipChanged(segment: {key: $key}, after: $after) { \
    refresh { id } joined { id email } left { id email } deletedIds joinedCount leftCount deletedCount position isLast } }";

fn country(code: &str) -> Value {
    json!({"text": {"field": "country", "is": {"equals": code}}})
}

/// Lithuanians: of a segment that waits for refreshes and of one that follows at once.
const SEGMENTS: [(&str, &str); 2] = [("lt", "DAILY"), ("now", "INSTANT")];

fn add_segments(app: &TestApp) {
    for (key, mode) in SEGMENTS {
        app.mutate(
            "mutation ($key: String!, $mode: SegmentMode!, $rule: JSON!) { \
             createSegment(input: {key: $key, mode: $mode, ruleJson: $rule}) { userErrors { message } } }",
            json!({"key": key, "mode": mode, "rule": country("LT")}),
        );
    }
}

fn follow(app: &TestApp) {
    follow_touches(app.db(), &app.app.refresh).expect("following succeeds");
}

fn set_country(app: &TestApp, name: &str, code: &str) -> String {
    app.subscriber(&format!("{name}@example.com"), json!({ "country": code }))
}

fn delete(app: &TestApp, id: &str) {
    app.mutate(
        "mutation ($id: ID!) { deleteSubscriber(input: {id: $id}) { userErrors { message } } }",
        json!({ "id": id }),
    );
}

fn ask_segment(app: &TestApp, key: &str, selection: &str) -> Value {
    let document = format!("query ($key: String!) {{ segment(key: $key) {{ {selection} }} }}");
    app.query(&document, json!({ "key": key }))["segment"].take()
}

/// The position after everything that there is now.
fn position(app: &TestApp, key: &str) -> Value {
    ask_segment(app, key, "position")["position"].take()
}

/// A server of its own over a database that others serve too: what it knows of news is its own.
pub struct OtherServer {
    api: Api,
    app: App,
    runtime: tokio::runtime::Runtime,
}

/// A subscription to one server.
pub struct Listener<'s> {
    server: &'s OtherServer,
    stream: BoxStream<'static, Reply>,
}

impl OtherServer {
    pub fn over(app: &TestApp) -> OtherServer {
        let app = App {
            live: Arc::new(Live::default()),
            ..app.app.clone()
        };
        OtherServer {
            api: Api::new(app.clone(), ApiSettings::default()),
            app,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    /// Follows a segment from a position, or from now.
    pub fn follow(&self, key: &str, after: &Value) -> Listener<'_> {
        self.listen(FOLLOW, json!({"key": key, "after": after}))
    }

    /// Subscribes.
    pub fn listen(&self, document: &str, variables: Value) -> Listener<'_> {
        let asked = json!({"query": document, "variables": variables});
        let context = RequestContext {
            operations: OperationKinds::Stream,
            access: Access::local(),
            request_id: "test".into(),
            peer: None,
        };
        let local = tokio::task::LocalSet::new();
        let stream = local.block_on(&self.runtime, async {
            let parameters = Parameters::from_json(asked).expect("a request");
            let prepared = self.api.prepare(parameters, &context);
            self.api.stream(prepared.expect("a good document"))
        });
        let server = self;
        Listener { server, stream }
    }
}

impl Listener<'_> {
    /// Waits for the next item, or the code of the error instead of it.
    #[track_caller]
    pub fn next(&mut self) -> Result<Value, String> {
        let app = &self.server.app;
        let look = |connection: &mut _| {
            settle(connection)?;
            find_newest(connection)
        };
        let newest = app.db.run_here(look).expect("the news");
        app.live.publish(newest);
        let local = tokio::task::LocalSet::new();
        let reply = local.block_on(&self.server.runtime, async {
            tokio::time::timeout(Duration::from_secs(60), self.stream.next()).await
        });
        let response = match reply.expect("something comes").expect("it goes on") {
            Reply::Next(answer) => read_answer(&answer),
            Reply::Refused(refusal) => json!({ "errors": refusal.errors }),
        };
        match response["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => {
                let data = response["data"].as_object().expect("data");
                Ok(data.values().next().expect("a field").clone())
            }
        }
    }

    /// Waits for the next item: the e-mail addresses of who joined and who left, and the ids of the deleted.
    #[track_caller]
    fn change(&mut self) -> (Vec<String>, Vec<String>, Vec<String>) {
        let item = self.next().expect("an item");
        let texts = |list: &Value, field: Option<&str>| -> Vec<String> {
            let list = list.as_array().expect("a list").iter();
            let texts = list.map(|of| field.map_or(of, |field| &of[field]).as_str());
            texts.map(|text| text.expect("text").to_owned()).collect()
        };
        let (joined, left) = (&item["joined"], &item["left"]);
        let deleted = texts(&item["deletedIds"], None);
        (
            texts(joined, Some("email")),
            texts(left, Some("email")),
            deleted,
        )
    }
}

/// Names as e-mail addresses.
fn emails(names: &[&str]) -> Vec<String> {
    let names = names.iter();
    names.map(|name| format!("{name}@example.com")).collect()
}

/// Numbers that look random and are the same in every run (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}
