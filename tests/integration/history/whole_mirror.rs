//! A mirror of everything that follows the log of changes alone: people with their fields, groups, segments and the members
//! of both. What it is told are ids; the fields of people it asks for.

use super::Random;
use crate::support::TestApp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const FIELDS: &str = "id email status firstName city country updatedAt subscribedAt unsubscribedAt customFields { key value }";
const PAGE: &str = "query ($after: ID!, $first: Int!) { changes(after: $after, first: $first) { \
    changes { kind position nodeId subscriberIds } endPosition hasMore } }";

/// What the audience is.
#[derive(Debug, Default, PartialEq)]
struct Audience {
    people: BTreeMap<String, Value>,
    groups: BTreeMap<String, BTreeSet<String>>,
    segments: BTreeMap<String, BTreeSet<String>>,
}

/// What the mirror went through.
#[derive(Debug, Default)]
pub struct Seen {
    pub pages: usize,
    pub resyncs: usize,
    pub kinds: BTreeSet<String>,
}

/// A mirror, and how far it has read.
pub struct WholeMirror {
    after: Value,
    audience: Audience,
    pub seen: Seen,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Reads a list of nodes page by page.
fn list(app: &TestApp, field: &str, inner: &str) -> Vec<Value> {
    let document = format!(
        "query ($after: String) {{ {field}(first: 250, after: $after) {{ nodes {{ {inner} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let mut nodes = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = app.query(&document, json!({ "after": after }))[field].take();
        nodes.extend(page["nodes"].as_array().expect("a list").iter().cloned());
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return nodes;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

impl Audience {
    /// The audience as the API shows it.
    fn load(app: &TestApp) -> Audience {
        let mut audience = Audience::default();
        for person in list(app, "subscribers", FIELDS) {
            audience.people.insert(text(&person["id"]), person);
        }
        for (field, members) in [
            ("groups", &mut audience.groups),
            ("segments", &mut audience.segments),
        ] {
            for node in list(app, field, "id key") {
                members.insert(text(&node["id"]), members_of(app, field, &node["key"]));
            }
        }
        audience
    }
}

fn members_of(app: &TestApp, field: &str, key: &Value) -> BTreeSet<String> {
    let noun = field.trim_end_matches('s');
    let document = format!(
        "query ($key: String!, $after: String) {{ {noun}(key: $key) {{ members(first: 250, after: $after) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
    );
    let mut members = BTreeSet::new();
    let mut after = Value::Null;
    loop {
        let found = app.query(&document, json!({"key": key, "after": after}));
        let page = &found[noun]["members"];
        let nodes = page["nodes"].as_array().expect("a list").iter();
        members.extend(nodes.map(|node| text(&node["id"])));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return members;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

impl WholeMirror {
    /// Begins with the present position, and loads everything after that.
    pub fn load(app: &TestApp) -> WholeMirror {
        let after = crate::changes::position(app);
        WholeMirror {
            after,
            audience: Audience::load(app),
            seen: Seen::default(),
        }
    }

    /// Reads until there is nothing more, now from one server and then from the other, or loads everything anew.
    pub fn catch_up(&mut self, servers: [&TestApp; 2], random: &mut Random) {
        loop {
            let server = servers[random.below(2)];
            let first = [1, 3, 50, 250][random.below(4)];
            let mut response = server.respond(PAGE, json!({"after": self.after, "first": first}));
            if let Some(error) = response.get("errors") {
                assert_eq!(error[0]["extensions"]["code"], "RESYNC", "{response}");
                let seen = std::mem::take(&mut self.seen);
                *self = WholeMirror::load(server);
                self.seen = seen;
                self.seen.resyncs += 1;
                return;
            }
            let page = response["data"]["changes"].take();
            self.seen.pages += 1;
            let mut stale = BTreeSet::new();
            for change in page["changes"].as_array().expect("a list") {
                self.apply(change, &mut stale);
            }
            self.ask_for(server, &stale);
            self.after = page["endPosition"].clone();
            if page["hasMore"] == json!(false) {
                return;
            }
        }
    }

    fn apply(&mut self, change: &Value, stale: &mut BTreeSet<String>) {
        let ids = change["subscriberIds"].as_array().expect("a list");
        let ids: Vec<String> = ids.iter().map(text).collect();
        let node = change["nodeId"].as_str().unwrap_or_default().to_owned();
        let kind = text(&change["kind"]);
        let Audience {
            people,
            groups,
            segments,
        } = &mut self.audience;
        match kind.as_str() {
            "SUBSCRIBER_CREATED" | "SUBSCRIBER_UPDATED" | "SUBSCRIBER_STATUS_CHANGED" => {
                stale.extend(ids);
            }
            "SUBSCRIBER_DELETED" => {
                for id in &ids {
                    people.remove(id);
                    stale.remove(id);
                    for members in groups.values_mut().chain(segments.values_mut()) {
                        members.remove(id);
                    }
                }
            }
            "GROUP_MEMBERS_ADDED" => groups.entry(node).or_default().extend(ids),
            "SEGMENT_MEMBERS_JOINED" => segments.entry(node).or_default().extend(ids),
            "GROUP_MEMBERS_REMOVED" | "SEGMENT_MEMBERS_LEFT" => {
                let of = if kind.starts_with("GROUP") {
                    groups
                } else {
                    segments
                };
                let members = of.entry(node).or_default();
                members.retain(|id| !ids.contains(id));
            }
            "GROUP_CREATED" => _ = groups.entry(node).or_default(),
            "SEGMENT_CREATED" => _ = segments.entry(node).or_default(),
            "GROUP_DELETED" => drop(groups.remove(&node)),
            "SEGMENT_DELETED" => drop(segments.remove(&node)),
            _ => {}
        }
        self.seen.kinds.insert(kind);
    }

    /// Asks for the fields of people; those who do not exist any more are told later to be deleted.
    fn ask_for(&mut self, app: &TestApp, stale: &BTreeSet<String>) {
        let stale: Vec<&String> = stale.iter().collect();
        for ids in stale.chunks(250) {
            let document = format!(
                "query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Subscriber {{ {FIELDS} }} }} }}"
            );
            let found = app.query(&document, json!({ "ids": ids }));
            for person in found["nodes"].as_array().expect("a list") {
                if !person.is_null() {
                    self.audience
                        .people
                        .insert(text(&person["id"]), person.clone());
                }
            }
        }
    }

    /// Compares the mirror with the audience.
    #[track_caller]
    pub fn check(&self, app: &TestApp, what: &str) {
        let audience = Audience::load(app);
        assert_eq!(self.audience.segments, audience.segments, "segments {what}");
        assert_eq!(self.audience.groups, audience.groups, "groups {what}");
        assert_eq!(self.audience.people, audience.people, "people {what}");
    }
}
