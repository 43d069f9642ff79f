//! Making certificates.

use super::certificate::{self, Content};
use super::connector::{Ssh, settings};
use super::desk::Desk;
use super::facts::{self, Standing};
use super::kind::KIND;
use super::public_key::{PublicKey, ed25519_line};
use super::settings::{Action, Settings, principal, split_host};
use curfew_domain::{ActionName, ResourceName};
use curfew_engine::keyring::NumberedKey;
use curfew_engine::seams::connector::{CallError, IssueOrder, Issued, Target};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// An order that was read and found right.
pub(super) struct Plan<'a> {
    pub(super) order: &'a IssueOrder,
    pub(super) serial: u64,
    key: PublicKey,
    actions: Vec<(&'a ActionName, &'a Action)>,
}

impl Ssh {
    /// One commit for all orders, then the signatures.
    pub(super) async fn issue_all(&self, target: &Target, orders: &[IssueOrder]) -> Vec<Result<Issued, CallError>> {
        let ready = async {
            let settings = settings(target)?;
            self.check_epoch(target).await?;
            Ok((settings, self.desk(&target.resource).await?, self.signer(&target.resource).await?))
        };
        let (settings, desk, signer) = match ready.await {
            Ok(ready) => ready,
            Err(error) => return vec![Err(error); orders.len()],
        };
        let mut taken = BTreeMap::new();
        let mut plans: Vec<Result<Plan<'_>, CallError>> = Vec::with_capacity(orders.len());
        for order in orders {
            plans.push(plan(target, &settings, order).and_then(|p| admit(target, &desk, &mut taken, p)));
        }
        if let Err(error) = self.record(&target.resource, &desk, &plans).await {
            for plan in plans.iter_mut().filter(|p| p.is_ok()) {
                *plan = Err(error.clone());
            }
        }
        plans.into_iter().map(|plan| plan.and_then(|p| make(target, &settings, &desk, &p, &signer))).collect()
    }

    /// Writes down what will be signed, before it is.
    pub(super) async fn record(
        &self,
        resource: &ResourceName,
        desk: &Desk,
        plans: &[Result<Plan<'_>, CallError>],
    ) -> Result<(), CallError> {
        let planned: Vec<_> = plans.iter().flatten().map(|p| (p.serial, p.standing())).collect();
        let news: Vec<_> = {
            let state = desk.lock();
            planned.into_iter().filter(|(serial, s)| state.standing.get(serial) != Some(s)).collect()
        };
        let changes = news.iter().flat_map(|(serial, standing)| facts::stands(resource, *serial, standing)).collect();
        self.commit(resource, changes).await?;
        let mut state = desk.lock();
        for (serial, standing) in news {
            // Its end may have been ordered while the commit was under way, and must be written after it.
            if state.refused.contains_key(&serial) {
                state.unwritten.insert(serial, facts::refuses(resource, serial));
            } else {
                state.standing.insert(serial, standing);
            }
        }
        Ok(())
    }
}

impl Plan<'_> {
    pub(super) fn standing(&self) -> Standing {
        Standing { lease: self.order.lease, expires_at: self.order.expires_at, key: self.key.fingerprint() }
    }
}

pub(super) fn plan<'a>(target: &Target, settings: &'a Settings, order: &'a IssueOrder) -> Result<Plan<'a>, CallError> {
    let invalid = |message: String| Err(CallError::Invalid(message));
    if order.public_half.kind != KIND.public_half {
        return invalid(format!("an SSH lease needs an `{}`", KIND.public_half));
    }
    if order.expires_at <= order.now {
        return invalid("the certificate would have expired before it was made".to_owned());
    }
    let key = PublicKey::parse(&order.public_half.value).map_err(|e| CallError::Invalid(e.to_string()))?;
    let mut actions = Vec::with_capacity(order.actions.len());
    for name in &order.actions {
        match settings.actions.get(name) {
            Some(action) => actions.push((name, action)),
            None => return invalid(format!("{} has no action `{name}`", target.resource)),
        }
    }
    if actions.is_empty() {
        return invalid("no action was ordered".to_owned());
    }
    Ok(Plan { order, serial: certificate::serial(order.lease), key, actions })
}

