//! Dependencies: the custom fields, groups, segments and event names that the rules of segments use.

use crate::db::Named;
use crate::db::schema::{segment_dependencies, segments};
use crate::error::Error;
use crate::rule::{Dependency, DependencyKind, Node, list_dependencies};
use diesel::prelude::*;

/// Checks that no rule uses the thing of this kind and name.
///
/// # Errors
/// [`Error::InUse`] with the segments whose rules use it, ordered by key.
pub fn refuse_if_used(
    connection: &mut PgConnection,
    kind: DependencyKind,
    name: &str,
) -> Result<(), Error> {
    let users: Vec<String> = segment_dependencies::table
        .inner_join(segments::table)
        .filter(segment_dependencies::kind.eq(kind.as_str()))
        .filter(segment_dependencies::name.eq(name))
        .order(segments::key)
        .select(segments::key)
        .load(connection)?;
    if users.is_empty() {
        return Ok(());
    }
    let what = match kind {
        DependencyKind::Field => "custom field",
        other => other.as_str(),
    };
    let mend = match users.len() {
        1 => "change the rule of that segment, or delete the segment, first",
        _ => "change the rules of those segments, or delete the segments, first",
    };
    let users = users.into_iter();
    Err(Error::InUse {
        what: format!("{what} \"{name}\""),
        used_by: users.map(|key| format!("segment \"{key}\"")).collect(),
        mend,
    })
}

/// Lists what the rules of these segments use, ordered by kind and name.
pub fn list_uses(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<Vec<(i64, Dependency)>, Error> {
    let rows: Vec<(i64, Named<DependencyKind>, String)> = segment_dependencies::table
        .filter(segment_dependencies::segment_id.eq_any(ids))
        .order((segment_dependencies::kind, segment_dependencies::name))
        .select((
            segment_dependencies::segment_id,
            segment_dependencies::kind,
            segment_dependencies::name,
        ))
        .load(connection)?;
    let uses = rows.into_iter();
    let uses = uses.map(|(id, Named(kind), name)| (id, Dependency { kind, name }));
    Ok(uses.collect())
}

/// Stores what the rule of a segment uses, in place of what was stored before.
pub(super) fn record_dependencies(
    connection: &mut PgConnection,
    segment_id: i64,
    node: &Node,
) -> Result<(), Error> {
    diesel::delete(
        segment_dependencies::table.filter(segment_dependencies::segment_id.eq(segment_id)),
    )
    .execute(connection)?;
    let rows: Vec<_> = list_dependencies(node)
        .into_iter()
        .map(|dependency| {
            (
                segment_dependencies::segment_id.eq(segment_id),
                segment_dependencies::kind.eq(dependency.kind.as_str()),
                segment_dependencies::name.eq(dependency.name),
            )
        })
        .collect();
    diesel::insert_into(segment_dependencies::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}
