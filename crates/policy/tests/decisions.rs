//! What a policy answers, and why.

mod common;

use common::*;
use curfew_domain::{Decision, Identity, Outcome, Pair, ReasonCode, Scope};
use curfew_policy::{DefineError, NotAnApprover, PolicySet, Resource, Risk};

const SMALLEST: &str = include_str!("../../../policies/quickstart/jit-access-policy.yaml");

const TEAM: &str = r#"groups:
  dba: [ann@example.com, bob@example.com, group:leads]
  leads: [lea@example.com]
  banned: [eve@example.com]
idp_groups: [sre, contractors, oncallers]
administrators: [group:leads]
auditors: [aud@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low}
  - {name: services/cache, connector: postgres, settings: {actions: {tune: {roles: [x]}}}}
  - {name: hosts/web, connector: ssh, settings: {hosts: ["web-1:22"], actions: {shell: {principals: [deploy]}}}}
roles:
  - name: db-debug
    requesters:
      - group:sre
      - dev@example.com
      - ann@example.com
      - group:banned
    deny:
      - group:contractors
      - group:banned
    duration: {min: 5m, default: 30m, max: 2h}
    conditions:
      - {resource: "services/*", actions: [read, tune]}
      - {resource: services/db, actions: [write]}
    approvers: [group:dba, group:oncallers]
    constraints:
      justification: {min_length: 10, pattern: "(?i).*\\borders?\\b.*"}
  - name: db-read
    requesters: anyone
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approval: automatic
  - name: web
    requesters: [lea@example.com, dev@example.com]
    deny: [bob@example.com]
    duration: 1h
    conditions: [{resource: hosts/web, actions: [shell]}]
    approvers: [lea@example.com, bob@example.com]
    constraints: {justification: {required: false, min_length: 10}}
"#;

fn decide(set: &PolicySet, who: &Identity, role: &str) -> Decision {
    set.decide(&ask(who, role)).decision
}

fn unsatisfied(decision: &Decision) -> Vec<ReasonCode> {
    decision.unsatisfied.iter().map(|r| r.code).collect()
}

#[test]
fn the_smallest_document_works_exactly_as_printed() {
    let checked = check_text(SMALLEST);
    assert_eq!(errors(&checked.problems), vec![]);
    assert_eq!(warnings(&checked.problems), vec![("anyone-may-ask", 3, 5), ("undefined-resource", 6, 19)]);
    let set = checked.set.expect("a set");
    let judgement = set.decide(&ask(&person("dev@example.com"), "temporary-developer-debug"));
    assert_eq!(judgement.decision.outcome, Outcome::NeedsApproval);
    assert_eq!(judgement.decision.approvers, ["team-lead@example.com"]);
    assert_eq!(judgement.decision.stages[0].name, "approval");
    assert_eq!(judgement.decision.max_until.map(|t| t.to_string()).as_deref(), Some("2026-03-02T11:00:00.000Z"));
    assert_eq!(judgement.terms.map(|t| t.duration), Some(seconds("2h")));
    let lead = decide(&set, &person("team-lead@example.com"), "temporary-developer-debug");
    assert_eq!((lead.outcome, unsatisfied(&lead)), (Outcome::Denied, vec![ReasonCode::Approvable]));
    let bot = decide(&set, &machine("bot@example.com", &[]), "temporary-developer-debug");
    assert_eq!((bot.outcome, unsatisfied(&bot)), (Outcome::Denied, vec![ReasonCode::Eligibility]));
}

#[test]
fn eligibility_comes_from_lists_and_groups() {
    let set = set(TEAM);
    let granted = |who: &Identity| decide(&set, who, "db-debug").outcome;
    assert_eq!(granted(&person("dev@example.com")), Outcome::NeedsApproval);
    assert_eq!(granted(&person("DEV@example.com")), Outcome::NeedsApproval);
    assert_eq!(granted(&with_groups("any@example.com", &["sre"])), Outcome::NeedsApproval);
    assert_eq!(granted(&person("any@example.com")), Outcome::Denied);
    assert_eq!(granted(&with_groups("any@example.com", &["SRE"])), Outcome::Denied);
    assert_eq!(granted(&machine("dev@example.com", &["sre"])), Outcome::Denied);
    let decision = decide(&set, &person("dev@example.com"), "db-debug");
    let eligible = decision.satisfied.iter().find(|r| r.code == ReasonCode::Eligibility).expect("a reason");
    assert_eq!((eligible.file.as_str(), eligible.line), ("p.yaml", 16));
}

