//! What lives with a run of a pipeline ends with it: with one client of it, or with the last.
//!
//! **Invariant:** a client or run is over in the ledger before what lived with it is ended, and from there on the ledger
//! takes nothing new that would live with it. So no step that was under way leaves access behind, and an end that an
//! outage or a crash interrupted is found again: an open grant whose run or client is gone.

use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::ending::{EndOrder, OrderError};
use crate::engine::Changes;
use crate::seams::Change;
use crate::seams::store::{Beat, CommitError, GrantFilter, Page, ReadError, RequestFilter};
use crate::verbs::run::RunError;
use curfew_domain::{
    BeatId, EndCause, Grant, GrantState, Id, LivesWith, Request, Run, RunEnd, Seconds, Subject, Timestamp,
};
use futures::future::join_all;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Everything of one filter.
const ALL: Page = Page { before: None, limit: usize::MAX };

/// What is gone.
#[derive(Debug, Clone, Copy)]
enum Gone<'a> {
    /// The whole run.
    Run,
    /// These clients of it.
    Clients(&'a [BeatId]),
}

impl Gone<'_> {
    fn takes(self, lives: Option<&LivesWith>) -> bool {
        match (self, lives.and_then(|lives| lives.beat.as_ref())) {
            (Self::Run, _) => lives.is_some(),
            (Self::Clients(gone), Some(beat)) => gone.contains(beat),
            (Self::Clients(_), None) => false,
        }
    }
}

impl Engine {
    /// Ends clients of a run, and the run with the last of them. Gives the run as it is then.
    ///
    /// # Errors
    /// When the ledger cannot be read or written: then they live on until it can.
    pub(crate) async fn end_clients(&self, run: Run, gone: &[BeatId], why: RunEnd) -> Result<Run, RunError> {
        let mut run = run;
        for _ in 0..ATTEMPTS {
            if !run.is_live() {
                return Ok(run);
            }
            let now = self.clock.now();
            let left = self.store.beats(run.id).await?.iter().any(|held| !gone.contains(&held.beat));
            let mut changes = Changes::default();
            let over = |beat: &BeatId| Change::BeatOver { run: run.id, beat: beat.clone() };
            changes.0.extend(gone.iter().map(over));
            let (next, gone) = match run.clone().over(why, now) {
                Ok(step) if !left => (changes.run(step), Gone::Run),
                Ok(_) | Err(_) => (run.clone(), Gone::Clients(gone)),
            };
            match self.commit(changes).await {
                Ok(_) => {
                    self.end_living(next.id, gone, &self.because(why)).await;
                    return Ok(next);
                }
                Err(CommitError::Conflict(_)) => run = self.store.run(run.id).await?.ok_or(RunError::NotFound)?,
                Err(other) => return Err(RunError::Commit(other)),
            }
        }
        Err(RunError::Commit(CommitError::Conflict(run.id.to_string())))
    }

    /// Ends a run because its provider says so, whoever still beats.
    pub(crate) async fn end_by_provider(&self, run: Run, heard: Change) -> Result<(), CommitError> {
        let id = run.id;
        let mut changes = Changes(vec![heard]);
        if let Ok(step) = run.over(RunEnd::ProviderEnded, self.clock.now()) {
            changes.run(step);
        }
        self.commit(changes).await?;
        self.end_living(id, Gone::Run, RunEnd::ProviderEnded.because()).await;
        Ok(())
    }

    /// Ends the clients that were silent for too long. Whether the ledger took it.
    pub(crate) async fn end_silent(&self, beats: Vec<Beat>) -> bool {
        let mut of_run: BTreeMap<Id<Run>, Vec<BeatId>> = BTreeMap::new();
        for beat in beats {
            of_run.entry(beat.run).or_default().push(beat.beat);
        }
        let ends = of_run.into_iter().map(async |(id, gone)| {
            let Ok(Some(run)) = self.store.run(id).await else { return false };
            match self.end_clients(run, &gone, RunEnd::Silent).await {
                Ok(_) => true,
                Err(error) => {
                    tracing::error!(run = %id, %error, "a client that fell silent could not be ended yet");
                    false
                }
            }
        });
        join_all(ends).await.into_iter().all(|done| done)
    }

    fn because(&self, why: RunEnd) -> String {
        match why {
            RunEnd::Silent => format!("no heartbeat for {} s", self.pipelines.heartbeat_window.as_secs()),
            RunEnd::Finished => "the pipeline's client said that it is done".to_owned(),
            RunEnd::ProviderEnded => why.because().to_owned(),
        }
    }

