//! The manifest of a log in several files, as Redis 7 keeps it: one line a file, with its name, its number and
//! whether it is the base (a dump, or a log), one of the increments, or history.
//!
//! ```text
//!   file appendonly.aof.2.base.rdb seq 2 type b
//!   file appendonly.aof.1.incr.aof seq 1 type i
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_core::config::file::split;

/// The one manifest in a directory.
///
/// # Errors
/// A sentence for the operator.
pub fn find(directory: &Path) -> Result<PathBuf, String> {
    let fail = |error| format!("Can't read '{}': {error}", directory.display());
    let mut found = None;
    for entry in fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|extension| extension == "manifest") && found.replace(path).is_some()
        {
            return Err(format!("'{}' holds several manifests: name one", directory.display()));
        }
    }
    found.ok_or_else(|| format!("'{}' holds no manifest of a Redis log (*.manifest)", directory.display()))
}

/// The files that a manifest names, in the order in which they are to be read.
///
/// # Errors
/// A sentence for the operator.
pub fn read(path: &Path) -> Result<Vec<PathBuf>, String> {
    let text = fs::read(path).map_err(|error| format!("Can't read '{}': {error}", path.display()))?;
    let names = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

fn parse(text: &[u8]) -> Result<Vec<String>, String> {
    let text =
        std::str::from_utf8(text).map_err(|error| format!("at byte {}: no text", error.valid_up_to()))?;
    let mut base = None;
    let mut increments: Vec<(u64, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("line {}: {what}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words = split(line).ok_or_else(|| wrong("unbalanced quotes"))?;
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let (mut name, mut number, mut kind) = (None, None, None);
        for pair in words.chunks(2) {
            match pair {
                [what, value] if what == "file" => name = Some(value.to_string()),
                [what, value] if what == "seq" => number = value.parse::<u64>().ok(),
                [what, value] if what == "type" => kind = Some(value.as_ref()),
                [_, _] => {}
                _ => return Err(wrong("a word without a value")),
            }
        }
        let (Some(name), Some(number), Some(kind)) = (name, number, kind) else {
            return Err(wrong("it names no file, no number or no type"));
        };
        if name.contains('/') {
            return Err(wrong("a file in another directory"));
        }
        match kind {
            "b" if base.is_some() => return Err(wrong("a second base")),
            "b" => base = Some(name),
            "i" if increments.last().is_some_and(|(last, _)| *last >= number) => {
                return Err(wrong("an increment out of order"));
            }
            "i" => increments.push((number, name)),
            "h" => {}
            _ => return Err(wrong("an unknown type of file")),
        }
    }
    let names: Vec<_> = base.into_iter().chain(increments.into_iter().map(|(_, name)| name)).collect();
    if names.is_empty() { Err("it names no file".into()) } else { Ok(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_first_then_increments_in_order() {
        let text = b"# comment\nfile a.1.incr.aof seq 1 type i\nfile \"a b.base.rdb\" seq 2 type b\n\
                     file old seq 1 type h\nfile a.3.incr.aof seq 3 type i more stuff\n";
        assert_eq!(parse(text).expect("good"), ["a b.base.rdb", "a.1.incr.aof", "a.3.incr.aof"]);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, expected) in [
            ("", "names no file"),
            ("file a seq 1 type h", "names no file"),
            ("file a seq x type b", "line 1: it names no file, no number"),
            ("file a seq 1 type b\nfile b seq 2 type b", "line 2: a second base"),
            ("file a seq 2 type i\nfile b seq 2 type i", "line 2: an increment out of order"),
            ("file ../a seq 1 type b", "line 1: a file in another directory"),
            ("file a seq 1 type z", "line 1: an unknown type"),
            ("file a seq 1 type", "line 1: a word without"),
            ("file \"a seq 1 type b", "line 1: unbalanced"),
        ] {
            let error = parse(text.as_bytes()).expect_err("wrong");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
