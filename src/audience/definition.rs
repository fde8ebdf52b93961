//! Definitions: the rules that segments have had.

use super::actor::Actor;
use super::paged_list::{PagedList, fill_pages};
use super::paging::{Page, PageRequest};
use crate::db::schema::segment_definitions;
use crate::db::{JsonText, statement};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A version of the rule of a segment.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = segment_definitions, check_for_backend(diesel::pg::Pg))]
pub struct Definition {
    /// The number of the version, from 1.
    pub version: i32,
    /// The stored document of the rule.
    pub rule: Value,
    /// When it became the rule.
    pub created_at: DateTime<Utc>,
    /// The kind of actor who wrote it; absent for versions that are older than the audit log.
    pub written_by: Option<String>,
    /// The name of the API key, or the user of the operating system.
    pub written_by_name: Option<String>,
    /// The prefix of the API key.
    pub written_by_prefix: Option<String>,
}

/// Lists a page of the versions of the rule of each of these segments, newest first.
pub fn list_definitions(
    connection: &mut PgConnection,
    ids: &[i64],
    request: &PageRequest<i32>,
) -> Result<HashMap<i64, Page<Definition>>, Error> {
    let list = PagedList {
        from: "segment_definitions d WHERE d.segment_id = asked.holder",
        id: "d.version::bigint",
        key: &["d.version"],
        bound: "KEY::integer",
        descends: true,
        ..PagedList::default()
    };
    let pages = list.find_pages(connection, ids, &request.map(i32::to_string))?;
    let versions = pages.values().flat_map(|page| &page.rows);
    let versions: HashSet<i32> = versions
        .filter_map(|item| item.id.try_into().ok())
        .collect();
    let rows: Vec<(i64, Definition)> = segment_definitions::table
        .filter(segment_definitions::segment_id.eq_any(ids))
        .filter(segment_definitions::version.eq_any(versions))
        .select((segment_definitions::segment_id, Definition::as_select()))
        .load(connection)?;
    let rows = rows.into_iter();
    let rows = rows.map(|(segment_id, row)| ((segment_id, i64::from(row.version)), row));
    Ok(fill_pages(pages, rows.collect()))
}

/// Returns how many versions of its rule each of these segments has had.
pub fn count_definitions(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let counted: Vec<(i64, i64)> = segment_definitions::table
        .filter(segment_definitions::segment_id.eq_any(ids))
        .group_by(segment_definitions::segment_id)
        .select((segment_definitions::segment_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(counted.into_iter().collect())
}

/// Returns the document of a version of the rule of a segment, or `None` if there is no such version.
pub(super) fn find_definition(
    connection: &mut PgConnection,
    segment_id: i64,
    version: i32,
) -> Result<Option<Value>, Error> {
    let found = segment_definitions::table
        .find((segment_id, version))
        .select(segment_definitions::rule);
    Ok(found.first(connection).optional()?)
}

/// Stores the current version of the rule of a segment, and who wrote it.
pub(super) fn record_definition(
    connection: &mut PgConnection,
    (segment_id, version): (i64, i32),
    rule: &JsonText,
    written_by: &Actor,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    statement(
        "INSERT INTO segment_definitions \
             (segment_id, version, rule, created_at, written_by, written_by_name, written_by_prefix) \
         SELECT $1, $2, $3, $4, $5, coalesce($6, k.name), k.prefix FROM (SELECT) one LEFT JOIN api_keys k ON k.id = $7",
    )
    .bind::<BigInt, _>(segment_id)
    .bind::<Integer, _>(version)
    .bind::<Jsonb, _>(rule)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(written_by.kind().as_str())
    .bind::<Nullable<Text>, _>(written_by.user())
    .bind::<Nullable<BigInt>, _>(written_by.api_key_id())
    .execute(connection)?;
    Ok(())
}
