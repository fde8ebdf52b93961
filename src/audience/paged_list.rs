//! Lists that belong to rows of a table, such as the members of each group. A few statements find a page of all lists.

use super::paging::{KeyRange, Page, PageRequest};
use crate::db::statement;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use std::collections::{BTreeMap, HashMap};

/// A list in SQL, ordered by columns that are unique within it. `asked.holder` is the id of the row that has the list.
#[derive(Debug, Clone, Copy)]
pub struct PagedList<'s> {
    /// The SQL after FROM: tables, WHERE and conditions.
    pub from: &'s str,
    /// The id of an item.
    pub id: &'s str,
    /// The columns of the key.
    pub key: &'s [&'s str],
    /// The SQL that reads a key from the text `KEY`, in which `|` separates the values of the columns.
    pub bound: &'s str,
    /// Whether the greatest key is the first.
    pub descends: bool,
    /// The SQL of a moment that is returned with each item.
    pub moment: &'s str,
    /// The value of `$4` in `from`.
    pub text: Option<&'s str>,
}

impl Default for PagedList<'_> {
    fn default() -> Self {
        PagedList {
            from: "",
            id: "",
            key: &[],
            bound: "",
            descends: false,
            moment: "NULL::timestamptz",
            text: None,
        }
    }
}

/// An item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: i64,
    /// The moment that the list returns with it.
    pub moment: Option<DateTime<Utc>>,
}

/// Puts rows into pages, by the holder and the id of the item. Rows that were deleted meanwhile are left out.
pub fn fill_pages<T>(
    pages: HashMap<i64, Page<Item>>,
    mut rows: HashMap<(i64, i64), T>,
) -> HashMap<i64, Page<T>> {
    let pages = pages.into_iter();
    let filled = pages.map(|(holder, page)| {
        let items = page.rows.iter();
        let found = items.filter_map(|item| rows.remove(&(holder, item.id)));
        let found: Vec<T> = found.collect();
        (holder, page.with_rows(found))
    });
    filled.collect()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    holder: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    moment: Option<DateTime<Utc>>,
}

impl PagedList<'_> {
    /// Finds the same page of the list of each holder. Keys are written as texts.
    pub fn find_pages(
        &self,
        connection: &mut PgConnection,
        holders: &[i64],
        request: &PageRequest<String>,
    ) -> Result<HashMap<i64, Page<Item>>, Error> {
        let pages = request.fetch_each(
            holders,
            |row: &Row| row.key.clone(),
            |ranges, from_end, limit| {
                // Lists with the same bounds are read together: a condition with a bound that may be missing could not
                // use an index.
                let mut alike: BTreeMap<(bool, bool), Vec<&KeyRange<i64, String>>> =
                    BTreeMap::new();
                for range in ranges {
                    let bounds = (range.after.is_some(), range.before.is_some());
                    alike.entry(bounds).or_default().push(range);
                }
                let mut rows = Vec::new();
                for ranges in alike.values() {
                    rows.extend(self.load(connection, ranges, from_end, limit)?);
                }
                Ok(rows.into_iter().map(|row| (row.holder, row)).collect())
            },
        )?;
        let item = |row: Row| Item {
            id: row.id,
            moment: row.moment,
        };
        let pages = pages.into_iter();
        Ok(pages
            .map(|(holder, page)| (holder, page.map(item)))
            .collect())
    }

    fn load(
        &self,
        connection: &mut PgConnection,
        ranges: &[&KeyRange<i64, String>],
        from_end: bool,
        limit: i64,
    ) -> Result<Vec<Row>, Error> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let (mut holders, mut after, mut before) = (Vec::new(), Vec::new(), Vec::new());
        for range in ranges {
            holders.push(range.holder);
            after.push(range.after.clone());
            before.push(range.before.clone());
        }
        let sql = self.sql(
            after.iter().any(Option::is_some),
            before.iter().any(Option::is_some),
            from_end,
        );
        Ok(statement(sql)
            .bind::<Array<BigInt>, _>(holders)
            .bind::<Array<Nullable<Text>>, _>(after)
            .bind::<Array<Nullable<Text>>, _>(before)
            .bind::<Nullable<Text>, _>(self.text)
            .bind::<BigInt, _>(limit)
            .load(connection)?)
    }

    /// Writes the statement. Each list is read by itself, along an index if there is one, and no further than its page.
    fn sql(&self, has_after: bool, has_before: bool, from_end: bool) -> String {
        let (id, moment, from) = (self.id, self.moment, self.from);
        let (later, earlier) = if self.descends {
            ("<", ">")
        } else {
            (">", "<")
        };
        let after = match has_after {
            true => self.beyond("asked.after", later),
            false => String::new(),
        };
        let before = match has_before {
            true => self.beyond("asked.before", earlier),
            false => String::new(),
        };
        let direction = if self.descends == from_end {
            "ASC"
        } else {
            "DESC"
        };
        let each = |separator: &str, write: &dyn Fn(usize, &str) -> String| -> String {
            let columns = self.key.iter().enumerate();
            let written = columns.map(|(place, column)| write(place, column));
            written.collect::<Vec<String>>().join(separator)
        };
        let keys = each(", ", &|place, column| format!("{column} AS key{place}"));
        let inner = each(", ", &|_, column| format!("{column} {direction}"));
        let outer = each(", ", &|place, _| format!("found.key{place} {direction}"));
        let text = each(", ", &|place, _| format!("found.key{place}"));
        format!(
            "SELECT asked.holder, found.id, found.moment, concat_ws('|', {text}) AS key \
             FROM unnest($1, $2, $3) AS asked (holder, after, before) CROSS JOIN LATERAL \
             (SELECT {id} AS id, {moment} AS moment, {keys} FROM {from}{after}{before} ORDER BY {inner} LIMIT $5) found \
             ORDER BY {outer}"
        )
    }

    /// Writes the condition that an item lies beyond a key.
    fn beyond(&self, asked: &str, operator: &str) -> String {
        let key = self.key.join(", ");
        let bound = self.bound.replace("KEY", asked);
        format!(" AND ({key}) {operator} ({bound})")
    }
}
