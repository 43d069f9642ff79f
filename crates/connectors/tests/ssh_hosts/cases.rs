//! What real hosts do.

use crate::world::{Guard, Held, RealClock, World};
use curfew_connectors::ssh::private::PrivateSshd;
use curfew_domain::lease::Evidence;
use curfew_engine::seams::connector::{Access, CallError, Revocation, Target};
use curfew_engine::seams::{Clock, Connector, HostDesk};
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn is_read(answer: &Result<Revocation, CallError>) -> bool {
    matches!(answer, Ok(Revocation::Revoked { evidence: Evidence::Read { .. }, .. }))
}

async fn one_host(world: &World) -> (PrivateSshd, Target) {
    let mut host = world.host("web");
    let target = world.resource("hosts/web", &host, |_| {}).await;
    world.watch(&target, &mut host).await;
    (host, target)
}

pub(crate) async fn opens_until_revoked() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let held = world.issue(&target, &["shell"], HOUR).await;
    assert!(held.opens(&host).await, "{}", log(&host));
    let other = world.issue(&target, &["shell"], HOUR).await;
    let before = RealClock.monotonic();
    let answer = world.revoke(&target, &[&held]).await.remove(0);
    assert!(is_read(&answer), "{answer:?}");
    assert!(RealClock.monotonic() - before < Duration::from_secs(2));
    assert!(!held.opens(&host).await, "its serial is refused");
    assert!(other.opens(&host).await, "another's is not");
    let again = world.revoke(&target, &[&held]).await.remove(0);
    assert!(is_read(&again), "ending it again is fine: {again:?}");
    let refused = world.ssh.issue(&target, std::slice::from_ref(&held.order)).await.remove(0);
    assert!(matches!(refused, Err(CallError::Refused { .. })), "{refused:?}");
}

pub(crate) async fn another_resource_refuses() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let mut blue = world.host("blue");
    let other = world.resource("hosts/web/blue", &blue, |_| {}).await;
    world.watch(&other, &mut blue).await;
    let mut held = world.issue(&target, &["shell"], HOUR).await;
    assert!(held.opens(&host).await);
    // The client trusts the other host as well, so that only the host itself refuses.
    let theirs = world.issue(&other, &["shell"], HOUR).await;
    assert!(theirs.opens(&blue).await, "the same account, with the right authority");
    held = trusting(held, &theirs);
    assert!(!held.opens(&blue).await, "the same account, with another resource's certificate");
}

fn trusting(held: Held, other: &Held) -> Held {
    std::fs::copy(other.dir.join("known_hosts"), held.dir.join("known_hosts")).expect("copied");
    held
}

pub(crate) async fn only_its_accounts() {
    let world = World::new().await;
    let mut host = world.host("web");
    let account = host.account().to_owned();
    let target = world
        .resource("hosts/web", &host, |settings| {
            settings["actions"]["other"] = json!({"principals": ["somebody-else"]});
            settings["actions"]["both"] = json!({"principals": ["somebody-else", account]});
        })
        .await;
    world.watch(&target, &mut host).await;
    assert!(!world.issue(&target, &["other"], HOUR).await.opens(&host).await);
    assert!(world.issue(&target, &["both"], HOUR).await.opens(&host).await);
}

pub(crate) async fn ends_at_its_hour_alone() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let held = world.issue(&target, &["shell"], Duration::from_secs(4)).await;
    let mut session = enter(&world, &host, &held).await;
    world.stop_server();
    let left = held.order.expires_at.millis_since(RealClock.wall());
    tokio::time::sleep(Duration::from_millis(left.saturating_sub(1_500))).await;
    assert!(!session.has_ended(), "it lasts until its hour");
    tokio::time::sleep(Duration::from_millis(1_500 + 1_000)).await;
    assert!(session.has_ended(), "within a second of its hour, with no server");
    assert!(!held.opens(&host).await, "expired");
}

