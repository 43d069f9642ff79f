//! The job of the policy repository: what was merged is in force when the job ends, and a job can say nothing that the
//! signatures do not.

use crate::harness::{
    Answer, FOLLOWED, Issuer, Job, NOWHERE, Person, Pipelines, Policies, Server, Way, folder, issuer, program, run,
    text,
};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// A server that follows a repository, and GitHub as its jobs see it.
struct Deployed {
    folder: tempfile::TempDir,
    policies: Policies,
    github: Issuer,
    server: Server,
    jobs: std::cell::Cell<u32>,
}

impl Deployed {
    fn new() -> Self {
        let (folder, github) = (folder(), Issuer::start());
        let policies = Policies::begun(folder.path(), &[("p.yaml", FOLLOWED)]);
        let issuers = format!("[{{name = \"github\", kind = \"github\", url = \"{}\"}}]", github.url());
        let deployers = "[{github = {repository_id = \"777\", ref = \"refs/heads/main\"}}]".to_owned();
        let variables = [
            ("CURFEW_POLICY_GIT", policies.bare().display().to_string()),
            ("CURFEW_POLICY_PATH", "policies".to_owned()),
            ("CURFEW_POLICY_ALLOWED_SIGNERS", policies.signers(&["ann@example.com"]).display().to_string()),
            ("CURFEW_POLICY_DEPLOYERS", deployers),
            ("CURFEW_ISSUERS", issuers),
        ];
        let way = Way::Serve { services_db: NOWHERE, variables: &variables };
        let server = Server::start(folder.path(), &way);
        Self { folder, policies, github, server, jobs: std::cell::Cell::new(0) }
    }

    fn root(&self) -> Person {
        Person::sign_in("root@example.com", &self.server.url(), self.folder.path())
    }

    /// A hundred lines of difference are one number here: how long the role is.
    fn merge(&self, hours: u32) -> String {
        self.policies.write("policies/p.yaml", &FOLLOWED.replace("duration: 1h", &format!("duration: {hours}h")));
        let commit = self.policies.signed("ann@example.com");
        self.policies.push();
        commit
    }

    /// `curfew policy ...` in a new job of the policy repository, with claims of GitHub's that are otherwise.
    fn job(&self, otherwise: &[(&str, &str)], arguments: &[&str]) -> Answer {
        let mut claims = issuer::github(&self.github.url(), &self.server.url(), issuer::now());
        claims["repository_id"] = Value::from("777");
        otherwise.iter().for_each(|(name, value)| claims[*name] = Value::from(*value));
        self.jobs.set(self.jobs.get() + 1);
        let state = self.folder.path().join(format!("job-{}", self.jobs.get()));
        std::fs::create_dir_all(&state).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(["policy"]).args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", &state).env("CURFEW_STATE", &state).env("CURFEW_SERVER", self.server.url());
        command.env("GITHUB_ACTIONS", "true").env("CURFEW_ID_TOKEN", self.github.token(&claims));
        run(command.current_dir(self.policies.work()))
    }
}

#[test]
fn merged_means_in_force_when_the_job_ends() {
    let world = Deployed::new();
    let root = world.root();
    // The server looks by itself too, and may be first now and then.
    let by_the_job = (2..8).any(|hours| {
        let commit = world.merge(hours);
        let done = world.job(&[], &["apply", "policies", "--json"]).ok().json();
        assert_eq!(done["commit"], Value::from(commit.clone()), "{done}");
        let applied = root.json(&["audit", "search", &commit]);
        let event = applied.as_array().unwrap().iter().find(|event| event["action"] == "policy.applied").cloned();
        let event = event.unwrap_or_else(|| panic!("{applied}"));
        assert_eq!(event["details"]["signers"], serde_json::json!(["ann@example.com"]), "{event}");
        done["state"] == "applied"
            && event["actor"]["kind"] == "workload"
            && text(&event["details"]["run"]).starts_with("github run ")
    });
    assert!(by_the_job, "the server was first six times");
    // A job that comes late changes nothing.
    let (older, newer) = (world.merge(9), world.merge(10));
    assert_eq!(world.job(&[], &["apply", &newer, "--json"]).ok().json()["commit"], Value::from(newer.clone()));
    let late = world.job(&[], &["apply", &older, "--json"]).ok().json();
    assert_eq!((&late["state"], &late["commit"]), (&"unchanged".into(), &newer.clone().into()), "{late}");
    // What people went back from is not brought again by running the job again.
    let back = root.curfew(&["policy", "apply", "--rollback", &older, "--json"]).json();
    assert_eq!(back["state"], "applied", "{back}");
    let again = world.job(&[], &["apply", &newer, "--json"]).exits(1).json();
    assert!(text(&again["error"]["message"]).contains("was rolled back"), "{again}");
    assert_eq!(world.job(&[], &["apply", &older, "--json"]).ok().json()["state"], "unchanged");
}

