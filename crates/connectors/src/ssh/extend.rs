//! A later end for a certificate. The end of one is signed into it, so the lease gets another certificate: for the
//! same key and with the same serial, so that one entry in the revocation list refuses both.

use super::connector::{Ssh, settings};
use super::desk::Desk;
use super::issue::{Plan, make, plan};
use super::kind::KIND;
use super::public_key::PublicKey;
use curfew_engine::seams::connector::{CallError, ExtendOrder, IssueOrder, Issued, PublicHalf, Target};

impl Ssh {
    /// One commit for all orders, then the signatures.
    pub(super) async fn extend_all(&self, target: &Target, orders: &[ExtendOrder]) -> Vec<Result<Issued, CallError>> {
        let ready = async {
            let settings = settings(target)?;
            self.check_epoch(target).await?;
            Ok((settings, self.desk(&target.resource).await?, self.signer(&target.resource).await?))
        };
        let (settings, desk, signer) = match ready.await {
            Ok(ready) => ready,
            Err(error) => return vec![Err(error); orders.len()],
        };
        let anew: Vec<Result<IssueOrder, CallError>> = orders.iter().map(as_issue).collect();
        let mut plans: Vec<Result<Plan<'_>, CallError>> = Vec::with_capacity(orders.len());
        for order in &anew {
            let planned = order.as_ref().map_err(Clone::clone).and_then(|order| plan(target, &settings, order));
            plans.push(planned.and_then(|p| stands(target, &desk, p)));
        }
        if let Err(error) = self.record(&target.resource, &desk, &plans).await {
            for plan in plans.iter_mut().filter(|p| p.is_ok()) {
                *plan = Err(error.clone());
            }
        }
        plans.into_iter().map(|plan| plan.and_then(|p| make(target, &settings, &desk, &p, &signer))).collect()
    }
}

/// The same order as the one that made it, with the key that stands in its certificate and the later end.
fn as_issue(order: &ExtendOrder) -> Result<IssueOrder, CallError> {
    let certificate = order.connection.get("certificate").map(String::as_str).unwrap_or_default();
    let key = PublicKey::of_certificate(certificate).map_err(|e| CallError::Invalid(e.to_string()))?;
    Ok(IssueOrder {
        lease: order.lease,
        actions: order.actions.clone(),
        expires_at: order.expires_at,
        now: order.now,
        public_half: PublicHalf { kind: KIND.public_half.to_owned(), value: key.line() },
        label: order.label.clone(),
    })
}

/// Whether a certificate of the lease stands for that key and has time left.
fn stands<'a>(target: &Target, desk: &Desk, plan: Plan<'a>) -> Result<Plan<'a>, CallError> {
    let refused =
        |message: &str| Err(CallError::Refused { resource: target.resource.to_string(), message: message.to_owned() });
    let state = desk.lock();
    if state.refused.contains_key(&plan.serial) {
        return refused("this lease was ended; its serial is never used again");
    }
    let wanted = plan.standing();
    match state.standing.get(&plan.serial) {
        Some(there) if there.lease != wanted.lease || there.key != wanted.key => {
            refused("another certificate stands with this serial")
        }
        Some(there) if there.expires_at <= plan.order.now => refused("its certificate has expired"),
        Some(_) => Ok(plan),
        None => refused("no certificate of this lease stands"),
    }
}
