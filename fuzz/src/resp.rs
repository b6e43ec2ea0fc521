//! The protocol from the client's side, written without a look at the server's: requests out, values in.

/// A value as a client sees it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `~`
    Set(Vec<Value>),
    /// `>`
    Push(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `,`, as it was written.
    Double(Vec<u8>),
    /// `#`
    Boolean(bool),
    /// `(`
    BigNumber(Vec<u8>),
    /// `=`: format and text.
    Verbatim(Vec<u8>, Vec<u8>),
}

/// One request of these words.
#[must_use]
pub fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// All values in `bytes`.
///
/// # Errors
/// Where and why they are not whole values.
pub fn read_all(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let mut reader = Reader { bytes, at: 0 };
    let mut values = Vec::new();
    while reader.at < bytes.len() {
        let start = reader.at;
        values.push(reader.value(0).map_err(|problem| format!("value at {start}: {problem}"))?);
    }
    Ok(values)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let end = self.at.checked_add(count).ok_or("a length out of all bounds")?;
        let part = self.bytes.get(self.at..end).ok_or("the bytes end inside")?;
        self.at = end;
        Ok(part)
    }

    fn line(&mut self) -> Result<&'a [u8], &'static str> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\r').ok_or("a line without an end")?;
        let line = self.take(length)?;
        if self.take(2)? == b"\r\n" { Ok(line) } else { Err("a return that ends no line") }
    }

    fn integer(&mut self) -> Result<i64, &'static str> {
        let text = std::str::from_utf8(self.line()?).map_err(|_| "a number that is no text")?;
        let number: i64 = text.parse().map_err(|_| "a number that is none")?;
        if number.to_string() == text { Ok(number) } else { Err("a number not in its one form") }
    }

    fn text(&mut self, length: i64) -> Result<Vec<u8>, &'static str> {
        let length = usize::try_from(length).map_err(|_| "a negative length")?;
        let text = self.take(length)?.to_vec();
        if self.take(2)? == b"\r\n" { Ok(text) } else { Err("no line end behind a text") }
    }

    fn items(&mut self, count: i64, depth: usize) -> Result<Vec<Value>, &'static str> {
        let count = usize::try_from(count).map_err(|_| "a negative count")?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    fn value(&mut self, depth: usize) -> Result<Value, &'static str> {
        if depth > 64 {
            return Err("values within values without end");
        }
        let kind = self.take(1)?[0];
        Ok(match kind {
            b'+' => Value::Simple(self.line()?.to_vec()),
            b'-' => Value::Error(self.line()?.to_vec()),
            b':' => Value::Integer(self.integer()?),
            b',' => Value::Double(self.line()?.to_vec()),
            b'(' => Value::BigNumber(self.line()?.to_vec()),
            b'_' if self.line()?.is_empty() => Value::Null,
            b'#' => match self.line()? {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err("a truth value that is none"),
            },
            b'$' => match self.integer()? {
                -1 => Value::Null,
                length => Value::Bulk(self.text(length)?),
            },
            b'=' => {
                let length = self.integer()?;
                let text = self.text(length)?;
                if text.len() < 4 || text[3] != b':' {
                    return Err("a verbatim text without a format");
                }
                Value::Verbatim(text[..3].to_vec(), text[4..].to_vec())
            }
            b'*' => match self.integer()? {
                -1 => Value::Null,
                count => Value::Array(self.items(count, depth)?),
            },
            b'~' => {
                let count = self.integer()?;
                Value::Set(self.items(count, depth)?)
            }
            b'>' => {
                let count = self.integer()?;
                Value::Push(self.items(count, depth)?)
            }
            b'%' => {
                let count = self.integer()?;
                let mut pairs = Vec::new();
                for _ in 0..usize::try_from(count).map_err(|_| "a negative count")? {
                    pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
                }
                Value::Map(pairs)
            }
            _ => return Err("no type begins like this"),
        })
    }
}
