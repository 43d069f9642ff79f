//! With the real solver: what it proves, what it refutes, and what stays open.

use curfew_domain::connector::{BuiltInAction, ConnectorKind, Effect, Fit, Presence};
use curfew_policy::{
    Answer, Change, Direction, PolicySet, Prover, Purpose, Question, SourceFile, check, diff, diff_with,
};
use curfew_proof::{Cvc5, Limits};
use std::path::{Path, PathBuf};
use std::time::Duration;

static POSTGRES: ConnectorKind = ConnectorKind {
    name: "postgres",
    summary: "PostgreSQL",
    actions: &[
        BuiltInAction { name: "read", meaning: "SELECT", effects: &[Effect::Read] },
        BuiltInAction { name: "write", meaning: "INSERT", effects: &[Effect::Write] },
    ],
    settings: &[],
    admin: Presence::Required,
    privileges: &[],
    residual_exposure: &[],
    public_half: "scram_sha_256",
    fit: Fit::BY_SHAPE,
};

/// The solver that the set-up installs. Without one nothing is shown, which is loud, and a failure in CI.
fn solver() -> Option<Cvc5> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = Cvc5::on_path(&path, Limits::default());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "cvc5 is not on the path: run `cargo xtask setup`");
        eprintln!("NOTHING IS TESTED HERE: cvc5 is not on the path; `cargo xtask setup` installs it");
    }
    found
}

const ROLE: &str = r#"
groups: {dba: [ann@example.com, bob@example.com]}
idp_groups: [sre, ops]
resources:
  - {name: services/db, connector: postgres, labels: {env: prod, tier: "1"}}
  - {name: services/web, connector: postgres, labels: {env: dev, tier: "2"}}
roles:
  - name: debug
    requesters: [group:sre]
    duration: 2h
    conditions: [{resource: "services/*", actions: [read, write]}]
    approvers: [group:dba]
    constraints:
      inputs:
        - {name: table, type: string, required: false}
        - {name: rows, type: integer, required: false}
"#;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

fn set(files: &[SourceFile]) -> PolicySet {
    let checked = check(files, &[&POSTGRES], Purpose::Check);
    checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems))
}

/// A role with such a `when`.
fn when(cedar: &str) -> PolicySet {
    let quoted = serde_json::Value::from(cedar);
    set(&[file("p.yaml", &format!("{ROLE}      when: [{{message: m, cedar: {quoted}}}]\n"))])
}

fn guarded(cedar: &str) -> PolicySet {
    set(&[file("p.yaml", ROLE), file("g.cedar", cedar)])
}

/// The one change between two sets; none when there is none.
fn only(mut changes: Vec<Change>) -> Option<Change> {
    assert!(changes.len() < 2, "{changes:#?}");
    changes.pop()
}

/// Pairs that enumeration cannot tell, or not exactly, and what a proof makes of them.
const PAIRS: &[(&str, &str, Option<Direction>)] = &[
    // Provably narrower.
    ("context.reason like \"INC*\"", "context.reason like \"INC-*\"", Some(Direction::Narrower)),
    ("context.reason like \"*a*\"", "context.reason == \"banana\"", Some(Direction::Narrower)),
    (
        "context.source_ip.isInRange(ip(\"10.0.0.0/8\"))",
        "context.source_ip.isInRange(ip(\"10.1.0.0/16\"))",
        Some(Direction::Narrower),
    ),
    (
        "context.duration <= duration(\"1h\") || context.duration > duration(\"2h\")",
        "context.duration.toMinutes() < 30",
        Some(Direction::Narrower),
    ),
    ("context.inputs.rows < 100", "context.inputs.rows + 1 < 100", Some(Direction::Narrower)),
    ("context.inputs.rows * 2 < 100", "context.inputs.rows == 7", Some(Direction::Narrower)),
    (
        "context.now < datetime(\"2027-01-01\")",
        "context.now < datetime(\"2026-06-01\") && context.now > datetime(\"2026-01-01\")",
        Some(Direction::Narrower),
    ),
    // Provably the same.
    ("context.inputs.rows + 1 < 100", "1 + context.inputs.rows < 100", None),
    ("context.duration.toMinutes() < 30", "context.duration < duration(\"30m\")", None),
    // Provably wider.
    ("context.reason like \"INC-*\"", "context.reason like \"INC*\"", Some(Direction::Wider)),
    (
        "context.source_ip.isInRange(ip(\"10.1.0.0/16\"))",
        "context.source_ip.isInRange(ip(\"10.0.0.0/8\"))",
        Some(Direction::Wider),
    ),
    ("context.inputs.rows + 1 < 100", "context.inputs.rows < 100", Some(Direction::Wider)),
    ("context.inputs.table == \"a\"", "context.inputs.table like \"a*\"", Some(Direction::Wider)),
    ("principal in Group::\"sre\" && principal is Person", "principal is Person", Some(Direction::Wider)),
    ("context.duration.toMinutes() < 30", "context.duration.toMinutes() < 60", Some(Direction::Wider)),
    // What a fact that may not be known makes of it is not what the solver was asked.
    ("context.mfa || context.reason like \"*\"", "context.reason like \"*a\"", Some(Direction::Unknown)),
    ("context has mfa && context.reason like \"*\"", "context.reason like \"*a\"", Some(Direction::Unknown)),
    // Groups may hold each other, so that a request in one of several may not be possible.
    ("principal in Group::\"sre\"", "principal in Group::\"ops\"", Some(Direction::Unknown)),
];

