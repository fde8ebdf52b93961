//! The operators of react-querybuilder, and the tests that they stand for.

use crate::catalogue::Catalogue;
use crate::field::Field;

/// An operator on fields of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Operator {
    /// Its name in react-querybuilder.
    pub name: &'static str,
    /// The positive test that it stands for. `negated` says whether the opposite is meant.
    pub test: &'static str,
    /// The values it takes.
    pub takes: Takes,
    /// Whether the opposite of the test is meant.
    pub negated: bool,
}

/// The values that an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None: it tests whether there is a value.
    Nothing,
    /// None: the value of the test is `true`.
    True,
    /// One.
    One,
    /// One, although the test takes a list.
    OneOfList,
    /// A list.
    Several,
    /// Two, the lower first.
    Range,
}

/// What a rule of react-querybuilder can test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// A field of text.
    Text,
    /// A field of numbers.
    Number,
    /// A field of days.
    Day,
    /// A field of date-times.
    Instant,
    /// A field that is true or false.
    Boolean,
    /// A field that is a list of texts.
    List,
    /// The subscription status.
    Status,
    /// Membership of groups.
    Group,
    /// Membership of segments.
    Segment,
}

/// Names that can be in the place of a field but are not fields.
pub const NO_FIELDS: [&str; 3] = ["status", "group", "segment"];

const fn plain(name: &'static str, test: &'static str, takes: Takes) -> Operator {
    let negated = false;
    Operator {
        name,
        test,
        takes,
        negated,
    }
}

const fn denied(name: &'static str, test: &'static str, takes: Takes) -> Operator {
    let negated = true;
    Operator {
        name,
        test,
        takes,
        negated,
    }
}

const NULL: Operator = denied("null", "isSet", Takes::Nothing);
const NOT_NULL: Operator = plain("notNull", "isSet", Takes::Nothing);

const TEXT: [Operator; 12] = [
    plain("=", "equals", Takes::One),
    denied("!=", "equals", Takes::One),
    plain("contains", "contains", Takes::One),
    denied("doesNotContain", "contains", Takes::One),
    plain("beginsWith", "startsWith", Takes::One),
    denied("doesNotBeginWith", "startsWith", Takes::One),
    plain("endsWith", "endsWith", Takes::One),
    denied("doesNotEndWith", "endsWith", Takes::One),
    plain("in", "in", Takes::Several),
    denied("notIn", "in", Takes::Several),
    NULL,
    NOT_NULL,
];

const NUMBER: [Operator; 12] = [
    plain("=", "equals", Takes::One),
    denied("!=", "equals", Takes::One),
    plain("<", "lessThan", Takes::One),
    plain("<=", "atMost", Takes::One),
    plain(">", "greaterThan", Takes::One),
    plain(">=", "atLeast", Takes::One),
    plain("between", "between", Takes::Range),
    denied("notBetween", "between", Takes::Range),
    plain("in", "in", Takes::Several),
    denied("notIn", "in", Takes::Several),
    NULL,
    NOT_NULL,
];

const DATE: [Operator; 10] = [
    plain("=", "on", Takes::One),
    denied("!=", "on", Takes::One),
    plain("<", "before", Takes::One),
    plain("<=", "onOrBefore", Takes::One),
    plain(">", "after", Takes::One),
    plain(">=", "onOrAfter", Takes::One),
    plain("between", "between", Takes::Range),
    denied("notBetween", "between", Takes::Range),
    NULL,
    NOT_NULL,
];

/// The tests of a boolean have the value in their names; `is` stands for both `isTrue` and `isFalse`.
const BOOLEAN: [Operator; 4] = [
    plain("=", "is", Takes::One),
    denied("!=", "is", Takes::One),
    NULL,
    NOT_NULL,
];

const LIST: [Operator; 6] = [
    plain("in", "containsAny", Takes::Several),
    denied("notIn", "containsAny", Takes::Several),
    plain("contains", "containsAny", Takes::OneOfList),
    denied("doesNotContain", "containsAny", Takes::OneOfList),
    NULL,
    NOT_NULL,
];

const STATUS: [Operator; 4] = [
    plain("in", "in", Takes::Several),
    denied("notIn", "in", Takes::Several),
    plain("=", "in", Takes::OneOfList),
    denied("!=", "in", Takes::OneOfList),
];

const MEMBERSHIP: [Operator; 4] = [
    plain("in", "inAny", Takes::Several),
    denied("notIn", "inAny", Takes::Several),
    plain("=", "inAny", Takes::OneOfList),
    denied("!=", "inAny", Takes::OneOfList),
];

const GROUP: [Operator; 6] = [
    MEMBERSHIP[0],
    MEMBERSHIP[1],
    MEMBERSHIP[2],
    MEMBERSHIP[3],
    plain("null", "none", Takes::True),
    denied("notNull", "none", Takes::True),
];

impl SubjectKind {
    /// Returns the kind of a field, or `None` if there is no field with this name.
    pub fn of(name: &str, catalogue: &Catalogue) -> Option<SubjectKind> {
        Some(match name {
            "status" => SubjectKind::Status,
            "group" => SubjectKind::Group,
            "segment" => SubjectKind::Segment,
            name => match catalogue.find_field(name)? {
                Field::Text(_) => SubjectKind::Text,
                Field::Number(_) => SubjectKind::Number,
                Field::Date(field) if field.is_day() => SubjectKind::Day,
                Field::Date(_) => SubjectKind::Instant,
                Field::Boolean(_) => SubjectKind::Boolean,
                Field::List(_) => SubjectKind::List,
            },
        })
    }

    /// Returns the name of the node, which is also the name of the type.
    pub fn node_name(self) -> &'static str {
        match self {
            SubjectKind::Text => "text",
            SubjectKind::Number => "number",
            SubjectKind::Day | SubjectKind::Instant => "date",
            SubjectKind::Boolean => "boolean",
            SubjectKind::List => "list",
            SubjectKind::Status => "status",
            SubjectKind::Group => "group",
            SubjectKind::Segment => "segment",
        }
    }

    /// Lists the operators of this kind. Of operators with the same meaning, the first one is written.
    pub fn operators(self) -> &'static [Operator] {
        match self {
            SubjectKind::Text => &TEXT,
            SubjectKind::Number => &NUMBER,
            SubjectKind::Day | SubjectKind::Instant => &DATE,
            SubjectKind::Boolean => &BOOLEAN,
            SubjectKind::List => &LIST,
            SubjectKind::Status => &STATUS,
            SubjectKind::Group => &GROUP,
            SubjectKind::Segment => &MEMBERSHIP,
        }
    }

    /// Returns the name of the opposite of a test, if it has one.
    pub fn opposite(self, test: &str) -> Option<&'static str> {
        Some(match (self, test) {
            (SubjectKind::Text | SubjectKind::Number, "equals") => "notEquals",
            (SubjectKind::Text, "in") => "notIn",
            (SubjectKind::Text, "contains") => "notContains",
            (SubjectKind::List, "containsAny") => "containsNone",
            _ => return None,
        })
    }
}
