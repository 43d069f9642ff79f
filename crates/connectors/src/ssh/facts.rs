//! What the connector keeps in the ledger: which certificates stand, which serials are refused, and a
//! resource's settings, so that hosts are served before anybody asks for anything.

use curfew_domain::{Id, Lease, ResourceName, Timestamp};
use curfew_engine::seams::Store;
use curfew_engine::seams::connector::LedgerMark;
use curfew_engine::seams::store::{Change, ReadError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A certificate that was made and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) lease: Id<Lease>,
    pub(super) expires_at: Timestamp,
    /// SHA-256 of the subject's public key, in hex.
    pub(super) key: String,
}

/// A serial that hosts must refuse, whether or not its making was ever recorded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refused {
    /// Until when the certificate itself would have been good.
    pub(super) expires_at: Timestamp,
}

/// Everything the ledger knows of a resource's certificates.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) standing: BTreeMap<u64, Standing>,
    pub(super) refused: BTreeMap<u64, Refused>,
    pub(super) settings: Option<serde_json::Value>,
    pub(super) epoch: u64,
}

/// Everything about a certificate, kept until long after its expiry.
fn record_name(resource: &ResourceName, serial: u64) -> String {
    format!("ssh/certificate/{resource}/{serial}")
}

/// There as long as the certificate is good. An end removes it, which takes no room: so an end can be
/// recorded when the disk is full.
fn standing_name(resource: &ResourceName, serial: u64) -> String {
    format!("ssh/standing/{resource}/{serial}")
}

const RESOURCES: &str = "ssh/resource/";
const FIRST_AUTHORITY: &str = "ssh/first_authority/";

fn fact(name: String, value: &impl Serialize) -> Change {
    let text = serde_json::to_string(value).expect("INVARIANT: plain structs serialize");
    Change::Fact { name, value: Some(text) }
}

fn gone(name: String) -> Change {
    Change::Fact { name, value: None }
}

/// A certificate stands.
pub(super) fn stands(resource: &ResourceName, serial: u64, standing: &Standing) -> [Change; 2] {
    [fact(record_name(resource, serial), standing), fact(standing_name(resource, serial), &true)]
}

/// A serial that stood is refused from now on.
pub(super) fn refuses(resource: &ResourceName, serial: u64) -> Arc<[Change]> {
    [gone(standing_name(resource, serial))].into()
}

/// A serial of which there is no record is refused from now on: its certificate may have been made before the
/// ledger was restored from a backup.
pub(super) fn refuses_unknown(resource: &ResourceName, serial: u64, expires_at: Timestamp) -> Arc<[Change]> {
    let record = serde_json::json!({"expires_at": expires_at});
    [fact(record_name(resource, serial), &record), gone(standing_name(resource, serial))].into()
}

/// Nothing need be remembered of a serial any more.
pub(super) fn forgotten(resource: &ResourceName, serial: u64) -> [Change; 2] {
    [gone(standing_name(resource, serial)), gone(record_name(resource, serial))]
}

/// A resource's settings and the epoch of the server that serves it.
pub(super) fn prepared(resource: &ResourceName, settings: &serde_json::Value, epoch: u64) -> [Change; 2] {
    [fact(format!("{RESOURCES}{resource}"), settings), fact(format!("ssh/epoch/{resource}"), &epoch)]
}

