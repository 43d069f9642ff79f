//! The sentences of the language's page, each tried: `texts/page/` holds sets that say them at their top and bring the
//! requests that show them, as tests of their own.

mod common;

use common::*;
use curfew_domain::{Outcome, ReasonCode, Timestamp};
use curfew_policy::{Ask, Facts, Grants, Occasion, PolicySet};
use std::path::Path;

#[test]
fn every_sentence_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts/page");
    let mut tried = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("the set");
        let run = set(&text).run_tests();
        assert!(text.starts_with("# ") && !run.results.is_empty(), "{} says and shows something", path.display());
        tried += run.results.len();
        for result in run.results.iter().filter(|result| !result.ok) {
            wrong.push(format!("{}:{} {}: {:?}", path.display(), result.line, result.name, result.mismatches));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 90, "{tried} requests");
}

const REPEATED: &str = "resources: [{name: x, connector: postgres}]
roles:
  - name: bounded
    requesters: [dev@example.com]
    duration: 2h
    conditions: [{resource: x, actions: [read]}]
    approval: automatic
    extension: {times: 1, max_total: 4h}
    constraints:
      concurrency: {per_subject: 1, total: 3}
      budget: {per_subject: 4h, per: 1d}
      cooldown: 30m
  - name: emergency
    requesters: [dev@example.com, denied@example.com]
    deny: [denied@example.com]
    duration: 1h
    conditions: [{resource: x, actions: [read]}]
    approvers: [ann@example.com]
    break_glass: {who: [dev@example.com, denied@example.com], duration: 30m, review_within: 24h}
";
const GUARDRAIL: &str = "@message(\"not the first one\")
forbid (principal, action, resource) when { context.reason == \"forbidden\" };
";

fn repeated() -> PolicySet {
    check_files(&[file("p.yaml", REPEATED), file("g.cedar", GUARDRAIL)]).set.expect("a set")
}

fn outcome(set: &PolicySet, ask: &Ask) -> (Outcome, Vec<ReasonCode>) {
    let decision = set.decide(ask).decision;
    (decision.outcome, decision.unsatisfied.iter().chain(&decision.failed).map(|reason| reason.code).collect())
}

/// "`constraints.budget` and `cooldown` bound what serial asks add up to; `concurrency` counts approved and live grants of the
/// role."
#[test]
fn what_serial_asks_add_up_to_is_bounded() {
    let set = repeated();
    let with = |grants: Option<Grants>, duration: &str| {
        let ask = ask(&person("dev@example.com"), "bounded");
        let facts = Facts { grants, ..Facts::default() };
        outcome(&set, &Ask { facts, duration: Some(seconds(duration)), ..ask })
    };
    let had = Grants::default();
    let full = (Outcome::Denied, vec![ReasonCode::Concurrency]);
    assert_eq!(with(Some(had), "2h").0, Outcome::Automatic);
    assert_eq!(with(Some(Grants { of_subject: 1, in_all: 1, ..had }), "2h"), full);
    assert_eq!(with(Some(Grants { in_all: 2, ..had }), "2h").0, Outcome::Automatic);
    assert_eq!(with(Some(Grants { in_all: 3, ..had }), "2h"), full);
    assert_eq!(with(Some(Grants { spent: seconds("2h"), ..had }), "2h").0, Outcome::Automatic);
    assert_eq!(with(Some(Grants { spent: seconds("121m"), ..had }), "2h"), full);
    let ended = |ago: &str| {
        let at = Timestamp::from_millis(now().as_millis() - i64::from(seconds(ago).as_secs()) * 1_000);
        Some(Grants { last_ended: Some(at), ..had })
    };
    assert_eq!(with(ended("29m"), "1h"), full);
    assert_eq!(with(ended("30m"), "1h").0, Outcome::Automatic);
    assert_eq!(with(None, "1h").0, Outcome::Denied, "what is not known denies");
}

/// "An extension is decided as a request for the total since activation, never past `extension.max_total`."
#[test]
fn an_extension_is_decided_for_the_total() {
    let set = repeated();
    let extended = |earlier, total: &str| {
        let occasion = Occasion::Extension { earlier };
        let ask = ask(&person("dev@example.com"), "bounded");
        outcome(&set, &Ask { occasion, duration: Some(seconds(total)), ..ask })
    };
    assert_eq!(extended(0, "4h").0, Outcome::Automatic);
    assert_eq!(extended(0, "241m").0, Outcome::Denied);
    assert_eq!(extended(1, "3h"), (Outcome::Denied, vec![ReasonCode::Duration]), "once is once");
}

/// "Break-glass skips stages and windows only: never deny, MFA, scope or guardrails."
#[test]
fn break_glass_skips_stages_only() {
    let set = repeated();
    let broken = |who: &str, change: &dyn Fn(&mut Ask)| {
        let mut ask = Ask { occasion: Occasion::BreakGlass, ..ask(&person(who), "emergency") };
        change(&mut ask);
        outcome(&set, &ask)
    };
    let denied = |code| (Outcome::Denied, vec![code]);
    assert_eq!(broken("dev@example.com", &|_| {}).0, Outcome::Automatic);
    assert_eq!(broken("denied@example.com", &|_| {}), denied(ReasonCode::Deny));
    assert_eq!(broken("else@example.com", &|_| {}), denied(ReasonCode::Eligibility));
    assert_eq!(broken("dev@example.com", &|a| a.actions = actions(&["write"])), denied(ReasonCode::Scope));
    assert_eq!(broken("dev@example.com", &|a| a.duration = Some(seconds("31m"))), denied(ReasonCode::Duration));
    assert_eq!(broken("dev@example.com", &|a| a.reason = "forbidden".to_owned()), denied(ReasonCode::Guardrail));
}

/// A refused person is told of another role that gives the same, and only where it would not refuse them too.
#[test]
fn explain_names_another_role() {
    let text = "resources: [{name: x, connector: postgres}]
idp_groups: [sre]
roles:
  - {name: write, requesters: [group:sre], duration: 1h, conditions: [{resource: x, actions: [read, write]}], approvers: [a@example.com]}
  - {name: look, requesters: [dev@example.com], duration: 1h, conditions: [{resource: x, actions: [read]}], approval: automatic}
  - {name: brief, requesters: [dev@example.com], duration: 5m, conditions: [{resource: x, actions: [read]}], approval: automatic}
  - {name: closed, requesters: [dev@example.com], deny: [dev@example.com], duration: 1h, conditions: [{resource: x, actions: [read]}], approval: automatic}
";
    let set = set(text);
    let explain = |actions: &[&str]| {
        let asked = Ask { duration: Some(seconds("30m")), ..ask(&person("dev@example.com"), "write") };
        set.explain(&Ask { actions: common::actions(actions), ..asked }).would_change
    };
    assert_eq!(
        explain(&["read"]),
        ["somebody of group:sre could ask", "ask for `look`, which gives it as well: automatic"]
    );
    assert_eq!(explain(&["write"]), ["somebody of group:sre could ask"]);
}
