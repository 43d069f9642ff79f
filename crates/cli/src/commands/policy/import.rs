//! `curfew policy import`: the policies of another system in this language, and what could not be carried over.

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Voice, render_problem};
use crate::policy_files;
use crate::whole_file::{Readers, replace};
use clap::{Args, ValueEnum};
use curfew_policy::{Effect, Imported, Origin, Problem, Purpose, Remark, Severity, SourceFile};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What `curfew policy import` takes.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The system they come from; found out when it is not said
    #[arg(long, value_enum, value_name = "SYSTEM")]
    from: Option<System>,
    /// Write the policy to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Files or folders: JIT Groups policy documents, Teleport roles, or TEAM's tables as JSON
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum System {
    /// Policy documents of JIT Groups
    JitGroups,
    /// Teleport's role resources
    Teleport,
    /// The eligibility, approver and settings tables of TEAM
    AwsTeam,
}

impl System {
    fn origin(self) -> Origin {
        match self {
            Self::JitGroups => Origin::JitGroups,
            Self::Teleport => Origin::Teleport,
            Self::AwsTeam => Origin::AwsTeam,
        }
    }
}

pub(crate) fn run(context: &mut Context, args: &ImportArgs) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &args.paths {
        let read = policy_files::read(&context.machine.path(path))?;
        files.extend(read.files.into_iter().map(|file| as_named(path, file)));
    }
    if files.is_empty() {
        return Err(Failure::wrong_use("there is no YAML or JSON file to import")
            .hint("name the files of the other system, or the folder that holds them"));
    }
    let imported = match curfew_policy::import(&files, args.from.map(System::origin)) {
        Ok(imported) => imported,
        Err(problems) => return unreadable(context, &problems, &files),
    };
    if let Some(path) = &args.out {
        let path = context.machine.path(path);
        replace(&context.machine, &path, imported.policy.as_bytes(), &Readers::Everybody)?;
    }
    let name = args.out.as_deref().and_then(Path::file_name).map_or("imported.yaml".into(), |n| n.to_string_lossy());
    let file = SourceFile { path: name.into_owned(), bytes: imported.policy.clone().into_bytes() };
    let problems = curfew_policy::check(std::slice::from_ref(&file), &context.kinds, Purpose::Check).problems;
    let ok = problems.iter().all(|problem| problem.severity != Severity::Error);
    print(context, args, &imported, (&problems, &file))?;
    Ok(if ok { Exit::Done } else { Exit::WrongUse })
}

/// The file with its name as the person wrote it.
fn as_named(path: &Path, file: SourceFile) -> SourceFile {
    let shown = if path.ends_with(&file.path) { path.to_owned() } else { path.join(&file.path) };
    SourceFile { path: shown.display().to_string(), ..file }
}

fn unreadable(context: &mut Context, problems: &[Problem], files: &[SourceFile]) -> Result<Exit, Failure> {
    if context.output.voice() == Voice::Json {
        context.output.document(&json!({"ok": false, "policy": null, "remarks": [], "problems": problems}))?;
        return Ok(Exit::WrongUse);
    }
    for problem in problems {
        let source = files.iter().find(|file| file.path == problem.file);
        let text = render_problem(&context.output, problem, &problem.file, source);
        text.lines().for_each(|line| context.output.aside(line));
    }
    Err(Failure::wrong_use("these files cannot be read as policies of another system"))
}

fn print(
    context: &mut Context,
    args: &ImportArgs,
    imported: &Imported,
    (problems, file): (&[Problem], &SourceFile),
) -> Result<(), Failure> {
    let output = &mut context.output;
    if output.voice() == Voice::Json {
        let ok = problems.iter().all(|problem| problem.severity != Severity::Error);
        return output.document(&json!({
            "ok": ok, "from": imported.origin, "policy": imported.policy,
            "remarks": imported.remarks, "problems": problems,
        }));
    }
    if args.out.is_none() {
        output.raw(imported.policy.as_bytes())?;
    }
    // The policy is what stdout is for; what has to be known about it goes beside it, wherever that leads.
    for remark in &imported.remarks {
        output.aside(&sentence(remark));
    }
    for problem in problems {
        let text = render_problem(output, problem, &file.path, Some(file));
        text.lines().for_each(|line| output.aside(line));
    }
    if imported.policy.lines().any(|line| line == "roles: []") {
        output.aside("no role came of it: name the files that define the roles as well as those who may have them");
    }
    let count = |effect| imported.remarks.iter().filter(|r| r.effect == effect).count();
    let (wider, narrower, to_do) = (count(Effect::Wider), count(Effect::Narrower), count(Effect::ToDo));
    output.aside(&format!("not carried over as it was: {wider} wider, {narrower} narrower, {to_do} to do"));
    Ok(())
}

fn sentence(remark: &Remark) -> String {
    let word = match remark.effect {
        Effect::Wider => "WIDER",
        Effect::Narrower => "narrower",
        Effect::ToDo => "to do",
    };
    let role = if remark.role.is_empty() { String::new() } else { format!(" {}:", remark.role) };
    format!("{}:{}: {word}:{role} {}", remark.file, remark.line, remark.message)
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use serde_json::Value;

    const TELEPORT: &str = include_str!("../../../../policy/tests/data/import/teleport.yaml");

    #[test]
    fn what_is_imported_passes_the_check() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("roles.yaml"), TELEPORT).expect("written");
        let (exit, out, err) = run_in(folder.path(), &["policy", "import", "roles.yaml"]);
        assert_eq!(exit, Exit::Done, "{err}");
        assert!(out.contains("name: \"prod-ssh\"") && err.contains("WIDER: prod-ssh:"), "{out}\n{err}");
        let args = ["policy", "import", "--from", "teleport", "--out", "new.yaml", "roles.yaml"];
        let (exit, out, _) = run_in(folder.path(), &args);
        assert_eq!((exit, out.as_str()), (Exit::Done, ""));
        let (exit, out, _) = run_in(folder.path(), &["policy", "check", "new.yaml"]);
        assert_eq!(exit, Exit::Done, "{out}");
        let (exit, out, err) = run_in(folder.path(), &["policy", "import", "--json", "roles.yaml"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, err.as_str(), &document["from"]), (Exit::Done, "", &"teleport".into()));
        assert!(document["remarks"].as_array().is_some_and(|r| r.iter().any(|r| r["effect"] == "wider")), "{out}");
    }

    #[test]
    fn what_is_no_policy_is_wrong_use() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.yaml"), "x: y").expect("written");
        for args in [vec!["policy", "import", "a.yaml"], vec!["policy", "import", "nowhere.yaml"]] {
            let (exit, out, err) = run_in(folder.path(), &args);
            assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""), "{err}");
        }
        let (exit, out, _) = run_in(folder.path(), &["policy", "import", "--json", "a.yaml"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["ok"]), (Exit::WrongUse, &Value::Bool(false)));
    }
}
