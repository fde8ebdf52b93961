//! Expands a row of the log into changes. Subscribers come in parts; each part has only joins or only leaves of one
//! segment.

use super::kind::{ChangeKind, FOLLOWED, REFRESHED};
use super::position::Within;
use super::row::Row;
use crate::db::schema::refreshes;
use crate::db::statement;
use crate::error::Error;
use crate::past::{self, list_changed_in};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Timestamptz};
use std::cmp::Ordering;

/// The largest number of subscribers in one change.
pub const PEOPLE: usize = 1_000;

/// What readers get if a refresh is the first with a rule, so that the whole audience may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fills {
    /// The subscribers who joined and who left, as with any refresh.
    #[default]
    People,
    /// Only the counts: one change for the joins, one for the leaves.
    Counts,
}

/// What is left of the limits of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageCapacity {
    /// The largest number of parts.
    pub parts: usize,
    /// The number of subscribers after which no further part is added.
    pub people: usize,
}

impl PageCapacity {
    pub fn is_none(&self) -> bool {
        self.parts == 0 || self.people == 0
    }

    /// Returns how many more parts fit after these.
    fn left(&self, parts: &[Part]) -> usize {
        let people: usize = parts.iter().map(|part| part.ids.len()).sum();
        let of_people = self.people.saturating_sub(people).div_ceil(PEOPLE);
        self.parts.saturating_sub(parts.len()).min(of_people)
    }
}

/// What a reader wants from a row.
pub(super) struct Wanted<'k> {
    pub kinds: &'k [ChangeKind],
    /// The segments whose members are listed; all if `None`.
    pub segment_ids: Option<&'k [i64]>,
    pub fills: Fills,
    pub room: PageCapacity,
    /// Where to continue in the row.
    pub after: Option<Within>,
}

impl Wanted<'_> {
    /// Returns how many lists of a row are read together: one more than the page can take, and one that an earlier page
    /// may have.
    fn most_lists(&self) -> i64 {
        i64::try_from(self.room.parts.saturating_add(2)).unwrap_or(i64::MAX)
    }
}

/// A part of the changes of a row.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub kind: ChangeKind,
    pub at: DateTime<Utc>,
    pub about: Option<i64>,
    pub refresh_id: Option<i64>,
    pub is_fill: bool,
    /// The ids of this part, ascending.
    pub ids: Vec<i64>,
    /// The number of subscribers in all the parts that belong together.
    pub number: usize,
    pub is_last: bool,
    /// The position in the row after this part.
    pub within: Within,
}

/// The parts of a row, and whether these are all.
pub(super) struct Parts {
    pub parts: Vec<Part>,
    pub is_whole: bool,
}

/// Subscribers who are listed together: those who joined a segment, those who left it, or the subscribers of a row of
/// another kind.
struct SubscriberList {
    kind: ChangeKind,
    at: DateTime<Utc>,
    about: Option<i64>,
    refresh_id: Option<i64>,
    is_fill: bool,
}

impl SubscriberList {
    fn has_left(&self) -> bool {
        self.kind == ChangeKind::SegmentMembersLeft
    }

    /// Returns the position in the row after a subscriber of this list.
    fn place(&self, subscriber: i64) -> Within {
        Within {
            about: self.about.unwrap_or_default(),
            has_left: self.has_left(),
            subscriber,
        }
    }

    /// Returns the id from which to continue after a place in the row, or `None` if the place is after this list.
    fn begin(&self, after: Option<Within>) -> Option<i64> {
        let Some(after) = after else {
            return Some(0);
        };
        let here = self.place(after.subscriber);
        let order = match self.kind.is_of_segment() {
            true => (here.about, here.has_left).cmp(&(after.about, after.has_left)),
            // A row of another kind has one list.
            false => Ordering::Equal,
        };
        match order {
            Ordering::Less => None,
            Ordering::Equal => Some(after.subscriber.saturating_add(1)),
            Ordering::Greater => Some(0),
        }
    }
}

/// Lists the changes of a row.
///
/// # Errors
/// [`Error::Resync`] if what the row represents is not kept any more.
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

