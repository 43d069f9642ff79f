//! `curfew run`: what `exec` is for people, for the job of a pipeline. Who asks is the job, by its provider's token; what it
//! is given lives with this process, and no longer.

use super::Context;
use super::agent::AgentArgs;
use super::artefact::ArtefactArgs;
use super::pipeline::{Begun, Obtained, Wanted, summary, verified};
use super::request::AskArgs;
use super::running::{Access, Meanwhile, Ran, Running, Word, over, return_grant, said_over};
use crate::child::{self, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Job, News, news_line};
use clap::Args;
use std::ffi::OsString;

/// What `curfew run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// For whom the job's token is made, where the job says so [default: what the server says it takes]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// End the command (SIGTERM) when its access ends before it does
    #[arg(long)]
    stop_when_lost: bool,
    #[command(flatten)]
    artefacts: ArtefactArgs,
    #[command(flatten)]
    agent: AgentArgs,
    /// The command and its arguments; no shell reads them
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(context: &mut Context, args: RunArgs) -> Result<Exit, Failure> {
    let wanted = Wanted::of(context, (&args.ask.role, &args.ask.what), &args.artefacts)?;
    let job = Job::sign_in(context, args.audience.as_deref()).await?;
    // From here on a signal must not end us before what was asked for is given up.
    let mut signals = Signals::listen()?;
    let beat = Begun::fresh_beat(context);
    let mut begun = Begun::with(&job, beat).await?;
    if let Some(started) = job.folder.started()? {
        begun.knows_of(&job, started.beat).await?;
    }
    let obtained = begun.obtain(context, &job, wanted, &mut signals).await;
    let ran = match obtained {
        Ok(Obtained::Access(activated)) => {
            let meanwhile = if args.stop_when_lost { Meanwhile::IsStopped } else { Meanwhile::RunsOn };
            let agent = args.agent;
            let running = Running { command: &args.command, activated: &activated, meanwhile, agent };
            let ran = match signals.pending().await {
                Some(signal) => Ran { exit: Ok(child::exit_of(signal)), access: Access::Held },
                None => watched(context, &job, (&running, &mut begun), &mut signals).await,
            };
            done(context, &job, (&running, &mut begun), ran.access).await;
            return ran.exit;
        }
        Ok(Obtained::Interrupted(exit)) => Ok(exit),
        Err(failure) => Err(failure),
    };
    // Nothing was given, or what was given is given up with this client.
    begun.stop(context, &job).await;
    ran
}

/// Runs the command, and beats meanwhile.
async fn watched(
    context: &mut Context,
    job: &Job,
    (running, begun): (&Running<'_>, &mut Begun),
    signals: &mut Signals,
) -> Ran {
    let id = running.activated.grant.id.to_string();
    let goes_on = match running.meanwhile {
        Meanwhile::RunsOn => "the command runs on without access",
        Meanwhile::IsStopped => "the command is told to end",
    };
    let news = async || {
        let news = tokio::select! {
            grant = over(&job.session, &id) => return Word::Over(said_over(&grant, goes_on)),
            news = begun.heart.next() => news,
        };
        match &news {
            News::Unheard { .. } | News::Heard => Word::Warning(news_line(&news, job.window)),
            News::Over { .. } => Word::Over(format!("{}; {goes_on}", news_line(&news, job.window))),
        }
    };
    running.run(context, signals, news).await
}

/// Whatever the command did, its access ends with it.
async fn done(context: &mut Context, job: &Job, (running, begun): (&Running<'_>, &mut Begun), access: Access) {
    let otherwise = format!("it ends {} after the server last heard of this job", job.window);
    match access {
        Access::Held => return_grant(context, &job.session, running.activated, &otherwise).await,
        Access::Over => super::give_back::forget(context, &running.activated.grant),
    }
    begun.stop(context, job).await;
    let id = running.activated.grant.id;
    verified(context, &job.session, &[id]).await;
    // A page that is missing a table changes nothing of what the command did.
    if let Err(failure) = summary::write(context, job, (begun.run.id, Some(id))).await {
        context.output.warn(&format!("the job's summary could not be made: {failure}"));
    }
}
