//! Lists of groups and of segments: their orders and their cursors.

use crate::audience::named_list::{NamedFilter, NamedKey, NamedOrder};
use crate::audience::paging::{Page, PageRequest};
use crate::graphql::engine::answer_budget::Text;
use crate::graphql::engine::connection::{PageArguments, write_cursor};
use crate::graphql::engine::direction::SortDirection;
use async_graphql::Enum;

/// How a list of segments is ordered.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SegmentOrderBy {
    /// By key, bytewise.
    #[default]
    Key,
    /// In the order in which they were created.
    Added,
    /// By name, without regard to letter case.
    Name,
    /// By the time at which name, description, tags, rule, mode or archiving last changed.
    Updated,
    /// By the number of members now.
    MemberCount,
}

impl From<SegmentOrderBy> for NamedOrder {
    fn from(order: SegmentOrderBy) -> NamedOrder {
        match order {
            SegmentOrderBy::Key => NamedOrder::Key,
            SegmentOrderBy::Added => NamedOrder::Added,
            SegmentOrderBy::Name => NamedOrder::Name,
            SegmentOrderBy::Updated => NamedOrder::Updated,
            SegmentOrderBy::MemberCount => NamedOrder::MemberCount,
        }
    }
}

/// How a list of groups is ordered.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupOrderBy {
    /// By key, bytewise.
    #[default]
    Key,
    /// In the order in which they were created.
    Added,
    /// By name, without regard to letter case.
    Name,
    /// By the time at which name, description or tags last changed.
    Updated,
    /// By the number of members now.
    MemberCount,
}

impl From<GroupOrderBy> for NamedOrder {
    fn from(order: GroupOrderBy) -> NamedOrder {
        match order {
            GroupOrderBy::Key => NamedOrder::Key,
            GroupOrderBy::Added => NamedOrder::Added,
            GroupOrderBy::Name => NamedOrder::Name,
            GroupOrderBy::Updated => NamedOrder::Updated,
            GroupOrderBy::MemberCount => NamedOrder::MemberCount,
        }
    }
}

/// The arguments of a list besides those of paging.
pub struct NamedListArguments {
    /// A part of name or key.
    pub search: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// The order, ascending.
    pub order: NamedOrder,
    /// The direction.
    pub direction: SortDirection,
}

/// A list of groups or segments.
pub struct NamedList {
    name: String,
    /// The filter of the list.
    pub filter: NamedFilter,
    /// The order, ascending.
    pub order: NamedOrder,
    direction: SortDirection,
}

impl NamedListArguments {
    /// Makes the list. `field` names it by its type and field.
    pub fn list(self, field: &str) -> NamedList {
        let name = match self.order {
            NamedOrder::Key => field.to_owned(),
            order => format!("{field} {order:?}"),
        };
        NamedList {
            name: self.direction.name_list(&name),
            filter: NamedFilter::new(self.search.as_deref(), self.tag.as_deref()),
            order: self.order,
            direction: self.direction,
        }
    }
}

impl NamedList {
    /// Reads paging arguments, and returns the request for the ascending list.
    pub fn request(
        &self,
        arguments: PageArguments,
    ) -> async_graphql::Result<PageRequest<NamedKey>> {
        let request = arguments.read(&self.name)?;
        Ok(self.direction.turn_request(request))
    }

    /// Turns a page of the ascending list into the direction of this list.
    pub fn page<T>(&self, page: Page<T>) -> Page<T> {
        self.direction.turn_page(page)
    }

    /// Returns the cursor of a place.
    pub fn cursor(&self, place: &NamedKey) -> Text<String> {
        write_cursor(&self.name, place)
    }
}
