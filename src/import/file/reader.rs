//! From the rows of a file to batches, in a thread of its own while earlier batches are written.

use super::rows::{Row, Rows};
use super::source::unreadable;
use crate::error::Error;
use crate::import::plan::options::{ImportMode, SubscriberImport};
use crate::import::report::{ImportReport, ProblemKind, RowProblem};
use crate::import::write::batch::{Batch, Items};
use crate::import::write::events::EventReader;
use crate::import::write::person::{Person, PersonReader, is_role};
use crate::import::write::subscribers::suppressed;
use crate::rule::Status;
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use std::io::BufRead;
use twox_hash::XxHash64;

/// A batch ends early where its cells hold this many bytes.
const MAX_BYTES: usize = 8 << 20;

/// How rows are read.
pub enum Kind {
    /// As people.
    People(Box<PersonReader>, Box<SubscriberImport>),
    /// As events.
    Events(EventReader),
}

/// Reads batches.
pub struct BatchReader<'a> {
    /// How rows are read.
    pub kind: &'a Kind,
    /// How many rows make a batch.
    pub batch_rows: u64,
    /// Whether nothing is written, so that earlier rows have to be remembered here.
    pub is_dry_run: bool,
    /// How many rows have been read.
    pub row: u64,
    /// How many batches have been read.
    pub number: i32,
    seen: Seen,
    /// Hashes of addresses that earlier rows say not to write to, in a dry run.
    withheld: HashSet<u64>,
}

impl<'a> BatchReader<'a> {
    /// A reader at the start of a file.
    pub fn new(kind: &'a Kind, batch_rows: u64, is_dry_run: bool) -> BatchReader<'a> {
        BatchReader {
            kind,
            batch_rows,
            is_dry_run,
            row: 0,
            number: 0,
            seen: Seen::default(),
            withheld: HashSet::new(),
        }
    }

    /// Passes over rows that earlier runs have written. Their addresses are remembered.
    ///
    /// # Errors
    /// Those of the source, also if it ends before.
    pub fn skip(
        &mut self,
        rows: &mut impl RowSource,
        count: u64,
        batches: i32,
    ) -> Result<(), Error> {
        while self.row < count {
            let Some(row) = rows.next()? else {
                return Err(Error::invalid(
                    "file",
                    "it has fewer rows than when the import began",
                ));
            };
            self.row += 1;
            let known = match self.kind {
                Kind::People(reader, _) => reader.email_of(row).map(|email| hash(&email)),
                Kind::Events(reader) if self.is_dry_run => {
                    let read = reader.read(row).ok();
                    read.and_then(|event| event.identity().map(hash_all))
                }
                Kind::Events(_) => None,
            };
            if let Some(known) = known {
                self.seen.insert(known);
            }
        }
        self.number = batches;
        Ok(())
    }

    /// Reads the next batch; none after the last row.
    ///
    /// # Errors
    /// Those of the source.
    pub fn next(&mut self, rows: &mut impl RowSource) -> Result<Option<Batch>, Error> {
        let mut gathering = Gathering::new(self.kind);
        let mut bytes = 0;
        while gathering.report.rows < self.batch_rows && bytes < MAX_BYTES {
            let Some(row) = rows.next()? else {
                break;
            };
            self.row += 1;
            gathering.report.rows += 1;
            bytes += row
                .cells
                .as_ref()
                .map_or(0, |cells| cells.iter().map(String::len).sum());
            self.gather(row, &mut gathering);
        }
        if gathering.report.rows == 0 {
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

    fn gather(&mut self, row: Row, gathering: &mut Gathering) {
        match (self.kind, &mut gathering.items) {
            (Kind::People(reader, options), Items::People(_)) => match reader.read(row) {
                Ok(person) => self.gather_person(person, options, gathering),
                Err(problem) => gathering.say(problem),
            },
            (Kind::Events(reader), Items::Events(events)) => match reader.read(row) {
                Ok(event) => {
                    let key = event.identity().map(hash_all);
                    if self.is_dry_run && key.is_some_and(|key| !self.seen.insert(key)) {
                        gathering.report.unchanged += 1;
                    } else {
                        events.push(event);
                    }
                }
                Err(problem) => gathering.say(problem),
            },
            _ => {}
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
            let status = person.status;
            let later = person.clone();
            let Items::People(people) = &mut gathering.items else {
                return;
            };
            let earlier = &mut people[place];
            let stored = earlier.status;
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
        if self.is_dry_run && person.status.is_some_and(Status::withholds) {
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
        ImportMode::Insert => format!("{} stands in an earlier row, which counts", person.email()),
        _ => format!(
            "{} stands in an earlier row; what this one says is added to it",
            person.email()
        ),
    };
    RowProblem::new(person.line, ProblemKind::Repeated, message).of_cell("email", person.email())
}

/// Where rows come from: some that were looked at already, and the rest of the file.
pub trait RowSource {
    /// Returns the next row.
    ///
    /// # Errors
    /// Those of the source.
    fn next(&mut self) -> Result<Option<Row>, Error>;
}

/// The rows of a file, the first of which were looked at already.
pub struct Peeked<'r, R> {
    /// The first rows.
    pub first: std::vec::IntoIter<Row>,
    /// The rest.
    pub rest: &'r mut Rows<R>,
}

impl<R: BufRead> RowSource for Peeked<'_, R> {
    fn next(&mut self) -> Result<Option<Row>, Error> {
        match self.first.next() {
            Some(row) => Ok(Some(row)),
            None => self.rest.next_row().map_err(unreadable),
        }
    }
}

/// A batch as it comes to be.
struct Gathering {
    items: Items,
    /// The people of the batch by their address.
    places: HashMap<String, usize>,
    report: ImportReport,
    problems: Vec<RowProblem>,
    follows: bool,
}

impl Gathering {
    fn new(kind: &Kind) -> Gathering {
        Gathering {
            items: match kind {
                Kind::People(..) => Items::People(Vec::new()),
                Kind::Events(_) => Items::Events(Vec::new()),
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

fn hash(text: &str) -> u64 {
    hash_all([text])
}

fn hash_all<const N: usize>(texts: [&str; N]) -> u64 {
    let mut hasher = XxHash64::default();
    for text in texts {
        hasher.write(text.as_bytes());
        // No text holds this byte, so that the border between two of them counts.
        hasher.write(&[0xff]);
    }
    hasher.finish()
}

/// Hashes of the addresses of a file: some ten bytes for each. It is cut into parts that grow one after the other, so
/// that growing never needs much at once.
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
