//! Natural numbers of any size: as much arithmetic as reading and printing long decimal numbers takes.

use core::cmp::Ordering;

/// A natural number, lowest digit first, without leading zeros.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Natural(Vec<u32>);

impl Natural {
    /// The number 0.
    pub const ZERO: Self = Self(Vec::new());

    /// A small number.
    #[must_use]
    pub fn new(value: u64) -> Self {
        let mut natural = Self(vec![value as u32, (value >> 32) as u32]);
        natural.trim();
        natural
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many binary digits it has; 0 for 0.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.last().map_or(0, |last| self.0.len() * 32 - last.leading_zeros() as usize)
    }

    /// Multiplies by `factor` and adds `term`.
    pub fn multiply_add(&mut self, factor: u32, term: u32) {
        let mut carry = u64::from(term);
        for digit in &mut self.0 {
            // At most (2^32 - 1)^2 + 2^32 - 1, which fits.
            let sum = u64::from(*digit) * u64::from(factor) + carry;
            *digit = sum as u32;
            carry = sum >> 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
        self.trim();
    }

    /// Multiplies by a power of five.
    pub fn multiply_power_of_five(&mut self, mut power: usize) {
        /// The highest power of five below 2^32.
        const STEP: usize = 13;
        while power >= STEP {
            self.multiply_add(5_u32.pow(STEP as u32), 0);
            power -= STEP;
        }
        self.multiply_add(5_u32.pow(power as u32), 0);
    }

    /// Divides by `divisor`, which is not 0; the rest.
    pub fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0_u64;
        for digit in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*digit);
            *digit = (value / u64::from(divisor)) as u32;
            rest = value % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    /// Multiplies by two to the power of `count`.
    pub fn shift_left(&mut self, count: usize) {
        if self.is_zero() || count == 0 {
            return;
        }
        let bits = count % 32;
        if bits != 0 {
            let mut carry = 0;
            for digit in &mut self.0 {
                let value = u64::from(*digit) << bits | carry;
                *digit = value as u32;
                carry = value >> 32;
            }
            self.0.push(carry as u32);
            self.trim();
        }
        self.0.splice(..0, core::iter::repeat_n(0, count / 32));
    }

    /// Takes away `other`.
    ///
    /// # Panics
    /// When `other` is larger.
    pub fn subtract(&mut self, other: &Self) {
        assert!(*self >= *other, "a natural number does not go below 0");
        let mut borrow = false;
        for (at, digit) in self.0.iter_mut().enumerate() {
            let (value, below) = digit.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (value, below_too) = value.overflowing_sub(u32::from(borrow));
            *digit = value;
            borrow = below || below_too;
        }
        self.trim();
    }

    /// Its decimal digits.
    #[must_use]
    pub fn into_decimal(mut self) -> String {
        const GROUP: u32 = 1_000_000_000;
        let mut groups = Vec::new();
        while !self.is_zero() {
            groups.push(self.divide(GROUP));
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:09}"));
        }
        text
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let lengths = self.0.len().cmp(&other.0.len());
        lengths.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Natural {
        let mut natural = Natural::ZERO;
        for digit in text.bytes() {
            natural.multiply_add(10, u32::from(digit - b'0'));
        }
        natural
    }

    #[test]
    fn long_numbers_read_and_print() {
        for text in ["0", "7", "1000000000", "4294967296", "18446744073709551616", &"9081".repeat(70)] {
            assert_eq!(read(text).into_decimal(), text);
        }
        assert_eq!(Natural::new(u64::MAX).into_decimal(), "18446744073709551615");
    }

    #[test]
    fn shifts_and_powers_agree() {
        let mut power = Natural::new(1);
        let mut product = Natural::new(1);
        for count in 0..300 {
            let mut shifted = Natural::new(1);
            shifted.shift_left(count);
            assert_eq!((&shifted, shifted.bits()), (&power, count + 1));
            power.multiply_add(2, 0);
            let mut fives = Natural::new(1);
            fives.multiply_power_of_five(count);
            assert_eq!(fives, product);
            product.multiply_add(5, 0);
        }
        let mut zero = Natural::ZERO;
        zero.shift_left(100);
        assert_eq!((zero.bits(), zero), (0, Natural::ZERO));
    }

    #[test]
    fn differences_borrow() {
        let mut difference = read("340282366920938463463374607431768211456");
        difference.subtract(&read("18446744073709551617"));
        assert_eq!(difference.clone().into_decimal(), "340282366920938463444927863358058659839");
        let same = difference.clone();
        difference.subtract(&same);
        assert!(difference.is_zero());
        assert!(read("99") < read("100") && read("4294967297") > read("4294967296"));
    }
}
