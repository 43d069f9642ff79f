//! A look at everything of ours in a target.

use super::Postgres;
use super::cover;
use super::groups::Group;
use super::link::{Link, LinkError, number, text, yes};
use super::pool::Lane;
use super::quote;
use super::site::Site;
use curfew_engine::seams::connector::{Access, CallError, Found, Marker, Observation, Target};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::error::SqlState;

/// How the names of leases' roles begin.
const LEASE_PREFIX: &str = "cf_lse_";

pub(crate) async fn run(postgres: &Postgres, target: &Target) -> Result<Observation, CallError> {
    let site = Site::of(target)?;
    let _place = postgres.pool.enter(site.resource(), Lane::Look).await;
    let mut link = postgres.link(&site).await?;
    let groups = site.groups()?;
    let observation = look(postgres, &mut link, &site, &groups).await.map_err(|e| site.failed(&e))?;
    postgres.pool.give_back(&site.way, link);
    Ok(observation)
}

async fn look(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    groups: &[Group],
) -> Result<Observation, LinkError> {
    let sql = format!(
        "SELECT r.rolname, r.oid, d.description, r.rolcanlogin OR EXISTS \
          (SELECT FROM pg_stat_get_activity(NULL) a WHERE a.usesysid = r.oid) \
         FROM pg_roles r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass \
         WHERE starts_with(d.description, 'curfew:') OR starts_with(r.rolname, '{LEASE_PREFIX}') ORDER BY r.oid"
    );
    let rows = link.rows(&sql).await?;
    Ok(Observation {
        found: rows.iter().filter_map(found).collect(),
        drift: drift(link, groups).await?,
        clock_offset_millis: clock_offset(postgres, link).await?,
        epoch: epoch(link, site).await?,
    })
}

fn found(row: &SimpleQueryRow) -> Option<Found> {
    let name = text(row, 0).to_owned();
    let marker = Marker::parse(text(row, 2));
    // A comment that only looks like a marker, on a name that is not ours, is somebody's own affair.
    if marker.is_none() && !name.starts_with(LEASE_PREFIX) {
        return None;
    }
    let access = if yes(row, 3) { Access::Open } else { Access::Locked };
    Some(Found { name, locator: text(row, 1).to_owned(), marker, access })
}

/// The target's clock minus ours; half the round trip is taken for the way there.
pub(crate) async fn clock_offset(postgres: &Postgres, link: &mut Link) -> Result<i64, LinkError> {
    let before = postgres.clock.wall().as_millis();
    let rows = link.rows("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await?;
    let after = postgres.clock.wall().as_millis();
    let theirs: i64 = rows.first().and_then(|row| number(row, 0)).unwrap_or(before);
    Ok(theirs - (before + (after - before) / 2))
}

async fn epoch(link: &mut Link, site: &Site<'_>) -> Result<u64, LinkError> {
    let installation = quote::literal(&site.target.installation).map_err(|e| LinkError::NameCut(e.to_string()))?;
    let sql = format!("SELECT epoch FROM curfew.fence WHERE installation = {installation}");
    match link.rows(&sql).await {
        Ok(rows) => Ok(rows.first().and_then(|row| number(row, 0)).unwrap_or(0)),
        Err(e) if e.is(&[&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME]) => Ok(0),
        Err(e) => Err(e),
    }
}

/// Where the group roles differ from policy by somebody's hand. What they lack is not drift: the next
/// activation grants it.
async fn drift(link: &mut Link, groups: &[Group]) -> Result<Vec<String>, LinkError> {
    let mut drift = cover::look(link, groups).await?.extra;
    let cut = |e: quote::Unquotable| LinkError::NameCut(e.to_string());
    let names = quote::texts(groups.iter().map(|g| &g.name)).map_err(cut)?;
    // Before 16 a member can become the group and make it an owner, until that member's end is swept.
    let owning = if link.server().has_membership_options() { "true" } else { "false" };
    let lease = quote::literal(LEASE_PREFIX).map_err(cut)?;
    let sql = format!(
        "WITH g AS (SELECT * FROM pg_roles WHERE rolname = ANY ({names})) \
         SELECT g.rolname, 'has the member ' || m.rolname FROM g JOIN pg_auth_members a ON a.roleid = g.oid \
          JOIN pg_roles m ON m.oid = a.member WHERE m.rolname <> session_user AND NOT (starts_with(m.rolname, {lease}) AND NOT a.admin_option \
          AND EXISTS (SELECT FROM pg_shdescription d WHERE d.objoid = m.oid AND d.classoid = 'pg_authid'::regclass AND starts_with(d.description, 'curfew:'))) \
         UNION SELECT g.rolname, 'is a member of ' || p.rolname FROM g JOIN pg_auth_members a ON a.member = g.oid JOIN pg_roles p ON p.oid = a.roleid \
         UNION SELECT g.rolname, 'may log in' FROM g WHERE rolcanlogin \
         UNION SELECT g.rolname, 'has an attribute beyond its privileges' FROM g \
          WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls \
         UNION SELECT g.rolname, 'owns something' FROM g JOIN pg_shdepend s ON s.refobjid = g.oid \
          WHERE {owning} AND s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' ORDER BY 1, 2"
    );
    let rows = link.rows(&sql).await?;
    drift.extend(
        rows.iter().map(|row| format!("the group role {} {}, which policy does not say", text(row, 0), text(row, 1))),
    );
    Ok(drift)
}
