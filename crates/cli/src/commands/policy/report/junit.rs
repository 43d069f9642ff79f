//! Results of tests as JUnit XML: one suite for each file, as the code hosts' own pages read it.

use crate::commands::policy::test::word;
use curfew_domain::text::visible;
use curfew_policy::{TrialResult, TrialRun};
use std::collections::BTreeMap;

/// The whole document.
pub(crate) fn junit(run: &TrialRun) -> String {
    let mut files: BTreeMap<&str, Vec<&TrialResult>> = BTreeMap::new();
    for test in &run.results {
        files.entry(&test.file).or_default().push(test);
    }
    let (tests, failures) = (run.results.len(), run.failed);
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    xml.push_str(&format!("<testsuites name=\"curfew policy test\" tests=\"{tests}\" failures=\"{failures}\">\n"));
    for (file, tests) in files {
        let failures = tests.iter().filter(|test| !test.ok).count();
        let (name, count) = (escaped(file), tests.len());
        xml.push_str(&format!("  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failures}\">\n"));
        for test in tests {
            case(test, &mut xml);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(test: &TrialResult, xml: &mut String) {
    let (name, file) = (escaped(&test.name), escaped(&test.file));
    let start = format!("    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"", test.line);
    xml.push_str(&start);
    if test.ok {
        xml.push_str("/>\n");
        return;
    }
    let said = format!("expected {}, got {}", word(test.expected), word(test.got));
    let reasons = test.decision.unsatisfied.iter().chain(&test.decision.failed);
    let reasons = reasons.map(|reason| format!("{} ({}:{})", reason.message, reason.file, reason.line));
    let lines: Vec<String> = test.mismatches.iter().cloned().chain(reasons).map(|line| escaped(&line)).collect();
    let body = lines.join("\n");
    xml.push_str(&format!(">\n      <failure message=\"{}\">{body}</failure>\n    </testcase>\n", escaped(&said)));
}

/// Text of a policy, with what XML keeps for itself escaped and what it cannot hold made visible.
fn escaped(text: &str) -> String {
    let text = visible(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_ends_an_attribute_or_cannot_be_said() {
        assert_eq!(escaped("a<b> & \"c\"\u{1}\n"), "a&lt;b&gt; &amp; &quot;c&quot;\\u{1}\\u{a}");
    }
}
