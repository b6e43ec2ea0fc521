//! The three ways to use a transcript: record it, verify it against a real server, hold our node to it.

use std::ops::Range;
use std::path::PathBuf;

use super::expect::{Expectation, Observed};
use super::pattern::Names;
use super::script::{self, Script, Section, Step};
use super::server::{self, Server};
use super::story::{missing, play};
use super::target::Target;

/// How many differences of one file are shown.
const SHOWN_MAX: usize = 40;

/// What to do with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Write what the real server answers into it.
    Record,
    /// Compare it with what the real server answers.
    Verify,
    /// Compare it with what our node answers.
    Node,
}

/// The mode the environment asks for: `RECORD=1`, `VERIFY=1`, or neither.
pub fn mode() -> Mode {
    let set = |name| std::env::var(name).is_ok_and(|value| value == "1");
    match (set("RECORD"), set("VERIFY")) {
        (false, false) => Mode::Node,
        (true, false) => Mode::Record,
        (false, true) => Mode::Verify,
        (true, true) => panic!("RECORD and VERIFY exclude each other"),
    }
}

/// Where the files are.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/commands")
}

/// Reads the file of a family.
pub fn load(name: &str) -> (String, Script) {
    let path = directory().join(format!("{name}.txt"));
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let script = script::parse(&text).unwrap_or_else(|problem| panic!("{name}.txt, {problem}"));
    (text, script)
}

/// Whether a file is to be recorded from, or verified against, the server that is there.
///
/// A file says in its head which release it was recorded from; only the same major and minor count.
fn concerns(script: &Script, release: &str) -> bool {
    let series = |text: &str| text.rsplit_once('.').map(|(series, _)| series.to_string());
    script.source.as_deref().is_none_or(|source| series(source) == series(release))
}

/// Records or verifies a file with a real server. Does nothing when it belongs to another release.
pub fn with_real_server(name: &str, mode: Mode) {
    let (text, script) = load(name);
    let release = server::release().expect("a real server is needed");
    if !concerns(&script, &release) {
        println!("{name}: recorded from {:?}, not from {release}; left alone", script.source);
        return;
    }
    let mut edits = Vec::new();
    let mut report = Report::new(name);
    for section in wanted(&script) {
        let mut server = Server::start(&section.config).expect("a server starts");
        let told = play(
            &mut server,
            section,
            |step| step.recorded.as_ref(),
            |step, good, observed| {
                if good {
                    return;
                }
                if mode == Mode::Record {
                    edits.push((step.recorded_lines.clone(), recorded_lines(&text, step, &observed)));
                } else {
                    report.differs(section, step, step.recorded.as_ref(), &text, &observed);
                }
            },
        );
        report.told(section, told);
    }
    if mode == Mode::Record {
        write(name, &text, &script, edits, &release);
    }
    report.finish();
}

/// Compares a file with what `start` gives for each section.
pub fn with_target<T: Target>(name: &str, mut start: impl FnMut(&Section) -> T) {
    let (text, script) = load(name);
    let mut report = Report::new(name);
    for section in wanted(&script) {
        // Asked of a node of its own, so that the story begins with an untouched one.
        match missing(&mut start(section), &section.needs) {
            Ok(None) => {}
            Ok(Some(command)) => {
                println!("{name}.txt [{}] waits for {command}", section.title);
                continue;
            }
            Err(problem) => panic!("{name}.txt [{}] {problem}", section.title),
        }
        let mut target = start(section);
        let told = play(&mut target, section, ours, |step, good, observed| {
            if !good {
                report.differs(section, step, ours(step), &text, &observed);
            }
        });
        report.told(section, told);
    }
    report.finish();
}

/// What our node should answer.
fn ours(step: &Step) -> Option<&Expectation> {
    step.differs.as_ref().map(|(_, expectation)| expectation).or(step.recorded.as_ref())
}

/// The sections to play: all, or those whose title holds `SECTION`.
fn wanted(script: &Script) -> impl Iterator<Item = &Section> {
    let filter = std::env::var("SECTION").unwrap_or_default();
    script.sections.iter().filter(move |section| section.title.contains(&filter))
}

/// The lines to stand below a step: what came, and the order of comparison that stood there before.
fn recorded_lines(text: &str, step: &Step, observed: &Observed) -> Vec<String> {
    let first = text.lines().nth(step.recorded_lines.start).unwrap_or("");
    let mut lines = observed.lines();
    if !step.recorded_lines.is_empty() && first.starts_with("set-compare") && !observed.replies.is_empty() {
        lines.insert(0, first.into());
    }
    lines
}

