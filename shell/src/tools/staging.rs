//! A directory that gets its name when everything in it is on the platter, and that is gone if that never happens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A directory being made. Dropped, it goes away with everything in it.
#[derive(Debug)]
pub struct Staging {
    /// Where it is being made: beside its place, so that moving it there is one step.
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Staging {
    /// Begins to make `target`, which does not exist yet or is an empty directory.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn begin(target: &str) -> Result<Self, String> {
        let target = PathBuf::from(target);
        let shown = target.display();
        match fs::read_dir(&target).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!("'{shown}' is not empty: name a directory that does not exist yet"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("Can't use '{shown}' as a new directory: {error}")),
        }
        let Some(name) = target.file_name() else {
            return Err(format!("'{shown}' has no name: name a directory that does not exist yet"));
        };
        let mut unfinished = name.to_owned();
        unfinished.push(".unfinished");
        let path = target.with_file_name(unfinished);
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self { path, target, finished: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(format!(
                "'{}' is there: another run is making '{shown}', or one was interrupted; then remove it",
                path.display()
            )),
            Err(error) => Err(format!("Can't make '{}': {error}", path.display())),
        }
    }

    /// Where files are to be put for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in it is complete and synced: gives it its name.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn finish(mut self) -> Result<(), String> {
        let fail = |error: io::Error| format!("Can't finish '{}': {error}", self.target.display());
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(fail)?;
        fs::rename(&self.path, &self.target).map_err(fail)?;
        self.finished = true;
        fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(fail)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn begin(path: &Path) -> Result<Staging, String> {
        Staging::begin(path.to_str().expect("a plain path"))
    }

    #[test]
    fn the_name_comes_last() {
        let scratch = Scratch::new("staging");
        let target = scratch.path().join("new");
        let staging = begin(&target).expect("free");
        fs::write(staging.path().join("file"), "x").expect("writable");
        assert!(begin(&target).expect_err("taken").contains("another run is making"));
        assert!(!target.exists());
        staging.finish().expect("possible");
        assert_eq!(fs::read_to_string(target.join("file")).expect("there"), "x");
        assert!(begin(&target).expect_err("in use").contains("is not empty"));
        assert_eq!(fs::read_dir(scratch.path()).expect("readable").count(), 1);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let scratch = Scratch::new("staging");
        let target = scratch.path().join("new");
        fs::create_dir(&target).expect("possible");
        let staging = begin(&target).expect("an empty directory will do");
        fs::write(staging.path().join("file"), "x").expect("writable");
        drop(staging);
        assert_eq!(fs::read_dir(scratch.path()).expect("readable").count(), 1);
        assert!(begin(&scratch.path().join("none/new")).is_err());
        assert!(begin(Path::new("/")).is_err());
    }
}