#[test]
fn a_claim_of_a_static_groups_name_gives_nothing() {
    let set = set(TEAM);
    let liar = with_groups("mallory@example.com", &["dba", "leads"]);
    let requester = person("dev@example.com").subject;
    assert!(!set.may_administer(&liar));
    let refused = set.may_approve(&role("db-debug"), "approval", &liar, &requester);
    assert_eq!(refused, Err(NotAnApprover::NotInStage("approval".to_owned())));
}

#[test]
fn deny_wins_over_everything_and_says_where() {
    let set = set(TEAM);
    for who in [with_groups("dev@example.com", &["contractors"]), person("eve@example.com")] {
        let decision = decide(&set, &who, "db-debug");
        assert_eq!((decision.outcome, unsatisfied(&decision)), (Outcome::Denied, vec![ReasonCode::Deny]));
        assert!((decision.stages.is_empty(), decision.approvers.is_empty(), decision.max_until) == (true, true, None));
    }
    let decision = decide(&set, &person("eve@example.com"), "db-debug");
    assert_eq!(decision.unsatisfied[0].line, 21);
    assert!(!set.is_eligible(&role("db-debug"), &person("eve@example.com")));
    let requester = person("dev@example.com").subject;
    let denied = set.may_approve(&role("web"), "approval", &person("bob@example.com"), &requester);
    assert_eq!(denied, Err(NotAnApprover::Denied { file: "p.yaml".to_owned(), line: 36 }));
}

#[test]
fn parts_of_a_scope() {
    let set = set(TEAM);
    let chosen = |r: &[&str], a: &[&str]| {
        let ask = curfew_policy::Ask {
            resources: resources(r),
            actions: actions(a),
            ..ask(&person("dev@example.com"), "db-debug")
        };
        let judgement = set.decide(&ask);
        let scope = judgement
            .terms
            .map(|t| t.scope.pairs().map(|p| format!("{}:{}", p.resource, p.action)).collect::<Vec<_>>().join(" "));
        (scope, unsatisfied(&judgement.decision))
    };
    let all = "services/cache:read services/cache:tune services/db:read services/db:write";
    assert_eq!(chosen(&[], &[]), (Some(all.to_owned()), vec![]));
    assert_eq!(chosen(&[], &["read"]), (Some("services/cache:read services/db:read".to_owned()), vec![]));
    assert_eq!(chosen(&["services/db"], &["write"]), (Some("services/db:write".to_owned()), vec![]));
    let no = (None, vec![ReasonCode::Scope]);
    assert_eq!(chosen(&["services/cache"], &["write"]), no);
    assert_eq!(chosen(&["services/db"], &["tune"]), no);
    assert_eq!(chosen(&["hosts/web"], &[]), no);
    assert_eq!(chosen(&[], &["read", "drop"]), no);
    let pair = Pair { resource: resources(&["services/db"])[0].clone(), action: actions(&["tune"])[0].clone() };
    let exact = curfew_policy::Ask {
        pairs: Some(Scope::new([pair]).expect("a scope")),
        ..ask(&person("dev@example.com"), "db-debug")
    };
    assert_eq!(unsatisfied(&set.decide(&exact).decision), [ReasonCode::Scope]);
}

#[test]
fn durations_are_refused_and_never_clamped() {
    let set = set(TEAM);
    let given = |text: Option<&str>| {
        let ask = curfew_policy::Ask { duration: text.map(seconds), ..ask(&person("dev@example.com"), "db-debug") };
        set.decide(&ask).terms.map(|t| t.duration.to_string())
    };
    assert_eq!(given(None).as_deref(), Some("30m"));
    assert_eq!(given(Some("5m")).as_deref(), Some("5m"));
    assert_eq!(given(Some("2h")).as_deref(), Some("2h"));
    assert_eq!(given(Some("2h1s")), None);
    assert_eq!(given(Some("4m59s")), None);
    assert_eq!(given(Some("0s")), None);
}

