//! Looking at a resource: its certificates, the sessions its hosts report, and whether they report at all.

use super::connector::{Ssh, settings, unreadable};
use super::desk::State;
use super::facts;
use super::revoke::SILENT_AFTER;
use curfew_domain::Timestamp;
use curfew_domain::lease::handle;
use curfew_engine::seams::connector::{Access, CallError, Finding, Found, Marker, Observation, Standing, Target};
use curfew_engine::seams::host_desk::HostSession;
use std::collections::BTreeMap;
use std::time::Duration;

/// A host's clock may differ from ours by this much before somebody should know. Milliseconds.
const CLOCK_TOLERANCE: u64 = 5_000;

impl Ssh {
    /// Every certificate that stands and every session that is open, by serial.
    pub(super) async fn observe_target(&self, target: &Target) -> Result<Observation, CallError> {
        let resource = &target.resource;
        let epoch = facts::epoch(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        let enrolled = facts::enrolled(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        let desk = self.desk(resource).await?;
        let mut state = desk.lock();
        // What a host reported before it was taken out is nobody's business any more.
        state.hosts.retain(|host, _| enrolled.contains(host));
        let mut found = certificates(target, &state, self.clock.wall());
        for seen in state.hosts.values() {
            for session in &seen.report.sessions {
                let entry = found.entry(session.serial).or_insert_with(|| stray(session));
                entry.access = Access::Open;
            }
        }
        let offset = self.offset(&state);
        Ok(Observation { found: found.into_values().collect(), drift: Vec::new(), clock_offset_millis: offset, epoch })
    }

    /// The offset of the host whose clock is furthest off, of those that reported lately.
    fn offset(&self, state: &State) -> i64 {
        let now = self.clock.monotonic();
        let fresh = state.hosts.values().filter(|s| now.saturating_sub(s.monotonic) < SILENT_AFTER);
        let offsets = fresh.map(|s| s.report.at.as_millis().saturating_sub(s.wall.as_millis()));
        offsets.max_by_key(|offset| offset.unsigned_abs()).unwrap_or(0)
    }

    /// Whether a host reports. Where none has a token there is nobody to wait for.
    pub(super) async fn anybody_there(&self, target: &Target) -> Result<(), CallError> {
        let resource = &target.resource;
        let enrolled = facts::enrolled(&*self.store, resource).await.map_err(|e| unreadable(resource, e))?;
        let desk = self.desk(resource).await?;
        let now = self.clock.monotonic();
        let state = desk.lock();
        let reports = |host: &String| state.hosts.get(host).is_some_and(|s| is_fresh(now, s.monotonic));
        if enrolled.is_empty() || enrolled.iter().any(reports) {
            return Ok(());
        }
        let message = format!("no `curfew host` reports from {}", Vec::from_iter(enrolled).join(", "));
        Err(CallError::Unreachable { resource: resource.to_string(), message })
    }

    /// What `curfew doctor` shows.
    pub(super) async fn look_over(&self, target: &Target) -> Vec<Finding> {
        let finding = |check: &str, standing, message: String| Finding { check: check.to_owned(), standing, message };
        let settings = match settings(target) {
            Ok(settings) => settings,
            Err(error) => return vec![finding("settings", Standing::Failed, error.to_string())],
        };
        let actions = format!("actions: {}, hosts: {}", settings.actions.len(), settings.hosts.len());
        let mut findings = vec![finding("settings", Standing::Ok, actions)];
        let desk = match self.desk(&target.resource).await {
            Ok(desk) => desk,
            Err(error) => return vec![finding("ledger", Standing::Failed, error.to_string())],
        };
        match self.trusted(&target.resource).await {
            Ok(keys) => findings.push(finding("authority", Standing::Ok, format!("{} trusted", keys.len()))),
            Err(error) => findings.push(finding("authority", Standing::Failed, error.to_string())),
        }
        match self.hosts(target, &desk).await {
            Ok(hosts) => {
                let state = desk.lock();
                findings.extend(hosts.watched.iter().map(|host| self.host_finding(&state, host)));
                findings.extend(hosts.unwatched.iter().map(|host| {
                    let message = format!(
                        "no `curfew host` was set up for {host}: ends there are not verified. \
                         `curfew host token --resource {} --host {host}` begins it",
                        target.resource
                    );
                    finding("host", Standing::Warning, message)
                }));
            }
            Err(error) => findings.push(finding("hosts", Standing::Failed, error.to_string())),
        }
        findings
    }

    fn host_finding(&self, state: &State, host: &str) -> Finding {
        let (standing, message) = match state.hosts.get(host) {
            None => (
                Standing::Warning,
                format!("{host} has not reported since this server began; is `curfew host run` up?"),
            ),
            Some(seen) if !is_fresh(self.clock.monotonic(), seen.monotonic) => {
                (Standing::Warning, format!("{host} last reported at {}; is `curfew host run` up?", seen.wall))
            }
            Some(seen) => {
                let ahead = seen.report.at.millis_since(seen.wall);
                let behind = seen.wall.millis_since(seen.report.at);
                match ahead.max(behind) {
                    0..=CLOCK_TOLERANCE => (Standing::Ok, format!("{host} reports")),
                    off => (
                        Standing::Warning,
                        format!("the clock of {host} is off by {off} ms: certificates expire by it"),
                    ),
                }
            }
        };
        Finding { check: "host".to_owned(), standing, message }
    }
}

fn is_fresh(now: Duration, reported: Duration) -> bool {
    now.saturating_sub(reported) <= SILENT_AFTER
}

fn certificates(target: &Target, state: &State, now: Timestamp) -> BTreeMap<u64, Found> {
    let found = state.standing.iter().map(|(serial, standing)| {
        let marker = Marker {
            installation: target.installation.clone(),
            lease: standing.lease,
            expires_at: standing.expires_at,
        };
        let access = if standing.expires_at > now { Access::Open } else { Access::Locked };
        let name = handle(standing.lease);
        (*serial, Found { name, locator: serial.to_string(), marker: Some(marker), access })
    });
    found.collect()
}

/// A session whose certificate does not stand: an ended lease's, or one that the ledger never knew. The key
/// id was signed by the authority, so the marker in it is ours.
fn stray(session: &HostSession) -> Found {
    let marker = session.key_id.split(' ').next().and_then(Marker::parse);
    let name = match &marker {
        Some(marker) => handle(marker.lease),
        None => format!("session of `{}`", session.account.escape_debug()),
    };
    Found { name, locator: session.serial.to_string(), marker, access: Access::Open }
}
