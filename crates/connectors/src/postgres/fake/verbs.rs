//! What each call does to a fake target.

use super::{FakeRole, World};
use crate::postgres::groups;
use crate::postgres::settings::Settings;
use crate::postgres::verifier::Verifier;
use curfew_domain::lease::{Evidence, Leftover, LeftoverDone, handle};
use curfew_domain::{Id, Lease, Timestamp};
use curfew_engine::seams::connector::{
    Access, CallError, ExtendOrder, Found, IssueOrder, Issued, Marker, Observation, Reach, Revocation, RevokeOrder,
    Target, Told,
};
use std::collections::BTreeMap;

const CONNECT_TO: (&str, &str, &str) = ("fake.invalid", "5432", "fake");
/// The first oid that PostgreSQL gives to what is not its own.
const FIRST_OID: u32 = 16_384;

impl World {
    pub(super) fn next_oid(&mut self) -> u32 {
        self.last_oid = self.last_oid.max(FIRST_OID) + 1;
        self.last_oid
    }

    pub(super) fn now(&self, wall: Timestamp) -> Timestamp {
        Timestamp::from_millis(wall.as_millis() + self.clock_offset_millis)
    }

    fn named(&self, name: &str) -> Option<&FakeRole> {
        self.roles.values().find(|role| role.name == name)
    }

