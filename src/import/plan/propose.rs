//! Proposals for columns that have to be settled. In doubt, a proposal does not subscribe people.

use super::consent_words::{Aspect, Hint, Topic, read_flag};
use super::header::{is_made_up, words_of};
use super::profile::Profile;
use super::question::{Change, QuestionKind};
use super::status_words::{StatusWords, read_status};
use super::target::Target;
use super::vocabulary;
use crate::import::value::cell::{CellKind, Fit};
use crate::import::value::date_format::DateFormat;
use crate::rule::{CustomType, Status};

/// The longest name of a column that is repeated in options. Columns with longer names are called by their place.
const MAX_NAME: usize = 40;

/// Returns how options call a column: by its name, or by its place if the name is long or would not stay on a line.
pub fn call(name: &str, position: usize) -> String {
    let is_plain = name.chars().count() <= MAX_NAME
        && !name
            .chars()
            .any(|character| character.is_control() || character == '\u{fffd}')
        && !name.starts_with('#');
    // An option needs a name before its "=" or ":".
    if is_plain && !name.is_empty() {
        name.to_owned()
    } else {
        format!("#{}", position + 1)
    }
}

/// Proposes a custom field for a column.
pub fn field(profile: &Profile, name: &str, position: usize) -> Vec<Change> {
    let field_type = type_of(profile, name);
    let column = call(name, position);
    let groups =
        field_type == CustomType::Number && profile.tally(CellKind::Number).has_groups_only();
    let point = groups.then(|| Change::DecimalPoint {
        column: column.clone(),
    });
    let split = (field_type == CustomType::List)
        .then(|| separator(profile))
        .flatten();
    let split = split.map(|character| Change::Split {
        column: column.clone(),
        character,
    });
    let field = Change::Field { column, field_type };
    std::iter::once(field).chain(point).chain(split).collect()
}

/// Proposes to leave a column out.
fn ignore(name: &str, position: usize) -> Change {
    Change::Ignore {
        column: call(name, position),
    }
}

fn column(name: &str, position: usize, field: &str) -> Change {
    Change::Column {
        column: call(name, position),
        field: field.to_owned(),
    }
}

/// Proposes the option that makes cells of a column readable, if its format is valid.
pub fn fit_change(fit: Fit, column: String) -> Option<Change> {
    match fit {
        Fit::DateFormat(format) => {
            let format = DateFormat::parse(format).ok()?;
            Some(Change::DateFormat { column, format })
        }
        Fit::DecimalComma => Some(Change::DecimalComma { column }),
        Fit::DecimalPoint => Some(Change::DecimalPoint { column }),
    }
}

/// Returns the type that a custom field of a column should have, so that all values can be read.
pub fn type_of(profile: &Profile, name: &str) -> CustomType {
    let is_good = |kind| profile.tally(kind).is_all_good();
    if is_list(profile, name) {
        return CustomType::List;
    }
    // A second column of a text field, such as `phone (2)`, holds texts too, whatever they look like.
    let plain = name.rsplit_once(" (").map_or(name, |(plain, _)| plain);
    let field = vocabulary::exact(plain).and_then(Target::builtin);
    let is_text = |kind| {
        matches!(
            kind,
            CellKind::Text | CellKind::Phone | CellKind::PostalCode | CellKind::Email
        )
    };
    // A number that Rollcall exported has all its digits.
    let has_codes = profile.has_codes && !profile.is_canonical();
    match () {
        () if profile.filled == 0 || field.and_then(|field| field.kind()).is_some_and(is_text) => {
            CustomType::Text
        }
        () if is_good(CellKind::Boolean) && !is_count(profile, name) => CustomType::Boolean,
        // Codes keep their leading zeros, and long numbers their last digits, only as text.
        () if !has_codes
            && (is_good(CellKind::Number) || profile.tally(CellKind::Number).has_groups_only()) =>
        {
            CustomType::Number
        }
        () if !has_codes && is_good(CellKind::Day) => CustomType::Date,
        () if !has_codes && is_good(CellKind::Instant) => CustomType::Datetime,
        () => CustomType::Text,
    }
}

/// Returns the field that a column looks like, or `custom:` with the type of a new field. Returns `None` if the column
/// is empty and its name is unknown.
pub fn suggestion(profile: &Profile, name: &str) -> Option<String> {
    if let Some(field) = vocabulary::exact(name).or_else(|| vocabulary::probable(name)) {
        return Some(field.to_owned());
    }
    match profile.filled {
        0 => None,
        _ if profile.tally(CellKind::Email).is_all_good() => Some("email".to_owned()),
        _ => Some(format!("custom:{}", type_of(profile, name).as_str())),
    }
}

