//! The two sets that are compared, from wherever they are.

use super::super::Context;
use super::super::check::{CheckedFiles, checked, load_in};
use crate::failure::Failure;
use crate::policy_files::{PolicyFiles, surroundings};
use crate::session::{self, Session};
use curfew_api::PolicyFileView;
use curfew_policy::{PolicySet, Purpose, SourceFile};
use curfew_source::{Range, Repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was, and what is to be.
pub(super) struct Sides {
    pub(super) base: PolicySet,
    pub(super) head: PolicySet,
    /// What each environment that either side has makes of both, where none was named.
    pub(super) environments: Vec<Environment>,
}

/// Both sets as an environment has them. A side without it is as it is without one.
pub(super) struct Environment {
    pub(super) name: String,
    pub(super) base: PolicySet,
    pub(super) head: PolicySet,
}

/// Reads both.
pub(super) fn load(context: &mut Context, what: &[PathBuf], environments: &[String]) -> Result<Sides, Failure> {
    let (base, head) = match (what, environments) {
        (_, [_, _, _, ..]) => return Err(how_to("--env is given at most twice")),
        ([] | [_], [first, second]) => {
            let folder = what.first().map_or(Path::new("."), PathBuf::as_path);
            (load_in(context, folder, Some(first))?, load_in(context, folder, Some(second))?)
        }
        (_, [_, _]) => return Err(Failure::wrong_use("two environments are compared in one folder")),
        ([], _) => return Err(how_to("say what to compare")),
        // What an environment makes of the set.
        ([folder], [name]) if range_of(context, folder).is_none() => {
            (load_in(context, folder, None)?, load_in(context, folder, Some(name))?)
        }
        ([range], environment) => revisions(context, range, Path::new("."), environment.first())?,
        ([first, second, ..], environment) => match range_of(context, first) {
            Some(_) => revisions(context, first, second, environment.first())?,
            None => {
                both_are_there(context, first, second)?;
                let environment = environment.first().map(String::as_str);
                (load_in(context, first, environment)?, load_in(context, second, environment)?)
            }
        },
    };
    let in_environments = match environments {
        [] => in_environments(context, [base.files(), head.files()]),
        [_, ..] => Vec::new(),
    };
    let base = base.usable(&mut context.output)?;
    Ok(Sides { base, head: head.usable(&mut context.output)?, environments: in_environments })
}

/// Whoever changes an overlay alone changes what a server gives. A set with an error has none: it is refused as it is.
fn in_environments(context: &Context, sides: [&[SourceFile]; 2]) -> Vec<Environment> {
    let names: BTreeSet<String> = sides.into_iter().flat_map(curfew_policy::environments).collect();
    let as_one_has_it = |files: &[SourceFile], name: &str| {
        let name = curfew_policy::environments(files).iter().any(|known| known == name).then_some(name);
        curfew_policy::check_in(files, &context.kinds, Purpose::Check, name)?.set
    };
    let both = |name: String| {
        let [base, head] = sides.map(|files| as_one_has_it(files, &name));
        Some(Environment { name, base: base?, head: head? })
    };
    names.into_iter().filter_map(both).collect()
}

/// Reads what is in force on the server, and the folder that is to take its place there.
pub(super) async fn in_force(context: &mut Context, what: &[PathBuf]) -> Result<Sides, Failure> {
    let folder = match what {
        [] => Path::new("."),
        [folder] => folder.as_path(),
        [_, _, ..] => return Err(Failure::wrong_use("what is in force is compared with one folder")),
    };
    let session = Session::signed_in(context)?;
    let policy = session.client.policy().await.map_err(session::failure)?;
    let environment = policy.environment.as_deref();
    let file = |file: PolicyFileView| SourceFile { path: file.path, bytes: file.text.into_bytes() };
    let files: Vec<SourceFile> = policy.files.into_iter().map(file).collect();
    let read = PolicyFiles { folder: PathBuf::from("in-force:"), files, problems: Vec::new() };
    let base = checked(context, read, environment)?.usable(&mut context.output)?;
    let head = load_in(context, folder, environment)?.usable(&mut context.output)?;
    Ok(Sides { base, head, environments: Vec::new() })
}

fn how_to(message: &str) -> Failure {
    Failure::wrong_use(message).hint(
        "curfew policy diff main..HEAD [DIR], curfew policy diff DIR1 DIR2, --in-force DIR, or --env A --env B DIR",
    )
}

/// A range, unless there is a folder of that name.
fn range_of(context: &Context, text: &Path) -> Option<Range> {
    if context.machine.path(text).is_dir() {
        return None;
    }
    Range::parse(text.to_str()?)
}

/// Two names that are no range are two folders, or two revisions in the words of another tool.
fn both_are_there(context: &Context, first: &Path, second: &Path) -> Result<(), Failure> {
    let is_there = |path: &Path| context.machine.path(path).exists();
    let (one, other) = (first.display(), second.display());
    let (missing, hint) = match (is_there(first), is_there(second)) {
        (true, true) => return Ok(()),
        (true, false) => (second, "name two folders, or two revisions as main..HEAD [DIR]".to_owned()),
        (false, true) => (first, format!("a revision is written {one}..HEAD {other}")),
        (false, false) => (first, format!("two revisions are written {one}..{other} [DIR]")),
    };
    let path = context.machine.path(missing);
    Err(Failure::wrong_use(format!("cannot read {}: there is no such folder or file", path.display())).hint(hint))
}

fn revisions(
    context: &Context,
    range: &Path,
    folder: &Path,
    environment: Option<&String>,
) -> Result<(CheckedFiles, CheckedFiles), Failure> {
    let Some(range) = range_of(context, range) else {
        return Err(how_to(&format!("`{}` is no range of revisions, and one folder is not enough", range.display())));
    };
    let there = context.machine.path(folder);
    if !there.is_dir() {
        let what = if there.exists() { "is a file" } else { "is not there" };
        return Err(Failure::wrong_use(format!("`{}` {what}", folder.display()))
            .hint("name the folder that holds the policies: BASE..HEAD reads it in both revisions"));
    }
    let repository = Repository::around(&surroundings(&context.machine), &context.machine.path(folder))?;
    let (base, head) = repository.commits(&range)?;
    let side = |commit: &str, name: &str| -> Result<CheckedFiles, Failure> {
        let mut files = repository.read(commit)?.unwrap_or_else(|| nothing(commit));
        // Places are shown under the name that was given, not under forty digits.
        files.folder = PathBuf::from(format!("{name}:{}", folder.strip_prefix(".").unwrap_or(folder).display()));
        checked(context, files, environment.map(String::as_str))
    };
    Ok((side(&base, &range.base)?, side(&head, &range.head)?))
}

/// A folder that a revision does not have gives nobody anything.
fn nothing(commit: &str) -> PolicyFiles {
    let file = SourceFile { path: "nothing.yaml".to_owned(), bytes: b"version: 1\n".to_vec() };
    PolicyFiles { folder: PathBuf::from(commit), files: vec![file], problems: Vec::new() }
}
