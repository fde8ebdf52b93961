//! Moments: the range they lie in, at every door; windows that reach beyond it; rules that fail alone; clocks that were
//! wrong.

mod clock;
mod doors;
mod failing;
mod fuzz;
mod windows;

const FIRST: &str = "0001-01-01T00:00:00Z";
const LAST: &str = "9999-12-31T23:59:59.999999Z";

/// Texts that look like moments and that no door takes: years outside, offsets that lead outside, leap seconds.
const OUTSIDE: [&str; 13] = [
    "-5000-01-01T00:00:00Z",
    "-0001-12-31T00:00:00Z",
    "-0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "10000-01-01T00:00:00Z",
    "+10000-01-01T00:00:00Z",
    "+12000-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2017-01-01T00:59:60.5+01:00",
    "9999-12-31T23:59:60Z",
];