    /// Ends what lived with what is gone. What cannot be ended now is tried again every second.
    async fn end_living(&self, run: Id<Run>, gone: Gone<'_>, because: &str) {
        let done = match self.living(run, gone).await {
            Ok((requests, grants)) => {
                let lapses = requests.into_iter().map(|request| self.lapse_with_run(request, because));
                let ends = grants.into_iter().map(|grant| self.end_with_run(grant, because));
                let (lapsed, ended) = futures::join!(join_all(lapses), join_all(ends));
                lapsed.into_iter().chain(ended).all(|done| done)
            }
            Err(error) => {
                tracing::error!(%run, %error, "what lived with a run could not be read");
                false
            }
        };
        if !done {
            self.strays.store(true, Ordering::SeqCst);
            self.due_at(self.clock.now().plus(Seconds::new(1)));
        }
    }

    async fn living(&self, run: Id<Run>, gone: Gone<'_>) -> Result<(Vec<Request>, Vec<Grant>), ReadError> {
        let pending = RequestFilter { run: Some(run), state: Some("pending"), ..RequestFilter::default() };
        let open = GrantFilter { run: Some(run), ..GrantFilter::default() };
        let mut requests = self.store.requests(&pending, ALL).await?;
        let mut grants = self.store.grants(&open, ALL).await?;
        requests.retain(|request| gone.takes(request.lives_with.as_ref()));
        grants.retain(|grant| gone.takes(grant.lives_with.as_ref()));
        Ok((requests, grants))
    }

    async fn end_with_run(&self, grant: Grant, because: &str) -> bool {
        let order = EndOrder { cause: EndCause::PipelineEnded, actor: &Subject::system(), because };
        match self.order_end(grant, &order).await {
            Ok(_) | Err(OrderError::AlreadyEnding(..)) => true,
            Err(OrderError::Read(_) | OrderError::Commit(_)) => false,
        }
    }

    /// Lapses a request whose run is gone. Whether the ledger took it.
    pub(crate) async fn lapse_with_run(&self, request: Request, because: &str) -> bool {
        let mut request = request;
        for _ in 0..ATTEMPTS {
            let (id, now) = (request.id, self.clock.now());
            let Ok(step) = request.lapse_with_run(because, now) else { return true };
            let mut changes = Changes::default();
            let lapsed = changes.request(step);
            changes.notices(self.notices_of_request("lapsed", &lapsed, now));
            match self.commit(changes).await {
                Ok(_) => return true,
                Err(CommitError::Conflict(_) | CommitError::KeyUsed(_)) => match self.store.request(id).await {
                    Ok(Some(recorded)) => request = recorded,
                    Ok(None) | Err(_) => return false,
                },
                Err(CommitError::Unavailable(_)) => return false,
            }
        }
        false
    }

    /// Whether what something lives with is there.
    pub(crate) async fn is_alive(&self, lives: Option<&LivesWith>) -> Result<bool, ReadError> {
        let Some(LivesWith { run, beat, .. }) = lives else { return Ok(true) };
        match beat {
            Some(beat) => {
                let now = self.clock.now();
                Ok(self.store.beat(*run, beat).await?.is_some_and(|held| now < held.until))
            }
            None => Ok(self.store.run(*run).await?.is_some_and(|run| run.is_live())),
        }
    }

    /// Ends every one of these grants whose run or client is gone. Called with each look, so that an end that was
    /// interrupted is ordered again.
    pub(crate) async fn end_strays(&self, grants: &[Grant]) -> Result<(), ReadError> {
        let mut clients: BTreeMap<Id<Run>, Option<BTreeSet<BeatId>>> = BTreeMap::new();
        let mut strays = Vec::new();
        for grant in grants.iter().filter(|grant| !matches!(grant.state, GrantState::Ending { .. })) {
            let Some(lives) = &grant.lives_with else { continue };
            let there = match clients.entry(lives.run) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.clients(lives.run).await?),
            };
            let there = there.as_ref();
            if !there.is_some_and(|there| lives.beat.as_ref().is_none_or(|beat| there.contains(beat))) {
                strays.push(grant.clone());
            }
        }
        let ends = strays.into_iter().map(|grant| self.end_with_run(grant, "the pipeline that it lived with is over"));
        if !join_all(ends).await.into_iter().all(|done| done) {
            self.strays.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The clients of a live run; none when it is over.
    async fn clients(&self, run: Id<Run>) -> Result<Option<BTreeSet<BeatId>>, ReadError> {
        // The clients first: a run is never over before the last of them.
        let beats = self.store.beats(run).await?;
        let live = self.store.run(run).await?.is_some_and(|run| run.is_live());
        Ok(live.then(|| beats.into_iter().map(|held| held.beat).collect()))
    }

    /// Tries again what an outage kept from being ended. When to try next, if it has to be.
    pub(crate) async fn end_what_was_left(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.strays.swap(false, Ordering::SeqCst) {
            return None;
        }
        let read = match self.store.open_grants().await {
            Ok(grants) => self.end_strays(&grants).await,
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            tracing::error!(%error, "what lived with a run that is over could not be read");
            self.strays.store(true, Ordering::SeqCst);
        }
        self.strays.load(Ordering::SeqCst).then(|| now.plus(Seconds::new(1)))
    }
}
