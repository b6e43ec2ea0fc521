//! Configuration files that may be anything: a named error, or settings that survive being written and read.

use lockstep_core::Config;
use lockstep_core::config::{DIRECTIVES, Stage, file};

/// Reads arbitrary text as a configuration file; what it sets is written as `CONFIG REWRITE` does and read again.
/// Each line is also tried as a `CONFIG SET`.
pub fn config_file(data: &[u8]) {
    let lines = match file::parse("fuzz.conf", data) {
        Ok(lines) => lines,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    for line in &lines {
        assert!(!line.words.is_empty() && line.number >= 1);
        for word in &line.words {
            let again = file::split(&file::quote(word)).expect("what is quoted can be split");
            assert_eq!(again, [word.as_bytes()]);
        }
    }
    let mut running = Config::default();
    for line in &lines {
        let before = running.clone();
        let [name, values @ ..] = &line.words[..] else { continue };
        let value = values.join(" ");
        match running.set_all(&[(name.as_bytes(), value.as_bytes())]) {
            Ok(set) => assert_eq!(set.len(), 1),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(running == before, "a refused setting leaves no trace: {name} {value:?}");
            }
        }
        let _ = running.get(&[value.as_bytes()]);
    }
    survives(&running);
    match Config::from_lines(&lines) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(config) => survives(&config),
    }
}

/// Writes the settings as lines of a file and reads them back.
fn survives(config: &Config) {
    let mut text = String::new();
    for (name, lines) in config.differing() {
        for line in lines {
            text.push_str(&format!("{name} {line}\n"));
        }
    }
    let lines = file::parse("rewritten.conf", text.as_bytes())
        .unwrap_or_else(|error| panic!("what was written cannot be parsed: {error}\n{text}"));
    let mut again = Config::default();
    // A profile sets others, which the lines behind it set anew.
    for line in lines.iter().filter(|line| line.words[0] == "profile").chain(&lines) {
        let values: Vec<&[u8]> = line.words[1..].iter().map(String::as_bytes).collect();
        again
            .set(line.words[0].as_bytes(), &values, Stage::Start)
            .unwrap_or_else(|error| panic!("what was written cannot be set: {error}\n{text}"));
    }
    for directive in DIRECTIVES {
        assert_eq!(again.show(directive), config.show(directive), "{}\n{text}", directive.name);
    }
}
