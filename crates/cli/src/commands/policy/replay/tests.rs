//! An export with one request, decided again under three policies.

use crate::exit::Exit;
use crate::program::tests::run_in;
use curfew_domain::request::{Origin, RequestState};
use curfew_domain::{
    Identity, Pair, Request, RoleName, Scope, Seconds, Subject, SubjectId, SubjectKind, Timestamp, Version,
};
use curfew_policy::{Ask, Purpose, SourceFile};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const POLICY: &str = "idp_groups: [sre]\nroles:\n  - name: debug\n    requesters: [group:sre]\n    duration: 2h\n    conditions: [{resource: services/db, actions: [read]}]\n    approvers: [ann@example.com]\n";

/// A request as the policy above took it.
fn request() -> Request {
    let file = SourceFile { path: "p.yaml".to_owned(), bytes: POLICY.as_bytes().to_vec() };
    let set = curfew_policy::check(&[file], &[], Purpose::Check).set.expect("a set");
    let email: curfew_domain::Email = "dev@example.com".parse().expect("an address");
    let id = SubjectId::new("https://idp.example.com", "dev").expect("an id");
    let subject = Subject { kind: SubjectKind::Person, id, email: Some(email), name: None };
    let groups: BTreeSet<_> = ["sre".parse().expect("a name")].into();
    let now = Timestamp::from_millis(1_767_225_600_000);
    let role = RoleName::new("debug").expect("a name");
    let who = Identity { subject: subject.clone(), groups: groups.clone() };
    let pair = Pair { resource: "services/db".parse().expect("a name"), action: "read".parse().expect("a name") };
    Request {
        id: "req_01kb9n7r00e00000000000000a".parse().expect("an id"),
        version: Version::NONE.next(),
        subject,
        groups,
        scope: Scope::new([pair]).expect("a scope"),
        duration: Seconds::new(3_600),
        reason: "orders are stuck".to_owned(),
        ticket: String::new(),
        inputs: curfew_domain::Inputs::new(),
        course: curfew_domain::Course::default(),
        decision: set.decide(&Ask::of(who, role.clone(), now)).decision,
        role,
        meaning: String::new(),
        origin: Origin::Asked,
        extends: None,
        lives_with: None,
        created_at: now,
        lapses_at: now.plus(Seconds::new(3_600)),
        claim_within: Seconds::new(3_600),
        approvals: Vec::new(),
        state: RequestState::Pending,
    }
}

fn export() -> String {
    let after = serde_json::to_value(request()).expect("serializes");
    let lines = [
        json!({"seq": 0, "at": "2026-01-01T00:00:00.000Z", "action": "policy.applied", "details": {}}),
        json!({"seq": 1, "at": "2026-01-01T00:00:00.000Z", "action": "request.created", "details": {"after": after}}),
        json!({"seq": 2, "at": "2026-01-01T00:00:01.000Z", "action": "request.refused", "details": {"role": "debug"}}),
        json!({"checkpoint": "..."}),
    ];
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_would_come_out_otherwise_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("audit.jsonl", &export());
    write("same.yaml", POLICY);
    write("short.yaml", &POLICY.replace("2h", "30m"));
    write("other.yaml", &POLICY.replace("ann@", "bob@"));
    let replay = |policy: &str| -> Value {
        let args = ["--json", "policy", "replay", "--from", "audit.jsonl", policy];
        let (exit, out, err) = run_in(folder.path(), &args);
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
        serde_json::from_str(&out).expect("one document")
    };
    let same = replay("same.yaml");
    assert_eq!(same, json!({"replayed": 1, "skipped": 1, "changes": [], "cannot_tell": []}));
    let short = replay("short.yaml");
    let change = &short["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&"needs_approval".into(), &"denied".into()), "{short}");
    assert_eq!((&change["role"], &change["subject"]), (&"debug".into(), &"dev@example.com".into()));
    assert!(change["why"][0].as_str().is_some_and(|why| why.contains("short.yaml:")), "{short}");
    let other = replay("other.yaml");
    assert!(other["changes"][0]["why"][0].as_str().is_some_and(|why| why.contains("bob@example.com")), "{other}");
    let args = ["policy", "replay", "--since", "1h", "--from", "audit.jsonl", "short.yaml"];
    let (exit, out, _) = run_in(folder.path(), &args);
    assert_eq!((exit, out.as_str()), (Exit::Done, "0 decided again, 0 otherwise\n"));
}

#[test]
fn an_export_without_its_flag_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("audit.jsonl"), export()).expect("written");
    let (exit, out, err) = run_in(folder.path(), &["policy", "replay", "audit.jsonl"]);
    assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""));
    assert!(err.contains("curfew policy replay --from audit.jsonl DIR"), "{err}");
}

