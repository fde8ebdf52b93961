//! A condition about subscribers in English.

use super::event::say_event;
use super::phrase::{Phrase, say_location, say_membership, say_past_membership, say_test};
use super::{name, none_or_one, number, quote, window};
use crate::condition::Condition;
use crate::field::find_label;

/// The fields that always have a value.
const NEVER_MISSING: [&str; 4] = ["email", "email.domain", "createdAt", "updatedAt"];

/// Describes a condition, or its complement among all subscribers.
pub fn say_condition(condition: &Condition, negated: bool) -> Phrase {
    match condition {
        Condition::Status { any_of } => {
            let names = any_of.iter().map(|status| status.as_str().to_owned());
            Phrase::of_value("status", &format!("is {}", none_or_one(names, negated)))
        }
        Condition::Location(test) => say_location(test, negated),
        Condition::Group {
            quantifier,
            keys,
            added,
        } => {
            let added = window(*added, "in").map(|window| format!(" (added {window})"));
            let added = added.unwrap_or_default();
            say_membership("group", *quantifier, keys, &added, negated)
        }
        Condition::NoGroup { added } => {
            let added =
                window(*added, "in").map(|window| format!(" that they were added to {window}"));
            let group = if negated { "a group" } else { "no group" };
            let wanted = format!("in {group}{}", added.unwrap_or_default());
            Phrase::new(format!("who are {wanted}"), wanted)
        }
        Condition::Segment {
            quantifier,
            keys,
            ever,
            joined,
        } => {
            let joined = window(*joined, "in").map(|window| format!(" (joined {window})"));
            let joined = joined.unwrap_or_default();
            match ever {
                true => say_past_membership(*quantifier, keys, &joined, negated),
                false => say_membership("segment", *quantifier, keys, &joined, negated),
            }
        }
        Condition::Event(event) => say_event(event, negated),
        Condition::Random(share) => {
            let wanted = format!(
                "from {}% to {}% of the random split {}",
                number(share.from_percent),
                number(share.to_percent),
                quote(&share.salt)
            );
            let not = if negated { "not " } else { "" };
            Phrase::new(
                format!("who are {not}in the share {wanted}"),
                format!("{not}{wanted}"),
            )
        }
        Condition::Text { field, .. }
        | Condition::Number { field, .. }
        | Condition::Date { field, .. }
        | Condition::Boolean { field, .. }
        | Condition::List { field, .. } => {
            let subject = match field.strip_prefix("custom.") {
                Some(key) => format!("custom field {}", name(key)),
                None => find_label(field).map_or_else(|| name(field), str::to_owned),
            };
            let may_be_missing = !NEVER_MISSING.contains(&field.as_str());
            say_test(condition, &subject, may_be_missing, negated)
        }
    }
}
