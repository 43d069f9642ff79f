//! Changes that widen, most of them without looking like it.

use super::{Case, case};
use curfew_policy::Direction::{Unknown, Wider};
use curfew_policy::Kind::{
    Approval, Authority, BreakGlass, CanAsk, Classification, Constraint, Duration, Extension, Guardrail, Identity,
    Meaning, Scope, Target, Trigger,
};

const SRE: &str = "requesters: [group:sre, group:ops, eve@example.com]";
const WEB: &str = "    requesters: [group:sre]\n    duration: 1h\n    conditions: [{resource: hosts/web";
const PEER: &str =
    "{name: peer, any_of: [group:dba], require: 1, timeout: 15m, on_timeout: escalate, escalate_to: [lea@example.com]}";
const SECURITY: &str =
    "        - {name: security, any_of: [group:security], require: 2, fallback: [lea@example.com]}\n";
const WHEN: &str = "'!context.actions.contains(\"write\") || context.duration <= duration(\"1h\")'";
const AUTO: &str = "context.oncall && context.duration <= duration(\"1h\")";
const OFFICE: &str = "{days: mon-fri, from: \"09:00\", to: \"18:00\", tz: Europe/Berlin}";
const GITHUB: &str = "github: {repository_id: \"123456\", ref: refs/heads/main, environment: production}";
const ADMINS: &str = "administrators: [group:ops]";
const LONG_PROD: &str = "when { resource.labels.env == \"prod\" && context.duration > duration(\"4h\") };";

