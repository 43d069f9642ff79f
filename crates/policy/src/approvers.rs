//! Who could decide a stage, as far as that can be listed. Whether somebody may is Cedar's to say; a property test
//! holds the two together.

use crate::directory::Directory;
use crate::model::{Approval, Listed, Principal, Role, StageRule};
use curfew_domain::{Stage, Subject};
use std::collections::BTreeSet;

/// The stages of a role with those who could decide them for this requester.
pub(crate) fn stages_for(directory: &Directory, role: &Role, requester: &Subject) -> Vec<Stage> {
    match &role.approval {
        Approval::Automatic(_) => Vec::new(),
        Approval::Stages(stages) => stages.iter().map(|s| stage_for(directory, role, s, requester)).collect(),
    }
}

/// Whether enough persons are left. A provider's group that cannot be listed counts as enough.
pub(crate) fn can_be_decided(stage: &Stage) -> bool {
    let unlisted = stage.approvers.iter().any(|a| a.starts_with("group:"));
    unlisted || stage.approvers.len() >= stage.require as usize
}

fn stage_for(directory: &Directory, role: &Role, stage: &StageRule, requester: &Subject) -> Stage {
    let mut names = left(directory, &stage.approvers, &role.deny);
    names.retain(|name| match name {
        Principal::Person(email) => requester.email.as_ref() != Some(email),
        Principal::Group(_) => true,
    });
    let mut approvers: Vec<String> = names.iter().map(ToString::to_string).collect();
    approvers.sort();
    Stage { name: stage.name.clone(), require: stage.require, approvers }
}

/// The persons of a list, and its groups that cannot be listed, without those whom a deny list names.
pub(crate) fn left(directory: &Directory, list: &[Listed], deny: &[Listed]) -> BTreeSet<Principal> {
    let denied: BTreeSet<Principal> = deny.iter().map(|d| d.principal.clone()).collect();
    let everybody = directory.everybody(list);
    let persons = everybody.persons.into_iter().map(Principal::Person);
    let groups = everybody.unlisted.into_iter().map(Principal::Group);
    persons.chain(groups).filter(|p| denied.is_empty() || !directory.names(&denied, p)).collect()
}
