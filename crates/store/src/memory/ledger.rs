//! What a ledger in memory holds, and how it answers.

use super::checks::Checks;
use crate::nature::{self, PRUNED_AT_ONCE};
use curfew_domain::audit::merkle::{self, NodeId, Place, TreeHash};
use curfew_domain::audit::{AuditEvent, Frontier, Growth, SealedEvent};
use curfew_domain::{BeatId, Email, Grant, Id, Lease, Request, Run, RunKey, RunState, SubjectKind, Timestamp, Version};
use curfew_engine::seams::store::{
    Beat, Change, CommitError, Committed, Due, Ended, GrantFilter, Notice, Over, Page, RequestFilter, RunFilter,
    SealedKey, Session, TokenUse, TreeHead,
};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub(super) struct Ledger {
    commits: u64,
    requests: BTreeMap<u128, Request>,
    grants: BTreeMap<u128, Grant>,
    leases: BTreeMap<u128, Lease>,
    runs: BTreeMap<u128, Run>,
    beats: BTreeMap<(u128, BeatId), Beat>,
    ended_keys: BTreeMap<RunKey, Timestamp>,
    events: Vec<SealedEvent>,
    tree: Frontier,
    nodes: BTreeMap<NodeId, TreeHash>,
    outbox: BTreeMap<String, Notice>,
    request_keys: BTreeMap<String, Id<Request>>,
    sessions: BTreeMap<String, Session>,
    used_tokens: BTreeMap<String, TokenUse>,
    keys: BTreeMap<String, BTreeMap<u32, SealedKey>>,
    facts: BTreeMap<String, String>,
}

impl Ledger {
    pub(super) fn count_commit(&mut self) -> u64 {
        self.commits += 1;
        self.commits - 1
    }

    pub(super) fn commit(&mut self, changes: Vec<Change>) -> Result<Committed, CommitError> {
        let mut checks = Checks::of(self);
        changes.iter().try_for_each(|change| checks.check(change))?;
        checks.finish(&changes)?;
        let events = changes.into_iter().filter_map(|change| self.apply(change)).collect();
        Ok(Committed { events })
    }

    fn apply(&mut self, change: Change) -> Option<SealedEvent> {
        match change {
            Change::Request(step) => {
                self.requests.insert(step.next.id.as_u128(), step.next);
                return Some(self.append(step.event));
            }
            Change::Grant(step) => {
                self.grants.insert(step.next.id.as_u128(), step.next);
                return Some(self.append(step.event));
            }
            Change::Lease(step) => {
                self.leases.insert(step.next.id.as_u128(), step.next);
                return Some(self.append(step.event));
            }
            Change::Run(step) => {
                if let RunState::Over { .. } = step.next.state {
                    self.beats.retain(|_, beat| beat.run != step.next.id);
                }
                self.runs.insert(step.next.id.as_u128(), step.next);
                return Some(self.append(step.event));
            }
            Change::Beat(beat) => {
                self.beats.insert((beat.run.as_u128(), beat.beat.clone()), *beat);
            }
            Change::BeatHeard { run, beat, until, .. } => {
                if let Some(beat) = self.beats.get_mut(&(run.as_u128(), beat)) {
                    beat.until = beat.until.max(until);
                }
            }
            Change::BeatOver { run, beat } => {
                self.beats.remove(&(run.as_u128(), beat));
            }
            Change::RunEndedByProvider { key, at } => {
                self.ended_keys.entry(key).or_insert(at);
            }
            Change::Event(event) => return Some(self.append(*event)),
            Change::Notice(notice) => {
                self.outbox.entry(notice.id.clone()).or_insert(notice);
            }
            Change::NoticeSent(id) => {
                self.outbox.remove(&id);
            }
            Change::NoticeLater { id, attempts, next_at } => {
                if let Some(notice) = self.outbox.get_mut(&id) {
                    notice.attempts = attempts;
                    notice.next_at = next_at;
                }
            }
            Change::RequestKey { key, request } => {
                self.request_keys.insert(key, request);
            }
            Change::Session(session) => {
                self.sessions.insert(session.token_hash.clone(), *session);
            }
            Change::TokenUsed(token) => {
                self.used_tokens.entry(token.token_id.clone()).or_insert(token);
            }
            Change::SessionEnded { token_hash } => {
                self.sessions.remove(&token_hash);
            }
            Change::Prune { sessions_before, keys_before } => self.prune(sessions_before, keys_before),
            Change::Key(key) => {
                self.keys.entry(key.name.clone()).or_default().insert(key.number, key);
            }
            Change::Fact { name, value: Some(value) } => {
                self.facts.insert(name, value);
            }
            Change::Fact { name, value: None } => {
                self.facts.remove(&name);
            }
        }
        None
    }