/// Adds the changes that the row itself holds. Returns false if the page is full before the row is complete.
fn add_own(row: &Row, wanted: &Wanted<'_>, parts: &mut Vec<Part>) -> Result<bool, Error> {
    let Some(kind) = ChangeKind::parse(&row.kind).filter(|kind| wanted.kinds.contains(kind)) else {
        return Ok(true);
    };
    let list = SubscriberList {
        kind,
        at: row.at,
        about: row.about,
        refresh_id: None,
        is_fill: false,
    };
    if kind.has_people() {
        // At most the ids of one chunk.
        let ids = row.read_ids()?;
        return add_people(list, ids.len(), wanted, parts, |from, limit| {
            Ok(list_from(&ids, from, limit))
        });
    }
    // A row whose content is not kept any more names nothing.
    if list.about.is_some() && wanted.after.is_none() {
        add_count(list, 0, wanted, parts);
    }
    Ok(true)
}

/// Lists at most `limit` of some ascending ids, from the id `from` on.
fn list_from(ids: &[i64], from: i64, limit: usize) -> Vec<i64> {
    let first = ids.partition_point(|id| *id < from);
    ids[first..].iter().copied().take(limit).collect()
}

/// Adds the joins and leaves of segments in a refresh. Returns whether the row is complete.
fn add_refresh(
    connection: &mut PgConnection,
    row: &Row,
    wanted: &Wanted<'_>,
    parts: &mut Vec<Part>,
) -> Result<bool, Error> {
    let Some(refresh_id) = row.about else {
        return Ok(true);
    };
    let as_of: Option<DateTime<Utc>> = refreshes::table
        .find(refresh_id)
        .select(refreshes::as_of)
        .first(connection)
        .optional()?;
    let at = as_of.unwrap_or(row.at);
    let mut from = wanted.after.map_or(0, |after| after.about);
    loop {
        let segments = Changing::list(connection, refresh_id, from, wanted)?;
        let Some(last) = segments.last() else {
            return Ok(true);
        };
        from = last.segment_id + 1;
        for segment in segments {
            if !segment.add(connection, (refresh_id, at), wanted, parts)? {
                return Ok(false);
            }
        }
    }
}

/// A segment that a refresh changed.
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

