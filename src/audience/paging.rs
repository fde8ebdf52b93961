//! Keyset paging: a page is the rows beyond a key, so that rows added or removed meanwhile do not shift the pages.

use crate::error::Error;
use std::collections::HashMap;
use std::hash::Hash;

/// The most rows a page may have.
pub const MAX_PAGE_SIZE: usize = 250;

/// A request for rows of a list. Keys are unique within the list, and the list is ordered by them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageRequest<K> {
    /// The number of rows.
    pub size: usize,
    /// Only rows after this key.
    pub after: Option<K>,
    /// Only rows before this key.
    pub before: Option<K>,
    /// Whether the last rows are wanted rather than the first.
    pub from_end: bool,
}

/// Consecutive rows of a list, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows come before them.
    pub has_previous: bool,
    /// Whether rows come after them.
    pub has_next: bool,
}

impl<K> PageRequest<K> {
    /// Returns a request for the first rows of a list.
    pub fn first(size: usize) -> PageRequest<K> {
        PageRequest {
            size,
            after: None,
            before: None,
            from_end: false,
        }
    }

    /// Returns how many rows to read: one more than the size shows whether the list goes on.
    pub fn limit(&self) -> i64 {
        self.size as i64 + 1
    }

    /// Makes a page of at most [`limit`](Self::limit) rows between the keys of the request. They are in the order of
    /// the list, or in reverse if the request is from the end. `is_beyond` says whether there are rows up to the key
    /// `after`, and whether there are rows from the key `before` on.
    pub fn make_page<T>(&self, mut rows: Vec<T>, is_beyond: (bool, bool)) -> Page<T> {
        let goes_on = rows.len() > self.size;
        rows.truncate(self.size);
        if self.from_end {
            rows.reverse();
        }
        Page {
            rows,
            has_previous: is_beyond.0 || self.from_end && goes_on,
            has_next: is_beyond.1 || !self.from_end && goes_on,
        }
    }

    /// Makes a page. `fetch` returns at most `limit` rows between the keys of the request that it gets: in the order of
    /// the list, or in reverse if that request is from the end.
    ///
    /// # Errors
    /// Errors of `fetch`.
    pub fn fetch<T>(
        &self,
        key: impl Fn(&T) -> K,
        mut fetch: impl FnMut(&PageRequest<K>, i64) -> Result<Vec<T>, Error>,
    ) -> Result<Page<T>, Error>
    where
        K: Clone,
    {
        let mut pages = self.fetch_each(&[()], key, |ranges, from_end, limit| {
            let mut rows = Vec::new();
            for range in ranges {
                let request = PageRequest {
                    size: 0,
                    after: range.after.clone(),
                    before: range.before.clone(),
                    from_end,
                };
                rows.extend(fetch(&request, limit)?.into_iter().map(|row| ((), row)));
            }
            Ok(rows)
        })?;
        Ok(pages.remove(&()).unwrap_or_default())
    }

    /// Makes this page of the lists of several holders. `fetch` returns at most `limit` rows of each range, each with
    /// the holder: in the order of the list, or in reverse if its second argument is true. It is called three times at
    /// most, however many holders there are.
    ///
    /// Whether there are rows on the other side of the keys `after` and `before` is read from the database, because the
    /// row of a cursor may be deleted, and so may all rows beyond it.
    ///
    /// # Errors
    /// Errors of `fetch`.
    pub fn fetch_each<H, T>(
        &self,
        holders: &[H],
        key: impl Fn(&T) -> K,
        mut fetch: impl FnMut(&[KeyRange<H, K>], bool, i64) -> Result<Vec<(H, T)>, Error>,
    ) -> Result<HashMap<H, Page<T>>, Error>
    where
        H: Copy + Eq + Hash,
        K: Clone,
    {
        let ranges: Vec<KeyRange<H, K>> = holders
            .iter()
            .map(|holder| KeyRange {
                holder: *holder,
                after: self.after.clone(),
                before: self.before.clone(),
            })
            .collect();
        let mut pages: HashMap<H, Page<T>> = holders
            .iter()
            .map(|holder| (*holder, Page::default()))
            .collect();
        for (holder, row) in fetch(&ranges, self.from_end, self.limit())? {
            if let Some(page) = pages.get_mut(&holder) {
                page.rows.push(row);
            }
        }
        for page in pages.values_mut() {
            *page = self.make_page(std::mem::take(&mut page.rows), (false, false));
        }
        if self.after.is_some() {
            let unknown = pages.iter().filter(|(_, page)| !page.has_previous);
            let before: Vec<KeyRange<H, K>> = unknown
                .map(|(holder, page)| KeyRange {
                    holder: *holder,
                    after: None,
                    before: page.rows.first().map(&key).or_else(|| self.before.clone()),
                })
                .collect();
            for (holder, _) in fetch(&before, true, 1)? {
                pages
                    .entry(holder)
                    .and_modify(|page| page.has_previous = true);
            }
        }
        if self.before.is_some() {
            let unknown = pages.iter().filter(|(_, page)| !page.has_next);
            let after: Vec<KeyRange<H, K>> = unknown
                .map(|(holder, page)| KeyRange {
                    holder: *holder,
                    after: page.rows.last().map(&key).or_else(|| self.after.clone()),
                    before: None,
                })
                .collect();
            for (holder, _) in fetch(&after, false, 1)? {
                pages.entry(holder).and_modify(|page| page.has_next = true);
            }
        }
        Ok(pages)
    }

