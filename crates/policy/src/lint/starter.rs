//! Runs of which nobody can tell who started them: no decision about them can leave that person out, so they are denied.

use super::warn;
use crate::model::{Account, Approval, Principal, Receiver, Requesters, Role};
use crate::problem::Problems;
use crate::source::Place;
use crate::workload::{Provider, Starter};

pub(super) fn lint(role: &Role, people: &[Account], out: &mut Problems) {
    let approved = matches!(role.approval, Approval::Stages(_)) && role.auto_approve_when.is_none();
    let requesters = match &role.requesters {
        Requesters::Listed(list) if approved => list.as_slice(),
        Requesters::Listed(_) | Requesters::Anyone(_) | Requesters::TriggersOnly => &[],
    };
    let runs = requesters.iter().filter_map(|listed| match &listed.principal {
        Principal::Workload(workload) => Some((workload.provider, &listed.place)),
        Principal::Person(_) | Principal::Group(_) | Principal::OnCall(_) => None,
    });
    for (provider, place) in runs {
        let denied = format!("every run of `{}` is denied `{}`, which people approve", provider.word(), role.name);
        unknown(provider, people, &denied, place, out);
    }
    for trigger in &role.triggers {
        let provider = trigger.workload.provider;
        if approved {
            let denied = format!("this trigger never gives `{}`, which people approve", role.name);
            unknown(provider, people, &denied, &trigger.place, out);
        } else if trigger.grant_to.contains(&Receiver::Actor) {
            let denied = format!("this trigger gives `{}` to nobody as `actor`", role.name);
            unknown(provider, people, &denied, &trigger.place, out);
        }
    }
}

/// Says so where nobody can ever tell who started a run of the provider.
fn unknown(provider: Provider, people: &[Account], denied: &str, place: &Place, out: &mut Problems) {
    let word = provider.word();
    let (why, hint) = match provider.starter() {
        Starter::Claim(_) if people.iter().any(|account| account.number(provider).is_some()) => return,
        Starter::Claim(_) => (
            format!("`people` names no `{word}` account, so nobody can tell who started a run"),
            format!("name those who start runs: `people: [{{email: dev@example.com, {word}: \"583231\"}}]`"),
        ),
        Starter::Untold => (
            format!("`{word}` does not say who started a run"),
            "write `approval: automatic` in a role of its own, bounded by `when` and guardrails".to_owned(),
        ),
        Starter::Nobody => return,
    };
    warn(out, place, "unknown-starter", format!("{denied}: {why}"), &hint);
}
