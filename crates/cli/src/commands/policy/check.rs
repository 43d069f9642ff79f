//! `curfew policy check`: every problem of a policy set at once.

use super::Context;
use super::report::{Located, annotations, sarif, sarif_of_failure};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, Voice, render_problem};
use crate::policy_files::{self, PolicyFiles};
use clap::{Args, ValueEnum};
use curfew_policy::{PolicySet, Problem, Purpose, Severity, SourceFile};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a watched folder is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(400);

/// What `curfew policy check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR")]
    path: PathBuf,
    /// How to print it; `json` is what --json prints
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Check again whenever a file changes, until interrupted
    #[arg(long, conflicts_with = "format")]
    watch: bool,
    /// The environment that has to be there; every overlay is checked, with and without it
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences, with the text underlined
    Human,
    /// One document
    Json,
    /// SARIF 2.1.0, for code hosts that annotate lines
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
}

/// A policy set that was read and checked.
pub(super) struct CheckedFiles {
    pub(super) problems: Vec<Problem>,
    pub(super) set: Option<PolicySet>,
    read: PolicyFiles,
}

/// Reads and checks a folder or file, as one environment makes it.
pub(super) fn load_in(context: &Context, path: &Path, environment: Option<&str>) -> Result<CheckedFiles, Failure> {
    let mut read = policy_files::read(&context.machine.path(path))?;
    // Places are shown as the person wrote them.
    read.folder = if read.folder == context.machine.path(path) { path.to_owned() } else { parent(path) };
    checked(context, read, environment)
}

/// Checks files that were read.
pub(super) fn checked(
    context: &Context,
    mut read: PolicyFiles,
    environment: Option<&str>,
) -> Result<CheckedFiles, Failure> {
    let checked = curfew_policy::check_in(&read.files, &context.kinds, Purpose::Check, environment);
    let Some(checked) = checked else {
        let names = curfew_policy::environments(&read.files);
        let name = environment.unwrap_or_default();
        let hint = match names.is_empty() {
            true => format!("leave --env out, or write environments/{name}.yaml: this folder has no environments"),
            false => format!("there are: {}", names.join(", ")),
        };
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

    /// The files as they were read.
    pub(super) fn files(&self) -> &[SourceFile] {
        &self.read.files
    }

    /// The set, or the failure that says all that is wrong with it.
    pub(super) fn usable(self, output: &mut Output) -> Result<PolicySet, Failure> {
        let (count, advice) = (self.count(Severity::Error), self.advice());
        // Whoever reads the problems has their places already.
        let hint = if self.is_tests_alone() { advice } else { "" };
        let document = json!({
            "error": {"code": "invalid_policy", "message": format!("the policy has {count}"), "hint": advice},
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
                hint: hint.to_owned(),
                ..Failure::wrong_use(format!("the policy has {count}"))
            }),
        }
    }

    /// Whether one file of tests was named, without the roles that it is about.
    fn is_tests_alone(&self) -> bool {
        let ending = |path: &str| [".test.yaml", ".test.yml", ".test.json"].iter().any(|end| path.ends_with(end));
        matches!(self.read.files.as_slice(), [only] if ending(&only.path))
    }

    /// What to do about a set that cannot be used.
    fn advice(&self) -> &'static str {
        match self.is_tests_alone() {
            true => "name the folder: a file of tests is read together with the roles beside it",
            false => "`curfew policy check` shows each with its place and what to write",
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
            let text = render_problem(output, problem, &self.shown(problem), self.source(problem));
            output.raw(format!("{text}\n").as_bytes())?;
        }
        Ok(())
    }

    fn source(&self, problem: &Problem) -> Option<&SourceFile> {
        self.read.files.iter().find(|file| file.path == problem.file)
    }

    /// The path of a problem's file as the person would write it.
    fn shown(&self, problem: &Problem) -> String {
        if problem.file.is_empty() {
            return self.read.folder.display().to_string();
        }
        let path = self.read.folder.join(&problem.file);
        path.strip_prefix(".").unwrap_or(&path).display().to_string()
    }

    fn located(&self) -> Vec<Located<'_>> {
        self.problems.iter().map(|problem| Located::new(problem, self.shown(problem), self.source(problem))).collect()
    }

    fn print(&self, output: &mut Output, format: Format) -> Result<(), Failure> {
        let ok = self.is_ok();
        match format {
            Format::Json => return output.document(&json!({"ok": ok, "problems": self.problems})),
            Format::Sarif => return output.document(&sarif(&self.located())),
            Format::Github => return output.raw(annotations(&self.located()).as_bytes()),
            Format::Human => self.print_problems(output)?,
        }
        let roles = self.set.as_ref().map_or(0, |set| set.roles().count());
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let files = self.read.files.len();
        match (ok, output.voice()) {
            (_, Voice::Quiet) => Ok(()),
            (true, _) => output.line(&format!("ok: roles: {roles}, files: {files}, {warnings}")),
            (false, _) => {
                output.line(&format!("{errors}, {warnings}"))?;
                if self.is_tests_alone() { output.line(&format!("hint: {}", self.advice())) } else { Ok(()) }
            }
        }
    }
}

