//! What a policy can say and this server does not carry out: what it refuses, and what it accepts and cannot do.
//!
//! A rule that would give more, or ask for less, if nobody obeyed it has a set refused. What gives nothing and tells
//! nobody until something else is there is accepted, and said at load and by `doctor`. What the engine cannot know - a
//! second factor, a ticket's state - needs no entry here, because policy denies what is unknown.

use crate::engine::{Audience, Pipelines};
use curfew_policy::{PolicySet, Requesters, Role, Trigger};

/// One line for each word that stands in the set and is not obeyed, where nobody checks who signed a change of policy.
pub fn not_obeyed(set: &PolicySet) -> Vec<String> {
    let approvers = set.policy_approvers().iter();
    approvers.map(|a| format!("{}:{}: `policy_approvers`", a.place.file, a.place.line)).collect()
}

/// One line for each word that is accepted and does nothing on this server.
pub fn idle(set: &PolicySet, audience: &Audience, pipelines: &Pipelines) -> Vec<String> {
    set.roles().flat_map(|role| triggers(role, pipelines).into_iter().chain(unheard(role, audience))).collect()
}

/// Triggers fire with the runs of pipelines for which somebody vouches here.
fn triggers(role: &Role, pipelines: &Pipelines) -> Option<String> {
    let first = role.triggers.first()?;
    let vouched = |trigger: &Trigger| pipelines.issuers.values().any(|kind| *kind == trigger.workload.provider);
    if role.triggers.iter().any(vouched) {
        return None;
    }
    let nobody = match role.requesters {
        Requesters::TriggersOnly => ", so nobody gets it",
        Requesters::Anyone(_) | Requesters::Listed(_) => "",
    };
    let place = &first.place;
    Some(format!(
        "{}:{}: the triggers of role `{}` never fire on this server{nobody}: it has no issuer of kind `{}`",
        place.file,
        place.line,
        role.name,
        first.workload.provider.word()
    ))
}

/// Who is to be told by means that this server does not have.
fn unheard(role: &Role, audience: &Audience) -> Vec<String> {
    let mut lines = Vec::new();
    for notice in &role.notify {
        for to in &notice.to {
            let missing = match to.split_once(':') {
                Some(("email", _)) if audience.mail_from.is_some() => continue,
                Some(("email", _)) => "[mail] is not configured",
                Some(("webhook", name)) if audience.webhooks.iter().any(|hook| hook == name) => continue,
                Some(("webhook", _)) => "no [[webhooks]] of that name is configured",
                Some(_) | None => "it has no such channel",
            };
            let place = &notice.place;
            let (file, line) = (&place.file, place.line);
            lines.push(format!("{file}:{line}: role `{}` tells `{to}`, and this server cannot: {missing}", role.name));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::{Provider, Purpose, SourceFile, check};

    fn set(more: &str) -> PolicySet {
        let text = format!(
            "roles:\n  - name: r\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n{more}"
        );
        let files = [SourceFile { path: "p.yaml".to_owned(), bytes: text.into_bytes() }];
        let checked = check(&files, &[], Purpose::Check);
        checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems))
    }

    fn audience() -> Audience {
        Audience { mail_from: "curfew@example.com".parse().ok(), webhooks: vec!["siem".to_owned()] }
    }

    #[test]
    fn what_nobody_carries_out_has_a_set_refused() {
        let plain = "    requesters: [d@example.com]\n    approvers: [l@example.com]\n";
        for line in [
            "",
            "    extension: {max_total: 2h}\n",
            "    break_glass: {who: [d@example.com], duration: 1h, review_within: 1d}\n",
            "    notify: [{on: [denied], to: [\"slack:#sec\"]}]\n",
            "    constraints: {windows: [{from: \"09:00\", to: \"18:00\", tz: UTC}]}\n",
            "bundles: [{name: kit, roles: [r]}]\n",
        ] {
            assert_eq!(not_obeyed(&set(&format!("{plain}{line}"))), Vec::<String>::new(), "{line}");
        }
        let approved =
            format!("{plain}policy_approvers: [{{paths: [\"p.yaml\"], any_of: [l@example.com], require: 1}}]\n");
        assert_eq!(not_obeyed(&set(&approved)), ["p.yaml:7: `policy_approvers`"]);
    }

    #[test]
    fn who_cannot_be_told_is_named_once_for_each_way() {
        let plain = "    requesters: [d@example.com]\n    approvers: [l@example.com]\n";
        let told = "    notify: [{on: [denied], to: [\"slack:#sec\", \"email:a@example.com\", \"webhook:siem\", \"webhook:pager\"]}]\n";
        let set = set(&format!("{plain}{told}"));
        assert_eq!(
            idle(&set, &audience(), &Pipelines::default()),
            [
                "p.yaml:7: role `r` tells `slack:#sec`, and this server cannot: it has no such channel",
                "p.yaml:7: role `r` tells `webhook:pager`, and this server cannot: no [[webhooks]] of that name is configured",
            ]
        );
        assert_eq!(idle(&set, &Audience::default(), &Pipelines::default()).len(), 4);
    }

    #[test]
    fn triggers_are_said_to_be_idle() {
        let trigger = "    triggers: [{github: {repository_id: \"1\", ref: refs/heads/main}, grant_to: [pipeline], until: pipeline-end}]\n    approval: automatic\n";
        assert_eq!(
            idle(&set(trigger), &audience(), &Pipelines::default()),
            [
                "p.yaml:5: the triggers of role `r` never fire on this server, so nobody gets it: it has no issuer of kind `github`",
            ]
        );
        let both = format!("    requesters: [d@example.com]\n{trigger}");
        assert!(
            idle(&set(&both), &audience(), &Pipelines::default())[0]
                .ends_with("never fire on this server: it has no issuer of kind `github`")
        );
        let github = Pipelines { issuers: [("gh".to_owned(), Provider::Github)].into(), ..Pipelines::default() };
        assert_eq!(idle(&set(trigger), &audience(), &github), Vec::<String>::new());
        let gitlab = Pipelines { issuers: [("gl".to_owned(), Provider::Gitlab)].into(), ..Pipelines::default() };
        assert_eq!(idle(&set(trigger), &audience(), &gitlab).len(), 1);
    }
}
