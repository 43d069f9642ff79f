//! `curfew policy test`: the tests a policy brings, run as a test runner does.

use super::Context;
use super::check::load_in;
use super::report::junit;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Colour, Output, Voice};
use crate::whole_file::{Readers, replace};
use clap::Args;
use curfew_domain::text::visible;
use curfew_domain::{Outcome, Reason};
use curfew_policy::{Problem, Severity, Spot, TrialResult, TrialRun, Untouched};
use serde_json::json;
use std::path::PathBuf;

/// What `curfew policy test` takes.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Say which roles, stages, constraints and guardrails no test touches
    #[arg(long)]
    coverage: bool,
    /// Write the results to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The environment whose overlay applies
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The folder of policies, or one file
    #[arg(default_value = ".", value_name = "DIR")]
    path: PathBuf,
}

pub(crate) fn run(context: &mut Context, args: &TestArgs) -> Result<Exit, Failure> {
    let checked = load_in(context, &args.path, args.env.as_deref())?;
    let warnings: Vec<Problem> =
        checked.problems.iter().filter(|problem| problem.severity == Severity::Warning).cloned().collect();
    let set = checked.usable(&mut context.output)?;
    let run = set.run_tests();
    let written = args.junit.as_ref().map_or(Ok(()), |path| {
        let path = context.machine.path(path);
        replace(&context.machine, &path, junit(&run).as_bytes(), &Readers::Everybody)
    });
    let untouched = args.coverage.then(|| set.untouched(&run));
    match context.output.voice() {
        Voice::Json => {
            written?;
            document(&mut context.output, &run, untouched.as_ref())?;
        }
        // A report that cannot be written is no reason to hide what it would hold.
        Voice::Human | Voice::Quiet => {
            print(&mut context.output, &run, untouched.as_ref(), &warnings)?;
            written?;
        }
    }
    Ok(if run.failed == 0 { Exit::Done } else { Exit::No })
}

fn document(output: &mut Output, run: &TrialRun, untouched: Option<&Untouched>) -> Result<(), Failure> {
    let mut document = json!(run);
    if let Some(untouched) = untouched {
        document["untouched"] = json!(untouched);
    }
    output.document(&document)
}

fn print(
    output: &mut Output,
    run: &TrialRun,
    untouched: Option<&Untouched>,
    warnings: &[Problem],
) -> Result<(), Failure> {
    let all = output.voice() == Voice::Human;
    for test in run.results.iter().filter(|test| all || !test.ok) {
        let mark = if test.ok { output.paint(Colour::Green, "ok  ") } else { output.paint(Colour::Red, "FAIL") };
        let place = visible(&format!("{}:{}", test.file, test.line)).into_owned();
        output.raw(format!("{mark}  {place}  {}\n", visible(&test.name)).as_bytes())?;
        if !test.ok {
            explain(output, test)?;
            warn(output, run, test, warnings)?;
        }
    }
    if output.voice() == Voice::Quiet {
        return Ok(());
    }
    if let Some(untouched) = untouched {
        print_untouched(output, untouched)?;
    }
    if run.results.is_empty() {
        return output.line("no tests: write some under `tests`, beside the roles or in a file *.test.yaml");
    }
    output.line(&format!("passed: {}, failed: {}", run.passed, run.failed))
}

/// Why a test failed: what differs, and where the rules stand that the decision rests on.
fn explain(output: &mut Output, test: &TrialResult) -> Result<(), Failure> {
    for mismatch in &test.mismatches {
        output.line(&format!("      {mismatch}"))?;
    }
    let not = test.decision.unsatisfied.iter().map(|reason| ("not satisfied", reason));
    for (what, reason) in not.chain(test.decision.failed.iter().map(|reason| ("failed", reason))) {
        output.line(&format!("      {what}: {} ({})", reason.message, place(reason)))?;
    }
    Ok(())
}

/// What the check warns of in the lines of a test that failed: a mistyped group is the likely cause.
fn warn(output: &mut Output, run: &TrialRun, test: &TrialResult, warnings: &[Problem]) -> Result<(), Failure> {
    let later = run.results.iter().filter(|other| other.file == test.file && other.line > test.line);
    let next = later.map(|other| other.line).min().unwrap_or(u32::MAX);
    let of_the_test = |w: &&Problem| w.file == test.file && (test.line..next).contains(&w.line);
    for warning in warnings.iter().filter(of_the_test) {
        let Problem { message, file, line, hint, .. } = warning;
        output.line(&format!("      warning: {message} ({file}:{line}): {hint}"))?;
    }
    Ok(())
}

fn place(reason: &Reason) -> String {
    if reason.file.is_empty() { "no file says it".to_owned() } else { format!("{}:{}", reason.file, reason.line) }
}

fn print_untouched(output: &mut Output, untouched: &Untouched) -> Result<(), Failure> {
    for role in &untouched.roles {
        output.line(&format!("untouched  role {role}"))?;
    }
    let spots: [(&str, &[Spot]); 3] =
        [("stage", &untouched.stages), ("constraint", &untouched.constraints), ("guardrail", &untouched.guardrails)];
    for (kind, spots) in spots {
        for spot in spots {
            output.line(&format!("untouched  {kind} {} ({}:{})", spot.name, spot.file, spot.line))?;
        }
    }
    let all = untouched.roles.len() + spots.iter().map(|(_, spots)| spots.len()).sum::<usize>();
    if all == 0 { output.line("every role, stage, constraint and guardrail is touched") } else { Ok(()) }
}

