//! What a policy answers.

mod common;

use common::*;
use curfew_domain::{Outcome, Reason, ReasonCode};
use curfew_policy::NotAnApprover;

const SMALLEST: &str = include_str!("../../../policies/quickstart/jit-access-policy.yaml");

#[test]
fn the_smallest_document_works_exactly_as_printed() {
    let checked = check_text(SMALLEST);
    assert_eq!(errors(&checked.problems), vec![]);
    assert_eq!(warnings(&checked.problems), vec![("anyone-may-ask", 3, 5), ("undefined-resource", 6, 19)]);
    let set = checked.set.expect("a set");
    let decision = set.decide(&ask(&person("dev@example.com"), "temporary-developer-debug")).decision;
    assert_eq!(decision.outcome, Outcome::NeedsApproval);
    assert_eq!(decision.approvers, ["team-lead@example.com"]);
    println!(
        "{}",
        serde_json::to_string_pretty(&set.explain(&ask(&person("dev@example.com"), "temporary-developer-debug")))
            .expect("JSON")
    );
}
