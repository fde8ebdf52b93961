//! Importing CSV files: subscribers, perhaps into groups, and events.
//!
//! An import is a job (`job.rs`, `control.rs`): a row of `imports` with what was asked (`options.rs`), how far it is, and
//! its report (`report.rs`). Its file waits in a spool or where it is (`spool.rs`). It is unpacked, its form found out
//! (`source.rs`), and cut into rows (`rows.rs`) as a stream; columns are mapped before the first row is read (`plan.rs`,
//! `mapping.rs`, `suggest.rs`). A row is cleaned and typed (`person.rs`, `events.rs`, `dates.rs`, `numbers.rs`); one that cannot be
//! used is reported with its line and left out, the others are kept. Rows are gathered to batches (`reader.rs`), and
//! each batch is one transaction (`run.rs`, `subscribers.rs`) that also moves the checkpoint, so that an import whose
//! process died goes on behind the last committed batch. Within a time it can be undone (`undo.rs`).

pub(crate) mod control;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod tidy;
pub(crate) mod undo;
pub(crate) mod undo_locks;
pub(crate) mod value;
pub(crate) mod whole;
pub(crate) mod write;

pub use control::{create, resume, set_file};
pub use value::dates::DateFormat;

pub use file::source::Form;
pub use file::spool::{Spool, SpooledFile, TOO_LARGE, Writing, in_place};
pub use job::{
    FileForm, Import, ImportState, MappedColumn, count_problems, find_by_ids, full_report, get,
    list_page, list_unfinished,
};
pub use plan::mapping::BUILTIN_COLUMNS;
pub use plan::options::{
    Encoding, EventImport, FileOptions, ImportKind, ImportMode, ImportOptions, NO_QUOTE,
    SubscriberImport,
};
pub use report::{
    ImportReport, MAX_LISTED, ProblemKind, RowProblem, StoredProblem, list_problems, problems_csv,
    safe_cell, write_problems,
};
pub use run::{BATCH_ROWS, ImportSettings, Progress, cancel, try_run};
pub use tidy::{run_next, tidy};
pub use undo::{ask_to_undo, undo, undo_asked, undo_next};
pub use whole::{import_events, import_subscribers};
