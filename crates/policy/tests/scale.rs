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

/// A group that everybody is in stands in many roles: neither checking nor comparing them goes through all of it for each.
#[test]
fn a_large_group_in_many_roles_costs_little() {
    let set = |members: usize| {
        let people: Vec<String> = (0..members).map(|n| format!("person-{n}@example.com")).collect();
        let one = |i: usize| {
            format!(
                "- {{name: role-{i}, requesters: [group:all], duration: {}m, conditions: [{{resource: services/db, actions: [read]}}], approvers: [group:all, lead-{i}@example.com]}}\n",
                i + 1
            )
        };
        let roles: String = (0..100).map(one).collect();
        let shared = format!(
            "resources: [{{name: services/db, connector: postgres}}]\ngroups: {{all: [{}]}}\n",
            people.join(", ")
        );
        let checked = check_files(&[file("a.yaml", &shared), file("b.yaml", &format!("roles:\n{roles}"))]);
        assert_eq!(checked.problems, []);
        checked.set.expect("a set")
    };
    let start = Instant::now();
    let (base, head) = (set(2_000), set(2_001));
    let load = start.elapsed();
    let start = Instant::now();
    let diff = curfew_policy::diff(&base, &head);
    let compare = start.elapsed();
    println!("100 roles over 2,000 persons: two loaded in {load:?}, compared in {compare:?}");
    let asks = diff.changes.iter().filter(|change| change.kind == curfew_policy::Kind::CanAsk);
    assert_eq!(asks.filter(|change| change.subject.as_deref() == Some("person-2000@example.com")).count(), 100);
    assert!(load < Duration::from_secs(10) && compare < Duration::from_secs(30), "{load:?}, {compare:?}");
}
