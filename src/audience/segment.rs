//! Segments: members chosen by a rule. This file has the rule and its versions. The refresh writes the members.

use super::actor::Actor;
use super::catalogue::load_catalogue;
use super::clean::clean_text;
use super::definition::record_definition;
use super::dependency::{record_dependencies, refuse_if_used};
use super::key::check_key;
use super::member_lock::lock_against_refresh;
use super::rule_lock::lock_rules;
use super::tags::Tags;
use super::version::check_version;
use crate::db::schema::{segment_dependencies, segments};
use crate::db::word::words;
use crate::db::{self, JsonText, in_transaction};
use crate::error::{Error, InputCode, InputProblem};
use crate::rule::{self, Dependency, DependencyKind, Node, write_document};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// A segment.
#[derive(Debug, Clone, PartialEq, Queryable, QueryableByName, Selectable, Identifiable)]
#[diesel(table_name = segments, check_for_backend(diesel::pg::Pg))]
pub struct Segment {
    /// Its id.
    pub id: i64,
    /// Its immutable name.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The description of its purpose.
    pub description: Option<String>,
    /// The stored document of its rule.
    pub rule: JsonText,
    /// The version of the rule, from 1.
    pub definition_version: i32,
    /// When it was archived.
    pub archived_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When anything of it last changed.
    pub updated_at: DateTime<Utc>,
    /// When its members change.
    pub mode: SegmentMode,
    /// The last refresh that may have used an earlier time zone; 0 if the time zone never changed.
    pub stale_through: i64,
    /// Its version, which the database increments with every change of the row.
    pub version: i32,
    /// Free words by which people find it.
    #[diesel(deserialize_as = Vec<Option<String>>)]
    pub tags: Tags,
}

/// A segment to make.
#[derive(Debug, Clone, Copy)]
pub struct NewSegment<'a> {
    /// Its immutable name.
    pub key: &'a str,
    /// Its name for people; the key if absent.
    pub name: Option<&'a str>,
    /// The description of its purpose.
    pub description: Option<&'a str>,
    /// Its rule, the root node.
    pub rule: &'a Value,
    /// When its members change.
    pub mode: SegmentMode,
    /// Free words by which people find it.
    pub tags: &'a [String],
    /// The actor who creates it.
    pub written_by: &'a Actor,
}

/// When the members of a segment change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SegmentMode {
    /// Members change in refreshes only.
    #[default]
    Daily,
    /// Members change in refreshes, and right after a change of a subscriber.
    Instant,
}

words!(SegmentMode {
    Daily: "daily",
    Instant: "instant",
});

impl Segment {
    fn is_following(&self) -> bool {
        self.mode == SegmentMode::Instant && self.archived_at.is_none()
    }
}

/// Changes of a segment. Absent values stay as they are; null clears the description.
#[derive(Debug, Clone)]
pub struct SegmentChanges {
    /// The actor who changes it.
    pub written_by: Actor,
    /// The version that the segment must have, if given.
    pub if_version: Option<i32>,
    /// Its name for people.
    pub name: Option<String>,
    /// The description of its purpose.
    pub description: Option<Option<String>>,
    /// Its rule, the root node.
    pub rule: Option<Value>,
    /// Whether it is archived.
    pub archived: Option<bool>,
    /// When its members change.
    pub mode: Option<SegmentMode>,
    /// Free words by which people find it.
    pub tags: Option<Vec<String>>,
}

impl SegmentChanges {
    /// Returns no changes, by an actor.
    pub fn of(written_by: Actor) -> SegmentChanges {
        SegmentChanges {
            written_by,
            if_version: None,
            name: None,
            description: None,
            rule: None,
            archived: None,
            mode: None,
            tags: None,
        }
    }
}

/// Finds segments by id, in no particular order.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Segment>, Error> {
    Ok(segments::table
        .filter(segments::id.eq_any(ids))
        .select(Segment::as_select())
        .load(connection)?)
}

/// Finds a segment by key.
pub fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<Segment>, Error> {
    Ok(find_by_keys(connection, &[key.to_owned()])?.pop())
}

/// Finds segments by key, in no particular order.
pub fn find_by_keys(connection: &mut PgConnection, keys: &[String]) -> Result<Vec<Segment>, Error> {
    Ok(segments::table
        .filter(segments::key.eq_any(keys))
        .select(Segment::as_select())
        .load(connection)?)
}

