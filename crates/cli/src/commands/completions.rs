//! `curfew completions`: for a shell to source.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use clap::Args;
use clap_complete::Shell;
use serde_json::json;

/// What `curfew completions` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(context: &mut Context, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::program::command(), "curfew", &mut script);
    match context.output.voice() {
        Voice::Json => {
            let document = json!({"shell": args.shell.to_string(), "script": String::from_utf8_lossy(&script)});
            context.output.document(&document)?;
        }
        Voice::Human | Voice::Quiet => context.output.raw(&script)?,
    }
    Ok(Exit::Done)
}
