//! Sets of subscribers in memory, as bitmaps over ids, and pages of them.

use super::block::{BLOCK_BYTES, BLOCK_IDS};
use super::paging::{KeyRange, Page, PageRequest};
use super::subscriber::{self, Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::segment_blocks;
use crate::db::statement;
use crate::error::Error;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

/// The most members that are sorted by e-mail address. For larger sets, the index of addresses is walked.
pub(super) const FEW_MEMBERS: usize = 20_000;

/// The number of segments whose members are held in memory at a time. For an audience of ten million they take 20 MB.
pub const SETS_AT_A_TIME: usize = 16;

/// Reading and sorting one member takes about as long as walking over this many addresses.
const STEPS_OF_A_MEMBER: usize = 8;

/// The fewest addresses that a walk passes.
const LEAST_STEPS: usize = 128;

/// Each walk goes this many times as far as the walk before. Members whose addresses begin alike may be found late.
const FARTHER: usize = 8;

/// A set of subscribers: a bitmap with one bit for each id, least significant bit of a byte first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    bytes: Vec<u8>,
}

impl IdSet {
    /// Overwrites a range of the bitmap. It begins at `first_id`, which must be a multiple of 8.
    pub fn put(&mut self, first_id: i64, bytes: &[u8]) {
        let start = usize::try_from(first_id / 8).unwrap_or_default();
        let end = start + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(bytes);
    }

    /// Returns the stored members of a segment.
    pub fn of_segment(connection: &mut PgConnection, segment_id: i64) -> Result<IdSet, Error> {
        let sets = IdSet::of_segments(connection, &[segment_id])?;
        Ok(sets.into_values().next().unwrap_or_default())
    }

    /// Returns the stored members of each of these segments.
    pub fn of_segments(
        connection: &mut PgConnection,
        segment_ids: &[i64],
    ) -> Result<HashMap<i64, IdSet>, Error> {
        let ids = segment_ids.iter();
        let mut sets: HashMap<i64, IdSet> = ids.map(|id| (*id, IdSet::default())).collect();
        let blocks = segment_blocks::table
            .filter(segment_blocks::segment_id.eq_any(segment_ids))
            .select((
                segment_blocks::segment_id,
                segment_blocks::block,
                segment_blocks::members,
            ))
            .load_iter::<(i64, i32, Vec<u8>), PgRowByRowLoadingMode>(connection)?;
        for row in blocks {
            let (segment_id, block, members) = row?;
            let set = sets.entry(segment_id).or_default();
            set.put(i64::from(block) * BLOCK_IDS, &members);
        }
        Ok(sets)
    }

    /// Returns the members as blocks, each with its number, as they are stored. Empty blocks are skipped.
    pub fn blocks(&self) -> impl Iterator<Item = (i32, Vec<u8>)> {
        let blocks = (0..).zip(self.bytes.chunks(BLOCK_BYTES));
        let filled = blocks.filter(|(_, members)| members.iter().any(|byte| *byte != 0));
        filled.map(|(block, members)| {
            let mut whole = members.to_vec();
            whole.resize(BLOCK_BYTES, 0);
            (block, whole)
        })
    }

    /// Toggles whether a subscriber is in the set.
    pub fn flip(&mut self, id: i64) {
        let place = usize::try_from(id / 8).unwrap_or_default();
        if self.bytes.len() <= place {
            self.bytes.resize(place + 1, 0);
        }
        self.bytes[place] ^= 1 << (id & 7);
    }

    /// Keeps the subscribers who are in another set too.
    pub fn retain(&mut self, other: &IdSet) {
        for (place, byte) in self.bytes.iter_mut().enumerate() {
            let others = other.bytes.get(place).copied().unwrap_or_default();
            *byte &= others;
        }
    }

    /// Removes the subscribers who are in another set.
    pub fn remove_all(&mut self, other: &IdSet) {
        for (byte, others) in self.bytes.iter_mut().zip(&other.bytes) {
            *byte &= !others;
        }
    }