pub const CASES: &[Case] = &[
    // Who may ask.
    case(&[(SRE, "requesters: [group:sre, group:ops, eve@example.com, new@example.com]")], CanAsk, Wider),
    case(&[(SRE, "requesters: [group:sre, group:ops, eve@example.com, group:platform]")], CanAsk, Wider),
    case(&[(WEB, "    requesters: anyone\n    duration: 1h\n    conditions: [{resource: hosts/web")], CanAsk, Wider),
    case(&[(WEB, "    duration: 1h\n    conditions: [{resource: hosts/web")], CanAsk, Wider),
    case(&[("leads: [lea@example.com]", "leads: [lea@example.com, new@example.com]")], CanAsk, Wider),
    case(&[("ops: [group:leads, oli@example.com]", "ops: [group:leads, group:dba, oli@example.com]")], CanAsk, Wider),
    case(
        &[("ops: [group:leads, oli@example.com]", "ops: [group:leads, group:platform, oli@example.com]")],
        CanAsk,
        Wider,
    ),
    case(&[("deny: [group:contractors, group:banned]", "deny: [group:banned]")], CanAsk, Wider),
    case(&[("deny: [group:contractors, group:banned]", "deny: [group:contractors]")], CanAsk, Wider),
    case(&[("banned: [mal@example.com]", "banned: [other@example.com]")], CanAsk, Wider),
    case(&[("    requesters: anyone\n    deny: [group:contractors]\n", "    requesters: anyone\n")], CanAsk, Wider),
    case(&[("service_account: reader", "service_account: writer")], CanAsk, Wider),
    case(&[("namespace: ops", "namespace: [ops, default]")], CanAsk, Wider),
    case(&[("  - name: look", "  - name: look-2")], CanAsk, Wider),
    case(
        &[(
            "  - name: release",
            "  - name: extra\n    requesters: [oli@example.com]\n    duration: 1h\n    conditions: [{resource: archive/db, actions: [ddl]}]\n    approvers: [sam@example.com]\n  - name: release",
        )],
        CanAsk,
        Wider,
    ),
    case(&[("  leads: [lea@example.com]\n", ""), ("idp_groups: [sre,", "idp_groups: [leads, sre,")], CanAsk, Wider),
    // What only others can list.
    case(&[(SRE, "requesters: [group:sre, group:ops, eve@example.com, \"oncall:db\"]")], CanAsk, Wider),
    case(
        &[(
            "  - name: release",
            "  - name: extra\n    requesters: [\"oncall:db\"]\n    duration: 1h\n    conditions: [{resource: archive/db, actions: [ddl]}]\n    approval: automatic\n  - name: release",
        )],
        CanAsk,
        Wider,
    ),
    case(
        &[(
            "  - name: release",
            "  - name: extra\n    requesters: [mal@example.com]\n    deny: [mal@example.com]\n    duration: 1h\n    conditions: [{resource: archive/db, actions: [ddl]}]\n    approvers: [sam@example.com]\n    break_glass: {who: [oli@example.com], duration: 30m, review_within: 1h}\n  - name: release",
        )],
        BreakGlass,
        Wider,
    ),
    case(
        &[("deny: [group:contractors, group:banned]", "deny: [group:contractors, group:banned, \"oncall:web\"]")],
        Identity,
        Unknown,
    ),
    case(
        &[("dba: [ann@example.com, bob@example.com]", "dba: [ann@example.com, bob@example.com, new@example.com]")],
        Authority,
        Wider,
    ),
    // What a role gives.
    case(&[("actions: [read, write, tune]}", "actions: [read, write, tune, ddl]}")], Scope, Wider),
    case(&[("resource: services/db, actions", "resource: \"services/**\", actions")], Scope, Wider),
    case(
        &[(
            "      - {resource: services/db,",
            "      - {resource: archive/db, actions: [read]}\n      - {resource: services/db,",
        )],
        Scope,
        Wider,
    ),
    case(&[("\"services/*\", actions", "\"*/db\", actions")], Scope, Wider),
    case(
        &[("  - name: archive/db\n", "  - name: services/new\n    connector: postgres\n  - name: archive/db\n")],
        Scope,
        Wider,
    ),
    case(&[("labels: {env: test}", "labels: {env: prod}")], Scope, Wider),
    case(&[("{labels: {env: prod}}, actions: [read]", "{labels: {env: prod}}, actions: [read, write]")], Scope, Wider),
    case(&[("{labels: {env: prod}}, actions: [read]", "{labels: {env: test}}, actions: [read]")], Scope, Wider),
    // For how long.
    case(
        &[("duration: {min: 5m, default: 30m, max: 2h}", "duration: {min: 5m, default: 30m, max: 121m}")],
        Duration,
        Wider,
    ),
    case(
        &[("duration: {min: 5m, default: 30m, max: 2h}", "duration: {min: 5m, default: 2h, max: 2h}")],
        Duration,
        Wider,
    ),
    case(&[("duration: {min: 5m, default: 30m, max: 2h}", "duration: 1d")], Duration, Wider),
    case(&[("    activation: {claim_within: 8h}\n", "")], Duration, Wider),
    case(&[("claim_within: 8h", "claim_within: 3d")], Duration, Wider),
    case(&[("    on_policy_change: end\n", "")], Duration, Wider),
    // Whose yes it takes.
    case(
        &[("any_of: [group:security], require: 2, fallback", "any_of: [group:security], require: 1, fallback")],
        Approval,
        Wider,
    ),
    case(
        &[(
            "any_of: [group:security], require: 2, fallback",
            "any_of: [group:security, ann@example.com], require: 2, fallback",
        )],
        Approval,
        Wider,
    ),
    case(
        &[("any_of: [group:security], require: 2, fallback", "any_of: [group:dba], require: 2, fallback")],
        Approval,
        Wider,
    ),
    case(&[(SECURITY, "")], Approval, Wider),
    case(
        &[(
            PEER,
            "{name: peer, any_of: [group:dba], timeout: 1m, on_timeout: escalate, escalate_to: [lea@example.com]}",
        )],
        Approval,
        Wider,
    ),
    case(
        &[(
            PEER,
            "{name: peer, any_of: [group:dba], timeout: 15m, on_timeout: escalate, escalate_to: [lea@example.com, oli@example.com]}",
        )],
        Approval,
        Wider,
    ),
    case(
        &[(PEER, "{name: peer, any_of: [group:dba, lea@example.com], timeout: 15m, on_timeout: reject}")],
        Approval,
        Wider,
    ),
    case(&[("fallback: [lea@example.com]", "fallback: [lea@example.com, oli@example.com]")], Approval, Wider),
    case(&[("fallback: [lea@example.com]", "fallback: [group:dba]")], Approval, Wider),
    case(
        &[(
            "security: [sam@example.com, sue@example.com]",
            "security: [sam@example.com, sue@example.com, new@example.com]",
        )],
        Approval,
        Wider,
    ),
    // Fewer in the stage: the fallback serves more often.
    case(&[("security: [sam@example.com, sue@example.com]", "security: [sam@example.com]")], Approval, Wider),
    case(&[("distinct_approvers: true", "distinct_approvers: false")], Approval, Wider),
    case(&[("reason_required: true", "reason_required: false")], Approval, Wider),
    case(&[("lapses_after: 12h", "lapses_after: 7d")], Approval, Wider),
    case(
        &[("dba: [ann@example.com, bob@example.com]", "dba: [ann@example.com, bob@example.com, eve@example.com]")],
        Approval,
        Wider,
    ),
    case(
        &[(
            "approvers: [ann@example.com, bob@example.com]",
            "approvers: [ann@example.com, bob@example.com, cat@example.com]",
        )],
        Approval,
        Wider,
    ),
    case(&[("approvers: [ann@example.com, bob@example.com]", "approvers: [cat@example.com]")], Approval, Wider),
    case(&[("approvers: [group:ops]", "approval: automatic")], Approval, Wider),
    case(
        &[("approvers: [group:leads, oli@example.com]", "approvers: [group:leads, group:ops, group:dba]")],
        Approval,
        Wider,
    ),
    case(&[("all_of: [group:dba, sam@example.com]", "any_of: [group:dba, sam@example.com]")], Approval, Wider),
    case(&[("all_of: [group:dba, sam@example.com]", "all_of: [group:dba]")], Approval, Wider),
    case(&[("all_of: [group:dba, sam@example.com]", "all_of: [group:dba, group:security]")], Approval, Wider),
    case(&[("timeout: 1h, on_timeout: reject", "timeout: 2h, on_timeout: reject")], Approval, Wider),
    case(&[(", timeout: 1h, on_timeout: reject", "")], Approval, Wider),
    case(
        &[("timeout: 1h, on_timeout: reject", "timeout: 1h, on_timeout: escalate, escalate_to: [oli@example.com]")],
        Approval,
        Wider,
    ),
    case(&[(AUTO, "context.oncall")], Approval, Wider),
    case(&[(AUTO, "context.oncall && context.duration <= duration(\"2h\")")], Approval, Wider),
    case(&[(AUTO, "context.oncall || context.duration <= duration(\"1h\")")], Approval, Wider),
    case(&[(AUTO, "context.oncall && context.duration <= duration(\"1h\") || context.mfa")], Approval, Wider),
    case(&[(AUTO, "context.reason like \"*oncall*\" && context.duration <= duration(\"1h\")")], Approval, Unknown),
    case(
        &[("    approvers: [group:ops]\n", "    approvers: [group:ops]\n    auto_approve_when: context.mfa\n")],
        Approval,
        Wider,
    ),
    // What a request must bring.
    case(&[("min_length: 10, pattern", "min_length: 9, pattern")], Constraint, Wider),
    case(&[("{min_length: 10, pattern: \"(?i).*incident.*\"}", "{min_length: 10}")], Constraint, Wider),
    case(
        &[("{min_length: 10, pattern: \"(?i).*incident.*\"}", "{min_length: 10, pattern: \"(?i).*inc.*\"}")],
        Constraint,
        Unknown,
    ),
    case(&[("{min_length: 10, pattern", "{required: false, min_length: 10, pattern")], Constraint, Wider),
    case(&[("verify: open", "verify: exists")], Constraint, Wider),
    case(&[("      ticket: {pattern: \"INC-[0-9]+\", verify: open}\n", "")], Constraint, Wider),
    case(&[("{pattern: \"INC-[0-9]+\", verify: open}", "{pattern: \".*\", verify: open}")], Constraint, Unknown),
    case(&[("from: \"09:00\"", "from: \"08:59\"")], Constraint, Wider),
    case(&[("days: mon-fri", "days: mon-sat")], Constraint, Wider),
    case(&[("tz: Europe/Berlin", "tz: America/Los_Angeles")], Constraint, Unknown),
    case(&[(OFFICE, "{days: fri-mon, from: \"22:00\", to: \"06:00\", tz: Europe/Berlin}")], Constraint, Wider),
    case(&[("10.0.0.0/8, \"2001", "10.0.0.0/7, \"2001")], Constraint, Wider),
    case(&[("      source_ip: [10.0.0.0/8, \"2001:db8::/32\"]\n", "")], Constraint, Wider),
    case(&[("source_ip: [10.0.0.0/8, ", "source_ip: [0.0.0.0/0, ")], Constraint, Wider),
    case(
        &[("mfa: {request: true, approve: true, max_age: 15m}", "mfa: {request: true, approve: false, max_age: 15m}")],
        Constraint,
        Wider,
    ),
    case(
        &[("mfa: {request: true, approve: true, max_age: 15m}", "mfa: {request: true, approve: true}")],
        Constraint,
        Wider,
    ),
    case(&[("max_age: 15m", "max_age: 8h")], Constraint, Wider),
    case(&[("per_subject: 1, total: 3", "per_subject: 2, total: 3")], Constraint, Wider),
    case(&[("{per_subject: 1, total: 3}", "{per_subject: 1}")], Constraint, Wider),
    case(&[("        - {name: tier, type: enum, values: [bronze, silver]}\n", "")], Constraint, Wider),
    case(&[("values: [bronze, silver]", "values: [bronze, silver, gold]")], Constraint, Wider),
    case(
        &[(
            "{name: table, type: string, max_length: 63}",
            "{name: table, type: string, max_length: 63, required: false}",
        )],
        Constraint,
        Wider,
    ),
    case(&[("{name: table, type: string, max_length: 63}", "{name: table, type: integer}")], Constraint, Unknown),
    case(
        &[(WHEN, "'!context.actions.contains(\"write\") || context.duration <= duration(\"2h\")'")],
        Constraint,
        Wider,
    ),
    case(&[(WHEN, "'!context.actions.contains(\"ddl\") || context.duration <= duration(\"1h\")'")], Constraint, Wider),
    // What looks narrower is a comment.
    case(
        &[(WHEN, "\"context.duration <= duration(\\\"2h\\\") // && context.duration <= duration(\\\"1h\\\")\"")],
        Constraint,
        Wider,
    ),
    case(
        &[(
            WHEN,
            "\"context.mfa || // only\\n !context.actions.contains(\\\"write\\\") || context.duration <= duration(\\\"1h\\\")\"",
        )],
        Constraint,
        Wider,
    ),
    case(
        &[(WHEN, "'true || !context.actions.contains(\"write\") || context.duration <= duration(\"1h\")'")],
        Constraint,
        Wider,
    ),
    case(&[("budget: {per_subject: 4h, per: 1d}", "budget: {per_subject: 4h, per: 12h}")], Constraint, Wider),
    case(&[("budget: {per_subject: 4h, per: 1d}", "budget: {per_subject: 8h, per: 1d}")], Constraint, Wider),
    case(&[("      cooldown: 30m\n", "")], Constraint, Wider),
    // What bounds every role.
    case(
        &[(LONG_PROD, "when { resource.labels.env == \"prod\" && context.duration > duration(\"8h\") };")],
        Guardrail,
        Wider,
    ),
    case(
        &[(LONG_PROD, "when { resource.labels.env == \"production\" && context.duration > duration(\"4h\") };")],
        Guardrail,
        Wider,
    ),
    case(
        &[(
            LONG_PROD,
            "when { resource.labels.env == \"prod\" && context.duration > duration(\"4h\") } unless { context.oncall };",
        )],
        Guardrail,
        Wider,
    ),
    case(
        &[("(principal in Group::\"contractors\", action", "(principal in Group::\"platform\", action")],
        Guardrail,
        Unknown,
    ),
    case(&[("unless { context.mfa };", "unless { context.mfa || context.oncall };")], Guardrail, Wider),
    case(
        &[("resource.risk == \"critical\"", "resource.risk == \"critical\" && context.actions.contains(\"ddl\")")],
        Guardrail,
        Wider,
    ),
    // More time, emergencies, pipelines.
    case(&[("extension: {times: 1,", "extension: {times: 2,")], Extension, Wider),
    case(&[("max_total: 4h", "max_total: 1d")], Extension, Wider),
    case(&[("approval: same}", "approval: none}")], Extension, Wider),
    case(
        &[(
            "    approvers: [group:ops]\n",
            "    approvers: [group:ops]\n    extension: {times: 1, max_total: 2h, approval: same}\n",
        )],
        Extension,
        Wider,
    ),
    case(
        &[("break_glass: {who: [group:platform]", "break_glass: {who: [group:platform, oli@example.com]")],
        BreakGlass,
        Wider,
    ),
    case(&[("duration: 30m, review_within: 24h", "duration: 2h, review_within: 24h")], BreakGlass, Wider),
    case(&[("review_within: 24h", "review_within: 7d")], BreakGlass, Wider),
    case(&[(GITHUB, "github: {repository_id: \"123456\", ref: refs/heads/main}")], Trigger, Wider),
    case(
        &[(
            GITHUB,
            "github: {repository_id: \"123456\", ref: [refs/heads/main, refs/heads/dev], environment: production}",
        )],
        Trigger,
        Wider,
    ),
    case(
        &[(
            GITHUB,
            "github: {repository_id: \"123456\", ref: refs/heads/main, environment: production, event: pull_request}",
        )],
        Trigger,
        Wider,
    ),
    case(&[("grant_to: [pipeline]", "grant_to: [pipeline, oli@example.com]")], Trigger, Wider),
    case(&[("grant_to: [pipeline]", "grant_to: [pipeline, actor]")], Trigger, Wider),
    // What an action gives, and where.
    case(&[("schemas: [public]", "schemas: [public, billing]")], Meaning, Wider),
    case(&[("\"UPDATE ON a\"", "\"UPDATE ON b\"")], Meaning, Wider),
    case(&[("roles: [pg_read_all_data]", "roles: [pg_read_all_data, pg_write_all_data]")], Meaning, Wider),
    case(&[("shell: {principals: [deploy]", "shell: {principals: [root]")], Meaning, Wider),
    case(
        &[("force_command: \"systemctl restart web\"", "force_command: \"systemctl restart web; bash\"")],
        Meaning,
        Wider,
    ),
    case(&[(", force_command: \"systemctl restart web\"", "")], Meaning, Wider),
    case(&[("      source_address: [10.0.0.0/8]\n", "")], Meaning, Wider),
    case(&[("source_address: [10.0.0.0/8]", "source_address: [0.0.0.0/0]")], Meaning, Wider),
    case(&[("database: orders", "database: payroll")], Target, Wider),
    case(&[("admin: env:CURFEW_SERVICES_DB_URL", "admin: env:CURFEW_PAYROLL_URL")], Target, Wider),
    case(&[("\"web-2.example.com:22\"", "\"web-2.example.com:22\", \"vault.example.com:22\"")], Target, Wider),
    case(&[("    settings: {replicas: [\"ro.example.com:5432\"]}\n", "")], Target, Wider),
    // What rules go by.
    case(&[("risk: high", "risk: low")], Classification, Wider),
    case(&[("risk: high", "risk: medium")], Classification, Wider),
    case(
        &[("labels: {env: prod, tier: \"1\", note: \"main\"}", "labels: {env: dev, tier: \"1\", note: \"main\"}")],
        Classification,
        Wider,
    ),
    case(&[("effects: [read, write]}", "effects: [read]}")], Classification, Wider),
    // Groups, people, offices.
    case(&[("leads: [lea@example.com]", "leads: [lea@example.com, mal@example.com]")], Identity, Wider),
    case(&[("banned: [mal@example.com]", "banned: []")], Identity, Wider),
    case(&[("github: \"583231\"", "github: \"583232\"")], Identity, Wider),
    case(&[("people: [{email: eve@example.com, github: \"583231\"}]\n", "")], Identity, Wider),
    case(&[(ADMINS, "administrators: [group:ops, group:platform]")], Authority, Wider),
    case(&[("administrators: [group:ops]\n", "")], Authority, Wider),
    case(&[("auditors: [sam@example.com]", "auditors: [sam@example.com, oli@example.com]")], Authority, Wider),
    case(&[("any_of: [group:security], require: 2}]", "any_of: [group:security], require: 1}]")], Authority, Wider),
    case(&[("paths: [\"prod/**\"]", "paths: [\"prod/db/**\"]")], Authority, Wider),
    case(
        &[("policy_approvers: [{paths: [\"prod/**\"], any_of: [group:security], require: 2}]\n", "")],
        Authority,
        Wider,
    ),
    case(&[("owner: group:dba", "owner: oli@example.com")], Authority, Wider),
    case(&[("    defined_by: [\"hosts/**\"]\n", "")], Authority, Wider),
    case(&[("defined_by: [\"hosts/**\"]", "defined_by: [\"hosts/**\", \"teams/**\"]")], Authority, Wider),
];
