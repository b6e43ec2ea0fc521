//! Golden transcripts of commands, recorded from a real server and held against our node.
//!
//! `RECORD=1 cargo test -p lockstep-core --test commands` writes what a real server answers into the files of
//! `core/tests/commands`, `VERIFY=1` tells where they differ from it; without either, our node must answer
//! what they say. See `core/tests/commands/README.md`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the recorder drives a real server: sockets, processes, time and the environment are its trade"
)]

mod support;

use support::compare::{Mode, differences, directory, lint, mode, with_real_server, with_target};
use support::node::InProcess;
use support::script::Section;

/// One test for each file, named like it.
macro_rules! families {
    ($($name:ident),* $(,)?) => {
        const FAMILIES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

families! {
    client,
    command,
    config,
    connection,
    connection_7_2,
    expire,
    generic,
    hash,
    info,
    object,
    protocol,
    scan,
    server,
    string,
    string_counter,
    string_lcs,
    transaction,
}

fn check(name: &str) {
    match mode() {
        Mode::Node => {
            // A node that keeps nothing runs commands where they arrive; one that syncs first runs them from
            // the lane. Clients must not see which it is.
            with_target(name, |section| start(section, &["appendonly no"]));
            with_target(name, |section| start(section, &["appendonly yes", "appendfsync always"]));
        }
        mode => with_real_server(name, mode),
    }
}

/// A node with these directives, those of the section after them.
fn start(section: &Section, directives: &[&str]) -> InProcess {
    let mut all = vec![("save".to_string(), "\"\"".to_string())];
    for directive in directives {
        let (name, value) = directive.split_once(' ').expect("a name and a value");
        all.push((name.into(), value.into()));
    }
    all.extend(section.config.iter().cloned());
    InProcess::start(&all)
}

#[test]
fn every_transcript_has_a_test() {
    let entries = std::fs::read_dir(directory()).expect("the transcripts are there");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("a readable directory").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".txt").map(String::from))
        .collect();
    found.sort();
    let mut named: Vec<String> = FAMILIES.iter().map(ToString::to_string).collect();
    named.sort();
    assert_eq!(found, named);
}

#[test]
fn transcripts_are_complete() {
    if mode() == Mode::Record {
        return; // they are being written
    }
    let problems: Vec<String> = FAMILIES.iter().flat_map(|name| lint(name)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Prints every deliberate difference (`cargo test -- --nocapture deliberate`), for the compatibility page.
#[test]
fn deliberate_differences_are_listed() {
    for name in FAMILIES {
        for difference in differences(name) {
            println!("{difference}");
        }
    }
}
