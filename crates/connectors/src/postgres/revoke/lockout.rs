//! No new login, and no rights left in sessions that are open.
//!
//! A subject may change its own password, and so hold a lock on the very row that `NOLOGIN` has to write, in
//! an open or a prepared transaction. A batch that meets one falls back to one role at a time, and there
//! the sessions and prepared transactions go first.

use super::clear;
use super::find;
use super::sessions;
use super::{BTreeMap, BTreeSet, Case, MakesRoles, Role};
use crate::postgres::Postgres;
use crate::postgres::link::{Link, LinkError, ManagerIs, number, text};
use crate::postgres::quote;
use crate::postgres::settings::OWN_PREFIX;
use crate::postgres::site::{Opened, Site, begin, ident, literal};
use curfew_domain::Timestamp;
use curfew_domain::lease::Leftover;
use curfew_engine::seams::connector::{CallError, Marker, RevokeOrder};

/// How often a stubborn role is tried before the caller has to come again.
const TRIES: usize = 4;
/// How long a row that somebody else holds is waited for: only a subject that plays tricks holds one.
const ROW_WAIT: &str = "SET LOCAL lock_timeout = '200ms';\n";

pub(super) async fn run(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    orders: &[RevokeOrder],
) -> Result<Vec<Result<Case, CallError>>, CallError> {
    let opened = begin(link, site).await?;
    let mut cases = find::all(link, site, orders).await?;
    let roles: Vec<_> = cases.iter().flatten().filter_map(|case| case.role.as_ref().map(|role| (case, role))).collect();
    if roles.is_empty() {
        link.ask("COMMIT").await.map_err(|e| site.failed(&e))?;
        return Ok(cases);
    }
    let mut sql = String::from(ROW_WAIT);
    for (_, role) in &roles {
        sql.push_str(&lock_sql(&role.name, opened)?);
    }
    sql.extend(strip_sql(link, &roles)?);
    sql.push_str("COMMIT");
    match link.ask(&sql).await {
        Ok(_) => return Ok(cases),
        Err(LinkError::Statement { .. }) => drop(link.ask("ROLLBACK").await.map_err(|e| site.failed(&e))?),
        Err(e) => return Err(e.at_commit(site.resource())),
    }
    one_by_one(postgres, link, site, &mut cases).await?;
    Ok(cases)
}

/// The batch again, role by role: first those that let themselves be locked out, then the stubborn ones.
async fn one_by_one(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    cases: &mut [Result<Case, CallError>],
) -> Result<(), CallError> {
    let mut stubborn = Vec::new();
    for case in cases.iter_mut() {
        let Ok(Case { role: Some(role), .. }) = case else { continue };
        if quick(link, site, role).await?.is_err() {
            stubborn.push(case);
        }
    }
    for answer in stubborn {
        let Ok(case) = answer else { continue };
        let Some(role) = &case.role else { continue };
        match alone(postgres, link, site, role).await {
            Ok(found) => {
                if let Err(why) = clear::record(link, site, case, &found).await {
                    // To end access matters more than to tell of it.
                    tracing::warn!(resource = %site.resource(), lease = %case.lease, %why, "leftovers go unreported");
                    link.ask("ROLLBACK").await.map_err(|e| site.failed(&e))?;
                }
            }
            Err(e) => *answer = Err(e),
        }
    }
    for case in cases.iter().flatten() {
        strip(link, site, case).await?;
    }
    Ok(())
}

/// One role, without much patience.
async fn quick(link: &mut Link, site: &Site<'_>, role: &Role) -> Result<Result<(), LinkError>, CallError> {
    let opened = begin(link, site).await?;
    match link.ask(&format!("{ROW_WAIT}{}COMMIT", lock_sql(&role.name, opened)?)).await {
        Ok(_) => Ok(Ok(())),
        Err(e @ LinkError::Statement { .. }) => {
            link.ask("ROLLBACK").await.map_err(|e| site.failed(&e))?;
            Ok(Err(e))
        }
        Err(e) => Err(e.at_commit(site.resource())),
    }
}

/// Only the login, of a role that bears a marker of ours.
pub(super) async fn only(postgres: &Postgres, link: &mut Link, site: &Site<'_>, oid: u32) -> Result<(), CallError> {
    let look = format!(
        "SELECT r.rolname, d.description FROM pg_roles r LEFT JOIN pg_shdescription d \
         ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass WHERE r.oid = {oid}"
    );
    let rows = link.rows(&look).await.map_err(|e| site.failed(&e))?;
    let Some(row) = rows.first() else { return Ok(()) };
    let name = text(row, 0).to_owned();
    if Marker::parse(text(row, 1)).is_none_or(|m| m.installation != site.target.installation) {
        return Err(site.not_ours(format!("the role {name} does not bear our marker")));
    }
    let (joins, joined_by) = (Vec::new(), Vec::new());
    alone(postgres, link, site, &Role { oid, name, joins, joined_by, makes_roles: MakesRoles::Never }).await.map(drop)
}

fn lock_sql(name: &str, opened: Opened) -> Result<String, CallError> {
    let now = literal(&Timestamp::from_millis(opened.now_millis).to_string())?;
    Ok(format!("ALTER ROLE {} NOLOGIN CONNECTION LIMIT 0 VALID UNTIL {now};\n", ident(name)?))
}

