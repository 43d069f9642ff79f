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

/// Roles that all speak of one large group, in every list that a role has; the other set has one member more.
fn of_a_group(members: usize, roles: usize) -> [PolicySet; 2] {
    let set = |members: usize| {
        let persons: Vec<String> = (0..members).map(|i| format!("m{i}@example.com")).collect();
        let group = format!("groups: {{all: [{}], few: [a@example.com]}}\n", persons.join(", "));
        let role = |i: usize| {
            format!(
                "- {{name: role-{i}, requesters: [group:all], duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], \
                 approval: {{stages: [{{any_of: [group:all], timeout: 5m, on_timeout: escalate, escalate_to: [group:few]}}, {{all_of: [group:all], fallback: [group:few]}}]}}, \
                 break_glass: {{who: [group:all], duration: 30m, review_within: 1d}}}}\n"
            )
        };
        let roles: String = (0..roles).map(role).collect();
        let shared = "resources: [{name: services/db, connector: postgres}]\n";
        let checked =
            check_files(&[file("a.yaml", shared), file("g.yaml", &group), file("r.yaml", &format!("roles:\n{roles}"))]);
        assert_eq!(errors(&checked.problems), vec![]);
        checked.set.expect("a set")
    };
    [set(members), set(members + 1)]
}

/// A group is looked through once for all roles, not once with each.
#[test]
fn comparing_roles_of_a_large_group_grows_with_the_roles_and_with_the_group_and_not_with_both_at_once() {
    let took = |members: usize, roles: usize| {
        let [before, after] = of_a_group(members, roles);
        let begun = Instant::now();
        let diff = curfew_policy::diff(&before, &after);
        let took = begun.elapsed();
        assert!(diff.widened && diff.changes.len() > roles, "{} changes", diff.changes.len());
        println!("{roles} roles of a group of {members}: {took:?}");
        took
    };
    let (small, more_roles) = (took(400, 40), took(400, 400));
    let (more_members, both) = (took(4_000, 40), took(4_000, 400));
    // Ten times the roles, ten times the members: together no more than what each of them adds.
    let apart = more_roles + more_members;
    assert!(both < apart * 3 + Duration::from_millis(200), "{small:?}, {more_roles:?}, {more_members:?}, {both:?}");
}
