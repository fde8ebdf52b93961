//! Writes the audit log, one JSON object per line, oldest first.

use super::ExportError;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::audience::audit_list::{AuditFilter, AuditKey, list_page};
use crate::audience::paging::PageRequest;
use crate::db::Db;
use chrono::{DateTime, Utc};
use std::io::{self, Write};

/// How many entries are read at a time.
const PAGE: usize = 1_000;

/// Writes the entries at or after `from` and before `to`, and returns how many there are. Records the export in the
/// audit log.
///
/// # Errors
/// [`ExportError`]. The file is then incomplete.
pub fn write_audit(
    db: &Db,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    mut sink: impl Write,
    entry: &Entry,
) -> Result<u64, ExportError> {
    let trace = Trace::to(TargetKind::AuditLog);
    db.run_here(|connection| audit::write(connection, entry, &trace))?;
    // Entries that are written meanwhile are not read, so that the export ends.
    let filter = AuditFilter {
        from,
        to: Some(to.unwrap_or(entry.at).min(entry.at)),
        ..AuditFilter::default()
    };
    let mut request: PageRequest<AuditKey> = PageRequest {
        from_end: true,
        ..PageRequest::first(PAGE)
    };
    let mut rows = 0;
    loop {
        let page = db.run_here(|connection| list_page(connection, &filter, &request))?;
        for row in page.rows.iter().rev() {
            serde_json::to_writer(&mut sink, row).map_err(io::Error::from)?;
            sink.write_all(b"\n")?;
            rows += 1;
        }
        match page.rows.first() {
            Some(newest) if page.has_previous => request.before = Some(newest.key()),
            _ => return Ok(rows),
        }
    }
}