    fn prune(&mut self, sessions_before: Timestamp, keys_before: Timestamp) {
        let over = self.sessions.values().filter(|session| session.expires_at < sessions_before);
        let mut over: Vec<_> = over.map(|session| (session.expires_at, session.token_hash.clone())).collect();
        over.sort();
        for (_, hash) in over.into_iter().take(PRUNED_AT_ONCE) {
            self.sessions.remove(&hash);
        }
        let spent = self.used_tokens.values().filter(|token| token.until < sessions_before);
        let mut spent: Vec<_> = spent.map(|token| (token.until, token.token_id.clone())).collect();
        spent.sort();
        for (_, id) in spent.into_iter().take(PRUNED_AT_ONCE) {
            self.used_tokens.remove(&id);
        }
        let old = self.request_keys.iter().filter(|(_, request)| request.made_at() < keys_before);
        let mut old: Vec<_> = old.map(|(key, request)| (*request, key.clone())).collect();
        old.sort();
        for (_, key) in old.into_iter().take(PRUNED_AT_ONCE) {
            self.request_keys.remove(&key);
        }
        let old = self.ended_keys.iter().filter(|(_, at)| **at < keys_before);
        let mut old: Vec<_> = old.map(|(key, at)| (*at, key.clone())).collect();
        old.sort();
        for (_, key) in old.into_iter().take(PRUNED_AT_ONCE) {
            self.ended_keys.remove(&key);
        }
    }

    fn append(&mut self, event: AuditEvent) -> SealedEvent {
        let sealed = event.seal(self.tree.size());
        let leaf = sealed.leaf().expect("INVARIANT: sealing writes the leaf hash");
        self.tree.append_with(leaf, |node| {
            self.nodes.insert(node.id, node.hash);
        });
        self.events.push(sealed.clone());
        sealed
    }

    pub(super) fn request_version(&self, id: Id<Request>) -> Version {
        self.requests.get(&id.as_u128()).map_or(Version::NONE, |r| r.version)
    }

    pub(super) fn grant_version(&self, id: Id<Grant>) -> Version {
        self.grants.get(&id.as_u128()).map_or(Version::NONE, |g| g.version)
    }

    pub(super) fn lease_version(&self, id: Id<Lease>) -> Version {
        self.leases.get(&id.as_u128()).map_or(Version::NONE, |l| l.version)
    }

    pub(super) fn run_version(&self, id: Id<Run>) -> Version {
        self.runs.get(&id.as_u128()).map_or(Version::NONE, |r| r.version)
    }

    pub(super) fn run(&self, id: Id<Run>) -> Option<&Run> {
        self.runs.get(&id.as_u128())
    }

    pub(super) fn live_run(&self, key: &RunKey) -> Option<&Run> {
        self.newest_run(key).filter(|run| run.is_live())
    }

    pub(super) fn newest_run(&self, key: &RunKey) -> Option<&Run> {
        self.runs.values().rev().find(|run| run.token.run == *key)
    }

    pub(super) fn runs(&self, filter: &RunFilter, page: &Page) -> Vec<Run> {
        let fits = |run: &&Run| {
            filter.number.as_ref().is_none_or(|number| run.token.run.number == *number)
                && match filter.over {
                    Over::Left => run.is_live(),
                    Over::Listed => true,
                }
        };
        newest_first(&self.runs, page).filter(fits).take(page.limit).cloned().collect()
    }

