//! The solver as a child process: bounded in time and memory by the kernel, in what it prints by us.

use crate::limits::Limits;
use cedar_policy_symcc::SmtLibScript;
use cedar_policy_symcc::solver::{Decision, DecisionWithModel, Solver, SolverError};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, Take};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Sets the bounds and becomes the solver. Everything comes as an argument; nothing is pasted into it.
const BOUNDED: &str = "ulimit -v \"$1\" && ulimit -t \"$2\" && shift 2 && exec \"$@\"";

/// A running solver. It is killed when this is dropped.
pub(crate) struct Running {
    input: BufWriter<ChildStdin>,
    output: BufReader<Take<ChildStdout>>,
    _child: Child,
}

impl Running {
    /// Starts a program that speaks SMT-LIB.
    pub(crate) fn start(program: &Path, limits: &Limits) -> std::io::Result<Self> {
        let seconds = limits.question.as_secs().max(1);
        let mut command = Command::new("sh");
        command.args(["-c", BOUNDED, "sh", &(limits.memory / 1024).to_string(), &seconds.to_string()]);
        command.arg(program).args(["--lang", "smt", &format!("--tlimit={}", limits.question.as_millis())]);
        // Nothing of this process's own surroundings is the solver's business.
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("a child without its pipes"));
        };
        let output = BufReader::new(output.take(limits.output));
        Ok(Self { input: BufWriter::new(input), output, _child: child })
    }

    async fn line(&mut self) -> Result<String, SolverError> {
        let mut line = String::new();
        self.output.read_line(&mut line).await?;
        match line.is_empty() {
            true => Err(SolverError::Solver("it ended, or printed too much".to_owned())),
            false => Ok(line),
        }
    }

    /// A model: from an opening bracket on a line to a closing one on a line.
    async fn model(&mut self) -> Result<String, SolverError> {
        let mut model = self.line().await?;
        if model.trim() != "(" {
            return Err(SolverError::UnrecognizedSolverOutput(model));
        }
        loop {
            let line = self.line().await?;
            model.push_str(&line);
            if line.trim() == ")" {
                return Ok(model);
            }
        }
    }
}

impl Solver for Running {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        &mut self.input
    }

    async fn enable_models(&mut self) -> Result<(), SolverError> {
        Ok(self.smtlib_input().set_option("produce-models", "true").await?)
    }

    async fn check_sat(&mut self) -> Result<Decision, SolverError> {
        self.smtlib_input().check_sat().await?;
        self.input.flush().await?;
        match self.line().await?.trim() {
            "sat" => Ok(Decision::Sat),
            "unsat" => Ok(Decision::Unsat),
            "unknown" => Ok(Decision::Unknown),
            other => Err(SolverError::UnrecognizedSolverOutput(other.to_owned())),
        }
    }

    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        match self.check_sat().await? {
            Decision::Unsat => Ok(DecisionWithModel::Unsat),
            Decision::Unknown => Ok(DecisionWithModel::Unknown),
            Decision::Sat => {
                self.smtlib_input().get_model().await?;
                self.input.flush().await?;
                Ok(DecisionWithModel::Sat { model: self.model().await? })
            }
        }
    }
}
