//! Reads the numbers of a column.

use super::number::{Decimal, Written, read_written};
use crate::audience::clean::clean_number;
use crate::import::value::cell::{BadCell, Fit};

/// Reads numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumberReader {
    /// The decimal separator, if it is known for the column. Otherwise only forms with one meaning are read, and a
    /// single point separates decimals, as programs write them.
    pub decimal: Option<Decimal>,
}

impl NumberReader {
    /// Reads the number in a cell. Returns `None` if the cell is empty.
    ///
    /// # Errors
    /// The reason, if the cell is not a number or has two meanings.
    pub fn read(self, cell: &str) -> Result<Option<f64>, BadCell> {
        let text = cell.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if self.decimal != Some(Decimal::Comma)
            && let Ok(number) = clean_number(text)
        {
            return Ok(number);
        }
        match read_written(text, self.decimal) {
            Written::Number(written, _) => Ok(clean_number(&written)?),
            Written::EitherDecimal => Err(BadCell {
                reason: format!(
                    "expected an unambiguous number, found \"{text}\": does its comma separate decimals or thousands?"
                ),
                fits: vec![Fit::DecimalComma, Fit::DecimalPoint],
            }),
            Written::Unknown => {
                let (example, other) = match self.decimal {
                    Some(Decimal::Comma) => ("1.234,5", Decimal::Point),
                    Some(Decimal::Point) => ("1,234.5", Decimal::Comma),
                    None => ("12.5", Decimal::Comma),
                };
                let is_other = self.decimal.is_some()
                    && matches!(read_written(text, Some(other)), Written::Number(..));
                let fit = match other {
                    Decimal::Comma => Fit::DecimalComma,
                    Decimal::Point => Fit::DecimalPoint,
                };
                Err(BadCell {
                    reason: format!("expected a number such as {example}, found \"{text}\""),
                    fits: is_other.then_some(fit).into_iter().collect(),
                })
            }
        }
    }
}

/// Returns the decimal separator that a cell proves for its column.
pub fn decimal_proof(cell: &str) -> Option<Decimal> {
    if !cell.contains(['.', ',']) {
        return None;
    }
    match read_written(cell, None) {
        Written::Number(_, proof) => proof,
        Written::EitherDecimal | Written::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_a_comma_where_that_is_said() {
        let comma = NumberReader {
            decimal: Some(Decimal::Comma),
        };
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
            ("1.234,50 €", 1_234.5),
        ] {
            assert_eq!(comma.read(cell), Ok(Some(number)), "{cell}");
        }
        assert_eq!(comma.read(" "), Ok(None));
        let between = comma.read("9.007.199.254.740.993,0");
        assert!(between.is_err_and(|bad| bad.reason.contains("that a double holds")));
        for cell in [
            "12.5",
            "0.123",
            "-0.128",
            "1.2345",
            "1.234 567",
            "1,2,3",
            "12,",
            "1234.567,8",
            "1e3",
            "x",
            "-",
            "--1",
            "NaN",
        ] {
            let said = comma.read(cell).expect_err(cell).reason;
            assert_eq!(
                said,
                format!("expected a number such as 1.234,5, found \"{cell}\"")
            );
        }
    }

    #[test]
    fn a_comma_of_two_meanings_is_not_guessed() {
        let reader = NumberReader::default();
        assert_eq!(reader.read("12.5"), Ok(Some(12.5)));
        assert_eq!(reader.read("12,5"), Ok(Some(12.5)));
        assert_eq!(reader.read("1.234"), Ok(Some(1.234)));
        let bad = reader.read("1,234").expect_err("two meanings");
        assert_eq!(bad.fits, [Fit::DecimalComma, Fit::DecimalPoint]);
        assert!(reader.read("inf").is_err());
        assert_eq!(decimal_proof("0,99 €"), Some(Decimal::Comma));
        assert_eq!(decimal_proof("1,234"), None);
        assert_eq!(decimal_proof("12.50"), Some(Decimal::Point));
    }
}
