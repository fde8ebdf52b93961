//! Imports: what becomes of the rows of a file, and what a report says of them.

mod events;
mod files;
mod subscribers;

use crate::support::TestApp;
use rollcall::audience::import::{
    ImportReport, SubscriberImport, import_events, import_subscribers,
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
        report.created + report.updated + report.unchanged + report.repeated,
        "every row is counted once"
    );
    report
}

/// Imports events, perhaps with problems.
#[track_caller]
fn import_of_events(app: &TestApp, csv: &str) -> ImportReport {
    let report = import_events(app.db(), csv.as_bytes(), b',', |_| {});
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
        group: Some(key.to_owned()),
        create_group,
        ..SubscriberImport::default()
    }
}
