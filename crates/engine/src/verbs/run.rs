//! Runs of pipelines: one begins, its clients beat, and it is over.
//!
//! A heartbeat is one read by id and one commit, which shares its sync with every other at that moment.

use super::request::RequestError;
use crate::Engine;
use crate::activation::ATTEMPTS;
use crate::engine::Changes;
use crate::seams::Change;
use crate::seams::store::{Beat, BoundToken, CommitError, ReadError};
use curfew_domain::{
    BeatId, Id, Identity, LivesWith, Run, RunEnd, RunKey, RunState, SubjectKind, Timestamp, Version, limits,
};
use std::net::IpAddr;

/// A client that begins or joins a run, and where it calls from.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// What its job's token said, and the key that the call has proved.
    pub bound: BoundToken,
    /// The client.
    pub beat: BeatId,
    /// Where the call comes from, if that is known.
    pub source_ip: Option<IpAddr>,
}

/// A run, and until when it lives if no client of it is heard of again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lives {
    /// The run.
    pub run: Run,
    /// None when it is over.
    pub silent_at: Option<Timestamp>,
}

/// Why a run was not begun, kept alive or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Only machines have runs.
    #[error("only a pipeline's job begins a run: sign in with its token")]
    NotAMachine,
    /// There is none, or none that the caller may see.
    #[error("there is no such run")]
    NotFound,
    /// Its provider said that it has ended, or it fell silent.
    #[error("{0}")]
    Over(&'static str),
    /// The heartbeat is of another client.
    #[error("that heartbeat is another client's")]
    NotTheirs,
    /// It has as many clients as a run may have.
    #[error("{0} clients of the run beat, which is the most")]
    TooMany(usize),
    /// Nothing new is given now, or what its triggers open could not be judged.
    #[error(transparent)]
    Asking(#[from] RequestError),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(CommitError),
}

const SILENT: &str =
    "no heartbeat of this client came for the window, or it said that it was done: what it had is gone";
const ENDED: &str = "the provider of the pipeline said that this run has ended";

impl Engine {
    /// Begins a run, or joins the one of the same key that lives. A run fires its triggers: each role that a token of it
    /// matches, once. The same client again changes nothing.
    ///
    /// # Errors
    /// When the caller is no machine, its provider has said that the run ended, or the ledger cannot be written.
    pub async fn begin_run(&self, who: &Identity, beginning: &Beginning) -> Result<Lives, RunError> {
        if who.subject.kind != SubjectKind::Workload {
            return Err(RunError::NotAMachine);
        }
        for _ in 0..ATTEMPTS {
            self.gives_something_new()?;
            let key = &beginning.bound.token.run;
            if self.store.ended_by_provider(key).await?.is_some() {
                return Err(RunError::Over(ENDED));
            }
            let outcome = match self.store.newest_run(key).await?.filter(Run::is_live) {
                Some(run) => self.join_run(who, run, beginning).await?,
                None => self.new_run(who, beginning).await?,
            };
            if let Some(lives) = outcome {
                return Ok(lives);
            }
        }
        Err(RunError::Commit(CommitError::Conflict(beginning.bound.token.run.to_string())))
    }

    fn gives_something_new(&self) -> Result<(), RequestError> {
        if self.gives_nothing_new() {
            return Err(RequestError::Stopping);
        }
        if let Some(doubt) = self.clock.doubt() {
            return Err(RequestError::ClockInDoubt(doubt));
        }
        match self.policy_doubt() {
            Some(doubt) => Err(RequestError::PolicyStale(doubt)),
            None => Ok(()),
        }
    }

    /// None when another client was first.
    async fn new_run(&self, who: &Identity, beginning: &Beginning) -> Result<Option<Lives>, RunError> {
        let now = self.clock.now();
        let run = Run {
            id: self.mint(),
            version: Version::NONE,
            subject: who.subject.clone(),
            token: beginning.bound.token.clone(),
            began_at: now,
            fired: Vec::new(),
            state: RunState::Live,
        };
        let mut opened = self.fire(who, &run, beginning).await?;
        let run = Run { fired: opened.firing.clone().into_iter().collect(), ..run };
        let mut changes = Changes::default();
        let mut step = Run::begun(run);
        step.event = opened.noted(step.event);
        let run = changes.run(step);
        let until = self.beat_of(&mut changes, &run, beginning, now);
        changes.0.extend(std::mem::take(&mut opened.changes.0));
        let committed = self.commit(changes).await;
        self.due_at(until);
        opened.requests.iter().for_each(|request| self.due_with(request, now));
        match committed {
            Ok(_) => Ok(Some(Lives { run, silent_at: Some(until) })),
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(other) => Err(RunError::Commit(other)),
        }
    }

    /// None when it changed at the same moment.
    async fn join_run(&self, who: &Identity, run: Run, beginning: &Beginning) -> Result<Option<Lives>, RunError> {
        let now = self.clock.now();
        let beats = self.store.beats(run.id).await?;
        let silent: Vec<BeatId> = beats.iter().filter(|b| now >= b.until).map(|b| b.beat.clone()).collect();
        if !silent.is_empty() {
            self.end_clients(run, &silent, RunEnd::Silent).await?;
            return Ok(None);
        }
        let mut changes = Changes::default();
        let until = now.plus(self.pipelines.heartbeat_window);
        match beats.iter().find(|held| held.beat == beginning.beat) {
            Some(held) if held.owner != beginning.bound.key_thumbprint => return Err(RunError::NotTheirs),
            Some(_) => changes.0.push(heard(&run, beginning, until)),
            None if beats.len() >= limits::BEATS_PER_RUN => return Err(RunError::TooMany(beats.len())),
            None => {
                self.beat_of(&mut changes, &run, beginning, now);
            }
        }
        let mut opened = self.fire(who, &run, beginning).await?;
        let run = match opened.firing.clone() {
            Some(firing) => {
                let Ok(mut step) = run.fires(firing, now) else { return Ok(None) };
                step.event = opened.noted(step.event);
                changes.run(step)
            }
            None => run,
        };
        changes.0.extend(std::mem::take(&mut opened.changes.0));
        let committed = self.commit(changes).await;
        self.due_at(until);
        opened.requests.iter().for_each(|request| self.due_with(request, now));
        match committed {
            Ok(_) => Ok(Some(Lives { silent_at: latest(&beats, until), run })),
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(other) => Err(RunError::Commit(other)),
        }
    }

    fn beat_of(&self, changes: &mut Changes, run: &Run, beginning: &Beginning, now: Timestamp) -> Timestamp {
        let until = now.plus(self.pipelines.heartbeat_window);
        changes.0.push(Change::Beat(Box::new(Beat {
            run: run.id,
            beat: beginning.beat.clone(),
            owner: beginning.bound.key_thumbprint.clone(),
            token: beginning.bound.token.clone(),
            until,
        })));
        until
    }

    /// A client says that it is still there.
    ///
    /// # Errors
    /// When it was silent for too long, the run is over or another's, or the heartbeat is another client's.
    pub async fn beat(&self, bound: &BoundToken, id: Id<Run>, beat: &BeatId) -> Result<Lives, RunError> {
        let run = self.own_run(bound, id).await?;
        let now = self.clock.now();
        let held = self.store.beat(id, beat).await?.ok_or(RunError::Over(SILENT))?;
        if held.owner != bound.key_thumbprint {
            return Err(RunError::NotTheirs);
        }
        if now >= held.until {
            self.end_clients(run, std::slice::from_ref(beat), RunEnd::Silent).await?;
            return Err(RunError::Over(SILENT));
        }
        let until = now.plus(self.pipelines.heartbeat_window);
        let owner = bound.key_thumbprint.clone();
        let heard = Change::BeatHeard { run: id, beat: beat.clone(), owner, until };
        match self.commit(Changes(vec![heard])).await {
            Ok(_) => Ok(Lives { run, silent_at: Some(until) }),
            Err(CommitError::Conflict(_)) => Err(RunError::Over(SILENT)),
            Err(other) => Err(RunError::Commit(other)),
        }
    }

    /// A client says that it is done. Again, it changes nothing.
    ///
    /// # Errors
    /// When the run is another's, or the heartbeat is another client's.
    pub async fn end_run(&self, bound: &BoundToken, id: Id<Run>, beat: &BeatId) -> Result<Lives, RunError> {
        let run = self.own_run(bound, id).await?;
        let run = match self.store.beat(id, beat).await? {
            Some(held) if held.owner != bound.key_thumbprint => return Err(RunError::NotTheirs),
            Some(_) => self.end_clients(run, std::slice::from_ref(beat), RunEnd::Finished).await?,
            None => run,
        };
        let silent_at = self.silent_at(&run).await?;
        Ok(Lives { run, silent_at })
    }

    /// The provider of a pipeline says that a run has ended: what lived with it ends, and none of its key begins again,
    /// known or not.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn provider_ended(&self, key: &RunKey) -> Result<(), RunError> {
        for _ in 0..ATTEMPTS {
            let heard = Change::RunEndedByProvider { key: key.clone(), at: self.clock.now() };
            let told = match self.store.newest_run(key).await?.filter(Run::is_live) {
                Some(run) => self.end_by_provider(run, heard).await,
                None => self.commit(Changes(vec![heard])).await.map(drop),
            };
            match told {
                // None that is not known by now begins after that.
                Ok(()) if self.store.newest_run(key).await?.is_none_or(|run| !run.is_live()) => return Ok(()),
                Ok(()) | Err(CommitError::Conflict(_)) => {}
                Err(other) => return Err(RunError::Commit(other)),
            }
        }
        Err(RunError::Commit(CommitError::Conflict(key.to_string())))
    }

    /// Until when a run lives if no client of it is heard of again.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn silent_at(&self, run: &Run) -> Result<Option<Timestamp>, ReadError> {
        if !run.is_live() {
            return Ok(None);
        }
        Ok(self.store.beats(run.id).await?.iter().map(|held| held.until).max())
    }

    /// How long a client may be silent.
    pub fn heartbeat_window(&self) -> curfew_domain::Seconds {
        self.pipelines.heartbeat_window
    }

    async fn own_run(&self, bound: &BoundToken, id: Id<Run>) -> Result<Run, RunError> {
        let run = self.store.run(id).await?.filter(|run| run.token.run == bound.token.run);
        run.ok_or(RunError::NotFound)
    }

    /// Whether something lives with another run, or with another client of the same one. Other runs of a pipeline have the
    /// same subject, and what one was given is none of the others' to return, withdraw or prolong.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn is_anothers(&self, bound: &BoundToken, lives: Option<&LivesWith>) -> Result<bool, ReadError> {
        let Some(lives) = lives.filter(|lives| lives.key == bound.token.run) else { return Ok(true) };
        let Some(beat) = &lives.beat else { return Ok(false) };
        // When the client is gone, so is what lived with it: nothing is left to take from it.
        let held = self.store.beat(lives.run, beat).await?;
        Ok(held.is_some_and(|held| held.owner != bound.key_thumbprint))
    }

    /// Whether a call comes from the very client that something lives with: the same run and, where it is one client's,
    /// the same key. Other runs of a pipeline have the same subject.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn is_its_client(
        &self,
        client: Option<&BoundToken>,
        lives: Option<&LivesWith>,
    ) -> Result<bool, ReadError> {
        let (Some(bound), Some(lives)) = (client, lives) else { return Ok(false) };
        if bound.token.run != lives.key {
            return Ok(false);
        }
        match &lives.beat {
            Some(beat) => {
                Ok(self.store.beat(lives.run, beat).await?.is_some_and(|held| held.owner == bound.key_thumbprint))
            }
            None => Ok(true),
        }
    }
}

fn heard(run: &Run, beginning: &Beginning, until: Timestamp) -> Change {
    let owner = beginning.bound.key_thumbprint.clone();
    Change::BeatHeard { run: run.id, beat: beginning.beat.clone(), owner, until }
}

fn latest(beats: &[Beat], until: Timestamp) -> Option<Timestamp> {
    beats.iter().map(|held| held.until).chain([until]).max()
}
