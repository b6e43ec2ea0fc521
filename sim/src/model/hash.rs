//! Hashes.

use std::collections::BTreeMap;

use super::{At, NOT_INTEGER, Refusal, Result, Value, WRONG_TYPE, count, number};
use crate::resp::Reply;

type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) fn run(at: &mut At<'_>, name: &[u8], words: &[Vec<u8>]) -> Result {
    let key = &words[0][..];
    let mut fields = fields(at, key)?;
    match name {
        b"HSET" | b"HSETNX" => {
            if name == b"HSETNX" && fields.contains_key(&words[1]) {
                return Ok(Reply::Integer(0));
            }
            let mut added = 0;
            for pair in words[1..].chunks(2) {
                added += usize::from(fields.insert(pair[0].clone(), pair[1].clone()).is_none());
            }
            store(at, key, fields);
            Ok(count(added))
        }
        b"HGET" => Ok(fields.get(&words[1]).cloned().map_or(Reply::Null, Reply::Bulk)),
        b"HMGET" => Ok(Reply::Array(
            words[1..]
                .iter()
                .map(|field| fields.get(field).cloned().map_or(Reply::Null, Reply::Bulk))
                .collect(),
        )),
        b"HDEL" => {
            let removed = words[1..].iter().filter(|&field| fields.remove(field).is_some()).count();
            store(at, key, fields);
            Ok(count(removed))
        }
        b"HINCRBY" => {
            let amount = number(&words[2]).ok_or(NOT_INTEGER)?;
            let old = fields
                .get(&words[1])
                .map_or(Some(0), |text| number(text))
                .ok_or("ERR hash value is not an integer")?;
            let new = old.checked_add(amount).ok_or("ERR increment or decrement would overflow")?;
            fields.insert(words[1].clone(), new.to_string().into_bytes());
            store(at, key, fields);
            Ok(Reply::Integer(new))
        }
        b"HGETALL" => Ok(Reply::Array(
            fields.into_iter().flat_map(|(field, value)| [Reply::Bulk(field), Reply::Bulk(value)]).collect(),
        )),
        b"HLEN" => Ok(count(fields.len())),
        _ => {
            assert_eq!(name, b"HEXISTS", "the dispatcher sends nothing else");
            Ok(count(usize::from(fields.contains_key(&words[1]))))
        }
    }
}

fn fields(at: &At<'_>, key: &[u8]) -> std::result::Result<Fields, Refusal> {
    match at.get(key).map(|item| &item.value) {
        None => Ok(Fields::new()),
        Some(Value::Hash(fields)) => Ok(fields.clone()),
        Some(Value::Text(_)) => Err(WRONG_TYPE),
    }
}

fn store(at: &mut At<'_>, key: &[u8], fields: Fields) {
    let deadline = at.deadline(key);
    if fields.is_empty() {
        at.take(key);
    } else {
        at.put(key, Value::Hash(fields), deadline);
    }
}
