//! What the tests share: two connectors, and short ways to say things.

#![allow(dead_code, missing_docs, unreachable_pub)]

use curfew_domain::connector::{BuiltInAction, ConnectorKind, Effect, Field, Fit, Presence, Shape};
use curfew_domain::{
    ActionName, GroupName, Identity, ResourceName, RoleName, Seconds, Subject, SubjectId, SubjectKind, Timestamp,
};
use curfew_policy::{Ask, Checked, Facts, Grants, PolicySet, Problem, Purpose, Severity, SourceFile};

const EFFECTS: Shape = Shape::List(&Shape::Choice(&["read", "write", "define", "admin"]));

/// Shaped like the real one, so that these tests need no connector.
pub static POSTGRES: ConnectorKind = ConnectorKind {
    name: "postgres",
    summary: "PostgreSQL",
    actions: &[
        BuiltInAction { name: "read", meaning: "USAGE and SELECT", effects: &[Effect::Read] },
        BuiltInAction { name: "write", meaning: "INSERT, UPDATE, DELETE", effects: &[Effect::Write] },
        BuiltInAction { name: "ddl", meaning: "CREATE", effects: &[Effect::Define] },
    ],
    settings: &[
        field("database", Presence::Optional, Shape::Text(63)),
        field("schemas", Presence::Optional, Shape::List(&Shape::Text(63))),
        field(
            "actions",
            Presence::Optional,
            Shape::Map(&Shape::Record(&[
                field("roles", Presence::Optional, Shape::List(&Shape::Text(63))),
                field("grants", Presence::Optional, Shape::List(&Shape::Text(512))),
                field("effects", Presence::Optional, EFFECTS),
            ])),
        ),
        field("replicas", Presence::Optional, Shape::List(&Shape::HostPort)),
        field(
            "scram_iterations",
            Presence::Optional,
            Shape::Either(&[Shape::Choice(&["auto"]), Shape::Integer(1, 1_000_000)]),
        ),
        field("leftovers", Presence::Optional, Shape::Choice(&["quarantine", "drop"])),
    ],
    admin: Presence::Required,
    privileges: &[],
    residual_exposure: &["an open cursor may outlive the end by 5 s"],
    public_half: "scram_sha_256",
    fit: Fit::BY_SHAPE,
};

/// Like the real one, too.
pub static SSH: ConnectorKind = ConnectorKind {
    name: "ssh",
    summary: "OpenSSH",
    actions: &[],
    settings: &[
        field("hosts", Presence::Required, Shape::List(&Shape::HostPort)),
        field(
            "actions",
            Presence::Optional,
            Shape::Map(&Shape::Record(&[
                field("principals", Presence::Required, Shape::List(&Shape::Text(64))),
                field("extensions", Presence::Optional, Shape::List(&Shape::Choice(&["permit-pty"]))),
                field("force_command", Presence::Optional, Shape::Text(512)),
                field("effects", Presence::Optional, EFFECTS),
            ])),
        ),
        field("source_address", Presence::Optional, Shape::List(&Shape::Cidr)),
    ],
    admin: Presence::Optional,
    privileges: &[],
    residual_exposure: &[],
    public_half: "ssh_public_key",
    fit: Fit::BY_SHAPE,
};

const fn field(name: &'static str, presence: Presence, shape: Shape) -> Field {
    Field { name, doc: "a setting", presence, shape }
}

pub static KINDS: [&ConnectorKind; 2] = [&POSTGRES, &SSH];

pub fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

pub fn check_text(text: &str) -> Checked {
    check_files(&[file("p.yaml", text)])
}

pub fn check_files(files: &[SourceFile]) -> Checked {
    curfew_policy::check(files, &KINDS, Purpose::Check)
}

pub fn set(text: &str) -> PolicySet {
    let checked = check_text(text);
    checked.set.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.problems))
}

pub fn errors(problems: &[Problem]) -> Vec<(&'static str, u32, u32)> {
    problems.iter().filter(|p| p.severity == Severity::Error).map(|p| (p.code, p.line, p.column)).collect()
}

pub fn warnings(problems: &[Problem]) -> Vec<(&'static str, u32, u32)> {
    problems.iter().filter(|p| p.severity == Severity::Warning).map(|p| (p.code, p.line, p.column)).collect()
}

pub fn person(email: &str) -> Identity {
    with_groups(email, &[])
}

pub fn with_groups(email: &str, groups: &[&str]) -> Identity {
    let id = SubjectId::new("https://idp.example.com", email).expect("a subject id");
    let subject =
        Subject { kind: SubjectKind::Person, id, email: Some(email.parse().expect("an address")), name: None };
    let groups = groups.iter().map(|g| GroupName::new(*g).expect("a group name")).collect();
    Identity { subject, groups }
}

pub fn machine(email: &str, groups: &[&str]) -> Identity {
    let mut identity = with_groups(email, groups);
    identity.subject.kind = SubjectKind::Workload;
    identity
}

pub fn role(name: &str) -> RoleName {
    RoleName::new(name).expect("a role name")
}

pub fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

/// All of a role, for as long as it says, for a good reason.
pub fn ask(who: &Identity, name: &str) -> Ask {
    let facts = Facts { grants: Some(Grants::default()), ..Facts::default() };
    Ask { reason: "orders are stuck since 9:40".to_owned(), facts, ..Ask::of(who.clone(), role(name), now()) }
}

pub fn resources(names: &[&str]) -> Vec<ResourceName> {
    names.iter().map(|n| ResourceName::new(*n).expect("a resource name")).collect()
}

pub fn actions(names: &[&str]) -> Vec<ActionName> {
    names.iter().map(|n| ActionName::new(*n).expect("an action")).collect()
}

pub fn seconds(text: &str) -> Seconds {
    text.parse().expect("a duration")
}
