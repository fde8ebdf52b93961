//! Lists of segments, and the queries for them.

use super::SegmentNode;
use super::ahead::{AskedOfSegments, SegmentsAhead};
use crate::audience::segment_page;
use crate::graphql::engine::connection::connection;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::direction::SortDirection;
use crate::graphql::engine::error::{bad_input, to_graphql};
use crate::graphql::engine::id::{IdKind, parse_kind};
use crate::graphql::engine::loaders::{SegmentById, SegmentByKey, Total, load_one};
use crate::graphql::engine::nullable::{Nullable, nullable};
use crate::graphql::types::named_list::{NamedListArguments, SegmentOrderBy};
use crate::graphql::types::subscriber::page;
use async_graphql::{Context, ID, Object};
use std::sync::Arc;

connection! {
    /// A page of segments.
    SegmentConnection
    /// A segment in a list.
    SegmentEdge { SegmentNode }
}

/// Queries about segments.
#[derive(Default)]
pub struct SegmentQuery;

#[Object]
impl SegmentQuery {
    /// Returns the segment with this id or key, or null if it does not exist. Give exactly one of `id` and `key`.
    async fn segment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id.")] id: Option<ID>,
        #[graphql(desc = "The key.")] key: Option<String>,
    ) -> Nullable<SegmentNode> {
        nullable(async {
            let found = match (id, key) {
                (Some(id), None) => {
                    let id = parse_kind(&id, IdKind::Segment, "id")?;
                    load_one(context.loader()?, SegmentById(id)).await?
                }
                (None, Some(key)) => load_one(context.loader()?, SegmentByKey(key)).await?,
                _ => return Err(bad_input("expected either \"id\" or \"key\"")),
            };
            Ok(found.map(SegmentNode::new))
        })
        .await
    }

    /// Lists the segments, or those that match `search` and `tag`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of a connection, a search, a tag and an order"
    )]
    async fn segments(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Whether archived segments are listed too.", default)] with_archived: bool,
        #[graphql(desc = "A part of name or key, in any letter case.")] search: Option<String>,
        #[graphql(desc = "A tag, in any letter case.")] tag: Option<String>,
        #[graphql(desc = "The order of the list.", default)] order_by: SegmentOrderBy,
        #[graphql(desc = "The direction of the order.", default)] direction: SortDirection,
        #[graphql(desc = "At most this many items from the start, up to 250.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "At most this many items from the end, up to 250.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> async_graphql::Result<SegmentConnection> {
        let arguments = NamedListArguments {
            search,
            tag,
            order: order_by.into(),
            direction,
        };
        let list = arguments.list("Query.segments");
        let request = list.request(page(first, after, last, before))?;
        let (filter, order) = (list.filter.clone(), list.order);
        let asked = AskedOfSegments::by(context);
        let found = context.app()?.db.run(move |connection| {
            let (page, total) =
                segment_page::list_page(connection, with_archived, &filter, order, &request)?;
            let ids: Vec<i64> = page.rows.iter().map(|(_, segment)| segment.id).collect();
            let ahead = SegmentsAhead::read(connection, asked, &ids)?;
            Ok((page, total, ahead))
        });
        let (segments, total, ahead) = found.await.map_err(to_graphql)?;
        let edges = list.page(segments).map(|(place, segment)| SegmentEdge {
            cursor: list.cursor(&place),
            node: SegmentNode::listed(segment.into(), Arc::clone(&ahead)),
        });
        Ok(SegmentConnection::new(edges, Total::Known(total)))
    }
}
