//! What a set says and what can never be met: policies that nobody can change, glass that nobody can break, runs of which
//! nobody can tell who started them.

mod common;

use common::*;

const HEAD: &str = "groups: {none: [], dba: [ann@example.com, bob@example.com]}
resources: [{name: services/db, connector: postgres, risk: low}]
";

/// The warnings of a set with these lines: code, line and message.
fn said(more: &str) -> Vec<(&'static str, u32, String)> {
    let checked = check_files(&[file("p.yaml", &format!("{HEAD}{more}"))]);
    assert_eq!(errors(&checked.problems), vec![], "{more}");
    let known = |code: &str| ["unsignable", "unaskable", "unknown-starter"].contains(&code);
    let warned = checked.problems.iter().filter(|problem| known(problem.code));
    warned.map(|problem| (problem.code, problem.line, problem.message.clone())).collect()
}

fn codes(more: &str) -> Vec<&'static str> {
    said(more).into_iter().map(|(code, ..)| code).collect()
}

#[test]
fn policy_that_fewer_are_named_for_than_have_to_sign() {
    let approvers = |rest: &str| format!("policy_approvers: [{{paths: [\"prod/**\", \"a.yaml\"], {rest}}}]\n");
    let (code, line, message) = said(&approvers("any_of: [group:dba], require: 3")).remove(0);
    assert_eq!((code, line), ("unsignable", 3));
    assert_eq!(message, "nobody can ever change `prod/**`, `a.yaml`: 3 persons must have signed, and fewer are named");
    assert_eq!(codes(&approvers("any_of: [group:none]")), ["unsignable"]);
    assert_eq!(
        codes(&approvers("any_of: [group:dba, ann@example.com], require: 3")),
        ["unsignable"],
        "one counts once"
    );
    assert_eq!(codes(&approvers("any_of: [group:dba], require: 2")), [""; 0]);
    assert_eq!(codes(&approvers("any_of: [group:dba, eve@example.com], require: 3")), [""; 0]);
}

#[test]
fn glass_that_nobody_can_break() {
    let role = |rest: &str| {
        format!(
            "roles: [{{name: debug, requesters: [dev@example.com], duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], \
             approvers: [lead@example.com], {rest}}}]\n"
        )
    };
    for denied in [
        "break_glass: {who: [eve@example.com], duration: 1h, review_within: 1d}, deny: [eve@example.com]",
        "break_glass: {who: [group:dba], duration: 1h, review_within: 1d}, deny: [group:dba]",
        "break_glass: {who: [ann@example.com], duration: 1h, review_within: 1d}, deny: [group:dba]",
        "break_glass: {who: [group:none], duration: 1h, review_within: 1d}",
    ] {
        assert_eq!(codes(&role(denied)), ["unaskable"], "{denied}");
    }
    let left = "break_glass: {who: [group:dba], duration: 1h, review_within: 1d}, deny: [ann@example.com]";
    assert_eq!(codes(&role(left)), [""; 0]);
}

#[test]
fn runs_of_which_nobody_can_tell_who_started_them() {
    let run = "github: {repository_id: \"1\", ref: refs/heads/main}";
    let github = &format!("{{{run}}}");
    let gitlab = "{gitlab: {project_id: \"1\", ref: main}}";
    let buildkite = "{buildkite: {organization_slug: acme, pipeline_slug: shop}}";
    let kubernetes = "{kubernetes: {namespace: shop, service_account: jobs}}";
    let role = |who: &str, rest: &str| {
        format!(
            "roles: [{{name: debug, requesters: [{who}], duration: 1h, conditions: [{{resource: services/db, actions: [read]}}], {rest}}}]\n"
        )
    };
    let (people, approved) = ("people: [{email: dev@example.com, github: \"583231\"}]\n", "approvers: [group:dba]");
    let (_, line, message) = said(&role(github, approved)).remove(0);
    assert_eq!(line, 3);
    assert_eq!(
        message,
        "every run of `github` is denied `debug`, which people approve: `people` names no `github` account, so nobody \
         can tell who started a run"
    );
    assert_eq!(codes(&role(gitlab, approved)), ["unknown-starter"]);
    assert_eq!(
        codes(&format!("{people}{}", role(gitlab, approved))),
        ["unknown-starter"],
        "another provider's account"
    );
    assert_eq!(codes(&format!("{people}{}", role(buildkite, approved))), ["unknown-starter"], "it never says who");
    for fine in [
        format!("{people}{}", role(github, approved)),
        role(github, "approval: automatic"),
        role(github, "approvers: [group:dba], auto_approve_when: 'context.reason like \"deploy*\"'"),
        role(kubernetes, approved),
        role("dev@example.com", approved),
    ] {
        assert_eq!(codes(&fine), [""; 0], "{fine}");
    }
    let trigger = |to: &str| format!("approval: automatic, triggers: [{{{run}, grant_to: [{to}]}}]");
    assert_eq!(codes(&role("dev@example.com", &trigger("actor"))), ["unknown-starter"]);
    assert_eq!(codes(&format!("{people}{}", role("dev@example.com", &trigger("actor")))), [""; 0]);
    assert_eq!(codes(&role("dev@example.com", &trigger("dev@example.com"))), [""; 0]);
}
