//! Loaders of fields with arguments. Parents with the same arguments are loaded together.

use super::{Loaders, grouped, load_one};
use crate::audience::audit_list::{AuditEntry, AuditKey, count_of_segments, list_of_segments};
use crate::audience::definition::{Definition, count_definitions, list_definitions};
use crate::audience::event::{self, Event, EventKey};
use crate::audience::member_count::{Overlap, count_overlaps, count_overlaps_with_group};
use crate::audience::membership::{find_group_members, find_segment_members};
use crate::audience::narrowing::{self, Narrowing};
use crate::audience::paged_list::Item;
use crate::audience::paging::{Page, PageRequest};
use crate::audience::status_count::{self, StatusCounts};
use crate::audience::subscriber::{self, Subscriber, SubscriberKey, SubscriberOrder};
use crate::audience::subscriber_page;
use crate::error::Error;
use crate::graphql::engine::answer_budget::{LoadPermit, permit_large_load};
use crate::graphql::engine::context::ContextExt;
use crate::graphql::engine::error::to_graphql;
use crate::import::{self, ProblemKind, StoredProblem};
use crate::past::{
    Each, GrowthPoint, GrowthStep, Refresh, SegmentRefresh, count_members_as_of,
    count_refreshes_of, find_members_as_of, list_growths, list_refreshes_of,
};
use async_graphql::Context;
use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A request for a page of subscribers.
type PeopleRequest = (SubscriberOrder, PageRequest<SubscriberKey>);

/// A request for a page of the subscribers that fit a narrowing.
type NarrowedRequest = (SubscriberOrder, PageRequest<SubscriberKey>, Narrowing);

/// Calls `load` once for each set of arguments.
fn each<A: Clone + Eq + Hash, V>(
    keys: Vec<(i64, A)>,
    mut load: impl FnMut(&A, &[i64]) -> Result<HashMap<i64, V>, Error>,
) -> Result<HashMap<(i64, A), V>, Error> {
    let mut loaded = HashMap::new();
    let keys = keys.into_iter().map(|(id, arguments)| (arguments, id));
    for (arguments, ids) in grouped(keys) {
        let found = load(&arguments, &ids)?.into_iter();
        loaded.extend(found.map(|(id, value)| ((id, arguments.clone()), value)));
    }
    Ok(loaded)
}

/// The values loaded for ids and arguments.
type ByArguments<A, V> = HashMap<(i64, A), V>;

/// Calls `load` once for each set of arguments. If one set is refused, fields with other arguments are still answered.
fn each_unless_refused<A: Clone + Eq + Hash, V>(
    keys: Vec<(i64, A)>,
    mut load: impl FnMut(&A, &[i64]) -> Result<Each<V>, Error>,
) -> Result<ByArguments<A, Result<V, Error>>, Error> {
    each(keys, |arguments, ids| match load(arguments, ids) {
        Err(refused @ (Error::Invalid(_) | Error::Resync(_))) => {
            let ids = ids.iter();
            Ok(ids.map(|id| (*id, Err(refused.clone()))).collect())
        }
        loaded => loaded,
    })
}

load!(
    /// A page of the members of a group.
    GroupMembers((i64, PeopleRequest)) -> Page<Item>,
    |connection, keys| each(keys, |(order, request), ids| find_group_members(connection, ids, *order, request))
);

load!(
    /// A page of the members of a segment.
    SegmentMembers((i64, PeopleRequest)) -> Page<i64>,
    |connection, keys| each(keys, |(order, request), ids| find_segment_members(connection, ids, *order, request))
);

load!(
    /// A page of the members of a group that fit a narrowing, and their total.
    NarrowedGroupMembers((i64, NarrowedRequest)) -> (Page<Item>, usize),
    |connection, keys| each(keys, |(order, request, narrowing), ids| {
        narrowing::find_group_members(connection, ids, *order, request, narrowing)
    })
);

load!(
    /// A page of the members of a segment that fit a narrowing, and their total.
    NarrowedSegmentMembers((i64, NarrowedRequest)) -> (Page<i64>, usize),
    |connection, keys| each(keys, |(order, request, narrowing), ids| {
        narrowing::find_segment_members(connection, ids, *order, request, narrowing)
    })
);

load!(
    /// How many members of a group have each status.
    scan GroupStatusCounts(i64) -> StatusCounts,
    |connection, ids| status_count::count_groups(connection, &ids)
);

