//! What was approved, judged again by the policy in force: whatever has grown since is refused.

use super::activate::ActivateError;
use curfew_domain::course::{ApproverReason, Counted};
use curfew_domain::request::Origin;
use curfew_domain::{Approval, Course, Decision, Grant, Identity, Outcome, ReasonCode, Request, Timestamp};
use curfew_policy::{Approver, Ask, Facts, Occasion, PolicySet, Token};

/// A grant, and the request that it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Approved<'a> {
    /// What was given.
    pub(crate) grant: &'a Grant,
    /// What was asked, with who said yes to it.
    pub(crate) request: &'a Request,
}

impl Approved<'_> {
    /// The same ask for what was approved of it.
    pub(crate) fn asked(&self, who: Identity, facts: Facts, at: Timestamp) -> Ask {
        let Self { grant, request } = self;
        Ask {
            pairs: Some(grant.scope.clone()),
            duration: Some(grant.duration),
            reason: request.reason.clone(),
            ticket: request.ticket.clone(),
            inputs: request.inputs.clone(),
            facts,
            occasion: occasion_of(request.origin),
            ..Ask::of(who, grant.role.clone(), at)
        }
    }

    /// Eligibility, the approvers' authority and the policy in force, all again. Gives the end of access.
    ///
    /// # Errors
    /// When policy denies it now, or asks for more than was approved.
    pub(crate) fn until(
        &self,
        policy: &PolicySet,
        who: &Identity,
        facts: Facts,
        now: Timestamp,
    ) -> Result<Timestamp, ActivateError> {
        let Self { grant, request } = self;
        if policy.role(&grant.role).is_none() {
            return Err(ActivateError::Grown(format!("the policy in force has no role `{}`", grant.role)));
        }
        let judgement = policy.decide(&self.asked(who.clone(), facts, now));
        let Some(terms) = judgement.terms else { return Err(ActivateError::Denied(Box::new(judgement.decision))) };
        if policy.meaning(&request.scope) != request.meaning {
            let what = "what the approved actions mean was changed in policy since they were approved: ask again";
            return Err(ActivateError::Grown(what.to_owned()));
        }
        if judgement.decision.outcome != Outcome::Automatic {
            check_authority(policy, request, (&judgement.decision, &terms.course))?;
        }
        let until = now.plus(grant.duration.min(terms.duration));
        Ok(judgement.decision.max_until.map_or(until, |most| until.min(most)))
    }
}

/// Whether those who said yes are enough for each stage of the decision as it would be made now, and said it as
/// its course wants it.
pub(crate) fn check_authority(
    policy: &PolicySet,
    request: &Request,
    (decision, course): (&Decision, &Course),
) -> Result<(), ActivateError> {
    let mut counted: Vec<&Approval> = Vec::new();
    for stage in &decision.stages {
        let yes: Vec<&Approval> = request.approvals_in(&stage.name).filter(|a| is_as_wanted(a, course)).collect();
        let again = |a: &&&Approval| counted.iter().any(|before| before.approver.is_same_as(&a.approver));
        if course.counted == Counted::Once
            && let Some(twice) = yes.iter().find(again)
        {
            let why = format!("{} counts in one stage only by the policy in force: ask again", twice.approver.label());
            return Err(ActivateError::Grown(why));
        }
        let persons: Vec<Identity> = yes.iter().map(|a| a.identity()).collect();
        let opening = request.opening(&stage.name);
        let may =
            |a: &Approver<'_>| policy.may_decide(&request.role, (&stage.name, opening), *a, &request.subject).is_ok();
        let approvers = persons.iter().map(|who| Approver { who, oncall: None }).filter(may);
        if !policy.completes(&request.role, &stage.name, opening, &approvers.collect::<Vec<_>>()) {
            let why = format!(
                "the policy in force asks for approvals that it does not have (stage `{}`): ask again",
                stage.name
            );
            return Err(ActivateError::Grown(why));
        }
        counted.extend(yes);
    }
    Ok(())
}

/// On what occasion a grant that came to be so is judged again.
pub(crate) fn occasion_of(origin: Origin) -> Occasion {
    match origin {
        Origin::BreakGlass => Occasion::BreakGlass,
        Origin::Trigger => Occasion::Trigger,
        Origin::Asked | Origin::Bundle => Occasion::Request,
    }
}

/// Whether a yes was said as policy wants it now. No sign-in of an approver has shown a second factor yet.
fn is_as_wanted(approval: &Approval, course: &Course) -> bool {
    let says_why = match course.approver_reason {
        ApproverReason::Required => !approval.reason.trim().is_empty(),
        ApproverReason::Optional => true,
    };
    let started_it = course.behind.is_some() && approval.approver.email == course.behind;
    says_why && course.approvers_mfa.is_none() && !started_it
}

/// Whether the subject of a grant may ask for what it gives, in the way it was asked for. `token` is that of the run it
/// lives with, as of `now`.
pub(crate) fn may_have(
    policy: &PolicySet,
    grant: &Grant,
    (who, token): (&Identity, Option<&Token>),
    now: Timestamp,
) -> bool {
    if grant.origin == Origin::BreakGlass {
        return policy.may_break_glass(&grant.role, who);
    }
    if grant.lives_with.is_none() {
        return policy.is_eligible(&grant.role, who);
    }
    let judgement = policy.decide(&Ask {
        facts: Facts { token: token.cloned(), ..Facts::default() },
        occasion: occasion_of(grant.origin),
        ..Ask::of(who.clone(), grant.role.clone(), now)
    });
    let mut reasons = judgement.decision.unsatisfied.iter().chain(&judgement.decision.failed);
    !reasons.any(|reason| matches!(reason.code, ReasonCode::Deny | ReasonCode::Eligibility))
}
