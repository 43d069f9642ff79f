//! The policies of every world: the one it begins with, and one that takes something away.

use curfew_connectors::{postgres, ssh};
use curfew_policy::{PolicySet, Purpose, SourceFile, check};
use std::sync::OnceLock;

/// Which policy the server is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rules {
    /// What a world begins with.
    #[default]
    Wide,
    /// Some people are denied, and other people approve.
    Narrow,
}

const RESOURCES: &str = r#"
groups:
  dba: [ann@example.com, bob@example.com]
  crew: [dev@example.com, eve@example.com]
resources:
  - {name: services/db, connector: postgres, admin: "env:CURFEW_SERVICES_DB_URL"}
  - {name: services/mq, connector: postgres, admin: "env:CURFEW_SERVICES_MQ_URL"}
  - {name: hosts/web, connector: ssh, settings: {hosts: ["web-1:22"], actions: {shell: {principals: [deploy]}, logs: {principals: [reader]}}}}
  - {name: hosts/jobs, connector: ssh, settings: {hosts: ["jobs-1:22"], actions: {shell: {principals: [deploy]}, logs: {principals: [reader]}}}}
administrators: [root@example.com]
"#;

const WIDE: &str = r#"
roles:
  - name: debug
    duration: {min: 1s, default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    deny: [mallory@example.com]
    approvers: [group:dba]
    extension: {times: 2, max_total: 2h, approval: same}
  - name: everywhere
    duration: 20m
    conditions: [{resource: "services/*", actions: [read]}]
    approvers: [ann@example.com, dev@example.com]
  - name: oncall
    duration: {min: 1s, default: 5m, max: 1h}
    conditions:
      - {resource: services/db, actions: [read]}
      - {resource: "hosts/*", actions: [shell, logs]}
    approvers: [group:dba]
    extension: {times: 3, max_total: 90m, approval: none}
  - name: glance
    requesters: [dev@example.com, eve@example.com]
    duration: 2m
    conditions: [{resource: services/mq, actions: [read]}]
    approval: automatic
  - name: tail
    requesters: [dev@example.com, eve@example.com]
    duration: 3m
    conditions: [{resource: hosts/web, actions: [logs]}]
    approval: automatic
    extension: {times: 1, max_total: 10m, approval: none}
  - name: deploy
    requesters: [{gitlab: {project_id: "7", ref: main, ref_protected: "true"}}]
    duration: {min: 1s, default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
    extension: {times: 2, max_total: 2h, approval: none}
  - name: ship
    requesters: [{gitlab: {project_id: "7", ref: main, ref_protected: "true"}}]
    duration: 10m
    conditions: [{resource: hosts/web, actions: [shell]}]
    approvers: [ann@example.com]
  - name: hotfix
    triggers:
      - gitlab: {project_id: "7", ref: main, ref_protected: "true"}
        grant_to: [pipeline, group:crew]
    duration: 15m
    conditions: [{resource: services/mq, actions: [read]}]
    approval: automatic
"#;

const NARROW: &str = r#"
roles:
  - name: debug
    duration: {min: 1s, default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    deny: [mallory@example.com, eve@example.com]
    approvers: [root@example.com]
  - name: everywhere
    duration: 20m
    conditions: [{resource: "services/*", actions: [read]}]
    approvers: [ann@example.com, dev@example.com]
  - name: oncall
    duration: {min: 1s, default: 5m, max: 1h}
    conditions:
      - {resource: services/db, actions: [read]}
      - {resource: "hosts/*", actions: [shell, logs]}
    deny: [dev@example.com]
    approvers: [bob@example.com]
  - name: glance
    requesters: [dev@example.com]
    duration: 2m
    conditions: [{resource: services/mq, actions: [read]}]
    approval: automatic
  - name: tail
    requesters: [dev@example.com, eve@example.com]
    duration: 3m
    conditions: [{resource: hosts/web, actions: [logs]}]
    approval: automatic
  - name: deploy
    on_policy_change: end
    requesters: [{gitlab: {project_id: "7", ref: main, ref_protected: "true"}}]
    duration: {min: 1s, default: 10m, max: 1h}
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
    extension: {times: 2, max_total: 2h, approval: none}
  - name: ship
    requesters: [{gitlab: {project_id: "7", ref: main, ref_protected: "true"}}]
    duration: 10m
    conditions: [{resource: hosts/web, actions: [shell]}]
    approvers: [bob@example.com]
  - name: hotfix
    deny: [eve@example.com]
    triggers:
      - gitlab: {project_id: "7", ref: main, ref_protected: "true"}
        grant_to: [pipeline, group:crew]
    duration: 15m
    conditions: [{resource: services/mq, actions: [read]}]
    approval: automatic
"#;

/// The checked policy.
pub(crate) fn policy(rules: Rules) -> PolicySet {
    // Checking takes longer than anything else in a short run, and is the same each time.
    static CHECKED: OnceLock<[PolicySet; 2]> = OnceLock::new();
    let [wide, narrow] = CHECKED.get_or_init(|| [WIDE, NARROW].map(|roles| set(&format!("{RESOURCES}{roles}"))));
    match rules {
        Rules::Wide => wide.clone(),
        Rules::Narrow => narrow.clone(),
    }
}

/// A policy from its text.
fn set(text: &str) -> PolicySet {
    let files = [SourceFile { path: "policy.yaml".to_owned(), bytes: text.as_bytes().to_vec() }];
    let checked = check(&files, &[&postgres::KIND, &ssh::KIND], Purpose::Load);
    let problems: Vec<String> =
        checked.problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message)).collect();
    checked.set.unwrap_or_else(|| panic!("INVARIANT: the simulator's policy is right: {problems:?}"))
}
