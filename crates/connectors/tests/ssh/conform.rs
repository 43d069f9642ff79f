//! The suite that holds every connector, run on the real one and on the fake.

use crate::world::{Hours, World, actions, half, target};
use curfew_connectors::conformance::{self, Harness, Meddled, Meddling};
use curfew_connectors::ssh::fake::{Call, FakeSsh, Fault};
use curfew_domain::{ActionName, Id, Lease, Timestamp};
use curfew_engine::seams::connector::{Issued, PublicHalf, Target};
use curfew_engine::seams::{BoxFuture, Clock, Connector};
use curfew_store::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Real {
    world: World,
    lose: Arc<AtomicBool>,
}

fn expiry(issued: &Issued) -> Option<Timestamp> {
    let certificate: ssh_key::Certificate = issued.connection["certificate"].parse().expect("a certificate");
    Some(Timestamp::from_millis(certificate.valid_before() as i64 * 1_000))
}

impl Harness for Real {
    fn connector(&self) -> &dyn Connector {
        &self.world.ssh
    }
    fn target(&self) -> Target {
        target("hosts/web")
    }
    fn actions(&self) -> Vec<ActionName> {
        actions()
    }
    fn public_half(&self) -> PublicHalf {
        half()
    }
    fn now(&self) -> Timestamp {
        self.world.hours.wall()
    }
    fn lease(&self) -> Id<Lease> {
        self.world.lease()
    }
    fn meddle<'a>(&'a self, meddling: Meddling<'a>) -> BoxFuture<'a, Meddled> {
        let answer = match meddling {
            Meddling::LoseNextReply => {
                self.lose.store(true, Ordering::SeqCst);
                Meddled::Done
            }
            // A certificate is with its subject: nobody can take it away or change what it says.
            Meddling::RemoveByHand(_) | Meddling::MarkAsAnothers(_) | Meddling::RemoveMarker(_) => {
                Meddled::NotApplicable
            }
        };
        Box::pin(std::future::ready(answer))
    }
    fn lets_in<'a>(&'a self, _: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<bool>> {
        // There is no host here; the tests with real ones log in.
        Box::pin(std::future::ready(None))
    }
    fn expiry<'a>(&'a self, _: &'a str, issued: &'a Issued) -> BoxFuture<'a, Option<Timestamp>> {
        Box::pin(std::future::ready(expiry(issued)))
    }
}

#[tokio::test]
async fn the_connector_conforms() {
    let lose = Arc::new(AtomicBool::new(false));
    let faults = lose.clone();
    let store = MemoryStore::default().with_faults(Arc::new(move |_| match faults.swap(false, Ordering::SeqCst) {
        true => curfew_store::memory::Fault::LoseReply,
        false => curfew_store::memory::Fault::None,
    }));
    conformance::run(&Real { world: World::over(store), lose }).await;
}

struct Fake {
    world: World,
    fake: FakeSsh,
}

impl Harness for Fake {
    fn connector(&self) -> &dyn Connector {
        &self.fake
    }
    fn target(&self) -> Target {
        target("hosts/web")
    }
    fn actions(&self) -> Vec<ActionName> {
        actions()
    }
    fn public_half(&self) -> PublicHalf {
        half()
    }
    fn now(&self) -> Timestamp {
        self.world.hours.wall()
    }
    fn lease(&self) -> Id<Lease> {
        self.world.lease()
    }
    fn meddle<'a>(&'a self, meddling: Meddling<'a>) -> BoxFuture<'a, Meddled> {
        let resource = self.target().resource;
        let answer = match meddling {
            Meddling::RemoveByHand(name) => {
                self.fake.remove(&resource, name);
                Meddled::Done
            }
            Meddling::LoseNextReply => {
                self.fake.break_next(&resource, Call::Issue, Fault::LoseReply);
                Meddled::Done
            }
            Meddling::MarkAsAnothers(_) | Meddling::RemoveMarker(_) => Meddled::NotApplicable,
        };
        Box::pin(std::future::ready(answer))
    }
    fn lets_in<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<bool>> {
        let resource = self.target().resource;
        Box::pin(std::future::ready(Some(self.fake.log_in(&resource, name).is_ok())))
    }
    fn expiry<'a>(&'a self, name: &'a str, _: &'a Issued) -> BoxFuture<'a, Option<Timestamp>> {
        let made = self.fake.certificates(&self.target().resource);
        let found = made.into_iter().find(|c| c.name == name).map(|c| c.marker.expires_at);
        Box::pin(std::future::ready(found))
    }
}

#[tokio::test]
async fn the_fake_conforms() {
    let world = World::over(MemoryStore::default());
    let clock: Arc<Hours> = world.hours.clone();
    let fake = FakeSsh::new(clock);
    conformance::run(&Fake { world, fake }).await;
}
