//! What the server writes is what a client reads.

use arbitrary::{Arbitrary, Result, Unstructured};
use lockstep_core::resp::{Protocol, Reply, ReplyError};

use crate::resp::{Value, read_all};

/// A reply as a handler writes it.
#[derive(Debug)]
enum Said {
    Ok,
    Simple(String),
    Error(Vec<u8>),
    Integer(i64),
    Count(u32),
    Bulk(Vec<u8>),
    BulkInteger(i64),
    Null,
    NullArray,
    Double(f64),
    Boolean(bool),
    BigNumber(u128),
    Verbatim(Vec<u8>),
    Array(Vec<Said>, bool),
    Set(Vec<Said>),
    Push(Vec<Said>),
    Map(Vec<(Said, Said)>, bool),
}

fn draw(from: &mut Unstructured<'_>, depth: usize) -> Result<Said> {
    let kinds = if depth < 6 { 16 } else { 12 };
    Ok(match from.int_in_range(0..=kinds)? {
        0 => Said::Ok,
        1 => Said::Simple(String::arbitrary(from)?.replace(['\r', '\n'], "")),
        2 => Said::Error(Vec::arbitrary(from)?),
        3 => Said::Integer(i64::arbitrary(from)?),
        4 => Said::Count(u32::arbitrary(from)?),
        5 => Said::Bulk(Vec::arbitrary(from)?),
        6 => Said::BulkInteger(i64::arbitrary(from)?),
        7 => Said::Null,
        8 => Said::NullArray,
        9 => Said::Double(f64::arbitrary(from)?),
        10 => Said::Boolean(bool::arbitrary(from)?),
        11 => Said::BigNumber(u128::arbitrary(from)?),
        12 => Said::Verbatim(Vec::arbitrary(from)?),
        13 => Said::Array(draw_many(from, depth)?, bool::arbitrary(from)?),
        14 => Said::Set(draw_many(from, depth)?),
        15 => Said::Push(draw_many(from, depth)?),
        _ => {
            let deferred = bool::arbitrary(from)?;
            let mut items = draw_many(from, depth)?.into_iter();
            let mut pairs = Vec::new();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            Said::Map(pairs, deferred)
        }
    })
}

fn draw_many(from: &mut Unstructured<'_>, depth: usize) -> Result<Vec<Said>> {
    let count = from.int_in_range(0..=13)?;
    (0..count).map(|_| draw(from, depth + 1)).collect()
}

fn write(said: &Said, reply: &mut Reply<'_>) {
    match said {
        Said::Ok => reply.ok(),
        Said::Simple(text) => reply.simple(text),
        Said::Error(text) => reply.error(&ReplyError::new(text.clone())),
        Said::Integer(value) => reply.integer(*value),
        Said::Count(value) => reply.count(*value as usize),
        Said::Bulk(bytes) => reply.bulk(bytes),
        Said::BulkInteger(value) => reply.bulk_integer(*value),
        Said::Null => reply.null(),
        Said::NullArray => reply.null_array(),
        Said::Double(value) => reply.double(*value),
        Said::Boolean(value) => reply.boolean(*value),
        Said::BigNumber(value) => reply.big_number(&value.to_string()),
        Said::Verbatim(text) => reply.verbatim("txt", text),
        Said::Array(items, deferred) => {
            let place = deferred.then(|| reply.defer_array());
            if !deferred {
                reply.array(items.len());
            }
            items.iter().for_each(|item| write(item, reply));
            if let Some(place) = place {
                reply.fill(place, items.len());
            }
        }
        Said::Set(items) => {
            reply.set(items.len());
            items.iter().for_each(|item| write(item, reply));
        }
        Said::Push(items) => {
            reply.push(items.len());
            items.iter().for_each(|item| write(item, reply));
        }
        Said::Map(pairs, deferred) => {
            let place = deferred.then(|| reply.defer_map());
            if !deferred {
                reply.map(pairs.len());
            }
            for (key, value) in pairs {
                write(key, reply);
                write(value, reply);
            }
            if let Some(place) = place {
                reply.fill(place, pairs.len());
            }
        }
    }
}

