//! The words of the language: what each node may contain, for the parser and for editors of rules.

/// A key that the body of a node or of a test may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The key.
    pub name: &'static str,
    /// What the key is for.
    pub role: Role,
    /// The kind of the value under the key.
    pub value: ValueKind,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A test: a condition has exactly one. It is under `is` if the node has a field.
    Test,
    /// What is computed from events, and the test of the result: at most one.
    Measure,
    /// The window in which something must have happened: at most one.
    Window,
    /// Tests of properties of events.
    Filter,
    /// What is tested, such as the name of events.
    Subject,
    /// A setting that changes how the test works.
    Option,
}

/// The kind of the value under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A regular expression.
    Pattern,
    /// A number.
    Number,
    /// A list of numbers.
    Numbers,
    /// Two numbers, `from` and `to`.
    NumberRange,
    /// A test of a number.
    NumberTest,
    /// A day or a date-time.
    Date,
    /// Two days or date-times, `from` and `to`.
    DateRange,
    /// A test of a day or a date-time.
    DateTest,
    /// An `amount` and a `unit`.
    Period,
    /// A month, 1 to 12.
    Month,
    /// `true` and nothing else.
    True,
    /// `true` or `false`.
    Flag,
    /// `latitude`, `longitude` and `radiusKm`.
    Circle,
    /// A list of statuses.
    Statuses,
    /// A list of keys of groups.
    GroupKeys,
    /// A list of keys of segments.
    SegmentKeys,
    /// A list of tests of properties.
    PropertyTests,
    /// One window of time.
    Window,
    /// Two lengths of time before now, `from` and `to`.
    PeriodRange,
    /// A whole period of the calendar.
    CalendarPeriod,
    /// The name of a property that holds numbers.
    Property,
}

const fn word(name: &'static str, role: Role, value: ValueKind) -> Word {
    Word { name, role, value }
}

const fn test(name: &'static str, value: ValueKind) -> Word {
    word(name, Role::Test, value)
}

/// The tests of texts.
pub const TEXT_TESTS: [Word; 10] = [
    test("equals", ValueKind::Text),
    test("notEquals", ValueKind::Text),
    test("in", ValueKind::Texts),
    test("notIn", ValueKind::Texts),
    test("contains", ValueKind::Text),
    test("notContains", ValueKind::Text),
    test("startsWith", ValueKind::Text),
    test("endsWith", ValueKind::Text),
    test("matches", ValueKind::Pattern),
    test("isSet", ValueKind::Flag),
];

/// The tests of numbers.
pub const NUMBER_TESTS: [Word; 9] = [
    test("equals", ValueKind::Number),
    test("notEquals", ValueKind::Number),
    test("greaterThan", ValueKind::Number),
    test("atLeast", ValueKind::Number),
    test("lessThan", ValueKind::Number),
    test("atMost", ValueKind::Number),
    test("between", ValueKind::NumberRange),
    test("in", ValueKind::Numbers),
    test("isSet", ValueKind::Flag),
];

/// The tests of days and date-times.
pub const DATE_TESTS: [Word; 17] = [
    test("on", ValueKind::Date),
    test("before", ValueKind::Date),
    test("after", ValueKind::Date),
    test("onOrBefore", ValueKind::Date),
    test("onOrAfter", ValueKind::Date),
    test("between", ValueKind::DateRange),
    test("inTheLast", ValueKind::Period),
    test("moreThanAgo", ValueKind::Period),
    test("betweenAgo", ValueKind::PeriodRange),
    test("inTheNext", ValueKind::Period),
    test("during", ValueKind::CalendarPeriod),
    test("isToday", ValueKind::True),
    test("anniversaryToday", ValueKind::True),
    test("anniversaryInTheNext", ValueKind::Period),
    test("anniversaryInTheLast", ValueKind::Period),
    test("anniversaryMonth", ValueKind::Month),
    test("isSet", ValueKind::Flag),
];

/// The tests of booleans.
pub const BOOLEAN_TESTS: [Word; 3] = [
    test("isTrue", ValueKind::True),
    test("isFalse", ValueKind::True),
    test("isSet", ValueKind::Flag),
];

