//! From arguments to an exit code.

use crate::args::{Cli, Command, later_hint};
use crate::commands::{self, Context};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::output::{Output, Streams, Voice};
use crate::{DevArgs, ServeArgs};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use curfew_domain::connector::ConnectorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// What the binary links in and this crate must not: the connectors' kinds and the server.
#[derive(Clone)]
pub struct Program {
    /// Every kind of target there is.
    pub kinds: Vec<&'static ConnectorKind>,
    /// `curfew dev`.
    pub dev: fn(DevArgs) -> Result<(), Failure>,
    /// `curfew serve`.
    pub serve: fn(ServeArgs) -> Result<(), Failure>,
}

/// Runs this process's own command.
pub fn run(program: Program) -> ExitCode {
    let exit = run_on(program, Machine::here(), Streams::here(), std::env::args_os());
    ExitCode::from(exit.code())
}

/// Runs a command on a machine, with these streams.
pub fn run_on(program: Program, machine: Machine, streams: Streams, args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&error, &args, Output::new(streams, asked_voice(&args))),
    };
    let mut output = Output::new(streams, cli.voice());
    if machine.var("NO_COLOR").is_some() || machine.var("TERM").as_deref() == Some("dumb") {
        output = output.without_colours();
    }
    let runs_a_command = matches!(cli.command, Command::Exec(_) | Command::Run(_) | Command::Connect(_));
    let mut context = Context { machine, output, server: cli.server, kinds: program.kinds.clone() };
    match commands::dispatch(&program, &mut context, cli.command) {
        Ok(exit) => exit,
        Err(failure) if runs_a_command => {
            let failure = failure.before_the_command();
            context.output.say_why(&failure);
            if context.output.voice() == Voice::Json {
                context.output.failure(&failure);
            }
            failure.exit
        }
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit
        }
    }
}

/// The voice of a command line that could not be understood.
fn asked_voice(args: &[OsString]) -> Voice {
    let json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    if json { Voice::Json } else { Voice::Human }
}

fn refuse_arguments(error: &clap::Error, args: &[OsString], mut output: Output) -> Exit {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let text = if output.has_colours() { text.ansi().to_string() } else { text.to_string() };
            return match output.raw(text.as_bytes()) {
                Ok(()) => Exit::Done,
                Err(failure) => failure.exit,
            };
        }
        _ => {}
    }
    let failure = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if output.voice() != Voice::Json => {
            output.help(&error.render().to_string());
            return Exit::WrongUse;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::wrong_use("a command is missing").hint("curfew --help lists them")
        }
        _ => usage_failure(&error.render().to_string()),
    };
    // What stands in a later version is no typing error: a similar name would mislead.
    let failure = match later_hint(error, args).or_else(|| one_level_down(error)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    };
    output.failure(&failure);
    failure.exit
}

/// Where a command is that somebody looked for a level too high: `curfew explain`.
fn one_level_down(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let command = command();
    if command.find_subcommand(word).is_some() {
        return None;
    }
    let groups = command.get_subcommands().filter(|group| group.find_subcommand(word).is_some());
    let written: Vec<String> = groups.map(|group| format!("`curfew {} {word}`", group.get_name())).collect();
    (!written.is_empty()).then(|| format!("write {}", written.join(" or ")))
}

