//! SARIF 2.1.0 (OASIS), as far as code hosts read it: one run, a rule for each code, a result for each problem.

use super::Located;
use crate::failure::Failure;
use curfew_policy::{Severity, problem_kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The whole document.
pub(crate) fn sarif(problems: &[Located<'_>]) -> Value {
    let mut rules: BTreeMap<&str, usize> = problems.iter().map(|l| (l.problem.code, 0)).collect();
    for (number, index) in rules.values_mut().enumerate() {
        *index = number;
    }
    let described: Vec<Value> = rules.keys().map(|code| rule(code)).collect();
    let results: Vec<Value> = problems.iter().map(|located| result(located, rules[located.problem.code])).collect();
    let mut run = run(&described);
    run["results"] = results.into();
    run["invocations"] = json!([{"executionSuccessful": true}]);
    document(&run)
}

/// What code hosts show of a rule beside its results.
fn rule(code: &str) -> Value {
    let mut rule = json!({"id": code, "name": pascal(code)});
    if let Some(kind) = problem_kind(code) {
        let help = format!("{}\n\nInstead of:\n\n    {}\n\nwrite:\n\n    {}", kind.means, kind.wrong, kind.right);
        rule["shortDescription"] = json!({"text": kind.means});
        rule["help"] = json!({"text": help});
        rule["defaultConfiguration"] = json!({"level": level(kind.severity)});
    }
    rule
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The document of a check that could not begin.
pub(crate) fn sarif_of_failure(failure: &Failure) -> Value {
    let text = if failure.hint.is_empty() { String::new() } else { format!("; {}", failure.hint) };
    let said = json!({"level": "error", "message": {"text": format!("{}{text}", failure.message)}});
    let mut run = run(&[]);
    run["results"] = json!([]);
    run["invocations"] = json!([{"executionSuccessful": false, "toolExecutionNotifications": [said]}]);
    document(&run)
}

fn document(run: &Value) -> Value {
    json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})
}

fn run(rules: &[Value]) -> Value {
    let driver = json!({"name": "curfew", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    json!({"tool": {"driver": driver}, "columnKind": "unicodeCodePoints"})
}

fn result(located: &Located<'_>, rule: usize) -> Value {
    let problem = located.problem;
    let level = level(problem.severity);
    let mut region = json!({"startLine": problem.line, "startColumn": problem.column});
    if let Some(end) = located.end_column {
        region["endColumn"] = end.into();
    }
    let place = json!({"physicalLocation": {"artifactLocation": {"uri": uri(&located.path)}, "region": region}});
    json!({
        "ruleId": problem.code, "ruleIndex": rule, "level": level,
        "message": {"text": located.text()}, "locations": [place],
    })
}

/// A path as a relative URI reference (RFC 3986): all but unreserved characters and `/` in percent form.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `unknown-key` as SARIF names rules: `UnknownKey`.
fn pascal(code: &str) -> String {
    let word = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    code.split('-').map(word).collect::<Vec<String>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::Problem;

    fn problem(severity: Severity, code: &'static str) -> Problem {
        let (message, hint) = ("it is wrong".to_owned(), "mend it".to_owned());
        Problem { severity, code, message, hint, file: "a b.yaml".into(), line: 3, column: 5, span: None }
    }

    #[test]
    fn every_result_points_at_its_rule_and_place() {
        let problems = [problem(Severity::Warning, "wide"), problem(Severity::Error, "unknown-key")];
        let located: Vec<_> = problems.iter().map(|p| Located::new(p, format!("x/{}", p.file), None)).collect();
        let document = sarif(&located);
        let run = &document["runs"][0];
        assert_eq!((&document["version"], &run["columnKind"]), (&"2.1.0".into(), &"unicodeCodePoints".into()));
        for (result, level) in run["results"].as_array().expect("a list").iter().zip(["warning", "error"]) {
            let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
            assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
            assert_eq!(result["level"], level);
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "x/a%20b.yaml");
            assert_eq!(place["region"], json!({"startLine": 3, "startColumn": 5}));
        }
        assert_eq!(run["tool"]["driver"]["rules"][0]["name"], "UnknownKey");
    }

    #[test]
    fn a_check_that_could_not_begin_says_so() {
        let document = sarif_of_failure(&Failure::wrong_use("cannot read x"));
        assert_eq!(document["runs"][0]["invocations"][0]["executionSuccessful"], false);
        assert_eq!(document["runs"][0]["results"], json!([]));
    }
}
