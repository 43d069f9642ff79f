//! `curfew audit proof`: that an event is in the log.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Facts;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::ProofOf;

/// What `curfew audit proof` takes.
#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// The event's place in the log
    seq: u64,
}

pub(crate) async fn run(context: &mut Context, args: &ProofArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let proof = session.client.audit_proof(&ProofOf { seq: args.seq }).await.map_err(session::failure)?;
    context.output.show(&proof, |output, proof| {
        let mut facts = Facts::new();
        facts
            .add("seq", proof.seq.to_string())
            .add("leaf hash", proof.leaf_hash.clone())
            .add("tree size", proof.tree_size.to_string())
            .list("hashes", proof.hashes.clone())
            .list("checkpoint", proof.checkpoint.lines().map(str::to_owned));
        facts.print(output)
    })?;
    Ok(Exit::Done)
}
