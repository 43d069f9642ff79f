//! Emergency access: given at once where the role says to whom, and looked at afterwards.
//!
//! **Invariant:** it skips stages and windows only. Deny lists, scope, constraints and guardrails are policy's, as for
//! any ask; and while one use of it is unreviewed its subject gets no other.

use super::ask::AskFor;
use super::decide::check_reason;
use super::end::EndError;
use super::request::RequestError;
use crate::Engine;
use crate::ending::{EndOrder, OrderError};
use crate::engine::{Changes, GrantRef};
use crate::seams::Change;
use crate::seams::store::{CommitError, ReadError};
use curfew_domain::request::Origin;
use curfew_domain::review::{Review, ReviewVerdict, Reviewed};
use curfew_domain::{EndCause, Grant, Id, Identity, Request, Subject, SubjectKind, Timestamp};
use curfew_policy::{Approver, Occasion};
use serde::{Deserialize, Serialize};

/// The facts of uses that nobody has looked at.
pub(crate) const DUE: &str = "break_glass/due/";
/// The facts of uses that somebody has.
const DONE: &str = "break_glass/done/";

/// A use that nobody has looked at, as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DueReview {
    pub(crate) grant: Id<Grant>,
    subject: Subject,
    pub(crate) by: Timestamp,
}

/// What somebody says of a use of emergency access, as it comes in.
#[derive(Debug, Clone)]
pub struct Reviewing {
    /// What was found.
    pub verdict: ReviewVerdict,
    /// What there is to say about it.
    pub note: String,
}

