//! Requests that were refused, counted for the audit log. One row counts all similar requests of a minute, because a row
//! for each request would let strangers fill the database.

use super::actor::{Actor, Origin};
use super::audit::{self, Entry, Trace};
use crate::error::Error;
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// How many different refusals are counted separately in a minute. Further ones are counted together, without actor and
/// address.
const MOST: usize = 20;

/// A kind of refusal. It gives the row its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// An API key that is unknown, revoked or expired.
    Key,
    /// A request beyond the scopes of its API key.
    Scope,
}

impl Refused {
    fn action(self) -> &'static str {
        match self {
            Refused::Key => "refuseKey",
            Refused::Scope => "refuseScope",
        }
    }
}

/// The kind of refusal, the actor and the address of the client.
type Alike = (Refused, Actor, Option<IpAddr>);

/// The refusals that are not in the audit log yet.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<Alike, usize>>);

impl Refusals {
    /// Counts a refusal.
    pub fn note(&self, refused: Refused, actor: Actor, peer: Option<IpAddr>) {
        self.add((refused, actor, peer), 1);
    }

    fn add(&self, alike: Alike, count: usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_room = counts.len() < MOST || counts.contains_key(&alike);
        let alike = match is_room {
            true => alike,
            false => (alike.0, Actor::Nobody, None),
        };
        *counts.entry(alike).or_default() += count;
    }

    /// Returns the refusals counted so far and starts anew.
    pub fn take(&self) -> Counted {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Counted(std::mem::take(&mut *counts))
    }

    /// Adds refusals that could not be written to the counts again.
    pub fn give_back(&self, counted: Counted) {
        for (alike, count) in counted.0 {
            self.add(alike, count);
        }
    }
}

/// The refusals of a period.
#[derive(Debug, Clone, Default)]
pub struct Counted(HashMap<Alike, usize>);

impl Counted {
    /// Whether there were no refusals.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes a row for each kind, actor and address.
    pub fn write(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> Result<(), Error> {
        crate::db::in_transaction(connection, |connection| {
            for ((refused, actor, peer), count) in &self.0 {
                let origin = Origin {
                    peer: *peer,
                    ..Origin::of(actor.clone())
                };
                let entry = Entry::new(origin, refused.action(), now);
                audit::write(connection, &entry, &Trace::default().with_count(*count))?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_strangers_are_counted_together() {
        let refusals = Refusals::default();
        for number in 0..1_000_u32 {
            let peer = IpAddr::from(number.to_be_bytes());
            refusals.note(Refused::Key, Actor::Nobody, Some(peer));
        }
        let counted = refusals.take();
        assert_eq!(counted.0.len(), MOST + 1);
        assert_eq!(counted.0.values().sum::<usize>(), 1_000);
        assert!(refusals.take().is_empty());
        refusals.give_back(counted);
        assert_eq!(refusals.take().0.values().sum::<usize>(), 1_000);
    }
}
