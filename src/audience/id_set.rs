//! Sets of subscribers that are not stored, as bitmaps over ids, and pages of them.

use super::membership::{BLOCK_BYTES, BLOCK_IDS};
use super::paging::{Page, PageRequest};
use super::subscriber::{self, Subscriber, SubscriberKey, SubscriberOrder};
use crate::db::schema::{segment_blocks, subscribers};
use crate::error::Error;
use diesel::prelude::*;

/// Up to this many members, sorting all of them by e-mail is cheaper than walking the index of e-mails for them.
const FEW_MEMBERS: usize = 20_000;

/// How many e-mails are read at a time while looking for the members of a page.
const EMAILS_AT_A_TIME: i64 = 4_096;

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
    ///
    /// # Errors
    /// Those of the database.
    pub fn of_segment(connection: &mut PgConnection, segment_id: i64) -> Result<IdSet, Error> {
        let blocks: Vec<(i32, Vec<u8>)> = segment_blocks::table
            .filter(segment_blocks::segment_id.eq(segment_id))
            .select((segment_blocks::block, segment_blocks::members))
            .load(connection)?;
        let mut set = IdSet::default();
        for (block, members) in &blocks {
            set.put(i64::from(*block) * BLOCK_IDS, members);
        }
        Ok(set)
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

    /// Puts whoever is in the set out of it, and whoever is not in.
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

    /// Whether a subscriber is in the set.
    pub fn contains(&self, id: i64) -> bool {
        let byte = usize::try_from(id / 8)
            .ok()
            .and_then(|byte| self.bytes.get(byte));
        byte.is_some_and(|byte| byte & (1 << (id & 7)) != 0)
    }

    /// Lists at most so many ids from `first` to `last`, both included: ascending, or descending from the end.
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
    ///
    /// # Errors
    /// Those of the database.
    pub fn list_page(
        &self,
        connection: &mut PgConnection,
        order: SubscriberOrder,
        request: &PageRequest<SubscriberKey>,
    ) -> Result<Page<Subscriber>, Error> {
        request.fetch(
            |found: &Subscriber| found.key(order),
            |request, limit| {
                let ids = match order {
                    SubscriberOrder::Id => self.ids_by_id(request, limit),
                    SubscriberOrder::Email if self.count() <= FEW_MEMBERS => {
                        let ids = self.list_between(0, i64::MAX, false, FEW_MEMBERS);
                        emails_of(connection, Some(&ids), request, limit)?
                            .into_iter()
                            .map(|(_, id)| id)
                            .collect()
                    }
                    SubscriberOrder::Email => self.ids_by_email(connection, request, limit)?,
                };
                subscriber::find_in_order(connection, &ids)
            },
        )
    }

    fn ids_by_id(&self, request: &PageRequest<SubscriberKey>, limit: i64) -> Vec<i64> {
        let (first, last) = subscriber::id_bounds(request);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.list_between(first, last, request.from_end, limit)
    }

    /// Walks along the e-mails until enough members are found.
    fn ids_by_email(
        &self,
        connection: &mut PgConnection,
        request: &PageRequest<SubscriberKey>,
        limit: i64,
    ) -> Result<Vec<i64>, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut request = request.clone();
        let mut found = Vec::new();
        while found.len() < limit {
            let emails = emails_of(connection, None, &request, EMAILS_AT_A_TIME)?;
            let Some((email, _)) = emails.last() else {
                break;
            };
            let next = Some(SubscriberKey::Email(email.clone()));
            if request.from_end {
                request.before = next;
            } else {
                request.after = next;
            }
            let members = emails.iter().map(|(_, id)| *id);
            found.extend(members.filter(|id| self.contains(*id)));
        }
        found.truncate(limit);
        Ok(found)
    }
}

/// Lists e-mails with their ids beyond the keys of a request, of these subscribers or of all.
fn emails_of(
    connection: &mut PgConnection,
    ids: Option<&[i64]>,
    request: &PageRequest<SubscriberKey>,
    limit: i64,
) -> Result<Vec<(String, i64)>, Error> {
    let mut query = subscribers::table
        .select((subscribers::email, subscribers::id))
        .limit(limit)
        .into_boxed();
    if let Some(ids) = ids {
        query = query.filter(subscribers::id.eq_any(ids));
    }
    if let Some(SubscriberKey::Email(after)) = &request.after {
        query = query.filter(subscribers::email.gt(after));
    }
    if let Some(SubscriberKey::Email(before)) = &request.before {
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
