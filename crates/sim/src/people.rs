//! What people do: ask, judge, claim, log in, give back.

use crate::memory::Promise;
use crate::script::show;
use crate::targets::{Kind, Presence, Targets, kind, public_half, resources};
use crate::world::{World, person};
use curfew_connectors::postgres::fake::{Call, Fault};
use curfew_domain::approval::Narrowed;
use curfew_domain::lease::handle;
use curfew_domain::{GrantState, Identity, LeaseState, Request, RequestState, Seconds};
use curfew_engine::seams::store::{GrantFilter, Page, RequestFilter, Store};
use curfew_engine::{Activation, AskFor, Claim, Engine, ExtendBy, GrantRef, Judging, RevokeWhat};
use curfew_policy::{Approval, PolicySet};
use futures::FutureExt;
use futures::executor::block_on;
use std::collections::BTreeSet;
use std::time::Duration;

fn somebody(world: &World) -> Identity {
    person(world.chance.word(&["dev", "eve", "mallory", "ann", "bob", "root"]))
}

/// Mostly one for which the step makes sense, now and then any.
fn some_request(world: &World, fits: fn(&Request) -> bool) -> Option<Request> {
    let page = Page { before: None, limit: 6 };
    let recent = block_on(world.store.requests(&RequestFilter::default(), page)).unwrap_or_default();
    let fitting: Vec<Request> = recent.iter().filter(|r| fits(r)).cloned().collect();
    let from = if fitting.is_empty() || world.chance.one_in(5) { recent } else { fitting };
    (!from.is_empty()).then(|| world.chance.pick(&from).clone())
}

/// One whose grant gives access now; now and then none, although there is one.
fn active_request(world: &World) -> Option<Request> {
    let page = Page { before: None, limit: 20 };
    let grants = block_on(world.store.grants(&GrantFilter::default(), page)).unwrap_or_default();
    let active: Vec<_> = grants.iter().filter(|grant| matches!(grant.state, GrantState::Active { .. })).collect();
    if active.is_empty() || world.chance.one_in(6) {
        return None;
    }
    block_on(world.store.request(world.chance.pick(&active).request_id)).ok().flatten()
}

fn is_pending(request: &Request) -> bool {
    matches!(request.state, RequestState::Pending)
}

fn has_grant(request: &Request) -> bool {
    request.grant_id().is_some()
}

pub(crate) fn ask(world: &mut World) {
    let who = if world.chance.one_in(3) { somebody(world) } else { person(world.chance.word(&["dev", "eve"])) };
    let role = world.chance.word(&["debug", "everywhere", "oncall", "oncall", "glance", "tail"]);
    let duration = world.chance.pick(&[None, None, Some(5), Some(90), Some(120), Some(90_000)]).map(Seconds::new);
    let ask = AskFor {
        role: role.parse().expect("INVARIANT: a role name"),
        resources: Vec::new(),
        actions: Vec::new(),
        duration,
        reason: "the orders are stuck".to_owned(),
        ticket: String::new(),
        inputs: curfew_domain::Inputs::new(),
        source_ip: None,
        client: None,
    };
    let key = format!("key-{}", world.chance.next());
    let clicks = if world.chance.one_in(4) { 2 } else { 1 };
    for _ in 0..clicks {
        let (engine, who, ask, key) = (world.engine.clone(), who.clone(), ask.clone(), key.clone());
        let promises = world.memory.promises.clone();
        let what = format!("{} asks for {role}", who.subject.label());
        let verb = async move {
            show(engine.request(&who, ask, Some(&key)).await.map(|request| {
                promises.add(Promise::Asked { key, request: request.id });
                request.id.to_string()
            }))
        };
        world.begin(what, verb.boxed());
    }
}

pub(crate) fn judge(world: &mut World) {
    let Some(request) = some_request(world, is_pending) else { return };
    let people = ["ann", "ann", "bob", "root", "dev", "mallory"];
    let verdicts = 1 + world.chance.below(3);
    for _ in 0..verdicts {
        let who = person(world.chance.word(&people));
        let narrowed = narrowing(world, &request);
        let digest = if world.chance.one_in(10) { "00".repeat(32) } else { request.digest() };
        let judging = Judging { digest, reason: "seen".to_owned(), narrowed, artefact: None };
        let (engine, id, promises) = (world.engine.clone(), request.id, world.memory.promises.clone());
        if world.chance.one_in(3) {
            let what = format!("{} denies {id}", who.subject.label());
            let verb = async move {
                show(engine.deny(&who, id, judging).await.map(|request| {
                    promises.add(Promise::Denied(id));
                    request.state_word().to_owned()
                }))
            };
            world.begin(what, verb.boxed());
        } else {
            let what = format!("{} approves {id}", who.subject.label());
            let verb = async move {
                show(engine.approve(&who, id, judging).await.map(|request| {
                    promises.add(Promise::Approved { request: id, by: who.subject.id.clone() });
                    request.state_word().to_owned()
                }))
            };
            world.begin(what, verb.boxed());
        }
    }
}

