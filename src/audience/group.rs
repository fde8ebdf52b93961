//! Groups: members chosen by hand.

use super::clean::clean_text;
use super::dependency::refuse_if_used;
use super::key::check_key;
use super::member_count::count_group_members;
use super::named_list::{Named, NamedFilter, NamedKey, NamedOrder, NamedPage, make_page};
use super::paging::PageRequest;
use super::rule_lock::lock_rules;
use super::tags::Tags;
use super::version::check_version;
use crate::db::schema::{group_memberships, groups, subscribers};
use crate::db::{in_transaction, statement};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::DependencyKind;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, QueryableByName, Selectable, Identifiable)]
#[diesel(table_name = groups, check_for_backend(diesel::pg::Pg))]
pub struct Group {
    /// Its id.
    pub id: i64,
    /// Its immutable name in rules and imports.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The description of its purpose.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its name, description or tags last changed.
    pub updated_at: DateTime<Utc>,
    /// Its version, which the database increments with every change of its name, description or tags.
    pub version: i32,
    /// Free words by which people find it.
    #[diesel(deserialize_as = Vec<Option<String>>)]
    pub tags: Tags,
}

/// A group to make.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewGroup<'a> {
    /// Its immutable name in rules and imports.
    pub key: &'a str,
    /// Its name for people; the key if absent.
    pub name: Option<&'a str>,
    /// The description of its purpose.
    pub description: Option<&'a str>,
    /// Free words by which people find it.
    pub tags: &'a [String],
}

/// The result of adding subscribers to a group or removing them from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberChange {
    /// How many memberships changed.
    pub changed: usize,
    /// How many existing subscribers needed no change.
    pub unchanged: usize,
    /// How many of the subscribers do not exist.
    pub unknown: usize,
}

impl MemberChange {
    fn new(asked: &[i64], existing: usize, changed: usize) -> MemberChange {
        let mut distinct = asked.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        MemberChange {
            changed,
            unchanged: existing.saturating_sub(changed),
            unknown: distinct.len().saturating_sub(existing),
        }
    }
}

/// Finds groups by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Group>, Error> {
    Ok(groups::table
        .filter(groups::id.eq_any(ids))
        .select(Group::as_select())
        .load(connection)?)
}

/// Finds a group by key.
pub fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<Group>, Error> {
    Ok(find_by_keys(connection, &[key.to_owned()])?.pop())
}

/// Finds groups by key, in no particular order.
pub fn find_by_keys(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Group>, Error> {
    Ok(groups::table
        .filter(groups::key.eq_any(keys))
        .select(Group::as_select())
        .load(connection)?)
}

/// Returns the group with that key.
///
/// # Errors
/// [`Error::Invalid`] at `path`, with the nearest known key, if there is no such group.
pub fn get_by_key(connection: &mut PgConnection, key: &str, path: &str) -> Result<Group, Error> {
    if let Some(group) = find_by_key(connection, key)? {
        return Ok(group);
    }
    let known: Vec<String> = groups::table.select(groups::key).load(connection)?;
    let message = format!("expected the key of a group, found \"{key}\", which does not exist");
    let hint = crate::rule::nearest(key, known.iter().map(String::as_str));
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::NotFound, path, message).with_hint(hint),
    ]))
}

/// Lists a page of the groups that match a filter, each with its place in the order, and counts all that match.
pub fn list_page(
    connection: &mut PgConnection,
    filter: &NamedFilter,
    order: NamedOrder,
    request: &PageRequest<NamedKey>,
) -> Result<NamedPage<Group>, Error> {
    let rows: Vec<Group> = groups::table.select(Group::as_select()).load(connection)?;
    let items = rows.iter().map(|group| Named {
        id: group.id,
        key: group.key.clone(),
        name: group.name.clone(),
        tags: group.tags.clone(),
        updated_at: group.updated_at,
    });
    let items = items.collect();
    let load = |_: &mut PgConnection, _: &[i64]| {
        Ok(rows.into_iter().map(|group| (group.id, group)).collect())
    };
    let what = (filter, order);
    make_page(connection, items, what, request, count_group_members, load)
}