#[test]
fn reasons_are_trimmed_counted_and_matched_by_the_rules() {
    let set = set(TEAM);
    let outcome = |role: &str, reason: &str| {
        let ask = curfew_policy::Ask { reason: reason.to_owned(), ..ask(&person("dev@example.com"), role) };
        let decision = set.decide(&ask).decision;
        let why: Vec<String> = decision.unsatisfied.iter().map(|r| r.message.clone()).collect();
        assert!(decision.unsatisfied.iter().all(|r| r.code == ReasonCode::Justification), "{why:?}");
        why
    };
    assert!(outcome("db-debug", "  the order is stuck \n").is_empty());
    assert_eq!(
        outcome("db-debug", " \t\n"),
        ["you gave no reason: it has to have at least 10 characters and match `(?i).*\\borders?\\b.*` as a whole"]
    );
    assert_eq!(outcome("db-debug", "orders"), ["the reason has to have at least 10 characters"]);
    assert_eq!(
        outcome("db-debug", "something is stuck"),
        ["the reason has to match `(?i).*\\borders?\\b.*` as a whole"]
    );
    assert_eq!(outcome("db-debug", "ordér").len(), 2);
    assert!(outcome("db-debug", "örder ORDER").is_empty());
    assert!(outcome("web", "").is_empty());
    assert_eq!(outcome("web", "short").len(), 1);
    assert!(outcome("db-read", "").is_empty());
}

#[test]
fn automatic_roles_need_nobody() {
    let set = set(TEAM);
    let judgement = set.decide(&ask(&person("anybody@example.com"), "db-read"));
    assert_eq!(judgement.decision.outcome, Outcome::Automatic);
    assert!(judgement.decision.stages.is_empty() && judgement.decision.approvers.is_empty());
    assert_eq!(judgement.decision.residual_exposure, ["services/db: an open cursor may outlive the end by 5 s"]);
    assert_eq!(decide(&set, &machine("bot@example.com", &[]), "db-read").outcome, Outcome::Denied);
}

#[test]
fn approvers_are_listed_without_the_requester_and_the_denied() {
    let set = set(TEAM);
    let approvers = |who: &str, role: &str| decide(&set, &person(who), role).approvers;
    assert_eq!(
        approvers("dev@example.com", "db-debug"),
        ["ann@example.com", "bob@example.com", "group:oncallers", "lea@example.com"]
    );
    assert_eq!(approvers("ann@example.com", "db-debug"), ["bob@example.com", "group:oncallers", "lea@example.com"]);
    assert_eq!(approvers("dev@example.com", "web"), ["lea@example.com"]);
    let alone = decide(&set, &person("lea@example.com"), "web");
    assert_eq!((alone.outcome, unsatisfied(&alone)), (Outcome::Denied, vec![ReasonCode::Approvable]));
}

#[test]
fn who_may_approve() {
    let set = set(TEAM);
    let requester = person("ann@example.com");
    let may = |who: &Identity| set.may_approve(&role("db-debug"), "approval", who, &requester.subject);
    assert_eq!(may(&person("bob@example.com")), Ok(()));
    assert_eq!(may(&person("lea@example.com")), Ok(()));
    assert_eq!(may(&with_groups("night@example.com", &["oncallers"])), Ok(()));
    assert_eq!(may(&requester), Err(NotAnApprover::IsRequester));
    let mut other_account = person("other@example.com");
    other_account.subject.email = requester.subject.email.clone();
    assert_eq!(may(&other_account), Err(NotAnApprover::IsRequester));
    assert!(matches!(
        may(&with_groups("bob@example.com", &["contractors"])),
        Err(NotAnApprover::Denied { line: 20, .. })
    ));
    assert_eq!(may(&person("dev@example.com")), Err(NotAnApprover::NotInStage("approval".to_owned())));
    assert_eq!(may(&machine("bob@example.com", &["oncallers"])), Err(NotAnApprover::NotInStage("approval".to_owned())));
    let stage = set.may_approve(&role("db-debug"), "other", &person("bob@example.com"), &requester.subject);
    assert_eq!(stage, Err(NotAnApprover::UnknownStage("other".to_owned())));
    let automatic = set.may_approve(&role("db-read"), "approval", &person("bob@example.com"), &requester.subject);
    assert_eq!(automatic, Err(NotAnApprover::UnknownStage("approval".to_owned())));
    let unknown = set.may_approve(&role("gone"), "approval", &person("bob@example.com"), &requester.subject);
    assert_eq!(unknown, Err(NotAnApprover::UnknownRole(role("gone"))));
}