/// Returns the separator of the items of a list, if it is a comma or a semicolon. Others are detected in each cell.
fn separator(profile: &Profile) -> Option<char> {
    let samples = &profile.samples;
    let is_plain = |sample: &String| !sample.starts_with(['[', '{', '"']) && !sample.contains('|');
    if !samples.iter().all(is_plain) {
        return None;
    }
    let has = |character: char| samples.iter().any(|sample| sample.contains(character));
    [';', ','].into_iter().find(|character| has(*character))
}

fn is_list(profile: &Profile, name: &str) -> bool {
    if profile.is_canonical() && !profile.tally(CellKind::List).is_all_good() {
        return false;
    }
    let is_array = |sample: &String| sample.starts_with("[\"");
    let has_bars = |sample: &String| sample.contains('|');
    let samples = &profile.samples;
    if !samples.is_empty() && samples.iter().all(is_array) {
        return true;
    }
    let marks = [
        "tag",
        "tags",
        "label",
        "labels",
        "group",
        "groups",
        "list",
        "lists",
        "segments",
        "interests",
        "categories",
    ];
    let is_named = words_of(name)
        .iter()
        .any(|word| marks.contains(&word.as_str()));
    is_named && (samples.iter().any(has_bars) || separator(profile).is_some())
        || samples.len() > 1 && samples.iter().all(has_bars)
}

/// Whether zeros and ones are counts: only one of the two occurs, or the column has the name of a count.
fn is_count(profile: &Profile, name: &str) -> bool {
    const COUNTS: [&str; 16] = [
        "count", "number", "orders", "points", "visits", "quantity", "qty", "total", "score",
        "amount", "level", "rating", "sum", "num", "clicks", "opens",
    ];
    let words = profile.words();
    let are_digits =
        words.is_some_and(|words| words.keys().all(|word| ["0", "1"].contains(&word.as_str())));
    let is_named = words_of(name)
        .iter()
        .any(|word| COUNTS.contains(&word.as_str()));
    are_digits && (is_named || words.is_some_and(|words| words.len() < 2))
}

/// Whether every value of an opt-in says yes. Empty cells mean no then.
pub fn has_no_no(profile: &Profile) -> bool {
    let is_yes = |word: &String| read_flag(word) == Some(true);
    profile
        .words()
        .is_some_and(|words| !words.is_empty() && words.keys().all(is_yes))
}

/// Returns the status of people for whom a column says when or why they opted out, bounced or complained. Returns
/// `None` for other columns.
pub fn left_status(hint: Hint) -> Option<Status> {
    if hint.is_other_channel || hint.aspect == Aspect::Fact {
        return None;
    }
    match hint.topic {
        Topic::OptOut => Some(Status::Unsubscribed),
        Topic::Bounced => Some(Status::Bounced),
        Topic::Complained => Some(Status::Complained),
        Topic::OptIn | Topic::Confirmed => None,
    }
}

/// The contents of a column about consent.
enum Content {
    Empty,
    Status,
    Flags,
    Times(Option<Fit>),
    Numbers,
    Texts,
}

fn content_of(profile: &Profile, words: &StatusWords) -> Content {
    if profile.filled == 0 {
        return Content::Empty;
    }
    let count = |is: &dyn Fn(&str) -> bool| {
        let words = profile.words().into_iter().flatten();
        let fitting = words.filter(|(word, _)| is(word));
        fitting.map(|(_, count)| *count).sum::<u64>()
    };
    let half = profile.filled.div_ceil(2);
    if count(&|word| read_flag(word).is_some()) >= half {
        return Content::Flags;
    }
    if !words.is_empty() && count(&|word| read_status(word, &[]).is_some()) >= half {
        return Content::Status;
    }
    let numbers = profile.tally(CellKind::Number);
    let times = profile.tally(CellKind::Instant);
    if times.good >= half && !(numbers.good >= half && numbers.good > times.good) {
        return Content::Times(None);
    }
    if let Some((fit @ Fit::DateFormat(_), fitting)) = times.best_fits().first().copied()
        && times.good + fitting >= half
    {
        return Content::Times(Some(fit));
    }
    if numbers.good >= half {
        return Content::Numbers;
    }
    Content::Texts
}

