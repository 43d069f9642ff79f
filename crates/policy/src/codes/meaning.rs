//! What does not fit together: approval, names, workloads, expressions.

use super::Frame::{File, Folder, Guardrail, Lacking, Overlay, Resource, Role};
use super::{ProblemKind, error};

pub(super) static KINDS: &[ProblemKind] = &[
    error(
        "no-approval",
        Lacking("approvers"),
        "Nothing says who approves. That nobody has to is never assumed.",
        ("a role without `approvers` and `approval`", "approvers: [group:dba]"),
    ),
    error(
        "approval-twice",
        Role,
        "A role has both `approvers` and `approval`.",
        ("approval: prod-change", "approvers: [ann@example.com]"),
    ),
    error(
        "approval",
        Lacking("approvers"),
        "`approval` is neither `automatic` nor the name of a chain nor a mapping with `stages`.",
        ("approval: none", "approval: automatic"),
    ),
    error(
        "stage-twice",
        Lacking("approvers"),
        "A stage has both `any_of` and `all_of`.",
        (
            "approval: {stages: [{any_of: [ann@example.com], all_of: [bob@example.com]}]}",
            "approval: {stages: [{any_of: [ann@example.com]}, {all_of: [bob@example.com]}]}",
        ),
    ),
    error(
        "stage-require",
        Lacking("approvers"),
        "`require` beside `all_of`, which requires each of its entries.",
        (
            "approval: {stages: [{all_of: [ann@example.com, bob@example.com], require: 2}]}",
            "approval: {stages: [{any_of: [ann@example.com, bob@example.com], require: 2}]}",
        ),
    ),
    error(
        "automatic-default",
        File,
        "`defaults` makes approval automatic for every role.",
        ("defaults: {approval: automatic}", "defaults: {approvers: [ann@example.com]}"),
    ),
    error(
        "automatic-without-requesters",
        Lacking("requesters"),
        "A role that nobody approves does not say who may ask.",
        ("auto_approve_when: context.oncall", "requesters: [group:sre]"),
    ),
    error(
        "automatic-for-anyone",
        Lacking("requesters"),
        "Anybody would get something above low risk without anybody's approval.",
        ("{requesters: anyone, auto_approve_when: context.oncall}", "requesters: anyone"),
    ),
    error(
        "unknown-group",
        Role,
        "A group that neither `groups` nor `idp_groups` has. In a test, a warning: being in it changes nothing.",
        ("approvers: [group:dab]", "approvers: [group:dba]"),
    ),
    error(
        "group-cycle",
        File,
        "A group is in itself.",
        ("groups: {a: [group:b], b: [group:a]}", "groups: {a: [group:b], b: [ann@example.com]}"),
    ),
    error(
        "unknown-role",
        File,
        "A role that nothing defines.",
        ("bundles: [{name: kit, roles: [db-debug]}]", "bundles: []"),
    ),
    error(
        "undefined-resource",
        Role,
        "A resource that nothing defines: a warning in a check, an error to a server that loads the set.",
        (
            "conditions: [{resource: services/bd, actions: [read]}]",
            "conditions: [{resource: services/db, actions: [read]}]",
        ),
    ),
    error(
        "unknown-connector",
        File,
        "A connector that there is not.",
        (
            "resources: [{name: services/db, connector: postgers}]",
            "resources: [{name: services/db, connector: postgres}]",
        ),
    ),
    error(
        "unknown-action",
        Role,
        "An action that no resource of the condition has.",
        (
            "conditions: [{resource: services/db, actions: [raed]}]",
            "conditions: [{resource: services/db, actions: [read]}]",
        ),
    ),
    error(
        "built-in-action",
        Resource,
        "A custom action has the name of a built-in one.",
        ("settings: {actions: {read: {roles: [pg_monitor]}}}", "settings: {actions: {watch: {roles: [pg_monitor]}}}"),
    ),
    error(
        "reference",
        Resource,
        "`admin` says no place where the secret is.",
        ("admin: \"postgres://manager:secret@db/orders\"", "admin: env:CURFEW_SERVICES_DB_URL"),
    ),
    error(
        "shared-admin",
        File,
        "Two resources have one way in, and so would be one target.",
        (
            "resources: [{name: a, connector: postgres, admin: \"env:DB\"}, {name: b, connector: postgres, admin: \"env:DB\"}]",
            "resources: [{name: a, connector: postgres, admin: \"env:DB\"}, {name: b, connector: postgres, admin: \"env:OTHER\"}]",
        ),
    ),
    error(
        "host-port",
        Resource,
        "No host with its port.",
        ("settings: {replicas: [db-ro]}", "settings: {replicas: [\"db-ro:5432\"]}"),
    ),
    error(
        "defined-by",
        Role,
        "A role over a resource stands in a file that may not hold it (`defined_by`).",
        (
            "conditions: [{resource: services/owned, actions: [read]}]",
            "conditions: [{resource: services/db, actions: [read]}]",
        ),
    ),
    error(
        "workload",
        Role,
        "A workload does not say which, or where it runs.",
        (
            "requesters: [{github: {repository_id: \"123456\"}}]",
            "requesters: [{github: {repository_id: \"123456\", ref: refs/heads/main}}]",
        ),
    ),
    error(
        "workload-wildcard",
        Role,
        "A `*` in a claim. The only one is at the end of a tag ref.",
        (
            "requesters: [{github: {repository_id: \"123456\", ref: \"refs/heads/*\"}}]",
            "requesters: [{github: {repository_id: \"123456\", ref: \"refs/tags/v*\"}}]",
        ),
    ),
    error(
        "cedar",
        Role,
        "An expression or guardrail that is not Cedar.",
        ("auto_approve_when: context.oncall and context.mfa", "auto_approve_when: context.oncall && context.mfa"),
    ),
    error(
        "cedar-type",
        Role,
        "An expression or guardrail that does not fit the facts there are.",
        ("auto_approve_when: context.duration <= 3600", "auto_approve_when: context.duration <= duration(\"1h\")"),
    ),
    error(
        "cedar-fact",
        Role,
        "An expression hides which facts it depends on.",
        ("auto_approve_when: \"context == {}\"", "auto_approve_when: context.oncall"),
    ),
    error(
        "permit-in-guardrail",
        Guardrail,
        "A guardrail gives. It may only forbid.",
        (
            "permit (principal, action, resource);",
            "forbid (principal, action, resource) when { context.risk_score > 50 };",
        ),
    ),
    error(
        "unknown-label",
        Guardrail,
        "An expression names a label that no resource has.",
        (
            "forbid (principal, action, resource) when { resource.labels.enviroment == \"prod\" };",
            "forbid (principal, action, resource) when { resource.labels.env == \"prod\" };",
        ),
    ),
    error(
        "unknown-input",
        Role,
        "An expression names an input that the role does not have, or that roles do not agree on.",
        (
            "auto_approve_when: context.inputs.tabel == \"orders\"",
            "auto_approve_when: context.inputs.table == \"orders\"",
        ),
    ),
    error(
        "shared-account",
        Folder,
        "Two resources open one account of one host, and so would be one target.",
        (
            "two ssh resources with `hosts: [\"web:22\"]` and `principals: [deploy]` in an action",
            "one ssh resource with the actions of both",
        ),
    ),
    error(
        "never-anybody",
        Guardrail,
        "An expression names somebody in a way that nobody is ever named: addresses are in small letters, and persons and workloads are no entities that a policy can write.",
        (
            "forbid (principal, action, resource) when { principal.email == \"Dev@example.com\" };",
            "forbid (principal, action, resource) when { principal.email == \"dev@example.com\" };",
        ),
    ),
    error(
        "overlay-widens",
        Overlay,
        "An environment gives more than the set without it.",
        ("{name: db-debug, duration: 4h}", "{name: db-debug, duration: 1h}"),
    ),
];