/// Reads everything about a resource. A fact that does not parse is an error, never a certificate less.
pub(super) async fn load(store: &dyn Store, resource: &ResourceName) -> Result<Loaded, ReadError> {
    let settings = store.fact(&format!("{RESOURCES}{resource}")).await?;
    let good: BTreeMap<u64, bool> = by_serial(store, &format!("ssh/standing/{resource}/")).await?;
    let records: BTreeMap<u64, serde_json::Value> = by_serial(store, &format!("ssh/certificate/{resource}/")).await?;
    let (mut standing, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for (serial, record) in records {
        if good.contains_key(&serial) {
            standing.insert(serial, read(record)?);
        } else {
            refused.insert(serial, read(record)?);
        }
    }
    Ok(Loaded {
        standing,
        refused,
        settings: settings.map(|text| parse("a resource's settings", &text)).transpose()?,
        epoch: epoch(store, resource).await?,
    })
}

/// The highest epoch that has served a resource; 0 before the first.
pub(super) async fn epoch(store: &dyn Store, resource: &ResourceName) -> Result<u64, ReadError> {
    let name = format!("ssh/epoch/{resource}");
    Ok(store.fact(&name).await?.map(|text| parse(&name, &text)).transpose()?.unwrap_or(0))
}

/// The first authority of a resource that counts: those before it signed what a lost ledger knew. 0 before that ever
/// happened.
pub(super) async fn first_authority(store: &dyn Store, resource: &ResourceName) -> Result<u32, ReadError> {
    let name = format!("{FIRST_AUTHORITY}{resource}");
    Ok(store.fact(&name).await?.map(|text| parse(&name, &text)).transpose()?.unwrap_or(0))
}

/// Only this authority counts, and those after it; and these hosts may go on although they were told of a lost ledger.
pub(super) fn begun_again(
    resource: &ResourceName,
    authority: u32,
    hosts: &BTreeMap<String, LedgerMark>,
) -> Vec<Change> {
    let forgiven = hosts.iter().map(|(host, mark)| fact(forgiven_name(resource, host), mark));
    forgiven.chain([fact(format!("{FIRST_AUTHORITY}{resource}"), &authority)]).collect()
}

/// What a host was told by a lost ledger, if that was dealt with.
pub(super) async fn forgiven(
    store: &dyn Store,
    resource: &ResourceName,
    host: &str,
) -> Result<Option<LedgerMark>, ReadError> {
    let name = forgiven_name(resource, host);
    store.fact(&name).await?.map(|text| parse(&name, &text)).transpose()
}

fn forgiven_name(resource: &ResourceName, host: &str) -> String {
    format!("ssh/forgiven/{resource}/{host}")
}

/// Every resource that was ever prepared.
pub(super) async fn resources(store: &dyn Store) -> Result<Vec<ResourceName>, ReadError> {
    let facts = store.facts(RESOURCES).await?;
    let names = facts.keys().filter_map(|name| name.strip_prefix(RESOURCES));
    names.map(|n| ResourceName::new(n).map_err(|e| ReadError(e.to_string()))).collect()
}

/// The hosts of a resource that were given a token, as the administrator named them. The server keeps
/// these facts; their values are no business of the connector.
pub(super) async fn enrolled(store: &dyn Store, resource: &ResourceName) -> Result<BTreeSet<String>, ReadError> {
    let prefix = format!("host_token/{resource}/");
    let facts = store.facts(&prefix).await?;
    let hosts = facts.keys().filter_map(|name| name.strip_prefix(&prefix));
    // `hosts/web` is a prefix of `hosts/web/blue` too; a host's name has no slash.
    Ok(hosts.filter(|host| !host.contains('/')).map(str::to_owned).collect())
}

async fn by_serial<T: for<'a> Deserialize<'a>>(store: &dyn Store, prefix: &str) -> Result<BTreeMap<u64, T>, ReadError> {
    let mut found = BTreeMap::new();
    for (name, text) in store.facts(prefix).await? {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        if rest.contains('/') {
            continue;
        }
        let serial = rest.parse().map_err(|_| ReadError(format!("the fact `{name}` names no serial")))?;
        found.insert(serial, parse(&name, &text)?);
    }
    Ok(found)
}

fn read<T: for<'a> Deserialize<'a>>(record: serde_json::Value) -> Result<T, ReadError> {
    serde_json::from_value(record).map_err(|error| ReadError(format!("the record of a certificate: {error}")))
}

fn parse<T: for<'a> Deserialize<'a>>(name: &str, text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError(format!("the fact `{name}` does not parse: {error}")))
}