pub(crate) fn run(context: &mut Context, args: &CheckArgs) -> Result<Exit, Failure> {
    let format = match context.output.voice() {
        Voice::Json => Format::Json,
        Voice::Human | Voice::Quiet => args.format,
    };
    if args.watch {
        if format == Format::Json {
            return Err(Failure::wrong_use("--watch prints for people; it goes without --json")
                .hint("leave one of the two out"));
        }
        let ticks = std::iter::repeat_with(|| std::thread::sleep(WATCH_EVERY));
        return watch(context, args, ticks);
    }
    once(context, args, format)
}

fn once(context: &mut Context, args: &CheckArgs, format: Format) -> Result<Exit, Failure> {
    let checked = match (load_in(context, &args.path, args.env.as_deref()), format) {
        (Ok(checked), _) => checked,
        (Err(failure), Format::Json) => {
            context.output.document(&unreadable(&failure))?;
            return Ok(failure.exit);
        }
        (Err(failure), Format::Sarif) => {
            context.output.document(&sarif_of_failure(&failure))?;
            return Ok(failure.exit);
        }
        (Err(failure), Format::Human | Format::Github) => return Err(failure),
    };
    checked.print(&mut context.output, format)?;
    Ok(if checked.is_ok() { Exit::Done } else { Exit::WrongUse })
}

