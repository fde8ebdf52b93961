//! The data that imports store about a person, to show it to the person and to erase it.

use super::mentioned::Mentioned;
use super::runs;
use crate::db::schema::{
    import_additions, import_batches, import_changes, import_problems, imports,
};
use crate::error::Error;
use crate::text::INVISIBLE;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::Value;

/// A change of a person by an import, kept as long as it can be undone.
#[derive(Debug, Clone, Queryable)]
pub struct PersonChange {
    /// The id of the changed subscriber.
    pub subscriber_id: i64,
    /// The name of the file.
    pub file_name: String,
    /// When the import started.
    pub at: Option<DateTime<Utc>>,
    /// The values before.
    pub before: Value,
    /// The values after.
    pub after: Value,
}

/// Lists how imports changed these people, by subscriber, oldest import first.
pub fn list_changes_of(
    connection: &mut PgConnection,
    subscriber_ids: &[i64],
) -> Result<Vec<PersonChange>, Error> {
    Ok(import_changes::table
        .inner_join(imports::table)
        .filter(import_changes::subscriber_id.eq_any(subscriber_ids))
        .order((import_changes::subscriber_id, import_changes::import_id))
        .select((
            import_changes::subscriber_id,
            imports::file_name,
            imports::started_at,
            import_changes::before,
            import_changes::after,
        ))
        .load(connection)?)
}

/// Deletes a person from the stored data of imports, so that undoing an import does not restore the person.
pub fn forget_person(connection: &mut PgConnection, id: i64, email: &str) -> Result<(), Error> {
    forget_people(connection, &[(id, email.to_owned())])
}

/// Deletes people, by id and address, from the stored data of imports. The data is read once for all people.
pub fn forget_people(connection: &mut PgConnection, people: &[(i64, String)]) -> Result<(), Error> {
    let mut ids: Vec<i64> = people.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    diesel::delete(import_changes::table.filter(import_changes::subscriber_id.eq_any(&ids)))
        .execute(connection)?;
    let addresses = Mentioned::any(people.iter().map(|(_, email)| email.as_str()))?;
    forget_problems(connection, &addresses)?;
    forget_what_was_said(connection, &addresses)?;
    forget_created(connection, &ids)?;
    forget_added(connection, &ids)
}

/// How many problems are read at a time.
const PROBLEMS_AT_A_TIME: usize = 5_000;

/// Returns the SQL condition that a text may mention an address: it has `$1`, a part that every form of the address
/// has. The text is compared in the lower case of the database and without [`INVISIBLE`] characters.
fn may_mention(text: &str) -> String {
    let invisible: String = INVISIBLE.iter().collect();
    format!("strpos(translate(lower({text}), '{invisible}', ''), $1) > 0")
}

/// Deletes the problems of rows that mention an address. Only the text of a problem shows which person it is about.
fn forget_problems(connection: &mut PgConnection, address: &Mentioned) -> Result<(), Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        text: String,
    }
    // The line breaks keep an address from being found across two columns.
    let text = "concat_ws(E'\\n', value, reason, cells::text)";
    let mut last = 0;
    loop {
        let rows: Vec<Row> = diesel::sql_query(format!(
            "SELECT id, {text} AS text FROM import_problems WHERE id > $2 AND {} ORDER BY id LIMIT {PROBLEMS_AT_A_TIME}",
            may_mention(text)
        ))
        .bind::<Text, _>(address.needle())
        .bind::<BigInt, _>(last)
        .load(connection)?;
        let about_them = rows.iter().filter(|row| address.is_in(&row.text));
        let ids: Vec<i64> = about_them.map(|row| row.id).collect();
        diesel::delete(import_problems::table.filter(import_problems::id.eq_any(ids)))
            .execute(connection)?;
        match rows.last() {
            Some(row) if rows.len() == PROBLEMS_AT_A_TIME => last = row.id,
            _ => return Ok(()),
        }
    }
}

/// Deletes the people from the errors of imports and of their undos, and from rows that were mistaken for headers.
fn forget_what_was_said(connection: &mut PgConnection, address: &Mentioned) -> Result<(), Error> {
    const FORGOTTEN: &str = "the error named a subscriber who has been deleted since";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Nullable<Text>)]
        error: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        undo_error: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        form: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        analysis: Option<String>,
    }
    let text = may_mention("concat_ws(E'\\n', error, undo_error, form::text, analysis::text)");
    let rows: Vec<Row> = diesel::sql_query(format!(
        "SELECT id, error, undo_error, form::text AS form, analysis::text AS analysis FROM imports WHERE {text}"
    ))
    .bind::<Text, _>(address.needle())
    .load(connection)?;
    let is_in = |text: &Option<String>| text.as_deref().is_some_and(|text| address.is_in(text));
    for row in rows {
        let import = imports::table.find(row.id);
        // An error shows only the beginning of a row that was mistaken for a header. The address may be in the rest, so
        // `form` is searched too.
        if row.error.is_some() && (is_in(&row.error) || is_in(&row.form)) {
            diesel::update(import)
                .set(imports::error.eq(FORGOTTEN))
                .execute(connection)?;
        }
        if is_in(&row.undo_error) {
            diesel::update(import)
                .set(imports::undo_error.eq(FORGOTTEN))
                .execute(connection)?;
        }
        if is_in(&row.analysis) {
            diesel::update(import)
                .set(imports::analysis.eq(None::<Value>))
                .execute(connection)?;
        }
        if is_in(&row.form) {
            diesel::update(import)
                .set(imports::form.eq(None::<Value>))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Deletes the people from the lists of subscribers whom batches created, including batches of events. The lists are
/// few and short, so all of them are read.
fn forget_created(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    let batches: Vec<(i64, i32, Vec<u8>)> = import_batches::table
        .inner_join(imports::table)
        .filter(imports::kind.eq("subscribers"))
        .select((
            import_batches::import_id,
            import_batches::number,
            import_batches::created,
        ))
        .load(connection)?;
    for (import_id, number, created) in batches {
        if let Some(left) = without(&created, ids)? {
            diesel::update(import_batches::table.find((import_id, number)))
                .set(import_batches::created.eq(left))
                .execute(connection)?;
        }
    }
    let made: Vec<(i64, i32, Vec<u8>)> = import_batches::table
        .filter(import_batches::people.is_not_null())
        .select((
            import_batches::import_id,
            import_batches::number,
            import_batches::people.assume_not_null(),
        ))
        .load(connection)?;
    for (import_id, number, people) in made {
        if let Some(left) = without(&people, ids)? {
            diesel::update(import_batches::table.find((import_id, number)))
                .set(import_batches::people.eq(left))
                .execute(connection)?;
        }
    }
    Ok(())
}

fn forget_added(connection: &mut PgConnection, ids: &[i64]) -> Result<(), Error> {
    let additions: Vec<(i64, i32, i64, Vec<u8>)> = import_additions::table
        .select(import_additions::all_columns)
        .load(connection)?;
    for (import_id, number, group_id, added) in additions {
        if let Some(left) = without(&added, ids)? {
            diesel::update(import_additions::table.find((import_id, number, group_id)))
                .set(import_additions::added.eq(left))
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Removes ascending ids from encoded runs. Returns `None` if the runs have none of them.
fn without(bytes: &[u8], some: &[i64]) -> Result<Option<Vec<u8>>, Error> {
    let mut ids = runs::decode(bytes)?;
    let before = ids.len();
    ids.retain(|id| some.binary_search(id).is_err());
    Ok((ids.len() < before).then(|| runs::encode(ids)))
}
