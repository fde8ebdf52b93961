//! Imports: what becomes of the rows of a file, and what a report says of them.

mod asking;
mod cases;
mod commands;
mod events;
mod files;
mod jobs;
mod options;
mod orders;
mod page;
mod shapes;
mod subscribers;
mod terminal;
mod ugly;
mod undoing;
mod uploading;

use crate::support::TestApp;
use rollcall::import::{
    EventImport, Import, ImportOptions, ImportReport, SubscriberImport, create, get, import_events,
    import_subscribers, try_run,
};
use rollcall::rule::CustomType;

/// Imports subscribers; a report without problems is expected.
#[track_caller]
fn import(app: &TestApp, csv: impl AsRef<[u8]>, options: &SubscriberImport) -> ImportReport {
    let now = app.clock.now();
    let report = import_subscribers(app.db(), csv.as_ref(), options, now, |_| {});
    let report = report.expect("the file can be imported");
    assert_eq!(report.problems, []);
    assert_eq!(
        report.rows,
        report.created + report.updated + report.unchanged + report.repeated + report.skipped,
        "every row is counted once"
    );
    report
}

/// Imports events, perhaps with problems.
#[track_caller]
fn import_of_events(app: &TestApp, csv: &str) -> ImportReport {
    let report = import_events(
        app.db(),
        csv.as_bytes(),
        &EventImport::default(),
        app.clock.now(),
        |_| {},
    );
    report.expect("the file can be imported")
}

/// Options that make a custom field of each of these columns.
fn with_fields(fields: &[(&str, CustomType)]) -> SubscriberImport {
    let fields = fields.iter();
    SubscriberImport {
        fields: fields
            .map(|(column, custom_type)| ((*column).to_owned(), *custom_type))
            .collect(),
        ..SubscriberImport::default()
    }
}

/// Options that put everybody into a group.
fn into_group(key: &str, create_group: bool) -> SubscriberImport {
    SubscriberImport {
        groups: vec![key.to_owned()],
        create_groups: create_group,
        ..SubscriberImport::default()
    }
}

/// What is asked of an import of subscribers.
fn subscribers(options: SubscriberImport) -> ImportOptions {
    ImportOptions::Subscribers(options)
}

/// Makes an import whose file is in the spool of the application.
#[track_caller]
fn make_job(app: &TestApp, options: &ImportOptions, bytes: &[u8]) -> Import {
    let file = app.app.imports.spool.store(bytes).expect("a spool");
    let now = app.clock.now();
    let made = app
        .db()
        .run_here(|connection| create(connection, options, "people.csv", Some(&file), now));
    made.expect("an import")
}

/// Runs an import as a job; returns it as it is then, and why it failed.
#[track_caller]
fn run_job(app: &TestApp, options: &ImportOptions, bytes: &[u8]) -> (Import, Option<String>) {
    let import = make_job(app, options, bytes);
    let ran = try_run(app.db(), import.id, &app.app.imports, |_| {});
    let failure = ran.err().map(|error| error.to_string());
    let import = app.db().run_here(|connection| get(connection, import.id));
    (import.expect("an import"), failure)
}
