//! Decisions a second, however many roles there are.

use crate::table::{Table, Unit, rate};
use crate::world::{developer, policy};
use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use curfew_domain::{RoleName, Timestamp};
use curfew_policy::{Ask, SourceFile};
use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

/// So many roles fit into one file of at most a mebibyte.
const ROLES_A_FILE: usize = 4_000;
const LENGTH: Duration = Duration::from_secs(2);

pub(crate) fn measure(table: &mut Table) {
    let raw = cedar();
    for roles in [10, 1_000, 100_000] {
        let set = policy(&files(roles));
        let ask = |number: usize| Ask {
            reason: "a measurement".to_owned(),
            ..Ask::of(developer(), RoleName::new(format!("role-{number}")).unwrap(), Timestamp::from_millis(0))
        };
        // A role is compiled when it is first asked for; that is not what is measured.
        let asks: Vec<Ask> = (0..10).map(|n| ask(n * roles / 10)).collect();
        let mut number = 0;
        let ours = rate(LENGTH, || {
            number += 1;
            assert!(black_box(set.decide(&asks[number % asks.len()])).terms.is_some());
        });
        table.against(format!("decisions, {roles} roles"), Unit::PerSecond, ours, ("one Cedar call", raw));
    }
}

fn files(roles: usize) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let resource = "resources: [{name: services/db, connector: postgres, risk: low}]\n";
    files.push(SourceFile { path: "resources.yaml".to_owned(), bytes: resource.as_bytes().to_vec() });
    for first in (0..roles).step_by(ROLES_A_FILE) {
        let mut text = "roles:\n".to_owned();
        for number in first..roles.min(first + ROLES_A_FILE) {
            writeln!(
                text,
                "  - name: role-{number}\n    requesters: [dev@example.com]\n    duration: 1h\n    conditions: \
                 [{{resource: services/db, actions: [read]}}]\n    approvers: [lead@example.com]"
            )
            .unwrap();
        }
        files.push(SourceFile { path: format!("roles-{first}.yaml"), bytes: text.into_bytes() });
    }
    files
}

/// One call of Cedar over one policy and two entities: nothing that asks Cedar can be faster.
fn cedar() -> f64 {
    let text =
        r#"permit(principal == Person::"dev@example.com", action == Action::"request", resource == Role::"role-1");"#;
    let policies: PolicySet = text.parse().unwrap();
    let uid = |text: &str| text.parse::<EntityUid>().unwrap();
    let (who, what, on) = (uid(r#"Person::"dev@example.com""#), uid(r#"Action::"request""#), uid(r#"Role::"role-1""#));
    let entities = Entities::empty();
    let authorizer = Authorizer::new();
    rate(LENGTH, || {
        let request = Request::new(who.clone(), what.clone(), on.clone(), Context::empty(), None).unwrap();
        black_box(authorizer.is_authorized(&request, &policies, &entities));
    })
}
