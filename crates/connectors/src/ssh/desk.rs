//! What is known of one resource at this moment: its certificates, its revocation list, and what each host
//! last reported.
//!
//! **Invariant:** a desk exists only once everything the ledger knows was read, so that no host is ever given a
//! revocation list with entries missing.

use super::facts::{Loaded, Refused, Standing};
use super::settings::Settings;
use curfew_domain::Timestamp;
use curfew_engine::seams::Change;
use curfew_engine::seams::connector::LedgerMark;
use curfew_engine::seams::host_desk::HostReport;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many earlier revocation lists are remembered, to know what a host that is a little behind refuses.
const LISTS_KEPT: usize = 16;

/// A host's last report and when it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) report: HostReport,
    pub(super) wall: Timestamp,
    pub(super) monotonic: Duration,
}

/// A revocation list that hosts were given: its hash and what it refuses.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) sha256: String,
    pub(super) refused: BTreeSet<u64>,
}

/// The facts of one resource.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Option<Settings>,
    pub(super) epoch: u64,
    pub(super) standing: BTreeMap<u64, Standing>,
    pub(super) refused: BTreeMap<u64, Refused>,
    /// Refused already, with what the ledger has not said that it keeps.
    pub(super) unwritten: BTreeMap<u64, Arc<[Change]>>,
    pub(super) lists: VecDeque<Given>,
    pub(super) hosts: BTreeMap<String, Seen>,
    /// Hosts that were told of what this ledger does not have, and are not served before that is dealt with.
    pub(super) strange: BTreeMap<String, LedgerMark>,
    /// A hash of the duties each host was last given.
    pub(super) served: BTreeMap<String, [u8; 32]>,
}

/// One resource's desk.
pub(super) struct Desk {
    state: Mutex<State>,
    /// Counts up when a host's duties may have changed.
    pub(super) duties: watch::Sender<u64>,
    /// Counts up when a host has reported.
    pub(super) reports: watch::Sender<u64>,
}

impl Desk {
    pub(super) fn new(loaded: Loaded) -> Self {
        // Settings that no longer read are as good as none: hosts get no principals until they are prepared anew.
        let settings = loaded.settings.and_then(|value| Settings::read(&value).ok());
        let state = State {
            settings,
            epoch: loaded.epoch,
            standing: loaded.standing,
            refused: loaded.refused,
            unwritten: BTreeMap::new(),
            lists: VecDeque::new(),
            hosts: BTreeMap::new(),
            strange: BTreeMap::new(),
            served: BTreeMap::new(),
        };
        Self { state: Mutex::new(state), duties: watch::Sender::new(0), reports: watch::Sender::new(0) }
    }

    /// The facts. Never held across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn duties_changed(&self) {
        self.duties.send_modify(|n| *n = n.wrapping_add(1));
    }

    pub(super) fn reported(&self) {
        self.reports.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl State {
    /// Remembers that hosts are given this list.
    pub(super) fn giving(&mut self, sha256: &str) {
        if self.lists.back().is_some_and(|given| given.sha256 == sha256) {
            return;
        }
        let refused = self.refused.keys().copied().collect();
        self.lists.push_back(Given { sha256: sha256.to_owned(), refused });
        if self.lists.len() > LISTS_KEPT {
            self.lists.pop_front();
        }
    }

    /// What the last report of a host says about a serial.
    pub(super) fn on_host(&self, host: &str, serial: u64, expires_at: Timestamp) -> OnHost {
        let Some(seen) = self.hosts.get(host) else { return OnHost::Silent { since: None } };
        if let Some(session) = seen.report.sessions.iter().find(|s| s.serial == serial) {
            return OnHost::Session { account: session.account.clone(), since: seen.wall };
        }
        let hash = &seen.report.revocation_list_sha256;
        let refused = self.lists.iter().any(|l| l.sha256 == *hash && l.refused.contains(&serial));
        // By its own clock, which is the one sshd goes by.
        let expired = seen.report.at >= expires_at;
        if refused || expired { OnHost::Clear { at: seen.wall } } else { OnHost::Silent { since: Some(seen.wall) } }
    }
}

/// How a serial stands on one host, as far as its reports tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnHost {
    /// It refuses the serial, or the certificate has expired there, and no session has it.
    Clear { at: Timestamp },
    /// A session is open.
    Session { account: String, since: Timestamp },
    /// It has not yet said that it refuses the serial.
    Silent { since: Option<Timestamp> },
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_engine::seams::host_desk::HostSession;

    fn state() -> State {
        let mut loaded = Loaded::default();
        loaded.refused.insert(5, Refused { expires_at: Timestamp::from_millis(10_000) });
        let desk = Desk::new(loaded);
        let mut state = desk.state.into_inner().expect("not poisoned");
        state.giving("list");
        state
    }

    fn report(state: &mut State, list: &str, serials: &[u64], at: i64) {
        let session = |s: &u64| HostSession { serial: *s, pid: 1, account: "deploy".into(), key_id: String::new() };
        let report = HostReport {
            revocation_list_sha256: list.into(),
            sessions: serials.iter().map(session).collect(),
            at: Timestamp::from_millis(at),
            mark: None,
        };
        let seen = Seen { report, wall: Timestamp::from_millis(at + 1), monotonic: Duration::ZERO };
        state.hosts.insert("web".into(), seen);
    }

    #[test]
    fn a_host_is_clear_only_when_it_refuses_and_shows_no_session() {
        let mut state = state();
        let end = Timestamp::from_millis(10_000);
        assert_eq!(state.on_host("web", 5, end), OnHost::Silent { since: None });
        report(&mut state, "older", &[], 1_000);
        assert_eq!(state.on_host("web", 5, end), OnHost::Silent { since: Some(Timestamp::from_millis(1_001)) });
        report(&mut state, "list", &[5], 2_000);
        assert!(matches!(state.on_host("web", 5, end), OnHost::Session { .. }));
        report(&mut state, "list", &[6], 3_000);
        assert_eq!(state.on_host("web", 5, end), OnHost::Clear { at: Timestamp::from_millis(3_001) });
        report(&mut state, "older", &[], 10_000);
        assert!(matches!(state.on_host("web", 5, end), OnHost::Clear { .. }), "expired there");
        report(&mut state, "older", &[5], 11_000);
        assert!(matches!(state.on_host("web", 5, end), OnHost::Session { .. }), "expired, but still in");
    }
}
