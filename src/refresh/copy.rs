//! Copies the members of a segment, present or past, into a group.

use super::fill::refuse_unfilled;
use crate::audience::audit::{Entry, TargetKind, Trace, within};
use crate::audience::group::{self, Group};
use crate::audience::id_set::IdSet;
use crate::audience::segment;
use crate::error::{Error, InputCode};
use crate::past::{in_snapshot, members_as_of};
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Text, Timestamptz};

/// A copy of the members of a segment into a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentCopy {
    /// The key of the segment.
    pub segment: String,
    /// The key of the group.
    pub group: String,
    /// Whether the group is created if it does not exist.
    pub create_group: bool,
    /// The moment whose members are copied. If absent, the stored members are copied.
    pub as_of: Option<DateTime<Utc>>,
}

/// The result of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The group.
    pub group: Group,
    /// How many subscribers were added to it.
    pub added: i64,
    /// How many were in it already.
    pub unchanged: i64,
}

/// Adds the members of a segment to a group. Existing members keep the time at which they were added, so that a repeated
/// call changes nothing. No member is removed. If the segment may be PENDING, the caller fills it first; see
/// [`fill_pending`](super::fill_pending).
///
/// # Errors
/// [`Error::Invalid`] if the segment or the group does not exist, the segment has never been refreshed, or the moment
/// is in the future or before the changes that are kept.
pub fn copy_segment_to_group(
    connection: &mut PgConnection,
    copy: &SegmentCopy,
    now: DateTime<Utc>,
    entry: &Entry,
) -> Result<Copied, Error> {
    let members = in_snapshot(connection, |connection| {
        let segment = segment::get_by_key(connection, &copy.segment, "segment")?;
        match copy.as_of {
            Some(as_of) => members_as_of(connection, segment.id, as_of, now),
            None => {
                refuse_unfilled(connection, &segment, "segment")?;
                IdSet::of_segment(connection, segment.id)
            }
        }
    })?;
    within(connection, entry, |connection| {
        let group = find_group(connection, copy, now)?;
        group::lock(connection, group.id)?;
        let counted = insert(connection, &members, group.id, &source_of(copy), now)?;
        let trace = Trace::of(TargetKind::Group, group.id)
            .with_key(&group.key)
            .with_count(usize::try_from(counted.added).unwrap_or_default());
        let copied = Copied {
            group,
            added: counted.added,
            unchanged: counted.members - counted.added,
        };
        Ok((copied, trace))
    })
}

/// Returns the source that each membership stores: `segment:KEY`, or `segment:KEY@MOMENT`.
fn source_of(copy: &SegmentCopy) -> String {
    let at = copy
        .as_of
        .map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let at = at.map(|at| format!("@{at}")).unwrap_or_default();
    format!("segment:{}{at}", copy.segment)
}

fn find_group(
    connection: &mut PgConnection,
    copy: &SegmentCopy,
    now: DateTime<Utc>,
) -> Result<Group, Error> {
    if copy.create_group && group::find_by_key(connection, &copy.group)?.is_none() {
        let created = group::create(connection, &copy.group, None, None, now);
        return created.map_err(|error| match error {
            // Another copy has just created the group. The next attempt finds it.
            Error::Invalid(problems) if problems.iter().any(|one| one.code == InputCode::Taken) => {
                Error::Contention("the group was made meanwhile".to_owned())
            }
            Error::Invalid(mut problems) => {
                // The key of the new group is called the group here.
                problems
                    .iter_mut()
                    .for_each(|problem| problem.path = "group".to_owned());
                Error::Invalid(problems)
            }
            other => other,
        });
    }
    let found = group::get_by_key(connection, &copy.group, "group");
    found.map_err(|error| match error {
        Error::Invalid(mut problems) => {
            for problem in &mut problems {
                let hint = problem.hint.take();
                problem.hint = hint.or_else(|| Some("createGroup makes it".to_owned()));
            }
            Error::Invalid(problems)
        }
        other => other,
    })
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    members: i64,
    #[diesel(sql_type = BigInt)]
    added: i64,
}

fn insert(
    connection: &mut PgConnection,
    members: &IdSet,
    group_id: i64,
    source: &str,
    now: DateTime<Utc>,
) -> Result<Counted, Error> {
    let (blocks, bits): (Vec<i32>, Vec<Vec<u8>>) = members.blocks().unzip();
    // The rows of subscribers are locked against deletion, so that the foreign key cannot fail. Subscribers deleted
    // meanwhile are left out.
    Ok(diesel::sql_query(
        "WITH member AS MATERIALIZED ( \
             SELECT s.id FROM unnest($1, $2) AS b (block, members) CROSS JOIN generate_series(0, 8191) AS bit (number) \
             JOIN subscribers s ON s.id = (b.block::bigint << 13) + bit.number \
             WHERE get_bit(b.members, bit.number) = 1 ORDER BY s.id FOR KEY SHARE OF s \
         ), added AS ( \
             INSERT INTO group_memberships (group_id, subscriber_id, added_at, source) \
             SELECT $3, id, $4, $5 FROM member ON CONFLICT DO NOTHING RETURNING 1 \
         ) SELECT (SELECT count(*) FROM member) AS members, (SELECT count(*) FROM added) AS added",
    )
    .bind::<Array<Integer>, _>(blocks)
    .bind::<Array<Binary>, _>(bits)
    .bind::<BigInt, _>(group_id)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(source)
    .get_result(connection)?)
}
