//! The different words of a column that may be a status, and what they mean.

use super::consent_words::{StatusWord, read_word};
use super::profile::Profile;
use super::question::Change;
use crate::rule::Status;

/// How many words are shown.
const SHOWN: usize = 4;

/// A column with more unknown words than this is not a status.
const MAX_UNKNOWN: usize = 40;

/// The words of a column, the most frequent first.
#[derive(Debug, Default)]
pub struct StatusWords {
    known: Vec<(String, StatusWord, u64)>,
    unknown: Vec<(String, u64)>,
    are_too_many: bool,
}

impl StatusWords {
    /// Reads the words of a column. Options for words take precedence.
    pub fn of(profile: &Profile, said: &[(String, Status)]) -> StatusWords {
        let Some(words) = profile.words() else {
            return StatusWords {
                are_too_many: true,
                ..StatusWords::default()
            };
        };
        let mut found = StatusWords::default();
        for (word, count) in words {
            match read_status(word, said) {
                Some(meaning) => found.known.push((word.clone(), meaning, *count)),
                None => found.unknown.push((word.clone(), *count)),
            }
        }
        found.known.sort_by(|a, b| (b.2, &a.0).cmp(&(a.2, &b.0)));
        found.unknown.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        found.are_too_many = found.unknown.len() > MAX_UNKNOWN;
        found
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// Whether there are too many different words for a status.
    pub fn are_too_many(&self) -> bool {
        self.are_too_many
    }

    /// Whether every word means a status.
    pub fn is_understood(&self) -> bool {
        !self.are_too_many && self.unknown.is_empty()
    }

    /// Whether any word is only about consent.
    pub fn has_certain(&self) -> bool {
        self.known.iter().any(|(_, word, _)| word.is_certain)
    }

    /// Whether the words are about consent: more than two thirds of them, or half if the name hints at a status.
    pub fn speak_of_consent(&self, has_hint: bool) -> bool {
        let most = match has_hint {
            true => self.known.len() >= self.unknown.len(),
            false => self.known.len() > 2 * self.unknown.len(),
        };
        !self.are_too_many && self.has_certain() && most
    }

    /// Returns the most frequent words, and how often each occurs.
    pub fn shown(&self) -> String {
        let known = self.known.iter().map(|(word, _, count)| (word, *count));
        let unknown = self.unknown.iter().map(|(word, count)| (word, *count));
        shown(known.chain(unknown))
    }

    /// Returns the most frequent unknown words.
    pub fn shown_unknown(&self) -> String {
        shown(self.unknown.iter().map(|(word, count)| (word, *count)))
    }

    /// Proposes PENDING for unknown words: these subscribers are not sent e-mail until they confirm.
    pub fn say_unknown(&self) -> Vec<Change> {
        let unknown = self.unknown.iter();
        let changes = unknown.map(|(word, _)| Change::Status {
            word: word.clone(),
            status: Status::Pending,
        });
        changes.collect()
    }
}

fn shown<'w>(words: impl Iterator<Item = (&'w String, u64)>) -> String {
    let mut words = words.peekable();
    let first: Vec<String> = words
        .by_ref()
        .take(SHOWN)
        .map(|(word, count)| format!("{word} ({count})"))
        .collect();
    let more = if words.peek().is_some() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Reads a cell of a status column: by options for words, the names of statuses, and the words of other programs.
pub fn read_status(cell: &str, said: &[(String, Status)]) -> Option<StatusWord> {
    let text = cell.trim();
    let certain = |status| StatusWord {
        status,
        is_certain: true,
    };
    let lower = text.to_lowercase();
    let mut said = said.iter();
    let found = said.find(|(word, _)| word.trim().to_lowercase() == lower);
    if let Some((_, status)) = found {
        return Some(certain(*status));
    }
    match Status::parse(text) {
        // A plan or an order can be pending too.
        Some(status) => Some(StatusWord {
            status,
            is_certain: status != Status::Pending,
        }),
        None => read_word(text),
    }
}
