//! Whether a commit may be written, found out before any of it is.

use super::ledger::Ledger;
use crate::nature;
use curfew_domain::id::Identified;
use curfew_domain::transition::Noun;
use curfew_domain::{BeatId, Id, LivesWith, Request, Run, RunEnd, RunKey, RunState, Transition, Version};
use curfew_engine::seams::store::{Beat, Change, CommitError, SealedKey, Session, TokenUse};
use std::collections::{BTreeMap, BTreeSet};

/// The ledger as it would be after the changes that were checked so far.
pub(super) struct Checks<'a> {
    ledger: &'a Ledger,
    versions: BTreeMap<(&'static str, u128), Version>,
    request_keys: BTreeMap<&'a str, Id<Request>>,
    sessions: BTreeMap<&'a str, Presence>,
    tokens: BTreeMap<&'a str, &'a str>,
    keys: BTreeMap<(&'a str, u32), Presence>,
    runs: BTreeMap<u128, Presence>,
    live_keys: BTreeMap<&'a RunKey, Presence>,
    ended_keys: BTreeSet<&'a RunKey>,
    beats: BTreeMap<(u128, &'a BeatId), Option<&'a str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
}

impl<'a> Checks<'a> {
    pub(super) fn of(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            versions: BTreeMap::new(),
            request_keys: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            runs: BTreeMap::new(),
            live_keys: BTreeMap::new(),
            ended_keys: BTreeSet::new(),
            beats: BTreeMap::new(),
        }
    }

    pub(super) fn check(&mut self, change: &'a Change) -> Result<(), CommitError> {
        match change {
            Change::Request(step) => {
                self.step(step.next.id, step, self.ledger.request_version(step.next.id))?;
                self.lives(nature::request_needs(step))
            }
            Change::Grant(step) => {
                self.step(step.next.id, step, self.ledger.grant_version(step.next.id))?;
                self.lives(nature::grant_needs(step))
            }
            Change::Run(step) => self.run(step),
            Change::Beat(beat) => self.beat(beat),
            Change::BeatHeard { run, beat, owner, .. } => match self.owner(*run, beat) {
                Some(held) if held == owner => Ok(()),
                Some(_) | None => Err(CommitError::Conflict("the heartbeat".to_owned())),
            },
            Change::BeatOver { run, beat } => {
                self.beats.insert((run.as_u128(), beat), None);
                Ok(())
            }
            Change::RunEndedByProvider { key, .. } => {
                self.ended_keys.insert(key);
                Ok(())
            }
            Change::Lease(step) => self.step(step.next.id, step, self.ledger.lease_version(step.next.id)),
            Change::RequestKey { key, request } => self.request_key(key, *request),
            Change::Session(session) => self.session(session),
            Change::TokenUsed(token) => self.token_used(token),
            Change::SessionEnded { token_hash } => {
                self.sessions.insert(token_hash, Presence::Gone);
                Ok(())
            }
            Change::Key(key) => self.key(key),
            Change::Event(_)
            | Change::Notice(_)
            | Change::NoticeSent(_)
            | Change::NoticeLater { .. }
            | Change::Prune { .. }
            | Change::Fact { .. } => Ok(()),
        }
    }

    fn step<T: Noun + Identified>(
        &mut self,
        id: Id<T>,
        step: &Transition<T>,
        stored: Version,
    ) -> Result<(), CommitError> {
        let at = (T::PREFIX, id.as_u128());
        let held = self.versions.get(&at).copied().unwrap_or(stored);
        if step.from != held || step.next.version() != held.next() {
            return Err(CommitError::Conflict(id.to_string()));
        }
        self.versions.insert(at, step.next.version());
        Ok(())
    }

    fn run(&mut self, step: &'a Transition<Run>) -> Result<(), CommitError> {
        let (next, key) = (&step.next, &step.next.token.run);
        self.step(next.id, step, self.ledger.run_version(next.id))?;
        let presence = match next.state {
            RunState::Live => Presence::There,
            RunState::Over { .. } => Presence::Gone,
        };
        if step.from == Version::NONE {
            let stored = if self.ledger.live_run(key).is_some() { Presence::There } else { Presence::Gone };
            let live = self.live_keys.get(key).copied().unwrap_or(stored);
            let ended = self.ended_keys.contains(key) || self.ledger.ended_by_provider(key).is_some();
            if live == Presence::There || ended {
                return Err(CommitError::Conflict(key.to_string()));
            }
        }
        if let RunState::Over { why: RunEnd::Finished | RunEnd::Silent, .. } = next.state
            && self.is_beaten(next.id)
        {
            return Err(CommitError::Conflict(key.to_string()));
        }
        self.runs.insert(next.id.as_u128(), presence);
        self.live_keys.insert(key, presence);
        Ok(())
    }

    /// What a commit must not come to, whatever the order of its changes: a run that lives on when its last client is gone.
    pub(super) fn finish(&self, changes: &[Change]) -> Result<(), CommitError> {
        for change in changes {
            if let Change::BeatOver { run, .. } = change
                && self.is_live(*run)
                && !self.is_beaten(*run)
            {
                return Err(CommitError::Conflict(run.to_string()));
            }
        }
        Ok(())
    }

    /// Whether any client of a run beats.
    fn is_beaten(&self, run: Id<Run>) -> bool {
        let key = run.as_u128();
        let here = self.beats.iter().any(|((of, _), held)| *of == key && held.is_some());
        here || self.ledger.beats(run).iter().any(|held| !self.beats.contains_key(&(key, &held.beat)))
    }

    fn is_live(&self, run: Id<Run>) -> bool {
        let stored =
            if self.ledger.run(run).is_some_and(|run| run.is_live()) { Presence::There } else { Presence::Gone };
        self.runs.get(&run.as_u128()).copied().unwrap_or(stored) == Presence::There
    }

    /// Whose a beat is; none when it is gone, or its run is over.
    fn owner(&self, run: Id<Run>, beat: &BeatId) -> Option<&'a str> {
        let stored = || self.ledger.beat(run, beat).map(|beat| beat.owner.as_str());
        let held = self.beats.get(&(run.as_u128(), beat)).copied().unwrap_or_else(stored);
        held.filter(|_| self.is_live(run))
    }

    fn beat(&mut self, beat: &'a Beat) -> Result<(), CommitError> {
        if !self.is_live(beat.run) || self.owner(beat.run, &beat.beat).is_some() {
            return Err(CommitError::Conflict("the heartbeat".to_owned()));
        }
        self.beats.insert((beat.run.as_u128(), &beat.beat), Some(&beat.owner));
        Ok(())
    }

    fn lives(&self, with: Option<&'a LivesWith>) -> Result<(), CommitError> {
        let Some(LivesWith { run, key, beat }) = with else { return Ok(()) };
        let lives = self.is_live(*run) && beat.as_ref().is_none_or(|beat| self.owner(*run, beat).is_some());
        if lives { Ok(()) } else { Err(CommitError::Conflict(key.to_string())) }
    }

    fn request_key(&mut self, key: &'a str, request: Id<Request>) -> Result<(), CommitError> {
        let used = self.request_keys.get(key).copied().or_else(|| self.ledger.request_of_key(key));
        if let Some(made) = used {
            return Err(CommitError::KeyUsed(made));
        }
        self.request_keys.insert(key, request);
        Ok(())
    }

    fn session(&mut self, session: &'a Session) -> Result<(), CommitError> {
        let hash = session.token_hash.as_str();
        let stored = if self.ledger.session(hash).is_some() { Presence::There } else { Presence::Gone };
        if self.sessions.insert(hash, Presence::There).unwrap_or(stored) == Presence::There {
            return Err(CommitError::Conflict("the sign-in".to_owned()));
        }
        Ok(())
    }

    fn token_used(&mut self, token: &'a TokenUse) -> Result<(), CommitError> {
        let id = token.token_id.as_str();
        let held = self.tokens.get(id).copied().or_else(|| self.ledger.key_of_token(id));
        if held.is_some_and(|held| held != token.key_thumbprint) {
            return Err(CommitError::Conflict("the use of the token".to_owned()));
        }
        self.tokens.insert(id, &token.key_thumbprint);
        Ok(())
    }

    fn key(&mut self, key: &'a SealedKey) -> Result<(), CommitError> {
        let at = (key.name.as_str(), key.number);
        let stored = if self.ledger.has_key(key) { Presence::There } else { Presence::Gone };
        if self.keys.insert(at, Presence::There).unwrap_or(stored) == Presence::There {
            return Err(CommitError::Conflict(format!("key {} of `{}`", key.number, key.name)));
        }
        Ok(())
    }
}
