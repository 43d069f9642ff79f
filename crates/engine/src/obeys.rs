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

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::{Purpose, SourceFile, check};

    fn unobeyed(more: &str) -> Vec<String> {
        let text = format!(
            "roles:\n  - name: r\n    requesters: [d@example.com]\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n{more}"
        );
        let files = [SourceFile { path: "p.yaml".to_owned(), bytes: text.into_bytes() }];
        let checked = check(&files, &[], Purpose::Check);
        not_obeyed(&checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems)))
    }

    #[test]
    fn what_nobody_carries_out_is_named_with_its_place() {
        let plain = "    approvers: [l@example.com]\n";
        assert_eq!(unobeyed(plain), Vec::<String>::new());
        let more = format!("{plain}    constraints: {{windows: [{{from: \"09:00\", to: \"18:00\", tz: UTC}}]}}\n");
        assert_eq!(unobeyed(&more), Vec::<String>::new(), "hours are in the decision, which is made again");
        for line in ["on_policy_change: end", "notify: [{on: [denied], to: [\"webhook:siem\"]}]"] {
            assert_eq!(unobeyed(&format!("{plain}    {line}\n")), Vec::<String>::new(), "{line}");
        }
        for (line, word) in [
            ("extension: {max_total: 2h}", "`extension`"),
            ("break_glass: {who: [d@example.com], duration: 1h, review_within: 1d}", "`break_glass`"),
            ("notify: [{on: [denied], to: [\"slack:#sec\"]}]", "`notify` by other means than mail and webhooks"),
        ] {
            assert_eq!(unobeyed(&format!("{plain}    {line}\n")), [format!("p.yaml:2: {word}")]);
        }
        let bundle = format!("{plain}bundles: [{{name: kit, roles: [r]}}]\n");
        assert_eq!(unobeyed(&bundle), ["p.yaml:7: `bundles`"]);
    }
}
