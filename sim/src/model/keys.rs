//! Keys, whatever they hold.

use super::{At, NOT_INTEGER, Result, Value, count, number};
use crate::resp::Reply;

pub(super) fn run(at: &mut At<'_>, name: &[u8], words: &[Vec<u8>]) -> Result {
    let key = &words[0][..];
    match name {
        b"DEL" | b"UNLINK" => Ok(count(words.iter().filter(|key| at.take(key).is_some()).count())),
        b"EXISTS" | b"TOUCH" => Ok(count(words.iter().filter(|key| at.get(key).is_some()).count())),
        b"TYPE" => Ok(Reply::Simple(
            match at.get(key).map(|item| &item.value) {
                None => "none",
                Some(Value::Text(_)) => "string",
                Some(Value::Hash(_)) => "hash",
            }
            .into(),
        )),
        b"RENAME" | b"RENAMENX" => {
            if at.get(key).is_none() {
                return Err("ERR no such key");
            }
            if name == b"RENAMENX" && at.get(&words[1]).is_some() {
                return Ok(Reply::Integer(0));
            }
            let item = at.take(key).expect("it was there");
            at.put(&words[1], item.value, item.deadline_ms);
            Ok(if name == b"RENAME" { Reply::ok() } else { Reply::Integer(1) })
        }
        b"COPY" => {
            let Some(item) = at.get(key).cloned() else { return Ok(Reply::Integer(0)) };
            if at.get(&words[1]).is_some() && !words[2..].iter().any(|word| word == b"REPLACE") {
                return Ok(Reply::Integer(0));
            }
            at.put(&words[1], item.value, item.deadline_ms);
            Ok(Reply::Integer(1))
        }
        b"PEXPIRE" | b"PEXPIREAT" => {
            let wanted = number(&words[1]).ok_or(NOT_INTEGER)?;
            let base = if name == b"PEXPIRE" { at.now_ms as i64 } else { 0 };
            let deadline = (base + wanted).max(0) as u64;
            let Some(item) = at.get(key).cloned() else { return Ok(Reply::Integer(0)) };
            if deadline <= at.now_ms {
                at.take(key);
            } else {
                at.put(key, item.value, Some(deadline));
            }
            Ok(Reply::Integer(1))
        }
        b"PTTL" | b"PEXPIRETIME" => Ok(Reply::Integer(match at.get(key) {
            None => -2,
            Some(item) => item.deadline_ms.map_or(-1, |deadline| {
                if name == b"PTTL" { (deadline - at.now_ms) as i64 } else { deadline as i64 }
            }),
        })),
        _ => {
            assert_eq!(name, b"PERSIST", "the dispatcher sends nothing else");
            let Some(item) = at.get(key).cloned() else { return Ok(Reply::Integer(0)) };
            if item.deadline_ms.is_some() {
                at.put(key, item.value, None);
            }
            Ok(Reply::Integer(i64::from(item.deadline_ms.is_some())))
        }
    }
}
