//! A later end for a role that stands: its own expiry and its marker, in one transaction, read back before it is
//! committed.
//!
//! The role's right to log in is looked at in the same transaction and never given here. An end that is ordered at
//! the same moment takes that right away; whichever of the two transactions comes last, nobody gets in.

use super::Postgres;
use super::link::{Link, number, text, yes};
use super::pool::Lane;
use super::site::{Site, begin, ident, literal};
use curfew_domain::Timestamp;
use curfew_domain::lease::handle;
use curfew_engine::seams::connector::{CallError, ExtendOrder, Issued, Marker, Target};

/// How far the expiry that is read back may be from the one written: `VALID UNTIL` keeps microseconds.
const EXPIRY_JITTER_MILLIS: u64 = 1_000;

pub(crate) async fn run(
    postgres: &Postgres,
    target: &Target,
    orders: &[ExtendOrder],
) -> Vec<Result<Issued, CallError>> {
    let mut answers = Vec::with_capacity(orders.len());
    for order in orders {
        answers.push(one(postgres, target, order).await);
    }
    answers
}

async fn one(postgres: &Postgres, target: &Target, order: &ExtendOrder) -> Result<Issued, CallError> {
    let site = Site::of(target)?;
    let _place = postgres.pool.enter(site.resource(), Lane::Give).await;
    let now = postgres.clock.wall();
    // Whichever of the two reckonings ends earlier: a clock that jumped lengthens nothing.
    let left = order.expires_at.millis_since(order.now).min(order.expires_at.millis_since(now));
    if left == 0 {
        return Err(CallError::Invalid(format!("the time of {} is over", order.lease)));
    }
    let mut link = postgres.link(&site).await?;
    let opened = begin(&mut link, &site).await?;
    if opened.epoch != Some(site.target.epoch) {
        return Err(site.refused("it was not prepared by this server"));
    }
    let until = opened.now_millis.saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
    let until = Timestamp::from_millis(until);
    check(&site, order, &read(&mut link, &site, order).await?)?;
    let (name, marker) = (ident(&handle(order.lease))?, literal(&order.marker(target).to_string())?);
    let valid_until = literal(&until.to_string())?;
    let sql = format!("ALTER ROLE {name} VALID UNTIL {valid_until}; COMMENT ON ROLE {name} IS {marker}");
    link.ask(&sql).await.map_err(|e| site.failed(&e))?;
    let stands = read(&mut link, &site, order).await?;
    check(&site, order, &stands)?;
    let late = stands.valid_until.is_none_or(|there| there.abs_diff(until.as_millis()) > EXPIRY_JITTER_MILLIS);
    if late
        || stands.marker.as_ref().map(|m| m.expires_at.as_unix_seconds()) != Some(order.expires_at.as_unix_seconds())
    {
        return Err(site.refused(format!("{} cannot be read back with its new end", handle(order.lease))));
    }
    link.ask("COMMIT").await.map_err(|e| e.at_commit(site.resource()))?;
    postgres.pool.give_back(&site.way, link);
    Ok(Issued { locator: order.locator.clone(), connection: order.connection.clone() })
}

/// The role as it stands.
struct Stands {
    oid: u32,
    marker: Option<Marker>,
    /// Whether its subject gets in, by its right to log in and its expiry.
    lets_in: bool,
    valid_until: Option<i64>,
}

async fn read(link: &mut Link, site: &Site<'_>, order: &ExtendOrder) -> Result<Stands, CallError> {
    let name = literal(&handle(order.lease))?;
    let sql = format!(
        "SELECT r.oid, d.description, coalesce(r.rolcanlogin AND r.rolvaliduntil > clock_timestamp(), false), \
         (extract(epoch FROM nullif(nullif(r.rolvaliduntil, 'infinity'), '-infinity')) * 1000)::bigint \
         FROM pg_roles r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass \
         WHERE r.rolname = {name}"
    );
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    let row = rows.first().ok_or_else(|| site.refused(format!("{} is gone", handle(order.lease))))?;
    let oid = number(row, 0).ok_or_else(|| site.refused("it did not tell the role's oid"))?;
    let marker = Marker::parse(text(row, 1));
    Ok(Stands { oid, marker, lets_in: yes(row, 2), valid_until: number(row, 3) })
}

/// Only what is this lease's and still lets its subject in is extended.
fn check(site: &Site<'_>, order: &ExtendOrder, stands: &Stands) -> Result<(), CallError> {
    let name = handle(order.lease);
    let ours =
        stands.marker.as_ref().is_some_and(|m| m.installation == site.target.installation && m.lease == order.lease);
    if !ours || stands.oid.to_string() != order.locator {
        return Err(site.not_ours(format!("the role {name} is not this lease's")));
    }
    if !stands.lets_in {
        return Err(site.refused(format!("{name} no longer lets anybody in")));
    }
    Ok(())
}
