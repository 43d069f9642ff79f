//! Single histories, each of something that once went wrong or nearly did.

use crate::invariants::{check_all, check_now, check_quiet};
use crate::policies::{Rules, policy};
use crate::targets::{public_half, resources};
use crate::world::{Trouble, World, person};
use curfew_connectors::ssh::fake::{Agent, Power};
use curfew_domain::audit::AuditAction;
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_domain::{EndCause, Grant, GrantState, Id, LeaseState, Request, ResourceName, Subject, limits};
use curfew_engine::seams::Clock;
use curfew_engine::seams::connector::Marker;
use curfew_engine::seams::store::{Change, Page, Store};
use curfew_engine::{ActivateError, Activation, AskFor, Claim, GrantRef, Judging, Which};
use futures::FutureExt;
use futures::executor::block_on;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn calm_world() -> World {
    let mut world = World::new(7, Trouble::default());
    world.pass(Duration::from_millis(50));
    world
}

/// Lets the world turn until a verb is done.
fn done<T: Send + 'static>(world: &mut World, verb: impl Future<Output = T> + Send + 'static) -> T {
    let answer = Arc::new(Mutex::new(None));
    let told = answer.clone();
    let tell = async move {
        *told.lock().expect("not poisoned") = Some(verb.await);
        "done".to_owned()
    };
    world.begin("a verb".to_owned(), tell.boxed());
    for _ in 0..100 {
        world.pass(Duration::from_millis(500));
        if let Some(answer) = answer.lock().expect("not poisoned").take() {
            return answer;
        }
    }
    panic!("it is not done after 50 s");
}

fn ask(world: &mut World, who: &str, role: &str) -> Request {
    let ask = AskFor {
        role: role.parse().expect("a role"),
        resources: Vec::new(),
        actions: Vec::new(),
        duration: None,
        reason: "the orders are stuck".to_owned(),
        ticket: String::new(),
        inputs: curfew_domain::Inputs::new(),
        source_ip: None,
        client: None,
    };
    let (engine, who) = (world.engine.clone(), person(who));
    done(world, async move { engine.request(&who, ask, None).await }).expect("asked")
}

/// Somebody has access by a role that ann approves.
fn active(world: &mut World, who: &str, role: &str) -> Id<Grant> {
    let request = ask(world, who, role);
    let (engine, id) = (world.engine.clone(), request.id);
    if request.grant_id().is_none() {
        let judging = Judging { digest: request.digest(), reason: "seen".to_owned(), narrowed: None, artefact: None };
        done(world, async move { engine.approve(&person("ann"), id, judging).await }).expect("approved");
    }
    claim(world, &request).expect("activated").grant.id
}

/// Whoever asked claims it.
fn claim(world: &mut World, request: &Request) -> Result<Activation, ActivateError> {
    let halves: Vec<_> =
        request.scope.by_resource().into_keys().map(|name| (name.clone(), public_half(&name))).collect();
    let (engine, who, which) = (world.engine.clone(), request.asker(), GrantRef::Request(request.id));
    done(world, async move {
        engine.activate(&who, which, Claim { halves, source_ip: None, client: None, presented: Vec::new() }).await
    })
}

fn grant(world: &World, id: Id<Grant>) -> Grant {
    block_on(world.store.grant(id)).expect("read").expect("there")
}

fn cause(world: &World, id: Id<Grant>) -> Option<EndCause> {
    match grant(world, id).state {
        GrantState::Ended { cause, .. } => Some(cause),
        GrantState::Approved { .. }
        | GrantState::Activating { .. }
        | GrantState::Active { .. }
        | GrantState::Ending { .. } => None,
    }
}

fn open(world: &World) -> usize {
    resources().iter().flat_map(|resource| world.targets.look(resource)).filter(|thing| thing.is_open()).count()
}

