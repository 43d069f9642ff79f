//! Whether somebody may decide a stage of a request.

use crate::allowance::Allowance;
use crate::ask::NotAnApprover;
use crate::authorize::Asker;
use crate::compile::{Rule, Stage, principal_uid};
use crate::facts::OnCall;
use crate::model::{Counting, Listed, Principal, StageRule};
use crate::set::PolicySet;
use crate::stages::left;
use curfew_domain::{Identity, Opening, RoleName, Subject};
use std::collections::BTreeSet;

/// Somebody who would decide a stage.
#[derive(Debug, Clone, Copy)]
pub struct Approver<'a> {
    /// Who.
    pub who: &'a Identity,
    /// What they are on call for, if that is known.
    pub oncall: Option<&'a OnCall>,
}

impl PolicySet {
    /// Whether this person may decide this stage of a request of `requester` for the role, by the stage's own list and
    /// with nothing known of who is on call.
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
        self.may_decide(role, (stage, Opening::Own), Approver { who, oncall: None }, requester)
    }

    /// Whether this person may decide a stage of a request, whoever it is open to.
    ///
    /// # Errors
    /// Says why not.
    pub fn may_decide(
        &self,
        role: &RoleName,
        (stage, opening): (&str, Opening),
        approver: Approver<'_>,
        requester: &Subject,
    ) -> Result<(), NotAnApprover> {
        let (rule, compiled) = self.compiled(role).ok_or_else(|| NotAnApprover::UnknownRole(role.clone()))?;
        let named = rule.approval.stages().iter().zip(&compiled.stages).find(|(s, _)| s.name == stage);
        let (_, lists) = named.ok_or_else(|| NotAnApprover::UnknownStage(stage.to_owned()))?;
        if approver.who.subject.is_same_as(requester) {
            return Err(NotAnApprover::IsRequester);
        }
        let names = rule.oncall_names().into_iter().filter(|name| approver.oncall.is_some_and(|o| o.covers(name)));
        let worn: Vec<_> = names.map(|name| principal_uid(&Principal::OnCall(name.clone()))).collect();
        let asker = Asker::new(approver.who, self.directory(), worn);
        let free = asker.is_free_to_approve(compiled, lists);
        // Whether somebody who is denied for being on call is on call has to be known.
        let unknown = rule.deny.iter().find(|l| is_on_call(l) && approver.oncall.is_none());
        if !free.is_clear_yes() || unknown.is_some() {
            let by = free.because.iter().find_map(|r| if let Rule::Denied(i) = r { rule.deny.get(*i) } else { None });
            let place = by.or(unknown).map_or(&rule.place, |listed| &listed.place);
            return Err(NotAnApprover::Denied { file: place.file.to_string(), line: place.line });
        }
        let may = open(lists, opening).into_iter().any(|list| asker.may_approve(compiled, lists, list).is_clear_yes());
        if may { Ok(()) } else { Err(NotAnApprover::NotInStage(stage.to_owned())) }
    }

    /// Who could decide a stage of a request, whoever it is open to: persons, and groups that cannot be listed.
    pub fn deciders(&self, role: &RoleName, (stage, opening): (&str, Opening), requester: &Subject) -> Vec<String> {
        let Some(role) = self.role(role) else { return Vec::new() };
        let Some(rule) = role.approval.stages().iter().find(|rule| rule.name == stage) else { return Vec::new() };
        let lists: [&[Listed]; 2] = match opening {
            Opening::Own => [&rule.approvers, &[]],
            Opening::Fallback => [&rule.fallback, &[]],
            Opening::Escalated => [&rule.approvers, rule.escalates_to()],
            Opening::FallbackEscalated => [&rule.fallback, rule.escalates_to()],
        };
        let mut all = BTreeSet::new();
        lists.into_iter().for_each(|list| all.extend(left(self.directory(), list, &role.deny, &Allowance::endless())));
        all.retain(|principal| match principal {
            Principal::Person(email) => requester.email.as_ref() != Some(email),
            Principal::Group(_) | Principal::OnCall(_) | Principal::Workload(_) => true,
        });
        all.iter().map(ToString::to_string).collect()
    }

    /// Whether these persons, each of whom may decide it, are enough for a stage: as many as it takes and, of
    /// `all_of`, one for each entry.
    pub fn completes(&self, role: &RoleName, stage: &str, opening: Opening, persons: &[Approver<'_>]) -> bool {
        let Some(rule) = self.role(role).and_then(|r| r.approval.stages().iter().find(|s| s.name == stage)) else {
            return false;
        };
        let distinct = persons
            .iter()
            .enumerate()
            .filter(|(i, p)| !persons[..*i].iter().any(|earlier| earlier.who.subject.is_same_as(&p.who.subject)));
        let distinct: Vec<Approver<'_>> = distinct.map(|(_, person)| *person).collect();
        let enough = distinct.len() >= rule.require as usize;
        match (rule.counting, opening) {
            (Counting::AnyOf, _) | (_, Opening::Fallback | Opening::FallbackEscalated) => enough,
            (Counting::AllOf, Opening::Own | Opening::Escalated) => enough && self.covers(rule, opening, &distinct),
        }
    }

    /// Whether each of these persons, who may all decide it, counts in a stage: of `all_of`, for an entry of their own.
    pub fn counts_all(&self, role: &RoleName, stage: &str, opening: Opening, persons: &[Approver<'_>]) -> bool {
        let Some(rule) = self.role(role).and_then(|r| r.approval.stages().iter().find(|s| s.name == stage)) else {
            return false;
        };
        match (rule.counting, opening) {
            (Counting::AnyOf, _) | (_, Opening::Fallback | Opening::FallbackEscalated) => true,
            (Counting::AllOf, Opening::Own | Opening::Escalated) => {
                let entries = self.fits(rule, opening, persons);
                let of_person = |i| (0..entries.len()).filter(|e: &usize| entries[*e].contains(&i)).collect();
                let fits: Vec<Vec<usize>> = (0..persons.len()).map(of_person).collect();
                all_seated(&fits, entries.len())
            }
        }
    }

    /// Whether every entry has a person of its own; one of `escalate_to` may stand in for any.
    fn covers(&self, rule: &StageRule, opening: Opening, persons: &[Approver<'_>]) -> bool {
        all_seated(&self.fits(rule, opening, persons), persons.len())
    }

    /// For each entry of a stage the persons who count for it.
    fn fits(&self, rule: &StageRule, opening: Opening, persons: &[Approver<'_>]) -> Vec<Vec<usize>> {
        let is = |person: &Approver<'_>, listed: &Listed| match &listed.principal {
            Principal::Person(email) => person.who.subject.email.as_ref() == Some(email),
            Principal::Group(name) => self.directory().groups_of(person.who).contains(name),
            Principal::OnCall(name) => person.oncall.is_some_and(|oncall| oncall.covers(name)),
            Principal::Workload(_) => false,
        };
        let stands_in = |person: &Approver<'_>| {
            opening == Opening::Escalated && rule.escalates_to().iter().any(|listed| is(person, listed))
        };
        let fit = |entry: &Listed| {
            (0..persons.len()).filter(|i| is(&persons[*i], entry) || stands_in(&persons[*i])).collect::<Vec<_>>()
        };
        rule.approvers.iter().map(fit).collect()
    }
}

/// Whether each seat can have one of the `others` that fit it, and none two of them.
fn all_seated(fits: &[Vec<usize>], others: usize) -> bool {
    let mut taken: Vec<Option<usize>> = vec![None; others];
    (0..fits.len()).all(|seat_of| seat(seat_of, fits, &mut taken, &mut vec![false; others]))
}

/// Finds a person for an entry, moving others to another of their entries if that helps.
fn seat(entry: usize, fits: &[Vec<usize>], taken: &mut Vec<Option<usize>>, asked: &mut Vec<bool>) -> bool {
    for &person in &fits[entry] {
        if std::mem::replace(&mut asked[person], true) {
            continue;
        }
        let free = match taken[person] {
            None => true,
            Some(other) => seat(other, fits, taken, asked),
        };
        if free {
            taken[person] = Some(entry);
            return true;
        }
    }
    false
}

fn is_on_call(listed: &Listed) -> bool {
    match listed.principal {
        Principal::OnCall(_) => true,
        Principal::Person(_) | Principal::Group(_) | Principal::Workload(_) => false,
    }
}

/// The lists of a stage that count.
fn open(stage: &Stage, opening: Opening) -> Vec<&crate::compile::Slice> {
    match opening {
        Opening::Own => vec![&stage.may_approve],
        Opening::Fallback => vec![&stage.fallback],
        Opening::Escalated => vec![&stage.may_approve, &stage.escalated],
        Opening::FallbackEscalated => vec![&stage.fallback, &stage.escalated],
    }
}