    /// Returns the request for the same rows of the list in the opposite order. [`Page::reversed`] puts its page in order.
    pub fn reversed(self) -> PageRequest<K> {
        PageRequest {
            size: self.size,
            after: self.before,
            before: self.after,
            from_end: !self.from_end,
        }
    }

    /// Converts the keys.
    pub fn map<U>(&self, each: impl Fn(&K) -> U) -> PageRequest<U> {
        PageRequest {
            size: self.size,
            after: self.after.as_ref().map(&each),
            before: self.before.as_ref().map(&each),
            from_end: self.from_end,
        }
    }
}

/// The part of the list of one holder that lies between two keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange<H, K> {
    /// The holder of the list.
    pub holder: H,
    /// Only rows after this key.
    pub after: Option<K>,
    /// Only rows before this key.
    pub before: Option<K>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Page {
            rows: Vec::new(),
            has_previous: false,
            has_next: false,
        }
    }
}

impl<T> Page<T> {
    /// Replaces the rows.
    pub fn with_rows<U>(self, rows: Vec<U>) -> Page<U> {
        Page {
            rows,
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }

    /// Returns the page in the opposite order of the list.
    pub fn reversed(mut self) -> Page<T> {
        self.rows.reverse();
        Page {
            rows: self.rows,
            has_previous: self.has_next,
            has_next: self.has_previous,
        }
    }

    /// Converts every row.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(each).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}

/// Cuts a page out of a list that is in memory and sorted by its key.
pub fn page_of<T: Clone, K: Ord>(
    list: &[T],
    request: &PageRequest<K>,
    key: impl Fn(&T) -> K,
) -> Page<T> {
    let start = match &request.after {
        Some(after) => list.partition_point(|row| key(row) <= *after),
        None => 0,
    };
    let end = match &request.before {
        Some(before) => list.partition_point(|row| key(row) < *before),
        None => list.len(),
    };
    let window = list.get(start..end.max(start)).unwrap_or_default();
    let size = request.size.min(window.len());
    let rows = if request.from_end {
        &window[window.len() - size..]
    } else {
        &window[..size]
    };
    let cut = window.len() > size;
    Page {
        rows: rows.to_vec(),
        has_previous: start > 0 || (request.from_end && cut),
        has_next: end < list.len() || (!request.from_end && cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        size: usize,
        after: Option<u32>,
        before: Option<u32>,
        from_end: bool,
    ) -> PageRequest<u32> {
        PageRequest {
            size,
            after,
            before,
            from_end,
        }
    }

    #[test]
    fn pages_of_a_list_in_memory() {
        let list = [1, 2, 3, 4, 5];
        let page = |request: PageRequest<u32>| page_of(&list, &request, |row| *row);
        let first = page(request(2, None, None, false));
        assert_eq!(
            (first.rows, first.has_previous, first.has_next),
            (vec![1, 2], false, true)
        );
        let last = page(request(2, None, None, true));
        assert_eq!(
            (last.rows, last.has_previous, last.has_next),
            (vec![4, 5], true, false)
        );
        let between = page(request(9, Some(1), Some(4), false));
        assert_eq!(
            (between.rows, between.has_previous, between.has_next),
            (vec![2, 3], true, true)
        );
        assert!(page(request(9, Some(4), Some(2), false)).rows.is_empty());
    }

    #[test]
    fn a_list_is_paged_in_the_opposite_order() {
        let list = [1, 2, 3, 4, 5];
        let page = |request: PageRequest<u32>| {
            let page = page_of(&list, &request.reversed(), |row| *row).reversed();
            (page.rows, page.has_previous, page.has_next)
        };
        let first = page(request(2, None, None, false));
        assert_eq!(first, (vec![5, 4], false, true));
        let second = page(request(2, Some(4), None, false));
        assert_eq!(second, (vec![3, 2], true, true));
        let last = page(request(2, None, None, true));
        assert_eq!(last, (vec![2, 1], true, false));
        let between = page(request(9, Some(5), Some(2), false));
        assert_eq!(between, (vec![4, 3], true, true));
    }
}
