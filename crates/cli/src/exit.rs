//! How a command ends, as a script sees it.

/// The exit codes that are promised. Each means one thing in every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It is done.
    Done,
    /// The answer is no: denied, already final, not extensible, a check or verification failed.
    No,
    /// Wrong use: flags, an unreadable or invalid file.
    WrongUse,
    /// Not signed in, or not allowed.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// Still pending when the time to wait ran out.
    StillPending,
    /// The server, a target or the network is unavailable.
    Unavailable,
    /// `exec`, `run` and `connect`: Curfew itself said no or failed, and the command was not run.
    NotRun,
    /// `exec`, `run` and `connect`: the command is there and cannot be run.
    CannotRun,
    /// `exec`, `run` and `connect`: there is no such command.
    NoSuchCommand,
    /// `exec`, `run` and `connect`: the command's own code.
    Command(u8),
    /// `exec`, `run` and `connect`: the command was ended by this signal.
    Signal(u8),
}

impl Exit {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::WrongUse => 2,
            Self::NotAllowed => 3,
            Self::NotFound => 4,
            Self::StillPending => 5,
            Self::Unavailable => 6,
            Self::NotRun => 125,
            Self::CannotRun => 126,
            Self::NoSuchCommand => 127,
            Self::Command(code) => code,
            Self::Signal(number) => 128 | (number & 0x7F),
        }
    }
}

impl From<std::process::ExitStatus> for Exit {
    fn from(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Command(byte(code)),
            (None, Some(signal)) => Self::Signal(byte(signal)),
            (None, None) => Self::CannotRun,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn codes_are_those_that_are_promised() {
        let table = [
            (Exit::Done, 0),
            (Exit::No, 1),
            (Exit::WrongUse, 2),
            (Exit::NotAllowed, 3),
            (Exit::NotFound, 4),
            (Exit::StillPending, 5),
            (Exit::Unavailable, 6),
            (Exit::NotRun, 125),
            (Exit::CannotRun, 126),
            (Exit::NoSuchCommand, 127),
            (Exit::Command(42), 42),
            (Exit::Signal(15), 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_commands_end_is_its_own() {
        assert_eq!(Exit::from(ExitStatus::from_raw(7 << 8)), Exit::Command(7));
        assert_eq!(Exit::from(ExitStatus::from_raw(9)).code(), 137);
    }
}
