//! Clearing what a lease left behind: prepared transactions, then each database in turn, then the role.
//!
//! What is found is recorded in the target before it is touched, so that an end that takes several
//! attempts still reports all of it.

use super::databases::{self, Owner, OwnerKind};
use super::lockout::join;
use super::{BTreeMap, BTreeSet, Case, Link, Progress, Role, begin, ident, number, quote};
use crate::postgres::Postgres;
use crate::postgres::link::text;
use crate::postgres::prepare::{self, Failure};
use crate::postgres::site::Site;
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_engine::seams::connector::CallError;

/// Things of one place that are told one by one; the rest is told as a number.
const MOST_TOLD: usize = 1_000;

/// The roles that own something, hold a privilege, or prepared a transaction.
pub(super) async fn dirty(link: &mut Link, site: &Site<'_>, roles: &[&Role]) -> Result<BTreeSet<u32>, CallError> {
    let oids = quote::oids(roles.iter().map(|role| role.oid));
    let sql = format!(
        "SELECT DISTINCT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = ANY ({oids}) \
         UNION SELECT r.oid FROM pg_prepared_xacts p JOIN pg_roles r ON r.rolname = p.owner WHERE r.oid = ANY ({oids})"
    );
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    Ok(rows.iter().filter_map(|row| number(row, 0)).collect())
}

/// Group roles own nothing, ever. Before 16 a member could become one and leave things behind as it.
pub(super) async fn dirty_groups(
    link: &mut Link,
    site: &Site<'_>,
    cases: &[Progress],
) -> Result<BTreeMap<String, u32>, CallError> {
    if link.server().has_membership_options() {
        return Ok(BTreeMap::new());
    }
    let names: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| match case {
            Progress::Quiet(case) => Some(case.groups.iter().map(String::as_str)),
            Progress::Stuck(..) | Progress::Failed(_) => None,
        })
        .flatten()
        .collect();
    let names = quote::texts(names).map_err(|e| CallError::Invalid(e.to_string()))?;
    let sql = format!(
        "SELECT r.rolname, r.oid FROM pg_roles r WHERE r.rolname = ANY ({names}) AND \
         (EXISTS (SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND s.deptype = 'o') \
          OR EXISTS (SELECT FROM pg_prepared_xacts p WHERE p.owner = r.rolname))"
    );
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    Ok(rows.iter().filter_map(|row| Some((text(row, 0).to_owned(), number(row, 1)?))).collect())
}

/// Clears one lease, and the groups it may have acted as, and drops its role.
///
/// # Errors
/// What stands in the way, for a person.
pub(super) async fn one(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    case: &Case,
    tainted: &[String],
    groups: &BTreeMap<String, u32>,
) -> Result<(), String> {
    for name in tainted {
        let oid = groups.get(name).copied().unwrap_or(0);
        let owner = Owner { name: name.clone(), oid, kind: OwnerKind::Group };
        owned_by(postgres, link, site, case, &owner).await.map_err(|why| format!("group {name}: {why}"))?;
    }
    let Some(role) = &case.role else { return Ok(()) };
    let owner = Owner { name: role.name.clone(), oid: role.oid, kind: OwnerKind::Lease };
    owned_by(postgres, link, site, case, &owner).await?;
    begin(link, site).await.map_err(|e| e.to_string())?;
    let name = ident(&role.name).map_err(|e| e.to_string())?;
    match link.ask(&format!("DROP ROLE IF EXISTS {name}; COMMIT")).await {
        Ok(_) => Ok(()),
        Err(e) => {
            let _ = link.ask("ROLLBACK").await;
            Err(format!("the role cannot be dropped: {e}"))
        }
    }
}

/// Everything of one owner; the link is in no transaction before and after.
async fn owned_by(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    case: &Case,
    owner: &Owner,
) -> Result<(), String> {
    let result = owned_by_inner(postgres, link, site, case, owner).await;
    if result.is_err() {
        // Whatever was open: the next lease begins with a transaction of its own.
        let _ = link.ask("ROLLBACK").await;
    }
    result
}

