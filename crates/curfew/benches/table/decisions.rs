//! Decisions a second and how long one takes, however many roles there are.

use crate::roles::{self, Kind};
use crate::table::{Table, Unit, percentile, rate};
use crate::world::{developer, policy};
use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use curfew_domain::{RoleName, Timestamp};
use curfew_policy::Ask;
use std::hint::black_box;
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(2);
/// Single decisions that are timed.
const TIMED: usize = 20_000;

pub(crate) fn measure(table: &mut Table) {
    let raw = cedar();
    for number in [10, 1_000, 10_000, 100_000] {
        let set = policy(&roles::files(number, Kind::Plain));
        let ask = |role: usize| Ask {
            reason: "a measurement".to_owned(),
            ..Ask::of(developer(), RoleName::new(format!("role-{role}")).unwrap(), Timestamp::from_millis(0))
        };
        // A role is compiled when it is first asked for; that is not what is measured.
        let asks: Vec<Ask> = (0..10).map(|n| ask(n * number / 10)).collect();
        let mut turn = 0;
        let mut decide = || {
            turn += 1;
            assert!(black_box(set.decide(&asks[turn % asks.len()])).terms.is_some());
        };
        let ours = rate(LENGTH, &mut decide);
        table.against(format!("decisions, {number} roles"), Unit::PerSecond, ours, ("one Cedar call", raw));
        let mut micros: Vec<f64> = (0..TIMED)
            .map(|_| {
                let begun = Instant::now();
                decide();
                begun.elapsed().as_secs_f64() * 1_000_000.0
            })
            .collect();
        micros.sort_by(f64::total_cmp);
        for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
            let took = percentile(&micros, share);
            let limit = ("one Cedar call", 1_000_000.0 / raw);
            table.against(format!("one decision, {number} roles, {name}"), Unit::Micros, took, limit);
        }
    }
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
