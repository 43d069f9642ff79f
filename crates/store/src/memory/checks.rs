//! Whether a commit may be written, found out before any of it is.

use super::ledger::Ledger;
use curfew_domain::id::Identified;
use curfew_domain::transition::Noun;
use curfew_domain::{Id, Request, Transition, Version};
use curfew_engine::seams::store::{Change, CommitError, SealedKey, Session, TokenUse};
use std::collections::BTreeMap;

/// The ledger as it would be after the changes that were checked so far.
pub(super) struct Checks<'a> {
    ledger: &'a Ledger,
    versions: BTreeMap<(&'static str, u128), Version>,
    request_keys: BTreeMap<&'a str, Id<Request>>,
    sessions: BTreeMap<&'a str, Presence>,
    tokens: BTreeMap<&'a str, &'a str>,
    keys: BTreeMap<(&'a str, u32), Presence>,
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
        }
    }

    pub(super) fn check(&mut self, change: &'a Change) -> Result<(), CommitError> {
        match change {
            Change::Request(step) => self.step(step.next.id, step, self.ledger.request_version(step.next.id)),
            Change::Grant(step) => self.step(step.next.id, step, self.ledger.grant_version(step.next.id)),
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
