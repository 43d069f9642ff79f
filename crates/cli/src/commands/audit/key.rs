//! `curfew audit key`: what `audit verify --key` takes.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let session = Session::as_nobody(context)?;
    let key = session.client.audit_key().await.map_err(session::failure)?;
    context.output.show(&key, |output, key| output.line(&key.key))?;
    Ok(Exit::Done)
}
