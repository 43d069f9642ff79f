//! `curfew policy apply`: tells the server to put in force what stands where it takes its policy from.
//!
//! Nothing of a policy is sent. A folder that is named says which content, or which commit, is meant; the server reads it
//! from its own folder or repository, and refuses when that holds something else.

use super::super::Context;
use super::check::load_in;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::policy_files::surroundings;
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{PolicyAppliedState, PolicyAppliedView, PolicyApplyBody, PolicySourceView};
use curfew_domain::text::visible;
use curfew_source::Repository;
use std::path::Path;

/// What `curfew policy apply` takes.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A commit of the branch that the server follows, or a folder: its HEAD, or, for a server with a folder of its
    /// own, the content it must have. The end of the branch, or the server's folder as it is, when left out
    #[arg(value_name = "COMMIT|DIR")]
    what: Option<String>,
    /// Go back to an older commit; without one, to the commit that was in force before
    #[arg(long)]
    rollback: bool,
}

pub(crate) async fn run(context: &mut Context, args: &ApplyArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let mut body = PolicyApplyBody { rollback: args.rollback, ..PolicyApplyBody::default() };
    match args.what.as_deref() {
        Some(what) if context.machine.path(Path::new(what)).is_dir() => {
            meant_by(context, &session, what, &mut body).await?
        }
        Some(what) if is_commit(what) => body.commit = Some(what.to_owned()),
        Some(what) => {
            return Err(Failure::wrong_use(format!("`{what}` is neither a folder nor the id of a commit"))
                .hint("name a commit by seven or more digits of its id: git log --oneline"));
        }
        None => {}
    }
    let applied = session.client.apply_policy(&body).await.map_err(session::failure)?;
    context.output.show(&applied, print)?;
    Ok(match applied.state {
        PolicyAppliedState::Applied | PolicyAppliedState::Unchanged => Exit::Done,
        PolicyAppliedState::Waiting => Exit::StillPending,
    })
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What a folder means to this server: a commit, or a content.
async fn meant_by(
    context: &mut Context,
    session: &Session,
    folder: &str,
    body: &mut PolicyApplyBody,
) -> Result<(), Failure> {
    let policy = session.client.policy().await.map_err(session::failure)?;
    match policy.source {
        PolicySourceView::Git => {
            let repository =
                Repository::around(&surroundings(&context.machine), &context.machine.path(Path::new(folder)))?;
            body.commit = Some(repository.commit("HEAD")?);
        }
        PolicySourceView::Folder => {
            let set =
                load_in(context, Path::new(folder), policy.environment.as_deref())?.usable(&mut context.output)?;
            body.content = Some(set.content_hash().to_owned());
        }
    }
    Ok(())
}

fn print(output: &mut Output, applied: &PolicyAppliedView) -> Result<(), Failure> {
    let version = applied.commit.as_deref().unwrap_or(&applied.policy_version);
    match applied.state {
        PolicyAppliedState::Applied => output.line(&format!("in force: {version}"))?,
        PolicyAppliedState::Unchanged => output.line(&format!("in force, as before: {version}"))?,
        PolicyAppliedState::Waiting => {
            output
                .line("noted; others have to say the same within an hour (curfew policy apply COMMIT --rollback):")?;
            for missing in &applied.missing {
                output.line(&format!("  {}", visible(missing)))?;
            }
        }
    }
    for grant in &applied.live_grants {
        let fate = if grant.effect == "ended" { "ends" } else { "runs to its end, and would not be given again" };
        output.line(&format!("live: {} of {} ({}): {fate}", grant.id, grant.subject, grant.role))?;
    }
    Ok(())
}