/// The tests of lists of texts.
pub const LIST_TESTS: [Word; 5] = [
    test("containsAny", ValueKind::Texts),
    test("containsAll", ValueKind::Texts),
    test("containsNone", ValueKind::Texts),
    test("size", ValueKind::NumberTest),
    test("isSet", ValueKind::Flag),
];

/// The tests of the status.
pub const STATUS_TESTS: [Word; 1] = [test("in", ValueKind::Statuses)];

/// The tests of the location of a subscriber.
pub const LOCATION_TESTS: [Word; 2] = [
    test("within", ValueKind::Circle),
    test("isSet", ValueKind::Flag),
];

/// The keys that a condition about groups may have.
pub const GROUP_WORDS: [Word; 4] = [
    test("inAny", ValueKind::GroupKeys),
    test("inAll", ValueKind::GroupKeys),
    test("none", ValueKind::True),
    word("addedAt", Role::Window, ValueKind::Window),
];

/// The keys that a condition about segments may have.
pub const SEGMENT_WORDS: [Word; 4] = [
    test("inAny", ValueKind::SegmentKeys),
    test("inAll", ValueKind::SegmentKeys),
    word("ever", Role::Option, ValueKind::True),
    word("joinedAt", Role::Window, ValueKind::Window),
];

/// The windows of time.
pub const WINDOWS: [Word; 6] = [
    word("inTheLast", Role::Window, ValueKind::Period),
    word("betweenAgo", Role::Window, ValueKind::PeriodRange),
    word("during", Role::Window, ValueKind::CalendarPeriod),
    word("between", Role::Window, ValueKind::DateRange),
    word("before", Role::Window, ValueKind::Date),
    word("after", Role::Window, ValueKind::Date),
];

/// The measures of events.
pub const MEASURES: [Word; 8] = [
    word("count", Role::Measure, ValueKind::NumberTest),
    word("distinctDays", Role::Measure, ValueKind::NumberTest),
    word("sum", Role::Measure, ValueKind::NumberTest),
    word("average", Role::Measure, ValueKind::NumberTest),
    word("min", Role::Measure, ValueKind::NumberTest),
    word("max", Role::Measure, ValueKind::NumberTest),
    word("firstAt", Role::Measure, ValueKind::DateTest),
    word("lastAt", Role::Measure, ValueKind::DateTest),
];

/// The keys that may accompany a measure of events.
pub const MEASURE_OPTIONS: [Word; 1] = [word("of", Role::Option, ValueKind::Property)];

/// The other keys that a condition about events may have.
pub const EVENT_WORDS: [Word; 3] = [
    word("name", Role::Subject, ValueKind::Text),
    word("names", Role::Subject, ValueKind::Texts),
    word("where", Role::Filter, ValueKind::PropertyTests),
];

/// The keys of a random share, all of which are required.
pub const RANDOM_WORDS: [Word; 3] = [
    word("salt", Role::Subject, ValueKind::Text),
    word("fromPercent", Role::Test, ValueKind::Number),
    word("toPercent", Role::Test, ValueKind::Number),
];

/// The keys that a condition about a text may have besides its test.
pub const TEXT_OPTIONS: [Word; 1] = [word("caseSensitive", Role::Option, ValueKind::Flag)];

/// Returns the keys of the words.
pub const fn names<const N: usize>(words: &[Word; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut place = 0;
    while place < N {
        names[place] = words[place].name;
        place += 1;
    }
    names
}

/// Lists the keys that a condition of this node may contain, besides the field. Returns an empty list for logic and
/// unknown nodes.
pub fn list_words(node_name: &str) -> Vec<Word> {
    match node_name {
        "text" => [&TEXT_TESTS[..], &TEXT_OPTIONS].concat(),
        "number" => NUMBER_TESTS.to_vec(),
        "date" => DATE_TESTS.to_vec(),
        "boolean" => BOOLEAN_TESTS.to_vec(),
        "list" => LIST_TESTS.to_vec(),
        "status" => STATUS_TESTS.to_vec(),
        "location" => LOCATION_TESTS.to_vec(),
        "group" => GROUP_WORDS.to_vec(),
        "segment" => SEGMENT_WORDS.to_vec(),
        "event" => [&EVENT_WORDS[..], &WINDOWS, &MEASURES, &MEASURE_OPTIONS].concat(),
        "random" => RANDOM_WORDS.to_vec(),
        _ => Vec::new(),
    }
}
