//! What is wrong in an expression is pointed at, where YAML has left it as it is written.

mod common;

use common::*;

/// The code, line, column and text under the span of what is wrong in an expression, behind eight lines.
fn wrong(cedar: &str) -> (&'static str, u32, u32, String) {
    let text = format!(
        "roles:\n  - name: a\n    requesters: [d@example.com]\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [l@example.com]\n    constraints:\n      when:\n        - message: ä\n          cedar: {cedar}\n"
    );
    let problems = check_text(&text).problems;
    let found: Vec<_> = problems.iter().filter(|p| p.code.starts_with("cedar") || p.code == "unknown-group").collect();
    let [problem] = found.as_slice() else { panic!("{problems:?}") };
    let span = problem.span.expect("a span");
    (problem.code, problem.line, problem.column, text[span.offset..span.offset + span.len].to_owned())
}

#[test]
fn an_expression_on_one_line() {
    let at = |code: &'static str, column: u32, text: &str| (code, 10, column, text.to_owned());
    assert_eq!(wrong("context.oncal || context.oncall"), at("cedar-type", 26, "oncal"));
    assert_eq!(wrong("context.risk_score > && 3"), at("cedar", 39, "&&"));
    assert_eq!(wrong("'context.oncall || context.oncal'"), at("cedar-type", 45, "oncal"));
    assert_eq!(wrong("\"\\\"ä\\\" == context.oncal\"").2, 18, "with escapes the beginning is named");
    assert_eq!(wrong("'\"ää\" == \"x\" || context.oncal'"), at("cedar-type", 42, "oncal"));
    assert_eq!(wrong("'principal in Group::\"gone\"'"), at("unknown-group", 40, "gone"));
    assert_eq!(wrong("context.oncal || context.oncal").2, 18, "which of the two nobody can tell");
}

#[test]
fn an_expression_of_several_lines() {
    let at = |line: u32, column: u32| ("cedar-type", line, column, "oncal".to_owned());
    assert_eq!(wrong("|\n            context.oncal\n              || context.oncall"), at(11, 21));
    assert_eq!(wrong("|-\n            context.oncall\n\n              || context.oncal\n"), at(13, 26));
    assert_eq!(wrong("|\n            \"ä\" == \"ä\"\n              && context.oncal\n"), at(12, 26));
    // Folded text is not what stands there.
    let folded = wrong(">\n            context.oncall\n            || context.oncal\n");
    assert_eq!((folded.1, folded.2), (11, 13), "{folded:?}");
    let plain = wrong("context.oncall\n            || context.oncal\n");
    assert_eq!((plain.1, plain.2), (10, 18), "{plain:?}");
}