/// Returns the segment with that key.
///
/// # Errors
/// [`Error::Invalid`] at `path`, with the nearest known key, if there is no such segment.
pub fn get_by_key(connection: &mut PgConnection, key: &str, path: &str) -> Result<Segment, Error> {
    if let Some(segment) = find_by_key(connection, key)? {
        return Ok(segment);
    }
    let known: Vec<String> = segments::table.select(segments::key).load(connection)?;
    let message = format!("expected the key of a segment, found \"{key}\", which does not exist");
    let hint = rule::nearest(key, known.iter().map(String::as_str));
    Err(Error::Invalid(vec![
        InputProblem::new(InputCode::NotFound, path, message).with_hint(hint),
    ]))
}

/// Makes a segment without tags. It has no members until it is refreshed.
///
/// # Errors
/// As [`create_with`].
pub fn create(
    connection: &mut PgConnection,
    key: &str,
    name: Option<&str>,
    description: Option<&str>,
    rule: &Value,
    mode: SegmentMode,
    now: DateTime<Utc>,
) -> Result<Segment, Error> {
    let segment = NewSegment {
        key,
        name,
        description,
        rule,
        mode,
        tags: &[],
        written_by: &Actor::System,
    };
    create_with(connection, segment, now)
}

/// Makes a segment. It has no members until it is refreshed.
///
/// # Errors
/// [`Error::Invalid`] if the key is taken, or the key, a text or a tag is invalid; [`Error::InvalidRule`] with every
/// problem of the rule.
pub fn create_with(
    connection: &mut PgConnection,
    segment: NewSegment<'_>,
    now: DateTime<Utc>,
) -> Result<Segment, Error> {
    let NewSegment {
        key,
        name,
        description,
        rule,
        mode,
        tags,
        written_by,
    } = segment;
    check_key(key)?;
    let tags = Tags::clean(tags)?;
    let name = clean_text(name.unwrap_or_default())
        .map_err(|message| Error::invalid("name", message))?
        .unwrap_or_else(|| key.to_owned());
    let description = clean_text(description.unwrap_or_default())
        .map_err(|message| Error::invalid("description", message))?;
    in_transaction(connection, |connection| {
        lock_rules(connection)?;
        let node = read_rule(connection, key, rule)?;
        let segment: Segment = diesel::insert_into(segments::table)
            .values((
                segments::key.eq(key),
                segments::name.eq(name),
                segments::description.eq(description),
                segments::rule.eq(write_document(rule)),
                segments::mode.eq(mode.as_str()),
                segments::tags.eq(tags.list()),
                segments::created_at.eq(now),
                segments::updated_at.eq(now),
            ))
            .returning(Segment::as_returning())
            .get_result(connection)?;
        record_definition(
            connection,
            (segment.id, segment.definition_version),
            &segment.rule,
            written_by,
            now,
        )?;
        record_dependencies(connection, segment.id, &node)?;
        Ok(segment)
    })
}

/// A segment after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// The segment as it is now.
    pub segment: Segment,
    /// The version of the rule before the change.
    pub version_before: i32,
}

