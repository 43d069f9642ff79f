//! `curfew pipeline start`: begins the run for a whole job, and leaves somebody who beats between its steps.

use super::super::Context;
use super::super::activate::Activated;
use super::super::agent::{self, AgentArgs};
use super::super::artefact::ArtefactArgs;
use super::super::credentials::merged;
use super::super::give_back::give_back;
use super::super::request::WhatArgs;
use super::{Begun, Obtained, Wanted, say, variables};
use crate::child::Signals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Job, Process, of_the_job};
use crate::output::Voice;
use crate::shell;
use crate::ssh_agent::Agent;
use crate::state::{Keeper, Started};
use clap::Args;
use curfew_api::RunStateView;
use curfew_domain::{BeatId, RoleName};
use serde::Serialize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long whoever beats may take to begin.
const KEEPER_TRIES: u32 = 100;
const KEEPER_EVERY: Duration = Duration::from_millis(100);

/// What `curfew pipeline start` takes.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The role; without one, what the policy's triggers open for others is opened and nothing is asked for
    role: Option<RoleName>,
    #[command(flatten)]
    what: WhatArgs,
    /// For whom the job's token is made, where the job says so [default: what the server says it takes]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Add the variables to this file, for `.` of a shell [default: the runner's own, where it has one]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(flatten)]
    artefacts: ArtefactArgs,
    #[command(flatten)]
    agent: AgentArgs,
    /// The process that the job lives with [default: its runner]
    #[arg(long, value_name = "PID")]
    lives_with: Option<u32>,
}

/// What was begun.
#[derive(Serialize)]
struct StartedView {
    run: RunStateView,
    grant: Option<Activated>,
    env_file: Option<PathBuf>,
    ssh_auth_sock: Option<PathBuf>,
}

/// With whom the job lives, and whether who beats for it is an agent as well.
struct Kept {
    lives_with: Vec<Process>,
    agent: AgentArgs,
}

pub(crate) async fn run(context: &mut Context, args: StartArgs) -> Result<Exit, Failure> {
    let kept = Kept { lives_with: lives_with(args.lives_with)?, agent: args.agent };
    if args.agent.is_wanted() {
        // Whoever beats has no stream to say why it could not.
        drop(Agent::open(&context.machine)?);
    }
    let wanted = match &args.role {
        None if args.what.narrows() || args.artefacts.are_any() => {
            return Err(Failure::wrong_use("without a role nothing is asked for that these flags could be about")
                .hint("name the role: `curfew pipeline start ROLE ...`"));
        }
        Some(role) => Some(Wanted::of(context, (role, &args.what), &args.artefacts)?),
        None => None,
    };
    let job = Job::sign_in(context, args.audience.as_deref()).await?;
    // From here on a signal must not end us before what was begun is ended, or in the hands of whoever beats.
    let mut signals = Signals::listen()?;
    let before = job.folder.started()?;
    let mut begun = join(context, &job, before.as_ref()).await?;
    let fresh = before.is_none_or(|before| before.beat != begun.beat);
    let got = hand_over(context, &job, (&mut begun, wanted), &kept, &mut signals).await;
    let got = match got {
        Ok(Some(Obtained::Access(activated))) => Some(*activated),
        Ok(None) => None,
        Ok(Some(Obtained::Interrupted(exit))) => {
            give_up(context, &job, &mut begun, fresh).await;
            return Ok(exit);
        }
        Err(failure) => {
            give_up(context, &job, &mut begun, fresh).await;
            return Err(failure);
        }
    };
    print(context, &job, (begun, got), &args)
}

fn lives_with(named: Option<u32>) -> Result<Vec<Process>, Failure> {
    let found = match named {
        Some(id) => vec![Process::of(id).ok_or_else(|| Failure::wrong_use(format!("there is no process {id}")))?],
        None => of_the_job(),
    };
    if found.is_empty() {
        return Err(Failure::wrong_use("the process that this job lives with cannot be found")
            .hint("--lives-with PID names it; in its place, `curfew run ROLE -- CMD` needs none"));
    }
    Ok(found)
}

/// A second `start` of a job takes more for the same life.
async fn join(context: &mut Context, job: &Job, before: Option<&Started>) -> Result<Begun, Failure> {
    if let Some(before) = before {
        match Begun::with(job, before.beat.clone()).await {
            Err(failure) if failure.code == "run_over" => {}
            begun => return begun,
        }
    }
    let beat = Begun::fresh_beat(context);
    Begun::with(job, beat).await
}

