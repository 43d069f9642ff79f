//! The policy folder: read whole, checked whole, put in force whole or not at all.

mod read;
mod watch;

pub use read::FolderError;
pub(crate) use watch::watch;

use crate::secrets::Resolver;
use curfew_domain::connector::ConnectorKind;
use curfew_policy::{PolicySet, Problem, Purpose, Severity, check};
use std::path::PathBuf;
use std::sync::Arc;

/// What `curfew dev` adds to a checked set: targets for what nothing defines.
pub trait Completion: Send + Sync {
    /// Defines what is missing.
    ///
    /// # Errors
    /// Says what could not be defined, and why.
    fn complete(&self, set: &mut PolicySet) -> Result<(), String>;
}

/// Where policy comes from.
pub struct PolicyFolder {
    /// The folder.
    pub path: PathBuf,
    /// The kinds of target this server has.
    pub kinds: Vec<&'static ConnectorKind>,
    /// What is added to what the folder says.
    pub completion: Option<Arc<dyn Completion>>,
    /// What its references resolve to.
    pub secrets: Arc<Resolver>,
}

/// Why a folder is not put in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder cannot be read as it is.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The text has errors. The first is shown; `curfew policy check` shows all.
    #[error("{}", shown(.0))]
    Text(Vec<Problem>),
    /// A target for it could not be had.
    #[error("{0}")]
    Completion(String),
    /// It says what this version does not carry out.
    #[error("this version of Curfew cannot carry out all of the policy: {}", .0.join("; "))]
    NotObeyed(Vec<String>),
    /// A reference is not open to its resource, or two resources are one target.
    #[error("{}", .0.join("; "))]
    Secrets(Vec<String>),
}

impl PolicyFolder {
    /// Reads and checks the folder.
    ///
    /// # Errors
    /// See [`PolicyError`]; nothing of a set with an error is used.
    pub fn load(&self) -> Result<PolicySet, PolicyError> {
        let files = read::files(&self.path)?;
        let purpose = if self.completion.is_some() { Purpose::Check } else { Purpose::Load };
        let checked = check(&files, &self.kinds, purpose);
        for problem in checked.problems.iter().filter(|p| p.severity == Severity::Warning) {
            tracing::warn!(file = %problem.file, line = problem.line, code = problem.code, "{}", problem.message);
        }
        let Some(mut set) = checked.set else { return Err(PolicyError::Text(checked.problems)) };
        let not_obeyed = curfew_engine::not_obeyed(&set);
        if !not_obeyed.is_empty() {
            return Err(PolicyError::NotObeyed(not_obeyed));
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
    let place = format!("{}:{}:{}", first.file, first.line, first.column);
    match errors.count() {
        0 => format!("{place}: {}", first.message),
        more => format!("{place}: {} (and {more} more; `curfew policy check` shows all)", first.message),
    }
}
