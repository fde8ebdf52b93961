//! Reading the audit log.

use super::actor::ActorKind;
use super::audit::TargetKind;
use super::paged_list::{PagedList, fill_pages};
use super::paging::{Page, PageRequest};
use crate::db::schema::audit_log;
use crate::error::Error;
use crate::rule::StoredMoment;
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use serde::Serialize;
use std::collections::HashMap;

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize)]
#[diesel(table_name = audit_log, check_for_backend(diesel::pg::Pg))]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the columns, described in the migration and in the GraphQL schema"
)]
pub struct AuditEntry {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub action: String,
    pub actor: String,
    pub actor_name: Option<String>,
    pub api_key_id: Option<i64>,
    pub api_key_prefix: Option<String>,
    pub session_id: Option<i64>,
    pub peer: Option<String>,
    pub request_id: Option<String>,
    pub target: Option<String>,
    pub target_id: Option<i64>,
    pub target_key: Option<String>,
    pub subscriber_ids: Option<Vec<Option<i64>>>,
    pub count: Option<i64>,
    pub fields: Vec<Option<String>>,
    pub version_before: Option<i32>,
    pub version_after: Option<i32>,
}

/// The place of an entry in the list: its time and its id.
pub type AuditKey = (StoredMoment, i64);

impl AuditEntry {
    /// Returns the place in the list.
    pub fn key(&self) -> AuditKey {
        (StoredMoment(self.at), self.id)
    }
}

/// A filter of entries. An absent condition filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    /// Only entries with one of these actions.
    pub actions: Option<Vec<String>>,
    /// Only entries of one of these kinds of actors.
    pub actors: Option<Vec<ActorKind>>,
    /// Only entries of the API key with this id.
    pub api_key_id: Option<i64>,
    /// Only entries of actors with this name, or of API keys with this prefix.
    pub actor_name: Option<String>,
    /// Only entries about the target with this kind and id. For a subscriber, also entries that list its id.
    pub target: Option<(TargetKind, i64)>,
    /// Only entries from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Only entries before this time.
    pub to: Option<DateTime<Utc>>,
}

type Rows = audit_log::BoxedQuery<'static, Pg>;

impl AuditFilter {
    fn rows(&self) -> Rows {
        let mut rows = audit_log::table.into_boxed();
        if let Some(actions) = &self.actions {
            rows = rows.filter(audit_log::action.eq_any(actions.clone()));
        }
        if let Some(actors) = &self.actors {
            let names: Vec<&str> = actors.iter().map(|kind| kind.as_str()).collect();
            rows = rows.filter(audit_log::actor.eq_any(names));
        }
        if let Some(id) = self.api_key_id {
            rows = rows.filter(audit_log::api_key_id.eq(id));
        }
        if let Some(name) = &self.actor_name {
            let is_named = audit_log::actor_name.eq(name.clone());
            rows = rows.filter(is_named.or(audit_log::api_key_prefix.eq(name.clone())));
        }
        if let Some((kind, id)) = self.target {
            let is_target = audit_log::target
                .eq(kind.as_str())
                .and(audit_log::target_id.eq(id));
            rows = match kind {
                TargetKind::Subscriber => {
                    let is_listed = sql::<diesel::sql_types::Nullable<Bool>>(
                        "(subscriber_ids IS NOT NULL AND subscriber_ids @> ARRAY[",
                    )
                    .bind::<BigInt, _>(id)
                    .sql("])");
                    rows.filter(is_target.or(is_listed))
                }
                _ => rows.filter(is_target),
            };
        }
        if let Some(from) = self.from {
            rows = rows.filter(audit_log::at.ge(from));
        }
        if let Some(to) = self.to {
            rows = rows.filter(audit_log::at.lt(to));
        }
        rows
    }
}

/// Lists a page of the entries, newest first.
pub fn list_page(
    connection: &mut PgConnection,
    filter: &AuditFilter,
    request: &PageRequest<AuditKey>,
) -> Result<Page<AuditEntry>, Error> {
    request.fetch(AuditEntry::key, |request, limit| {
        let mut rows = filter.rows().limit(limit);
        if let Some((StoredMoment(at), id)) = request.after {
            rows = rows
                .filter(audit_log::at.le(at))
                .filter(audit_log::at.lt(at).or(audit_log::id.lt(id)));
        }
        if let Some((StoredMoment(at), id)) = request.before {
            rows = rows
                .filter(audit_log::at.ge(at))
                .filter(audit_log::at.gt(at).or(audit_log::id.gt(id)));
        }
        rows = if request.from_end {
            rows.order((audit_log::at.asc(), audit_log::id.asc()))
        } else {
            rows.order((audit_log::at.desc(), audit_log::id.desc()))
        };
        Ok(rows.select(AuditEntry::as_select()).load(connection)?)
    })
}

/// Returns how many entries there are.
pub fn count(connection: &mut PgConnection, filter: &AuditFilter) -> Result<i64, Error> {
    Ok(filter.rows().count().get_result(connection)?)
}

/// Lists a page of the entries about each of these segments, newest first.
pub fn list_of_segments(
    connection: &mut PgConnection,
    ids: &[i64],
    request: &PageRequest<AuditKey>,
) -> Result<HashMap<i64, Page<AuditEntry>>, Error> {
    let list = PagedList {
        from: "audit_log a WHERE a.target = 'segment' AND a.target_id = asked.holder",
        id: "a.id",
        key: &["a.at", "a.id"],
        bound: "split_part(KEY, '|', 1)::timestamptz, split_part(KEY, '|', 2)::bigint",
        descends: true,
        ..PagedList::default()
    };
    let text = |(StoredMoment(at), id): &AuditKey| format!("{}|{id}", at.to_rfc3339());
    let pages = list.find_pages(connection, ids, &request.map(text))?;
    let entries = pages.values().flat_map(|page| &page.rows);
    let entries: Vec<i64> = entries.map(|item| item.id).collect();
    let rows: Vec<AuditEntry> = audit_log::table
        .filter(audit_log::id.eq_any(entries))
        .select(AuditEntry::as_select())
        .load(connection)?;
    let rows = rows.into_iter();
    let rows = rows.map(|row| ((row.target_id.unwrap_or_default(), row.id), row));
    Ok(fill_pages(pages, rows.collect()))
}

/// Returns how many entries there are about each of these segments.
pub fn count_of_segments(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    let counted: Vec<(Option<i64>, i64)> = audit_log::table
        .filter(audit_log::target.eq(TargetKind::Segment.as_str()))
        .filter(audit_log::target_id.eq_any(ids))
        .group_by(audit_log::target_id)
        .select((audit_log::target_id, diesel::dsl::count_star()))
        .load(connection)?;
    let counted = counted.into_iter();
    Ok(counted
        .filter_map(|(id, count)| Some((id?, count)))
        .collect())
}
