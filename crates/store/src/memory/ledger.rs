//! What a ledger in memory holds, and how it answers.

use super::checks::Checks;
use crate::nature::{self, PRUNED_AT_ONCE};
use curfew_domain::audit::merkle::{self, NodeId, Place, TreeHash};
use curfew_domain::audit::{AuditEvent, Frontier, Growth, SealedEvent};
use curfew_domain::{Grant, Id, Lease, Request, Timestamp, Version};
use curfew_engine::seams::store::{
    Change, CommitError, Committed, Due, Ended, GrantFilter, Notice, Page, RequestFilter, SealedKey, Session, TokenUse,
    TreeHead,
};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub(super) struct Ledger {
    commits: u64,
    requests: BTreeMap<u128, Request>,
    grants: BTreeMap<u128, Grant>,
    leases: BTreeMap<u128, Lease>,
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
        };
        newest_first(&self.requests, page).filter(fits).take(page.limit).cloned().collect()
    }

    pub(super) fn grants(&self, filter: &GrantFilter, page: &Page) -> Vec<Grant> {
        let fits = |g: &&Grant| {
            filter.subject.as_ref().is_none_or(|subject| g.subject.id == *subject)
                && filter.resource.as_ref().is_none_or(|resource| g.scope.pairs().any(|p| p.resource == *resource))
                && filter.role.as_ref().is_none_or(|role| g.role == *role)
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
        let next_at = requests.next_after(now).into_iter().chain(grants.next_after(now)).min();
        Due { requests: requests.until(now, limit), grants: grants.until(now, limit), next_at }
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