/// Checks now, and after each tick that finds other files. Ends with the ticks, or when nobody reads any more.
fn watch(context: &mut Context, args: &CheckArgs, ticks: impl Iterator<Item = ()>) -> Result<Exit, Failure> {
    let mut seen = None;
    let mut exit = Exit::Done;
    for () in std::iter::once(()).chain(ticks) {
        if context.output.is_unread() {
            break;
        }
        // What cannot be read just now, while an editor replaces it, is a state like any other.
        let now = policy_files::read(&context.machine.path(&args.path)).map(|read| (read.files, read.problems));
        if seen.as_ref() == Some(&now) {
            continue;
        }
        if seen.is_some() {
            context.output.line("")?;
        }
        exit = match once(context, args, Format::Human) {
            Ok(exit) => exit,
            Err(failure) => {
                context.output.failure(&failure);
                failure.exit
            }
        };
        seen = Some(now);
    }
    Ok(exit)
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
    use super::{CheckArgs, Format, watch};
    use crate::commands::Context;
    use crate::exit::Exit;
    use crate::machine::Machine;
    use crate::output::tests::kept;
    use crate::output::{Output, Reader, Voice};
    use crate::program::tests::run_in;
    use serde_json::Value;
    use std::path::Path;

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

    #[test]
    fn an_environment_that_is_named_has_to_be_there() {
        let folder = folder(SMALLEST);
        let (exit, _, err) = run_in(folder.path(), &["policy", "check", "--env", "prod"]);
        assert_eq!(exit, Exit::WrongUse);
        assert!(err.contains("there is no environment `prod`") && err.contains("environments/prod.yaml"), "{err}");
        std::fs::create_dir(folder.path().join("environments")).expect("made");
        let narrower = "roles: [{name: temporary-developer-debug, duration: 1h}]\n";
        std::fs::write(folder.path().join("environments/prod.yaml"), narrower).expect("written");
        let (exit, out, err) = run_in(folder.path(), &["policy", "check", "--env", "prod"]);
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
        let (exit, _, err) = run_in(folder.path(), &["policy", "check", "--env", "staging"]);
        assert!(exit == Exit::WrongUse && err.contains("there are: prod"), "{err}");
    }

    #[test]
    fn what_is_wrong_with_a_folder_stands_in_no_line() {
        let base = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(base.path().join("empty")).expect("made");
        for named in ["empty", "empty/"] {
            let (exit, out, _) = run_in(base.path(), &["policy", "check", named]);
            assert_eq!(exit, Exit::WrongUse);
            assert!(out.contains(&format!("--> {named}\n")), "{out}");
        }
        let (_, out, _) = run_in(&base.path().join("empty"), &["policy", "check"]);
        assert!(out.contains("--> .\n"), "{out}");
    }

    #[test]
    fn tests_alone_are_sent_to_their_folder() {
        let folder = folder(SMALLEST);
        let test = "tests: [{name: t, as: {user: d@example.com}, request: {role: temporary-developer-debug}, expect: needs_approval}]\n";
        std::fs::write(folder.path().join("a.test.yaml"), test).expect("written");
        let (exit, out, _) = run_in(folder.path(), &["policy", "check", "a.test.yaml"]);
        assert!(exit == Exit::WrongUse && out.ends_with("read together with the roles beside it\n"), "{out}");
        let (exit, _, err) = run_in(folder.path(), &["policy", "test", "a.test.yaml"]);
        assert!(exit == Exit::WrongUse && err.contains("hint: name the folder"), "{err}");
        let (exit, out, _) = run_in(folder.path(), &["policy", "test"]);
        assert!(exit == Exit::Done && out.contains("passed: 1"), "{out}");
    }

    #[test]
    fn code_hosts_get_the_path_from_where_the_check_ran() {
        let base = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(base.path().join("policies")).expect("made");
        let text = SMALLEST.replace("approvers", "aprovers");
        std::fs::write(base.path().join("policies/a.yaml"), text).expect("written");
        let (exit, out, err) = run_in(base.path(), &["policy", "check", "--format", "github", "policies"]);
        assert_eq!((exit, err.as_str()), (Exit::WrongUse, ""));
        assert!(out.contains("::error file=policies/a.yaml,line=7,col=5,endColumn=13,title=unknown-key::"), "{out}");
        let (exit, out, _) = run_in(base.path(), &["policy", "check", "--format", "sarif", "policies"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        let results = document["runs"][0]["results"].as_array().expect("a list");
        let place = |r: &Value| r["locations"][0]["physicalLocation"].clone();
        let ours = results.iter().find(|r| r["ruleId"] == "unknown-key").map(place).expect("the problem");
        assert_eq!((exit, &ours["artifactLocation"]["uri"]), (Exit::WrongUse, &"policies/a.yaml".into()));
        assert_eq!((&ours["region"]["startLine"], &ours["region"]["endColumn"]), (&7.into(), &13.into()));
        let (exit, out, _) = run_in(base.path(), &["policy", "check", "--format", "sarif", "nowhere"]);
        assert!(exit == Exit::WrongUse && out.contains("\"executionSuccessful\": false"), "{out}");
    }

    #[test]
    fn a_watched_folder_is_checked_when_it_changes_and_only_then() {
        let folder = folder(SMALLEST);
        let path = folder.path().join("jit-access-policy.yaml");
        let broken = SMALLEST.replace("approvers", "aprovers");
        let steps = [None, Some(broken.as_str()), None, Some(SMALLEST)];
        let ticks = steps.into_iter().map(|step| {
            if let Some(text) = step {
                std::fs::write(&path, text).expect("written");
            }
        });
        let (streams, out, _) = kept(Reader::Program);
        let machine = Machine::with(folder.path(), []);
        let output = Output::new(streams, Voice::Human);
        let mut context = Context { machine, output, server: None, kinds: Vec::new() };
        let args = CheckArgs { path: Path::new(".").to_owned(), format: Format::Human, watch: true, env: None };
        assert_eq!(watch(&mut context, &args, ticks), Ok(Exit::Done));
        let out = out.text();
        let states: Vec<_> = out.lines().filter(|l| l.starts_with("ok:") || l.starts_with("1 error, ")).collect();
        assert_eq!(states.len(), 3, "{out}");
        assert!(states[0].starts_with("ok:") && states[2].starts_with("ok:"), "{out}");
        let (exit, out, err) = run_in(folder.path(), &["policy", "check", "--watch", "--json"]);
        assert!(exit == Exit::WrongUse && err.is_empty(), "{err}");
        assert!(out.contains("leave one of the two out"), "{out}");
    }
}
