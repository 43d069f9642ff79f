//! A misspelt key is one complaint: what is missing only because of it is not said as well, and everything else is.

mod common;

use common::*;
use curfew_policy::Severity;

const SOUND: &str = "administrators: [root@example.com]
auditors: [root@example.com]
resources:
  - {name: hosts/web, connector: ssh, settings: {hosts: [\"web:22\"], actions: {login: {principals: [web]}}}}
roles:
  - name: debug
    description: look
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: hosts/web, actions: [login]}]
    approvers: [ann@example.com]
    constraints:
      inputs: [{name: table, type: enum, values: [a, b]}]
      windows: [{days: mon-fri, from: \"09:00\", to: \"17:00\", tz: UTC}]
    break_glass: {who: [dev@example.com], duration: 1h, review_within: 1d}
    extension: {times: 1, max_total: 2h}
  - name: staged
    requesters: [{github: {repository_id: \"1\", ref: refs/heads/main}}]
    triggers: [{gitlab: {project_id: \"1\", ref: main, ref_protected: \"true\"}, grant_to: [pipeline]}]
    duration: {max: 2h, default: 1h}
    conditions: [{resource: {labels: {env: prod}}, actions: [login]}]
    approval: {stages: [{name: first, any_of: [ann@example.com]}]}
tests:
  - {name: t, as: {user: dev@example.com}, at: 2026-03-02T10:00:00Z, request: {role: debug}, expect: denied}
";

/// `code hint` of everything that is said about a text, warnings included.
fn said(text: &str) -> Vec<String> {
    let checked = check_text(text);
    let has_errors = checked.problems.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(checked.set.is_none(), has_errors, "a set with an error is refused");
    checked.problems.iter().map(|p| format!("{} {}", p.code, p.hint)).collect()
}

#[test]
fn the_slip_is_all_that_is_said() {
    let before = said(SOUND);
    assert!(before.iter().all(|p| !p.starts_with("unknown-key")), "{before:?}");
    for (right, wrong) in [
        ("    requesters: [dev", "    requestors: [dev"),
        ("    requesters: [{", "    requester: [{"),
        ("    approvers:", "    aprovers:"),
        ("    approval:", "    aproval:"),
        ("    conditions: [{resource: hosts", "    condition: [{resource: hosts"),
        ("    duration: 1h", "    durration: 1h"),
        ("    duration: {", "    durations: {"),
        ("{max: 2h", "{maxi: 2h"),
        ("{resource: hosts", "{resourse: hosts"),
        ("actions: [login]}]\n    approvers", "action: [login]}]\n    approvers"),
        ("{labels:", "{label:"),
        ("{stages:", "{stage:"),
        (", any_of:", ", anyof:"),
        ("{github:", "{gihub:"),
        ("{repository_id:", "{repositry_id:"),
        ("{gitlab:", "{gitlba:"),
        ("{project_id:", "{projct_id:"),
        ("grant_to:", "grantto:"),
        ("values: [a", "value: [a"),
        ("type: enum", "typ: enum"),
        ("{days:", "{day:"),
        (", from:", ", form:"),
        ("tz:", "tzz:"),
        ("who:", "hwo:"),
        ("review_within:", "review_witin:"),
        ("max_total:", "maxtotal:"),
        ("connector:", "conector:"),
        ("{hosts:", "{host:"),
        ("{principals:", "{principal:"),
        ("settings:", "setting:"),
        ("as: {", "az: {"),
        ("{user:", "{usr:"),
        ("request: {", "requst: {"),
        ("expect:", "expects:"),
        ("roles:\n", "role:\n"),
        ("  - name: debug", "  - nme: debug"),
    ] {
        assert_eq!(SOUND.matches(right).count(), 1, "{right}");
        let meant = right.trim_start_matches([' ', '-', ',', '{']).split(':').next().unwrap_or_default();
        let after = said(&SOUND.replace(right, wrong));
        let slip = format!("unknown-key did you mean `{}`?", meant.split("]").next().unwrap_or_default());
        let meant_actions = slip.replace("login", "actions");
        let new: Vec<&String> = after.iter().filter(|p| !before.contains(p)).collect();
        assert!(new.len() == 1 && (*new[0] == slip || *new[0] == meant_actions), "{wrong}: {after:#?}");
    }
}

#[test]
fn what_a_slip_does_not_explain_is_said_beside_it() {
    let codes = |text: &str| -> Vec<&'static str> {
        errors(&check_text(text).problems).into_iter().map(|(code, ..)| code).collect()
    };
    let role =
        |lines: &str| format!("roles:\n  - name: a\n    conditions: [{{resource: x, actions: [read]}}]\n{lines}");
    // Under the misspelt key, beside it, and about another key.
    let text = role("    requestors: [group:nobody]\n    approvers: [l@example.com]\n    duration: 1h\n");
    assert_eq!(codes(&text), ["unknown-key", "unknown-group"]);
    let text = role("    aprovers: l@example.com\n    duration: never\n");
    assert_eq!(codes(&text), ["unknown-key", "wrong-kind", "duration"]);
    assert_eq!(codes(&role("    durration: 1h\n")), ["no-approval", "unknown-key"]);
    // No slip of a key that is there, and none twice.
    let text = role("    approvers: [l@example.com]\n    aprovers: [m@example.com]\n    duration: 1h\n");
    assert_eq!(codes(&text), ["unknown-key"]);
    let text = role("    aprovers: [l@example.com]\n    approverz: [m@example.com]\n    duration: 1h\n");
    assert_eq!(codes(&text), ["unknown-key", "unknown-key"]);
    // A word that is like none explains nothing.
    assert_eq!(codes(&role("    whoever: [l@example.com]\n    duration: 1h\n")), ["no-approval", "unknown-key"]);
    // Nobody approves, and nobody says who may ask, whatever else is misspelt.
    let text = role("    approval: automatic\n    durration: 1h\n");
    assert_eq!(codes(&text), ["automatic-without-requesters", "automatic-for-anyone", "unknown-key"]);
}
