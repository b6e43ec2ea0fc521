//! The house rules, checked on the source text: who may use whom, that the core stays pure, and that files stay
//! readable. Each rule is also held against sources made up to break it.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test reads source files")]

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rules::{DIRECTIONS, LINES_MAX, dependencies, directions, impurities, untidiness};
use source::{paths, without_comments_and_texts, without_tests};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the core lies in the workspace")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a directory, in order.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Path in `core/src` and source of every file that is part of the product.
fn product_files() -> Vec<(String, String)> {
    let src = root().join("core/src");
    let files: Vec<(PathBuf, String)> =
        rust_files(&src).into_iter().map(|path| (path.clone(), read(&path))).collect();
    let mut test_modules = BTreeSet::new();
    for (path, source) in &files {
        let directory = match path.file_name().and_then(|name| name.to_str()) {
            Some("mod.rs" | "lib.rs") => path.parent().expect("files lie in directories").to_path_buf(),
            _ => path.with_extension(""),
        };
        let (_, modules) = without_tests(&without_comments_and_texts(source));
        test_modules.extend(modules.into_iter().map(|name| directory.join(name)));
    }
    let is_test = |path: &Path| path.with_extension("").ancestors().any(|part| test_modules.contains(part));
    let product = files.into_iter().filter(|(path, _)| !is_test(path));
    let product = product.map(|(path, source)| {
        let path = path.strip_prefix(&src).expect("found below it").to_string_lossy().into_owned();
        (path, source)
    });
    product.collect()
}

/// The complaints of a check about each file, with the file's name.
fn complaints(files: &[(String, String)], check: impl Fn(&str, &str) -> Vec<String>) -> String {
    let mut all = Vec::new();
    for (path, source) in files {
        all.extend(check(path, source).into_iter().map(|complaint| format!("{path}: {complaint}")));
    }
    all.join("\n")
}

fn module_of(path: &str) -> &str {
    path.split(['/', '.']).next().expect("split yields one part")
}

#[test]
fn modules_use_only_what_is_below_them() {
    let files = product_files();
    assert!(files.len() > 40, "the source was found");
    let found = complaints(&files, |path, source| directions(module_of(path), source));
    assert!(found.is_empty(), "{found}");
}

/// The list of directions is itself without circles: each module uses only modules listed before it.
#[test]
fn directions_go_one_way() {
    for (at, (module, used)) in DIRECTIONS.iter().enumerate() {
        for name in used.iter().filter(|name| name.starts_with(char::is_lowercase)) {
            let before = DIRECTIONS[..at].iter().any(|(earlier, _)| earlier == name);
            assert!(before, "`{module}` comes behind `{name}`");
        }
    }
}

#[test]
fn the_core_is_pure() {
    // Planted bugs are switched by state outside of the node; no product build holds it.
    let plants = "#[cfg(plant)]\nthread_local!";
    let mut files = product_files();
    for (name, source) in &mut files {
        if name == "mark.rs" {
            assert_eq!(source.matches(plants).count(), 1, "what is let pass here is there");
            *source = source.replace(plants, "");
        }
    }
    let found = complaints(&files, |_, source| impurities(source));
    assert!(found.is_empty(), "{found}");
    let found = dependencies(&read(&root().join("core/Cargo.toml")));
    assert!(found.is_empty(), "{found:?}");
    assert!(!root().join("core/build.rs").exists(), "the core is what its source says");
}

#[test]
fn files_are_tidy() {
    let files: Vec<(String, String)> = ["core", "shell", "sim", "fuzz"]
        .iter()
        .map(|directory| root().join(directory))
        .filter(|directory| directory.exists())
        .flat_map(|directory| rust_files(&directory))
        .map(|path| (path.strip_prefix(root()).expect("below it").display().to_string(), read(&path)))
        .collect();
    assert!(files.len() > 60, "the source was found");
    let found = complaints(&files, |_, source| untidiness(source));
    assert!(found.is_empty(), "{found}");
}

