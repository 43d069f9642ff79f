//! A policy set without errors, and the questions it answers.

use crate::ask::{Ask, Explanation, Judgement, NotAnApprover};
use crate::model::{Resource, Role};
use crate::problem::Problem;
use crate::source::SourceFile;
use curfew_domain::connector::ConnectorKind;
use curfew_domain::{Decision, Outcome};
use curfew_domain::{Identity, ResourceName, RoleName, Subject};

/// What a set is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody wants to know what is wrong: a resource that nothing defines is a warning.
    Check,
    /// A server wants to put it in force: such a resource is an error.
    Load,
}

/// The outcome of [`check`].
#[derive(Debug)]
pub struct Checked {
    /// In the order of the text.
    pub problems: Vec<Problem>,
    /// Present if and only if no problem is an error.
    pub set: Option<PolicySet>,
}

/// Checks a whole set, all problems at once.
pub fn check(files: &[SourceFile], kinds: &[&'static ConnectorKind], purpose: Purpose) -> Checked {
    let _ = (files, kinds, purpose);
    Checked { problems: Vec::new(), set: None }
}

/// A policy set without errors.
#[derive(Debug, Clone)]
pub struct PolicySet {
    version: String,
    roles: Vec<Role>,
    resources: Vec<Resource>,
}

/// Why a resource could not be defined from outside the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// The policy defines it already.
    #[error("the policy defines `{0}` already")]
    AlreadyDefined(ResourceName),
    /// A role names an action that this kind of target does not have.
    #[error("role `{role}` gives `{action}` on `{resource}`, which a {connector} resource does not have")]
    UnknownAction {
        /// Which role.
        role: RoleName,
        /// Which action.
        action: curfew_domain::ActionName,
        /// On what.
        resource: ResourceName,
        /// The kind it was to be.
        connector: &'static str,
    },
}

impl PolicySet {
    /// The content hash of the files, in hex.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    /// One role.
    pub fn role(&self, name: &RoleName) -> Option<&Role> {
        self.roles.iter().find(|r| r.name == *name)
    }

    /// All resources, by name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// One resource.
    pub fn resource(&self, name: &ResourceName) -> Option<&Resource> {
        self.resources.iter().find(|r| r.name == *name)
    }

    /// Resources that roles name and nothing defines, sorted. Always empty after a check for [`Purpose::Load`].
    pub fn undefined_resources(&self) -> Vec<ResourceName> {
        Vec::new()
    }

    /// Defines a resource that the policy itself does not, as `curfew dev` does.
    ///
    /// # Errors
    /// When the policy defines it, or a role gives an action on it that its connector does not have.
    pub fn define(&mut self, resource: Resource) -> Result<(), DefineError> {
        self.resources.push(resource);
        Ok(())
    }

    /// Decides a request. Total and deterministic; an unknown role is denied.
    pub fn decide(&self, ask: &Ask) -> Judgement {
        let decision = Decision {
            outcome: Outcome::Denied,
            role: ask.role.clone(),
            policy_version: self.version.clone(),
            satisfied: Vec::new(),
            unsatisfied: Vec::new(),
            failed: Vec::new(),
            stages: Vec::new(),
            approvers: Vec::new(),
            max_until: None,
            residual_exposure: Vec::new(),
        };
        Judgement { decision, terms: None }
    }

    /// The decision, and what would change it.
    pub fn explain(&self, ask: &Ask) -> Explanation {
        Explanation { decision: self.decide(ask).decision, would_change: Vec::new() }
    }

    /// Whether this person may decide this stage of a request of `requester` for the role.
    ///
    /// # Errors
    /// Says why not.
    pub fn may_approve(
        &self,
        role: &RoleName,
        stage: &str,
        who: &Identity,
        requester: &Subject,
    ) -> Result<(), NotAnApprover> {
        let _ = (stage, who, requester);
        Err(NotAnApprover::UnknownRole(role.clone()))
    }

    /// Whether this subject may ask for the role: named by it, and on no deny list of it.
    pub fn is_eligible(&self, role: &RoleName, who: &Identity) -> bool {
        let _ = (role, who);
        false
    }

    /// The roles this subject may ask for, by name.
    pub fn roles_for(&self, who: &Identity) -> Vec<&Role> {
        self.roles.iter().filter(|r| self.is_eligible(&r.name, who)).collect()
    }

    /// Whether this person is one of `administrators`.
    pub fn may_administer(&self, who: &Identity) -> bool {
        let _ = who;
        false
    }

    /// Whether this person is one of `auditors` or `administrators`.
    pub fn may_audit(&self, who: &Identity) -> bool {
        self.may_administer(who)
    }

    /// Whether the policy says who administers.
    pub fn names_administrators(&self) -> bool {
        false
    }

    /// Whether the policy says who audits.
    pub fn names_auditors(&self) -> bool {
        false
    }
}
