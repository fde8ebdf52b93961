//! A row of a file of subscribers, cleaned and typed.

use crate::audience::clean::{clean_birthday, clean_text};
use crate::audience::custom_field::store_number;
use crate::audience::subscriber_column::COLUMNS;
use crate::error::Error;
use crate::import::file::cells::Cells;
use crate::import::file::row::Row;
use crate::import::file::table::fit_width;
use crate::import::plan::column::ColumnPlan;
use crate::import::plan::status_words::read_status;
use crate::import::plan::target::{BUILTIN_COLUMNS, ConsentTarget, Target};
use crate::import::report::{ProblemKind, RowProblem};
use crate::import::value::cell::{BadCell, CellKind, CellOutcome, CellValue};
use crate::import::value::read_cell;
use crate::import::write::consent::Consent;
use crate::rule::Status;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// How many built-in columns there are.
pub const BUILTINS: usize = BUILTIN_COLUMNS.len();

/// The place of the address among the built-in columns.
const EMAIL: usize = 0;

/// The place of the first of [`COLUMNS`] among the built-in columns.
const KNOWN: usize = 2;

/// How many remarks on one row are kept.
const MAX_REMARKS: usize = 20;

/// A person as a row describes them. Empty cells have no value here.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The line on which the row begins, from 1.
    pub line: u64,
    /// The values of [`BUILTIN_COLUMNS`], except the status, as Postgres reads them.
    pub values: [Option<String>; BUILTINS],
    /// Whether the person may be sent e-mail, since when, and why not.
    pub consent: Consent,
    /// Values of custom fields by key.
    pub custom: Map<String, Value>,
    /// The names of groups to add the person to.
    pub groups: Vec<String>,
    /// Whether an earlier batch of the file had the same address.
    pub is_again: bool,
    /// In a dry run, whether an earlier batch has the person as unsubscribed, bounced or complained.
    pub was_withheld: bool,
}

impl Person {
    /// Returns a person without values.
    fn new(line: u64) -> Person {
        Person {
            line,
            values: Default::default(),
            consent: Consent::default(),
            custom: Map::new(),
            groups: Vec::new(),
            is_again: false,
            was_withheld: false,
        }
    }

    /// Returns a person with only an address and a status.
    pub fn with_status(line: u64, email: &str, status: Status) -> Person {
        let mut person = Person::new(line);
        person.values[EMAIL] = Some(email.to_owned());
        person.consent.say(status);
        person
    }

    /// Returns the address, which every row that is used has.
    pub fn email(&self) -> &str {
        self.values[EMAIL].as_deref().unwrap_or_default()
    }

    /// Returns the values of [`COLUMNS`] as Postgres reads them, each with the name of its column.
    pub fn known(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        let names = COLUMNS.iter().map(|column| column.name);
        names.zip(self.values[KNOWN..].iter().map(Option::as_deref))
    }

    /// Returns the status, if the row has one.
    pub fn status(&self) -> Option<Status> {
        self.consent.status
    }

    /// Returns the status of a new subscriber: that of the row, PENDING if an opt-in cell is empty, or else SUBSCRIBED.
    pub fn first_status(&self) -> Status {
        match self.consent.status {
            Some(status) => status,
            None if self.consent.is_unsaid => Status::Pending,
            None => Status::Subscribed,
        }
    }