#[test]
fn a_job_says_nothing_that_the_signatures_do_not() {
    let world = Deployed::new();
    let first = world.policies.git(&["rev-parse", "HEAD"]);
    world.policies.write("policies/p.yaml", &FOLLOWED.replace("1h", "12h"));
    let unsigned = world.policies.commit();
    world.policies.push();
    let refused = world.job(&[], &["apply", &unsigned, "--json"]).exits(1).json();
    assert!(text(&refused["error"]["message"]).contains("it has no signature"), "{refused}");
    let never_pushed = world.policies.signed("ann@example.com");
    assert_eq!(world.job(&[], &["apply", &never_pushed]).code, 1);
    // It names what it means, and does not go back.
    assert_eq!(world.job(&[], &["apply"]).code, 2);
    assert_eq!(world.job(&[], &["apply", "--rollback", &first]).code, 3);
    // Other jobs.
    for otherwise in [
        ("repository_id", "778"),
        ("ref", "refs/heads/topic"),
        ("event_name", "pull_request"),
        ("event_name", "workflow_run"),
    ] {
        let refused = world.job(&[otherwise], &["apply", &first, "--json"]).exits(3).json();
        assert!(text(&refused["error"]["hint"]).contains("policy.deployers"), "{otherwise:?}: {refused}");
    }
    let without = world.job(&[("aud", "https://elsewhere.example.com")], &["apply", &first]);
    assert_eq!(without.code, 3, "{}", without.err);
}

/// The policy's own repository, checked out, with the ready jobs as a user copies them; the server's folder has got the same
/// files already.
fn checked_out(pipelines: &Pipelines, name: &str, hours: u32) -> std::path::PathBuf {
    let policy = FOLLOWED.replace("duration: 1h", &format!("duration: {hours}h"));
    let test = "tests: [{name: somebody waits, as: {user: dev@example.com}, at: 2026-03-02T10:00:00Z, request: {role: \
                debug}, expect: needs_approval}]\n";
    let policy = format!("{policy}{test}");
    std::fs::write(pipelines.world.folder().join("policies/policy.yaml"), &policy).unwrap();
    let [workflow, job] = ["github/curfew-policy-deploy.yml", "gitlab/curfew-policy.gitlab-ci.yml"];
    let (workflow, job) = (Pipelines::integration(workflow), Pipelines::integration(job));
    let ci = "include: [{local: curfew-policy.gitlab-ci.yml}]\n";
    let files = [
        ("policies/policy.yaml", policy.as_str()),
        (".github/workflows/curfew-policy-deploy.yml", &workflow),
        (".gitlab-ci.yml", ci),
        ("curfew-policy.gitlab-ci.yml", &job),
    ];
    pipelines.checkout(name, "https://github.com/acme/policies.git", &files)
}

/// That the newest policy came into force by a job, and what that one printed.
fn came_by(pipelines: &Pipelines, job: Job, run: &str) {
    let (well, log) = job.ends();
    assert!(well && log.contains("passed: 1") && log.contains("in force: "), "{log}");
    let root = pipelines.world.person("root@example.com");
    let applied = root.json(&["audit", "search", "policy.applied"]);
    let newest = applied.as_array().unwrap().iter().max_by_key(|event| event["seq"].as_u64()).cloned().unwrap();
    assert_eq!(newest["actor"]["kind"], "workload", "{newest}");
    assert!(text(&newest["details"]["run"]).starts_with(run), "{newest}");
}

#[test]
fn the_ready_jobs_put_what_was_merged_in_force() {
    let (Some(act), Some(script), Some(node)) =
        (program("CURFEW_TEST_ACT"), program("CURFEW_TEST_GITLAB_CI_LOCAL"), program("CURFEW_TEST_NODE"))
    else {
        return;
    };
    let pipelines = Pipelines::start(FOLLOWED, Duration::from_secs(60));
    pipelines.github_says(&[("repository_id", "777")]);
    let checkout = checked_out(&pipelines, "by-github", 2);
    came_by(&pipelines, pipelines.act(&act, &checkout), "github run ");
    let checkout = checked_out(&pipelines, "by-gitlab", 3);
    let server = format!("CURFEW_SERVER={}", pipelines.world.url());
    // It would ask the remote, which is none here, what was changed.
    let job = ["--evaluate-rule-changes=false", "--variable", &server, "curfew-policy-deploy"];
    came_by(&pipelines, pipelines.gitlab_with((&node, &script), &checkout, &job), "gitlab run ");
    // The job of another repository does not.
    pipelines.github_says(&[]);
    let checkout = checked_out(&pipelines, "another", 4);
    let (well, log) = pipelines.act(&act, &checkout).ends();
    assert!(!well && log.contains("policy.deployers"), "{log}");
}
