//! Memory for many small blocks of bytes: size classes in pages, named by 40-bit handles.
//!
//! ```text
//! handle   page 27 bits | large 1 bit | unit 12 bits        unit: 8 bytes, counted from the page's start
//!
//! page     [skew][slot][slot][slot]…[slot]                  all slots of one page have one size
//! large    a vector of its own, numbered by the other 39 bits
//! ```
//!
//! A general allocator spends a header per block and eight bytes per pointer, and both grow out of proportion
//! when a block is thirty bytes long. Here a block of 32 bytes costs 32 bytes, and naming it costs five.
//! Reading a block is one load from the page list, which is small enough to stay in cache, and then the data.

/// The largest page, and the reach of a handle's unit number.
const PAGE_BYTES: usize = 32 * 1024;
/// A new arena begins with pages this small.
const PAGE_BYTES_MIN: usize = 512;
/// Where a block should not straddle lines it need not: the size of a cache line.
const LINE_BYTES: usize = 64;
/// Blocks begin at multiples of this.
const UNIT_BYTES: usize = 8;
/// Set aside in a page so that its first slot can begin at a cache line wherever the allocator put the page.
/// Always set aside in full, so that how many slots a page has does not depend on addresses.
const SKEW_BYTES: usize = LINE_BYTES - UNIT_BYTES;
/// Pages smaller than this are not aligned: what alignment gains is less than what it costs there.
const ALIGNED_PAGE_BYTES: usize = 4096;
/// What slots can use of a full page.
const USABLE_BYTES: usize = PAGE_BYTES - SKEW_BYTES;
/// Up to this size there is a class for every multiple of [`UNIT_BYTES`].
const FINE_BYTES: usize = 512;
/// How many classes that makes.
const FINE_CLASSES: usize = FINE_BYTES / UNIT_BYTES;
/// Above [`FINE_BYTES`] a class is "as large as n slots in a page may be", since whatever is smaller than that
/// would be lost at the page's end. The first such class has this many slots …
const COARSE_SLOTS_MAX: usize = USABLE_BYTES / (FINE_BYTES + UNIT_BYTES);
/// … and the last one this many; there, rounding up costs at most a sixteenth.
const COARSE_SLOTS_MIN: usize = 16;
/// The largest block that lives in a page.
const SMALL_BYTES_MAX: usize = class_bytes(FINE_CLASSES + COARSE_SLOTS_MAX - COARSE_SLOTS_MIN);
/// What a large block is charged beyond its capacity: its vector's head and the allocator's.
const LARGE_OVERHEAD_BYTES: usize = 40;

/// "No page" and "no slot".
const NO_PAGE: u32 = u32::MAX;
const NO_UNIT: u16 = u16::MAX;

const LARGE_BIT: u64 = 1 << 12;
const UNIT_MASK: u64 = LARGE_BIT - 1;
const PAGES_MAX: usize = 1 << 27;

/// Names a block of one arena. Forty bits; only the arena that gave it knows what it means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Handle(u64);

impl Handle {
    /// The lower 32 bits and the upper 8, as tables keep them.
    #[inline]
    #[must_use]
    pub fn split(self) -> (u32, u8) {
        (self.0 as u32, (self.0 >> 32) as u8)
    }

    /// The handle that [`split`](Self::split) took apart.
    #[inline]
    #[must_use]
    pub fn join(low: u32, high: u8) -> Self {
        Self(u64::from(high) << 32 | u64::from(low))
    }

    #[inline]
    fn small(page: usize, unit: u16) -> Self {
        Self((page as u64) << 13 | u64::from(unit))
    }

    fn large(index: usize) -> Self {
        let index = index as u64;
        Self((index >> 12) << 13 | LARGE_BIT | index & UNIT_MASK)
    }

    #[inline]
    fn is_large(self) -> bool {
        self.0 & LARGE_BIT != 0
    }

    #[inline]
    fn page(self) -> usize {
        (self.0 >> 13) as usize
    }

    #[inline]
    fn offset(self) -> usize {
        (self.0 & UNIT_MASK) as usize * UNIT_BYTES
    }

    fn large_index(self) -> usize {
        ((self.0 >> 13) << 12 | self.0 & UNIT_MASK) as usize
    }
}

/// What is known of a page beside its bytes. Reading a block does not need it.
#[derive(Clone, Debug)]
struct Page {
    class: u16,
    /// Slots it has, slots in use, and slots ever handed out (beyond them the page is untouched).
    slots: u16,
    used: u16,
    fresh: u16,
    /// Unit of the first slot.
    start: u16,
    /// Unit of the last slot given back; each such slot begins with the unit of the next.
    free: u16,
    /// Neighbours in the list of its class's pages with room.
    before: u32,
    after: u32,
}

