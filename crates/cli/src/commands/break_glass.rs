//! `curfew break-glass`: takes emergency access, which somebody reviews afterwards.

use super::Context;
use super::request::{AskArgs, failure_of_ask, print};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use clap::Args;
use curfew_api::IdempotencyKey;

/// What `curfew break-glass` takes.
#[derive(Debug, Args)]
pub(crate) struct BreakGlassArgs {
    #[command(flatten)]
    ask: AskArgs,
}

pub(crate) async fn run(context: &mut Context, args: BreakGlassArgs) -> Result<Exit, Failure> {
    if args.ask.what.timeout.is_some() {
        return Err(Failure::wrong_use("--timeout is for those who wait: emergency access waits for nobody"));
    }
    let mut body = args.ask.body()?;
    if body.reason.trim().is_empty() {
        return Err(Failure::wrong_use("emergency access needs a reason").hint("--reason TEXT"));
    }
    let session = Session::signed_in(context)?;
    super::inputs::complete(context, &session, &mut body).await?;
    let request = session.client.break_glass(&body, &IdempotencyKey::fresh()).await.map_err(failure_of_ask)?;
    print(context, &request)?;
    context.output.note("this is recorded, its approvers are told, and one of them has to review it");
    context.output.note(&format!("next: curfew activate {}", request.id));
    Ok(Exit::Done)
}
