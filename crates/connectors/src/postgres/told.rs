//! What the target remembers of the ledger: how far it had come when access was made here.
//!
//! Each transaction that makes a role adds a row, so that transactions side by side do not wait for each other; a look
//! leaves one of them.

use super::Postgres;
use super::link::{number, text};
use super::pool::Lane;
use super::site::{Site, begin, literal};
use curfew_engine::seams::connector::{CallError, LedgerMark, Target, Told};

/// Which rows go when the target is told anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forget {
    /// Those that say less.
    Earlier,
    /// All: they are of a ledger that is lost.
    All,
}

/// Adds what stands in the target's order to the transaction that makes access.
pub(crate) fn add_sql(site: &Site<'_>) -> Result<String, CallError> {
    let LedgerMark { seq, leaf_hash } = &site.target.mark;
    let (installation, leaf_hash) = (literal(&site.target.installation)?, literal(leaf_hash)?);
    Ok(format!("INSERT INTO curfew.told VALUES ({installation}, {seq}, {leaf_hash}); "))
}

pub(crate) async fn read(postgres: &Postgres, target: &Target) -> Result<Told, CallError> {
    let site = Site::of(target)?;
    let _place = postgres.pool.enter(site.resource(), Lane::Look).await;
    let mut link = postgres.link(&site).await?;
    let installation = literal(&target.installation)?;
    let sql = format!(
        "SELECT seq, leaf_hash FROM curfew.told WHERE installation = {installation} ORDER BY seq DESC, leaf_hash LIMIT 1"
    );
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    postgres.pool.give_back(&site.way, link);
    let mark = |row| Some(LedgerMark { seq: number(row, 0)?, leaf_hash: text(row, 1).to_owned() });
    Ok(Told { marks: rows.iter().filter_map(mark).collect(), silent: Vec::new() })
}

pub(crate) async fn write(postgres: &Postgres, target: &Target, forget: Forget) -> Result<(), CallError> {
    let site = Site::of(target)?;
    let _place = postgres.pool.enter(site.resource(), Lane::Look).await;
    let mut link = postgres.link(&site).await?;
    begin(&mut link, &site).await?;
    let installation = literal(&target.installation)?;
    let those = match forget {
        Forget::Earlier => format!(" AND seq <= {}", target.mark.seq),
        Forget::All => String::new(),
    };
    let sql = format!("DELETE FROM curfew.told WHERE installation = {installation}{those}; {}", add_sql(&site)?);
    link.ask(&sql).await.map_err(|e| site.failed(&e))?;
    link.ask("COMMIT").await.map_err(|e| e.at_commit(site.resource()))?;
    postgres.pool.give_back(&site.way, link);
    Ok(())
}
