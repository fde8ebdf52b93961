//! Pages of the list of segments.

use super::member_count::count_segment_members;
use super::named_list::{Named, NamedFilter, NamedKey, NamedOrder, NamedPage, make_page};
use super::paging::PageRequest;
use super::segment::{Segment, find_by_ids};
use crate::db::Kept;
use crate::db::schema::segments;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;

/// Lists a page of the segments that match a filter, each with its place in the order, and counts all that match.
/// Archived segments are listed only if `with_archived` is true.
pub fn list_page(
    connection: &mut PgConnection,
    with_archived: bool,
    filter: &NamedFilter,
    order: NamedOrder,
    request: &PageRequest<NamedKey>,
) -> Result<NamedPage<Segment>, Error> {
    if order == NamedOrder::Key && filter.is_empty() {
        return list_by_key(connection, with_archived, request);
    }
    // The rules are not read, because they may be large.
    let mut query = segments::table
        .select((
            segments::id,
            segments::key,
            segments::name,
            segments::tags,
            segments::updated_at,
        ))
        .into_boxed();
    if !with_archived {
        query = query.filter(segments::archived_at.is_null());
    }
    type Row = (i64, String, String, Vec<Option<String>>, DateTime<Utc>);
    let rows = query.load::<Row>(connection)?;
    let items = rows
        .into_iter()
        .map(|(id, key, name, tags, updated_at)| Named {
            id,
            key,
            name,
            tags: tags.into(),
            updated_at,
        });
    let items = items.collect();
    let load = |connection: &mut PgConnection, ids: &[i64]| {
        let found = find_by_ids(connection, ids)?.into_iter();
        Ok(found.map(|segment| (segment.id, segment)).collect())
    };
    let what = (filter, order);
    make_page(
        connection,
        items,
        what,
        request,
        count_segment_members,
        load,
    )
}

/// Lists a page of all segments by key. One statement reads the page, how many segments there are, and whether the list
/// goes on before and after the page.
fn list_by_key(
    connection: &mut PgConnection,
    with_archived: bool,
    request: &PageRequest<NamedKey>,
) -> Result<NamedPage<Segment>, Error> {
    let listed = || match with_archived {
        true => segments::table.into_boxed(),
        false => segments::table
            .filter(segments::archived_at.is_null())
            .into_boxed(),
    };
    let (after, before) = (key_in(&request.after), key_in(&request.before));
    // An empty text is before all keys.
    let up_to = || listed().filter(segments::key.le(after.unwrap_or_default()));
    let starting_at = || listed().filter(segments::key.ge(before.unwrap_or(AFTER_ALL_KEYS)));
    let beside = || {
        (
            exists(up_to()),
            exists(starting_at()),
            listed().count().single_value(),
        )
    };
    let mut query = listed().filter(segments::key.gt(after.unwrap_or_default()));
    query = query.filter(segments::key.lt(before.unwrap_or(AFTER_ALL_KEYS)));
    query = match request.from_end {
        true => query.order(segments::key.desc()),
        false => query.order(segments::key.asc()),
    };
    let query = query
        .limit(request.limit())
        .select((Segment::as_select(), beside()));
    let rows: Vec<(Segment, Beside)> = Kept(query).load(connection)?;
    let (is_before, is_after, total) = match rows.first() {
        Some((_, beside)) => *beside,
        None => diesel::select(beside()).get_result(connection)?,
    };
    let rows = rows.into_iter();
    let rows = rows.map(|(segment, _)| (NamedKey::Key(segment.key.clone()), segment));
    let page = request.make_page(rows.collect(), (is_before, is_after));
    Ok((
        page,
        usize::try_from(total.unwrap_or_default()).unwrap_or_default(),
    ))
}

/// Whether there are segments before and after a page, and how many there are in all.
type Beside = (bool, bool, Option<i64>);

/// A text that is greater than all keys, which are ASCII.
const AFTER_ALL_KEYS: &str = "\u{80}";

fn key_in(place: &Option<NamedKey>) -> Option<&str> {
    match place {
        Some(NamedKey::Key(key)) => Some(key),
        _ => None,
    }
}
