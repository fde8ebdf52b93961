//! From the log of changes to the next message of an endpoint.
//!
//! A message is about one change, about a part of it, or about several changes in a row that are alike, so that many small
//! changes do not become many messages.

use super::endpoint::Webhook;
use super::message::{Head, Place, message_id};
use super::message_type::MessageType;
use super::render::{find_subject, list_entries};
use super::wanted::{are_alike, are_apart, is_same, is_wanted, kinds_of, sides_of, type_of};
use crate::changes::{self, Change, Fills, Kind, Position, Reading, Within};
use crate::db::schema::changes as columns;
use crate::db::schema::history;
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::dsl::min;
use diesel::prelude::*;
use serde_json::{Map, json};
use std::collections::VecDeque;

/// How many changes are read at once.
const READ: usize = 100;
/// After how many subscribers reading ends.
const READ_PEOPLE: usize = 20_000;

/// A message, and where the endpoint is when it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The header `webhook-id`.
    pub id: String,
    /// The type.
    pub message_type: MessageType,
    /// The body.
    pub body: String,
    /// The position after it, and the parts of the change that were delivered then.
    pub after: (String, i32),
}

/// What an endpoint is sent next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A message.
    Message(Box<Message>),
    /// Nothing up to a position.
    Nothing {
        /// That position, and the number of parts of a change that continues after it, if one does.
        until: (String, i32),
        /// Whether there may be something after it. One call reads one page, however little of it is wanted, so that the
        /// position can be saved.
        has_more: bool,
    },
}

/// Reads for one endpoint. It keeps what it read, so that a change with many parts is not read again for each part.
pub struct Reader {
    base_path: String,
    /// Where the endpoint must be for `waiting` to come next.
    at: Option<Position>,
    waiting: VecDeque<Change>,
    /// The position after what waits, and whether there is more after it.
    end: Option<(Position, bool)>,
}

/// The changes of one message, from the first that the endpoint has not received.
struct Group {
    changes: Vec<Change>,
    /// Whether the change that comes next goes on with the last of them.
    goes_on: bool,
}

/// Returns the position after everything that is committed. Must not run within a transaction.
pub fn position_now(connection: &mut PgConnection) -> Result<String, Error> {
    Ok(changes::find_position(connection)?.to_text())
}

/// Returns the position before everything that changed after a moment.
///
/// # Errors
/// [`Error::Invalid`] if changes are not kept for that long; those of the database.
pub fn position_at(connection: &mut PgConnection, at: DateTime<Utc>) -> Result<String, Error> {
    let now = changes::find_position(connection)?;
    let log = columns::table;
    let first: Option<i64> = log
        .filter(columns::at.ge(at))
        .select(min(columns::seq))
        .first(connection)?;
    let Some(first) = first else {
        return Ok(now.to_text());
    };
    let before: Option<(i64, i64)> = log
        .filter(columns::seq.lt(first))
        .order(columns::seq.desc())
        .select((columns::seq, columns::token))
        .first(connection)
        .optional()?;
    let kept_after: i64 = history::table
        .select(history::changes_kept_after)
        .first(connection)?;
    let (seq, token) = before.unwrap_or((0, now.history));
    if seq < kept_after {
        let message = format!("the changes since {at:?} are no longer kept");
        return Err(Error::invalid("since", message));
    }
    Ok(Position { seq, token, ..now }.to_text())
}

impl Reader {
    /// A reader for a server that is reached below a path.
    pub fn new(base_path: String) -> Reader {
        Reader {
            base_path,
            at: None,
            waiting: VecDeque::new(),
            end: None,
        }
    }

    /// Returns what comes next for an endpoint. Must not run within a transaction.
    pub fn next(
        &mut self,
        connection: &mut PgConnection,
        webhook: &Webhook,
        now: DateTime<Utc>,
    ) -> Result<Next, Error> {
        let found = self.find(connection, webhook);
        match found {
            Err(Error::Resync(reason)) => resync(connection, webhook, &reason, now),
            found => found,
        }
    }

    fn find(&mut self, connection: &mut PgConnection, webhook: &Webhook) -> Result<Next, Error> {
        let Some(mut position) = Position::parse(&webhook.position) else {
            return Err(Error::Resync("the position cannot be read".to_owned()));
        };
        let mut parts = webhook.part;
        self.fill(connection, webhook, position)?;
        loop {
            let (end, has_more) = self.end.unwrap_or((position, false));
            if parts > 0 && !self.goes_on(position) {
                if self.waiting.is_empty() && has_more && is_within(&end, &position) {
                    // The people of this page are gone. Those after them may not be.
                    let until = (end.to_text(), parts);
                    return Ok(Next::Nothing { until, has_more });
                }
                if let Some(message) = self.close(connection, webhook, position, parts)? {
                    return Ok(Next::Message(Box::new(message)));
                }
                parts = 0;
            }
            let Some(group) = self.take(webhook, parts) else {
                let until = (end.to_text(), 0);
                return Ok(Next::Nothing { until, has_more });
            };
            if let Some(message) = self.tell(connection, webhook, &group, parts)? {
                return Ok(Next::Message(Box::new(message)));
            }
            // The segment or group is deleted by now: a later message says so.
            (position, parts) = (self.skip(&group), 0);
            if has_more && self.waiting.len() < 2 {
                let until = (position.to_text(), 0);
                return Ok(Next::Nothing { until, has_more });
            }
        }
    }