#[test]
fn offices_and_what_one_may_ask_for() {
    let set = set(TEAM);
    assert!(set.names_administrators() && set.names_auditors());
    assert!(set.may_administer(&person("lea@example.com")) && set.may_audit(&person("lea@example.com")));
    assert!(set.may_audit(&person("aud@example.com")) && !set.may_administer(&person("aud@example.com")));
    assert!(!set.may_audit(&machine("aud@example.com", &[])));
    let names = |who: &Identity| set.roles_for(who).iter().map(|r| r.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&person("dev@example.com")), ["db-debug", "db-read", "web"]);
    assert_eq!(names(&person("eve@example.com")), ["db-read"]);
    assert_eq!(names(&with_groups("x@example.com", &["sre"])), ["db-debug", "db-read"]);
    assert_eq!(names(&machine("dev@example.com", &["sre"])), Vec::<String>::new());
    let nobody = common::set("administrators: []\n");
    assert!(nobody.names_administrators() && !nobody.may_administer(&person("lea@example.com")));
    assert!(!nobody.names_auditors());
}

#[test]
fn what_is_unknown_is_denied() {
    let set = set(TEAM);
    for name in ["gone", "DB-DEBUG"] {
        let decision = decide(&set, &person("dev@example.com"), name);
        assert_eq!((decision.outcome, unsatisfied(&decision)), (Outcome::Denied, vec![ReasonCode::Eligibility]));
        assert!(set.role(&role(name)).is_none() && !set.is_eligible(&role(name), &person("dev@example.com")));
    }
}

#[test]
fn explanations_name_the_nearest_change() {
    let set = set(TEAM);
    let explain = |who: &str, role: &str, duration: Option<&str>| {
        let ask = curfew_policy::Ask { duration: duration.map(seconds), ..ask(&person(who), role) };
        set.explain(&ask).would_change
    };
    assert_eq!(explain("dev@example.com", "db-debug", Some("3h")), ["ask for 5m to 2h"]);
    assert_eq!(explain("dev@example.com", "web", None), ["granted once lea@example.com approves"]);
    assert_eq!(explain("x@example.com", "web", None), ["somebody of lea@example.com, dev@example.com could ask"]);
    let json = serde_json::to_value(set.explain(&ask(&person("dev@example.com"), "web"))).expect("JSON");
    assert_eq!((&json["outcome"], json["would_change"].is_array()), (&"needs_approval".into(), true));
}

#[test]
fn the_version_and_the_meaning_follow_the_text() {
    let meaning = |text: &str| {
        let set = set(text);
        let terms = set.decide(&ask(&person("anybody@example.com"), "db-read")).terms.expect("terms");
        (set.version().to_owned(), terms.meaning)
    };
    let (version, before) = meaning(TEAM);
    assert_eq!((version.len(), before.len()), (64, 64));
    assert_eq!(meaning(TEAM), (version.clone(), before.clone()));
    let (other_version, same) = meaning(&TEAM.replace("risk: low", "risk:  low"));
    assert!(other_version != version && same == before);
    for (from, to) in [
        ("connector: postgres, risk: low", "connector: postgres, risk: low, admin: \"env:OTHER\""),
        ("connector: postgres, risk: low", "connector: postgres, risk: low, settings: {schemas: [x]}"),
    ] {
        assert_ne!(meaning(&TEAM.replace(from, to)).1, before, "{to}");
    }
}

