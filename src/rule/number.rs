//! Numbers are IEEE doubles. Written digits become the nearest double. A number that this would change is refused, so
//! that no number silently becomes another.

use serde_json::{Number, Value};
use std::borrow::Cow;

/// Every whole number up to this one is a double. Beyond it, doubles have gaps between them.
const GAPS_FROM: f64 = 9_007_199_254_740_992.0;

/// Every decimal number with this many significant digits survives a round trip through a double.
const SAFE_DIGITS: usize = 15;

/// No double has more significant decimal digits.
const MOST_DIGITS: usize = 767;

/// Checks that a double still is the number that was written. Beyond 2^53, where doubles have gaps, the double rounded
/// to as many digits as were written must have the written digits: `1e300` and `9007199254740994` pass,
/// `9007199254740993` does not. Fractions may be rounded to the nearest double, as `0.1` is.
///
/// # Errors
/// Fails with a message that says what was expected and found, and how to fix it.
pub fn check_digits(written: &str, double: f64) -> Result<(), String> {
    let refused = |reason: &str| {
        let written = super::shorten(written);
        Err(format!(
            "expected a number that a double holds, found {written}: {reason}"
        ))
    };
    if !double.is_finite() {
        return refused("the greatest is 1.7976931348623157e308");
    }
    let is_short = written.len() <= SAFE_DIGITS || double.abs() < GAPS_FROM;
    if is_short && double != 0.0 {
        return Ok(());
    }
    let digits = significant_digits(written);
    if digits.is_empty() {
        return Ok(());
    }
    if double == 0.0 {
        return refused("the least beside 0 is 5e-324");
    }
    if digits.len() <= MOST_DIGITS {
        let exact = format!("{:.*e}", digits.len() - 1, double.abs());
        if significant_digits(&exact) == digits {
            return Ok(());
        }
    }
    refused(&format!(
        "the nearest is {double:e}; write it as a text to keep every digit"
    ))
}

/// Returns the digits of a decimal number without its sign, point, exponent, and the zeros at both ends.
fn significant_digits(written: &str) -> String {
    let end = written.find(['e', 'E']).unwrap_or(written.len());
    let digits = written[..end].chars().filter(char::is_ascii_digit);
    let digits: String = digits.skip_while(|digit| *digit == '0').collect();
    digits.trim_end_matches('0').to_owned()
}

/// Returns the double of a JSON number.
///
/// # Errors
/// Fails if the number is a whole number that no double holds.
pub fn read_double(number: &Number) -> Result<f64, String> {
    let double = number.as_f64().unwrap_or(f64::INFINITY);
    if !number.is_f64() {
        check_digits(&number.to_string(), double)?;
    }
    Ok(double)
}

/// Returns the whole number of a JSON value, or `None` if it is not one. `7`, `7.0` and `7e0` are the same number.
pub fn read_whole(value: &Value) -> Option<u64> {
    let is_whole = |double: &f64| double.fract() == 0.0 && (0.0..=GAPS_FROM).contains(double);
    let of_double = || value.as_f64().filter(is_whole).map(|double| double as u64);
    value.as_u64().or_else(of_double)
}

/// Finds the first number in a JSON text that no double holds. Returns its path and what is wrong with it. The text is
/// scanned because a parsed value has lost the digits. Only numbers below the path of keys `below` count.
pub fn find_lost_digits(json: &str, below: &[&str]) -> Option<(String, String)> {
    let mut scanner = Scanner {
        json,
        place: 0,
        frames: Vec::new(),
        is_key: false,
    };
    while let Some(token) = scanner.next_number() {
        let checked = token.parse().map(|double| check_digits(token, double));
        if let Ok(Err(message)) = checked
            && let Some(path) = scanner.path_below(below)
        {
            return Some((path, message));
        }
    }
    None
}

/// Goes through a valid JSON text from number to number.
struct Scanner<'j> {
    json: &'j str,
    place: usize,
    frames: Vec<Frame<'j>>,
    /// Whether the next string is the key of an object.
    is_key: bool,
}

/// Where in an object or a list the scanner is.
enum Frame<'j> {
    /// At the value of this key. The key still has its quotes and escapes.
    Object(&'j str),
    /// At an item.
    List(usize),
}

