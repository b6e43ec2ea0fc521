//! What a reply should be: exactly a value, or a value with volatile places.

use std::collections::BTreeMap;

use super::quote::{bare, split_quoted, take_quoted, unescape};
use super::value::{Kind, Value};

/// An expected value.
#[derive(Clone, PartialEq, Debug)]
pub enum Pattern {
    /// This scalar.
    Exactly(Value),
    /// These items; `open` allows others after them.
    Sequence {
        /// Array, set or push.
        kind: Kind,
        /// In this order, unless the comparison says otherwise.
        items: Vec<Pattern>,
        /// More may follow.
        open: bool,
    },
    /// These pairs; `open` allows others among them, in any order.
    Map {
        /// Keys and values.
        pairs: Vec<(Pattern, Pattern)>,
        /// There may be others.
        open: bool,
    },
    /// `~int low..high`
    IntegerIn(i64, i64),
    /// `~double low..high`, for a RESP3 double or a bulk that is a number.
    DoubleIn(f64, f64),
    /// `~bulk "a…b"`: text of a kind with any bytes at each ellipsis.
    Text(Shape, Vec<Vec<u8>>),
    /// `~any`
    Any,
    /// `… as name`: what is found is kept for `${name}`.
    Named(Box<Pattern>, String),
}

/// Which kind of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A bulk string.
    Bulk,
    /// A simple string.
    Simple,
    /// An error.
    Error,
    /// A verbatim string, its format and colon included.
    Verbatim,
}

/// In which order the parts of a reply may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// As written.
    Same,
    /// Items of every aggregate in any order.
    Items,
    /// Arrays of scalars are pairs in any order; other arrays, such as the cursor and the page of a scan,
    /// are as written and hold what is compared so.
    Pairs,
}

/// Values remembered by `as`.
pub type Names = BTreeMap<String, String>;

impl Pattern {
    /// Whether `value` is what was expected. Names are bound as they are met.
    pub fn accepts(&self, value: &Value, order: Order, names: &mut Names) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Exactly(expected), _) => expected == value,
            (Self::IntegerIn(low, high), Value::Integer(number)) => (low..=high).contains(&number),
            (Self::DoubleIn(low, high), Value::Double(text) | Value::Bulk(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse::<f64>().ok())
                .is_some_and(|number| (low..=high).contains(&&number)),
            (Self::Text(shape, parts), _) => text_of(*shape, value).is_some_and(|text| fits(parts, text)),
            (Self::Named(inner, name), _) => {
                let good = inner.accepts(value, order, names);
                if good {
                    names.insert(name.clone(), plain(value));
                }
                good
            }
            (Self::Sequence { kind, items, open }, Value::Sequence(found_kind, found)) => {
                kind == found_kind && sequence(items, found, *open, order, names)
            }
            (Self::Map { pairs, open }, Value::Map(found)) => map(pairs, found, *open, order, names),
            _ => false,
        }
    }
}

fn sequence(items: &[Pattern], found: &[Value], open: bool, order: Order, names: &mut Names) -> bool {
    if found.len() < items.len() || (found.len() > items.len() && !open) {
        return false;
    }
    match order {
        Order::Same => items.iter().zip(found).all(|(item, value)| item.accepts(value, order, names)),
        Order::Items => assign(items.len(), found.len(), |i, f| items[i].accepts(&found[f], order, names)),
        Order::Pairs if found.iter().any(|value| matches!(value, Value::Sequence(..))) => {
            items.iter().zip(found).all(|(item, value)| item.accepts(value, order, names))
        }
        Order::Pairs => {
            items.len().is_multiple_of(2)
                && assign(items.len() / 2, found.len() / 2, |i, f| {
                    items[2 * i].accepts(&found[2 * f], order, names)
                        && items[2 * i + 1].accepts(&found[2 * f + 1], order, names)
                })
        }
    }
}

fn map(
    pairs: &[(Pattern, Pattern)],
    found: &[(Value, Value)],
    open: bool,
    order: Order,
    names: &mut Names,
) -> bool {
    if found.len() < pairs.len() || (found.len() > pairs.len() && !open) {
        return false;
    }
    let mut fits = |i: usize, f: usize| {
        pairs[i].0.accepts(&found[f].0, order, names) && pairs[i].1.accepts(&found[f].1, order, names)
    };
    if open || order != Order::Same {
        assign(pairs.len(), found.len(), fits)
    } else {
        (0..pairs.len()).all(|i| fits(i, i))
    }
}

