//! Pages of the list of subscribers, and rows that fit into memory.

use super::paging::{Page, PageRequest};
use super::row_size::rows_within;
use super::subscriber::{Subscriber, SubscriberKey, SubscriberOrder, SubscriberTypes};
use super::subscriber_column::{COLUMNS, ValueKind, list_names};
use crate::db::schema::subscribers;
use crate::db::{Kept, statement};
use crate::error::Error;
use diesel::dsl::{exists, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool};
use std::ops::Bound::{self, Excluded, Included, Unbounded};

/// The columns that a list of subscribers reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// All of them.
    All,
    /// All except the values of custom fields: converting them to text takes longer than reading all the others.
    WithoutCustom,
}

impl Columns {
    /// Returns the columns as SQL, in the order of [`Subscriber`].
    fn list(self) -> String {
        let names = list_names().into_iter().map(|name| match (self, name) {
            (Columns::WithoutCustom, "custom") => "'{}'::jsonb",
            (_, name) => name,
        });
        let names: Vec<&str> = names.collect();
        format!("id, {}, version", names.join(", "))
    }
}

/// Finds subscribers by id. Returns an empty list if their rows take more than `bytes` of memory together.
pub fn find_within(
    connection: &mut PgConnection,
    ids: &[i64],
    bytes: i64,
) -> Result<Vec<Subscriber>, Error> {
    let texts = COLUMNS
        .iter()
        .filter(|column| matches!(column.kind, ValueKind::Text(_)));
    let texts: Vec<&str> = texts.map(|column| column.name).collect();
    let texts = format!("email, {}", texts.join(", "));
    let rows = rows_within("subscribers", &Columns::All.list(), "custom", &texts);
    Ok(statement(rows)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<BigInt, _>(bytes)
        .returning::<SubscriberTypes>()
        .load(connection)?)
}

/// A range of addresses: its start, and its excluded end if it has one.
pub type Range<'r> = (&'r str, Option<String>);

/// A query of subscribers.
type Query<'q> = subscribers::BoxedQuery<'q, Pg>;

/// Lists a page of all subscribers, or of those with an address in a range. One statement reads the page and whether
/// the list goes on before and after it.
pub fn list_page(
    connection: &mut PgConnection,
    emails: Option<&Range<'_>>,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
    columns: Columns,
) -> Result<Page<Subscriber>, Error> {
    let (after, before) = (request.after.as_ref(), request.before.as_ref());
    let is_beyond = || {
        (
            exists(up_to(emails, after)),
            exists(starting_at(emails, before)),
        )
    };
    let query = between(emails, bound(after, Excluded), bound(before, Excluded));
    let query = query.select((sql::<SubscriberTypes>(&columns.list()), is_beyond()));
    let query = match (order, request.from_end) {
        (SubscriberOrder::Id, false) => query.order(subscribers::id.asc()),
        (SubscriberOrder::Id, true) => query.order(subscribers::id.desc()),
        (SubscriberOrder::Email, false) => query.order(subscribers::email.asc()),
        (SubscriberOrder::Email, true) => query.order(subscribers::email.desc()),
    };
    let query = query.limit(request.limit());
    let rows: Vec<(Subscriber, (bool, bool))> = Kept(query).load(connection)?;
    let beyond = match rows.first() {
        Some((_, beyond)) => *beyond,
        None => diesel::select(is_beyond()).get_result(connection)?,
    };
    let rows = rows.into_iter().map(|(subscriber, _)| subscriber);
    Ok(request.make_page(rows.collect(), beyond))
}

fn bound<'k>(
    key: Option<&'k SubscriberKey>,
    make: fn(&'k SubscriberKey) -> Bound<&'k SubscriberKey>,
) -> Bound<&'k SubscriberKey> {
    key.map_or(Unbounded, make)
}

/// Selects subscribers up to a key, which is included. Without a key, it selects none.
fn up_to<'q>(emails: Option<&'q Range<'_>>, key: Option<&'q SubscriberKey>) -> Query<'q> {
    match key {
        Some(key) => between(emails, Unbounded, Included(key)),
        None => subscribers::table.into_boxed().filter(sql::<Bool>("false")),
    }
}

/// Selects subscribers from a key on, which is included. Without a key, it selects none.
fn starting_at<'q>(emails: Option<&'q Range<'_>>, key: Option<&'q SubscriberKey>) -> Query<'q> {
    match key {
        Some(key) => between(emails, Included(key), Unbounded),
        None => subscribers::table.into_boxed().filter(sql::<Bool>("false")),
    }
}

/// Selects subscribers with an address in a range and a key between bounds.
fn between<'q>(
    emails: Option<&'q Range<'_>>,
    first: Bound<&'q SubscriberKey>,
    last: Bound<&'q SubscriberKey>,
) -> Query<'q> {
    use SubscriberKey::{Email, Id};
    let mut query = subscribers::table.into_boxed();
    if let Some((start, end)) = emails {
        query = query.filter(subscribers::email.ge(*start));
        if let Some(end) = end {
            query = query.filter(subscribers::email.lt(end));
        }
    }
    query = match first {
        Included(Id(id)) => query.filter(subscribers::id.ge(*id)),
        Included(Email(email)) => query.filter(subscribers::email.ge(email)),
        Excluded(Id(id)) => query.filter(subscribers::id.gt(*id)),
        Excluded(Email(email)) => query.filter(subscribers::email.gt(email)),
        Unbounded => query,
    };
    match last {
        Included(Id(id)) => query.filter(subscribers::id.le(*id)),
        Included(Email(email)) => query.filter(subscribers::email.le(email)),
        Excluded(Id(id)) => query.filter(subscribers::id.lt(*id)),
        Excluded(Email(email)) => query.filter(subscribers::email.lt(email)),
        Unbounded => query,
    }
}

/// Returns how many subscribers have an address in a range.
pub fn count_in_range(connection: &mut PgConnection, emails: &Range<'_>) -> Result<i64, Error> {
    let found = between(Some(emails), Unbounded, Unbounded);
    Ok(found.count().get_result(connection)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::debug_query;

    #[test]
    fn columns_are_listed_in_the_order_of_the_struct() {
        let query = subscribers::table.select(Subscriber::as_select());
        let query = debug_query::<Pg, _>(&query).to_string();
        let selected = query.split(" FROM ").next().unwrap_or_default();
        let selected = selected.replace("\"subscribers\".", "").replace('"', "");
        assert_eq!(selected, format!("SELECT {}", Columns::All.list()));
    }
}
