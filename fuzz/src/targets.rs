//! What is done with bytes from outside: each reader as it is used, and what must hold whatever the bytes are.

use crate::common::{KINDS, machine, now, person, role, seconds, with_groups};
use curfew_domain::{Identity, Outcome};
use curfew_policy::{
    Ask, Facts, Grants, MfaFact, OnCall, Origin, PolicySet, Purpose, Severity, SourceFile, TicketState, check, format,
    import,
};

/// One way in for bytes.
#[derive(Clone, Copy)]
pub struct Reader {
    /// For people.
    pub name: &'static str,
    /// Reads the bytes. Panics when something does not hold.
    pub read: fn(&[u8]),
}

/// Everything that reads YAML and JSON.
pub const YAML: &[Reader] = &[
    Reader { name: "policy", read: policy },
    Reader { name: "tests", read: tests },
    Reader { name: "environment", read: environment },
    Reader { name: "fmt", read: formatted },
];

/// Everything that reads Cedar.
pub const EXPRESSION: &[Reader] = &[
    Reader { name: "when", read: when },
    Reader { name: "auto_approve_when", read: auto_approve_when },
    Reader { name: "guardrails", read: guardrails },
];

/// Everything that reads policies of other systems.
pub const IMPORTER: &[Reader] = &[
    Reader { name: "import", read: found_out },
    Reader { name: "import --from jit-groups", read: |bytes| imported(bytes, Some(Origin::JitGroups)) },
    Reader { name: "import --from teleport", read: |bytes| imported(bytes, Some(Origin::Teleport)) },
    Reader { name: "import --from aws-team", read: |bytes| imported(bytes, Some(Origin::AwsTeam)) },
];

/// What tests, environments and expressions stand on.
const BASE: &str = r#"
groups: {dba: [ann@example.com, bob@example.com]}
idp_groups: [sre]
resources:
  - {name: services/db, connector: postgres, labels: {env: prod, tier: "1"}, risk: high}
roles:
  - name: db-debug
    requesters: [group:sre, eve@example.com]
    duration: {default: 30m, max: 2h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approvers: [group:dba]
    constraints:
      inputs:
        - {name: table, type: string, required: false}
        - {name: rows, type: integer, required: false}
        - {name: dry, type: boolean, required: false}
"#;

fn file(path: &str, bytes: &[u8]) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: bytes.to_vec() }
}

/// JSON when it looks like it, so that both readers are reached.
fn named(bytes: &[u8]) -> SourceFile {
    let is_json = matches!(bytes.first(), Some(b'{' | b'['));
    file(if is_json { "p.json" } else { "p.yaml" }, bytes)
}

fn checked(files: &[SourceFile]) -> Option<PolicySet> {
    let checked = check(files, &KINDS, Purpose::Check);
    let refused = checked.problems.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(checked.set.is_none(), refused, "a set if and only if there is no error");
    checked.set
}

fn policy(bytes: &[u8]) {
    checked(&[named(bytes)]);
}

fn tests(bytes: &[u8]) {
    checked(&[file("base.yaml", BASE.as_bytes()), file("p.test.yaml", bytes)]);
}

fn environment(bytes: &[u8]) {
    checked(&[file("base.yaml", BASE.as_bytes()), file("environments/prod.yaml", bytes)]);
}

fn formatted(bytes: &[u8]) {
    drop(format(&named(bytes)));
}

/// Formatting twice changes nothing. No reader does that, so it is not measured with them.
///
/// # Panics
/// When it changes something.
pub fn formatting_settles(bytes: &[u8]) {
    let Ok(once) = format(&named(bytes)) else { return };
    let again = format(&SourceFile { bytes: once.clone().into_bytes(), ..named(bytes) });
    assert_eq!(again.as_deref(), Ok(once.as_str()), "formatting twice changes nothing");
}

fn when(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let quoted = serde_json::Value::from(text);
    decided(&[format!("{BASE}      when: [{{message: m, cedar: {quoted}}}]\n").as_bytes()], b"");
}

fn auto_approve_when(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let quoted = serde_json::Value::from(text);
    decided(&[format!("{BASE}    auto_approve_when: {quoted}\n").as_bytes()], b"");
}

fn guardrails(bytes: &[u8]) {
    decided(&[BASE.as_bytes()], bytes);
}

/// What passes the check never fails by type when it is decided.
fn decided(policy: &[&[u8]], cedar: &[u8]) {
    let mut files: Vec<SourceFile> = policy.iter().map(|bytes| file("p.yaml", bytes)).collect();
    files.extend((!cedar.is_empty()).then(|| file("g.cedar", cedar)));
    let Some(set) = checked(&files) else { return };
    for ask in asks() {
        let judgement = set.decide(&ask);
        let decision = &judgement.decision;
        let denied = !decision.unsatisfied.is_empty() || !decision.failed.is_empty();
        assert_eq!(decision.outcome == Outcome::Denied, denied, "{decision:?}");
        for reason in &decision.failed {
            let by_type = ["type error", "does not have the attribute", "does not exist"];
            assert!(!by_type.iter().any(|words| reason.message.contains(words)), "{}", reason.message);
        }
        assert_eq!(set.decide(&ask), judgement, "the same request is decided the same");
    }
}

fn asks() -> Vec<Ask> {
    let ask = |who: &Identity, facts: Facts| Ask {
        reason: "orders are stuck".to_owned(),
        ticket: "INC-7".to_owned(),
        duration: Some(seconds("45m")),
        facts,
        ..Ask::of(who.clone(), role("db-debug"), now())
    };
    let known = Facts {
        mfa: Some(MfaFact::FRESH),
        oncall: Some(OnCall::OfTheRole(true)),
        source_ip: "10.1.2.3".parse().ok(),
        ticket_state: Some(TicketState::Open),
        risk_score: Some(10),
        token: None,
        grants: Some(Grants::default()),
    };
    let dev = with_groups("dev@example.com", &["sre"]);
    vec![
        ask(&dev, known.clone()),
        ask(&dev, Facts::default()),
        ask(&person("eve@example.com"), Facts { source_ip: "2001:db8::1".parse().ok(), ..known.clone() }),
        ask(&machine("eve@example.com", &[]), known),
    ]
}

fn found_out(bytes: &[u8]) {
    imported(bytes, None);
}

/// What comes out is text that the policy reader reads.
fn imported(bytes: &[u8], origin: Option<Origin>) {
    let Ok(imported) = import(&[named(bytes)], origin) else { return };
    let out = check(&[file("imported.yaml", imported.policy.as_bytes())], &KINDS, Purpose::Check);
    let garbled = ["syntax", "wrong-kind", "unknown-key", "duplicate-key", "not-utf8", "quote-it"];
    for problem in &out.problems {
        assert!(!garbled.contains(&problem.code), "{problem:?}\n{}", imported.policy);
    }
}
