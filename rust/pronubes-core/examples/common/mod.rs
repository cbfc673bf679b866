//! What the programs of the benchmark have in common: an allocator that counts, and a sink that costs what a sink costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use pronubes_core::{Emission, HookCall, Outlet, Quarantined, RouteId};

/// Counts allocations.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "a counting allocator cannot be written without; it only forwards to the system's")]
// SAFETY: every call goes to `System` with the arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often memory was asked for since the start; one that grew counts again.
pub fn allocations() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

const BUFFER_BYTES: usize = 1 << 16;

/// Copies what comes out into one buffer, as a sink's output does.
#[derive(Default)]
pub struct Copied {
    buffer: Vec<u8>,
    /// Messages so far.
    pub emitted: u64,
    /// Messages so far that were not.
    pub quarantined: u64,
}

impl Outlet for Copied {
    fn emit(&mut self, emission: &Emission<'_>) {
        if self.buffer.len() > BUFFER_BYTES {
            black_box(&self.buffer);
            self.buffer.clear();
        }
        self.emitted += 1;
        self.buffer.extend_from_slice(emission.topic);
        self.buffer.extend_from_slice(emission.payload);
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, _: &Quarantined<'_>) {
        self.quarantined += 1;
    }
    fn filtered(&mut self, _: RouteId) {}
}
