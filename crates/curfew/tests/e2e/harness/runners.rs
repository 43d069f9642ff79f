//! Real runners of GitHub's workflows and GitLab's jobs, on a checkout of their own, with tokens that an issuer of ours
//! signs with exactly their claims.

use super::git::git;
use super::issuer::{self, Issuer};
use super::person::run;
use super::programs::{Child, folder, postgres_programs, text};
use super::world::World;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// For whom GitLab's tokens are.
const AUDIENCE: &str = "curfew-tests";
/// What GitHub's runner gives a job to ask for its token with.
const BEARER: &str = "request-token-of-the-job";

/// A program of the set-up, or none; then the test is skipped, loudly, and on CI it fails.
pub(crate) fn program(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} is not set: run `cargo xtask setup`");
        eprintln!("SKIPPED: {variable} names no program: `cargo xtask test` installs it");
    }
    found
}

/// A server with a policy, whose issuers are ours, and jobs that run against it.
pub(crate) struct Pipelines {
    pub(crate) world: World,
    github: Issuer,
    gitlab: Issuer,
    window: Duration,
    work: tempfile::TempDir,
}

impl Pipelines {
    pub(crate) fn start(policy: &str, window: Duration) -> Self {
        let (github, gitlab) = (Issuer::start(), Issuer::start());
        github.offer(BEARER, issuer::github(&github.url(), "", 0));
        let world = World::without_server(policy);
        let mut pipelines = Self { world, github, gitlab, window, work: folder() };
        let variables = pipelines.variables();
        pipelines.world.start_server(&variables);
        pipelines
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        let (github, gitlab) = (self.github.url(), self.gitlab.url());
        let issuers = format!(
            "[{{name = \"github\", kind = \"github\", url = \"{github}\"}}, \
             {{name = \"gitlab\", kind = \"gitlab\", url = \"{gitlab}\", audience = \"{AUDIENCE}\"}}]"
        );
        let deployers = "[{github = {repository_id = \"777\", ref = \"refs/heads/main\"}}, \
                         {gitlab = {project_id = \"22\", ref = \"main\"}}]";
        [
            ("CURFEW_ISSUERS", issuers),
            ("CURFEW_PIPELINES_HEARTBEAT_WINDOW", format!("{}s", self.window.as_secs())),
            ("CURFEW_POLICY_DEPLOYERS", deployers.to_owned()),
        ]
    }

    /// The server that was killed again, where it was.
    pub(crate) fn start_server_again(&mut self) {
        let variables = self.variables();
        self.world.start_server_again(&variables);
    }

    /// A file with which a step and a test tell each other how far they are.
    pub(crate) fn mark(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// A checkout with these files, whose origin is a repository of that host.
    pub(crate) fn checkout(&self, name: &str, origin: &str, files: &[(&str, &str)]) -> PathBuf {
        let checkout = self.work.path().join(name);
        for (path, text) in files {
            let path = checkout.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let git = |args: &[&str]| run(git(&checkout).args(args)).ok();
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "x"]);
        git(&["remote", "add", "origin", origin]);
        git(&["config", "user.name", "t"]);
        git(&["config", "user.email", "t@example.com"]);
        checkout
    }

    /// The files of this repository that a user copies.
    pub(crate) fn integration(path: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations").join(path);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// What GitHub says of the jobs to come, where it is not what it says of every one.
    pub(crate) fn github_says(&self, others: &[(&str, &str)]) {
        let mut claims = issuer::github(&self.github.url(), "", 0);
        others.iter().for_each(|(name, value)| claims[*name] = Value::from(*value));
        self.github.offer(BEARER, claims);
    }

    /// A token of GitHub's for this server.
    pub(crate) fn token(&self) -> String {
        self.github.token(&issuer::github(&self.github.url(), &self.world.url(), issuer::now()))
    }

    /// The environment of a job: this program, psql, and a state folder of its own.
    fn job(&self, program: &Path, name: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_curfew")).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let all = [bin, postgres_programs()].into_iter().chain(std::env::split_paths(&path));
        let home = self.work.path().join("homes").join(name);
        std::fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::join_paths(all).unwrap());
        command.env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache")).env("CURFEW_STATE", self.state(name));
        command.env("MARKS", self.work.path()).env("CURFEW_SERVER", self.world.url());
        command
    }

