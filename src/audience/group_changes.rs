//! Changes of the groups of subscribers, made in the same transaction as the changes of their values.

use crate::db::schema::{group_memberships, groups};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{nearest, shorten};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// The most groups that the changes of one subscriber may name.
const MAX_NAMES: usize = 250;

/// How an input names a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupName {
    /// The key of the group.
    Key(String),
    /// The id of the group.
    Id(i64),
}

/// The changes of the groups of a subscriber.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupChanges {
    /// The groups to add the subscriber to.
    pub add: Vec<GroupName>,
    /// The groups to remove the subscriber from.
    pub remove: Vec<GroupName>,
    /// The only groups that the subscriber is in afterwards, if given.
    pub set: Option<Vec<GroupName>>,
}

/// The groups of [`GroupChanges`], by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupIds {
    add: BTreeSet<i64>,
    remove: BTreeSet<i64>,
    /// Whether the subscriber leaves every group that `add` does not name.
    leaves_others: bool,
}

impl GroupChanges {
    fn lists(&self) -> [(&'static str, &[GroupName]); 3] {
        [
            ("add", &self.add),
            ("remove", &self.remove),
            ("set", self.set.as_deref().unwrap_or_default()),
        ]
    }

    fn names(&self) -> impl Iterator<Item = &GroupName> {
        self.lists().into_iter().flat_map(|(_, names)| names)
    }

    /// Replaces names by ids.
    ///
    /// # Errors
    /// Every name without a group, lists that contradict each other, or too many names.
    pub fn resolve(&self, known: &KnownGroups) -> Result<GroupIds, Vec<InputProblem>> {
        let asked = self.names().count();
        if asked > MAX_NAMES {
            let message = format!("expected at most {MAX_NAMES} groups, found {asked}");
            return Err(vec![InputProblem::new(
                InputCode::Invalid,
                "groups",
                message,
            )]);
        }
        let mut problems = Vec::new();
        if self.set.is_some() && !(self.add.is_empty() && self.remove.is_empty()) {
            let message = "expected either \"set\" or \"add\" and \"remove\", found both";
            problems.push(InputProblem::new(InputCode::Invalid, "groups.set", message));
        }
        let mut ids = GroupIds {
            leaves_others: self.set.is_some(),
            ..GroupIds::default()
        };
        for (list, names) in self.lists() {
            for (place, name) in names.iter().enumerate() {
                let path = format!("groups.{list}[{place}]");
                match known.get(name) {
                    None => problems.push(known.unknown(name, path)),
                    Some(id) if list == "remove" && ids.add.contains(&id) => {
                        let message = "the group is in \"add\" too";
                        problems.push(InputProblem::new(InputCode::Invalid, path, message));
                    }
                    Some(id) if list == "remove" => _ = ids.remove.insert(id),
                    Some(id) => _ = ids.add.insert(id),
                }
            }
        }
        if problems.is_empty() {
            Ok(ids)
        } else {
            Err(problems)
        }
    }
}

/// The existing groups that inputs name.
#[derive(Debug, Default)]
pub struct KnownGroups {
    by_key: HashMap<String, i64>,
    ids: BTreeSet<i64>,
    /// The keys of all groups, loaded only if a name has no group.
    all: Vec<String>,
}

impl KnownGroups {
    /// Finds the groups named in `changes`, and keeps them from being deleted until the end of this transaction. They
    /// are locked in the order of their ids, before any subscriber.
    pub fn lock<'c>(
        connection: &mut PgConnection,
        changes: impl Iterator<Item = &'c GroupChanges>,
    ) -> Result<KnownGroups, Error> {
        let names: BTreeSet<&GroupName> = changes.flat_map(GroupChanges::names).collect();
        if names.is_empty() {
            return Ok(KnownGroups::default());
        }
        let (mut keys, mut ids) = (Vec::new(), Vec::new());
        for name in &names {
            match name {
                GroupName::Key(key) => keys.push(key.as_str()),
                GroupName::Id(id) => ids.push(*id),
            }
        }
        let rows: Vec<(i64, String)> = groups::table
            .filter(groups::key.eq_any(keys).or(groups::id.eq_any(ids)))
            .order(groups::id)
            .select((groups::id, groups::key))
            .for_key_share()
            .load(connection)?;
        let mut known = KnownGroups {
            ids: rows.iter().map(|(id, _)| *id).collect(),
            by_key: rows.into_iter().map(|(id, key)| (key, id)).collect(),
            all: Vec::new(),
        };
        if names.iter().any(|name| known.get(name).is_none()) {
            known.all = groups::table.select(groups::key).load(connection)?;
        }
        Ok(known)
    }

    fn get(&self, name: &GroupName) -> Option<i64> {
        match name {
            GroupName::Key(key) => self.by_key.get(key).copied(),
            GroupName::Id(id) => self.ids.get(id).copied(),
        }
    }

    fn unknown(&self, name: &GroupName, path: String) -> InputProblem {
        match name {
            GroupName::Key(key) => {
                let message = format!(
                    "expected the key or the id of a group, found \"{}\", which does not exist",
                    shorten(key)
                );
                let hint = nearest(key, self.all.iter().map(String::as_str));
                InputProblem::new(InputCode::NotFound, path, message).with_hint(hint)
            }
            GroupName::Id(_) => {
                let message = "no group has this id";
                InputProblem::new(InputCode::NotFound, path, message)
            }
        }
    }
}

/// Changes the groups of a subscriber whose row this transaction has locked or made, and returns whether any membership
/// changed. A membership that stays keeps the time at which it began.
pub fn change_groups(
    connection: &mut PgConnection,
    subscriber_id: i64,
    groups: &GroupIds,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let of_subscriber =
        || group_memberships::table.filter(group_memberships::subscriber_id.eq(subscriber_id));
    let mut changed = 0;
    if groups.leaves_others {
        let others = of_subscriber().filter(group_memberships::group_id.ne_all(&groups.add));
        changed += diesel::delete(others).execute(connection)?;
    } else if !groups.remove.is_empty() {
        let named = of_subscriber().filter(group_memberships::group_id.eq_any(&groups.remove));
        changed += diesel::delete(named).execute(connection)?;
    }
    let added = groups.add.iter().map(|id| {
        (
            group_memberships::group_id.eq(*id),
            group_memberships::subscriber_id.eq(subscriber_id),
            group_memberships::added_at.eq(now),
            group_memberships::source.eq("api"),
        )
    });
    let added: Vec<_> = added.collect();
    if !added.is_empty() {
        changed += diesel::insert_into(group_memberships::table)
            .values(added)
            .on_conflict_do_nothing()
            .execute(connection)?;
    }
    Ok(changed > 0)
}
