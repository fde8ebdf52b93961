//! Writes the document about one person. There can be millions of events, so they are read page by page while they are
//! written.

use super::ExportError;
use super::person::{collect_one, event_json};
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::event::{Event, list_page_of};
use crate::db::Db;
use crate::error::Error;
use crate::scan::{Snapshot, prefer_indexes};
use diesel::PgConnection;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::io::{self, Write};

/// The key of the events.
const EVENTS: &str = "events";

/// How many events are read at a time; each has up to 64 KiB of properties.
const PAGE: i64 = 100;

/// Writes all data about the person with this e-mail address, as of one snapshot, and returns the number of documents,
/// which is 1. Records the export in the audit log.
///
/// # Errors
/// [`Error::NotFound`] if there is no such subscriber. After any other [`ExportError`] the document is incomplete.
pub fn write_person(
    db: &Db,
    email: &str,
    is_pretty: bool,
    mut sink: impl Write,
    entry: &Entry,
) -> Result<u64, ExportError> {
    let mut snapshot = Snapshot::take(db)?;
    prefer_indexes(&mut snapshot.connection)?;
    let (id, held) = collect_one(&mut snapshot.connection, email)?;
    let trace = Trace::of(TargetKind::Subscriber, id);
    db.run_here(|connection| audit::write(connection, entry, &trace))?;
    let document = Document {
        held,
        events: Events {
            subscriber_id: id,
            connection: RefCell::new(&mut snapshot.connection),
            failure: RefCell::new(None),
        },
    };
    let written = match is_pretty {
        true => serde_json::to_writer_pretty(&mut sink, &document),
        false => serde_json::to_writer(&mut sink, &document),
    };
    if let Some(failure) = document.events.failure.take() {
        return Err(failure.into());
    }
    written.map_err(io::Error::from)?;
    Ok(1)
}

struct Document<'c> {
    /// All data. The events are an empty list, which is replaced when it is written.
    held: Map<String, Value>,
    events: Events<'c>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.held.len()))?;
        for (key, value) in &self.held {
            match key.as_str() {
                EVENTS => map.serialize_entry(key, &self.events)?,
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

/// The events of a person, newest first.
struct Events<'c> {
    subscriber_id: i64,
    connection: RefCell<&'c mut PgConnection>,
    /// Why the events could not be read. The serializer accepts only texts.
    failure: RefCell<Option<Error>>,
}

impl Events<'_> {
    fn read_page(&self, last: Option<&Event>) -> Result<Vec<Event>, Error> {
        let after = last.map(|event| (event.occurred_at, event.id));
        list_page_of(
            &mut self.connection.borrow_mut(),
            self.subscriber_id,
            after,
            PAGE,
        )
    }
}

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut last: Option<Event> = None;
        loop {
            let page = self.read_page(last.as_ref()).map_err(|error| {
                let message = S::Error::custom(&error);
                self.failure.replace(Some(error));
                message
            })?;
            for event in &page {
                list.serialize_element(&event_json(event))?;
            }
            match page.into_iter().last() {
                Some(event) => last = Some(event),
                None => return list.end(),
            }
        }
    }
}
