//! What Curfew keeps in a target: a schema with the fencing epoch and the record of leftovers, the
//! group roles, and the powerless role that owns what subjects leave behind.

use super::Postgres;
use super::cover;
use super::groups::Group;
use super::link::{Link, LinkError, Standing, number, text, yes};
use super::pool::Lane;
use super::site::{Site, begin, ident, literal};
use curfew_engine::seams::connector::{CallError, Target};
use tokio_postgres::error::SqlState;

/// The oldest version that is known to behave.
pub(crate) const OLDEST: u32 = 140_000;

/// What the comment of the quarantine role begins with.
pub(crate) const QUARANTINE_MARKER: &str = "curfew-quarantine:";

/// Somebody else made the same thing at the same moment: look again.
const RACES: &[&SqlState] = &[
    &SqlState::UNIQUE_VIOLATION,
    &SqlState::DUPLICATE_SCHEMA,
    &SqlState::DUPLICATE_TABLE,
    &SqlState::DUPLICATE_OBJECT,
    &SqlState::T_R_SERIALIZATION_FAILURE,
    &SqlState::INTERNAL_ERROR,
];

const TABLES: &str = "CREATE TABLE IF NOT EXISTS curfew.fence (installation text PRIMARY KEY, epoch bigint NOT NULL);
CREATE TABLE IF NOT EXISTS curfew.told (installation text NOT NULL, seq bigint NOT NULL, leaf_hash text NOT NULL);
CREATE TABLE IF NOT EXISTS curfew.leftovers (lease text NOT NULL, kind text NOT NULL, name text NOT NULL,
 database text NOT NULL, done text NOT NULL, seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
 PRIMARY KEY (lease, kind, name, database));
REVOKE ALL ON SCHEMA curfew FROM PUBLIC; REVOKE ALL ON ALL TABLES IN SCHEMA curfew FROM PUBLIC;
COMMENT ON SCHEMA curfew IS 'Curfew: the fencing epoch of its servers, how far its ledger had come, and what ended leases left behind';";

pub(crate) async fn run(postgres: &Postgres, target: &Target) -> Result<(), CallError> {
    let site = Site::of(target)?;
    let groups = site.groups()?;
    let _place = postgres.pool.enter(site.resource(), Lane::Give).await;
    let mut link = postgres.link(&site).await?;
    postgres.covered.forget(&groups);
    for _ in 0..2 {
        match attempt(&mut link, &site, &groups).await {
            Err(Failure::Link(e)) if e.is(RACES) => drop(link.ask("ROLLBACK").await),
            other => return finish(postgres, &site, link, other),
        }
    }
    let last = attempt(&mut link, &site, &groups).await;
    finish(postgres, &site, link, last)
}

fn finish(postgres: &Postgres, site: &Site<'_>, link: Link, result: Result<(), Failure>) -> Result<(), CallError> {
    match result {
        Ok(()) => {
            postgres.pool.give_back(&site.way, link);
            Ok(())
        }
        Err(Failure::Link(e)) => Err(site.failed(&e)),
        Err(Failure::Call(e)) => Err(e),
    }
}

/// Why an attempt failed.
pub(crate) enum Failure {
    Link(LinkError),
    Call(CallError),
}

impl From<LinkError> for Failure {
    fn from(e: LinkError) -> Self {
        Self::Link(e)
    }
}

impl From<CallError> for Failure {
    fn from(e: CallError) -> Self {
        Self::Call(e)
    }
}

async fn attempt(link: &mut Link, site: &Site<'_>, groups: &[Group]) -> Result<(), Failure> {
    fit(link, site)?;
    own_schema(link, site).await?;
    raise_epoch(link, site).await?;
    ensure(link, site, groups).await
}

/// Whether the server can be worked with at all.
pub(crate) fn fit(link: &Link, site: &Site<'_>) -> Result<(), CallError> {
    if link.server().version < OLDEST {
        return Err(site.refused("PostgreSQL 14 is the oldest version that Curfew works with"));
    }
    match link.server().standing {
        Standing::Primary => Ok(()),
        Standing::Standby => Err(site.refused("it is a standby: `admin` must lead to the primary")),
    }
}

