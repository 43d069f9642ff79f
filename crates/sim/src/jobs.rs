//! What pipelines do: a run begins, its clients beat, ask, claim and say that they are done, or fall silent; its
//! provider says that it has ended. Now and then one tries what is another's.

use crate::clock::SimClock;
use crate::memory::{Promise, Promises};
use crate::script::show;
use crate::targets::public_half;
use crate::world::World;
use curfew_domain::{
    BeatId, Grant, GrantState, Id, Identity, Inputs, Run, RunKey, Scope, Subject, SubjectId, SubjectKind, WorkloadToken,
};
use curfew_engine::seams::store::BoundToken;
use curfew_engine::seams::{Clock, Store};
use curfew_engine::{AskFor, Beginning, Claim, Engine, GrantRef, RunClient, RunError};
use futures::FutureExt;
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Runs that a provider counts in one world: few, so that clients meet in them.
const NUMBERS: usize = 6;
/// A quarter of the window.
const BEAT: Duration = Duration::from_secs(15);

/// A client of a run, as it stands in some job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobClient {
    bound: BoundToken,
    beat: BeatId,
    run: Id<Run>,
}

/// Every client that has begun or joined a run and does not know better.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<Vec<JobClient>>>);

impl Jobs {
    fn held(&self) -> MutexGuard<'_, Vec<JobClient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, client: JobClient) {
        let mut held = self.held();
        held.retain(|known| known.beat != client.beat);
        held.push(client);
    }

    fn forget(&self, beat: &BeatId) {
        self.held().retain(|client| client.beat != *beat);
    }
}

/// The pipeline that policy names. All of its runs have one subject.
fn machine() -> Identity {
    let id = SubjectId::new("https://gitlab.invalid", "project_path:acme/orders:ref_type:branch:ref:main");
    let id = id.expect("INVARIANT: an id");
    let subject = Subject { kind: SubjectKind::Workload, id, email: None, name: Some("acme/orders".to_owned()) };
    Identity { subject, groups: BTreeSet::new() }
}

fn key_of(number: usize) -> RunKey {
    RunKey { issuer: "ci".to_owned(), provider: "gitlab".to_owned(), number: number.to_string() }
}

fn token_of(number: usize) -> WorkloadToken {
    let claims = [("project_id", "7"), ("ref", "main"), ("ref_protected", "true"), ("pipeline_source", "push")];
    let claims = claims.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    WorkloadToken { run: key_of(number), claims: BTreeMap::from(claims) }
}

fn somebody(world: &World) -> Option<JobClient> {
    let all = world.jobs.held().clone();
    (!all.is_empty()).then(|| world.chance.pick(&all).clone())
}

/// One step of some pipeline.
pub(crate) fn step(world: &mut World) {
    match world.chance.below(8) {
        0..=3 => begin(world),
        4 => ask(world),
        5 => claim(world),
        6 => done(world),
        _ => provider_ends(world),
    }
}

/// Most of the clients that there are say so.
pub(crate) fn beat(world: &mut World) {
    let all = world.jobs.held().clone();
    for client in all {
        if world.chance.one_in(6) {
            continue;
        }
        let (engine, jobs, what) = (world.engine.clone(), world.jobs.clone(), format!("{} beats", client.beat));
        let verb = async move {
            let heard = engine.beat(&client.bound, client.run, &client.beat).await;
            if let Err(RunError::NotFound | RunError::Over(_)) = heard {
                jobs.forget(&client.beat);
            }
            show(heard.map(|lives| format!("{:?}", lives.silent_at.map(|at| at.to_string()))))
        };
        world.begin(what, verb.boxed());
    }
}

/// A whole job: it begins or joins a run, asks, claims, beats as often as it lasts, and says that it is done, or does not.
fn begin(world: &mut World) {
    let number = world.chance.below(NUMBERS);
    let again = somebody(world).filter(|_| world.chance.one_in(5));
    let (bound, beat) = again.map_or_else(
        || {
            let key_thumbprint = world.chance.word(&["one", "other"]).to_owned();
            let beat = format!("{:016x}{:016x}", world.chance.next(), world.chance.next());
            (BoundToken { token: token_of(number), key_thumbprint }, BeatId::try_from(beat).expect("INVARIANT: hex"))
        },
        |client| (client.bound, client.beat),
    );
    let job = Job {
        asking: world.chance.one_in(2).then(|| asking(world, &bound, &beat, "deploy")),
        beats: *world.chance.pick(&[0, 0, 1, 4, 20]),
        says_so: world.chance.one_in(2),
    };
    let (engine, jobs, clock) = (world.engine.clone(), world.jobs.clone(), world.clock.clone());
    let promises = world.memory.promises.clone();
    let what = format!("{beat} begins {}", bound.token.run);
    let verb = async move {
        let beginning = Beginning { bound, beat, source_ip: None };
        let run = match engine.begin_run(&machine(), &beginning).await {
            Ok(lives) => lives.run.id,
            Err(error) => return format!("no: {error}"),
        };
        let client = JobClient { bound: beginning.bound, beat: beginning.beat, run };
        jobs.add(client.clone());
        job.go_on(&engine, &clock, (&jobs, &promises), client).await
    };
    world.begin(what, verb.boxed());
}

