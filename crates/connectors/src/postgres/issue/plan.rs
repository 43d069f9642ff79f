//! An order, checked, and the statements that make it stand.

use super::stands::{Stands, compare};
use crate::postgres::kind::PUBLIC_HALF;
use crate::postgres::link::Server;
use crate::postgres::site::{Opened, Site, ident, literal};
use crate::postgres::verifier::Verifier;
use curfew_domain::Timestamp;
use curfew_domain::lease::handle;
use curfew_domain::limits::EMAIL_BYTES;
use curfew_engine::seams::connector::{CallError, IssueOrder};
use std::collections::{BTreeMap, BTreeSet};

/// Sessions one lease may have at a time.
pub(super) const CONNECTIONS: u32 = 10;

/// An order, checked and ready to be written as statements.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) marker: String,
    pub(super) verifier: String,
    /// What is left when the batch begins, in milliseconds.
    pub(super) left_millis: i64,
    /// Every role it joins.
    pub(super) joins: BTreeSet<String>,
    /// Who it is for, as a comment that shows where the server logs its statements. No character of it
    /// could end the comment.
    pub(super) label: String,
}

pub(super) fn plan(site: &Site<'_>, order: &IssueOrder, now: Timestamp) -> Result<Plan, CallError> {
    let groups = site.groups_of(&order.actions)?;
    if groups.is_empty() {
        return Err(CallError::Invalid("an order without actions gives nothing".to_owned()));
    }
    if order.public_half.kind != PUBLIC_HALF {
        return Err(CallError::Invalid(format!("the public half must be of the kind {PUBLIC_HALF}")));
    }
    let verifier = Verifier::parse(&order.public_half.value, site.settings.iterations);
    let verifier = verifier.map_err(|e| CallError::Invalid(e.to_string()))?;
    // Whichever of the two reckonings ends earlier: a clock that jumped lengthens nothing.
    let left = order.expires_at.millis_since(order.now).min(order.expires_at.millis_since(now));
    if left == 0 {
        return Err(CallError::Invalid(format!("the time of {} is over", order.lease)));
    }
    let roles = groups.iter().flat_map(|g| g.roles.iter().cloned());
    Ok(Plan {
        name: handle(order.lease),
        marker: order.marker(site.target).to_string(),
        verifier: verifier.rebuild(),
        left_millis: i64::try_from(left).unwrap_or(i64::MAX),
        joins: groups.iter().map(|g| g.name.clone()).chain(roles).collect(),
        label: order
            .label
            .chars()
            .take(EMAIL_BYTES)
            .filter(|c| c.is_ascii_alphanumeric() || "@._-+:".contains(*c))
            .collect(),
    })
}

/// What has to be written so that the plans stand. All of it is one transaction: nobody sees a role that may
/// log in before its expiry, marker and memberships are there too.
///
/// What changes roles comes first, then the comments, then one `GRANT` for all who join the same groups:
/// from 16 on each check of a manager that is no superuser walks everything it administers.
pub(super) fn write_sql(
    server: &Server,
    site: &Site<'_>,
    plans: &[&Plan],
    opened: Opened,
    there: &BTreeMap<String, Stands>,
) -> Result<String, CallError> {
    let (mut roles, mut comments) = (String::new(), String::new());
    let mut joins: BTreeMap<&BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for plan in plans {
        let (name, password) = (ident(&plan.name)?, literal(&plan.verifier)?);
        match there.get(&plan.name) {
            None => {
                let until = literal(&expiry(plan, opened).to_string())?;
                roles.push_str(&format!(
                    "CREATE ROLE {name} /* {} */ LOGIN CONNECTION LIMIT {CONNECTIONS} VALID UNTIL {until} PASSWORD {password};\n",
                    plan.label
                ));
                comments.push_str(&format!("COMMENT ON ROLE {name} IS {};\n", literal(&plan.marker)?));
                joins.entry(&plan.joins).or_default().push(name);
            }
            // Whoever may not read verifiers writes the one ordered again.
            Some(stands) if stands.verifier.is_none() && is_ours(site, plan, opened, stands) => {
                roles.push_str(&format!("ALTER ROLE {name} PASSWORD {password};\n"));
            }
            Some(_) => {}
        }
    }
    for (groups, members) in joins {
        let groups = groups.iter().map(|g| ident(g)).collect::<Result<Vec<_>, _>>()?.join(", ");
        comments.push_str(&format!("GRANT {groups} TO {}{};\n", members.join(", "), Site::membership(server)));
    }
    Ok(roles + &comments)
}

fn is_ours(site: &Site<'_>, plan: &Plan, opened: Opened, stands: &Stands) -> bool {
    stands.marker == plan.marker && compare(site, plan, opened, stands).is_ok()
}

/// The expiry by the target's clock.
pub(super) fn expiry(plan: &Plan, opened: Opened) -> Timestamp {
    Timestamp::from_millis(opened.now_millis.saturating_add(plan.left_millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::{ActionName, Id, ResourceName};
    use curfew_engine::seams::connector::{PublicHalf, Target};

    fn target() -> Target {
        Target {
            resource: ResourceName::new("services/db").expect("name"),
            definition: curfew_domain::lease::Definition { admin: None, settings: serde_json::json!({}) },
            admin: Some("postgres://m:p@127.0.0.1/d".to_owned().into()),
            installation: "0123456789abcdef".to_owned(),
            epoch: 1,
            mark: curfew_engine::seams::connector::LedgerMark::default(),
        }
    }

    fn order(value: &str) -> IssueOrder {
        IssueOrder {
            lease: Id::new(Timestamp::from_millis(1), [7; 10]),
            actions: vec![ActionName::new("read").expect("name")],
            expires_at: Timestamp::from_millis(10_000),
            now: Timestamp::from_millis(1_000),
            public_half: PublicHalf { kind: PUBLIC_HALF.to_owned(), value: value.to_owned() },
            label: "a'b\\c".to_owned(),
        }
    }

    #[test]
    fn a_password_is_never_taken_for_a_verifier() {
        let target = target();
        let site = Site::of(&target).expect("site");
        let refused = plan(&site, &order("hunter2"), Timestamp::from_millis(1_000)).err().expect("refused");
        assert!(matches!(&refused, CallError::Invalid(m) if !m.contains("hunter2")), "{refused}");
    }

    #[test]
    fn a_clock_that_jumped_ahead_shortens_and_one_that_fell_back_does_not_lengthen() {
        let target = target();
        let site = Site::of(&target).expect("site");
        let half = format!("SCRAM-SHA-256$1:{}==${}=:{}=", "A".repeat(22), "A".repeat(43), "A".repeat(43));
        let left = |wall| plan(&site, &order(&half), Timestamp::from_millis(wall)).map(|p| p.left_millis).ok();
        assert_eq!(left(1_000), Some(9_000));
        assert_eq!(left(9_000), Some(1_000));
        assert_eq!(left(-50_000), Some(9_000));
        assert_eq!(left(10_000), None);
    }
}
