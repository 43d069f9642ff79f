//! Coming up: which Curfew this is, a new epoch, and everything put right before anybody is served.

use crate::Engine;
use crate::engine::{Changes, Standing};
use crate::reconcile::Reading;
use crate::seams::Change;
use crate::seams::store::{CommitError, ReadError};
use curfew_domain::audit::{AuditAction, AuditEvent};
use curfew_domain::{LeaseState, Subject};
use futures::future::{Either, select};
use std::pin::pin;
use std::time::Duration;

/// How long a start waits for targets before it serves all the same.
const RECOVERY: Duration = Duration::from_secs(10);

/// The fact that says when the last start was, by a clock that the next start can go on with.
const CLOCK: &str = "clock";

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Engine {
    /// Reads the ledger, takes a new epoch, and puts right what a crash or an outage left: interrupted issues
    /// are revoked, what is due is ended. [`Engine::drive`] must be running. Targets that do not answer are
    /// waited for ten seconds at most; what is left for them goes on for ever.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn start(&self) -> Result<(), StartError> {
        let head = self.store.tree_head().await?;
        if let Some(last) = self.store.events(head.size.saturating_sub(1), 1).await?.last() {
            self.clock.not_before(last.event.at);
        }
        if let Some(anchor) = self.store.fact(CLOCK).await?.and_then(|text| serde_json::from_str(&text).ok()) {
            self.clock.go_on_from(&anchor);
        }
        self.take_standing().await?;
        self.begin_policy().await?;
        let reading = self.reading().await?;
        for lease in reading.open.leases.iter().filter(|lease| matches!(lease.state, LeaseState::Live { .. })) {
            self.remember(lease);
        }
        {
            let recovering = pin!(self.recover(reading));
            let patience = pin!(self.clock.sleep(RECOVERY));
            match select(recovering, patience).await {
                Either::Left((done, _)) => done?,
                Either::Right(_) => tracing::warn!("serving before every target has answered"),
            }
        }
        self.serving.store(true, std::sync::atomic::Ordering::SeqCst);
        self.begun_hours.give();
        self.begun_looking.give();
        Ok(())
    }

    async fn take_standing(&self) -> Result<(), StartError> {
        let installation = self.store.fact("installation").await?;
        let installation = installation.unwrap_or_else(|| {
            let mut random = [0u8; 8];
            self.entropy.fill(&mut random);
            hex::encode(random)
        });
        let before = self.store.fact("epoch").await?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        // The latest start wins, also against a copy of the ledger that was restored elsewhere and is behind.
        let epoch = (before + 1).max(u64::try_from(self.clock.now().as_unix_seconds()).unwrap_or(0));
        let began = self.clock.now();
        let event = AuditEvent::new(began, Subject::system(), AuditAction::ServerStarted)
            .with("installation", installation.clone())
            .with("epoch", i64::try_from(epoch).unwrap_or(i64::MAX));
        let fact = |name: &str, value: String| Change::Fact { name: name.to_owned(), value: Some(value) };
        let mut changes = Changes(vec![
            fact("installation", installation.clone()),
            fact("epoch", epoch.to_string()),
            Change::Event(Box::new(event)),
        ]);
        let anchor = self.clock.anchor().and_then(|anchor| serde_json::to_string(&anchor).ok());
        changes.0.push(Change::Fact { name: CLOCK.to_owned(), value: anchor });
        self.commit(changes).await?;
        // A second start of one engine keeps the first standing; there is none in this tree.
        let _ = self.standing.set(Standing { installation, epoch, began });
        Ok(())
    }

    async fn begin_policy(&self) -> Result<(), StartError> {
        let policy = self.policy();
        self.say_what_is_idle(&policy);
        if self.store.fact("policy").await?.as_deref() == Some(policy.version()) {
            return Ok(());
        }
        let changes = Changes(self.begun_policy(policy.version()));
        match self.commit(changes).await {
            Ok(_) => Ok(()),
            // A full disk must not keep a server from ending access; nothing new can be given without the ledger.
            Err(CommitError::Unavailable(because)) => {
                tracing::error!(because, "the policy in force could not be recorded");
                Ok(())
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn recover(&self, reading: Reading) -> Result<(), StartError> {
        self.end_what_is_due().await;
        let reading = self.refresh(reading).await?;
        let report = self.reconcile_from(reading).await?;
        for (resource, message) in &report.unread {
            tracing::warn!(%resource, because = message, "target could not be read at start");
        }
        self.clock.sleep(Duration::from_millis(10)).await;
        while !self.busy.is_idle() {
            self.clock.sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
