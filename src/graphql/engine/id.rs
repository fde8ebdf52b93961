//! Global ids. They are opaque to clients; the server reads the kind and number of an object from them.

use super::error::bad_input;
use crate::audience::global_id::write_global_id;
use crate::error::Error;
use crate::rule::shorten;
use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A kind of object that has a global id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the noun of that name")]
pub enum IdKind {
    Subscriber,
    Group,
    Segment,
    CustomField,
    Refresh,
    Event,
    ApiKey,
    Import,
    BulkAction,
    Webhook,
}

const KINDS: [(IdKind, &str); 10] = [
    (IdKind::Subscriber, "Subscriber"),
    (IdKind::Group, "Group"),
    (IdKind::Segment, "Segment"),
    (IdKind::CustomField, "CustomField"),
    (IdKind::Refresh, "Refresh"),
    (IdKind::Event, "Event"),
    (IdKind::ApiKey, "ApiKey"),
    (IdKind::Import, "Import"),
    (IdKind::BulkAction, "BulkAction"),
    (IdKind::Webhook, "Webhook"),
];

impl IdKind {
    /// Returns the noun of the kind with its article, for messages.
    pub fn with_article(self) -> &'static str {
        match self {
            IdKind::Subscriber => "a subscriber",
            IdKind::Group => "a group",
            IdKind::Segment => "a segment",
            IdKind::CustomField => "a custom field",
            IdKind::Refresh => "a refresh",
            IdKind::Event => "an event",
            IdKind::ApiKey => "an API key",
            IdKind::Import => "an import",
            IdKind::BulkAction => "a bulk action",
            IdKind::Webhook => "a webhook",
        }
    }
}

/// Returns the global id of an object.
pub fn to_global(kind: IdKind, id: i64) -> ID {
    let name = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or("", |(_, name)| name);
    ID(write_global_id(name, id))
}

/// Reads a global id. Returns `None` if it is malformed.
pub fn parse_global(id: &ID) -> Option<(IdKind, i64)> {
    let bytes = URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, number) = text.split_once(':')?;
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == name)?;
    Some((*kind, number.parse().ok()?))
}

/// Reads the global id of an object of the kind `wanted`, in an argument of a query.
pub fn parse_kind(id: &ID, wanted: IdKind, path: &str) -> async_graphql::Result<i64> {
    read(id, wanted).map_err(|message| bad_input(format!("{path}: {message}")))
}

/// Reads the field `id` of the input of a mutation.
///
/// # Errors
/// [`Error::Invalid`], which becomes a user error: the other fields of the request keep their results.
pub fn input_id(id: &ID, wanted: IdKind) -> Result<i64, Error> {
    read(id, wanted).map_err(|message| Error::invalid("id", message))
}

fn read(id: &ID, wanted: IdKind) -> Result<i64, String> {
    let expected = wanted.with_article();
    match parse_global(id) {
        Some((kind, number)) if kind == wanted => Ok(number),
        Some((kind, _)) => Err(format!(
            "expected the id of {expected}, found the id of {}",
            kind.with_article()
        )),
        None => Err(format!(
            "expected the id of {expected}, found \"{}\"",
            shorten(id.as_str())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_strangers_do_not() {
        for (kind, _) in KINDS {
            assert_eq!(parse_global(&to_global(kind, 42)), Some((kind, 42)));
        }
        for stranger in ["", "42", "U3Vic2NyaWJlcg", "%%%", "VHJlZTo0Mg"] {
            assert_eq!(parse_global(&ID(stranger.to_owned())), None, "{stranger}");
        }
    }
}