    /// Merges a later row with the same address. It does not re-subscribe a person who unsubscribed, bounced or
    /// complained, unless `raises` is set. Returns whether the status was kept because of that.
    pub fn merge(&mut self, later: Person, fills: bool, raises: bool) -> bool {
        for (value, later) in self.values.iter_mut().zip(later.values) {
            if later.is_some() && !(fills && value.is_some()) {
                *value = later;
            }
        }
        for (key, value) in later.custom {
            if !(fills && self.custom.contains_key(&key)) {
                self.custom.insert(key, value);
            }
        }
        for group in later.groups {
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
        let (earlier, later) = (&mut self.consent, later.consent);
        let is_kept = !raises
            && earlier
                .status
                .is_some_and(|earlier| is_raised(earlier, later.status));
        // An opt-out, a bounce or a complaint counts even if only missing values are filled.
        let counts =
            !fills || earlier.status.is_none() || later.status.is_some_and(Status::withholds);
        if later.status.is_some() && counts && !is_kept {
            earlier.status = later.status;
        }
        earlier.is_unsaid &= later.is_unsaid;
        if !is_kept {
            let is_earlier_kept = |is_there: bool| fills && is_there;
            if later.subscribed_at.is_some() && !is_earlier_kept(earlier.subscribed_at.is_some()) {
                earlier.subscribed_at = later.subscribed_at;
            }
            if later.unsubscribed_at.is_some()
                && !is_earlier_kept(earlier.unsubscribed_at.is_some())
            {
                earlier.unsubscribed_at = later.unsubscribed_at;
            }
            if later.reason.is_some() && !is_earlier_kept(earlier.reason.is_some()) {
                earlier.reason = later.reason;
            }
        }
        is_kept
    }
}

/// Whether a later status gives back SUBSCRIBED or PENDING to a person who unsubscribed, bounced or complained.
pub fn is_raised(earlier: Status, later: Option<Status>) -> bool {
    earlier.withholds() && later.is_some_and(|status| !status.withholds())
}

/// Reads the rows of a file as people.
pub struct PersonReader {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The target of each column, and how its cells are read.
    pub columns: Vec<ColumnPlan>,
    /// The values of `set`, for rows without a value of their own.
    pub constants: Vec<(ColumnPlan, String)>,
    /// The statuses that words in the status column mean.
    pub statuses: Vec<(String, Status)>,
    /// Whether a row is refused if a cell cannot be read.
    pub is_strict: bool,
    /// The moment of the import: no birthday comes later.
    pub now: DateTime<Utc>,
}

/// A row that was read: the person, and the remarks about its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPerson {
    /// The person.
    pub person: Person,
    /// Cells that were left out, or read with a remark.
    pub remarks: Vec<RowProblem>,
}

impl PersonReader {
    /// Turns the cells of a row into a person. A cell that cannot be read is left out, except the address and the
    /// status: without them the row is refused.
    ///
    /// # Errors
    /// The reason why the row is refused as a whole.
    pub fn read(&self, row: &Row) -> Result<ReadPerson, RowProblem> {
        let line = row.line;
        let cells = check_width(row, self.columns.len())?;
        let mut read = ReadPerson {
            person: Person::new(line),
            remarks: Vec::new(),
        };
        let mut no_email = None;
        for ((cell, plan), column) in cells.iter().zip(&self.columns).zip(&self.header) {
            match self.read_cell(&mut read, plan, cell, column) {
                Ok(()) => {}
                // Another column may have an address.
                Err(problem) if problem.kind == ProblemKind::InvalidEmail => {
                    no_email = no_email.or(Some(problem))
                }
                Err(problem) => return Err(problem),
            }
        }
        for (plan, value) in &self.constants {
            self.read_cell(&mut read, plan, value, "")?;
        }
        if read.person.values[EMAIL].is_none() {
            return Err(no_email.unwrap_or_else(|| {
                let message = "expected an e-mail address, found an empty cell";
                RowProblem::new(line, ProblemKind::InvalidEmail, message)
            }));
        }
        self.check_degrees(&mut read)?;
        read.person.consent.settle();
        Ok(read)
    }

    /// Returns the address of a row, or `None` if the row is refused.
    pub fn email_of(&self, row: &Row) -> Option<String> {
        self.read(row)
            .ok()
            .map(|read| read.person.email().to_owned())
    }

