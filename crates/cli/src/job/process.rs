//! The process that a job lives and dies with.
//!
//! A process is known by its id and by when it started, so that another one with a reused id is never taken for it
//! (proc(5): `starttime` in `/proc/PID/stat`).

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Ancestors that are looked at: more than any job has.
const MOST_ANCESTORS: usize = 64;
/// Bytes of a command line that are looked at.
const COMMAND_LINE_BYTES: usize = 16 * 1024;

/// One process of this machine, dead or alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    id: u32,
    /// In clock ticks since the machine started.
    started: u64,
}

/// The text is no process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a process as PID:START")]
pub(crate) struct NotAProcess;

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.started)
    }
}

impl FromStr for Process {
    type Err = NotAProcess;

    fn from_str(text: &str) -> Result<Self, NotAProcess> {
        let (id, started) = text.split_once(':').ok_or(NotAProcess)?;
        Ok(Self { id: id.parse().map_err(|_| NotAProcess)?, started: started.parse().map_err(|_| NotAProcess)? })
    }
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn of(id: u32) -> Option<Self> {
        stat(id).filter(Stat::lives).map(|stat| Self { id, started: stat.started })
    }

    /// Whether it is still there. One that ended and that nobody has asked after yet is gone.
    pub(crate) fn lives(self) -> bool {
        stat(self.id).is_some_and(|stat| stat.lives() && stat.started == self.started)
    }
}

/// What the kernel says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    name: String,
    state: char,
    parent: u32,
    started: u64,
}