fn write(name: &str, text: &str, script: &Script, edits: Vec<(Range<usize>, Vec<String>)>, release: &str) {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    for (range, replacement) in edits.into_iter().rev() {
        lines.splice(range, replacement);
    }
    let head = format!("# recorded from: {release}");
    match lines.iter().position(|line| line.starts_with("# recorded from: ")) {
        Some(place) => lines[place] = head,
        None => lines.insert(0, head),
    }
    let new = lines.join("\n") + "\n";
    if new != text {
        println!("{name}: {} sections recorded anew", script.sections.len());
        std::fs::write(directory().join(format!("{name}.txt")), new).expect("the transcript can be written");
    }
}

/// The differences found in one file.
struct Report {
    name: String,
    problems: Vec<String>,
}

impl Report {
    fn new(name: &str) -> Self {
        Self { name: name.into(), problems: Vec::new() }
    }

    fn differs(
        &mut self,
        section: &Section,
        step: &Step,
        expected: Option<&Expectation>,
        text: &str,
        observed: &Observed,
    ) {
        let indent =
            |lines: Vec<String>| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
        let lines = |range: &Range<usize>| {
            indent(text.lines().skip(range.start).take(range.len()).map(String::from).collect())
        };
        let wanted = match &step.differs {
            _ if expected.is_none() => "    nothing was recorded\n".into(),
            Some((reason, ours)) if Some(ours) == expected => {
                format!("    (where we differ: {reason})\n{}", lines(&step.differs_lines))
            }
            _ => lines(&step.recorded_lines),
        };
        self.problems.push(format!(
            "{}.txt:{} [{}] {}\n  expected:\n{wanted}  came:\n{}",
            self.name,
            step.line,
            section.title,
            step.text,
            indent(observed.lines()),
        ));
    }

    fn told(&mut self, section: &Section, told: Result<(), String>) {
        if let Err(problem) = told {
            self.problems.push(format!("{}.txt [{}] {problem}\n", self.name, section.title));
        }
    }

    fn finish(self) {
        let count = self.problems.len();
        let shown: String = self.problems.iter().take(SHOWN_MAX).map(String::as_str).collect();
        assert!(count == 0, "{count} differences in {}:\n{shown}", self.name);
    }
}

/// Every place where a transcript says that we differ on purpose: file, line, command, reason.
pub fn differences(name: &str) -> Vec<String> {
    let (_, script) = load(name);
    let steps = script.sections.iter().flat_map(|section| &section.steps);
    steps
        .filter_map(|step| {
            let (reason, _) = step.differs.as_ref()?;
            Some(format!("{name}.txt:{}: `{}`: {reason}", step.line, step.text))
        })
        .collect()
}

/// Problems of a file that no server is needed to see.
pub fn lint(name: &str) -> Vec<String> {
    let (_, script) = load(name);
    let mut problems = Vec::new();
    if script.source.is_none() {
        problems.push(format!("{name}.txt does not say what it was recorded from"));
    }
    for section in &script.sections {
        for step in &section.steps {
            let place = format!("{name}.txt:{}: {}", step.line, step.text);
            let answered =
                matches!(step.act, script::Act::Command(_) | script::Act::Raw(_) | script::Act::More);
            if answered != step.recorded.as_ref().is_some_and(Expectation::is_complete) {
                problems.push(format!("{place}: an answer is missing or has no question"));
            }
            let Some((reason, expectation)) = &step.differs else { continue };
            if reason.trim().is_empty() {
                problems.push(format!("{place}: no reason why we differ"));
            }
            if step.recorded.as_ref() == Some(expectation) {
                problems.push(format!("{place}: we do not differ"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_apart_by_series() {
        let script = |source: &str| Script { source: Some(source.into()), sections: Vec::new() };
        assert!(concerns(&script("redis 7.0.15"), "redis 7.0.11"));
        assert!(!concerns(&script("redis 7.0.15"), "redis 7.2.4"));
        assert!(concerns(&Script { source: None, sections: Vec::new() }, "redis 7.2.4"));
    }

    #[test]
    fn our_own_reply_stands_over_the_recorded_one() {
        let script =
            script::parse("== A\n> PING\n+PONG\n!differs: to see it\n:1\n> PING\n+PONG\n").expect("good");
        let [first, second] = &script.sections[0].steps[..] else { panic!("two steps") };
        let one = Observed { replies: vec![super::super::value::Value::Integer(1)], closed: false };
        assert!(ours(first).expect("a reply").accepts(&one, &mut Names::new()));
        assert!(!ours(second).expect("a reply").accepts(&one, &mut Names::new()));
    }
}
