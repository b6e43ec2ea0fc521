//! The data directory: names and paths, the listing at the start, and the lock that keeps others out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lockstep_core::ids::{File, FileInfo};
use rustix::fs::{FlockOperation, flock};

/// The data directory, locked for this process as long as this value lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: fs::File,
}

impl Directory {
    /// Opens the directory, making it if it does not exist, and locks it.
    ///
    /// # Errors
    /// A sentence for the operator: the directory cannot be made or opened, or another process uses it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let fail =
            |what: &str, error: io::Error| format!("Can't {what} directory '{}': {error}", path.display());
        fs::create_dir_all(path).map_err(|error| fail("make the data", error))?;
        let path = fs::canonicalize(path).map_err(|error| fail("find the data", error))?;
        let fail =
            |what: &str, error: io::Error| format!("Can't {what} directory '{}': {error}", path.display());
        let handle = fs::File::open(&path).map_err(|error| fail("open the data", error))?;
        // The lock belongs to the open directory itself: no file is left behind, and it goes with the process.
        if let Err(error) = flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            if error == rustix::io::Errno::WOULDBLOCK {
                return Err(format!(
                    "The data directory '{}' is in use by another process: give each its own with 'dir'",
                    path.display()
                ));
            }
            return Err(fail("lock the data", error.into()));
        }
        Ok(Self { path, handle })
    }

    /// Its path, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of the node lies.
    pub fn path_of(&self, file: File) -> PathBuf {
        self.path.join(file.name())
    }

    /// The node's files with their lengths, in order. Other names in the directory are not ours to judge.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> io::Result<Vec<FileInfo>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Some(file) = entry.file_name().to_str().and_then(File::parse) else { continue };
            files.push(FileInfo { file, length_bytes: entry.metadata()?.len() });
        }
        files.sort_by_key(|info| info.file);
        Ok(files)
    }

    /// Opens a file for reading and writing, making it if it does not exist and `create` says so.
    ///
    /// # Errors
    /// The system's.
    pub fn open_file(&self, file: File, create: bool) -> io::Result<fs::File> {
        fs::OpenOptions::new().read(true).write(true).create(create).truncate(false).open(self.path_of(file))
    }

    /// Brings names that were added and removed to the platter.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let scratch = Scratch::new("lock");
        let path = scratch.path().join("new/deep");
        let first = Directory::open(&path).expect("made and locked");
        let error = Directory::open(&path).expect_err("in use");
        assert!(error.contains("in use by another process"), "{error}");
        drop(first);
        Directory::open(&path).expect("free again");
    }

    #[test]
    fn only_our_files_are_listed() {
        let scratch = Scratch::new("list");
        for (name, content) in
            [("log-0000000000000002", "ab"), ("log-0000000000000001", ""), ("notes.txt", "x")]
        {
            fs::write(scratch.path().join(name), content).expect("writable");
        }
        let directory = Directory::open(scratch.path()).expect("there");
        let listed = directory.list().expect("readable");
        let expected = [(File::Segment(1), 0), (File::Segment(2), 2)]
            .map(|(file, length_bytes)| FileInfo { file, length_bytes });
        assert_eq!(listed, expected);
    }
}
