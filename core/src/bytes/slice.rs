//! A shared range of bytes, for log bytes that several readers need.

use core::ops::{Deref, Range};
use std::sync::Arc;

/// A range of a shared, immutable buffer. Cloning copies a pointer, never the bytes.
#[derive(Clone, Default)]
pub struct Slice {
    /// `None` when there is nothing: no bytes, no memory.
    buffer: Option<Arc<Vec<u8>>>,
    range: Range<usize>,
}

impl Slice {
    /// The part `range` of this slice, sharing its buffer.
    ///
    /// # Panics
    /// When the range does not lie within the slice.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.range.len(), "part lies within the slice");
        let start = self.range.start;
        Self { buffer: self.buffer.clone(), range: start + range.start..start + range.end }
    }

    /// The buffer, to be used again, if nobody else holds a part of it; otherwise the slice as it was.
    ///
    /// # Errors
    /// The slice itself, while its buffer is shared.
    pub fn reclaim(self) -> Result<Vec<u8>, Self> {
        let range = self.range;
        let Some(buffer) = self.buffer else { return Ok(Vec::new()) };
        Arc::try_unwrap(buffer).map_err(|buffer| Self { buffer: Some(buffer), range })
    }
}

impl From<Vec<u8>> for Slice {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { buffer: Some(Arc::new(bytes)), range }
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => &buffer[self.range.clone()],
            None => &[],
        }
    }
}

impl core::fmt::Debug for Slice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Slice({} bytes)", self.range.len())
    }
}

impl PartialEq for Slice {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Slice {}