load!(
    /// How many members of a segment have each status.
    scan SegmentStatusCounts(i64) -> StatusCounts,
    |connection, ids| status_count::count_segments(connection, &ids)
);

load!(
    /// A page of the members of a segment as of a time, and their total.
    SegmentMembersAsOf((i64, (DateTime<Utc>, NarrowedRequest))) -> Result<(Page<i64>, usize), Error>,
    |connection, keys| each_unless_refused(keys, |(at, request), ids| {
        find_members_as_of(connection, ids, *at, request)
    })
);

load!(
    /// How many members a segment had as of a time.
    MemberCountAsOf((i64, DateTime<Utc>)) -> Result<usize, Error>,
    |connection, keys| each_unless_refused(keys, |at, ids| count_members_as_of(connection, ids, *at))
);

load!(
    /// A page of the versions of a segment's rule.
    DefinitionsOf((i64, PageRequest<i32>)) -> Page<Definition>,
    |connection, keys| each(keys, |request, ids| list_definitions(connection, ids, request))
);

load!(
    /// How many versions the rule of a segment has.
    DefinitionCount(i64) -> i64,
    |connection, ids| count_definitions(connection, &ids)
);

load!(
    /// A page of the audit log about a segment.
    AuditOf((i64, PageRequest<AuditKey>)) -> Page<AuditEntry>,
    |connection, keys| each(keys, |request, ids| list_of_segments(connection, ids, request))
);

load!(
    /// How many entries the audit log has about a segment.
    AuditCount(i64) -> i64,
    |connection, ids| count_of_segments(connection, &ids)
);

load!(
    /// A page of the refreshes of a segment.
    RefreshesOf((i64, PageRequest<(i64, i64)>)) -> Result<Page<(Refresh, SegmentRefresh)>, Error>,
    |connection, keys| each_unless_refused(keys, |request, ids| {
        let pages = list_refreshes_of(connection, ids, request)?.into_iter();
        Ok(pages.map(|(id, page)| (id, Ok(page))).collect())
    })
);

load!(
    /// How many refreshes a segment had.
    RefreshCount(i64) -> i64,
    |connection, ids| count_refreshes_of(connection, &ids)
);

load!(
    /// How a segment grew in a range of time.
    GrowthOf((i64, ((DateTime<Utc>, DateTime<Utc>), GrowthStep))) -> Result<Vec<GrowthPoint>, Error>,
    |connection, keys| each_unless_refused(keys, |(range, step), ids| list_growths(connection, ids, *range, *step))
);

load!(
    /// How the members of a segment overlap with those of another segment.
    scan OverlapWithSegment((i64, i64)) -> Overlap,
    |connection, keys| each(keys, |other, ids| count_overlaps(connection, ids, *other))
);

load!(
    /// How the members of a segment overlap with those of a group.
    scan OverlapWithGroup((i64, i64)) -> Overlap,
    |connection, keys| each(keys, |group, ids| count_overlaps_with_group(connection, ids, *group))
);

load!(
    /// A page of the events of a subscriber: those of one name, or all.
    EventsOf((i64, (Option<String>, PageRequest<EventKey>))) -> Page<Item>,
    |connection, keys| each(keys, |(name, request), ids| event::find_pages(connection, ids, name.as_deref(), request))
);

load!(
    /// A page of the problems of an import.
    ProblemsOf((i64, (Vec<ProblemKind>, PageRequest<i64>))) -> Page<StoredProblem>,
    |connection, keys| each(keys, |(kinds, request), ids| import::list_problems(connection, ids, kinds, request))
);

load!(
    /// How many problems of these kinds an import has.
    ProblemCount((i64, Vec<ProblemKind>)) -> i64,
    |connection, keys| each(keys, |kinds, ids| import::count_problems(connection, ids, kinds))
);

/// How many bytes the rows of several pages may take if they are loaded together. Larger pages are loaded one by one.
const LARGEST_TOGETHER: i64 = 8_000_000;

/// How many bytes the rows of a single page may take before the page counts as large.
const LARGE: i64 = 1 << 20;

load!(
    /// The subscribers of a page. Not found if the rows of the batch are too large.
    SubscriberRows(Vec<i64>) -> Vec<Arc<Subscriber>>,
    |connection, pages| {
        let rows = subscriber_page::find_within(connection, &pages.concat(), most_bytes(&pages))?;
        Ok(fill_with_people(pages, rows))
    }
);

