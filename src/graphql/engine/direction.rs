//! The direction of a list.

use crate::audience::paging::{Page, PageRequest};
use async_graphql::Enum;

/// Whether a list begins with its first or with its last item.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortDirection {
    /// From the least to the greatest.
    #[default]
    Ascending,
    /// From the greatest to the least.
    Descending,
}

impl SortDirection {
    /// Returns the name of a list in this direction. Cursors contain it, so that a cursor of one direction is refused
    /// in the other.
    pub fn name_list(self, list: &str) -> String {
        match self {
            SortDirection::Ascending => list.to_owned(),
            SortDirection::Descending => format!("{list} DESCENDING"),
        }
    }

    /// Converts a request in this direction to one of the ascending list.
    pub fn turn_request<K>(self, request: PageRequest<K>) -> PageRequest<K> {
        match self {
            SortDirection::Ascending => request,
            SortDirection::Descending => request.reversed(),
        }
    }

    /// Converts a page of the ascending list to this direction.
    pub fn turn_page<T>(self, page: Page<T>) -> Page<T> {
        match self {
            SortDirection::Ascending => page,
            SortDirection::Descending => page.reversed(),
        }
    }
}