/// Whether each of `wanted` can have one of `found` for itself: a matching of the two, found by augmenting
/// paths (Kuhn, "The Hungarian method for the assignment problem", 1955, without weights).
fn assign(wanted: usize, found: usize, mut fits: impl FnMut(usize, usize) -> bool) -> bool {
    let edges: Vec<Vec<usize>> = (0..wanted).map(|i| (0..found).filter(|&f| fits(i, f)).collect()).collect();
    let mut owners = vec![None; found];
    let complete = (0..wanted).all(|i| augment(i, &edges, &mut owners, &mut vec![false; found]));
    // Trying has bound names at will: bind them again, by the pairs that were settled.
    complete && owners.iter().enumerate().all(|(f, owner)| owner.is_none_or(|i| fits(i, f)))
}

fn augment(i: usize, edges: &[Vec<usize>], owners: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for &f in &edges[i] {
        if std::mem::replace(&mut seen[f], true) {
            continue;
        }
        if owners[f].is_none_or(|owner| augment(owner, edges, owners, seen)) {
            owners[f] = Some(i);
            return true;
        }
    }
    false
}

fn text_of(shape: Shape, value: &Value) -> Option<&[u8]> {
    match (shape, value) {
        (Shape::Bulk, Value::Bulk(text))
        | (Shape::Simple, Value::Simple(text))
        | (Shape::Error, Value::Error(text))
        | (Shape::Verbatim, Value::Verbatim(text)) => Some(text),
        _ => None,
    }
}

/// Whether `text` is the parts with any bytes between them.
fn fits(parts: &[Vec<u8>], text: &[u8]) -> bool {
    let (first, others) = parts.split_first().expect("splitting gives at least one part");
    let Some((last, middle)) = others.split_last() else { return first == text };
    let Some(mut rest) = text.strip_prefix(first.as_slice()) else { return false };
    for part in middle {
        let place = if part.is_empty() {
            Some(0)
        } else {
            rest.windows(part.len()).position(|window| window == part.as_slice())
        };
        match place {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Bulk(text) | Value::Simple(text) | Value::Double(text) => bare(text),
        other => panic!("only scalars can be named, not {other:?}"),
    }
}

/// The first line of a pattern: what it is, and how many parts follow on their own lines.
pub enum Head {
    /// Nothing follows.
    Whole(Pattern),
    /// A sequence; `None` is `?`: as many as are written, and others.
    Sequence(Kind, Option<usize>),
    /// A map, likewise.
    Map(Option<usize>),
}

/// Reads one line, without its indentation.
pub fn head(line: &str) -> Result<Head, String> {
    let rest = line.get(1..).unwrap_or("");
    let scalar = |value| Ok(Head::Whole(Pattern::Exactly(value)));
    match line.chars().next() {
        Some('+') => scalar(Value::Simple(unescape(rest)?)),
        Some('-') => scalar(Value::Error(unescape(rest)?)),
        Some(':') => scalar(Value::Integer(rest.parse().map_err(|_| format!("{rest:?} is no integer"))?)),
        Some('"') => scalar(Value::Bulk(whole_quoted(line)?)),
        Some('=') => scalar(Value::Verbatim(whole_quoted(rest)?)),
        Some(',') => scalar(Value::Double(unescape(rest)?)),
        Some('(') => scalar(Value::BigNumber(unescape(rest)?)),
        _ if line == "$-1" => scalar(Value::NullBulk),
        _ if line == "*-1" => scalar(Value::NullArray),
        _ if line == "_" => scalar(Value::Null),
        _ if line == "#t" => scalar(Value::Boolean(true)),
        _ if line == "#f" => scalar(Value::Boolean(false)),
        Some('~') if rest.starts_with(|letter: char| letter.is_ascii_lowercase()) => matcher(rest),
        Some('%') => Ok(Head::Map(parts(rest)?)),
        Some('*') => Ok(Head::Sequence(Kind::Array, parts(rest)?)),
        Some('~') => Ok(Head::Sequence(Kind::Set, parts(rest)?)),
        Some('>') => Ok(Head::Sequence(Kind::Push, parts(rest)?)),
        _ => Err(format!("{line:?} is no reply")),
    }
}

fn parts(text: &str) -> Result<Option<usize>, String> {
    match text {
        "?" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| format!("{text:?} is no number of parts")),
    }
}

fn whole_quoted(text: &str) -> Result<Vec<u8>, String> {
    match take_quoted(text)? {
        (bytes, "") => Ok(bytes),
        (_, rest) => Err(format!("{rest:?} follows a reply")),
    }
}

