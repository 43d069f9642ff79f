//! Everything the language refuses, with the place where it says so, and honest neighbours that pass.

mod common;

use common::*;
use curfew_policy::{Purpose, Severity, SourceFile};

/// A role that is fine, but for what a case puts in its place.
fn role_with(lines: &str) -> String {
    format!("roles:\n  - name: a\n    requesters: [dev@example.com]\n{lines}")
}

const REST: &str =
    "    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [lead@example.com]\n";

/// `(text, [(code, line, column)])`. A text without errors is a neighbour that has to pass.
type Case = (&'static str, &'static [(&'static str, u32, u32)]);

fn run(cases: &[Case], wrap: impl Fn(&str) -> String) {
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let whole = wrap(text);
        let found = check_text(&whole);
        for problem in &found.problems {
            assert!(!problem.message.is_empty() && !problem.hint.is_empty(), "{problem:?}");
            assert_eq!(problem.file, "p.yaml");
            let Some(span) = problem.span else { continue };
            assert!(span.offset + span.len <= whole.len() && whole.is_char_boundary(span.offset), "{problem:?}");
            let line_start: usize = whole.split_inclusive('\n').take(problem.line as usize - 1).map(str::len).sum();
            let column = whole[line_start..span.offset].chars().count() + 1;
            assert_eq!(column, problem.column as usize, "place and span differ: {problem:?}");
        }
        if errors(&found.problems) != *expected {
            wrong.push(format!("{whole}\n  found {:?}\n  expected {expected:?}", errors(&found.problems)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn yaml_that_means_two_things() {
    run(
        &[
            ("version: 1\n", &[]),
            ("---\nversion: 1\n", &[]),
            ("%YAML 1.2\n---\nversion: 1\n", &[]),
            ("groups: {a: &x [], b: []}\n", &[("anchor", 1, 13)]),
            ("groups: {a: &x [], b: *x}\n", &[("anchor", 1, 13), ("alias", 1, 23)]),
            ("groups: {b: *x}\n", &[("alias", 1, 13)]),
            ("groups:\n  <<: {a: []}\n", &[("merge-key", 2, 3)]),
            ("groups:\n  \"<<\": []\n", &[("name", 2, 3)]),
            ("version: !!int 1\n", &[("tag", 1, 10)]),
            ("groups: !mine {}\n", &[("tag", 1, 9)]),
            ("version: 1\n---\nversion: 1\n", &[("several-documents", 2, 1)]),
            ("version:\n", &[("null", 1, 1)]),
            ("version: ~\n", &[("null", 1, 10)]),
            ("administrators: [null]\n", &[("null", 1, 18)]),
            ("administrators:\n  -\n", &[("null", 2, 4)]),
            ("groups: {}\ngroups: {}\n", &[("duplicate-key", 2, 1)]),
            ("groups: {a: [], a: []}\n", &[("duplicate-key", 1, 17)]),
            ("groups: {\"a\": [], a: []}\n", &[("duplicate-key", 1, 19)]),
            ("[a]: 1\n", &[("key-not-text", 1, 1)]),
            ("groups: [\n", &[("syntax", 1, 9)]),
            ("groups: {a: ]\n", &[("syntax", 1, 9)]),
            ("roles:\n\t- name: a\n", &[("syntax", 2, 2)]),
            ("", &[("empty-file", 1, 1)]),
            ("# only a comment\n", &[("empty-file", 1, 1)]),
            ("---\n", &[("empty-file", 1, 1)]),
            ("- a\n", &[("wrong-kind", 1, 1)]),
            ("just text\n", &[("wrong-kind", 1, 1)]),
            ("null\n", &[("wrong-kind", 1, 1)]),
        ],
        str::to_owned,
    );
}

#[test]
fn texts_that_some_reader_takes_for_something_else() {
    run(
        &[
            ("    description: \"no\"\n", &[]),
            ("    description: nope\n", &[]),
            ("    description: 10.0.0.0/8\n", &[]),
            ("    description: no\n", &[("quote-it", 4, 18)]),
            ("    description: on\n", &[("quote-it", 4, 18)]),
            ("    description: true\n", &[("quote-it", 4, 18)]),
            ("    description: 0o17\n", &[("quote-it", 4, 18)]),
            ("    description: 12:30\n", &[("quote-it", 4, 18)]),
            ("    description: 123456\n", &[("quote-it", 4, 18)]),
            ("    description: 1.5\n", &[("quote-it", 4, 18)]),
            ("    description: [a]\n", &[("wrong-kind", 4, 18)]),
            ("    deny: [no]\n", &[("quote-it", 4, 12)]),
        ],
        |line| role_with(&format!("{line}{REST}")),
    );
    run(
        &[
            ("groups: {no: []}\n", &[("quote-it", 1, 10)]),
            ("groups: {\"no\": []}\n", &[]),
            ("groups: {12: []}\n", &[("quote-it", 1, 10)]),
            ("idp_groups: [on]\n", &[("quote-it", 1, 14)]),
        ],
        str::to_owned,
    );
}

#[test]
fn keys_of_a_file() {
    run(
        &[
            ("version: 2\n", &[("out-of-range", 1, 10)]),
            ("version: 0\n", &[("out-of-range", 1, 10)]),
            ("version: 01\n", &[("not-a-number", 1, 10)]),
            ("version: 0x1\n", &[("not-a-number", 1, 10)]),
            ("version: \"1\"\n", &[("not-a-number", 1, 10)]),
            ("version: 1.0\n", &[("not-a-number", 1, 10)]),
            ("rolse: []\n", &[("unknown-key", 1, 1)]),
            ("Roles: []\n", &[("unknown-key", 1, 1)]),
            ("zebra: 1\n", &[("unknown-key", 1, 1)]),
            ("defaults: {}\n", &[]),
            ("defaults: {approval: automatic}\n", &[("automatic-default", 1, 22)]),
            ("defaults: {name: x}\n", &[("unknown-key", 1, 12)]),
            ("bundles: []\n", &[]),
            ("tests: []\n", &[]),
            ("people: []\n", &[]),
            ("policy_approvers: []\n", &[]),
            ("approvals: []\n", &[]),
            ("roles: {}\n", &[("wrong-kind", 1, 8)]),
            ("roles: [a]\n", &[("wrong-kind", 1, 9)]),
            ("roles: []\n", &[]),
        ],
        str::to_owned,
    );
}

#[test]
fn groups_and_principals() {
    run(
        &[
            ("groups: {a: [ann@example.com, user:bob@example.com, group:b], b: []}\n", &[]),
            ("groups: {a: [group:sre]}\nidp_groups: [sre]\n", &[]),
            ("groups: {a: [dba]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [anyone]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [team:dba]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [\"user:dba\"]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [ann@]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [ånn@example.com]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [\"group:a b\"]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [\"oncall:db\"]}\n", &[("principal", 1, 14)]),
            ("groups: {a: [{github: {}}]}\n", &[("wrong-kind", 1, 14)]),
            (
                "groups: {b: [\"grüße\"], a: [\"日本\", x]}\n",
                &[("principal", 1, 14), ("principal", 1, 28), ("principal", 1, 34)],
            ),
            ("groups: {a: ann@example.com}\n", &[("wrong-kind", 1, 13)]),
            ("groups: {\"a b\": []}\n", &[("name", 1, 10)]),
            ("groups: [a]\n", &[("wrong-kind", 1, 9)]),
            ("groups: {a: [group:dab], dba: []}\n", &[("unknown-group", 1, 14)]),
            ("groups: {a: [group:A]}\n", &[("unknown-group", 1, 14)]),
            ("groups: {a: [], A: []}\n", &[("duplicate-name", 1, 17)]),
            ("groups: {a: []}\nidp_groups: [a]\n", &[("duplicate-name", 2, 14)]),
            ("groups: {a: []}\nidp_groups: [A]\n", &[("duplicate-name", 2, 14)]),
            ("idp_groups: [a, a]\n", &[("duplicate-name", 1, 17)]),
            ("groups: {a: [group:a]}\n", &[("group-cycle", 1, 14)]),
            (
                "groups:\n  a: [group:b]\n  b: [group:c]\n  c: [group:a, group:d]\n  d: []\n  e: [group:a]\n",
                &[("group-cycle", 2, 7), ("group-cycle", 3, 7), ("group-cycle", 4, 7)],
            ),
            ("administrators: [group:x]\n", &[("unknown-group", 1, 18)]),
            ("auditors: [group:x]\n", &[("unknown-group", 1, 12)]),
            ("administrators: ann@example.com\n", &[("wrong-kind", 1, 17)]),
        ],
        str::to_owned,
    );
}

#[test]
fn what_a_role_has_to_have() {
    run(
        &[
            (
                "    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[],
            ),
            (
                "    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("missing-key", 2, 5)],
            ),
            ("    duration: 1h\n    approvers: [l@example.com]\n", &[("missing-key", 2, 5)]),
            ("    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n", &[("no-approval", 2, 5)]),
            (
                "    duration: 1h\n    conditions: []\n    approvers: []\n",
                &[("empty-list", 5, 17), ("empty-list", 6, 16)],
            ),
            (
                "    duration: 1h\n    conditions: [{}]\n    approval: automatic\n",
                &[("missing-key", 5, 18), ("missing-key", 5, 18)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: \"\", actions: []}]\n    approval: automatic\n",
                &[("empty-text", 5, 29), ("empty-list", 5, 42)],
            ),
            (
                "    duration: 1h\n    conditions: [{actions: [read]}]\n    approval: automatic\n",
                &[("missing-key", 5, 18)],
            ),
            (
                "    duration: 1h\n    conditions: {resource: x, actions: [read]}\n    approval: automatic\n",
                &[("wrong-kind", 5, 17)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: x, actions: [read], extra: 1}]\n    approval: automatic\n",
                &[("unknown-key", 5, 49)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: x, action: [read]}]\n    approval: automatic\n",
                &[("unknown-key", 5, 32)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: x, actions: read}]\n    approval: automatic\n",
                &[("wrong-kind", 5, 41)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: x, actions: [\"a b\"]}]\n    approval: automatic\n",
                &[("name", 5, 42)],
            ),
            (
                "    duration: 1h\n    conditions: [{resource: {labels: {a: b}}, actions: [read]}]\n    approval: automatic\n",
                &[],
            ),
        ],
        role_with,
    );
    run(
        &[
            (
                "roles: [{}]\n",
                &[("missing-key", 1, 9), ("missing-key", 1, 9), ("missing-key", 1, 9), ("no-approval", 1, 9)],
            ),
            (
                "roles:\n  - {name: \"a b\", duration: 1h, conditions: [{resource: x, actions: [y]}], approvers: [l@example.com]}\n",
                &[("name", 2, 12)],
            ),
            (
                "roles:\n  - {name: a, duration: 1h, conditions: [{resource: x, actions: [y]}], approvers: [l@example.com]}\n  - {name: A, duration: 1h, conditions: [{resource: x, actions: [y]}], approvers: [l@example.com]}\n",
                &[("duplicate-name", 3, 12)],
            ),
        ],
        str::to_owned,
    );
}

#[test]
fn approval_is_said_once_and_aloud() {
    let wrap = |line: &str| {
        role_with(&format!("    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n{line}"))
    };
    run(
        &[
            ("    approval: automatic\n", &[]),
            ("    approvers: [l@example.com, \"user:m@example.com\"]\n", &[]),
            ("    approval: automatic\n    approvers: [l@example.com]\n", &[("approval-twice", 6, 5)]),
            ("    approval: automtic\n", &[("approval", 6, 15)]),
            ("    approval: none\n", &[("approval", 6, 15)]),
            ("    approval: prod-change\n", &[("approval", 6, 15)]),
            ("    approval:\n      stages: []\n", &[("empty-list", 7, 15)]),
            ("    approval: []\n", &[("wrong-kind", 6, 15)]),
            ("    approvers:\n", &[("null", 6, 5)]),
            ("    approvers: anyone\n", &[("wrong-kind", 6, 16)]),
            ("    approvers: [group:nobody]\n", &[("unknown-group", 6, 17)]),
            ("    approvers: [\"oncall:db\"]\n", &[]),
        ],
        wrap,
    );
}

#[test]
fn who_may_ask() {
    let wrap = |line: &str| {
        format!(
            "resources:\n  - {{name: x, connector: postgres, risk: low}}\n  - {{name: y, connector: postgres}}\nroles:\n  - name: a\n    duration: 1h\n{line}"
        )
    };
    run(
        &[
            ("    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n", &[]),
            (
                "    requesters: anyone\n    conditions: [{resource: y, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[],
            ),
            (
                "    requesters: anyone\n    conditions: [{resource: x, actions: [read]}]\n    approval: automatic\n",
                &[],
            ),
            (
                "    requesters: anyone\n    conditions: [{resource: y, actions: [read]}]\n    approval: automatic\n",
                &[("automatic-for-anyone", 9, 5)],
            ),
            (
                "    requesters: anyone\n    conditions: [{resource: \"*\", actions: [read]}]\n    approval: automatic\n",
                &[("automatic-for-anyone", 9, 5)],
            ),
            (
                "    requesters: anyone\n    conditions: [{resource: undefined, actions: [read]}]\n    approval: automatic\n",
                &[("automatic-for-anyone", 9, 5)],
            ),
            (
                "    conditions: [{resource: x, actions: [read]}]\n    approval: automatic\n",
                &[("automatic-without-requesters", 5, 5)],
            ),
            (
                "    requesters: [dev@example.com]\n    conditions: [{resource: y, actions: [read]}]\n    approval: automatic\n",
                &[],
            ),
            (
                "    requesters: []\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("empty-list", 7, 17)],
            ),
            (
                "    requesters: everyone\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("wrong-kind", 7, 17)],
            ),
            (
                "    requesters: [anyone]\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("principal", 7, 18)],
            ),
            (
                "    requesters: [{github: {}}]\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("workload", 7, 27), ("workload", 7, 27)],
            ),
            (
                "    requesters: [group:gone]\n    deny: [group:gone]\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n",
                &[("unknown-group", 7, 18), ("unknown-group", 8, 12)],
            ),
            ("    deny: []\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [l@example.com]\n", &[]),
        ],
        wrap,
    );
}

#[test]
fn durations() {
    let wrap = |line: &str| {
        role_with(&format!(
            "{line}    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [l@example.com]\n"
        ))
    };
    run(
        &[
            ("    duration: 1h30m\n", &[]),
            ("    duration: 30d\n", &[]),
            ("    duration: {min: 5m, default: 30m, max: 2h}\n", &[]),
            ("    duration: {max: 2h}\n", &[]),
            ("    duration: {min: 5m, default: 5m, max: 5m}\n", &[]),
            ("    duration: 30\n", &[("duration", 4, 15)]),
            ("    duration: \"30\"\n", &[("duration", 4, 15)]),
            ("    duration: 0s\n", &[("duration", 4, 15)]),
            ("    duration: 31d\n", &[("duration", 4, 15)]),
            ("    duration: 99999999999999d\n", &[("duration", 4, 15)]),
            ("    duration: forever\n", &[("duration", 4, 15)]),
            ("    duration: 2 hours\n", &[("duration", 4, 15)]),
            ("    duration: -1h\n", &[("duration", 4, 15)]),
            ("    duration: 1.5h\n", &[("duration", 4, 15)]),
            ("    duration: 30m1h\n", &[("duration", 4, 15)]),
            ("    duration: 12:30\n", &[("duration", 4, 15)]),
            ("    duration: [1h]\n", &[("wrong-kind", 4, 15)]),
            ("    duration: {}\n", &[("missing-key", 4, 15)]),
            ("    duration:\n      min: 1h\n", &[("missing-key", 5, 7)]),
            ("    duration: {min: 3h, max: 2h}\n", &[("duration-order", 4, 21)]),
            ("    duration: {default: 3h, max: 2h}\n", &[("duration-order", 4, 25)]),
            ("    duration: {min: 2h, default: 1h, max: 3h}\n", &[("duration-order", 4, 21)]),
            ("    duration: {max: 0s}\n", &[("duration", 4, 21)]),
            ("    duration: {max: 2h, most: 1h}\n", &[("unknown-key", 4, 25)]),
        ],
        wrap,
    );
}

#[test]
fn constraints() {
    run(
        &[
            ("    constraints: {}\n", &[]),
            ("    constraints: {justification: {}}\n", &[]),
            ("    constraints: {justification: {min_length: 10, pattern: \"(?i).*x.*\", required: false}}\n", &[]),
            ("    constraints: {justification: {min_length: 2001}}\n", &[("out-of-range", 4, 47)]),
            ("    constraints: {justification: {min_length: -1}}\n", &[("not-a-number", 4, 47)]),
            ("    constraints: {justification: {min_length: \"10\"}}\n", &[("not-a-number", 4, 47)]),
            ("    constraints: {justification: {min_length: 1_0}}\n", &[("not-a-number", 4, 47)]),
            ("    constraints: {justification: {pattern: \"(?=a)\"}}\n", &[("pattern", 4, 44)]),
            ("    constraints: {justification: {pattern: \"a)|(b\"}}\n", &[("pattern", 4, 44)]),
            ("    constraints: {justification: {pattern: 12}}\n", &[("quote-it", 4, 44)]),
            ("    constraints: {justification: {required: yes}}\n", &[("not-a-boolean", 4, 45)]),
            ("    constraints: {justification: {required: \"true\"}}\n", &[("not-a-boolean", 4, 45)]),
            ("    constraints: {justification: {required: True}}\n", &[("not-a-boolean", 4, 45)]),
            ("    constraints: {justification: true}\n", &[("wrong-kind", 4, 34)]),
            ("    constraints: {justification: {min_lenght: 10}}\n", &[("unknown-key", 4, 35)]),
            ("    constraints: {ticket: {}}\n", &[]),
            (
                "    constraints: {windows: [], source_ip: [], mfa: {}}\n",
                &[("empty-list", 4, 28), ("empty-list", 4, 43)],
            ),
            (
                "    constraints: {concurrency: {}, inputs: [], when: [], budget: {}, cooldown: 1h}\n",
                &[
                    ("missing-key", 4, 32),
                    ("empty-list", 4, 44),
                    ("empty-list", 4, 54),
                    ("missing-key", 4, 66),
                    ("missing-key", 4, 66),
                ],
            ),
            (
                "    owner: group:x\n    triggers: []\n    extension: {}\n",
                &[("unknown-group", 4, 12), ("empty-list", 5, 15), ("missing-key", 6, 16)],
            ),
            (
                "    auto_approve_when: x\n    activation: {}\n    break_glass: {}\n",
                &[
                    ("cedar", 4, 24),
                    ("missing-key", 5, 17),
                    ("missing-key", 6, 18),
                    ("missing-key", 6, 18),
                    ("missing-key", 6, 18),
                ],
            ),
            ("    notify: []\n    on_policy_change: keep\n", &[]),
            ("    aprovers: []\n", &[("unknown-key", 4, 5)]),
        ],
        |line| role_with(&format!("{line}{REST}")),
    );
}

#[test]
fn resources_and_their_settings() {
    let wrap = |text: &str| format!("resources:\n{text}");
    run(
        &[
            ("  - {name: services/db, connector: postgres}\n", &[]),
            (
                "  - name: services/db\n    connector: postgres\n    labels: {env: prod, tier: \"1\"}\n    risk: high\n    admin: env:CURFEW_SERVICES_DB_URL\n    settings: {schemas: [public], scram_iterations: auto, replicas: [\"ro:5432\"], actions: {audit: {roles: [pg_read_all_data], effects: [read]}}}\n",
                &[],
            ),
            (
                "  - {name: h, connector: ssh, settings: {hosts: [\"web-1:22\"], source_address: [10.0.0.0/8], actions: {shell: {principals: [deploy]}}}}\n",
                &[],
            ),
            ("  - {name: a, connector: postgres, settings: {scram_iterations: 4096}}\n", &[]),
            ("  - {connector: postgres}\n", &[("missing-key", 2, 5)]),
            ("  - {name: a}\n", &[("missing-key", 2, 5)]),
            ("  - {name: a//b, connector: postgres}\n", &[("name", 2, 12)]),
            ("  - {name: \"a/*\", connector: postgres}\n", &[("name", 2, 12)]),
            ("  - {name: 12, connector: postgres}\n", &[("quote-it", 2, 12)]),
            ("  - {name: a, connector: postgers}\n", &[("unknown-connector", 2, 26)]),
            ("  - {name: a, connector: oracle}\n", &[("unknown-connector", 2, 26)]),
            ("  - {name: a, connector: postgres, risk: hihg}\n", &[("unknown-value", 2, 42)]),
            ("  - {name: a, connector: postgres, labels: {tier: 1}}\n", &[("quote-it", 2, 51)]),
            ("  - {name: a, connector: postgres, labels: {no: x}}\n", &[("quote-it", 2, 45)]),
            ("  - {name: a, connector: postgres, admin: \"postgres://m:secret@db/x\"}\n", &[("reference", 2, 43)]),
            ("  - {name: a, connector: postgres, admin: \"env:\"}\n", &[("reference", 2, 43)]),
            ("  - {name: a, connector: postgres, admin: \"file:relative\"}\n", &[("reference", 2, 43)]),
            ("  - {name: a, connector: postgres, admin: \"openbao:kv/db\"}\n", &[("reference", 2, 43)]),
            ("  - {name: a, connector: postgres, admin: \"openbao:kv/db#url\"}\n", &[]),
            (
                "  - {name: a, connector: postgres, admin: \"env:X\"}\n  - {name: b, connector: postgres, admin: \"env:X\"}\n",
                &[("shared-admin", 3, 12)],
            ),
            (
                "  - {name: a/b, connector: postgres}\n  - {name: a-b, connector: postgres}\n",
                &[("shared-admin", 3, 12)],
            ),
            (
                "  - {name: a, connector: postgres}\n  - {name: A, connector: postgres}\n",
                &[("duplicate-name", 3, 12), ("shared-admin", 3, 12)],
            ),
            ("  - {name: a, connector: postgres, defined_by: []}\n", &[("empty-list", 2, 48)]),
            ("  - {name: a, connector: postgres, setings: {}}\n", &[("unknown-key", 2, 36)]),
            ("  - {name: a, connector: postgres, settings: []}\n", &[("wrong-kind", 2, 46)]),
            ("  - {name: a, connector: postgres, settings: {schema: [x]}}\n", &[("unknown-key", 2, 47)]),
            ("  - {name: a, connector: postgres, settings: {schemas: []}}\n", &[("empty-list", 2, 56)]),
            ("  - {name: a, connector: postgres, settings: {schemas: public}}\n", &[("wrong-kind", 2, 56)]),
            ("  - {name: a, connector: postgres, settings: {schemas: [1]}}\n", &[("quote-it", 2, 57)]),
            ("  - {name: a, connector: postgres, settings: {database: \"\"}}\n", &[("text-length", 2, 57)]),
            ("  - {name: a, connector: postgres, settings: {replicas: [db]}}\n", &[("host-port", 2, 58)]),
            ("  - {name: a, connector: postgres, settings: {scram_iterations: 0}}\n", &[("out-of-range", 2, 65)]),
            ("  - {name: a, connector: postgres, settings: {scram_iterations: 1.5}}\n", &[("not-a-number", 2, 65)]),
            ("  - {name: a, connector: postgres, settings: {scram_iterations: manual}}\n", &[("unknown-value", 2, 65)]),
            ("  - {name: a, connector: postgres, settings: {scram_iterations: []}}\n", &[("wrong-kind", 2, 65)]),
            ("  - {name: a, connector: postgres, settings: {leftovers: burn}}\n", &[("unknown-value", 2, 58)]),
            (
                "  - {name: a, connector: postgres, settings: {actions: {read: {roles: [x]}}}}\n",
                &[("built-in-action", 2, 57)],
            ),
            ("  - {name: a, connector: postgres, settings: {actions: {\"x y\": {roles: [x]}}}}\n", &[("name", 2, 57)]),
            (
                "  - {name: a, connector: postgres, settings: {actions: {x: {effects: [destroy]}}}}\n",
                &[("unknown-value", 2, 71)],
            ),
            ("  - {name: a, connector: ssh}\n", &[("missing-key", 2, 5)]),
            ("  - {name: a, connector: ssh, settings: {}}\n", &[("missing-key", 2, 41)]),
            (
                "  - {name: a, connector: ssh, settings: {hosts: [\"h:22\"], actions: {shell: {}}}}\n",
                &[("missing-key", 2, 76)],
            ),
            (
                "  - {name: a, connector: ssh, settings: {hosts: [\"h:22\"], source_address: [10.0.0.1/8]}}\n",
                &[("cidr", 2, 76)],
            ),
            (
                "  - {name: a, connector: ssh, settings: {hosts: [\"h:22\"], source_address: [300.0.0.0/8]}}\n",
                &[("cidr", 2, 76)],
            ),
        ],
        wrap,
    );
}

#[test]
fn scopes_fit_the_resources() {
    let wrap = |condition: &str| {
        let resources = "resources:\n  - {name: services/db, connector: postgres}\n  - {name: services/web, connector: ssh, settings: {hosts: [\"h:22\"], actions: {shell: {principals: [d]}}}}\n";
        format!(
            "{resources}roles:\n  - name: a\n    duration: 1h\n    requesters: [d@example.com]\n    approvers: [l@example.com]\n    conditions:\n      - {condition}\n"
        )
    };
    run(
        &[
            ("{resource: services/db, actions: [read, write, ddl]}", &[]),
            ("{resource: services/web, actions: [shell]}", &[]),
            ("{resource: \"services/*\", actions: [read, shell]}", &[]),
            ("{resource: \"**\", actions: [read]}", &[]),
            ("{resource: services/db, actions: [raed]}", &[("unknown-action", 10, 43)]),
            ("{resource: services/db, actions: [read, shell]}", &[("unknown-action", 10, 49)]),
            ("{resource: \"services/*\", actions: [destroy]}", &[("unknown-action", 10, 44)]),
            ("{resource: \"services/d**\", actions: [read]}", &[("name", 10, 20)]),
            ("{resource: /services/db, actions: [read]}", &[("name", 10, 20)]),
            ("{resource: services//db, actions: [read]}", &[("name", 10, 20)]),
            ("{resource: \"services/db?\", actions: [read]}", &[("name", 10, 20)]),
            ("{resource: 12, actions: [read]}", &[("quote-it", 10, 20)]),
        ],
        wrap,
    );
}

#[test]
fn lints_are_warnings() {
    let text = "groups: {none: [], one: [solo@example.com]}\nresources: [{name: x, connector: postgres}]\nroles:\n  - name: anyone\n    duration: 13h\n    deny: [lead@example.com]\n    conditions: [{resource: y, actions: [read]}, {resource: \"z/*\", actions: [read]}]\n    approvers: [lead@example.com, second@example.com]\n  - name: nobody\n    requesters: [d@example.com]\n    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [group:none]\n  - name: oneself\n    requesters: [solo@example.com]\n    duration: 12h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [group:one]\n";
    let checked = check_text(text);
    assert_eq!(errors(&checked.problems), vec![]);
    assert_eq!(
        warnings(&checked.problems),
        vec![
            ("empty-group", 1, 10),
            ("anyone-may-ask", 4, 5),
            ("long-duration", 5, 5),
            ("undefined-resource", 7, 29),
            ("glob-matches-nothing", 7, 61),
            ("approver-denied", 8, 17),
            ("unapprovable", 13, 5),
            ("unapprovable", 18, 5),
        ]
    );
    assert!(checked.set.is_some());
}

#[test]
fn an_undefined_resource_is_an_error_to_a_server() {
    let file = file("p.yaml", &role_with(REST));
    let checked = curfew_policy::check(&[file], &KINDS, Purpose::Load);
    assert_eq!(errors(&checked.problems), vec![("undefined-resource", 5, 29)]);
    assert!(checked.set.is_none());
}

#[test]
fn bytes_that_are_no_policy() {
    let bytes = |bytes: &[u8]| {
        let found = check_files(&[SourceFile { path: "p.yaml".to_owned(), bytes: bytes.to_vec() }]);
        errors(&found.problems)
    };
    assert_eq!(bytes(b"version: 1\n# \xc3\xa4\xff\n"), vec![("not-utf8", 2, 4)]);
    assert_eq!(bytes(b"\xef\xbb\xbfversion: 1\r\nnope: 2\r\n"), vec![("unknown-key", 2, 1)]);
    assert_eq!(bytes(b"\xef\xbb\xbfnope: 1\n"), vec![("unknown-key", 1, 1)]);
    let deep = |levels: usize| format!("groups: {}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    assert_eq!(bytes(&deep(31)), vec![("wrong-kind", 1, 9)]);
    assert_eq!(bytes(&deep(32)), vec![("nesting", 1, 40)]);
    assert_eq!(bytes(&deep(100_000)).first().map(|p| p.0), Some("nesting"));
    let large = |size: usize| {
        let mut text = b"version: 1\n#".to_vec();
        text.resize(size, b'x');
        text
    };
    assert_eq!(bytes(&large(1 << 20)), vec![]);
    assert_eq!(bytes(&large((1 << 20) + 1)), vec![("file-too-large", 1, 1)]);
    assert_eq!(bytes(format!("roles:\n{}  []\n", "  # more\n".repeat(5_000)).as_bytes()), vec![]);
    let found = check_files(&[]);
    assert_eq!(errors(&found.problems), vec![("no-files", 1, 1)]);
}

#[test]
fn json_is_read_strictly() {
    let json = |text: &str| errors(&check_files(&[file("p.json", text)]).problems);
    let role = "\"conditions\":[{\"resource\":\"x\",\"actions\":[\"read\"]}],\"approvers\":[\"l@example.com\"]";
    assert_eq!(json(&format!("{{\n\t\"roles\":\t[{{\"name\":\"a\",\"duration\":\"1h\",{role}}}]\n}}\n")), vec![]);
    assert_eq!(
        json(&format!("{{\"roles\":[\n{{\"name\":\"a\",\"duration\":30,{role}}}]}}")),
        vec![("duration", 2, 24)]
    );
    assert_eq!(json("{\"roles\": [], \"roles\": []}"), vec![("duplicate-key", 1, 15)]);
    assert_eq!(json("{\"roles\": null}"), vec![("null", 1, 11)]);
    assert_eq!(json("{\"groups\": {\"\\u0061\": [], \"a\": []}}"), vec![("duplicate-key", 1, 27)]);
    assert_eq!(json("roles: []\n"), vec![("syntax", 1, 1)]);
    assert_eq!(json("{\"roles\": [],}\n"), vec![("syntax", 1, 14)]);
    assert_eq!(json("{\"roles\": []} # no\n"), vec![("syntax", 1, 15)]);
    assert_eq!(json(" \n"), vec![("empty-file", 1, 1)]);
}

#[test]
fn what_stands_in_several_files_is_one_set() {
    let one = "groups: {dba: [ann@example.com]}\nresources: [{name: x, connector: postgres}]\n";
    let two =
        role_with("    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: [group:dba]\n");
    let fine = check_files(&[file("b/two.yaml", &two), file("a.yaml", one)]);
    assert_eq!(errors(&fine.problems), vec![]);
    let twice =
        check_files(&[file("a.yaml", one), file("two.yaml", &two), file("z.yaml", &two.replace("name: a", "name: A"))]);
    assert_eq!(errors(&twice.problems), vec![("duplicate-name", 2, 11)]);
    assert_eq!(twice.problems.last().map(|p| p.file.as_str()), Some("z.yaml"));
    let both = check_files(&[
        file("a.yaml", "nope: 1\n"),
        file("b.yaml", "[\n"),
        file("c.test.yaml", ""),
        file("environments/p.yaml", ""),
        file("g.cedar", ""),
    ]);
    let found: Vec<(&str, &str)> = both.problems.iter().map(|p| (p.file.as_str(), p.code)).collect();
    assert_eq!(
        found,
        [
            ("a.yaml", "unknown-key"),
            ("b.yaml", "syntax"),
            ("c.test.yaml", "empty-file"),
            ("environments/p.yaml", "empty-file"),
            ("g.cedar", "empty-file")
        ]
    );
}

#[test]
fn problems_are_bounded_and_warnings_hide_no_error() {
    let many: String = (0..1_500).map(|i| format!("key{i}: 1\n")).collect();
    assert_eq!(check_text(&many).problems.len(), 1_000);
    let groups: String = (0..1_500).map(|i| format!("  g{i}: []\n")).collect();
    let checked = check_text(&format!("groups:\n{groups}zebra: 1\n"));
    assert_eq!(checked.problems.len(), 1_000);
    assert_eq!(errors(&checked.problems), vec![("unknown-key", 1_502, 1)]);
    assert!(checked.set.is_none());
}

#[test]
fn hints_name_what_was_meant() {
    let hint = |text: &str| {
        let found = check_text(text).problems;
        found.into_iter().find(|p| p.severity == Severity::Error).map(|p| p.hint).unwrap_or_default()
    };
    assert_eq!(hint("rolse: []\n"), "did you mean `roles`?");
    assert_eq!(hint("groups: {a: [group:dab], dba: []}\n"), "did you mean group:dba?");
    assert_eq!(hint("resources: [{name: x, connector: postgers}]\n"), "did you mean `postgres`?");
    assert_eq!(hint("groups: {no: []}\n"), "quote it: \"no\"");
    let role = |lines: &str| hint(&role_with(&format!("{REST}    {lines}\n")));
    let window = "constraints: {windows: [{from: 9:00, to: \"18:00\", tz: UTC}]}";
    assert_eq!(role(window), "quote it: \"09:00\"", "what is told to be written is then taken");
    let trigger = "triggers: [{github: {repository_id: \"1\", ref: refs/heads/main}, grant_to: [actors]}]";
    assert_eq!(role(trigger), "did you mean `actor`?");
    let test = |group: &str| {
        format!(
            "idp_groups: [sre]\ngroups: {{dba: [a@example.com]}}\ntests: [{{name: t, as: {{user: d@example.com, groups: [\"{group}\"]}}, request: {{role: a}}, expect: denied}}]\n{}",
            role_with(REST)
        )
    };
    assert_eq!(hint(&test("group:sre")), "write `sre`, without `group:`");
    let warned = |group: &str| {
        let found = check_text(&test(group)).problems;
        found.into_iter().find(|p| p.code == "unknown-group").map(|p| p.hint).unwrap_or_default()
    };
    assert_eq!(warned("srre"), "did you mean `sre`?");
    assert!(warned("dba").starts_with("remove it: `dba` is a static group"), "{}", warned("dba"));
}

#[test]
fn one_mistake_is_told_once() {
    for resource in ["{name: services/x, connector: postgers}", "{name: services/x}"] {
        let role = role_with(&REST.replace("resource: x", "resource: services/x"));
        let found = check_text(&format!("resources: [{resource}]\n{role}"));
        let codes: Vec<&str> = found.problems.iter().map(|p| p.code).collect();
        assert_eq!(codes.len(), 1, "{resource}: {codes:?}");
    }
    for expression in ["principal.mail == \\\"a\\\"", "\\\"write\\\" in context.actions"] {
        let found = check_text(&role_with(&format!("{REST}    auto_approve_when: \"{expression}\"\n")));
        assert_eq!(errors(&found.problems).len(), 1, "{expression}: {:?}", found.problems);
        assert!(!found.problems.iter().any(|p| p.message.contains("__cedar")), "{:?}", found.problems);
    }
}

#[test]
fn expressions_are_told_what_to_write_instead() {
    for (expression, part) in [
        ("context.reason == 'x'", "double quotes"),
        ("not context.oncall", "write `!` for not"),
        ("when { context.oncall }", "write the condition alone"),
        ("(context.oncall", "close every `(`"),
        ("context.now.hour() < 12", "`windows`"),
        ("resource.env == \\\"prod\\\"", "resource.labels.env"),
        ("resource.risk > 2", "resource.risk == \"high\""),
        ("principal.mail == \\\"a\\\"", "did you mean principal.email?"),
        ("\\\"write\\\" in context.actions", "context.actions.contains"),
    ] {
        let text = role_with(&format!("{REST}    auto_approve_when: \"{expression}\"\n"));
        let found = check_text(&text).problems;
        let hints: Vec<_> = found.iter().filter(|p| p.severity == Severity::Error).map(|p| &p.hint).collect();
        assert!(hints.first().is_some_and(|hint| hint.contains(part)), "{expression}: {hints:?}");
    }
}

#[test]
fn a_secret_pasted_into_admin_is_not_repeated() {
    let found = check_text("resources: [{name: x, connector: postgres, admin: \"postgres://m:hunter2@db/x\"}]\n");
    assert!(!format!("{:?}", found.problems).contains("hunter2"));
}

#[test]
fn problems_serialize_as_promised() {
    let problem = check_text("zebra: 1\n").problems.remove(0);
    let json = serde_json::to_value(&problem).expect("JSON");
    let keys: std::collections::BTreeSet<&str> =
        json.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "column", "file", "hint", "line", "message", "severity"].into());
    assert_eq!(json["severity"], "error");
}

#[test]
fn a_role_without_approvers_is_told_how_to_say_that_nobody_approves() {
    let hint = |lines: &str| {
        let found = check_text(&role_with(lines));
        let empty = found.problems.iter().find(|problem| problem.code == "empty-list").expect("a problem");
        empty.hint.clone()
    };
    let conditions = "    duration: 1h\n    conditions: [{resource: x, actions: [read]}]\n    approvers: []\n";
    assert!(hint(conditions).contains("approval: automatic"));
    let actions = "    duration: 1h\n    conditions: [{resource: x, actions: []}]\n    approvers: [a@example.com]\n";
    assert!(hint(actions).contains("never means"));
}
