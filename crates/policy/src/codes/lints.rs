//! What is allowed and yet probably not meant.

use super::Frame::{File, Lacking, Resource, Role};
use super::{ProblemKind, warning};

pub(super) static KINDS: &[ProblemKind] = &[
    warning(
        "anyone-may-ask",
        Lacking("requesters"),
        "Any signed-in person may ask.",
        ("a role without `requesters`", "requesters: [group:sre]"),
    ),
    warning(
        "unaskable",
        Role,
        "Nobody can ask, or break the glass: nobody is left after the deny list and empty groups.",
        ("deny: [group:sre]", "deny: [group:contractors]"),
    ),
    warning(
        "unapprovable",
        Role,
        "Nobody can approve, or only whoever asks.",
        ("approvers: [group:nobody]", "approvers: [group:dba]"),
    ),
    warning(
        "approver-denied",
        Role,
        "An approver is on the role's deny list.",
        (
            "{deny: [ann@example.com], approvers: [ann@example.com, group:dba]}",
            "approvers: [ann@example.com, group:dba]",
        ),
    ),
    warning(
        "unreachable-stage",
        Lacking("approvers"),
        "Nothing comes to a stage, because nobody can decide the one before.",
        (
            "approval: {stages: [{any_of: [group:nobody]}, {any_of: [group:dba]}]}",
            "approval: {stages: [{any_of: [ann@example.com]}, {any_of: [bob@example.com]}]}",
        ),
    ),
    warning(
        "unreachable-timeout",
        Lacking("approvers"),
        "The request lapses before the stage has waited.",
        (
            "approval: {stages: [{any_of: [group:dba], timeout: 2d}], lapses_after: 1d}",
            "approval: {stages: [{any_of: [group:dba], timeout: 2d}], lapses_after: 3d}",
        ),
    ),
    warning(
        "unknown-starter",
        Lacking("approvers"),
        "A run that people decide about, or that gives to who started it, where nobody can tell who that is.",
        (
            "{requesters: [{buildkite: {organization_slug: acme, pipeline_slug: shop}}], approvers: [group:dba]}",
            "{requesters: [{buildkite: {organization_slug: acme, pipeline_slug: shop}}], approval: automatic}",
        ),
    ),
    warning(
        "unsignable",
        File,
        "More persons have to sign a change of policy files than are named.",
        (
            "policy_approvers: [{paths: [\"prod/**\"], any_of: [ann@example.com], require: 2}]",
            "policy_approvers: [{paths: [\"prod/**\"], any_of: [ann@example.com, bob@example.com], require: 2}]",
        ),
    ),
    warning("empty-group", File, "Nobody is in a group.", ("groups: {dba: []}", "groups: {dba: [ann@example.com]}")),
    warning("long-duration", Role, "Access for more than 12h.", ("duration: 1d", "duration: 12h")),
    warning(
        "automatic-on-high-risk",
        Role,
        "Access to something of high risk without anybody's approval.",
        (
            "{conditions: [{resource: services/vault, actions: [read]}], auto_approve_when: context.oncall}",
            "conditions: [{resource: services/vault, actions: [read]}]",
        ),
    ),
    warning(
        "needless-expression",
        Lacking("approvers"),
        "`auto_approve_when` beside `approval: automatic`.",
        ("{approval: automatic, auto_approve_when: context.oncall}", "approval: automatic"),
    ),
    warning(
        "always-true",
        Role,
        "An expression that is always true.",
        ("auto_approve_when: \"true\"", "auto_approve_when: context.oncall"),
    ),
    warning(
        "never-true",
        Role,
        "An expression or guardrail that is never true.",
        ("auto_approve_when: context.oncall && false", "auto_approve_when: context.oncall"),
    ),
    warning(
        "loosens-default",
        Role,
        "A role asks for less than `defaults`.",
        ("constraints: {justification: {min_length: 5}}", "constraints: {justification: {min_length: 20}}"),
    ),
    warning(
        "duplicate-role",
        Role,
        "Two roles are one under two names.",
        ("constraints: {ticket: {pattern: \"TWIN\"}}", "constraints: {ticket: {pattern: \"INC-[0-9]+\"}}"),
    ),
    warning(
        "glob-matches-nothing",
        Role,
        "A glob or selector that matches no resource of the set.",
        (
            "conditions: [{resource: \"hosts/*\", actions: [read]}]",
            "conditions: [{resource: \"services/*\", actions: [read]}]",
        ),
    ),
    warning(
        "escaping-action",
        Resource,
        "A custom action from which one can get further than it says.",
        (
            "settings: {actions: {look: {roles: [pg_execute_server_program]}}}",
            "settings: {actions: {look: {roles: [pg_monitor]}}}",
        ),
    ),
    warning(
        "workload-by-name",
        Role,
        "A workload by a name, which somebody else can take over.",
        (
            "requesters: [{github: {repository: acme/shop, ref: refs/heads/main}}]",
            "requesters: [{github: {repository_id: \"123456\", ref: refs/heads/main}}]",
        ),
    ),
    warning(
        "unlikely-ref",
        Role,
        "A branch or tag in a form that no token of this provider has.",
        (
            "requesters: [{github: {repository_id: \"123456\", ref: main}}]",
            "requesters: [{github: {repository_id: \"123456\", ref: refs/heads/main}}]",
        ),
    ),
];