impl<'j> Scanner<'j> {
    fn next_number(&mut self) -> Option<&'j str> {
        let bytes = self.json.as_bytes();
        while let Some(byte) = bytes.get(self.place) {
            match byte {
                b'"' => {
                    let text = self.take(string_length);
                    if self.is_key
                        && let Some(Frame::Object(key)) = self.frames.last_mut()
                    {
                        *key = text;
                    }
                    continue;
                }
                b'-' | b'0'..=b'9' => return Some(self.take(number_length)),
                b'{' => self.frames.push(Frame::Object("")),
                b'[' => self.frames.push(Frame::List(0)),
                b'}' | b']' => {
                    self.frames.pop();
                }
                b',' => {
                    if let Some(Frame::List(index)) = self.frames.last_mut() {
                        *index += 1;
                    }
                }
                _ => {}
            }
            match byte {
                b'{' | b',' => self.is_key = matches!(self.frames.last(), Some(Frame::Object(_))),
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => self.is_key = false,
            }
            self.place += 1;
        }
        None
    }

    fn take(&mut self, length: fn(&[u8]) -> usize) -> &'j str {
        let rest = &self.json[self.place..];
        let taken = &rest[..length(rest.as_bytes())];
        self.place += taken.len();
        taken
    }

    /// Returns the path of the scanner's place relative to these keys, or `None` if the place is not below them.
    fn path_below(&self, below: &[&str]) -> Option<String> {
        let (above, within) = self.frames.split_at_checked(below.len())?;
        let is_below = above.iter().zip(below).all(|(frame, wanted)| match frame {
            Frame::Object(key) => unquote(key) == *wanted,
            Frame::List(_) => false,
        });
        let mut path = String::new();
        for frame in within {
            match frame {
                Frame::List(index) => path.push_str(&format!("[{index}]")),
                Frame::Object(key) if path.is_empty() => path.push_str(&unquote(key)),
                Frame::Object(key) => path.push_str(&format!(".{}", unquote(key))),
            }
        }
        is_below.then_some(path)
    }
}

fn string_length(rest: &[u8]) -> usize {
    let mut place = 1;
    while let Some(byte) = rest.get(place) {
        match byte {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    rest.len()
}

fn number_length(rest: &[u8]) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    rest.iter().take_while(|byte| is_part(byte)).count()
}

fn unquote(key: &str) -> Cow<'_, str> {
    match serde_json::from_str::<String>(key) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(written: &str) -> Result<(), String> {
        check_digits(written, written.parse().expect("a number"))
    }

    #[test]
    fn digits_that_a_double_holds_are_kept() {
        for written in [
            "0",
            "-0.0",
            "0e999",
            "0.1",
            "0.1000000000000000055511151231257827",
            "90.3333333333333333333",
            "9007199254740991",
            "9007199254740992",
            "9007199254740994.0",
            "-9007199254740994",
            "900719925474099.4e1",
            "1e23",
            "100000000000000000000000",
            "9.9999999999999992e22",
            "18446744073709551616",
            "18446744073709552000",
            "1.7976931348623157e308",
            "5e-324",
            "1e-320",
            "4.9406564584124654e-324",
        ] {
            assert_eq!(check(written), Ok(()), "{written}");
        }
        assert_eq!(check(&format!("{}", f64::MAX)), Ok(()));
        assert_eq!(check(&format!("{:.20}", 1e300)), Ok(()));
    }

    #[test]
    fn digits_that_no_double_holds_are_refused() {
        for written in [
            "9007199254740993",
            "-9007199254740993",
            "9007199254740993.0",
            "9.007199254740993e15",
            "9007199254740993.5",
            "9007199254740993e0",
            "12345678901234567",
            "18446744073709551617",
            "1e309",
            "1e-400",
            "-2e-324",
        ] {
            assert!(check(written).is_err(), "{written}");
        }
        let endless = format!("{}1", "9".repeat(100_000));
        assert!(check(&endless).is_err());
        assert_eq!(
            check("9007199254740993.0"),
            Err("expected a number that a double holds, found 9007199254740993.0: the nearest is 9.007199254740992e15; write it as a text to keep every digit".to_owned())
        );
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        for (value, whole) in [
            (json!(7), Some(7)),
            (json!(7.0), Some(7)),
            (json!(-0.0), Some(0)),
            (json!(7.5), None),
            (json!(-7.0), None),
            (json!(1e300), None),
            (json!("7"), None),
        ] {
            assert_eq!(read_whole(&value), whole, "{value}");
        }
    }

    #[test]
    fn lost_digits_are_found_in_json_with_their_place() {
        let path = |json: &str, below: &[&str]| find_lost_digits(json, below).map(|(path, _)| path);
        let json = r#"{"a": "9007199254740993", "9007199254740993": [1, 2.5e3, {"b\"c": [[], 9007199254740993.0]}]}"#;
        assert_eq!(
            path(json, &[]).as_deref(),
            Some("9007199254740993[2].b\"c[1]")
        );
        let request = r#"{"extensions": {"trace": 12345678901234567}, "variables" : {"n":12345678901234567}}"#;
        assert_eq!(path(request, &["variables"]).as_deref(), Some("n"));
        assert_eq!(path(request, &["query"]), None);
        assert_eq!(
            path("12345678901234567", &[]).as_deref(),
            Some(""),
            "a number alone"
        );
        assert_eq!(path(r#"{"a": [9007199254740994, 0.1, "\\"]}"#, &[]), None);
        assert_eq!(path(r#"[1e-400"#, &[]).as_deref(), Some("[0]"));
    }
}