/// Finds the group with that key, or else the oldest group with that name in any letter case.
pub fn find_named(connection: &mut PgConnection, name: &str) -> Result<Option<Group>, Error> {
    if let Some(group) = find_by_key(connection, name)? {
        return Ok(Some(group));
    }
    let is_named = diesel::dsl::sql::<diesel::sql_types::Bool>("lower(name) = lower(")
        .bind::<diesel::sql_types::Text, _>(name)
        .sql(")");
    let named = groups::table
        .filter(is_named)
        .order(groups::id)
        .select(Group::as_select());
    Ok(named.first(connection).optional()?)
}

/// Returns an unused key for a group of that name.
pub fn free_key(connection: &mut PgConnection, name: &str) -> Result<String, Error> {
    let mut key = String::new();
    for character in name.trim().to_lowercase().chars() {
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            key.push(character);
        } else if !key.is_empty() && !key.ends_with(['-', '_']) {
            key.push(if character == '_' { '_' } else { '-' });
        }
    }
    key.truncate(50);
    let key = match key.trim_end_matches(['-', '_']) {
        "" => "group".to_owned(),
        key => key.to_owned(),
    };
    let mut number = 1;
    let mut free = key.clone();
    while find_by_key(connection, &free)?.is_some() {
        number += 1;
        free = format!("{key}-{number}");
    }
    Ok(free)
}

/// Makes a group without members and without tags.
///
/// # Errors
/// As [`create_with`].
pub fn create(
    connection: &mut PgConnection,
    key: &str,
    name: Option<&str>,
    description: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Group, Error> {
    let group = NewGroup {
        key,
        name,
        description,
        tags: &[],
    };
    create_with(connection, group, now)
}

/// Makes a group without members.
///
/// # Errors
/// [`Error::Invalid`] if the key is taken or not of the form `[a-z0-9][a-z0-9_-]*`, or if a text or a tag is invalid.
pub fn create_with(
    connection: &mut PgConnection,
    group: NewGroup<'_>,
    now: DateTime<Utc>,
) -> Result<Group, Error> {
    let NewGroup {
        key,
        name,
        description,
        tags,
    } = group;
    check_key(key)?;
    let tags = Tags::clean(tags)?;
    let name = clean_text(name.unwrap_or_default())
        .map_err(|message| Error::invalid("name", message))?
        .unwrap_or_else(|| key.to_owned());
    let description = clean_text(description.unwrap_or_default())
        .map_err(|message| Error::invalid("description", message))?;
    Ok(diesel::insert_into(groups::table)
        .values((
            groups::key.eq(key),
            groups::name.eq(name),
            groups::description.eq(description),
            groups::tags.eq(tags.list()),
            groups::created_at.eq(now),
            groups::updated_at.eq(now),
        ))
        .returning(Group::as_returning())
        .get_result(connection)?)
}

/// Changes the name, the description and the tags. Absent values stay; null clears the description.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`], also if the group has another version.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
    name: Option<&str>,
    description: Option<Option<&str>>,
    tags: Option<&[String]>,
    now: DateTime<Utc>,
) -> Result<Group, Error> {
    #[derive(AsChangeset)]
    #[diesel(table_name = groups)]
    struct Changes {
        name: Option<String>,
        description: Option<Option<String>>,
        tags: Option<Vec<String>>,
        updated_at: DateTime<Utc>,
    }
    let tags = tags.map(Tags::clean).transpose()?;
    let tags = tags.map(|tags| tags.list().to_vec());
    let name = name
        .map(|name| match clean_text(name) {
            Ok(Some(name)) => Ok(name),
            Ok(None) => Err(Error::invalid(
                "name",
                "expected a text, found an empty one",
            )),
            Err(message) => Err(Error::invalid("name", message)),
        })
        .transpose()?;
    let description = description
        .map(|text| clean_text(text.unwrap_or_default()))
        .transpose()
        .map_err(|message| Error::invalid("description", message))?;
    connection.transaction(|connection| {
        let group = lock_row(connection, id)?;
        check_version("group", if_version, group.version)?;
        Ok(diesel::update(groups::table.find(id))
            .set(Changes {
                name,
                description,
                tags,
                updated_at: now,
            })
            .returning(Group::as_returning())
            .get_result(connection)?)
    })
}