impl Stat {
    fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// proc(5): the name stands in parentheses and may hold some itself; the fields after it are parted by blanks.
    fn parse(text: &str) -> Option<Self> {
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let fields: Vec<&str> = text.get(close + 1..)?.split_whitespace().collect();
        Some(Self {
            name: text.get(open + 1..close)?.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

fn stat(id: u32) -> Option<Stat> {
    let bytes = std::fs::read(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    Stat::parse(&String::from_utf8_lossy(&bytes))
}

/// One of those that started us, directly or not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ancestor {
    process: Process,
    name: String,
    /// Its arguments, parted by blanks.
    line: String,
}

impl Ancestor {
    fn is(&self, runner: &Runner) -> bool {
        self.name == runner.name && self.line.contains(runner.line)
    }
}

/// A program that runs jobs.
struct Runner {
    name: &'static str,
    /// What its command line holds besides.
    line: &'static str,
    life: Life,
}

/// How long a runner's process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// As long as one job.
    Job,
    /// Longer: the process that it started for the job counts as well.
    Service,
}

const RUNNERS: [Runner; 7] = [
    Runner { name: "Runner.Worker", line: "", life: Life::Job },
    Runner { name: "act", line: "", life: Life::Job },
    Runner { name: "gitlab-runner", line: "", life: Life::Service },
    Runner { name: "node", line: "gitlab-ci-local", life: Life::Service },
    Runner { name: "MainThread", line: "gitlab-ci-local", life: Life::Service },
    Runner { name: "buildkite-agent", line: "", life: Life::Job },
    Runner { name: "circleci-agent", line: "", life: Life::Job },
];

/// The processes that all have to live for the job to live: its runner, and where that serves many jobs, what it started
/// for this one. Where no runner is known, what started the step's shell.
pub(crate) fn of_the_job() -> Vec<Process> {
    chosen(&ancestors(std::os::unix::process::parent_id()))
}

fn ancestors(first: u32) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut id = first;
    while found.len() < MOST_ANCESTORS && id != 0 {
        let Some(stat) = stat(id) else { break };
        let line = std::fs::read(Path::new("/proc").join(id.to_string()).join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(COMMAND_LINE_BYTES)]).replace('\0', " ");
        let process = Process { id, started: stat.started };
        found.push(Ancestor { process, name: stat.name, line });
        id = stat.parent;
    }
    found
}

/// `ancestors` begins with the nearest.
fn chosen(ancestors: &[Ancestor]) -> Vec<Process> {
    let runner = ancestors.iter().enumerate().find_map(|(place, ancestor)| {
        RUNNERS.iter().find(|runner| ancestor.is(runner)).map(|runner| (place, runner.life))
    });
    let places = match runner {
        Some((place, Life::Job)) | Some((place @ 0, Life::Service)) => place..=place,
        Some((place, Life::Service)) => place - 1..=place,
        // The step's shell ends with its step; what started it runs the steps.
        None if ancestors.len() > 1 => 1..=1,
        None => 0..=0,
    };
    ancestors.get(places).unwrap_or_default().iter().map(|ancestor| ancestor.process).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(chain: &[(u32, &str, &str)]) -> Vec<u32> {
        let one = |(id, name, line): &(u32, &str, &str)| Ancestor {
            process: Process { id: *id, started: 1 },
            name: (*name).to_owned(),
            line: (*line).to_owned(),
        };
        chosen(&chain.iter().map(one).collect::<Vec<_>>()).into_iter().map(|process| process.id).collect()
    }

    #[test]
    fn the_runner_is_the_nearest_that_is_one() {
        assert_eq!(line(&[(9, "bash", ""), (8, "Runner.Worker", ""), (7, "Runner.Listener", "")]), [8]);
        assert_eq!(line(&[(9, "node", "node dist/main.js"), (8, "act", "act push"), (7, "bash", "")]), [8]);
        assert_eq!(line(&[(9, "bash", ""), (8, "buildkite-agent", ""), (7, "buildkite-agent", "")]), [8]);
    }

    #[test]
    fn of_a_runner_that_serves_many_jobs_the_jobs_own_process_counts_too() {
        assert_eq!(line(&[(9, "sh", ""), (8, "bash", ""), (7, "gitlab-runner", ""), (1, "systemd", "")]), [8, 7]);
        let local = "node /x/gitlab-ci-local/dist/index.js --force-shell-executor";
        assert_eq!(line(&[(9, "bash", ""), (8, "node", local), (7, "cargo", "")]), [9, 8]);
        assert_eq!(line(&[(8, "gitlab-runner", "")]), [8]);
    }

    #[test]
    fn without_a_known_runner_what_started_the_steps_shell_counts() {
        assert_eq!(line(&[(9, "sh", ""), (8, "jenkins", ""), (1, "systemd", "")]), [8]);
        assert_eq!(line(&[(1, "sh", "")]), [1]);
        assert_eq!(line(&[]), [0_u32; 0]);
    }

    #[test]
    fn names_with_blanks_and_parentheses_are_names() {
        let tail = "S 42 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987 0 0";
        let stat = Stat::parse(&format!("7 (a) (b c) {tail}")).expect("a line");
        assert_eq!((stat.name.as_str(), stat.parent, stat.started, stat.lives()), ("a) (b c", 42, 987, true));
        for bad in ["", "7", "7 (a", "7 (a) S", "7 )a( S 1"] {
            assert_eq!(Stat::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_process_lives_until_it_ends_and_another_of_its_id_is_another() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("started");
        let process = Process::of(child.id()).expect("it lives");
        assert_eq!(process.to_string().parse(), Ok(process));
        assert!(process.lives());
        assert!(!Process { started: process.started + 1, ..process }.lives());
        child.kill().expect("killed");
        // Ended, and not yet asked after.
        let gone = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            !process.lives()
        });
        assert!(gone);
        child.wait().expect("waited for");
        assert!(!process.lives());
        assert!("7".parse::<Process>().is_err() && "a:1".parse::<Process>().is_err());
    }

    #[test]
    fn our_own_ancestors_are_found() {
        let all = ancestors(std::process::id());
        assert_eq!(all.first().map(|first| first.process.id), Some(std::process::id()));
        assert!(all.iter().all(|ancestor| !ancestor.name.is_empty()));
    }
}
