//! Values of events are added up in millionths, which is exact. This module converts the results to the doubles that
//! rules compare.

/// Every whole number up to this one is a double.
const EXACT: i128 = 1 << 53;
const MILLION: i128 = 1_000_000;

/// Returns the double nearest to this many millionths: for a single value, the one that was recorded.
pub fn of_millionths(millionths: i128) -> f64 {
    if millionths.abs() <= EXACT {
        // Both numbers are exact, so that the division rounds once.
        return millionths as f64 / 1e6;
    }
    // Parsing decimals rounds once too. Every number of this form can be parsed.
    format!("{millionths}e-6").parse().unwrap_or(f64::NAN)
}

/// Returns the average of `count` values that add up to this many millionths.
pub fn average_of_millionths(sum: i128, count: u64) -> f64 {
    let divisor = MILLION * i128::from(count);
    if sum.abs() <= EXACT && divisor <= EXACT {
        // Divided once, so that the average of 0.1, 0.2 and 0.3 is 0.2 and not slightly less.
        return sum as f64 / divisor as f64;
    }
    if count <= 1 {
        return of_millionths(sum);
    }
    (sum / divisor) as f64 + (sum % divisor) as f64 / divisor as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_become_the_double_that_was_written() {
        for written in [
            "0.1",
            "-19.99",
            "0.000001",
            "123456789012.123456",
            "999999999999.999999",
            "9007199254.740993",
            "-9007199254.740995",
            "12345678901234567890123.456789",
        ] {
            let (whole, decimals) = written.split_once('.').expect("a point");
            let millionths: i128 = format!("{whole}{decimals:0<6}").parse().expect("digits");
            let double: f64 = written.parse().expect("a number");
            assert_eq!(of_millionths(millionths), double, "{written}");
            assert_eq!(average_of_millionths(millionths, 1), double, "{written}");
        }
        assert_eq!(of_millionths(0), 0.0);
    }

    #[test]
    fn averages_are_divided_once() {
        assert_eq!(average_of_millionths(600_000, 3), 0.2);
        let large = 123_456_789_012_123_456_i128;
        let value = of_millionths(large);
        assert_eq!(average_of_millionths(large * 4, 4), value);
    }
}
