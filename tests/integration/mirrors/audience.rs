//! An audience as a mirror keeps it.

use super::Servers;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The fields of people in a mirror.
pub const FIELDS: &str = "id email status firstName country plan: customField(key: \"plan\")";

const ALL: &str = "members(first: 250) { nodes { id } pageInfo { hasNextPage } }";

/// Ids of people by the id of a group or a segment.
pub type Lists = BTreeMap<String, BTreeSet<String>>;

/// People by id with their fields, and who is in what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    pub people: BTreeMap<String, Value>,
    pub groups: Lists,
    pub segments: Lists,
}

pub fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// Returns the nodes of a connection whose first page must have all.
#[track_caller]
fn nodes(connection: &Value) -> Vec<Value> {
    assert_eq!(connection["pageInfo"]["hasNextPage"], json!(false));
    connection["nodes"].as_array().expect("a list").clone()
}

fn lists(connection: &Value) -> Lists {
    let lists = nodes(connection).into_iter();
    let members = |list: &Value| nodes(&list["members"]).iter().map(id_of).collect();
    lists.map(|list| (id_of(&list), members(&list))).collect()
}

impl Audience {
    /// Loads it by the API.
    #[track_caller]
    pub fn load(servers: &Servers<'_>) -> Audience {
        let page = "pageInfo { hasNextPage }";
        let document = format!(
            "{{ subscribers(first: 250) {{ nodes {{ {FIELDS} }} {page} }} \
             groups(first: 20) {{ nodes {{ id {ALL} }} {page} }} segments(first: 20) {{ nodes {{ id {ALL} }} {page} }} }}"
        );
        let data = servers.ask(&document, json!({}));
        let people = nodes(&data["subscribers"]).into_iter();
        Audience {
            people: people.map(|person| (id_of(&person), person)).collect(),
            groups: lists(&data["groups"]),
            segments: lists(&data["segments"]),
        }
    }

    /// Loads the members of a segment; `None` if it is gone.
    #[track_caller]
    pub fn load_segment(servers: &Servers<'_>, id: &str) -> Option<BTreeSet<String>> {
        let document =
            format!("query ($id: ID!) {{ node(id: $id) {{ ... on Segment {{ {ALL} }} }} }}");
        let data = servers.ask(&document, json!({ "id": id }));
        let found = &data["node"];
        (!found.is_null()).then(|| nodes(&found["members"]).iter().map(id_of).collect())
    }

    /// Forgets deleted people.
    pub fn forget(&mut self, id: &str) {
        self.people.remove(id);
        let lists = self.groups.values_mut().chain(self.segments.values_mut());
        lists.for_each(|list| _ = list.remove(id));
    }

    /// Whether there is enough in it for a comparison to say something.
    pub fn is_worth_it(&self) -> bool {
        let members = |lists: &Lists| lists.values().map(BTreeSet::len).sum::<usize>();
        self.people.len() > 10 && members(&self.groups) > 5 && members(&self.segments) > 5
    }
}