    /// Returns how many subscribers are in the set.
    pub fn count(&self) -> usize {
        let ones = self.bytes.iter().map(|byte| byte.count_ones() as usize);
        ones.sum()
    }

    /// Returns how many subscribers are in this set and in another one.
    pub fn count_common(&self, other: &IdSet) -> usize {
        let bytes = self.bytes.iter().zip(&other.bytes);
        let ones = bytes.map(|(byte, others)| (byte & others).count_ones() as usize);
        ones.sum()
    }

    /// Whether a subscriber is in the set.
    pub fn contains(&self, id: i64) -> bool {
        let byte = usize::try_from(id / 8)
            .ok()
            .and_then(|byte| self.bytes.get(byte));
        byte.is_some_and(|byte| byte & (1 << (id & 7)) != 0)
    }

    /// Lists at most this many ids from `first` to `last`, both included: ascending, or descending from the end.
    pub fn list_between(&self, first: i64, last: i64, from_end: bool, limit: usize) -> Vec<i64> {
        let end = self.bytes.len() as i64 * 8 - 1;
        let (first, last) = (first.max(0), last.min(end));
        if first > last {
            return Vec::new();
        }
        let bytes = first / 8..last / 8 + 1;
        let in_byte = |byte: i64| {
            let ids = byte * 8..byte * 8 + 8;
            ids.filter(|id| first <= *id && *id <= last && self.contains(*id))
        };
        let is_filled = |byte: &i64| self.bytes[*byte as usize] != 0;
        if from_end {
            let ids = bytes.rev().filter(is_filled);
            ids.flat_map(|byte| in_byte(byte).rev())
                .take(limit)
                .collect()
        } else {
            let ids = bytes.filter(is_filled);
            ids.flat_map(in_byte).take(limit).collect()
        }
    }

    /// Lists a page of the subscribers in the set.
    pub fn list_page(
        &self,
        connection: &mut PgConnection,
        order: SubscriberOrder,
        request: &PageRequest<SubscriberKey>,
    ) -> Result<Page<Subscriber>, Error> {
        let sets = HashMap::from([((), self)]);
        let mut pages = IdSet::find_pages(connection, &sets, order, request)?;
        let page = pages.remove(&()).unwrap_or_default();
        let rows = subscriber::find_in_order(connection, &page.rows)?;
        Ok(page.with_rows(rows))
    }

    /// Finds the ids of the same page of each of these sets.
    pub fn find_pages<H: Copy + Eq + Hash>(
        connection: &mut PgConnection,
        sets: &HashMap<H, impl Borrow<IdSet>>,
        order: SubscriberOrder,
        request: &PageRequest<SubscriberKey>,
    ) -> Result<HashMap<H, Page<i64>>, Error> {
        let holders: Vec<H> = sets.keys().copied().collect();
        let set_of = |holder: &H| sets.get(holder).map(Borrow::borrow);
        let pages = request.fetch_each(
            &holders,
            |(_, key): &(i64, SubscriberKey)| key.clone(),
            |ranges, from_end, limit| {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let parts = ranges.iter().filter_map(|range| {
                    Some(Part {
                        range,
                        set: set_of(&range.holder)?,
                        found: Vec::new(),
                    })
                });
                let mut parts: Vec<Part<H>> = parts.collect();
                match order {
                    SubscriberOrder::Id => parts
                        .iter_mut()
                        .for_each(|part| part.find_by_id(from_end, limit)),
                    SubscriberOrder::Email => {
                        find_by_email(connection, &mut parts, from_end, limit)?;
                    }
                }
                let rows = parts.into_iter().flat_map(|part| {
                    let holder = part.range.holder;
                    part.found.into_iter().map(move |row| (holder, row))
                });
                Ok(rows.collect())
            },
        )?;
        let pages = pages.into_iter();
        Ok(pages
            .map(|(holder, page)| (holder, page.map(|(id, _)| id)))
            .collect())
    }
}

