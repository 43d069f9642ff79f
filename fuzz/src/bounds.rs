//! What reading one input may cost, and what it did cost.

use peak_alloc::PeakAlloc;
use std::time::Duration;

/// Bytes of the largest input.
pub const INPUT: usize = 1 << 20;
/// Bytes that may be live at once for it.
pub const MEMORY: usize = 64 << 20;
/// How long it may take, on the processor.
pub const TIME: Duration = Duration::from_secs(1);

/// How many times as long instrumented code takes, with its checks for overflow.
pub const INSTRUMENTED: u32 = 4;

/// What something cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Bytes live at the most, beyond those that were live before.
    pub memory: usize,
    /// On the processor.
    pub time: Duration,
}

/// Runs it and says what it cost. Other threads must be idle.
pub fn cost(memory: &PeakAlloc, run: impl FnOnce()) -> Cost {
    memory.reset_peak_usage();
    let (live, begun) = (memory.current_usage(), on_the_processor());
    run();
    let time = on_the_processor().saturating_sub(begun);
    Cost { memory: memory.peak_usage().saturating_sub(live), time }
}

/// How long this thread has run. Linux keeps it to the nanosecond.
fn on_the_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number of nanoseconds");
    Duration::from_nanos(nanos)
}