async fn owned_by_inner(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    case: &Case,
    owner: &Owner,
) -> Result<(), String> {
    let look = format!("SELECT 1 FROM pg_roles WHERE oid = {}", owner.oid);
    if link.rows(&look).await.map_err(|e| e.to_string())?.is_empty() {
        return Ok(());
    }
    begin(link, site).await.map_err(|e| e.to_string())?;
    join(link, &owner.name).await?;
    join(link, &site.quarantine).await?;
    link.ask("COMMIT").await.map_err(|e| e.to_string())?;
    let rolled_back = prepared(postgres, link, site, &owner.name).await?;
    record(link, site, case, &rolled_back).await?;
    let mut names = databases::of(link, owner.oid).await?;
    // Privileges on what all databases share are taken back from any one of them.
    names.insert(site.way.database().to_owned());
    for database in names {
        databases::clear(postgres, link, site, case, owner, &database)
            .await
            .map_err(|why| format!("{database}: {why}"))?;
    }
    if owner.kind == OwnerKind::Group {
        regrant(link, site).await?;
    }
    Ok(())
}

/// A group whose default privileges were cleared lost its own with them.
async fn regrant(link: &mut Link, site: &Site<'_>) -> Result<(), String> {
    let groups = site.groups().map_err(|e| e.to_string())?;
    let result = prepare::ensure(link, site, &groups).await;
    if result.is_err() {
        let _ = link.ask("ROLLBACK").await;
    }
    result.map_err(|failure| match failure {
        Failure::Link(e) => e.to_string(),
        Failure::Call(e) => e.to_string(),
    })
}

/// Rolls back what a role has prepared, as that role and in the database where it is: only the preparer
/// and superusers may.
pub(super) async fn prepared(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    owner: &str,
) -> Result<Vec<Leftover>, String> {
    let text_of = |e: &dyn std::fmt::Display| e.to_string();
    let owner_text = quote::literal(owner).map_err(|e| text_of(&e))?;
    let sql = format!("SELECT gid, database FROM pg_prepared_xacts WHERE owner = {owner_text}");
    let rows = link.rows(&sql).await.map_err(|e| text_of(&e))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    begin(link, site).await.map_err(|e| text_of(&e))?;
    join(link, owner).await?;
    link.ask("COMMIT").await.map_err(|e| text_of(&e))?;
    let role = ident(owner).map_err(|e| text_of(&e))?;
    let mut found = Vec::new();
    for row in &rows {
        let (gid, database) = (text(row, 0), text(row, 1));
        let way = site.way.to_database(database);
        let mut there = postgres.pool.take(&way).await.map_err(|e| format!("{database}: {e}"))?;
        let quoted = quote::literal(gid).map_err(|e| text_of(&e))?;
        there.ask(&format!("SET ROLE {role}")).await.map_err(|e| text_of(&e))?;
        there.ask(&format!("ROLLBACK PREPARED {quoted}")).await.map_err(|e| format!("prepared transaction: {e}"))?;
        there.ask("RESET ROLE").await.map_err(|e| text_of(&e))?;
        postgres.pool.give_back(&way, there);
        found.push(Leftover {
            kind: "prepared transaction".to_owned(),
            name: gid.to_owned(),
            database: database.to_owned(),
            done: LeftoverDone::Dropped,
        });
    }
    Ok(found)
}

/// Keeps what was found, in the target's own database.
pub(super) async fn record(link: &mut Link, site: &Site<'_>, case: &Case, found: &[Leftover]) -> Result<(), String> {
    if found.is_empty() {
        return Ok(());
    }
    let found = bounded(found);
    let value = |leftover: &Leftover| {
        let done = match leftover.done {
            LeftoverDone::Dropped => "dropped",
            LeftoverDone::Quarantined => "quarantined",
            LeftoverDone::Reported => "reported",
        };
        let parts = [case.lease.as_str(), &leftover.kind, &leftover.name, &leftover.database, done];
        let parts = parts.map(quote::literal).into_iter().collect::<Result<Vec<_>, _>>();
        parts.map(|parts| format!("({})", parts.join(", ")))
    };
    let values = found.iter().map(value).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?.join(",\n");
    let sql = format!(
        "INSERT INTO curfew.leftovers (lease, kind, name, database, done) VALUES {values} \
         ON CONFLICT (lease, kind, name, database) DO UPDATE SET done = excluded.done; COMMIT"
    );
    begin(link, site).await.map_err(|e| e.to_string())?;
    link.ask(&sql).await.map(drop).map_err(|e| format!("what was found cannot be recorded: {e}"))
}

/// A subject must not be able to fill the ledger with what it leaves behind.
fn bounded(found: &[Leftover]) -> Vec<Leftover> {
    let mut told: Vec<_> = found.iter().take(MOST_TOLD).cloned().collect();
    if let Some(next) = found.get(MOST_TOLD) {
        let name = format!("and {} more", found.len() - MOST_TOLD);
        told.push(Leftover { kind: "more".to_owned(), name, ..next.clone() });
    }
    told
}
