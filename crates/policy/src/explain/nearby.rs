//! Looks around a request: what else could be asked or known, one thing at a time and then two together, and whether
//! the answer would be a better one.

use crate::ask::Ask;
use crate::facts::{Mfa as MfaFact, OnCall};
use crate::model::Role;
use crate::set::PolicySet;
use curfew_domain::{Decision, Outcome, Seconds};
use std::collections::BTreeSet;

/// How many are said.
const SAID: usize = 3;
/// Lengths and actions that are tried.
const TRIED: usize = 8;

/// Another request not far from the one that was made.
struct Change {
    /// As in "automatic when ...".
    when: String,
    /// Two of one kind do not go together.
    kind: Kind,
    make: Box<dyn Fn(&mut Ask)>,
}

/// What else is changed where a length that is short enough was found.
type Said = BTreeSet<String>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OnCall,
    Mfa,
    Length,
    Actions,
}

impl PolicySet {
    /// The fewest changes that make the answer a better one.
    pub(super) fn nearby(&self, role: &Role, ask: &Ask, decision: &Decision) -> Vec<String> {
        let has_rules =
            role.auto_approve_when.is_some() || !role.constraints.when.is_empty() || !self.guardrails().is_empty();
        if decision.outcome == Outcome::Automatic || !has_rules {
            return Vec::new();
        }
        let changes = self.changes(role, ask);
        let better = |some: &[&Change]| {
            let mut other = ask.clone();
            some.iter().for_each(|change| (change.make)(&mut other));
            let outcome = self.decide(&other).decision.outcome;
            let words: Vec<&str> = some.iter().map(|change| change.when.as_str()).collect();
            let said = match outcome {
                Outcome::Automatic => "automatic",
                Outcome::NeedsApproval => "not denied",
                Outcome::Denied => "denied",
            };
            (rank(outcome) > rank(decision.outcome)).then(|| format!("{said} when {}", words.join(" and ")))
        };
        // Of lengths the longest is the nearest; a shorter one says nothing more.
        let mut said = Said::default();
        let mut better = |some: &[&Change]| {
            let with: Vec<&str> = some.iter().filter(|c| c.kind != Kind::Length).map(|c| c.when.as_str()).collect();
            let shorter = some.iter().any(|change| change.kind == Kind::Length);
            if shorter && said.contains(&with.join(" and ")) {
                return None;
            }
            let found = better(some)?;
            if shorter {
                said.insert(with.join(" and "));
            }
            Some(found)
        };
        let single: Vec<String> = changes.iter().filter_map(|change| better(&[change])).take(SAID).collect();
        if !single.is_empty() {
            return single;
        }
        let pairs = changes.iter().enumerate().flat_map(|(i, one)| changes[i + 1..].iter().map(move |two| (one, two)));
        pairs
            .filter(|(one, two)| one.kind != two.kind)
            .filter_map(|(one, two)| better(&[one, two]))
            .take(SAID)
            .collect()
    }

    fn changes(&self, role: &Role, ask: &Ask) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        let mut add = |when: String, kind, make: Box<dyn Fn(&mut Ask)>| changes.push(Change { when, kind, make });
        if !matches!(ask.facts.oncall, Some(OnCall::OfTheRole(true))) {
            add("on call".to_owned(), Kind::OnCall, Box::new(|a| a.facts.oncall = Some(OnCall::OfTheRole(true))));
        }
        if ask.facts.mfa != Some(MfaFact::FRESH) {
            let when = "signed in with a second factor".to_owned();
            add(when, Kind::Mfa, Box::new(|a| a.facts.mfa = Some(MfaFact::FRESH)));
        }
        let asked = ask.duration.unwrap_or(role.duration.default);
        // Nearest first: the longest that is shorter.
        for length in self.lengths(role).into_iter().rev().filter(|l| *l < asked && *l >= role.duration.min).take(TRIED)
        {
            add(format!("at most {length}"), Kind::Length, Box::new(move |a| a.duration = Some(length)));
        }
        let given: BTreeSet<_> = self.pairs(&role.name).into_iter().map(|pair| pair.action).collect();
        let asked: Vec<_> = given.into_iter().filter(|a| ask.actions.is_empty() || ask.actions.contains(a)).collect();
        if ask.pairs.is_none() && asked.len() > 1 {
            for action in asked.into_iter().take(TRIED) {
                let when = format!("only {action}");
                add(when, Kind::Actions, Box::new(move |a| a.actions = vec![action.clone()]));
            }
        }
        changes
    }

    /// The lengths that the rules over the role speak of.
    fn lengths(&self, role: &Role) -> BTreeSet<Seconds> {
        let expressions = role.auto_approve_when.iter().chain(role.constraints.when.iter().map(|w| &w.expression));
        let texts = expressions.map(|e| e.text.as_str()).chain(self.guardrails().iter().map(|g| g.text.as_str()));
        let spoken = texts.flat_map(|text| text.split("duration(\"").skip(1));
        let lengths = spoken.filter_map(|rest| rest.split('"').next()?.parse().ok());
        lengths.chain([role.duration.min]).collect()
    }
}

fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Denied => 0,
        Outcome::NeedsApproval => 1,
        Outcome::Automatic => 2,
    }
}