/// Memory for many small blocks. See the module's comment.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    pages: Vec<Box<[u8]>>,
    notes: Vec<Page>,
    vacant: Vec<u32>,
    /// Per class the first page with room.
    room: Vec<u32>,
    large: Vec<Vec<u8>>,
    large_vacant: Vec<u32>,
    page_bytes: usize,
    used_bytes: usize,
}

/// The class whose slots hold `len` bytes. `len` is at most [`SMALL_BYTES_MAX`].
#[inline]
fn class_of(len: usize) -> usize {
    let units = len.div_ceil(UNIT_BYTES).max(1);
    if units <= FINE_CLASSES {
        units - 1
    } else {
        FINE_CLASSES + COARSE_SLOTS_MAX - USABLE_BYTES / (units * UNIT_BYTES)
    }
}

/// How large the slots of a class are.
const fn class_bytes(class: usize) -> usize {
    if class < FINE_CLASSES {
        (class + 1) * UNIT_BYTES
    } else {
        USABLE_BYTES / (FINE_CLASSES + COARSE_SLOTS_MAX - class) / UNIT_BYTES * UNIT_BYTES
    }
}

impl Arena {
    /// A block of at least `len` bytes, of unspecified content.
    ///
    /// # Panics
    /// When 2^27 pages or 2^39 large blocks are in use, which is terabytes.
    pub fn alloc(&mut self, len: usize) -> Handle {
        if len > SMALL_BYTES_MAX {
            return self.alloc_large(vec![0; len]);
        }
        let class = class_of(len);
        let mut page = self.room.get(class).copied().unwrap_or(NO_PAGE);
        if page == NO_PAGE {
            page = self.add_page(class);
        }
        let index = page as usize;
        let note = &mut self.notes[index];
        let unit = if note.free != NO_UNIT {
            let unit = note.free;
            let at = usize::from(unit) * UNIT_BYTES;
            let link = &self.pages[index][at..at + 2];
            note.free = u16::from_le_bytes([link[0], link[1]]);
            unit
        } else {
            let unit = note.start + note.fresh * (class_bytes(class) / UNIT_BYTES) as u16;
            note.fresh += 1;
            unit
        };
        note.used += 1;
        if note.used == note.slots {
            self.unlink(page);
        }
        self.used_bytes += class_bytes(class);
        Handle::small(index, unit)
    }

    /// Gives a block back.
    pub fn free(&mut self, handle: Handle) {
        if handle.is_large() {
            self.take_large(handle);
            return;
        }
        let index = handle.page();
        let at = handle.offset();
        let note = &mut self.notes[index];
        debug_assert!(note.used > 0, "a page with a block in use counts it");
        self.pages[index][at..at + 2].copy_from_slice(&note.free.to_le_bytes());
        note.free = (at / UNIT_BYTES) as u16;
        let class = usize::from(note.class);
        let was_full = note.used == note.slots;
        note.used -= 1;
        let empty = note.used == 0;
        self.used_bytes -= class_bytes(class);
        if was_full {
            self.link(index as u32);
        }
        // The last page with room stays, so that a block taken and given back at the brink costs nothing.
        let only = self.room[class] == index as u32 && self.notes[index].after == NO_PAGE;
        if empty && !only {
            self.unlink(index as u32);
            self.page_bytes -= self.pages[index].len();
            self.pages[index] = Box::default();
            self.vacant.push(index as u32);
        }
    }

    /// The block and whatever lies behind it in its page: the caller knows how long its block is.
    #[inline]
    #[must_use]
    pub fn bytes(&self, handle: Handle) -> &[u8] {
        if handle.is_large() {
            &self.large[handle.large_index()]
        } else {
            &self.pages[handle.page()][handle.offset()..]
        }
    }

    /// As [`bytes`](Self::bytes), to be written to; nothing past the block's capacity may be.
    #[inline]
    pub fn bytes_mut(&mut self, handle: Handle) -> &mut [u8] {
        if handle.is_large() {
            &mut self.large[handle.large_index()]
        } else {
            &mut self.pages[handle.page()][handle.offset()..]
        }
    }

    /// How many bytes the block can hold before it must move (a large one grows by itself).
    #[must_use]
    pub fn capacity_bytes(&self, handle: Handle) -> usize {
        if handle.is_large() {
            self.large[handle.large_index()].capacity()
        } else {
            class_bytes(usize::from(self.notes[handle.page()].class))
        }
    }

    /// Whether a new block of `len` bytes would be no other than the one `handle` names.
    #[inline]
    #[must_use]
    pub fn suits(&self, handle: Handle, len: usize) -> bool {
        if handle.is_large() {
            self.large[handle.large_index()].len() == len
        } else {
            len <= SMALL_BYTES_MAX && usize::from(self.notes[handle.page()].class) == class_of(len)
        }
    }

