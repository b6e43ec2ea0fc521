//! Deadlines as clients write them.

use super::context::Context;
use crate::bytes::number::parse_i64;
use crate::resp::{Args, ReplyError};
use crate::time::UnixMillis;

/// What a number that stands for a deadline means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clock {
    /// Seconds rather than milliseconds.
    pub seconds: bool,
    /// Counted from now rather than from the beginning of 1970.
    pub relative: bool,
}

impl Clock {
    pub const EX: Self = Self { seconds: true, relative: true };
    pub const PX: Self = Self { seconds: false, relative: true };
    pub const EXAT: Self = Self { seconds: true, relative: false };
    pub const PXAT: Self = Self { seconds: false, relative: false };

    /// The clock that the option at `index` names, if it is one of `EX`, `PX`, `EXAT` and `PXAT`.
    pub fn option(args: Args<'_>, index: usize) -> Option<Self> {
        let named = [("EX", Self::EX), ("PX", Self::PX), ("EXAT", Self::EXAT), ("PXAT", Self::PXAT)];
        named.into_iter().find(|(name, _)| args.is(index, name)).map(|(_, clock)| clock)
    }

    /// The moment that `text` means, in milliseconds since the beginning of 1970; it may lie before that.
    pub fn moment_ms(self, context: &Context<'_>, text: &[u8]) -> Result<i64, ReplyError> {
        let number = parse_i64(text).ok_or(ReplyError::NOT_INTEGER)?;
        let millis = if self.seconds { number.checked_mul(1000) } else { Some(number) };
        let base = if self.relative { now_ms(context) } else { 0 };
        millis.and_then(|millis| millis.checked_add(base)).ok_or_else(|| invalid(context))
    }

    /// The deadline that `text` means for a new value. Unlike EXPIRE, commands that set a value refuse numbers
    /// that are not positive.
    pub fn deadline_of_value(self, context: &Context<'_>, text: &[u8]) -> Result<UnixMillis, ReplyError> {
        let number = parse_i64(text).ok_or(ReplyError::NOT_INTEGER)?;
        if number <= 0 {
            return Err(invalid(context));
        }
        let moment = self.moment_ms(context, text)?;
        Ok(UnixMillis(moment.unsigned_abs()))
    }
}

/// The entry's time as a signed number.
pub(super) fn now_ms(context: &Context<'_>) -> i64 {
    i64::try_from(context.time.0).unwrap_or(i64::MAX)
}

fn invalid(context: &Context<'_>) -> ReplyError {
    ReplyError::new(format!("ERR invalid expire time in '{}' command", context.spec.full_name()))
}
