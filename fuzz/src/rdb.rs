//! Dump files of Redis: whatever the bytes are and however they are cut, they say the same, or nothing.

use lockstep_core::rdb::{Item, Reader};

/// Everything that the bytes tell, the pieces of a hash put together; `None` when they are no dump.
fn read(bytes: &[u8], piece: usize) -> Option<Vec<Item>> {
    let mut reader = Reader::new();
    let mut items: Vec<Item> = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        while let Some(item) = reader.next().ok()? {
            match (items.last_mut(), item) {
                (Some(Item::Pairs { pairs, .. }), Item::Pairs { first: false, pairs: more, .. }) => {
                    pairs.extend(more)
                }
                (_, item) => items.push(item),
            }
        }
    }
    assert!(reader.offset() <= bytes.len() as u64, "no more is read than there is");
    reader.finished().then_some(items)
}

/// The first byte says how the rest is cut, and whether a header without a checksum stands before it.
pub fn rdb(data: &[u8]) {
    let Some((&head, data)) = data.split_first() else { return };
    let piece = usize::from(head >> 1) + 1;
    let mut bytes = if head & 1 == 0 { b"REDIS0004".to_vec() } else { Vec::new() };
    bytes.extend_from_slice(data);
    assert_eq!(read(&bytes, piece), read(&bytes, bytes.len().max(1)), "in pieces of {piece}");
}
