//! Imports files of subscribers, optionally into groups, and files of events.
//!
//! An import is a job (`job.rs`, `control.rs`): a row of `imports` with its options (`plan/options.rs`), its progress
//! and its report (`report.rs`, `refused.rs`). Its file is in a spool or stays in its place (`file/spool.rs`). The file
//! is read as a stream: it is unpacked, its form is detected (`file/source.rs`), and it is cut into rows
//! (`file/rows.rs`). The whole file is read once before anything is written, to decide where its columns go (`plan`).
//! Then its rows are read again: each is cleaned and typed (`write/person.rs`, `write/events.rs`, `value`). A cell that
//! cannot be read is left out; a row that cannot be used is reported with its line, and the other rows are kept. Rows
//! are gathered into batches (`file/reader.rs`). Each batch is one transaction (`run.rs`, `write/subscribers.rs`) that
//! also moves the checkpoint, so that an import whose process died continues after the last committed batch. An import
//! can be undone for some time (`undo.rs`).

pub(crate) mod control;
pub(crate) mod file;
pub(crate) mod job;
pub(crate) mod plan;
pub(crate) mod refused;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod tidy;
pub(crate) mod undo;
mod undo_later;
pub(crate) mod undo_locks;
pub(crate) mod value;
mod watched;
pub(crate) mod whole;
pub(crate) mod write;

pub use control::{create, create_to, resume, set_file, start};
pub use value::date_format::DateFormat;

pub use file::encoding::Encoding;
pub use file::form::{FileFormat, Form};
pub use file::spool::{Spool, SpooledFile, TOO_LARGE, Writing, in_place};
pub use job::{
    FileForm, Import, ImportState, MappedColumn, count_problems, find_by_ids, full_report, get,
    list_page, list_unfinished,
};
pub use plan::analysis::{Analysis, ColumnAnalysis};
pub use plan::options::{
    EventImport, FileOptions, ImportKind, ImportMode, ImportOptions, NO_QUOTE, Others,
    SubscriberImport,
};
pub use plan::presets::{PRESETS, Preset};
pub use plan::question::{Change, Question, QuestionKind};
pub use plan::target::BUILTIN_COLUMNS;
pub use refused::{refused_csv, write_refused};
pub use report::{
    ImportReport, MAX_LISTED, ProblemKind, RowProblem, StoredProblem, list_problems, problems_csv,
    safe_cell, write_problems,
};
pub use run::{Progress, cancel, discard, try_run};
pub use settings::{BATCH_ROWS, ImportSettings};
pub use tidy::{run_next, tidy};
pub use undo::{ask_to_undo, undo, undo_as, undo_asked, undo_next};
pub use whole::{import_events, import_subscribers};
