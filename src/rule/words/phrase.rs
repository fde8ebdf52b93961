//! A condition in English: as a clause of a sentence, as a line of a tree, and as the expected value alone.

use super::{
    accepts_zero, ago, amount, calendar_period, date, each_of, month, none_or_one, number, one_of,
    period, quote, quotes, span, things,
};
use crate::condition::{
    BooleanTest, Condition, DateTest, ListTest, LocationTest, NumberTest, Quantifier, TextTest,
};

/// The description of a condition.
pub struct Phrase {
    /// As a clause after "subscribers", such as `whose country is "LT"`.
    pub clause: String,
    /// The expected value, to be shown beside the actual one: `"LT"`.
    pub wanted: String,
}

impl Phrase {
    /// Makes a phrase of a clause and the expected value.
    pub fn new(clause: String, wanted: String) -> Phrase {
        Phrase { clause, wanted }
    }

    /// Makes a phrase about the value of a subject: `said` follows its name.
    pub fn of_value(subject: &str, said: &str) -> Phrase {
        let wanted = said.strip_prefix("is ").unwrap_or(said).to_owned();
        Phrase::new(format!("whose {subject} {said}"), wanted)
    }

    /// Returns the clause without its leading words, for a line of a tree.
    pub fn into_text(self) -> String {
        if let Some(rest) = self.clause.strip_prefix("who do not have ") {
            return format!("not {rest}");
        }
        let lead_in = ["whose ", "who are ", "who were ", "who have "];
        let text = lead_in
            .iter()
            .find_map(|words| self.clause.strip_prefix(words));
        text.map(str::to_owned).unwrap_or(self.clause)
    }
}

/// Describes a test of a field or a property. `may_be_missing` says whether the value can be missing.
pub fn say_test(
    condition: &Condition,
    subject: &str,
    may_be_missing: bool,
    negated: bool,
) -> Phrase {
    let said = match condition {
        Condition::Text {
            test,
            case_sensitive,
            ..
        } => {
            let mut said = say_text_test(test, may_be_missing, negated);
            if *case_sensitive && !matches!(test, TextTest::IsSet(_)) {
                said.push_str(" (case-sensitive)");
            }
            said
        }
        Condition::Number { test, .. } => say_number_test(test, negated),
        Condition::Date { test, .. } => say_date_test(test, may_be_missing, negated),
        Condition::Boolean { test, .. } => match (test, negated) {
            (BooleanTest::IsTrue, false) => "is true".to_owned(),
            (BooleanTest::IsFalse, false) => "is false".to_owned(),
            (BooleanTest::IsTrue, true) => "is missing or false".to_owned(),
            (BooleanTest::IsFalse, true) => "is missing or true".to_owned(),
            (BooleanTest::IsSet(wanted), _) => say_set(*wanted != negated),
        },
        Condition::List { test, .. } => say_list_test(test, negated),
        _ => String::new(),
    };
    Phrase::of_value(subject, &said)
}

fn say_set(is_set: bool) -> String {
    let said = if is_set { "is set" } else { "is missing" };
    said.to_owned()
}

/// Adds "is missing" to words about a value, for tests that also match a missing value.
fn or_missing(may_be_missing: bool, said: &str) -> String {
    match (may_be_missing, said.strip_prefix("is ")) {
        (false, _) => said.to_owned(),
        (true, Some(rest)) => format!("is missing or {rest}"),
        (true, None) => format!("is missing or {said}"),
    }
}

