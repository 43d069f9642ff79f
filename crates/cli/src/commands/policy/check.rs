//! `curfew policy check`: every problem of a policy set at once.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Voice, render_problem};
use crate::policy_files::{self, PolicyFiles};
use clap::{Args, ValueEnum};
use curfew_policy::{PolicySet, Problem, Purpose, Severity};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What `curfew policy check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR")]
    path: PathBuf,
    /// How to print it; `json` is what --json prints
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// A policy set that was read and checked.
pub(super) struct CheckedFiles {
    pub(super) problems: Vec<Problem>,
    pub(super) set: Option<PolicySet>,
    read: PolicyFiles,
}

/// Reads and checks a folder or file.
pub(super) fn load(context: &Context, path: &Path) -> Result<CheckedFiles, Failure> {
    load_in(context, path, None)
}

/// The same, as one environment makes it.
pub(super) fn load_in(context: &Context, path: &Path, environment: Option<&str>) -> Result<CheckedFiles, Failure> {
    let mut read = policy_files::read(&context.machine.path(path))?;
    // Places are shown as the person wrote them.
    read.folder = if read.folder == context.machine.path(path) { path.to_owned() } else { parent(path) };
    let checked = curfew_policy::check_in(&read.files, &context.kinds, Purpose::Check, environment);
    let Some(checked) = checked else {
        let names = curfew_policy::environments(&read.files);
        let hint =
            if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        let name = environment.unwrap_or_default();
        return Err(Failure::wrong_use(format!("there is no environment `{name}`")).hint(hint));
    };
    let mut problems = std::mem::take(&mut read.problems);
    let set = checked.set.filter(|_| problems.is_empty());
    problems.extend(checked.problems);
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Ok(CheckedFiles { problems, set, read })
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

impl CheckedFiles {
    /// Whether the set can be used.
    fn is_ok(&self) -> bool {
        self.set.is_some() && self.problems.iter().all(|problem| problem.severity != Severity::Error)
    }

    /// The set, or the failure that says all that is wrong with it.
    pub(super) fn usable(self, output: &mut Output) -> Result<PolicySet, Failure> {
        let count = self.count(Severity::Error);
        let document = json!({
            "error": {"code": "invalid_policy", "message": format!("the policy has {count}"), "hint": "curfew policy check"},
            "ok": false, "problems": self.problems,
        });
        if !self.is_ok() && output.voice() != Voice::Json {
            self.print_problems(output)?;
        }
        match self.set {
            Some(set) if document["problems"].as_array().is_none_or(|p| p.iter().all(|p| p["severity"] != "error")) => {
                Ok(set)
            }
            Some(_) | None => Err(Failure {
                code: "invalid_policy".to_owned(),
                document: Some(Box::new(document)),
                ..Failure::wrong_use(format!("the policy has {count}"))
            }),
        }
    }

    fn count(&self, severity: Severity) -> String {
        let (one, many) = match severity {
            Severity::Error => ("error", "errors"),
            Severity::Warning => ("warning", "warnings"),
        };
        match self.problems.iter().filter(|problem| problem.severity == severity).count() {
            1 => format!("1 {one}"),
            n => format!("{n} {many}"),
        }
    }

    fn print_problems(&self, output: &mut Output) -> Result<(), Failure> {
        for problem in &self.problems {
            let source = self.read.files.iter().find(|file| file.path == problem.file);
            let path = self.read.folder.join(&problem.file);
            let path = path.strip_prefix(".").unwrap_or(&path).display().to_string();
            let text = render_problem(output, problem, &path, source);
            output.raw(format!("{text}\n").as_bytes())?;
        }
        Ok(())
    }
}

pub(crate) fn run(context: &mut Context, args: &CheckArgs) -> Result<Exit, Failure> {
    let json = args.format == Format::Json || context.output.voice() == Voice::Json;
    let checked = match load(context, &args.path) {
        Ok(checked) => checked,
        Err(failure) if json => {
            context.output.document(&unreadable(&failure))?;
            return Ok(failure.exit);
        }
        Err(failure) => return Err(failure),
    };
    let ok = checked.is_ok();
    if json {
        context.output.document(&json!({"ok": ok, "problems": checked.problems}))?;
    } else {
        checked.print_problems(&mut context.output)?;
        let roles = checked.set.as_ref().map_or(0, |set| set.roles().count());
        let (errors, warnings) = (checked.count(Severity::Error), checked.count(Severity::Warning));
        let files = checked.read.files.len();
        match (ok, context.output.voice()) {
            (_, Voice::Quiet) => {}
            (true, _) => context.output.line(&format!("ok: roles: {roles}, files: {files}, {warnings}"))?,
            (false, _) => context.output.line(&format!("{errors}, {warnings}"))?,
        }
    }
    Ok(if ok { Exit::Done } else { Exit::WrongUse })
}

/// A folder that cannot be read is an error of the check as well as of the command.
fn unreadable(failure: &Failure) -> Value {
    let problem = json!({
        "severity": "error", "code": "unreadable", "message": failure.message, "hint": failure.hint,
        "file": "", "line": 1, "column": 1,
    });
    let mut document = failure.to_json();
    document["ok"] = false.into();
    document["problems"] = json!([problem]);
    document
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use serde_json::Value;

    const SMALLEST: &str = "roles:\n  - name: temporary-developer-debug\n    duration: 2h\n    conditions:\n      - resource: \"services/db\"\n        actions: [\"read\", \"write\"]\n    approvers:\n      - team-lead@example.com\n";

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("jit-access-policy.yaml"), text).expect("written");
        folder
    }

    #[test]
    fn the_smallest_document_is_fine() {
        let folder = folder(SMALLEST);
        for args in [
            vec!["policy", "check"],
            vec!["policy", "check", "."],
            vec!["policy", "check", "jit-access-policy.yaml"],
            vec!["policy", "check", "--format", "json"],
            vec!["--quiet", "policy", "check"],
        ] {
            let (exit, out, err) = run_in(folder.path(), &args);
            assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{args:?}: {out}");
        }
    }

    #[test]
    fn problems_have_places_and_are_underlined() {
        let folder = folder(&SMALLEST.replace("approvers", "aprovers"));
        let (exit, out, _) = run_in(folder.path(), &["policy", "check", "--json"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["ok"]), (Exit::WrongUse, &Value::Bool(false)));
        let problems = document["problems"].as_array().expect("a list");
        let ours = problems.iter().find(|p| p["line"] == 7 && p["column"] == 5).expect("the place");
        assert_eq!((&ours["severity"], &ours["file"]), (&"error".into(), &"jit-access-policy.yaml".into()));
        let (exit, out, _) = run_in(folder.path(), &["policy", "check"]);
        assert_eq!(exit, Exit::WrongUse);
        assert!(out.contains("--> jit-access-policy.yaml:7:5") && out.contains("^^^^^^^^"), "{out}");
    }

    #[test]
    fn a_missing_folder_is_wrong_use_with_the_same_document() {
        let folder = folder(SMALLEST);
        let (exit, out, _) = run_in(folder.path(), &["policy", "check", "nowhere", "--json"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["ok"]), (Exit::WrongUse, &Value::Bool(false)));
        assert!(document["error"]["message"].is_string() && document["problems"][0]["severity"] == "error", "{out}");
        let (exit, out, err) = run_in(folder.path(), &["policy", "check", "nowhere"]);
        assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""));
        assert!(err.starts_with("error: cannot read"), "{err}");
    }
}
