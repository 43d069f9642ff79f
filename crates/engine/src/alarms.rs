//! What people are told because it does not heal by itself: drift, strangers, ends that take too long. Once, as
//! evidence and as a notice, for as long as it stands.

use crate::Engine;
use crate::engine::Changes;
use crate::plan::Action;
use crate::seams::Change;
use crate::seams::store::ReadError;
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{Grant, Lease, LeaseState, ResourceName, Subject, Timestamp};
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// After how many minutes an end that is not done is an alarm.
const OVERDUE_MINUTES: [u64; 3] = [5, 15, 60];
const OVERDUE: &str = "overdue:";
const UNREVIEWED: &str = "unreviewed:";

impl Engine {
    /// Says it once, as evidence and to people, for as long as it stands.
    pub(crate) async fn alarm(&self, resource: &ResourceName, message: &str) {
        let news = self.alarms.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{resource}: {message}"));
        if !news {
            return;
        }
        tracing::warn!(%resource, because = message, "alarm");
        let now = self.clock.now();
        let event = AuditEvent::new(now, Subject::system(), AuditAction::TargetDrift)
            .because(message)
            .with("resource", resource.to_string());
        let mut changes = Changes::default();
        changes.notices(self.notices_of_alarm(resource, message, now));
        changes.0.push(Change::Event(Box::new(event)));
        let _ = self.commit(changes).await;
    }

    pub(crate) fn clear_alarms(&self, actions: &[Action]) {
        let standing: BTreeSet<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Alarm { resource, message } => Some(format!("{resource}: {message}")),
                Action::LockUnknown { resource, found } => Some(format!(
                    "{resource}: `{}` bears our marker and the ledger does not know it: it is being locked",
                    found.name
                )),
                Action::End { .. }
                | Action::Revoke { .. }
                | Action::Take(_)
                | Action::SettleActivation(_)
                | Action::Extend(_)
                | Action::EndWithout(_)
                | Action::SettleEnd(_) => None,
            })
            .collect();
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        let of_the_ledger = |alarm: &str| alarm.starts_with(OVERDUE) || alarm.starts_with(UNREVIEWED);
        alarms.retain(|alarm| standing.contains(alarm) || of_the_ledger(alarm));
    }

    /// Emergency access that nobody has looked at in time: said once by this server, to those who may review it.
    pub(crate) async fn raise_unreviewed(&self, now: Timestamp) -> Result<(), ReadError> {
        for due in self.due_reviews().await?.into_iter().filter(|due| now >= due.by) {
            let Some(grant) = self.store.grant(due.grant).await?.filter(Grant::is_worth_a_review) else { continue };
            let name = format!("{UNREVIEWED}{}", due.grant);
            if !self.alarms.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                continue;
            }
            tracing::warn!(grant_id = %grant.id, subject = grant.subject.label(), by = %due.by, "emergency access is not reviewed in time");
            let Some(request) = self.store.request(grant.request_id).await? else { continue };
            let mut changes = Changes::default();
            changes.notices(self.notices_of_break_glass("review_overdue", (&grant, &request), now));
            // Whoever is not told now is told by the next start.
            let _ = self.commit(changes).await;
        }
        Ok(())
    }

    /// An end that takes too long is an alarm at 5, 15 and 60 minutes; it is never given up.
    pub(crate) async fn raise_overdue(&self, leases: &[Lease], now: Timestamp) {
        self.forget_overdue(leases);
        for lease in leases {
            let since = match &lease.state {
                LeaseState::Revoking { since, .. } | LeaseState::LockedOut { since, .. } => *since,
                LeaseState::Wanted
                | LeaseState::Issuing { .. }
                | LeaseState::Live { .. }
                | LeaseState::Revoked { .. } => continue,
            };
            let minutes = now.millis_since(since) / 60_000;
            let Some(crossed) = OVERDUE_MINUTES.iter().rev().find(|m| minutes >= **m) else { continue };
            let name = format!("{OVERDUE}{}:{crossed}", lease.id);
            if !self.alarms.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                continue;
            }
            let because = format!("its end was ordered {minutes} minutes ago and is not done");
            let event = lease
                .event(AuditAction::LeaseOverdue, &Subject::system(), now)
                .because(because)
                .with("state", lease.state.word())
                .with("minutes", i64::try_from(*crossed).unwrap_or(i64::MAX));
            let mut changes = Changes::default();
            changes.notices(self.notices_of_overdue(lease, *crossed, now).await);
            changes.0.push(Change::Event(Box::new(event)));
            let _ = self.commit(changes).await;
        }
    }

    /// What is over cannot be overdue again.
    fn forget_overdue(&self, open: &[Lease]) {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if !alarms.iter().any(|alarm| alarm.starts_with(OVERDUE)) {
            return;
        }
        let open: BTreeSet<String> = open.iter().map(|lease| lease.id.to_string()).collect();
        alarms.retain(|alarm| match alarm.strip_prefix(OVERDUE).and_then(|rest| rest.split_once(':')) {
            Some((lease, _)) => open.contains(lease),
            None => true,
        });
    }
}
