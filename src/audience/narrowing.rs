//! Lists of subscribers, narrowed to a status and to addresses that begin with a text.
//!
//! One statement finds the ids that fit, for any number of lists. Pages are cut out of bitmaps.

use super::block::BLOCK_IDS;
use super::id_set::{FEW_MEMBERS, IdSet, SETS_AT_A_TIME};
use super::paged_list::Item;
use super::paging::{Page, PageRequest};
use super::subscriber::{SubscriberKey, SubscriberOrder};
use crate::db::schema::group_memberships;
use crate::error::Error;
use crate::rule::Status;
use crate::text::find_email;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text};
use std::collections::HashMap;
use std::hash::Hash;

/// The subscribers that a list is narrowed to; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Narrowing {
    /// The beginning of the address, in the form in which addresses are stored.
    prefix: Option<String>,
    status: Option<Status>,
}

/// A page of each list, and how many subscribers the list has in all.
pub type CountedPages<T> = HashMap<i64, (Page<T>, usize)>;

impl Narrowing {
    /// Makes a narrowing. An empty search does not narrow.
    ///
    /// # Errors
    /// If the search holds a NUL character.
    pub fn new(search: Option<&str>, status: Option<Status>) -> Result<Narrowing, String> {
        let prefix = search.map(find_email).filter(|prefix| !prefix.is_empty());
        if prefix.as_ref().is_some_and(|prefix| prefix.contains('\0')) {
            return Err("expected a text without NUL characters, found one".to_owned());
        }
        Ok(Narrowing { prefix, status })
    }

    /// Whether no subscriber is left out.
    pub fn is_everybody(&self) -> bool {
        *self == Narrowing::default()
    }

    /// Returns the range of addresses with the prefix: its start, and its excluded end, or `None` if it has no end.
    /// Returns `None` if there is no prefix.
    pub fn emails(&self) -> Option<(&str, Option<String>)> {
        let prefix = self.prefix.as_deref()?;
        Some((prefix, successor(prefix)))
    }

    /// Keeps only the subscribers of each set that fit.
    pub fn narrow<H: Eq + Hash>(
        &self,
        connection: &mut PgConnection,
        sets: &mut HashMap<H, IdSet>,
    ) -> Result<(), Error> {
        if self.is_everybody() {
            return Ok(());
        }
        let left = self.load(connection)?;
        sets.values_mut().for_each(|set| left.narrow(set));
        Ok(())
    }

    fn load(&self, connection: &mut PgConnection) -> Result<Left, Error> {
        let mut conditions = Vec::new();
        let emails = self.emails();
        if let Some((_, end)) = &emails {
            conditions.push("email >= $1");
            conditions.extend(end.as_ref().map(|_| "email < $2"));
        }
        // Few subscribers have a status other than the usual one, and an index has these subscribers.
        let is_complement = emails.is_none() && self.status == Some(Status::Subscribed);
        conditions.extend(match self.status {
            Some(Status::Subscribed) if is_complement => Some("status <> 'subscribed'"),
            Some(Status::Subscribed) => Some("status = 'subscribed'"),
            Some(Status::Unsubscribed) => Some("status = 'unsubscribed'"),
            Some(Status::Bounced) => Some("status = 'bounced'"),
            Some(Status::Complained) => Some("status = 'complained'"),
            Some(Status::Pending) => Some("status = 'pending'"),
            None => None,
        });
        let mut query = diesel::sql_query(format!(
            "SELECT (id >> 13)::integer AS block, array_agg((id & 8191)::smallint) AS offsets \
             FROM subscribers WHERE {} GROUP BY 1",
            conditions.join(" AND ")
        ))
        .into_boxed();
        if let Some((start, end)) = emails {
            query = query.bind::<Text, _>(start.to_owned());
            if let Some(end) = end {
                query = query.bind::<Text, _>(end);
            }
        }
        let rows: Vec<Offsets> = query.load(connection)?;
        let mut ids = IdSet::default();
        rows.iter().for_each(|row| row.put_into(&mut ids));
        Ok(match is_complement {
            true => Left::NotThese(ids),
            false => Left::These(ids),
        })
    }
}

/// The subscribers that fit a narrowing: these, or all except these.
enum Left {
    These(IdSet),
    NotThese(IdSet),
}

impl Left {
    fn narrow(&self, set: &mut IdSet) {
        match self {
            Left::These(ids) => set.retain(ids),
            Left::NotThese(ids) => set.remove_all(ids),
        }
    }
}

/// Ids of one block.
#[derive(QueryableByName)]
struct Offsets {
    #[diesel(sql_type = Integer)]
    block: i32,
    #[diesel(sql_type = Array<SmallInt>)]
    offsets: Vec<i16>,
}

impl Offsets {
    fn put_into(&self, set: &mut IdSet) {
        put(set, self.block, &self.offsets);
    }
}

/// Adds ids to a set. They must not be in it yet.
pub(super) fn put(set: &mut IdSet, block: i32, offsets: &[i16]) {
    let first = i64::from(block) * BLOCK_IDS;
    for offset in offsets {
        set.flip(first + i64::from(*offset));
    }
}