/// A check that finds nothing anywhere would pass for ever; so each has to find what it is for.
#[test]
fn impure_sources_are_refused() {
    let offences = [
        "use std::time::Instant;",
        "use std::time::{self, Duration};",
        "use core::time::Duration;",
        "fn now() -> u64 { std::time::SystemTime::now().elapsed().unwrap().as_secs() }",
        "use std::thread;",
        "fn run() { std::thread::spawn(|| {}); }",
        "use std::collections::HashMap;",
        "use std::{borrow::Cow, collections::{BTreeMap, HashSet}};",
        "use std::net::{TcpListener, TcpStream};",
        "use std::{fs, mem};",
        "use std::os::fd::AsRawFd;",
        "fn home() -> String { std::env::var(\"HOME\").unwrap() }",
        "use std::io::Write as _;",
        "use std as anything;",
        "use std::*;",
        "extern crate std as anything;",
        "use std::sync::atomic::{AtomicU64, Ordering};",
        "static CACHE: std::sync::OnceLock<u8> = std::sync::OnceLock::new();",
        "static mut COUNT: u64 = 0;",
        "thread_local! { static X: u8 = 0; }",
        "fn say() { println!(\"hello\"); }",
        "use std::hash::RandomState;",
        "fn stop() { std :: process :: exit(1) }",
        "fn f(x: &dyn Fn()) {}",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse std::fs;",
        "/* a comment /* in a comment */ */ use std::fs;",
        "const QUOTE: char = '\"'; use std::fs; const OTHER: char = '\"';",
    ];
    for source in offences {
        assert!(!impurities(source).is_empty(), "{source}");
    }
    let innocent = "//! Speaks of std::time::Instant and `HashMap`.\n\
                    use std::collections::{BTreeMap, VecDeque};\n\
                    const TEXT: &str = \"std::fs \\\" HashMap\";\n\
                    const RAW: &str = r#\"println!(\"x\")\"#;\n\
                    fn name<'a>(x: &'a str) -> char { let _ = b'\\''; '\"' }\n\
                    /* thread_local! */\n\
                    #[cfg(test)]\nmod tests { use std::fs; fn f() { println!(\"{}\", 1) } }\n\
                    #[cfg(test)]\nuse std::thread;\n\
                    fn instant() { crate::time::now(); core::mem::swap(a, b) }\n";
    assert_eq!(impurities(innocent), Vec::<String>::new());
}

#[test]
fn wrong_directions_are_refused() {
    let offences = [
        ("bytes", "use crate::resp::Reply;"),
        ("data", "use crate::command::Context;"),
        ("data", "fn f() { let x = crate::config::Config::default(); }"),
        ("resp", "use crate::{bytes::glob, data::Keyspace};"),
        ("log", "use crate::data;"),
        ("command", "use crate::{Node, resp};"),
        ("session", "pub(crate) use crate::node::lane::Lane;"),
        ("unheard_of", "fn f() {}"),
    ];
    for (module, source) in offences {
        assert_eq!(directions(module, source).len(), 1, "{module}: {source}");
    }
    for (module, source) in [
        ("command", "use crate::{bytes::{glob, number}, resp::Args};"),
        ("data", "// use crate::command\nuse crate::data::Key; use crate::bytes::hash::hash;"),
        ("data", "#[cfg(test)]\nmod tests { use crate::config::Config; }"),
        ("node", "use crate::command::Context;"),
    ] {
        assert_eq!(directions(module, source), Vec::<String>::new(), "{module}: {source}");
    }
}

#[test]
fn untidy_sources_are_refused() {
    let long = "//\n".repeat(LINES_MAX + 1);
    let offences = [
        long.as_str(),
        "fn f() {} \n",
        "fn f() {\t\n}\n",
        "fn f() {}",
        "fn f() { todo!() }\n",
        "fn f() { unimplemented!(\"x\") }\n",
        "fn f() { dbg!(1); }\n",
        "#[test]\n#[ignore]\nfn f() {}\n",
        "#[ignore = \"slow\"]\nfn f() {}\n",
    ];
    for source in offences {
        assert_eq!(untidiness(source).len(), 1, "{}", &source[..source.len().min(80)]);
    }
    let innocent = "// todo!()\nfn f(todo: bool) { let dbg = \"dbg!(x) #[ignore]\"; }\n";
    assert_eq!(untidiness(innocent), Vec::<String>::new());
    assert!(untidiness(&"//\n".repeat(LINES_MAX)).is_empty());
}

#[test]
fn other_packages_are_refused() {
    let known: String = rules::DEPENDENCIES.iter().map(|name| format!("{name}.workspace = true\n")).collect();
    let good = format!("[package]\nname = \"x\"\n[dependencies]\n{known}[lints]\nworkspace = true\n");
    assert_eq!(dependencies(&good), Vec::<String>::new());
    for bad in [
        good.replace("[lints]", "tokio = \"1\"\n[lints]"),
        good.replace("[lints]", "[dev-dependencies]\nrand = \"0.9\"\n[lints]"),
        good.replace("[lints]", "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n[lints]"),
        good.replace("crc64fast.workspace = true\n", ""),
        good.replace("name = \"x\"", "name = \"x\"\nbuild = \"build.rs\""),
    ] {
        assert!(!dependencies(&bad).is_empty(), "{bad}");
    }
}

#[test]
fn use_trees_are_taken_apart() {
    let code = "use a::{b, c::{d as e, *}, self}; pub use f::g; fn h() -> i::j<k::l> { m::<n>::o() }";
    let found: Vec<String> = paths(code).into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, ["a::b", "a::c::d", "a::c::*", "a::self", "f::g", "i::j", "k::l"]);
}
