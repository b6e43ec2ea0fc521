//! Pages that are written from the code are what the code says.

use std::path::Path;

/// With `UPDATE=1` the page is written anew.
#[test]
fn the_page_of_commands_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/COMMANDS.md");
    let expected = lockstep_core::command::docs::markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, expected).expect("docs/COMMANDS.md can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).expect("docs/COMMANDS.md is there");
    let same = found == expected;
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(
        same,
        "docs/COMMANDS.md differs from line {line} on; UPDATE=1 cargo test --test docs writes it anew"
    );
}