pub(crate) async fn master_connection_ends() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let held = world.issue(&target, &["shell"], HOUR).await;
    let socket = held.dir.join("master");
    let mut master = held.client(&host, "certificate");
    master.args(["-N", "-M", "-S"]).arg(&socket);
    let mut master = Guard::spawn(&mut master);
    world.until("the master is up", || socket.exists()).await;
    // Through the master: a process that left its session and its parent.
    let mark = held.dir.join("alive");
    let detached = format!(
        "setsid sh -c 'while :; do touch {0}; sleep 0.1; done' </dev/null >/dev/null 2>&1 & sleep 0.2",
        mark.display()
    );
    let through = held.client(&host, "certificate").arg("-S").arg(&socket).arg(&detached).output();
    assert!(through.expect("ssh runs").status.success());
    world.until("the detached process runs", || mark.exists()).await;
    let observation = world.ssh.observe(&target).await.expect("observed");
    assert_eq!(observation.found.len(), 1);
    assert_eq!(observation.found[0].locator, held.issued.locator);
    let before = RealClock.monotonic();
    let answer = world.revoke(&target, &[&held]).await.remove(0);
    let took = RealClock.monotonic() - before;
    assert!(is_read(&answer), "{answer:?}");
    assert!(took < Duration::from_millis(2_000), "{took:?}");
    world.until("the master has ended", || !socket.exists()).await;
    assert!(master.has_ended());
    let stderr =
        held.client(&host, "certificate").arg("-S").arg(&socket).arg("true").output().expect("ssh runs").stderr;
    assert!(String::from_utf8_lossy(&stderr).contains("Permission denied"), "no way back in");
    std::fs::remove_file(&mark).expect("removed");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!mark.exists(), "the detached process has ended too");
    let observation = world.ssh.observe(&target).await.expect("observed");
    assert_eq!(observation.found, []);
}

pub(crate) async fn only_what_policy_gives() {
    let world = World::new().await;
    let mut host = world.host("web");
    let account = host.account().to_owned();
    let target = world
        .resource("hosts/web", &host, |settings| {
            settings["actions"]["restart"] = json!({"principals": [account], "force_command": "echo forced"});
        })
        .await;
    world.watch(&target, &mut host).await;
    let held = world.issue(&target, &["restart"], HOUR).await;
    assert_eq!(held.run(&host, "echo chosen").await.stdout, b"forced\n");
    let pty = held.client(&host, "certificate").args(["-tt", "tty"]).stdin(Stdio::null()).output().expect("ssh runs");
    assert!(String::from_utf8_lossy(&pty.stderr).contains("PTY allocation request failed"), "{pty:?}");
    let mut forward = held.client(&host, "certificate");
    forward.args(["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "x"]);
    let forward = forward.output().expect("ssh runs");
    assert!(!forward.status.success(), "no forwarding: {forward:?}");
    // Together, each action keeps its own certificate, and the first is the one without a forced command.
    let both = world.issue(&target, &["restart", "shell"], HOUR).await;
    assert_eq!(both.run(&host, "echo chosen").await.stdout, b"chosen\n");
    let restart = both.client(&host, "certificate_restart").arg("echo chosen").output().expect("ssh runs");
    assert_eq!(restart.stdout, b"forced\n");
    let mut far = target.clone();
    far.definition.settings["source_address"] = json!(["10.0.0.0/8"]);
    assert!(!world.issue(&far, &["shell"], HOUR).await.opens(&host).await, "not from this address");
    far.definition.settings["source_address"] = json!(["10.0.0.0/8", "127.0.0.1"]);
    assert!(world.issue(&far, &["shell"], HOUR).await.opens(&host).await);
}

pub(crate) async fn dead_agent() {
    let world = World::new().await;
    let (mut host, target) = one_host(&world).await;
    let held = world.issue(&target, &["shell"], HOUR).await;
    let mut session = enter(&world, &host, &held).await;
    let token = world.token_of(&host);
    host.stop_agent();
    assert!(!held.opens(&host).await, "nobody would end a new session");
    let answer = world.revoke(&target, &[&held]).await.remove(0);
    assert!(matches!(answer, Err(CallError::Unreachable { .. } | CallError::Lost { .. })), "{answer:?}");
    assert!(!session.has_ended(), "nobody has ended it, and nobody says so");
    world.start_agent(&target, &mut host, &token);
    let mut answer = world.revoke(&target, &[&held]).await.remove(0);
    for _ in 0..3 {
        if answer.is_err() {
            answer = world.revoke(&target, &[&held]).await.remove(0);
        }
    }
    assert!(is_read(&answer), "{answer:?}");
    world.until("the session has ended", || sessions(&host) == 0).await;
    assert!(session.has_ended());
}

pub(crate) async fn rotation() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let before = world.issue(&target, &["shell"], HOUR).await;
    let authorities = world.ssh.rotate(&target.resource).await.expect("rotated");
    assert_eq!(authorities.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2]);
    let trusted = || std::fs::read_to_string(host.agent_dir().join("authorities.pub")).unwrap_or_default();
    world.until("the host trusts both", || trusted().lines().count() == 2).await;
    let after = world.issue(&target, &["shell"], HOUR).await;
    assert_ne!(before.issued.connection["authority"], after.issued.connection["authority"]);
    assert!(before.opens(&host).await && after.opens(&host).await);
    let answers = world.revoke(&target, &[&before, &after]).await;
    assert!(answers.iter().all(is_read), "{answers:?}");
    assert!(!before.opens(&host).await && !after.opens(&host).await, "refused under either authority");
}

