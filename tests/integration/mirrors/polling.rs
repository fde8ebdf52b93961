//! The mirror that is kept by `changes(after:)` alone.

use super::Servers;
use super::audience::{Audience, FIELDS, id_of};
use serde_json::{Value, json};

/// What a poller knows, and the position that it is at.
pub struct ChangeMirror {
    pub audience: Audience,
    pub resyncs: usize,
    after: Value,
}

impl ChangeMirror {
    /// Asks for the present position, and loads everything then.
    #[track_caller]
    pub fn load(servers: &Servers<'_>) -> ChangeMirror {
        let data = servers.ask("{ changes { endPosition } }", json!({}));
        ChangeMirror {
            after: data["changes"]["endPosition"].clone(),
            audience: Audience::load(servers),
            resyncs: 0,
        }
    }

    /// Reads everything that it does not know.
    #[track_caller]
    pub fn catch_up(&mut self, servers: &Servers<'_>) {
        let document = format!(
            "query ($after: ID) {{ changes(after: $after, first: 30) {{ endPosition hasMore \
             changes {{ kind nodeId subscriberIds subscribers {{ {FIELDS} }} }} }} }}"
        );
        for turn in 0.. {
            let server = &servers.running[turn % 2];
            let (_, answer) = server.post(&document, json!({ "after": self.after }));
            if answer["errors"][0]["extensions"]["code"] == json!("RESYNC") {
                let resyncs = self.resyncs + 1;
                *self = ChangeMirror::load(servers);
                self.resyncs = resyncs;
                continue;
            }
            assert_eq!(answer.get("errors"), None, "{answer}");
            let page = &answer["data"]["changes"];
            for change in page["changes"].as_array().expect("a list") {
                self.take(change);
            }
            self.after = page["endPosition"].clone();
            if page["hasMore"] == json!(false) {
                return;
            }
        }
    }

    fn take(&mut self, change: &Value) {
        let ids = change["subscriberIds"].as_array().expect("a list").iter();
        let ids = ids.map(|id| id.as_str().expect("an id").to_owned());
        let about = change["nodeId"].as_str().unwrap_or_default().to_owned();
        let audience = &mut self.audience;
        match change["kind"].as_str().expect("a kind") {
            "SUBSCRIBER_CREATED" | "SUBSCRIBER_UPDATED" | "SUBSCRIBER_STATUS_CHANGED" => {
                let people = change["subscribers"].as_array().expect("a list").iter();
                audience
                    .people
                    .extend(people.map(|person| (id_of(person), person.clone())));
            }
            "SUBSCRIBER_DELETED" => ids.for_each(|id| audience.forget(&id)),
            "GROUP_CREATED" => _ = audience.groups.entry(about).or_default(),
            "GROUP_DELETED" => _ = audience.groups.remove(&about),
            "SEGMENT_CREATED" => _ = audience.segments.entry(about).or_default(),
            "SEGMENT_DELETED" => _ = audience.segments.remove(&about),
            kind => {
                let lists = match kind.starts_with("GROUP") {
                    true => &mut audience.groups,
                    false => &mut audience.segments,
                };
                // Nothing is told of a list before it is created, or after it is deleted.
                match (kind, lists.get_mut(&about)) {
                    ("GROUP_MEMBERS_ADDED" | "SEGMENT_MEMBERS_JOINED", Some(list)) => {
                        list.extend(ids);
                    }
                    ("GROUP_MEMBERS_REMOVED" | "SEGMENT_MEMBERS_LEFT", Some(list)) => {
                        ids.for_each(|id| _ = list.remove(&id));
                    }
                    _ => {}
                }
            }
        }
    }
}
