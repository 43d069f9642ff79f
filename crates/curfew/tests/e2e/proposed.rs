//! A proposal to change policies under real runners, with the ready workflow and job as a user copies them: it is checked, tested
//! and compared, and wider access wants a label.

use crate::harness::{Answer, Pipelines, Policies, folder, program, run};
use std::path::Path;
use std::process::Command;

const POLICY: &str = "resources:
  - {name: services/db, connector: postgres, risk: low}
roles:
  - name: debug
    requesters: [dev@example.com]
    duration: 2h
    conditions: [{resource: services/db, actions: [read]}]
    approvers: [lead@example.com]
tests: [{name: somebody waits, as: {user: dev@example.com}, at: 2026-03-02T10:00:00Z, request: {role: debug}, expect: needs_approval}]
";
const LABEL: &str = "access-widening-approved";

/// A repository whose branch proposes something.
struct Proposal {
    folder: tempfile::TempDir,
    policies: Policies,
    base: String,
}

impl Proposal {
    fn new() -> Self {
        let folder = folder();
        let policies = Policies::new(folder.path());
        let workflow = Pipelines::integration("github/curfew-policy.yml");
        let job = Pipelines::integration("gitlab/curfew-policy.gitlab-ci.yml");
        policies.write(".github/workflows/curfew-policy.yml", &workflow);
        policies.write(".gitlab-ci.yml", "include: [{local: curfew-policy.gitlab-ci.yml}]\n");
        policies.write("curfew-policy.gitlab-ci.yml", &job);
        policies.git(&["remote", "add", "origin", "https://gitlab.com/acme/policies.git"]);
        policies.git(&["config", "user.name", "t"]);
        policies.git(&["config", "user.email", "t@example.com"]);
        let mut proposal = Self { folder, policies, base: String::new() };
        proposal.base = proposal.says(POLICY);
        proposal.policies.git(&["checkout", "--quiet", "-b", "proposal"]);
        proposal
    }

    /// Commits this policy.
    fn says(&self, policy: &str) -> String {
        self.policies.write("policies/policy.yaml", policy);
        self.policies.commit()
    }

    fn runner(&self, program: &Path) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_curfew")).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap();
        let all = std::iter::once(bin).chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command.current_dir(self.policies.work()).env_clear().env("PATH", std::env::join_paths(all).unwrap());
        command.env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }

    /// The workflow on a pull request with these labels; all that its page would show.
    fn on_github(&self, act: &Path, labels: &[&str]) -> Answer {
        let labels: Vec<_> = labels.iter().map(|label| serde_json::json!({"name": label})).collect();
        let base = serde_json::json!({"sha": self.base, "ref": "main"});
        let event = serde_json::json!({"pull_request": {"base": base, "head": {"ref": "proposal"}, "labels": labels}});
        let file = self.folder.path().join("event.json");
        std::fs::write(&file, event.to_string()).unwrap();
        let mut command = self.runner(act);
        let path =
            command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap().to_owned();
        command.args([
            "pull_request",
            "-P",
            "ubuntu-latest=-self-hosted",
            "--action-offline-mode",
            "--no-cache-server",
        ]);
        command.arg("--eventpath").arg(file).arg("--env").arg(format!("PATH={}", path.to_string_lossy()));
        run(&mut command)
    }

    /// The job on a merge request with these labels.
    fn on_gitlab(&self, (node, script): (&Path, &Path), labels: &str) -> Answer {
        let mut command = self.runner(node);
        // It would ask the remote, which is none here, what was changed.
        command.arg(script).args(["--force-shell-executor", "--evaluate-rule-changes=false"]);
        let base = format!("CI_MERGE_REQUEST_DIFF_BASE_SHA={}", self.base);
        let labels = format!("CI_MERGE_REQUEST_LABELS={labels}");
        for variable in ["CI_PIPELINE_SOURCE=merge_request_event", &base, &labels] {
            command.args(["--variable", variable]);
        }
        run(command.arg("curfew-policy"))
    }
}

/// That a runner ended so, and what its page shows.
#[track_caller]
fn shows(answer: Answer, well: bool, shown: &[&str]) {
    let page = format!("{}{}", answer.out, answer.err);
    assert_eq!(answer.code == 0, well, "{page}");
    for text in shown {
        assert!(page.contains(text), "no `{text}`: {page}");
    }
}

/// What is proposed, and what the runners make of it without a label and with it.
fn judged(judge: impl Fn(&Proposal, &str) -> Answer) {
    let proposal = Proposal::new();
    proposal.says(&POLICY.replace("2h", "1h"));
    shows(judge(&proposal, ""), true, &["passed: 1", "narrower"]);
    proposal.says(&POLICY.replace("2h", "4h"));
    shows(judge(&proposal, ""), false, &["wider"]);
    shows(judge(&proposal, &format!("other,{LABEL}")), true, &["wider"]);
    proposal.says(&POLICY.replace("approvers: [lead@example.com]", "approval: automatic"));
    shows(judge(&proposal, LABEL), false, &["somebody waits", "failed: 1"]);
    proposal.says(&POLICY.replace("approvers", "aprovers"));
    shows(judge(&proposal, LABEL), false, &["did you mean `approvers`?"]);
}

#[test]
fn on_a_pull_request_of_github() {
    let Some(act) = program("CURFEW_TEST_ACT") else { return };
    judged(|proposal, labels| {
        let labels: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
        proposal.on_github(&act, &labels)
    });
}

#[test]
fn on_a_merge_request_of_gitlab() {
    let (Some(script), Some(node)) = (program("CURFEW_TEST_GITLAB_CI_LOCAL"), program("CURFEW_TEST_NODE")) else {
        return;
    };
    judged(|proposal, labels| proposal.on_gitlab((&node, &script), labels));
}
