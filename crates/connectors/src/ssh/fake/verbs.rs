//! What each call does to a fake resource and its host.

use super::Power;
use super::host::{FakeCertificate, World};
use crate::ssh::KIND;
use crate::ssh::certificate::serial;
use crate::ssh::public_key::PublicKey;
use crate::ssh::settings::Settings;
use curfew_domain::Timestamp;
use curfew_domain::lease::{Evidence, handle};
use curfew_engine::seams::connector::{
    Access, CallError, ExtendOrder, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target, Told,
};
use std::collections::BTreeMap;

impl World {
    fn fence(&self, target: &Target) -> Result<(), CallError> {
        let seen = self.register.epoch;
        if seen > target.epoch {
            return Err(CallError::StaleEpoch { resource: target.resource.to_string(), seen, ours: target.epoch });
        }
        Ok(())
    }
}

fn silent(target: &Target) -> CallError {
    CallError::Unreachable { resource: target.resource.to_string(), message: "the host does not report".to_owned() }
}

fn refused(target: &Target, message: &str) -> CallError {
    CallError::Refused { resource: target.resource.to_string(), message: message.to_owned() }
}

fn settings(target: &Target) -> Result<Settings, CallError> {
    Settings::read(&target.definition.settings).map_err(|e| CallError::Invalid(e.to_string()))
}

pub(super) fn probe(target: &Target, power: Power) -> Result<(), CallError> {
    match power {
        Power::Up => Ok(()),
        Power::Down => Err(silent(target)),
    }
}

pub(super) fn prepare(world: &mut World, target: &Target) -> Result<(), CallError> {
    settings(target)?;
    world.fence(target)?;
    world.register.epoch = target.epoch;
    Ok(())
}

pub(super) fn told(world: &World, target: &Target) -> Told {
    let host = &world.host;
    let silent = host.strange.is_none() && host.reported.epoch != target.epoch;
    let silent = silent.then(|| "its host has not reported since".to_owned());
    Told { marks: host.strange.iter().cloned().collect(), silent: silent.into_iter().collect() }
}

/// Comes when the ledger has all that the host was told of; what is kept here of it may be older than the ledger.
pub(super) fn tell(world: &mut World, target: &Target) -> Result<(), CallError> {
    world.fence(target)?;
    world.register.marks.extend(world.host.strange.take());
    Ok(())
}

pub(super) fn begin_again(world: &mut World, target: &Target) -> Result<(), CallError> {
    world.fence(target)?;
    world.authorities += 1;
    (world.register.authority, world.register.first_authority) = (world.authorities, world.authorities);
    world.register.marks.extend(world.host.strange.take());
    Ok(())
}

pub(super) fn issue(world: &mut World, target: &Target, order: &IssueOrder) -> Result<Issued, CallError> {
    let settings = settings(target)?;
    world.fence(target)?;
    let unknown = order.actions.iter().find(|name| !settings.actions.contains_key(*name));
    if unknown.is_some() || order.actions.is_empty() {
        return Err(CallError::Invalid(format!("{} has no such action", target.resource)));
    }
    if order.public_half.kind != KIND.public_half || order.expires_at <= order.now {
        return Err(CallError::Invalid("another kind of public half, or its time is over".to_owned()));
    }
    let key = PublicKey::parse(&order.public_half.value).map_err(|e| CallError::Invalid(e.to_string()))?;
    let wanted = FakeCertificate {
        serial: serial(order.lease),
        name: handle(order.lease),
        marker: order.marker(target),
        actions: order.actions.iter().map(ToString::to_string).collect(),
        key: key.fingerprint(),
        authority: world.register.authority,
    };
    if world.register.refused.contains(&wanted.serial) {
        return Err(refused(target, "this lease was ended"));
    }
    if world.register.standing.get(&wanted.serial).is_some_and(|there| *there != wanted) {
        return Err(refused(target, "it stands there, but not as ordered"));
    }
    let issued = issued(&wanted);
    world.register.standing.insert(wanted.serial, wanted.clone());
    world.made.insert(wanted.serial, wanted);
    Ok(issued)
}