/// Why a review was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is none, or none that the caller may see.
    #[error("there is no such grant")]
    NotFound,
    /// The request behind it has no grant.
    #[error("the request is {0}")]
    NotApproved(&'static str),
    /// It was asked for in the ordinary way.
    #[error("this was no emergency access: there is nothing to review")]
    Ordinary,
    /// Nobody reviews their own.
    #[error("nobody reviews their own emergency access")]
    Own,
    /// The caller may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Somebody has.
    #[error("{by} has reviewed it already, at {at}")]
    AlreadyReviewed {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// A text is missing or too long.
    #[error("{0}")]
    Note(&'static str),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Takes emergency access: a request that is approved as it is made, and has to be reviewed. `key` is the caller's
    /// idempotency key.
    ///
    /// # Errors
    /// When policy denies it, an earlier use of the caller's is unreviewed, or no reason is given.
    pub async fn break_glass(&self, who: &Identity, ask: AskFor, key: Option<&str>) -> Result<Request, RequestError> {
        if ask.reason.trim().is_empty() {
            return Err(RequestError::Text("emergency access needs a reason"));
        }
        self.ask_on(who, ask, (Occasion::BreakGlass, Origin::BreakGlass), key).await
    }

    /// The caller's uses that nobody has looked at. A use that never gave access needs no look.
    pub(crate) async fn unreviewed_of(&self, who: &Identity) -> Result<Vec<Id<Grant>>, ReadError> {
        let mut open = Vec::new();
        for due in self.due_reviews().await?.into_iter().filter(|due| due.subject.is_same_as(&who.subject)) {
            if self.store.grant(due.grant).await?.is_none_or(|grant| grant.is_worth_a_review()) {
                open.push(due.grant);
            }
        }
        Ok(open)
    }

    /// Every use that nobody has looked at. A fact that cannot be read is an error, never a use less.
    pub(crate) async fn due_reviews(&self) -> Result<Vec<DueReview>, ReadError> {
        let facts = self.store.facts(DUE).await?;
        facts.into_iter().map(|(name, text)| parse(&name, &text)).collect()
    }

    /// Adds to `changes` that emergency access was taken and has to be looked at.
    pub(crate) fn use_break_glass(&self, changes: &mut Changes, request: &Request, now: Timestamp) {
        let policy = self.policy();
        let rule = policy.role(&request.role).and_then(|role| role.break_glass.as_ref());
        let made = |change: &Change| if let Change::Grant(step) = change { Some(step.next.clone()) } else { None };
        let grant = changes.0.iter().find_map(made);
        let (Some(rule), Some(grant)) = (rule, grant) else { return };
        let due = DueReview { grant: grant.id, subject: grant.subject.clone(), by: now.plus(rule.review_within) };
        let text = serde_json::to_string(&due).expect("INVARIANT: plain structs serialize");
        changes.0.push(Change::Fact { name: format!("{DUE}{}", grant.id), value: Some(text) });
        changes.0.push(Change::Event(Box::new(grant.break_glass_used(&request.reason, now))));
        changes.notices(self.notices_of_break_glass("break_glass", (&grant, request), now));
    }

    /// Where the review of a grant stands; none when it is no emergency access.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn review_of(&self, grant: &Grant) -> Result<Option<Review>, ReadError> {
        if grant.origin != Origin::BreakGlass {
            return Ok(None);
        }
        let done = format!("{DONE}{}", grant.id);
        if let Some(text) = self.store.fact(&done).await? {
            return parse(&done, &text).map(|reviewed| Some(Review::Done(reviewed)));
        }
        let due = format!("{DUE}{}", grant.id);
        let Some(text) = self.store.fact(&due).await? else { return Ok(None) };
        let due: DueReview = parse(&due, &text)?;
        Ok(grant.is_worth_a_review().then_some(Review::Due { by: due.by }))
    }

    /// Says what became of a use of emergency access. Of misuse, what is left of the grant is revoked.
    ///
    /// # Errors
    /// When it is no such use, somebody has looked, or the caller may not.
    pub async fn review(
        &self,
        who: &Identity,
        which: GrantRef,
        reviewing: Reviewing,
    ) -> Result<(Grant, Reviewed), ReviewError> {
        let Reviewing { verdict, note } = reviewing;
        check_reason(&note).map_err(|_| ReviewError::Note("a note may have 2,000 characters at most"))?;
        if note.trim().is_empty() {
            return Err(ReviewError::Note("a review needs a note"));
        }
        // Of two who look at the same moment the first is heard.
        let _counting = self.counting.lock().await;
        let grant = self.reviewable(who, which).await?;
        match self.review_of(&grant).await? {
            Some(Review::Done(by)) => {
                return Err(ReviewError::AlreadyReviewed { by: by.by.label(), at: by.at });
            }
            Some(Review::Due { .. }) => {}
            None => return Err(ReviewError::Ordinary),
        }
        let reviewed = Reviewed { verdict, by: who.subject.clone(), at: self.clock.now(), note };
        let text = serde_json::to_string(&reviewed).expect("INVARIANT: plain structs serialize");
        let mut changes = Changes(vec![
            Change::Fact { name: format!("{DUE}{}", grant.id), value: None },
            Change::Fact { name: format!("{DONE}{}", grant.id), value: Some(text) },
            Change::Event(Box::new(grant.break_glass_reviewed(&reviewed))),
        ]);
        changes.notices(self.notices_of_grant("reviewed", &grant, reviewed.at).await);
        self.commit(changes).await.map_err(ReviewError::Commit)?;
        let grant = match verdict {
            ReviewVerdict::Ok => grant,
            ReviewVerdict::Misuse => self.end_misuse(grant, &reviewed).await?,
        };
        Ok((grant, reviewed))
    }

    async fn end_misuse(&self, grant: Grant, reviewed: &Reviewed) -> Result<Grant, ReviewError> {
        let because = format!("reviewed as misuse: {}", reviewed.note);
        let order = EndOrder { cause: EndCause::Revoked, actor: &reviewed.by, because: &because };
        match self.order_end(grant, &order).await {
            Ok(grant) => Ok(grant),
            Err(OrderError::AlreadyEnding(_, grant)) => Ok(*grant),
            Err(OrderError::Read(error)) => Err(error.into()),
            Err(OrderError::Commit(error)) => Err(ReviewError::Commit(error)),
        }
    }

    /// The grant, if this person may say what became of it: those who may approve the role, never the subject. Where
    /// the role has nobody who approves any more, an administrator.
    async fn reviewable(&self, who: &Identity, which: GrantRef) -> Result<Grant, ReviewError> {
        let grant = self.endable(who, which).await.map_err(|error| match error {
            EndError::NotApproved(state) => ReviewError::NotApproved(state),
            EndError::Read(error) => ReviewError::Read(error),
            EndError::Commit(error) => ReviewError::Commit(error),
            EndError::NotFound
            | EndError::Unknown(_)
            | EndError::Forbidden(_)
            | EndError::NotTheirs(_)
            | EndError::AlreadyFinal(_)
            | EndError::Reason(_) => ReviewError::NotFound,
        })?;
        if grant.origin != Origin::BreakGlass {
            return Err(ReviewError::Ordinary);
        }
        if grant.subject.is_same_as(&who.subject) {
            return Err(ReviewError::Own);
        }
        if who.subject.kind != SubjectKind::Person {
            return Err(ReviewError::Forbidden("only a person may review emergency access"));
        }
        let policy = self.policy();
        let stages = policy.role(&grant.role).map(|role| role.approval.stages()).unwrap_or_default();
        if stages.is_empty() && self.may_administer(who) {
            return Ok(grant);
        }
        let approver = Approver { who, oncall: None };
        let may = |stage: &str| {
            let stage = (stage, curfew_domain::Opening::Own);
            policy.may_decide(&grant.role, stage, approver, &grant.subject).is_ok()
        };
        if stages.iter().any(|stage| may(&stage.name)) {
            return Ok(grant);
        }
        Err(ReviewError::Forbidden("only those who may approve the role may review its emergency access"))
    }
}

fn parse<T: for<'a> Deserialize<'a>>(name: &str, text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError(format!("the fact `{name}` does not parse: {error}")))
}
