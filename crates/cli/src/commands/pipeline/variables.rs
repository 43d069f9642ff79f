//! Where the later steps of a job find the variables of its access. No secret stands in them: they name files.

use super::super::Context;
use crate::failure::Failure;
use crate::job::Platform;
use crate::shell;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How a file of variables is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `NAME=value`, as GitHub's runner reads it.
    Plain,
    /// `export NAME='value'`, as a shell reads it.
    Shell,
}

/// Adds the variables to the file that was named, or to the platform's own; where there is neither, none is written.
///
/// # Errors
/// When the file cannot be written, or a value cannot stand in it.
pub(super) fn write(
    context: &Context,
    (platform, file): (Platform, Option<&Path>),
    variables: &BTreeMap<String, String>,
) -> Result<Option<PathBuf>, Failure> {
    let own = |name: &str| context.machine.var_os(name).map(PathBuf::from);
    let place = match (file, platform) {
        (Some(file), _) => Some((context.machine.path(file), Form::Shell)),
        (None, Platform::Github) => own("GITHUB_ENV").map(|file| (file, Form::Plain)),
        (None, Platform::Circleci) => own("BASH_ENV").map(|file| (file, Form::Shell)),
        (None, Platform::Gitlab | Platform::Buildkite | Platform::Elsewhere) => None,
    };
    let Some((path, form)) = place else { return Ok(None) };
    let text = text(variables, form)?;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::file("write", &path, &error))?;
    Ok(Some(path))
}

fn text(variables: &BTreeMap<String, String>, form: Form) -> Result<String, Failure> {
    let line = |(name, value): (&String, &String)| match form {
        // A line break would begin another variable, of whoever chose the value.
        Form::Plain if value.contains(['\n', '\r']) => {
            Err(Failure::wrong_use(format!("the value of {name} has a line break, which the runner cannot be told")))
        }
        Form::Plain => Ok(format!("{name}={value}\n")),
        Form::Shell => Ok(shell::export(name, value) + "\n"),
    };
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::output::tests::kept;
    use crate::output::{Output, Reader, Voice};

    fn context(folder: &Path, vars: &[(&str, &str)]) -> Context {
        let vars = vars.iter().map(|(name, value)| ((*name).into(), folder.join(value).into()));
        let (streams, ..) = kept(Reader::Program);
        let (machine, output) = (Machine::with(folder, vars), Output::new(streams, Voice::Human));
        Context { machine, output, server: None, kinds: Vec::new() }
    }

    #[test]
    fn each_platform_reads_its_own_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = context(folder.path(), &[("GITHUB_ENV", "github"), ("BASH_ENV", "bash")]);
        let variables = BTreeMap::from([("PGPASSFILE".to_owned(), "/a b/pgpass".to_owned())]);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
        let on = |platform, file: Option<&Path>| write(&context, (platform, file), &variables).expect("written");
        assert_eq!(on(Platform::Github, None), Some(folder.path().join("github")));
        assert_eq!(read("github"), "PGPASSFILE=/a b/pgpass\n");
        on(Platform::Circleci, None);
        assert_eq!(read("bash"), "export PGPASSFILE='/a b/pgpass'\n");
        on(Platform::Github, Some(Path::new("named")));
        assert_eq!(read("named"), "export PGPASSFILE='/a b/pgpass'\n");
        assert_eq!(on(Platform::Gitlab, None), None);
    }

    #[test]
    fn a_value_cannot_bring_a_variable_of_its_own() {
        let variables = BTreeMap::from([("PGUSER".to_owned(), "a\nLD_PRELOAD=/evil".to_owned())]);
        assert!(text(&variables, Form::Plain).is_err());
        assert_eq!(text(&variables, Form::Shell), Ok("export PGUSER='a\nLD_PRELOAD=/evil'\n".to_owned()));
    }
}
