//! Stages, fallbacks, people behind runs, extensions, emergencies: who has to say yes, and whether enough are left.

mod common;

use common::*;
use curfew_domain::{GroupName, Identity, Outcome, ReasonCode};
use curfew_policy::{
    Approver, Ask, Claims, Facts, Grants, NotAnApprover, Occasion, OnCall, Opening, PolicySet, Provider, Token,
};
use serde_json::json;

const RULES: &str = r#"groups:
  dba: [ann@example.com, bob@example.com]
  security: [sam@example.com, sue@example.com]
idp_groups: [sre]
people: [{email: ann@example.com, github: "583231"}]
approvals:
  - name: both
    stages:
      - {name: peer, any_of: [group:dba]}
      - {name: security, any_of: [group:security], require: 2, fallback: [group:dba]}
resources: [{name: db, connector: postgres}]
defaults: {duration: 1h, approval: both, deny: [mallory@example.com]}
roles:
  - name: chained
    requesters: [group:sre, ann@example.com, sue@example.com]
    conditions: [{resource: db, actions: [read]}]
  - name: own
    requesters: [group:sre]
    deny: [group:security]
    approvers: [sam@example.com, ann@example.com, mallory@example.com]
    conditions: [{resource: db, actions: [read]}]
  - name: all
    requesters: [group:sre, ann@example.com]
    conditions: [{resource: db, actions: [read]}]
    approval: {stages: [{all_of: [group:dba, sam@example.com, "oncall:db"], timeout: 5m, on_timeout: escalate, escalate_to: [sue@example.com]}]}
  - name: overlap
    requesters: [group:sre]
    conditions: [{resource: db, actions: [read]}]
    approval: {stages: [{name: one, any_of: [ann@example.com, bob@example.com]}, {name: two, any_of: [ann@example.com]}]}
  - name: clash
    requesters: [group:sre]
    conditions: [{resource: db, actions: [read]}]
    approval: {stages: [{any_of: [ann@example.com]}, {any_of: [ann@example.com]}]}
  - name: twice
    requesters: [group:sre]
    conditions: [{resource: db, actions: [read]}]
    approval: {stages: [{any_of: [ann@example.com]}, {any_of: [ann@example.com]}], distinct_approvers: false}
  - name: deploy
    triggers:
      - {github: {repository_id: "1", ref: refs/heads/main}, grant_to: [pipeline, actor, group:sre]}
    conditions: [{resource: db, actions: [read]}]
    approvers: [ann@example.com, bob@example.com]
  - name: emergency
    requesters: [group:sre]
    conditions: [{resource: db, actions: [read]}]
    break_glass: {who: [group:sre], duration: 30m, review_within: 24h}
    extension: {times: 1, max_total: 3h}
    constraints: {windows: [{days: sun, from: "00:00", to: "24:00", tz: UTC}], mfa: {}}
"#;

fn dev() -> Identity {
    with_groups("dev@example.com", &["sre"])
}

fn outcome(set: &PolicySet, ask: &Ask) -> (Outcome, Vec<ReasonCode>) {
    let decision = set.decide(ask).decision;
    (decision.outcome, decision.unsatisfied.iter().chain(&decision.failed).map(|r| r.code).collect())
}

fn stages(set: &PolicySet, who: &Identity, name: &str) -> Vec<(u32, String)> {
    let decision = set.decide(&ask(who, name)).decision;
    decision.stages.iter().map(|s| (s.require, s.approvers.join(" ").replace("@example.com", ""))).collect()
}

fn stage(require: u32, approvers: &str) -> (u32, String) {
    (require, approvers.to_owned())
}

#[test]
fn a_chain_by_name_and_its_fallback() {
    let set = set(RULES);
    assert_eq!(stages(&set, &dev(), "chained"), [stage(1, "ann bob"), stage(2, "sam sue")]);
    assert_eq!(stages(&set, &person("ann@example.com"), "chained"), [stage(1, "bob"), stage(2, "sam sue")]);
    // Of the security group one is left, and it takes two: the fallback serves. Peer then has to leave two of three.
    let sue = outcome(&set, &ask(&person("sue@example.com"), "chained"));
    assert_eq!(sue, (Outcome::Denied, vec![ReasonCode::Approvable]));
    let wider = RULES.replace("bob@example.com]", "bob@example.com, eve@example.com]");
    let set = common::set(&wider);
    assert_eq!(stages(&set, &person("sue@example.com"), "chained"), [stage(1, "ann bob eve"), stage(2, "ann bob eve")]);
    let terms = set.decide(&ask(&person("sue@example.com"), "chained")).terms.expect("terms");
    assert_eq!(terms.stages[1].opening, Opening::Fallback);
    let requester = person("sue@example.com").subject;
    let eve = person("eve@example.com");
    let may = |opening| {
        set.may_decide(&role("chained"), ("security", opening), Approver { who: &eve, oncall: None }, &requester)
    };
    assert_eq!(may(Opening::Fallback), Ok(()));
    assert_eq!(may(Opening::Own), Err(NotAnApprover::NotInStage("security".to_owned())));
}

