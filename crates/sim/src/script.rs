//! What people, programs and bad luck do to the world.

use crate::invariants::{Broken, check_all, check_now, check_quiet};
use crate::world::{Trouble, World, person};
use curfew_connectors::postgres::fake::{Call, Fault, Power};
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_domain::{Id, Identity, Request, RequestState, ResourceName, Seconds};
use curfew_engine::seams::connector::PublicHalf;
use curfew_engine::seams::store::{Page, RequestFilter, Store};
use curfew_engine::{AskFor, GrantRef, Judging, RevokeWhat};
use futures::FutureExt;
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use std::sync::PoisonError;
use std::time::Duration;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The line-by-line story; the same seed gives the same bytes.
    pub trace: String,
    /// The first invariant that did not hold.
    pub broken: Option<Broken>,
    /// Boundaries passed: calls to targets and commits, before and after each.
    pub boundaries: u64,
    /// How often the server died.
    pub crashes: u32,
    /// Audit events written.
    pub events: u64,
}

/// A valid SCRAM verifier, whose secret nobody knows.
pub(crate) const VERIFIER: &str = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$\
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Plays one seed: `steps` random steps with trouble, then calm, then the end of all time limits.
pub fn run(seed: u64, steps: usize, trouble: Trouble) -> Run {
    let mut world = World::new(seed, trouble);
    world.pass(Duration::from_millis(50));
    let mut broken = None;
    for _ in 0..steps {
        step(&mut world, trouble);
        let length = *world.chance.pick(&[0, 0, 1, 1, 20, 20, 400, 5_000, 61_000, 400_000]);
        world.pass(Duration::from_millis(length));
        broken = check_now(&world).err();
        if broken.is_some() {
            break;
        }
    }
    let broken = broken.or_else(|| settle(&mut world).err());
    let head = block_on(world.store.tree_head());
    let root = head.as_ref().map(|h| hex::encode(Sha256::digest(h.root))).unwrap_or_default();
    world.note(&format!("the log ends with {root}"));
    if let Some(broken) = &broken {
        world.note(&format!("BROKEN {broken}"));
    }
    Run {
        trace: world.trace.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        broken,
        boundaries: world.edge.passed.load(std::sync::atomic::Ordering::SeqCst),
        crashes: world.crashes,
        events: head.map_or(0, |h| h.size),
    }
}

/// No more trouble: soon everything is consistent, and when every limit is over nothing is left.
fn settle(world: &mut World) -> Result<(), Broken> {
    world.calm();
    for resource in resources() {
        world.targets.set_power(&resource, Power::Up);
        world.targets.set_drift(&resource, Vec::new());
        world.targets.set_clock_offset(&resource, 0);
    }
    world.pass(Duration::from_secs(200));
    check_all(world)?;
    check_quiet(world)?;
    // A jump ahead is followed: everything that has a limit ends, at the latest now.
    world.clock.step(27 * 3_600 * 1_000);
    world.pass(Duration::from_secs(200));
    check_all(world)?;
    check_quiet(world)?;
    crate::invariants::check_nothing_left(world)
}

pub(crate) fn resources() -> [ResourceName; 2] {
    ["services/db", "services/mq"].map(|name| ResourceName::new(name).expect("INVARIANT: a name"))
}

fn step(world: &mut World, trouble: Trouble) {
    if trouble.target_fault_once_in > 0 && world.chance.one_in(trouble.target_fault_once_in) {
        return bad_luck(world);
    }
    match world.chance.below(24) {
        0..=6 => ask(world),
        7..=12 => judge(world),
        13..=18 => activate(world),
        19 | 20 => end(world),
        21 | 22 => log_in(world),
        _ => withdraw(world),
    }
}

fn somebody(world: &World) -> Identity {
    person(world.chance.word(&["dev", "eve", "mallory", "ann", "bob", "root"]))
}

fn recent(world: &World) -> Vec<Request> {
    let page = Page { before: None, limit: 6 };
    block_on(world.store.requests(&RequestFilter::default(), page)).unwrap_or_default()
}