#[test]
fn a_development_server_can_define_what_nothing_defines() {
    let mut set = set(SMALLEST);
    assert_eq!(set.undefined_resources(), resources(&["services/db"]));
    let resource = |connector| Resource {
        name: resources(&["services/db"])[0].clone(),
        connector,
        labels: Default::default(),
        risk: Risk::Medium,
        admin: None,
        settings: serde_json::json!({}),
        defined_by: Vec::new(),
        file: String::new(),
        line: 0,
    };
    assert!(matches!(set.define(resource(&SSH)), Err(DefineError::UnknownAction { .. })));
    assert_eq!(set.define(resource(&POSTGRES)), Ok(()));
    assert!(matches!(set.define(resource(&POSTGRES)), Err(DefineError::AlreadyDefined(_))));
    assert_eq!(set.undefined_resources(), []);
    let decision = decide(&set, &person("dev@example.com"), "temporary-developer-debug");
    assert_eq!((decision.outcome, decision.residual_exposure.len()), (Outcome::NeedsApproval, 1));
}

#[test]
fn what_a_resource_leaves_unsaid_has_defaults() {
    let set = set(TEAM);
    let db = set.resource(&resources(&["services/db"])[0]).expect("a resource");
    assert_eq!(db.admin.as_deref(), Some("env:CURFEW_SERVICES_DB_URL"));
    assert_eq!((db.risk, db.file.as_str(), db.line), (Risk::Low, "p.yaml", 9));
    let web = set.resource(&resources(&["hosts/web"])[0]).expect("a resource");
    assert_eq!((web.risk, web.admin.as_deref()), (Risk::Medium, None));
    assert_eq!(web.settings["actions"]["shell"]["principals"][0], "deploy");
}

#[test]
fn the_examples_have_no_errors() {
    let read = |path: &str, text: &str| file(path, text);
    for files in [
        vec![read("jit-access-policy.yaml", SMALLEST)],
        vec![
            read("people.yaml", include_str!("../../../policies/team/people.yaml")),
            read("resources.yaml", include_str!("../../../policies/team/resources.yaml")),
            read("roles.yaml", include_str!("../../../policies/team/roles.yaml")),
        ],
    ] {
        let checked = check_files(&files);
        assert_eq!(errors(&checked.problems), vec![], "{:#?}", checked.problems);
        for file in &files {
            assert_eq!(
                curfew_policy::format(file).map(String::into_bytes).as_ref(),
                Ok(&file.bytes),
                "{} is not formatted",
                file.path
            );
        }
    }
}

/// Of the past, a fact that nobody recorded makes a no uncertain; a label that a resource lacks, or anything certain beside
/// it, does not.
#[test]
fn a_decision_about_the_past_says_what_it_hangs_on() {
    let role = |rule: &str| {
        set(&format!(
            "resources:\n  - {{name: services/db, connector: postgres}}\n  - {{name: x, connector: postgres, labels: {{env: prod}}}}\nroles:\n  \
             - {{name: debug, requesters: [dev@example.com], duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], \
             approvers: [ann@example.com], {rule}}}\n"
        ))
    };
    let doubts = |rule: &str, who: &str| {
        let (set, ask) = (role(rule), ask(&person(who), "debug"));
        let ask = curfew_policy::Ask { facts: curfew_policy::Facts::default(), ..ask };
        let decision = set.decide(&ask).decision;
        set.doubts(&ask, &decision).len()
    };
    let dev = "dev@example.com";
    assert_eq!(doubts("constraints: {mfa: {request: true}}", dev), 1);
    assert_eq!(doubts("constraints: {mfa: {request: true}, source_ip: [10.0.0.0/8]}", dev), 2);
    assert_eq!(doubts("constraints: {when: [{message: m, cedar: context.oncall}]}", dev), 1);
    assert_eq!(doubts("auto_approve_when: context.oncall", dev), 1);
    assert_eq!(doubts("auto_approve_when: 'context.duration <= duration(\"1m\")'", dev), 0);
    assert_eq!(doubts("constraints: {when: [{message: m, cedar: 'resource.labels.env == \"prod\"'}]}", dev), 0);
    assert_eq!(doubts("constraints: {mfa: {request: true}}", "eve@example.com"), 0, "nobody may who is not named");
}
