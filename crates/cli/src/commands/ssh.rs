//! `curfew ssh`: what a host must trust, and what it must refuse.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use crate::whole_file::{Readers, replace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, Subcommand};
use curfew_api::{OfResource, RotateBody};
use curfew_domain::ResourceName;
use serde_json::json;
use std::path::PathBuf;

/// What hosts need.
#[derive(Debug, Subcommand)]
pub(crate) enum SshCommand {
    /// Print the certificate authorities that hosts must trust, for TrustedUserCAKeys
    Ca {
        /// Only those of this resource
        resource: Option<ResourceName>,
    },
    /// Make the next authority of a resource; the one before stays trusted until its certificates have expired
    Rotate {
        /// The resource
        resource: ResourceName,
    },
    /// Print the key revocation list that hosts must read, for RevokedKeys
    Krl(KrlArgs),
}

/// What `curfew ssh krl` takes.
#[derive(Debug, Args)]
pub(crate) struct KrlArgs {
    /// Only that of this resource
    resource: Option<ResourceName>,
    /// Replace this file, in one step
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(context: &mut Context, command: SshCommand) -> Result<Exit, Failure> {
    match command {
        SshCommand::Ca { resource } => ca(context, resource).await,
        SshCommand::Rotate { resource } => rotate(context, resource).await,
        SshCommand::Krl(args) => krl(context, args).await,
    }
}

async fn ca(context: &mut Context, resource: Option<ResourceName>) -> Result<Exit, Failure> {
    let session = Session::as_nobody(context)?;
    let authorities = session.client.ssh_ca(&OfResource { resource }).await.map_err(session::failure)?;
    context.output.show(&authorities, |output, authorities| {
        authorities.authorities.iter().try_for_each(|authority| output.line(&authority.public_key))
    })?;
    Ok(Exit::Done)
}

async fn rotate(context: &mut Context, resource: ResourceName) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let authorities = session.client.ssh_rotate(&RotateBody { resource }).await.map_err(session::failure)?;
    context.output.show(&authorities, |output, authorities| {
        authorities.authorities.iter().try_for_each(|authority| output.line(&authority.public_key))
    })?;
    Ok(Exit::Done)
}

async fn krl(context: &mut Context, args: KrlArgs) -> Result<Exit, Failure> {
    let session = Session::as_nobody(context)?;
    let query = OfResource { resource: args.resource };
    let bytes = session.client.ssh_krl(&query).await.map_err(session::failure)?;
    if let Some(path) = &args.out {
        let path = context.machine.path(path);
        // A host that reads half a list lets everybody in, and one without the file locks everybody out.
        replace(&context.machine, &path, &bytes, &Readers::Everybody)?;
    }
    match (context.output.voice(), &args.out) {
        (Voice::Json, Some(path)) => {
            let file = context.machine.path(path).display().to_string();
            context.output.document(&json!({"file": file, "bytes": bytes.len()}))?;
        }
        (Voice::Json, None) => context.output.document(&json!({"krl": BASE64.encode(&bytes)}))?,
        (Voice::Human | Voice::Quiet, Some(_)) => {}
        (Voice::Human | Voice::Quiet, None) if context.output.is_terminal() => {
            return Err(Failure::wrong_use("a revocation list is binary").hint("--out FILE, or redirect it"));
        }
        (Voice::Human | Voice::Quiet, None) => context.output.raw(&bytes)?,
    }
    Ok(Exit::Done)
}