#[test]
fn whom_a_policy_denies_is_ended_when_it_comes_with_a_restart() {
    let mut world = calm_world();
    let (denied, kept) = (active(&mut world, "dev", "oncall"), active(&mut world, "dev", "everywhere"));
    assert_eq!(open(&world), 5);
    world.rules = policy(Rules::Narrow);
    world.die_and_return();
    world.pass(Duration::from_secs(1));
    assert_eq!(cause(&world, denied), Some(EndCause::PolicyChanged));
    assert!(matches!(grant(&world, kept).state, GrantState::Active { .. }));
    assert_eq!(open(&world), 2);
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

#[test]
fn whom_a_policy_denies_is_ended_when_the_first_order_was_lost() {
    let mut world = calm_world();
    let denied = active(&mut world, "dev", "oncall");
    // The policy's own order, and that of the look at the targets that comes with it.
    world.commits.ends_that_fail.store(2, std::sync::atomic::Ordering::SeqCst);
    world.rules = policy(Rules::Narrow);
    let (engine, set) = (world.engine.clone(), world.rules.clone());
    done(&mut world, async move { engine.apply_policy(set, &Subject::system()).await }).expect("in force");
    assert_eq!(world.commits.ends_that_fail.load(std::sync::atomic::Ordering::SeqCst), 0, "both were lost");
    world.pass(Duration::from_secs(5));
    assert_eq!(open(&world), 0, "the targets do not wait for the ledger");
    world.pass(Duration::from_secs(65));
    assert!(cause(&world, denied).is_some(), "{:?}", grant(&world, denied).state);
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

#[test]
fn what_a_look_finds_wrong_ends_though_the_order_was_lost() {
    let mut world = calm_world();
    let missed = active(&mut world, "dev", "glance");
    let mq: ResourceName = "services/mq".parse().expect("a name");
    let name = world.targets.look(&mq).remove(0).name;
    world.targets.remove(&mq, &name);
    world.commits.ends_that_fail.store(1, std::sync::atomic::Ordering::SeqCst);
    let engine = world.engine.clone();
    done(&mut world, async move { engine.reconcile().await }).expect("looked");
    assert_eq!(world.commits.ends_that_fail.load(std::sync::atomic::Ordering::SeqCst), 0, "it was lost");
    // And not at the next look, which is a minute later.
    world.pass(Duration::from_secs(5));
    assert_eq!(cause(&world, missed), Some(EndCause::Revoked));
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

#[test]
fn ones_own_requests_are_found_beneath_5001_newer_ones_of_others() {
    let mut world = calm_world();
    let own = ask(&mut world, "dev", "debug");
    let template = ask(&mut world, "eve", "debug");
    let newer = (0..5_001_u128).map(|n| {
        let id = Id::from_u128(template.id.as_u128() + 1 + n);
        Change::Request(Box::new(Request::created(Request { id, ..template.clone() })))
    });
    block_on(world.store.commit(newer.collect())).expect("committed");
    let dev = person("dev");
    let page = |before| Page { before, limit: 20 };
    let mine = block_on(world.engine.list_requests(&dev, Which::Mine, page(None))).expect("read");
    assert_eq!(mine.requests.iter().map(|r| r.id).collect::<Vec<_>>(), [own.id]);
    for which in [Which::Visible, Which::Pending] {
        let (mut before, mut seen, mut pages) = (None, Vec::new(), 0);
        loop {
            let found = block_on(world.engine.list_requests(&dev, which, page(before))).expect("read");
            seen.extend(found.requests.into_iter().map(|r| r.id));
            pages += 1;
            assert!(pages <= 10, "a page looks through a thousand rows: {which:?}");
            before = found.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [own.id], "{which:?}");
    }
}

#[test]
fn evidence_of_any_number_of_leftovers_is_bounded() {
    let mut world = calm_world();
    let id = active(&mut world, "dev", "debug");
    let db: ResourceName = "services/db".parse().expect("a name");
    let name = world.targets.look(&db).remove(0).name;
    let leftover = |n: usize| Leftover {
        kind: "table".to_owned(),
        name: format!("public.t{n}{}", if n < 50 { "\u{1}".repeat(60_000) } else { String::new() }),
        database: "app".to_owned(),
        done: LeftoverDone::Reported,
    };
    world.targets.databases.tamper(&db, &name, |role| role.owns = (0..5_000).map(leftover).collect());
    let engine = world.engine.clone();
    done(&mut world, async move { engine.give_back(&person("dev"), GrantRef::Grant(id)).await }).expect("returned");
    world.pass(Duration::from_secs(5));
    let leases = block_on(world.store.leases(&grant(&world, id).leases)).expect("read");
    let LeaseState::Revoked { leftovers, .. } = &leases[0].state else { panic!("{:?}", leases[0].state.word()) };
    assert!(leftovers.len() > 500 && leftovers.len() <= limits::LEFTOVERS_NAMED + 1, "{}", leftovers.len());
    assert!(leftovers.last().is_some_and(|last| last.name.ends_with("more, which the target's own catalog lists")));
    let events = block_on(world.store.events(0, usize::MAX)).expect("read");
    let longest = events.iter().map(|event| event.to_line().len()).max().expect("events");
    assert!(longest < limits::AUDIT_DETAILS_BYTES / 4, "{longest} bytes");
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("the events give the state all the same");
}

/// A ledger is set back to before `count` grants that are active now.
fn set_back(count: usize) -> World {
    let mut world = calm_world();
    world.back_up();
    for _ in 0..count {
        active(&mut world, "dev", "glance");
    }
    assert_eq!(open(&world), count);
    world.restore();
    world.pass(Duration::from_secs(5));
    world
}

fn alarms(world: &World) -> Vec<String> {
    let events = block_on(world.store.events(0, usize::MAX)).expect("read");
    let drift = events.into_iter().filter(|e| e.event.action == AuditAction::TargetDrift);
    drift.map(|e| e.event.because).collect()
}

#[test]
fn what_a_restored_ledger_does_not_know_is_locked() {
    let mut world = set_back(20);
    let (copy, strangers): (Vec<_>, Vec<_>) = alarms(&world).into_iter().partition(|a| a.contains("an older copy"));
    assert_eq!((open(&world), copy.len(), strangers.len()), (0, 1, 20));
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

#[test]
fn beyond_the_blast_limit_people_are_told_and_nothing_is_touched() {
    let mut world = set_back(21);
    assert_eq!(open(&world), 21);
    let alarms = alarms(&world);
    assert_eq!(alarms.len(), 2);
    assert!(alarms.iter().any(|a| a.contains("more than the blast limit of 20")), "{alarms:?}");
    check_now(&mut world).expect("every invariant");
    let other = active(&mut world, "eve", "debug");
    world.pass(Duration::from_secs(700));
    assert_eq!(cause(&world, other), Some(EndCause::Expired), "what the ledger orders goes on");
}

#[test]
fn a_restored_ledger_gives_no_role_back_that_had_ended() {
    let mut world = calm_world();
    let id = active(&mut world, "dev", "everywhere");
    world.back_up();
    let engine = world.engine.clone();
    done(&mut world, async move { engine.give_back(&person("dev"), GrantRef::Grant(id)).await }).expect("returned");
    world.pass(Duration::from_secs(5));
    assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }));
    world.restore();
    world.pass(Duration::from_secs(5));
    assert_eq!(open(&world), 0);
    assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }), "{:?}", grant(&world, id).state);
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

