//! A transcript file: sections of steps, each with the lines that say how it should be answered.

use std::ops::Range;

use super::expect::Expectation;
use super::pattern::Names;
use super::quote::take_quoted;

/// A whole file.
pub struct Script {
    /// The release the replies were recorded from, from the line `# recorded from: redis …`.
    pub source: Option<String>,
    /// Stories, each with a server of its own.
    pub sections: Vec<Section>,
}

/// From one `== title` to the next.
pub struct Section {
    /// What it is about.
    pub title: String,
    /// Directives the server is started with, as name and value.
    pub config: Vec<(String, String)>,
    /// Commands that it cannot do without.
    pub needs: Vec<String>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One thing that happens, and what comes of it.
pub struct Step {
    /// The number of its line, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// On which connection; the default one has an empty name.
    pub conn: String,
    /// What.
    pub act: Act,
    /// The lines below it that tell what the real server answers, as indexes into the lines of the file.
    pub recorded_lines: Range<usize>,
    /// The same, read; `None` when there are no such lines yet.
    pub recorded: Option<Expectation>,
    /// Where we differ on purpose: the reason, and what we answer.
    pub differs: Option<(String, Expectation)>,
    /// The lines that tell what we answer there; empty where we do not differ.
    pub differs_lines: Range<usize>,
}

/// What a step does.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    /// `> NAME argument…`: send a command and read its reply.
    Command(Vec<Word>),
    /// `raw> "…"`: send bytes and read what comes.
    Raw(Vec<u8>),
    /// `part> "…"`: send bytes that call for no reply yet.
    Part(Vec<u8>),
    /// `<`: read another reply.
    More,
    /// `hangup`: close the connection from this side.
    Hangup,
    /// `wait 120ms`: let time pass.
    Wait(u64),
}

/// An argument.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Text in which `${name}` stands for what was bound by `as name`.
    Template(String),
}

impl Word {
    /// The bytes to send.
    pub fn bytes(&self, names: &Names) -> Result<Vec<u8>, String> {
        let text = match self {
            Self::Bytes(bytes) => return Ok(bytes.clone()),
            Self::Template(text) => text,
        };
        let mut rest = text.as_str();
        let mut filled = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{text}: no closing brace"))?;
            filled += before;
            filled += names.get(name).ok_or_else(|| format!("{text}: {name} was never bound"))?;
            rest = after;
        }
        Ok((filled + rest).into_bytes())
    }
}

/// Reads a whole file.
///
/// # Errors
/// With the number of the line that cannot be read.
pub fn parse(text: &str) -> Result<Script, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut script = Script { source: None, sections: Vec::new() };
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let place = |problem: String| format!("line {}: {problem}", at + 1);
        if let Some(source) = line.strip_prefix("# recorded from: ") {
            script.source = Some(source.to_string());
        } else if let Some(title) = line.strip_prefix("== ") {
            script.sections.push(Section {
                title: title.into(),
                config: Vec::new(),
                needs: Vec::new(),
                steps: Vec::new(),
            });
        } else if !is_break(line) {
            let section = script.sections.last_mut().ok_or_else(|| place("no section yet".into()))?;
            if let Some(setting) = line.strip_prefix("config ") {
                if !section.steps.is_empty() {
                    return Err(place("settings stand before the first step".into()));
                }
                let (name, value) = setting.split_once(' ').ok_or_else(|| place("no value".into()))?;
                section.config.push((name.into(), value.into()));
            } else if let Some(commands) = line.strip_prefix("needs ") {
                section.needs.extend(commands.split(' ').map(String::from));
            } else {
                let (conn, act) = act(line).map_err(place)?;
                let (step, next) = step(&lines, at, conn, act)?;
                section.steps.push(step);
                at = next;
                continue;
            }
        }
        at += 1;
    }
    Ok(script)
}

fn is_break(line: &str) -> bool {
    line.is_empty() || line == "#" || line.starts_with("# ")
}

fn step(lines: &[&str], at: usize, conn: String, act: Act) -> Result<(Step, usize), String> {
    let end = (at + 1..lines.len()).find(|&i| ends_step(lines[i])).unwrap_or(lines.len());
    let mark = (at + 1..end).find(|&i| lines[i].starts_with("!differs: "));
    let recorded_lines = at + 1..mark.unwrap_or(end);
    let read = |range: Range<usize>| {
        let first = range.start + 1;
        Expectation::parse(&lines[range]).map_err(|problem| format!("line {first}: {problem}"))
    };
    let recorded = if recorded_lines.is_empty() { None } else { Some(read(recorded_lines.clone())?) };
    let differs_lines = mark.map_or(end, |mark| mark + 1)..end;
    let differs = match mark {
        Some(mark) => {
            let reason = lines[mark]["!differs: ".len()..].to_string();
            Some((reason, read(differs_lines.clone())?))
        }
        None => None,
    };
    Ok((
        Step {
            line: at + 1,
            text: lines[at].into(),
            conn,
            act,
            recorded_lines,
            recorded,
            differs,
            differs_lines,
        },
        end,
    ))
}

