//! What a set says beside its roles and resources.

use super::Listed;
use crate::glob::PathGlob;
use crate::source::Place;
use crate::workload::Provider;
use curfew_domain::{Email, RoleName};

/// Who must have signed a change of some files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyApprovers {
    /// Which files. Never empty.
    pub paths: Vec<PathGlob>,
    /// Who counts. Never empty.
    pub any_of: Vec<Listed>,
    /// How many distinct persons.
    pub require: u32,
    /// Where it is said.
    pub place: Place,
}

/// Whose accounts in code hosts those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The person.
    pub email: Email,
    /// The number of their GitHub account.
    pub github: Option<String>,
    /// The number of their GitLab account.
    pub gitlab: Option<String>,
    /// Where it is said.
    pub place: Place,
}

impl Account {
    /// The number of their account there; none where a provider's runs are not started by accounts.
    pub fn number(&self, provider: Provider) -> Option<&str> {
        match provider {
            Provider::Github => self.github.as_deref(),
            Provider::Gitlab => self.gitlab.as_deref(),
            Provider::Kubernetes | Provider::Buildkite | Provider::Circleci | Provider::Oidc => None,
        }
    }
}

/// Several roles under one ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What to ask for.
    pub name: RoleName,
    /// Its roles, each decided by its own rules. Never empty.
    pub roles: Vec<(RoleName, Place)>,
    /// Where it is said.
    pub place: Place,
}