#[test]
fn an_end_waits_for_a_host_that_is_late() {
    let mut world = calm_world();
    let id = active(&mut world, "dev", "tail");
    let web: ResourceName = "hosts/web".parse().expect("a name");
    let name = world.targets.look(&web).remove(0).name;
    world.targets.log_in(&web, &name).expect("in");
    world.targets.hosts.set_agent(&web, Agent::Late);
    let engine = world.engine.clone();
    done(&mut world, async move { engine.give_back(&person("dev"), GrantRef::Grant(id)).await }).expect("returned");
    for _ in 0..2 {
        world.pass(Duration::from_secs(30));
        assert!(matches!(grant(&world, id).state, GrantState::Ending { .. }), "its host has not said so");
        check_now(&mut world).expect("every invariant");
        world.targets.hosts.take_turn(&web);
    }
    world.pass(Duration::from_secs(5));
    assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }));
    assert_eq!(open(&world), 0);
}

#[test]
fn a_call_of_a_dead_server_makes_nothing() {
    let world = late_call_makes_nothing(|_, _| ());
    assert!(world.trace.lock().expect("not poisoned").contains("0 of 1 made in services/mq"));
}

#[test]
fn a_call_of_a_dead_server_makes_nothing_though_the_next_one_was_not_heard_at_first() {
    use curfew_connectors::postgres::fake::{Call, Fault};
    late_call_makes_nothing(|world, mq| world.targets.break_next(mq, Call::Prepare, Fault::Down));
}

/// A server dies with a call on its way, and something is in the way of the one that follows.
fn late_call_makes_nothing(in_the_way: impl Fn(&World, &ResourceName)) -> World {
    let mut world = calm_world();
    let request = ask(&mut world, "dev", "glance");
    let halves: Vec<_> =
        request.scope.by_resource().into_keys().map(|name| (name.clone(), public_half(&name))).collect();
    let mq: ResourceName = "services/mq".parse().expect("a name");
    // The call is on its way for as long as the target is slow, and that is when the server dies.
    let slow = curfew_connectors::postgres::fake::Fault::Slow(Duration::from_secs(7));
    while world.late.is_empty() {
        world.targets.break_next(&mq, curfew_connectors::postgres::fake::Call::Issue, slow);
        let (engine, halves, id) = (world.engine.clone(), halves.clone(), request.id);
        let verb = async move {
            format!(
                "{:?}",
                engine
                    .activate(
                        &person("dev"),
                        GrantRef::Request(id),
                        Claim { halves, source_ip: None, client: None, presented: Vec::new() }
                    )
                    .await
            )
        };
        world.begin("dev activates".to_owned(), verb.boxed());
        world.pass(Duration::from_secs(1));
        in_the_way(&world, &mq);
        world.die_and_return();
        world.pass(Duration::from_millis(1));
    }
    world.late_call();
    world.pass(Duration::from_secs(10));
    assert_eq!(open(&world), 0);
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
    world
}

