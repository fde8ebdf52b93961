//! Actors: who does something, and where the request came from.

use super::api_key::Access;
use crate::db::word::words;
use std::net::IpAddr;
use std::sync::Arc;

/// The person or program that does something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A program with the API key of this id.
    ApiKey(i64),
    /// A browser that signed in with an API key.
    Session {
        /// The id of the API key.
        api_key_id: i64,
        /// The id of the session.
        session_id: i64,
    },
    /// A command, run by this user of the operating system.
    CommandLine(String),
    /// A server that acts without a request.
    System,
    /// A client of a server without API keys, which does not identify its clients.
    Nobody,
}

/// A kind of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// See [`Actor::ApiKey`].
    ApiKey,
    /// See [`Actor::Session`].
    Session,
    /// See [`Actor::CommandLine`].
    CommandLine,
    /// See [`Actor::System`].
    System,
    /// See [`Actor::Nobody`].
    Nobody,
}

words!(ActorKind {
    ApiKey: "api_key",
    Session: "session",
    CommandLine: "command_line",
    System: "system",
    Nobody: "nobody",
});

impl Actor {
    /// Returns the actor of a caller with this access.
    pub fn of(access: &Access) -> Actor {
        match (access.key_id, access.session_id) {
            (Some(api_key_id), Some(session_id)) => Actor::Session {
                api_key_id,
                session_id,
            },
            (Some(id), None) => Actor::ApiKey(id),
            (None, _) => Actor::Nobody,
        }
    }

    /// Returns the kind.
    pub fn kind(&self) -> ActorKind {
        match self {
            Actor::ApiKey(_) => ActorKind::ApiKey,
            Actor::Session { .. } => ActorKind::Session,
            Actor::CommandLine(_) => ActorKind::CommandLine,
            Actor::System => ActorKind::System,
            Actor::Nobody => ActorKind::Nobody,
        }
    }

    /// Returns the id of the API key, if the actor has one.
    pub fn api_key_id(&self) -> Option<i64> {
        match self {
            Actor::ApiKey(id) | Actor::Session { api_key_id: id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns the id of the session, if the actor has one.
    pub fn session_id(&self) -> Option<i64> {
        match self {
            Actor::Session { session_id, .. } => Some(*session_id),
            _ => None,
        }
    }

    /// Returns the user of the operating system, if the actor is a command.
    pub fn user(&self) -> Option<&str> {
        match self {
            Actor::CommandLine(user) => Some(user),
            _ => None,
        }
    }
}

/// The actor of an action, and where the request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The actor.
    pub actor: Actor,
    /// The address from which the request came, if there was a request.
    pub peer: Option<IpAddr>,
    /// The name of the request in the log, if there was a request.
    pub request_id: Option<Arc<str>>,
}

impl Origin {
    /// Returns the origin of an action without a request.
    pub fn of(actor: Actor) -> Origin {
        Origin {
            actor,
            peer: None,
            request_id: None,
        }
    }
}
