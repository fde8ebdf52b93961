//! Exact sums of doubles: the same result in whatever order the numbers come, rounded once at the end.
//!
//! Adding doubles one after the other rounds at every step, so that the result depends on the order. Here they are added
//! as integers: every double is a whole multiple of 2^-1074, and the accumulator is wide enough for 2^64 of the largest.

/// How many digits of 32 bits the accumulator has: 2,098 bits for any double, and 64 for the carries.
const DIGITS: usize = 68;

/// How many numbers can be added before the carries must be propagated.
const UNTIL_CARRY: u32 = 1 << 30;

/// The exponent of the lowest bit.
const LOWEST: i32 = -1074;

/// How many digits of 32 bits are added below the lowest bit for a division, so that its result can be rounded
/// correctly.
const FRACTION_DIGITS: usize = 4;

/// An exact sum of finite doubles.
#[derive(Debug, Clone)]
pub struct ExactSum {
    /// Digits in base 2^32, the lowest first, each with a sign and spare bits for carries.
    digits: [i64; DIGITS],
    since_carry: u32,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum {
            digits: [0; DIGITS],
            since_carry: 0,
        }
    }
}

impl ExactSum {
    /// Adds a finite number.
    pub fn add(&mut self, number: f64) {
        let bits = number.to_bits();
        let biased = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        // Subnormal numbers have no leading bit, and the exponent of the lowest normal ones.
        let (mantissa, shift) = match biased {
            0 => (fraction, 0),
            _ => (fraction | (1 << 52), biased as usize - 1),
        };
        let mut rest = u128::from(mantissa) << (shift % 32);
        for digit in self.digits.iter_mut().skip(shift / 32).take(3) {
            let part = (rest & 0xffff_ffff) as i64;
            *digit += if number < 0.0 { -part } else { part };
            rest >>= 32;
        }
        self.since_carry += 1;
        if self.since_carry == UNTIL_CARRY {
            carry(&mut self.digits);
            self.since_carry = 0;
        }
    }

    /// Returns the sum divided by a positive whole number, rounded once to the nearest double, ties to even. The result
    /// is infinite if it is too large for a double.
    pub fn divided_by(&self, divisor: u64) -> f64 {
        let mut digits = self.digits;
        carry(&mut digits);
        let is_negative = digits[DIGITS - 1] < 0;
        if is_negative {
            digits.iter_mut().for_each(|digit| *digit = -*digit);
            carry(&mut digits);
        }
        // After the carry every digit is below 2^32, also the highest, which holds only carries.
        let mut quotient = [0_u32; DIGITS + FRACTION_DIGITS];
        let divisor = u128::from(divisor.max(1));
        let mut remainder = 0_u128;
        for place in (0..quotient.len()).rev() {
            let digit = match place.checked_sub(FRACTION_DIGITS) {
                Some(place) => digits[place] as u128,
                None => 0,
            };
            let part = (remainder << 32) | digit;
            quotient[place] = (part / divisor) as u32;
            remainder = part % divisor;
        }
        let rounded = round(&quotient, remainder != 0);
        if is_negative { -rounded } else { rounded }
    }
}

/// Moves the bits beyond 32 of each digit to the next digit. The highest digit keeps the sign.
fn carry(digits: &mut [i64; DIGITS]) {
    for place in 1..DIGITS {
        let over = digits[place - 1] >> 32;
        digits[place - 1] &= 0xffff_ffff;
        digits[place] += over;
    }
}

/// Returns the double nearest to a number; `has_more` means that it is greater than its digits say,
/// by less than one in the last digit.
fn round(digits: &[u32], has_more: bool) -> f64 {
    let bit = |position: usize| (digits[position / 32] >> (position % 32)) & 1 == 1;
    let Some(highest) = (0..digits.len() * 32).rev().find(|place| bit(*place)) else {
        return 0.0;
    };
    let fraction_bits = FRACTION_DIGITS * 32;
    let lowest = highest.saturating_sub(52).max(fraction_bits);
    let kept = (lowest..=highest).rev();
    let mut mantissa = kept.fold(0_u64, |bits, place| (bits << 1) | u64::from(bit(place)));
    let is_half_or_more = bit(lowest - 1);
    let is_more_than_half = has_more || (0..lowest - 1).any(bit);
    if is_half_or_more && (is_more_than_half || mantissa & 1 == 1) {
        mantissa += 1;
    }
    // Exact: at most 2^53, and a power of two.
    mantissa as f64 * power_of_two((lowest - fraction_bits) as i32 + LOWEST)
}

fn power_of_two(exponent: i32) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022..1024 => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::from_bits(1 << (exponent - LOWEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|number| sum.add(*number));
        sum
    }

    #[test]
    fn sums_do_not_depend_on_the_order_and_are_rounded_once() {
        let cases: [(&[f64], f64); 10] = [
            (&[], 0.0),
            (&[0.1, 0.2, 0.3], 0.6),
            (&[0.1; 10], 1.0),
            (&[1e308, 1e308, -1e308, -1e308, 5e-324], 5e-324),
            (&[f64::MAX, f64::MAX], f64::INFINITY),
            (&[f64::MIN, f64::MIN, f64::MAX], f64::MIN),
            (&[1e16, 1.0, -1e16], 1.0),
            (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0),
            (
                &[9_007_199_254_740_992.0, 1.0, 5e-324],
                9_007_199_254_740_994.0,
            ),
            (&[-5e-324, 2.2250738585072014e-308], 2.225073858507201e-308),
        ];
        for (numbers, expected) in cases {
            let backwards: Vec<f64> = numbers.iter().rev().copied().collect();
            assert_eq!(sum(numbers).divided_by(1), expected, "{numbers:?}");
            assert_eq!(sum(&backwards).divided_by(1), expected, "{backwards:?}");
            let negative: Vec<f64> = numbers.iter().map(|number| -number).collect();
            assert_eq!(sum(&negative).divided_by(1), -expected, "{negative:?}");
        }
    }

    #[test]
    fn averages_are_rounded_once() {
        let cases: [(&[f64], f64); 6] = [
            (&[f64::MAX, f64::MAX], f64::MAX),
            (&[1.0, 1.0, 0.0], 2.0 / 3.0),
            (&[0.1, 0.2, 0.3], 0.2),
            (&[5e-324, 0.0], 0.0),
            (&[5e-324, 5e-324, 0.0], 5e-324),
            (&[-7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], -1.0),
        ];
        for (numbers, expected) in cases {
            let average = sum(numbers).divided_by(numbers.len() as u64);
            assert_eq!(average, expected, "{numbers:?}");
        }
    }

    #[test]
    fn a_sum_of_one_number_is_that_number_bit_for_bit() {
        // A fixed walk through the bit patterns of doubles.
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(bits);
            if number.is_finite() && number != 0.0 {
                let mut alone = ExactSum::default();
                alone.add(number);
                assert_eq!(alone.divided_by(1).to_bits(), number.to_bits());
                alone.add(number);
                alone.add(number);
                assert_eq!(alone.divided_by(3).to_bits(), number.to_bits());
            }
        }
    }
}