/// Takes memberships away, in both directions, and notes roles that the leases could have made. One `REVOKE`
/// for all members of a group: from 16 on each walks everything the manager administers.
fn strip_sql(link: &Link, roles: &[(&Case, &Role)]) -> Result<Vec<String>, CallError> {
    let mut joins: BTreeMap<&(String, String), Vec<String>> = BTreeMap::new();
    for (_, role) in roles {
        for join in &role.joins {
            joins.entry(join).or_default().push(ident(&role.name)?);
        }
    }
    let mut sql = Vec::new();
    for ((group, grantor), members) in joins {
        let (group, by) = (ident(group)?, granted_by(link, grantor)?);
        sql.push(format!("REVOKE {group} FROM {}{by} CASCADE;\n", members.join(", ")));
    }
    for (case, role) in roles {
        for (member, grantor) in &role.joined_by {
            let (name, by) = (ident(&role.name)?, granted_by(link, grantor)?);
            sql.push(format!("REVOKE {name} FROM {}{by} CASCADE;\n", ident(member)?));
            sql.push(note_sql(case, "membership", member, "dropped")?);
        }
        if role.makes_roles == MakesRoles::Perhaps {
            sql.push(note_roles_sql(case, role)?);
        }
    }
    Ok(sql)
}

/// The server does not keep who made a role; what is younger than the lease may be its doing.
fn note_roles_sql(case: &Case, role: &Role) -> Result<String, CallError> {
    let (lease, own) = (literal(&case.lease)?, literal(OWN_PREFIX)?);
    Ok(format!(
        "INSERT INTO curfew.leftovers (lease, kind, name, database, done) SELECT {lease}, 'role', rolname, '', 'reported' \
         FROM pg_roles WHERE oid > {} AND NOT starts_with(rolname, {own}) ON CONFLICT DO NOTHING;\n",
        role.oid
    ))
}

fn note_sql(case: &Case, kind: &str, name: &str, done: &str) -> Result<String, CallError> {
    let values = [&case.lease, kind, name, "", done].map(literal).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "INSERT INTO curfew.leftovers (lease, kind, name, database, done) VALUES ({}) ON CONFLICT DO NOTHING;\n",
        values.join(", ")
    ))
}

/// From 16 on a grant is one grantor's, and `REVOKE` has to name whose it takes back.
fn granted_by(link: &Link, grantor: &str) -> Result<String, CallError> {
    if !link.server().has_membership_options() || grantor.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(" GRANTED BY {}", ident(grantor)?))
}

/// Memberships of one role, each by itself. What cannot be taken from it here goes with `DROP ROLE`.
async fn strip(link: &mut Link, site: &Site<'_>, case: &Case) -> Result<(), CallError> {
    let Some(role) = &case.role else { return Ok(()) };
    for statement in strip_sql(link, &[(case, role)])? {
        begin(link, site).await?;
        match link.ask(&format!("{statement} COMMIT")).await {
            Ok(_) => {}
            Err(LinkError::Statement { .. }) => drop(link.ask("ROLLBACK").await.map_err(|e| site.failed(&e))?),
            Err(e) => return Err(site.failed(&e)),
        }
    }
    Ok(())
}

/// One role by itself, with whatever holds a lock on it taken away first.
async fn alone(postgres: &Postgres, link: &mut Link, site: &Site<'_>, role: &Role) -> Result<Vec<Leftover>, CallError> {
    let (mut last, mut found) = (None, Vec::new());
    for _ in 0..TRIES {
        match quick(link, site, role).await? {
            Ok(()) => return Ok(found),
            Err(e) => last = Some(e),
        }
        sessions::end(link, &postgres.clock, &BTreeSet::from([role.oid])).await.map_err(|e| site.failed(&e))?;
        match clear::prepared(postgres, link, site, &role.name).await {
            Ok(rolled_back) => found.extend(rolled_back),
            Err(why) => {
                tracing::warn!(resource = %site.resource(), role = %role.name, %why, "a prepared transaction holds a lock on a lease's role")
            }
        }
    }
    let why = last.map(|e| e.to_string()).unwrap_or_default();
    Err(site.refused(format!("{} cannot be locked out: {why}", role.name)))
}

/// Makes the manager able to act as a role, which a superuser is already.
pub(super) async fn join(link: &mut Link, role: &str) -> Result<(), String> {
    if link.server().manager_is == ManagerIs::Superuser {
        return Ok(());
    }
    let manager = link.server().manager.clone();
    let look = format!("SELECT pg_has_role({}, 'USAGE')::int", quote::literal(role).map_err(|e| e.to_string())?);
    let rows = link.rows(&look).await.map_err(|e| e.to_string())?;
    // 16 and later tell inheriting from becoming; both are needed, and granting twice does no harm.
    if !link.server().has_membership_options() && rows.first().and_then(|r| number::<u8>(r, 0)) == Some(1) {
        return Ok(());
    }
    let options = if link.server().has_membership_options() { " WITH INHERIT TRUE, SET TRUE" } else { "" };
    let [role, manager] = [role, &manager].map(quote::ident);
    let sql = format!("GRANT {} TO {}{options}", role.map_err(|e| e.to_string())?, manager.map_err(|e| e.to_string())?);
    link.ask(&sql).await.map(drop).map_err(|e| format!("Curfew's account cannot act as it: {e}"))
}
