//! `curfew pipeline status`: this job's run, its grants, and the time left.

use super::super::Context;
use super::show::print_run;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::Place;
use crate::session;

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let nothing = || {
        Failure::not_found("nothing was started in this job")
            .hint("`curfew pipeline start` starts it; `curfew pipeline show RUN` shows any run")
    };
    let place = Place::find(context)?.ok_or_else(nothing)?;
    let started = place.folder.started()?.ok_or_else(nothing)?;
    let job = place.sign_in(context, None).await?;
    let run = job.session.client.run(&started.run.to_string()).await.map_err(session::failure)?;
    print_run(context, &run)?;
    Ok(Exit::Done)
}