pub(crate) async fn unread_host() {
    let world = World::new().await;
    let (host, _) = one_host(&world).await;
    let target = world
        .resource("hosts/web", &host, |settings| {
            settings["hosts"].as_array_mut().expect("a list").push(json!("web-2.example.com:22"));
        })
        .await;
    let held = world.issue(&target, &["shell"], HOUR).await;
    let Ok(Revocation::Revoked { evidence: Evidence::Unread { because, .. }, .. }) =
        world.revoke(&target, &[&held]).await.remove(0)
    else {
        panic!("one host cannot be read");
    };
    assert!(because.contains("web-2.example.com:22") && !because.contains("127.0.0.1"), "{because}");
    assert!(!held.opens(&host).await, "the other one refuses");
}

pub(crate) async fn many_end_at_once() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(world.issue(&target, &["shell"], HOUR).await);
    }
    let mut open: Vec<_> = held.iter().map(|h| Guard::spawn(h.client(&host, "certificate").arg("sleep 60"))).collect();
    world.until("all sessions are open", || sessions(&host) == 5).await;
    let (ended, kept) = held.split_at(3);
    let answers = world.revoke(&target, &ended.iter().collect::<Vec<_>>()).await;
    assert!(answers.iter().all(is_read), "{answers:?}");
    world.until("three have ended", || open.iter_mut().filter_map(|s| s.0.try_wait().ok()?).count() == 3).await;
    let found = world.ssh.observe(&target).await.expect("observed").found;
    assert_eq!(found.len(), kept.len());
    assert!(found.iter().all(|f| f.access == Access::Open && f.marker.is_some()));
}

pub(crate) async fn conforms() {
    let world = World::new().await;
    let (host, target) = one_host(&world).await;
    let held = world.issue(&target, &["shell"], HOUR).await;
    let harness = crate::conform::WithHost { world, host, target, held, leases: 1.into() };
    curfew_connectors::conformance::run(&harness).await;
}

/// Opens a session that does nothing, and waits until it is in: sshd asks for principals before it lets anybody in.
async fn enter(world: &World, host: &PrivateSshd, held: &Held) -> Guard {
    let mark = held.dir.join("in");
    let session = Guard::spawn(held.client(host, "certificate").arg(format!("touch {}; sleep 60", mark.display())));
    world.until("the session is open", || mark.exists()).await;
    session
}

/// Sessions that were let in and whose sshd runs.
fn sessions(host: &PrivateSshd) -> usize {
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    let output = command.args(["host", "sessions", "--json", "--dir"]).arg(host.agent_dir()).output();
    let output = output.expect("it runs");
    let list: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    list.len()
}

fn log(host: &PrivateSshd) -> String {
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let agent = host.log_path().with_file_name("agent.log");
    format!("sshd: {}\nagent: {}", read(host.log_path()), read(agent))
}
