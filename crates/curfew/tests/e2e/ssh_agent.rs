//! `--ssh-agent` against a real sshd: plain `ssh` that was told of nothing but the agent, and what is left of it afterwards.

use crate::harness::{Answer, Child, Job, Pipelines, Sshd, run, soon, text};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(60);
const RESOURCE: &str = "hosts/web";

/// A server whose policy knows a host, and that host.
struct World {
    pipelines: Pipelines,
    sshd: Sshd,
}

fn world(window: Duration) -> World {
    let sshd = Sshd::reserve();
    let pipelines = Pipelines::start(&policy(&sshd), window);
    let root = pipelines.world.person("root@example.com");
    let sshd = sshd.start(&root, &pipelines.world.url(), RESOURCE);
    World { pipelines, sshd }
}

fn policy(sshd: &Sshd) -> String {
    format!(
        "administrators: [root@example.com]
resources:
{}  - {{name: services/db, connector: postgres, risk: low, settings: {{schemas: [public]}}}}
roles:
  - name: web-shell
    requesters: [dev@example.com, {{github: {{repository_id: \"123456\", ref: refs/heads/main}}}}]
    duration: {{default: 10m, max: 1h}}
    conditions: [{{resource: {RESOURCE}, actions: [shell]}}]
    approval: automatic
  - name: debug
    requesters: [{{github: {{repository_id: \"123456\", ref: refs/heads/main}}}}]
    duration: 10m
    conditions: [{{resource: services/db, actions: [read]}}]
    approval: automatic
",
        sshd.resource(RESOURCE)
    )
}

impl World {
    /// A shell command that logs in with whatever an agent offers, and with nothing else.
    fn login(&self, command: &str) -> String {
        let (port, account) = (self.sshd.port, &self.sshd.account);
        format!(
            "ssh -F none -o BatchMode=yes -o IdentityFile=none -o UserKnownHostsFile=\"$CURFEW_SSH_KNOWN_HOSTS\" \
             -p {port} {account}@127.0.0.1 '{command}'"
        )
    }

    fn job(&self, name: &str, arguments: &[&str]) -> Command {
        self.pipelines.bare(name, arguments)
    }

    /// A job that says where its agent is, and then waits.
    fn waits(&self, name: &str) -> (Job, PathBuf) {
        let mark = self.pipelines.mark(&format!("{name}.ready"));
        let ready = mark.display();
        let script = format!("printf %s \"$SSH_AUTH_SOCK\" > {ready}.new; mv {ready}.new {ready}; exec sleep 30");
        let command = self.job(name, &["run", "web-shell", "--ssh-agent", "--", "sh", "-c", &script]);
        let mut job = Job::of(command, &self.pipelines, name);
        job.waits_at(&mark);
        let socket = PathBuf::from(std::fs::read_to_string(&mark).unwrap());
        assert_eq!(offers(&socket), 1, "{}", job.log());
        (job, socket)
    }
}

/// How many keys this agent offers to whoever asks.
fn offers(socket: &Path) -> usize {
    let asked = run(Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", socket));
    asked.out.lines().filter(|line| line.starts_with("ssh-ed25519-cert-v01@openssh.com ")).count()
}

/// Nobody answers, and nothing is left in the file system.
fn is_gone(socket: &Path) -> bool {
    !socket.exists() && !socket.parent().unwrap().exists()
}

#[test]
fn plain_ssh_finds_the_key_of_a_run_by_the_agent_alone() {
    let world = world(WINDOW);
    let script = format!("{} && printf %s \"$SSH_AUTH_SOCK\"", world.login("echo I am in"));
    let shell = ["--", "sh", "-c", &script];
    let arguments = [&["run", "web-shell", "--ssh-agent"], shell.as_slice()].concat();
    let ran = run(&mut world.job("job", &arguments)).ok();
    let (said, socket) = ran.out.split_once('\n').unwrap();
    assert_eq!(said, "I am in", "{}", world.sshd.log());
    assert!(socket.starts_with(world.pipelines.state("job").to_str().unwrap()), "{ran:?}");
    assert!(is_gone(Path::new(socket)), "{ran:?}");

    let without = run(&mut world.job("job", &[&["run", "web-shell"], shell.as_slice()].concat()));
    assert!(without.code == 255 && !without.out.contains("I am in"), "{without:?}");
    let other = run(&mut world.job("job", &["run", "debug", "--ssh-agent", "--", "true"])).exits(125);
    assert!(other.err.contains("this access has no SSH host"), "{other:?}");
    world.pipelines.world.nothing_left(Duration::from_secs(5));
}

#[test]
fn a_person_has_the_same_by_exec_and_it_ends_with_the_grant() {
    let world = world(WINDOW);
    let developer = world.pipelines.world.person("dev@example.com");
    let revoke = format!(
        "CURFEW_STATE={} {} revoke $CURFEW_GRANT --reason over",
        world.pipelines.world.person("root@example.com").state().display(),
        env!("CARGO_BIN_EXE_curfew")
    );
    let script = format!("{}; {revoke} >&2; sleep 1; {}", world.login("echo in"), world.login("echo still in"));
    let mut exec = developer.command(&["exec", "web-shell", "--ssh-agent", "--", "sh", "-c", &script]);
    let ran = run(exec.env("SSH_AUTH_SOCK", "/nowhere")).exits(255);
    assert_eq!(ran.out, "in\n", "{ran:?}\n{}", world.sshd.log());
    let sockets = developer.state().join("sockets");
    assert_eq!(std::fs::read_dir(&sockets).unwrap().count(), 0);
}

#[test]
fn nothing_of_the_agent_is_left_however_the_command_ends() {
    let world = world(Duration::from_secs(5));
    let (job, socket) = world.waits("told");
    job.signal("TERM");
    job.ends();
    assert!(is_gone(&socket));

    let killed = ["run", "web-shell", "--ssh-agent", "--", "sh", "-c", "printf %s \"$SSH_AUTH_SOCK\"; kill -9 $$"];
    let ran: Answer = run(&mut world.job("killed", &killed)).exits(137);
    assert!(ran.out.ends_with("/agent") && is_gone(Path::new(&ran.out)), "{ran:?}");

    // Killed itself it can tidy up nothing, and is itself what answered. The next one sweeps what is left.
    let (mut job, socket) = world.waits("dead");
    job.kill();
    assert_eq!(offers(&socket), 0);
    run(&mut world.job("dead", &["run", "web-shell", "--ssh-agent", "--", "true"])).ok();
    assert!(is_gone(&socket));
}

#[test]
fn the_steps_of_a_job_share_an_agent_until_its_end() {
    let world = world(WINDOW);
    let curfew = |arguments: &[&str]| run(&mut world.job("job", arguments));
    let file = world.pipelines.mark("env");
    let lives_with = std::process::id().to_string();
    let start = ["pipeline", "start", "web-shell", "--lives-with", &lives_with];
    let (agent, variables) = (["--ssh-agent"], ["--json", "--env-file", file.to_str().unwrap()]);
    let started = curfew(&[start.as_slice(), &agent, &variables].concat()).ok().json();
    let socket = PathBuf::from(text(&started["ssh_auth_sock"]));
    let step = format!(". {} && {}", file.display(), world.login("echo I am in"));
    let in_a_step = || run(Command::new("sh").args(["-c", &step]));
    assert_eq!(in_a_step().ok().out, "I am in\n", "{}", world.sshd.log());
    curfew(&[start.as_slice(), &agent].concat()).ok();
    assert_eq!(offers(&socket), 2, "what the job claims later is offered too");
    curfew(&["pipeline", "end"]).ok();
    soon("the agent is gone", Duration::from_secs(2), || is_gone(&socket));
    assert_ne!(in_a_step().code, 0);

    let mut runner = Child::start(Command::new("sleep").arg("600"));
    let lives_with_it =
        ["pipeline", "start", "web-shell", "--lives-with", &runner.id().to_string(), "--ssh-agent", "--json"];
    let socket = PathBuf::from(text(&curfew(&lives_with_it).ok().json()["ssh_auth_sock"]));
    assert_eq!(offers(&socket), 1);
    runner.kill();
    soon("the agent is gone with the runner", Duration::from_secs(5), || is_gone(&socket));
    curfew(&["pipeline", "end"]).ok();

    curfew(&start).ok();
    let late = curfew(&[start.as_slice(), &agent].concat()).exits(2);
    assert!(late.err.contains("left nobody who is an agent"), "{late:?}");
    let status = curfew(&["pipeline", "status", "--json"]).ok().json();
    let active = status["grants"].as_array().unwrap().iter().filter(|grant| grant["state"] == "active").count();
    assert_eq!(active, 1, "nothing was asked for in vain: {status}");
    curfew(&["pipeline", "end"]).ok();
}
