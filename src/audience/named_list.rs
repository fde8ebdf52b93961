//! Lists of groups and of segments: searched, filtered and in any order.
//!
//! There are thousands of them at most, so they are sorted in memory. Only segments by key without a filter are
//! read in the order of an index (`segment_page.rs`).

use super::paging::{Page, PageRequest, page_of};
use super::tags::Tags;
use crate::error::Error;
use crate::text;
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NamedOrder {
    /// Ordered by key, bytewise.
    #[default]
    Key,
    /// Ordered by creation.
    Added,
    /// Ordered by name, without regard to letter case.
    Name,
    /// Ordered by the time of the last change.
    Updated,
    /// Ordered by the number of members.
    MemberCount,
}

/// The position of an item in a list. Except for the first two, it has the id too, because the other value may be
/// equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NamedKey {
    /// The key.
    Key(String),
    /// The id.
    Id(i64),
    /// The name in lower case, and the id.
    Name(String, i64),
    /// A moment, and the id.
    Moment(DateTime<Utc>, i64),
    /// A number, and the id.
    Number(i64, i64),
}

/// The filter of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedFilter {
    /// The text to search for, in lower case.
    search: Option<String>,
    tag: Option<String>,
}

impl NamedFilter {
    /// Makes a filter by a part of name or key, and by a tag. Empty texts filter nothing.
    pub fn new(search: Option<&str>, tag: Option<&str>) -> NamedFilter {
        NamedFilter {
            search: search
                .and_then(text::clean)
                .map(|search| search.to_lowercase()),
            tag: tag.and_then(text::clean),
        }
    }

    /// Whether it filters nothing.
    pub fn is_empty(&self) -> bool {
        self.search.is_none() && self.tag.is_none()
    }

    fn lets_pass(&self, item: &Named) -> bool {
        let is_found = self.search.as_ref().is_none_or(|search| {
            item.key.contains(search.as_str()) || item.name.to_lowercase().contains(search.as_str())
        });
        is_found && self.tag.as_ref().is_none_or(|tag| item.tags.contain(tag))
    }
}

/// The values of a group or a segment by which a list is filtered and ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The id.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The name for people.
    pub name: String,
    /// The tags.
    pub tags: Tags,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Named {
    fn place(&self, order: NamedOrder, counts: &HashMap<i64, i64>) -> NamedKey {
        match order {
            NamedOrder::Key => NamedKey::Key(self.key.clone()),
            NamedOrder::Added => NamedKey::Id(self.id),
            NamedOrder::Name => NamedKey::Name(self.name.to_lowercase(), self.id),
            NamedOrder::Updated => NamedKey::Moment(self.updated_at, self.id),
            NamedOrder::MemberCount => {
                let count = counts.get(&self.id).copied().unwrap_or_default();
                NamedKey::Number(count, self.id)
            }
        }
    }
}

/// A page of a list, each item with its place, and how many items the list has.
pub type NamedPage<T> = (Page<(NamedKey, T)>, usize);

/// Makes a page of those items that match the filter. `count` counts members by id, `load` loads rows by id.
///
/// # Errors
/// Errors of `count` and `load`.
pub fn make_page<T>(
    connection: &mut PgConnection,
    items: Vec<Named>,
    (filter, order): (&NamedFilter, NamedOrder),
    request: &PageRequest<NamedKey>,
    count: impl FnOnce(&mut PgConnection, &[i64]) -> Result<HashMap<i64, i64>, Error>,
    load: impl FnOnce(&mut PgConnection, &[i64]) -> Result<Vec<(i64, T)>, Error>,
) -> Result<NamedPage<T>, Error> {
    let mut items = items;
    items.retain(|item| filter.lets_pass(item));
    let counts = match order {
        NamedOrder::MemberCount => {
            let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
            count(connection, &ids)?
        }
        _ => HashMap::new(),
    };
    let places = items.iter();
    let mut list: Vec<(NamedKey, i64)> = places
        .map(|item| (item.place(order, &counts), item.id))
        .collect();
    list.sort_unstable();
    let page = page_of(&list, request, |(place, _)| place.clone());
    let ids: Vec<i64> = page.rows.iter().map(|(_, id)| *id).collect();
    let mut rows: HashMap<i64, T> = load(connection, &ids)?.into_iter().collect();
    let found = page.rows.iter();
    let found = found.filter_map(|(place, id)| Some((place.clone(), rows.remove(id)?)));
    let found: Vec<(NamedKey, T)> = found.collect();
    Ok((page.with_rows(found), list.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: i64, key: &str, name: &str, tags: &[&str]) -> Named {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Named {
            id,
            key: key.to_owned(),
            name: name.to_owned(),
            tags: Tags::clean(&tags).expect("tags"),
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_filter_finds_parts_of_names_and_keys_and_whole_tags() {
        let item = named(1, "spring-sale", "Žalias Pavasaris", &["Big One"]);
        let passes = |search: Option<&str>, tag: Option<&str>| {
            NamedFilter::new(search, tag).lets_pass(&item)
        };
        for search in ["ŽALIAS", " pava ", "G-SA", "spring-sale", "", "s p"] {
            assert!(passes(Some(search), None), "{search}");
        }
        for search in ["zalias", "sale-", "big"] {
            assert!(!passes(Some(search), None), "{search}");
        }
        assert!(passes(None, Some("big one")) && passes(None, Some("")));
        assert!(!passes(None, Some("big")));
        assert!(!passes(Some("spring"), Some("other")));
    }

    #[test]
    fn equal_places_are_told_apart_by_id() {
        let (one, other) = (named(1, "b", "Same", &[]), named(2, "a", "same", &[]));
        let counts = HashMap::from([(1, 7)]);
        for order in [NamedOrder::Name, NamedOrder::Updated] {
            assert!(one.place(order, &counts) < other.place(order, &counts));
        }
        let order = NamedOrder::MemberCount;
        assert!(one.place(order, &counts) > other.place(order, &counts));
        let order = NamedOrder::Key;
        assert!(one.place(order, &counts) > other.place(order, &counts));
    }
}
