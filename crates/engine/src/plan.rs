//! What has to be done, from what is recorded and what is seen. Expiry, revocation, crash recovery, an
//! unreachable target and drift are all answered here, and nowhere else.

use crate::seams::connector::{Access, Found, Observation};
use curfew_domain::{EndCause, Grant, GrantState, Id, Lease, LeaseState, ResourceName, Timestamp, lease};
use std::collections::{BTreeMap, BTreeSet};

/// What the ledger says and what this process has its hands on.
pub struct Picture<'a> {
    /// Which Curfew this is.
    pub installation: &'a str,
    /// Every grant that is not ended.
    pub grants: &'a [Grant],
    /// Every lease that is not revoked.
    pub leases: &'a [Lease],
    /// Leases that were live before the targets were looked at and still are: only those can be missing.
    pub settled: &'a BTreeSet<Id<Lease>>,
    /// Every lease the ledger knew before or after the look, whatever its state.
    pub known: &'a BTreeSet<Id<Lease>>,
    /// Leases this process is making or ending right now.
    pub busy: &'a BTreeSet<Id<Lease>>,
    /// What the clock of each target said when it was looked at.
    pub hours: &'a BTreeMap<ResourceName, Timestamp>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// End a grant whose time is over.
    End {
        /// Which.
        grant: Id<Grant>,
        /// Why.
        cause: EndCause,
    },
    /// Order the end of a lease that no longer serves a grant, or was interrupted.
    Revoke {
        /// Which.
        lease: Id<Lease>,
        /// Why, for a person.
        because: &'static str,
    },
    /// Go on with an end that was ordered.
    Take(Id<Lease>),
    /// See what becomes of an activation that nobody is working on.
    SettleActivation(Id<Grant>),
    /// Go on with a later end that was ordered and does not count yet.
    Extend(Id<Grant>),
    /// Say that a grant has ended, if its leases have.
    SettleEnd(Id<Grant>),
    /// End an active grant of which a lease is gone.
    EndWithout(Id<Grant>),
    /// A thing in a target that bears our marker and that the ledger does not know.
    LockUnknown {
        /// Where.
        resource: ResourceName,
        /// What.
        found: Found,
    },
    /// Tell people, change nothing.
    Alarm {
        /// Where.
        resource: ResourceName,
        /// What.
        message: String,
    },
}

impl Action {
    /// Whether no expiry, return or revocation in the ledger orders it.
    fn is_unordered(&self) -> bool {
        match self {
            Self::LockUnknown { .. } => true,
            Self::Revoke { because, .. } => *because == MISSING,
            Self::End { .. }
            | Self::Take(_)
            | Self::SettleActivation(_)
            | Self::Extend(_)
            | Self::SettleEnd(_)
            | Self::EndWithout(_)
            | Self::Alarm { .. } => false,
        }
    }
}

/// Why a live lease that its target does not show is ended: it is never made again.
pub const MISSING: &str = "the target no longer shows it";
/// Why a lease whose making was interrupted is ended.
pub const INTERRUPTED: &str = "the server stopped while it was being made";
/// Why a lease is ended that our own clock would still let be.
pub const OVER_THERE: &str = "by the clock of its target its time is over";
/// By how much the clocks of a target and of Curfew may differ, in milliseconds. Nothing new is given where they
/// differ by more.
pub const CLOCKS_DIFFER_MILLIS: u64 = 60_000;
/// Why a lease that serves no grant is ended.
pub const UNWANTED: &str = "no grant needs it any more";

/// What has to be done. At most `blast_limit` things that nothing in the ledger orders; beyond it all of
/// those are left alone, and people are told.
pub fn plan(
    picture: &Picture<'_>,
    observed: &BTreeMap<ResourceName, Observation>,
    blast_limit: usize,
    now: Timestamp,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let index = Index::of(picture, observed);
    for lease in picture.leases {
        actions.extend(lease_action(&index, lease));
    }
    for grant in picture.grants {
        actions.extend(grant_action(&index, grant, now));
    }
    for (resource, observation) in observed {
        for found in &observation.found {
            actions.extend(found_action(&index, resource, found));
        }
        actions.extend(
            observation
                .drift
                .iter()
                .map(|message| Action::Alarm { resource: resource.clone(), message: message.clone() }),
        );
    }
    within_blast_limit(actions, blast_limit)
}

/// The picture by id, so that a plan takes time in proportion to what there is.
struct Index<'a> {
    picture: &'a Picture<'a>,
    grants: BTreeMap<Id<Grant>, &'a Grant>,
    leases: BTreeMap<Id<Lease>, &'a Lease>,
    /// What each target that was read shows, by marker or by name.
    shown: BTreeMap<&'a ResourceName, BTreeSet<Id<Lease>>>,
}

impl<'a> Index<'a> {
    fn of(picture: &'a Picture<'a>, observed: &'a BTreeMap<ResourceName, Observation>) -> Self {
        let shows = |found: &Found| [found.marker.as_ref().map(|m| m.lease), lease::of_handle(&found.name)];
        Self {
            picture,
            grants: picture.grants.iter().map(|g| (g.id, g)).collect(),
            leases: picture.leases.iter().map(|l| (l.id, l)).collect(),
            shown: observed.iter().map(|(at, o)| (at, o.found.iter().flat_map(shows).flatten().collect())).collect(),
        }
    }