#[test]
fn what_is_no_export_and_no_server_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("p.yaml"), POLICY).expect("written");
    for (args, exit) in [
        (vec!["policy", "replay", "--from", "p.yaml", "p.yaml"], Exit::WrongUse),
        (vec!["policy", "replay", "--from", "nowhere", "p.yaml"], Exit::WrongUse),
        (vec!["policy", "replay", "p.yaml"], Exit::NotAllowed),
    ] {
        let (got, out, err) = run_in(folder.path(), &args);
        assert_eq!((got, out.as_str()), (exit, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: "), "{err}");
    }
}

#[test]
fn an_export_that_is_empty_cut_short_or_anothers_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("p.yaml", POLICY);
    write("foreign.yaml", &POLICY.replace("name: debug", "name: other"));
    let whole = export();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let cut_in_a_line = &whole[..lines[0].len() + 30];
    let run = |export: &str, policy: &str| {
        write("audit.jsonl", export);
        run_in(folder.path(), &["policy", "replay", "--from", "audit.jsonl", policy])
    };
    for (export, part) in [
        ("", "it is empty"),
        (cut_in_a_line, "line 2 is cut short"),
        ("hello\n", "line 1 is no event"),
        ("{\"a\": 1}\n", "line 1 is no event"),
        ("{\"checkpoint\": 1}\n", "line 1 is no event"),
    ] {
        let (exit, out, err) = run(export, "p.yaml");
        assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""), "{export}: {err}");
        assert!(err.contains(part) && err.contains("curfew audit export --out FILE"), "{export}: {err}");
    }
    let (exit, out, err) = run(&lines[..3].concat(), "p.yaml");
    assert!(exit == Exit::Done && out.starts_with("1 decided again"), "{out}");
    assert!(err.contains("does not end with a checkpoint") && err.contains("curfew audit verify"), "{err}");
    let (exit, _, err) = run(&whole, "foreign.yaml");
    assert!(exit == Exit::Done && err.contains("another server's log"), "{err}");
    assert_eq!(run(&whole, "p.yaml").2, "", "an export as it should be is worth no warning");
}

#[test]
fn more_time_and_emergencies_are_decided_again_as_what_they_were() {
    let words = "    extension: {times: 1, max_total: 3h, approval: same}\n    break_glass: {who: [group:sre], duration: 1h, review_within: 1d}\n";
    let grant = "grt_01kb9n7r00e00000000000000a".parse().expect("an id");
    let more = Request {
        duration: Seconds::new(10_800),
        extends: Some(curfew_domain::request::Extends {
            grant,
            until: request().created_at,
            earlier: 0,
            source_ip: None,
        }),
        ..request()
    };
    let mut emergency = Request { origin: Origin::BreakGlass, ..request() };
    (emergency.decision.outcome, emergency.decision.stages) = (curfew_domain::Outcome::Automatic, Vec::new());
    emergency.decision.approvers = Vec::new();
    let line = |request: &Request| {
        let after = serde_json::to_value(request).expect("serializes");
        json!({"seq": 0, "at": "2026-01-01T00:00:00.000Z", "action": "request.created", "details": {"after": after}})
    };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("audit.jsonl", &format!("{}\n{}\n", line(&more), line(&emergency)));
    write("with.yaml", &format!("{POLICY}{words}"));
    write("without.yaml", POLICY);
    let outcomes = |policy: &str| -> Vec<Value> {
        let (_, out, _) = run_in(folder.path(), &["--json", "policy", "replay", "--from", "audit.jsonl", policy]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        document["changes"].as_array().expect("a list").iter().map(|change| change["after"].clone()).collect()
    };
    assert!(outcomes("with.yaml").iter().all(|after| after != "denied"));
    assert_eq!(outcomes("without.yaml"), ["denied", "denied"]);
}

/// The export of one request with these facts recorded, or none.
fn export_with(facts: Option<Value>) -> String {
    let after = serde_json::to_value(request()).expect("serializes");
    let mut details = json!({"after": after});
    if let Some(mut facts) = facts {
        facts["decided_at"] = json!(request().created_at);
        details["facts"] = facts;
    }
    let line = json!({"seq": 0, "at": "2026-01-01T00:00:00.000Z", "action": "request.created", "details": details});
    format!("{line}\n")
}

/// Outcomes of changes, and the asks that nobody can tell.
fn outcomes(policy: &str, export: &str) -> (Vec<Value>, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("p.yaml"), policy).expect("written");
    std::fs::write(folder.path().join("audit.jsonl"), export).expect("written");
    let args = ["--json", "policy", "replay", "--from", "audit.jsonl", "p.yaml"];
    let (exit, out, err) = run_in(folder.path(), &args);
    assert_eq!(exit, Exit::Done, "{err}{out}");
    let document: Value = serde_json::from_str(&out).expect("one document");
    let list = |key: &str, of: &str| -> Vec<Value> {
        document[key].as_array().expect("a list").iter().map(|entry| entry[of].clone()).collect()
    };
    (list("changes", "after"), list("cannot_tell", "not_known"))
}