/// Has somebody beat before anything is asked for, so that nothing is ever given that nobody keeps alive.
async fn hand_over(
    context: &mut Context,
    job: &Job,
    (begun, wanted): (&mut Begun, Option<Wanted>),
    kept: &Kept,
    signals: &mut Signals,
) -> Result<Option<Obtained>, Failure> {
    let grants = job.folder.started()?.filter(|before| before.beat == begun.beat).map(|before| before.grants);
    let mut started =
        Started { run: begun.run.id, beat: begun.beat.clone(), window: job.window, grants: grants.unwrap_or_default() };
    job.folder.keep_started(&context.machine, &started)?;
    if keeper(job, &begun.beat)?.is_none() {
        leave_keeper(context, job, kept)?;
        begun.heart.alongside(begins(job, &begun.beat)).await?;
    }
    if kept.agent.is_wanted() && socket(job, &begun.beat)?.is_none() {
        return Err(Failure::wrong_use("--ssh-agent: this job's first `pipeline start` left nobody who is an agent")
            .hint("give --ssh-agent there, or end it first: `curfew pipeline end`"));
    }
    let Some(wanted) = wanted else { return Ok(None) };
    let obtained = begun.obtain(context, job, wanted, signals).await?;
    if let Obtained::Access(activated) = &obtained {
        if let Err(failure) = kept.agent.check(&activated.credentials) {
            // It would end with the job in any case.
            let _ = give_back(context, &job.session, &activated.grant.id.to_string()).await;
            return Err(failure);
        }
        started.grants.push(activated.grant.id);
        job.folder.keep_started(&context.machine, &started)?;
    }
    Ok(Some(obtained))
}

/// Who beats for it, if that process lives.
fn keeper(job: &Job, beat: &BeatId) -> Result<Option<Keeper>, Failure> {
    let keeper = job.folder.keeper()?.filter(|keeper| keeper.beat == *beat);
    Ok(keeper.filter(|keeper| keeper.process.parse().is_ok_and(Process::lives)))
}

/// Where who beats for it is an agent, if it is one.
fn socket(job: &Job, beat: &BeatId) -> Result<Option<PathBuf>, Failure> {
    Ok(keeper(job, beat)?.and_then(|keeper| keeper.agent))
}

async fn begins(job: &Job, beat: &BeatId) -> Result<(), Failure> {
    for _ in 0..KEEPER_TRIES {
        if keeper(job, beat)?.is_some() {
            return Ok(());
        }
        tokio::time::sleep(KEEPER_EVERY).await;
    }
    Err(Failure::unavailable("nobody beats for this job between its steps")
        .hint("does the runner end what a step leaves behind? `curfew run ROLE -- CMD` needs nobody"))
}

/// This program again, on its own and with no stream of ours, so that no step waits for it.
fn leave_keeper(context: &Context, job: &Job, kept: &Kept) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::unavailable(format!("nobody can be left to beat: {error}"));
    let mut keeper = Command::new(std::env::current_exe().map_err(failed)?);
    keeper.args(["pipeline", "keep"]).env_clear().envs(context.machine.vars());
    keeper.env("CURFEW_SERVER", &job.session.server);
    for process in &kept.lives_with {
        keeper.args(["--while", &process.to_string()]);
    }
    keeper.args(kept.agent.is_wanted().then_some("--ssh-agent"));
    keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    keeper.spawn().map(drop).map_err(failed)
}

async fn give_up(context: &mut Context, job: &Job, begun: &mut Begun, fresh: bool) {
    if !fresh {
        return;
    }
    if let Err(failure) = job.folder.forget_started() {
        context.output.warn(&failure.message);
    }
    begun.stop(context, job).await;
}

fn print(
    context: &mut Context,
    job: &Job,
    (begun, grant): (Begun, Option<Activated>),
    args: &StartArgs,
) -> Result<Exit, Failure> {
    let mut env_file = None;
    let socket = if args.agent.is_wanted() { socket(job, &begun.beat)? } else { None };
    if let Some(activated) = &grant {
        let mut all = merged(&activated.credentials);
        all.insert("CURFEW_GRANT".to_owned(), activated.grant.id.to_string());
        if let Some(socket) = &socket {
            agent::name(&mut all, socket);
        }
        env_file = variables::write(context, (job.platform, args.env_file.as_deref()), &all)?;
    }
    let id = begun.run.id;
    say(context, &format!("{} is {id}; it lives while one of its jobs does", run_name(&begun.run)));
    match (&grant, &env_file) {
        (Some(_), Some(file)) => say(context, &format!("later steps find its variables by {}", file.display())),
        (Some(got), None) => say(context, &format!("its variables: eval \"$(curfew env {})\"", got.grant.id)),
        (None, _) => {}
    }
    if let (Some(socket), None) = (&socket, &env_file) {
        say(context, &format!("its SSH agent: {}", shell::export("SSH_AUTH_SOCK", &socket.display().to_string())));
    }
    let view = StartedView { run: begun.run, grant, env_file, ssh_auth_sock: socket };
    match (context.output.voice(), &view.grant) {
        (Voice::Json, _) => context.output.document(&view)?,
        (Voice::Human | Voice::Quiet, Some(got)) => context.output.line(&got.grant.id.to_string())?,
        (Voice::Human | Voice::Quiet, None) => context.output.line(&view.run.id.to_string())?,
    }
    Ok(Exit::Done)
}

fn run_name(run: &RunStateView) -> String {
    format!("{} run {}", run.run.provider, run.run.id)
}