    /// A block of at least `len` bytes that begins with the first `keep` bytes of `handle`'s, which is used
    /// up. With `spare` it may be larger than asked for, so that growing in small steps costs little.
    pub fn resize(&mut self, handle: Handle, keep: usize, len: usize, spare: bool) -> Handle {
        debug_assert!(keep <= len, "what is kept fits in");
        if handle.is_large() && len > SMALL_BYTES_MAX {
            self.resize_large(handle, len, spare);
            return handle;
        }
        if !handle.is_large() && (self.suits(handle, len) || spare && len <= self.capacity_bytes(handle)) {
            return handle;
        }
        let ask = if spare && len <= SMALL_BYTES_MAX { (len + len / 4).min(SMALL_BYTES_MAX) } else { len };
        let target = self.alloc(ask);
        if handle.is_large() {
            let block = self.take_large(handle);
            self.bytes_mut(target)[..keep].copy_from_slice(&block[..keep]);
            return target;
        }
        if !target.is_large() && target.page() == handle.page() {
            let (from, to) = (handle.offset(), target.offset());
            self.pages[handle.page()].copy_within(from..from + keep, to);
        } else {
            let page = core::mem::take(&mut self.pages[handle.page()]);
            self.bytes_mut(target)[..keep].copy_from_slice(&page[handle.offset()..][..keep]);
            self.pages[handle.page()] = page;
        }
        self.free(handle);
        target
    }

