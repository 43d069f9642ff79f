//! What no single edit of the base shows.

use super::{base, common, compared, edited};
use curfew_domain::InputValue;
use curfew_domain::{Identity, Outcome, RoleName, Scope, Seconds, Timestamp};
use curfew_policy::{Ask, Direction, Facts, Grants, Kind, MfaFact, OnCall, TicketState, diff};
use std::collections::BTreeMap;

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

/// What the diff promises is what decisions keep: where it says that nothing is wider, nobody gets more by asking.
#[test]
fn where_nothing_is_wider_no_decision_is() {
    let asks = asks();
    let before: Vec<_> = asks.iter().map(|ask| super::base_set().decide(ask).decision).collect();
    assert!(before.iter().any(|d| d.outcome == Outcome::Automatic), "some are automatic");
    assert!(before.iter().any(|d| d.outcome == Outcome::NeedsApproval), "some need approval");
    let edits = super::honest::NARROWER.iter().map(|case| case.edits).chain(super::honest::SAME.iter().copied());
    for edits in edits {
        let head = super::set(&edited(edits)).expect("a set");
        for (ask, before) in asks.iter().zip(&before) {
            let after = head.decide(ask).decision;
            let say = || format!("{edits:?}: {} by {:?}: {before:#?} {after:#?}", ask.role, ask.who.subject.email);
            assert!(gives(after.outcome) <= gives(before.outcome), "{}", say());
            assert!(after.max_until <= before.max_until || before.outcome == Outcome::Denied, "{}", say());
        }
    }
}

/// How much an outcome gives.
fn gives(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Denied => 0,
        Outcome::NeedsApproval => 1,
        Outcome::Automatic => 2,
    }
}

fn asks() -> Vec<Ask> {
    const PERSONS: [(&str, &[&str]); 8] = [
        ("x@example.com", &[]),
        ("x@example.com", &["sre"]),
        ("x@example.com", &["platform"]),
        ("x@example.com", &["sre", "contractors"]),
        ("eve@example.com", &[]),
        ("lea@example.com", &["platform"]),
        ("ann@example.com", &["sre"]),
        ("mal@example.com", &["sre"]),
    ];
    const ROLES: [&str; 6] = ["db-debug", "look", "by-label", "open-ask", "all-sign", "web-shell"];
    // A Monday and a Friday, in the office hours of Berlin.
    let times: [Timestamp; 2] =
        ["2026-03-02T10:30:00+01:00", "2026-03-06T17:30:00+01:00"].map(|t| t.parse().expect("a time"));
    let mut asks = Vec::new();
    let at = [(times[0], 5), (times[0], 60), (times[1], 120)];
    for (email, groups) in PERSONS {
        for role in ROLES.map(|role| RoleName::new(role).expect("a name")) {
            // One pair by name: "all that the role gives" would be another ask of another set.
            for pair in super::base_set().pairs(&role) {
                for (now, minutes) in at {
                    let scope = Scope::new([pair.clone()]).expect("a scope");
                    let who = common::with_groups(email, groups);
                    asks.push(Ask { pairs: Some(scope), ..ask(who, role.clone(), (now, minutes)) });
                }
            }
        }
    }
    asks
}

/// With everything given that any role asks for.
fn ask(who: Identity, role: RoleName, (now, minutes): (Timestamp, u32)) -> Ask {
    let facts = Facts {
        mfa: Some(MfaFact::FRESH),
        oncall: Some(OnCall::OfTheRole(minutes == 60)),
        source_ip: Some("10.1.2.3".parse().expect("an address")),
        ticket_state: Some(TicketState::Open),
        grants: Some(Grants::default()),
        ..Facts::default()
    };
    let inputs = match role.as_str() {
        "db-debug" => [("table", "orders"), ("tier", "bronze")]
            .map(|(name, text)| (name.to_owned(), InputValue::Text(text.to_owned())))
            .into(),
        _ => BTreeMap::new(),
    };
    Ask {
        duration: Some(Seconds::new(minutes * 60)),
        reason: "the incident of this morning".to_owned(),
        ticket: "INC-7".to_owned(),
        inputs,
        facts,
        ..Ask::of(who, role, now)
    }
}

