//! Claiming an approved request: everything is checked again, the intent is written, the targets are called.

use crate::Engine;
use crate::activation::{ATTEMPTS, Failure, current_leases};
use crate::engine::{Changes, GrantRef};
use crate::facts::token_of;
use crate::lanes::{Give, Lane};
use crate::seams::connector::{CallError, PublicHalf};
use crate::seams::store::{BoundToken, CommitError, ReadError};
use crate::verbs::again::Approved;
use curfew_domain::artefact::COMMIT_CLAIMS;
use curfew_domain::lease::Definition;
use curfew_domain::{
    Artefact, ArtefactKind, Decision, Grant, GrantState, Identity, Lease, LeaseState, Presented, PresentedArtefact,
    Request, ResourceName, SubjectKind, Timestamp, Version, limits,
};
use curfew_policy::{Facts, PolicySet, Token};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What a subject claims a grant with.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The public half of a secret for each resource.
    pub halves: Vec<(ResourceName, PublicHalf)>,
    /// Where the claim comes from, if that is known.
    pub source_ip: Option<IpAddr>,
    /// The run's client that claims; none when a person does.
    pub client: Option<BoundToken>,
    /// What the claim presents, as its client says it came to know it.
    pub presented: Vec<PresentedArtefact>,
}

/// A grant that was claimed, with its leases.
#[derive(Debug, Clone)]
pub struct Activation {
    /// The grant.
    pub grant: Grant,
    /// The leases of this activation, one a resource.
    pub leases: Vec<Lease>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// There is none, or none that the caller may see.
    #[error("there is no such grant")]
    NotFound,
    /// The request behind it has no grant yet, or will have none.
    #[error("the request is {0}")]
    NotApproved(&'static str),
    /// Only the subject claims.
    #[error("only the one who asked may activate it")]
    Forbidden,
    /// Only the very client claims that it lives with.
    #[error("only the run's client that it was given to may activate it")]
    OtherClient,
    /// It is ending, ended or lapsed.
    #[error("the grant is already {0}")]
    AlreadyFinal(&'static str),
    /// It is active with another public half.
    #[error("the grant is already active with another secret: use it where it was activated, or return it")]
    OtherHalf,
    /// Policy as it is now says no.
    #[error("policy denies it now")]
    Denied(Box<Decision>),
    /// What was approved is not what would be given now.
    #[error("{0}")]
    Grown(String),
    /// It was approved for something else than the run presents.
    #[error("{0}")]
    Artefact(String),
    /// The public halves are not the ones it takes.
    #[error("{0}")]
    Halves(String),
    /// The clocks disagree: nothing new is given.
    #[error("nothing new is given while {0}")]
    ClockInDoubt(String),
    /// The policy in force may be an old one: nothing new is given.
    #[error("nothing new is given: {0}")]
    PolicyStale(String),
    /// A target refuses or does not answer.
    #[error(transparent)]
    Target(#[from] CallError),
    /// The server is coming up or going down.
    #[error("the server is starting or stopping")]
    Stopping,
    /// It came to nothing, and what was made was taken away.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

impl Engine {
    /// Claims a grant with the public halves of secrets that the client made: one for each resource. The same
    /// halves again give the same answer, so a lost reply costs nothing.
    ///
    /// # Errors
    /// When it cannot be given; nothing stays in any target then.
    pub async fn activate(&self, who: &Identity, which: GrantRef, claim: Claim) -> Result<Activation, ActivateError> {
        let Claim { halves, source_ip, client, presented } = claim;
        let caller = Claimant { who, client: client.as_ref(), presented };
        let halves: BTreeMap<ResourceName, PublicHalf> = halves.into_iter().collect();
        for _ in 0..ATTEMPTS {
            if self.gives_nothing_new() {
                return Err(ActivateError::Stopping);
            }
            let grant = self.claimable(who, which, client.as_ref()).await?;
            match grant.state {
                GrantState::Approved { .. } => match self.begin(&caller, grant, (&halves, source_ip)).await? {
                    Some(activation) => return Ok(activation),
                    None => continue,
                },
                GrantState::Activating { .. } | GrantState::Active { .. } => return self.rejoin(grant, &halves).await,
                GrantState::Ending { .. } | GrantState::Ended { .. } => {
                    return Err(ActivateError::AlreadyFinal(grant.state_word()));
                }
            }
        }
        Err(ActivateError::Commit(CommitError::Conflict("the grant".to_owned())))
    }

    async fn claimable(
        &self,
        who: &Identity,
        which: GrantRef,
        client: Option<&BoundToken>,
    ) -> Result<Grant, ActivateError> {
        let grant = match self.find_grant(who, which).await? {
            Some(grant) => grant,
            None => {
                let GrantRef::Request(id) = which else { return Err(ActivateError::NotFound) };
                let request = self.find_request(who, id).await?.ok_or(ActivateError::NotFound)?;
                return Err(ActivateError::NotApproved(request.state_word()));
            }
        };
        if !grant.subject.is_same_as(&who.subject) {
            return Err(ActivateError::Forbidden);
        }
        let is_machine = who.subject.kind == SubjectKind::Workload;
        if is_machine && !self.is_its_client(client, grant.lives_with.as_ref()).await? {
            return Err(ActivateError::OtherClient);
        }
        Ok(grant)
    }

    /// The whole of a first claim. None when somebody else claimed it at the same moment.
    async fn begin(
        &self,
        caller: &Claimant<'_>,
        grant: Grant,
        (halves, source_ip): (&BTreeMap<ResourceName, PublicHalf>, Option<IpAddr>),
    ) -> Result<Option<Activation>, ActivateError> {
        if let Some(doubt) = self.clock.doubt() {
            return Err(ActivateError::ClockInDoubt(doubt));
        }
        if let Some(doubt) = self.policy_doubt() {
            return Err(ActivateError::PolicyStale(doubt));
        }
        let Claimant { who, client, .. } = *caller;
        let policy = self.policy();
        let request = self.store.request(grant.request_id).await?.ok_or(ActivateError::NotFound)?;
        let now = self.clock.now();
        if let GrantState::Approved { claim_until } = grant.state
            && now >= claim_until
        {
            return Err(ActivateError::AlreadyFinal("lapsed"));
        }
        if !self.is_alive(grant.lives_with.as_ref()).await? {
            return Err(ActivateError::AlreadyFinal("over: its pipeline has ended"));
        }
        let counting = self.counting(&grant.role).await;
        let mut facts = match policy.role(&grant.role) {
            Some(role) => self.facts(role, &who.subject, source_ip, Some(&grant)).await?,
            None => Facts::default(),
        };
        facts.token = match client {
            Some(bound) => token_of(&bound.token),
            None => self.token_behind(grant.lives_with.as_ref(), &grant.role).await?,
        };
        let grant = Grant { presented: presented(&request, caller, facts.token.as_ref())?, ..grant };
        let approved = Approved { grant: &grant, request: &request };
        let until = approved.until(&policy, who, facts, now)?;
        let wanted = self.wanted(&policy, &grant, halves, until)?;
        for (lane, _, _) in &wanted {
            self.may_be_old(lane, &grant).await?;
        }
        let id = grant.id;
        let mut changes = Changes::default();
        let ids = wanted.iter().map(|(_, lease, _)| lease.id).collect();
        let step = grant.activating(ids, until, now).map_err(|e| ActivateError::AlreadyFinal(e.is))?;
        let grant = changes.grant(step);
        let mut jobs: Vec<(Arc<Lane>, Give)> = Vec::new();
        for (lane, lease, half) in wanted {
            let lease = changes.lease(Lease::wanted(lease, &who.subject, now));
            let step = lease.issuing(self.standing().epoch, &who.subject, now);
            let lease = changes.lease(step.expect("INVARIANT: a wanted lease can be issued"));
            jobs.push((lane, Give { lease, half }));
        }
        let leases: Vec<_> = jobs.iter().map(|(_, job)| job.lease.id).collect();
        leases.iter().for_each(|lease| self.busy.begin_making(*lease));
        match self.commit(changes).await {
            Ok(_) => {}
            Err(error) => {
                leases.iter().for_each(|lease| self.busy.done(*lease));
                return match error {
                    CommitError::Conflict(_) => Ok(None),
                    CommitError::KeyUsed(_) | CommitError::Unavailable(_) => Err(ActivateError::Commit(error)),
                };
            }
        }
        drop(counting);
        self.due_at(until);
        let outcome = self.waiters.wait(id);
        for (lane, job) in jobs {
            lane.give.push([job]);
        }
        match outcome.await {
            Ok(Ok(())) => self.shown(grant).await.map(Some),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(ActivateError::Stopping),
        }
    }

    /// The leases to make: lane, lease and public half for each resource.
    fn wanted(
        &self,
        policy: &PolicySet,
        grant: &Grant,
        halves: &BTreeMap<ResourceName, PublicHalf>,
        until: Timestamp,
    ) -> Result<Vec<(Arc<Lane>, Lease, PublicHalf)>, ActivateError> {
        let by_resource = grant.scope.by_resource();
        if let Some(extra) = halves.keys().find(|name| !by_resource.contains_key(*name)) {
            return Err(ActivateError::Halves(format!("the grant is not for `{extra}`")));
        }
        let mut wanted = Vec::new();
        for (name, actions) in by_resource {
            let resource = policy
                .resource(&name)
                .ok_or_else(|| ActivateError::Grown(format!("the policy in force does not define `{name}`")))?;
            let definition = Definition { admin: resource.admin.clone(), settings: resource.settings.clone() };
            let lane = self.lane(&name, resource.connector.name, &definition)?;
            if let Some(error) = lane.refuses() {
                return Err(error.into());
            }
            self.target(&lane)?;
            let half = halves.get(&name).ok_or_else(|| {
                ActivateError::Halves(format!(
                    "a public half for `{name}` is missing ({})",
                    resource.connector.public_half
                ))
            })?;
            check_half(&name, resource.connector.public_half, half)?;
            let lease = Lease {
                id: self.mint(),
                version: Version::NONE,
                grant_id: grant.id,
                subject: grant.subject.clone(),
                resource: name,
                connector: resource.connector.name.to_owned(),
                actions,
                definition,
                expires_at: until,
                extends_to: None,
                public_half: half_hash(half),
                residual_exposure: resource.connector.residual_exposure.iter().map(|s| (*s).to_owned()).collect(),
                state: LeaseState::Wanted,
            };
            wanted.push((lane, lease, half.clone()));
        }
        Ok(wanted)
    }

    /// A claim that came before: wait for it if it is under way, and give the same answer to the same halves.
    async fn rejoin(
        &self,
        grant: Grant,
        halves: &BTreeMap<ResourceName, PublicHalf>,
    ) -> Result<Activation, ActivateError> {
        let leases = self.store.leases(&current_leases(&grant)).await?;
        let same = leases.iter().all(|l| halves.get(&l.resource).is_some_and(|half| half_hash(half) == l.public_half));
        if !same || leases.len() != halves.len() {
            return Err(ActivateError::OtherHalf);
        }
        if matches!(grant.state, GrantState::Activating { .. }) {
            let outcome = self.waiters.wait(grant.id);
            // It may have been settled between the look and the wait.
            self.settle_activation(grant.id).await;
            match outcome.await {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => return Err(failure.into()),
                Err(_) => return Err(ActivateError::Stopping),
            }
        }
        self.shown(grant).await
    }

    async fn shown(&self, grant: Grant) -> Result<Activation, ActivateError> {
        let grant = self.store.grant(grant.id).await?.unwrap_or(grant);
        let leases = self.store.leases(&current_leases(&grant)).await?;
        Ok(Activation { grant, leases })
    }
}

/// Who claims, and what with.
struct Claimant<'a> {
    who: &'a Identity,
    client: Option<&'a BoundToken>,
    presented: Vec<PresentedArtefact>,
}

/// Everything that is presented, if it is what the approvers named: what the token of the run says, and what its client
/// does.
fn presented(
    request: &Request,
    claimant: &Claimant<'_>,
    token: Option<&Token>,
) -> Result<Vec<PresentedArtefact>, ActivateError> {
    // The token is the server's own knowledge: no caller brings it.
    let mut all: Vec<_> = claimant.presented.iter().filter(|p| p.by != Presented::Token).cloned().collect();
    let said = COMMIT_CLAIMS.iter().find_map(|claim| token?.claims.get(claim));
    let commit = said.and_then(|text| Artefact::new(ArtefactKind::Commit, text).ok());
    all.extend(commit.map(|artefact| PresentedArtefact { artefact, by: Presented::Token }));
    all.sort();
    all.dedup();
    for wanted in request.artefacts() {
        if all.iter().any(|shown| shown.is(wanted)) {
            continue;
        }
        let shown = all.iter().filter(|shown| shown.artefact.kind == wanted.kind).map(|shown| match shown.by {
            Presented::Token | Presented::Measured => shown.artefact.to_string(),
            Presented::Claimed => format!("{} (claimed by the run)", shown.artefact),
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        let shown = if shown.is_empty() { "none".to_owned() } else { shown };
        return Err(ActivateError::Artefact(format!("it was approved for {wanted}, and the run presents {shown}")));
    }
    Ok(all)
}

fn check_half(resource: &ResourceName, kind: &str, half: &PublicHalf) -> Result<(), ActivateError> {
    if half.kind != kind {
        return Err(ActivateError::Halves(format!("`{resource}` takes a public half of kind {kind}")));
    }
    if half.value.is_empty() || half.value.len() > limits::PUBLIC_HALF_BYTES {
        return Err(ActivateError::Halves(format!("the public half for `{resource}` is empty or too long")));
    }
    Ok(())
}

fn half_hash(half: &PublicHalf) -> String {
    let mut hash = Sha256::new();
    hash.update(half.kind.as_bytes());
    hash.update([0]);
    hash.update(half.value.as_bytes());
    hex::encode(hash.finalize())
}
