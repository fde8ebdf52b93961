//! The targets of columns: where their cells go.

use super::header::fold;
use super::vocabulary::FULL_NAME;
use crate::audience::subscriber_column::COLUMNS;
use crate::import::value::cell::CellKind;
use crate::rule::CustomType;

/// The columns that go to built-in fields. Case, blanks, `-` and `_` in a header do not matter.
pub const BUILTIN_COLUMNS: [&str; COLUMNS.len() + 3] = {
    let mut names = ["email"; COLUMNS.len() + 3];
    names[1] = "status";
    let mut place = 0;
    while place < COLUMNS.len() {
        names[place + 2] = COLUMNS[place].name;
        place += 1;
    }
    names[place + 2] = "created_at";
    names
};

/// What a column about consent says. If several columns say something about a row, the strictest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentTarget {
    /// A yes means that the person is subscribed, a no that the person is not. In a column without a no an empty cell
    /// means no.
    OptIn {
        /// Whether an empty cell is a no.
        blank_is_no: bool,
    },
    /// Anything but a no, a soft bounce or a word for subscribed means that the person opted out.
    OptOut,
    /// Without a yes or a time the address waits to be confirmed.
    Confirmed,
    /// Anything but a no, a soft bounce or a word for subscribed means that the address does not work.
    Bounced,
    /// Anything but a no, a soft bounce or a word for subscribed means that the person complained.
    Complained,
    /// When the subscriber agreed.
    SubscribedAt,
    /// When the subscriber opted out. A subscriber with such a time is unsubscribed.
    UnsubscribedAt,
    /// Why the subscriber opted out, bounced or complained.
    Reason,
}

/// The names of the targets about consent, as options have them.
const CONSENT_NAMES: [(&str, ConsentTarget); 9] = [
    ("opt_in", ConsentTarget::OptIn { blank_is_no: false }),
    (
        "opt_in_or_blank",
        ConsentTarget::OptIn { blank_is_no: true },
    ),
    ("opt_out", ConsentTarget::OptOut),
    ("confirmed", ConsentTarget::Confirmed),
    ("bounced", ConsentTarget::Bounced),
    ("complained", ConsentTarget::Complained),
    ("subscribed_at", ConsentTarget::SubscribedAt),
    ("unsubscribed_at", ConsentTarget::UnsubscribedAt),
    ("status_reason", ConsentTarget::Reason),
];

/// The target of a column: where its cells go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A built-in field, one of [`BUILTIN_COLUMNS`].
    Builtin(&'static str),
    /// The first name and the last name.
    FullName,
    /// Whether the subscriber may be sent e-mail.
    Consent(ConsentTarget),
    /// A custom field.
    Custom(String, CustomType),
    /// Groups that the row names.
    Groups,
    /// The column is left out.
    Nowhere,
}

/// The name of the target that adds subscribers to groups.
const GROUPS: &str = "groups";

impl Target {
    /// Returns the target of that name, in any spelling, if it is not a custom field.
    pub fn builtin(name: &str) -> Option<Target> {
        let folded = fold(name);
        if let Some(builtin) = builtin(name) {
            return Some(Target::Builtin(builtin));
        }
        if folded == fold(FULL_NAME) {
            return Some(Target::FullName);
        }
        if folded == GROUPS {
            return Some(Target::Groups);
        }
        let mut consent = CONSENT_NAMES.into_iter();
        let found = consent.find(|(known, _)| fold(known) == folded);
        found.map(|(_, target)| Target::Consent(target))
    }

