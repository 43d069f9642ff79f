//! Samples in the form the other systems document, and what becomes of them.

use super::*;
use crate::check::{Purpose, check};
use crate::problem::Severity;

const JIT_GROUPS: &str = include_str!("../../tests/data/import/jit-groups.yaml");
const TELEPORT: &str = include_str!("../../tests/data/import/teleport.yaml");
const TEAM: &str = include_str!("../../tests/data/import/aws-team.json");
const TEAM_TABLES: &str = include_str!("../../tests/data/import/aws-team-dynamodb.json");

fn imported(path: &str, text: &str) -> Imported {
    let file = SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let imported = import(&[file], None).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let file = SourceFile { path: "imported.yaml".to_owned(), bytes: imported.policy.clone().into_bytes() };
    let errors: Vec<_> =
        check(&[file], &[], Purpose::Check).problems.into_iter().filter(|p| p.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{}", imported.policy);
    imported
}

fn has(imported: &Imported, lines: &[&str]) {
    for line in lines {
        assert!(imported.policy.contains(line), "`{line}` is missing in\n{}", imported.policy);
    }
}

fn remarked(imported: &Imported, role: &str, effect: Effect, word: &str) {
    let fits = |r: &&Remark| r.role == role && r.effect == effect && r.message.contains(word);
    assert!(imported.remarks.iter().any(|r| fits(&r)), "{role} {effect:?} {word}: {:#?}", imported.remarks);
}

#[test]
fn jit_groups_become_roles_with_what_they_inherit() {
    let imported = imported("environment.yaml", JIT_GROUPS);
    assert_eq!(imported.origin, Origin::JitGroups);
    has(
        &imported,
        &[
            "name: \"datamart.warehouse.readers\"",
            "name: \"datamart.warehouse.readers.self\"",
            "requesters: [\"group:analysts\"]",
            "requesters: [\"ann@example.com\"]",
            "deny: [\"temp@example.com\"]",
            "duration: {min: 1h, max: 7d}",
            "approvers: [\"group:data-managers\"]",
            "{resource: \"gcp/projects/sales-prod\", actions: [\"bigquery.dataViewer\", \"bigquery.jobUser\"]}",
            "ticket: {pattern: \"CASE-[0-9]+\"}",
            "name: \"datamart.warehouse.admins\"",
            "requesters: anyone",
            "duration: {min: 1d, max: 30d}",
            "type: integer",
        ],
    );
    let (admins, readers) = ("datamart.warehouse.admins", "datamart.warehouse.readers");
    remarked(&imported, admins, Effect::Wider, "input.tier > 0");
    remarked(&imported, admins, Effect::Wider, "not-at-night");
    remarked(&imported, admins, Effect::Wider, "IAM condition");
    remarked(&imported, admins, Effect::Narrower, "serviceAccount:");
    remarked(&imported, admins, Effect::Narrower, "90d");
    remarked(&imported, readers, Effect::Narrower, "denied");
    for absent in ["datamart.frozen.closed", "datamart.frozen.orphans"] {
        assert!(!imported.policy.contains(&format!("name: \"{absent}\"")), "{absent}");
        assert!(imported.remarks.iter().any(|r| r.role == absent && r.effect == Effect::Narrower), "{absent}");
    }
}

#[test]
fn teleport_roles_that_are_asked_for_become_roles() {
    let imported = imported("roles.yaml", TELEPORT);
    assert_eq!(imported.origin, Origin::Teleport);
    has(
        &imported,
        &[
            "idp_groups: [\"contractor\", \"dba\", \"developer\", \"sre-lead\"]",
            "name: \"prod-ssh\"",
            "requesters: [\"group:developer\"]",
            "deny: [\"group:contractor\"]",
            "duration: 4h",
            "{resource: \"teleport/nodes/env.prod/team.billing\", actions: [\"ubuntu\"]}",
            "{resource: \"teleport/databases/all\", actions: [\"admin\"]}",
            "any_of: [\"group:dba\", \"group:sre-lead\"], require: 2",
            "deny: [\"group:contractor\", \"group:sre-lead\"]",
            "justification: {min_length: 1}",
        ],
    );
    remarked(&imported, "prod-ssh", Effect::Wider, "contains(request");
    remarked(&imported, "prod-ssh", Effect::Wider, "require_session_mfa");
    remarked(&imported, "prod-ssh", Effect::Narrower, "{{external.username}}");
    remarked(&imported, "db-admin", Effect::Wider, "db_names");
    remarked(&imported, "", Effect::Narrower, "`prod-unreviewed`");
    remarked(&imported, "", Effect::Narrower, "`auditor`");
    remarked(&imported, "", Effect::ToDo, "`user`");
    let place = imported.remarks.iter().find(|r| r.message.contains("db_names")).map(|r| r.line);
    assert_eq!(place, TELEPORT.lines().position(|l| l.contains("db_names")).map(|n| n as u32 + 1));
}

#[test]
fn team_tables_become_a_role_for_each_account() {
    let imported = imported("team.json", TEAM);
    assert_eq!(imported.origin, Origin::AwsTeam);
    has(
        &imported,
        &[
            "name: \"platform-engineers.orders-prod\"",
            "requesters: [\"group:platform-engineers\"]",
            "duration: 8h",
            "{resource: \"aws/accounts/111122223333\", actions: [\"AdministratorAccess\", \"ReadOnlyAccess\"]}",
            "approvers: [\"group:cloud-approvers\"]",
            "name: \"platform-engineers.Workloads\"",
            "approvers: [\"group:cloud-approvers\", \"group:security-leads\"]",
            "name: \"eve.orders-dev\"",
            "approval: automatic",
            "justification: {min_length: 1}",
        ],
    );
    assert!(!imported.policy.contains("ticket:"), "{}", imported.policy);
    remarked(&imported, "", Effect::Narrower, "`platform-engineers.orders-dev` is not carried over: nobody approves");
    remarked(&imported, "platform-engineers.Workloads", Effect::ToDo, "aws/units/ou-ab12-34cd56ef");
}

#[test]
fn team_tables_as_the_database_exports_them() {
    let imported = imported("tables.json", TEAM_TABLES);
    has(
        &imported,
        &["name: \"on-call.orders-prod\"", "actions: [\"PowerUserAccess\"]", "approvers: [\"group:cloud-approvers\"]"],
    );
}

#[test]
fn the_text_says_what_was_lost_beside_the_role() {
    let imported = imported("roles.yaml", TELEPORT);
    let lines: Vec<&str> = imported.policy.lines().map(str::trim).collect();
    let role = lines.iter().position(|l| l.contains("name: \"db-admin\"")).expect("the role");
    let before: Vec<_> = lines[..role].iter().rev().take_while(|l| l.starts_with('#')).collect();
    assert!(before.iter().any(|l| l.starts_with("# WIDER: `db_names`")), "{before:#?}");
}

#[test]
fn what_is_nobodys_policy_is_refused() {
    for (path, text, code) in [
        ("a.yaml", "roles: [{name: x}]", "unknown-origin"),
        ("a.yaml", "kind: role", "unknown-origin"),
        ("a.yaml", "schemaVersion: 1\nenvironment: [", "syntax"),
        ("a.json", "{", "syntax"),
        ("a.yaml", "", "empty-file"),
    ] {
        let file = SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let problems = import(&[file], None).expect_err("refused");
        assert!(problems.iter().any(|p| p.code == code), "{text}: {problems:?}");
    }
    let file = SourceFile { path: "a.yaml".to_owned(), bytes: b"x: 1".to_vec() };
    for origin in [Origin::JitGroups, Origin::Teleport, Origin::AwsTeam] {
        let problems = import(std::slice::from_ref(&file), Some(origin)).expect_err("refused");
        assert_eq!(problems[0].code, "import-format", "{origin:?}");
    }
}

#[test]
fn what_is_ours_or_of_two_systems_is_told() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let told = |files: &[SourceFile]| {
        let problem = import(files, None).expect_err("refused").remove(0);
        (problem.file, problem.message, problem.hint)
    };
    let guardrail = file("g.cedar", "@message(\"no\")\nforbid (principal, action, resource);\n");
    let (at, message, hint) = told(&[guardrail, file("p.yaml", "roles: [{name: x}]\n")]);
    assert_eq!((at.as_str(), message.as_str()), ("p.yaml", "this looks like a policy of Curfew already"));
    assert!(hint.contains("curfew policy check"), "{hint}");
    let teleport = file("t.yaml", "kind: role\nmetadata: {name: a}\nspec: {}\n");
    let (at, message, hint) = told(&[teleport, file("j.yaml", "schemaVersion: 1\nenvironment: {name: e}\n")]);
    assert_eq!(at, "j.yaml");
    assert_eq!(message, "this is a policy of JIT Groups, and t.yaml is one of Teleport");
    assert_eq!(hint, "import the files of one system at a time");
}