impl Changing {
    /// Lists the next segments from an id.
    fn list(
        connection: &mut PgConnection,
        refresh_id: i64,
        from: i64,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Changing>, Error> {
        Ok(statement(
            "SELECT segment_id, joined, \"left\", NOT EXISTS (SELECT FROM segment_refreshes e \
                 WHERE e.segment_id = s.segment_id AND e.refresh_id < s.refresh_id \
                 AND e.definition_version = s.definition_version AND e.problems = '[]') AS is_fill \
             FROM segment_refreshes s WHERE refresh_id = $1 AND segment_id >= $2 \
             AND (joined > 0 AND $3 OR \"left\" > 0 AND $4) AND ($5 IS NULL OR segment_id = ANY ($5)) \
             ORDER BY segment_id LIMIT $6",
        )
        .bind::<BigInt, _>(refresh_id)
        .bind::<BigInt, _>(from)
        .bind::<Bool, _>(wanted.kinds.contains(&ChangeKind::SegmentMembersJoined))
        .bind::<Bool, _>(wanted.kinds.contains(&ChangeKind::SegmentMembersLeft))
        .bind::<Nullable<Array<BigInt>>, _>(wanted.segment_ids)
        .bind::<BigInt, _>(wanted.most_lists())
        .load(connection)?)
    }

    /// Adds the joins and leaves of the segment. Returns whether these are all.
    fn add(
        self,
        connection: &mut PgConnection,
        (refresh_id, at): (i64, DateTime<Utc>),
        wanted: &Wanted<'_>,
        parts: &mut Vec<Part>,
    ) -> Result<bool, Error> {
        let lists = [
            (
                ChangeKind::SegmentMembersJoined,
                past::Direction::Joined,
                self.joined,
            ),
            (
                ChangeKind::SegmentMembersLeft,
                past::Direction::Left,
                self.left,
            ),
        ];
        let is_counted = self.is_fill && wanted.fills == Fills::Counts;
        for (kind, direction, count) in lists {
            if count == 0 || !wanted.kinds.contains(&kind) {
                continue;
            }
            if wanted.room.left(parts) == 0 {
                return Ok(false);
            }
            let list = SubscriberList {
                kind,
                at,
                about: Some(self.segment_id),
                refresh_id: Some(refresh_id),
                is_fill: self.is_fill,
            };
            let number = usize::try_from(count).unwrap_or_default();
            if is_counted {
                add_count(list, number, wanted, parts);
                continue;
            }
            let of = (self.segment_id, refresh_id);
            let is_whole = add_people(list, number, wanted, parts, |from, limit| {
                list_changed_in(connection, of, direction, from, limit)
            })?;
            if !is_whole {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Adds the joins and leaves that the follower wrote for instant segments. Returns whether the row is complete.
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
    let lists = [
        (is_wanted(ChangeKind::SegmentMembersJoined), true),
        (is_wanted(ChangeKind::SegmentMembersLeft), false),
    ];
    let lists = lists.into_iter().filter(|(is_wanted, _)| *is_wanted);
    let lists: Vec<bool> = lists.map(|(_, joined)| joined).collect();
    let most = wanted.most_lists();
    let rows: Vec<Followed> = statement(
        "SELECT segment_id, joined, max(changed_at) AS at, array_agg(subscriber_id ORDER BY subscriber_id) AS ids \
         FROM instant_changes WHERE id BETWEEN $1 AND $2 AND segment_id >= $3 AND joined = ANY ($4) \
         AND ($6 IS NULL OR segment_id = ANY ($6)) \
         GROUP BY segment_id, joined ORDER BY segment_id, joined DESC LIMIT $5",
    )
    .bind::<BigInt, _>(first)
    .bind::<BigInt, _>(last)
    .bind::<BigInt, _>(wanted.after.map_or(0, |after| after.about))
    .bind::<Array<Bool>, _>(lists)
    .bind::<BigInt, _>(most)
    .bind::<Nullable<Array<BigInt>>, _>(wanted.segment_ids)
    .load(connection)?;
    let is_cut = i64::try_from(rows.len()).is_ok_and(|number| number >= most);
    for row in rows {
        let list = SubscriberList {
            kind: match row.joined {
                true => ChangeKind::SegmentMembersJoined,
                false => ChangeKind::SegmentMembersLeft,
            },
            at: row.at,
            about: Some(row.segment_id),
            refresh_id: None,
            is_fill: false,
        };
        // The ids are few: the follower writes at most some thousand subscribers together.
        let is_whole = add_people(list, row.ids.len(), wanted, parts, |from, limit| {
            Ok(list_from(&row.ids, from, limit))
        })?;
        if !is_whole {
            return Ok(false);
        }
    }
    // The next page has the lists after these.
    Ok(!is_cut)
}

/// Adds the subscribers of a list in parts, after those that an earlier page has. Returns whether all of them fit in
/// the page. `read` lists them from an id, up to a limit. There are `number` of them in all.
fn add_people(
    list: SubscriberList,
    number: usize,
    wanted: &Wanted<'_>,
    parts: &mut Vec<Part>,
    read: impl FnOnce(i64, usize) -> Result<Vec<i64>, Error>,
) -> Result<bool, Error> {
    let Some(from) = list.begin(wanted.after) else {
        return Ok(true);
    };
    let room = wanted.room.left(parts).saturating_mul(PEOPLE);
    // One more than the page can take, to know whether these are all.
    let mut ids = read(from, room.saturating_add(1))?;
    let is_whole = ids.len() <= room;
    ids.truncate(room);
    let last = ids.len().div_ceil(PEOPLE);
    for (place, some) in (1..).zip(ids.chunks(PEOPLE)) {
        parts.push(Part {
            kind: list.kind,
            at: list.at,
            about: list.about,
            refresh_id: list.refresh_id,
            is_fill: list.is_fill,
            ids: some.to_vec(),
            number,
            is_last: is_whole && place == last,
            within: list.place(some.last().copied().unwrap_or_default()),
        });
    }
    Ok(is_whole)
}

/// Adds one part without subscribers, unless an earlier page has it.
fn add_count(list: SubscriberList, number: usize, wanted: &Wanted<'_>, parts: &mut Vec<Part>) {
    let within = list.place(i64::MAX);
    if wanted.after.is_some_and(|after| within <= after) {
        return;
    }
    parts.push(Part {
        kind: list.kind,
        at: list.at,
        about: list.about,
        refresh_id: list.refresh_id,
        is_fill: list.is_fill,
        ids: Vec::new(),
        number,
        is_last: true,
        within,
    });
}
