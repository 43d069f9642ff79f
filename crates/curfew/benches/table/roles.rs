//! Policy sets of any number of roles.

use curfew_policy::SourceFile;
use std::fmt::Write;

/// So many roles fit into one file of at most a mebibyte.
const ROLES_A_FILE: usize = 1_500;
/// Static groups, and the persons in each.
const GROUPS: usize = 100;
const MEMBERS: usize = 10;

/// What the roles are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As short as a role can be.
    Plain,
    /// Groups, two stages, constraints, an expression of its own, and a guardrail over all.
    Rich,
    /// The same, but one role in a hundred is another: the next version of it.
    RichChanged,
}

/// The files of a set.
pub(crate) fn files(roles: usize, kind: Kind) -> Vec<SourceFile> {
    let mut files = vec![file("resources.yaml", shared(kind))];
    if kind != Kind::Plain {
        let text = "@message(\"nobody writes for long\")\nforbid (principal, action, resource)\nwhen { context.actions.contains(\"write\") && context.duration > duration(\"2h\") };\n";
        files.push(file("guardrails.cedar", text.to_owned()));
    }
    for first in (0..roles).step_by(ROLES_A_FILE) {
        let mut text = "roles:\n".to_owned();
        for number in first..roles.min(first + ROLES_A_FILE) {
            match kind {
                Kind::Plain => plain(number, &mut text),
                Kind::Rich => rich(number, "2h", &mut text),
                Kind::RichChanged => rich(number, if number % 100 == 0 { "3h" } else { "2h" }, &mut text),
            }
        }
        files.push(file(&format!("roles-{first}.yaml"), text));
    }
    files
}

fn file(path: &str, text: String) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.into_bytes() }
}

fn shared(kind: Kind) -> String {
    let mut text = "resources: [{name: services/db, connector: postgres, risk: low}]\n".to_owned();
    if kind != Kind::Plain {
        text.push_str("groups:\n");
        for group in 0..GROUPS {
            let members: Vec<String> = (0..MEMBERS).map(|n| format!("person-{group}-{n}@example.com")).collect();
            writeln!(text, "  group-{group}: [{}]", members.join(", ")).unwrap();
        }
    }
    text
}

fn plain(number: usize, text: &mut String) {
    writeln!(
        text,
        "  - name: role-{number}\n    requesters: [dev@example.com]\n    duration: 1h\n    conditions: \
         [{{resource: services/db, actions: [read]}}]\n    approvers: [lead@example.com]"
    )
    .unwrap();
}

fn rich(number: usize, duration: &str, text: &mut String) {
    let (asks, decides) = (number % GROUPS, (number + 1) % GROUPS);
    writeln!(
        text,
        "  - name: role-{number}\n    requesters: [dev@example.com, group:group-{asks}]\n    duration: {duration}\n    conditions: \
         [{{resource: services/db, actions: [read, write]}}]\n    approval: {{stages: [{{name: peer, any_of: \
         [group:group-{decides}]}}, {{name: lead, any_of: [lead@example.com]}}]}}\n    constraints:\n      justification: \
         {{min_length: {}}}\n      when: [{{message: \"too long\", cedar: 'context.duration <= duration(\"{}m\")'}}]",
        // No two roles are alike in everything: that would be warned about.
        10 + number / 700,
        180 + number % 7
    )
    .unwrap();
}
