//! `curfew whoami`: as whom the server knows the caller.

use super::Context;
use super::views::when;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Voice};
use crate::session::{self, Session};

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let me = session.client.whoami().await.map_err(session::failure)?;
    match context.output.voice() {
        Voice::Json => context.output.document(&me)?,
        Voice::Quiet => context.output.line(&me.subject.label())?,
        Voice::Human => {
            let groups: Vec<_> = me.groups.iter().map(ToString::to_string).collect();
            let powers = [(me.administrator, "administrator"), (me.auditor, "auditor")];
            let powers: Vec<_> = powers.iter().filter(|(has, _)| *has).map(|(_, word)| *word).collect();
            let mut facts = Facts::new();
            facts
                .add("subject", me.subject.label())
                .add("id", me.subject.id.to_string())
                .add("groups", groups.join(", "))
                .add("powers", powers.join(", "))
                .add("server", session.server.clone())
                .add("sign-in ends", when(me.expires_at, context.machine.now()));
            facts.print(&mut context.output)?;
        }
    }
    Ok(Exit::Done)
}