    pub(super) fn ended_by_provider(&self, key: &RunKey) -> Option<Timestamp> {
        self.ended_keys.get(key).copied()
    }

    pub(super) fn beat(&self, run: Id<Run>, beat: &BeatId) -> Option<&Beat> {
        self.beats.get(&(run.as_u128(), beat.clone()))
    }

    pub(super) fn beats(&self, run: Id<Run>) -> Vec<Beat> {
        self.beats.values().filter(|beat| beat.run == run).cloned().collect()
    }

    pub(super) fn sign_ins_of(&self, email: &Email, limit: usize) -> Vec<Session> {
        let of = |s: &&Session| s.subject.kind == SubjectKind::Person && s.subject.email.as_ref() == Some(email);
        let mut found: Vec<&Session> = self.sessions.values().filter(of).collect();
        found.sort_by(|a, b| (b.expires_at, &b.token_hash).cmp(&(a.expires_at, &a.token_hash)));
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn sign_ins(&self, now: Timestamp, limit: usize) -> Vec<Session> {
        let stands =
            |s: &&Session| s.subject.kind == SubjectKind::Person && s.subject.email.is_some() && s.expires_at > now;
        let mut found: Vec<&Session> = self.sessions.values().filter(stands).collect();
        found.sort_by(|a, b| (a.expires_at, &a.token_hash).cmp(&(b.expires_at, &b.token_hash)));
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn request_of_key(&self, key: &str) -> Option<Id<Request>> {
        self.request_keys.get(key).copied()
    }

    pub(super) fn key_of_token(&self, token_id: &str) -> Option<&str> {
        self.used_tokens.get(token_id).map(|token| token.key_thumbprint.as_str())
    }

    pub(super) fn has_key(&self, key: &SealedKey) -> bool {
        self.keys.get(&key.name).is_some_and(|of_name| of_name.contains_key(&key.number))
    }

    pub(super) fn request(&self, id: Id<Request>) -> Option<Request> {
        self.requests.get(&id.as_u128()).cloned()
    }

    pub(super) fn grant(&self, id: Id<Grant>) -> Option<Grant> {
        self.grants.get(&id.as_u128()).cloned()
    }

    pub(super) fn lease(&self, id: Id<Lease>) -> Option<Lease> {
        self.leases.get(&id.as_u128()).cloned()
    }

    pub(super) fn requests(&self, filter: &RequestFilter, page: &Page) -> Vec<Request> {
        let fits = |r: &&Request| {
            filter.subject.as_ref().is_none_or(|subject| r.subject.id == *subject)
                && filter.state.is_none_or(|state| r.state_word() == state)
                && filter.run.is_none_or(|run| r.lives_with.as_ref().is_some_and(|lives| lives.run == run))
        };
        newest_first(&self.requests, page).filter(fits).take(page.limit).cloned().collect()
    }

    pub(super) fn grants(&self, filter: &GrantFilter, page: &Page) -> Vec<Grant> {
        let fits = |g: &&Grant| {
            filter.subject.as_ref().is_none_or(|subject| g.subject.id == *subject)
                && filter.resource.as_ref().is_none_or(|resource| g.scope.pairs().any(|p| p.resource == *resource))
                && filter.role.as_ref().is_none_or(|role| g.role == *role)
                && filter.run.is_none_or(|run| g.lives_with.as_ref().is_some_and(|lives| lives.run == run))
                && match filter.ended {
                    Ended::Left => nature::grant_is_open(g),
                    Ended::Listed => true,
                }
        };
        newest_first(&self.grants, page).filter(fits).take(page.limit).cloned().collect()
    }

    pub(super) fn open_grants(&self) -> Vec<Grant> {
        self.grants.values().filter(|g| nature::grant_is_open(g)).cloned().collect()
    }

    pub(super) fn open_leases(&self) -> Vec<Lease> {
        self.leases.values().filter(|l| nature::lease_is_open(l)).cloned().collect()
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Due {
        let requests = Timed::of(self.requests.values(), Request::due_at);
        let grants = Timed::of(self.grants.values(), nature::grant_due_at);
        let beats = Timed::of(self.beats.values(), |beat| Some(beat.until));
        let next = [requests.next_after(now), grants.next_after(now), beats.next_after(now)];
        Due {
            requests: requests.until(now, limit),
            grants: grants.until(now, limit),
            beats: beats.until(now, limit),
            next_at: next.into_iter().flatten().min(),
        }
    }

    pub(super) fn notices(&self, now: Timestamp, limit: usize) -> Vec<Notice> {
        let mut ready: Vec<&Notice> = self.outbox.values().filter(|n| n.next_at <= now).collect();
        ready.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        ready.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn session(&self, token_hash: &str) -> Option<Session> {
        self.sessions.get(token_hash).cloned()
    }

    pub(super) fn keys(&self, name: &str) -> Vec<SealedKey> {
        self.keys.get(name).map(|of_name| of_name.values().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn fact(&self, name: &str) -> Option<String> {
        self.facts.get(name).cloned()
    }

    pub(super) fn facts(&self, prefix: &str) -> BTreeMap<String, String> {
        let from = self.facts.range(prefix.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(prefix)).map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    pub(super) fn events(&self, from: u64, limit: usize) -> Vec<SealedEvent> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.events.iter().skip(from).take(limit).cloned().collect()
    }

    pub(super) fn events_about(&self, id: &str) -> Vec<SealedEvent> {
        let (request, grant, lease) = (id.parse().ok(), id.parse().ok(), id.parse().ok());
        let about = |sealed: &&SealedEvent| {
            let event = &sealed.event;
            (request.is_some() && event.request_id == request)
                || (grant.is_some() && event.grant_id == grant)
                || (lease.is_some() && event.lease_id == lease)
        };
        self.events.iter().filter(about).cloned().collect()
    }

    pub(super) fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.tree.size(), root: *self.tree.root().as_bytes() }
    }

    pub(super) fn inclusion_proof(&self, seq: u64, size: u64) -> Option<Vec<[u8; 32]>> {
        if size > self.tree.size() {
            return None;
        }
        merkle::inclusion_proof(Place { seq, size }, |id| self.node(id)).ok().map(bytes_of)
    }

    pub(super) fn consistency_proof(&self, old: u64, new: u64) -> Option<Vec<[u8; 32]>> {
        if new > self.tree.size() {
            return None;
        }
        merkle::consistency_proof(Growth { from: old, to: new }, |id| self.node(id)).ok().map(bytes_of)
    }

    fn node(&self, id: NodeId) -> Result<TreeHash, merkle::MissingNode> {
        self.nodes.get(&id).copied().ok_or(merkle::MissingNode(id))
    }
}

fn bytes_of(hashes: Vec<TreeHash>) -> Vec<[u8; 32]> {
    hashes.iter().map(|hash| *hash.as_bytes()).collect()
}

fn newest_first<'a, T>(all: &'a BTreeMap<u128, T>, page: &Page) -> impl Iterator<Item = &'a T> {
    let before = page.before.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    all.range((std::ops::Bound::Unbounded, before)).rev().map(|(_, noun)| noun)
}

/// Nouns with the time at which something has to be done about them.
struct Timed<'a, T>(Vec<(Timestamp, &'a T)>);

impl<'a, T: Clone> Timed<'a, T> {
    /// The nouns must come in the order of their ids, by which those of one time are told.
    fn of(nouns: impl Iterator<Item = &'a T>, due_at: impl Fn(&T) -> Option<Timestamp>) -> Self {
        let mut timed: Vec<_> = nouns.filter_map(|noun| due_at(noun).map(|at| (at, noun))).collect();
        timed.sort_by_key(|(at, _)| *at);
        Self(timed)
    }

    fn until(&self, now: Timestamp, limit: usize) -> Vec<T> {
        self.0.iter().take_while(|(at, _)| *at <= now).take(limit).map(|(_, noun)| (*noun).clone()).collect()
    }

    fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().map(|(at, _)| *at).find(|at| *at > now)
    }
}
