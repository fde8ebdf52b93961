//! Positions: how far a reader has read, and in which history.

use crate::db::schema::{changes, history};
use crate::error::Error;
use crate::past::position::{too_old, unknown};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;

const NAME: &str = "Change";

/// A place in the log of changes of one database: what is before it has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The row that was read last; 0 before the first.
    pub seq: i64,
    /// The token of that row; before the first row, the token of the history.
    pub token: i64,
    /// The id of the history.
    pub history: i64,
    /// How far that row was read; `None` if it was read to its end.
    pub within: Option<Within>,
}

/// The subscriber that was read last in a row that was read in part. Rows that represent members of segments list
/// subscribers by segment, joins before leaves, and then by id. Other rows list them by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Within {
    /// The segment or the group; 0 if the row is only about subscribers.
    pub about: i64,
    /// Whether the subscriber left the segment rather than joined.
    pub has_left: bool,
    /// The id of the subscriber.
    pub subscriber: i64,
}

/// The database's row about its history.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = history, check_for_backend(diesel::pg::Pg))]
pub(super) struct History {
    token: i64,
    changes_kept_after: i64,
}

impl History {
    pub fn load(connection: &mut PgConnection) -> Result<History, Error> {
        let row = history::table.select(History::as_select());
        Ok(row.first(connection)?)
    }

    /// Returns the position after a row, or before the first row.
    pub fn after(&self, row: Option<(i64, i64)>) -> Position {
        let (seq, token) = row.unwrap_or((0, self.token));
        Position {
            seq,
            token,
            history: self.token,
            within: None,
        }
    }
}

impl Position {
    /// Returns the position after everything that is in the log. Must run within a snapshot.
    pub(super) fn now(connection: &mut PgConnection) -> Result<Position, Error> {
        let last: Option<(i64, i64)> = changes::table
            .order(changes::seq.desc())
            .select((changes::seq, changes::token))
            .first(connection)
            .optional()?;
        Ok(History::load(connection)?.after(last))
    }

    /// Checks that the position is in the history of this database, and that all changes after it are kept.
    ///
    /// # Errors
    /// [`Error::Resync`] if not.
    pub(super) fn check(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let history = History::load(connection)?;
        if self.history != history.token {
            return Err(unknown());
        }
        // Of the last row that is not kept, only the position is known.
        let kept_after = (history.changes_kept_after, self.within.is_some());
        if (self.seq, false) < kept_after {
            return Err(too_old());
        }
        let token = match self.seq {
            0 => Some(history.token),
            seq => changes::table
                .find(seq)
                .select(changes::token)
                .first(connection)
                .optional()?,
        };
        match token {
            Some(token) if token == self.token => Ok(()),
            _ => Err(unknown()),
        }
    }

    /// Returns the text that clients keep.
    pub fn to_text(&self) -> String {
        let Position {
            seq,
            token,
            history,
            within,
        } = self;
        let mut text = format!("{NAME}:{seq}:{token}:{history}");
        if let Some(within) = within {
            let side = u8::from(within.has_left);
            text.push_str(&format!(":{}:{side}:{}", within.about, within.subscriber));
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads the text of a position. Returns `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let numbers = text.strip_prefix(NAME)?.strip_prefix(':')?.split(':');
        let numbers: Vec<i64> = numbers
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        let (seq, token, history, within) = match numbers[..] {
            [seq, token, history] => (seq, token, history, None),
            [seq, token, history, about, side @ (0 | 1), subscriber] => {
                let within = Within {
                    about,
                    has_left: side == 1,
                    subscriber,
                };
                (seq, token, history, Some(within))
            }
            _ => return None,
        };
        Some(Position {
            seq,
            token,
            history,
            within,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_other_texts_are_refused() {
        let whole = Position {
            seq: 12,
            token: 9_007_199_254_740_990,
            history: 7,
            within: None,
        };
        let partly = Position {
            within: Some(Within {
                about: 3,
                has_left: true,
                subscriber: 131_072,
            }),
            ..whole
        };
        for position in [whole, partly] {
            assert_eq!(Position::parse(&position.to_text()), Some(position));
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for other in [
            String::new(),
            "%%%".to_owned(),
            encode("Change:1:2"),
            encode("Change:1:2:3:4"),
            encode("Change:1:2:3:4:2:5"),
            encode("Position:1:2:3"),
        ] {
            assert_eq!(Position::parse(&other), None, "{other}");
        }
    }
}
