//! PostgreSQL: a role of its own for each lease, a member of group roles that hold the privileges.
//!
//! The order in which things are given and taken is the substance of this room; each step stands where it
//! does because of something that was tried and failed otherwise (`docs/connectors/postgres.md`).
//!
//! **Invariant:** no secret comes in here but the way in of Curfew's own account. Subjects send SCRAM
//! verifiers, and a text that is none is refused before it reaches a statement.

mod cover;
mod extend;
pub mod fake;
mod fit;
mod grammar;
mod groups;
mod issue;
mod kind;
mod link;
mod observe;
mod pool;
mod preflight;
mod prepare;
pub mod private;
mod quote;
mod revoke;
mod settings;
mod site;
mod tls;
mod told;
mod verifier;
mod way;

pub use kind::KIND;

use cover::Covered;
use curfew_domain::connector::ConnectorKind;
use curfew_engine::seams::connector::{
    CallError, ExtendOrder, Finding, Found, IssueOrder, Issued, Observation, Revocation, RevokeOrder, Target, Told,
};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use futures::future::{Either, select};
use link::Link;
use pool::{Lane, Pool};
use site::Site;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use told::Forget;

/// How long a probe may take.
const PROBE_WITHIN: Duration = Duration::from_secs(2);

/// The connector to PostgreSQL.
pub struct Postgres {
    clock: Arc<dyn Clock>,
    pool: Pool,
    covered: Covered,
}

impl Postgres {
    /// A connector without a connection yet. Needs a tokio runtime when it is called.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { pool: Pool::new(Arc::clone(&clock)), clock, covered: Covered::default() }
    }

    async fn link(&self, site: &Site<'_>) -> Result<Link, CallError> {
        self.pool.take(&site.way).await.map_err(|e| site.failed(&e))
    }

    async fn probe_now(&self, target: &Target) -> Result<(), CallError> {
        let site = Site::of(target)?;
        let probe = pin!(async {
            let _place = self.pool.enter(site.resource(), Lane::Look).await;
            let mut link = self.link(&site).await?;
            link.ask("SELECT 1").await.map_err(|e| site.failed(&e))?;
            self.pool.give_back(&site.way, link);
            Ok(())
        });
        match select(probe, self.clock.sleep(PROBE_WITHIN)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(CallError::Unreachable {
                resource: target.resource.to_string(),
                message: format!("no answer within {} s", PROBE_WITHIN.as_secs()),
            }),
        }
    }
}

impl Connector for Postgres {
    fn kind(&self) -> &'static ConnectorKind {
        &KIND
    }

    fn preflight<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(preflight::run(self, target))
    }

    fn prepare<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(prepare::run(self, target))
    }

    fn probe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.probe_now(target))
    }

    fn issue<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [IssueOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(issue::run(self, target, orders))
    }

    fn extend<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [ExtendOrder],
    ) -> BoxFuture<'a, Vec<Result<Issued, CallError>>> {
        Box::pin(extend::run(self, target, orders))
    }

    fn revoke<'a>(
        &'a self,
        target: &'a Target,
        orders: &'a [RevokeOrder],
    ) -> BoxFuture<'a, Vec<Result<Revocation, CallError>>> {
        Box::pin(revoke::run(self, target, orders))
    }

    fn observe<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Observation, CallError>> {
        Box::pin(observe::run(self, target))
    }

    fn told<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Told, CallError>> {
        Box::pin(told::read(self, target))
    }

    fn tell<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(told::write(self, target, Forget::Earlier))
    }

    fn begin_again<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(told::write(self, target, Forget::All))
    }

    fn lock<'a>(&'a self, target: &'a Target, found: &'a Found) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(revoke::lock(self, target, found))
    }
}