    fn fence(&self, target: &Target) -> Result<(), CallError> {
        match self.epoch {
            Some(seen) if seen > target.epoch => {
                Err(CallError::StaleEpoch { resource: target.resource.to_string(), seen, ours: target.epoch })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn refused(target: &Target, message: &str) -> CallError {
    CallError::Refused { resource: target.resource.to_string(), message: message.to_owned() }
}

fn not_ours(target: &Target, message: String) -> CallError {
    CallError::NotOurs { resource: target.resource.to_string(), message }
}

pub(super) fn prepare(world: &mut World, target: &Target) -> Result<(), CallError> {
    Settings::parse(&target.definition.settings).map_err(|e| CallError::Invalid(e.to_string()))?;
    world.fence(target)?;
    world.epoch = Some(target.epoch);
    Ok(())
}

pub(super) fn told(world: &World) -> Told {
    Told { marks: world.told.iter().cloned().collect(), silent: Vec::new() }
}

pub(super) fn tell(world: &mut World, target: &Target) -> Result<(), CallError> {
    world.fence(target)?;
    world.told = world.told.take().max(Some(target.mark.clone()));
    Ok(())
}

pub(super) fn begin_again(world: &mut World, target: &Target) -> Result<(), CallError> {
    world.fence(target)?;
    world.told = Some(target.mark.clone());
    Ok(())
}

pub(super) fn issue(
    world: &mut World,
    target: &Target,
    order: &IssueOrder,
    wall: Timestamp,
) -> Result<Issued, CallError> {
    world.fence(target)?;
    if world.epoch != Some(target.epoch) {
        return Err(refused(target, "it was not prepared"));
    }
    tell(world, target)?;
    let settings = Settings::parse(&target.definition.settings).map_err(|e| CallError::Invalid(e.to_string()))?;
    if order.actions.is_empty() {
        return Err(CallError::Invalid("an order without actions gives nothing".to_owned()));
    }
    for action in &order.actions {
        groups::check_action(&settings, action).map_err(CallError::Invalid)?;
    }
    if order.public_half.kind != super::KIND.public_half {
        return Err(CallError::Invalid(format!("the public half must be of the kind {}", super::KIND.public_half)));
    }
    let verifier = Verifier::parse(&order.public_half.value, settings.iterations);
    let verifier = verifier.map_err(|e| CallError::Invalid(e.to_string()))?.rebuild();
    let left = order.expires_at.millis_since(order.now).min(order.expires_at.millis_since(wall));
    if left == 0 {
        return Err(CallError::Invalid("its time is over".to_owned()));
    }
    let role = FakeRole {
        oid: 0,
        name: handle(order.lease),
        comment: Some(order.marker(target).to_string()),
        login: true,
        valid_until: Timestamp::from_millis(world.now(wall).as_millis() + left as i64),
        actions: order.actions.iter().map(ToString::to_string).collect(),
        owns: Vec::new(),
        verifier,
    };
    stand(world, target, role)
}

fn stand(world: &mut World, target: &Target, wanted: FakeRole) -> Result<Issued, CallError> {
    if let Some(there) = world.named(&wanted.name) {
        if there.comment != wanted.comment {
            return Err(not_ours(target, format!("a role {} stands there without our marker", wanted.name)));
        }
        let same = (there.login, &there.actions, &there.verifier) == (true, &wanted.actions, &wanted.verifier);
        return if same { Ok(issued(there)) } else { Err(refused(target, "it stands there, but not as ordered")) };
    }
    let oid = world.next_oid();
    let role = FakeRole { oid, ..wanted };
    let answer = issued(&role);
    world.roles.insert(oid, role);
    Ok(answer)
}

fn issued(role: &FakeRole) -> Issued {
    let (host, port, database) = CONNECT_TO;
    let connection = [("host", host), ("port", port), ("database", database), ("user", role.name.as_str())];
    Issued {
        locator: role.oid.to_string(),
        connection: connection.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

pub(super) fn extend(
    world: &mut World,
    target: &Target,
    order: &ExtendOrder,
    wall: Timestamp,
) -> Result<Issued, CallError> {
    world.fence(target)?;
    if world.epoch != Some(target.epoch) {
        return Err(refused(target, "it was not prepared"));
    }
    let left = order.expires_at.millis_since(order.now).min(order.expires_at.millis_since(wall));
    if left == 0 {
        return Err(CallError::Invalid("its time is over".to_owned()));
    }
    let now = world.now(wall);
    let oid = find(world, target, order.lease, order.locator.parse().ok())?;
    let role = oid.and_then(|oid| world.roles.get_mut(&oid));
    let role = role.filter(|role| role.login && role.valid_until > now);
    let Some(role) = role else { return Err(refused(target, "it no longer lets anybody in")) };
    role.valid_until = Timestamp::from_millis(now.as_millis() + left as i64);
    role.comment = Some(order.marker(target).to_string());
    Ok(issued(role))
}

pub(super) fn revoke(
    world: &mut World,
    target: &Target,
    order: &RevokeOrder,
    wall: Timestamp,
) -> Result<Revocation, CallError> {
    world.fence(target)?;
    let known: Option<u32> = order.locator.as_deref().and_then(|l| l.parse().ok());
    let oid = find(world, target, order.lease, known)?;
    let ended = oid.or(known);
    world.sessions.retain(|session| Some(*session) != ended);
    if let (Reach::Access, Some(role)) = (order.reach, oid.and_then(|oid| world.roles.get_mut(&oid)))
        && !role.owns.is_empty()
    {
        role.login = false;
        let because = "what it left behind is still to be cleared".to_owned();
        return Ok(Revocation::LockedOut { evidence: Evidence::Read { at: wall }, because });
    }
    let owns = oid.and_then(|oid| world.roles.remove(&oid)).map(|role| role.owns).unwrap_or_default();
    let leftovers = owns.into_iter().map(|l| Leftover { done: LeftoverDone::Quarantined, ..l }).collect();
    Ok(Revocation::Revoked { evidence: Evidence::Read { at: wall }, leftovers })
}

/// The lease's role by oid and name; none when it is gone.
fn find(world: &World, target: &Target, lease: Id<Lease>, known: Option<u32>) -> Result<Option<u32>, CallError> {
    let name = handle(lease);
    let by_oid = known.and_then(|oid| world.roles.get(&oid));
    let Some(role) = by_oid.or_else(|| world.named(&name)) else { return Ok(None) };
    let marker = role.comment.as_deref().and_then(Marker::parse);
    let ours = marker.as_ref().map(|m| m.installation == target.installation && m.lease == lease);
    let right = match (ours, known) {
        (Some(ours), None) => ours,
        (Some(ours), Some(oid)) => ours && role.oid == oid,
        (None, Some(oid)) => role.oid == oid && role.name == name,
        (None, None) => false,
    };
    if right { Ok(Some(role.oid)) } else { Err(not_ours(target, format!("the role {} is not the lease's", role.name))) }
}

pub(super) fn observe(world: &World) -> Observation {
    let found = |role: &FakeRole| {
        let marker = role.comment.as_deref().and_then(Marker::parse);
        if marker.is_none() && !role.name.starts_with("cf_lse_") {
            return None;
        }
        let open = role.login || world.sessions.contains(&role.oid);
        let access = if open { Access::Open } else { Access::Locked };
        Some(Found { name: role.name.clone(), locator: role.oid.to_string(), marker, access })
    };
    Observation {
        found: world.roles.values().filter_map(found).collect(),
        drift: world.drift.clone(),
        clock_offset_millis: world.clock_offset_millis,
        epoch: world.epoch.unwrap_or(0),
    }
}

pub(super) fn lock(world: &mut World, target: &Target, found: &Found) -> Result<(), CallError> {
    world.fence(target)?;
    let oid: Option<u32> = found.locator.parse().ok();
    let Some(role) = oid.and_then(|oid| world.roles.get_mut(&oid)) else { return Ok(()) };
    let marker = role.comment.as_deref().and_then(Marker::parse);
    if marker.is_none_or(|m| m.installation != target.installation) {
        return Err(not_ours(target, format!("the role {} does not bear our marker", role.name)));
    }
    role.login = false;
    let oid = role.oid;
    world.sessions.retain(|session| *session != oid);
    Ok(())
}