fn say_text_test(test: &TextTest, may_be_missing: bool, negated: bool) -> String {
    let (positive, negative) = match test {
        TextTest::NotEquals(text) => {
            return say_text_test(&TextTest::Equals(text.clone()), may_be_missing, !negated);
        }
        TextTest::NotIn(texts) => {
            return say_text_test(&TextTest::In(texts.clone()), may_be_missing, !negated);
        }
        TextTest::NotContains(text) => {
            let opposite = TextTest::Contains(text.clone());
            return say_text_test(&opposite, may_be_missing, !negated);
        }
        TextTest::IsSet(wanted) => return say_set(*wanted != negated),
        TextTest::Equals(text) => (
            format!("is {}", quote(text)),
            format!("is not {}", quote(text)),
        ),
        TextTest::In(texts) => {
            let said = |negated| format!("is {}", none_or_one(quotes(texts).into_iter(), negated));
            (said(false), said(true))
        }
        TextTest::Contains(text) => say_verb("contains", "contain", &quote(text)),
        TextTest::StartsWith(text) => say_verb("starts with", "start with", &quote(text)),
        TextTest::EndsWith(text) => say_verb("ends with", "end with", &quote(text)),
        TextTest::Matches(pattern) => say_verb("matches", "match", &quote(pattern.as_str())),
    };
    if negated {
        or_missing(may_be_missing, &negative)
    } else {
        positive
    }
}

/// Returns the verb with its object, and the same negated.
fn say_verb(does: &str, to_do: &str, object: &str) -> (String, String) {
    (
        format!("{does} {object}"),
        format!("does not {to_do} {object}"),
    )
}

/// Describes a test of a number, to follow the name of the number.
pub fn say_number_test(test: &NumberTest, negated: bool) -> String {
    match test {
        NumberTest::IsSet(wanted) => say_set(*wanted != negated),
        NumberTest::NotEquals(value) => say_number_test(&NumberTest::Equals(*value), !negated),
        _ if negated => format!("is missing or {}", amount(test, true)),
        _ => format!("is {}", amount(test, false)),
    }
}

/// Describes a test of a day or a date-time, to follow its name.
pub fn say_date_test(test: &DateTest, may_be_missing: bool, negated: bool) -> String {
    let (positive, negative) = match test {
        DateTest::IsSet(wanted) => return say_set(*wanted != negated),
        DateTest::AnniversaryToday => say_verb("comes round", "come round", "today"),
        DateTest::AnniversaryInTheNext(of) => {
            let object = format!("in the next {}", span(*of));
            say_verb("comes round", "come round", &object)
        }
        DateTest::AnniversaryInTheLast(of) => {
            let object = format!("in the last {}", span(*of));
            let (_, did_not) = say_verb("", "come round", &object);
            (
                format!("came round {object}"),
                did_not.replacen("does", "did", 1),
            )
        }
        DateTest::AnniversaryMonth(of) => {
            say_verb("falls", "fall", &format!("in {} of any year", month(*of)))
        }
        _ => {
            let when = say_when(test);
            (format!("is {when}"), format!("is not {when}"))
        }
    };
    if negated {
        or_missing(may_be_missing, &negative)
    } else {
        positive
    }
}

fn say_when(test: &DateTest) -> String {
    match test {
        DateTest::On(day) => format!("on {}", date(*day)),
        DateTest::Before(day) => format!("before {}", date(*day)),
        DateTest::After(day) => format!("after {}", date(*day)),
        DateTest::OnOrBefore(day) => format!("on or before {}", date(*day)),
        DateTest::OnOrAfter(day) => format!("on or after {}", date(*day)),
        DateTest::Between(from, to) => format!("between {} and {}", date(*from), date(*to)),
        DateTest::InTheLast(of) => format!("in the last {}", span(*of)),
        DateTest::MoreThanAgo(of) => format!("more than {} ago", period(*of)),
        DateTest::BetweenAgo(from, to) => format!("between {}", ago(*from, "and", *to)),
        DateTest::During(of) => calendar_period(*of, "in"),
        DateTest::InTheNext(of) => format!("in the next {}", span(*of)),
        _ => "today".to_owned(),
    }
}

