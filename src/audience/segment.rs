//! Segments: members chosen by a rule. The rule and its versions are here; the members are the refresh's.

use super::catalogue::load_catalogue;
use super::clean::clean_text;
use super::group::check_key;
use super::paging::{Page, PageRequest};
use crate::db::schema::{segment_definitions, segment_dependencies, segments};
use crate::error::Error;
use crate::rule::{self, Dependency, Node, list_dependencies, write_document};
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
    /// What it is for.
    pub description: Option<String>,
    /// The stored document of its rule.
    pub rule: Value,
    /// Which version of the rule that is, from 1.
    pub definition_version: i32,
    /// When it was archived.
    pub archived_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When anything of it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What to change of a segment: absent values stay as they are, a null description is cleared.
#[derive(Debug, Clone, Default)]
pub struct SegmentChanges {
    /// Its name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// Its rule, the root node.
    pub rule: Option<Value>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// Finds segments by id, in no particular order.
///
/// # Errors
/// Those of the database.
pub fn find_by_ids(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Segment>, Error> {
    Ok(segments::table
        .filter(segments::id.eq_any(ids))
        .select(Segment::as_select())
        .load(connection)?)
}

/// Finds a segment by key.
///
/// # Errors
/// Those of the database.
pub fn find_by_key(connection: &mut PgConnection, key: &str) -> Result<Option<Segment>, Error> {
    Ok(segments::table
        .filter(segments::key.eq(key))
        .select(Segment::as_select())
        .first(connection)
        .optional()?)
}

/// Lists a page of segments by key, archived ones only if asked for.
///
/// # Errors
/// Those of the database.
pub fn list_page(
    connection: &mut PgConnection,
    with_archived: bool,
    request: &PageRequest<String>,
) -> Result<Page<Segment>, Error> {
    request.fetch(|request, limit| {
        let mut query = segments::table
            .select(Segment::as_select())
            .limit(limit)
            .into_boxed();
        if !with_archived {
            query = query.filter(segments::archived_at.is_null());
        }
        if let Some(after) = &request.after {
            query = query.filter(segments::key.gt(after));
        }
        if let Some(before) = &request.before {
            query = query.filter(segments::key.lt(before));
        }
        query = if request.from_end {
            query.order(segments::key.desc())
        } else {
            query.order(segments::key.asc())
        };
        Ok(query.load(connection)?)
    })
}

/// Makes a segment. It has no members until it is refreshed.
///
/// # Errors
/// [`Error::Invalid`] if the key is taken or malformed; [`Error::InvalidRule`] with every problem of the rule.
pub fn create(
    connection: &mut PgConnection,
    key: &str,
    name: Option<&str>,
    description: Option<&str>,
    rule: &Value,
    now: DateTime<Utc>,
) -> Result<Segment, Error> {
    check_key(key)?;
    let name = clean_text(name.unwrap_or_default())
        .map_err(|message| Error::invalid("name", message))?
        .unwrap_or_else(|| key.to_owned());
    let description = clean_text(description.unwrap_or_default())
        .map_err(|message| Error::invalid("description", message))?;
    connection.transaction(|connection| {
        let node = read_rule(connection, rule)?;
        let segment: Segment = diesel::insert_into(segments::table)
            .values((
                segments::key.eq(key),
                segments::name.eq(name),
                segments::description.eq(description),
                segments::rule.eq(write_document(rule)),
                segments::created_at.eq(now),
                segments::updated_at.eq(now),
            ))
            .returning(Segment::as_returning())
            .get_result(connection)?;
        record_definition(connection, &segment, &node, now)?;
        Ok(segment)
    })
}

/// Changes a segment. Another rule makes another version; the members follow with the next refresh.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`]; [`Error::InvalidRule`] with every problem of the rule.
pub fn update(
    connection: &mut PgConnection,
    id: i64,
    changes: &SegmentChanges,
    now: DateTime<Utc>,
) -> Result<Segment, Error> {
    connection.transaction(|connection| {
        let mut segment: Segment = segments::table
            .find(id)
            .for_update()
            .select(Segment::as_select())
            .first(connection)
            .optional()?
            .ok_or_else(|| Error::not_found("segment", id))?;
        if let Some(name) = &changes.name {
            segment.name = clean_text(name)
                .map_err(|message| Error::invalid("name", message))?
                .ok_or_else(|| Error::invalid("name", "expected a text, found an empty one"))?;
        }
        if let Some(description) = &changes.description {
            segment.description = clean_text(description.as_deref().unwrap_or_default())
                .map_err(|message| Error::invalid("description", message))?;
        }
        if let Some(archived) = changes.archived {
            segment.archived_at = archived.then(|| segment.archived_at.unwrap_or(now));
        }
        let document = changes.rule.as_ref().map(write_document);
        let changed_rule = document.filter(|document| *document != segment.rule);
        let node = match (&changes.rule, &changed_rule) {
            (Some(rule), Some(_)) => Some(read_rule(connection, rule)?),
            _ => None,
        };
        if let Some(document) = changed_rule {
            segment.rule = document;
            segment.definition_version += 1;
        }
        let segment: Segment = diesel::update(segments::table.find(id))
            .set((
                segments::name.eq(segment.name),
                segments::description.eq(segment.description),
                segments::rule.eq(segment.rule),
                segments::definition_version.eq(segment.definition_version),
                segments::archived_at.eq(segment.archived_at),
                segments::updated_at.eq(now),
            ))
            .returning(Segment::as_returning())
            .get_result(connection)?;
        if let Some(node) = node {
            record_definition(connection, &segment, &node, now)?;
        }
        Ok(segment)
    })
}

/// Deletes a segment with its members and its past.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::InUse`] with the segments whose rules ask about it.
pub fn delete(connection: &mut PgConnection, id: i64) -> Result<Segment, Error> {
    connection.transaction(|connection| {
        // The refresh writes blocks of segments it has seen; it must see this one gone or finish before.
        super::membership::lock_against_refresh(connection)?;
        let segment: Segment = segments::table
            .find(id)
            .for_update()
            .select(Segment::as_select())
            .first(connection)
            .optional()?
            .ok_or_else(|| Error::not_found("segment", id))?;
        let used_by = list_users(connection, "segment", &segment.key)?;
        if !used_by.is_empty() {
            return Err(Error::InUse {
                what: format!("segment \"{}\"", segment.key),
                used_by,
            });
        }
        diesel::delete(segments::table.find(id)).execute(connection)?;
        Ok(segment)
    })
}

/// Lists the keys of the segments whose rules use something, by key.
///
/// # Errors
/// Those of the database.
pub fn list_users(
    connection: &mut PgConnection,
    kind: &str,
    name: &str,
) -> Result<Vec<String>, Error> {
    Ok(find_users(connection, kind, &[name.to_owned()])?
        .into_iter()
        .map(|(_, segment)| format!("segment \"{}\"", segment.key))
        .collect())
}

/// Finds the segments whose rules use any of these things of a kind, each with what it uses.
///
/// # Errors
/// Those of the database.
pub fn find_users(
    connection: &mut PgConnection,
    kind: &str,
    names: &[String],
) -> Result<Vec<(String, Segment)>, Error> {
    Ok(segment_dependencies::table
        .inner_join(segments::table)
        .filter(segment_dependencies::kind.eq(kind))
        .filter(segment_dependencies::name.eq_any(names))
        .order(segments::key)
        .select((segment_dependencies::name, Segment::as_select()))
        .load(connection)?)
}

fn read_rule(connection: &mut PgConnection, rule: &Value) -> Result<Node, Error> {
    let (node, _) =
        rule::parse_and_check(rule, &load_catalogue(connection)?).map_err(Error::InvalidRule)?;
    Ok(node)
}

fn record_definition(
    connection: &mut PgConnection,
    segment: &Segment,
    node: &Node,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    diesel::insert_into(segment_definitions::table)
        .values((
            segment_definitions::segment_id.eq(segment.id),
            segment_definitions::version.eq(segment.definition_version),
            segment_definitions::rule.eq(&segment.rule),
            segment_definitions::created_at.eq(now),
        ))
        .execute(connection)?;
    diesel::delete(
        segment_dependencies::table.filter(segment_dependencies::segment_id.eq(segment.id)),
    )
    .execute(connection)?;
    let rows: Vec<_> = list_dependencies(node)
        .into_iter()
        .map(|dependency| {
            let (kind, name) = match dependency {
                Dependency::Field(key) => ("field", key),
                Dependency::Group(key) => ("group", key),
                Dependency::Event(name) => ("event", name),
            };
            (
                segment_dependencies::segment_id.eq(segment.id),
                segment_dependencies::kind.eq(kind),
                segment_dependencies::name.eq(name),
            )
        })
        .collect();
    diesel::insert_into(segment_dependencies::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}
