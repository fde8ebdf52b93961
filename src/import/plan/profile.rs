//! The contents of a column over a whole file. In a column with few different values, each value is counted. In a
//! column with many, every cell is read as each kind of value that it may be, and the readable cells are counted.

use crate::audience::custom_field::is_code;
use crate::import::value::cell::{BadCell, CellKind, CellOutcome, Fit};
use crate::import::value::format::CellFormat;
use crate::import::value::{Decimal, decimal_proof, is_mark, read_cell};
use std::collections::{BTreeMap, HashMap};

/// How many different values of a column are counted one by one.
const MAX_WORDS: usize = 300;

/// The same for a wide file, to save memory.
const MAX_WORDS_OF_WIDE: usize = 40;

/// A file with this many columns or more is wide.
const WIDE: usize = 200;

/// The longest value that is counted as a word, in bytes.
const MAX_WORD: usize = 120;

/// How many values of a column are shown.
const SAMPLES: usize = 3;

/// How many different cells that cannot be read are shown.
const MAX_BAD: usize = 20;

/// A tried kind of value is given up if it fits less than half of this many cells.
const GIVEN_UP_AFTER: u64 = 200;

/// The contents of the cells of a column.
#[derive(Debug, Clone)]
pub struct Profile {
    /// How many cells are not empty.
    pub filled: u64,
    /// How many cells are empty.
    pub empty: u64,
    /// The first different values, shortened.
    pub samples: Vec<String>,
    /// Whether a value is a code, which would lose leading zeros, its sign or its last digits as a number.
    pub has_codes: bool,
    /// Every different value and how many cells hold it, if there are few.
    words: Option<HashMap<String, u64>>,
    max_words: usize,
    format: CellFormat,
    tallies: Vec<Tally>,
}

/// How many cells of a column can be read as one kind of value.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    kind: Option<CellKind>,
    /// Cells that were read.
    pub good: u64,
    /// Cells with a word that means no value.
    pub nothing: u64,
    /// Cells that were read with a remark; `good` includes them.
    pub remarks: u64,
    /// Cells that cannot be read.
    pub bad: u64,
    /// Some of the bad values, each with the number of its cells.
    pub bad_words: BTreeMap<String, u64>,
    /// How many bad cells each option would make readable.
    pub fits: BTreeMap<Fit, u64>,
    /// Whether cells prove that decimals follow a comma, or a point.
    proofs: Proofs,
    /// Whether the kind is only tried.
    is_tried: bool,
    /// Whether the kind was tried and does not fit.
    is_given_up: bool,
}

/// Which decimal separators the numbers of a column prove.
#[derive(Debug, Clone, Copy, Default)]
struct Proofs {
    comma: bool,
    point: bool,
}

impl Proofs {
    /// Returns the decimal separator, if all proofs agree.
    fn settled(self) -> Option<Decimal> {
        match (self.comma, self.point) {
            (true, false) => Some(Decimal::Comma),
            (false, true) => Some(Decimal::Point),
            _ => None,
        }
    }
}

impl Tally {
    /// Whether there are values and all of them can be read.
    pub fn is_all_good(&self) -> bool {
        self.good > 0 && self.bad == 0 && !self.is_given_up
    }

    /// Whether there are more bad cells than good cells.
    pub fn is_mostly_bad(&self) -> bool {
        self.bad > self.good
    }

    /// Returns the option that makes the most bad cells readable, with their number. Returns several options if they
    /// fit the same number.
    pub fn best_fits(&self) -> Vec<(Fit, u64)> {
        let most = self.fits.values().copied().max().unwrap_or_default();
        let fits = self.fits.iter().filter(|(_, count)| **count == most);
        fits.map(|(fit, count)| (*fit, *count)).collect()
    }

    /// Whether every bad cell can be read if commas separate groups of digits.
    pub fn has_groups_only(&self) -> bool {
        self.bad > 0 && !self.is_given_up && self.fits.get(&Fit::DecimalPoint) == Some(&self.bad)
    }

    fn add(&mut self, kind: CellKind, cell: &str, count: u64, format: &CellFormat) {
        if kind == CellKind::Number {
            match decimal_proof(cell) {
                Some(Decimal::Comma) => self.proofs.comma = true,
                Some(Decimal::Point) => self.proofs.point = true,
                None => {}
            }
        }
        match read_cell(kind, cell, format) {
            CellOutcome::Value(_) => self.good += count,
            CellOutcome::Remark(..) => {
                self.good += count;
                self.remarks += count;
            }
            CellOutcome::Nothing => self.nothing += count,
            CellOutcome::Bad(bad) => self.add_bad(cell, count, &bad),
        }
    }

    fn add_bad(&mut self, cell: &str, count: u64, bad: &BadCell) {
        self.bad += count;
        for fit in &bad.fits {
            *self.fits.entry(*fit).or_default() += count;
        }
        let word = shortened(cell.trim());
        if self.bad_words.len() < MAX_BAD || self.bad_words.contains_key(&word) {
            *self.bad_words.entry(word).or_default() += count;
        }
    }
}