/// Returns the first text, bytewise, after all texts that begin with a prefix, or `None` if there is no such text.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The next character comes after the surrogates, which are not characters.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// Finds a page of the ids of the members of each of these segments that fit a narrowing.
pub fn find_segment_members(
    connection: &mut PgConnection,
    segment_ids: &[i64],
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
    narrowing: &Narrowing,
) -> Result<CountedPages<i64>, Error> {
    let left = narrowing.load(connection)?;
    let mut pages = HashMap::new();
    for ids in segment_ids.chunks(SETS_AT_A_TIME) {
        let mut sets = IdSet::of_segments(connection, ids)?;
        sets.values_mut().for_each(|set| left.narrow(set));
        pages.extend(count_pages(connection, &sets, order, request)?);
    }
    Ok(pages)
}

/// Finds a page of the members of each of these groups that fit a narrowing: their ids, and when each was added.
pub fn find_group_members(
    connection: &mut PgConnection,
    group_ids: &[i64],
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
    narrowing: &Narrowing,
) -> Result<CountedPages<Item>, Error> {
    let left = narrowing.load(connection)?;
    let mut pages = HashMap::new();
    for ids in group_ids.chunks(SETS_AT_A_TIME) {
        let sets = load_groups(connection, ids, &left)?;
        let found = count_pages(connection, &sets, order, request)?;
        pages.extend(tell_moments(connection, found)?);
    }
    Ok(pages)
}

fn count_pages(
    connection: &mut PgConnection,
    sets: &HashMap<i64, IdSet>,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
) -> Result<CountedPages<i64>, Error> {
    let pages = IdSet::find_pages(connection, sets, order, request)?;
    let counted = pages.into_iter().map(|(id, page)| {
        let count = sets.get(&id).map_or(0, IdSet::count);
        (id, (page, count))
    });
    Ok(counted.collect())
}

/// Loads the members of groups that fit a narrowing. If few subscribers fit, only their memberships are read.
fn load_groups(
    connection: &mut PgConnection,
    group_ids: &[i64],
    left: &Left,
) -> Result<HashMap<i64, IdSet>, Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        group_id: i64,
        #[diesel(embed)]
        of_block: Offsets,
    }
    let few = match left {
        Left::These(ids) => Some(ids).filter(|ids| ids.count() <= FEW_MEMBERS),
        Left::NotThese(_) => None,
    };
    let condition = few.map_or("", |_| "AND subscriber_id = ANY($2)");
    let mut query = diesel::sql_query(format!(
        "SELECT group_id, (subscriber_id >> 13)::integer AS block, \
             array_agg((subscriber_id & 8191)::smallint) AS offsets \
         FROM group_memberships WHERE group_id = ANY($1) {condition} GROUP BY 1, 2"
    ))
    .into_boxed()
    .bind::<Array<BigInt>, _>(group_ids.to_vec());
    if let Some(ids) = few {
        let ids = ids.list_between(0, i64::MAX, false, FEW_MEMBERS);
        query = query.bind::<Array<BigInt>, _>(ids);
    }
    let rows: Vec<Row> = query.load(connection)?;
    let ids = group_ids.iter();
    let mut sets: HashMap<i64, IdSet> = ids.map(|id| (*id, IdSet::default())).collect();
    for row in rows {
        row.of_block.put_into(sets.entry(row.group_id).or_default());
    }
    sets.values_mut().for_each(|set| left.narrow(set));
    Ok(sets)
}

/// Adds to each item the time at which the subscriber was added to the group.
fn tell_moments(
    connection: &mut PgConnection,
    pages: CountedPages<i64>,
) -> Result<CountedPages<Item>, Error> {
    let people = pages.values().flat_map(|(page, _)| &page.rows);
    let people: Vec<i64> = people.copied().collect();
    let rows: Vec<(i64, i64, DateTime<Utc>)> = group_memberships::table
        .filter(group_memberships::group_id.eq_any(pages.keys()))
        .filter(group_memberships::subscriber_id.eq_any(people))
        .select((
            group_memberships::group_id,
            group_memberships::subscriber_id,
            group_memberships::added_at,
        ))
        .load(connection)?;
    let rows = rows.into_iter();
    let moments: HashMap<(i64, i64), DateTime<Utc>> = rows
        .map(|(group, subscriber, added_at)| ((group, subscriber), added_at))
        .collect();
    let told = pages.into_iter().map(|(group, (page, count))| {
        let page = page.map(|id| Item {
            id,
            moment: moments.get(&(group, id)).copied(),
        });
        (group, (page, count))
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_first_text_without_it() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("ona@", Some("onaA")),
            ("zž", Some("zſ")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix}");
            assert!(end.is_none_or(|end| format!("{prefix}\u{10ffff}").as_str() < end));
        }
    }

    #[test]
    fn a_search_is_cleaned_as_addresses_are() {
        let prefix = |search: &str| {
            let narrowing = Narrowing::new(Some(search), None).expect("a search");
            narrowing.emails().map(|(prefix, _)| prefix.to_owned())
        };
        assert_eq!(prefix(" ONA@Ex ").as_deref(), Some("ona@ex"));
        assert_eq!(prefix("a@bücher.de").as_deref(), Some("a@xn--bcher-kva.de"));
        assert_eq!(prefix(" \t"), None);
        assert!(Narrowing::new(Some("a\0"), None).is_err());
        assert!(Narrowing::new(Some(""), None).is_ok_and(|none| none.is_everybody()));
    }
}