/// What clap says, as a message and what to do about it: its first paragraph is what is wrong, its tips and the usage
/// are the hint.
fn usage_failure(text: &str) -> Failure {
    let mut paragraphs = text.strip_prefix("error: ").unwrap_or(text).split("\n\n").map(one_line);
    let message = paragraphs.next().unwrap_or_default();
    let hints = paragraphs.filter(|text| !text.is_empty() && !text.starts_with("For more information"));
    // A flag that was mistyped is seldom meant as a value.
    let hints = hints.map(|text| text.strip_prefix("tip: ").map_or(text.clone(), str::to_owned));
    let hints: Vec<String> = hints.filter(|text| !text.starts_with("to pass ")).collect();
    let hint = if hints.is_empty() { "--help says what the command takes".to_owned() } else { hints.join("; ") };
    Failure::wrong_use(message).hint(hint)
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The command line as a value, for completions, the manual page and tests.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::output::Reader;
    use crate::output::tests::kept;
    use std::path::Path;

    fn program() -> Program {
        Program { kinds: Vec::new(), dev: |_| Ok(()), serve: |_| Ok(()) }
    }

    /// Runs `curfew` in this folder, with no server anywhere. Exit, stdout, stderr.
    pub(crate) fn run_in(folder: &Path, args: &[&str]) -> (Exit, String, String) {
        let args = std::iter::once("curfew").chain(args.iter().copied()).map(OsString::from);
        let vars = [
            ("CURFEW_STATE".into(), folder.join("state").into()),
            ("CURFEW_SERVER".into(), "http://127.0.0.1:1".into()),
        ];
        let (streams, out, err) = kept(Reader::Program);
        let exit = run_on(program(), Machine::with(folder, vars), streams, args);
        (exit, out.text(), err.text())
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn usage_errors_are_errors_in_both_voices() {
        let folder = tempfile::tempdir().expect("a folder");
        let (exit, out, err) = run_in(folder.path(), &["approve"]);
        assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""));
        assert!(err.starts_with("error: ") && err.contains("<ID>"), "{err}");
        let (exit, out, err) = run_in(folder.path(), &["approve", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, err.as_str(), &document["error"]["code"]), (Exit::WrongUse, "", &"wrong_use".into()));
    }

    #[test]
    fn usage_errors_are_a_message_and_a_hint() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = |args: &[&str]| {
            let (exit, out, _) = run_in(folder.path(), &[&["--json"], args].concat());
            let document: serde_json::Value = serde_json::from_str(&out).expect("one document");
            let text = |field: &str| document["error"][field].as_str().expect("a text").to_owned();
            assert_eq!(exit, Exit::WrongUse, "{args:?}");
            (text("message"), text("hint"))
        };
        for args in
            [vec!["approve"], vec!["approve", "x"], vec!["request", "r", "--for", "-1m"], vec!["reqest"], vec![]]
        {
            let (message, hint) = said(&args);
            for text in [&message, &hint] {
                assert!(!text.is_empty() && !text.contains('\n'), "{args:?}: {text}");
                assert!(!text.contains("For more information"), "{args:?}: {text}");
            }
            assert!(!message.contains("Usage"), "{args:?}: {message}");
        }
        assert!(said(&["approve"]).1.starts_with("Usage: curfew approve"), "{}", said(&["approve"]).1);
        assert!(said(&["request", "r", "--for", "-1m"]).0.contains("'-1m'"));
        for (args, hint) in [
            (vec!["explain", "--as", "dev@example.com"], "write `curfew policy explain`"),
            (vec!["policy", "verify"], "write `curfew pipeline verify` or `curfew audit verify`"),
        ] {
            assert_eq!(said(&args).1, hint, "{args:?}");
        }
        let mistyped = said(&["policy", "fmt", "--diff"]).1;
        assert!(mistyped.starts_with("Usage: ") && !mistyped.contains("as a value"), "{mistyped}");
        assert!(!said(&["policy", "replay"]).1.contains("similar"));
    }

    #[test]
    fn a_command_that_is_missing_is_answered_with_the_help_and_no_error_word() {
        let folder = tempfile::tempdir().expect("a folder");
        for args in [vec![], vec!["host"], vec!["audit"]] {
            let (exit, out, err) = run_in(folder.path(), &args);
            assert_eq!((exit, out.as_str()), (Exit::WrongUse, ""), "{args:?}");
            assert!(err.contains("Usage: curfew") && !err.contains("error:"), "{args:?}: {err}");
        }
    }

    #[test]
    fn later_commands_are_unknown_and_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let (exit, _, err) = run_in(folder.path(), &["reaper"]);
        assert_eq!(exit, Exit::WrongUse);
        assert!(err.contains("unrecognized subcommand") && err.contains("not in this version"), "{err}");
        let (exit, _, err) = run_in(folder.path(), &["diff"]);
        assert_eq!(exit, Exit::WrongUse);
        assert!(!err.contains("not in this version"), "{err}");
    }

    #[test]
    fn without_a_sign_in_or_a_server_the_exit_says_which() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = "req_01kb9n7r00e00000000000000a";
        for (args, exit) in [
            (vec!["whoami"], Exit::NotAllowed),
            (vec!["show", id], Exit::NotAllowed),
            (vec!["show", "req_nothing"], Exit::NotFound),
            (vec!["show", "nothing"], Exit::WrongUse),
            (vec!["env", id], Exit::NotFound),
            (vec!["audit", "key"], Exit::Unavailable),
            (vec!["ssh", "ca"], Exit::Unavailable),
            (vec!["login"], Exit::WrongUse),
            (vec!["login", "--as", "a@b.c"], Exit::Unavailable),
            (vec!["--server", "http://example.com", "audit", "key"], Exit::WrongUse),
            (vec!["exec", "role", "--", "true"], Exit::NotRun),
            (vec!["connect", id], Exit::NotRun),
            (vec!["exec", "role"], Exit::WrongUse),
            (vec!["run", "role", "--", "true"], Exit::NotRun),
            (vec!["run", "role"], Exit::WrongUse),
            (vec!["pipeline", "start"], Exit::NotAllowed),
            (vec!["pipeline", "status"], Exit::NotFound),
            (vec!["pipeline", "show", "7"], Exit::NotAllowed),
            (vec!["pipeline", "show", "7", "--attestation"], Exit::NotAllowed),
            (vec!["pipeline", "verify", "nothing", "--key", "nothing"], Exit::WrongUse),
            (vec!["request", "role", "--for", "30"], Exit::WrongUse),
            (vec!["requests", "--mine", "--pending"], Exit::WrongUse),
            (vec!["revoke", "--reason", "x"], Exit::WrongUse),
            (vec!["revoke", id, "--role", "x", "--reason", "x"], Exit::WrongUse),
            (vec!["connectors", "show", "nothing"], Exit::NotFound),
        ] {
            let (got, out, err) = run_in(folder.path(), &args);
            assert_eq!(got, exit, "{args:?}: {err}");
            assert_eq!(out, "", "{args:?}");
            assert!(err.starts_with("error: "), "{args:?}: {err}");
            let (got, out, _) = run_in(folder.path(), &[&["--json"], args.as_slice()].concat());
            assert_eq!(got, exit, "{args:?}");
            let document: serde_json::Value = serde_json::from_str(&out).expect("one document");
            assert!(document["error"]["code"].is_string(), "{args:?}: {document}");
        }
    }

    #[test]
    fn every_help_page_is_there() {
        fn visit(folder: &Path, path: Vec<String>, command: &clap::Command) {
            let args: Vec<_> = path.iter().map(String::as_str).chain(["--help"]).collect();
            let (exit, out, err) = run_in(folder, &args);
            assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{args:?}");
            assert!(out.contains("Usage: curfew"), "{args:?}: {out}");
            for command in command.get_subcommands() {
                visit(folder, [path.clone(), vec![command.get_name().to_owned()]].concat(), command);
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        visit(folder.path(), Vec::new(), &command());
    }

    #[test]
    fn completions_and_the_manual_page_name_every_command() {
        let folder = tempfile::tempdir().expect("a folder");
        for args in [vec!["completions", "bash"], vec!["completions", "zsh"], vec!["completions", "fish"], vec!["man"]]
        {
            let (exit, out, _) = run_in(folder.path(), &args);
            assert_eq!(exit, Exit::Done, "{args:?}");
            for command in command().get_subcommands() {
                let name = command.get_name();
                let heading = format!("CURFEW {}", name.to_uppercase());
                assert!(out.contains(name) || out.contains(&heading), "{args:?}: {name}");
            }
        }
    }
}