/// Mostly one for which the step makes sense, now and then any.
fn some_request(world: &World, fits: fn(&Request) -> bool) -> Option<Request> {
    let recent = recent(world);
    let fitting: Vec<Request> = recent.iter().filter(|r| fits(r)).cloned().collect();
    let from = if fitting.is_empty() || world.chance.one_in(5) { recent } else { fitting };
    (!from.is_empty()).then(|| world.chance.pick(&from).clone())
}

fn is_pending(request: &Request) -> bool {
    matches!(request.state, RequestState::Pending)
}

fn has_grant(request: &Request) -> bool {
    request.grant_id().is_some()
}

fn ask(world: &mut World) {
    let who = if world.chance.one_in(3) { somebody(world) } else { person(world.chance.word(&["dev", "eve"])) };
    let role = world.chance.word(&["debug", "everywhere", "glance"]);
    let duration = world.chance.pick(&[None, None, Some(5), Some(90), Some(120), Some(90_000)]).map(Seconds::new);
    let ask = AskFor {
        role: role.parse().expect("INVARIANT: a role name"),
        resources: Vec::new(),
        actions: Vec::new(),
        duration,
        reason: "the orders are stuck".to_owned(),
        ticket: String::new(),
    };
    let key = format!("key-{}", world.chance.next());
    let clicks = if world.chance.one_in(4) { 2 } else { 1 };
    for _ in 0..clicks {
        let (engine, who, ask, key) = (world.engine.clone(), who.clone(), ask.clone(), key.clone());
        let what = format!("{} asks for {role}", who.subject.label());
        let verb = async move { show(engine.request(&who, ask, Some(&key)).await.map(|r| r.id.to_string())) };
        world.begin(what, verb.boxed());
    }
}

fn judge(world: &mut World) {
    let Some(request) = some_request(world, is_pending) else { return };
    let people = ["ann", "ann", "bob", "dev", "mallory"];
    let verdicts = 1 + world.chance.below(3);
    for _ in 0..verdicts {
        let who = person(world.chance.word(&people));
        let narrowed = world
            .chance
            .one_in(5)
            .then(|| curfew_domain::request::Narrowed { duration_seconds: Some(Seconds::new(60)), actions: None });
        let digest = if world.chance.one_in(10) { "00".repeat(32) } else { request.digest() };
        let judging = Judging { digest, reason: "seen".to_owned(), narrowed };
        let (engine, id) = (world.engine.clone(), request.id);
        if world.chance.one_in(3) {
            let what = format!("{} denies {id}", who.subject.label());
            world.begin(
                what,
                async move { show(engine.deny(&who, id, judging).await.map(|r| r.state_word().to_owned())) }.boxed(),
            );
        } else {
            let what = format!("{} approves {id}", who.subject.label());
            world.begin(
                what,
                async move { show(engine.approve(&who, id, judging).await.map(|r| r.state_word().to_owned())) }.boxed(),
            );
        }
    }
}

fn activate(world: &mut World) {
    let Some(request) = some_request(world, has_grant) else { return };
    let mut clicks = 1 + world.chance.below(2);
    if request.grant_id().is_none() {
        clicks = usize::from(world.chance.one_in(4));
    }
    for _ in 0..clicks {
        let email = request.subject.email.as_ref().map_or("dev", |e| e.as_str().split('@').next().unwrap_or("dev"));
        let who = if world.chance.one_in(8) { somebody(world) } else { person(email) };
        let half = PublicHalf { kind: "scram_sha_256".to_owned(), value: VERIFIER.to_owned() };
        let halves = request.scope.by_resource().into_keys().map(|name| (name, half.clone())).collect();
        let (engine, id): (_, Id<Request>) = (world.engine.clone(), request.id);
        let what = format!("{} activates {id}", who.subject.label());
        let verb = async move {
            show(
                engine
                    .activate(&who, GrantRef::Request(id), halves)
                    .await
                    .map(|a| format!("{} {}", a.grant.id, a.grant.state_word())),
            )
        };
        world.begin(what, verb.boxed());
    }
}

