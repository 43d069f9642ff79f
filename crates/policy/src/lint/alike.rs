//! Roles that are one role under two names.

use super::warn;
use crate::model::{Approval, Listed, Receiver, Requesters, Role};
use crate::problem::Problems;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;

pub(super) fn lint(roles: &[Role], out: &mut Problems) {
    // By a hash: the texts of all roles together are many times the text of the set.
    let mut seen: HashMap<[u8; 32], &Role> = HashMap::new();
    for role in roles {
        let meaning: [u8; 32] = Sha256::digest(meaning(role)).into();
        if let Some(first) = seen.get(&meaning) {
            let message = format!(
                "`{}` is the same as `{}` ({} line {})",
                role.name, first.name, first.place.file, first.place.line
            );
            warn(out, &role.place, "duplicate-role", message, "keep one of the two");
            continue;
        }
        seen.insert(meaning, role);
    }
}

/// Everything that decides a request or is given by it, without names and places.
fn meaning(role: &Role) -> String {
    let mut text = String::new();
    let listed = |list: &[Listed]| {
        let mut names: Vec<String> = list.iter().map(|l| l.principal.to_string()).collect();
        names.sort();
        names.dedup();
        names.join(",")
    };
    let mut part = |name: &str, value: String| {
        // A text that cannot be written to is no text: the result is looked at by nobody.
        let _ = writeln!(text, "{name}={value}");
    };
    part(
        "requesters",
        match &role.requesters {
            Requesters::Anyone(_) => "anyone".to_owned(),
            Requesters::Listed(list) => listed(list),
            Requesters::TriggersOnly => "triggers".to_owned(),
        },
    );
    for trigger in &role.triggers {
        let mut to: Vec<String> = trigger.grant_to.iter().map(receiver).collect();
        to.sort();
        part("trigger", format!("{} {}", trigger.workload, to.join(",")));
    }
    part("deny", listed(&role.deny));
    part("duration", format!("{} {} {}", role.duration.min, role.duration.default, role.duration.max));
    let mut conditions: Vec<String> = role
        .conditions
        .iter()
        .map(|c| {
            format!("{}:{}", c.resource.as_str(), c.actions.iter().map(|a| a.as_str()).collect::<Vec<_>>().join("+"))
        })
        .collect();
    conditions.sort();
    part("conditions", conditions.join(","));
    match &role.approval {
        Approval::Automatic(_) => part("approval", "automatic".to_owned()),
        Approval::Stages(chain) => {
            part("approval", format!("{} {} {}", chain.distinct_approvers, chain.reason_required, chain.lapses_after));
            for s in &chain.stages {
                let lists: Vec<String> = s.lists().map(listed).collect();
                part("stage", format!("{:?} {} {:?} {}", s.counting, s.require, s.timeout, lists.join(" / ")));
            }
        }
    }
    part("auto", role.auto_approve_when.as_ref().map(|e| e.text.clone()).unwrap_or_default());
    constraints(role, &mut part);
    let extension = role.extension.as_ref().map(|e| format!("{} {} {:?}", e.times, e.max_total, e.approval));
    part("extension", extension.unwrap_or_default());
    let emergency = role.break_glass.as_ref().map(|b| format!("{} {} {}", listed(&b.who), b.duration, b.review_within));
    part("break_glass", emergency.unwrap_or_default());
    part("activation", role.activation.claim_within.to_string());
    part("on_policy_change", format!("{:?}", role.on_policy_change));
    text
}

fn receiver(receiver: &Receiver) -> String {
    match receiver {
        Receiver::Pipeline => "pipeline".to_owned(),
        Receiver::Actor => "actor".to_owned(),
        Receiver::Named(listed) => listed.principal.to_string(),
    }
}

fn constraints(role: &Role, part: &mut impl FnMut(&str, String)) {
    let c = &role.constraints;
    let justification = c.justification.as_ref();
    part(
        "justification",
        justification
            .map(|j| format!("{} {:?} {:?}", j.min_length, j.pattern.as_ref().map(|p| p.as_str()), j.required))
            .unwrap_or_default(),
    );
    let ticket = c.ticket.as_ref();
    part(
        "ticket",
        ticket
            .map(|t| format!("{:?} {:?} {:?}", t.pattern.as_ref().map(|p| p.as_str()), t.verify, t.required))
            .unwrap_or_default(),
    );
    let windows = c.windows.as_ref().map(|w| w.any_of.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    part("windows", windows.unwrap_or_default());
    let ranges = c.source_ip.as_ref().map(|s| s.any_of.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    part("source_ip", ranges.unwrap_or_default());
    part("mfa", c.mfa.as_ref().map(|m| format!("{} {} {:?}", m.request, m.approve, m.max_age)).unwrap_or_default());
    part(
        "concurrency",
        c.concurrency.as_ref().map(|r| format!("{:?} {:?}", r.per_subject, r.total)).unwrap_or_default(),
    );
    for input in &c.inputs {
        part("input", format!("{} {:?} {:?}", input.name, input.kind, input.required));
    }
    for when in &c.when {
        part("when", when.expression.text.clone());
    }
    part("budget", c.budget.as_ref().map(|b| format!("{} {}", b.per_subject, b.per)).unwrap_or_default());
    part("cooldown", c.cooldown.as_ref().map(|b| b.wait.to_string()).unwrap_or_default());
}