#[test]
fn no_text_escapes_its_quotes() {
    let evil = "x\\\"]\\n    approval: automatic # ";
    let text = format!(
        "{{\"data\": [{{\"id\": \"1\", \"name\": \"{evil}\", \"type\": \"Group\", \"accounts\": [{{\"name\": \"{evil}\", \"id\": \"{evil}\"}}], \"permissions\": [{{\"name\": \"{evil}\"}}], \"approvalRequired\": true, \"duration\": \"1\"}}, {{\"id\": \"{evil}\", \"type\": \"Account\", \"approvers\": [\"{evil}\"]}}]}}"
    );
    let imported = imported("t.json", &text);
    assert!(!imported.policy.contains("approval: automatic\n"), "{}", imported.policy);
    assert_eq!(imported.policy.matches("- name:").count(), 1, "{}", imported.policy);
}

mod damaged {
    use super::*;
    use proptest::prelude::*;

    const SAMPLES: [(&str, &str); 4] =
        [("a.yaml", JIT_GROUPS), ("a.yaml", TELEPORT), ("a.json", TEAM), ("a.json", TEAM_TABLES)];

    /// A piece of the text taken out, and put in somewhere else.
    fn moved(text: &str, from: usize, length: usize, to: usize) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        let from = from % chars.len();
        let end = (from + length).min(chars.len());
        let piece: Vec<char> = chars.drain(from..end).collect();
        let to = to % (chars.len() + 1);
        chars.splice(to..to, piece);
        chars.into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever was damaged: it is refused, or what comes out can be read, and is no more automatic than before.
        #[test]
        fn a_damaged_export_is_refused_or_becomes_a_policy(
            which in 0_usize..4, from in any::<usize>(), length in 0_usize..60, to in any::<usize>(), word in "[\\PC\n]{0,12}",
        ) {
            let (path, text) = SAMPLES[which];
            let text = moved(text, from, length, to).replacen(char::is_whitespace, &word, 1);
            let file = SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
            if let Ok(imported) = import(&[file], None) {
                let read = SourceFile { path: "p.yaml".to_owned(), bytes: imported.policy.clone().into_bytes() };
                let mut out = Problems::default();
                prop_assert!(parse(&read, &mut out).is_some() && !out.has_errors(), "{}", imported.policy);
            }
        }
    }
}
