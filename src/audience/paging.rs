//! Keyset paging: a page is the rows beyond a key, so that rows added or removed meanwhile shift nothing.

use crate::error::Error;

/// The most rows a page may have.
pub const MAX_PAGE_SIZE: usize = 250;

/// Which rows of a list are asked for. Keys are unique within the list, and the list is ordered by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// How many rows.
    pub size: usize,
    /// Only rows after this key.
    pub after: Option<K>,
    /// Only rows before this key.
    pub before: Option<K>,
    /// Whether the last rows are wanted rather than the first.
    pub from_end: bool,
}

/// A stretch of a list, in the order of the list.
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
    /// The first rows of a list.
    pub fn first(size: usize) -> PageRequest<K> {
        PageRequest {
            size,
            after: None,
            before: None,
            from_end: false,
        }
    }

    /// Makes a page by a function that returns at most `limit` rows beyond the keys of the request: in the order of
    /// the list, or against it if the request is from the end.
    ///
    /// Whether there is more on the side from which the page starts is asked for, since what a cursor was made for may
    /// be gone, and so may be everything before it.
    ///
    /// # Errors
    /// Those of the function.
    pub fn fetch<T>(
        &self,
        key: impl Fn(&T) -> K,
        mut fetch: impl FnMut(&PageRequest<K>, i64) -> Result<Vec<T>, Error>,
    ) -> Result<Page<T>, Error>
    where
        K: Clone,
    {
        // One row more than asked for tells whether the list goes on.
        let mut rows = fetch(self, self.size as i64 + 1)?;
        let goes_on = rows.len() > self.size;
        rows.truncate(self.size);
        if self.from_end {
            rows.reverse();
        }
        let mut is_any =
            |request: PageRequest<K>| Ok::<bool, Error>(!fetch(&request, 1)?.is_empty());
        let has_previous = (self.from_end && goes_on)
            || (self.after.is_some() && {
                let before = rows.first().map(&key).or_else(|| self.before.clone());
                is_any(PageRequest {
                    size: 1,
                    after: None,
                    before,
                    from_end: true,
                })?
            });
        let has_next = (!self.from_end && goes_on)
            || (self.before.is_some() && {
                let after = rows.last().map(&key).or_else(|| self.after.clone());
                is_any(PageRequest {
                    size: 1,
                    after,
                    before: None,
                    from_end: false,
                })?
            });
        Ok(Page {
            rows,
            has_previous,
            has_next,
        })
    }
}

impl<T> Page<T> {
    /// Turns every row into something else.
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
}
