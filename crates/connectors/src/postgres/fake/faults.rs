//! Faults on order.

use super::Power;
use curfew_domain::ResourceName;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Which call of the connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `preflight`
    Preflight,
    /// `prepare`
    Prepare,
    /// `probe`
    Probe,
    /// `issue`
    Issue,
    /// `extend`
    Extend,
    /// `revoke`
    Revoke,
    /// `observe`
    Observe,
    /// `told`
    Told,
    /// `tell` and `begin_again`
    Tell,
    /// `lock`
    Lock,
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes this long, and then works.
    Slow(Duration),
    /// The target says no, and nothing happens.
    Refuse,
    /// It happens, and the answer is lost.
    LoseReply,
    /// It is lost on the way: nothing happens, and nobody can tell that from a lost answer.
    LoseCall,
    /// The answer is right; then the target falls back to how it was before the call, as one that was
    /// restored from a backup does.
    Forget,
    /// Nothing listens, for this one call.
    Down,
}

/// The faults that are to come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queued: BTreeMap<(ResourceName, Call), VecDeque<Fault>>,
    down: BTreeMap<ResourceName, Power>,
}

impl Faults {
    pub(crate) fn queue(&mut self, resource: &ResourceName, call: Call, fault: Fault) {
        self.queued.entry((resource.clone(), call)).or_default().push_back(fault);
    }

    pub(crate) fn due(&mut self, resource: &ResourceName, call: Call) -> Option<Fault> {
        self.queued.get_mut(&(resource.clone(), call)).and_then(VecDeque::pop_front)
    }

    pub(crate) fn mend(&mut self, resource: &ResourceName) {
        self.queued.retain(|(of, _), _| of != resource);
    }

    pub(crate) fn set_power(&mut self, resource: &ResourceName, power: Power) {
        self.down.insert(resource.clone(), power);
    }

    pub(crate) fn power(&self, resource: &ResourceName) -> Power {
        self.down.get(resource).copied().unwrap_or(Power::Up)
    }
}