    /// Whether the change that comes next goes on with the one of which a part was delivered.
    fn goes_on(&self, position: Position) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|next| {
            // The place before all people of the change.
            let begin = Position {
                within: Some(within_of(next.kind, next.about, 0)),
                ..next.position
            };
            is_within(&begin, &position)
        })
    }

    /// Ends a change of which some parts were delivered and the rest is deleted: with a last part without people. Returns
    /// `None` if the segment or group of the change is deleted too.
    fn close(
        &self,
        connection: &mut PgConnection,
        webhook: &Webhook,
        position: Position,
        parts: i32,
    ) -> Result<Option<Message>, Error> {
        let Some(change) = changes::find_begun(connection, position)? else {
            return Ok(None);
        };
        let Some(message_type) = type_of(change.kind, false) else {
            return Ok(None);
        };
        let at = change.at;
        let Some(data) = find_subject(connection, &[change], &self.base_path)? else {
            return Ok(None);
        };
        let head = Head {
            message_type,
            at,
            data,
        };
        let number = u32::try_from(parts).unwrap_or_default().saturating_add(1);
        let part = head.part(sides_of(message_type), &[], Place { number, behind: 0 });
        let after = (webhook.position.clone(), 0);
        Ok(Some(message(webhook, message_type, part.body, after)))
    }

    /// Makes sure that the next two changes are here, if there are so many: the second shows whether the first goes on.
    fn fill(
        &mut self,
        connection: &mut PgConnection,
        webhook: &Webhook,
        position: Position,
    ) -> Result<(), Error> {
        let has_more = self.end.is_none_or(|(_, has_more)| has_more);
        if self.at == Some(position) && (self.waiting.len() > 1 || !has_more) {
            return Ok(());
        }
        let reading = Reading {
            after: Some(position),
            kinds: kinds_of(&webhook.types),
            first: READ,
            people: READ_PEOPLE,
            fills: Fills::Counts,
            segment_ids: webhook.segment_ids.0.clone(),
            group_ids: webhook.group_ids.0.clone(),
        };
        self.at = None;
        let page = changes::read(connection, &reading)?;
        let wanted = page.changes.into_iter();
        self.waiting = wanted.filter(|change| is_wanted(webhook, change)).collect();
        self.end = Some((page.end, page.has_more));
        self.at = Some(position);
        Ok(())
    }

    /// Takes the changes of the next message from those that wait. They stay until the
    /// message is delivered.
    fn take(&self, webhook: &Webhook, parts: i32) -> Option<Group> {
        let most = usize::try_from(webhook.people_per_message)
            .unwrap_or(1)
            .max(1);
        let mut waiting = self.waiting.iter().peekable();
        let first = waiting.next()?.clone();
        let (mut count, mut changes) = (first.subscriber_ids.len(), vec![first]);
        let has_more = self.end.is_some_and(|(_, has_more)| has_more);
        let is_whole = |change: &Change, next: Option<&&Change>| match next {
            Some(next) => !is_same(change, next),
            None => change.is_last || !has_more,
        };
        while let Some(next) = waiting.peek() {
            let last = &changes[changes.len() - 1];
            let begins_anew = parts == 0 && is_whole(last, Some(next));
            let is_fill = last.is_fill && next.is_fill && is_same(last, next);
            let fits = count + next.subscriber_ids.len() <= most;
            let may_follow = is_same(last, next) || begins_anew;
            let goes_on = fits && may_follow && are_alike(last, next) && are_apart(&changes, next);
            if !is_fill && !goes_on {
                break;
            }
            count += next.subscriber_ids.len();
            changes.extend(waiting.next().cloned());
        }
        let last = &changes[changes.len() - 1];
        let goes_on = !is_whole(last, waiting.peek());
        Some(Group { changes, goes_on })
    }

    /// Puts a message together. Returns `None` if what it would be about is deleted.
    fn tell(
        &self,
        connection: &mut PgConnection,
        webhook: &Webhook,
        group: &Group,
        parts: i32,
    ) -> Result<Option<Message>, Error> {
        let first = &group.changes[0];
        let last = &group.changes[group.changes.len() - 1];
        let Some(message_type) = type_of(first.kind, first.is_fill) else {
            return Ok(None);
        };
        let Some(data) = find_subject(connection, &group.changes, &self.base_path)? else {
            return Ok(None);
        };
        let head = Head {
            message_type,
            at: last.at,
            data,
        };
        if !first.kind.has_people() || first.is_fill {
            let after = (last.position.to_text(), 0);
            return Ok(Some(message(webhook, message_type, head.whole(), after)));
        }
        let entries = list_entries(connection, webhook, &group.changes)?;
        let all: usize = group
            .changes
            .iter()
            .map(|change| change.subscriber_ids.len())
            .sum();
        let number = u32::try_from(parts).unwrap_or_default().saturating_add(1);
        let behind = all - entries.len() + usize::from(group.goes_on);
        let part = head.part(sides_of(message_type), &entries, Place { number, behind });
        if part.told < all && first.position.seq != last.position.seq {
            // The place within a row is only known of one row.
            let alone = Group {
                changes: vec![first.clone()],
                goes_on: false,
            };
            return self.tell(connection, webhook, &alone, parts);
        }
        let is_last = part.told == all && !group.goes_on;
        let after = position_behind(&group.changes, part.told).to_text();
        let delivered = if is_last { 0 } else { parts.saturating_add(1) };
        Ok(Some(message(
            webhook,
            message_type,
            part.body,
            (after, delivered),
        )))
    }

    /// Leaves out the changes of a group, and returns the position after them.
    fn skip(&mut self, group: &Group) -> Position {
        self.waiting.drain(..group.changes.len());
        let position = group.changes[group.changes.len() - 1].position;
        self.at = Some(position);
        position
    }

    /// Goes on after a message that was delivered, so that the changes after it need not be read again.
    pub fn advance(&mut self, after: &str) {
        let Some(position) = Position::parse(after) else {
            return;
        };
        let told = self
            .waiting
            .iter()
            .position(|change| change.position == position);
        match told {
            Some(told) => {
                self.waiting.drain(..=told);
                self.at = Some(position);
            }
            None if position.within.is_some() => self.advance_within(position),
            // What was read is of another history.
            None => *self = Reader::new(std::mem::take(&mut self.base_path)),
        }
    }

    /// Goes on within a change of which a part was delivered.
    fn advance_within(&mut self, position: Position) {
        let within = position.within;
        while let Some(change) = self.waiting.front_mut() {
            let place = |id: &i64| Some(within_of(change.kind, change.about, *id));
            let told = match change.position.seq == position.seq {
                true => change
                    .subscriber_ids
                    .partition_point(|id| place(id) <= within),
                false => 0,
            };
            if told == 0 {
                break;
            }
            if told < change.subscriber_ids.len() {
                change.subscriber_ids.drain(..told);
                break;
            }
            self.waiting.pop_front();
        }
        self.at = Some(position);
    }
}

