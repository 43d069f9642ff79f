//! One suite for the connector and its fake.

use crate::support::{EVERY, Site, clock, half, new_lease, random};
use curfew_connectors::conformance::{self, Harness, Meddled, Meddling};
use curfew_connectors::postgres::fake::{Call, FakePostgres, Fault};
use curfew_domain::lease::Definition;
use curfew_domain::{ActionName, Id, Lease, ResourceName, Timestamp};
use curfew_engine::seams::connector::{Issued, PublicHalf, Target};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use std::sync::Arc;

const ANOTHERS: &str = "curfew:ffffffffffffffff:lse_00000000000000000000000000:1";

struct Real {
    site: Site,
}

impl Harness for Real {
    fn connector(&self) -> &dyn Connector {
        &self.site.connector
    }
    fn target(&self) -> Target {
        self.site.target.clone()
    }
    fn actions(&self) -> Vec<ActionName> {
        ["read", "write"].map(|a| ActionName::new(a).unwrap()).to_vec()
    }
    fn public_half(&self) -> PublicHalf {
        half(&hex::encode(random::<32>()), 1)
    }
    fn now(&self) -> Timestamp {
        self.site.clock.wall()
    }
    fn lease(&self) -> Id<Lease> {
        new_lease(self.now())
    }
    fn meddle<'a>(&'a self, meddling: Meddling<'a>) -> BoxFuture<'a, Meddled> {
        Box::pin(async move {
            let sql = match meddling {
                Meddling::RemoveByHand(name) => format!("DROP ROLE \"{name}\""),
                Meddling::MarkAsAnothers(name) => format!("COMMENT ON ROLE \"{name}\" IS '{ANOTHERS}'"),
                Meddling::RemoveMarker(name) => format!("COMMENT ON ROLE \"{name}\" IS NULL"),
                Meddling::LoseNextReply => return Meddled::NotApplicable,
            };
            self.site.sql(&sql).await;
            Meddled::Done
        })
    }
    fn lets_in<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT count(*) FROM pg_roles WHERE rolname = '{name}' AND rolcanlogin AND rolvaliduntil > now()"
            );
            Some(self.site.value(&sql).await == "1")
        })
    }
    fn expiry<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<Timestamp>> {
        Box::pin(async move {
            let sql = format!(
                "SELECT (extract(epoch FROM rolvaliduntil) * 1000)::bigint FROM pg_roles WHERE rolname = '{name}'"
            );
            self.site.value(&sql).await.parse().ok().map(Timestamp::from_millis)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_conforms() {
    for (version, manager) in EVERY {
        let Some(site) = Site::new(version, manager).await else { continue };
        conformance::run(&Real { site }).await;
    }
}

struct Fake {
    fake: FakePostgres,
    clock: Arc<dyn Clock>,
}

impl Fake {
    fn resource(&self) -> ResourceName {
        ResourceName::new("services/db").unwrap()
    }
}

impl Harness for Fake {
    fn connector(&self) -> &dyn Connector {
        &self.fake
    }
    fn target(&self) -> Target {
        Target {
            resource: self.resource(),
            definition: Definition { admin: None, settings: serde_json::json!({}) },
            admin: None,
            installation: "0123456789abcdef".to_owned(),
            epoch: 7,
            mark: curfew_engine::seams::connector::LedgerMark::default(),
        }
    }
    fn actions(&self) -> Vec<ActionName> {
        vec![ActionName::new("read").unwrap()]
    }
    fn public_half(&self) -> PublicHalf {
        half("secret", 1)
    }
    fn now(&self) -> Timestamp {
        self.clock.wall()
    }
    fn lease(&self) -> Id<Lease> {
        new_lease(self.now())
    }
    fn meddle<'a>(&'a self, meddling: Meddling<'a>) -> BoxFuture<'a, Meddled> {
        let resource = self.resource();
        match meddling {
            Meddling::RemoveByHand(name) => self.fake.remove(&resource, name),
            Meddling::MarkAsAnothers(name) => {
                self.fake.tamper(&resource, name, |role| role.comment = Some(ANOTHERS.to_owned()));
            }
            Meddling::RemoveMarker(name) => {
                self.fake.tamper(&resource, name, |role| role.comment = None);
            }
            Meddling::LoseNextReply => self.fake.break_next(&resource, Call::Issue, Fault::LoseReply),
        }
        Box::pin(async { Meddled::Done })
    }
    fn lets_in<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move { Some(self.fake.log_in(&self.resource(), name).is_ok()) })
    }
    fn expiry<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<Timestamp>> {
        let roles = self.fake.roles(&self.resource());
        Box::pin(async move { roles.into_iter().find(|r| r.name == name).map(|r| r.valid_until) })
    }
}

#[tokio::test]
async fn the_fake_conforms() {
    let clock = clock();
    conformance::run(&Fake { fake: FakePostgres::new(Arc::clone(&clock)), clock }).await;
}
