//! `curfew policy diff`: what a change of policy makes of access.

mod live;
mod print;
mod sides;

use super::Context;
use crate::commands::wait_for;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use clap::{Args, ValueEnum};
use curfew_policy::{AccessDiff, PolicySet};
use curfew_proof::{Cvc5, Limits};
use serde_json::json;
use std::path::PathBuf;

/// What `curfew policy diff` takes.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// BASE..HEAD, two revisions (BASE...HEAD: since they parted) and perhaps the folder in them; two folders; or with
    /// --env one
    #[arg(value_name = "BASE..HEAD|DIR", num_args = 0..=2)]
    what: Vec<PathBuf>,
    /// Compare two environments of one folder (given twice), or both sides as one environment has them. When left out, what an
    /// environment makes otherwise is listed with its name
    #[arg(long = "env", value_name = "NAME")]
    environments: Vec<String>,
    /// Compare the policy in force on the server with a folder; for auditors and administrators
    #[arg(long, conflicts_with = "environments")]
    in_force: bool,
    /// Exit 1 when anything is wider, or cannot be told
    #[arg(long)]
    fail_on_widening: bool,
    /// How to print it; `json` is what --json prints, `markdown` a comment for a pull request
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Markdown,
}

pub(crate) fn run(context: &mut Context, args: &DiffArgs) -> Result<Exit, Failure> {
    let sides = match args.in_force {
        true => wait_for(sides::in_force(context, &args.what))?,
        false => sides::load(context, &args.what, &args.environments)?,
    };
    let diff = compared(context, &sides);
    // Without a server there are no grants to look at, and the rest is said all the same.
    let live = match context.server {
        _ if args.in_force => wait_for(live::touched(context, &diff, &sides.head))?,
        Some(_) => wait_for(live::touched(context, &diff, &sides.head))?,
        None => Vec::new(),
    };
    let format = match context.output.voice() {
        Voice::Json => Format::Json,
        Voice::Human | Voice::Quiet => args.format,
    };
    match format {
        Format::Json => {
            let mut document = json!(diff);
            document["live_grants"] = json!(live);
            context.output.document(&document)?;
        }
        Format::Human => print::human(&mut context.output, &diff, &live)?,
        Format::Markdown => context.output.raw(print::markdown(&diff, &live).as_bytes())?,
    }
    Ok(if args.fail_on_widening && diff.widened { Exit::No } else { Exit::Done })
}

/// Where a solver is on the path, it is asked about what cannot be told without one.
fn compared(context: &Context, sides: &sides::Sides) -> AccessDiff {
    let path = context.machine.var_os("PATH");
    let solver = path.and_then(|path| Cvc5::on_path(path, Limits::default()));
    let between = |base: &PolicySet, head: &PolicySet| match &solver {
        Some(solver) => curfew_policy::diff_with(base, head, solver),
        None => curfew_policy::diff(base, head),
    };
    let mut diff = between(&sides.base, &sides.head);
    for environment in &sides.environments {
        diff.add_environment(&environment.name, between(&environment.base, &environment.head));
    }
    diff
}

#[cfg(test)]
mod tests;