fn ends_step(line: &str) -> bool {
    let steps = ["== ", "> ", "@", "raw> ", "part> ", "wait "];
    is_break(line) || matches!(line, "<" | "hangup") || steps.iter().any(|start| line.starts_with(start))
}

fn act(line: &str) -> Result<(String, Act), String> {
    let (conn, rest) = match line.strip_prefix('@') {
        Some(named) => named.split_once(' ').ok_or("a connection and nothing to do")?,
        None => ("", line),
    };
    let act = if let Some(words) = rest.strip_prefix("> ") {
        Act::Command(self::words(words)?)
    } else if let Some(bytes) = rest.strip_prefix("raw> ") {
        Act::Raw(strings(bytes)?)
    } else if let Some(bytes) = rest.strip_prefix("part> ") {
        Act::Part(strings(bytes)?)
    } else if rest == "<" {
        Act::More
    } else if rest == "hangup" {
        Act::Hangup
    } else if let Some(time) = rest.strip_prefix("wait ") {
        let digits = time.strip_suffix("ms").ok_or("times are in ms")?;
        Act::Wait(digits.parse().map_err(|_| format!("{digits:?} is no number"))?)
    } else {
        return Err(format!("{line:?} is no step"));
    };
    Ok((conn.into(), act))
}

/// Arguments: bare words, or quoted strings.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with('"') {
            let (bytes, after) = take_quoted(rest)?;
            if !after.is_empty() && !after.starts_with(' ') {
                return Err(format!("{after:?} follows a quoted argument"));
            }
            words.push(Word::Bytes(bytes));
            rest = after.trim_start();
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            let word = &rest[..end];
            if word.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'"' || byte == b'\\') {
                return Err(format!("{word:?} must be quoted"));
            }
            words.push(if word.contains("${") {
                Word::Template(word.into())
            } else {
                Word::Bytes(word.into())
            });
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

/// Quoted strings, joined.
fn strings(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (more, after) = take_quoted(rest)?;
        bytes.extend(more);
        rest = after.trim_start();
    }
    Ok(bytes)
}

/// The bytes of a command, as clients send it.
pub fn encode(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read() {
        let text = "# recorded from: redis 7.0.15\n\n== One\nconfig maxclients 5\n\n> SET a \"b\\n\"*2\n+OK\n\
                    # said\n@b > GET ${key}\n$-1\n!differs: because\n\"x\"\n@b <\nclosed\nwait 12ms\n== Two\nraw> \"a\" \"b\"\n...\n";
        let script = parse(text).expect("good");
        assert_eq!(script.source.as_deref(), Some("redis 7.0.15"));
        let [one, two] = &script.sections[..] else { panic!("two sections") };
        assert_eq!(one.config, [("maxclients".to_string(), "5".to_string())]);
        assert_eq!(
            one.steps[0].act,
            Act::Command(vec![
                Word::Bytes(b"SET".to_vec()),
                Word::Bytes(b"a".to_vec()),
                Word::Bytes(b"b\nb\n".to_vec())
            ])
        );
        assert_eq!(one.steps[1].conn, "b");
        assert_eq!(one.steps[1].recorded_lines, 9..10);
        assert_eq!(one.steps[1].differs.as_ref().map(|(reason, _)| reason.as_str()), Some("because"));
        assert!(one.steps[2].recorded.as_ref().expect("lines").closed);
        assert_eq!(one.steps[3].act, Act::Wait(12));
        assert_eq!(two.steps[0].act, Act::Raw(b"ab".to_vec()));
    }

    #[test]
    fn names_are_filled_in() {
        let names = Names::from([("id".to_string(), "7".to_string())]);
        assert_eq!(Word::Template("a${id}b".into()).bytes(&names), Ok(b"a7b".to_vec()));
        assert!(Word::Template("${other}".into()).bytes(&names).is_err());
    }

    #[test]
    fn bad_lines_are_named_with_their_number() {
        for (bad, line) in
            [("== A\n\nPING\n", 3), ("> PING\n", 1), ("== A\n> PING\n*2\n  :1\n", 3), ("== A\nwait 3s\n", 2)]
        {
            let problem = parse(bad).err().expect("an error");
            assert!(problem.starts_with(&format!("line {line}:")), "{problem}");
        }
    }
}
