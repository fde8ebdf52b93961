//! Sets of subscribers that are not stored, as bitmaps over ids, and pages of them.

use super::block::{BLOCK_BYTES, BLOCK_IDS};
use super::paging::{Page, PageRequest, Stretch};
use super::subscriber::{self, Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{segment_blocks, subscribers};
use crate::db::statement;
use crate::error::Error;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Up to this many members, sorting all of them by e-mail is cheaper than walking the index of e-mails for them.
pub(super) const FEW_MEMBERS: usize = 20_000;

/// For how many segments the members are held in memory at a time: those of an audience of ten million take 20 MB.
pub const SETS_AT_A_TIME: usize = 16;

/// Looking a member up and sorting it takes about as long as walking over this many e-mails.
const STEPS_OF_A_MEMBER: usize = 4;

/// How many e-mails are read at a time while looking for the members of a page, at the least and at the most.
const EMAILS_AT_A_TIME: (usize, usize) = (128, 16_384);

/// A set of subscribers: bit `id`, least significant bit of a byte first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdSet {
    bytes: Vec<u8>,
}

impl IdSet {
    /// Puts a stretch of the set in place; it begins at an id that is a multiple of 8.
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

    /// Returns the members as blocks, each with its number, as they are stored; empty ones are left out.
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

    /// Keeps those who are in another set too.
    pub fn retain(&mut self, other: &IdSet) {
        for (place, byte) in self.bytes.iter_mut().enumerate() {
            let others = other.bytes.get(place).copied().unwrap_or_default();
            *byte &= others;
        }
    }

    /// Takes out those who are in another set.
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

