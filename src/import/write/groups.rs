//! Adds the people of a batch to groups.

use super::batch::{Context, Members, Placed};
use crate::audience::{group, runs};
use crate::db::schema::import_additions;
use crate::error::Error;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Adds the people of a batch to the groups; returns how many memberships were added.
pub fn join_groups(
    connection: &mut PgConnection,
    number: i32,
    placed: &Placed,
    context: &Context,
) -> Result<u64, Error> {
    // Groups of whole files and of single rows are locked in one order.
    let mut joined: BTreeMap<Option<i64>, Members> = BTreeMap::new();
    let mut total = 0;
    for (name, members) in &placed.named {
        match context.named_groups.get(name).copied().flatten() {
            Some(group) => joined.entry(Some(group)).or_default().extend(members),
            // A group that a dry run does not create has no members yet.
            None => total += members.would_be_new + members.known.len() as u64,
        }
    }
    for group in &context.groups {
        let everybody = Members {
            new: placed.new_ids.clone(),
            known: placed.known_ids.clone(),
            would_be_new: placed.would_be_new as u64,
        };
        match group {
            Some(_) => {
                joined.insert(*group, everybody);
            }
            None => total += everybody.would_be_new + everybody.known.len() as u64,
        }
    }
    for (group, members) in joined {
        let Some(group) = group else {
            continue;
        };
        total += match context.is_dry_run {
            true => members.would_be_new + count_outside(connection, group, &members.known)?,
            false => join_group(connection, number, group, &members, context)?,
        };
    }
    Ok(total)
}

fn join_group(
    connection: &mut PgConnection,
    number: i32,
    group: i64,
    members: &Members,
    context: &Context,
) -> Result<u64, Error> {
    group::lock(connection, group).map_err(|error| match error {
        Error::NotFound { .. } => {
            let message =
                "a group that the import adds people to was deleted before the import had ended";
            Error::invalid("group", message)
        }
        error => error,
    })?;
    let mut added = join_known(connection, group, &members.known, context)?;
    join_new(connection, group, &members.new, context)?;
    added.extend(&members.new);
    let count = added.len() as u64;
    if count > 0 {
        diesel::insert_into(import_additions::table)
            .values((
                import_additions::import_id.eq(context.import_id),
                import_additions::number.eq(number),
                import_additions::group_id.eq(group),
                import_additions::added.eq(runs::encode(added)),
            ))
            .execute(connection)?;
    }
    Ok(count)
}

fn join_new(
    connection: &mut PgConnection,
    group: i64,
    new_ids: &[i64],
    context: &Context,
) -> Result<(), Error> {
    if new_ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT $1, id, $2, 'import' FROM unnest($3) AS new (id)",
    )
    .bind::<BigInt, _>(group)
    .bind::<Timestamptz, _>(context.moment)
    .bind::<Array<BigInt>, _>(new_ids)
    .execute(connection)?;
    Ok(())
}

fn join_known(
    connection: &mut PgConnection,
    group: i64,
    known_ids: &[i64],
    context: &Context,
) -> Result<Vec<i64>, Error> {
    if known_ids.is_empty() {
        return Ok(Vec::new());
    }
    let added: Vec<IdRow> = diesel::sql_query(
        "INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
         SELECT $1, id, $2, 'import' FROM unnest($3) AS known (id) ORDER BY id \
         ON CONFLICT DO NOTHING RETURNING subscriber_id AS id",
    )
    .bind::<BigInt, _>(group)
    .bind::<Timestamptz, _>(context.moment)
    .bind::<Array<BigInt>, _>(known_ids)
    .load(connection)?;
    Ok(added.into_iter().map(|row| row.id).collect())
}

fn count_outside(connection: &mut PgConnection, group: i64, ids: &[i64]) -> Result<u64, Error> {
    let outside: Count = diesel::sql_query(
        "SELECT count(*) AS count FROM unnest($2) AS known (id) WHERE NOT EXISTS \
         (SELECT FROM group_memberships WHERE group_id = $1 AND subscriber_id = known.id)",
    )
    .bind::<BigInt, _>(group)
    .bind::<Array<BigInt>, _>(ids)
    .get_result(connection)?;
    Ok(u64::try_from(outside.count).unwrap_or_default())
}
