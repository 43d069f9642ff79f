//! `curfew policy fmt`: the one form of a policy text, comments kept.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Voice, render_problem};
use crate::policy_files;
use crate::whole_file::{Readers, replace};
use clap::Args;
use curfew_policy::{Problem, SourceFile};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What `curfew policy fmt` takes.
#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    path: PathBuf,
    /// Change nothing; exit 1 when something would change
    #[arg(long)]
    check: bool,
}

/// What became of the files.
#[derive(Default)]
struct Outcome {
    /// What the person called the folder.
    named: PathBuf,
    changed: Vec<String>,
    problems: Vec<(Problem, SourceFile)>,
}

pub(crate) fn run(context: &mut Context, args: &FmtArgs) -> Result<Exit, Failure> {
    let read = policy_files::read(&context.machine.path(&args.path))?;
    if read.files.is_empty() {
        let message = format!("there is no policy file in {}", args.path.display());
        return Err(Failure::wrong_use(message).hint("name the folder that holds the policies, or one file"));
    }
    // Places are shown as the person wrote them.
    let is_folder = read.folder == context.machine.path(&args.path);
    let named = if is_folder { Some(args.path.as_path()) } else { args.path.parent() };
    let mut outcome = Outcome { named: named.map(Path::to_owned).unwrap_or_default(), ..Outcome::default() };
    // Cedar has a form of its own.
    for file in read.files.iter().filter(|file| !file.path.ends_with(".cedar")) {
        match curfew_policy::format(file) {
            Ok(text) if text.as_bytes() == file.bytes => {}
            Ok(text) => {
                if !args.check {
                    write(context, &read.folder.join(&file.path), &text)?;
                }
                outcome.changed.push(file.path.clone());
            }
            Err(problems) => outcome.problems.extend(problems.into_iter().map(|problem| (problem, file.clone()))),
        }
    }
    print(context, &outcome)?;
    Ok(match (outcome.problems.is_empty(), args.check && !outcome.changed.is_empty()) {
        (false, _) => Exit::WrongUse,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

impl Outcome {
    /// A file as the person would name it.
    fn shown(&self, file: &str) -> String {
        let path = self.named.join(file);
        path.strip_prefix(".").unwrap_or(&path).display().to_string()
    }
}

fn write(context: &Context, path: &Path, text: &str) -> Result<(), Failure> {
    let about = std::fs::metadata(path).map_err(|error| Failure::file("read", path, &error))?;
    // A link named on the command line keeps being one: what it points to is rewritten.
    let path = std::fs::canonicalize(path).map_err(|error| Failure::file("read", path, &error))?;
    replace(&context.machine, &path, text.as_bytes(), &Readers::AsBefore(about.permissions()))
}

fn print(context: &mut Context, outcome: &Outcome) -> Result<(), Failure> {
    if context.output.voice() == Voice::Json {
        let problems: Vec<_> = outcome.problems.iter().map(|(problem, _)| problem).collect();
        let document = json!({"ok": problems.is_empty(), "changed": outcome.changed, "problems": problems});
        return context.output.document(&document);
    }
    for (problem, file) in &outcome.problems {
        let text = render_problem(&context.output, problem, &outcome.shown(&problem.file), Some(file));
        context.output.raw(format!("{text}\n").as_bytes())?;
    }
    outcome.changed.iter().try_for_each(|path| context.output.line(&outcome.shown(path)))
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;

    const UGLY: &str = "# why\nroles:\n    - name:    debug\n      duration:   2h\n      conditions: [ {resource: services/db, actions: [read]} ]\n      approvers: [lead@example.com]\n";

    #[test]
    fn check_changes_nothing_and_fmt_is_done_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, UGLY).expect("written");
        let text = || std::fs::read_to_string(&path).expect("read");
        let (exit, out, _) = run_in(folder.path(), &["policy", "fmt", "--check"]);
        assert_eq!((exit, out.as_str(), text().as_str()), (Exit::No, "a.yaml\n", UGLY));
        let (exit, out, _) = run_in(folder.path(), &["policy", "fmt"]);
        assert_eq!((exit, out.as_str()), (Exit::Done, "a.yaml\n"));
        assert!(text().starts_with("# why\n") && text() != UGLY, "{}", text());
        let (exit, out, _) = run_in(folder.path(), &["policy", "fmt", "--check", "a.yaml"]);
        assert_eq!((exit, out.as_str()), (Exit::Done, ""));
    }

    #[test]
    fn files_are_named_as_the_folder_was() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("c")).expect("made");
        for (text, shown) in [(UGLY, "c/a.yaml\n"), ("roles: [", "c/a.yaml:1:")] {
            std::fs::write(folder.path().join("c/a.yaml"), text).expect("written");
            for named in ["c", "c/a.yaml"] {
                let (_, out, _) = run_in(folder.path(), &["policy", "fmt", "--check", named]);
                assert!(out.contains(shown), "{named}: {out}");
            }
        }
    }

    #[test]
    fn a_folder_without_policies_is_not_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let (exit, out, err) = run_in(folder.path(), &["policy", "fmt", "--check"]);
        assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""));
        assert!(err.contains("there is no policy file in .") && err.contains("name the folder"), "{err}");
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, "roles: [").expect("written");
        let (exit, out, _) = run_in(folder.path(), &["policy", "fmt"]);
        assert_eq!(exit, Exit::WrongUse, "{out}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "roles: [");
    }
}