    fn is_live(&self, lease: Id<Lease>) -> bool {
        self.leases.get(&lease).is_some_and(|lease| matches!(lease.state, LeaseState::Live { .. }))
    }
}

fn grant_action(index: &Index<'_>, grant: &Grant, now: Timestamp) -> Option<Action> {
    match grant.state {
        GrantState::Approved { claim_until } if now >= claim_until => {
            Some(Action::End { grant: grant.id, cause: EndCause::Lapsed })
        }
        GrantState::Activating { until, .. } | GrantState::Active { until, .. } if now >= until => {
            Some(Action::End { grant: grant.id, cause: EndCause::Expired })
        }
        GrantState::Activating { .. } => Some(Action::SettleActivation(grant.id)),
        GrantState::Ending { .. } => Some(Action::SettleEnd(grant.id)),
        GrantState::Active { extends_to, .. } => {
            let whole = grant.current_leases().iter().all(|id| index.is_live(*id));
            match extends_to {
                _ if !whole => Some(Action::EndWithout(grant.id)),
                Some(_) => Some(Action::Extend(grant.id)),
                None => None,
            }
        }
        GrantState::Approved { .. } | GrantState::Ended { .. } => None,
    }
}

fn lease_action(index: &Index<'_>, lease: &Lease) -> Option<Action> {
    if index.picture.busy.contains(&lease.id) {
        return None;
    }
    let revoke = |because| Some(Action::Revoke { lease: lease.id, because });
    match lease.state {
        LeaseState::Wanted | LeaseState::Issuing { .. } => revoke(INTERRUPTED),
        LeaseState::Live { .. } if !index.grants.get(&lease.grant_id).is_some_and(|g| gives_access(g)) => {
            revoke(UNWANTED)
        }
        LeaseState::Live { .. } => {
            let over = |hour: &Timestamp| hour.millis_since(lease.expires_at) > CLOCKS_DIFFER_MILLIS;
            if index.picture.hours.get(&lease.resource).is_some_and(over) {
                return revoke(OVER_THERE);
            }
            let there = index.shown.get(&lease.resource)?.contains(&lease.id);
            let missing = !there && index.picture.settled.contains(&lease.id);
            if missing { revoke(MISSING) } else { None }
        }
        LeaseState::Revoking { .. } | LeaseState::LockedOut { .. } => Some(Action::Take(lease.id)),
        LeaseState::Revoked { .. } => None,
    }
}

fn gives_access(grant: &Grant) -> bool {
    match grant.state {
        GrantState::Activating { .. } | GrantState::Active { .. } => true,
        GrantState::Approved { .. } | GrantState::Ending { .. } | GrantState::Ended { .. } => false,
    }
}

fn found_action(index: &Index<'_>, resource: &ResourceName, found: &Found) -> Option<Action> {
    let alarm = |message: String| Some(Action::Alarm { resource: resource.clone(), message });
    let Some(marker) = &found.marker else {
        if lease::of_handle(&found.name).is_some_and(|id| index.leases.contains_key(&id)) {
            return None;
        }
        return alarm(format!("`{}` has a name of ours and no marker; it was not touched", found.name));
    };
    if marker.installation != index.picture.installation {
        return alarm(format!(
            "`{}` belongs to another Curfew ({}); it was not touched",
            found.name, marker.installation
        ));
    }
    if let Some(lease) = index.leases.get(&marker.lease) {
        let same = lease.locator().is_none_or(|locator| locator == found.locator);
        if same {
            return None;
        }
        return alarm(format!(
            "`{}` bears the marker of {} but is another object; it was not touched",
            found.name, lease.id
        ));
    }
    if index.picture.known.contains(&marker.lease) || index.picture.busy.contains(&marker.lease) {
        return None;
    }
    match found.access {
        Access::Open => Some(Action::LockUnknown { resource: resource.clone(), found: found.clone() }),
        Access::Locked => {
            alarm(format!("`{}` bears our marker, the ledger does not know it, and nobody gets in", found.name))
        }
    }
}

fn within_blast_limit(actions: Vec<Action>, limit: usize) -> Vec<Action> {
    let unordered = actions.iter().filter(|a| a.is_unordered()).count();
    if unordered <= limit {
        return actions;
    }
    let first = actions.iter().find_map(|action| match action {
        Action::LockUnknown { resource, .. } => Some(resource.clone()),
        Action::Revoke { .. }
        | Action::End { .. }
        | Action::Take(_)
        | Action::SettleActivation(_)
        | Action::Extend(_)
        | Action::SettleEnd(_)
        | Action::EndWithout(_)
        | Action::Alarm { .. } => None,
    });
    let mut kept: Vec<Action> = actions.into_iter().filter(|a| !a.is_unordered()).collect();
    let resource = first.unwrap_or_else(|| ResourceName::new("ledger").expect("INVARIANT: a name"));
    let message = format!(
        "{unordered} things differ from the ledger, more than the blast limit of {limit}: nothing of it was touched"
    );
    kept.push(Action::Alarm { resource, message });
    kept
}
