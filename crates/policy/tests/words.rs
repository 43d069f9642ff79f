//! What is refused of stages, constraints, triggers, environments, guardrails and tests, and where it says so.

mod common;

use common::*;
use curfew_policy::{Problem, Purpose, SourceFile};

const REST: &str = "    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n";

fn role(line: &str) -> String {
    format!("roles:\n  - name: a\n    requesters: [d@example.com]\n{REST}    {line}\n")
}

fn constrained(line: &str) -> String {
    role(&format!("approvers: [l@example.com]\n    constraints: {{{line}}}"))
}

fn codes(text: &str) -> Vec<&'static str> {
    errors(&check_text(text).problems).into_iter().map(|(code, ..)| code).collect()
}

/// Each text with the codes of its errors; none means that it has to pass.
fn run(cases: &[(&str, &[&str])], wrap: impl Fn(&str) -> String) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (codes(&wrap(text)), wrap(text), expected))
        .filter(|(found, _, expected)| found != *expected)
        .map(|(found, text, expected)| format!("{text}\n  found {found:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn with(files: &[(&str, &str)]) -> Vec<Problem> {
    let files: Vec<SourceFile> = files.iter().map(|(path, text)| file(path, text)).collect();
    check_files(&files).problems
}

#[test]
fn stages() {
    run(
        &[
            ("approval: {stages: [{any_of: [l@example.com]}]}", &[]),
            (
                "approval: {stages: [{all_of: [l@example.com, \"oncall:db\"], timeout: 5m}], distinct_approvers: false}",
                &[],
            ),
            ("approval: {stages: []}", &["empty-list"]),
            ("approval: {}", &["missing-key"]),
            ("approval: {stages: [{}]}", &["missing-key"]),
            ("approval: {stages: [{any_of: []}]}", &["empty-list"]),
            ("approval: {stages: [{any_of: [l@example.com], all_of: [l@example.com]}]}", &["stage-twice"]),
            ("approval: {stages: [{any_of: [l@example.com], require: 0}]}", &["out-of-range"]),
            ("approval: {stages: [{all_of: [l@example.com], require: 1}]}", &["stage-require"]),
            ("approval: {stages: [{any_of: [l@example.com], on_timeout: reject}]}", &["missing-key"]),
            ("approval: {stages: [{any_of: [l@example.com], timeout: 1h, on_timeout: escalate}]}", &["missing-key"]),
            (
                "approval: {stages: [{any_of: [l@example.com], timeout: 1h, escalate_to: [m@example.com]}]}",
                &["missing-key"],
            ),
            ("approval: {stages: [{any_of: [l@example.com], timeout: 1h, on_timeout: wait}]}", &["unknown-value"]),
            (
                "approval: {stages: [{name: x, any_of: [l@example.com]}, {name: X, any_of: [m@example.com]}]}",
                &["duplicate-name"],
            ),
            ("approval: {stages: [{any_of: [l@example.com]}], lapse_after: 1h}", &["unknown-key"]),
            (
                "approval: {stages: [{any_of: [group:gone], fallback: [group:gone2]}]}",
                &["unknown-group", "unknown-group"],
            ),
            ("approval: {stages: [{any_of: [{github: {repository_id: \"1\", ref: x}}]}]}", &["wrong-kind"]),
            ("auto_approve_when: context.oncall\n    approvers: [l@example.com]", &[]),
        ],
        role,
    );
    let chain = "approvals: [{name: prod, stages: [{any_of: [l@example.com]}]}]\n";
    run(&[("approval: prod", &[]), ("approval: prdo", &["approval"]), ("approval: Prod", &["approval"])], |line| {
        format!("{chain}{}", role(line))
    });
    run(
        &[
            ("approvals: [{name: automatic, stages: [{any_of: [l@example.com]}]}]", &["name"]),
            (
                "approvals: [{name: a, stages: [{any_of: [l@example.com]}]}, {name: A, stages: [{any_of: [l@example.com]}]}]",
                &["duplicate-name"],
            ),
            ("approvals: [{stages: [{any_of: [l@example.com]}]}]", &["missing-key"]),
        ],
        str::to_owned,
    );
}

#[test]
fn constraints() {
    run(
        &[
            ("windows: [{days: [mon, wed-fri], from: \"22:00\", to: \"06:00\", tz: Europe/Berlin}]", &[]),
            ("windows: [{from: \"00:00\", to: \"24:00\", tz: UTC}]", &[]),
            ("windows: [{from: \"09:00\", to: \"18:00\"}]", &["missing-key"]),
            ("windows: [{from: 09:00, to: \"18:00\", tz: UTC}]", &["quote-it"]),
            ("windows: [{from: \"9:00\", to: \"18:00\", tz: UTC}]", &["clock"]),
            ("windows: [{from: \"24:00\", to: \"18:00\", tz: UTC}]", &["clock"]),
            ("windows: [{from: \"25:00\", to: \"24:01\", tz: UTC}]", &["clock", "clock"]),
            ("windows: [{from: \"09:00\", to: \"09:00\", tz: UTC}]", &["window-empty"]),
            ("windows: [{from: \"09:00\", to: \"18:00\", tz: Berlin}]", &["time-zone"]),
            ("windows: [{days: monday, from: \"09:00\", to: \"18:00\", tz: UTC}]", &["days"]),
            ("windows: [{days: [], from: \"09:00\", to: \"18:00\", tz: UTC}]", &["empty-list"]),
            ("source_ip: [10.0.0.0/8, \"2001:db8::/32\"]", &[]),
            ("source_ip: [10.0.0.1/8]", &["cidr"]),
            ("source_ip: [10.0.0.1]", &["cidr"]),
            ("ticket: {pattern: \"INC-[0-9]+\", verify: open}", &[]),
            ("ticket: {verify: maybe}", &["unknown-value"]),
            ("ticket: {pattern: \"(?=a)\"}", &["pattern"]),
            ("mfa: {request: true, approve: true, max_age: 15m}", &[]),
            ("mfa: {}", &[]),
            ("mfa: {request: false}", &["mfa"]),
            ("mfa: {max_age: 15}", &["duration"]),
            ("concurrency: {per_subject: 1, total: 3}", &[]),
            ("concurrency: {per_subject: 0}", &["out-of-range"]),
            ("concurrency: {}", &["missing-key"]),
            ("budget: {per_subject: 4h, per: 1d}, cooldown: 30m", &[]),
            ("budget: {per_subject: 4h}", &["missing-key"]),
            (
                "inputs: [{name: table, type: string, max_length: 63, prompt: \"Which?\"}, {name: n, type: integer}]",
                &[],
            ),
            ("inputs: [{name: e, type: enum, values: [a, b]}]", &[]),
            ("inputs: [{name: e, type: enum}]", &["missing-key"]),
            ("inputs: [{name: e, type: enum, values: []}]", &["empty-list"]),
            ("inputs: [{name: e, type: integer, values: [\"1\"]}]", &["unknown-key"]),
            ("inputs: [{name: e, type: text}]", &["unknown-value"]),
            ("inputs: [{name: e, type: string}, {name: E, type: string}]", &["duplicate-name"]),
            ("when: [{message: m, cedar: context.oncall}]", &[]),
            ("when: [{cedar: context.oncall}]", &["missing-key"]),
            ("when: [{message: m, cedar: \"context.\"}]", &["cedar"]),
            ("when: [{message: m, cedar: context.on_call}]", &["cedar-type"]),
            ("when: [{message: m, cedar: context.oncall == 1}]", &["cedar-type"]),
            ("when: [{message: m, cedar: \"1 + 1\"}]", &["cedar-type"]),
            ("when: [{message: m, cedar: \"context == {}\"}]", &["cedar-fact"]),
            ("when: [{message: m, cedar: 'resource.labels.env == \"x\"'}]", &["unknown-label"]),
            ("when: [{message: m, cedar: 'principal in Group::\"gone\"'}]", &["unknown-group"]),
            ("when: [{message: m, cedar: 'context.inputs.table == \"x\"'}]", &["unknown-input"]),
            ("when: [{message: m, cedar: 'context.inputs.n > 1'}], inputs: [{name: n, type: integer}]", &[]),
            (
                "when: [{message: m, cedar: 'context.inputs.n == \"1\"'}], inputs: [{name: n, type: integer}]",
                &["cedar-type"],
            ),
            ("when: [{message: m, cedar: 'context.claims.environment == \"production\"'}]", &[]),
            ("when: [{message: m, cedar: 'context.source_ip.isInRange(ip(\"10.0.0.0/8\"))'}]", &[]),
            ("when: [{message: m, cedar: 'context.source_ip.isInRange(ip(\"nonsense\"))'}]", &["cedar-type"]),
            ("when: [{message: m, cedar: 'context.duration > duration(\"an hour\")'}]", &["cedar-type"]),
        ],
        constrained,
    );
}

#[test]
fn workloads_and_triggers() {
    let requester =
        |entry: &str| format!("roles:\n  - name: a\n    requesters: [{entry}]\n{REST}    approvers: [l@example.com]\n");
    run(
        &[
            ("{github: {repository_id: \"1\", ref: refs/heads/main}}", &[]),
            ("{github: {repository_id: \"1\", ref: [refs/heads/main, \"refs/tags/v*\"]}}", &[]),
            ("{github: {repository: o/r, environment: production}}", &[]),
            ("{github: {repository_id: 1, ref: refs/heads/main}}", &["quote-it"]),
            ("{github: {ref: refs/heads/main}}", &["workload"]),
            ("{github: {repository_id: \"1\"}}", &["workload"]),
            ("{github: {repository_id: \"1\", ref: \"refs/heads/*\"}}", &["workload-wildcard"]),
            ("{github: {repository_id: \"*\", ref: refs/heads/main}}", &["workload-wildcard"]),
            ("{github: {repository_id: \"1\", ref: \"refs/tags/*v*\"}}", &["workload-wildcard"]),
            ("{github: {repository_id: \"1\", ref: []}}", &["empty-list"]),
            ("{github: {repository_id: \"1\", branch: main}}", &["workload", "unknown-key"]),
            ("{gitlab: {project_id: \"22\", ref: main, ref_protected: \"true\"}}", &[]),
            ("{gitlab: {project_id: \"22\"}}", &["workload"]),
            ("{kubernetes: {namespace: ci, service_account: deployer}}", &[]),
            ("{kubernetes: {namespace: ci}}", &["workload"]),
            ("{buildkite: {organization_slug: o, pipeline_slug: p, build_branch: main}}", &[]),
            ("{circleci: {project_id: p}}", &[]),
            ("{oidc: {issuer: ci, claims: {sub: x, aud: [a, b]}}}", &[]),
            ("{oidc: {issuer: ci, claims: {}}}", &["empty-list"]),
            ("{oidc: {claims: {sub: \"x*\"}}}", &["missing-key", "workload-wildcard"]),
            ("{}", &["workload"]),
            ("{jenkins: {}}", &["workload", "unknown-key"]),
            ("{buildkite: {organization_slug: o, pipeline_slug: p}, circleci: {project_id: p}}", &["workload"]),
        ],
        requester,
    );
    let trigger = |rest: &str| {
        format!(
            "roles:\n  - name: a\n{REST}    approval: automatic\n    triggers: [{{github: {{repository_id: \"1\", ref: x}}{rest}}}]\n"
        )
    };
    run(
        &[
            (", grant_to: [pipeline, actor, d@example.com], until: pipeline-end", &[]),
            ("", &["missing-key"]),
            (", grant_to: []", &["empty-list"]),
            (", grant_to: [everybody]", &["principal"]),
            (", grant_to: [\"oncall:db\"]", &["principal"]),
            (", grant_to: [pipeline], until: midnight", &["unknown-value"]),
            (", grant_to: [group:gone]", &["unknown-group"]),
        ],
        trigger,
    );
    let named = check_text(&requester("{github: {repository: o/r, ref: x}}"));
    assert!(warnings(&named.problems).iter().any(|w| w.0 == "workload-by-name"), "{:?}", named.problems);
}

#[test]
fn what_else_a_set_says() {
    run(
        &[
            ("people: [{email: e@example.com, github: \"583231\", gitlab: \"42\"}]", &[]),
            ("people: [{email: e@example.com, github: octocat}]", &["account-number"]),
            ("people: [{email: e@example.com, github: 583231}]", &["quote-it"]),
            ("people: [{github: \"1\"}]", &["missing-key"]),
            ("people: [{email: nobody}]", &["e-mail"]),
            (
                "people: [{email: e@example.com, github: \"1\"}, {email: f@example.com, github: \"1\"}]",
                &["duplicate-name"],
            ),
            ("people: [{email: e@example.com}, {email: E@example.com}]", &["duplicate-name"]),
            ("policy_approvers: [{paths: [\"prod/**\"], any_of: [s@example.com], require: 2}]", &[]),
            ("policy_approvers: [{paths: [\"/prod\"], any_of: []}]", &["path", "empty-list"]),
            ("bundles: [{name: kit, roles: [gone]}]", &["unknown-role"]),
            ("bundles: [{name: kit, roles: []}]", &["empty-list"]),
            ("tests: [{name: t, as: {user: d@example.com}, request: {role: gone}, expect: denied}]", &["unknown-role"]),
            (
                "tests: [{name: t, as: {}, request: {}, expect: maybe}]",
                &["missing-key", "missing-key", "unknown-value"],
            ),
            ("defaults: {approval: automatic}", &["automatic-default"]),
            ("defaults: {requesters: [d@example.com]}", &["unknown-key"]),
            ("notify: []", &["unknown-key"]),
        ],
        str::to_owned,
    );
    run(
        &[
            (
                "notify: [{on: [requested, overdue], to: [\"slack:#sec\", \"email:d@example.com\", \"webhook:siem\"]}]",
                &[],
            ),
            ("notify: [{on: [everything], to: [\"https://x\"]}]", &["unknown-value", "destination"]),
            ("extension: {times: 1, max_total: 4h, approval: same}\n    activation: {claim_within: 8h}", &[]),
            ("extension: {times: 0, max_total: 4h, approval: maybe}", &["out-of-range", "unknown-value"]),
            ("break_glass: {who: [d@example.com], duration: 30m, review_within: 24h}\n    on_policy_change: end", &[]),
            (
                "break_glass: {duration: 30m}\n    on_policy_change: stop",
                &["missing-key", "missing-key", "unknown-value"],
            ),
            ("owner: group:gone", &["unknown-group"]),
        ],
        |line| role(&format!("approvers: [l@example.com]\n    {line}")),
    );
    let bundled = format!("{}bundles: [{{name: A, roles: [a]}}]\n", role("approvers: [l@example.com]"));
    assert_eq!(codes(&bundled), ["duplicate-name"]);
}

#[test]
fn selectors_and_owners_of_files() {
    let resources =
        "resources: [{name: x, connector: postgres, labels: {env: prod}, defined_by: [\"teams/x/**\", owner.yaml]}]\n";
    let scoped = |resource: &str| {
        format!(
            "roles:\n  - name: a\n    requesters: [d@example.com]\n    duration: 1h\n    approvers: [l@example.com]\n    conditions: [{{resource: {resource}, actions: [read]}}]\n"
        )
    };
    let found = |path: &str, resource: &str| {
        let problems = with(&[("a.yaml", resources), (path, &scoped(resource))]);
        problems.iter().map(|p| p.code).collect::<Vec<_>>()
    };
    for resource in ["x", "\"*\"", "{labels: {env: prod}}"] {
        assert_eq!(found("teams/x/deep/roles.yaml", resource), Vec::<&str>::new(), "{resource}");
        assert_eq!(found("owner.yaml", resource), Vec::<&str>::new());
        assert_eq!(found("teams/y.yaml", resource), ["defined-by"], "{resource}");
    }
    assert_eq!(found("owner.yaml", "{labels: {env: dev}}"), ["glob-matches-nothing"]);
    assert_eq!(found("owner.yaml", "{labels: {}}"), ["empty-list"]);
    assert_eq!(found("owner.yaml", "{label: {env: prod}}"), ["unknown-key"]);
}

#[test]
fn guardrails() {
    let resources =
        "resources: [{name: x, connector: postgres, labels: {tier: \"1\"}}]\ngroups: {dba: [a@example.com]}\n";
    let found = |text: &str| {
        let problems = with(&[("a.yaml", resources), ("g.cedar", text)]);
        problems.iter().filter(|p| p.file == "g.cedar").map(|p| (p.code, p.line, p.column)).collect::<Vec<_>>()
    };
    let fine = "// why\n@message(\"no\")\nforbid (principal in Group::\"dba\", action == Action::\"request\", resource)\nwhen { resource.labels.tier == \"1\" && context.actions.contains(\"write\") && context.duration > duration(\"1h\") };\n";
    assert_eq!(found(fine), vec![]);
    assert_eq!(found(&format!("\u{feff}{}", fine.replace('\n', "\r\n"))), vec![]);
    for (text, expected) in [
        ("", ("empty-file", 1, 1)),
        ("// only\n", ("empty-file", 1, 1)),
        ("permit (principal, action, resource);", ("permit-in-guardrail", 1, 1)),
        ("\n  forbid (principal, action, resource) when { context.risk > 1 };", ("cedar-type", 2, 55)),
        ("forbid (principal, action, resource)", ("cedar", 1, 1)),
        ("forbid (principal == ?principal, action, resource);", ("cedar", 1, 1)),
        ("forbid (principal, action == Action::\"ask\", resource);", ("cedar-type", 1, 30)),
        ("forbid (principal, action, resource) when { resource.labels.teir == \"1\" };", ("unknown-label", 1, 61)),
        ("forbid (principal in Group::\"dab\", action, resource);", ("unknown-group", 1, 30)),
        ("forbid (principal, action, resource) when { context.inputs.table == \"x\" };", ("unknown-input", 1, 60)),
        (
            "forbid (principal, action, resource) when { context has oncall && context.oncall == 3 };",
            ("cedar-type", 1, 1),
        ),
    ] {
        assert_eq!(found(text), vec![expected], "{text}");
    }
    let two = "forbid (principal, action, resource) when { 1 };\nforbid (principal, action, resource) when { context.nope };\n";
    assert_eq!(found(two), vec![("cedar-type", 1, 1), ("cedar-type", 2, 53)]);
    assert_eq!(found("forbid (principal, action, resource) when { false };"), vec![("never-true", 1, 1)]);
}

#[test]
fn files_that_hold_only_some_of_it() {
    let base = role("approvers: [l@example.com]");
    let codes = |files: &[(&str, &str)]| {
        with(files).into_iter().filter(|p| p.file != "a.yaml").map(|p| (p.file, p.code)).collect::<Vec<_>>()
    };
    let test = "tests: [{name: t, as: {user: d@example.com}, request: {role: a}, expect: needs_approval}]\n";
    assert_eq!(codes(&[("a.yaml", &base), ("a.test.yaml", test)]), vec![]);
    assert_eq!(
        codes(&[("a.yaml", &base), ("x.test.yaml", "roles: []\n")]),
        vec![("x.test.yaml".to_owned(), "unknown-key")]
    );
    let overlay = |text: &str| {
        codes(&[("a.yaml", &base), ("environments/prod.yaml", text)])
            .into_iter()
            .map(|(_, code)| code)
            .collect::<Vec<_>>()
    };
    assert_eq!(overlay("roles: [{name: a, duration: 30m}]\n"), Vec::<&str>::new());
    assert_eq!(overlay("resources: [{name: y, connector: postgres}]\n"), Vec::<&str>::new());
    assert_eq!(overlay("groups: {}\n"), ["unknown-key"]);
    assert_eq!(overlay("roles: [{name: b, duration: 30m}]\n"), ["unknown-role"]);
    assert_eq!(overlay("roles: [{name: a, duration: forever}]\n"), ["duration"]);
    assert_eq!(overlay("resources: [{name: y, risk: high}]\n"), ["undefined-resource"]);
    assert_eq!(
        codes(&[("a.yaml", &base), ("environments/x/y.yaml", "roles: []\n")]),
        vec![("environments/x/y.yaml".to_owned(), "misplaced-file")]
    );
}

/// Cedar takes any text for an action or a risk: a slip would forbid nothing.
#[test]
fn words_that_nothing_has_are_told_in_guardrails_and_expressions() {
    let base = "resources: [{name: x, connector: postgres, settings: {actions: {audit: {roles: [r]}}}}]\n";
    let found = |condition: &str| {
        let guardrail = format!("forbid (principal, action, resource)\nwhen {{ context.mfa && {condition} }};\n");
        let problems = with(&[("a.yaml", base), ("g.cedar", &guardrail)]);
        problems.into_iter().map(|p| (p.code, p.line, p.hint)).collect::<Vec<_>>()
    };
    for (condition, hint) in [
        ("context.actions.contains(\"wirte\")", "did you mean `write`?"),
        ("context.actions.contains(\"Write\")", "did you mean `write`?"),
        ("context.actions.containsAny([\"ddl\", \"audti\"])", "did you mean `audit`?"),
        ("context.effects.contains(\"delete\")", "write one of: read, write, define, admin"),
        ("resource.risk == \"hihg\"", "write one of: low, medium, high, critical"),
        ("\"opened\" != context.ticket_state", "write one of: open, closed, missing"),
    ] {
        assert_eq!(found(condition), [("never-true", 2, hint.to_owned())], "{condition}");
    }
    for condition in [
        "context.actions.containsAll([\"read\", \"audit\"])",
        "context.actions.contains(\"something-of-a-connector-to-come\")",
        "context.effects.contains(\"define\") && resource.risk != \"critical\"",
        "context.ticket_state == \"missing\" && context.reason == \"wirte\"",
    ] {
        assert!(found(condition).is_empty(), "{condition}: {:?}", found(condition));
    }
    let slip = role("approvers: [l@example.com]\n    auto_approve_when: 'resource.risk == \"lwo\"'");
    let warned = check_text(&slip).problems;
    assert!(warned.iter().any(|p| p.code == "never-true" && p.message == "`risk` is never `lwo`"), "{warned:?}");
}

/// A mistake is told under the name of the file it stands in, whichever of the two says what around it.
#[test]
fn what_an_environment_sets_wrongly_is_told_there() {
    let base = "resources:\n  - name: x\n    connector: postgres\n    settings:\n      database: orders\n      actions: {audit: {roles: [r]}}\n";
    let found = |base: &str, overlay: &str| {
        let problems = with(&[("a.yaml", base), ("environments/prod.yaml", overlay)]);
        problems.into_iter().map(|p| (p.file, p.code, p.line, p.column)).collect::<Vec<_>>()
    };
    let prod = |code, line, column| vec![("environments/prod.yaml".to_owned(), code, line, column)];
    let settings = |lines: &str| format!("resources:\n  - name: x\n    settings:\n      {lines}\n");
    for (lines, expected) in [
        ("schema: [public]", prod("unknown-key", 4, 7)),
        ("schemas: public", prod("wrong-kind", 4, 16)),
        ("leftovers: keep", prod("unknown-value", 4, 18)),
        ("replicas: [\"db ro\"]", prod("host-port", 4, 18)),
        ("actions: {audit: {role: [r]}}", prod("unknown-key", 4, 25)),
        ("actions: {read: {roles: [r]}}", prod("built-in-action", 4, 17)),
        ("schemas: [public]", vec![]),
    ] {
        assert_eq!(found(base, &settings(lines)), expected, "{lines}");
        let without = "resources:\n  - name: x\n    connector: postgres\n";
        assert_eq!(found(without, &settings(lines)), expected, "{lines}, and nothing in the base");
    }
    assert_eq!(found(base, "resources:\n  - name: x\n    settings: nothing\n"), prod("wrong-kind", 3, 15));
    // What the base says wrong stays its own, once.
    let wrong = base.replace("database: orders", "databse: orders");
    let own = vec![("a.yaml".to_owned(), "unknown-key", 5, 7)];
    assert_eq!(found(&wrong, &settings("schemas: [public]")), own);
    // What is missing in both is missing where the resource is.
    let hosts = "resources:\n  - name: x\n    connector: ssh\n    settings:\n      source_address: [10.0.0.0/8]\n";
    let missing = vec![("a.yaml".to_owned(), "missing-key", 5, 7)];
    assert_eq!(found(hosts, &settings("actions: {shell: {principals: [deploy]}}")), missing);
}

#[test]
fn an_environment_is_told_how_to_fill_in_and_narrow() {
    let told = |base: &str, overlay: &str| {
        let problems = with(&[("a.yaml", base), ("environments/prod.yaml", overlay)]);
        let of_prod = problems.into_iter().filter(|p| p.file == "environments/prod.yaml");
        of_prod.map(|p| (p.code, p.hint)).collect::<Vec<_>>()
    };
    let base = "resources: [{name: x, connector: postgres}]\n";
    let again = told(base, "resources: [{name: x, connector: ssh, risk: high}]\n");
    assert!(
        matches!(again.as_slice(), [("duplicate-name", hint)] if hint.starts_with("remove `connector`")),
        "{again:?}"
    );
    let role = told(base, "roles: [{name: a, duration: 30m}]\n");
    assert!(
        matches!(role.as_slice(), [("unknown-role", hint)] if hint.starts_with("define it in the base")),
        "{role:?}"
    );
    let nothing = told(base, "# later\n");
    assert!(
        matches!(nothing.as_slice(), [("empty-file", hint)] if hint.contains("`resources` and `roles`")),
        "{nothing:?}"
    );
}

#[test]
fn a_line_is_named_in_a_guardrail_of_many() {
    let base = "resources: [{name: x, connector: postgres, labels: {env: prod}}]\n";
    let found = |text: &str| {
        let problems = with(&[("a.yaml", base), ("g.cedar", text)]);
        let of_cedar = problems.into_iter().filter(|p| p.file == "g.cedar");
        of_cedar.map(|p| (p.code, p.line, p.column, p.hint)).collect::<Vec<_>>()
    };
    let whole = |condition: &str| {
        format!(
            "// why\n@message(\"no\")\nforbid (principal, action, resource)\nwhen {{\n  context.mfa &&\n  {condition}\n}};\n"
        )
    };
    for (condition, code, column) in [
        ("context.onCall", "cedar-type", 11),
        ("resource.labels.envi == \"prod\"", "unknown-label", 19),
        ("context.oncall and true", "cedar", 18),
        ("context.actions.contain(\"write\")", "cedar", 19),
    ] {
        let problems = found(&whole(condition));
        let places: Vec<_> = problems.iter().map(|(code, line, column, _)| (*code, *line, *column)).collect();
        assert_eq!(places, [(code, 6, column)], "{condition}: {problems:?}");
    }
    let open = found("forbid (principal, action, resource) when { context.mfa }\n");
    assert!(matches!(open.as_slice(), [("cedar", 1, 1, hint)] if hint == "end it with `;`"), "{open:?}");
}

#[test]
fn environments_make_other_sets() {
    let base = format!(
        "resources: [{{name: x, connector: postgres, labels: {{env: base}}}}]\n{}",
        role("approvers: [l@example.com]")
    );
    let prod = "resources:\n  - {name: x, admin: \"env:PROD\", risk: high, labels: {tier: \"1\"}, settings: {schemas: [public]}}\nroles:\n  - {name: a, duration: 30m, deny: [e@example.com], constraints: {mfa: {}}}\n";
    let files = [file("a.yaml", &base), file("environments/prod.yaml", prod)];
    assert_eq!(curfew_policy::environments(&files), ["prod"]);
    assert!(curfew_policy::check_in(&files, &KINDS, Purpose::Load, Some("staging")).is_none());
    let set = |name| curfew_policy::check_in(&files, &KINDS, Purpose::Load, name).and_then(|c| c.set).expect("a set");
    let (plain, prod) = (set(None), set(Some("prod")));
    assert_ne!(plain.version(), prod.version());
    let of = |set: &curfew_policy::PolicySet| {
        let (role, x) =
            (set.roles().next().expect("a role").clone(), set.resources().next().expect("a resource").clone());
        (role.duration.max, role.deny.len(), role.constraints.mfa.is_some(), x.risk, x.admin, x.labels.len())
    };
    assert_eq!(
        of(&plain),
        (seconds("1h"), 0, false, curfew_policy::Risk::Medium, Some("env:CURFEW_X_URL".to_owned()), 1)
    );
    assert_eq!(of(&prod), (seconds("30m"), 1, true, curfew_policy::Risk::High, Some("env:PROD".to_owned()), 2));
}

#[test]
fn lints() {
    let text = r#"groups: {none: []}
resources:
  - {name: x, connector: postgres, risk: high, settings: {actions: {deep: {roles: [pg_execute_server_program]}}}}
defaults:
  duration: 1h
  constraints: {justification: {min_length: 10}, mfa: {}}
roles:
  - name: nobody-asks
    requesters: [group:none]
    conditions: [{resource: x, actions: [read]}]
    approvers: [l@example.com]
  - name: unattended
    requesters: [d@example.com]
    conditions: [{resource: x, actions: [read]}]
    approval: automatic
  - name: loose
    requesters: [d@example.com]
    duration: 2h
    conditions: [{resource: x, actions: [read]}]
    approvers: [l@example.com]
    constraints: {justification: {min_length: 5}}
  - name: stuck
    requesters: [d@example.com]
    conditions: [{resource: x, actions: [write]}]
    approval: {stages: [{any_of: [group:none]}, {any_of: [l@example.com], timeout: 2d}]}
  - name: few
    requesters: [d@example.com]
    conditions: [{resource: x, actions: [ddl]}]
    approval: {stages: [{any_of: [l@example.com]}, {any_of: [l@example.com]}]}
    constraints: {when: [{message: m, cedar: 1 < 2}, {message: n, cedar: context.oncall && false}]}
  - name: twin
    requesters: [d@example.com]
    conditions: [{resource: x, actions: [write]}]
    approvers: [l@example.com]
  - name: other-twin
    requesters: [d@example.com]
    conditions: [{resource: x, actions: [write]}]
    approvers: [l@example.com]
"#;
    let checked = check_text(text);
    assert_eq!(errors(&checked.problems), vec![]);
    let found: Vec<(&str, u32)> = warnings(&checked.problems).into_iter().map(|(code, line, _)| (code, line)).collect();
    assert_eq!(
        found,
        [
            ("empty-group", 1),
            ("escaping-action", 3),
            ("unaskable", 9),
            ("automatic-on-high-risk", 15),
            ("loosens-default", 18),
            ("loosens-default", 21),
            ("unapprovable", 25),
            ("unreachable-stage", 25),
            ("unreachable-timeout", 25),
            ("unapprovable", 29),
            ("always-true", 30),
            ("never-true", 30),
            ("duplicate-role", 35),
        ]
    );
}