impl Profile {
    /// Returns the empty profile of a column in a file with this many columns. The kinds in `asked` are always counted;
    /// the kinds in `tried` are given up if they do not fit.
    pub fn new(
        columns: usize,
        format: CellFormat,
        asked: &[CellKind],
        tried: &[CellKind],
    ) -> Profile {
        let tally = |kind: &CellKind, is_tried| Tally {
            kind: Some(*kind),
            is_tried,
            ..Tally::default()
        };
        let asked_for = asked.iter().map(|kind| tally(kind, false));
        let others = tried.iter().filter(|kind| !asked.contains(kind));
        Profile {
            filled: 0,
            empty: 0,
            samples: Vec::new(),
            has_codes: false,
            words: Some(HashMap::new()),
            max_words: match columns {
                0..WIDE => MAX_WORDS,
                _ => MAX_WORDS_OF_WIDE,
            },
            format,
            tallies: asked_for
                .chain(others.map(|kind| tally(kind, true)))
                .collect(),
        }
    }

    /// Whether only cells in the form that Rollcall writes can be read.
    pub fn is_canonical(&self) -> bool {
        self.format.is_canonical
    }

    /// Counts a cell.
    pub fn add(&mut self, cell: &str) {
        let text = cell.trim();
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        self.filled += 1;
        if self.samples.len() < SAMPLES {
            let sample = shortened(text);
            if !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
        if let Some(words) = &mut self.words {
            if let Some(count) = words.get_mut(text) {
                *count += 1;
                return;
            }
            self.has_codes = self.has_codes || is_key(text);
            if words.len() < self.max_words && text.len() <= MAX_WORD {
                words.insert(text.to_owned(), 1);
                return;
            }
            // From here on every cell is read by itself.
            for (word, count) in self.words.take().unwrap_or_default() {
                self.read(&word, count);
            }
        }
        self.read(text, 1);
    }

    fn read(&mut self, text: &str, count: u64) {
        self.has_codes = self.has_codes || is_key(text);
        for tally in &mut self.tallies {
            let Some(kind) = tally.kind.filter(|_| !tally.is_given_up) else {
                continue;
            };
            tally.add(kind, text, count, &self.format);
            tally.is_given_up =
                tally.is_tried && tally.good + tally.bad >= GIVEN_UP_AFTER && tally.is_mostly_bad();
        }
    }

    /// Returns every different value and how many cells hold it, if there are few.
    pub fn words(&self) -> Option<&HashMap<String, u64>> {
        self.words.as_ref()
    }

    /// Returns how many cells can be read as a kind of value. In a column of many values, a kind that was neither asked
    /// for nor tried has an empty tally.
    pub fn tally(&self, kind: CellKind) -> Tally {
        let mut tally = self.counted(kind);
        let is_open = self.format.numbers.decimal.is_none();
        if let Some(decimal) = tally.proofs.settled().filter(|_| is_open) {
            // Ambiguous cells have the decimal separator that the others prove.
            let fit = match decimal {
                Decimal::Comma => Fit::DecimalComma,
                Decimal::Point => Fit::DecimalPoint,
            };
            let settled = tally.fits.remove(&fit).unwrap_or_default();
            tally.good += settled;
            tally.bad -= settled;
            tally.fits.remove(&Fit::DecimalComma);
            tally.fits.remove(&Fit::DecimalPoint);
            if tally.bad == 0 {
                tally.bad_words.clear();
            }
        }
        tally
    }

    fn counted(&self, kind: CellKind) -> Tally {
        if let Some(words) = &self.words {
            let mut tally = Tally::default();
            for (word, count) in words {
                tally.add(kind, word, *count, &self.format);
            }
            return tally;
        }
        let mut tallies = self.tallies.iter();
        let found = tallies.find(|tally| tally.kind == Some(kind));
        found.cloned().unwrap_or_default()
    }

    /// Returns the decimal separator of the numbers in the column, if they prove it.
    pub fn decimal(&self) -> Option<Decimal> {
        self.counted(CellKind::Number).proofs.settled()
    }

    /// Whether all cells are marks, such as ✓ and x, or empty. An empty cell means no then.
    pub fn has_marks_only(&self) -> bool {
        let words = self.words.as_ref();
        words.is_some_and(|words| !words.is_empty() && words.keys().all(|word| is_mark(word)))
    }
}

/// Returns the first characters of a cell, without NULs, which Postgres does not store.
pub fn shortened(text: &str) -> String {
    text.chars()
        .filter(|character| *character != '\0')
        .take(MAX_WORD / 4)
        .collect()
}

/// Whether a value is a code rather than a number.
fn is_key(value: &str) -> bool {
    let is_digits = || value.bytes().all(|byte| byte.is_ascii_digit());
    let has_zero =
        || is_code(value) && value.as_bytes().get(1).is_some_and(u8::is_ascii_digit) && is_digits();
    value.starts_with('+') || value.len() > 15 && is_digits() || has_zero()
}