fn matcher(text: &str) -> Result<Head, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (pattern, rest) = match word {
        "any" => (Pattern::Any, rest),
        "int" | "double" => {
            let (range, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let (low, high) = range.split_once("..").ok_or_else(|| format!("{range:?} is no range"))?;
            let bad = || format!("{range:?} is no range of numbers");
            let pattern = if word == "int" {
                Pattern::IntegerIn(low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?)
            } else {
                Pattern::DoubleIn(low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?)
            };
            (pattern, rest)
        }
        "bulk" | "simple" | "error" | "verbatim" => {
            let (inside, rest) = split_quoted(rest)?;
            let shape = match word {
                "bulk" => Shape::Bulk,
                "simple" => Shape::Simple,
                "error" => Shape::Error,
                _ => Shape::Verbatim,
            };
            let parts = inside.split('…').map(unescape).collect::<Result<_, _>>()?;
            (Pattern::Text(shape, parts), rest.trim_start())
        }
        _ => return Err(format!("~{word} is no matcher")),
    };
    match rest.strip_prefix("as ") {
        Some(name) => Ok(Head::Whole(Pattern::Named(Box::new(pattern), name.into()))),
        None if rest.is_empty() => Ok(Head::Whole(pattern)),
        None => Err(format!("{rest:?} follows a matcher")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(line: &str, value: &Value) -> bool {
        match head(line).expect("a good line") {
            Head::Whole(pattern) => pattern.accepts(value, Order::Same, &mut Names::new()),
            _ => panic!("not one line: {line}"),
        }
    }

    #[test]
    fn matchers_know_their_type_and_range() {
        assert!(accepts("~int 1..3", &Value::Integer(3)));
        assert!(!accepts("~int 1..3", &Value::Integer(4)));
        assert!(!accepts("~int 1..3", &Value::Bulk(b"2".to_vec())));
        assert!(accepts("~double 1..3", &Value::Bulk(b"2.5".to_vec())));
        assert!(accepts("~bulk \"a…b…\"", &Value::Bulk(b"axxbyy".to_vec())));
        assert!(!accepts("~bulk \"a…b\"", &Value::Bulk(b"axxbyy".to_vec())));
        assert!(!accepts("~bulk \"ab…ba\"", &Value::Bulk(b"aba".to_vec())));
        assert!(!accepts("~simple \"…\"", &Value::Bulk(b"a".to_vec())));
        assert!(accepts("~any", &Value::NullArray));
    }

    #[test]
    fn the_nulls_are_three() {
        let nulls = [("$-1", Value::NullBulk), ("*-1", Value::NullArray), ("_", Value::Null)];
        for (line, _) in &nulls {
            let fitting: Vec<_> =
                nulls.iter().filter(|(_, value)| accepts(line, value)).map(|(name, _)| name).collect();
            assert_eq!(fitting, [line]);
        }
    }

    #[test]
    fn unordered_comparison_counts() {
        let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        let items = |texts: &[&str]| texts.iter().map(|text| Pattern::Exactly(bulk(text))).collect();
        let array =
            |texts: &[&str]| Value::Sequence(Kind::Array, texts.iter().map(|text| bulk(text)).collect());
        let pattern = |texts| Pattern::Sequence { kind: Kind::Array, items: items(texts), open: false };
        let names = &mut Names::new();
        assert!(pattern(&["a", "a", "b"]).accepts(&array(&["b", "a", "a"]), Order::Items, names));
        assert!(!pattern(&["a", "a", "b"]).accepts(&array(&["b", "a", "b"]), Order::Items, names));
        assert!(!pattern(&["a", "b"]).accepts(&array(&["b", "a"]), Order::Same, names));
        assert!(pattern(&["a", "1", "b", "2"]).accepts(&array(&["b", "2", "a", "1"]), Order::Pairs, names));
        assert!(!pattern(&["a", "1", "b", "2"]).accepts(&array(&["b", "1", "a", "2"]), Order::Pairs, names));
        let wide = Pattern::Sequence {
            kind: Kind::Array,
            items: vec![Pattern::Text(Shape::Bulk, vec![vec![], vec![]]), Pattern::Exactly(bulk("a"))],
            open: false,
        };
        assert!(wide.accepts(&array(&["a", "b"]), Order::Items, names));
        assert!(!wide.accepts(&array(&["c", "b"]), Order::Items, names));
        let page = |inner| Value::Sequence(Kind::Array, vec![bulk("0"), inner]);
        let wanted = Pattern::Sequence {
            kind: Kind::Array,
            items: vec![Pattern::Exactly(bulk("0")), pattern(&["a", "1", "b", "2"])],
            open: false,
        };
        assert!(wanted.accepts(&page(array(&["b", "2", "a", "1"])), Order::Pairs, names));
        assert!(!wanted.accepts(&page(array(&["b", "1", "a", "2"])), Order::Pairs, names));
    }

    #[test]
    fn names_are_bound() {
        let Ok(Head::Whole(pattern)) = head("~int 0..9 as id") else { panic!("a good line") };
        let mut names = Names::new();
        assert!(pattern.accepts(&Value::Integer(7), Order::Same, &mut names));
        assert_eq!(names["id"], "7");
    }
}
