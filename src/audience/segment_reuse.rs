//! Segments made from existing rules: copies of other segments, and earlier versions of the rule.

use super::actor::Actor;
use super::definition::find_definition;
use super::rule_lock::lock_rules;
use super::segment::{NewSegment, Segment, SegmentChanges, Updated, create_with, lock, update};
use crate::db::in_transaction;
use crate::error::{Error, InputCode, InputProblem};
use crate::rule;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Makes a segment with the rule, mode, description and tags of another segment, and its name if `name` is absent.
///
/// # Errors
/// [`Error::NotFound`]; else as [`create_with`].
pub fn copy(
    connection: &mut PgConnection,
    id: i64,
    key: &str,
    name: Option<&str>,
    written_by: &Actor,
    now: DateTime<Utc>,
) -> Result<Segment, Error> {
    in_transaction(connection, |connection| {
        // This lock is taken before the lock of the row, as everywhere.
        lock_rules(connection)?;
        let original = lock(connection, id, None)?;
        let rule = rule::read_root(&original.rule.read()).map_err(Error::InvalidRule)?;
        let copied = NewSegment {
            key,
            name: name.or(Some(&original.name)),
            description: original.description.as_deref(),
            rule: &rule,
            mode: original.mode,
            tags: original.tags.list(),
            written_by,
        };
        create_with(connection, copied, now)
    })
}

/// Makes an earlier rule of a segment its newest version. If the segment has that rule already, no version is made.
///
/// # Errors
/// [`Error::Invalid`] if the segment never had that version; else as [`update`].
pub fn restore_definition(
    connection: &mut PgConnection,
    id: i64,
    definition_version: i32,
    if_version: Option<i32>,
    written_by: &Actor,
    now: DateTime<Utc>,
) -> Result<Updated, Error> {
    in_transaction(connection, |connection| {
        lock_rules(connection)?;
        let segment = lock(connection, id, if_version)?;
        let Some(document) = find_definition(connection, id, definition_version)? else {
            let newest = segment.definition_version;
            let message =
                format!("expected a version from 1 to {newest}, found {definition_version}");
            return Err(Error::Invalid(vec![InputProblem::new(
                InputCode::NotFound,
                "definitionVersion",
                message,
            )]));
        };
        let changes = SegmentChanges {
            rule: Some(rule::read_root(&document).map_err(Error::InvalidRule)?),
            ..SegmentChanges::of(written_by.clone())
        };
        update(connection, id, &changes, now)
    })
}
