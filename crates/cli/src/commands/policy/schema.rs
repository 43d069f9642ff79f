//! `curfew policy schema`: what an editor completes and checks by, and what expressions may speak of.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use clap::Args;
use serde_json::json;

/// What `curfew policy schema` takes.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The Cedar schema of expressions and guardrails instead
    #[arg(long)]
    cedar: bool,
    /// The reference of the language instead, as Markdown: every key, code and problem
    #[arg(long, conflicts_with = "cedar")]
    reference: bool,
    /// The JSON Schema of `environments/*.yaml` instead
    #[arg(long, conflicts_with_all = ["cedar", "reference"])]
    environment: bool,
}

pub(crate) fn run(context: &mut Context, args: &SchemaArgs) -> Result<Exit, Failure> {
    if args.reference {
        let page = curfew_policy::reference();
        match context.output.voice() {
            Voice::Json => context.output.document(&json!({"reference": page}))?,
            Voice::Human | Voice::Quiet => context.output.raw(page.as_bytes())?,
        }
        return Ok(Exit::Done);
    }
    match (args.cedar, context.output.voice()) {
        (false, _) if args.environment => context.output.document(&curfew_policy::environment_schema())?,
        (false, _) => context.output.document(&curfew_policy::schema())?,
        (true, Voice::Json) => context.output.document(&json!({"cedar": curfew_policy::cedar_schema()}))?,
        (true, Voice::Human | Voice::Quiet) => context.output.raw(curfew_policy::cedar_schema().as_bytes())?,
    }
    Ok(Exit::Done)
}
