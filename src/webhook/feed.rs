//! Builds the next message of an endpoint from the log of changes.
//!
//! A message is about one change, about a part of a change, or about several similar changes in a row, so that many
//! small changes do not become many messages.

use super::endpoint::Webhook;
use super::message::{Head, Place, message_id};
use super::message_type::MessageType;
use super::position::position_now;
use super::render::{find_subject, list_entries};
use super::wanted::{are_alike, are_apart, is_same, is_wanted, kinds_of, sides_of, type_of};
use crate::changes::{self, Change, ChangeKind, Fills, Position, Reading, Within};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Map, json};
use std::collections::VecDeque;

/// How many changes are read at once.
const READ: usize = 100;
/// After how many subscribers a read ends.
const READ_PEOPLE: usize = 20_000;

/// A message, and the position of the endpoint after its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The header `webhook-id`.
    pub id: String,
    /// The type.
    pub message_type: MessageType,
    /// The body.
    pub body: String,
    /// The position after the message, and how many parts of the change at that position are delivered then.
    pub after: (String, i32),
}

/// What comes next for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A message.
    Message(Box<Message>),
    /// There is nothing to send up to a position.
    Nothing {
        /// The position, and how many parts are delivered of the change that continues after it, or 0.
        until: (String, i32),
        /// Whether there may be messages after the position. One call reads one page, even if nothing on it is wanted,
        /// so that the position can be saved.
        has_more: bool,
    },
}

/// Reads messages for one endpoint. It keeps the changes that it has read, so that a change with many parts is not read
/// again for each part.
pub struct Reader {
    base_path: String,
    /// The position of the endpoint before the changes in `waiting`.
    at: Option<Position>,
    waiting: VecDeque<Change>,
    /// The position after the changes in `waiting`, and whether there are more changes after it.
    end: Option<(Position, bool)>,
}

/// The changes of one message, from the first that the endpoint has not received.
struct Group {
    changes: Vec<Change>,
    /// Whether the next change continues the last of them.
    goes_on: bool,
}

impl Reader {
    /// Returns a reader for a server with this base path.
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
                    // The subscribers of this page were deleted. Those of later pages may still exist.
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
            // The segment or group was deleted since. A later message says so.
            (position, parts) = (self.skip(&group), 0);
            if has_more && self.waiting.len() < 2 {
                let until = (position.to_text(), 0);
                return Ok(Next::Nothing { until, has_more });
            }
        }
    }

    /// Returns whether the next change continues the change of which a part was delivered.
    fn goes_on(&self, position: Position) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|next| {
            // The position before all subscribers of the change.
            let begin = Position {
                within: Some(within_of(next.kind, next.about, 0)),
                ..next.position
            };
            is_within(&begin, &position)
        })
    }

    /// Returns a last part without people, for a change of which some parts were delivered and the other subscribers
    /// were deleted. Returns `None` if the segment or group of the change was deleted too.
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

    /// Makes sure that the next two changes are loaded, if there are so many. The second shows whether the first
    /// continues.
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

    /// Returns the changes of the next message. They stay in `waiting` until the message is delivered.
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

    /// Builds a message. Returns `None` if the segment or group that it would be about was deleted.
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
            // Not all people fit, and a position can lie within a single row only. So the first change gets a message
            // of its own.
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

    /// Skips the changes of a group, and returns the position after them.
    fn skip(&mut self, group: &Group) -> Position {
        self.waiting.drain(..group.changes.len());
        let position = group.changes[group.changes.len() - 1].position;
        self.at = Some(position);
        position
    }

    /// Moves past a message that was delivered, so that the changes after it need not be read again.
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
            // The loaded changes are of another history.
            None => *self = Reader::new(std::mem::take(&mut self.base_path)),
        }
    }

    /// Moves within a change of which a part was delivered.
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

fn within_of(kind: ChangeKind, about: Option<i64>, subscriber: i64) -> Within {
    Within {
        about: about.unwrap_or_default(),
        has_left: kind == ChangeKind::SegmentMembersLeft,
        subscriber,
    }
}

/// Returns whether two positions lie within one change: in the same row, about the same segment or group. Positions
/// that an older server saved do not name the group.
fn is_within(one: &Position, other: &Position) -> bool {
    let (Some(within), Some(of_other)) = (one.within, other.within) else {
        return false;
    };
    let is_same = within.about == of_other.about || within.about == 0 || of_other.about == 0;
    one.seq == other.seq && is_same
}

/// Returns the position after the first `told` people of these changes.
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

/// Returns the message that changes were lost. The endpoint receives all changes from now on.
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
        // Not the position after the message, which differs with each attempt.
        id: message_id(&[&ids[0], &ids[1], &webhook.position, "resync"]),
        message_type: MessageType::WebhookResync,
        body: head.whole(),
        after: (position, 0),
    })))
}
