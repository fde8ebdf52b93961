//! What a row of the log tells: people in parts, those of one segment and side together.

use super::kind::{FOLLOWED, Kind, REFRESHED};
use super::position::Within;
use super::row::Row;
use crate::db::schema::refreshes;
use crate::db::statement;
use crate::error::Error;
use crate::past::{Changed, changed_in};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Timestamptz};

/// The most people of one change.
pub const PEOPLE: usize = 1_000;

/// What is told where a refresh is the first with a rule, so that perhaps everybody joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fills {
    /// Who joined and who left, as of any refresh.
    #[default]
    People,
    /// How many joined and how many left: one change for each.
    Counts,
}

/// How much is told at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// How many parts.
    pub parts: usize,
    /// After how many subscribers no further part is told.
    pub people: usize,
}

impl Room {
    pub fn is_none(&self) -> bool {
        self.parts == 0 || self.people == 0
    }

    fn is_taken_by(&self, parts: &[Part]) -> bool {
        let people: usize = parts.iter().map(|part| part.ids.len()).sum();
        parts.len() >= self.parts || people >= self.people
    }
}

/// What to tell of a row.
pub(super) struct Wanted<'k> {
    pub kinds: &'k [Kind],
    pub fills: Fills,
    pub room: Room,
    /// Where to go on in the row.
    pub after: Option<Within>,
}

/// A part of what a row tells.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub kind: Kind,
    pub at: DateTime<Utc>,
    pub about: Option<i64>,
    pub refresh_id: Option<i64>,
    pub is_fill: bool,
    /// Those of this part, ascending.
    pub ids: Vec<i64>,
    /// How many there are in all the parts that belong together.
    pub number: usize,
    pub is_last: bool,
    /// How far the row is told with it.
    pub within: Within,
}

/// The parts of a row, and whether these are all.
pub(super) struct Parts {
    pub parts: Vec<Part>,
    pub is_whole: bool,
}

/// People who are told together: those who joined a segment, or left it, or whom another row is about.
struct Side {
    kind: Kind,
    at: DateTime<Utc>,
    about: Option<i64>,
    refresh_id: Option<i64>,
    is_fill: bool,
    segment: i64,
}

impl Side {
    fn has_left(&self) -> bool {
        self.kind == Kind::SegmentMembersLeft
    }
}

/// Lists what a row tells.
///
/// # Errors
/// [`Error::Resync`] if what it stands for is not kept any more; those of the database.
pub(super) fn expand(
    connection: &mut PgConnection,
    row: &Row,
    wanted: &Wanted<'_>,
) -> Result<Parts, Error> {
    let mut parts = Parts {
        parts: Vec::new(),
        is_whole: false,
    };
    parts.is_whole = match row.kind.as_str() {
        REFRESHED => add_refresh(connection, row, wanted, &mut parts.parts)?,
        FOLLOWED => add_followed(connection, row, wanted, &mut parts.parts)?,
        _ => add_own(row, wanted, &mut parts.parts)?,
    };
    Ok(parts)
}

/// Adds what the row itself says; returns whether that is all.
fn add_own(row: &Row, wanted: &Wanted<'_>, parts: &mut Vec<Part>) -> Result<bool, Error> {
    let Some(kind) = Kind::parse(&row.kind).filter(|kind| wanted.kinds.contains(kind)) else {
        return Ok(true);
    };
    let side = Side {
        kind,
        at: row.at,
        about: row.about,
        refresh_id: None,
        is_fill: false,
        segment: 0,
    };
    if kind.has_people() {
        return Ok(add_people(side, &row.read_ids()?, wanted, parts));
    }
    // A row whose content is not kept any more names nothing.
    if side.about.is_some() && wanted.after.is_none() {
        add_count(side, 0, wanted, parts);
    }
    Ok(true)
}