#[test]
fn what_a_role_says_displaces_the_default_and_deny_adds_up() {
    let set = set(RULES);
    assert_eq!(stages(&set, &dev(), "own"), [stage(1, "ann")]);
    let denied = outcome(&set, &ask(&with_groups("mallory@example.com", &["sre"]), "chained"));
    assert_eq!(denied, (Outcome::Denied, vec![ReasonCode::Deny]));
}

#[test]
fn distinct_persons_are_counted_over_all_stages() {
    let set = set(RULES);
    assert_eq!(outcome(&set, &ask(&dev(), "overlap")).0, Outcome::NeedsApproval, "bob can take the first");
    let bob = with_groups("bob@example.com", &["sre"]);
    assert_eq!(outcome(&set, &ask(&bob, "overlap")), (Outcome::Denied, vec![ReasonCode::Approvable]));
    assert_eq!(outcome(&set, &ask(&dev(), "clash")), (Outcome::Denied, vec![ReasonCode::Approvable]));
    assert_eq!(outcome(&set, &ask(&dev(), "twice")).0, Outcome::NeedsApproval);
}

#[test]
fn each_entry_of_all_of_has_a_person_of_its_own() {
    let set = set(RULES);
    assert_eq!(stages(&set, &dev(), "all"), [stage(3, "ann bob oncall:db sam")]);
    let oncall = OnCall::For([GroupName::new("db").expect("a name")].into());
    let (ann, bob, sam, sue) =
        (person("ann@example.com"), person("bob@example.com"), person("sam@example.com"), person("sue@example.com"));
    let plain = |who| Approver { who, oncall: None };
    let on_call = |who| Approver { who, oncall: Some(&oncall) };
    let done = |opening, persons: &[Approver<'_>]| set.completes(&role("all"), "stage-1", opening, persons);
    assert!(done(Opening::Own, &[plain(&ann), plain(&sam), on_call(&bob)]));
    assert!(done(Opening::Own, &[on_call(&ann), plain(&bob), plain(&sam)]), "ann counts as on call, bob for the group");
    assert!(!done(Opening::Own, &[plain(&ann), plain(&bob), plain(&sam)]));
    assert!(!done(Opening::Own, &[on_call(&ann), plain(&sam)]));
    assert!(!done(Opening::Own, &[plain(&ann), plain(&sam), plain(&sue)]));
    assert!(done(Opening::Escalated, &[plain(&ann), plain(&sam), plain(&sue)]));
    assert!(!done(Opening::Escalated, &[plain(&ann), plain(&sue), plain(&sue)]));
    let requester = dev().subject;
    let may = |approver, opening| set.may_decide(&role("all"), ("stage-1", opening), approver, &requester).is_ok();
    let two = person("two@example.com");
    assert!(may(on_call(&two), Opening::Own) && !may(plain(&two), Opening::Own));
    assert!(may(plain(&sue), Opening::Escalated) && !may(plain(&sue), Opening::Own));
}

fn run(claims: serde_json::Value) -> (Identity, Facts) {
    let serde_json::Value::Object(mut map) = claims else { panic!("claims are an object") };
    map.entry("repository_id").or_insert("1".into());
    map.entry("ref").or_insert("refs/heads/main".into());
    map.entry("event_name").or_insert("push".into());
    let token = Token { provider: Provider::Github, issuer: None, claims: Claims::from_json(&map) };
    let facts = Facts { token: Some(token), grants: Some(Grants::default()), ..Facts::default() };
    (machine("run@example.com", &[]), facts)
}

#[test]
fn nobody_approves_their_own_run() {
    let set = set(RULES);
    let asked = |claims| {
        let (who, facts) = run(claims);
        Ask { facts, ..ask(&who, "deploy") }
    };
    let decision = set.decide(&asked(json!({"actor_id": "583231"}))).decision;
    assert_eq!((decision.outcome, decision.approvers), (Outcome::NeedsApproval, vec!["bob@example.com".to_owned()]));
    let unsure = (Outcome::Denied, vec![ReasonCode::Approvable]);
    assert_eq!(outcome(&set, &asked(json!({"actor_id": "999"}))), unsure);
    assert_eq!(outcome(&set, &asked(json!({}))), unsure);
    assert_eq!(outcome(&set, &asked(json!({"actor_id": "583231", "run_attempt": "2"}))), unsure);
    let not_eligible = (Outcome::Denied, vec![ReasonCode::Eligibility]);
    assert_eq!(outcome(&set, &asked(json!({"actor_id": "583231", "ref": "refs/heads/x"}))), not_eligible);
    assert_eq!(outcome(&set, &asked(json!({"actor_id": "583231", "event_name": "pull_request"}))), not_eligible);
}

#[test]
fn a_trigger_gives_to_whom_it_names() {
    let set = set(RULES);
    let given = |who: &Identity, claims| {
        let (_, facts) = run(claims);
        outcome(&set, &Ask { facts, occasion: Occasion::Trigger, ..ask(who, "deploy") })
    };
    assert_eq!(given(&dev(), json!({"actor_id": "583231"})).0, Outcome::NeedsApproval);
    assert_eq!(given(&person("ann@example.com"), json!({"actor_id": "583231"})).0, Outcome::NeedsApproval);
    let nobody = vec![ReasonCode::Eligibility];
    let bob = given(&person("bob@example.com"), json!({"actor_id": "583231"}));
    assert_eq!(bob.1, [ReasonCode::Eligibility, ReasonCode::Approvable], "and ann, whose run it is, could not approve");
    assert_eq!(outcome(&set, &ask(&dev(), "deploy")), (Outcome::Denied, nobody), "asking is not being triggered");
    let (_, facts) = run(json!({"actor_id": "583231"}));
    let with_token = outcome(&set, &Ask { facts, ..ask(&dev(), "deploy") });
    assert_eq!(with_token.1.first(), Some(&ReasonCode::Eligibility), "nor is holding somebody's token");
    let again = given(&person("ann@example.com"), json!({"actor_id": "583231", "run_attempt": "2"}));
    assert_eq!(again.1.first(), Some(&ReasonCode::Eligibility), "in a re-run the actor gets nothing");
}

#[test]
fn emergencies_and_extensions() {
    let set = set(RULES);
    let facts = |mfa| Facts { mfa: Some(mfa), grants: Some(Grants::default()), ..Facts::default() };
    let fresh = || facts(curfew_policy::MfaFact::FRESH);
    let plain = Ask { facts: fresh(), ..ask(&dev(), "emergency") };
    assert_eq!(outcome(&set, &plain), (Outcome::Denied, vec![ReasonCode::Window]), "a Monday");
    let broken = Ask { occasion: Occasion::BreakGlass, ..plain.clone() };
    let decision = set.decide(&broken).decision;
    assert_eq!((decision.outcome, decision.stages.len()), (Outcome::Automatic, 0));
    assert_eq!(decision.max_until, Some(now().plus(seconds("30m"))));
    let without = Ask { facts: facts(curfew_policy::MfaFact::No), ..broken.clone() };
    assert_eq!(outcome(&set, &without), (Outcome::Denied, vec![ReasonCode::Mfa]));
    let long = Ask { duration: Some(seconds("31m")), ..broken.clone() };
    assert_eq!(outcome(&set, &long), (Outcome::Denied, vec![ReasonCode::Duration]));
    let stranger = Ask { who: person("x@example.com"), ..broken };
    assert_eq!(outcome(&set, &stranger), (Outcome::Denied, vec![ReasonCode::Eligibility]));
    let sunday = "2026-03-01T12:00:00Z".parse().expect("a time");
    let extended = |earlier, total: &str| {
        let occasion = Occasion::Extension { earlier };
        outcome(&set, &Ask { occasion, duration: Some(seconds(total)), now: sunday, ..plain.clone() })
    };
    assert_eq!(extended(0, "3h").0, Outcome::NeedsApproval);
    assert_eq!(extended(0, "181m"), (Outcome::Denied, vec![ReasonCode::Duration]));
    assert_eq!(extended(1, "2h"), (Outcome::Denied, vec![ReasonCode::Duration]));
}

#[test]
fn labels_that_a_resource_lacks_are_unknown() {
    let policy = "resources:\n  - {name: a, connector: postgres, labels: {tier: \"1\"}}\n  - {name: b, connector: postgres, labels: {env: dev}}\n  - {name: c, connector: postgres, labels: {tier: \"2\"}}\nroles:\n  - {name: r, requesters: [d@example.com], duration: 1h, approvers: [l@example.com], conditions: [{resource: \"*\", actions: [read, write]}]}\n";
    let guardrail = "@message(\"no writing to tier 1\")\nforbid (principal, action, resource) when { resource.labels.tier == \"1\" && context.effects.contains(\"write\") };\n";
    let set = check_files(&[file("p.yaml", policy), file("g.cedar", guardrail)]).set.expect("a set");
    let asked = |names: &[&str], what: &[&str]| {
        let asked = Ask { resources: resources(names), actions: actions(what), ..ask(&person("d@example.com"), "r") };
        let decision = set.decide(&asked).decision;
        (decision.outcome, decision.unsatisfied.len(), decision.failed.len())
    };
    assert_eq!(asked(&["a"], &["read"]), (Outcome::NeedsApproval, 0, 0));
    assert_eq!(asked(&["a"], &["write"]), (Outcome::Denied, 1, 0));
    assert_eq!(asked(&["c"], &["write"]), (Outcome::NeedsApproval, 0, 0));
    assert_eq!(asked(&["a", "c"], &["write"]), (Outcome::Denied, 1, 0));
    assert_eq!(asked(&["b"], &["read"]), (Outcome::Denied, 0, 1));
    let decision = set.decide(&Ask { resources: resources(&["a"]), ..ask(&person("d@example.com"), "r") }).decision;
    assert_eq!((decision.unsatisfied[0].file.as_str(), decision.unsatisfied[0].line), ("g.cedar", 1));
    assert_eq!(decision.unsatisfied[0].message, "no writing to tier 1");
}
