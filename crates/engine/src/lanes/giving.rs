//! Giving: the intent is durable, so call the target, read back, and only then say `Live`.

use super::{BATCH, Lane};
use crate::Engine;
use crate::activation::Failure;
use crate::copies::Past;
use crate::seams::connector::{CallError, IssueOrder, Issued, PublicHalf};
use curfew_domain::Lease;
use futures::future::join_all;
use std::sync::Arc;

/// A lease whose intent is committed, with the public half that is kept nowhere.
pub(crate) struct Give {
    pub(crate) lease: Lease,
    pub(crate) half: PublicHalf,
}

pub(super) async fn work(engine: &Engine, lane: Arc<Lane>) {
    loop {
        let jobs = lane.give.take(BATCH).await;
        let answers = issue(engine, &lane, &jobs).await;
        let settled = jobs.into_iter().zip(answers).map(|(job, answer)| settle(engine, job.lease, answer));
        join_all(settled).await;
    }
}

async fn issue(engine: &Engine, lane: &Lane, jobs: &[Give]) -> Vec<Result<Issued, CallError>> {
    if let Some(error) = lane.refuses() {
        return vec![Err(error); jobs.len()];
    }
    let target = match engine.target(lane) {
        Ok(target) => target,
        Err(error) => return vec![Err(error); jobs.len()],
    };
    let ready = match engine.prepare(lane, &target).await {
        Ok(Past::Whole) => Ok(()),
        Ok(Past::WasLost) => {
            let message = "the ledger is an older copy of one that served it: try again".to_owned();
            Err(CallError::Refused { resource: lane.resource.to_string(), message })
        }
        Err(error) => Err(error),
    };
    if let Err(error) = ready {
        lane.note(&error);
        return vec![Err(error); jobs.len()];
    }
    let now = engine.clock.now();
    let orders: Vec<IssueOrder> = jobs.iter().map(|job| order(job, now)).collect();
    let mut answers = lane.connector.issue(&target, &orders).await;
    answers.resize_with(jobs.len(), || Err(CallError::Invalid("the connector gave too few answers".to_owned())));
    // An answer that was lost is looked for once by the same process: issuing what stands there exactly as
    // ordered is success.
    let lost: Vec<usize> = (0..answers.len()).filter(|i| matches!(answers[*i], Err(CallError::Lost { .. }))).collect();
    if !lost.is_empty() {
        let again: Vec<IssueOrder> = lost.iter().map(|i| orders[*i].clone()).collect();
        let found = lane.connector.issue(&target, &again).await;
        for (place, answer) in lost.into_iter().zip(found) {
            answers[place] = answer;
        }
    }
    for error in answers.iter().filter_map(|a| a.as_ref().err()) {
        lane.note(error);
    }
    answers
}

fn order(job: &Give, now: curfew_domain::Timestamp) -> IssueOrder {
    IssueOrder {
        lease: job.lease.id,
        actions: job.lease.actions.clone(),
        expires_at: job.lease.expires_at,
        now,
        public_half: job.half.clone(),
        label: curfew_domain::text::visible(&job.lease.subject.label()).into_owned(),
    }
}

async fn settle(engine: &Engine, lease: Lease, answer: Result<Issued, CallError>) {
    let id = lease.id;
    match answer {
        Ok(issued) => engine.lease_issued(lease, issued).await,
        Err(error) => {
            tracing::warn!(lease_id = %id, %error, "a lease could not be made");
            engine.lease_failed(lease, Failure::Target(error)).await;
        }
    }
}
