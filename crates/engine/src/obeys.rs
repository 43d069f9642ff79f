//! What a policy can say and the engine does not carry out yet.
//!
//! A server refuses a set that says such a thing: a rule that nobody obeys would be worse than none. What the engine
//! cannot know - a second factor, a ticket's state, how many grants there are - needs no entry here, because policy
//! denies what is unknown.

use curfew_policy::{Approval, Counting, OnPolicyChange, PolicySet, Role};

/// One line for each word that stands in the set and is not obeyed.
pub fn not_obeyed(set: &PolicySet) -> Vec<String> {
    let of_role = |role: &Role| {
        let words = words(role);
        words
            .into_iter()
            .map(move |word| format!("{}:{}: {word}", role.place.file, role.place.line))
            .collect::<Vec<_>>()
    };
    let mut lines: Vec<String> = set.roles().flat_map(of_role).collect();
    lines.extend(set.bundles().iter().map(|b| format!("{}:{}: `bundles`", b.place.file, b.place.line)));
    let approvers = set.policy_approvers().iter();
    lines.extend(approvers.map(|a| format!("{}:{}: `policy_approvers`", a.place.file, a.place.line)));
    lines
}

fn words(role: &Role) -> Vec<&'static str> {
    let mut words = Vec::new();
    let mut found = |stands: bool, word| {
        if stands {
            words.push(word)
        }
    };
    let stages = role.approval.stages();
    let reason_required = match &role.approval {
        Approval::Automatic(_) => false,
        Approval::Stages(chain) => chain.reason_required,
    };
    found(stages.iter().any(|s| s.counting == Counting::AllOf), "`all_of`");
    found(stages.iter().any(|s| s.timeout.is_some()), "`timeout`");
    found(stages.iter().any(|s| !s.fallback.is_empty()), "`fallback`");
    found(reason_required, "`reason_required`");
    found(role.constraints.mfa.as_ref().is_some_and(|mfa| mfa.approve), "`mfa: {approve: true}`");
    found(!role.triggers.is_empty(), "`triggers`");
    found(role.extension.is_some(), "`extension`");
    found(role.break_glass.is_some(), "`break_glass`");
    found(!role.notify.is_empty(), "`notify`");
    found(role.on_policy_change == OnPolicyChange::End, "`on_policy_change: end`");
    words
}
