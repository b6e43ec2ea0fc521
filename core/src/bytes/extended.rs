//! Floating-point numbers of 80 bits, computed in software.
//!
//! Redis adds in INCRBYFLOAT and HINCRBYFLOAT with C's `long double`, which on x86 is the *double extended*
//! format of IEEE 754: a mantissa of 64 bits, exponents from -16382 to 16383, subnormal numbers below, rounding
//! to nearest with ties to even. Other processors have other formats. Replicas must agree whatever they run on,
//! so this is that format with integers only, and the text of results is Redis's to the last digit.

use super::natural::Natural;

/// A number of the double extended format, or an infinity. Never NaN: what would be none is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extended {
    negative: bool,
    magnitude: Magnitude,
}

/// The absolute value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Magnitude {
    /// `mantissa` times two to the power of `exponent`. The highest bit of the mantissa is set, unless the
    /// exponent is the least; 0 has the least exponent.
    Finite { mantissa: u64, exponent: i32 },
    /// Too large.
    Infinite,
}

const MANTISSA_BITS: i32 = 64;
/// Exponent of the last bit of the smallest normal number, and of every smaller one.
const EXPONENT_MIN: i32 = -16_382 - 63;
/// Exponent of the last bit of the largest number.
const EXPONENT_MAX: i32 = 16_383 - 63;
/// Redis reads a `long double` through a buffer of this size, with a zero at the end.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Digits behind the point of what is printed.
const DECIMALS: usize = 17;
const TEN_TO_DECIMALS: u64 = 10_u64.pow(DECIMALS as u32);

impl Extended {
    /// Zero, without a sign.
    pub const ZERO: Self =
        Self { negative: false, magnitude: Magnitude::Finite { mantissa: 0, exponent: EXPONENT_MIN } };

    /// Reads a number as Redis reads a `long double`: as C's `strtold` does, decimal, hexadecimal or an infinity
    /// by name. `None` for NaN, for spaces before or anything behind, and for numbers other than zero that are
    /// too large to be told from infinity or too small to be told from zero.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let magnitude = if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity")
        {
            Magnitude::Infinite
        } else {
            let read = match unsigned {
                [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits),
                digits => parse_decimal(digits),
            };
            read.filter(|&magnitude| magnitude != Magnitude::Infinite)?
        };
        Some(Self { negative, magnitude })
    }

    /// Whether it is no infinity.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.magnitude != Magnitude::Infinite
    }

    /// The sum, rounded to the nearest number; `None` if that is not finite.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        /// Zeros behind the mantissas, so that what is shifted out behind them never decides but as a whole.
        const GUARD_BITS: u32 = 63;
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else { return None };
        let Magnitude::Finite { mantissa: mantissa_of_other, exponent: exponent_of_other } = other.magnitude
        else {
            return None;
        };
        if (exponent, mantissa) < (exponent_of_other, mantissa_of_other) {
            return other.checked_add(self);
        }
        let large = u128::from(mantissa) << GUARD_BITS;
        let small = shift_right_jamming(
            u128::from(mantissa_of_other) << GUARD_BITS,
            exponent.abs_diff(exponent_of_other),
        );
        let (sum, negative) = if self.negative == other.negative {
            (large + small, self.negative)
        } else if large == small {
            // Equal numbers of different sign make a positive zero.
            (0, false)
        } else {
            (large - small, self.negative)
        };
        let magnitude = round(sum, exponent - GUARD_BITS as i32);
        (magnitude != Magnitude::Infinite).then_some(Self { negative, magnitude })
    }

    /// Its text as Redis makes it: C's `%.17Lf` without zeros at the end, and without the sign of a zero.
    #[must_use]
    pub fn print(self) -> String {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            return if self.negative { "-inf".into() } else { "inf".into() };
        };
        let (whole, fraction) = match exponent {
            // Not so common, and not so long that anybody would care about the time it takes.
            MANTISSA_BITS.. => {
                let mut whole = Natural::new(mantissa);
                whole.shift_left(exponent as usize);
                (whole.into_decimal(), 0)
            }
            0.. => ((u128::from(mantissa) << exponent).to_string(), 0),
            _ => {
                let scaled = u128::from(mantissa) * u128::from(TEN_TO_DECIMALS);
                let scaled = shift_right_rounding(scaled, exponent.unsigned_abs());
                let one = u128::from(TEN_TO_DECIMALS);
                ((scaled / one).to_string(), (scaled % one) as u64)
            }
        };
        let mut text = String::with_capacity(whole.len() + DECIMALS + 2);
        if self.negative && (whole != "0" || fraction != 0) {
            text.push('-');
        }
        text.push_str(&whole);
        if fraction != 0 {
            text.push_str(&format!(".{fraction:0DECIMALS$}"));
            text.truncate(text.trim_end_matches('0').len());
        }
        text
    }
}

