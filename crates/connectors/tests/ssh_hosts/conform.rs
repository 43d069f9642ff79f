//! The suite that holds every connector, with a real host that is logged in to.

use crate::world::{Held, RealClock, World};
use curfew_connectors::conformance::{Harness, Meddled, Meddling};
use curfew_connectors::ssh::private::PrivateSshd;
use curfew_domain::{ActionName, Id, Lease, Timestamp};
use curfew_engine::seams::connector::{IssueOrder, Issued, PublicHalf, Target};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use std::sync::atomic::{AtomicU64, Ordering};

/// A host, and the one key that every lease of the suite is for.
pub(crate) struct WithHost {
    pub(crate) world: World,
    pub(crate) host: PrivateSshd,
    pub(crate) target: Target,
    pub(crate) held: Held,
    pub(crate) leases: AtomicU64,
}

impl Harness for WithHost {
    fn connector(&self) -> &dyn Connector {
        &*self.world.ssh
    }
    fn target(&self) -> Target {
        Target { epoch: 7, ..self.target.clone() }
    }
    fn actions(&self) -> Vec<ActionName> {
        self.held.order.actions.clone()
    }
    fn public_half(&self) -> PublicHalf {
        self.held.order.public_half.clone()
    }
    fn now(&self) -> Timestamp {
        RealClock.wall()
    }
    fn lease(&self) -> Id<Lease> {
        Id::from_u128(u128::from(self.leases.fetch_add(1, Ordering::SeqCst)) << 80 | 9)
    }
    fn meddle<'a>(&'a self, _: Meddling<'a>) -> BoxFuture<'a, Meddled> {
        // A certificate is with its subject: nobody can take it away or change what it says.
        Box::pin(std::future::ready(Meddled::NotApplicable))
    }
    fn lets_in<'a>(&'a self, _: &'a str, issued: &'a Issued) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            let order: IssueOrder = self.held.order.clone();
            let held = Held { dir: self.held.dir.clone(), order, issued: issued.clone() };
            let text = format!("{}\n", issued.connection["certificate"]);
            std::fs::write(held.dir.join("certificate"), text).expect("written");
            Some(held.opens(&self.host).await)
        })
    }
    fn expiry<'a>(&'a self, _: &'a str, issued: &'a Issued) -> BoxFuture<'a, Option<Timestamp>> {
        let certificate: ssh_key::Certificate = issued.connection["certificate"].parse().expect("a certificate");
        Box::pin(std::future::ready(Some(Timestamp::from_millis(certificate.valid_before() as i64 * 1_000))))
    }
}