    /// Returns the names of all targets that are not custom fields.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let consent = CONSENT_NAMES.into_iter().map(|(name, _)| name);
        let consent = consent.filter(|name| *name != "opt_in_or_blank");
        BUILTIN_COLUMNS
            .into_iter()
            .chain([FULL_NAME, GROUPS])
            .chain(consent)
    }

    /// Returns the name in reports, or `None` if the column is left out.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Target::Builtin(name) => (*name).to_owned(),
            Target::FullName => FULL_NAME.to_owned(),
            Target::Groups => GROUPS.to_owned(),
            Target::Consent(ConsentTarget::OptIn { .. }) => "opt_in".to_owned(),
            Target::Consent(consent) => {
                let mut known = CONSENT_NAMES.iter();
                let found = known.find(|(_, known)| known == consent);
                found.map(|(name, _)| (*name).to_owned())?
            }
            Target::Custom(key, _) => format!("custom.{key}"),
            Target::Nowhere => return None,
        })
    }

    /// Returns the text that is stored for a resumed import. It has everything that reading the column needs.
    pub fn write(&self) -> String {
        match self {
            Target::Consent(ConsentTarget::OptIn { blank_is_no: true }) => {
                "opt_in_or_blank".to_owned()
            }
            Target::Custom(key, custom_type) => format!("custom.{key}:{}", custom_type.as_str()),
            other => other.name().unwrap_or_default(),
        }
    }

    /// Reads the text of [`Target::write`].
    pub fn read(text: &str) -> Option<Target> {
        if text.is_empty() {
            return Some(Target::Nowhere);
        }
        match text.strip_prefix("custom.") {
            Some(custom) => {
                let (key, type_name) = custom.rsplit_once(':')?;
                Some(Target::Custom(key.to_owned(), CustomType::find(type_name)?))
            }
            None => Target::builtin(text),
        }
    }

    /// Returns the kind of values that the cells are read as. Returns `None` if the cells are read as words, or left
    /// out.
    pub fn kind(&self) -> Option<CellKind> {
        Some(match self {
            Target::Builtin("email") => CellKind::Email,
            Target::Builtin("status") | Target::Nowhere => return None,
            Target::Builtin("phone") => CellKind::Phone,
            Target::Builtin("postal_code") => CellKind::PostalCode,
            Target::Builtin("country") => CellKind::Country,
            Target::Builtin("language") => CellKind::Language,
            Target::Builtin("timezone") => CellKind::Timezone,
            Target::Builtin("birthday") => CellKind::Day,
            Target::Builtin("created_at")
            | Target::Consent(ConsentTarget::SubscribedAt | ConsentTarget::UnsubscribedAt) => {
                CellKind::Instant
            }
            Target::Builtin("latitude") => CellKind::Latitude,
            Target::Builtin("longitude") => CellKind::Longitude,
            Target::Builtin(_) | Target::FullName | Target::Consent(ConsentTarget::Reason) => {
                CellKind::Text
            }
            Target::Consent(_) => return None,
            Target::Custom(_, custom_type) => kind_of(*custom_type),
            Target::Groups => CellKind::List,
        })
    }

    /// Whether the target decides if a person may be sent e-mail.
    pub fn decides_consent(&self) -> bool {
        match self {
            Target::Builtin(name) => *name == "status",
            Target::Consent(consent) => {
                !matches!(consent, ConsentTarget::SubscribedAt | ConsentTarget::Reason)
            }
            _ => false,
        }
    }
}

/// Returns the kind of values of a custom field.
pub fn kind_of(custom_type: CustomType) -> CellKind {
    match custom_type {
        CustomType::Text => CellKind::Text,
        CustomType::Number => CellKind::Number,
        CustomType::Date => CellKind::Day,
        CustomType::Datetime => CellKind::Instant,
        CustomType::Boolean => CellKind::Boolean,
        CustomType::List => CellKind::List,
    }
}

/// Returns the built-in field of that name, in any spelling.
pub fn builtin(name: &str) -> Option<&'static str> {
    let folded = fold(name);
    let mut known = BUILTIN_COLUMNS.into_iter();
    known.find(|known| fold(known) == folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_were_written() {
        let consent = CONSENT_NAMES
            .into_iter()
            .map(|(_, target)| Target::Consent(target));
        let builtins = BUILTIN_COLUMNS.into_iter().map(Target::Builtin);
        let custom = Target::Custom("a_b".to_owned(), CustomType::Datetime);
        let others = [Target::FullName, Target::Groups, Target::Nowhere, custom];
        for target in consent.chain(builtins).chain(others) {
            assert_eq!(
                Target::read(&target.write()),
                Some(target.clone()),
                "{target:?}"
            );
        }
        for name in Target::names() {
            assert!(
                Target::builtin(name).is_some_and(|target| target.name().as_deref() == Some(name)),
                "{name}"
            );
        }
    }
}
