//! A directory in memory: for tests, and for tools that look at files as a whole.

use std::collections::BTreeMap;

use super::recovery::{Recovery, Step, Want};
use crate::ids::{File, FileInfo};

/// Files by name, with their bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// What is in it.
    pub files: BTreeMap<File, Vec<u8>>,
}

impl Image {
    /// Adds bytes at the end of a file, which is created when it does not exist.
    pub fn append(&mut self, file: File, bytes: &[u8]) {
        self.files.entry(file).or_default().extend_from_slice(bytes);
    }

    /// What a starting node is told.
    #[must_use]
    pub fn infos(&self) -> Vec<FileInfo> {
        self.files.iter().map(|(&file, bytes)| FileInfo { file, length_bytes: bytes.len() as u64 }).collect()
    }

    /// What a load of this part gives: fewer bytes at the end of the file, none from a file that is not there.
    #[must_use]
    pub fn load(&self, want: &Want) -> &[u8] {
        let bytes = self.files.get(&want.file).map_or(&[][..], Vec::as_slice);
        let start = usize::try_from(want.offset).unwrap_or(usize::MAX).min(bytes.len());
        &bytes[start..bytes.len().min(start.saturating_add(want.length_bytes as usize))]
    }

    /// Reads everything back, showing each step, until recovery has come to an end.
    pub fn recover(&self, mut visit: impl FnMut(Step<'_>)) {
        let mut recovery = Recovery::new(&self.infos());
        loop {
            while let Some(step) = recovery.next() {
                visit(step);
            }
            match recovery.want() {
                Some(want) => recovery.feed(self.load(&want)),
                None => break,
            }
        }
        assert!(recovery.finished(), "recovery wants something until it is finished");
    }
}