/// What a small set becomes: its text, and its guardrails.
fn becomes(before: (&str, &str), after: (&str, &str)) -> Vec<(Kind, Direction)> {
    let set = |(text, rails): (&str, &str)| {
        let files = [common::file("p.yaml", text), common::file("g.cedar", rails)];
        let checked = common::check_files(&files);
        checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems))
    };
    let changes = diff(&set(before), &set(after)).changes;
    changes.into_iter().map(|change| (change.kind, change.direction)).collect()
}

const SMALL: &str = "idp_groups: [con, other]
resources: [{name: services/db, connector: postgres}]
roles:
  - name: debug
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
  - name: other
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
    constraints: {inputs: [{name: table, type: string}]}
";
const NEVER: &str = "forbid (principal in Group::\"other\", action, resource) when { context.risk_score > 100 };";

#[test]
fn a_group_that_changes_hands_frees_whoever_was_in_it() {
    let rail = "forbid (principal in Group::\"con\", action, resource);";
    let own = SMALL.replace("idp_groups: [con, other]", "idp_groups: [other]\ngroups: {con: [q@example.com]}");
    assert_eq!(becomes((SMALL, rail), (&own, rail)), [(Kind::Identity, Direction::Wider)]);
    assert_eq!(becomes((&own, rail), (SMALL, rail)), [(Kind::Identity, Direction::Wider)], "and back");
}

#[test]
fn a_definition_that_goes_or_comes_moves_the_target() {
    let without = SMALL.replace("resources: [{name: services/db, connector: postgres}]\n", "");
    let target = [(Kind::Target, Direction::Wider)];
    assert_eq!(becomes((SMALL, NEVER), (&without, NEVER)), target);
    let elsewhere = SMALL.replace("connector: postgres}", "connector: postgres, admin: \"file:/evil\"}");
    assert_eq!(becomes((&without, NEVER), (&elsewhere, NEVER)), target);
}

#[test]
fn an_input_that_a_guardrail_waited_for_may_open_a_role() {
    let rail = "forbid (principal, action, resource) when { context.inputs.table == \"salaries\" };";
    let with = SMALL.replacen(
        "    approvers: [lead@example.com]\n",
        "    approvers: [lead@example.com]\n    constraints: {inputs: [{name: table, type: string}]}\n",
        1,
    );
    assert_eq!(becomes((SMALL, rail), (&with, rail)), [(Kind::Constraint, Direction::Unknown)]);
    assert_eq!(becomes((SMALL, NEVER), (&with, NEVER)), [(Kind::Constraint, Direction::Narrower)]);
}

#[test]
fn rotas_let_in_and_keep_out() {
    let with = |requesters: &str, deny: &str| {
        SMALL.replacen("requesters: [dev@example.com]", &format!("requesters: {requesters}\n    deny: {deny}"), 1)
    };
    let of = |before: &str, after: &str| becomes((before, NEVER), (after, NEVER));
    let (db, web) = (with("[\"oncall:db\"]", "[]"), with("[\"oncall:web\"]", "[]"));
    let both = [(Kind::CanAsk, Direction::Narrower), (Kind::CanAsk, Direction::Wider)];
    let mut swapped = of(&db, &web);
    swapped.sort();
    let mut expected = both.to_vec();
    expected.sort();
    assert_eq!(swapped, expected);
    let kept_out = with("anyone", "[\"oncall:web\"]");
    assert_eq!(of(&kept_out, &with("anyone", "[]")), [(Kind::CanAsk, Direction::Wider)]);
    assert_eq!(of(&with("anyone", "[]"), &kept_out), [(Kind::CanAsk, Direction::Narrower)]);
}

#[test]
fn what_nothing_goes_by_is_listed_and_widens_nothing() {
    let labelled = |value: &str| {
        let resource = format!("connector: postgres, labels: {{note: {value}}}}}");
        SMALL.replace("connector: postgres}", &resource)
    };
    let changes = becomes((&labelled("main"), NEVER), (&labelled("second"), NEVER));
    assert_eq!(changes, [(Kind::Classification, Direction::Narrower)]);
    let group = |member: &str| format!("groups: {{unused: [{member}]}}\n{SMALL}");
    let changes = becomes((&group("a@example.com"), NEVER), (&group("b@example.com"), NEVER));
    assert_eq!(changes, [(Kind::Identity, Direction::Narrower), (Kind::Identity, Direction::Narrower)]);
}
