//! The names that rules can use at one time: custom fields, groups and segments.

use super::field::{CustomType, Field, custom_field, list_builtin_fields};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A segment that rules can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownSegment {
    /// Its id.
    pub id: i64,
    /// The keys of the segments that its own rule uses.
    pub uses: Vec<String>,
}

/// The custom fields, groups and segments that exist at one time, so that rules can use them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Type of each custom field by key.
    pub custom_fields: BTreeMap<String, CustomType>,
    /// Id of each group by key.
    pub groups: BTreeMap<String, i64>,
    /// The segments by key.
    pub segments: BTreeMap<String, KnownSegment>,
}

impl Catalogue {
    /// Returns the field with this name, if there is one.
    pub fn find_field(&self, name: &str) -> Option<Field> {
        if let Some(key) = name.strip_prefix("custom.") {
            let custom_type = self.custom_fields.get(key)?;
            return Some(custom_field(key, *custom_type));
        }
        list_builtin_fields()
            .into_iter()
            .find(|(builtin, _)| *builtin == name)
            .map(|(_, field)| field)
    }

    /// Returns the shortest path from one segment to another along the segments that rules use, both ends included.
    /// Returns `None` if there is no path.
    pub fn find_path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting = VecDeque::from([from]);
        while let Some(key) = waiting.pop_front() {
            if key == to {
                let mut path = vec![to.to_owned()];
                let mut place = to;
                while let Some(before) = came_from.get(place).filter(|_| place != from) {
                    path.push((*before).to_owned());
                    place = before;
                }
                path.reverse();
                return Some(path);
            }
            for next in self.segments.get(key).map_or(&[][..], |known| &known.uses) {
                if next != from && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, key);
                    waiting.push_back(next);
                }
            }
        }
        None
    }

    /// Lists the keys of the segments whose rules use this segment, directly or through other segments.
    pub fn list_leading_to(&self, key: &str) -> BTreeSet<&str> {
        let mut asking: HashMap<&str, Vec<&str>> = HashMap::new();
        for (by, known) in &self.segments {
            for asked in &known.uses {
                asking.entry(asked).or_default().push(by);
            }
        }
        let mut waiting: Vec<&str> = asking.get(key).cloned().unwrap_or_default();
        let mut found = BTreeSet::new();
        while let Some(by) = waiting.pop() {
            if found.insert(by) {
                waiting.extend(asking.get(by).into_iter().flatten());
            }
        }
        found
    }

    /// Lists the names of all fields that a node of this type can test.
    pub fn list_field_names(&self, node_name: &str) -> Vec<String> {
        let builtin = list_builtin_fields()
            .into_iter()
            .filter(|(_, field)| field.node_name() == node_name)
            .map(|(name, _)| name.to_owned());
        let custom = self
            .custom_fields
            .iter()
            .filter(|(key, custom_type)| custom_field(key, **custom_type).node_name() == node_name)
            .map(|(key, _)| format!("custom.{key}"));
        builtin.chain(custom).collect()
    }

    /// Lists the ids of these segments and of all segments that their rules use, directly or through other segments.
    pub fn list_asked(&self, ids: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        self.follow(ids, &self.edges(false))
    }

    /// Lists the ids of these segments and of all segments that are connected with them by rules, in either direction.
    pub fn list_connected(&self, ids: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        self.follow(ids, &self.edges(true))
    }

    /// Returns the ids of the segments that each segment's rule uses. If `both_ways`, adds the segments whose rules use
    /// it.
    fn edges(&self, both_ways: bool) -> HashMap<i64, Vec<i64>> {
        let mut edges: HashMap<i64, Vec<i64>> = HashMap::new();
        for asking in self.segments.values() {
            for asked in asking.uses.iter().filter_map(|key| self.segments.get(key)) {
                edges.entry(asking.id).or_default().push(asked.id);
                if both_ways {
                    edges.entry(asked.id).or_default().push(asking.id);
                }
            }
        }
        edges
    }

    fn follow(
        &self,
        ids: impl IntoIterator<Item = i64>,
        edges: &HashMap<i64, Vec<i64>>,
    ) -> BTreeSet<i64> {
        let mut waiting: Vec<i64> = ids.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if found.insert(id) {
                waiting.extend(edges.get(&id).into_iter().flatten());
            }
        }
        found
    }
}
