//! A message on a known topic costs no allocation on the fast path, by the count of the allocator.

#![expect(unsafe_code, reason = "an allocator cannot be made otherwise")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{compile, message};
use pronubes_core::{Emission, HookCall, Outlet, Quarantined, RouteId, Router};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; counting touches a thread-local number only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Default)]
struct Counted {
    emitted: u64,
    quarantined: u64,
}

impl Outlet for Counted {
    fn emit(&mut self, _: &Emission<'_>) {
        self.emitted += 1;
    }
    fn hook(&mut self, _: &HookCall<'_>) {}
    fn quarantine(&mut self, _: &Quarantined<'_>) {
        self.quarantined += 1;
    }
    fn filtered(&mut self, _: RouteId) {}
}

#[test]
fn known_topics_cost_no_allocation() {
    let spec = r#"{"sources":["plant"],"sinks":["s"],"routes":[
      {"name":"w1","filter":"raw/{area}/{tag}","where":"payload.quality == \"GOOD\" && payload.value > -40.0",
       "steps":[{"scale":{"field":"value","factor":1.8,"offset":32}},{"rename":{"ts":"timestamp_ms"}},
                {"drop":["quality"],"where":"payload.quality == \"GOOD\""},{"set":{"unit":"[degF]"}},
                {"compute":{"hot":"payload.value > 80.0","name":"area + \"/\" + tag"}}],
       "topic":"x/{area}/{tag}","to":[{"sink":"s"},{"sink":"s","topic":"y/{payload.unit}/{tag}"}]},
      {"name":"times","filter":"raw/#","steps":[
         {"timestamp":{"field":"ts","from":"unix_ms","to":"iso8601"}},{"cast":{"field":"value","type":"string"}},
         {"map":{"field":"quality","values":{"GOOD":192}}}],"to":[{"sink":"s"}]},
      {"name":"construct","filter":"raw/#","steps":[{"keep":["value","m.x","m.y"]},{"rename":{"m.x":"x"}}],"to":[{"sink":"s"}]},
      {"name":"explode","filter":"plc/{id}","steps":[{"explode":{"as":"value","carry":["ts"]}},
         {"scale":{"field":"value","factor":2}}],"topic":"p/{id}/{key}","to":[{"sink":"s"}]},
      {"name":"bad","filter":"raw/{area}/{tag}","steps":[{"round":{"field":"nothing"}}],"to":[{"sink":"s"}]}]}"#;
    let mut router = Router::new(compile(spec));
    let messages = [
        message("raw/a/t1", br#"{"value": 21.37, "ts": 1732270000123, "quality": "GOOD", "m": {"x":1,"y":2}}"#),
        message("plc/7", br#"{"ts":7,"a\u0062":1.5,"b":2,"c":3}"#),
    ];
    let mut outlet = Counted::default();
    // The first round fills the topic table and lets buffers grow.
    messages.iter().for_each(|message| drop(router.route(message, &mut outlet)));
    outlet = Counted::default();
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..1_000 {
        messages.iter().for_each(|message| drop(router.route(message, &mut outlet)));
    }
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!((outlet.emitted, outlet.quarantined, allocations), (7_000, 1_000, 0));
}
