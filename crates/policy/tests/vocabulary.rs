//! The page's own example: every word of it is read, and its own test holds.

mod common;

use common::*;
use curfew_domain::{Outcome, ReasonCode};
use curfew_policy::{Ask, MfaFact, OnCall, PolicySet, SourceFile, TicketState};

const WHOLE: &str = include_str!("texts/whole.yaml");
const GUARDRAIL: &str = include_str!("texts/tier-1.cedar");

fn files() -> Vec<SourceFile> {
    vec![file("policy.yaml", WHOLE), file("tier-1.cedar", GUARDRAIL)]
}

fn whole() -> PolicySet {
    let checked = check_files(&files());
    assert_eq!(errors(&checked.problems), vec![], "{:#?}", checked.problems);
    checked.set.expect("a set")
}

/// What the page's own test asks.
fn stuck(set: &PolicySet) -> Ask {
    set.tests()[0].ask.clone()
}

fn unsatisfied(set: &PolicySet, ask: &Ask) -> (Outcome, Vec<ReasonCode>, Vec<ReasonCode>) {
    let decision = set.decide(ask).decision;
    let codes = |reasons: &[curfew_domain::Reason]| reasons.iter().map(|r| r.code).collect();
    (decision.outcome, codes(&decision.unsatisfied), codes(&decision.failed))
}

#[test]
fn the_pages_example_decides_as_the_page_says() {
    let set = whole();
    let decision = set.decide(&stuck(&set)).decision;
    assert_eq!(decision.outcome, Outcome::NeedsApproval, "{decision:#?}");
    assert_eq!(decision.approvers, ["ann@example.com", "bob@example.com"]);
    assert_eq!(
        decision.stages.iter().map(|s| (s.name.as_str(), s.require)).collect::<Vec<_>>(),
        [("peer", 1), ("security", 2)]
    );
    assert_eq!(decision.max_until.map(|t| t.to_string()).as_deref(), Some("2026-03-02T09:30:00.000Z"));
}

#[test]
fn each_constraint_by_itself() {
    let set = whole();
    let needs = Outcome::NeedsApproval;
    let denied = Outcome::Denied;
    let change = |change: &dyn Fn(&mut Ask)| {
        let mut ask = stuck(&set);
        change(&mut ask);
        unsatisfied(&set, &ask)
    };
    let one = |code| (denied, vec![code], vec![]);
    let unknown = |code| (denied, vec![], vec![code]);
    assert_eq!(change(&|_| {}), (needs, vec![], vec![]));
    assert_eq!(change(&|a| a.ticket.clear()), one(ReasonCode::Ticket));
    assert_eq!(change(&|a| a.ticket = "INC-7x".to_owned()), one(ReasonCode::Ticket));
    assert_eq!(change(&|a| a.facts.ticket_state = Some(TicketState::Closed)), one(ReasonCode::Ticket));
    assert_eq!(change(&|a| a.facts.ticket_state = None), unknown(ReasonCode::Ticket));
    assert_eq!(change(&|a| a.facts.source_ip = "192.0.2.1".parse().ok()), one(ReasonCode::SourceIp));
    assert_eq!(change(&|a| a.facts.source_ip = None), unknown(ReasonCode::SourceIp));
    assert_eq!(change(&|a| a.facts.mfa = Some(MfaFact::No)), one(ReasonCode::Mfa));
    assert_eq!(change(&|a| a.facts.mfa = Some(MfaFact::Yes(None))), one(ReasonCode::Mfa));
    assert_eq!(change(&|a| a.facts.mfa = Some(MfaFact::Yes(Some(seconds("16m"))))), one(ReasonCode::Mfa));
    assert_eq!(change(&|a| a.facts.mfa = Some(MfaFact::Yes(Some(seconds("15m"))))), (needs, vec![], vec![]));
    assert_eq!(change(&|a| a.facts.mfa = None), unknown(ReasonCode::Mfa));
    assert_eq!(change(&|a| a.inputs.clear()), one(ReasonCode::Inputs));
    assert_eq!(change(&|a| a.now = "2026-03-02T18:00:00+01:00".parse().expect("a time")), one(ReasonCode::Window));
    assert_eq!(change(&|a| a.facts.grants = None), unknown(ReasonCode::Concurrency));
    let write = |a: &mut Ask| {
        a.actions = actions(&["write"]);
        a.duration = Some(seconds("90m"));
    };
    assert_eq!(change(&write), (denied, vec![ReasonCode::When, ReasonCode::Guardrail], vec![]));
    assert_eq!(
        change(&|a| {
            write(a);
            a.facts.oncall = None;
        }),
        (denied, vec![ReasonCode::Guardrail], vec![ReasonCode::When])
    );
}