    fn read_cell(
        &self,
        read: &mut ReadPerson,
        plan: &ColumnPlan,
        cell: &str,
        column: &str,
    ) -> Result<(), RowProblem> {
        let line = read.person.line;
        match &plan.target {
            Target::Nowhere => return Ok(()),
            Target::Builtin("status") => {
                let text = cell.trim();
                if text.is_empty() || is_nothing(text, plan) {
                    return Ok(());
                }
                // A person with an unknown status must not become subscribed because of it.
                let Some(word) = read_status(text, &self.statuses) else {
                    return Err(
                        RowProblem::new(line, ProblemKind::Mistyped, unknown_status(text))
                            .of_cell(column, cell),
                    );
                };
                read.person.consent.say(word.status);
                return Ok(());
            }
            Target::Consent(consent) if plan.target.kind().is_none() => {
                read.person.consent.read(*consent, cell, &plan.format);
                return Ok(());
            }
            _ => {}
        }
        let Some(kind) = plan.target.kind() else {
            return Ok(());
        };
        match read_cell(kind, cell, &plan.format) {
            CellOutcome::Nothing => Ok(()),
            CellOutcome::Value(value) => self.take(read, plan, value, cell, column),
            CellOutcome::Remark(value, remark) => {
                remark_on(
                    read,
                    RowProblem::new(line, ProblemKind::Remark, remark).of_cell(column, cell),
                );
                self.take(read, plan, value, cell, column)
            }
            CellOutcome::Bad(bad) => self.drop_cell(read, kind, bad, cell, column),
        }
    }

    /// Leaves a cell out, or refuses the row.
    fn drop_cell(
        &self,
        read: &mut ReadPerson,
        kind: CellKind,
        bad: BadCell,
        cell: &str,
        column: &str,
    ) -> Result<(), RowProblem> {
        let problem = |problem_kind| {
            RowProblem::new(read.person.line, problem_kind, bad.reason.clone())
                .of_cell(column, cell)
        };
        if kind == CellKind::Email {
            return Err(problem(ProblemKind::InvalidEmail));
        }
        if self.is_strict {
            return Err(problem(ProblemKind::Mistyped));
        }
        let problem = problem(ProblemKind::DroppedCell);
        remark_on(read, problem);
        Ok(())
    }

    /// Stores a value in its target, unless an earlier column has a value for the same target.
    fn take(
        &self,
        read: &mut ReadPerson,
        plan: &ColumnPlan,
        value: CellValue,
        cell: &str,
        column: &str,
    ) -> Result<(), RowProblem> {
        let person = &mut read.person;
        match &plan.target {
            Target::Builtin("birthday") => {
                if let CellValue::Day(day) = value {
                    match clean_birthday(day, self.now) {
                        Ok(day) => put(person, "birthday", day.to_string()),
                        Err(reason) => {
                            return self.drop_cell(
                                read,
                                CellKind::Day,
                                BadCell::new(reason),
                                cell,
                                column,
                            );
                        }
                    }
                }
            }
            Target::Builtin(name) => put(person, name, as_text(value)),
            Target::FullName => {
                let (first, last) = split_name(&as_text(value));
                for (name, part) in [("first_name", first), ("last_name", last)] {
                    if let Ok(Some(part)) = clean_text(&part) {
                        put(person, name, part);
                    }
                }
            }
            Target::Consent(consent) => match (consent, value) {
                (ConsentTarget::SubscribedAt, CellValue::Instant(at)) => {
                    person.consent.subscribed_at = person.consent.subscribed_at.or(Some(at));
                }
                (ConsentTarget::UnsubscribedAt, CellValue::Instant(at)) => {
                    person.consent.unsubscribed_at = person.consent.unsubscribed_at.or(Some(at));
                }
                (_, value) => {
                    let reason = as_text(value);
                    person.consent.reason.get_or_insert(reason);
                }
            },
            Target::Groups => {
                if let CellValue::List(names) = value {
                    person.groups.extend(names);
                }
            }
            Target::Custom(key, _) => {
                person
                    .custom
                    .entry(key.clone())
                    .or_insert_with(|| as_json(value));
            }
            Target::Nowhere => {}
        }
        Ok(())
    }

