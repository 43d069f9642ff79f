//! Which provider's job this is, by the variables that it sets.

use crate::machine::Machine;
use sha2::{Digest, Sha256};

/// Who runs the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// GitHub Actions, and what speaks like it.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    Circleci,
    /// None of these: a Kubernetes pod, a timer, a machine of one's own.
    Elsewhere,
}

impl Platform {
    /// The one this is.
    pub(crate) fn of(machine: &Machine) -> Self {
        let is = |name: &str| machine.var(name).is_some_and(|value| value == "true");
        match () {
            () if is("GITHUB_ACTIONS") => Self::Github,
            // Whatever it says: those that run its files elsewhere say `false`.
            () if machine.var("GITLAB_CI").is_some() => Self::Gitlab,
            () if is("BUILDKITE") => Self::Buildkite,
            () if is("CIRCLECI") => Self::Circleci,
            () => Self::Elsewhere,
        }
    }

    /// The kind of issuer that vouches for its jobs, as a server's configuration writes it; none when that cannot be
    /// told from here.
    pub(crate) fn issuer_kind(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("github"),
            Self::Gitlab => Some("gitlab"),
            Self::Buildkite => Some("buildkite"),
            Self::Circleci => Some("circleci"),
            Self::Elsewhere => None,
        }
    }

    /// The variables that tell this job from every other one on the same machine.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Github => &[
                "GITHUB_SERVER_URL",
                "GITHUB_REPOSITORY",
                "GITHUB_RUN_ID",
                "GITHUB_RUN_ATTEMPT",
                "GITHUB_JOB",
                // The legs of a matrix share all of the above.
                "RUNNER_TRACKING_ID",
                "RUNNER_NAME",
                "RUNNER_TEMP",
            ],
            Self::Gitlab => &["CI_SERVER_URL", "CI_PROJECT_ID", "CI_PIPELINE_ID", "CI_JOB_ID"],
            Self::Buildkite => &["BUILDKITE_JOB_ID"],
            Self::Circleci => &["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_NODE_INDEX"],
            Self::Elsewhere => &[],
        }
    }

    /// The job's own mark: the same for every program in it, another for every other job. None when the platform names
    /// no job.
    pub(crate) fn job(self, machine: &Machine) -> Option<String> {
        let values: Vec<_> = self.names().iter().map(|name| machine.var(name).unwrap_or_default()).collect();
        values.iter().any(|value| !value.is_empty()).then(|| mark(&values.join("\n")))
    }
}

/// A short name that says nothing of what it was made from.
pub(crate) fn mark(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn machine(vars: &[(&str, &str)]) -> Machine {
        Machine::with(Path::new("/"), vars.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn a_platform_is_known_by_its_own_variable() {
        for (name, platform) in [
            ("GITHUB_ACTIONS", Platform::Github),
            ("GITLAB_CI", Platform::Gitlab),
            ("BUILDKITE", Platform::Buildkite),
            ("CIRCLECI", Platform::Circleci),
            ("TEAMCITY_VERSION", Platform::Elsewhere),
        ] {
            assert_eq!(Platform::of(&machine(&[(name, "true")])), platform);
        }
        assert_eq!(Platform::of(&machine(&[("GITHUB_ACTIONS", "false")])), Platform::Elsewhere);
    }

    #[test]
    fn two_jobs_never_share_a_mark() {
        let job = |vars: &[(&str, &str)]| Platform::of(&machine(vars)).job(&machine(vars));
        let github = ("GITHUB_ACTIONS", "true");
        let one = job(&[github, ("GITHUB_RUN_ID", "7"), ("GITHUB_JOB", "deploy")]);
        assert!(one.is_some());
        assert_eq!(one, job(&[github, ("GITHUB_RUN_ID", "7"), ("GITHUB_JOB", "deploy"), ("HOME", "/x")]));
        for other in [
            [github, ("GITHUB_RUN_ID", "8"), ("GITHUB_JOB", "deploy")],
            [github, ("GITHUB_RUN_ID", "7"), ("GITHUB_JOB", "deploy2")],
            [github, ("GITHUB_RUN_ID", "7deploy"), ("GITHUB_JOB", "")],
        ] {
            assert_ne!(one, job(&other), "{other:?}");
        }
        assert_eq!(job(&[]), None);
    }
}
