//! Holds the readers of policy text to their bounds while a fuzzer makes up what they read.
//!
//! Memory is counted by the allocator itself: what is live at the most while one input is read, beyond what was live
//! before it. So neither the fuzzer's own memory nor that of its instrumentation counts, and nothing of ours escapes.
//! Time is the thread's own on the processor, so that a busy machine is not taken for a slow reader.

pub mod bounds;
#[path = "../../crates/policy/tests/common/mod.rs"]
mod common;
pub mod targets;

use peak_alloc::PeakAlloc;
use std::sync::Once;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

static WARM: Once = Once::new();

/// Runs each reader on the bytes, and panics when one needs more than is allowed.
///
/// # Panics
/// When a reader panics, takes more than [`bounds::MEMORY`] or longer than
/// [`bounds::TIME`] times [`bounds::INSTRUMENTED`].
pub fn hold(readers: &[targets::Reader], bytes: &[u8]) {
    if bytes.len() > bounds::INPUT {
        return;
    }
    // Tables that are made once are nobody's input.
    WARM.call_once(|| readers.iter().for_each(|reader| (reader.read)(b"roles: []\n")));
    for reader in readers {
        let cost = bounds::cost(&MEMORY, || (reader.read)(bytes));
        assert!(cost.memory <= bounds::MEMORY, "{}: {cost:?}", reader.name);
        assert!(cost.time <= bounds::TIME * bounds::INSTRUMENTED, "{}: {cost:?}", reader.name);
    }
}
