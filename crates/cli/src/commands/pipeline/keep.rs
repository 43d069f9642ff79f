//! `curfew pipeline keep`: beats between the steps of a job, while the job's runner lives.
//!
//! `pipeline start` leaves it behind. It ends when the runner does, which it then says to the server; when `pipeline end`
//! takes its record away; and when the run is over.

use super::super::Context;
use super::super::agent::AgentArgs;
use crate::child::Signals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Heart, Job, News, Process};
use crate::ssh_agent::{Agent, beside, of_grants};
use crate::state::{Keeper, Started};
use clap::Args;
use std::time::Duration;

/// How often the runner and the record are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the end is told, in vain, before the window itself has told it.
const TELL_TRIES: u32 = 10;

/// What `curfew pipeline keep` takes.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// A process, as PID:START, without which the job is over (repeatable)
    #[arg(long = "while", value_name = "PID:START", required = true)]
    processes: Vec<Process>,
    #[command(flatten)]
    agent: AgentArgs,
}

/// Why nobody has to beat any more.
enum Why {
    /// The job is over, and the server does not know.
    JobOver,
    /// Somebody else saw to it.
    Done,
}

pub(crate) async fn run(context: &mut Context, args: &KeepArgs) -> Result<Exit, Failure> {
    // What ends the step's own programs is not meant for us. It fails only for who leads a session already.
    let _ = rustix::process::setsid();
    let mut signals = Signals::listen()?;
    let nothing = || Failure::not_found("nothing was started in this job").hint("`curfew pipeline start` starts this");
    let job = Job::at_hand(context).await?.ok_or_else(nothing)?;
    let started = job.folder.started()?.ok_or_else(nothing)?;
    let (client, beat) = (job.session.client.clone(), started.beat.clone());
    let mut heart = Heart::of(client, started.run, beat.clone(), started.window);
    let me = Process::of(std::process::id()).ok_or_else(|| Failure::unavailable("/proc does not show this process"))?;
    let agent = if args.agent.is_wanted() { Some(Agent::open(&context.machine)?) } else { None };
    let socket = agent.as_ref().map(|agent| agent.socket().to_owned());
    job.folder.keep_keeper(&context.machine, &Keeper { process: me.to_string(), beat, agent: socket })?;
    // What the job has claimed by now: it may claim more later.
    let claimed = || job.folder.started().ok().flatten().map_or_else(Vec::new, |started| started.grants);
    let identities = || of_grants(&context.machine, &claimed());
    let why = beside(agent.as_ref(), identities, beats(&job, &started, args, (&mut heart, &mut signals))).await;
    // Whoever asks an agent that does not answer waits for ever.
    drop(agent);
    match why {
        Why::Done => {}
        Why::JobOver => say_over(&mut heart, &started).await,
    }
    Ok(Exit::Done)
}

async fn beats(job: &Job, started: &Started, args: &KeepArgs, (heart, signals): (&mut Heart, &mut Signals)) -> Why {
    loop {
        tokio::select! {
            news = heart.next() => match news {
                News::Over { .. } => return Why::Done,
                News::Unheard { .. } | News::Heard => {}
            },
            _ = signals.next() => return Why::JobOver,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if !args.processes.iter().all(|process| process.lives()) {
            return Why::JobOver;
        }
        // A record that cannot be read is no word that it is over.
        if job.folder.started().is_ok_and(|now| now.is_none_or(|now| now.beat != started.beat)) {
            return Why::Done;
        }
    }
}

/// A server that is down is told again; one that is not told knows by the silence.
async fn say_over(heart: &mut Heart, started: &Started) {
    for _ in 0..TELL_TRIES {
        match heart.stop().await {
            Err(failure) if failure.exit == Exit::Unavailable => {
                tokio::time::sleep(started.window.as_std() / TELL_TRIES).await;
            }
            Ok(()) | Err(_) => return,
        }
    }
}
