//! The bounds of events, the same for the API and for files: every event that one of them accepts can be exported in a
//! form that the other accepts too.

use super::clean::clean_text;
use serde_json::{Map, Value};

/// The longest name of an event, in characters.
pub const MAX_NAME: usize = 100;
/// Values are smaller than this.
pub const MAX_VALUE: f64 = 1e12;
/// The most decimals of a value. Sums are exact because of it: they are counted in millionths.
pub const MAX_DECIMALS: usize = 6;
/// The longest dedupe key, in characters. An index must be able to hold it.
pub const MAX_DEDUPE_KEY: usize = 255;
/// The longest name of a property, in characters.
pub const MAX_PROPERTY_NAME: usize = 255;
/// The largest size of all properties together, in bytes of the JSON that exports write. CSV doubles quotes, so up
/// to twice this size must fit into a row of a file with the other columns.
pub const MAX_PROPERTIES: usize = 1 << 16;
/// How deeply objects and lists may be nested in properties, the outermost object included.
pub const MAX_DEPTH: usize = 32;

/// Trims and checks the name of an event.
///
/// # Errors
/// What was expected and found.
pub fn clean_name(name: &str) -> Result<String, String> {
    let name = clean_text(name)?.ok_or("expected the name of an event, found an empty text")?;
    check_length("the name of an event", &name, MAX_NAME)?;
    Ok(name)
}

/// Trims and checks a dedupe key. Returns `None` if it is empty.
///
/// # Errors
/// What was expected and found.
pub fn clean_dedupe_key(key: &str) -> Result<Option<String>, String> {
    let key = clean_text(key)?;
    if let Some(key) = &key {
        check_length("a dedupe key", key, MAX_DEDUPE_KEY)?;
    }
    Ok(key)
}

fn check_length(what: &str, text: &str, most: usize) -> Result<(), String> {
    match text.chars().count() {
        length if length > most => Err(format!(
            "expected {what} of at most {most} characters, found {length}"
        )),
        _ => Ok(()),
    }
}

/// Checks the value of an event.
///
/// # Errors
/// If it is too large, or has more decimals than are kept.
pub fn clean_value(value: f64) -> Result<f64, String> {
    if !value.is_finite() || value.abs() >= MAX_VALUE {
        return Err(format!(
            "expected a value between -{MAX_VALUE:e} and {MAX_VALUE:e}, found {value}; larger ones cannot be summed exactly"
        ));
    }
    let written = value.to_string();
    let decimals = written
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    if decimals > MAX_DECIMALS {
        return Err(format!(
            "expected a value of at most {MAX_DECIMALS} decimals, so that sums are exact, found {value}; round it, here to {value:.MAX_DECIMALS$}"
        ));
    }
    Ok(value + 0.0)
}

/// Checks the properties of an event.
///
/// # Errors
/// What was expected and found, and where in the properties.
pub fn check_properties(properties: &Map<String, Value>) -> Result<(), String> {
    let size = measure_object(properties, 1).map_err(|problem| match problem.path.as_str() {
        "" => problem.message,
        path => format!("{path}: {}", problem.message),
    })?;
    if size > MAX_PROPERTIES {
        return Err(format!(
            "expected properties of at most {MAX_PROPERTIES} bytes as an export writes them, found {size}"
        ));
    }
    Ok(())
}

/// A problem of a part of the properties.
struct Misfit {
    path: String,
    message: String,
}

impl Misfit {
    fn new(message: impl Into<String>) -> Misfit {
        Misfit {
            path: String::new(),
            message: message.into(),
        }
    }

    /// Puts the place of the part in another part before the path.
    fn within(mut self, place: &str) -> Misfit {
        let separator = match self.path.as_bytes().first() {
            None | Some(b'[') => "",
            _ => ".",
        };
        self.path = format!("{place}{separator}{}", self.path);
        self
    }
}

