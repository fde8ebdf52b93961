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
    /// Returns the name of a list in this direction, for its cursors: those of one direction are refused in the other.
    pub fn name_list(self, list: &str) -> String {
        match self {
            SortDirection::Ascending => list.to_owned(),
            SortDirection::Descending => format!("{list} DESCENDING"),
        }
    }

    /// Returns what to ask of the ascending list for a page in this direction.
    pub fn turn_request<K>(self, request: PageRequest<K>) -> PageRequest<K> {
        match self {
            SortDirection::Ascending => request,
            SortDirection::Descending => request.reversed(),
        }
    }

    /// Returns a page of the ascending list in this direction.
    pub fn turn_page<T>(self, page: Page<T>) -> Page<T> {
        match self {
            SortDirection::Ascending => page,
            SortDirection::Descending => page.reversed(),
        }
    }
}
