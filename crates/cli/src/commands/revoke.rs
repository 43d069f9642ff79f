//! `curfew revoke`: ends access of others, one grant or all that match.

use super::Context;
use super::give_back::forget;
use super::id::GrantRef;
use super::views::{print_grants, say_done};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{RevocationBody, RevokeBody};
use curfew_domain::{Email, ResourceName, RoleName};

/// What `curfew revoke` takes.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    what: What,
    /// Why; the subject reads it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The grant, or the request it came from
    id: Option<GrantRef>,
    /// Every grant of this person
    #[arg(long, value_name = "SUBJECT")]
    all_of: Option<Email>,
    /// Every grant of this role
    #[arg(long)]
    role: Option<RoleName>,
    /// Every grant that reaches this resource
    #[arg(long)]
    resource: Option<ResourceName>,
}

pub(crate) async fn run(context: &mut Context, args: RevokeArgs) -> Result<Exit, Failure> {
    match &args.what.id {
        Some(id) => revoke_one(context, &id.id()?, args.reason).await,
        None => revoke_all(context, args).await,
    }
}

async fn revoke_one(context: &mut Context, id: &str, reason: String) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let grant = session.client.revoke(id, &RevokeBody { reason }).await.map_err(session::failure)?;
    forget(context, &grant);
    context.output.show(&grant, |output, grant| say_done(output, &grant.id.to_string(), &grant.state))?;
    Ok(Exit::Done)
}

async fn revoke_all(context: &mut Context, args: RevokeArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let nothing = nothing_of(&args.what);
    let What { id: _, all_of, role, resource } = args.what;
    let body = RevocationBody { reason: args.reason, subject: all_of.map(|email| email.to_string()), role, resource };
    let grants = session.client.revoke_all(&body).await.map_err(session::failure)?.items;
    for grant in &grants {
        forget(context, grant);
    }
    match context.output.voice() {
        Voice::Json => context.output.document(&grants)?,
        Voice::Human | Voice::Quiet => print_grants(context, &grants)?,
    }
    if grants.is_empty() {
        context.output.warn(&nothing);
    }
    Ok(Exit::Done)
}

/// What to say when nothing matched: in an emergency a mistyped name must not look like success.
fn nothing_of(what: &What) -> String {
    let of = match (&what.all_of, &what.role, &what.resource) {
        (Some(email), ..) => format!("of {email}"),
        (_, Some(role), _) => format!("of the role {role}"),
        (.., Some(resource)) => format!("on {resource}"),
        (None, None, None) => String::new(),
    };
    format!("nothing was revoked: nothing {of} is live that you may revoke; check the spelling")
}