#[test]
fn what_nobody_knows_is_locked_and_named() {
    let mut world = calm_world();
    for (n, resource) in resources().iter().enumerate() {
        let expires_at = world.clock.wall().plus(curfew_domain::Seconds::new(600));
        let lease = Id::from_u128(900 + n as u128);
        world.targets.plant(resource, &Marker { installation: world.engine.installation(), lease, expires_at });
        world.memory.orphans.insert(lease);
    }
    assert_eq!(open(&world), 4);
    world.pass(Duration::from_secs(65));
    assert_eq!((open(&world), alarms(&world).len()), (0, 4));
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
}

/// A copy of the ledger holds a grant of this role as approved, and since then it was claimed, and ended.
fn claimed_and_ended_since_the_copy(role: &str) -> (World, Id<Grant>) {
    let mut world = calm_world();
    let request = ask(&mut world, "dev", role);
    let id = request.grant_id().expect("approved at once");
    world.back_up();
    claim(&mut world, &request).expect("claimed");
    let engine = world.engine.clone();
    done(&mut world, async move { engine.give_back(&person("dev"), GrantRef::Grant(id)).await }).expect("returned");
    world.pass(Duration::from_secs(5));
    assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }));
    (world, id)
}

#[test]
fn what_ended_since_the_copy_cannot_be_claimed_again() {
    for role in ["glance", "tail"] {
        let (mut world, id) = claimed_and_ended_since_the_copy(role);
        world.restore();
        world.pass(Duration::from_secs(5));
        assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }), "{role}: {:?}", grant(&world, id).state);
        assert_eq!(open(&world), 0);
        check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
    }
}

#[test]
fn a_target_that_cannot_say_what_it_was_told_gives_nothing_that_is_older_than_the_server() {
    for (role, resource) in [("glance", "services/mq"), ("tail", "hosts/web")] {
        let (mut world, id) = claimed_and_ended_since_the_copy(role);
        let resource: ResourceName = resource.parse().expect("a name");
        world.targets.set_power(&resource, Power::Down);
        world.restore();
        world.pass(Duration::from_secs(15));
        let request = block_on(world.store.request(grant(&world, id).request_id)).expect("read").expect("there");
        assert!(claim(&mut world, &request).is_err(), "{role}: nobody can tell yet");
        world.targets.set_power(&resource, Power::Up);
        world.pass(Duration::from_secs(70));
        assert!(matches!(grant(&world, id).state, GrantState::Ended { .. }), "{role}: {:?}", grant(&world, id).state);
        check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
    }
}

#[test]
fn a_certificate_that_was_made_and_ended_since_the_copy_opens_nothing() {
    let mut world = calm_world();
    world.back_up();
    let id = active(&mut world, "dev", "tail");
    let engine = world.engine.clone();
    done(&mut world, async move { engine.give_back(&person("dev"), GrantRef::Grant(id)).await }).expect("returned");
    world.pass(Duration::from_secs(5));
    assert_eq!(open(&world), 0);
    world.restore();
    for _ in 0..70 {
        world.pass(Duration::from_secs(1));
        assert_eq!(open(&world), 0, "at no moment");
    }
    let later = active(&mut world, "dev", "tail");
    assert_eq!(open(&world), 1, "what is given since works: {later}");
    check_all(&mut world).expect("every invariant");
}

#[test]
fn what_was_made_before_a_late_host_is_heard_of_ends_with_the_authority_that_made_it() {
    let mut world = calm_world();
    let web: ResourceName = "hosts/web".parse().expect("a name");
    world.back_up();
    let lost = active(&mut world, "dev", "tail");
    world.targets.hosts.take_turn(&web);
    world.targets.hosts.set_agent(&web, Agent::Late);
    world.restore();
    world.pass(Duration::from_secs(5));
    let since = active(&mut world, "dev", "tail");
    assert_ne!(lost, since);
    // Now the host is heard of: what it was told of, this ledger never had.
    world.targets.hosts.take_turn(&web);
    world.pass(Duration::from_secs(65));
    world.targets.hosts.set_agent(&web, Agent::Prompt);
    world.pass(Duration::from_secs(125));
    assert_eq!(cause(&world, since), Some(EndCause::Revoked));
    check_all(&mut world).and_then(|()| check_quiet(&world)).expect("every invariant");
    let later = active(&mut world, "dev", "tail");
    assert_eq!(open(&world), 1, "what is given since works: {later}");
}
