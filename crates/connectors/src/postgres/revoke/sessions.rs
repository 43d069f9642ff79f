//! Ending open sessions, by the oid of the role that logged in: `SET ROLE` does not change it, and it stays
//! when the role is renamed or dropped.

use super::BTreeMap;
use super::BTreeSet;
use crate::postgres::link::{Link, LinkError, number};
use crate::postgres::quote;
use curfew_engine::seams::Clock;
use std::sync::Arc;
use std::time::Duration;

/// How long sessions may take to die. A backend looks for its end at least once a statement.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long a login that is half way through is waited for. Past the check of `LOGIN` it takes
/// microseconds to appear; one that dawdles before it is refused when it gets there.
const STARTING_PATIENCE: Duration = Duration::from_millis(100);

/// Ends every session of these roles and looks until none is left. What is left is named with the reason.
pub(crate) async fn end(
    link: &mut Link,
    clock: &Arc<dyn Clock>,
    oids: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, String>, LinkError> {
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let begun = clock.monotonic();
    let mut pause = FIRST_PAUSE;
    loop {
        let seen = match look(link, oids).await {
            Err(LinkError::Statement { .. }) => return one_by_one(link, clock, oids).await,
            other => other?,
        };
        let waited = clock.monotonic().saturating_sub(begun);
        let starting = seen.starting > 0 && waited < STARTING_PATIENCE;
        if seen.open.is_empty() && !starting {
            return Ok(BTreeMap::new());
        }
        if waited >= PATIENCE {
            return Ok(seen.open.into_iter().map(|(oid, n)| (oid, format!("{n} sessions do not end"))).collect());
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What one look shows.
struct Seen {
    open: BTreeMap<u32, u64>,
    /// Logins under way of which nobody can tell whose they are.
    starting: u64,
}

/// Tells every session of these roles to end, and says which there were.
async fn look(link: &mut Link, oids: &BTreeSet<u32>) -> Result<Seen, LinkError> {
    let oids = quote::oids(oids.iter().copied());
    // A backend takes its virtual transaction before it checks the role, and shows whose it is afterwards.
    let sql = format!(
        "SELECT usesysid, count(*), bool_or(pg_terminate_backend(pid)) FROM pg_stat_get_activity(NULL) \
         WHERE usesysid = ANY ({oids}) AND pid <> pg_backend_pid() GROUP BY usesysid \
         UNION ALL SELECT 0::oid, count(*), NULL FROM pg_locks l LEFT JOIN pg_stat_get_activity(NULL) a ON a.pid = l.pid \
         WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid IS NOT NULL AND (a.pid IS NULL \
         OR (a.usesysid IS NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'))"
    );
    let rows = link.rows(&sql).await?;
    let counts = rows.iter().filter_map(|row| Some((number::<u32>(row, 0)?, number::<u64>(row, 1)?)));
    let mut open: BTreeMap<u32, u64> = counts.collect();
    let starting = open.remove(&0).unwrap_or(0);
    Ok(Seen { open, starting })
}

/// One that we may not end must not keep the others.
async fn one_by_one(
    link: &mut Link,
    clock: &Arc<dyn Clock>,
    oids: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, String>, LinkError> {
    let mut left = BTreeMap::new();
    for oid in oids {
        let begun = clock.monotonic();
        let why = loop {
            match look(link, &BTreeSet::from([*oid])).await {
                Ok(seen) if seen.open.is_empty() => break None,
                Ok(_) if clock.monotonic().saturating_sub(begun) < PATIENCE => clock.sleep(LONGEST_PAUSE).await,
                Ok(_) => break Some("its sessions do not end".to_owned()),
                Err(e @ LinkError::Statement { .. }) => break Some(format!("its sessions cannot be ended: {e}")),
                Err(e) => return Err(e),
            }
        };
        if let Some(why) = why {
            left.insert(*oid, why);
        }
    }
    Ok(left)
}
