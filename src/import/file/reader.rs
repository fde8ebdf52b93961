//! Gathers the rows of a file into batches, in a thread of its own while earlier batches are written.

use super::row::Row;
use super::table::RowSource;
use crate::error::Error;
use crate::import::plan::options::{EventImport, ImportMode, SubscriberImport};
use crate::import::report::{ImportReport, ProblemKind, RowProblem};
use crate::import::write::batch::{Batch, Items};
use crate::import::write::event_row::EventReader;
use crate::import::write::person::{Person, PersonReader, is_role};
use crate::import::write::subscribers::suppressed;
use crate::rule::Status;
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use twox_hash::XxHash64;

/// A batch ends early if its cells hold this many bytes.
const MAX_BYTES: usize = 8 << 20;

/// How rows are read.
pub enum RowReader {
    /// As people.
    People(Box<PersonReader>, Box<SubscriberImport>),
    /// As events.
    Events(Box<EventReader>, Box<EventImport>),
}

/// Reads batches.
pub struct BatchReader<'a> {
    /// How rows are read.
    pub kind: &'a RowReader,
    /// How many rows make a batch.
    pub batch_rows: u64,
    /// Whether nothing is written, so that earlier rows have to be remembered here.
    pub is_dry_run: bool,
    /// How many rows have been read.
    pub row: u64,
    /// How many batches have been read.
    pub number: i32,
    /// A row that was read ahead and does not belong to the previous order.
    ahead: Option<Row>,
    seen: Seen,
    /// In a dry run, the hashes of addresses that earlier rows unsubscribe, or mark as bounced or complained.
    withheld: HashSet<u64>,
}

