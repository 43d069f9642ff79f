//! The tests a policy brings: each is decided, and what came out is held against what was expected.

use crate::ask::{Expect, Trial};
use crate::model::{Approval, Constraints};
use crate::set::PolicySet;
use crate::source::Place;
use curfew_domain::{Decision, Outcome, Reason, ReasonCode, Seconds};
use serde::Serialize;
use std::collections::BTreeSet;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The file it stands in.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// What it shows.
    pub name: String,
    /// Whether all came out as expected.
    pub ok: bool,
    /// The outcome that was expected.
    pub expected: Outcome,
    /// The outcome there was.
    pub got: Outcome,
    /// What else differs, a sentence each.
    pub differences: Vec<String>,
    /// The decision, with its reasons.
    pub decision: Decision,
}

/// What no test touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many roles, stages, constraints and guardrails there are.
    pub total: usize,
    /// How many of them a test touches.
    pub touched: usize,
    /// The others, in the order of the text.
    pub untouched: Vec<Untouched>,
}

/// Something that no test touches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Untouched {
    /// The file it stands in.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// `role`, `stage`, `constraint` or `guardrail`.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
}

impl PolicySet {
    /// Decides every test, in the order of the text.
    pub fn run_tests(&self) -> Vec<Tried> {
        self.tests().iter().map(|trial| self.run_test(trial)).collect()
    }

    fn run_test(&self, trial: &Trial) -> Tried {
        let decision = self.decide(&trial.ask).decision;
        let mut differences = differences(&trial.expect, &decision, trial.ask.now);
        if let Some(approvers) = trial.approvers.as_ref().filter(|expected| **expected != decision.approvers) {
            differences.push(different("approvers", approvers, &decision.approvers));
        }
        let ok = trial.expect.outcome == decision.outcome && differences.is_empty();
        Tried {
            file: trial.place.file.to_string(),
            line: trial.place.line,
            name: trial.name.clone(),
            ok,
            expected: trial.expect.outcome,
            got: decision.outcome,
            differences,
            decision,
        }
    }

    /// Which roles, stages, constraints and guardrails these tests never came to.
    pub fn coverage(&self, tried: &[Tried]) -> Coverage {
        let mut all: BTreeSet<(Untouched, bool)> = BTreeSet::new();
        let mut add = |kind, name: String, place: &Place, touched: bool| {
            let (file, line) = (place.file.to_string(), place.line);
            all.insert((Untouched { file, line, kind, name }, touched));
        };
        for role in self.roles() {
            let decisions: Vec<&Decision> = tried.iter().map(|t| &t.decision).filter(|d| d.role == role.name).collect();
            add("role", role.name.to_string(), &role.place, !decisions.is_empty());
            match &role.approval {
                Approval::Automatic(_) => {}
                Approval::Stages(chain) => {
                    for stage in &chain.stages {
                        let touched = decisions.iter().any(|d| d.stages.iter().any(|s| s.name == stage.name));
                        add("stage", format!("{}: {}", role.name, stage.name), &stage.place, touched);
                    }
                }
            }
            for (name, code, place) in constraints(&role.constraints) {
                let touched = decisions.iter().any(|d| reasons(d).any(|r| r.code == code && r.line == place.line));
                add("constraint", format!("{}: {name}", role.name), place, touched);
            }
        }
        for guardrail in self.guardrails() {
            let is_it = |r: &Reason| {
                r.code == ReasonCode::Guardrail && r.file == *guardrail.place.file && r.line == guardrail.place.line
            };
            let touched = tried.iter().any(|t| t.decision.unsatisfied.iter().chain(&t.decision.failed).any(is_it));
            add("guardrail", guardrail.message.clone(), &guardrail.place, touched);
        }
        let total = all.len();
        let untouched: Vec<Untouched> = all.into_iter().filter(|(_, touched)| !touched).map(|(what, _)| what).collect();
        Coverage { total, touched: total - untouched.len(), untouched }
    }
}

fn reasons(decision: &Decision) -> impl Iterator<Item = &Reason> {
    decision.satisfied.iter().chain(&decision.unsatisfied).chain(&decision.failed)
}

fn differences(expect: &Expect, decision: &Decision, now: curfew_domain::Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    let stages: Vec<String> = decision.stages.iter().map(|s| s.name.clone()).collect();
    if let Some(expected) = expect.stages.as_ref().filter(|expected| **expected != stages) {
        found.push(different("stages", expected, &stages));
    }
    let max = decision.max_until.map(|until| Seconds::new(u32::try_from(until.millis_since(now) / 1_000).unwrap_or(u32::MAX)));
    if let Some(expected) = expect.max.filter(|expected| Some(*expected) != max) {
        let got = max.map_or_else(|| "nothing".to_owned(), |max| max.to_string());
        found.push(format!("max: expected {expected}, got {got}"));
    }
    for (what, expected, got) in
        [("unsatisfied", &expect.unsatisfied, &decision.unsatisfied), ("failed", &expect.failed, &decision.failed)]
    {
        let got: BTreeSet<ReasonCode> = got.iter().map(|reason| reason.code).collect();
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != got) {
            let words = |codes: &BTreeSet<ReasonCode>| codes.iter().map(|code| word(*code)).collect::<Vec<_>>();
            found.push(different(what, &words(expected), &words(&got)));
        }
    }
    found
}

fn different(what: &str, expected: &[String], got: &[String]) -> String {
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    format!("{what}: expected {}, got {}", list(expected), list(got))
}

/// As policy writes it.
fn word(code: ReasonCode) -> String {
    let value = serde_json::to_value(code).expect("INVARIANT: a code serializes");
    value.as_str().unwrap_or_default().to_owned()
}

/// Every constraint there is: its name, the code of its reasons, and where it stands.
fn constraints(rules: &Constraints) -> Vec<(&'static str, ReasonCode, &Place)> {
    let mut all = Vec::new();
    all.extend(rules.justification.as_ref().map(|r| ("justification", ReasonCode::Justification, &r.place)));
    all.extend(rules.ticket.as_ref().map(|r| ("ticket", ReasonCode::Ticket, &r.place)));
    all.extend(rules.windows.as_ref().map(|r| ("windows", ReasonCode::Window, &r.place)));
    all.extend(rules.source_ip.as_ref().map(|r| ("source_ip", ReasonCode::SourceIp, &r.place)));
    all.extend(rules.mfa.as_ref().map(|r| ("mfa", ReasonCode::Mfa, &r.place)));
    all.extend(rules.concurrency.as_ref().map(|r| ("concurrency", ReasonCode::Concurrency, &r.place)));
    all.extend(rules.inputs.iter().map(|r| ("inputs", ReasonCode::Inputs, &r.place)));
    all.extend(rules.when.iter().map(|r| ("when", ReasonCode::When, &r.place)));
    all.extend(rules.budget.as_ref().map(|r| ("budget", ReasonCode::Concurrency, &r.place)));
    all.extend(rules.cooldown.as_ref().map(|r| ("cooldown", ReasonCode::Concurrency, &r.place)));
    all
}