    /// Drops the position if it lacks one of its two degrees.
    fn check_degrees(&self, read: &mut ReadPerson) -> Result<(), RowProblem> {
        let [latitude, longitude] = ["latitude", "longitude"].map(place_of);
        let values = &mut read.person.values;
        if values[latitude].is_some() == values[longitude].is_some() {
            return Ok(());
        }
        values[latitude] = None;
        values[longitude] = None;
        let message = "expected latitude and longitude together, found only one of them";
        let kind = match self.is_strict {
            true => ProblemKind::Mistyped,
            false => ProblemKind::DroppedCell,
        };
        let problem = RowProblem::new(read.person.line, kind, message);
        if self.is_strict {
            return Err(problem);
        }
        remark_on(read, problem);
        Ok(())
    }
}

fn is_nothing(text: &str, plan: &ColumnPlan) -> bool {
    read_cell(CellKind::Text, text, &plan.format) == CellOutcome::Nothing
}

fn remark_on(read: &mut ReadPerson, remark: RowProblem) {
    if read.remarks.len() < MAX_REMARKS {
        read.remarks.push(remark);
    }
}

fn unknown_status(text: &str) -> String {
    let known: Vec<&str> = Status::ALL.into_iter().map(Status::as_str).collect();
    format!("expected a status ({}), found \"{text}\"", known.join(", "))
}

/// Returns the place of a built-in column.
pub fn place_of(name: &str) -> usize {
    let place = BUILTIN_COLUMNS.iter().position(|known| *known == name);
    place.unwrap_or_default()
}

fn put(person: &mut Person, name: &str, value: String) {
    person.values[place_of(name)].get_or_insert(value);
}

/// Writes a value as Postgres reads it.
fn as_text(value: CellValue) -> String {
    match value {
        CellValue::Text(text) => text,
        CellValue::Number(number) => number.to_string(),
        CellValue::Boolean(flag) => flag.to_string(),
        CellValue::Day(day) => day.to_string(),
        CellValue::Instant(at) => at.to_rfc3339(),
        CellValue::List(items) => items.join("|"),
    }
}

/// Writes a value as custom fields store it.
fn as_json(value: CellValue) -> Value {
    match value {
        CellValue::Text(text) => Value::String(text),
        CellValue::Number(number) => store_number(number),
        CellValue::Boolean(flag) => json!(flag),
        CellValue::Day(day) => json!(day.to_string()),
        CellValue::Instant(at) => json!(at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        CellValue::List(items) => json!(items),
    }
}

/// Splits a name: at a comma, which the first name follows, or before the last word.
fn split_name(name: &str) -> (String, String) {
    if let Some((last, first)) = name.split_once(',') {
        return (first.trim().to_owned(), last.trim().to_owned());
    }
    match name.trim().rsplit_once(char::is_whitespace) {
        Some((first, last)) => (first.trim().to_owned(), last.to_owned()),
        None => (name.trim().to_owned(), String::new()),
    }
}

/// Returns the cells of a row, as many as its header has.
pub fn check_width(row: &Row, width: usize) -> Result<Cow<'_, Cells>, RowProblem> {
    fit_width(row, width)
        .map_err(|message| RowProblem::new(row.line, ProblemKind::Malformed, message))
}

/// The parts before the @ of addresses that do not belong to a person.
const ROLES: [&str; 28] = [
    "abuse",
    "admin",
    "administrator",
    "billing",
    "contact",
    "do-not-reply",
    "donotreply",
    "enquiries",
    "hello",
    "help",
    "hostmaster",
    "info",
    "jobs",
    "mail",
    "mailer-daemon",
    "marketing",
    "no-reply",
    "noreply",
    "office",
    "postmaster",
    "press",
    "root",
    "sales",
    "security",
    "service",
    "support",
    "team",
    "webmaster",
];

/// Whether an address is that of a role and not of a person.
pub fn is_role(email: &str) -> bool {
    let local = email.split('@').next().unwrap_or_default();
    let local = local.split('+').next().unwrap_or_default();
    ROLES.contains(&local)
}

/// Returns the custom fields of a row, as they are stored.
///
/// # Errors
/// [`Error::Internal`] if they cannot be written as JSON.
pub fn custom_json(person: &Person) -> Result<String, Error> {
    serde_json::to_string(&person.custom).map_err(|error| Error::Internal(error.to_string()))
}