/// Adds who joined and left segments in a refresh; returns whether that is all.
fn add_refresh(
    connection: &mut PgConnection,
    row: &Row,
    wanted: &Wanted<'_>,
    parts: &mut Vec<Part>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Changing {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = BigInt)]
        joined: i64,
        #[diesel(sql_type = BigInt)]
        left: i64,
        #[diesel(sql_type = Bool)]
        is_fill: bool,
    }
    let Some(refresh_id) = row.about else {
        return Ok(true);
    };
    let as_of: Option<DateTime<Utc>> = refreshes::table
        .find(refresh_id)
        .select(refreshes::as_of)
        .first(connection)
        .optional()?;
    let segments: Vec<Changing> = statement(
        "SELECT segment_id, joined, \"left\", NOT EXISTS (SELECT FROM segment_refreshes e \
             WHERE e.segment_id = s.segment_id AND e.refresh_id < s.refresh_id \
             AND e.definition_version = s.definition_version AND e.problems = '[]') AS is_fill \
         FROM segment_refreshes s WHERE refresh_id = $1 AND segment_id >= $2 AND (joined > 0 OR \"left\" > 0) \
         ORDER BY segment_id",
    )
    .bind::<BigInt, _>(refresh_id)
    .bind::<BigInt, _>(wanted.after.map_or(0, |after| after.segment))
    .load(connection)?;
    for segment in segments {
        let side = |kind| Side {
            kind,
            at: as_of.unwrap_or(row.at),
            about: Some(segment.segment_id),
            refresh_id: Some(refresh_id),
            is_fill: segment.is_fill,
            segment: segment.segment_id,
        };
        let sides = [
            (side(Kind::SegmentMembersJoined), segment.joined),
            (side(Kind::SegmentMembersLeft), segment.left),
        ];
        let is_counted = segment.is_fill && wanted.fills == Fills::Counts;
        let mut changed: Option<Changed> = None;
        for (side, count) in sides {
            if count == 0 || !wanted.kinds.contains(&side.kind) {
                continue;
            }
            if wanted.room.is_taken_by(parts) {
                return Ok(false);
            }
            if is_counted {
                let number = usize::try_from(count).unwrap_or_default();
                add_count(side, number, wanted, parts);
                continue;
            }
            let changed = match &mut changed {
                Some(changed) => changed,
                none => none.insert(changed_in(connection, segment.segment_id, refresh_id)?),
            };
            let people = match side.has_left() {
                true => &changed.left,
                false => &changed.joined,
            };
            let ids = people.list_between(0, i64::MAX, false, usize::MAX);
            if !add_people(side, &ids, wanted, parts) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Adds who joined and left instant segments when the follower followed changes; returns whether that is all.
fn add_followed(
    connection: &mut PgConnection,
    row: &Row,
    wanted: &Wanted<'_>,
    parts: &mut Vec<Part>,
) -> Result<bool, Error> {
    #[derive(QueryableByName)]
    struct Followed {
        #[diesel(sql_type = BigInt)]
        segment_id: i64,
        #[diesel(sql_type = Bool)]
        joined: bool,
        #[diesel(sql_type = Timestamptz)]
        at: DateTime<Utc>,
        #[diesel(sql_type = Array<BigInt>)]
        ids: Vec<i64>,
    }
    let Some((first, last)) = row.first_id.zip(row.last_id) else {
        return Ok(true);
    };
    let is_wanted = |kind| wanted.kinds.contains(&kind);
    let sides = [
        (is_wanted(Kind::SegmentMembersJoined), true),
        (is_wanted(Kind::SegmentMembersLeft), false),
    ];
    let sides = sides.into_iter().filter(|(is_wanted, _)| *is_wanted);
    let sides: Vec<bool> = sides.map(|(_, joined)| joined).collect();
    // One more than there is room for.
    let most = i64::try_from(wanted.room.parts.saturating_add(1)).unwrap_or(i64::MAX);
    let rows: Vec<Followed> = statement(
        "SELECT segment_id, joined, max(changed_at) AS at, array_agg(subscriber_id ORDER BY subscriber_id) AS ids \
         FROM instant_changes WHERE id BETWEEN $1 AND $2 AND segment_id >= $3 AND joined = ANY ($4) \
         GROUP BY segment_id, joined ORDER BY segment_id, joined DESC LIMIT $5",
    )
    .bind::<BigInt, _>(first)
    .bind::<BigInt, _>(last)
    .bind::<BigInt, _>(wanted.after.map_or(0, |after| after.segment))
    .bind::<Array<Bool>, _>(sides)
    .bind::<BigInt, _>(most)
    .load(connection)?;
    for row in rows {
        let side = Side {
            kind: match row.joined {
                true => Kind::SegmentMembersJoined,
                false => Kind::SegmentMembersLeft,
            },
            at: row.at,
            about: Some(row.segment_id),
            refresh_id: None,
            is_fill: false,
            segment: row.segment_id,
        };
        if !add_people(side, &row.ids, wanted, parts) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds people in parts, those who were told before left out; returns whether there was room for all.
fn add_people(side: Side, ids: &[i64], wanted: &Wanted<'_>, parts: &mut Vec<Part>) -> bool {
    let place = |subscriber| Within {
        segment: side.segment,
        has_left: side.has_left(),
        subscriber,
    };
    let told = match wanted.after {
        Some(after) => ids.partition_point(|id| place(*id) <= after),
        None => 0,
    };
    let rest = &ids[told..];
    for (number, some) in rest.chunks(PEOPLE).enumerate() {
        if wanted.room.is_taken_by(parts) {
            return false;
        }
        let last = some.last().copied().unwrap_or_default();
        parts.push(Part {
            kind: side.kind,
            at: side.at,
            about: side.about,
            refresh_id: side.refresh_id,
            is_fill: side.is_fill,
            ids: some.to_vec(),
            number: ids.len(),
            is_last: (number + 1) * PEOPLE >= rest.len(),
            within: place(last),
        });
    }
    true
}

/// Adds one part without people, unless it was told before.
fn add_count(side: Side, number: usize, wanted: &Wanted<'_>, parts: &mut Vec<Part>) {
    let within = Within {
        segment: side.segment,
        has_left: side.has_left(),
        subscriber: i64::MAX,
    };
    if wanted.after.is_some_and(|after| within <= after) {
        return;
    }
    parts.push(Part {
        kind: side.kind,
        at: side.at,
        about: side.about,
        refresh_id: side.refresh_id,
        is_fill: side.is_fill,
        ids: Vec::new(),
        number,
        is_last: true,
        within,
    });
}
