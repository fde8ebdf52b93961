//! The mirror that is kept by the messages of a webhook alone.

use super::Servers;
use super::audience::{Audience, id_of};
use super::receiving::ReceiverProcess;
use serde_json::{Value, json};
use std::collections::HashSet;

const TYPES: [&str; 10] = [
    "SUBSCRIBER_CREATED",
    "SUBSCRIBER_UPDATED",
    "SUBSCRIBER_STATUS_CHANGED",
    "SUBSCRIBER_DELETED",
    "GROUP_CREATED",
    "GROUP_DELETED",
    "GROUP_MEMBERS_CHANGED",
    "SEGMENT_CREATED",
    "SEGMENT_DELETED",
    "SEGMENT_MEMBERS_CHANGED",
];

/// What a receiver knows.
pub struct WebhookMirror {
    pub audience: Audience,
    pub resyncs: usize,
    pub messages: usize,
    seen: HashSet<String>,
}

impl WebhookMirror {
    /// Makes the webhook, and returns its id. Few people a message, so that changes come in parts.
    #[track_caller]
    pub fn create(servers: &Servers<'_>, url: &str) -> String {
        let input = json!({"name": "mirror", "url": url, "types": TYPES, "peoplePerMessage": 3,
            "fields": ["status", "firstName", "country", "custom.plan"]});
        let data = servers.ask(
            "mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } userErrors { message } } }",
            json!({ "input": input }),
        );
        id_of(&data["createWebhook"]["webhook"])
    }

    #[track_caller]
    pub fn enable(servers: &Servers<'_>, id: &str) {
        let data = servers.ask(
            "mutation ($id: ID!) { updateWebhook(input: {id: $id, isEnabled: true}) { webhook { isEnabled } userErrors { message } } }",
            json!({ "id": id }),
        );
        assert_eq!(data["updateWebhook"]["webhook"]["isEnabled"], true);
    }

    /// Loads everything; what changes meanwhile is told.
    #[track_caller]
    pub fn load(servers: &Servers<'_>) -> WebhookMirror {
        WebhookMirror {
            audience: Audience::load(servers),
            resyncs: 0,
            messages: 0,
            seen: HashSet::new(),
        }
    }

    /// Takes what came since the last call.
    #[track_caller]
    pub fn take(&mut self, servers: &Servers<'_>, receiver: &mut ReceiverProcess) {
        for message in receiver.take() {
            // A message may come twice.
            if self.seen.insert(message.id) {
                self.messages += 1;
                self.apply(servers, &message.body);
            }
        }
    }

    /// Applies a message, as the documentation tells receivers to.
    #[track_caller]
    fn apply(&mut self, servers: &Servers<'_>, message: &Value) {
        let data = &message["data"];
        let people = |side: &str| data[side].as_array().cloned().unwrap_or_default();
        let ids = |side: &str| people(side).iter().map(id_of).collect::<Vec<_>>();
        let about = |what: &str| id_of(&data[what]);
        let audience = &mut self.audience;
        match message["type"].as_str().expect("a type") {
            "subscriber.created" | "subscriber.updated" | "subscriber.status_changed" => {
                for person in people("people") {
                    let known = audience.people.entry(id_of(&person)).or_default();
                    *known = json!({"id": person["id"], "email": person["email"], "status": person["status"],
                        "firstName": person["firstName"], "country": person["country"], "plan": person["custom.plan"]});
                }
            }
            "subscriber.deleted" => {
                for id in data["deletedIds"].as_array().expect("a list") {
                    audience.forget(id.as_str().expect("an id"));
                }
            }
            "group.created" => _ = audience.groups.entry(about("group")).or_default(),
            "group.deleted" => _ = audience.groups.remove(&about("group")),
            "segment.created" => _ = audience.segments.entry(about("segment")).or_default(),
            "segment.deleted" => _ = audience.segments.remove(&about("segment")),
            "group.members.changed" => {
                if let Some(list) = audience.groups.get_mut(&about("group")) {
                    list.extend(ids("added"));
                    ids("removed").iter().for_each(|id| _ = list.remove(id));
                }
            }
            "segment.members.changed" => {
                if let Some(list) = audience.segments.get_mut(&about("segment")) {
                    list.extend(ids("joined"));
                    ids("left").iter().for_each(|id| _ = list.remove(id));
                }
            }
            "segment.filled" => {
                let id = about("segment");
                if let Some(loaded) = Audience::load_segment(servers, &id) {
                    audience.segments.insert(id, loaded);
                }
            }
            "webhook.resync" => {
                self.resyncs += 1;
                self.audience = Audience::load(servers);
            }
            other => panic!("{other} was not asked for"),
        }
    }
}
