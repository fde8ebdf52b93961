//! Delivers messages from the log of changes to the receiver, one at a time.
//!
//! Reading, sending and recording are separate steps. While a message is being sent, no database connection is held,
//! and nothing is written: if the server dies then, the message is sent again with the same id.

use super::WebhookSettings;
use super::answer::without_people;
use super::attempt::{self, Attempt, NewAttempt};
use super::endpoint::{self, Webhook};
use super::feed::{Next, Reader};
use super::lease::{self, Attempted, Claim};
use super::message::{Head, message_id};
use super::message_type::MessageType;
use super::position::position_now;
use super::retry::{Outcome, Verdict, judge};
use super::send::{Envelope, Sent};
use super::signature::Secret;
use super::testing::Testing;
use crate::audience::audit::{self, Entry, TargetKind, Trace};
use crate::changes::{find_last_seq, hold_order, settle_or_go_on};
use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use crate::metrics::metrics;
use crate::traces;
use chrono::{DateTime, Utc};
use diesel::Connection;
use serde_json::json;
use std::sync::atomic::Ordering;

/// How many messages an endpoint receives before other waiting endpoints get their turn.
const AT_A_TURN: usize = 100;

/// Delivers the messages of webhooks.
#[derive(Clone)]
pub struct Delivery {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// How messages are sent. While the server stops, no further message is begun.
    pub settings: WebhookSettings,
}

/// A message that is about to be sent.
pub struct Ready {
    claim: Claim,
    webhook: Webhook,
    /// The message and the URL of its receiver.
    pub envelope: Envelope,
    secrets: Vec<Secret>,
    message_type: MessageType,
    after: (String, i32),
    read_after: i64,
}

/// How the delivery to a claimed endpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// There is nothing more to send.
    Idle,
    /// The last message was not delivered.
    Failed,
    /// There may be more to send.
    More,
    /// The endpoint was changed or deleted, or another server took over.
    Lost,
}

impl Delivery {
    /// Claims an endpoint that is due and has something to read.
    pub fn claim(&self) -> Result<Option<Claim>, Error> {
        let now = self.clock.now();
        if !self.db.run_here(lease::has_enabled)? {
            // Putting deletions in order removes stored answers. No endpoint reads the log now, so that is done here.
            if self.db.run_here(lease::has_answers)? {
                self.db.run_here(settle_or_go_on)?;
            }
            return Ok(None);
        }
        let newest = self.db.run_here(position_now)?;
        self.db
            .run_here(|connection| lease::claim(connection, &newest, now))
    }

    /// Sends the messages that a claimed endpoint has not received, until there are no more, an attempt fails, or other
    /// endpoints have waited long enough.
    pub fn deliver(&self, claim: Claim) -> Result<DeliveryOutcome, Error> {
        let mut reader = Reader::new(self.settings.base_path.clone());
        let mut outcome = DeliveryOutcome::More;
        for _ in 0..AT_A_TURN {
            if self.settings.is_stopping.load(Ordering::Relaxed) {
                break;
            }
            let ready = match self.read(claim, &mut reader)? {
                Ok(ready) => ready,
                // The endpoint receives none of the changes that were read, and there are more.
                Err(DeliveryOutcome::More) => continue,
                Err(nothing) => {
                    outcome = nothing;
                    break;
                }
            };
            let (sent, at) = self.send(&ready);
            outcome = self.record(&ready, &sent, at)?;
            if outcome != DeliveryOutcome::More {
                break;
            }
            reader.advance(&ready.after.0);
        }
        let now = self.clock.now();
        self.db
            .run_here(|connection| claim.release(connection, now))?;
        Ok(outcome)
    }

    /// Reads the next message of an endpoint, or returns why there is no message. [`DeliveryOutcome::More`] means that the
    /// endpoint was moved past changes that it does not receive, and that there may be a message after them.
    pub fn read(
        &self,
        claim: Claim,
        reader: &mut Reader,
    ) -> Result<Result<Ready, DeliveryOutcome>, Error> {
        let now = self.clock.now();
        self.db.run_here(|connection| {
            let Some(webhook) = claim.load(connection)? else {
                return Ok(Err(DeliveryOutcome::Lost));
            };
            let read_after = find_last_seq(connection)?;
            let message = match reader.next(connection, &webhook, now)? {
                Next::Message(message) => message,
                Next::Nothing { until, has_more } => {
                    let is_moved = (&until.0, until.1) != (&webhook.position, webhook.part);
                    let until = (&*until.0, until.1);
                    // The claim is renewed from now, because reading may have taken long.
                    let now = self.clock.now();
                    if (is_moved || has_more) && !claim.skip_to(connection, until, now)? {
                        return Ok(Err(DeliveryOutcome::Lost));
                    }
                    return Ok(Err(if has_more {
                        DeliveryOutcome::More
                    } else {
                        DeliveryOutcome::Idle
                    }));
                }
            };
            let read_at = self.clock.now();
            if read_at - now > lease::SLOW {
                let here = (&*webhook.position, webhook.part);
                if !claim.skip_to(connection, here, read_at)? {
                    return Ok(Err(DeliveryOutcome::Lost));
                }
            }
            let secrets = endpoint::find_secrets(connection, webhook.id, now)?;
            Ok(Ok(Ready {
                claim,
                envelope: Envelope {
                    url: webhook.url.clone(),
                    id: message.id.clone(),
                    body: message.body.clone(),
                },
                webhook,
                secrets,
                message_type: message.message_type,
                after: message.after.clone(),
                read_after,
            }))
        })
    }

