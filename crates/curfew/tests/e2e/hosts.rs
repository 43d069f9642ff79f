//! A real sshd, `curfew host` beside it, and a certificate.

use crate::harness::{Sshd, World, soon};
use std::time::Duration;

#[test]
fn a_certificate_opens_its_host_until_it_ends() {
    let sshd = Sshd::reserve();
    let mut world = World::without_server(&policy(&sshd));
    world.start_server(&[]);
    let (developer, root) = (world.person("dev@example.com"), world.person("root@example.com"));
    let sshd = sshd.start(&root, &world.url(), "hosts/web");

    let id = developer.asks(&["web-shell", "--for", "10m"]);
    developer.curfew(&["activate", &id]).ok();
    let said = developer.curfew(&["connect", &id, "--", "echo", "I am in"]).ok();
    assert_eq!(said.out.trim(), "I am in", "{}", sshd.log());

    let mut open = sshd.hold_open(&developer, &id);
    soon("the session is open", Duration::from_secs(20), || sshd.sleepers() == 1);
    developer.curfew(&["return", &id]).ok();
    soon("the session is closed", Duration::from_secs(3), || !open.is_running() && sshd.sleepers() == 0);
    let refused = developer.curfew(&["connect", &id, "--", "echo", "still in"]);
    assert!(refused.code != 0 && !refused.out.contains("still in"), "{refused:?}");
    soon("the end is verified", Duration::from_secs(5), || {
        let grant = developer.curfew(&["show", &id, "--json"]).ok().json();
        let grant = developer.sees(grant["grant_id"].as_str().unwrap());
        grant["state"] == "ended" && grant["verified"] == true
    });
}

#[test]
fn without_the_host_program_an_end_is_not_called_verified() {
    let sshd = Sshd::reserve();
    let mut world = World::without_server(&policy(&sshd));
    world.start_server(&[]);
    let developer = world.person("dev@example.com");
    let id = developer.asks(&["web-shell", "--for", "10m"]);
    let grant = developer.json(&["activate", &id]);
    let grant = grant["id"].as_str().unwrap();
    developer.curfew(&["return", grant]).ok();
    soon("it has ended", Duration::from_secs(5), || developer.sees(grant)["state"] == "ended");
    let ended = developer.sees(grant);
    assert_eq!(ended["verified"], false, "{ended}");
    let shown = developer.curfew(&["show", grant]).ok().out;
    assert!(shown.contains("session"), "it says what may still be open: {shown}");
}

/// What the authority before signed opens the host until its own end, what the next one signs does too, and an end under
/// either is one.
#[test]
fn authorities_overlap_when_they_are_exchanged() {
    let sshd = Sshd::reserve();
    let mut world = World::without_server(&policy(&sshd));
    world.start_server(&[]);
    let (developer, root) = (world.person("dev@example.com"), world.person("root@example.com"));
    let sshd = sshd.start(&root, &world.url(), "hosts/web");
    let opens = |id: &str| developer.curfew(&["connect", id, "--", "echo", "I am in"]).out.trim() == "I am in";
    let before = developer.asks(&["web-shell", "--for", "10m"]);
    developer.curfew(&["activate", &before]).ok();
    assert!(opens(&before), "{}", sshd.log());
    developer.curfew(&["ssh", "rotate", "hosts/web"]).exits(3);
    let listed = root.curfew(&["ssh", "rotate", "hosts/web"]).ok().out;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(root.curfew(&["ssh", "ca", "hosts/web"]).ok().out, listed);
    let after = developer.asks(&["web-shell", "--for", "10m"]);
    developer.curfew(&["activate", &after]).ok();
    soon("what the next authority signed opens the host", Duration::from_secs(5), || opens(&after));
    assert!(opens(&before), "what the one before signed still does: {}", sshd.log());
    developer.curfew(&["return", &before]).ok();
    soon("an end under the one before is one", Duration::from_secs(5), || !opens(&before));
    assert!(opens(&after), "and of that alone");
    developer.curfew(&["return", &after]).ok();
    soon("and under the next", Duration::from_secs(5), || !opens(&after));
}

fn policy(sshd: &Sshd) -> String {
    format!(
        "administrators: [root@example.com]
resources:
{}roles:
  - name: web-shell
    requesters: [dev@example.com]
    duration: {{default: 10m, max: 1h}}
    conditions: [{{resource: hosts/web, actions: [shell]}}]
    approval: automatic
",
        sshd.resource("hosts/web")
    )
}