/// Returns how many bytes a value has in the JSON that Postgres writes: with blanks, and numbers without exponents.
fn measure(value: &Value, depth: usize) -> Result<usize, Misfit> {
    match value {
        Value::Null => Ok("null".len()),
        Value::Bool(flag) => Ok(flag.to_string().len()),
        Value::Number(number) => Ok(match number.as_f64().filter(|_| number.is_f64()) {
            Some(double) => double.to_string().len() + ".0".len(),
            None => number.to_string().len(),
        }),
        Value::String(text) => measure_text(text),
        Value::Array(items) => {
            check_depth(depth)?;
            let mut size = "[]".len();
            for (place, item) in items.iter().enumerate() {
                let inside = measure(item, depth + 1);
                size += inside.map_err(|misfit| misfit.within(&format!("[{place}]")))?;
            }
            Ok(size + ", ".len() * items.len().saturating_sub(1))
        }
        Value::Object(fields) => measure_object(fields, depth),
    }
}

fn measure_object(fields: &Map<String, Value>, depth: usize) -> Result<usize, Misfit> {
    check_depth(depth)?;
    let mut size = "{}".len();
    for (name, value) in fields {
        check_length("the name of a property", name, MAX_PROPERTY_NAME).map_err(Misfit::new)?;
        size += measure_text(name)? + ": ".len();
        size += measure(value, depth + 1).map_err(|misfit| misfit.within(name))?;
    }
    Ok(size + ", ".len() * fields.len().saturating_sub(1))
}

fn check_depth(depth: usize) -> Result<(), Misfit> {
    match depth > MAX_DEPTH {
        true => Err(Misfit::new(format!(
            "expected objects and lists nested at most {MAX_DEPTH} deep, found more"
        ))),
        false => Ok(()),
    }
}

fn measure_text(text: &str) -> Result<usize, Misfit> {
    let mut size = "\"\"".len();
    for byte in text.bytes() {
        size += match byte {
            0 => {
                let message = "expected a text without NUL characters, found one";
                return Err(Misfit::new(message));
            }
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
            0x01..0x20 => "\\u0000".len(),
            _ => 1,
        };
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value) -> Result<(), String> {
        let Value::Object(map) = value else {
            panic!("properties are an object");
        };
        check_properties(&map)
    }

    #[test]
    fn values_keep_every_decimal_or_are_refused() {
        for value in [0.1, -19.99, 1e-6, 123_456_789_012.123_46, 999_999_999_999.0] {
            assert_eq!(clean_value(value), Ok(value));
        }
        assert_eq!(
            clean_value(-0.0).map(f64::to_bits),
            Ok(0),
            "zero has no sign"
        );
        assert_eq!(
            clean_value(0.1 + 0.2),
            Err("expected a value of at most 6 decimals, so that sums are exact, found 0.30000000000000004; round it, here to 0.300000".to_owned())
        );
        for value in [1e12, -1e300, f64::INFINITY, f64::NAN, 1e-7, 5e-324] {
            assert!(clean_value(value).is_err(), "{value}");
        }
    }

    #[test]
    fn properties_are_measured_as_exports_write_them() {
        // Seven bytes of a request become more than three hundred bytes of an export.
        let large = |count: usize| json!({ "n": vec![1e300; count] });
        assert_eq!(check(large(200)), Ok(()));
        assert!(check(large(300)).is_err_and(|message| message.contains("65536 bytes")));
        let text = |length: usize| json!({ "text": "\u{1}".repeat(length) });
        assert_eq!(check(text(10_900)), Ok(()));
        assert!(check(text(11_000)).is_err());
    }

    #[test]
    fn what_is_wrong_with_properties_is_said_with_its_place() {
        assert_eq!(
            check(json!({"a": {"b": ["", "x\0"]}})),
            Err("a.b[1]: expected a text without NUL characters, found one".to_owned())
        );
        assert_eq!(
            check(json!({"a": {"\0": 1}})),
            Err("a: expected a text without NUL characters, found one".to_owned())
        );
        let long = "n".repeat(256);
        assert_eq!(
            check(json!({ long: 1 })),
            Err("expected the name of a property of at most 255 characters, found 256".to_owned())
        );
        let nested = |depth: usize| (1..depth).fold(json!([]), |inner, _| json!([inner]));
        assert_eq!(check(json!({"a": nested(31)})), Ok(()));
        assert!(check(json!({"a": nested(32)})).is_err_and(|message| message.contains("32 deep")));
    }
}
