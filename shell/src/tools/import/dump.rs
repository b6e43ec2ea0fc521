//! A dump's items as commands.

use lockstep_core::rdb::{Item, Reader};

use super::feed::Feed;
use super::input::Input;

/// Reads a dump to its end; the bytes read beyond it.
///
/// # Errors
/// What is wrong, with the offset.
pub fn read(input: &mut Input, feed: &mut Feed) -> Result<Vec<u8>, String> {
    let mut reader = Reader::new();
    loop {
        while let Some(item) = reader.next().map_err(|error| error.to_string())? {
            take(item, feed).map_err(|error| format!("before byte {}: {error}", reader.offset()))?;
        }
        if reader.finished() {
            return Ok(reader.rest().to_vec());
        }
        let piece = input.piece()?;
        if piece.is_empty() {
            return Err(reader.cut().to_string());
        }
        reader.feed(&piece);
    }
}

fn take(item: Item, feed: &mut Feed) -> Result<(), String> {
    match item {
        Item::Aux { name, value } => {
            if name == b"redis-ver" {
                feed.note(format!("The dump is from Redis {}.", String::from_utf8_lossy(&value)));
            }
        }
        Item::Keys(_) => {}
        Item::Database(number) => feed.select(number)?,
        Item::Text { key, deadline, value } => {
            let deadline = deadline.map(|at| alive(at).to_string());
            let mut words: Vec<&[u8]> = vec![b"SET", &key, &value, b"NX"];
            if let Some(deadline) = &deadline {
                words.extend([b"PXAT", deadline.as_bytes()]);
            }
            if feed.command(&words)? != b"+OK\r\n" {
                return Err(twice(&key));
            }
        }
        Item::Pairs { key, deadline, first, pairs } => {
            if first && feed.command(&[b"EXISTS", &key])? != b":0\r\n" {
                return Err(twice(&key));
            }
            let mut words: Vec<&[u8]> = vec![b"HSET", &key];
            words.extend(pairs.iter().flat_map(|(field, value)| [&field[..], &value[..]]));
            if feed.command(&words)? != format!(":{}\r\n", pairs.len()).into_bytes() {
                return Err(format!("a field comes twice in the hash '{}'", String::from_utf8_lossy(&key)));
            }
            if let Some(deadline) = deadline.filter(|_| first) {
                feed.command(&[b"PEXPIREAT", &key, alive(deadline).to_string().as_bytes()])?;
            }
        }
        Item::Refused { kind, .. } => feed.refuse(kind),
        Item::Library => feed.library(),
        Item::ModuleData => feed.module_data(),
        Item::End { checked } => {
            if !checked {
                feed.note("The dump has no checksum: damage in it may not be noticed.".into());
            }
        }
    }
    Ok(())
}

/// A deadline long past is kept as one; the server removes the key when it starts.
fn alive(deadline: i64) -> i64 {
    deadline.max(1)
}

fn twice(key: &[u8]) -> String {
    format!("the key '{}' comes twice", String::from_utf8_lossy(key))
}
