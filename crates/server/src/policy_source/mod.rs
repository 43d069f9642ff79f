//! Where policy comes from: read whole, checked whole, put in force whole or not at all.
//!
//! **Invariant:** nothing that an error was found in is ever in force, and what decides whether a commit may be in force
//! is read from the commit that is.

mod approvers;
mod desk;
mod follow;
mod news;
mod read;
mod rollback;
mod unfit;
mod vouching;
mod watch;

pub(crate) use desk::{ApplyError, By, DeskParts, PolicyDesk, Report};
pub(crate) use follow::{Begun, Follower, Reached, Wanted};
pub(crate) use news::Trouble;
pub use read::FolderError;
pub use unfit::Unfit;
pub(crate) use watch::{follow, watch};

use crate::config::{Issuer, PolicyOrigin};
use crate::secrets::Resolver;
use curfew_domain::connector::ConnectorKind;
use curfew_policy::{PolicySet, Problem, Purpose, Severity, SourceFile, check_in, environments};
use std::sync::Arc;

/// What `curfew dev` adds to a checked set: targets for what nothing defines.
pub trait Completion: Send + Sync {
    /// Defines what is missing.
    ///
    /// # Errors
    /// Says what could not be defined, and why.
    fn complete(&self, set: &mut PolicySet) -> Result<(), String>;
}

/// Where policy comes from, and what it is checked against.
pub struct PolicySource {
    /// The folder, or the branch that is followed.
    pub origin: PolicyOrigin,
    /// Which environment this server is.
    pub environment: Option<String>,
    /// The kinds of target this server has.
    pub kinds: Vec<&'static ConnectorKind>,
    /// What is added to what the policy says.
    pub completion: Option<Arc<dyn Completion>>,
    /// What its references resolve to.
    pub secrets: Arc<Resolver>,
    /// Who vouches for the machines that it names.
    pub issuers: Vec<Issuer>,
}

/// Why a policy is not put in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder cannot be read as it is.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The text has errors. The first is shown; `curfew policy check` shows all.
    #[error("{}", shown(.0))]
    Text(Vec<Problem>),
    /// It has no such environment.
    #[error("there is no environment `{name}`: {}", if there.is_empty() { "there are none".to_owned() } else { format!("there are {}", there.join(", ")) })]
    Environment {
        /// The one that is configured.
        name: String,
        /// Those there are.
        there: Vec<String>,
    },
    /// A target for it could not be had.
    #[error("{0}")]
    Completion(String),
    /// It says what this server does not carry out: who must sign changes of it.
    #[error("this server cannot carry out all of the policy: {}; that takes `policy.git` with `policy.allowed_signers`", .0.join("; "))]
    NotObeyed(Vec<String>),
    /// A reference is not open to its resource, or two resources are one target.
    #[error("{}", .0.join("; "))]
    Secrets(Vec<String>),
    /// It leaves open which issuer it means, or means one that this server does not have.
    #[error("{}", .0.join("; "))]
    Issuers(Vec<String>),
    /// A commit cannot be in force, or the repository cannot be had.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl PolicyError {
    /// Whether it is only that the repository does not answer.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unfit(Unfit::Unreachable(_)))
    }

    /// What to do about it, when that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unfit(unfit) => unfit.hint(),
            Self::Folder(_) => {
                Some("`policy.path`, or `--policies` of `curfew dev`, names the folder of policies.".to_owned())
            }
            Self::Environment { name, .. } => Some(format!(
                "`environment` in the server's configuration names it: write environments/{name}.yaml, or take the key away."
            )),
            Self::Text(_) | Self::Completion(_) | Self::NotObeyed(_) | Self::Secrets(_) | Self::Issuers(_) => None,
        }
    }
}

/// A set with the text it was made of.
pub(crate) struct Loaded {
    pub(crate) set: PolicySet,
    pub(crate) files: Arc<[SourceFile]>,
}

/// Whether whoever wrote a policy is known by a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Signed,
    Unsigned,
}

impl PolicySource {
    /// Reads and checks the folder.
    ///
    /// # Errors
    /// See [`PolicyError`]; nothing of a set with an error is used.
    pub(crate) fn load(&self, folder: &std::path::Path) -> Result<Loaded, PolicyError> {
        let files = read::files(folder)?;
        let set = self.judge(&files, Origin::Unsigned)?;
        Ok(Loaded { set, files: files.into() })
    }

    /// Checks a set as this server would have it in force.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub(crate) fn judge(&self, files: &[SourceFile], origin: Origin) -> Result<PolicySet, PolicyError> {
        let purpose = if self.completion.is_some() { Purpose::Check } else { Purpose::Load };
        let Some(checked) = check_in(files, &self.kinds, purpose, self.environment.as_deref()) else {
            let name = self.environment.clone().unwrap_or_default();
            return Err(PolicyError::Environment { name, there: environments(files) });
        };
        for problem in checked.problems.iter().filter(|p| p.severity == Severity::Warning) {
            tracing::warn!(file = %problem.file, line = problem.line, code = problem.code, "{}", problem.message);
        }
        let Some(mut set) = checked.set else { return Err(PolicyError::Text(checked.problems)) };
        // Who must sign changes of policy can only be obeyed where signatures are checked.
        let not_obeyed = match origin {
            Origin::Signed => Vec::new(),
            Origin::Unsigned => curfew_engine::not_obeyed(&set),
        };
        if !not_obeyed.is_empty() {
            return Err(PolicyError::NotObeyed(not_obeyed));
        }
        let unclear = vouching::objections(&set, &self.issuers);
        if !unclear.is_empty() {
            return Err(PolicyError::Issuers(unclear));
        }
        if let Some(completion) = &self.completion {
            completion.complete(&mut set).map_err(PolicyError::Completion)?;
            if let Some(missing) = set.undefined_resources().first() {
                return Err(PolicyError::Completion(format!("nothing defines `{missing}`")));
            }
        }
        let objections = self.secrets.objections(&set);
        if objections.is_empty() { Ok(set) } else { Err(PolicyError::Secrets(objections)) }
    }
}

fn shown(problems: &[Problem]) -> String {
    let mut errors = problems.iter().filter(|p| p.severity == Severity::Error);
    let Some(first) = errors.next() else { return "the policy folder holds no policy".to_owned() };
    // No file at all has no place.
    let place = match first.file.as_str() {
        "" => String::new(),
        file => format!("{file}:{}:{}: ", first.line, first.column),
    };
    let (message, hint) = (&first.message, &first.hint);
    match errors.count() {
        0 => format!("{place}{message}: {hint}"),
        more => format!("{place}{message}: {hint} (and {more} more; `curfew policy check` shows all)"),
    }
}