/// Whether the serial is free, or stands exactly as ordered; `taken` are those of the same batch.
fn admit<'a>(
    target: &Target,
    desk: &Desk,
    taken: &mut BTreeMap<u64, Standing>,
    plan: Plan<'a>,
) -> Result<Plan<'a>, CallError> {
    let refused =
        |message: &str| Err(CallError::Refused { resource: target.resource.to_string(), message: message.to_owned() });
    let state = desk.lock();
    if state.refused.contains_key(&plan.serial) {
        return refused("this lease was ended; its serial is never used again");
    }
    match state.standing.get(&plan.serial).or_else(|| taken.get(&plan.serial)) {
        Some(there) if there.lease != plan.order.lease => refused("another lease has the same serial"),
        Some(there) if *there != plan.standing() => refused("this lease stands with another key or another end"),
        Some(_) | None => {
            taken.insert(plan.serial, plan.standing());
            Ok(plan)
        }
    }
}

/// Signs, unless the lease was ended in the meantime.
pub(super) fn make(
    target: &Target,
    settings: &Settings,
    desk: &Desk,
    plan: &Plan<'_>,
    signer: &NumberedKey,
) -> Result<Issued, CallError> {
    let mut connection = BTreeMap::new();
    let groups = groups(&plan.actions);
    let key_id = key_id(target, plan.order);
    for (place, group) in groups.iter().enumerate() {
        let (_, meaning) = group[0];
        let principals: BTreeSet<String> = group.iter().map(|(name, _)| principal(&target.resource, name)).collect();
        let content = Content {
            key: &plan.key,
            serial: plan.serial,
            key_id: &key_id,
            principals: &principals,
            now: plan.order.now,
            expires_at: plan.order.expires_at,
            force_command: meaning.force_command.as_deref(),
            source_address: &settings.source_address,
            extensions: &meaning.extensions,
        };
        let text = certificate::sign(&content, &signer.key);
        for (name, action) in group.iter().filter(|_| groups.len() > 1) {
            connection.insert(format!("certificate_{name}"), text.clone());
            connection.insert(format!("user_{name}"), action.principals[0].clone());
        }
        if place == 0 {
            connection.insert("certificate".to_owned(), text);
            connection.insert("user".to_owned(), meaning.principals[0].clone());
        }
    }
    connection.extend(place(settings));
    let authority = ed25519_line(&signer.key.verifying_key(), &format!("curfew:{}:{}", target.resource, signer.number));
    connection.insert("authority".to_owned(), authority);
    if desk.lock().refused.contains_key(&plan.serial) {
        let message = "this lease was ended while its certificate was being made".to_owned();
        return Err(CallError::Refused { resource: target.resource.to_string(), message });
    }
    Ok(Issued { locator: plan.serial.to_string(), connection })
}

/// Actions that mean the same but for accounts share a certificate; what differs gets one of its own, all
/// with the lease's serial, because put together one action would lend the other its command or terminal.
/// The one without a forced command and with the most switched on comes first.
fn groups<'a>(actions: &[(&'a ActionName, &'a Action)]) -> Vec<Vec<(&'a ActionName, &'a Action)>> {
    let mut groups: BTreeMap<_, Vec<(&ActionName, &Action)>> = BTreeMap::new();
    for (name, action) in actions {
        let order = (&action.force_command, Reverse(action.extensions.len()), &action.extensions);
        groups.entry(order).or_default().push((name, action));
    }
    groups.into_values().collect()
}

/// The marker and who it is for. sshd writes it into its log at each login.
fn key_id(target: &Target, order: &IssueOrder) -> String {
    let label: String = order.label.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(254).collect();
    format!("{} {label}", order.marker(target))
}

/// Where to connect: the first host, and all of them.
fn place(settings: &Settings) -> impl Iterator<Item = (String, String)> {
    let mut entries = vec![("hosts", settings.hosts.join(","))];
    if let Some((host, port)) = settings.hosts.first().and_then(|h| split_host(h)) {
        entries.extend([("host", host.to_owned()), ("port", port.to_string())]);
    }
    if !settings.host_keys.is_empty() {
        entries.push(("known_hosts", known_hosts(settings)));
    }
    entries.into_iter().map(|(name, value)| (name.to_owned(), value))
}

/// Lines for a `known_hosts` file.
fn known_hosts(settings: &Settings) -> String {
    let mut lines = String::new();
    for (host, port) in settings.hosts.iter().filter_map(|h| split_host(h)) {
        let name = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
        for key in &settings.host_keys {
            lines.push_str(&format!("{name} {key}\n"));
        }
    }
    lines
}