/// Describes the contents of a column about consent, and proposes what to do with it.
pub fn for_consent(
    hint: Hint,
    profile: &Profile,
    words: &StatusWords,
    name: &str,
    position: usize,
    is_taken: &dyn Fn(&Target) -> bool,
    new_field: &dyn Fn() -> Vec<Change>,
) -> (String, Vec<Change>) {
    let leave = |message: &str| (message.to_owned(), vec![ignore(name, position)]);
    let to = |field: &str| vec![column(name, position, field)];
    if hint.is_other_channel {
        return leave("is about consent, but not to e-mail");
    }
    let content = content_of(profile, words);
    let speaks = match content {
        Content::Times(_) | Content::Texts | Content::Numbers | Content::Empty => {
            let samples: Vec<&str> = profile.samples.iter().map(String::as_str).take(2).collect();
            match samples.is_empty() {
                true => "is about consent and is empty".to_owned(),
                false => format!("is about consent: {}", samples.join(", ")),
            }
        }
        Content::Flags | Content::Status => format!("is about consent: {}", words.shown()),
    };
    let is_reason_taken = Target::builtin("status_reason").is_some_and(|reason| is_taken(&reason));
    let changes = match (hint.topic, hint.aspect, content) {
        (Topic::OptIn, Aspect::Fact, Content::Empty) => to("opt_in"),
        (_, _, Content::Empty) => vec![ignore(name, position)],
        // A time says since when the topic applies, whatever the column is called.
        (topic, aspect, Content::Times(fit)) if aspect != Aspect::Detail => {
            let mut changes = to(match topic {
                Topic::OptIn | Topic::Confirmed => "subscribed_at",
                Topic::OptOut => "unsubscribed_at",
                Topic::Bounced => "bounced",
                Topic::Complained => "complained",
            });
            changes.extend(fit.and_then(|fit| fit_change(fit, call(name, position))));
            changes
        }
        (Topic::OptOut | Topic::Bounced | Topic::Complained, Aspect::Reason, _)
            if !is_reason_taken =>
        {
            to("status_reason")
        }
        (_, Aspect::Reason | Aspect::Detail, _) => vec![ignore(name, position)],
        (Topic::OptIn | Topic::Confirmed, _, Content::Status) => {
            let mut changes = to("status");
            changes.extend(words.say_unknown());
            changes
        }
        (Topic::OptIn, _, Content::Flags) => to("opt_in"),
        (Topic::Confirmed, _, Content::Flags) => to("confirmed"),
        // A text or a number does not say what the consent is for.
        (Topic::OptIn | Topic::Confirmed, ..) => new_field(),
        (Topic::OptOut, ..) => to("opt_out"),
        // The number of bounces does not show whether the address works.
        (Topic::Bounced, _, Content::Numbers) => vec![ignore(name, position)],
        (Topic::Bounced, ..) => to("bounced"),
        (Topic::Complained, ..) => to("complained"),
    };
    (speaks, changes)
}

/// Describes the contents of a column with an unknown name, and proposes what to do with it.
pub fn for_unknown(
    profile: &Profile,
    name: &str,
    position: usize,
    kind: QuestionKind,
    is_taken: &dyn Fn(&Target) -> bool,
    has_email: &dyn Fn() -> bool,
    new_field: &dyn Fn() -> Vec<Change>,
) -> (String, Vec<Change>) {
    let probable = vocabulary::probable(name).and_then(Target::builtin);
    let is_free = |target: &Target| {
        let fits = target
            .kind()
            .is_none_or(|kind| !profile.tally(kind).is_mostly_bad());
        kind == QuestionKind::Unknown && profile.filled > 0 && fits && !is_taken(target)
    };
    if let Some(target) = probable.filter(|target| is_free(target))
        && let Some(field) = target.name()
    {
        return (
            format!("is probably {field}"),
            vec![column(name, position, &field)],
        );
    }
    let email = Target::Builtin("email");
    if !has_email() && is_free(&email) && profile.tally(CellKind::Email).is_all_good() {
        return (
            "holds e-mail addresses".to_owned(),
            vec![column(name, position, "email")],
        );
    }
    if profile.filled == 0 {
        return ("is empty".to_owned(), vec![ignore(name, position)]);
    }
    if vocabulary::is_technical(name) {
        return (
            "is only used by the program that wrote the file".to_owned(),
            vec![ignore(name, position)],
        );
    }
    let message = match kind {
        QuestionKind::Again => "has the same meaning as another column",
        _ => "has a name that Rollcall does not know",
    };
    if is_made_up(name)
        && let Some(name_field) = name_field(profile, &is_free)
    {
        return (
            "seems to hold names".to_owned(),
            vec![column(name, position, name_field)],
        );
    }
    (message.to_owned(), new_field())
}

/// Returns the field of names that a column without a header seems to hold, judged by its first values.
fn name_field(profile: &Profile, is_free: &dyn Fn(&Target) -> bool) -> Option<&'static str> {
    let looks_like_name = |sample: &String| {
        let is_letter = |character: char| character.is_alphabetic() || " '-.’".contains(character);
        sample.chars().all(is_letter) && sample.chars().next().is_some_and(char::is_uppercase)
    };
    let samples = &profile.samples;
    if samples.is_empty() || !samples.iter().all(looks_like_name) {
        return None;
    }
    let has_two_words = samples.iter().any(|sample| sample.trim().contains(' '));
    let [first, last] = ["first_name", "last_name"].map(Target::Builtin);
    match () {
        () if has_two_words && is_free(&Target::FullName) && is_free(&first) && is_free(&last) => {
            Some(vocabulary::FULL_NAME)
        }
        () if has_two_words => None,
        () if is_free(&first) && is_free(&Target::FullName) => Some("first_name"),
        () if is_free(&last) && !is_free(&first) => Some("last_name"),
        () => None,
    }
}