/// Divides by two to the power of `count`, rounding to nearest, ties to even.
fn shift_right_rounding(value: u128, count: u32) -> u128 {
    if count == 0 {
        return value;
    }
    let Some(quotient) = value.checked_shr(count) else {
        // Half of 2^128 is the only value that reaches a half here, and that rounds to even: to 0.
        return u128::from(count == u128::BITS && value > 1 << 127);
    };
    let rest = value & ((1 << count) - 1);
    let half = 1 << (count - 1);
    quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
}

/// Divides by two to the power of `count`, rounding down, and sets the last bit if the result is not exact: good
/// for one more rounding that cuts off two bits or more.
fn shift_right_jamming(value: u128, count: u32) -> u128 {
    match value.checked_shr(count) {
        None => u128::from(value != 0),
        Some(shifted) => shifted | u128::from(shifted << count != value),
    }
}

/// The number nearest to `value` times two to the power of `exponent`. A value that stands for one with more
/// digits has at least 66 bits and its last bit set.
fn round(value: u128, exponent: i32) -> Magnitude {
    if value == 0 {
        return Extended::ZERO.magnitude;
    }
    let bits = (u128::BITS - value.leading_zeros()) as i32;
    let mut target = (exponent + bits - MANTISSA_BITS).max(EXPONENT_MIN);
    let mut mantissa = if target <= exponent {
        value << (exponent - target)
    } else {
        shift_right_rounding(value, target.abs_diff(exponent))
    };
    if mantissa > u128::from(u64::MAX) {
        // Rounded up to the next power of two.
        mantissa >>= 1;
        target += 1;
    }
    if mantissa == 0 {
        target = EXPONENT_MIN;
    }
    if target > EXPONENT_MAX {
        return Magnitude::Infinite;
    }
    Magnitude::Finite { mantissa: mantissa as u64, exponent: target }
}

/// Refuses what became zero although it is not.
fn nonzero(magnitude: Magnitude) -> Option<Magnitude> {
    (magnitude != Extended::ZERO.magnitude).then_some(magnitude)
}

/// The digits of a number in any base, its point taken out.
struct Digits<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The power that the number is multiplied by: of ten, or for hexadecimal digits of two.
    exponent: i64,
}

impl<'a> Digits<'a> {
    /// Splits the text of a number: digits with an optional point, and behind `mark` an optional exponent.
    fn split(text: &'a [u8], mark: u8, is_digit: fn(&u8) -> bool) -> Option<Self> {
        let run = |text: &[u8]| text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len());
        let (whole, rest) = text.split_at(run(text));
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => rest.split_at(run(rest)),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [first, rest @ ..] if first.eq_ignore_ascii_case(&mark) => parse_exponent(rest)?,
            _ => return None,
        };
        Some(Self { whole, fraction, exponent })
    }

    /// All digits from the first that is not 0.
    fn significant(&self) -> impl Iterator<Item = u8> + Clone {
        self.whole.iter().chain(self.fraction).copied().skip_while(|&digit| digit == b'0')
    }
}

/// Reads an exponent, and stops growing where nothing changes any more.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    const ENOUGH: i64 = 1 << 40;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(ENOUGH));
    Some(if negative { -value } else { value })
}

fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    /// So many digits fit into 64 bits.
    const SHORT_DIGITS: usize = 19;
    /// So high a power of ten leaves a quotient of 66 bits or more.
    const SHORT_POWER: i64 = 18;
    let digits = Digits::split(text, b'e', u8::is_ascii_digit)?;
    let count = digits.significant().count();
    let power = digits.exponent - digits.fraction.len() as i64;
    if count == 0 {
        return Some(Extended::ZERO.magnitude);
    }
    if count > SHORT_DIGITS || power.abs() > SHORT_POWER {
        return parse_long_decimal(&digits, count, power);
    }
    let value = digits.significant().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    let ten = u128::from(10_u64.pow(power.unsigned_abs() as u32));
    if power >= 0 {
        return Some(round(u128::from(value) * ten, 0));
    }
    let zeros = u128::from(value).leading_zeros();
    let scaled = u128::from(value) << zeros;
    let quotient = (scaled / ten) | u128::from(!scaled.is_multiple_of(ten));
    Some(round(quotient, -(zeros as i32)))
}

