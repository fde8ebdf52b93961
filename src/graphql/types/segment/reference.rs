//! How an input names a segment.

use crate::audience::segment::Segment;
use crate::error::Error;
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::graphql::engine::id::{IdKind, parse_kind};
use crate::graphql::engine::loaders::{SegmentById, SegmentByKey, load_one};
use async_graphql::{Context, ID, OneofObject};
use std::sync::Arc;

/// A segment, named by its id or its key.
#[derive(OneofObject)]
pub enum SegmentRef {
    /// The global id.
    Id(ID),
    /// The key.
    Key(String),
}

impl SegmentRef {
    /// Returns the segment. Fails with the code NOT_FOUND if it does not exist.
    pub async fn get(self, context: &Context<'_>) -> async_graphql::Result<Arc<Segment>> {
        let loader = context.loader()?;
        let (found, name) = match self {
            SegmentRef::Id(id) => {
                let number = parse_kind(&id, IdKind::Segment, "segment.id")?;
                (load_one(loader, SegmentById(number)).await?, id.to_string())
            }
            SegmentRef::Key(key) => (load_one(loader, SegmentByKey(key.clone())).await?, key),
        };
        found.ok_or_else(|| to_graphql(Error::not_found("segment", format!("\"{name}\""))))
    }
}