fn within_of(kind: Kind, about: Option<i64>, subscriber: i64) -> Within {
    Within {
        about: about.unwrap_or_default(),
        has_left: kind == Kind::SegmentMembersLeft,
        subscriber,
    }
}

/// Whether two positions lie within one change: of the same row, about the same segment or group. Positions that an older
/// server saved do not name the group.
fn is_within(one: &Position, other: &Position) -> bool {
    let (Some(within), Some(of_other)) = (one.within, other.within) else {
        return false;
    };
    let is_same = within.about == of_other.about || within.about == 0 || of_other.about == 0;
    one.seq == other.seq && is_same
}

/// Returns the position after this many people of changes.
fn position_behind(changes: &[Change], told: usize) -> Position {
    let mut rest = told;
    for change in changes {
        let here = change.subscriber_ids.len();
        if rest < here {
            let last = rest.checked_sub(1).map(|last| change.subscriber_ids[last]);
            return Position {
                within: Some(within_of(
                    change.kind,
                    change.about,
                    last.unwrap_or_default(),
                )),
                ..change.position
            };
        }
        rest -= here;
    }
    changes[changes.len() - 1].position
}

fn message(
    webhook: &Webhook,
    message_type: MessageType,
    body: String,
    after: (String, i32),
) -> Message {
    let ids = [webhook.id.to_string(), webhook.round.to_string()];
    let id = message_id(&[&ids[0], &ids[1], &webhook.position, &after.0]);
    Message {
        id,
        message_type,
        body,
        after,
    }
}

/// Makes the message that changes were lost, and that the endpoint receives all changes from now on.
fn resync(
    connection: &mut PgConnection,
    webhook: &Webhook,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Next, Error> {
    let position = position_now(connection)?;
    let mut data = Map::new();
    data.insert("reason".to_owned(), json!(reason));
    let head = Head {
        message_type: MessageType::WebhookResync,
        at: now,
        data,
    };
    let ids = [webhook.id.to_string(), webhook.round.to_string()];
    Ok(Next::Message(Box::new(Message {
        // Not the position after it, which differs with each attempt.
        id: message_id(&[&ids[0], &ids[1], &webhook.position, "resync"]),
        message_type: MessageType::WebhookResync,
        body: head.whole(),
        after: (position, 0),
    })))
}
