//! Fresh seeds, every run; each boundary of a fixed story; the same bytes twice.

use curfew_sim::{Run, Trouble, run};

fn fresh() -> u64 {
    let text = std::env::var("CURFEW_SIM_FROM").ok();
    text.and_then(|t| t.parse().ok()).unwrap_or_else(|| {
        #[allow(clippy::disallowed_methods, reason = "the test wants seeds nobody has seen; it prints them")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        now.as_micros() as u64
    })
}

fn count() -> u64 {
    std::env::var("CURFEW_SIM_SEEDS").ok().and_then(|t| t.parse().ok()).unwrap_or(2_000)
}

#[test]
fn fresh_seeds_hold_every_invariant() {
    let from = fresh();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let (mut crashes, mut restored, mut events) = (0, 0, 0);
    std::thread::scope(|scope| {
        let work = |thread: u64| {
            move || {
                let (mut crashes, mut restored, mut events) = (0, 0, 0);
                for seed in (from..from + count()).skip(thread as usize).step_by(threads as usize) {
                    let run = run(seed, 60, Trouble::of(seed));
                    if let Some(broken) = &run.broken {
                        panic!("seed {seed}: {broken}; replay it with `cargo xtask sim --seed {seed}`");
                    }
                    crashes += u64::from(run.crashes);
                    restored += u64::from(run.restored);
                    events += run.events;
                }
                (crashes, restored, events)
            }
        };
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(work(thread))).collect();
        for worker in workers {
            let done = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            crashes += done.0;
            restored += done.1;
            events += done.2;
        }
    });
    println!("{} seeds from {from}: {crashes} crashes, {restored} restored ledgers, {events} audit events", count());
    assert!(crashes > 0 && restored > 0 && events > 10 * count(), "the seeds must do something");
}

#[test]
fn the_server_may_die_at_every_boundary() {
    let mut played = 0;
    // Two stories in which enough happens.
    let stories = (1..).map(|seed| (seed, run(seed, 20, Trouble::default())));
    let eventful = |(_, story): &(u64, Run)| story.boundaries > 100;
    for (seed, story) in stories.take(500).filter(eventful).take(2) {
        assert_eq!(story.broken, None, "seed {seed} without trouble");
        for boundary in 1..=story.boundaries {
            let run = run(seed, 20, Trouble { crash_at: boundary, ..Trouble::default() });
            assert_eq!(
                run.broken, None,
                "seed {seed}, dying at boundary {boundary} of {}\n{}",
                story.boundaries, run.trace
            );
        }
        played += 1;
    }
    assert_eq!(played, 2, "there are such stories");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 100..110 {
        assert_eq!(run(seed, 60, Trouble::of(seed)).trace, run(seed, 60, Trouble::of(seed)).trace);
    }
}
