//! Changes that widen nothing: some narrow, some only look like a change.

use super::{Case, case};
use curfew_policy::Direction::Narrower;
use curfew_policy::Kind::{
    Approval, Authority, BreakGlass, CanAsk, Constraint, Duration, Extension, Guardrail, Identity, Meaning, Scope,
    Target, Trigger,
};

const WHEN: &str = "'!context.actions.contains(\"write\") || context.duration <= duration(\"1h\")'";
const AUTO: &str = "context.oncall && context.duration <= duration(\"1h\")";
const OFFICE: &str = "{days: mon-fri, from: \"09:00\", to: \"18:00\", tz: Europe/Berlin}";
const GITHUB: &str = "github: {repository_id: \"123456\", ref: refs/heads/main, environment: production}";
const LONG_PROD: &str = "when { resource.labels.env == \"prod\" && context.duration > duration(\"4h\") };";
const STAGES: &str = "        - {name: security, any_of: [group:security], require: 2, fallback: [lea@example.com]}\n";

pub const NARROWER: &[Case] = &[
    case(
        &[("requesters: [group:sre, group:ops, eve@example.com]", "requesters: [group:sre, eve@example.com]")],
        CanAsk,
        Narrower,
    ),
    case(
        &[("deny: [group:contractors, group:banned]", "deny: [group:contractors, group:banned, eve@example.com]")],
        CanAsk,
        Narrower,
    ),
    case(&[("requesters: anyone", "requesters: [group:sre]")], CanAsk, Narrower),
    case(
        &[
            ("ops: [group:leads, oli@example.com]", "ops: [group:leads]"),
            ("approvers: [group:ops]", "approvers: [lea@example.com, oli@example.com]"),
            ("administrators: [group:ops]", "administrators: [lea@example.com, oli@example.com]"),
        ],
        CanAsk,
        Narrower,
    ),
    case(&[(", kubernetes: {namespace: ops, service_account: reader}", "")], CanAsk, Narrower),
    case(&[("actions: [read, write, tune]}", "actions: [read, tune]}")], Scope, Narrower),
    case(&[("\"services/*\", actions", "services/cache, actions")], Scope, Narrower),
    case(
        &[("duration: {min: 5m, default: 30m, max: 2h}", "duration: {min: 5m, default: 30m, max: 1h}")],
        Duration,
        Narrower,
    ),
    case(
        &[("duration: {min: 5m, default: 30m, max: 2h}", "duration: {min: 10m, default: 30m, max: 2h}")],
        Duration,
        Narrower,
    ),
    case(&[("claim_within: 8h", "claim_within: 1h")], Duration, Narrower),
    case(
        &[("any_of: [group:dba], require: 1, timeout", "any_of: [group:dba], require: 2, timeout")],
        Approval,
        Narrower,
    ),
    case(
        &[("any_of: [group:dba], require: 1, timeout", "any_of: [ann@example.com], require: 1, timeout")],
        Approval,
        Narrower,
    ),
    case(&[(", fallback: [lea@example.com]", "")], Approval, Narrower),
    case(
        &[("timeout: 15m, on_timeout: escalate, escalate_to: [lea@example.com]", "timeout: 15m, on_timeout: reject")],
        Approval,
        Narrower,
    ),
    case(&[("timeout: 15m, on_timeout", "timeout: 30m, on_timeout")], Approval, Narrower),
    case(&[("approvers: [ann@example.com, bob@example.com]", "approvers: [ann@example.com]")], Approval, Narrower),
    case(
        &[(
            "approvers: [ann@example.com, bob@example.com]",
            "approval: {stages: [{name: both, all_of: [ann@example.com, bob@example.com]}]}",
        )],
        Approval,
        Narrower,
    ),
    case(
        &[(
            "approvers: [group:ops]",
            "approval: {stages: [{name: ops, any_of: [group:ops]}, {name: security, any_of: [group:security]}]}",
        )],
        Approval,
        Narrower,
    ),
    case(
        &[("all_of: [group:dba, sam@example.com]", "all_of: [group:dba, sam@example.com, sue@example.com]")],
        Approval,
        Narrower,
    ),
    case(&[("timeout: 1h, on_timeout: reject", "timeout: 30m, on_timeout: reject")], Approval, Narrower),
    case(&[(AUTO, "context.oncall && context.mfa && context.duration <= duration(\"1h\")")], Approval, Narrower),
    case(&[(AUTO, "context.oncall && context.duration <= duration(\"59m\")")], Approval, Narrower),
    case(
        &[("    auto_approve_when: context.oncall && context.duration <= duration(\"1h\")\n", "")],
        Approval,
        Narrower,
    ),
    case(&[("lapses_after: 12h", "lapses_after: 1h")], Approval, Narrower),
    case(&[("min_length: 10, pattern", "min_length: 20, pattern")], Constraint, Narrower),
    case(&[(OFFICE, "{days: mon-thu, from: \"10:00\", to: \"18:00\", tz: Europe/Berlin}")], Constraint, Narrower),
    case(&[("source_ip: [10.0.0.0/8, \"2001:db8::/32\"]", "source_ip: [10.1.0.0/16]")], Constraint, Narrower),
    case(&[("max_age: 15m", "max_age: 5m")], Constraint, Narrower),
    case(&[("{per_subject: 1, total: 3}", "{per_subject: 1, total: 2}")], Constraint, Narrower),
    case(&[("values: [bronze, silver]", "values: [bronze]")], Constraint, Narrower),
    case(
        &[(WHEN, "'!context.actions.contains(\"write\") || context.duration <= duration(\"30m\")'")],
        Constraint,
        Narrower,
    ),
    case(
        &[(
            "    duration: 1h\n    conditions: [{resource: \"services/*\"",
            "    duration: 1h\n    constraints: {justification: {min_length: 5}}\n    conditions: [{resource: \"services/*\"",
        )],
        Constraint,
        Narrower,
    ),
    case(&[("cooldown: 30m", "cooldown: 1h")], Constraint, Narrower),
    case(
        &[(LONG_PROD, "when { resource.labels.env == \"prod\" && context.duration > duration(\"2h\") };")],
        Guardrail,
        Narrower,
    ),
    case(
        &[(
            "@message(\"production is short\")",
            "@message(\"nobody without a second factor\")\nforbid (principal, action, resource) unless { context.mfa };\n\n@message(\"production is short\")",
        )],
        Guardrail,
        Narrower,
    ),
    case(&[("    extension: {times: 1, max_total: 4h, approval: same}\n", "")], Extension, Narrower),
    case(
        &[("    break_glass: {who: [group:platform], duration: 30m, review_within: 24h}\n", "")],
        BreakGlass,
        Narrower,
    ),
    case(&[("review_within: 24h", "review_within: 4h")], BreakGlass, Narrower),
    case(
        &[(
            GITHUB,
            "github: {repository_id: \"123456\", ref: refs/heads/main, environment: production, workflow: .github/workflows/release.yml}",
        )],
        Trigger,
        Narrower,
    ),
    case(&[("grants: [\"SELECT ON a\", \"UPDATE ON a\"]", "grants: [\"SELECT ON a\"]")], Meaning, Narrower),
    case(&[("restart: {principals: [deploy, www]", "restart: {principals: [deploy]")], Meaning, Narrower),
    case(&[("source_address: [10.0.0.0/8]", "source_address: [10.9.0.0/16]")], Meaning, Narrower),
    case(
        &[(
            "shell: {principals: [deploy], extensions: [permit-pty]}",
            "shell: {principals: [deploy], extensions: [permit-pty], force_command: \"/usr/bin/top\"}",
        )],
        Meaning,
        Narrower,
    ),
    case(&[(", \"web-2.example.com:22\"", "")], Target, Narrower),
    case(&[("banned: [mal@example.com]", "banned: [mal@example.com, pat@example.com]")], Identity, Narrower),
    case(&[("administrators: [group:ops]", "administrators: [oli@example.com]")], Authority, Narrower),
    case(&[("any_of: [group:security], require: 2}]", "any_of: [group:security], require: 3}]")], Authority, Narrower),
];