fn narrowing(world: &World, request: &Request) -> Option<Narrowed> {
    if !world.chance.one_in(3) {
        return None;
    }
    let duration_seconds = world.chance.one_in(2).then_some(Seconds::new(60));
    let all: Vec<_> = request.scope.actions().into_iter().collect();
    let actions = world.chance.one_in(2).then(|| BTreeSet::from([world.chance.pick(&all).clone()]));
    Some(Narrowed { duration_seconds, actions })
}

pub(crate) fn activate(world: &mut World) {
    let Some(request) = some_request(world, has_grant) else { return };
    let mut clicks = 1 + world.chance.below(2);
    if request.grant_id().is_none() {
        clicks = usize::from(world.chance.one_in(4));
    }
    let grant = request.grant_id().and_then(|id| block_on(world.store.grant(id)).ok().flatten());
    let scope = grant.map_or_else(|| request.scope.clone(), |grant| grant.scope);
    let slow = world.trouble.target_fault_once_in > 0 && world.chance.one_in(4);
    if slow {
        let resources: Vec<_> = scope.by_resource().into_keys().collect();
        let resource = world.chance.pick(&resources);
        world.note(&format!("{resource} is slow to give"));
        world.targets.break_next(resource, Call::Issue, Fault::Slow(Duration::from_secs(7)));
    }
    for _ in 0..clicks {
        let who = if world.chance.one_in(8) { somebody(world) } else { request.asker() };
        let halves = scope.by_resource().into_keys().map(|name| (name.clone(), public_half(&name))).collect();
        let (engine, targets, promises) = (world.engine.clone(), world.targets.clone(), world.memory.promises.clone());
        // A ledger that does not answer does not keep an end from being carried out: then it says more than there is.
        let ledger_is_exact = world.commits.is_calm();
        let id = request.id;
        let what = format!("{} activates {id}", who.subject.label());
        let verb = async move {
            let (policy, began) = (engine.policy(), engine.now());
            let given = match engine
                .activate(
                    &who,
                    GrantRef::Request(id),
                    Claim { halves, source_ip: None, client: None, presented: Vec::new() },
                )
                .await
            {
                Ok(given) => given,
                Err(error) => return format!("no: {error}"),
            };
            let is_new = given.leases.iter().all(|lease| lease.id.made_at() >= began);
            let wrong = match engine.store().request(id).await {
                Ok(Some(request)) if is_new => unbacked(&engine, &policy, &request)
                    .or_else(|| unshown(&targets, &given).filter(|_| ledger_is_exact)),
                Ok(_) | Err(_) => None,
            };
            let leases = given.leases.iter().map(|lease| lease.id).collect();
            promises.add(Promise::Activated { leases, wrong });
            format!("{} {}", given.grant.id, given.grant.state_word())
        };
        world.begin(what, verb.boxed());
    }
    if slow && world.chance.one_in(2) {
        // Its end is ordered while it is being made.
        world.pass(Duration::from_secs(1));
        end_of(world, &request);
    } else if world.chance.one_in(3) {
        world.pass(Duration::from_secs(1));
        extend(world);
    }
}

/// What was given and its target does not have.
fn unshown(targets: &Targets, given: &Activation) -> Option<String> {
    let live = given.leases.iter().filter(|lease| matches!(lease.state, LeaseState::Live { .. }));
    for lease in live {
        let name = handle(lease.id);
        let there = targets.look(&lease.resource).into_iter().any(|s| s.name == name && s.presence == Presence::There);
        if !there && !targets.was_removed(&name) {
            return Some(name);
        }
    }
    None
}

/// Whether the approvals that a request has are none by the policy in force, before and after.
fn unbacked(engine: &Engine, before: &PolicySet, request: &Request) -> Option<String> {
    let now = engine.policy();
    let backed = |policy: &PolicySet| {
        let Some(role) = policy.role(&request.role) else { return false };
        let Approval::Stages(stages) = &role.approval else { return true };
        stages.stages.iter().all(|stage| {
            let counts = request
                .approvals_in(&stage.name)
                .filter(|a| policy.may_approve(&request.role, &stage.name, &a.identity(), &request.subject).is_ok());
            counts.count() >= stage.require as usize
        })
    };
    (!backed(before) && !backed(&now)).then(|| format!("the approvals of {}", request.id))
}

