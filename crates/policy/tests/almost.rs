//! What looks right and is not: it is refused, or said, because a guardrail that never holds bounds nothing.

mod common;

use common::*;
use curfew_policy::{Problem, Purpose, Severity, SourceFile, check};

const SET: &str = "groups: {dba: [ann@example.com, bob@example.com]}
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: debug
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [group:dba]
";

/// What is said of this guardrail.
fn of_guardrail(text: &str) -> Vec<Problem> {
    check_files(&[file("p.yaml", SET), file("g.cedar", text)]).problems
}

fn of_condition(condition: &str) -> Vec<Problem> {
    of_guardrail(&format!("forbid (principal, action, resource) when {{ {condition} }};"))
}

fn codes(problems: &[Problem]) -> Vec<(Severity, &'static str)> {
    problems.iter().map(|problem| (problem.severity, problem.code)).collect()
}

#[test]
fn an_address_with_a_capital_is_nobodys() {
    for condition in [
        r#"principal.email == "DEV@example.com""#,
        r#""DEV@example.com" != principal.email"#,
        r#"principal.email like "*@Example.com""#,
        r#"["eve@example.com", "Dev@example.com"].contains(principal.email)"#,
        r#"context.mfa && !(principal.email == "dev@example.COM")"#,
    ] {
        let problems = of_condition(condition);
        assert_eq!(codes(&problems), [(Severity::Error, "never-anybody")], "{condition}: {problems:#?}");
        let hint = &problems[0].hint;
        assert!(hint.contains("example.com`") && *hint == hint.to_lowercase(), "{hint}");
    }
    for condition in [
        r#"principal.email == "dev@example.com""#,
        r#"principal.email like "*@example.com""#,
        r#"context.reason == "Dev@example.com""#,
        r#"["dev@example.com"].contains(principal.email)"#,
    ] {
        assert_eq!(codes(&of_condition(condition)), [], "{condition}");
    }
}

#[test]
fn persons_and_workloads_are_no_entities_that_can_be_written() {
    for guardrail in [
        r#"forbid (principal == Person::"dev@example.com", action, resource);"#,
        r#"forbid (principal, action, resource) when { principal == Person::"dev@example.com" };"#,
        r#"forbid (principal, action, resource) when { principal == Workload::"ci" };"#,
    ] {
        let problems = of_guardrail(guardrail);
        assert!(codes(&problems).contains(&(Severity::Error, "never-anybody")), "{guardrail}: {problems:#?}");
    }
    for guardrail in [
        "forbid (principal is Workload, action, resource);",
        r#"forbid (principal in Group::"dba", action, resource);"#,
    ] {
        assert_eq!(codes(&of_guardrail(guardrail)), [], "{guardrail}");
    }
}

