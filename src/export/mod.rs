//! Exports: files of people, memberships and events, and all that is held about one person.
//!
//! An export reads one snapshot on a connection of its own, page by page. So it is consistent while the data changes,
//! needs the same memory for any size, and stops between two pages if its receiver is gone.
//!
//! Columns are written as imports read them: an export that is imported into an empty server and exported again is the
//! same file.

mod audit;
mod columns;
mod document;
mod pages;
mod person;
mod write;

pub use audit::write_audit;
pub use document::write_person;
pub use person::{MAX_EVENTS, list_people};

use crate::audience::audit::{Entry, TargetKind, Trace, write as write_entry};
use crate::audience::custom_field;
use crate::audience::group;
use crate::audience::id_set::IdSet;
use crate::audience::segment;
use crate::db::Db;
use crate::error::Error;
use crate::past::members_as_of;
use crate::refresh::refuse_unfilled;
use crate::rule::{Status, parse_and_check};
use crate::scan::RefreshSettings;
use crate::scan::{Snapshot, find_matching, prefer_indexes};
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use pages::{PAGE, Part, Scope};
use serde_json::Value;
use std::io::{self, Write};
use write::RowWriter;

/// What to export.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// All subscribers.
    Subscribers,
    /// The members of a group.
    Group {
        /// The key of the group.
        key: String,
    },
    /// The members of a segment.
    Segment {
        /// The key of the segment.
        key: String,
        /// The time whose members are exported. If absent, the stored members are exported.
        as_of: Option<DateTime<Utc>>,
    },
    /// The subscribers that a rule matches now.
    Rule(Value),
    /// The members of groups and segments, and since when they are members.
    Memberships,
    /// The events of subscribers.
    Events,
}

impl Content {
    /// Returns the name of an export of this content in the audit log.
    pub fn action(&self) -> &'static str {
        match self {
            Content::Subscribers => "exportSubscribers",
            Content::Group { .. } => "exportGroup",
            Content::Segment { .. } => "exportSegment",
            Content::Rule(_) => "exportRule",
            Content::Memberships => "exportMemberships",
            Content::Events => "exportEvents",
        }
    }
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Comma-separated values with a header line, UTF-8.
    #[default]
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// An export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportRequest {
    /// What to export.
    pub content: Content,
    /// The format of the file.
    pub format: Format,
    /// The columns, in their order. If absent, the default columns.
    pub columns: Option<Vec<String>>,
    /// Only subscribers with these statuses. If empty, all subscribers.
    pub statuses: Vec<Status>,
    /// Whether cells of a CSV file that look like formulas are written as they are.
    pub is_raw: bool,
}

