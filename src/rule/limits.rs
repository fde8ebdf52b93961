//! The limits of a rule. They bound the cost of a hostile or mistaken rule.

/// How deeply nodes may be nested; a rule of one condition has depth 1.
pub const MAX_DEPTH: usize = 16;
/// How many nodes a rule may have, logic and conditions together.
pub const MAX_NODES: usize = 500;
/// How many values a list in a rule may have.
pub const MAX_VALUES: usize = 10_000;
/// How many characters a regular expression may have.
pub const MAX_REGEX_LENGTH: usize = 500;
/// How many characters all regular expressions of a rule may have together.
pub const MAX_REGEXES_LENGTH: usize = 2_000;
/// How many bytes a compiled regular expression may need. The time of a search grows with this size times the length of
/// the text: the hardest expressions of this size that we found take 0.5 s for the longest text, and one of a mebibyte
/// takes 1.2 s. Ten times `\w` fits.
pub const MAX_REGEX_SIZE: usize = 1 << 19;
/// How many bytes all compiled regular expressions of a rule may need together.
pub const MAX_REGEXES_SIZE: usize = 4 << 20;
/// How many tests of properties a condition about events may have.
pub const MAX_EVENT_FILTERS: usize = 20;
/// The largest radius of a location test in kilometres: half way around the earth, rounded up.
pub const MAX_RADIUS_KM: f64 = 20_038.0;
/// How many problems of a rule are reported. The others are reported once these are fixed.
pub const MAX_PROBLEMS: usize = 100;
/// The largest amount of a period, whatever its unit.
pub const MAX_PERIOD: u32 = 100_000;