/// As [`parse_decimal`], for any number of digits.
fn parse_long_decimal(digits: &Digits<'_>, count: usize, power: i64) -> Option<Magnitude> {
    /// Bits of the quotient; what is behind them counts as one.
    const QUOTIENT_BITS: usize = 66;
    // Between 10^(size - 1) and 10^size: far outside of the range there is nothing to compute.
    let size = power + count as i64;
    if !(-5000..=5000).contains(&size) {
        return None;
    }
    let mut value = Natural::ZERO;
    for digit in digits.significant() {
        value.multiply_add(10, u32::from(digit - b'0'));
    }
    let mut divisor = Natural::new(1);
    if power >= 0 {
        value.multiply_power_of_five(power as usize);
    } else {
        divisor.multiply_power_of_five(power.unsigned_abs() as usize);
    }
    // Ten is five times two: the twos only move the binary point.
    let mut exponent = power as i32;
    let shift = value.bits() as i32 - divisor.bits() as i32;
    if shift < 0 {
        value.shift_left(-shift as usize)
    } else {
        divisor.shift_left(shift as usize)
    }
    exponent += shift;
    // Now they have the same number of bits, and the quotient is between a half and two.
    let mut quotient = 0_u128;
    for _ in 0..QUOTIENT_BITS + 1 {
        quotient <<= 1;
        if value >= divisor {
            value.subtract(&divisor);
            quotient |= 1;
        }
        value.shift_left(1);
    }
    quotient |= u128::from(!value.is_zero());
    nonzero(round(quotient, exponent - QUOTIENT_BITS as i32))
}

fn parse_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    /// So many digits are taken; those behind them count as one bit.
    const DIGITS_MAX: usize = 30;
    let digits = Digits::split(text, b'p', u8::is_ascii_hexdigit)?;
    let count = digits.significant().count();
    if count == 0 {
        return Some(Extended::ZERO.magnitude);
    }
    let mut value = 0_u128;
    for (at, digit) in digits.significant().enumerate() {
        let digit = char::from(digit).to_digit(16).expect("only hexadecimal digits are split off");
        if at < DIGITS_MAX {
            value = value << 4 | u128::from(digit);
        } else {
            value |= u128::from(digit != 0);
        }
    }
    let dropped = count.saturating_sub(DIGITS_MAX) as i64;
    let exponent = digits.exponent + 4 * (dropped - digits.fraction.len() as i64);
    nonzero(round(value, exponent.clamp(-100_000, 100_000) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds two texts as INCRBYFLOAT does.
    fn add(value: &str, increment: &str) -> String {
        let (Some(value), Some(increment)) =
            (Extended::parse(value.as_bytes()), Extended::parse(increment.as_bytes()))
        else {
            return "!float".into();
        };
        value.checked_add(increment).map_or_else(|| "!overflow".into(), Extended::print)
    }

    /// Each line is what a real Redis on x86-64 made of a value and an increment.
    #[test]
    fn sums_are_those_of_a_real_server() {
        let lines = include_str!("../../tests/numbers/extended.txt").lines();
        let mut checked = 0;
        for line in lines.filter(|line| !line.starts_with('#')) {
            let parts: Vec<&str> = line.split('|').collect();
            let [value, increment, sum] = parts[..] else { panic!("three columns: {line}") };
            assert_eq!(add(value, increment), sum, "{value} + {increment}");
            checked += 1;
        }
        assert!(checked > 500);
    }

    #[test]
    fn texts_have_a_greatest_length() {
        for (length, expected) in [(5119, Some("1.5")), (5120, None)] {
            let text = format!("{}1.5", "0".repeat(length - 3));
            assert_eq!(Extended::parse(text.as_bytes()).map(Extended::print).as_deref(), expected);
        }
    }

    #[test]
    fn infinities_are_read_but_not_added() {
        let infinite = Extended::parse(b"-Infinity").expect("infinities have names");
        assert_eq!((infinite.is_finite(), infinite.print()), (false, "-inf".into()));
        assert_eq!(infinite.checked_add(Extended::ZERO), None);
        assert_eq!(Extended::ZERO.checked_add(infinite), None);
    }
}