#[test]
fn the_window_bounds_the_end() {
    let set = whole();
    let mut ask = stuck(&set);
    ask.now = "2026-03-02T17:45:00+01:00".parse().expect("a time");
    let decision = set.decide(&ask).decision;
    assert_eq!(decision.max_until.map(|t| t.to_string()).as_deref(), Some("2026-03-02T17:00:00.000Z"));
}

#[test]
fn on_call_people_need_nobody_for_an_hour() {
    let set = whole();
    let mut ask = stuck(&set);
    ask.facts.oncall = Some(OnCall::OfTheRole(true));
    let decision = set.decide(&ask).decision;
    assert_eq!((decision.outcome, decision.stages, decision.approvers), (Outcome::Automatic, vec![], vec![]));
    ask.duration = Some(seconds("61m"));
    assert_eq!(set.decide(&ask).decision.outcome, Outcome::NeedsApproval);
    // An expression that names what is not known is not evaluated, whatever its form: the `when` denies.
    ask.facts.oncall = None;
    assert_eq!(unsatisfied(&set, &ask), (Outcome::Denied, vec![], vec![ReasonCode::When]));
}

#[test]
fn the_pages_own_test_holds_and_what_none_touches_is_told() {
    let set = whole();
    let run = set.run_tests();
    assert_eq!((run.passed, run.failed), (1, 0), "{:#?}", run.results);
    assert_eq!((run.results[0].file.as_str(), run.results[0].ok), ("policy.yaml", true));
    let untouched = set.untouched(&run);
    assert_eq!(untouched.roles.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["hotfix-debug"]);
    assert_eq!(untouched.stages, []);
    assert_eq!(untouched.constraints.len(), 7, "{:?}", untouched.constraints);
    assert_eq!(untouched.guardrails[0].file, "tier-1.cedar");
}

#[test]
fn a_test_that_does_not_hold_says_why() {
    let text = WHOLE
        .replace(
            "expect: needs_approval ",
            "expect: {outcome: needs_approval, stages: [peer], max: 31m, unsatisfied: [ticket], failed: []} ",
        )
        .replace("approvers: [ann@example.com, bob@example.com]          #", "approvers: [ann@example.com] #");
    let set = set(&text);
    let run = set.run_tests();
    let mismatches = &run.results[0].mismatches;
    assert_eq!(mismatches.len(), 4, "{mismatches:#?}");
    assert_eq!(mismatches[0], "expected the stages to be peer, got peer, security");
    assert_eq!(mismatches[1], "expected it to last 31m at most, got 30m");
    assert_eq!(mismatches[2], "expected unsatisfied to be ticket, got nobody or nothing");
    assert_eq!(mismatches[3], "expected the approvers to be ann@example.com, got ann@example.com, bob@example.com");
}

#[test]
fn explain_looks_around() {
    let set = whole();
    let mut ask = stuck(&set);
    ask.duration = Some(seconds("2h"));
    let said = set.explain(&ask).would_change;
    assert!(said.contains(&"automatic when on call and at most 1h".to_owned()), "{said:?}");
    ask.duration = Some(seconds("1h"));
    let said = set.explain(&ask).would_change;
    assert!(said.contains(&"automatic when on call".to_owned()), "{said:?}");
    ask.now = "2026-03-02T20:00:00+01:00".parse().expect("a time");
    let said = set.explain(&ask).would_change;
    assert_eq!(said[0], "ask again when the hours of the role begin, at 2026-03-03T08:00:00.000Z");
}

#[test]
fn formatting_the_whole_of_it_changes_no_decision() {
    let once = curfew_policy::format(&file("policy.yaml", WHOLE)).expect("formatted");
    let checked = check_files(&[file("policy.yaml", &once), file("tier-1.cedar", GUARDRAIL)]);
    let (before, after) = (whole(), checked.set.expect("a set"));
    assert_eq!(after.run_tests().failed, 0);
    let ask = stuck(&before);
    let (a, b) = (before.decide(&ask), after.decide(&ask));
    assert_eq!((a.terms, a.decision.approvers), (b.terms, b.decision.approvers));
}

#[test]
fn the_pages_example_is_warned_about_only_where_it_is_bold() {
    let checked = check_files(&files());
    let found: Vec<&str> = warnings(&checked.problems).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(found, ["automatic-on-high-risk", "automatic-on-high-risk"]);
}
