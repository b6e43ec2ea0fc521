//! How much memory a piece of work takes: headers and lengths must not decide what is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread allocates. A program that includes this library uses it.
struct Meter;

thread_local! {
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(change_bytes: i64) {
    // A thread that ends has no counters any more; what it frees then is nobody's.
    let _ = HELD_BYTES.try_with(|held| {
        held.set(held.get() + change_bytes);
        PEAK_BYTES.with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: everything is handed to the system's allocator as it comes; counting allocates nothing.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        count(new_bytes as i64 - layout.size() as i64);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, new_bytes) }
    }
}

#[global_allocator]
static METER: Meter = Meter;

/// Does `work` and checks that it never held more than `limit_bytes` beyond what there was.
///
/// # Panics
/// When it did.
pub fn bounded<T>(limit_bytes: i64, work: impl FnOnce() -> T) -> T {
    let before = HELD_BYTES.with(Cell::get);
    let outer_peak = PEAK_BYTES.with(|peak| peak.replace(before));
    let result = work();
    let taken = PEAK_BYTES.with(Cell::get) - before;
    PEAK_BYTES.with(|peak| peak.set(peak.get().max(outer_peak)));
    assert!(taken <= limit_bytes, "{taken} bytes were held, {limit_bytes} are allowed");
    result
}