/// A range of one of several sets, and the members found in it.
struct Part<'s, H> {
    range: &'s KeyRange<H, SubscriberKey>,
    set: &'s IdSet,
    found: Vec<(i64, SubscriberKey)>,
}

impl<H> Part<'_, H> {
    /// Whether sorting all members is cheaper than walking over addresses until enough members are found.
    fn has_few(&self, limit: usize, farther: usize) -> bool {
        let (count, steps) = (self.set.count(), self.expected_steps(limit, farther));
        count <= FEW_MEMBERS && count.saturating_mul(STEPS_OF_A_MEMBER) <= steps
    }

    /// Returns over how many addresses to walk to find this many members, if members are spread evenly, times
    /// `farther`.
    fn expected_steps(&self, members: usize, farther: usize) -> usize {
        let steps = members.saturating_mul(self.ids()) / self.set.count().max(1);
        steps.saturating_mul(farther)
    }

    /// Returns over how many addresses to walk, a little more than expected, or `None` for all of them.
    fn steps(&self, members: usize, farther: usize) -> Option<i64> {
        let expected = self.expected_steps(members, farther);
        let steps = (expected + expected / 4).max(LEAST_STEPS);
        i64::try_from(steps).ok().filter(|_| steps < self.ids())
    }

    /// Returns the number of ids that the bitmap covers.
    fn ids(&self) -> usize {
        self.set.bytes.len() * 8
    }

    fn find_by_id(&mut self, from_end: bool, limit: usize) {
        let (first, last) = subscriber::id_bounds(self.range);
        let ids = self.set.list_between(first, last, from_end, limit);
        let rows = ids.into_iter().map(|id| (id, SubscriberKey::Id(id)));
        self.found = rows.collect();
    }

    /// Returns the addresses between which the range lies.
    fn bounds(&self) -> (&str, &str) {
        (
            email_of(&self.range.after).unwrap_or_default(),
            email_of(&self.range.before).unwrap_or(&BEYOND),
        )
    }
}

/// A text that is greater than all addresses.
static BEYOND: LazyLock<String> = LazyLock::new(|| "\u{10ffff}".repeat(64));

fn email_of(key: &Option<SubscriberKey>) -> Option<&str> {
    match key {
        Some(SubscriberKey::Email(email)) => Some(email),
        _ => None,
    }
}

/// Finds the first or last members of each part by e-mail address. Small sets are sorted. For large sets, addresses are
/// walked over until enough members are found.
fn find_by_email<H>(
    connection: &mut PgConnection,
    parts: &mut [Part<'_, H>],
    from_end: bool,
    limit: usize,
) -> Result<(), Error> {
    let mut waiting: Vec<&mut Part<'_, H>> = parts.iter_mut().collect();
    let mut farther = 1;
    while !waiting.is_empty() {
        let (mut few, mut many): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|part| part.has_few(limit, farther));
        sort_by_email(connection, &mut few, from_end, limit)?;
        walk_by_email(connection, &mut many, from_end, limit, farther)?;
        many.retain(|part| part.found.len() < limit && part.steps(limit, farther).is_some());
        waiting = many;
        farther = farther.saturating_mul(FARTHER);
    }
    Ok(())
}

/// A member that was found: the place of the part, the id and the e-mail address.
type Found = (BigInt, BigInt, Text);