async fn own_schema(link: &mut Link, site: &Site<'_>) -> Result<(), Failure> {
    let look = "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'curfew'";
    match link.rows(look).await?.first().map(|row| yes(row, 0)) {
        Some(true) => {}
        Some(false) => {
            return Err(site.not_ours("the schema `curfew` there belongs to somebody else").into());
        }
        None => drop(link.ask("CREATE SCHEMA curfew").await?),
    }
    link.ask(&format!("BEGIN; {TABLES} COMMIT")).await?;
    Ok(())
}

/// Nobody is in a transaction of ours while the epoch goes up; whoever comes after it is compared with it.
async fn raise_epoch(link: &mut Link, site: &Site<'_>) -> Result<(), Failure> {
    let installation = literal(&site.target.installation)?;
    let ours = site.target.epoch;
    let sql = format!(
        "BEGIN; LOCK TABLE curfew.fence IN EXCLUSIVE MODE; \
         INSERT INTO curfew.fence VALUES ({installation}, {ours}) ON CONFLICT (installation) DO UPDATE \
         SET epoch = greatest(fence.epoch, excluded.epoch); \
         SELECT epoch FROM curfew.fence WHERE installation = {installation}; COMMIT"
    );
    let seen = link.rows(&sql).await?.first().and_then(|row| number::<u64>(row, 0));
    match seen {
        Some(seen) if seen == ours => Ok(()),
        Some(seen) => {
            let resource = site.resource().to_string();
            Err(CallError::StaleEpoch { resource, seen, ours }.into())
        }
        None => Err(site.refused("it did not keep the epoch").into()),
    }
}

/// Makes the roles that are missing and grants what they lack, in one transaction.
pub(crate) async fn ensure(link: &mut Link, site: &Site<'_>, groups: &[Group]) -> Result<(), Failure> {
    begin(link, site).await?;
    // Only one of ours grants at a time: two would trip over each other's rows of the catalog.
    link.ask("LOCK TABLE curfew.fence IN SHARE UPDATE EXCLUSIVE MODE").await?;
    make_roles(link, site, groups).await?;
    let before = cover::look(link, groups).await?;
    if !before.missing.is_empty() {
        cover::give(link, &before.missing).await?;
        let after = cover::look(link, groups).await?;
        if let Some(left) = after.missing.iter().find(|m| !m.is_one_of_many()) {
            let message = format!("Curfew's account may not grant {}; `curfew doctor` says what it needs", left.what);
            return Err(site.refused(message).into());
        }
    }
    link.ask("COMMIT").await?;
    Ok(())
}

async fn make_roles(link: &mut Link, site: &Site<'_>, groups: &[Group]) -> Result<(), Failure> {
    let quarantine = (site.quarantine.clone(), format!("{QUARANTINE_MARKER}{}", site.target.installation));
    let wanted: Vec<_> = groups.iter().map(|g| (g.name.clone(), g.marker.clone())).chain([quarantine]).collect();
    let names = wanted.iter().map(|(name, _)| literal(name)).collect::<Result<Vec<_>, _>>()?.join(", ");
    let look = format!(
        "SELECT r.rolname, d.description FROM pg_roles r LEFT JOIN pg_shdescription d \
         ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass WHERE r.rolname IN ({names})"
    );
    let there = link.rows(&look).await?;
    let mut sql = String::new();
    for (name, marker) in &wanted {
        match there.iter().find(|row| text(row, 0) == name) {
            Some(row) if text(row, 1) == marker => {}
            // A comment that somebody removed is put back; another's is not ours to touch.
            Some(row) if text(row, 1).is_empty() => sql.push_str(&comment(name, marker)?),
            Some(_) => return Err(site.not_ours(format!("the role {name} there bears another's marker")).into()),
            None => {
                sql.push_str(&format!("CREATE ROLE {} NOLOGIN;\n", ident(name)?));
                sql.push_str(&comment(name, marker)?);
            }
        }
    }
    if !sql.is_empty() {
        link.ask(&sql).await?;
    }
    Ok(())
}

fn comment(name: &str, marker: &str) -> Result<String, CallError> {
    Ok(format!("COMMENT ON ROLE {} IS {};\n", ident(name)?, literal(marker)?))
}
