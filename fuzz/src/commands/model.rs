//! What Redis documents of strings, hashes, keys and deadlines, on plain maps.

use std::collections::BTreeMap;

/// A field and its value.
type Row = (Vec<u8>, Vec<u8>);

#[derive(Clone, PartialEq, Debug)]
enum Value {
    String(Vec<u8>),
    /// In order of arrival; the last takes the place of one that is removed.
    Hash(Vec<Row>),
}

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    expire_at: Option<i64>,
}

/// A server that forgets nothing it should keep.
pub struct Model {
    /// Milliseconds since the Unix epoch.
    pub now: u64,
    keys: BTreeMap<Vec<u8>, Entry>,
}

/// An answer, or the text of an error.
type Answer = Result<Vec<u8>, &'static str>;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const SYNTAX: &str = "ERR syntax error";
const STRING_BYTES_MAX: i64 = 512 << 20;

fn integer(value: i64) -> Answer {
    Ok(format!(":{value}\r\n").into_bytes())
}

fn count(value: usize) -> Answer {
    integer(value as i64)
}

fn ok() -> Answer {
    Ok(b"+OK\r\n".to_vec())
}

fn bulk(bytes: Option<&[u8]>) -> Vec<u8> {
    let Some(bytes) = bytes else { return b"$-1\r\n".to_vec() };
    let mut out = format!("${}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

fn array(items: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", items.len()).into_bytes();
    items.iter().for_each(|item| out.extend(bulk(*item)));
    out
}

/// An integer in its one form.
fn parse(text: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

fn number(text: &[u8]) -> Result<i64, &'static str> {
    parse(text).ok_or(NOT_INTEGER)
}

impl Model {
    pub fn new(now: u64) -> Self {
        Self { now, keys: BTreeMap::new() }
    }

    /// What a client reads.
    pub fn answer(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let now = self.now as i64;
        self.keys.retain(|_, entry| entry.expire_at.is_none_or(|at| at > now));
        let name = String::from_utf8(words[0].to_vec()).expect("names are text");
        let answer = match &name[..] {
            "HSET" | "HSETNX" | "HGET" | "HMGET" | "HGETALL" | "HDEL" | "HEXISTS" | "HLEN" | "HSTRLEN"
            | "HINCRBY" | "HKEYS" | "HVALS" => self.hash(&name, words),
            "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => self.expire(&name, words),
            "TTL" | "PTTL" | "EXPIRETIME" | "PEXPIRETIME" => self.ttl(&name, words[1]),
            "DEL" | "UNLINK" | "EXISTS" | "TOUCH" | "TYPE" | "RENAME" | "RENAMENX" | "COPY" | "PERSIST"
            | "DBSIZE" | "FLUSHDB" => self.key(&name, words),
            _ => self.string(&name, words),
        };
        answer.unwrap_or_else(|error| format!("-{error}\r\n").into_bytes())
    }

    fn text(&self, key: &[u8]) -> Result<Option<&Vec<u8>>, &'static str> {
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Hash(_)) => Err(WRONG_TYPE),
        }
    }

    fn put(&mut self, key: &[u8], text: &[u8], expire_at: Option<i64>) {
        self.keys.insert(key.to_vec(), Entry { value: Value::String(text.to_vec()), expire_at });
    }

    /// Changes the text and leaves the deadline.
    fn change(&mut self, key: &[u8], text: Vec<u8>) {
        let expire_at = self.keys.get(key).and_then(|entry| entry.expire_at);
        self.put(key, &text, expire_at);
    }

    /// The moment that an option and its number mean.
    fn deadline(&self, option: &[u8], text: &[u8], error: &'static str) -> Result<i64, &'static str> {
        let given = number(text)?;
        if given <= 0 {
            return Err(error);
        }
        let seconds = matches!(option, b"EX" | b"EXAT");
        let millis = if seconds { given.checked_mul(1000).ok_or(error)? } else { given };
        let relative = matches!(option, b"EX" | b"PX");
        if relative { millis.checked_add(self.now as i64).ok_or(error) } else { Ok(millis) }
    }

    fn set(&mut self, words: &[&[u8]]) -> Answer {
        let (mut condition, mut get, mut keep, mut expire) = (None, false, false, None);
        let mut rest = &words[3..];
        while let [option, after @ ..] = rest {
            rest = after;
            match *option {
                b"NX" | b"XX" if condition.is_none_or(|one| one == *option) => condition = Some(*option),
                b"GET" => get = true,
                b"KEEPTTL" if expire.is_none() => keep = true,
                b"EX" | b"PX" | b"EXAT" | b"PXAT"
                    if !keep && expire.is_none_or(|(one, _)| one == *option) =>
                {
                    let [text, after @ ..] = after else { return Err(SYNTAX) };
                    rest = after;
                    expire = Some((*option, *text));
                }
                _ => return Err(SYNTAX),
            }
        }
        let expire_at = match expire {
            Some((option, text)) => {
                Some(self.deadline(option, text, "ERR invalid expire time in 'set' command")?)
            }
            None => None,
        };
        let key = words[1];
        let old = if get { self.text(key)?.cloned() } else { None };
        let there = self.keys.contains_key(key);
        let skipped = match condition {
            Some(b"NX") => there,
            Some(_) => !there,
            None => false,
        };
        if !skipped {
            let kept = self.keys.get(key).and_then(|entry| entry.expire_at).filter(|_| keep);
            self.put(key, words[2], expire_at.or(kept));
        }
        match (get, skipped) {
            (true, _) => Ok(bulk(old.as_deref())),
            (false, true) => Ok(bulk(None)),
            (false, false) => ok(),
        }
    }

    fn string(&mut self, name: &str, words: &[&[u8]]) -> Answer {
        let key = words.get(1).copied().unwrap_or_default();
        match name {
            "SET" => return self.set(words),
            "GET" => return Ok(bulk(self.text(key)?.map(Vec::as_slice))),
            "GETSET" => {
                let old = self.text(key)?.cloned();
                self.put(key, words[2], None);
                return Ok(bulk(old.as_deref()));
            }
            "GETDEL" => {
                let old = self.text(key)?.cloned();
                self.keys.remove(key);
                return Ok(bulk(old.as_deref()));
            }
            "GETEX" => return self.getex(words),
            "SETNX" => {
                let there = self.keys.contains_key(key);
                if !there {
                    self.put(key, words[2], None);
                }
                return count(usize::from(!there));
            }
            "SETEX" | "PSETEX" => {
                let (option, error): (&[u8], _) = if name == "SETEX" {
                    (b"EX", "ERR invalid expire time in 'setex' command")
                } else {
                    (b"PX", "ERR invalid expire time in 'psetex' command")
                };
                let at = self.deadline(option, words[2], error)?;
                self.put(key, words[3], Some(at));
                return ok();
            }
            "APPEND" => {
                let mut text = self.text(key)?.cloned().unwrap_or_default();
                text.extend_from_slice(words[2]);
                let length = text.len();
                self.change(key, text);
                return count(length);
            }
            "STRLEN" => return count(self.text(key)?.map_or(0, Vec::len)),
            "MGET" => {
                let texts = words[1..].iter().map(|key| self.text(key).ok().flatten().map(Vec::as_slice));
                return Ok(array(&texts.collect::<Vec<_>>()));
            }
            "MSET" | "MSETNX" => {
                let pairs: Vec<_> = words[1..].chunks(2).collect();
                if name == "MSETNX" && pairs.iter().any(|pair| self.keys.contains_key(pair[0])) {
                    return integer(0);
                }
                pairs.iter().for_each(|pair| self.put(pair[0], pair[1], None));
                return if name == "MSET" { ok() } else { integer(1) };
            }
            _ => {}
        }
        match name {
            "GETRANGE" => {
                let (start, end) = (number(words[2])?, number(words[3])?);
                let text = self.text(key)?.cloned().unwrap_or_default();
                let length = text.len() as i64;
                let place = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
                let (first, last) = (place(start).max(0), place(end).max(0).min(length - 1));
                let both_before = start < 0 && end < 0 && start > end;
                let empty = both_before || first > last || length == 0;
                let part = if empty { &[][..] } else { &text[first as usize..=last as usize] };
                Ok(bulk(Some(part)))
            }
            "SETRANGE" => {
                let offset = number(words[2])?;
                if offset < 0 {
                    return Err("ERR offset is out of range");
                }
                let part = words[3];
                let mut text = self.text(key)?.cloned().unwrap_or_default();
                if part.is_empty() {
                    return count(text.len());
                }
                if offset.checked_add(part.len() as i64).is_none_or(|end| end > STRING_BYTES_MAX) {
                    return Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
                }
                let offset = offset as usize;
                text.resize(text.len().max(offset + part.len()), 0);
                text[offset..offset + part.len()].copy_from_slice(part);
                let length = text.len();
                self.change(key, text);
                count(length)
            }
            _ => {
                let step = match name {
                    "INCR" => 1,
                    "DECR" => -1,
                    "INCRBY" => number(words[2])?,
                    "DECRBY" => {
                        let by = number(words[2])?;
                        by.checked_neg().ok_or("ERR decrement would overflow")?
                    }
                    other => unreachable!("{other} is not drawn"),
                };
                let old = self.text(key)?.map_or(Ok(0), |text| number(text))?;
                let new = old.checked_add(step).ok_or(OVERFLOW)?;
                self.change(key, new.to_string().into_bytes());
                integer(new)
            }
        }
    }

    fn getex(&mut self, words: &[&[u8]]) -> Answer {
        let key = words[1];
        let Some(text) = self.text(key)?.cloned() else { return Ok(bulk(None)) };
        match &words[2..] {
            [] => {}
            [b"PERSIST"] => self.put(key, &text, None),
            [option, given] => {
                let at = self.deadline(option, given, "ERR invalid expire time in 'getex' command")?;
                self.put(key, &text, Some(at));
            }
            other => unreachable!("{other:?} is not drawn"),
        }
        Ok(bulk(Some(&text)))
    }

    fn key(&mut self, name: &str, words: &[&[u8]]) -> Answer {
        let there = |model: &Self, key: &[u8]| model.keys.contains_key(key);
        match name {
            "DEL" | "UNLINK" => {
                let gone = words[1..].iter().filter(|&&key| self.keys.remove(key).is_some());
                count(gone.count())
            }
            "EXISTS" | "TOUCH" => count(words[1..].iter().filter(|key| there(self, key)).count()),
            "TYPE" => Ok(match self.keys.get(words[1]).map(|entry| &entry.value) {
                None => b"+none\r\n".to_vec(),
                Some(Value::String(_)) => b"+string\r\n".to_vec(),
                Some(Value::Hash(_)) => b"+hash\r\n".to_vec(),
            }),
            "RENAME" | "RENAMENX" => {
                let only_new = name == "RENAMENX";
                if !there(self, words[1]) {
                    return Err("ERR no such key");
                }
                if words[1] == words[2] || only_new && there(self, words[2]) {
                    return if only_new { integer(0) } else { ok() };
                }
                let entry = self.keys.remove(words[1]).expect("it is there");
                self.keys.insert(words[2].to_vec(), entry);
                if only_new { integer(1) } else { ok() }
            }
            "COPY" => {
                if words[1] == words[2] {
                    return Err("ERR source and destination objects are the same");
                }
                let Some(entry) = self.keys.get(words[1]).cloned() else { return integer(0) };
                if there(self, words[2]) && words.len() == 3 {
                    return integer(0);
                }
                self.keys.insert(words[2].to_vec(), entry);
                integer(1)
            }
            "PERSIST" => {
                let entry = self.keys.get_mut(words[1]);
                count(usize::from(entry.is_some_and(|entry| entry.expire_at.take().is_some())))
            }
            "DBSIZE" => count(self.keys.len()),
            _ => {
                self.keys.clear();
                ok()
            }
        }
    }

    fn expire(&mut self, name: &str, words: &[&[u8]]) -> Answer {
        let error = match name {
            "EXPIRE" => "ERR invalid expire time in 'expire' command",
            "PEXPIRE" => "ERR invalid expire time in 'pexpire' command",
            "EXPIREAT" => "ERR invalid expire time in 'expireat' command",
            _ => "ERR invalid expire time in 'pexpireat' command",
        };
        let given = number(words[2])?;
        let millis = if name.starts_with('P') { given } else { given.checked_mul(1000).ok_or(error)? };
        let relative = !name.ends_with("AT");
        let at = if relative { millis.checked_add(self.now as i64).ok_or(error)? } else { millis };
        let Some(entry) = self.keys.get_mut(words[1]) else { return integer(0) };
        let allowed = match (words.get(3).copied(), entry.expire_at) {
            (None, _) => true,
            (Some(b"NX"), old) => old.is_none(),
            (Some(b"XX"), old) => old.is_some(),
            (Some(b"GT"), old) => old.is_some_and(|old| at > old),
            (Some(_), old) => old.is_none_or(|old| at < old),
        };
        if allowed {
            // One that is past removes the key, as every access does.
            entry.expire_at = Some(at);
        }
        count(usize::from(allowed))
    }

    fn ttl(&mut self, name: &str, key: &[u8]) -> Answer {
        let Some(entry) = self.keys.get(key) else { return integer(-2) };
        let Some(at) = entry.expire_at else { return integer(-1) };
        let millis = if name.ends_with("TIME") { at } else { at - self.now as i64 };
        integer(if name.starts_with('P') { millis } else { ((i128::from(millis) + 500) / 1000) as i64 })
    }

    fn rows(&self, key: &[u8]) -> Result<&[Row], &'static str> {
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Ok(&[]),
            Some(Value::Hash(rows)) => Ok(rows),
            Some(Value::String(_)) => Err(WRONG_TYPE),
        }
    }

    fn hash(&mut self, name: &str, words: &[&[u8]]) -> Answer {
        let key = words[1];
        // What the numbers of a command say is read before its key is looked at.
        let step = if name == "HINCRBY" { number(words[3])? } else { 0 };
        let mut rows = self.rows(key)?.to_vec();
        let find = |rows: &[Row], field: &[u8]| rows.iter().position(|row| row.0 == field);
        let get = |field: &[u8]| find(&rows, field).map(|at| &rows[at].1[..]);
        let answer = match name {
            "HGET" => return Ok(bulk(get(words[2]))),
            "HMGET" => return Ok(array(&words[2..].iter().map(|field| get(field)).collect::<Vec<_>>())),
            "HEXISTS" => return count(usize::from(get(words[2]).is_some())),
            "HLEN" => return count(rows.len()),
            "HSTRLEN" => return count(get(words[2]).map_or(0, <[u8]>::len)),
            "HGETALL" | "HKEYS" | "HVALS" => {
                let both = rows.iter().flat_map(|(field, value)| match name {
                    "HGETALL" => vec![Some(&field[..]), Some(&value[..])],
                    "HKEYS" => vec![Some(&field[..])],
                    _ => vec![Some(&value[..])],
                });
                return Ok(array(&both.collect::<Vec<_>>()));
            }
            "HDEL" => {
                let mut gone = 0;
                for field in &words[2..] {
                    if let Some(at) = find(&rows, field) {
                        rows.swap_remove(at);
                        gone += 1;
                    }
                }
                gone
            }
            "HINCRBY" => {
                let old = match get(words[2]) {
                    None => 0,
                    Some(text) => parse(text).ok_or("ERR hash value is not an integer")?,
                };
                let new = old.checked_add(step).ok_or(OVERFLOW)?;
                set(&mut rows, words[2], new.to_string().as_bytes());
                new
            }
            "HSETNX" if get(words[2]).is_some() => return integer(0),
            _ => words[2..].chunks(2).map(|pair| i64::from(set(&mut rows, pair[0], pair[1]))).sum(),
        };
        let expire_at = self.keys.get(key).and_then(|entry| entry.expire_at);
        if rows.is_empty() {
            self.keys.remove(key);
        } else {
            self.keys.insert(key.to_vec(), Entry { value: Value::Hash(rows), expire_at });
        }
        integer(answer)
    }
}

/// Sets a field; whether it is new.
fn set(rows: &mut Vec<Row>, field: &[u8], value: &[u8]) -> bool {
    match rows.iter_mut().find(|row| row.0 == field) {
        Some(row) => {
            row.1 = value.to_vec();
            false
        }
        None => {
            rows.push((field.to_vec(), value.to_vec()));
            true
        }
    }
}
