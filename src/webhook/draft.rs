//! The input for an endpoint, and its validation.

use super::address::SendRules;
use super::message::MAX_PEOPLE;
use super::message_type::MessageType;
use super::person::Fields;
use crate::audience::clean::clean_text;
use crate::audience::{group, segment};
use crate::error::{Error, InputCode, InputProblem};
use diesel::PgConnection;

/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// How many segments or groups an endpoint can name.
const MAX_FILTER: usize = 1_000;

/// The segments or the groups that an endpoint follows: all, or those with these ids. The id of a deleted one stays in
/// the list, so that the list never becomes empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed(pub Option<Vec<i64>>);

impl Followed {
    /// Returns whether the endpoint follows the segment or group with this id.
    pub fn has(&self, id: i64) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(&id))
    }
}

impl From<Option<Vec<Option<i64>>>> for Followed {
    fn from(ids: Option<Vec<Option<i64>>>) -> Followed {
        Followed(ids.map(|ids| ids.into_iter().flatten().collect()))
    }
}

/// The input for a new endpoint, or for a change of one. Absent values take their defaults, or stay unchanged.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What the endpoint is for.
    pub name: Option<String>,
    /// The URL of the receiver.
    pub url: Option<String>,
    /// The types of message that the endpoint receives.
    pub types: Option<Vec<MessageType>>,
    /// The keys of the segments to follow. All if the inner value is absent.
    pub segments: Option<Option<Vec<String>>>,
    /// The keys of the groups to follow. All if the inner value is absent.
    pub groups: Option<Option<Vec<String>>>,
    /// The fields of people in messages.
    pub fields: Option<Vec<String>>,
    /// How many people a message has at most.
    pub people_per_message: Option<i32>,
    /// Whether messages are sent.
    pub is_enabled: Option<bool>,
}

/// A draft whose values can be stored.
pub(super) struct Checked {
    pub name: Option<String>,
    pub url: Option<String>,
    pub types: Option<Vec<&'static str>>,
    pub segment_ids: Option<Followed>,
    pub group_ids: Option<Followed>,
    pub fields: Option<Fields>,
    pub people_per_message: Option<i32>,
}
/// Checks a draft.
///
/// # Errors
/// [`Error::Invalid`] with all problems.
pub(super) fn check(
    connection: &mut PgConnection,
    draft: &Draft,
    rules: SendRules,
) -> Result<Checked, Error> {
    let mut problems = Vec::new();
    let name = draft
        .name
        .as_deref()
        .map(|name| check_name(name, &mut problems));
    let url = draft.url.as_deref().map(|url| {
        let checked = rules.check_url(url);
        checked.unwrap_or_else(|problem| {
            problems.push(problem);
            String::new()
        })
    });
    let types = draft
        .types
        .as_ref()
        .map(|types| check_types(types, &mut problems));
    let mut followed = |keys: Option<&Option<Vec<String>>>, what: What| -> Result<_, Error> {
        keys.map(|keys| match keys {
            None => Ok(Followed(None)),
            Some(keys) => what.find(connection, keys, &mut problems),
        })
        .transpose()
    };
    let segment_ids = followed(draft.segments.as_ref(), What::Segments)?;
    let group_ids = followed(draft.groups.as_ref(), What::Groups)?;
    let fields = match &draft.fields {
        None => None,
        Some(names) => match Fields::check(connection, names)? {
            Ok(fields) => Some(fields),
            Err(wrong) => {
                problems.extend(wrong);
                None
            }
        },
    };
    if let Some(people) = draft.people_per_message
        && !(1..=MAX_PEOPLE as i32).contains(&people)
    {
        let message = format!("expected 1 to {MAX_PEOPLE} people, found {people}");
        problems.push(InputProblem::new(
            InputCode::Invalid,
            "peoplePerMessage",
            message,
        ));
    }
    match problems.is_empty() {
        true => Ok(Checked {
            name,
            url,
            types,
            segment_ids,
            group_ids,
            fields,
            people_per_message: draft.people_per_message,
        }),
        false => Err(Error::Invalid(problems)),
    }
}

fn check_name(name: &str, problems: &mut Vec<InputProblem>) -> String {
    let problem = match clean_text(name) {
        Ok(Some(name)) if name.chars().count() <= MAX_NAME => return name,
        Ok(Some(name)) => {
            let found = name.chars().count();
            let message = format!("expected at most {MAX_NAME} characters, found {found}");
            InputProblem::new(InputCode::Invalid, "name", message)
        }
        Ok(None) => {
            let message = "expected a name that says what the webhook is for, found an empty text";
            InputProblem::new(InputCode::Missing, "name", message)
        }
        Err(message) => InputProblem::new(InputCode::Invalid, "name", message),
    };
    problems.push(problem);
    String::new()
}

fn check_types(types: &[MessageType], problems: &mut Vec<InputProblem>) -> Vec<&'static str> {
    if types.is_empty() {
        let message = "expected at least one type of message, found none";
        problems.push(InputProblem::new(InputCode::Missing, "types", message));
    }
    let mut names: Vec<&str> = Vec::new();
    for name in types.iter().map(|kind| kind.name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The objects that a filter names.
#[derive(Clone, Copy)]
enum What {
    Segments,
    Groups,
}

impl What {
    /// Returns the ids of these keys. Adds a problem for each key that does not exist.
    fn find(
        self,
        connection: &mut PgConnection,
        keys: &[String],
        problems: &mut Vec<InputProblem>,
    ) -> Result<Followed, Error> {
        let path = match self {
            What::Segments => "segments",
            What::Groups => "groups",
        };
        if keys.is_empty() || keys.len() > MAX_FILTER {
            let found = keys.len();
            let message = format!("expected 1 to {MAX_FILTER} keys, found {found}");
            let hint = format!("leave {path} out to follow all, or set it to null");
            let problem = InputProblem::new(InputCode::Invalid, path, message);
            problems.push(problem.with_hint(Some(hint)));
            return Ok(Followed(None));
        }
        let mut ids = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let path = format!("{path}[{place}]");
            let found = match self {
                What::Segments => segment::get_by_key(connection, key, &path).map(|found| found.id),
                What::Groups => group::get_by_key(connection, key, &path).map(|found| found.id),
            };
            match found {
                Ok(id) => ids.push(id),
                Err(Error::Invalid(wrong)) => problems.extend(wrong),
                Err(error) => return Err(error),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Followed(Some(ids)))
    }
}