/// What is another text, and the same access.
pub const SAME: &[&[(&str, &str)]] = &[
    &[("max: 2h}", "max: 120m}")],
    &[("duration: {min: 5m, default", "duration: {min: 1m, default")],
    &[(
        "requesters: [group:sre, group:ops, eve@example.com]",
        "requesters: [eve@example.com, group:ops, group:sre, lea@example.com]",
    )],
    &[("approvers: [group:ops]", "approvers: [oli@example.com, lea@example.com]")],
    &[("approvers: [group:leads, oli@example.com]", "approvers: [group:ops]")],
    &[("approvers: [ann@example.com, bob@example.com]", "approvers: [user:BOB@example.com, ann@example.com]")],
    &[("approvers: [ann@example.com, bob@example.com]", "approvers: [group:dba]")],
    &[("any_of: [group:dba], require: 1, timeout", "any_of: [group:dba], timeout")],
    &[("\"services/*\", actions: [read]", "\"services/**\", actions: [read, read]")],
    &[(AUTO, "context.duration <= duration(\"60m\") && context.oncall")],
    &[(WHEN, "'context.duration <= duration(\"3600s\") || !context.actions.contains(\"write\")'")],
    &[(
        OFFICE,
        "{days: [mon, tue-fri], from: \"09:00\", to: \"12:00\", tz: Europe/Berlin}, {days: mon-fri, from: \"11:00\", to: \"18:00\", tz: Europe/Berlin}",
    )],
    &[(LONG_PROD, "// a comment\nwhen { context.duration > duration(\"240m\") && resource.labels.env == \"prod\" };")],
    &[("audit: {roles", "spare: {roles: [pg_monitor], effects: [read]}\n        audit: {roles")],
    &[("  banned: [mal@example.com]\n", "  banned: [mal@example.com]\n  unused: [new@example.com]\n")],
    &[
        (STAGES, ""),
        (
            "        - {name: peer,",
            "        - {name: security, any_of: [sue@example.com, sam@example.com], require: 2, fallback: [lea@example.com]}\n        - {name: peer,",
        ),
    ],
];
