//! Batches: the rows that are written in one transaction.

use super::event_row::ReadEvent;
use super::person::Person;
use crate::import::report::{ImportReport, RowProblem};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

/// Rows of a file that are written together.
pub struct Batch {
    /// Its number, from 1.
    pub number: i32,
    /// How many rows of the file are done after it.
    pub end_row: u64,
    /// About how many bytes of the file are done after it.
    pub end_byte: u64,
    /// The items to write.
    pub items: Items,
    /// The counts of its rows that are known before they are written.
    pub report: ImportReport,
    /// Remarks about its rows, and the reasons why rows were skipped.
    pub problems: Vec<RowProblem>,
    /// Whether it has rows about people of earlier batches, which must be written first.
    pub follows: bool,
}

/// The items of a batch.
pub enum Items {
    /// People, each address once.
    People(Vec<Person>),
    /// Events of subscribers.
    Events(Vec<ReadEvent>),
}

/// The data that all batches of an import share.
pub struct Context {
    /// The import.
    pub import_id: i64,
    /// The timestamp of all changes that the import makes.
    pub moment: DateTime<Utc>,
    /// The ids of the groups to add to; `None` for a group that a dry run does not create.
    pub groups: Vec<Option<i64>>,
    /// The groups that single rows name, by the name.
    pub named_groups: HashMap<String, Option<i64>>,
    /// Whether batches of events are merged instead of copied, because an event of the last batch was known already.
    pub meets_known_events: AtomicBool,
    /// Whether this is a dry run, which writes nothing.
    pub is_dry_run: bool,
}

/// The subscribers to add to a group.
#[derive(Default)]
pub struct Members {
    /// Ids of subscribers who are new.
    pub new: Vec<i64>,
    /// Ids of subscribers who were known.
    pub known: Vec<i64>,
    /// How many would be new, in a dry run.
    pub would_be_new: u64,
}

impl Members {
    /// Merges the members collected under another spelling of the group, each id once.
    pub fn extend(&mut self, others: &Members) {
        let mut known: BTreeSet<i64> = self.new.iter().copied().collect();
        self.new
            .extend(others.new.iter().filter(|id| known.insert(**id)));
        let mut known: BTreeSet<i64> = self.known.iter().copied().collect();
        self.known
            .extend(others.known.iter().filter(|id| known.insert(**id)));
        self.would_be_new = self.would_be_new.max(others.would_be_new);
    }
}

/// The result of the first part of writing a batch.
#[derive(Default)]
pub struct Placed {
    /// Ids of subscribers or events that are new.
    pub new_ids: Vec<i64>,
    /// How many would be new, in a dry run.
    pub would_be_new: usize,
    /// Ids of existing subscribers who were changed, or could have been.
    pub known_ids: Vec<i64>,
    /// Ids of subscribers who were created for their events.
    pub new_people: Vec<i64>,
    /// The members of groups that single rows name.
    pub named: BTreeMap<String, Members>,
    /// The counts of what was written.
    pub report: ImportReport,
    /// Remarks about rows, and the reasons why rows were skipped.
    pub problems: Vec<RowProblem>,
}

impl Placed {
    /// Adds a remark about a row, and counts it.
    pub fn say(&mut self, problem: RowProblem) {
        self.report.count(problem.kind);
        self.problems.push(problem);
    }
}
