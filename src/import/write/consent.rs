//! Reads whether a row says that a subscriber may be sent e-mail. If several cells say so, the strictest counts.

use crate::import::plan::consent_words::{read_flag, read_word};
use crate::import::plan::target::ConsentTarget;
use crate::import::value::cell::{CellKind, CellOutcome, CellValue};
use crate::import::value::format::CellFormat;
use crate::import::value::read_cell;
use crate::rule::Status;
use chrono::{DateTime, Utc};

/// What the cells of a row say about consent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Consent {
    /// The strictest status in the cells.
    pub status: Option<Status>,
    /// Whether an opt-in cell is empty. A new subscriber is not treated as one who agreed then.
    pub is_unsaid: bool,
    /// When the subscriber agreed.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// When the subscriber opted out.
    pub unsubscribed_at: Option<DateTime<Utc>>,
    /// Why the subscriber opted out, bounced or complained.
    pub reason: Option<String>,
}

/// How strict a status is.
fn strictness(status: Status) -> u8 {
    match status {
        Status::Subscribed => 0,
        Status::Pending => 1,
        Status::Unsubscribed => 2,
        Status::Bounced => 3,
        Status::Complained => 4,
    }
}

impl Consent {
    /// Sets the status, unless another cell has a stricter one.
    pub fn say(&mut self, status: Status) {
        let is_stricter = |known: Status| strictness(status) > strictness(known);
        if self.status.is_none_or(is_stricter) {
            self.status = Some(status);
        }
    }

    /// Reads a cell of a column that says yes or no. Times and reasons are read as values.
    pub fn read(&mut self, target: ConsentTarget, cell: &str, format: &CellFormat) {
        let text = cell.trim();
        let time = || match read_cell(CellKind::Instant, text, format) {
            CellOutcome::Value(CellValue::Instant(at))
            | CellOutcome::Remark(CellValue::Instant(at), _) => Some(at),
            _ => None,
        };
        let is_nothing =
            text.is_empty() || read_cell(CellKind::Text, text, format) == CellOutcome::Nothing;
        match target {
            ConsentTarget::OptIn { blank_is_no } => match (is_nothing, blank_is_no) {
                (true, true) => self.say(Status::Unsubscribed),
                (true, false) => self.is_unsaid = true,
                (false, _) => self.opt_in(text, time),
            },
            ConsentTarget::Confirmed if is_nothing => self.say(Status::Pending),
            ConsentTarget::Confirmed => match read_flag(text) {
                Some(false) => self.say(Status::Pending),
                Some(true) => self.say(Status::Subscribed),
                None => self.opt_in(text, time),
            },
            _ if is_nothing || is_no(text) => {}
            ConsentTarget::OptOut => self.leave(Status::Unsubscribed, time()),
            ConsentTarget::Bounced => self.leave(Status::Bounced, time()),
            ConsentTarget::Complained => self.leave(Status::Complained, time()),
            ConsentTarget::SubscribedAt | ConsentTarget::UnsubscribedAt | ConsentTarget::Reason => {
            }
        }
    }

    /// Reads an opt-in. Only a yes, a time or a word for consent counts as consent.
    fn opt_in(&mut self, text: &str, time: impl Fn() -> Option<DateTime<Utc>>) {
        match (read_flag(text), read_word(text)) {
            (Some(true), _) => self.say(Status::Subscribed),
            (Some(false), _) => self.say(Status::Unsubscribed),
            (None, Some(word)) => self.say(word.status),
            (None, None) => match time() {
                Some(at) => {
                    self.say(Status::Subscribed);
                    self.subscribed_at = self.subscribed_at.or(Some(at));
                }
                None => self.say(Status::Pending),
            },
        }
    }

    fn leave(&mut self, status: Status, at: Option<DateTime<Utc>>) {
        self.say(status);
        self.unsubscribed_at = self.unsubscribed_at.or(at);
    }

    /// Makes a subscriber with a time of opting out unsubscribed, unless a later time says that the subscriber agreed
    /// again.
    pub fn settle(&mut self) {
        let Some(left) = self.unsubscribed_at else {
            return;
        };
        let came_back = self.subscribed_at.is_some_and(|at| at > left);
        if !came_back
            && self
                .status
                .is_none_or(|status| status == Status::Subscribed)
        {
            self.status = Some(Status::Unsubscribed);
        }
    }
}

/// Whether a cell says that the person did not opt out, bounce or complain: a no, a zero, a soft bounce.
fn is_no(text: &str) -> bool {
    let is_zero = || text.parse::<f64>().is_ok_and(|number| number == 0.0);
    let is_soft = || text.to_lowercase().starts_with("soft");
    let says_subscribed =
        || read_word(text).is_some_and(|word| word.is_certain && word.status == Status::Subscribed);
    read_flag(text) == Some(false) || is_zero() || is_soft() || says_subscribed()
}
