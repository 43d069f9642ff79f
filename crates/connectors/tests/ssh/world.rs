//! A connector without hosts.

use curfew_connectors::ssh::Ssh;
use curfew_domain::lease::Definition;
use curfew_domain::{ActionName, Id, Lease, ResourceName, Timestamp};
use curfew_engine::keyring::{Keyring, SealKey};
use curfew_engine::seams::connector::{IssueOrder, PublicHalf, RevokeOrder, Target};
use curfew_engine::seams::{BoxFuture, Clock, Entropy, Store};
use curfew_store::MemoryStore;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A clock that moves when it is told to; whoever sleeps is woken at once.
pub(crate) struct Hours(AtomicI64);

impl Hours {
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for Hours {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst) as u64)
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::SeqCst) as u8);
    }
}

pub(crate) struct World {
    pub(crate) hours: Arc<Hours>,
    pub(crate) ssh: Ssh,
    leases: AtomicU64,
}

impl World {
    pub(crate) fn over(store: MemoryStore) -> Self {
        // Real tools look at certificates, by their own clock.
        let hours = Arc::new(Hours(AtomicI64::new(real_now())));
        Self::at(hours, store)
    }

    /// Another server on the same ledger at the same hour.
    pub(crate) fn at(hours: Arc<Hours>, store: MemoryStore) -> Self {
        let clock: Arc<dyn Clock> = hours.clone();
        let store: Arc<dyn Store> = Arc::new(store);
        let keyring =
            Keyring::new(store.clone(), clock.clone(), Arc::new(Counting(AtomicU64::new(1))), SealKey::new([5; 32]));
        Self { hours, ssh: Ssh::new(Arc::new(keyring), store, clock), leases: AtomicU64::new(1) }
    }

    pub(crate) fn lease(&self) -> Id<Lease> {
        Id::from_u128(u128::from(self.leases.fetch_add(1, Ordering::SeqCst)) << 70 | 5)
    }

    pub(crate) fn order(&self) -> IssueOrder {
        let now = self.hours.wall();
        IssueOrder {
            lease: self.lease(),
            actions: actions(),
            expires_at: Timestamp::from_millis(now.as_millis() + 3_600_000),
            now,
            public_half: half(),
            label: "ann@example.com".to_owned(),
        }
    }

    pub(crate) fn end(&self, order: &IssueOrder) -> RevokeOrder {
        RevokeOrder {
            reach: curfew_engine::seams::connector::Reach::Leftovers,
            lease: order.lease,
            locator: None,
            actions: order.actions.clone(),
            expires_at: order.expires_at,
            since: order.now,
            now: self.hours.wall(),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "ssh-keygen goes by real time")]
fn real_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_millis() as i64
}

pub(crate) fn actions() -> Vec<ActionName> {
    vec![ActionName::new("shell").expect("a name")]
}

/// A key that somebody made once.
pub(crate) fn half() -> PublicHalf {
    let value = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdIKQxE7jZQ5TmjjXKrKPmgVtyq6QY65iWTG/jxfvup ann@laptop";
    PublicHalf { kind: "ssh_public_key".to_owned(), value: value.to_owned() }
}

pub(crate) fn target(name: &str) -> Target {
    let settings = json!({
        "hosts": ["web-1.example.com:22"],
        "actions": {"shell": {"principals": ["deploy"], "extensions": ["permit-pty"]}},
    });
    Target {
        resource: ResourceName::new(name).expect("a name"),
        definition: Definition { admin: None, settings },
        admin: None,
        installation: "0123456789abcdef".to_owned(),
        epoch: 7,
        mark: curfew_engine::seams::connector::LedgerMark::default(),
    }
}
