//! `curfew policy apply`: tells the server to put in force what stands where it takes its policy from.
//!
//! Nothing of a policy is sent. A folder that is named says which content, or which commit, is meant; the server reads it
//! from its own folder or repository, and refuses when that holds something else. In the job of a pipeline that has a token,
//! it is the job that says so.

use super::super::Context;
use super::check::load_in;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Job, NO_TOKEN, Platform};
use crate::output::Output;
use crate::policy_files::{self, surroundings};
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
    /// For whom the job's token is made, where the job says so [default: what the server says it takes]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
}

pub(crate) async fn run(context: &mut Context, args: &ApplyArgs) -> Result<Exit, Failure> {
    let session = whoever(context, args.audience.as_deref()).await?;
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

/// The job where there is one, unless a person's token is at hand for it.
async fn whoever(context: &Context, audience: Option<&str>) -> Result<Session, Failure> {
    if context.machine.var("CURFEW_TOKEN").is_some() {
        return Session::signed_in(context);
    }
    match Job::sign_in(context, audience).await {
        Ok(job) => Ok(job.session),
        // On a runner that has no token, what the job lacks is what helps; elsewhere it is people who apply.
        Err(none) if none.code == NO_TOKEN => {
            Session::signed_in(context).map_err(|nobody| match Platform::of(&context.machine) {
                Platform::Elsewhere => nobody,
                Platform::Github | Platform::Gitlab | Platform::Buildkite | Platform::Circleci => none,
            })
        }
        Err(failure) => Err(failure),
    }
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
            let place = context.machine.path(Path::new(folder));
            let repository = Repository::around(&surroundings(&context.machine), &place)?;
            let commit = repository.commit("HEAD")?;
            if is_changed_since(&repository, &place, &commit) {
                context.output.warn(&format!(
                    "{folder} is not as it was committed: its HEAD is applied, without what was changed since"
                ));
            }
            body.commit = Some(commit);
        }
        PolicySourceView::Folder => {
            let set =
                load_in(context, Path::new(folder), policy.environment.as_deref())?.usable(&mut context.output)?;
            body.content = Some(set.content_hash().to_owned());
        }
    }
    Ok(())
}

/// Whether the files of a folder are others than those of its commit. What cannot be read is the server's to refuse.
fn is_changed_since(repository: &Repository, place: &Path, commit: &str) -> bool {
    let committed = repository.read(commit).ok().flatten().map(|read| read.files);
    let here = policy_files::read(place).ok().map(|read| read.files);
    matches!((committed, here), (Some(committed), Some(here)) if committed != here)
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

#[cfg(test)]
mod tests {
    use super::is_changed_since;
    use crate::machine::Machine;
    use crate::policy_files::surroundings;
    use curfew_source::Repository;
    use std::process::Command;

    #[test]
    fn what_is_not_committed_is_noticed() {
        let base = tempfile::tempdir().expect("a folder");
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(base.path()).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
            let done = command.args(["-c", "commit.gpgsign=false"]).args(args).output().expect("git runs");
            assert!(done.status.success(), "{args:?}");
        };
        let place = base.path().join("policies");
        let write = |name: &str, text: &str| std::fs::write(place.join(name), text).expect("written");
        git(&["init", "--quiet", "--initial-branch=main"]);
        std::fs::create_dir_all(place.join("teams")).expect("made");
        for name in ["teams/b.yaml", "a.yaml", ".curfewignore"] {
            write(name, "# c.yaml\n");
        }
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "one"]);
        let machine = Machine::with(base.path(), []);
        let repository = Repository::around(&surroundings(&machine), &place).expect("a repository");
        let commit = repository.commit("HEAD").expect("a commit");
        let changed = || is_changed_since(&repository, &place, &commit);
        assert!(!changed(), "nothing was changed");
        std::fs::write(base.path().join("README.md"), "beside it").expect("written");
        write("notes.txt", "no policy");
        assert!(!changed(), "what is no policy is no change of it");
        write("teams/new.yaml", "groups: {}\n");
        assert!(changed(), "a new file");
        std::fs::remove_file(place.join("teams/new.yaml")).expect("removed");
        write("a.yaml", "groups: {}\n");
        assert!(changed(), "a changed file");
    }
}