    /// Finds the same page of the subscribers in each of these sets: their ids.
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
            |stretches, from_end, limit| {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let parts = stretches.iter().filter_map(|stretch| {
                    Some(Part {
                        stretch,
                        set: set_of(&stretch.holder)?,
                        found: Vec::new(),
                        is_done: false,
                    })
                });
                let mut parts: Vec<Part<H>> = parts.collect();
                match order {
                    SubscriberOrder::Id => parts
                        .iter_mut()
                        .for_each(|part| part.find_by_id(from_end, limit)),
                    SubscriberOrder::Email => {
                        let (mut few, mut many): (Vec<_>, Vec<_>) =
                            parts.into_iter().partition(|part| part.has_few(limit));
                        sort_by_email(connection, &mut few, from_end, limit)?;
                        walk_by_email(connection, &mut many, from_end, limit)?;
                        few.append(&mut many);
                        parts = few;
                    }
                }
                let rows = parts.into_iter().flat_map(|part| {
                    let holder = part.stretch.holder;
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

/// A stretch of one of several sets, and what is found of it.
struct Part<'s, H> {
    stretch: &'s Stretch<H, SubscriberKey>,
    set: &'s IdSet,
    found: Vec<(i64, SubscriberKey)>,
    /// Whether all that there is was found.
    is_done: bool,
}

impl<H> Part<'_, H> {
    /// Whether sorting all members is cheaper than walking along the e-mails until enough of them are met.
    fn has_few(&self, limit: usize) -> bool {
        self.has_few_for(self.steps(limit))
    }

    /// Whether sorting all members is cheaper than walking over this many e-mails.
    fn has_few_for(&self, steps: usize) -> bool {
        let count = self.set.count();
        count <= FEW_MEMBERS && count.saturating_mul(STEPS_OF_A_MEMBER) <= steps
    }

    /// Whether members are still to be found.
    fn lacks(&self, limit: usize) -> bool {
        !self.is_done && self.found.len() < limit
    }

    /// Returns how many e-mails must be walked over to meet this many members, if those of members are like all others.
    fn steps(&self, members: usize) -> usize {
        let ids = self.set.bytes.len() * 8;
        members.saturating_mul(ids) / self.set.count().max(1)
    }

    fn find_by_id(&mut self, from_end: bool, limit: usize) {
        let (first, last) = subscriber::id_bounds(self.stretch);
        let ids = self.set.list_between(first, last, from_end, limit);
        let rows = ids.into_iter().map(|id| (id, SubscriberKey::Id(id)));
        self.found = rows.collect();
    }

    /// Takes a subscriber who is in the set and within the stretch. E-mails are compared bytewise, as the database does.
    fn take(&mut self, email: &str, id: i64) {
        let is_within = email_of(&self.stretch.after).is_none_or(|after| email > after)
            && email_of(&self.stretch.before).is_none_or(|before| email < before);
        if is_within && self.set.contains(id) {
            let key = SubscriberKey::Email(email.to_owned());
            self.found.push((id, key));
        }
    }
}

fn email_of(key: &Option<SubscriberKey>) -> Option<&str> {
    match key {
        Some(SubscriberKey::Email(email)) => Some(email),
        _ => None,
    }
}

/// Finds members of small sets by e-mail: the database sorts each set.
fn sort_by_email<H>(
    connection: &mut PgConnection,
    parts: &mut [Part<'_, H>],
    from_end: bool,
    limit: usize,
) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        part: i64,
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        email: String,
    }
    let (mut of, mut ids) = (Vec::new(), Vec::new());
    for (place, part) in (0..).zip(parts.iter()) {
        let members = part.set.list_between(0, i64::MAX, false, FEW_MEMBERS);
        of.resize(of.len() + members.len(), place);
        ids.extend(members);
    }
    if ids.is_empty() {
        return Ok(());
    }
    let bounds = |key: fn(&Stretch<H, SubscriberKey>) -> &Option<SubscriberKey>| {
        let keys = parts.iter().map(|part| email_of(key(part.stretch)));
        keys.collect::<Vec<Option<&str>>>()
    };
    let direction = if from_end { "DESC" } else { "ASC" };
    let rows: Vec<Row> = statement(format!(
        "SELECT part, id, email FROM (SELECT member.part, s.id, s.email, \
             row_number() OVER (PARTITION BY member.part ORDER BY s.email {direction}) AS place \
         FROM unnest($1, $2) AS member (part, id) JOIN subscribers s ON s.id = member.id \
         JOIN unnest($3, $4) WITH ORDINALITY AS bounds (after, before, number) ON bounds.number = member.part + 1 \
         WHERE (bounds.after IS NULL OR s.email > bounds.after) AND (bounds.before IS NULL OR s.email < bounds.before)) found \
         WHERE place <= $5 ORDER BY part, place"
    ))
    .bind::<Array<BigInt>, _>(of)
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Nullable<Text>>, _>(bounds(|stretch| &stretch.after))
    .bind::<Array<Nullable<Text>>, _>(bounds(|stretch| &stretch.before))
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .load(connection)?;
    for row in rows {
        let part = usize::try_from(row.part).ok();
        if let Some(part) = part.and_then(|part| parts.get_mut(part)) {
            part.found.push((row.id, SubscriberKey::Email(row.email)));
        }
    }
    Ok(())
}

/// Finds members of large sets by e-mail: walks along all e-mails until there are enough of each set.
fn walk_by_email<H>(
    connection: &mut PgConnection,
    parts: &mut [Part<'_, H>],
    from_end: bool,
    limit: usize,
) -> Result<(), Error> {
    let mut request = PageRequest {
        size: 0,
        after: outermost(parts.iter().map(|part| &part.stretch.after), false),
        before: outermost(parts.iter().map(|part| &part.stretch.before), true),
        from_end,
    };
    let mut walked = 0;
    loop {
        // Where members are not like all others, such as those whose addresses begin alike, sorting ends the walk.
        for part in parts.iter_mut().filter(|part| part.lacks(limit)) {
            if part.has_few_for(walked) {
                part.found.clear();
                sort_by_email(connection, std::slice::from_mut(part), from_end, limit)?;
                part.is_done = true;
            }
        }
        let missing = parts.iter().filter(|part| part.lacks(limit));
        if missing.clone().next().is_none() {
            break;
        }
        let steps = missing.map(|part| part.steps(limit - part.found.len()));
        // A little more than expected, and ever more where they are not like all others.
        let expected = steps.max().unwrap_or_default();
        let (least, most) = EMAILS_AT_A_TIME;
        request.size = (expected + expected / 4)
            .max(request.size * 2)
            .clamp(least, most);
        let emails = list_emails(connection, &request)?;
        walked += emails.len();
        for (email, id) in &emails {
            for part in parts.iter_mut().filter(|part| part.lacks(limit)) {
                part.take(email, *id);
            }
        }
        let Some((email, _)) = emails.last() else {
            break;
        };
        let next = Some(SubscriberKey::Email(email.clone()));
        if from_end {
            request.before = next;
        } else {
            request.after = next;
        }
    }
    Ok(())
}

/// Returns the least or the greatest of bounds, or `None` if one of them is missing.
fn outermost<'k>(
    keys: impl Iterator<Item = &'k Option<SubscriberKey>>,
    greatest: bool,
) -> Option<SubscriberKey> {
    let keys: Option<Vec<&str>> = keys.map(email_of).collect();
    let keys = keys?.into_iter();
    let found = if greatest { keys.max() } else { keys.min() };
    found.map(|email| SubscriberKey::Email(email.to_owned()))
}

/// Lists the next e-mails between the keys of a request, with their ids: as many as its size.
fn list_emails(
    connection: &mut PgConnection,
    request: &PageRequest<SubscriberKey>,
) -> Result<Vec<(String, i64)>, Error> {
    let mut query = subscribers::table
        .select((subscribers::email, subscribers::id))
        .limit(i64::try_from(request.size).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(after) = email_of(&request.after) {
        query = query.filter(subscribers::email.gt(after));
    }
    if let Some(before) = email_of(&request.before) {
        query = query.filter(subscribers::email.lt(before));
    }
    query = if request.from_end {
        query.order(subscribers::email.desc())
    } else {
        query.order(subscribers::email.asc())
    };
    Ok(query.load(connection)?)
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