impl ExportRequest {
    /// Returns an export of this content as a CSV file, with the default columns and all statuses.
    pub fn of(content: Content) -> ExportRequest {
        ExportRequest {
            content,
            format: Format::Csv,
            columns: None,
            statuses: Vec::new(),
            is_raw: false,
        }
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The rows cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// The rows cannot be written, perhaps because their receiver is gone.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// How far an export is, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// How much is done, from 0 to 1.
    pub share: f64,
    /// Rows written so far.
    pub rows: u64,
}

/// An export that was checked and can be written. It holds the snapshot.
pub struct Export {
    snapshot: Snapshot,
    parts: Vec<Part>,
    chosen: columns::Chosen,
    statuses: Vec<Status>,
    format: Format,
    is_raw: bool,
}

/// Takes the snapshot, checks the export, and finds the subscribers in it. Records the export in the audit log.
///
/// # Errors
/// [`Error::Invalid`] if something does not exist, or if changes are not kept back to `as_of`; [`Error::InvalidRule`].
pub fn prepare(
    db: &Db,
    request: &ExportRequest,
    settings: &RefreshSettings,
    entry: &Entry,
) -> Result<Export, Error> {
    let mut snapshot = Snapshot::take(db)?;
    let fields = custom_field::list_all(&mut snapshot.connection)?;
    let chosen = columns::choose(request, &fields)?;
    let (parts, trace) = find_parts(db, &mut snapshot, &request.content, settings)?;
    let trace = trace.with_fields(chosen.known_names());
    db.run_here(|connection| write_entry(connection, entry, &trace))?;
    prefer_indexes(&mut snapshot.connection)?;
    // A page is a few thousand rows along an index. Other joins would read a whole table for each page.
    snapshot
        .connection
        .batch_execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")?;
    Ok(Export {
        snapshot,
        parts,
        chosen,
        statuses: request.statuses.clone(),
        format: request.format,
        is_raw: request.is_raw,
    })
}

fn find_parts(
    db: &Db,
    snapshot: &mut Snapshot,
    content: &Content,
    settings: &RefreshSettings,
) -> Result<(Vec<Part>, Trace), Error> {
    let connection = &mut snapshot.connection;
    let mut trace = Trace::to(match content {
        Content::Events => TargetKind::Event,
        _ => TargetKind::Subscriber,
    });
    let parts = match content {
        Content::Subscribers => vec![Part::Everybody],
        Content::Group { key } => {
            let group = group::get_by_key(connection, key, "group")?;
            trace = Trace::of(TargetKind::Group, group.id).with_key(key);
            vec![Part::OfGroup {
                id: group.id,
                key: group.key,
            }]
        }
        Content::Segment { key, as_of } => {
            let segment = segment::get_by_key(connection, key, "segment")?;
            trace = Trace::of(TargetKind::Segment, segment.id).with_key(key);
            let members = match as_of {
                Some(as_of) => members_as_of(connection, segment.id, *as_of, settings.clock.now())?,
                None => {
                    refuse_unfilled(connection, &segment, "segment")?;
                    IdSet::of_segment(connection, segment.id)?
                }
            };
            vec![Part::Some(members)]
        }
        Content::Rule(rule) => {
            let catalogue = crate::audience::catalogue::load_catalogue(connection)?;
            let (_, rule) = parse_and_check(rule, &catalogue, None).map_err(Error::InvalidRule)?;
            let moment = settings.moment(connection)?;
            let members = find_matching(db, snapshot, &rule, &moment, settings)?;
            vec![Part::Some(members)]
        }
        Content::Memberships => pages::membership_parts(connection)?,
        Content::Events => vec![Part::events(connection)?],
    };
    Ok((parts, trace))
}

impl Export {
    /// Writes the file and returns how many rows it has.
    ///
    /// # Errors
    /// [`ExportError`]. The file is then incomplete.
    pub fn write(
        mut self,
        sink: impl Write,
        mut progress: impl FnMut(Progress),
    ) -> Result<u64, ExportError> {
        let mut writer = RowWriter::new(sink, self.format, &self.chosen.columns, self.is_raw)?;
        let ids = self.snapshot.ids;
        let scope = Scope {
            columns: &self.chosen,
            statuses: &self.statuses,
        };
        let connection = &mut self.snapshot.connection;
        let count = self.parts.len() as f64;
        for (position, part) in self.parts.iter().enumerate() {
            let end = part.last_key(ids).max(1) as f64;
            write_part(connection, part, &scope, |key, rows| {
                for row in rows {
                    writer.write(row)?;
                }
                let share = (position as f64 + (key as f64 / end).min(1.0)) / count;
                let rows = writer.rows();
                progress(Progress { share, rows });
                Ok(())
            })?;
        }
        Ok(writer.finish()?)
    }
}

/// Reads a part page by page; `take` gets the last key of each page.
fn write_part(
    connection: &mut PgConnection,
    part: &Part,
    scope: &Scope<'_>,
    mut take: impl FnMut(i64, &[pages::Cells]) -> io::Result<()>,
) -> Result<(), ExportError> {
    let mut state = pages::State::default();
    while let Some(page) = part.next_page(connection, scope, &mut state)? {
        debug_assert!(page.rows.len() <= PAGE);
        take(page.last_key, &page.rows)?;
    }
    Ok(())
}
