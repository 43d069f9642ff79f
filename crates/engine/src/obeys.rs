//! What a policy can say and the engine does not carry out yet.
//!
//! A server refuses a set that says such a thing: a rule that nobody obeys would be worse than none. What the engine
//! cannot know - a second factor, a ticket's state, how many grants there are - needs no entry here, because policy
//! denies what is unknown.

use curfew_policy::{PolicySet, Role};

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
    found(!role.triggers.is_empty(), "`triggers`");
    found(role.extension.is_some(), "`extension`");
    found(role.break_glass.is_some(), "`break_glass`");
    let elsewhere = |to: &String| !to.starts_with("email:") && !to.starts_with("webhook:");
    found(
        role.notify.iter().flat_map(|notice| &notice.to).any(elsewhere),
        "`notify` by other means than mail and webhooks",
    );
    words
}