    /// Bytes of the blocks in use, as rounded up by their classes: what freeing all of them would free.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes held from the system, blocks not in use included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let notes =
            self.notes.capacity() * size_of::<Page>() + self.pages.capacity() * size_of::<Box<[u8]>>();
        let large: usize = self.large.iter().map(|block| block.capacity() + LARGE_OVERHEAD_BYTES).sum();
        self.page_bytes + notes + large + self.room.capacity() * size_of::<u32>()
    }

    /// What a block of `len` bytes is charged in [`used_bytes`](Self::used_bytes).
    #[must_use]
    pub fn block_bytes(&self, handle: Handle) -> usize {
        let overhead = if handle.is_large() { LARGE_OVERHEAD_BYTES } else { 0 };
        self.capacity_bytes(handle) + overhead
    }

    fn alloc_large(&mut self, block: Vec<u8>) -> Handle {
        self.used_bytes += block.capacity() + LARGE_OVERHEAD_BYTES;
        if let Some(index) = self.large_vacant.pop() {
            self.large[index as usize] = block;
            return Handle::large(index as usize);
        }
        let index = self.large.len();
        assert!(index < u32::MAX as usize, "large blocks are numbered with 32 bits");
        self.large.push(block);
        Handle::large(index)
    }

    fn take_large(&mut self, handle: Handle) -> Vec<u8> {
        let index = handle.large_index();
        let block = core::mem::take(&mut self.large[index]);
        self.used_bytes -= block.capacity() + LARGE_OVERHEAD_BYTES;
        self.large_vacant.push(index as u32);
        block
    }

    fn resize_large(&mut self, handle: Handle, len: usize, spare: bool) {
        let block = &mut self.large[handle.large_index()];
        self.used_bytes -= block.capacity();
        if len > block.capacity() {
            // A quarter more, up to 16 MiB, makes growth linear without holding twice the memory.
            let extra = if spare { (len / 4).min(16 << 20) } else { 0 };
            block.reserve_exact(len + extra - block.len());
        }
        block.resize(len, 0);
        if len < block.capacity() / 2 || !spare && len < block.capacity() {
            block.shrink_to(len);
        }
        self.used_bytes += block.capacity();
    }

    fn add_page(&mut self, class: usize) -> u32 {
        // An eighth of what is there already, so that a small arena stays small.
        let slot_bytes = class_bytes(class);
        let wish = (self.page_bytes / 8).max(slot_bytes * 4).next_power_of_two();
        let bytes = wish.clamp(PAGE_BYTES_MIN, PAGE_BYTES);
        let page = vec![0; bytes].into_boxed_slice();
        let (usable, skew) = if bytes < ALIGNED_PAGE_BYTES {
            (bytes, 0)
        } else {
            let skew = page.as_ptr().align_offset(LINE_BYTES);
            (bytes - SKEW_BYTES, if skew <= SKEW_BYTES { skew / UNIT_BYTES } else { 0 })
        };
        let note = Page {
            class: class as u16,
            slots: (usable / slot_bytes) as u16,
            used: 0,
            fresh: 0,
            start: skew as u16,
            free: NO_UNIT,
            before: NO_PAGE,
            after: NO_PAGE,
        };
        assert!(note.slots > 0, "a page holds at least one block");
        self.page_bytes += bytes;
        let index = if let Some(index) = self.vacant.pop() {
            self.pages[index as usize] = page;
            self.notes[index as usize] = note;
            index
        } else {
            assert!(self.pages.len() < PAGES_MAX, "pages are numbered with 27 bits");
            self.pages.push(page);
            self.notes.push(note);
            (self.pages.len() - 1) as u32
        };
        if self.room.len() <= class {
            self.room.resize(class + 1, NO_PAGE);
        }
        self.link(index);
        index
    }

    fn link(&mut self, page: u32) {
        let class = usize::from(self.notes[page as usize].class);
        let first = core::mem::replace(&mut self.room[class], page);
        self.notes[page as usize].before = NO_PAGE;
        self.notes[page as usize].after = first;
        if first != NO_PAGE {
            self.notes[first as usize].before = page;
        }
    }

    fn unlink(&mut self, page: u32) {
        let Page { class, before, after, .. } = self.notes[page as usize];
        if before == NO_PAGE {
            self.room[usize::from(class)] = after;
        } else {
            self.notes[before as usize].after = after;
        }
        if after != NO_PAGE {
            self.notes[after as usize].before = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, Seed};

    #[test]
    fn every_length_has_a_class_that_holds_it_and_wastes_little() {
        for len in 0..=SMALL_BYTES_MAX {
            let class = class_of(len);
            let bytes = class_bytes(class);
            assert!(bytes >= len, "class {class} of {bytes} bytes holds {len}");
            assert!(class == 0 || class_bytes(class - 1) < len, "{len} needs no larger class than it must");
            let in_page = USABLE_BYTES / (USABLE_BYTES / bytes);
            assert!(in_page <= len + 8 + len / 14, "{len} takes {in_page} bytes of a page");
        }
        assert_eq!(class_bytes(class_of(32)), 32);
        assert_eq!(class_bytes(class_of(1048)), 1048);
    }

    #[test]
    fn handles_survive_splitting() {
        for handle in [Handle::small(0, 0), Handle::small(PAGES_MAX - 1, 4095), Handle::large((1 << 39) - 1)]
        {
            let (low, high) = handle.split();
            assert_eq!(Handle::join(low, high), handle);
        }
        assert_eq!(Handle::large(12_345_678).large_index(), 12_345_678);
        assert!(Handle::large(7).is_large() && !Handle::small(7, 7).is_large());
    }

    /// A block and what it is expected to hold.
    struct Held {
        handle: Handle,
        bytes: Vec<u8>,
    }

    #[test]
    fn blocks_keep_their_bytes_while_others_come_and_go() {
        let mut random = Seed([3; 32]).stream(Purpose::Reads);
        let mut arena = Arena::default();
        let mut held: Vec<Held> = Vec::new();
        for round in 0..60_000_u32 {
            let growing = round / 10_000 % 2 == 0;
            let roll = random.below(10);
            if held.is_empty() || roll < if growing { 6 } else { 2 } {
                let len = match random.below(20) {
                    0 => random.below(9000),
                    1..=3 => random.below(2100),
                    _ => random.below(100),
                } as usize;
                let mut bytes = vec![0; len];
                random.fill(&mut bytes);
                let handle = arena.alloc(len);
                arena.bytes_mut(handle)[..len].copy_from_slice(&bytes);
                held.push(Held { handle, bytes });
            } else if roll < 8 {
                let Held { handle, bytes } = held.swap_remove(random.below(held.len() as u64) as usize);
                assert_eq!(&arena.bytes(handle)[..bytes.len()], &bytes);
                arena.free(handle);
            } else {
                let at = random.below(held.len() as u64) as usize;
                let len = random.below(6000) as usize >> random.below(8);
                let item = &mut held[at];
                let keep = len.min(item.bytes.len());
                item.handle = arena.resize(item.handle, keep, len, random.below(2) == 0);
                item.bytes.resize(len, 7);
                arena.bytes_mut(item.handle)[keep..len].fill(7);
            }
        }
        for Held { handle, bytes } in held {
            assert_eq!(&arena.bytes(handle)[..bytes.len()], &bytes);
            assert!(arena.capacity_bytes(handle) >= bytes.len());
            arena.free(handle);
        }
        assert_eq!(arena.used_bytes(), 0);
        let kept: usize = arena.pages.iter().map(|page| page.len()).sum();
        assert_eq!(kept, arena.page_bytes);
        // One page per class at most is kept.
        assert!(arena.pages.iter().filter(|page| !page.is_empty()).count() <= arena.room.len());
    }

    #[test]
    fn a_small_arena_is_small_and_a_large_one_dense() {
        let mut arena = Arena::default();
        for _ in 0..10 {
            arena.alloc(24);
        }
        assert!(arena.memory_bytes() < 1024, "{}", arena.memory_bytes());
        for _ in 0..1_000_000 {
            arena.alloc(32);
        }
        assert!(arena.memory_bytes() < 32_400_000, "{}", arena.memory_bytes());
    }
}