#[test]
fn a_fact_that_was_not_recorded_is_no_change() {
    for (rule, recorded, failing) in [
        (
            "concurrency: {per_subject: 1}",
            json!({"grants": {"of_subject": 0, "in_all": 3, "spent_seconds": 0}}),
            json!({"grants": {"of_subject": 1, "in_all": 3, "spent_seconds": 0}}),
        ),
        ("mfa: {request: true}", json!({"mfa": {"seconds_ago": 4}}), json!({"mfa": "none"})),
        ("source_ip: [10.0.0.0/8]", json!({"source_ip": "10.1.2.3"}), json!({"source_ip": "192.0.2.1"})),
        ("when: [{message: m, cedar: context.oncall}]", json!({"oncall": {"for": []}}), json!({"oncall": {"for": []}})),
    ] {
        let policy = format!("{POLICY}    constraints: {{{rule}}}\n");
        for facts in [None, Some(json!({}))] {
            let (changes, open) = outcomes(&policy, &export_with(facts));
            assert_eq!((changes.len(), open.len()), (0, 1), "{rule}: {changes:?} {open:?}");
            assert!(open[0][0].as_str().is_some_and(|why| why.contains("known")), "{rule}: {open:?}");
        }
        if !rule.contains("oncall") {
            assert_eq!(outcomes(&policy, &export_with(Some(recorded))), (vec![], vec![]), "{rule}");
        }
        assert_eq!(outcomes(&policy, &export_with(Some(failing))), (vec![json!("denied")], vec![]), "{rule}");
    }
}

/// What denies for certain denies, whatever else is not known.
#[test]
fn a_certain_no_is_a_change_though_a_fact_is_not_known() {
    let policy = format!("{POLICY}    constraints: {{mfa: {{request: true}}}}\n").replace("2h", "30m");
    assert_eq!(outcomes(&policy, &export_with(None)), (vec![json!("denied")], vec![]));
}

#[test]
fn what_was_refused_is_decided_again_from_its_event() {
    let short = POLICY.replace("2h", "30m");
    let file = |text: &str| SourceFile { path: "p.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
    let set = curfew_policy::check(&[file(&short)], &[], Purpose::Check).set.expect("a set");
    let ask =
        Ask { duration: Some(Seconds::new(3_600)), ..Ask::of(request().asker(), request().role, request().created_at) };
    let decision = set.decide(&ask).decision;
    let details = json!({"role": "debug", "reason": "", "ticket": "", "asked": ask.record(), "decision": decision});
    let line =
        json!({"seq": 0, "at": ask.now, "action": "request.refused", "subject": ask.who.subject, "details": details});
    assert_eq!(outcomes(&short, &format!("{line}\n")), (vec![], vec![]));
    assert_eq!(outcomes(POLICY, &format!("{line}\n")), (vec![json!("needs_approval")], vec![]));
}
