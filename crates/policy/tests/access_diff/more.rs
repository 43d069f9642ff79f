//! What no single edit of the base shows.

use super::{base, common, compared, edited};
use curfew_policy::{Direction, Kind, diff};

#[test]
fn a_set_is_the_same_as_itself_and_as_its_files_in_another_order() {
    assert!(compared(&base(), &base()).changes.is_empty());
    let mut moved = base();
    moved.reverse();
    for file in &mut moved {
        file.path = format!("else/{}", file.path);
        file.bytes = String::from_utf8_lossy(&file.bytes).replace("hosts/**", "else/hosts/**").into_bytes();
    }
    let diff = compared(&base(), &moved);
    assert!(diff.changes.iter().all(|change| change.kind == Kind::Authority), "{:#?}", diff.changes);
}

/// The change says who, in the words that scripts go by.
#[test]
fn subjects_are_addresses_groups_workloads_and_anyone() {
    let subjects = |edits: &[(&str, &str)]| -> Vec<(String, Direction)> {
        let diff = compared(&base(), &edited(edits));
        let can_ask = diff.changes.into_iter().filter(|c| c.kind == Kind::CanAsk);
        can_ask.map(|c| (c.subject.expect("a subject"), c.direction)).collect()
    };
    const SRE: &str = "requesters: [group:sre, group:ops, eve@example.com]";
    const WEB: (&str, &str) = (
        "    requesters: [group:sre]\n    duration: 1h\n    conditions: [{resource: hosts/web",
        "    requesters: anyone\n    duration: 1h\n    conditions: [{resource: hosts/web",
    );
    assert_eq!(subjects(&[WEB]), [("anyone".to_owned(), Direction::Wider)]);
    let narrower = subjects(&[(SRE, "requesters: [eve@example.com]")]);
    let expected = ["group:sre", "lea@example.com", "oli@example.com"].map(|s| (s.to_owned(), Direction::Narrower));
    assert_eq!(narrower, expected);
    let wider = subjects(&[("deny: [group:contractors, group:banned]", "deny: [group:banned]")]);
    assert!(wider.contains(&("group:sre".to_owned(), Direction::Wider)), "{wider:?}");
    let machines = subjects(&[("service_account: reader", "service_account: writer")]);
    assert_eq!(machines.len(), 2);
    assert!(machines.iter().all(|(s, _)| s.starts_with("workload:kubernetes")), "{machines:?}");
}

#[test]
fn a_guardrail_that_goes_is_wider_and_one_that_moves_is_nothing() {
    let mut without = base();
    without.retain(|file| file.path != "g.cedar");
    let diff = compared(&base(), &without);
    let gone = diff.changes.iter().filter(|c| c.kind == Kind::Guardrail && c.direction == Direction::Wider).count();
    assert_eq!(gone, 3, "{:#?}", diff.changes);
    let back = compared(&without, &base());
    assert!(!back.widened, "{:#?}", back.changes);
    let mut moved = base();
    for file in moved.iter_mut().filter(|file| file.path == "g.cedar") {
        file.path = "other/rails.cedar".to_owned();
    }
    assert!(compared(&base(), &moved).changes.is_empty());
}

#[test]
fn a_role_that_goes_leaves_nobody_asking() {
    let set = common::set;
    let role = |name: &str| {
        format!(
            "roles:\n  - name: {name}\n    requesters: [a@example.com]\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [b@example.com]\n"
        )
    };
    let renamed = diff(&set(&role("one")), &set(&role("two")));
    let said: Vec<_> =
        renamed.changes.iter().map(|c| (c.role.as_ref().map(|r| r.as_str()), c.kind, c.direction)).collect();
    let expected = [(Some("one"), Kind::CanAsk, Direction::Narrower), (Some("two"), Kind::CanAsk, Direction::Wider)];
    assert_eq!(said, expected);
}

#[test]
fn json_has_the_words_that_are_promised() {
    let diff = compared(&base(), &edited(&[("claim_within: 8h", "claim_within: 9h")]));
    let json = serde_json::to_value(&diff).expect("serializes");
    let expected = serde_json::json!({"widened": true, "changes": [{
        "kind": "duration", "direction": "wider", "role": "db-debug", "subject": null, "resource": null, "action": null,
        "before": "claimed within 8h", "after": "claimed within 9h",
    }]});
    assert_eq!(json, expected);
    for kind in [
        Kind::CanAsk,
        Kind::Scope,
        Kind::Duration,
        Kind::Approval,
        Kind::Constraint,
        Kind::Guardrail,
        Kind::Extension,
        Kind::BreakGlass,
        Kind::Trigger,
        Kind::Meaning,
        Kind::Target,
        Kind::Classification,
        Kind::Identity,
        Kind::Authority,
    ] {
        assert_eq!(serde_json::to_value(kind).expect("serializes"), kind.word());
    }
}