/// Changes a segment. Another rule makes a new version, and the next refresh writes its members. A segment that begins
/// to follow changes at once gets a new version too, because earlier changes of subscribers were not recorded for it.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`], also if the segment has another version; [`Error::InvalidRule`] with every
/// problem of the rule.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    changes: &SegmentChanges,
    now: DateTime<Utc>,
) -> Result<Updated, Error> {
    in_transaction(connection, |connection| {
        if changes.rule.is_some() {
            lock_rules(connection)?;
        }
        let mut segment = lock(connection, id, changes.if_version)?;
        let version_before = segment.definition_version;
        if let Some(name) = &changes.name {
            segment.name = clean_text(name)
                .map_err(|message| Error::invalid("name", message))?
                .ok_or_else(|| Error::invalid("name", "expected a text, found an empty one"))?;
        }
        if let Some(description) = &changes.description {
            segment.description = clean_text(description.as_deref().unwrap_or_default())
                .map_err(|message| Error::invalid("description", message))?;
        }
        if let Some(tags) = &changes.tags {
            segment.tags = Tags::clean(tags)?;
        }
        let was_following = segment.is_following();
        if let Some(mode) = changes.mode {
            segment.mode = mode;
        }
        if let Some(archived) = changes.archived {
            segment.archived_at = archived.then(|| segment.archived_at.unwrap_or(now));
        }
        let document = changes.rule.as_ref().map(write_document);
        let document = document.as_ref().map(JsonText::from);
        let changed_rule = document.filter(|document| *document != segment.rule);
        let node = match (&changes.rule, &changed_rule) {
            (Some(rule), Some(_)) => Some(read_rule(connection, &segment.key, rule)?),
            _ => None,
        };
        let is_new_version = node.is_some() || !was_following && segment.is_following();
        segment.rule = changed_rule.unwrap_or(segment.rule);
        if is_new_version {
            segment.definition_version += 1;
        }
        let segment: Segment = diesel::update(segments::table.find(id))
            .set((
                segments::name.eq(segment.name),
                segments::description.eq(segment.description),
                segments::rule.eq(segment.rule),
                segments::definition_version.eq(segment.definition_version),
                segments::archived_at.eq(segment.archived_at),
                segments::mode.eq(segment.mode.as_str()),
                segments::tags.eq(segment.tags.list()),
                segments::updated_at.eq(now),
            ))
            .returning(Segment::as_returning())
            .get_result(connection)?;
        if is_new_version {
            record_definition(
                connection,
                (segment.id, segment.definition_version),
                &segment.rule,
                &changes.written_by,
                now,
            )?;
        }
        if let Some(node) = node {
            record_dependencies(connection, segment.id, &node)?;
        }
        Ok(Updated {
            segment,
            version_before,
        })
    })
}

/// Locks the row of a segment until the end of the transaction, and checks its version.
pub(super) fn lock(
    connection: &mut PgConnection,
    id: i64,
    version: Option<i32>,
) -> Result<Segment, Error> {
    let found = segments::table.find(id).select(Segment::as_select());
    let found: Option<Segment> = found.for_update().first(connection).optional()?;
    let segment = found.ok_or_else(|| Error::not_found("segment", id))?;
    check_version("segment", version, segment.version)?;
    Ok(segment)
}

/// Deletes a segment with its members and its past.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::InUse`] with the segments whose rules use it; [`Error::Invalid`] if the segment has
/// another version.
pub fn delete(
    connection: &mut PgConnection,
    id: i64,
    if_version: Option<i32>,
) -> Result<Segment, Error> {
    connection.transaction(|connection| {
        lock_rules(connection)?;
        // A refresh writes blocks of the segments that it has read. It must not read this segment any more, or finish
        // before.
        lock_against_refresh(connection)?;
        let segment = lock(connection, id, if_version)?;
        refuse_if_used(connection, DependencyKind::Segment, &segment.key)?;
        diesel::delete(segments::table.find(id)).execute(connection)?;
        Ok(segment)
    })
}

/// Finds the segments whose rules use any of these things, each with what it uses, ordered by key.
/// Kinds and names are compared separately, so the result may include segments that use a thing with the kind of one
/// entry and the name of another.
pub fn find_users(
    connection: &mut PgConnection,
    used: &[Dependency],
) -> Result<Vec<(Dependency, Segment)>, Error> {
    let names: Vec<&str> = used.iter().map(|used| used.name.as_str()).collect();
    let kinds: Vec<&str> = used.iter().map(|used| used.kind.as_str()).collect();
    let rows: Vec<(db::Named<DependencyKind>, String, Segment)> = segment_dependencies::table
        .inner_join(segments::table)
        .filter(segment_dependencies::kind.eq_any(kinds))
        .filter(segment_dependencies::name.eq_any(names))
        .order(segments::key)
        .select((
            segment_dependencies::kind,
            segment_dependencies::name,
            Segment::as_select(),
        ))
        .load(connection)?;
    let users = rows.into_iter();
    let users = users.map(|(db::Named(kind), name, segment)| (Dependency { kind, name }, segment));
    Ok(users.collect())
}

fn read_rule(connection: &mut PgConnection, own: &str, rule: &Value) -> Result<Node, Error> {
    let catalogue = load_catalogue(connection)?;
    let (node, _) =
        rule::parse_and_check(rule, &catalogue, Some(own)).map_err(Error::InvalidRule)?;
    Ok(node)
}
