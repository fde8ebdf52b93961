//! Numbers as a file writes them.

use crate::audience::clean::clean_number;

/// What may stand between groups of three digits where decimals follow a comma: a point, an apostrophe, and blanks that
/// do and do not break a line.
const BETWEEN_GROUPS: [char; 5] = ['.', '\'', ' ', '\u{a0}', '\u{202f}'];

/// Reads numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumberReader {
    /// Whether decimals follow a comma, as in `1.234,5`. Otherwise they follow a point, and nothing parts the digits before
    /// it: which of the two a file means is never guessed.
    pub decimal_comma: bool,
}

impl NumberReader {
    /// Reads the number in a cell; an empty one is missing.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn read(self, cell: &str) -> Result<Option<f64>, String> {
        let text = cell.trim();
        if !self.decimal_comma {
            return clean_number(text).map_err(|message| match with_point(text) {
                Some(_) if text.contains(',') => {
                    format!(
                        "{message}; if decimals follow a comma in the file, say so (decimal comma)"
                    )
                }
                _ => message,
            });
        }
        if text.is_empty() {
            return Ok(None);
        }
        let expected = || format!("expected a number such as 1.234,5, found \"{text}\"");
        let written = with_point(text).ok_or_else(expected)?;
        clean_number(&written)
    }
}

/// Writes a number whose decimals follow a comma with a point, without what stands between its groups; nothing if it is
/// not of that form.
fn with_point(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let (whole, decimals) = digits.split_once(',').unwrap_or((digits, ""));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let between = whole
        .chars()
        .find(|character| BETWEEN_GROUPS.contains(character));
    let groups: Vec<&str> = match between {
        Some(between) => whole.split(between).collect(),
        None => vec![whole],
    };
    let (first, others) = groups.split_first()?;
    let is_whole = are_digits(first)
        && (others.is_empty() || first.len() <= 3 && !first.starts_with('0'))
        && others
            .iter()
            .all(|group| group.len() == 3 && are_digits(group));
    let is_number = is_whole && (are_digits(decimals) || !digits.contains(','));
    is_number.then(|| match decimals {
        "" => format!("{sign}{}", groups.concat()),
        decimals => format!("{sign}{}.{decimals}", groups.concat()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: NumberReader = NumberReader {
        decimal_comma: true,
    };

    #[test]
    fn decimals_follow_a_comma_where_that_is_said() {
        for (cell, number) in [
            ("12,5", 12.5),
            (" -0,25 ", -0.25),
            ("+7", 7.0),
            ("1.234,5", 1_234.5),
            ("1.234", 1_234.0),
            ("1 234 567,89", 1_234_567.89),
            ("1\u{202f}234,5", 1_234.5),
            ("1'234", 1_234.0),
            ("12345,5", 12_345.5),
        ] {
            assert_eq!(COMMA.read(cell), Ok(Some(number)), "{cell}");
        }
        assert_eq!(COMMA.read(" "), Ok(None));
        let between = COMMA.read("9.007.199.254.740.993,0");
        assert!(between.is_err_and(|message| message.contains("that a double holds")));
        for cell in [
            "12.5",
            "0.123",
            "-0.128",
            "1.2345",
            "1.234 567",
            "1,2,3",
            "12,",
            ",5",
            "1234.567,8",
            "1e3",
            "x",
            "-",
            "--1",
            "NaN",
        ] {
            let said = COMMA.read(cell).expect_err(cell);
            assert_eq!(
                said,
                format!("expected a number such as 1.234,5, found \"{cell}\"")
            );
        }
    }

    #[test]
    fn a_comma_is_not_guessed() {
        let point = NumberReader::default();
        assert_eq!(point.read("12.5"), Ok(Some(12.5)));
        assert_eq!(
            point.read("12,5"),
            Err("expected a number such as 12.5, found \"12,5\"; if decimals follow a comma in the file, say so (decimal comma)".to_owned())
        );
        assert_eq!(
            point.read("12,5 €"),
            Err("expected a number such as 12.5, found \"12,5 €\"".to_owned())
        );
    }
}