    /// Sends a message. Returns the result and its time. Holds no connection to the database.
    pub fn send(&self, ready: &Ready) -> (Sent, DateTime<Utc>) {
        let span = traces::of_delivery(ready.webhook.id);
        let sender = &self.settings.sender;
        let sent = span.in_scope(|| sender.send(&ready.envelope, &ready.secrets));
        traces::end_delivery(&span, sent.status);
        (sent, self.clock.now())
    }

    /// Records the outcome of sending a message.
    pub fn record(
        &self,
        ready: &Ready,
        sent: &Sent,
        at: DateTime<Utc>,
    ) -> Result<DeliveryOutcome, Error> {
        let webhook = &ready.webhook;
        let now = self.clock.now();
        let failures = u32::try_from(webhook.failures).unwrap_or_default();
        let outcome = Outcome {
            status: sent.status,
            retry_after: sent.retry_after.as_deref(),
        };
        let verdict = judge(
            outcome,
            failures,
            webhook.failing_since,
            now,
            rand::random(),
        );
        let attempt = describe(webhook, ready, sent, at, verdict == Verdict::Delivered);
        let attempted = Attempted {
            webhook,
            attempt: &attempt,
            after: (&ready.after.0, ready.after.1),
            read_after: ready.read_after,
            verdict,
        };
        let is_recorded = self.db.run_here(|connection| {
            connection.transaction(|connection| {
                if attempt.answer.is_some() {
                    // Putting a deletion in order removes stored answers. With the lock, this answer is stored either
                    // before that, or after it, when `record` sees the deletion.
                    hold_order(connection)?;
                }
                let is_recorded = ready.claim.record(connection, &attempted, now)?;
                if is_recorded && matches!(verdict, Verdict::Disable(_)) {
                    let entry = Entry::of_system("disableWebhook", now);
                    let trace = Trace::of(TargetKind::Webhook, webhook.id);
                    let fields = vec!["disabledReason".to_owned()];
                    audit::write(connection, &entry, &trace.with_fields(fields))?;
                }
                Ok(is_recorded)
            })
        })?;
        metrics().note_webhook_attempt(verdict == Verdict::Delivered);
        if let Verdict::Disable(reason) = verdict {
            let reason = reason.name();
            tracing::warn!(webhook = webhook.id, reason, "a webhook was disabled");
        }
        Ok(match (is_recorded, verdict) {
            (false, _) => DeliveryOutcome::Lost,
            (true, Verdict::Delivered) => DeliveryOutcome::More,
            (true, _) => DeliveryOutcome::Failed,
        })
    }

    /// Sends a message of the type `webhook.test` at once, even if other messages wait, and records the attempt.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Busy`] if a test of this endpoint is running, or too many tests of others.
    pub fn send_test(&self, webhook_id: i64) -> Result<Attempt, Error> {
        let now = self.clock.now();
        let _turn = Testing::begin(&self.settings.tests, webhook_id)?;
        let (webhook, secrets) = self
            .db
            .run_here(|connection| lease::load_for_test(connection, webhook_id, now))?;
        let mut data = serde_json::Map::new();
        data.insert("name".to_owned(), json!(webhook.name));
        let head = Head {
            message_type: MessageType::WebhookTest,
            at: now,
            data,
        };
        let unique = uuid::Uuid::new_v4().to_string();
        let envelope = Envelope {
            url: webhook.url.clone(),
            id: message_id(&["test", &unique]),
            body: head.whole(),
        };
        let sent = self.settings.sender.send(&envelope, &secrets);
        let is_delivered = sent
            .status
            .is_some_and(|status| (200..300).contains(&status));
        let attempt = NewAttempt {
            webhook_id,
            message_id: envelope.id,
            type_: MessageType::WebhookTest.name(),
            attempt: 1,
            attempted_at: now,
            took_ms: i32::try_from(sent.took.as_millis()).unwrap_or(i32::MAX),
            is_delivered,
            status: sent.status.map(i32::from),
            error: sent.error,
            answer: sent.status.map(|_| without_people(&sent.answer, "")),
        };
        self.db
            .run_here(|connection| attempt::record(connection, &attempt))
    }
}

fn describe(
    webhook: &Webhook,
    ready: &Ready,
    sent: &Sent,
    at: DateTime<Utc>,
    is_delivered: bool,
) -> NewAttempt {
    NewAttempt {
        webhook_id: webhook.id,
        message_id: ready.envelope.id.clone(),
        type_: ready.message_type.name(),
        attempt: webhook.failures.saturating_add(1),
        attempted_at: at,
        took_ms: i32::try_from(sent.took.as_millis()).unwrap_or(i32::MAX),
        is_delivered,
        status: sent.status.map(i32::from),
        error: sent.error.clone(),
        answer: sent
            .status
            .map(|_| without_people(&sent.answer, &ready.envelope.body)),
    }
}