    /// The state folder of a job.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.work.path().join("homes").join(name).join("state")
    }

    /// `act` on a checkout: a push to its branch.
    pub(crate) fn act(&self, act: &Path, checkout: &Path) -> Job {
        let name = checkout.file_name().unwrap().to_string_lossy().into_owned();
        let mut command = self.job(act, &name);
        command.current_dir(checkout).args(["push", "-P", "ubuntu-latest=-self-hosted", "--action-offline-mode"]);
        command
            .args(["--no-cache-server", "--var", &format!("CURFEW_SERVER={}", self.world.url()), "--env"])
            .arg(format!("CURFEW_STATE={}", self.state(&name).display()));
        for name in ["MARKS", "CURFEW_SERVER", "PATH"] {
            let value = command.get_envs().find(|(n, _)| *n == name).and_then(|(_, v)| v).unwrap().to_owned();
            command.arg("--env").arg(format!("{name}={}", value.to_string_lossy()));
        }
        command.args(["--env", &format!("ACTIONS_ID_TOKEN_REQUEST_URL={}", self.github.request_url())]);
        command.args(["--env", &format!("ACTIONS_ID_TOKEN_REQUEST_TOKEN={BEARER}")]);
        Job::start(command, &self.work.path().join(format!("{name}.log")))
    }

    /// `gitlab-ci-local` on a checkout, with the token that GitLab would give its one job.
    pub(crate) fn gitlab(&self, runner: (&Path, &Path), checkout: &Path) -> Job {
        self.gitlab_with(runner, checkout, &[])
    }

    /// The same with more of the runner's arguments.
    pub(crate) fn gitlab_with(&self, (node, script): (&Path, &Path), checkout: &Path, more: &[&str]) -> Job {
        let name = checkout.file_name().unwrap().to_string_lossy().into_owned();
        let token = self.gitlab.token(&issuer::gitlab(&self.gitlab.url(), AUDIENCE, issuer::now()));
        let mut command = self.job(node, &name);
        command.current_dir(checkout).arg(script).arg("--force-shell-executor");
        command.args(["--variable", &format!("CURFEW_ID_TOKEN={token}")]).args(more);
        Job::start(command, &self.work.path().join(format!("{name}.log")))
    }

    /// A command of `curfew` as GitHub's job would run it, without a runner between.
    pub(crate) fn bare(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.job(Path::new(env!("CARGO_BIN_EXE_curfew")), name);
        command.args(arguments).env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "777").env("GITHUB_JOB", name);
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", self.github.request_url());
        command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER).stdin(Stdio::null());
        command
    }
}

/// A runner at work.
pub(crate) struct Job {
    child: Child,
    log: PathBuf,
}

impl Job {
    /// A command of a job, without a runner between.
    pub(crate) fn of(command: Command, pipelines: &Pipelines, name: &str) -> Self {
        Self::start(command, &pipelines.work.path().join(format!("{name}.log")))
    }

    fn start(mut command: Command, log: &Path) -> Self {
        let out = File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        Self { child: Child::start(&mut command), log: log.to_owned() }
    }

    /// What the job's page would show.
    pub(crate) fn log(&self) -> String {
        text(&self.log)
    }

    /// Waits for a file that a step makes; fails with the log when the job ends first.
    #[track_caller]
    pub(crate) fn waits_at(&mut self, mark: &Path) {
        for _ in 0..6_000 {
            if mark.exists() {
                return;
            }
            assert!(self.child.is_running(), "the job ended before {}:\n{}", mark.display(), self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the job did not reach {}:\n{}", mark.display(), self.log());
    }

    /// Waits for its end, and says whether all went well.
    pub(crate) fn ends(mut self) -> (bool, String) {
        let status = self.child.wait(Duration::from_secs(60));
        (status.success(), text(&self.log))
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// `kill -9` of the runner.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }
}
