//! Standbys. One keeps the sessions of a role that was dropped on its primary, and lets it in until it has
//! replayed the end: each declared one is ended and read like the primary.

use super::sessions;
use super::{BTreeMap, BTreeSet, Link, number, quote};
use crate::postgres::Postgres;
use crate::postgres::link::{LinkError, yes};
use crate::postgres::settings::Place;
use crate::postgres::site::Site;
use std::time::Duration;

/// How long a standby may take to replay the end before the caller has to come again.
const REPLAY_PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(25);

/// What is known of the standbys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standbys {
    /// Declared ones that could not be ended and read, and why: worth another try.
    pub(super) unread: Vec<String>,
    /// Ones that nobody declared: they can never be read.
    pub(super) undeclared: u64,
}

/// Ends these roles on every declared standby, and counts the undeclared ones.
pub(super) async fn end(
    postgres: &Postgres,
    primary: &mut Link,
    site: &Site<'_>,
    oids: &BTreeSet<u32>,
) -> Result<Standbys, LinkError> {
    let mut standbys = Standbys::default();
    let ends =
        site.settings.replicas.iter().map(|place| async move { (place, one(postgres, site, place, oids).await) });
    for (place, result) in futures::future::join_all(ends).await {
        if let Err(why) = result {
            standbys.unread.push(format!("the replica {place}: {why}"));
        }
    }
    let streaming = streaming(primary).await?;
    standbys.undeclared = streaming.saturating_sub(site.settings.replicas.len() as u64);
    Ok(standbys)
}

async fn one(postgres: &Postgres, site: &Site<'_>, place: &Place, oids: &BTreeSet<u32>) -> Result<(), String> {
    let way = site.way.to_place(place);
    let mut link = postgres.pool.take(&way).await.map_err(|e| e.to_string())?;
    let begun = postgres.clock.monotonic();
    while may_log_in(&mut link, oids).await.map_err(|e| e.to_string())? {
        if postgres.clock.monotonic().saturating_sub(begun) > REPLAY_PATIENCE {
            return Err("it has not replayed the end yet, and still lets the subject in".to_owned());
        }
        postgres.clock.sleep(PAUSE).await;
    }
    let left: BTreeMap<_, _> = sessions::end(&mut link, &postgres.clock, oids).await.map_err(|e| e.to_string())?;
    postgres.pool.give_back(&way, link);
    match left.values().next() {
        Some(why) => Err(why.clone()),
        None => Ok(()),
    }
}

async fn may_log_in(link: &mut Link, oids: &BTreeSet<u32>) -> Result<bool, LinkError> {
    let oids = quote::oids(oids.iter().copied());
    let sql = format!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND oid = ANY ({oids}))");
    Ok(link.rows(&sql).await?.first().is_none_or(|row| yes(row, 0)))
}

/// Standbys that stream from the primary now. Logical subscribers are connected to a database, and the
/// tools that copy the log let nobody in.
async fn streaming(link: &mut Link) -> Result<u64, LinkError> {
    let sql = "SELECT count(*) FROM pg_stat_get_wal_senders() w JOIN pg_stat_get_activity(NULL) a ON a.pid = w.pid \
               WHERE a.datid IS NULL AND a.application_name NOT IN ('pg_basebackup', 'pg_receivewal')";
    Ok(link.rows(sql).await?.first().and_then(|row| number(row, 0)).unwrap_or(0))
}
