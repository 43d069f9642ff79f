//! The look at what is there now, which alone makes an end an end.

use super::replicas::{self, Standbys};
use super::sessions;
use super::{BTreeMap, BTreeSet, Case, Evidence, Link, Progress, number, quote};
use crate::postgres::Postgres;
use crate::postgres::link::{LinkError, text, yes};
use crate::postgres::site::Site;
use curfew_domain::Timestamp;
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_engine::seams::connector::{CallError, Revocation};
use tokio_postgres::error::SqlState;

/// A role that is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    May,
    MayNot,
}

pub(super) async fn run(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    cases: Vec<Progress>,
) -> Result<Vec<Result<Revocation, CallError>>, CallError> {
    let failed = |e: LinkError| site.failed(&e);
    let looked_at: Vec<&Case> = cases.iter().filter_map(Progress::case).collect();
    let oids: BTreeSet<_> = looked_at.iter().filter_map(|case| case.oid).collect();
    let standbys = replicas::end(postgres, link, site, &oids).await.map_err(failed)?;
    let open = sessions::end(link, &postgres.clock, &oids).await.map_err(failed)?;
    let there = roles(link, &looked_at).await.map_err(failed)?;
    let mut leftovers = leftovers(link, &looked_at).await.map_err(failed)?;
    let at = postgres.clock.wall();
    let answer = |progress: Progress| {
        let (case, stuck) = match progress {
            Progress::Failed(e) => return Err(e),
            Progress::Quiet(case) => (case, None),
            Progress::Stuck(case, because) => (case, Some(because)),
        };
        let known = [case.oid.and_then(|oid| there.get(&Key::Oid(oid))), there.get(&Key::Name(case.handle.clone()))];
        let role = known.into_iter().flatten().next();
        if role == Some(&Login::May) || case.oid.is_some_and(|oid| open.contains_key(&oid)) {
            return Err(site.refused(format!("{} still lets somebody in", case.handle)));
        }
        let found = leftovers.remove(&case.lease).unwrap_or_default();
        let stuck = stuck.or_else(|| role.map(|_| "the role is still there".to_owned()));
        Ok(outcome(at, &standbys, stuck, found))
    };
    Ok(cases.into_iter().map(answer).collect())
}

fn outcome(at: Timestamp, standbys: &Standbys, stuck: Option<String>, leftovers: Vec<Leftover>) -> Revocation {
    let declared = standbys.unread.join("; ");
    let undeclared = match standbys.undeclared {
        0 => String::new(),
        n => format!(
            "{n} standbys stream from the primary that `replicas` does not name; sessions on them were not ended"
        ),
    };
    let unread: Vec<_> = [declared.clone(), undeclared].into_iter().filter(|why| !why.is_empty()).collect();
    let evidence =
        if unread.is_empty() { Evidence::Read { at } } else { Evidence::Unread { at, because: unread.join("; ") } };
    match stuck.or_else(|| (!declared.is_empty()).then_some(declared)) {
        Some(because) => Revocation::LockedOut { evidence, because },
        None => Revocation::Revoked { evidence, leftovers },
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Oid(u32),
    Name(String),
}

/// Which of these roles are there, under their oid and under their name.
async fn roles(link: &mut Link, cases: &[&Case]) -> Result<BTreeMap<Key, Login>, LinkError> {
    let names = quote::texts(cases.iter().map(|c| &c.handle)).map_err(|e| LinkError::NameCut(e.to_string()))?;
    let oids = quote::oids(cases.iter().filter_map(|c| c.oid));
    let sql = format!(
        "SELECT r.oid, r.rolname, r.rolcanlogin FROM (SELECT oid FROM pg_roles WHERE rolname = ANY ({names}) \
         UNION SELECT unnest({oids})) k JOIN pg_roles r ON r.oid = k.oid"
    );
    let mut there = BTreeMap::new();
    for row in link.rows(&sql).await? {
        let login = if yes(&row, 2) { Login::May } else { Login::MayNot };
        if let Some(oid) = number(&row, 0) {
            there.insert(Key::Oid(oid), login);
        }
        there.insert(Key::Name(text(&row, 1).to_owned()), login);
    }
    Ok(there)
}

/// What was recorded for these leases, now or by an attempt before.
async fn leftovers(link: &mut Link, cases: &[&Case]) -> Result<BTreeMap<String, Vec<Leftover>>, LinkError> {
    let leases = quote::texts(cases.iter().map(|c| &c.lease)).map_err(|e| LinkError::NameCut(e.to_string()))?;
    let sql = format!(
        "SELECT lease, kind, name, database, done FROM curfew.leftovers WHERE lease = ANY ({leases}) ORDER BY 1, 4, 2, 3"
    );
    let rows = match link.rows(&sql).await {
        // A target that was never prepared holds no record either.
        Err(e) if e.is(&[&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME]) => Vec::new(),
        other => other?,
    };
    let mut found: BTreeMap<String, Vec<Leftover>> = BTreeMap::new();
    for row in &rows {
        let done = match text(row, 4) {
            "dropped" => LeftoverDone::Dropped,
            "quarantined" => LeftoverDone::Quarantined,
            _ => LeftoverDone::Reported,
        };
        let [kind, name, database] = [1, 2, 3].map(|column| text(row, column).to_owned());
        found.entry(text(row, 0).to_owned()).or_default().push(Leftover { kind, name, database, done });
    }
    Ok(found)
}

impl Progress {
    fn case(&self) -> Option<&Case> {
        match self {
            Self::Quiet(case) | Self::Stuck(case, _) => Some(case),
            Self::Failed(_) => None,
        }
    }
}
