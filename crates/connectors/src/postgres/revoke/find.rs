//! Which role is a lease's. What the ledger knows is ended by name and oid, whether or not somebody removed
//! its marker or renamed it; what bears another's marker, or our name with another oid, is not touched.

use super::{Case, MakesRoles, Role, handle};
use crate::postgres::groups::GROUP_PREFIX;
use crate::postgres::link::{Link, number, text, yes};
use crate::postgres::quote;
use crate::postgres::site::Site;
use curfew_engine::seams::connector::{CallError, Marker, RevokeOrder};
use tokio_postgres::SimpleQueryRow;

/// A role with what tells whose it is.
struct Candidate {
    role: Role,
    comment: String,
}

/// Finds the role of each order, inside the open transaction.
pub(super) async fn all(
    link: &mut Link,
    site: &Site<'_>,
    orders: &[RevokeOrder],
) -> Result<Vec<Result<Case, CallError>>, CallError> {
    let known: Vec<Option<u32>> = orders.iter().map(locator).collect();
    let sql = candidates_sql(link, orders, &known)?;
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    let candidates: Vec<_> = rows.iter().filter_map(candidate).collect();
    Ok(orders.iter().zip(known).map(|(order, known)| one(site, order, known, &candidates)).collect())
}

fn locator(order: &RevokeOrder) -> Option<u32> {
    order.locator.as_deref().and_then(|l| l.parse().ok())
}

fn candidates_sql(link: &Link, orders: &[RevokeOrder], known: &[Option<u32>]) -> Result<String, CallError> {
    let names = quote::texts(orders.iter().map(|o| handle(o.lease))).map_err(|e| CallError::Invalid(e.to_string()))?;
    let oids = quote::oids(known.iter().flatten().copied());
    let grantor = if link.server().has_membership_options() { "pg_get_userbyid(m.grantor)" } else { "''" };
    Ok(format!(
        "SELECT r.oid, r.rolname, d.description, \
         (SELECT coalesce(json_agg(json_build_array(g.rolname, {grantor}) ORDER BY g.rolname), '[]') \
          FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), \
         (SELECT coalesce(json_agg(json_build_array(g.rolname, {grantor}) ORDER BY g.rolname), '[]') \
          FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member WHERE m.roleid = r.oid AND g.rolname <> session_user), \
         r.rolcreaterole OR EXISTS (SELECT FROM pg_roles c WHERE c.rolcreaterole AND NOT c.rolsuper AND c.oid <> r.oid \
          AND pg_has_role(r.oid, c.oid, 'MEMBER')) \
         FROM (SELECT oid FROM pg_roles WHERE rolname = ANY ({names}) UNION SELECT unnest({oids})) k \
         JOIN pg_roles r ON r.oid = k.oid \
         LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass"
    ))
}

fn candidate(row: &SimpleQueryRow) -> Option<Candidate> {
    let pairs = |column| serde_json::from_str(text(row, column)).unwrap_or_default();
    let makes_roles = if yes(row, 5) { MakesRoles::Perhaps } else { MakesRoles::Never };
    let (joins, joined_by) = (pairs(3), pairs(4));
    let role = Role { oid: number(row, 0)?, name: text(row, 1).to_owned(), joins, joined_by, makes_roles };
    Some(Candidate { role, comment: text(row, 2).to_owned() })
}

fn one(site: &Site<'_>, order: &RevokeOrder, known: Option<u32>, candidates: &[Candidate]) -> Result<Case, CallError> {
    let handle = handle(order.lease);
    // An action that settings no longer have cannot name a group to sweep; everything else is ended.
    let groups = order.actions.iter().filter_map(|a| site.groups_of(std::slice::from_ref(a)).ok()).flatten();
    let groups = groups.map(|group| group.name).collect();
    let case = |oid, role| Case { lease: order.lease.to_string(), handle: handle.clone(), oid, role, groups };
    let by_oid = candidates.iter().find(|c| Some(c.role.oid) == known);
    let Some(found) = by_oid.or_else(|| candidates.iter().find(|c| c.role.name == handle)) else {
        return Ok(case(known, None));
    };
    match whose(site, order, &handle, known, found) {
        Whose::Ours => Ok(case(Some(found.role.oid), Some(found.role.clone()))),
        Whose::Others(why) => Err(site.not_ours(format!("the role {}: {why}", found.role.name))),
    }
}

/// Whose a role is, and how that is known.
#[derive(Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Others(&'static str),
}

fn whose(site: &Site<'_>, order: &RevokeOrder, handle: &str, known: Option<u32>, found: &Candidate) -> Whose {
    let ours = Marker::parse(&found.comment)
        .map(|marker| marker.installation == site.target.installation && marker.lease == order.lease);
    let same_oid = known.map(|oid| oid == found.role.oid);
    let in_our_groups = found.role.joins.iter().any(|(group, _)| group.starts_with(GROUP_PREFIX));
    match (ours, same_oid) {
        (Some(false), _) => Whose::Others("it bears another marker"),
        (_, Some(false)) => Whose::Others("it has our name and another oid"),
        (Some(true), None | Some(true)) => Whose::Ours,
        (None, Some(true)) if found.role.name == handle || in_our_groups => Whose::Ours,
        (None, Some(true)) => Whose::Others("it has our oid, and neither our name, our marker nor a group of ours"),
        (None, None) => Whose::Others("it has our name and no marker, and no oid of it is known"),
    }
}
