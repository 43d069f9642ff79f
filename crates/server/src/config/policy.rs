//! `[policy]`: a folder, or a branch of a git repository and what makes it trustworthy.

use super::file::PolicyTable;
use super::reference::Reference;
use super::{ConfigProblem, Setting, problem};
use curfew_domain::Seconds;
use curfew_source::{BadRemote, Remote};
use std::path::PathBuf;

const BRANCH: &str = "main";

/// Where policy comes from.
#[derive(Debug, Clone)]
pub enum PolicyOrigin {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A branch of a git repository, which the server follows.
    Git(Box<FollowedBranch>),
}

/// A branch that is followed.
#[derive(Debug, Clone)]
pub struct FollowedBranch {
    /// Which, and where.
    pub remote: Remote,
    /// The password of the user in its address.
    pub password: Option<Reference>,
    /// The folder in it: empty, for the whole repository, or with `/` at its end.
    pub folder: String,
    /// Whose signatures count; none takes commits unsigned.
    pub signers: Option<SignersAt>,
    /// How long ago the last fetch may be before nothing new is given; none never minds.
    pub max_age: Option<Seconds>,
}

/// Where the allowed-signers file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignersAt {
    /// On this machine: whoever runs the server says who signs.
    Here(PathBuf),
    /// In the repository, read from the commit in force: those who sign say who signs next.
    InRepository(String),
}

impl PolicyOrigin {
    /// As people say it.
    pub fn shown(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Git(branch) => branch.remote.to_string(),
        }
    }
}

/// Checks the table, all that is wrong with it at once.
pub(super) fn origin(table: PolicyTable, setting: Setting) -> Result<PolicyOrigin, Vec<ConfigProblem>> {
    let Some(address) = &table.git else {
        let alone = [
            ("policy.branch", table.branch.is_some()),
            ("policy.allowed_signers", table.allowed_signers.is_some()),
            ("policy.max_age", table.max_age.is_some()),
            ("policy.password", table.password.is_some()),
        ];
        let alone = alone.into_iter().filter(|(_, stands)| *stands);
        let problems: Vec<_> =
            alone.map(|(key, _)| problem(key, "goes with `policy.git`, which says what to follow")).collect();
        let path = table.path.unwrap_or_else(|| "policies".into());
        return if problems.is_empty() { Ok(PolicyOrigin::Folder(path)) } else { Err(problems) };
    };
    if setting == Setting::Dev {
        return Err(vec![problem("policy.git", "`curfew dev` reads a folder: name it with `--policies`")]);
    }
    let mut problems = Vec::new();
    let remote = Remote::new(address, table.branch.as_deref().unwrap_or(BRANCH));
    problems.extend(remote.as_ref().err().map(bad_remote));
    let folder = folder(table.path).map_err(|p| problems.push(p)).unwrap_or_default();
    let signers = table.allowed_signers.map(signers).transpose().map_err(|p| problems.push(p)).unwrap_or_default();
    let max_age = table.max_age.map(|text| age(&text)).transpose().map_err(|p| problems.push(p)).unwrap_or_default();
    if table.password.is_some() && !address.starts_with("http") {
        problems.push(problem("policy.password", "goes with an https address; ssh takes the key of the account"));
    }
    match remote {
        Ok(remote) if problems.is_empty() => {
            let branch = FollowedBranch { remote, password: table.password, folder, signers, max_age };
            Ok(PolicyOrigin::Git(Box::new(branch)))
        }
        Ok(_) | Err(_) => Err(problems),
    }
}

fn bad_remote(bad: &BadRemote) -> ConfigProblem {
    let key = match bad {
        BadRemote::Branch => "policy.branch",
        BadRemote::Address | BadRemote::InTheClear | BadRemote::Password => "policy.git",
    };
    problem(key, bad.to_string())
}

/// The folder inside the repository; with `policy.git` a path is one of the repository.
fn folder(path: Option<PathBuf>) -> Result<String, ConfigProblem> {
    let Some(path) = path else { return Ok(String::new()) };
    let bad = || problem("policy.path", "with `policy.git` is a folder inside the repository, such as `policies`");
    let text = path.to_str().ok_or_else(bad)?.trim_end_matches('/');
    match text {
        "" | "." if !path.starts_with("/") => Ok(String::new()),
        _ if is_inside(text) => Ok(format!("{text}/")),
        _ => Err(bad()),
    }
}

fn signers(text: String) -> Result<SignersAt, ConfigProblem> {
    match text.as_str() {
        absolute if absolute.starts_with('/') => Ok(SignersAt::Here(text.into())),
        inside if is_inside(inside) => Ok(SignersAt::InRepository(text)),
        _ => Err(problem(
            "policy.allowed_signers",
            "is neither an absolute path of this machine nor the path of a file inside the repository",
        )),
    }
}

fn is_inside(path: &str) -> bool {
    let sound = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control() || c == ':');
    path.split('/').all(sound)
}

fn age(text: &str) -> Result<Seconds, ConfigProblem> {
    let bad = || problem("policy.max_age", "is a length such as `24h`, `90m` or `7d`, and more than nothing");
    text.parse().ok().filter(|age: &Seconds| age.as_secs() > 0).ok_or_else(bad)
}
