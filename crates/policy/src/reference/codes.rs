//! The codes of decisions and of problems.

use super::{cell, code, line};
use crate::codes::{Frame, ProblemKind, problem_kinds};
use crate::language::CODES;
use crate::problem::Severity;

/// What each code of a decision is about, in the order of [`CODES`].
const DECIDES: [(&str, &str); 14] = [
    ("deny", "The requester is on the role's deny list. It wins over everything."),
    ("eligibility", "The requester is none of `requesters`, no run that a trigger means, or the role is not there."),
    ("scope", "The role does not give all of what was asked for."),
    ("duration", "Shorter than `min` or longer than `max`."),
    ("justification", "There is no reason, or not one as `constraints.justification` wants it."),
    ("ticket", "There is no ticket, not one as `constraints.ticket` wants it, or not in the state it wants."),
    ("window", "It is outside the hours of `constraints.windows`."),
    ("source_ip", "It comes from an address outside `constraints.source_ip`."),
    ("mfa", "The sign-in had no second factor, or too long ago."),
    ("concurrency", "There are as many grants as `concurrency` allows, or `budget` or `cooldown` is used up."),
    ("inputs", "An input is missing, of another type, too long, or none of its values."),
    ("when", "An expression of `constraints.when` is not true; its message says which."),
    ("guardrail", "A guardrail forbids it; its message says which."),
    ("approvable", "Nobody but the requester is left to decide a stage, and it has no fallback."),
];

pub(super) fn write(page: &mut String) {
    page.push_str(
        "\n## Codes of a decision\n\nA decision holds its reasons in `satisfied`, `unsatisfied` and `failed`. What stands in `unsatisfied` does not \
         hold; what stands in `failed` could not be evaluated, because a fact is not known. Both deny.\n\n| code | in `unsatisfied` |\n|---|---|\n",
    );
    for word in CODES {
        let about = DECIDES.iter().find(|(code, _)| code == word).map_or("", |(_, about)| *about);
        line(page, &format!("| `{word}` | {} |", cell(about)));
    }
    problems(
        page,
        "Errors",
        "A set with one error is not used at all; the version in force stays. Every problem has its file, line, column and a hint.",
        Severity::Error,
    );
    problems(page, "Warnings", "A set with warnings can be used; somebody should look.", Severity::Warning);
}

fn problems(page: &mut String, title: &str, what: &str, severity: Severity) {
    line(page, &format!("\n## {title}\n\n{what}\n\n| code | means | wrong | write instead |\n|---|---|---|---|"));
    for kind in problem_kinds().filter(|kind| kind.severity == severity) {
        let (wrong, right) = (shown(kind, kind.wrong), shown(kind, kind.right));
        line(page, &format!("| `{}` | {} | {wrong} | {right} |", kind.code, cell(kind.means)));
    }
}

/// As code where it is code, and as words where it is about files or what is not there.
fn shown(kind: &ProblemKind, example: &str) -> String {
    match kind.frame {
        Frame::Folder => cell(example),
        Frame::Lacking(_) if example.starts_with("a role ") => cell(example),
        Frame::File
        | Frame::Role
        | Frame::Lacking(_)
        | Frame::Resource
        | Frame::Test
        | Frame::Guardrail
        | Frame::Overlay => code(example),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_decision_is_told() {
        assert_eq!(DECIDES.map(|(code, _)| code).as_slice(), CODES);
    }
}
