//! Connections: pages of a list in the shape of the GraphQL Cursor Connections Specification (Relay).

use super::answer_budget::Text;
use super::at_hand::at_hand;
use super::error::bad_input;
use crate::audience::paging::{MAX_PAGE_SIZE, PageRequest};
use async_graphql::SimpleObject;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The size of a page if the request gives none.
const DEFAULT_PAGE_SIZE: usize = 50;

/// The cursors of a page of a list, and whether more items follow or precede it.
#[derive(SimpleObject, Debug, Clone)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether items follow this page.
    pub has_next_page: bool,
    /// Whether items come before this page.
    pub has_previous_page: bool,
    /// The cursor of the first item of this page.
    pub start_cursor: Option<Text<String>>,
    /// The cursor of the last item of this page.
    pub end_cursor: Option<Text<String>>,
}

at_hand!(PageInfo {
    "hasNextPage": has_next_page,
    "hasPreviousPage": has_previous_page,
    "startCursor": start_cursor,
    "endCursor": end_cursor,
});

/// The paging arguments of a connection, not checked yet.
#[derive(Debug, Clone, Default)]
pub struct PageArguments {
    /// At most this many items from the start.
    pub first: Option<i32>,
    /// The cursor after which to start.
    pub after: Option<String>,
    /// At most this many items from the end.
    pub last: Option<i32>,
    /// The cursor before which to end.
    pub before: Option<String>,
}

impl PageArguments {
    /// Checks the arguments. `list` names the list by its type and field. Its cursors hold keys of type `K`.
    pub fn read<K: DeserializeOwned>(self, list: &str) -> async_graphql::Result<PageRequest<K>> {
        let (name, size, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(bad_input(
                    "expected \"first\" or \"last\", found both; a page has one end to start from",
                ));
            }
            (None, Some(last)) => ("last", Some(last), true),
            (first, None) => ("first", first, false),
        };
        let size = match size {
            None => DEFAULT_PAGE_SIZE,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| *size <= MAX_PAGE_SIZE)
                .ok_or_else(|| {
                    bad_input(format!(
                        "expected \"{name}\" from 0 to {MAX_PAGE_SIZE}, found {size}"
                    ))
                })?,
        };
        Ok(PageRequest {
            size,
            after: read_cursor(list, self.after, "after")?,
            before: read_cursor(list, self.before, "before")?,
            from_end,
        })
    }
}

/// Returns the cursor of a key in a list. The cursor has the name of the list (its type and field), so that no other
/// list accepts it.
pub fn write_cursor(list: &str, key: &impl Serialize) -> Text<String> {
    URL_SAFE_NO_PAD
        .encode(serde_json::to_vec(&(list, key)).unwrap_or_default())
        .into()
}

fn read_cursor<K: DeserializeOwned>(
    list: &str,
    cursor: Option<String>,
    name: &str,
) -> async_graphql::Result<Option<K>> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(&cursor)
        .ok()
        // No stored text has a NUL character, and Postgres accepts no text with one.
        .filter(|bytes| !bytes.windows(6).any(|window| window == br"\u0000"))
        .and_then(|bytes| serde_json::from_slice::<(String, K)>(&bytes).ok())
        .filter(|(of_list, _)| of_list == list)
        .map(|(_, key)| Some(key))
        .ok_or_else(|| {
            bad_input(format!(
                "\"{name}\": expected a cursor from a page of this list in this order, found \"{cursor}\""
            ))
        })
}

