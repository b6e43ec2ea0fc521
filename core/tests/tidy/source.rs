//! Rust source reduced to what the house checks look at: code without comments, texts and tests.

use std::collections::BTreeSet;

/// The source with the contents of comments and of string and character literals blanked. Lines stay lines.
pub fn without_comments_and_texts(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + comment_length(rest)
        } else if let Some(length) = text_length(bytes, at) {
            at + length
        } else {
            at += 1;
            continue;
        };
        out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(out).expect("whole literals and comments were blanked")
}

/// The length of a block comment, which may hold others.
fn comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the string or character literal that begins here, quotes and prefix included.
fn text_length(bytes: &[u8], at: usize) -> Option<usize> {
    let inside_word = at > 0 && is_word(bytes[at - 1]);
    let rest = &bytes[at..];
    let prefix = match rest {
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !inside_word => 2,
        [b'r', b'"' | b'#', ..] if !inside_word => 1,
        [b'b' | b'c', b'"', ..] if !inside_word => 1,
        [b'b', b'\'', ..] if !inside_word => 1,
        _ => 0,
    };
    let body = &rest[prefix..];
    if prefix > 0 && rest[prefix - 1] == b'r' {
        let hashes = body.iter().take_while(|&&byte| byte == b'#').count();
        if body.get(hashes) != Some(&b'"') {
            return None; // r#name
        }
        let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let inner = &body[hashes + 1..];
        let length = inner.windows(end.len()).position(|window| window == end).unwrap_or(inner.len());
        return Some((prefix + hashes + 1 + length + end.len()).min(rest.len()));
    }
    match body.first() {
        Some(b'"') => Some(prefix + quoted_length(body, b'"')),
        // A character is one escape or one character and a quote; otherwise it is a lifetime.
        Some(b'\'') => {
            let text = core::str::from_utf8(&body[1..]).expect("source is UTF-8");
            let mut characters = text.chars();
            let first = characters.next()?;
            (first == '\\' || characters.next() == Some('\'')).then(|| prefix + quoted_length(body, b'\''))
        }
        _ => None,
    }
}

fn quoted_length(body: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < body.len() && body[at] != quote {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(body.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Blanks items marked `#[cfg(test)]` in code without comments and texts, and tells which of them are modules in
/// files of their own.
pub fn without_tests(code: &str) -> (String, BTreeSet<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut modules = BTreeSet::new();
    while let Some(start) = out.find(MARK) {
        let item = &out[start + MARK.len()..];
        let stop = item.find(['{', ';']).unwrap_or(item.len());
        let head: Vec<&str> = item[..stop].split_whitespace().collect();
        let length =
            if item[stop..].starts_with('{') { stop + block_length(&item[stop..]) } else { stop + 1 };
        if item[stop..].starts_with(';')
            && let [.., "mod", name] = head.as_slice()
        {
            modules.insert((*name).to_owned());
        }
        let end = (start + MARK.len() + length).min(out.len());
        let blank: String =
            out[start..end].chars().map(|character| if character == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    (out, modules)
}

fn block_length(block: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in block.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    block.len()
}

/// A word or sign of the code, and its line, counted from 1.
pub type Token<'a> = (&'a str, usize);

/// The words, numbers and signs of code; `::` is one sign.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < bytes.len() {
        let start = at;
        if is_word(bytes[at]) {
            at += bytes[at..].iter().take_while(|&&byte| is_word(byte)).count();
        } else {
            at += if bytes[at..].starts_with(b"::") { 2 } else { 1 };
        }
        line += usize::from(bytes[start] == b'\n');
        if !bytes[start].is_ascii_whitespace() {
            found.push((&code[start..at], line));
        }
    }
    found
}

/// Every path in the code with `::` in it, `use` trees taken apart: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
pub fn paths(code: &str) -> Vec<(String, usize)> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let (word, line) = tokens[at];
        let is_name = word.bytes().all(is_word);
        let next = tokens.get(at + 1).map_or("", |token| token.0);
        if word == "use" {
            at = tree(&tokens, at + 1, "", &mut found);
        } else if is_name && next == "::" {
            let mut path = word.to_owned();
            at += 1;
            // Stops before type arguments; what is behind them is no module.
            while tokens.get(at).is_some_and(|token| token.0 == "::")
                && let Some((part, _)) = tokens.get(at + 1).filter(|token| token.0.bytes().all(is_word))
            {
                path = path + "::" + part;
                at += 2;
            }
            if path.contains("::") {
                found.push((path, line));
            }
            at += usize::from(tokens.get(at).is_some_and(|token| token.0 == "::"));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one `use` tree below `prefix` and returns where it ends.
fn tree(tokens: &[Token<'_>], mut at: usize, prefix: &str, found: &mut Vec<(String, usize)>) -> usize {
    let mut path = prefix.to_owned();
    while let Some(&(word, line)) = tokens.get(at) {
        match word {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.0 != "}") {
                    at = tree(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.0 == ","));
                }
                return at + 1;
            }
            ";" | "," | "}" | "as" => break,
            part => {
                path = if path.is_empty() { part.to_owned() } else { path + "::" + part };
                at += 1;
                if tokens.get(at).is_none_or(|token| token.0 != "::") {
                    found.push((path.clone(), line));
                }
            }
        }
    }
    while tokens.get(at).is_some_and(|token| !matches!(token.0, ";" | "," | "}")) {
        at += 1;
    }
    at
}