#[test]
fn a_role_that_nobody_wrote_is_never_asked_for() {
    let problems = of_condition(r#"context.role == "Debug""#);
    assert_eq!(codes(&problems), [(Severity::Warning, "never-true")], "{problems:#?}");
    assert_eq!(problems[0].hint, "did you mean `debug`?");
    assert_eq!(codes(&of_condition(r#"context.role == "debug""#)), []);
}

#[test]
fn actions_differ_by_more_than_case() {
    let settings = |actions: &str| {
        let resource = format!("settings: {{actions: {{{actions}}}}}}}");
        check_text(&SET.replace("risk: low}", &format!("risk: low, {resource}"))).problems
    };
    let of = |actions: &str| codes(&settings(actions));
    let own = "{roles: [pg_read_all_data]}";
    assert_eq!(of(&format!("READ: {own}")), [(Severity::Error, "built-in-action")]);
    assert_eq!(of(&format!("audit: {own}, AUDIT: {own}")), [(Severity::Error, "duplicate-name")]);
    assert_eq!(of(&format!("audit: {own}, audits: {own}")), []);
}

#[test]
fn one_byte_order_mark_is_enough() {
    let with = |marks: usize| {
        let bytes = ["\u{feff}".repeat(marks), SET.to_owned()].concat().into_bytes();
        let files = [SourceFile { path: "p.yaml".to_owned(), bytes }];
        codes(&check(&files, &[&POSTGRES], Purpose::Check).problems)
    };
    assert_eq!((with(0), with(1)), (Vec::new(), Vec::new()));
    assert_eq!(with(2), [(Severity::Error, "syntax")]);
}

#[test]
fn one_account_of_a_host_is_one_resource() {
    let hosts = |second: &str| {
        let text = format!(
            "resources:\n  - {{name: web, connector: ssh, settings: {{hosts: [\"a:22\", \"web:22\"], actions: {{shell: {{principals: \
             [deploy, ops]}}}}}}}}\n  - {{name: www, connector: ssh, settings: {second}}}\n{}",
            &SET["groups: {dba: [ann@example.com, bob@example.com]}\nresources:\n".len()..]
        );
        codes(&check_text(&format!("groups: {{dba: [ann@example.com, bob@example.com]}}\n{text}")).problems)
    };
    let shared = [(Severity::Error, "shared-account")];
    assert_eq!(hosts("{hosts: [\"WEB:22\"], actions: {restart: {principals: [ops]}}}"), shared);
    assert_eq!(hosts("{hosts: [\"web:22\"], actions: {restart: {principals: [audit]}}}"), []);
    assert_eq!(hosts("{hosts: [\"web:2222\"], actions: {restart: {principals: [ops]}}}"), []);
}

#[test]
fn segments_of_a_resource_are_names() {
    let named = |name: &str| codes(&check_text(&SET.replace("services/db", name)).problems);
    assert_eq!(named(&format!("{}/db", "x".repeat(64))), []);
    assert!(named(&format!("{}/db", "x".repeat(65))).contains(&(Severity::Error, "name")));
}

#[test]
fn persons_have_no_wildcards() {
    for list in ["deny: [\"*@contractors.example.com\"]", "deny: [\"group:con*\"]"] {
        let problems = check_text(&format!("{SET}    {list}\n")).problems;
        assert_eq!(codes(&problems), [(Severity::Error, "principal")], "{problems:#?}");
        assert!(problems[0].hint.contains("idp_groups"), "{problems:#?}");
    }
}

#[test]
fn a_default_is_lifted_aloud() {
    let lifted = |default: &str, own: &str| {
        let set = format!("defaults: {{constraints: {{{default}}}}}\n{SET}    constraints: {{{own}}}\n");
        codes(&check_text(&set).problems)
    };
    let looser = [(Severity::Warning, "loosens-default")];
    assert_eq!(lifted("mfa: {request: true}", "mfa: {required: false}"), looser);
    let input = |name: &str| format!("inputs: [{{name: {name}, type: string}}]");
    assert_eq!(lifted(&input("table"), &input("ticket")), looser);
    assert_eq!(lifted(&input("table"), "inputs: [{name: table, type: string, required: false}]"), looser);
    assert_eq!(lifted(&input("table"), "inputs: [{name: table, type: string}, {name: row, type: integer}]"), []);
}

#[test]
fn without_a_second_factor_where_none_is_required() {
    let set = set(&format!(
        "defaults: {{constraints: {{mfa: {{request: true}}}}}}\n{SET}    constraints: {{mfa: {{required: false}}}}\n"
    ));
    let decision = set.decide(&ask(&person("dev@example.com"), "debug")).decision;
    assert_eq!(decision.outcome, curfew_domain::Outcome::NeedsApproval, "{decision:#?}");
}

#[test]
fn tags_of_gitlab_end_in_a_star_where_they_are_said_to_be_tags() {
    let of = |claims: &str| {
        let set = SET.replace("[dev@example.com]", &format!("[{{gitlab: {{project_id: \"1\", {claims}}}}}]"));
        codes(&check_text(&format!("people: [{{email: dev@example.com, gitlab: \"7\"}}]\n{set}")).problems)
    };
    assert_eq!(of("ref: \"v*\", ref_type: tag"), []);
    assert_eq!(of("ref: v1, ref_type: tag"), []);
    for claims in [
        "ref: \"v*\"",
        "ref: \"v*\", ref_type: branch",
        "ref: \"*v\", ref_type: tag",
        "ref: \"v*\", ref_type: [tag, branch]",
    ] {
        assert_eq!(of(claims), [(Severity::Error, "workload-wildcard")], "{claims}");
    }
    assert_eq!(of("ref: \"refs/tags/v*\""), [(Severity::Warning, "unlikely-ref")]);
}