fn lock_row(connection: &mut PgConnection, id: i64) -> Result<Group, Error> {
    groups::table
        .find(id)
        .for_update()
        .select(Group::as_select())
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("group", id))
}

/// Deletes a group; its members stay subscribers.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::InUse`] with the segments whose rules use it; [`Error::Invalid`] if the group has
/// another version.
pub fn delete(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
) -> Result<Group, Error> {
    connection.transaction(|connection| {
        lock_rules(connection)?;
        let group = lock_row(connection, id)?;
        check_version("group", if_version, group.version)?;
        refuse_if_used(connection, DependencyKind::Group, &group.key)?;
        diesel::delete(groups::table.find(id)).execute(connection)?;
        Ok(group)
    })
}

/// Adds subscribers to a group. Members keep the time at which they were added. Ids without a subscriber are counted.
///
/// # Errors
/// [`Error::NotFound`] if the group does not exist.
pub fn add_members(
    connection: &mut PgConnection,
    group_id: i64,
    subscriber_ids: &[i64],
    source: &str,
    now: DateTime<Utc>,
) -> Result<MemberChange, Error> {
    // Rows are locked against deletion, so that no foreign key can fail: the group first, subscribers in the order of ids.
    let (groups, existing, added): (i64, i64, i64) = statement(
        "WITH held AS MATERIALIZED (SELECT id FROM groups WHERE id = $1 FOR KEY SHARE), \
         existing AS MATERIALIZED ( \
             SELECT s.id FROM subscribers s WHERE s.id = ANY($2) AND EXISTS (SELECT FROM held) ORDER BY s.id FOR KEY SHARE \
         ), added AS ( \
             INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT $1, id, $3, $4 FROM existing ORDER BY id ON CONFLICT DO NOTHING RETURNING subscriber_id \
         ) SELECT (SELECT count(*) FROM held) AS groups, (SELECT count(*) FROM existing) AS existing, \
             (SELECT count(*) FROM added) AS added",
    )
    .bind::<BigInt, _>(group_id)
    .bind::<Array<BigInt>, _>(subscriber_ids)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(source)
    .returning::<(BigInt, BigInt, BigInt)>()
    .get_result(connection)?;
    if groups == 0 {
        return Err(Error::not_found("group", group_id));
    }
    let [existing, added] =
        [existing, added].map(|count| usize::try_from(count).unwrap_or_default());
    Ok(MemberChange::new(subscriber_ids, existing, added))
}

/// Removes subscribers from a group. Subscribers who are not members are counted as unchanged.
///
/// # Errors
/// [`Error::NotFound`] if the group does not exist.
pub fn remove_members(
    connection: &mut PgConnection,
    group_id: i64,
    subscriber_ids: &[i64],
) -> Result<MemberChange, Error> {
    in_transaction(connection, |connection| {
        lock(connection, group_id)?;
        let existing: i64 = subscribers::table
            .filter(subscribers::id.eq_any(subscriber_ids))
            .count()
            .get_result(connection)?;
        let memberships = group_memberships::table
            .filter(group_memberships::group_id.eq(group_id))
            .filter(group_memberships::subscriber_id.eq_any(subscriber_ids));
        // Locks the rows in the order of ids, as adding members does. A DELETE alone locks them in any order.
        let locked: Vec<i64> = memberships
            .select(group_memberships::subscriber_id)
            .order(group_memberships::subscriber_id)
            .for_update()
            .load(connection)?;
        let changed = diesel::delete(
            group_memberships::table
                .filter(group_memberships::group_id.eq(group_id))
                .filter(group_memberships::subscriber_id.eq_any(locked)),
        )
        .execute(connection)?;
        let existing = usize::try_from(existing).unwrap_or_default();
        Ok(MemberChange::new(subscriber_ids, existing, changed))
    })
}

/// Keeps a group from being deleted until the end of this transaction.
///
/// # Errors
/// [`Error::NotFound`] if the group does not exist any more.
pub fn lock(connection: &mut PgConnection, group_id: i64) -> Result<(), Error> {
    let found: Option<i64> = groups::table
        .find(group_id)
        .select(groups::id)
        .for_key_share()
        .first(connection)
        .optional()?;
    found
        .map(|_| ())
        .ok_or_else(|| Error::not_found("group", group_id))
}
