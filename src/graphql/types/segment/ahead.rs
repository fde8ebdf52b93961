//! Values that are read for a whole list of segments at once.

use crate::audience::member_count::count_segment_members;
use crate::error::Error;
use crate::graphql::engine::ahead::{Loaded, selects, selects_bare};
use crate::past::{Refresh, SegmentRefresh, find_last_refreshes};
use async_graphql::Context;
use diesel::PgConnection;
use std::sync::Arc;

/// The last refresh, and what it did to the segment.
pub type LastRefresh = (Refresh, SegmentRefresh);

/// The values that were read for the segments of a list.
pub struct SegmentsAhead {
    counts: Loaded<i64>,
    refreshes: Loaded<LastRefresh>,
}

/// Which values the query selects on the segments of a list.
#[derive(Clone, Copy)]
pub struct AskedOfSegments {
    counts: bool,
    refreshes: bool,
}

impl AskedOfSegments {
    /// Reads the selection below this field.
    pub fn by(context: &Context<'_>) -> AskedOfSegments {
        AskedOfSegments {
            counts: selects_bare(context, "memberCount"),
            refreshes: selects(context, &["lastRefresh", "state", "problems"]),
        }
    }
}

impl SegmentsAhead {
    /// Reads the selected values of the segments of a list, on the connection that has read the list.
    ///
    /// # Errors
    /// As [`Loaded::read_if`].
    pub fn read(
        connection: &mut PgConnection,
        asked: AskedOfSegments,
        ids: &[i64],
    ) -> Result<Arc<SegmentsAhead>, Error> {
        let counts = Loaded::read_if(asked.counts, || count_segment_members(connection, ids))?;
        let refreshes = Loaded::read_if(asked.refreshes, || find_last_refreshes(connection, ids))?;
        Ok(Arc::new(SegmentsAhead { counts, refreshes }))
    }

    /// Returns how many members a segment has now, or `None` if that is not selected.
    pub fn count_of(&self, id: i64) -> Option<async_graphql::Result<i64>> {
        Some(self.counts.get(id)?.map(Option::unwrap_or_default))
    }

    /// Returns the last refresh of a segment, or `None` if it is not selected.
    pub fn last_refresh_of(&self, id: i64) -> Option<async_graphql::Result<Option<LastRefresh>>> {
        self.refreshes.get(id)
    }
}
