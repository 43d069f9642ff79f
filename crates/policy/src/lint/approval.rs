//! Stages that nobody can decide, or that nothing comes to.

use super::{count, warn};
use crate::allowance::Allowance;
use crate::directory::Directory;
use crate::model::{Approval, Chain, Listed, Principal, Requesters, Role, StageRule};
use crate::problem::Problems;
use crate::stages::{Staffing, are_plenty, left};
use std::collections::BTreeSet;

pub(super) fn lint(role: &Role, directory: &Directory, allowance: &Allowance, out: &mut Problems) {
    let Approval::Stages(chain) = &role.approval else { return };
    if chain.stages.iter().any(|stage| stage.approvers.is_empty()) {
        // Refused already: a list of which nothing could be read.
        return;
    }
    for stage in &chain.stages {
        denied_approvers(role, stage, (directory, allowance), out);
        if let Some(timeout) = stage.timeout.filter(|timeout| *timeout >= chain.lapses_after) {
            let message = format!(
                "the request lapses after {}, before stage `{}` has waited {timeout}",
                chain.lapses_after, stage.name
            );
            warn(out, &stage.place, "unreachable-timeout", message, "shorten `timeout`, or lengthen `lapses_after`");
        }
    }
    // Whole lists are looked at only where somebody may be missing.
    if !are_plenty(directory, chain, &role.deny, allowance) {
        unstaffed(role, chain, (directory, allowance), out);
    }
}

/// Stages that cannot be completed, or by whoever asks only.
fn unstaffed(role: &Role, chain: &Chain, (directory, allowance): Looked<'_>, out: &mut Problems) {
    let nobody = BTreeSet::new();
    let staffing = Staffing { directory, deny: &role.deny, never: &nobody, allowance };
    let mut stuck: Option<&StageRule> = None;
    for (stage, staffed) in chain.stages.iter().zip(staffing.of(chain)) {
        let left = left(directory, &stage.approvers, &role.deny, allowance);
        if let Some(before) = stuck {
            let message =
                format!("nothing comes to stage `{}`: nobody can decide `{}` before it", stage.name, before.name);
            warn(out, &stage.place, "unreachable-stage", message, "name somebody who can decide the stage before it");
        } else if left.is_empty() && !staffed.falls_back {
            let message =
                format!("nobody can approve `{}`: no approver is left after the deny list and empty groups", role.name);
            warn(
                out,
                &stage.place,
                "unapprovable",
                message,
                "name an approver who is neither denied nor in an empty group only",
            );
        } else if !staffed.completable {
            let message = format!(
                "nobody can approve `{}`: stage `{}` takes {}, and fewer are left",
                role.name,
                stage.name,
                count(stage.require)
            );
            warn(
                out,
                &stage.place,
                "unapprovable",
                message,
                "name more approvers, or lower `require`: one person counts in one stage only",
            );
        } else if stage.fallback.is_empty() && only_themselves(role, &left, (directory, allowance)) {
            let message = format!(
                "whoever may ask for `{}` is its only approver, and nobody approves their own request",
                role.name
            );
            warn(out, &stage.place, "unapprovable", message, "name a second approver, or a `fallback`");
        }
        if !staffed.completable {
            stuck = stuck.or(Some(stage));
        }
    }
}

type Looked<'a> = (&'a Directory, &'a Allowance);

fn denied_approvers(role: &Role, stage: &StageRule, (directory, allowance): Looked<'_>, out: &mut Problems) {
    allowance.pay(role.deny.len());
    let denied: BTreeSet<Principal> = role.deny.iter().map(|d| d.principal.clone()).collect();
    let is_denied = |a: &&Listed| !denied.is_empty() && directory.names(&denied, &a.principal, allowance);
    for approver in stage.lists().flatten().filter(is_denied) {
        let message = format!("{} is on the role's deny list and so can never approve", approver.principal);
        warn(out, &approver.place, "approver-denied", message, "take it off one of the two lists");
    }
}

/// One approver, and nobody else who may ask.
fn only_themselves(role: &Role, left: &BTreeSet<Principal>, (directory, allowance): Looked<'_>) -> bool {
    let Requesters::Listed(requesters) = &role.requesters else { return false };
    if left.len() != 1 {
        return false;
    }
    let askers = directory.everybody(requesters, allowance);
    let machines = requesters.iter().any(|l| matches!(l.principal, Principal::Workload(_)));
    let one_person = left.iter().all(|p| matches!(p, Principal::Person(_)));
    let same = askers.persons.iter().all(|email| left.contains(&Principal::Person(email.clone())));
    one_person && same && !machines && askers.unlisted.is_empty() && !askers.persons.is_empty()
}
