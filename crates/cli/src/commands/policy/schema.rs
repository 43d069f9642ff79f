//! `curfew policy schema`: what an editor completes and checks by.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(context: &mut Context) -> Result<Exit, Failure> {
    context.output.document(&curfew_policy::schema())?;
    Ok(Exit::Done)
}
