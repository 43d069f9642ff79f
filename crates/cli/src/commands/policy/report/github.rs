//! Workflow commands of GitHub Actions: `::error file=...,line=...,col=...::message`.
//!
//! Escapes are those of <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>: a text from
//! a policy file cannot end its own command and begin another.

use super::Located;
use curfew_domain::text::visible;
use curfew_policy::Severity;

/// One line for each problem.
pub(crate) fn annotations(problems: &[Located<'_>]) -> String {
    problems.iter().map(annotation).collect()
}

fn annotation(located: &Located<'_>) -> String {
    let problem = located.problem;
    let command = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let end = located.end_column.map_or_else(String::new, |end| format!(",endColumn={end}"));
    let (file, title) = (property(&located.path), property(problem.code));
    let place = format!("file={file},line={},col={}{end},title={title}", problem.line, problem.column);
    let lines: Vec<_> = located.text().lines().map(|line| data(&visible(line))).collect();
    format!("::{command} {place}::{}\n", lines.join("%0A"))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::{Problem, SourceFile, Span};

    fn problem(message: &str, file: &str) -> Problem {
        Problem {
            severity: Severity::Error,
            code: "unknown-key",
            message: message.into(),
            hint: "did you mean `roles`?".into(),
            file: file.into(),
            line: 2,
            column: 3,
            span: Some(Span { offset: 5, len: 4 }),
        }
    }

    #[test]
    fn one_line_with_the_place_and_what_to_do() {
        let source = SourceFile { path: "a.yaml".into(), bytes: b"a:\n  rols: x\n".to_vec() };
        let problem = problem("there is no key `rols`", "a.yaml");
        let located = Located::new(&problem, "policies/a.yaml".into(), Some(&source));
        let expected = "::error file=policies/a.yaml,line=2,col=3,endColumn=7,title=unknown-key::there is no key `rols`%0Adid you mean `roles`?\n";
        assert_eq!(annotations(&[located]), expected);
    }

    #[test]
    fn no_text_begins_another_command() {
        let problem = problem("100%\n::set-output name=x::y\r", "a,b:c.yaml");
        let text = annotations(&[Located::new(&problem, problem.file.clone(), None)]);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("::error file=a%2Cb%3Ac.yaml,line=2,col=3,title=unknown-key::100%25%0A::set-output"));
    }
}
