//! A policy's own tests: each request decided at the time it names, and what came out against what was expected.

use crate::ask::{Expect, Trial};
use crate::model::Role;
use crate::set::PolicySet;
use crate::source::Place;
use curfew_domain::{Decision, Outcome, Reason, ReasonCode, RoleName, Seconds};
use serde::Serialize;
use std::collections::BTreeSet;

/// The outcome of all tests of a set.
#[derive(Debug, Clone, Serialize)]
pub struct TrialRun {
    /// How many held.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// One for each test, in the order of the text.
    pub results: Vec<TrialResult>,
}

/// The outcome of one test.
#[derive(Debug, Clone, Serialize)]
pub struct TrialResult {
    /// Where it stands, relative to the policy folder.
    pub file: String,
    /// The line in it.
    #[serde(skip)]
    pub line: u32,
    /// What it shows.
    pub name: String,
    /// Whether everything was as expected.
    pub ok: bool,
    /// The outcome that was expected.
    pub expected: Outcome,
    /// The outcome there was.
    pub got: Outcome,
    /// What was decided, with its reasons.
    pub decision: Decision,
    /// What was not as expected, one sentence each.
    #[serde(skip)]
    pub mismatches: Vec<String>,
}

/// What no test of a set touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Untouched {
    /// Roles that no test asks for.
    pub roles: Vec<RoleName>,
    /// Stages that no test comes to.
    pub stages: Vec<Spot>,
    /// Constraints that no test is refused by.
    pub constraints: Vec<Spot>,
    /// Guardrails that no test is refused by.
    pub guardrails: Vec<Spot>,
}

/// Something of a policy, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spot {
    /// `db-debug/ticket`.
    pub name: String,
    /// The file.
    pub file: String,
    /// The line in it.
    pub line: u32,
}

impl Spot {
    fn new(name: String, place: &Place) -> Self {
        Self { name, file: place.file.to_string(), line: place.line }
    }

    fn is(&self, reason: &Reason) -> bool {
        self.file == reason.file && self.line == reason.line
    }
}

impl PolicySet {
    /// Decides every test of the set. Nothing is asked of any clock.
    pub fn run_tests(&self) -> TrialRun {
        let results: Vec<TrialResult> = self.tests().iter().map(|trial| self.run(trial)).collect();
        let passed = results.iter().filter(|result| result.ok).count();
        TrialRun { passed, failed: results.len() - passed, results }
    }

    fn run(&self, trial: &Trial) -> TrialResult {
        let decision = self.decide(&trial.ask).decision;
        let mismatches = mismatches(trial, &decision);
        TrialResult {
            file: trial.place.file.to_string(),
            line: trial.place.line,
            name: trial.name.clone(),
            ok: mismatches.is_empty(),
            expected: trial.expect.outcome,
            got: decision.outcome,
            decision,
            mismatches,
        }
    }

    /// What none of these results touches. A constraint or guardrail is touched by a test that it refuses: one that is
    /// only ever met could be taken away unseen.
    pub fn untouched(&self, run: &TrialRun) -> Untouched {
        let decisions = || run.results.iter().map(|result| &result.decision);
        let asked: BTreeSet<&RoleName> = decisions().map(|d| &d.role).collect();
        let stages: BTreeSet<String> =
            decisions().flat_map(|d| d.stages.iter().map(|s| format!("{}/{}", d.role, s.name))).collect();
        let refused = |spot: &Spot, role: Option<&RoleName>, code: ReasonCode| {
            let of_role = decisions().filter(|d| role.is_none_or(|role| *role == d.role));
            let mut reasons = of_role.flat_map(|d| d.unsatisfied.iter().chain(&d.failed));
            reasons.any(|reason| reason.code == code && spot.is(reason))
        };
        let mut untouched = Untouched::default();
        for role in self.roles() {
            if !asked.contains(&role.name) {
                untouched.roles.push(role.name.clone());
                continue;
            }
            let all = role.approval.stages().iter().map(|s| Spot::new(format!("{}/{}", role.name, s.name), &s.place));
            untouched.stages.extend(all.filter(|spot| !stages.contains(&spot.name)));
            let constraints =
                constraints(role).into_iter().filter(|(spot, code)| !refused(spot, Some(&role.name), *code));
            untouched.constraints.extend(constraints.map(|(spot, _)| spot));
        }
        let guardrails = self.guardrails().iter().map(|g| Spot::new(g.message.clone(), &g.place));
        untouched.guardrails = guardrails.filter(|spot| !refused(spot, None, ReasonCode::Guardrail)).collect();
        untouched
    }
}

