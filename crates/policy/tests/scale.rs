//! A set of a hundred thousand roles decides as fast as one of ten.

#![allow(clippy::disallowed_methods, reason = "this test measures real time")]

mod common;

use common::*;
use curfew_domain::Outcome;
use curfew_policy::{PolicySet, SourceFile};
use std::time::{Duration, Instant};

fn files(roles: usize) -> Vec<SourceFile> {
    let one = |i: usize| {
        format!(
            "- {{name: role-{i}, requesters: [dev-{i}@example.com], duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], approvers: [lead@example.com]}}\n"
        )
    };
    let chunk = |start: usize| {
        let text: String = (start..(start + 5_000).min(roles)).map(one).collect();
        file(&format!("roles-{start}.yaml"), &format!("roles:\n{text}"))
    };
    let shared = "resources: [{name: services/db, connector: postgres}]\n";
    std::iter::once(file("a.yaml", shared)).chain((0..roles).step_by(5_000).map(chunk)).collect()
}

fn loaded(roles: usize) -> PolicySet {
    let checked = check_files(&files(roles));
    assert_eq!(errors(&checked.problems), vec![]);
    checked.set.expect("a set")
}

/// The fastest of some batches: what the machine does besides is not the set's doing.
fn fastest(set: &PolicySet, roles: usize) -> Duration {
    let batch = |from: usize| {
        let start = Instant::now();
        for i in from..from + 20 {
            let i = (i * 7_919) % roles;
            let judgement = set.decide(&ask(&person(&format!("dev-{i}@example.com")), &format!("role-{i}")));
            assert_eq!(judgement.decision.outcome, Outcome::NeedsApproval);
        }
        start.elapsed()
    };
    (0..15).map(|n| batch(n * 20)).min().expect("some batches")
}

#[test]
fn time_does_not_grow_with_the_number_of_roles() {
    let few = loaded(10);
    let start = Instant::now();
    let many = loaded(100_000);
    let load = start.elapsed();
    let (small, large) = (fastest(&few, 10), fastest(&many, 100_000));
    println!("loading 100,000 roles: {load:?}; 20 decisions: {small:?} of 10 roles, {large:?} of 100,000");
    assert!(large < small * 20, "{large:?} against {small:?}");
    let start = Instant::now();
    let mine = many.roles_for(&person("dev-77@example.com"));
    assert_eq!(mine.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["role-77"]);
    assert!(start.elapsed() < Duration::from_secs(2), "listing one's roles took {:?}", start.elapsed());
}
