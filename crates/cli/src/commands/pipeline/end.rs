//! `curfew pipeline end`: ends what `pipeline start` began, also when a step before it failed.

use super::super::Context;
use super::{say, summary, verified};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Heart, Job, Place};
use crate::output::Voice;
use crate::state::{GrantFolder, Started, StateFolder};
use std::time::Duration;

/// How often the server is told before it is left to the window.
const TELL_TRIES: u32 = 3;

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let Some(place) = Place::find(context)? else { return nothing(context) };
    let Some(started) = place.folder.started()? else { return nothing(context) };
    // First of all nobody may beat for it any more: then it ends even if the server hears of nothing else.
    place.folder.forget_started()?;
    let told = tell(context, &place, &started).await;
    forget(context, &started);
    let job = told.map_err(|failure| {
        let window = started.window;
        let hint =
            format!("nobody beats for this job any more: its access ends {window} after the server last heard of it");
        failure.hint(hint)
    })?;
    verified(context, &job.session, &started.grants).await;
    let run = summary::write(context, &job, (started.run, None)).await?;
    match context.output.voice() {
        Voice::Json => context.output.document(&run)?,
        Voice::Human | Voice::Quiet => context.output.line(&run.id.to_string())?,
    }
    Ok(Exit::Done)
}

/// A job may end what it never started: it may have failed before that.
fn nothing(context: &mut Context) -> Result<Exit, Failure> {
    say(context, "nothing was started in this job, so there is nothing to end");
    if context.output.voice() == Voice::Json {
        context.output.document(&serde_json::Value::Null)?;
    }
    Ok(Exit::Done)
}

async fn tell(context: &Context, place: &Place, started: &Started) -> Result<Job, Failure> {
    let mut attempt = 1;
    loop {
        match tell_once(context, place, started).await {
            Err(failure) if failure.exit == Exit::Unavailable && attempt < TELL_TRIES => {
                tokio::time::sleep(Duration::from_millis(400 * u64::from(attempt))).await;
                attempt += 1;
            }
            told => return told,
        }
    }
}

async fn tell_once(context: &Context, place: &Place, started: &Started) -> Result<Job, Failure> {
    let job = place.sign_in(context, None).await?;
    let mut heart = Heart::of(job.session.client.clone(), started.run, started.beat.clone(), started.window);
    match heart.stop().await {
        Ok(()) => Ok(job),
        Err(failure) if failure.code == "run_over" => Ok(job),
        Err(failure) => Err(failure),
    }
}

fn forget(context: &mut Context, started: &Started) {
    let Ok(state) = StateFolder::of(&context.machine) else { return };
    for id in &started.grants {
        if let Err(failure) = GrantFolder::of(&state, *id).remove() {
            context.output.warn(&failure.message);
        }
    }
}
