//! `cargo xtask test`: everything is built once, then each suite is run by itself and gets one line.

use crate::process::{self, Outcome};
use crate::report::{Count, Report};
use crate::{arrows, bans, length, metadata, setup};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// The longest one suite may take.
const SUITE_LIMIT: Duration = Duration::from_secs(25 * 60);
/// The longest building may take.
const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// The checks that need no building, in the order they are made.
const CHECKS: [&str; 3] = ["arrows between rooms", "bans and licences", "file lengths"];

/// The one counts what its whole process allocates, so that its tests take turns and leave a core idle; the other knows no clock
/// but its own. They run side by side.
const SIDE_BY_SIDE: [&str; 2] = ["policy: hostile", "sim: seeds"];

/// Runs every suite whose name contains one of the words, or all; the closing line is the count.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let begun = Instant::now();
    let installed = setup::for_tests()?;
    println!("{:<34} done                {:>7.1}s", "set-up", begun.elapsed().as_secs_f64());
    let mut run = Run { report: Report::default(), words, logs: process::target().join("suites"), installed };
    std::fs::create_dir_all(&run.logs)?;
    run.checks()?;
    run.lints()?;
    run.programs()?;
    run.documentation()?;
    Ok(if run.report.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    report: Report,
    words: &'a [&'a str],
    logs: PathBuf,
    installed: setup::ForTests,
}

/// A test program that was built.
struct Program {
    suite: String,
    file: PathBuf,
    folder: PathBuf,
    end_to_end: bool,
}