#[test]
fn what_is_proved_and_what_is_refuted() {
    let Some(solver) = solver() else { return };
    let mut wrong = Vec::new();
    for (before, after, direction) in PAIRS {
        let (base, head) = (when(before), when(after));
        let change = only(diff_with(&base, &head, &solver).changes);
        let found = change.as_ref().map(|change| change.direction);
        if found != *direction {
            wrong.push(format!("{before} -> {after}: {found:?} instead of {direction:?}, {change:?}"));
        }
        let request = change.and_then(|change| change.request);
        if *direction == Some(Direction::Wider) && request.is_none() {
            wrong.push(format!("{before} -> {after}: no request shows it"));
        }
        // Alone, none of them is called narrower.
        let alone = only(diff(&base, &head).changes).map(|change| change.direction);
        assert!(matches!(alone, Some(Direction::Unknown | Direction::Wider)), "{before} -> {after}: {alone:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A request that the solver shows is decided by Cedar in `witness`; here it is read as a person would.
#[test]
fn the_request_says_what_makes_the_difference() {
    let Some(solver) = solver() else { return };
    let diff = diff_with(
        &when("context.source_ip.isInRange(ip(\"10.1.0.0/16\"))"),
        &when("context.source_ip.isInRange(ip(\"10.1.0.0/16\")) || context.source_ip == ip(\"192.0.2.7\")"),
        &solver,
    );
    let change = only(diff.changes).expect("a change");
    let request = change.request.expect("a request");
    assert!(diff.widened && request.contains("context.source_ip = ") && request.contains("192.0.2.7"), "{request}");
    assert!(request.starts_with("a person") || request.starts_with("a workload"), "{request}");
}

#[test]
fn guardrails_are_proved_together() {
    let Some(solver) = solver() else { return };
    let forbid = |when: &str| format!("@message(\"m\") forbid (principal, action, resource) when {{ {when} }};\n");
    let rows = |when: &str| forbid(&format!("context.inputs.rows {when}"));
    let one = guarded(&rows("< 100"));
    let halves = guarded(&(rows("< 50") + &forbid("context.inputs.rows >= 50 && context.inputs.rows < 100")));
    let half = guarded(&rows("< 50"));
    let directions =
        |diff: curfew_policy::AccessDiff| diff.changes.into_iter().map(|c| c.direction).collect::<Vec<_>>();
    assert!(!diff_with(&one, &halves, &solver).widened, "{:?}", diff_with(&one, &halves, &solver));
    assert!(diff(&one, &halves).widened, "enumeration cannot tell");
    assert!(directions(diff_with(&one, &half, &solver)).contains(&Direction::Wider));
    // What fails is forbidden, so an overflow may not open anything.
    let overflow = guarded(&forbid("context.inputs.rows - 1 > 10"));
    let plain = guarded(&forbid("context.inputs.rows > 11"));
    assert!(diff_with(&overflow, &plain, &solver).widened, "rows = -2^63 was forbidden, since the difference fails");
    assert!(!diff_with(&plain, &overflow, &solver).widened, "{:?}", diff_with(&plain, &overflow, &solver));
}

/// Every answer against the truth over many concrete requests: what was called no wider never lets more through.
#[test]
fn a_proof_is_never_contradicted_by_a_decision() {
    let Some(solver) = solver() else { return };
    let texts = ["", "a", "INC", "INC-7", "banana", "drop", "a drop"];
    for (before, after, direction) in PAIRS.iter().filter(|(.., d)| matches!(d, None | Some(Direction::Narrower))) {
        let (base, head) = (when(before), when(after));
        assert!(!diff_with(&base, &head, &solver).widened, "{direction:?}");
        for n in 0..texts.len() * 40 {
            let ask = ask(n, texts[n % texts.len()]);
            let passes = |set: &PolicySet| {
                let decision = set.decide(&ask).decision;
                !decision.unsatisfied.iter().chain(&decision.failed).any(|r| r.code == curfew_domain::ReasonCode::When)
            };
            assert!(!passes(&head) || passes(&base), "{before} -> {after}: {ask:?}");
        }
    }
}

fn ask(n: usize, reason: &str) -> curfew_policy::Ask {
    use curfew_domain::{Identity, InputValue, RoleName, Seconds, Subject, SubjectId, SubjectKind};
    let id = SubjectId::new("https://idp.example.com", "dev").expect("an id");
    let email = "dev@example.com".parse().ok();
    let subject = Subject { kind: SubjectKind::Person, id, email, name: None };
    let groups = [curfew_domain::GroupName::new("sre").expect("a group")].into();
    let now = ["2025-12-31T23:00:00Z", "2026-03-01T00:00:00Z", "2026-12-31T00:00:00Z", "2028-01-01T00:00:00Z"][n % 4];
    let rows = [-1, 0, 7, 49, 50, 98, 99, 100, i64::MAX, i64::MIN][n % 10];
    curfew_policy::Ask {
        reason: reason.to_owned(),
        duration: Some(Seconds::new([1, 1_799, 1_800, 3_600, 3_601, 7_200][n % 6])),
        inputs: [
            ("rows".to_owned(), InputValue::Integer(rows)),
            ("table".to_owned(), InputValue::Text("a".to_owned())),
        ]
        .into(),
        facts: curfew_policy::Facts {
            mfa: Some(if n.is_multiple_of(3) { curfew_policy::MfaFact::No } else { curfew_policy::MfaFact::FRESH }),
            source_ip: ["10.1.2.3", "10.2.0.1", "192.0.2.7", "2001:db8::1"][n % 4].parse().ok(),
            risk_score: Some([0, 10, 255][n % 3]),
            ..curfew_policy::Facts::default()
        },
        ..curfew_policy::Ask::of(
            Identity { subject, groups },
            RoleName::new("debug").expect("a role"),
            now.parse().expect("a time"),
        )
    }
}

/// A program that never answers, one that dies, one that lies about itself, one that is not there.
#[test]
fn a_solver_that_is_of_no_use_leaves_everything_open() {
    let limits = Limits { question: Duration::from_secs(1), ..Limits::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let program = |name: &str, script: &str| -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        path
    };
    let useless = [
        program("sleeps", "while :; do read line || exit; done"),
        program("dies", "exit 1"),
        program("babbles", "while :; do echo '(error \"no\")'; done"),
        program("floods", "yes '(' "),
        program("claims", "echo sat; echo '('; echo ')'; while read line; do :; done"),
        program("calls everything proved", "echo unsat; while read line; do :; done"),
        program("says it twice", "while read line; do test \"$line\" = '(check-sat)' && echo unsat; done"),
        Path::new("/nowhere/cvc5").to_owned(),
    ];
    let (base, head) = (when("context.reason like \"INC*\""), when("context.reason like \"INC-*\""));
    for path in useless {
        let diff = diff_with(&base, &head, &Cvc5::at(&path, limits));
        let change = only(diff.changes).expect("a change");
        assert_eq!(change.direction, Direction::Unknown, "{}", path.display());
        assert!(diff.widened && change.request.is_none(), "{}", path.display());
    }
}

/// Once the time for all questions is over, nothing more is asked.
#[test]
fn the_time_for_all_questions_is_bounded() {
    let Some(_) = solver() else { return };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let none = Cvc5::on_path(&path, Limits { all: Duration::ZERO, ..Limits::default() }).expect("a solver");
    let diff = diff_with(&when("context.reason like \"INC*\""), &when("context.reason like \"INC-*\""), &none);
    assert_eq!(only(diff.changes).map(|c| c.direction), Some(Direction::Unknown));
}

#[test]
fn what_is_no_question_is_not_answered() {
    let solver = Cvc5::at(Path::new("/nowhere/cvc5"), Limits::default());
    let nonsense = serde_json::json!({"effect": "nonsense"});
    let question =
        Question { schema: "nonsense".to_owned(), before: nonsense.clone(), after: nonsense, facts: [].into() };
    assert_eq!(solver.answer(&question), Answer::Unknown);
}