fn issued(certificate: &FakeCertificate) -> Issued {
    let connection = [
        ("host", "fake.invalid".to_owned()),
        ("hosts", "fake.invalid:22".to_owned()),
        ("port", "22".to_owned()),
        ("user", "fake".to_owned()),
        ("certificate", format!("fake-cert {}", certificate.serial)),
    ];
    let connection: BTreeMap<_, _> = connection.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Issued { locator: certificate.serial.to_string(), connection }
}

/// A certificate for the same lease and key, with the same serial, that lasts longer.
pub(super) fn extend(world: &mut World, target: &Target, order: &ExtendOrder) -> Result<Issued, CallError> {
    settings(target)?;
    world.fence(target)?;
    if order.expires_at <= order.now {
        return Err(CallError::Invalid("its time is over".to_owned()));
    }
    let serial = serial(order.lease);
    if order.locator != serial.to_string() || world.register.refused.contains(&serial) {
        return Err(refused(target, "this lease was ended"));
    }
    let there = world.register.standing.get(&serial).filter(|there| there.marker.expires_at > order.now);
    let Some(there) = there.cloned() else { return Err(refused(target, "no certificate of this lease stands")) };
    let longer = FakeCertificate { marker: order.marker(target), ..there };
    let issued = issued(&longer);
    world.register.standing.insert(serial, longer.clone());
    world.made.insert(serial, longer);
    Ok(issued)
}

pub(super) fn revoke(
    world: &mut World,
    target: &Target,
    orders: &[RevokeOrder],
    power: Power,
    wall: Timestamp,
) -> Result<Vec<Result<Revocation, CallError>>, CallError> {
    world.fence(target)?;
    for order in orders {
        refuse(world, serial(order.lease));
    }
    match power {
        Power::Up => {
            world.sync(wall);
            Ok(verdicts(world, target, orders))
        }
        Power::Down => Err(silent(target)),
    }
}

/// What the host's last report says of each lease: it is ended where the host refuses it and shows no session.
pub(super) fn verdicts(world: &World, target: &Target, orders: &[RevokeOrder]) -> Vec<Result<Revocation, CallError>> {
    let report = &world.host.reported;
    let verdict = |order: &RevokeOrder| {
        let serial = serial(order.lease);
        match report.at {
            Some(at) if report.refused.contains(&serial) && !report.sessions.contains(&serial) => {
                Ok(Revocation::Revoked { evidence: Evidence::Read { at }, leftovers: Vec::new() })
            }
            Some(_) | None => Err(silent(target)),
        }
    };
    orders.iter().map(verdict).collect()
}

fn refuse(world: &mut World, serial: u64) {
    world.register.standing.remove(&serial);
    world.register.refused.insert(serial);
}

pub(super) fn observe(world: &World, wall: Timestamp) -> Observation {
    let mut found: BTreeMap<u64, Found> = BTreeMap::new();
    let reported = &world.host.reported.sessions;
    let sessions = reported.iter().filter_map(|serial| world.made.get(serial));
    for certificate in world.register.standing.values().chain(sessions) {
        let in_use = reported.contains(&certificate.serial);
        let open = in_use || certificate.marker.expires_at > wall;
        let entry = Found {
            name: certificate.name.clone(),
            locator: certificate.serial.to_string(),
            marker: Some(certificate.marker.clone()),
            access: if open { Access::Open } else { Access::Locked },
        };
        found.insert(certificate.serial, entry);
    }
    Observation {
        found: found.into_values().collect(),
        drift: Vec::new(),
        clock_offset_millis: world.host.clock_offset_millis,
        epoch: world.register.epoch,
    }
}

pub(super) fn lock(
    world: &mut World,
    target: &Target,
    found: &Found,
    power: Power,
    wall: Timestamp,
) -> Result<(), CallError> {
    world.fence(target)?;
    if found.marker.as_ref().is_some_and(|m| m.installation != target.installation) {
        let message = format!("{} bears the marker of another installation", found.name);
        return Err(CallError::NotOurs { resource: target.resource.to_string(), message });
    }
    let serial = found.locator.parse::<u64>().ok().filter(|s| *s > 0);
    let serial = serial.ok_or_else(|| CallError::Invalid("the locator is no serial of a certificate".to_owned()))?;
    refuse(world, serial);
    if power == Power::Up {
        world.sync(wall);
    }
    Ok(())
}