/// Defines a connection and its edge. The edge may have more fields than its node. A [`Total`](super::loaders::Total)
/// counts the items of the list, but only if the query selects the total. In short lists that many parents have,
/// cursors too are written only if they are selected: such an edge has no `cursor`, and `by` is the function that makes
/// it from the node.
macro_rules! connection {
    (
        $(#[$connection_doc:meta])* $connection:ident
        $(#[$edge_doc:meta])* $edge:ident { $node:ty $(, $(#[$field_doc:meta])* $field:ident : $type:ty)* }
    ) => {
        $(#[$edge_doc])*
        pub struct $edge {
            /// The item.
            pub node: $node,
            /// The cursor of the item, for `after` and `before`.
            pub cursor: $crate::graphql::engine::answer_budget::Text<String>,
            $(pub $field: $type,)*
        }

        connection! {
            @ $(#[$connection_doc])* $connection
            $(#[$edge_doc])* $edge { $node $(, $(#[$field_doc])* $field: $type)* }
            |edge| edge.cursor.clone()
        }
    };
    (
        $(#[$connection_doc:meta])* $connection:ident
        $(#[$edge_doc:meta])* $edge:ident { $node:ty $(, $(#[$field_doc:meta])* $field:ident : $type:ty)* } by $cursor:expr
    ) => {
        $(#[$edge_doc])*
        pub struct $edge {
            /// The item.
            pub node: $node,
            $(pub $field: $type,)*
        }

        connection! {
            @ $(#[$connection_doc])* $connection
            $(#[$edge_doc])* $edge { $node $(, $(#[$field_doc])* $field: $type)* }
            |edge| $cursor(&edge.node)
        }
    };
    (
        @ $(#[$connection_doc:meta])* $connection:ident
        $(#[$edge_doc:meta])* $edge:ident { $node:ty $(, $(#[$field_doc:meta])* $field:ident : $type:ty)* }
        |$this:ident| $cursor:expr
    ) => {
        impl $edge {
            fn place(&self) -> $crate::graphql::engine::answer_budget::Text<String> {
                let $this = self;
                $cursor
            }
        }

        // Not a `SimpleObject`, because nothing would call its getters.
        $(#[$edge_doc])*
        #[async_graphql::Object]
        impl $edge {
            /// The item.
            async fn node(&self) -> $crate::graphql::engine::quick::Quick<&$node> {
                $crate::graphql::engine::quick::Quick(&self.node)
            }

            /// The cursor of the item, for `after` and `before`.
            async fn cursor(&self) -> $crate::graphql::engine::answer_budget::Text<String> {
                self.place()
            }

            $($(#[$field_doc])* async fn $field(&self) -> &$type {
                &self.$field
            })*
        }

        impl $crate::graphql::engine::at_hand::AtHand for $edge {
            fn write_field(
                &self,
                context: &async_graphql::Context<'_>,
                out: &mut $crate::graphql::engine::written::Writing<'_>,
            ) -> Option<()> {
                use $crate::graphql::engine::at_hand::Written as _;
                let name = context.item.node.name.node.as_str();
                match name {
                    "node" => $crate::graphql::engine::quick::Quick(&self.node).write(context, out),
                    "cursor" => self.place().write(context, out),
                    $(_ if $crate::graphql::engine::at_hand::is_name_of(name, stringify!($field)) => {
                        self.$field.write(context, out)
                    })*
                    _ => None,
                }
            }
        }

        $(#[$connection_doc])*
        pub struct $connection {
            page: $crate::audience::paging::Page<$edge>,
            total: $crate::graphql::engine::loaders::Total,
            /// Kept until the page is resolved.
            _permit: Option<$crate::graphql::engine::answer_budget::LoadPermit>,
        }

        impl $connection {
            /// Creates the connection of a page and the total of its list.
            pub fn new(
                page: $crate::audience::paging::Page<$edge>,
                total: $crate::graphql::engine::loaders::Total,
            ) -> Self {
                $connection {
                    page,
                    total,
                    _permit: None,
                }
            }

            /// Adds the permit with which the rows were loaded.
            #[allow(dead_code, reason = "most lists have rows that are never large")]
            pub fn loaded_with(
                self,
                permit: Option<$crate::graphql::engine::answer_budget::LoadPermit>,
            ) -> Self {
                $connection {
                    _permit: permit,
                    ..self
                }
            }
        }

        $(#[$connection_doc])*
        #[async_graphql::Object]
        impl $connection {
            /// The items of this page with their cursors.
            async fn edges(
                &self,
            ) -> $crate::graphql::engine::quick::Items<$crate::graphql::engine::quick::Quick<&$edge>> {
                let edges = self.page.rows.iter();
                $crate::graphql::engine::quick::Items(edges.map($crate::graphql::engine::quick::Quick).collect())
            }

            /// The items of this page.
            async fn nodes(
                &self,
            ) -> $crate::graphql::engine::quick::Items<$crate::graphql::engine::quick::Quick<&$node>> {
                let nodes = self.page.rows.iter().map(|edge| &edge.node);
                $crate::graphql::engine::quick::Items(nodes.map($crate::graphql::engine::quick::Quick).collect())
            }

            /// Cursors of this page, and whether more items follow or precede it.
            async fn page_info(
                &self,
            ) -> $crate::graphql::engine::quick::Quick<$crate::graphql::engine::connection::PageInfo> {
                let rows = &self.page.rows;
                $crate::graphql::engine::quick::Quick($crate::graphql::engine::connection::PageInfo {
                    has_next_page: self.page.has_next,
                    has_previous_page: self.page.has_previous,
                    start_cursor: rows.first().map($edge::place),
                    end_cursor: rows.last().map($edge::place),
                })
            }

            /// How many items the whole list has.
            async fn total_count(
                &self,
                context: &async_graphql::Context<'_>,
            ) -> async_graphql::Result<i32> {
                self.total.count(context).await
            }
        }

        $crate::graphql::engine::at_hand::at_hand!($connection {
            "edges": edges(),
            "nodes": nodes(),
            "pageInfo": page_info(),
        });
    };
}
pub(in crate::graphql) use connection;