fn say_list_test(test: &ListTest, negated: bool) -> String {
    let (positive, negative) = match test {
        ListTest::IsSet(wanted) => return say_set(*wanted != negated),
        ListTest::Size(test) => {
            let items = things(test, negated, "item", "items");
            let none = if accepts_zero(test, negated) {
                " (a missing list has none)"
            } else {
                ""
            };
            return match items.strip_prefix("not ") {
                Some(items) => format!("does not have {items}{none}"),
                None => format!("has {items}{none}"),
            };
        }
        ListTest::ContainsNone(texts) => {
            return say_list_test(&ListTest::ContainsAny(texts.clone()), !negated);
        }
        ListTest::ContainsAny(texts) | ListTest::ContainsAll(texts) if texts.len() == 1 => {
            say_verb("contains", "contain", &one_of(&quotes(texts)))
        }
        ListTest::ContainsAny(texts) => (
            format!("contains {}", one_of(&quotes(texts))),
            format!("contains none of {}", each_of(&quotes(texts))),
        ),
        ListTest::ContainsAll(texts) => {
            let all = format!("all of {}", each_of(&quotes(texts)));
            say_verb("contains", "contain", &all)
        }
    };
    if negated {
        or_missing(true, &negative)
    } else {
        positive
    }
}

pub fn say_location(test: &LocationTest, negated: bool) -> Phrase {
    match test {
        LocationTest::IsSet(wanted) => Phrase::of_value("location", &say_set(*wanted != negated)),
        LocationTest::Within {
            latitude,
            longitude,
            radius_km,
        } => {
            let radius = format!("{} km", number(*radius_km));
            let place = format!(
                "latitude {}, longitude {}",
                number(*latitude),
                number(*longitude)
            );
            let said = if negated {
                format!("is missing or more than {radius} from {place}")
            } else {
                format!("is within {radius} of {place}")
            };
            Phrase::of_value("location", &said)
        }
    }
}

/// Describes membership of groups or segments.
pub fn say_membership(
    what: &str,
    quantifier: Quantifier,
    keys: &[String],
    added: &str,
    negated: bool,
) -> Phrase {
    let listed = quotes(keys);
    // After a negated membership, a window in parentheses must not read like a remark about the subscribers who are not
    // members.
    if negated && !added.is_empty() {
        let inside = say_membership(what, quantifier, keys, added, false).wanted;
        let wanted = format!("not among those {inside}");
        return Phrase::new(format!("who are {wanted}"), wanted);
    }
    let wanted = match (listed.as_slice(), quantifier, negated) {
        ([only], _, false) => format!("in the {what} {only}"),
        ([only], _, true) => format!("not in the {what} {only}"),
        (several, Quantifier::Any, false) => format!("in one of the {what}s {}", each_of(several)),
        (several, Quantifier::Any, true) => format!("in none of the {what}s {}", each_of(several)),
        (several, Quantifier::All, false) => format!("in all of the {what}s {}", each_of(several)),
        (several, Quantifier::All, true) => {
            format!("not in all of the {what}s {}", each_of(several))
        }
    };
    let wanted = format!("{wanted}{added}");
    Phrase::new(format!("who are {wanted}"), wanted)
}

/// Describes past or present membership of segments.
pub fn say_past_membership(
    quantifier: Quantifier,
    keys: &[String],
    joined: &str,
    negated: bool,
) -> Phrase {
    let positive = say_membership("segment", quantifier, keys, joined, false).wanted;
    if !negated {
        let wanted = format!("ever {positive}");
        return Phrase::new(format!("who were {wanted}"), wanted);
    }
    if !joined.is_empty() {
        let wanted = format!("not among those ever {positive}");
        return Phrase::new(format!("who are {wanted}"), wanted);
    }
    let wanted = match quantifier {
        Quantifier::Any => format!("never {}", positive.replacen("in one of", "in any of", 1)),
        Quantifier::All if keys.len() == 1 => format!("never {positive}"),
        Quantifier::All => format!("not ever {positive}"),
    };
    Phrase::new(format!("who were {wanted}"), wanted)
}