/// Compares what was said with what a client understood.
fn check(said: &Said, heard: &Value, three: bool) {
    let bulk = |bytes: &[u8]| Value::Bulk(bytes.to_vec());
    let items = |said: &[Said], heard: &[Value]| {
        assert_eq!(said.len(), heard.len());
        said.iter().zip(heard).for_each(|(said, heard)| check(said, heard, three));
    };
    match (said, heard) {
        (Said::Double(value), Value::Double(text)) if three => check_double(*value, text),
        (Said::Double(value), Value::Bulk(text)) if !three => check_double(*value, text),
        (Said::Array(said, _), Value::Array(heard)) => items(said, heard),
        (Said::Set(said), Value::Set(heard)) | (Said::Push(said), Value::Push(heard)) if three => {
            items(said, heard);
        }
        (Said::Set(said) | Said::Push(said), Value::Array(heard)) if !three => items(said, heard),
        (Said::Map(said, _), Value::Map(heard)) if three => {
            assert_eq!(said.len(), heard.len());
            for ((key, value), (heard_key, heard_value)) in said.iter().zip(heard) {
                check(key, heard_key, three);
                check(value, heard_value, three);
            }
        }
        (Said::Map(said, _), Value::Array(heard)) if !three => {
            assert_eq!(said.len() * 2, heard.len());
            for ((key, value), pair) in said.iter().zip(heard.chunks(2)) {
                check(key, &pair[0], three);
                check(value, &pair[1], three);
            }
        }
        _ => {
            let expected = match said {
                Said::Ok => Value::Simple(b"OK".to_vec()),
                Said::Simple(text) => Value::Simple(text.clone().into_bytes()),
                Said::Error(text) => {
                    let plain = |&byte: &u8| if b"\r\n".contains(&byte) { b' ' } else { byte };
                    Value::Error(text.iter().map(plain).collect())
                }
                Said::Integer(value) => Value::Integer(*value),
                Said::Count(value) => Value::Integer(i64::from(*value)),
                Said::Bulk(bytes) => bulk(bytes),
                Said::BulkInteger(value) => bulk(value.to_string().as_bytes()),
                Said::Null | Said::NullArray => Value::Null,
                Said::Boolean(value) if three => Value::Boolean(*value),
                Said::Boolean(value) => Value::Integer(i64::from(*value)),
                Said::BigNumber(value) if three => Value::BigNumber(value.to_string().into_bytes()),
                Said::BigNumber(value) => bulk(value.to_string().as_bytes()),
                Said::Verbatim(text) if three => Value::Verbatim(b"txt".to_vec(), text.clone()),
                Said::Verbatim(text) => bulk(text),
                _ => panic!("said {said:?}, heard {heard:?}"),
            };
            assert_eq!(*heard, expected);
        }
    }
}

/// A double reads back as the same number, bit for bit.
fn check_double(value: f64, text: &[u8]) {
    let text = std::str::from_utf8(text).expect("a double is written in ASCII");
    let read: f64 = text.parse().unwrap_or_else(|_| panic!("{text:?} is no double"));
    assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan(), "{value:e} came as {text}");
}

/// Writes arbitrary replies in both versions of the protocol and reads them back.
pub fn reply_round_trip(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let Ok(replies) = draw_many(&mut from, 0) else { return };
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, protocol);
        replies.iter().for_each(|said| write(said, &mut reply));
        let heard = read_all(&out).expect("a client can read it");
        assert_eq!(heard.len(), replies.len());
        for (said, heard) in replies.iter().zip(&heard) {
            check(said, heard, protocol == Protocol::Resp3);
        }
        // A reader must also survive whatever else the bytes say.
        let _ = read_all(data);
    }
}