/// The outcome as policy writes it.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Denied => "denied",
        Outcome::NeedsApproval => "needs_approval",
        Outcome::Automatic => "automatic",
    }
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::program::tests::run_in;
    use serde_json::Value;

    const POLICY: &str = "idp_groups: [sre]\nroles:\n  - name: debug\n    requesters: [group:sre]\n    duration: 2h\n    conditions: [{resource: services/db, actions: [read]}]\n    approvers: [ann@example.com]\n    constraints: {justification: {min_length: 10}, ticket: {pattern: \"INC-[0-9]+\"}}\n  - name: unused\n    requesters: [group:sre]\n    duration: 1h\n    conditions: [{resource: services/db, actions: [read]}]\n    approval: automatic\n";
    const TESTS: &str = "tests:\n  - name: an engineer needs the team lead\n    as: {user: dev@example.com, groups: [sre]}\n    at: 2026-03-02T10:00:00+01:00\n    request: {role: debug, duration: 30m, reason: \"orders are stuck\", ticket: INC-7}\n    expect: {outcome: needs_approval, stages: [approval], max: 30m}\n    approvers: [ann@example.com]\n  - name: nobody else may ask\n    as: {user: eve@example.com}\n    request: {role: debug, reason: \"orders are stuck\", ticket: INC-7}\n    expect: {outcome: denied, unsatisfied: [eligibility]}\n";

    fn folder(tests: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("roles.yaml"), POLICY).expect("written");
        if !tests.is_empty() {
            std::fs::write(folder.path().join("roles.test.yaml"), tests).expect("written");
        }
        folder
    }

    #[test]
    fn a_set_that_keeps_its_word() {
        let folder = folder(TESTS);
        let (exit, out, err) = run_in(folder.path(), &["policy", "test", "--coverage"]);
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
        assert!(out.contains("ok    roles.test.yaml:2  an engineer needs the team lead"), "{out}");
        assert!(out.contains("passed: 2, failed: 0") && out.contains("role unused"), "{out}");
        let (exit, out, _) = run_in(folder.path(), &["--json", "policy", "test", "--coverage"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["passed"], &document["failed"]), (Exit::Done, &2.into(), &0.into()));
        let result = &document["results"][0];
        assert_eq!((&result["expected"], &result["got"]), (&"needs_approval".into(), &"needs_approval".into()));
        assert_eq!((&result["file"], &result["ok"]), (&"roles.test.yaml".into(), &true.into()));
        assert_eq!(result["decision"]["outcome"], "needs_approval");
        assert_eq!(document["untouched"]["roles"], serde_json::json!(["unused"]));
    }

    #[test]
    fn what_fails_says_why_and_stands_in_the_report() {
        let wrong = TESTS.replace("max: 30m", "max: 1h").replace("outcome: denied", "outcome: needs_approval");
        let folder = folder(&wrong);
        let (exit, out, _) = run_in(folder.path(), &["policy", "test", "--junit", "report.xml"]);
        assert_eq!(exit, Exit::No);
        assert!(
            out.contains("expected it to last 1h at most, got 30m")
                && out.contains("expected needs_approval, got denied"),
            "{out}"
        );
        assert!(out.contains("not satisfied: ") && out.contains("passed: 0, failed: 2"), "{out}");
        let report = std::fs::read_to_string(folder.path().join("report.xml")).expect("the report");
        assert!(report.contains("tests=\"2\" failures=\"2\"") && report.contains("<failure message="), "{report}");
        let (exit, out, _) = run_in(folder.path(), &["--json", "policy", "test"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["failed"]), (Exit::No, &2.into()));
    }

    #[test]
    fn a_test_that_fails_shows_what_the_check_warns_of_in_it() {
        let folder = folder(&TESTS.replace("groups: [sre]", "groups: [srre]"));
        let (exit, out, _) = run_in(folder.path(), &["policy", "test"]);
        assert_eq!(exit, Exit::No);
        let warning = "      warning: `srre` is none of `idp_groups`, so being in it changes nothing (roles.test.yaml:3): did you mean `sre`?\n";
        assert_eq!(out.matches(warning).count(), 1, "{out}");
        assert!(out.find(warning) < out.find("nobody else may ask"), "it stands with its test: {out}");
    }

    #[test]
    fn a_report_that_cannot_be_written_hides_no_result() {
        let folder = folder(TESTS);
        let (exit, out, err) = run_in(folder.path(), &["policy", "test", "--junit", "gone/report.xml"]);
        assert_eq!(exit, Exit::WrongUse);
        assert!(out.contains("passed: 2, failed: 0"), "{out}");
        assert!(err.contains("make the folder first") && !err.contains("os error"), "{err}");
        let (exit, out, _) = run_in(folder.path(), &["--json", "policy", "test", "--junit", "gone/report.xml"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["error"]["code"]), (Exit::WrongUse, &"wrong_use".into()));
    }

    #[test]
    fn no_tests_is_a_notice_and_an_invalid_set_is_wrong_use() {
        let folder = folder("");
        let (exit, out, _) = run_in(folder.path(), &["policy", "test"]);
        assert_eq!(exit, Exit::Done);
        assert!(out.contains("no tests"), "{out}");
        std::fs::write(folder.path().join("bad.yaml"), "roles: [").expect("written");
        let (exit, out, _) = run_in(folder.path(), &["--json", "policy", "test"]);
        let document: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!((exit, &document["error"]["code"]), (Exit::WrongUse, &"invalid_policy".into()));
    }
}
