//! Invariant 16, from outside: what a server decided is decided the same again from its audit log alone.

use crate::harness::World;
use serde_json::{Value, json};

const POLICY: &str = r#"
administrators: [root@example.com]
auditors: [root@example.com]
resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: counted
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read, write]}]
    approval: automatic
    constraints:
      concurrency: {per_subject: 1}
      cooldown: 1s
      source_ip: [127.0.0.0/8, "::1/128"]
      inputs: [{name: dry, type: boolean}]
    extension: {times: 1, max_total: 2h, approval: none}
  - name: asked
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [ann@example.com]
    constraints: {when: [{message: only from here, cedar: 'context.source_ip.isLoopback()'}]}
    break_glass: {who: [night@example.com], duration: 30m, review_within: 24h}
  - name: secured
    requesters: [dev@example.com]
    duration: 1h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [ann@example.com]
    constraints: {mfa: {request: true}}
"#;

#[test]
fn what_was_decided_is_decided_again_from_the_audit_log_alone() {
    let mut world = World::without_server(POLICY);
    world.start_server(&[]);
    let (dev, night, root) =
        (world.person("dev@example.com"), world.person("night@example.com"), world.person("root@example.com"));
    let id = dev.asks(&["counted", "--for", "10m", "--input", "dry=true"]);
    dev.curfew(&["activate", &id]).ok();
    dev.curfew(&["extend", &id, "--for", "10m"]).ok();
    // Refused: one too many, too long, without what it wants, without a second factor, somebody else.
    dev.curfew(&["request", "counted", "--input", "dry=true"]).exits(1);
    dev.curfew(&["request", "counted", "--for", "2h", "--input", "dry=true"]).exits(1);
    dev.curfew(&["request", "counted"]).exits(1);
    dev.curfew(&["request", "secured"]).exits(1);
    night.curfew(&["request", "asked", "--reason", "x"]).exits(1);
    dev.curfew(&["request", "asked", "--reason", "orders are stuck"]).ok();
    night.curfew(&["break-glass", "asked", "--reason", "production is down"]).ok();
    let file = world.folder().join("audit.jsonl");
    let (file, policies) = (file.display().to_string(), world.folder().join("policies").display().to_string());
    root.curfew(&["audit", "export", "--out", &file]).ok();
    let replay = |policies: &str| -> Value { root.json(&["policy", "replay", "--from", &file, policies]) };
    let same = replay(&policies);
    assert_eq!(same, json!({"replayed": 9, "skipped": 0, "changes": [], "cannot_tell": []}));
    // Another policy: what hangs on a fact that nobody wanted to know then cannot be told; the rest can.
    let other = world.folder().join("other");
    std::fs::create_dir(&other).unwrap();
    let text = POLICY.replace("{when:", "{mfa: {request: true}, when:").replace("per_subject: 1", "per_subject: 2");
    std::fs::write(other.join("p.yaml"), text).unwrap();
    let changed = replay(&other.display().to_string());
    assert_eq!(changed["cannot_tell"].as_array().map(Vec::len), Some(2), "{changed}");
    assert!(changed["cannot_tell"][0]["not_known"][0].as_str().unwrap().contains("second factor"), "{changed}");
    let changes = changed["changes"].as_array().unwrap();
    assert_eq!(
        (changes.len(), &changes[0]["before"], &changes[0]["after"]),
        (1, &"denied".into(), &"automatic".into())
    );
}
