//! Seeing runs: who may see one, with what came of it.

use super::run::Lives;
use crate::Engine;
use crate::seams::store::{BoundToken, Ended, GrantFilter, Page, ReadError, RequestFilter, RunFilter};
use crate::verbs::look::Sight;
use curfew_domain::{Grant, Id, Identity, Request, Run};

/// Runs of one number that are looked at: each provider counts its own, and a run may be begun again.
const OF_ONE_NUMBER: usize = 20;
/// Everything that lives with one run.
pub(super) const ALL: Page = Page { before: None, limit: usize::MAX };

/// Which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichRun {
    /// By its own id.
    Id(Id<Run>),
    /// By its provider's, the newest that the caller may see.
    Number(String),
}

/// A run, with what came of it as far as the caller may see that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRun {
    /// The run.
    pub lives: Lives,
    /// What was asked by it and for its people, oldest first.
    pub requests: Vec<Request>,
    /// What came of that, oldest first.
    pub grants: Vec<Grant>,
}

impl Engine {
    /// A run, if there is one that the caller may see: its own clients, auditors and administrators see all of it; whom
    /// its triggers gave to, and who may decide what it asked for, see that.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn find_run(
        &self,
        who: &Identity,
        client: Option<&BoundToken>,
        which: &WhichRun,
    ) -> Result<Option<SeenRun>, ReadError> {
        let runs = match which {
            WhichRun::Id(id) => self.store.run(*id).await?.into_iter().collect(),
            WhichRun::Number(number) => {
                let filter = RunFilter { number: Some(number.clone()), over: crate::seams::store::Over::Listed };
                self.store.runs(&filter, Page { before: None, limit: OF_ONE_NUMBER }).await?
            }
        };
        for run in runs {
            if let Some(seen) = self.see_run(who, client, run).await? {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    async fn see_run(
        &self,
        who: &Identity,
        client: Option<&BoundToken>,
        run: Run,
    ) -> Result<Option<SeenRun>, ReadError> {
        let its_own = client.is_some_and(|bound| bound.token.run == run.token.run);
        let all = its_own || (client.is_none() && self.sight(who) == Sight::Everything);
        if client.is_some() && !its_own {
            // Another run of the same pipeline has the same subject, and none of its business here.
            return Ok(None);
        }
        let asked = RequestFilter { run: Some(run.id), ..RequestFilter::default() };
        let given = GrantFilter { run: Some(run.id), ended: Ended::Listed, ..GrantFilter::default() };
        let mut requests = self.store.requests(&asked, ALL).await?;
        let mut grants = self.store.grants(&given, ALL).await?;
        requests.retain(|request| all || self.may_see(who, request));
        grants.retain(|grant| all || self.may_see_grant(who, grant));
        if !all && requests.is_empty() && grants.is_empty() {
            return Ok(None);
        }
        requests.reverse();
        grants.reverse();
        let silent_at = self.silent_at(&run).await?;
        Ok(Some(SeenRun { lives: Lives { run, silent_at }, requests, grants }))
    }

    /// What one client was given or has asked for: what lives with its own heartbeat.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn own_of_run(&self, lives: Lives, beat: &curfew_domain::BeatId) -> Result<SeenRun, ReadError> {
        let run = lives.run.id;
        let asked = RequestFilter { run: Some(run), ..RequestFilter::default() };
        let given = GrantFilter { run: Some(run), ended: Ended::Listed, ..GrantFilter::default() };
        let mut requests = self.store.requests(&asked, ALL).await?;
        let mut grants = self.store.grants(&given, ALL).await?;
        let own = |lives: Option<&curfew_domain::LivesWith>| lives.is_some_and(|l| l.beat.as_ref() == Some(beat));
        requests.retain(|request| own(request.lives_with.as_ref()));
        grants.retain(|grant| own(grant.lives_with.as_ref()));
        requests.reverse();
        grants.reverse();
        Ok(SeenRun { lives, requests, grants })
    }

    /// Runs, newest first. For those who see everything.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn list_runs(&self, filter: &RunFilter, page: Page) -> Result<Vec<Lives>, ReadError> {
        let mut found = Vec::new();
        for run in self.store.runs(filter, page).await? {
            let silent_at = self.silent_at(&run).await?;
            found.push(Lives { run, silent_at });
        }
        Ok(found)
    }
}