load!(
    /// The subscribers of a page, however large it is.
    WholeSubscriberRows(Vec<i64>) -> Vec<Arc<Subscriber>>,
    |connection, pages| {
        let rows = subscriber::find_by_ids(connection, &pages.concat())?;
        Ok(fill_with_people(pages, rows))
    }
);

load!(
    /// The events of a page. Not found if the rows of the batch are too large.
    EventRows(Vec<i64>) -> Vec<Event>,
    |connection, pages| {
        let rows = event::find_within(connection, &pages.concat(), most_bytes(&pages))?;
        Ok(fill_with_events(pages, rows))
    }
);

load!(
    /// The events of a page, however large it is.
    WholeEventRows(Vec<i64>) -> Vec<Event>,
    |connection, pages| {
        let rows = event::find_by_ids(connection, &pages.concat())?;
        Ok(fill_with_events(pages, rows))
    }
);

/// Returns how many bytes the rows of these pages may take together.
fn most_bytes(pages: &[Vec<i64>]) -> i64 {
    if pages.len() == 1 {
        LARGE
    } else {
        LARGEST_TOGETHER
    }
}

fn fill_with_people(
    pages: Vec<Vec<i64>>,
    rows: Vec<Subscriber>,
) -> HashMap<Vec<i64>, Vec<Arc<Subscriber>>> {
    let rows = rows.into_iter();
    fill(pages, rows.map(|row| (row.id, Arc::new(row))).collect())
}

fn fill_with_events(pages: Vec<Vec<i64>>, rows: Vec<Event>) -> HashMap<Vec<i64>, Vec<Event>> {
    fill(pages, rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Fills pages of ids with their rows, and leaves out rows that were deleted meanwhile. Returns no page if there are no
/// rows.
fn fill<T: Clone>(pages: Vec<Vec<i64>>, rows: HashMap<i64, T>) -> HashMap<Vec<i64>, Vec<T>> {
    if rows.is_empty() {
        return HashMap::new();
    }
    let pages = pages.into_iter();
    let filled = pages.map(|ids| {
        let found = ids.iter().filter_map(|id| rows.get(id).cloned()).collect();
        (ids, found)
    });
    filled.collect()
}

/// Loads the subscribers of a page, together with all pages that wait. If these are too large together, only this page
/// is loaded; keep the permit until its subscribers are resolved.
pub async fn load_people(
    context: &Context<'_>,
    page: Page<i64>,
) -> async_graphql::Result<(Page<Arc<Subscriber>>, Option<LoadPermit>)> {
    if page.rows.is_empty() {
        return Ok((page.with_rows(Vec::new()), None));
    }
    let rows = load_one(context.loader()?, SubscriberRows(page.rows.clone())).await?;
    let whole = || WholeSubscriberRows(page.rows.clone());
    let (rows, permit) = load_if_large(context, rows, whole).await?;
    Ok((page.with_rows(rows), permit))
}

/// Loads the events of a page, together with all pages that wait. If these are too large together, only this page is
/// loaded; keep the permit until its events are resolved.
pub async fn load_events(
    context: &Context<'_>,
    page: Page<i64>,
) -> async_graphql::Result<(Page<Event>, Option<LoadPermit>)> {
    if page.rows.is_empty() {
        return Ok((page.with_rows(Vec::new()), None));
    }
    let rows = load_one(context.loader()?, EventRows(page.rows.clone())).await?;
    let whole = || WholeEventRows(page.rows.clone());
    let (rows, permit) = load_if_large(context, rows, whole).await?;
    Ok((page.with_rows(rows), permit))
}

/// Loads the rows of a page by themselves if they were too large to be loaded with others.
async fn load_if_large<K, T>(
    context: &Context<'_>,
    rows: Option<Vec<T>>,
    whole: impl FnOnce() -> K,
) -> async_graphql::Result<(Vec<T>, Option<LoadPermit>)>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Loaders: Loader<K, Value = Vec<T>, Error = Error>,
{
    if let Some(rows) = rows {
        return Ok((rows, None));
    }
    // The loader would add the pages that wait with this one, so that the rows were too large again.
    let permit = permit_large_load(context).await;
    let page = whole();
    let loaders = context.loader()?.loader();
    let mut alone = loaders
        .load(std::slice::from_ref(&page))
        .await
        .map_err(to_graphql)?;
    Ok((alone.remove(&page).unwrap_or_default(), permit))
}
