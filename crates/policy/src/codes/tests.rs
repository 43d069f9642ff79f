//! Every kind of problem is produced by its own example, and what is to be written instead does not have it.

use super::{Frame, ProblemKind, problem_kinds};
use crate::check::{Purpose, check};
use crate::node::Node;
use crate::parse::parse;
use crate::problem::{Problem, Problems};
use crate::source::SourceFile;
use curfew_domain::connector::{BuiltInAction, ConnectorKind, Effect, Field, Fit, Misfit, Presence, Shape};
use std::collections::BTreeSet;

static POSTGRES: ConnectorKind = ConnectorKind {
    name: "postgres",
    summary: "PostgreSQL",
    actions: &[BuiltInAction { name: "read", meaning: "SELECT", effects: &[Effect::Read] }],
    settings: &[
        field("database", Shape::Text(63)),
        field("replicas", Shape::List(&Shape::HostPort)),
        field("actions", Shape::Map(&Shape::Record(&[field("roles", Shape::List(&Shape::Text(63)))]))),
    ],
    admin: Presence::Required,
    privileges: &[],
    residual_exposure: &[],
    public_half: "scram_sha_256",
    fit: Fit(no_empty_action),
};

/// What a real connector finds by its own reading.
fn no_empty_action(settings: &serde_json::Value) -> Vec<Misfit> {
    let actions = settings["actions"].as_object().into_iter().flatten();
    let empty = actions.filter(|(_, action)| action.as_object().is_some_and(serde_json::Map::is_empty));
    let misfit = |name: &String| Misfit::at(&["actions", name.as_str()], "it gives nothing", "write `roles: [NAME]`");
    empty.map(|(name, _)| misfit(name)).collect()
}

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, doc: "a setting", presence: Presence::Optional, shape }
}

const SET: &str = "groups: {dba: [ann@example.com, bob@example.com], nobody: []}
idp_groups: [sre, contractors]
resources:
  - {name: services/db, connector: postgres, labels: {env: prod}}
  - {name: services/vault, connector: postgres, risk: high}
  - {name: services/owned, connector: postgres, defined_by: [\"teams/**\"]}
defaults: {constraints: {justification: {min_length: 10}, inputs: [{name: table, type: string}]}}
approvals: [{name: prod-change, stages: [{any_of: [ann@example.com]}]}]
";
const ROLE: [(&str, &str); 5] = [
    ("name", "name: db-debug"),
    ("requesters", "requesters: [group:sre]"),
    ("duration", "duration: 2h"),
    ("conditions", "conditions: [{resource: services/db, actions: [read]}]"),
    ("approvers", "approvers: [group:dba]"),
];
const TWIN: &str = "requesters: [group:sre], duration: 2h, conditions: [{resource: services/db, actions: [read]}], approvers: [group:dba], constraints: {ticket: {pattern: \"TWIN\"}}";

/// The keys of an example, each with its text; none when it is words.
fn keys(example: &str) -> Vec<(String, String)> {
    let file = SourceFile { path: "example.yaml".to_owned(), bytes: example.as_bytes().to_vec() };
    let Some(document) = parse(&file, &mut Problems::default()) else { return Vec::new() };
    let text = |from: &Node, to: &Node| example[from.span.offset..to.span.offset + to.span.len].to_owned();
    let key = |e: &crate::node::Entry| (e.key.text().unwrap_or_default().to_owned(), text(&e.key, &e.value));
    document.root.entries().iter().map(key).collect()
}

/// A role that is fine but for this.
fn role(example: &str, without: Option<&str>) -> String {
    let own = keys(example);
    let replaced: BTreeSet<&str> = own.iter().map(|(key, _)| key.as_str()).collect();
    let approves = replaced.contains("approval") && without == Some("approvers");
    let kept = ROLE.iter().filter(|(key, _)| !replaced.contains(key) && Some(*key) != without);
    let again = ROLE.iter().filter(|(key, _)| {
        // What the example is not about is there all the same.
        Some(*key) == without && *key == "approvers" && !approves && !replaced.contains(key) && !own.is_empty()
    });
    let lines: Vec<&str> =
        kept.chain(again).map(|(_, text)| *text).chain(own.iter().map(|(_, text)| text.as_str())).collect();
    format!("roles:\n  - {{{}}}\n  - {{name: twin, {TWIN}}}\n", lines.join(", "))
}

fn found(kind: &ProblemKind, example: &str) -> Vec<Problem> {
    let whole = |role: String| vec![("policy.yaml", format!("{SET}{role}"))];
    let texts: Vec<(&str, String)> = match kind.frame {
        Frame::File => vec![("policy.yaml", example.to_owned())],
        Frame::Role => whole(role(example, None)),
        Frame::Lacking(key) => whole(role(example, Some(key))),
        Frame::Resource => {
            vec![("policy.yaml", format!("resources:\n  - name: x\n    connector: postgres\n    {example}\n"))]
        }
        Frame::Test => {
            let test = "tests:\n  - name: t\n    as: {user: dev@example.com}\n    request: {role: db-debug}\n    expect: denied\n";
            whole(format!("{}{test}    {example}\n", role("", None)))
        }
        Frame::Guardrail => {
            let mut texts = whole(role("", None));
            texts.push(("g.cedar", example.to_owned()));
            texts
        }
        Frame::Overlay => {
            let mut texts = whole(role("", None));
            texts.push(("environments/prod.yaml", format!("roles: [{example}]\n")));
            texts
        }
        Frame::Folder => return Vec::new(),
    };
    let files: Vec<SourceFile> =
        texts.into_iter().map(|(path, text)| SourceFile { path: path.to_owned(), bytes: text.into_bytes() }).collect();
    check(&files, &[&POSTGRES], Purpose::Check).problems
}

#[test]
fn what_is_wrong_has_the_code_and_what_is_right_has_not() {
    let mut wrong = Vec::new();
    for kind in problem_kinds().filter(|kind| kind.frame != Frame::Folder) {
        let (bad, good) = (found(kind, kind.wrong), found(kind, kind.right));
        let is = |p: &&Problem| p.code == kind.code && p.severity >= kind.severity;
        if !bad.iter().any(|p| is(&p)) {
            wrong.push(format!("{}: `{}` is not found: {bad:#?}", kind.code, kind.wrong));
        }
        if good.iter().any(|p| is(&p)) {
            wrong.push(format!("{}: `{}` has it as well: {good:#?}", kind.code, kind.right));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A hint that only says it again, or leaves the reader to look, is none.
#[test]
fn every_problem_says_what_to_type() {
    for kind in problem_kinds() {
        for problem in found(kind, kind.wrong).iter().filter(|p| p.code == kind.code) {
            let hint = problem.hint.as_str();
            assert!(hint.chars().count() >= 7 && hint != problem.message, "{}: {hint}", kind.code);
            assert!(!hint.ends_with('.') || hint.contains(": "), "{}: {hint}", kind.code);
        }
    }
}

#[test]
fn codes_are_said_once_and_look_alike() {
    let codes: BTreeSet<&str> = problem_kinds().map(|kind| kind.code).collect();
    assert_eq!(codes.len(), problem_kinds().count());
    for kind in problem_kinds() {
        assert!(kind.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", kind.code);
        assert!(kind.means.ends_with('.') && !kind.right.is_empty(), "{}", kind.code);
    }
}
