//! Numbers as text, the way Redis reads and writes them.

/// Reads a signed integer strictly: digits with an optional minus sign, no leading zeros, spaces or plus sign.
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let magnitude = parse_u64(digits)?;
    if negative {
        // "-0" is not canonical.
        (magnitude != 0).then_some(())?;
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads an unsigned integer strictly: digits without leading zeros.
#[must_use]
pub fn parse_u64(digits: &[u8]) -> Option<u64> {
    match digits {
        [] => return None,
        [b'0'] => return Some(0),
        [b'0', ..] => return None,
        _ => {}
    }
    if digits.len() > 20 {
        return None;
    }
    let mut value = 0_u64;
    // Nineteen digits always fit; only the twentieth has to be watched.
    let (front, last) = digits.split_at(digits.len().min(19));
    for &digit in front {
        value = value * 10 + digit_value(digit)?;
    }
    for &digit in last {
        value = value.checked_mul(10)?.checked_add(digit_value(digit)?)?;
    }
    Some(value)
}

#[inline]
fn digit_value(digit: u8) -> Option<u64> {
    let value = digit.wrapping_sub(b'0');
    (value <= 9).then_some(u64::from(value))
}

/// Reads a double as `strtod` does, but refuses what Redis refuses: nothing, spaces, trailing text, NaN, and
/// numbers too large or too small to be told from infinity or zero.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = core::str::from_utf8(text).ok()?;
    if text.is_empty() || text.len() > 255 {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex_f64(hex)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    let named = unsigned.starts_with(['i', 'I']);
    if value.is_nan() || (value.is_infinite() && !named) {
        return None;
    }
    let mantissa = unsigned.split(['e', 'E']).next().expect("split yields one part");
    if value == 0.0 && mantissa.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        return None;
    }
    Some(value)
}

/// The part of a C hexadecimal float behind its `0x`: digits, a point, and an optional binary exponent.
fn parse_hex_f64(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.find(['p', 'P']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    let mut shift = shift.clamp(-2200, 2200);
    while shift > 0 {
        value *= 2.0;
        shift -= 1;
    }
    while shift < 0 {
        value /= 2.0;
        shift += 1;
    }
    value.is_finite().then_some(value)
}

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899";

/// The text of an integer, on the stack, as a line of the protocol: with room for a byte before it, and with a
/// line end behind it.
#[derive(Clone, Copy)]
pub struct IntegerText {
    bytes: [u8; LINE_BYTES],
    start: u8,
}

/// The longest integers have twenty digits, or nineteen and a sign.
const LINE_BYTES: usize = 1 + DIGITS_MAX + 2;
const DIGITS_MAX: usize = 20;
/// Where the digits end.
const DIGITS_END: usize = 1 + DIGITS_MAX;

impl IntegerText {
    /// Prints `value`.
    #[must_use]
    pub fn new(value: i64) -> Self {
        let mut text = Self::unsigned(value.unsigned_abs());
        if value < 0 {
            text.start -= 1;
            text.bytes[usize::from(text.start)] = b'-';
        }
        text
    }

    /// Prints `value`.
    #[must_use]
    pub fn unsigned(mut value: u64) -> Self {
        let mut bytes = *b".....................\r\n";
        let mut start = DIGITS_END;
        while value >= 100 {
            let pair = (value % 100) as usize * 2;
            value /= 100;
            start -= 2;
            bytes[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        }
        if value >= 10 {
            let pair = value as usize * 2;
            start -= 2;
            bytes[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        } else {
            start -= 1;
            bytes[start] = b'0' + value as u8;
        }
        Self { bytes, start: start as u8 }
    }

    /// The digits.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..DIGITS_END]
    }

    /// The digits with this byte before them and a line end behind them.
    #[inline]
    #[must_use]
    pub fn line(&mut self, first: u8) -> &[u8] {
        let start = usize::from(self.start) - 1;
        self.bytes[start] = first;
        &self.bytes[start..]
    }
}

/// The text of a double as Redis 7.2 replies with it: the shortest digits that read back as the same number,
/// plain up to twenty-one digits, with an exponent beyond; `inf`, `-inf`, `nan`.
#[must_use]
pub fn print_f64(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0".into() } else { "0".into() };
    }
    // Whole numbers that an i64 holds exactly are printed as integers.
    if value.fract() == 0.0 && value.abs() < 4_503_599_627_370_496.0 {
        return format!("{}", value as i64);
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|&digit| digit != '.').collect();
    let count = digits.len() as i32;
    // `places` is the power of ten of the last digit.
    let places = exponent - (count - 1);
    let body = if places >= 0 && exponent < 17 + 4 && count + places <= 21 {
        format!("{digits}{}", "0".repeat(places as usize))
    } else if places < 0 && (exponent >= 0 || exponent > -7) {
        if exponent >= 0 {
            let (whole, fraction) = digits.split_at(exponent as usize + 1);
            format!("{whole}.{fraction}")
        } else {
            format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize))
        }
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let plus = if exponent < 0 { '-' } else { '+' };
        format!("{first}{point}{rest}e{plus}{}", exponent.abs())
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        let good: [(&[u8], i64); 6] = [
            (b"0", 0),
            (b"-1", -1),
            (b"10", 10),
            (b"9223372036854775807", i64::MAX),
            (b"-9223372036854775808", i64::MIN),
            (b"-9223372036854775807", i64::MIN + 1),
        ];
        for (text, value) in good {
            assert_eq!(parse_i64(text), Some(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            " 1",
            "1 ",
            "9223372036854775808",
            "-9223372036854775809",
            "1e3",
            "99999999999999999999999",
            "1844674407370955161x",
            "184467440737095516150",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn integers_print_and_read_back() {
        let mut value = 1_i64;
        for step in 0..63 {
            for value in [value, -value, value - 1, 1 - value, value.wrapping_mul(3) + step] {
                assert_eq!(IntegerText::new(value).as_bytes(), value.to_string().as_bytes());
            }
            value = value.wrapping_mul(2);
        }
        assert_eq!(IntegerText::new(i64::MIN).as_bytes(), i64::MIN.to_string().as_bytes());
        assert_eq!(IntegerText::unsigned(u64::MAX).as_bytes(), u64::MAX.to_string().as_bytes());
        assert_eq!(IntegerText::new(i64::MIN).line(b':'), b":-9223372036854775808\r\n");
        assert_eq!(IntegerText::unsigned(u64::MAX).line(b'$'), b"$18446744073709551615\r\n");
        assert_eq!(IntegerText::new(0).line(b'*'), b"*0\r\n");
        for value in [0, 9_999_999_999_999_999_999, 10_000_000_000_000_000_000, u64::MAX] {
            assert_eq!(parse_u64(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn doubles_are_read_as_c_reads_them() {
        let good = [
            ("1", 1.0),
            ("-1.5e3", -1500.0),
            ("+2", 2.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("0x10", 16.0),
            ("-0x1.8p1", -3.0),
        ];
        for (text, value) in good {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_f64(b"-Infinity"), Some(f64::NEG_INFINITY));
        for text in ["", " 1", "1 ", "nan", "1e400", "1e-400", "abc", "0x", "1x", "--1"] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_print_shortest() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (1.5, "1.5"),
            (-10.25, "-10.25"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e22, "1e+22"),
            (1.5e-7, "1.5e-7"),
            (0.000_012, "0.000012"),
            (123_456_789.123, "123456789.123"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ];
        for (value, text) in cases {
            assert_eq!(print_f64(value), text);
        }
    }
}
