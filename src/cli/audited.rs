//! Audit log entries of commands.

use crate::audience::actor::{Actor, Origin};
use crate::audience::audit::Entry;
use chrono::{DateTime, Utc};
use nix::unistd::{Uid, User};

/// Returns an audit entry for an action of the user who runs the command.
pub fn entry(action: &'static str, now: DateTime<Utc>) -> Entry {
    Entry::new(Origin::of(Actor::CommandLine(user())), action, now)
}

/// Returns the name of the user who runs the command, or the number of a user without a name.
pub fn user() -> String {
    let uid = Uid::current();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}