impl Run<'_> {
    fn wanted(&self, suite: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| suite.contains(word))
    }

    fn checks(&mut self) -> Result<()> {
        if self.wanted("format") {
            let mut cargo = process::cargo();
            self.command("format", cargo.args(["fmt", "--all", "--check"]), BUILD_LIMIT)?;
        }
        let begun = Instant::now();
        let packages = metadata::read()?;
        let said = [arrows::forbidden(&packages), bans::broken(&packages)?, length::too_long()?];
        for (suite, said) in CHECKS.into_iter().zip(said) {
            if self.wanted(suite) {
                self.report.add(suite, Count::one(&said), begun.elapsed(), said.join("\n"));
            }
        }
        Ok(())
    }

    fn lints(&mut self) -> Result<()> {
        if !self.wanted("lints") {
            return Ok(());
        }
        let mut cargo = process::cargo();
        cargo.args(["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
        self.command("lints", &mut cargo, BUILD_LIMIT)
    }

    fn programs(&mut self) -> Result<()> {
        let checks = ["format", "lints", "documentation"].iter().chain(&CHECKS);
        let none = self.words.iter().all(|word| checks.clone().any(|check| check.contains(word)));
        if none && !self.words.is_empty() {
            return Ok(());
        }
        let programs = self.build()?.unwrap_or_default();
        let (beside, rest): (Vec<_>, Vec<_>) =
            programs.into_iter().partition(|program| SIDE_BY_SIDE.contains(&program.suite.as_str()));
        // What takes minutes last.
        let (end_to_end, small): (Vec<_>, Vec<_>) = rest.into_iter().partition(|program| program.end_to_end);
        for program in &small {
            self.program(program)?;
        }
        self.side_by_side(&beside)?;
        for program in &end_to_end {
            self.program(program)?;
        }
        Ok(())
    }

    fn side_by_side(&mut self, programs: &[Program]) -> Result<()> {
        let wanted = programs.iter().filter(|program| self.wanted(&program.suite));
        let mut commands: Vec<_> = wanted.map(|p| (p.suite.as_str(), self.test_command(p, &[]))).collect();
        let logs = self.logs.as_path();
        let done: Vec<Result<Done>> = std::thread::scope(|scope| {
            let run = |(suite, command): &mut (&str, Command)| Done::of(suite, command, (logs, SUITE_LIMIT));
            let running: Vec<_> = commands.iter_mut().map(|each| scope.spawn(move || run(each))).collect();
            let done = running.into_iter().map(|thread| thread.join());
            done.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        for ((suite, _), done) in commands.iter().zip(done) {
            self.add(suite, done?);
        }
        Ok(())
    }

    /// Builds every test program of the workspace at once; none when it does not build.
    fn build(&mut self) -> Result<Option<Vec<Program>>> {
        let begun = Instant::now();
        let (log, messages) = (self.logs.join("build.log"), self.logs.join("build.json"));
        let mut cargo = process::cargo();
        cargo.args(["test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]);
        let mut shell = process::command("sh");
        shell.args(["-c", "out=$1; shift; exec \"$@\" > \"$out\"", "sh"]).arg(&messages);
        shell.arg(cargo.get_program()).args(cargo.get_args());
        shell.envs(cargo.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let outcome = process::into_file(&mut shell, &log, BUILD_LIMIT)?;
        let built = matches!(outcome, Outcome::Ended(status) if status.success());
        let said = if built { Vec::new() } else { vec![read(&log)] };
        self.report.add("build", Count::one(&said), begun.elapsed(), said.concat());
        if !built {
            return Ok(None);
        }
        let mut programs: Vec<Program> = read(&messages).lines().filter_map(program).collect();
        programs.sort_by(|a, b| a.suite.cmp(&b.suite));
        Ok(Some(programs))
    }

    fn program(&mut self, program: &Program) -> Result<()> {
        if program.end_to_end {
            for module in modules(program)? {
                let suite = format!("{} {module}", program.suite);
                let filter = format!("{module}::");
                // They start servers and time them: one at a time, so that each has the machine to itself.
                self.tests(&suite, program, &[&filter, "--test-threads=1"])?;
            }
            return Ok(());
        }
        self.tests(&program.suite, program, &[])
    }

    fn tests(&mut self, suite: &str, program: &Program, arguments: &[&str]) -> Result<()> {
        if !self.wanted(suite) {
            return Ok(());
        }
        self.command(suite, &mut self.test_command(program, arguments), SUITE_LIMIT)
    }

    fn test_command(&self, program: &Program, arguments: &[&str]) -> Command {
        let mut command = process::command(&program.file);
        command.args(arguments).current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
        command.env("CURFEW_TEST_POSTGRES_16", &self.installed.newer_postgres);
        command.env("CURFEW_TEST_BROWSER", &self.installed.browser);
        command.env("CURFEW_TEST_AIOSMTPD", &self.installed.mail_python);
        command.env("CURFEW_TEST_ACT", &self.installed.act);
        command.env("CURFEW_TEST_GITLAB_CI_LOCAL", &self.installed.gitlab);
        command.env("CURFEW_TEST_NODE", &self.installed.newer_node);
        command
    }

    fn documentation(&mut self) -> Result<()> {
        if !self.wanted("documentation examples") {
            return Ok(());
        }
        let mut cargo = process::cargo();
        cargo.args(["test", "--quiet", "--locked", "--workspace", "--doc"]);
        self.command("documentation examples", &mut cargo, BUILD_LIMIT)
    }

    fn command(&mut self, suite: &str, command: &mut Command, limit: Duration) -> Result<()> {
        let done = Done::of(suite, command, (&self.logs, limit))?;
        self.add(suite, done);
        Ok(())
    }

    fn add(&mut self, suite: &str, done: Done) {
        if done.count != Count::default() {
            self.report.add(suite, done.count, done.took, done.output);
        }
    }
}

/// How a suite went.
struct Done {
    count: Count,
    took: Duration,
    output: String,
}

impl Done {
    /// Runs a suite's command to its end, or for as long as it may take; what it says stands in a file of its own.
    fn of(suite: &str, command: &mut Command, (logs, limit): (&Path, Duration)) -> Result<Self> {
        let begun = Instant::now();
        let log = logs.join(format!("{}.log", suite.replace([' ', '/'], "-")));
        let outcome = process::into_file(command, &log, limit)?;
        let mut output = read(&log);
        let mut count = Count::read(&output);
        let failed = match outcome {
            Outcome::Ended(status) if status.success() => false,
            Outcome::Ended(status) => {
                output.push_str(&format!("\nended with {status}"));
                true
            }
            Outcome::OutOfTime => {
                output.push_str(&format!("\nstill running after {} s, and was killed", limit.as_secs()));
                true
            }
        };
        let mut result = count.take().unwrap_or(Count { passed: u64::from(!failed), failed: 0 });
        if failed && result.failed == 0 {
            result.failed = 1;
        }
        Ok(Self { count: result, took: begun.elapsed(), output })
    }
}

/// The test program a line of Cargo's messages tells of.
fn program(line: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let file = PathBuf::from(message["executable"].as_str()?);
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    let room = folder.file_name()?.to_string_lossy().into_owned();
    let kind = message["target"]["kind"][0].as_str()?;
    let name = message["target"]["name"].as_str()?;
    let suite = match kind {
        "test" => format!("{room}: {name}"),
        "lib" => format!("{room}: unit"),
        _ => format!("{room}: unit ({name})"),
    };
    Some(Program { suite, file, folder, end_to_end: kind == "test" && name == "e2e" })
}

/// The modules of a test program, in the order it lists them.
fn modules(program: &Program) -> Result<Vec<String>> {
    let mut command = process::command(&program.file);
    let listed = process::quiet(command.arg("--list").current_dir(&program.folder)).context("cannot list the tests")?;
    let mut modules: Vec<String> = Vec::new();
    for line in listed.lines().filter_map(|line| line.strip_suffix(": test")) {
        let module = line.split("::").next().unwrap_or(line).to_owned();
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    Ok(modules)
}

fn read(file: &Path) -> String {
    std::fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