/// The constraints of a role, with the codes that they refuse under.
fn constraints(role: &Role) -> Vec<(Spot, ReasonCode)> {
    let rules = &role.constraints;
    let single = [
        ("justification", rules.justification.as_ref().map(|r| &r.place), ReasonCode::Justification),
        ("ticket", rules.ticket.as_ref().map(|r| &r.place), ReasonCode::Ticket),
        ("windows", rules.windows.as_ref().map(|r| &r.place), ReasonCode::Window),
        ("source_ip", rules.source_ip.as_ref().map(|r| &r.place), ReasonCode::SourceIp),
        ("mfa", rules.mfa.as_ref().filter(|r| r.request).map(|r| &r.place), ReasonCode::Mfa),
    ];
    let named = |name: &str, place: &Place| Spot::new(format!("{}/{name}", role.name), place);
    let single = single.into_iter().filter_map(|(name, place, code)| Some((named(name, place?), code)));
    let inputs = rules.inputs.iter().map(|i| (named(&format!("inputs/{}", i.name), &i.place), ReasonCode::Inputs));
    let when = rules.when.iter().map(|w| (named(&format!("when: {}", w.message), &w.place), ReasonCode::When));
    // How many there are at once is no fact that a test can name, so no test can touch those constraints.
    single.chain(inputs).chain(when).collect()
}

fn mismatches(trial: &Trial, decision: &Decision) -> Vec<String> {
    let Expect { outcome, stages, max, unsatisfied, failed } = &trial.expect;
    let mut found = Vec::new();
    if *outcome != decision.outcome {
        let why: Vec<&str> =
            decision.unsatisfied.iter().chain(&decision.failed).map(|reason| reason.message.as_str()).collect();
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
        found.push(format!("expected {}, got {}{why}", word(*outcome), word(decision.outcome)));
    }
    if let Some(stages) = stages {
        let got: Vec<String> = decision.stages.iter().map(|s| s.name.clone()).collect();
        differ("the stages", stages, &got, &mut found);
    }
    if let Some(max) = max {
        let got = decision.max_until.map(|until| until.millis_since(trial.ask.now) / 1_000);
        if got != Some(u64::from(max.as_secs())) {
            let got = got.and_then(|secs| u32::try_from(secs).ok()).map(|secs| Seconds::new(secs).to_string());
            found.push(format!(
                "expected it to last {max} at most, got {}",
                got.unwrap_or_else(|| "nothing".to_owned())
            ));
        }
    }
    for (what, codes, reasons) in
        [("unsatisfied", unsatisfied, &decision.unsatisfied), ("failed", failed, &decision.failed)]
    {
        let Some(codes) = codes else { continue };
        let got: BTreeSet<ReasonCode> = reasons.iter().map(|reason| reason.code).collect();
        let words = |codes: &BTreeSet<ReasonCode>| codes.iter().map(|code| code_word(*code)).collect::<Vec<_>>();
        differ(what, &words(codes), &words(&got), &mut found);
    }
    if let Some(approvers) = &trial.approvers {
        differ("the approvers", approvers, &decision.approvers, &mut found);
    }
    found
}

fn differ(what: &str, expected: &[String], got: &[String], found: &mut Vec<String>) {
    let shown = |list: &[String]| if list.is_empty() { "nobody or nothing".to_owned() } else { list.join(", ") };
    if expected != got {
        found.push(format!("expected {what} to be {}, got {}", shown(expected), shown(got)));
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Denied => "denied",
        Outcome::NeedsApproval => "needs_approval",
        Outcome::Automatic => "automatic",
    }
}

fn code_word(code: ReasonCode) -> String {
    serde_json::to_value(code).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