/// What a client does once its run has begun.
struct Job {
    asking: Option<(AskFor, String)>,
    beats: usize,
    /// Whether it says that it is done, or falls silent.
    says_so: bool,
}

impl Job {
    async fn go_on(
        self,
        engine: &Engine,
        clock: &SimClock,
        (jobs, promises): (&Jobs, &Promises),
        client: JobClient,
    ) -> String {
        let run = client.run;
        let given = match self.asking {
            Some(asking) => ask_and_claim(engine, promises, asking).await,
            None => "asks for nothing".to_owned(),
        };
        for _ in 0..self.beats {
            clock.sleep(BEAT).await;
            if engine.beat(&client.bound, run, &client.beat).await.is_err() {
                return format!("{run}, {given}; then not heard");
            }
        }
        if self.says_so {
            let done = finish(engine, jobs, promises, client).await;
            return format!("{run}, {given}; then done: {done}");
        }
        format!("{run}, {given}")
    }
}

/// What a client asks for, and the key of that one click.
fn asking(world: &World, bound: &BoundToken, beat: &BeatId, role: &str) -> (AskFor, String) {
    let ask = AskFor {
        role: role.parse().expect("INVARIANT: a role name"),
        resources: Vec::new(),
        actions: Vec::new(),
        duration: None,
        reason: "the release of today".to_owned(),
        ticket: String::new(),
        inputs: Inputs::new(),
        source_ip: None,
        client: Some(RunClient { bound: bound.clone(), beat: Some(beat.clone()) }),
    };
    (ask, format!("key-{}", world.chance.next()))
}

async fn ask_and_claim(engine: &Engine, promises: &Promises, (ask, key): (AskFor, String)) -> String {
    let client = ask.client.as_ref().map(|client| client.bound.clone());
    let request = match engine.request(&machine(), ask, Some(&key)).await {
        Ok(request) => request,
        Err(error) => return format!("no: {error}"),
    };
    promises.add(Promise::Asked { key, request: request.id });
    if request.grant_id().is_none() {
        return request.state_word().to_owned();
    }
    let given = engine.activate(&machine(), GrantRef::Request(request.id), claiming(&request.scope, client)).await;
    show(given.map(|given| given.grant.state_word().to_owned()))
}

fn claiming(scope: &Scope, client: Option<BoundToken>) -> Claim {
    let halves = scope.by_resource().into_keys().map(|name| (name.clone(), public_half(&name))).collect();
    Claim { halves, source_ip: None, client, presented: Vec::new() }
}

async fn finish(engine: &Engine, jobs: &Jobs, promises: &Promises, client: JobClient) -> String {
    show(engine.end_run(&client.bound, client.run, &client.beat).await.map(|_| {
        jobs.forget(&client.beat);
        promises.add(Promise::Done { run: client.run, beat: client.beat });
        client.run.to_string()
    }))
}

fn ask(world: &mut World) {
    let Some(client) = somebody(world) else { return };
    // Now and then with a heartbeat that is not its own.
    let beat = somebody(world).filter(|_| world.chance.one_in(5)).map_or_else(|| client.beat.clone(), |c| c.beat);
    let role = world.chance.word(&["deploy", "ship", "ship"]);
    let asking = asking(world, &client.bound, &beat, role);
    let (engine, promises) = (world.engine.clone(), world.memory.promises.clone());
    let verb = async move { ask_and_claim(&engine, &promises, asking).await };
    world.begin(format!("{beat} asks for {role}"), verb.boxed());
}

fn claim(world: &mut World) {
    let Some(client) = somebody(world) else { return };
    let open = block_on(world.store.open_grants()).unwrap_or_default();
    let careless = world.chance.one_in(6);
    let its = |grant: &&Grant| {
        let lives = grant.lives_with.as_ref();
        lives.is_some_and(|lives| careless || lives.beat.as_ref() == Some(&client.beat))
    };
    let waits: Vec<&Grant> =
        open.iter().filter(|g| matches!(g.state, GrantState::Approved { .. })).filter(its).collect();
    let Some(grant) = (!waits.is_empty()).then(|| (*world.chance.pick(&waits)).clone()) else { return };
    let claim = claiming(&grant.scope, Some(client.bound));
    let (engine, id) = (world.engine.clone(), grant.id);
    let verb = async move {
        let given = engine.activate(&machine(), GrantRef::Grant(id), claim).await;
        show(given.map(|given| given.grant.state_word().to_owned()))
    };
    world.begin(format!("{} claims {id}", client.beat), verb.boxed());
}

fn done(world: &mut World) {
    let Some(client) = somebody(world) else { return };
    let (engine, jobs, promises) = (world.engine.clone(), world.jobs.clone(), world.memory.promises.clone());
    let what = format!("{} is done", client.beat);
    let verb = async move { finish(&engine, &jobs, &promises, client).await };
    world.begin(what, verb.boxed());
}

fn provider_ends(world: &mut World) {
    let key = key_of(world.chance.below(NUMBERS));
    let (engine, promises, what) = (world.engine.clone(), world.memory.promises.clone(), format!("{key} has ended"));
    let verb = async move {
        show(engine.provider_ended(&key).await.map(|()| {
            promises.add(Promise::RunEnded(key));
            String::from("heard")
        }))
    };
    world.begin(what, verb.boxed());
}
