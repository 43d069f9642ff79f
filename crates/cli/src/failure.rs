//! Why a command failed, as a person and a script are told.

use crate::exit::Exit;
use serde_json::{Value, json};
use std::fmt;
use std::io::ErrorKind;

/// A failure at the edge: how the process ends, a stable code, a sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// A stable word for scripts: `not_signed_in`.
    pub code: String,
    /// What went wrong, for a person.
    pub message: String,
    /// What to do about it; empty when there is nothing to say.
    pub hint: String,
    /// What `--json` prints instead of the error object: the decision that denied.
    pub document: Option<Box<Value>>,
}

impl Failure {
    /// A failure that ends the process so.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let message = without_numbers(message.into());
        Self { exit, code: code.to_owned(), message, hint: String::new(), document: None }
    }

    /// Wrong use: flags, an unreadable or invalid file.
    pub fn wrong_use(message: impl Into<String>) -> Self {
        Self::new(Exit::WrongUse, "wrong_use", message)
    }

    /// The answer is no.
    pub fn no(code: &str, message: impl Into<String>) -> Self {
        Self::new(Exit::No, code, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, "not_found", message)
    }

    /// The server, a target or the network does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, "unavailable", message)
    }

    /// A file of ours cannot be read or written.
    pub fn file(verb: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::NotFound if verb == "write" => "make the folder first, or name another file",
            ErrorKind::NotFound => "name a file that is there",
            ErrorKind::IsADirectory => "name a file, not a folder",
            _ => "",
        };
        Self::wrong_use(format!("cannot {verb} {}: {error}", path.display())).hint(hint)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The same, as `exec` and `connect` end when Curfew itself says no or fails.
    #[must_use]
    pub fn before_the_command(self) -> Self {
        match self.exit {
            Exit::CannotRun | Exit::NoSuchCommand => self,
            Exit::Done
            | Exit::No
            | Exit::WrongUse
            | Exit::NotAllowed
            | Exit::NotFound
            | Exit::StillPending
            | Exit::Unavailable
            | Exit::NotRun
            | Exit::Command(_)
            | Exit::Signal(_) => Self { exit: Exit::NotRun, ..self },
        }
    }

    /// What `--json` prints.
    pub fn to_json(&self) -> Value {
        let error = || json!({"error": {"code": self.code, "message": self.message, "hint": self.hint}});
        self.document.as_deref().cloned().unwrap_or_else(error)
    }
}

/// What the system says, without the number that only its own headers explain: ` (os error 2)`.
fn without_numbers(text: String) -> String {
    const BEFORE: &str = " (os error ";
    let mut parts = text.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| {
        let rest = part.split_once(')').filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        rest.map_or_else(|| format!("{said}{BEFORE}{part}"), |(_, rest)| format!("{said}{rest}"))
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_before_a_command_is_125_save_a_shells_own() {
        for exit in [Exit::No, Exit::WrongUse, Exit::NotAllowed, Exit::NotFound, Exit::StillPending, Exit::Unavailable]
        {
            assert_eq!(Failure::new(exit, "x", "y").before_the_command().exit, Exit::NotRun);
        }
        for exit in [Exit::CannotRun, Exit::NoSuchCommand] {
            assert_eq!(Failure::new(exit, "x", "y").before_the_command().exit, exit);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_in_words() {
        let error = std::io::Error::from_raw_os_error(2);
        let failure = Failure::file("write", std::path::Path::new("/nowhere/x.xml"), &error);
        assert_eq!(failure.message, "cannot write /nowhere/x.xml: No such file or directory");
        assert_eq!(failure.hint, "make the folder first, or name another file");
        let twice = Failure::wrong_use("a (os error 2), b (os error x) and c (os error 111).");
        assert_eq!(twice.message, "a, b (os error x) and c.");
    }

    #[test]
    fn the_error_object() {
        let failure = Failure::not_found("there is no request `req_x`").hint("see `curfew requests`");
        let shown = failure.to_json();
        assert_eq!(shown["error"]["code"], "not_found");
        assert_eq!(shown["error"]["hint"], "see `curfew requests`");
        let denial = Failure { document: Some(Box::new(json!({"outcome": "denied"}))), ..failure };
        assert_eq!(denial.to_json(), json!({"outcome": "denied"}));
    }
}