fn end(world: &mut World) {
    let Some(request) = some_request(world, has_grant) else { return };
    let which = GrantRef::Request(request.id);
    let engine = world.engine.clone();
    if world.chance.one_in(2) {
        let who = Identity { subject: request.subject.clone(), groups: request.groups.clone() };
        let what = format!("{} returns {}", who.subject.label(), request.id);
        world.begin(
            what,
            async move { show(engine.give_back(&who, which).await.map(|g| g.state_word().to_owned())) }.boxed(),
        );
    } else {
        let who = person(world.chance.word(&["root", "ann", "mallory"]));
        let what = format!("{} revokes {}", who.subject.label(), request.id);
        let verb = async move {
            show(engine.revoke(&who, RevokeWhat::One(which), "enough").await.map(|g| g.len().to_string()))
        };
        world.begin(what, verb.boxed());
    }
}

fn withdraw(world: &mut World) {
    let Some(request) = some_request(world, is_pending) else { return };
    let who = if world.chance.one_in(4) {
        somebody(world)
    } else {
        Identity { subject: request.subject.clone(), groups: request.groups.clone() }
    };
    let engine = world.engine.clone();
    let what = format!("{} withdraws {}", who.subject.label(), request.id);
    world.begin(
        what,
        async move { show(engine.withdraw(&who, request.id).await.map(|r| r.state_word().to_owned())) }.boxed(),
    );
}

/// A subject opens a session in a target, which nothing but Curfew closes.
fn log_in(world: &mut World) {
    for resource in resources() {
        for role in world.targets.roles(&resource) {
            let outcome = world.targets.log_in(&resource, &role.name);
            if outcome.is_ok() && world.chance.one_in(3) {
                world.targets.tamper(&resource, &role.name, |role| role.owns.push(scrap()));
            }
            world.note(&format!("{} logs in to {resource}: {outcome:?}", role.name));
        }
    }
}

/// Something a subject leaves lying about.
fn scrap() -> Leftover {
    Leftover {
        kind: "table".to_owned(),
        name: "public.scrap".to_owned(),
        database: "fake".to_owned(),
        done: LeftoverDone::Reported,
    }
}

fn bad_luck(world: &mut World) {
    let resource = world.chance.pick(&resources()).clone();
    match world.chance.below(9) {
        0 => {
            world.note(&format!("{resource} goes down"));
            world.targets.set_power(&resource, Power::Down);
        }
        1 | 2 => {
            world.note(&format!("{resource} comes up"));
            world.targets.set_power(&resource, Power::Up);
        }
        3 => {
            let fault = *world.chance.pick(&[
                Fault::Slow(Duration::from_secs(7)),
                Fault::LoseReply,
                Fault::Refuse,
                Fault::Down,
            ]);
            let call = *world.chance.pick(&[Call::Issue, Call::Revoke, Call::Observe, Call::Probe]);
            world.note(&format!("the next {call:?} of {resource} meets {fault:?}"));
            world.targets.break_next(&resource, call, fault);
        }
        4 => {
            let step = *world.chance.pick(&[-3_600_000, -10_000, 10_000, 3_600_000]);
            world.note(&format!("the wall clock steps {step} ms"));
            world.clock.step(step);
        }
        5 => {
            let roles = world.targets.roles(&resource);
            if !roles.is_empty() {
                let name = world.chance.pick(&roles).name.clone();
                world.note(&format!("somebody drops {name} in {resource}"));
                world.targets.remove(&resource, &name);
            }
        }
        6 => {
            world.note(&format!("somebody makes a role of another Curfew in {resource}"));
            let marker = "curfew:ffffffffffffffff:lse_00000000000000000000000000:1".to_owned();
            world.targets.plant(&resource, &format!("cf_other_{}", world.chance.below(1_000)), Some(marker));
        }
        7 => {
            let offset = *world.chance.pick(&[-2_000, 0, 2_000]);
            world.note(&format!("{resource}'s clock is {offset} ms off"));
            world.targets.set_clock_offset(&resource, offset);
        }
        _ => world.die_and_return(),
    }
}

fn show<E: std::fmt::Display>(outcome: Result<String, E>) -> String {
    outcome.unwrap_or_else(|error| format!("no: {error}"))
}
