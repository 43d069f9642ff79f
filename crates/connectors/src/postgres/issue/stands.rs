//! What stands in the target, and whether it is what was ordered.

use super::plan::{CONNECTIONS, Plan, expiry};
use crate::postgres::link::{Link, ManagerIs, Server, number, text};
use crate::postgres::prepare::Failure;
use crate::postgres::quote;
use crate::postgres::site::{Opened, Site};
use curfew_engine::seams::connector::{CallError, Issued};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::SimpleQueryRow;

/// How far apart two reckonings of one expiry may be, by the jitter of reading two clocks.
const EXPIRY_JITTER_MILLIS: u64 = 5_000;

/// A role as it stands in the target.
pub(super) struct Stands {
    pub(super) oid: u32,
    pub(super) marker: String,
    /// Everything it can do beyond what a lease's role does, as words; empty when nothing.
    pub(super) odd: String,
    pub(super) valid_until: Option<i64>,
    pub(super) joins: BTreeSet<String>,
    /// Absent when we may not see it.
    pub(super) verifier: Option<String>,
}

pub(super) fn read_sql(server: &Server, plans: &[&Plan]) -> Result<String, CallError> {
    let names = quote::texts(plans.iter().map(|p| &p.name)).map_err(|e| CallError::Invalid(e.to_string()))?;
    let (password, catalog) = match server.manager_is {
        ManagerIs::Superuser => ("r.rolpassword", "pg_authid"),
        ManagerIs::Ordinary => ("NULL", "pg_roles"),
    };
    let set_option = if server.has_membership_options() { "m.set_option OR NOT m.inherit_option" } else { "false" };
    Ok(format!(
        "SELECT r.rolname, r.oid, d.description, concat_ws(', ', CASE WHEN NOT r.rolcanlogin THEN 'may not log in' END, \
         CASE WHEN NOT r.rolinherit THEN 'does not inherit' END, CASE WHEN r.rolconnlimit <> {CONNECTIONS} THEN 'another connection limit' END, \
         CASE WHEN r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls THEN 'more rights than a lease has' END, \
         CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND (m.admin_option OR {set_option})) THEN 'other membership options' END), \
         (extract(epoch FROM r.rolvaliduntil) * 1000)::bigint, \
         (SELECT coalesce(json_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), \
         {password} FROM {catalog} r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass \
         WHERE r.rolname = ANY ({names})"
    ))
}

pub(super) async fn read(link: &mut Link, plans: &[&Plan]) -> Result<BTreeMap<String, Stands>, Failure> {
    let sql = read_sql(link.server(), plans)?;
    Ok(by_name(link.rows(&sql).await?.iter()))
}

pub(super) fn by_name<'a>(rows: impl Iterator<Item = &'a SimpleQueryRow>) -> BTreeMap<String, Stands> {
    rows.filter_map(|row| {
        let stands = Stands {
            oid: number(row, 1)?,
            marker: text(row, 2).to_owned(),
            odd: text(row, 3).to_owned(),
            valid_until: number(row, 4),
            joins: serde_json::from_str(text(row, 5)).unwrap_or_default(),
            verifier: row.get(6).map(str::to_owned),
        };
        Some((text(row, 0).to_owned(), stands))
    })
    .collect()
}

/// What a plan came to, by what was read before and after.
pub(super) fn verdict(
    site: &Site<'_>,
    plan: &Plan,
    opened: Opened,
    before: &BTreeMap<String, Stands>,
    after: &BTreeMap<String, Stands>,
) -> Result<Issued, CallError> {
    if before.get(&plan.name).is_some_and(|stands| stands.marker != plan.marker) {
        return Err(site.not_ours(format!("a role {} stands there without this lease's marker", plan.name)));
    }
    let stands = after.get(&plan.name).ok_or_else(|| site.refused(format!("{} cannot be read back", plan.name)))?;
    compare(site, plan, opened, stands)?;
    let place = site.way.place();
    let connection = [
        ("host", place.host.clone()),
        ("port", place.port.to_string()),
        ("database", site.way.database().to_owned()),
        ("user", plan.name.clone()),
    ];
    Ok(Issued {
        locator: stands.oid.to_string(),
        connection: connection.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
    })
}

/// Whether a role stands exactly as ordered.
pub(super) fn compare(site: &Site<'_>, plan: &Plan, opened: Opened, stands: &Stands) -> Result<(), CallError> {
    let differs = |how: &str| Err(site.refused(format!("{} stands there, but not as ordered: {how}", plan.name)));
    if !stands.odd.is_empty() {
        return differs(&stands.odd);
    }
    if stands.joins != plan.joins {
        return differs("other memberships");
    }
    let wanted = expiry(plan, opened).as_millis();
    if stands.valid_until.is_none_or(|until| until.abs_diff(wanted) > EXPIRY_JITTER_MILLIS) {
        return differs("another expiry");
    }
    if stands.verifier.as_ref().is_some_and(|v| *v != plan.verifier) {
        return differs("another verifier");
    }
    Ok(())
}