impl<'a> BatchReader<'a> {
    /// Returns a reader at the start of a file.
    pub fn new(kind: &'a RowReader, batch_rows: u64, is_dry_run: bool) -> BatchReader<'a> {
        BatchReader {
            kind,
            batch_rows,
            is_dry_run,
            row: 0,
            number: 0,
            ahead: None,
            seen: Seen::default(),
            withheld: HashSet::new(),
        }
    }

    /// Skips the rows that earlier runs have written, and remembers their addresses.
    ///
    /// # Errors
    /// Errors of the source; [`Error::Invalid`] if it has fewer rows.
    pub fn skip(
        &mut self,
        rows: &mut dyn RowSource,
        count: u64,
        batches: i32,
    ) -> Result<(), Error> {
        while self.row < count {
            let Some(row) = rows.next()? else {
                return Err(Error::invalid(
                    "file",
                    "the file has fewer rows than when the import began",
                ));
            };
            self.row += 1;
            let known = match self.kind {
                RowReader::People(reader, _) => reader.email_of(&row).map(|email| hash(&email)),
                RowReader::Events(reader, _) if self.is_dry_run => {
                    let read = reader.read(&row).ok();
                    read.and_then(|(event, _)| event.identity().map(hash_all))
                }
                RowReader::Events(..) => None,
            };
            if let Some(known) = known {
                self.seen.insert(known);
            }
        }
        self.number = batches;
        Ok(())
    }

    /// Reads the next batch. Returns `None` after the last row.
    ///
    /// # Errors
    /// Errors of the source.
    pub fn next(&mut self, rows: &mut dyn RowSource) -> Result<Option<Batch>, Error> {
        let mut gathering = Gathering::new(self.kind);
        let mut bytes = 0;
        while gathering.report.rows < self.batch_rows && bytes < MAX_BYTES {
            let Some(row) = self.next_row(rows)? else {
                break;
            };
            if row.is_footer {
                let message =
                    "the line is below the table and not a part of it; it was left out".to_owned();
                gathering.say(RowProblem::new(row.line, ProblemKind::Remark, message));
                continue;
            }
            gathering.report.rows += 1;
            bytes += size(&row);
            if let Some(remark) = row.remark.clone() {
                gathering.say(RowProblem::new(row.line, ProblemKind::Remark, remark));
            }
            match self.kind {
                RowReader::People(reader, options) => match reader.read(&row) {
                    Ok(read) => {
                        read.remarks
                            .into_iter()
                            .for_each(|remark| gathering.say(remark));
                        self.gather_person(read.person, options, &mut gathering);
                    }
                    Err(problem) => gathering.say(problem.of_row(row)),
                },
                RowReader::Events(reader, _) => {
                    let others = self.next_lines(reader, &row, rows)?;
                    gathering.report.rows += others.len() as u64;
                    gathering.report.folded += others.len() as u64;
                    bytes += others.iter().map(size).sum::<usize>();
                    self.gather_event(reader, row, &others, &mut gathering);
                }
            }
        }
        if gathering.report.rows == 0 && gathering.problems.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        for email in gathering.places.keys() {
            self.seen.insert(hash(email));
        }
        Ok(Some(Batch {
            number: self.number,
            end_row: self.row,
            end_byte: 0,
            items: gathering.items,
            report: gathering.report,
            problems: gathering.problems,
            follows: gathering.follows,
        }))
    }

    fn next_row(&mut self, rows: &mut dyn RowSource) -> Result<Option<Row>, Error> {
        let row = match self.ahead.take() {
            Some(row) => Some(row),
            None => rows.next()?,
        };
        self.row += u64::from(row.is_some());
        Ok(row)
    }

    /// Reads the other rows of an order, if rows are folded.
    fn next_lines(
        &mut self,
        reader: &EventReader,
        first: &Row,
        rows: &mut dyn RowSource,
    ) -> Result<Vec<Row>, Error> {
        let mut lines = Vec::new();
        let Some(order) = reader.order_of(first) else {
            return Ok(lines);
        };
        let mut bytes = 0;
        while let Some(row) = self.next_row(rows)? {
            bytes += size(&row);
            if reader.order_of(&row) != Some(order) || bytes > MAX_BYTES {
                self.row -= 1;
                self.ahead = Some(row);
                break;
            }
            lines.push(row);
        }
        Ok(lines)
    }

    fn gather_event(
        &mut self,
        reader: &EventReader,
        row: Row,
        others: &[Row],
        gathering: &mut Gathering,
    ) {
        let (event, remarks) = match reader.fold_rows(&row, others) {
            Ok(read) => read,
            Err(problem) => {
                // Every row of the order is refused.
                gathering.report.folded -= others.len() as u64;
                for other in others {
                    let message = format!(
                        "the line belongs to the same order as line {}, which was left out",
                        row.line
                    );
                    let other_problem = RowProblem::new(other.line, problem.kind, message);
                    gathering.say(other_problem.of_row(other.clone()));
                }
                gathering.say(problem.of_row(row));
                return;
            }
        };
        remarks.into_iter().for_each(|remark| gathering.say(remark));
        let key = event.identity().map(hash_all);
        if self.is_dry_run && key.is_some_and(|key| !self.seen.insert(key)) {
            gathering.report.unchanged += 1;
        } else if let Items::Events(events) = &mut gathering.items {
            events.push(event);
        }
    }

    fn gather_person(
        &mut self,
        mut person: Person,
        options: &SubscriberImport,
        gathering: &mut Gathering,
    ) {
        if is_role(person.email()) {
            let message = format!(
                "{} is the address of a role, not of a person",
                person.email()
            );
            let problem = RowProblem::new(person.line, ProblemKind::RoleAddress, message);
            gathering.say(problem.of_cell("email", person.email()));
        }
        let raises = options.raise_consent.is_some();
        if let Some(place) = gathering.places.get(person.email()).copied() {
            gathering.say(repeated(&person, options.mode));
            if options.mode == ImportMode::Insert {
                return;
            }
            let status = person.status();
            let later = person.clone();
            let Items::People(people) = &mut gathering.items else {
                return;
            };
            let earlier = &mut people[place];
            let stored = earlier.status();
            if earlier.merge(person, options.fill_missing, raises)
                && let Some(status) = status
            {
                gathering.say(suppressed(&later, stored, status));
            }
            return;
        }
        let hash = hash(person.email());
        if self.seen.contains(hash) {
            gathering.say(repeated(&person, options.mode));
            gathering.follows = true;
            person.is_again = true;
            person.was_withheld = self.withheld.contains(&hash);
        }
        if self.is_dry_run && person.status().is_some_and(Status::withholds) {
            self.withheld.insert(hash);
        }
        if let Items::People(people) = &mut gathering.items {
            gathering
                .places
                .insert(person.email().to_owned(), people.len());
            people.push(person);
        }
    }
}

fn repeated(person: &Person, mode: ImportMode) -> RowProblem {
    let message = match mode {
        ImportMode::Insert => format!("{} is in an earlier row, which counts", person.email()),
        _ => format!(
            "{} is in an earlier row; the values of this row were added to it",
            person.email()
        ),
    };
    RowProblem::new(person.line, ProblemKind::Repeated, message).of_cell("email", person.email())
}

/// A batch that is being gathered.
struct Gathering {
    items: Items,
    /// The index in `items` of each person of the batch, by address.
    places: HashMap<String, usize>,
    report: ImportReport,
    problems: Vec<RowProblem>,
    follows: bool,
}

impl Gathering {
    fn new(kind: &RowReader) -> Gathering {
        Gathering {
            items: match kind {
                RowReader::People(..) => Items::People(Vec::new()),
                RowReader::Events(..) => Items::Events(Vec::new()),
            },
            places: HashMap::new(),
            report: ImportReport::default(),
            problems: Vec::new(),
            follows: false,
        }
    }

    fn say(&mut self, problem: RowProblem) {
        self.report.count(problem.kind);
        self.problems.push(problem);
    }
}

/// Returns how many bytes the cells of a row hold.
pub fn size(row: &Row) -> usize {
    row.cells
        .as_ref()
        .map_or(0, |cells| cells.iter().map(str::len).sum())
}

fn hash(text: &str) -> u64 {
    hash_all([text])
}

fn hash_all<const N: usize>(texts: [&str; N]) -> u64 {
    let mut hasher = XxHash64::default();
    for text in texts {
        hasher.write(text.as_bytes());
        // No text has this byte, so that the boundary between two texts changes the hash.
        hasher.write(&[0xff]);
    }
    hasher.finish()
}

/// Hashes of the addresses of a file, about ten bytes for each. They are split into parts that grow one after the
/// other, so that growing never needs much memory at once.
struct Seen {
    parts: Vec<HashSet<u64>>,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            parts: vec![HashSet::new(); 256],
        }
    }
}

impl Seen {
    fn insert(&mut self, hash: u64) -> bool {
        self.parts[(hash >> 56) as usize].insert(hash)
    }

    fn contains(&self, hash: u64) -> bool {
        self.parts[(hash >> 56) as usize].contains(&hash)
    }
}
