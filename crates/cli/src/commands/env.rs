//! `curfew env`: the variables of an activated grant, from what this machine kept. No server is asked.

use super::Context;
use super::credentials::merged;
use super::id::{GrantRef, Referent};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::shell;
use crate::state::{GrantFolder, GrantRecord, StateFolder};
use clap::Args;
use curfew_domain::{Grant, Id};

/// What `curfew env` takes.
#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The grant, or the request it came from
    id: GrantRef,
}

pub(crate) fn run(context: &mut Context, args: &EnvArgs) -> Result<Exit, Failure> {
    let referent = args.id.referent()?;
    let not_here = || {
        Failure::not_found(format!("{referent} was not activated on this machine"))
            .hint(format!("curfew activate {referent}"))
    };
    let (id, record) = kept(context, referent)?.ok_or_else(not_here)?;
    let now = context.machine.now();
    if record.expires_at.is_some_and(|end| end <= now) && !record.is_over(now) {
        return Err(Failure::no(
            "not_renewed",
            format!("{id} was to last longer, and this machine does not know of it"),
        )
        .hint(format!("curfew activate {id}")));
    }
    if record.expires_at.is_some_and(|end| end <= now) {
        return Err(Failure::no("already_final", format!("{id} is over")).hint("ask again with `curfew request`"));
    }
    let env = merged(&record.credentials);
    match context.output.voice() {
        Voice::Json => context.output.document(&env)?,
        Voice::Human | Voice::Quiet => {
            let lines: String = env.iter().map(|(name, value)| shell::export(name, value) + "\n").collect();
            context.output.raw(lines.as_bytes())?;
        }
    }
    // libpq prefers it to the password file, and would log in with the wrong password.
    if env.contains_key("PGPASSFILE") && context.machine.var_os("PGPASSWORD").is_some() {
        context.output.warn("PGPASSWORD is set and wins over the credential: unset it");
    }
    Ok(Exit::Done)
}

/// What this machine kept of an activated grant.
pub(crate) fn kept(context: &Context, referent: Referent) -> Result<Option<(Id<Grant>, GrantRecord)>, Failure> {
    let state = StateFolder::of(&context.machine)?;
    let found = match referent {
        Referent::Grant(id) => Some((id, GrantFolder::of(&state, id))),
        Referent::Request(id) => GrantFolder::of_request(&state, id)?,
    };
    let Some((id, folder)) = found else { return Ok(None) };
    Ok(folder.record()?.filter(|record| !record.credentials.is_empty()).map(|record| (id, record)))
}
