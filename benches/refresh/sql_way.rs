//! The other way: one row per membership, one set-based difference per segment.

use super::audience::optional_number;
use super::execute;
use super::segments::Definition;
use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use rollcall::db::Db;

/// Refreshes every segment, one after the other, each in one statement.
///
/// Whoever does this in earnest finds out that the planner, which cannot know how many rows of a common table expression
/// match, takes minutes for a segment now and then by a nested loop; so those are switched off.
pub fn refresh(db: &Db, definitions: &[Definition], now: DateTime<Utc>) -> anyhow::Result<()> {
    execute(
        db,
        "CREATE TABLE IF NOT EXISTS sql_memberships (segment_id bigint NOT NULL, subscriber_id bigint NOT NULL, \
         PRIMARY KEY (segment_id, subscriber_id)); \
         SET work_mem = '256MB'; SET enable_nestloop = off",
    )?;
    for Definition { id, condition } in definitions {
        let condition = condition.replace("$now", &format!("timestamptz '{now}'"));
        execute(
            db,
            &format!(
                "WITH matching AS MATERIALIZED (SELECT s.id FROM subscribers s WHERE {condition}), \
                 current AS MATERIALIZED (SELECT subscriber_id AS id FROM sql_memberships WHERE segment_id = {id}), \
                 joined AS (INSERT INTO sql_memberships SELECT {id}, m.id FROM matching m \
                     WHERE NOT EXISTS (SELECT FROM current c WHERE c.id = m.id)) \
                 DELETE FROM sql_memberships d WHERE d.segment_id = {id} AND d.subscriber_id IN \
                     (SELECT c.id FROM current c WHERE NOT EXISTS (SELECT FROM matching m WHERE m.id = c.id))"
            ),
        )?;
    }
    execute(db, "ANALYZE sql_memberships")
}

/// Compares the members of every segment by number and by a hash of their ids, and returns how many there are in all.
pub fn check_same_members(db: &Db, definitions: &[Definition]) -> anyhow::Result<i64> {
    let mut total = 0;
    for Definition { id, condition } in definitions {
        let figures = |table: &str| -> anyhow::Result<(i64, i64)> {
            let number = |what: &str| {
                let sql = format!("SELECT {what} FROM {table} WHERE segment_id = {id}");
                optional_number(db, &sql)?.context("a number")
            };
            Ok((
                number("count(*)")?,
                number("coalesce(sum(hashint8(subscriber_id)), 0)")?,
            ))
        };
        let (ours, theirs) = (figures("segment_memberships")?, figures("sql_memberships")?);
        ensure!(
            ours == theirs,
            "segment {id} ({condition}): ours {ours:?}, SQL {theirs:?}"
        );
        total += ours.0;
    }
    Ok(total)
}
