//! `curfew review`: says what became of emergency access.

use super::Context;
use super::id::GrantRef;
use super::views::say_done;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use clap::{Args, ValueEnum};
use curfew_api::ReviewBody;
use curfew_domain::review::ReviewVerdict;

/// What `curfew review` takes.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The grant, or the request it came from
    id: GrantRef,
    /// What you found
    #[arg(long, value_enum)]
    verdict: Verdict,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// What somebody found.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verdict {
    /// It was an emergency, and used for it
    Ok,
    /// It was not: what is left of it is revoked
    Misuse,
}

pub(crate) async fn run(context: &mut Context, args: &ReviewArgs) -> Result<Exit, Failure> {
    let id = args.id.id()?;
    let session = Session::signed_in(context)?;
    let verdict = match args.verdict {
        Verdict::Ok => ReviewVerdict::Ok,
        Verdict::Misuse => ReviewVerdict::Misuse,
    };
    let body = ReviewBody { verdict, note: args.note.clone() };
    let grant = session.client.review(&id, &body).await.map_err(session::failure)?;
    context.output.show(&grant, |output, grant| {
        say_done(output, &grant.id.to_string(), &format!("reviewed: {}", verdict.word()))
    })?;
    Ok(Exit::Done)
}