/// Finds members of small sets by e-mail address: the database sorts each set.
fn sort_by_email<H>(
    connection: &mut PgConnection,
    parts: &mut [&mut Part<'_, H>],
    from_end: bool,
    limit: usize,
) -> Result<(), Error> {
    let mut ids: Vec<i64> = Vec::new();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for part in parts.iter() {
        first.push(ids.len() as i32 + 1);
        ids.extend(part.set.list_between(0, i64::MAX, false, FEW_MEMBERS));
        last.push(ids.len() as i32);
    }
    if ids.is_empty() {
        return Ok(());
    }
    let (after, before): (Vec<&str>, Vec<&str>) = parts.iter().map(|part| part.bounds()).unzip();
    let direction = if from_end { "DESC" } else { "ASC" };
    let rows = statement(format!(
        "SELECT part.number - 1, found.id, found.email \
         FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS part (first, last, after, before, number) CROSS JOIN LATERAL ( \
             SELECT s.id, s.email FROM subscribers s WHERE s.id = ANY ($1[part.first:part.last]) \
                 AND s.email > part.after AND s.email < part.before ORDER BY s.email {direction} LIMIT $6 \
         ) found ORDER BY part.number, found.email {direction}"
    ))
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Integer>, _>(first)
    .bind::<Array<Integer>, _>(last)
    .bind::<Array<Text>, _>(after)
    .bind::<Array<Text>, _>(before)
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .returning::<Found>()
    .load(connection)?;
    put_found(parts, rows);
    Ok(())
}

/// Finds members of large sets by e-mail address: walks until each set has enough members, or as far as [`Part::steps`]
/// allows.
fn walk_by_email<H>(
    connection: &mut PgConnection,
    parts: &mut [&mut Part<'_, H>],
    from_end: bool,
    limit: usize,
    farther: usize,
) -> Result<(), Error> {
    if parts.is_empty() {
        return Ok(());
    }
    let sets: Vec<&[u8]> = parts.iter().map(|part| part.set.bytes.as_slice()).collect();
    let steps: Vec<Option<i64>> = parts
        .iter()
        .map(|part| part.steps(limit, farther))
        .collect();
    let (after, before): (Vec<&str>, Vec<&str>) = parts.iter().map(|part| part.bounds()).unzip();
    let direction = if from_end { "DESC" } else { "ASC" };
    // A subscriber whose id lies beyond the last byte of a set is not in it.
    let rows = statement(format!(
        "SELECT part.number - 1, found.id, found.email \
         FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS part (members, steps, after, before, number) CROSS JOIN LATERAL ( \
             SELECT walked.id, walked.email FROM ( \
                 SELECT s.id, s.email FROM subscribers s WHERE s.email > part.after AND s.email < part.before \
                 ORDER BY s.email {direction} LIMIT part.steps \
             ) walked WHERE CASE WHEN walked.id < 8::bigint * octet_length(part.members) THEN get_bit(part.members, walked.id) = 1 END \
             LIMIT $5 \
         ) found ORDER BY part.number, found.email {direction}"
    ))
    .bind::<Array<Binary>, _>(sets)
    .bind::<Array<Nullable<BigInt>>, _>(steps)
    .bind::<Array<Text>, _>(after)
    .bind::<Array<Text>, _>(before)
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .returning::<Found>()
    .load(connection)?;
    put_found(parts, rows);
    Ok(())
}

fn put_found<H>(parts: &mut [&mut Part<'_, H>], rows: Vec<(i64, i64, String)>) {
    for part in parts.iter_mut() {
        part.found.clear();
    }
    for (place, id, email) in rows {
        let part = usize::try_from(place)
            .ok()
            .and_then(|place| parts.get_mut(place));
        if let Some(part) = part {
            part.found.push((id, SubscriberKey::Email(email)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_listed_from_either_end() {
        let mut set = IdSet::default();
        set.put(8, &[0b1000_0001, 0, 0b10]);
        assert_eq!(set.count(), 3);
        assert!(set.contains(8) && set.contains(15) && set.contains(25));
        assert!(!set.contains(9) && !set.contains(9_999));
        let all = |from_end, limit| set.list_between(0, i64::MAX, from_end, limit);
        assert_eq!(all(false, 9), [8, 15, 25]);
        assert_eq!(all(true, 2), [25, 15]);
        assert_eq!(set.list_between(9, 24, false, 9), [15]);
        assert!(set.list_between(16, 9, false, 9).is_empty());
    }
}
