//! Strings.

use super::{At, NOT_INTEGER, Refusal, Result, Value, count, number};
use crate::resp::Reply;

pub(super) fn run(at: &mut At<'_>, name: &[u8], words: &[Vec<u8>]) -> Result {
    let key = &words[0][..];
    match name {
        b"GET" => Ok(at.text(key)?.map_or(Reply::Null, Reply::Bulk)),
        b"SET" => set(at, key, &words[1], &words[2..]),
        b"GETSET" => {
            let old = at.text(key)?;
            at.put(key, Value::Text(words[1].clone()), None);
            Ok(old.map_or(Reply::Null, Reply::Bulk))
        }
        b"GETDEL" => {
            let old = at.text(key)?;
            if old.is_some() {
                at.take(key);
            }
            Ok(old.map_or(Reply::Null, Reply::Bulk))
        }
        b"SETNX" => {
            if at.get(key).is_some() {
                return Ok(Reply::Integer(0));
            }
            at.put(key, Value::Text(words[1].clone()), None);
            Ok(Reply::Integer(1))
        }
        b"APPEND" => {
            let mut text = at.text(key)?.unwrap_or_default();
            text.extend_from_slice(&words[1]);
            let length = text.len();
            let deadline = at.deadline(key);
            at.put(key, Value::Text(text), deadline);
            Ok(count(length))
        }
        b"STRLEN" => Ok(count(at.text(key)?.map_or(0, |text| text.len()))),
        b"INCRBY" | b"DECRBY" => add(at, key, &words[1], name == b"DECRBY"),
        b"MSET" | b"MSETNX" => {
            if name == b"MSETNX" && words.iter().step_by(2).any(|key| at.get(key).is_some()) {
                return Ok(Reply::Integer(0));
            }
            for pair in words.chunks(2) {
                at.put(&pair[0], Value::Text(pair[1].clone()), None);
            }
            Ok(if name == b"MSET" { Reply::ok() } else { Reply::Integer(1) })
        }
        b"MGET" => Ok(Reply::Array(
            words.iter().map(|key| at.text(key).ok().flatten().map_or(Reply::Null, Reply::Bulk)).collect(),
        )),
        b"SETRANGE" => {
            let offset =
                number(&words[1]).and_then(|offset| usize::try_from(offset).ok()).ok_or(NOT_INTEGER)?;
            let mut text = at.text(key)?.unwrap_or_default();
            text.resize(text.len().max(offset + words[2].len()), 0);
            text[offset..offset + words[2].len()].copy_from_slice(&words[2]);
            let length = text.len();
            let deadline = at.deadline(key);
            at.put(key, Value::Text(text), deadline);
            Ok(count(length))
        }
        _ => {
            assert_eq!(name, b"GETRANGE", "the dispatcher sends nothing else");
            let text = at.text(key)?.unwrap_or_default();
            let place =
                |word: &[u8]| number(word).map(|n| if n < 0 { (n + text.len() as i64).max(0) } else { n });
            let (from, to) = (place(&words[1]).ok_or(NOT_INTEGER)?, place(&words[2]).ok_or(NOT_INTEGER)?);
            let to = (to + 1).clamp(0, text.len() as i64);
            Ok(Reply::Bulk(if from < to { text[from as usize..to as usize].to_vec() } else { Vec::new() }))
        }
    }
}

fn set(at: &mut At<'_>, key: &[u8], value: &[u8], options: &[Vec<u8>]) -> Result {
    let (mut only_new, mut only_old, mut get, mut deadline) = (false, false, false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match &option[..] {
            b"NX" => only_new = true,
            b"XX" => only_old = true,
            b"GET" => get = true,
            b"KEEPTTL" => deadline = at.deadline(key),
            b"PX" => deadline = Some(at.now_ms + moment(options.next())?),
            _ => {
                assert_eq!(option, b"PXAT", "the workload uses no other option");
                deadline = Some(moment(options.next())?);
            }
        }
    }
    let old = if get { at.text(key)?.map_or(Reply::Null, Reply::Bulk) } else { Reply::ok() };
    let exists = at.get(key).is_some();
    if (only_new && exists) || (only_old && !exists) {
        return Ok(if get { old } else { Reply::Null });
    }
    at.put(key, Value::Text(value.to_vec()), deadline);
    Ok(old)
}

fn moment(word: Option<&Vec<u8>>) -> std::result::Result<u64, Refusal> {
    word.and_then(|word| number(word)).and_then(|value| u64::try_from(value).ok()).ok_or(NOT_INTEGER)
}

fn add(at: &mut At<'_>, key: &[u8], amount: &[u8], negative: bool) -> Result {
    let amount = number(amount).ok_or(NOT_INTEGER)?;
    let amount = if negative { amount.checked_neg().ok_or("ERR decrement would overflow")? } else { amount };
    let old = at.text(key)?.map_or(Some(0), |text| number(&text)).ok_or(NOT_INTEGER)?;
    let new = old.checked_add(amount).ok_or("ERR increment or decrement would overflow")?;
    let deadline = at.deadline(key);
    at.put(key, Value::Text(new.to_string().into_bytes()), deadline);
    Ok(Reply::Integer(new))
}
