//! The house rules, as functions from source text to complaints.

use super::source::{paths, tokens, without_comments_and_texts, without_tests};

/// Which modules of the core a module may use besides itself. A module may use what stands above it here, and
/// only where it says so: names of the crate root other than modules are free to `node` alone.
pub const DIRECTIONS: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("time", &[]),
    ("limits", &[]),
    ("mark", &[]),
    ("bytes", &[]),
    ("seed", &["ids"]),
    ("config", &["bytes", "limits"]),
    ("event", &["ids", "time"]),
    ("action", &["bytes", "ids"]),
    ("rdb", &["bytes", "limits"]),
    ("resp", &["bytes", "limits"]),
    ("data", &["bytes", "ids", "limits", "mark", "seed", "time"]),
    ("log", &["bytes", "ids", "limits", "mark", "time"]),
    ("raft", &["bytes", "ids", "limits", "mark", "seed", "time"]),
    (
        "command",
        &["bytes", "config", "data", "ids", "limits", "mark", "resp", "seed", "time", "REDIS_VERSION"],
    ),
    ("snapshot", &["bytes", "data", "ids", "limits", "log", "mark", "time"]),
    ("peer", &["bytes", "config", "ids", "limits", "log", "mark", "raft", "seed", "time"]),
    ("session", &["bytes", "command", "config", "ids", "limits", "mark", "resp", "time"]),
];

/// Modules that may use everything below them.
const ROOTS: &[&str] = &["node", "lib"];

/// What a pure state machine has no use for: paths by their beginning.
const FORBIDDEN_PATHS: &[(&str, &str)] = &[
    ("time", "clocks: time comes in with `Now`"),
    ("fs", "files: they are the driver's"),
    ("net", "sockets: they are the driver's"),
    ("thread", "threads: the node has none"),
    ("env", "the environment: settings come in with `Config`"),
    ("process", "processes: a node halts by `Action::Halt`"),
    ("io", "input and output: they are the driver's"),
    ("os", "the operating system: it is the driver's"),
    ("random", "entropy: randomness comes from the seed"),
];

/// Names that stand for the same things, or for state that would belong to no node.
const FORBIDDEN_NAMES: &[(&str, &str)] = &[
    ("Instant", "a clock: time comes in with `Now`"),
    ("SystemTime", "a clock: time comes in with `Now`"),
    ("UNIX_EPOCH", "a clock: time comes in with `Now`"),
    ("HashMap", "an order of its own: use an ordered map or our tables"),
    ("HashSet", "an order of its own: use an ordered set or our tables"),
    ("RandomState", "entropy: randomness comes from the seed"),
    ("DefaultHasher", "a hash that is fixed by nobody"),
    ("thread_local", "state outside of the node"),
    ("lazy_static", "state outside of the node"),
    ("OnceLock", "state outside of the node"),
    ("OnceCell", "state outside of the node"),
    ("LazyLock", "state outside of the node"),
    ("LazyCell", "state outside of the node"),
    ("Mutex", "threads: the node has none"),
    ("RwLock", "threads: the node has none"),
    ("Condvar", "threads: the node has none"),
    ("dyn", "calls that the reader cannot follow"),
    ("unsafe", "what the compiler cannot check"),
];

/// The packages the core is built from.
pub const DEPENDENCIES: &[&str] = &["crc64fast", "rand_chacha", "rand_core"];

/// The most lines a file may have.
pub const LINES_MAX: usize = 650;

/// Code without comments, texts and tests.
fn code_of(source: &str) -> String {
    without_tests(&without_comments_and_texts(source)).0
}

/// Uses of other modules that the directions do not allow. `module` is the first part of the file's path in `src`.
pub fn directions(module: &str, source: &str) -> Vec<String> {
    if ROOTS.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = DIRECTIONS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("module `{module}` has no place in the list of directions")];
    };
    let code = code_of(source);
    let uses = paths(&code).into_iter().filter_map(|(path, line)| {
        let used = path.strip_prefix("crate::")?.split("::").next()?.to_owned();
        (used != module && !allowed.contains(&used.as_str())).then_some((used, line))
    });
    uses.map(|(used, line)| format!("line {line}: `{module}` may not use `{used}`")).collect()
}

/// What would make the node depend on anything but its events.
pub fn impurities(source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    for (path, line) in paths(&code) {
        let mut parts = path.split("::");
        if !matches!(parts.next(), Some("std" | "core" | "alloc")) {
            continue;
        }
        match parts.next() {
            None | Some("*" | "self") => {
                found.push(format!("line {line}: `{path}` hides what is used of it"))
            }
            Some(part) => {
                let reason = FORBIDDEN_PATHS.iter().find(|(name, _)| *name == part);
                found.extend(reason.map(|(_, reason)| format!("line {line}: `{path}`: {reason}")));
            }
        }
        if path.contains("::atomic") {
            found.push(format!("line {line}: `{path}`: threads: the node has none"));
        }
    }
    let tokens = tokens(&code);
    for (at, &(word, line)) in tokens.iter().enumerate() {
        let reason = FORBIDDEN_NAMES.iter().find(|(name, _)| *name == word).map(|(_, reason)| *reason);
        found.extend(reason.map(|reason| format!("line {line}: `{word}`: {reason}")));
        let next = tokens.get(at + 1).map_or("", |token| token.0);
        match (word, next) {
            ("print" | "println" | "eprint" | "eprintln", "!") => {
                found.push(format!("line {line}: `{word}!`: output: a node speaks by `Action::Say`"));
            }
            ("static", "mut") => found.push(format!("line {line}: `static mut`: state outside of the node")),
            ("extern", _) => found.push(format!("line {line}: `extern`: packages come in by name")),
            _ => {}
        }
    }
    found
}

/// Packages in a `Cargo.toml` that are not on the list, or the other way round; build and test packages count.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut named = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            if section.contains("dependencies") && section != "dependencies" {
                found.push(format!(
                    "[{section}]: the core has dependencies of one kind, and none with a target"
                ));
            }
        } else if section.contains("dependencies") {
            let name = line.split(['.', '=', ' ']).next().expect("split yields one part");
            named.push(name.trim_matches('"'));
        } else if line.split('=').next().is_some_and(|key| key.trim() == "build") {
            found.push("a build script: the core is what its source says".to_owned());
        }
    }
    named.sort_unstable();
    if named != DEPENDENCIES {
        found.push(format!("the packages are {named:?} and not {DEPENDENCIES:?}"));
    }
    found
}

/// What no file of the project has.
pub fn untidiness(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = source.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{lines} lines are more than {LINES_MAX}"));
    }
    for (number, line) in source.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            found.push(format!("line {}: blanks at the end", number + 1));
        }
    }
    if !source.is_empty() && !source.ends_with('\n') {
        found.push("the last line does not end".to_owned());
    }
    let code = without_comments_and_texts(source);
    let tokens = tokens(&code);
    for (at, &(word, line)) in tokens.iter().enumerate() {
        let before = if at == 0 { "" } else { tokens[at - 1].0 };
        let next = tokens.get(at + 1).map_or("", |token| token.0);
        let is_macro = matches!(word, "todo" | "unimplemented" | "dbg") && next == "!";
        if is_macro || (word == "ignore" && before == "[") {
            found.push(format!("line {line}: `{word}`"));
        }
    }
    found
}
