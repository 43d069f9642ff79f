//! Approving and denying.

use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::ending::{EndOrder, OrderError};
use crate::engine::Changes;
use crate::seams::store::{CommitError, ReadError};
use curfew_domain::approval::{Approval, Narrowed, Verdict};
use curfew_domain::request::VerdictError;
use curfew_domain::{Artefact, EndCause, Grant, GrantState, Id, Identity, Request, RequestState, limits};
use curfew_policy::Approver;

/// One person's verdict, as it comes in.
#[derive(Debug, Clone)]
pub struct Judging {
    /// The digest of the request that was shown.
    pub digest: String,
    /// Why.
    pub reason: String,
    /// What is taken away.
    pub narrowed: Option<Narrowed>,
    /// What the run has to present for it to be given.
    pub artefact: Option<Artefact>,
}

/// Why a verdict was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is none, or none that the caller may see.
    #[error("there is no such request")]
    NotFound,
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// It is somebody else's.
    #[error("{0}")]
    NotTheirs(&'static str),
    /// The request does not take it.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// What it asks for can no longer be given.
    #[error("{0}")]
    Extension(String),
    /// A text is missing or too long.
    #[error("{0}")]
    Reason(&'static str),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Says yes to a request. With the last yes it needs it becomes a grant, in the same commit. A second yes of
    /// the same person changes nothing and is answered with the request as it is.
    ///
    /// # Errors
    /// When the caller may not decide it, the digest is another, it is final, or it would be widened.
    pub async fn approve(&self, who: &Identity, id: Id<Request>, judging: Judging) -> Result<Request, DecideError> {
        check_reason(&judging.reason)?;
        for _ in 0..ATTEMPTS {
            let request = self.visible_request(who, id).await?;
            let said_so = |a: &Approval| a.verdict == Verdict::Approve && a.approver.id == who.subject.id;
            let counts_again = request.stage_now().is_some_and(|now| !request.has_counted(&who.subject, &now.name));
            if request.digest() == judging.digest && !counts_again && request.approvals.iter().any(said_so) {
                return match request.state {
                    RequestState::Pending | RequestState::Approved { .. } => Ok(request),
                    RequestState::Denied { .. } | RequestState::Withdrawn { .. } | RequestState::Lapsed { .. } => {
                        Err(VerdictError::AlreadyFinal(request.state_word()).into())
                    }
                };
            }
            let stage = self.stage_for_yes(who, &request)?;
            let now = self.clock.now();
            if request.due_at().is_some_and(|due| now >= due) {
                // Its hour came a moment before this verdict: that goes first.
                if !self.lapse(request, now).await {
                    return Err(DecideError::Commit(CommitError::Unavailable("it is due".to_owned())));
                }
                continue;
            }
            if !self.is_alive(request.lives_with.as_ref()).await? {
                // Its run ended a moment ago, or an outage kept it from lapsing.
                if !self.lapse_with_run(request, "the pipeline that it lived with is over").await {
                    return Err(DecideError::Commit(CommitError::Unavailable("its run is over".to_owned())));
                }
                continue;
            }
            if let Some(narrowed) = &judging.narrowed {
                self.check_narrowing(&request, narrowed).await?;
            }
            let mut changes = Changes::default();
            let request = changes.request(request.approve(self.verdict(who, Verdict::Approve, stage, &judging))?);
            let request = match &request.extends {
                Some(_) => self.extend_if_settled(&mut changes, request, now).await?,
                None => self.become_grant(&mut changes, request, now)?,
            };
            let committed = self.commit(changes).await;
            self.due_with(&request, now);
            match committed {
                Ok(_) => {
                    if let (Some(extends), Some(_)) = (&request.extends, request.grant_id()) {
                        self.begin_extension(extends.grant);
                    }
                    return Ok(request);
                }
                Err(CommitError::Conflict(_)) => {}
                Err(other) => return Err(DecideError::Commit(other)),
            }
        }
        Err(DecideError::Commit(CommitError::Conflict(id.to_string())))
    }

    /// Says no to a request. A no that comes after the yes revokes what came of it.
    ///
    /// # Errors
    /// When the caller may not decide it, the digest is another, it is final, or no reason is given.
    pub async fn deny(&self, who: &Identity, id: Id<Request>, judging: Judging) -> Result<Request, DecideError> {
        check_reason(&judging.reason)?;
        if judging.reason.trim().is_empty() {
            return Err(DecideError::Reason("a denial needs a reason"));
        }
        for _ in 0..ATTEMPTS {
            let request = self.visible_request(who, id).await?;
            let stage = self.stage_for_no(who, &request)?;
            if let RequestState::Approved { grant_id, .. } = request.state {
                if request.digest() != judging.digest {
                    return Err(VerdictError::OtherDigest.into());
                }
                let Some(grant) = self.store.grant(grant_id).await? else { return Err(DecideError::NotFound) };
                return self.deny_late(who, grant, &judging.reason).await.map(|()| request);
            }
            let mut changes = Changes::default();
            let request = changes.request(request.deny(self.verdict(who, Verdict::Deny, stage, &judging))?);
            changes.notices(self.notices_of_request("denied", &request, self.clock.now()));
            match self.commit(changes).await {
                Ok(_) => return Ok(request),
                Err(CommitError::Conflict(_)) => {}
                Err(other) => return Err(DecideError::Commit(other)),
            }
        }
        Err(DecideError::Commit(CommitError::Conflict(id.to_string())))
    }

    /// A request that is approved stays approved; what came of it ends, and the evidence says by whose late no.
    async fn deny_late(&self, who: &Identity, grant: Grant, reason: &str) -> Result<(), DecideError> {
        let because = format!("denied after it was approved: {reason}");
        let order = EndOrder { cause: EndCause::Revoked, actor: &who.subject, because: &because };
        match self.order_end(grant, &order).await {
            Ok(_) => Ok(()),
            Err(OrderError::AlreadyEnding(_, grant)) => Err(VerdictError::AlreadyFinal(match grant.state {
                GrantState::Ended { .. } => "approved, and what came of it has ended",
                GrantState::Approved { .. }
                | GrantState::Activating { .. }
                | GrantState::Active { .. }
                | GrantState::Ending { .. } => "approved, and what came of it is ending",
            })
            .into()),
            Err(OrderError::Read(error)) => Err(error.into()),
            Err(OrderError::Commit(error)) => Err(DecideError::Commit(error)),
        }
    }

    /// The stage in which this person's yes counts: the one whose turn it is.
    fn stage_for_yes(&self, who: &Identity, request: &Request) -> Result<String, DecideError> {
        let Some(stage) = request.stage_now() else { return self.stage_for_no(who, request) };
        self.may_decide_stage(who, request, &stage.name)?;
        let mut persons: Vec<Identity> = request.approvals_in(&stage.name).map(Approval::identity).collect();
        persons.push(who.clone());
        let persons: Vec<Approver<'_>> = persons.iter().map(|who| Approver { who, oncall: None }).collect();
        if !self.policy().counts_all(&request.role, &stage.name, request.opening(&stage.name), &persons) {
            let why = format!("whom stage `{}` still waits for is somebody else", stage.name);
            return Err(DecideError::Forbidden(why));
        }
        Ok(stage.name.clone())
    }

    /// The stage in which this person's no counts: any that they may decide.
    fn stage_for_no(&self, who: &Identity, request: &Request) -> Result<String, DecideError> {
        let mut refusal =
            DecideError::Forbidden("nobody approves this request: policy gives it automatically".to_owned());
        for stage in &request.decision.stages {
            match self.may_decide_stage(who, request, &stage.name) {
                Ok(()) => return Ok(stage.name.clone()),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn may_decide_stage(&self, who: &Identity, request: &Request, stage: &str) -> Result<(), DecideError> {
        if who.subject.is_same_as(&request.subject) || request.is_behind(&who.subject) {
            return Err(VerdictError::OwnRequest.into());
        }
        if request.course.approvers_mfa.is_some() {
            let why = "this role takes approvals with a second factor only, and this sign-in had none";
            return Err(DecideError::Forbidden(why.to_owned()));
        }
        let approver = Approver { who, oncall: None };
        let may = self.policy().may_decide(&request.role, (stage, request.opening(stage)), approver, &request.subject);
        may.map_err(|error| DecideError::Forbidden(error.to_string()))
    }

    fn verdict(&self, who: &Identity, verdict: Verdict, stage: String, judging: &Judging) -> Approval {
        Approval {
            approver: who.subject.clone(),
            verdict,
            at: self.clock.now(),
            reason: judging.reason.clone(),
            stage,
            narrowed: judging.narrowed.clone(),
            artefact: judging.artefact.clone(),
            digest: judging.digest.clone(),
            groups: who.groups.clone(),
        }
    }
}

pub(super) fn check_reason(reason: &str) -> Result<(), DecideError> {
    if reason.chars().count() > limits::REASON_CHARS {
        return Err(DecideError::Reason("a reason may have 2,000 characters at most"));
    }
    Ok(())
}
