//! The connections that are kept, and the lanes that keep giving and taking out of each other's way.

use super::link::{Link, LinkError};
use super::way::Way;
use curfew_domain::ResourceName;
use curfew_engine::seams::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Idle connections kept for one account in one database.
const KEPT: usize = 4;
/// How long an idle connection is kept.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What a connection is wanted for. Each has a number of its own, so that a mass expiry never starves an
/// ask, and neither starves a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Give,
    Take,
    Clear,
    Look,
}

impl Lane {
    fn width(self) -> usize {
        match self {
            Self::Give | Self::Look => 2,
            Self::Clear => 1,
            Self::Take => 4,
        }
    }
}

type Key = (String, String, [u8; 32]);

struct Idle {
    link: Link,
    since: Duration,
}

/// Connections to every target.
pub(crate) struct Pool {
    clock: Arc<dyn Clock>,
    idle: Mutex<BTreeMap<Key, Vec<Idle>>>,
    lanes: Mutex<BTreeMap<(ResourceName, Lane), Arc<Semaphore>>>,
}

impl Pool {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, idle: Mutex::default(), lanes: Mutex::default() }
    }

    /// Waits for a place in a lane. It is given back when dropped.
    pub(crate) async fn enter(&self, resource: &ResourceName, lane: Lane) -> OwnedSemaphorePermit {
        let semaphore = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = lanes.entry((resource.clone(), lane));
            Arc::clone(entry.or_insert_with(|| Arc::new(Semaphore::new(lane.width()))))
        };
        semaphore.acquire_owned().await.expect("INVARIANT: no lane is ever closed")
    }

    /// A connection, kept or new.
    pub(crate) async fn take(&self, way: &Way) -> Result<Link, LinkError> {
        while let Some(mut link) = self.kept(way) {
            if link.is_open().await {
                return Ok(link);
            }
        }
        Link::open(way, &self.clock).await
    }

    /// Keeps a connection that is in no transaction. One that is not given back is closed.
    pub(crate) fn give_back(&self, way: &Way, link: Link) {
        let now = self.clock.monotonic();
        let mut idle = self.lock_idle();
        for kept in idle.values_mut() {
            kept.retain(|i| now.saturating_sub(i.since) < KEPT_FOR);
        }
        idle.retain(|_, kept| !kept.is_empty());
        let kept = idle.entry(way.key()).or_default();
        if kept.len() < KEPT {
            kept.push(Idle { link, since: now });
        }
    }

    fn kept(&self, way: &Way) -> Option<Link> {
        self.lock_idle().get_mut(&way.key()).and_then(Vec::pop).map(|idle| idle.link)
    }

    fn lock_idle(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