pub(crate) fn extend(world: &mut World) {
    let Some(request) = active_request(world).or_else(|| some_request(world, has_grant)) else { return };
    let slow = world.trouble.target_fault_once_in > 0 && world.chance.one_in(4);
    if slow {
        let resources: Vec<_> = request.scope.by_resource().into_keys().collect();
        let resource = world.chance.pick(&resources);
        let fault = *world.chance.pick(&[Fault::Slow(Duration::from_secs(7)), Fault::LoseReply, Fault::LoseCall]);
        world.note(&format!("{resource} is in the way of more time"));
        world.targets.break_next(resource, Call::Extend, fault);
    }
    for _ in 0..1 + world.chance.below(2) {
        let who = if world.chance.one_in(6) { somebody(world) } else { request.asker() };
        let more = Seconds::new(*world.chance.pick(&[60, 300, 900, 90_000]));
        let (engine, promises, id) = (world.engine.clone(), world.memory.promises.clone(), request.id);
        let what = format!("{} asks for {more} more of {id}", who.subject.label());
        let verb = async move {
            let by = ExtendBy { more, source_ip: None };
            show(engine.extend(&who, GrantRef::Request(id), by, None).await.map(|given| {
                if let (Some(until), true) = (given.grant.until(), given.request.grant_id().is_some()) {
                    promises.add(Promise::Extended { grant: given.grant.id, until });
                }
                format!("{} {}", given.request.id, given.request.state_word())
            }))
        };
        world.begin(what, verb.boxed());
    }
    if slow && world.chance.one_in(2) {
        // Its end is ordered while it is being given more time.
        world.pass(Duration::from_secs(1));
        end_of(world, &request);
    }
}

pub(crate) fn end(world: &mut World) {
    if let Some(request) = some_request(world, has_grant) {
        end_of(world, &request);
    }
}

fn end_of(world: &mut World, request: &Request) {
    let which = GrantRef::Request(request.id);
    let (engine, promises) = (world.engine.clone(), world.memory.promises.clone());
    if world.chance.one_in(2) {
        let who = request.asker();
        let what = format!("{} returns {}", who.subject.label(), request.id);
        let verb = async move {
            show(engine.give_back(&who, which).await.map(|grant| {
                promises.add(Promise::Ended(grant.id));
                grant.state_word().to_owned()
            }))
        };
        world.begin(what, verb.boxed());
    } else {
        let who = person(world.chance.word(&["root", "ann", "mallory"]));
        let what = format!("{} revokes {}", who.subject.label(), request.id);
        let verb = async move {
            show(engine.revoke(&who, RevokeWhat::One(which), "enough").await.map(|grants| {
                grants.iter().for_each(|grant| promises.add(Promise::Ended(grant.id)));
                grants.len().to_string()
            }))
        };
        world.begin(what, verb.boxed());
    }
}

pub(crate) fn withdraw(world: &mut World) {
    let Some(request) = some_request(world, is_pending) else { return };
    let who = if world.chance.one_in(4) { somebody(world) } else { request.asker() };
    let (engine, promises) = (world.engine.clone(), world.memory.promises.clone());
    let what = format!("{} withdraws {}", who.subject.label(), request.id);
    let verb = async move {
        show(engine.withdraw(&who, request.id).await.map(|request| {
            promises.add(Promise::Withdrawn(request.id));
            request.state_word().to_owned()
        }))
    };
    world.begin(what, verb.boxed());
}

/// Subjects open sessions with what they have, which nothing but Curfew and the target's own expiry closes.
pub(crate) fn log_in(world: &mut World) {
    for resource in resources() {
        for shown in world.targets.look(&resource).into_iter().filter(|s| s.presence == Presence::There) {
            // The name of what was never answered for is known to nobody.
            let Some(marker) = &shown.marker else { continue };
            let lease = block_on(world.store.lease(marker.lease)).ok().flatten();
            if lease.is_some_and(|l| matches!(l.state, LeaseState::Wanted | LeaseState::Issuing { .. })) {
                continue;
            }
            let outcome = world.targets.log_in(&resource, &shown.name);
            if outcome.is_ok() && kind(&resource) == Kind::Database && world.chance.one_in(3) {
                world.targets.litter(&resource, &shown.name);
            }
            world.note(&format!("{} logs in to {resource}: {outcome:?}", shown.name));
        }
    }
}
