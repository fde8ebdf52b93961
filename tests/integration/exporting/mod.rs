//! Exports: what stands in the files, that they come back, that they are consistent, and how they are sent.

mod command;
mod content;
mod http;
mod meanwhile;
mod round_trip;

use crate::support::TestApp;
use rollcall::export::{Content, ExportRequest, Format, prepare};

const NOW: &str = "2026-03-01T09:30:00Z";

/// Exports and returns the text.
#[track_caller]
fn export(app: &TestApp, request: &ExportRequest) -> String {
    let export = prepare(app.db(), request, &app.app.refresh, &app.entry()).expect("an export");
    let mut file = Vec::new();
    let rows = export.write(&mut file, |_| {}).expect("it can be written");
    let text = String::from_utf8(file).expect("UTF-8");
    if request.format == Format::Ndjson {
        assert_eq!(text.lines().count() as u64, rows);
    }
    text
}

/// Exports everything of something as CSV.
#[track_caller]
fn export_csv(app: &TestApp, content: Content) -> String {
    export(app, &ExportRequest::of(content))
}

/// An export of some columns as CSV.
fn columns(content: Content, names: &[&str]) -> ExportRequest {
    ExportRequest {
        columns: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..ExportRequest::of(content)
    }
}

/// An export of e-mail addresses as CSV.
fn emails(content: Content) -> ExportRequest {
    columns(content, &["email"])
}
