//! The bare way: `COPY` of finished rows into the tables, and out of them.

use diesel::prelude::*;
use rollcall::db::Db;
use rollcall::db::schema::{event_totals, events, group_memberships, subscribers};
use std::io::{Read, Write};
use std::path::Path;

/// Sends a file to `COPY` piece by piece.
fn send(path: &Path, sink: &mut dyn Write) -> diesel::QueryResult<()> {
    let failed = |error: std::io::Error| diesel::result::Error::QueryBuilderError(Box::new(error));
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(()),
            read => sink.write_all(&buffer[..read]).map_err(failed)?,
        }
    }
}

pub fn copy_subscribers(db: &Db, path: &Path) -> anyhow::Result<()> {
    let columns = (
        subscribers::id,
        subscribers::email,
        subscribers::status,
        subscribers::first_name,
        subscribers::last_name,
        subscribers::phone,
        subscribers::country,
        subscribers::city,
        subscribers::custom,
        subscribers::created_at,
        subscribers::updated_at,
        subscribers::subscribed_at,
    );
    db.run_here(|connection| {
        let copy = diesel::copy_from(subscribers::table);
        copy.from_raw_data(columns, |sink: &mut dyn Write| send(path, sink))
            .execute(connection)?;
        Ok(())
    })?;
    Ok(())
}

pub fn copy_memberships(db: &Db, path: &Path) -> anyhow::Result<()> {
    let columns = (
        group_memberships::group_id,
        group_memberships::subscriber_id,
        group_memberships::added_at,
        group_memberships::source,
    );
    db.run_here(|connection| {
        let copy = diesel::copy_from(group_memberships::table);
        copy.from_raw_data(columns, |sink: &mut dyn Write| send(path, sink))
            .execute(connection)?;
        Ok(())
    })?;
    Ok(())
}

pub fn copy_events(db: &Db, path: &Path) -> anyhow::Result<()> {
    let columns = (
        events::id,
        events::subscriber_id,
        events::name,
        events::occurred_at,
        events::value,
        events::properties,
        events::dedupe_key,
    );
    db.run_here(|connection| {
        let copy = diesel::copy_from(events::table);
        copy.from_raw_data(columns, |sink: &mut dyn Write| send(path, sink))
            .execute(connection)?;
        Ok(())
    })?;
    Ok(())
}

pub fn copy_totals(db: &Db, path: &Path) -> anyhow::Result<()> {
    let columns = (
        event_totals::subscriber_id,
        event_totals::name,
        event_totals::count,
        event_totals::value_sum,
        event_totals::first_at,
        event_totals::last_at,
    );
    db.run_here(|connection| {
        let copy = diesel::copy_from(event_totals::table);
        copy.from_raw_data(columns, |sink: &mut dyn Write| send(path, sink))
            .execute(connection)?;
        Ok(())
    })?;
    Ok(())
}

/// Reads the whole table, as text.
pub fn copy_out(db: &Db) -> anyhow::Result<()> {
    // A connection of its own: diesel does not read the end of the answer, so that it can be used for nothing else.
    let mut connection = db.connect()?;
    let mut rows = diesel::copy_to(subscribers::table).load_raw(&mut connection)?;
    std::io::copy(&mut rows, &mut std::io::sink())?;
    Ok(())
}
