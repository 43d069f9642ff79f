//! `curfew login`: who is asking.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use crate::state::{StateFolder, StoredToken, Tokens};
use clap::Args;
use curfew_api::{SignInBody, SignedInView};
use curfew_domain::{Email, GroupName};
use serde_json::json;

/// What `curfew login` takes.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Sign in as this person; on a development server only
    #[arg(long = "as", value_name = "EMAIL")]
    email: Option<Email>,
    /// With the groups an identity provider would have asserted
    #[arg(long = "group", value_name = "GROUP", requires = "email")]
    groups: Vec<GroupName>,
    /// Print the token for CURFEW_TOKEN, and keep nothing on this machine
    #[arg(long, requires = "email")]
    print_token: bool,
}

pub(crate) async fn run(context: &mut Context, args: LoginArgs) -> Result<Exit, Failure> {
    let Some(email) = args.email else {
        let message = "this version signs in on development servers only";
        return Err(Failure::wrong_use(message)
            .hint("curfew login --as you@example.com; browser and device sign-in arrive with identity providers"));
    };
    let session = Session::as_nobody(context)?;
    let body = SignInBody { email: email.to_string(), groups: args.groups };
    let signed_in = session.client.sign_in(&body).await.map_err(session::failure)?;
    if args.print_token {
        return print_token(context, &session, &signed_in);
    }
    let label = signed_in.subject.label();
    let token = StoredToken {
        label: label.clone(),
        token: signed_in.token.clone().into(),
        expires_at: Some(signed_in.expires_at),
    };
    Tokens::keep(&context.machine, &StateFolder::of(&context.machine)?, &session.server, token)?;
    match context.output.voice() {
        Voice::Json => context.output.document(&document(&session, &signed_in))?,
        Voice::Human => context.output.line(&format!("signed in at {} as {label}", session.server))?,
        Voice::Quiet => {}
    }
    Ok(Exit::Done)
}

fn document(session: &Session, signed_in: &SignedInView) -> serde_json::Value {
    json!({"server": session.server, "subject": signed_in.subject, "expires_at": signed_in.expires_at})
}

fn print_token(context: &mut Context, session: &Session, signed_in: &SignedInView) -> Result<Exit, Failure> {
    match context.output.voice() {
        Voice::Json => {
            let mut document = document(session, signed_in);
            document["token"] = signed_in.token.clone().into();
            context.output.document(&document)?;
        }
        Voice::Human | Voice::Quiet => context.output.raw(format!("{}\n", signed_in.token).as_bytes())?,
    }
    Ok(Exit::Done)
}
