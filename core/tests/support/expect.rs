//! What a step of a story should be answered with.

use super::pattern::{Head, Names, Order, Pattern, head};
use super::value::Value;

/// The lines below a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// These replies.
    pub replies: Vec<(Order, Pattern)>,
    /// `...`: no reply yet.
    pub silent: bool,
    /// `closed`: then the server closes the connection.
    pub closed: bool,
}

/// What came.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Observed {
    /// Replies, in order.
    pub replies: Vec<Value>,
    /// The server closed the connection.
    pub closed: bool,
}

impl Observed {
    /// As lines of a transcript.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.replies.iter().flat_map(Value::lines).collect();
        if self.closed {
            lines.push("closed".into());
        }
        if lines.is_empty() {
            lines.push("...".into());
        }
        lines
    }
}

impl Expectation {
    /// Reads the lines below a step. An empty list is no expectation at all.
    pub fn parse(lines: &[&str]) -> Result<Self, String> {
        let mut expectation = Self { replies: Vec::new(), silent: false, closed: false };
        let mut order = Order::Same;
        let mut rest = lines;
        while let Some((&first, others)) = rest.split_first() {
            if expectation.closed || expectation.silent {
                return Err(format!("{first:?} follows the end of the replies"));
            }
            rest = others;
            match first {
                "..." => expectation.silent = true,
                "closed" => expectation.closed = true,
                "set-compare" => order = Order::Items,
                "set-compare pairs" => order = Order::Pairs,
                _ => {
                    let (pattern, after) = whole(head(first)?, 1, others)?;
                    expectation.replies.push((std::mem::replace(&mut order, Order::Same), pattern));
                    rest = after;
                }
            }
        }
        // An order without a reply tells the recorder how to write the reply that it will find.
        Ok(expectation)
    }

    /// Whether it says anything: nothing is answered with no reply, no silence and no end.
    pub fn is_complete(&self) -> bool {
        !self.replies.is_empty() || self.silent || self.closed
    }

    /// Whether what came is what was expected.
    pub fn accepts(&self, observed: &Observed, names: &mut Names) -> bool {
        self.is_complete()
            && self.closed == observed.closed
            && self.replies.len() == observed.replies.len()
            && self
                .replies
                .iter()
                .zip(&observed.replies)
                .all(|((order, pattern), value)| pattern.accepts(value, *order, names))
    }
}

/// Completes a pattern whose first line was read, from lines indented by `depth` steps.
fn whole<'a>(head: Head, depth: usize, lines: &'a [&'a str]) -> Result<(Pattern, &'a [&'a str]), String> {
    let mut lines = lines;
    let mut left = match &head {
        Head::Whole(_) => Some(0),
        Head::Sequence(_, count) | Head::Map(count) => *count,
    };
    let is_map = matches!(head, Head::Map(_));
    let (mut items, mut pairs) = (Vec::new(), Vec::new());
    while left != Some(0) {
        let line = lines.first().and_then(|line| line.strip_prefix("  ".repeat(depth).as_str()));
        let Some(line) = line else {
            if left.is_none() {
                break;
            }
            return Err("parts of a reply are missing".into());
        };
        if line.starts_with(' ') {
            return Err(format!("{line:?} is indented too far"));
        }
        if is_map {
            let (key, value) = pair(line)?;
            let (value, rest) = whole(value, depth + 1, &lines[1..])?;
            pairs.push((key, value));
            lines = rest;
        } else {
            let (item, rest) = whole(self::head(line)?, depth + 1, &lines[1..])?;
            items.push(item);
            lines = rest;
        }
        left = left.map(|left| left - 1);
    }
    let pattern = match head {
        Head::Whole(pattern) => pattern,
        Head::Sequence(kind, count) => Pattern::Sequence { kind, items, open: count.is_none() },
        Head::Map(count) => Pattern::Map { pairs, open: count.is_none() },
    };
    Ok((pattern, lines))
}

/// `key => value`; the key has no parts, and may hold an arrow itself.
fn pair(line: &str) -> Result<(Pattern, Head), String> {
    let arrow = " => ";
    for (place, _) in line.match_indices(arrow) {
        if let Ok(Head::Whole(key)) = head(&line[..place]) {
            return Ok((key, head(&line[place + arrow.len()..])?));
        }
    }
    Err(format!("{line:?} is no pair of a map"))
}

#[cfg(test)]
mod tests {
    use super::super::value::Kind;
    use super::*;

    #[test]
    fn what_is_observed_is_read_back() {
        let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        let value = Value::Map(vec![
            (bulk("a => \"b\""), Value::Sequence(Kind::Array, vec![Value::Map(vec![]), Value::Null])),
            (
                Value::Simple(b"c".to_vec()),
                Value::Map(vec![(Value::Integer(1), Value::Double(b"inf".to_vec()))]),
            ),
        ]);
        let observed = Observed { replies: vec![value, Value::NullArray], closed: true };
        let lines = observed.lines();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expectation = Expectation::parse(&lines).expect("own writing");
        assert!(expectation.accepts(&observed, &mut Names::new()));
        let mut other = observed.clone();
        other.closed = false;
        assert!(!expectation.accepts(&other, &mut Names::new()));
        other = observed;
        other.replies.pop();
        assert!(!expectation.accepts(&other, &mut Names::new()));
    }

    #[test]
    fn open_aggregates_allow_more() {
        let expectation = Expectation::parse(&["*?", "  :1", "  %?", "    +b => :2"]).expect("good");
        let pair = |key: &str, value| (Value::Simple(key.as_bytes().to_vec()), Value::Integer(value));
        let reply = |pairs| {
            let items = vec![Value::Integer(1), Value::Map(pairs), Value::Null];
            Observed { replies: vec![Value::Sequence(Kind::Array, items)], closed: false }
        };
        assert!(expectation.accepts(&reply(vec![pair("a", 1), pair("b", 2)]), &mut Names::new()));
        assert!(!expectation.accepts(&reply(vec![pair("a", 1), pair("b", 3)]), &mut Names::new()));
    }

    #[test]
    fn bad_expectations_are_named() {
        for bad in [
            &["*2", "  :1"][..],
            &["*1", "    :1"],
            &["closed", ":1"],
            &["...", " :1"],
            &["%1", "  :1"],
            &["?"],
        ] {
            assert!(Expectation::parse(bad).is_err(), "{bad:?}");
        }
    }
}
