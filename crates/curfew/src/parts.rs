//! The list: which ledger, which connectors.

use crate::machine::{SystemClock, SystemEntropy, descriptor_limit};
use curfew_connectors::{postgres, ssh};
use curfew_domain::connector::ConnectorKind;
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::{Connector, HostDesk, Store};
use curfew_server::config::Ledger;
use curfew_server::{Config, PolicySource, ServerParts};
use curfew_store::{OpenError, SqliteStore};
use std::sync::Arc;

/// Every kind of target there is.
pub(crate) const KINDS: [&ConnectorKind; 2] = [&postgres::KIND, &ssh::KIND];

/// What a server differs in from another.
pub(crate) struct Plan {
    /// What it is told.
    pub(crate) config: Config,
    /// What its signing keys are sealed with.
    pub(crate) seal: SealKey,
    /// Where policy comes from.
    pub(crate) policy: PolicySource,
}

/// Puts a server together, with the ledger the configuration names. The ledger itself is given too, so that it
/// can be closed when the server has stopped: a closed ledger is one whole file.
pub(crate) fn assemble(plan: Plan) -> Result<(ServerParts, Arc<SqliteStore>), OpenError> {
    let ledger = open(&plan.config.ledger)?;
    let store: Arc<dyn Store> = ledger.clone();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let keyring = Arc::new(Keyring::new(store.clone(), clock.clone(), entropy.clone(), plan.seal));
    let ssh = Arc::new(ssh::Ssh::new(keyring.clone(), store.clone(), clock.clone()));
    let host_desk: Arc<dyn HostDesk> = ssh.clone();
    let connectors: Vec<Arc<dyn Connector>> = vec![Arc::new(postgres::Postgres::new(clock.clone())), ssh];
    let parts = ServerParts {
        config: plan.config,
        store,
        clock,
        entropy,
        connectors,
        host_desk: Some(host_desk),
        keyring,
        policy: plan.policy,
        descriptors: descriptor_limit(),
        ready: None,
    };
    Ok((with_crash_boundaries(parts), ledger))
}

fn open(ledger: &Ledger) -> Result<Arc<SqliteStore>, OpenError> {
    match ledger {
        Ledger::Sqlite(file) => Ok(Arc::new(SqliteStore::open(file)?)),
    }
}

#[cfg(debug_assertions)]
fn with_crash_boundaries(parts: ServerParts) -> ServerParts {
    match crate::crash::Boundaries::asked_for() {
        Some(boundaries) => crate::crash::around(parts, &boundaries),
        None => parts,
    }
}

#[cfg(not(debug_assertions))]
fn with_crash_boundaries(parts: ServerParts) -> ServerParts {
    parts
}
