//! Pages of the list of subscribers, and rows that fit into memory.

use super::paging::{Page, PageRequest};
use super::row_size::are_within;
use super::subscriber::{Subscriber, SubscriberKey, SubscriberOrder};
use super::subscriber_column::{COLUMNS, Kind, list_names};
use crate::db::Kept;
use crate::db::schema::subscribers;
use crate::error::Error;
use diesel::dsl::sql;
use diesel::prelude::*;

/// Which columns are read of the subscribers of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// All of them.
    All,
    /// All but the values of custom fields: making text of them takes longer than reading all the others.
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

/// Finds subscribers by id, or none of them if their rows take more than that many bytes together.
pub fn find_within(
    connection: &mut PgConnection,
    ids: &[i64],
    bytes: i64,
) -> Result<Vec<Subscriber>, Error> {
    let texts = COLUMNS
        .iter()
        .filter(|column| matches!(column.kind, Kind::Text(_)));
    let texts: Vec<&str> = texts.map(|column| column.name).collect();
    let texts = format!("email, {}", texts.join(", "));
    let rows = subscribers::table
        .filter(subscribers::id.eq_any(ids))
        .filter(are_within("subscribers", "custom", &texts, ids, bytes))
        .select(Subscriber::as_select());
    Ok(Kept(rows).load(connection)?)
}

/// Lists a page of all subscribers, or of those with an address in a range: from the first text to before the second.
pub fn list_page(
    connection: &mut PgConnection,
    emails: Option<&(&str, Option<String>)>,
    order: SubscriberOrder,
    request: &PageRequest<SubscriberKey>,
    columns: Columns,
) -> Result<Page<Subscriber>, Error> {
    request.fetch(
        |found: &Subscriber| found.key(order),
        |request, limit| {
            let mut query = subscribers::table
                .select(sql::<subscribers::SqlType>(&columns.list()))
                .limit(limit)
                .into_boxed();
            if let Some((start, end)) = emails {
                query = query.filter(subscribers::email.ge(*start));
                if let Some(end) = end {
                    query = query.filter(subscribers::email.lt(end));
                }
            }
            match &request.after {
                Some(SubscriberKey::Id(id)) => query = query.filter(subscribers::id.gt(*id)),
                Some(SubscriberKey::Email(email)) => {
                    query = query.filter(subscribers::email.gt(email))
                }
                None => {}
            }
            match &request.before {
                Some(SubscriberKey::Id(id)) => query = query.filter(subscribers::id.lt(*id)),
                Some(SubscriberKey::Email(email)) => {
                    query = query.filter(subscribers::email.lt(email))
                }
                None => {}
            }
            query = match (order, request.from_end) {
                (SubscriberOrder::Id, false) => query.order(subscribers::id.asc()),
                (SubscriberOrder::Id, true) => query.order(subscribers::id.desc()),
                (SubscriberOrder::Email, false) => query.order(subscribers::email.asc()),
                (SubscriberOrder::Email, true) => query.order(subscribers::email.desc()),
            };
            Ok(Kept(query).load(connection)?)
        },
    )
}

/// Returns how many subscribers have an address in a range, as [`list_page`] takes it.
pub fn count_in_range(
    connection: &mut PgConnection,
    (start, end): &(&str, Option<String>),
) -> Result<i64, Error> {
    let mut query = subscribers::table.count().into_boxed();
    query = query.filter(subscribers::email.ge(*start));
    if let Some(end) = end {
        query = query.filter(subscribers::email.lt(end));
    }
    Ok(query.get_result(connection)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::debug_query;
    use diesel::pg::Pg;

    #[test]
    fn columns_are_listed_in_the_order_of_the_struct() {
        let query = subscribers::table.select(Subscriber::as_select());
        let query = debug_query::<Pg, _>(&query).to_string();
        let selected = query.split(" FROM ").next().unwrap_or_default();
        let selected = selected.replace("\"subscribers\".", "").replace('"', "");
        assert_eq!(selected, format!("SELECT {}", Columns::All.list()));
    }
}
