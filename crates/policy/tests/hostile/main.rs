//! Whatever bytes a policy file holds, reading it takes no more than 64 MiB and a second, and panics never.
//!
//! Two kinds of bytes: what a fuzzer found worth keeping (`fuzz/corpus`), and texts of a whole MiB that are made here, each
//! to multiply one thing by another. One test at a time: the allocator counts for the whole process.

#![allow(missing_docs, unreachable_pub)]

mod bombs;
#[allow(dead_code, reason = "the fuzzer uses what tests do not")]
#[path = "../../../../fuzz/src/bounds.rs"]
mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod mutants;
#[path = "../../../../fuzz/src/targets.rs"]
mod targets;

use bombs::Bomb;
use peak_alloc::PeakAlloc;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use targets::Reader;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the one test that runs, from before it makes its texts: what another allocates would count too.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many times as long code takes that nobody optimised.
const UNOPTIMISED: u32 = if cfg!(debug_assertions) { 12 } else { 1 };

/// Everything that costs too much, each as a line.
fn too_much(readers: &[Reader], bombs: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<String> {
    let mut found = Vec::new();
    for reader in readers {
        (reader.read)(b"roles: []\n");
    }
    for (name, bytes) in bombs {
        for reader in readers {
            let cost = bounds::cost(&MEMORY, || (reader.read)(&bytes));
            let line = format!(
                "{:>7.1} MiB {:>7.3} s  {}: {name} ({} bytes)",
                cost.memory as f64 / 1_048_576.0,
                cost.time.as_secs_f64(),
                reader.name,
                bytes.len()
            );
            if std::env::var_os("CURFEW_HOSTILE_COSTS").is_some() {
                println!("{line}");
            }
            if cost.memory > bounds::MEMORY || cost.time > bounds::TIME * UNOPTIMISED {
                found.push(line);
            }
        }
    }
    found
}

fn hold(readers: &[Reader], bombs: Vec<Bomb>) {
    assert!(
        bombs
            .iter()
            .all(|bomb| bomb.bytes.len() <= bounds::INPUT && bomb.bytes.len() > bounds::INPUT * 9 / 10 - 40_000),
        "a bomb is not of its size"
    );
    let found = too_much(readers, bombs.into_iter().map(|bomb| (bomb.name.to_owned(), bomb.bytes)));
    assert!(found.is_empty(), "these cost too much:\n{}", found.join("\n"));
}

fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file"))).collect()
}

fn replay(target: &str, readers: &[Reader]) {
    let kept = kept(target);
    assert!(kept.len() >= 10, "the corpus of {target} is gone");
    let found = too_much(readers, kept);
    assert!(found.is_empty(), "these cost too much:\n{}", found.join("\n"));
}

#[test]
fn what_costs_too_much_is_seen() {
    let _alone = alone();
    let memory = |_: &[u8]| drop(std::hint::black_box(vec![1_u8; bounds::MEMORY + 1]));
    let begun = bounds::cost(&MEMORY, || {
        (0..20_000_000_u64).for_each(|n| {
            std::hint::black_box(n);
        })
    });
    assert!(!begun.time.is_zero(), "time on the processor is not seen");
    let readers = [Reader { name: "greedy", read: memory }];
    assert_eq!(too_much(&readers, [("nothing".to_owned(), Vec::new())]).len(), 1);
}

#[test]
fn a_mebibyte_of_yaml_stays_within_its_bounds() {
    let _alone = alone();
    let bombs = bombs::of_yaml(bounds::INPUT);
    bombs.iter().for_each(|bomb| targets::formatting_settles(&bomb.bytes));
    hold(targets::YAML, bombs);
}

#[test]
fn a_mebibyte_of_policy_stays_within_its_bounds() {
    let _alone = alone();
    hold(&targets::YAML[..1], bombs::of_policies(bounds::INPUT));
}

#[test]
fn a_mebibyte_of_cedar_stays_within_its_bounds() {
    let _alone = alone();
    hold(targets::EXPRESSION, bombs::of_cedar(bounds::INPUT));
}

#[test]
fn a_mebibyte_of_another_system_stays_within_its_bounds() {
    let _alone = alone();
    hold(targets::IMPORTER, bombs::of_importers(bounds::INPUT));
}

/// The importer, beside what the fuzzer keeps: nothing panics, and what comes out is text that policy reads.
#[test]
fn what_is_changed_at_random_is_imported_or_refused_within_its_bounds() {
    let _alone = alone();
    let found = too_much(targets::IMPORTER, mutants::of(&kept("importer"), 60));
    assert!(found.is_empty(), "these cost too much:\n{}", found.join("\n"));
}

/// 10^6 keys are more than a MiB: they are refused before they are read.
#[test]
fn a_million_keys_are_refused_at_once() {
    let _alone = alone();
    let text: String = (0..1_000_000).map(|n| format!("k{n}: 1\n")).collect();
    let found = too_much(targets::YAML, [("a million keys".to_owned(), text.into_bytes())]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_the_fuzzer_kept_stays_within_its_bounds() {
    let _alone = alone();
    kept("yaml").iter().for_each(|(_, bytes)| targets::formatting_settles(bytes));
    replay("yaml", targets::YAML);
    replay("expression", targets::EXPRESSION);
    replay("importer", targets::IMPORTER);
}
