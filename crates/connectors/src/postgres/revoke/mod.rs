//! Taking access away. The order matters, and each step is there because of something that was tried:
//!
//! 1. no new login, no memberships (an open session loses its rights at once), for the whole batch in one
//!    transaction; 2. every open session ended, by oid, because one outlives `NOLOGIN` and even
//!    `DROP ROLE`; 3. prepared transactions rolled back, which would make `DROP ROLE` wait for ever;
//! 4. in every database, what was left behind goes to a powerless owner, or is dropped; 5. `DROP ROLE`;
//!    6. a look at what is there now.
//!
//! **Invariant:** nothing is called revoked that was not looked for. Leases that left nothing behind share
//! every statement; one that did is cleared by itself, so that it cannot hold up the others.

mod clear;
mod databases;
mod find;
mod lockout;
mod replicas;
mod sessions;
mod verify;

use super::Postgres;
use super::link::{Link, number};
use super::pool::Lane;
use super::prepare;
use super::quote;
use super::site::{Site, begin, ident};
use curfew_domain::lease::{Evidence, handle};
use curfew_engine::seams::connector::{CallError, Reach, Revocation, RevokeOrder, Target};
use std::collections::{BTreeMap, BTreeSet};

/// Orders that share their statements.
const AT_ONCE: usize = 64;

/// One lease to end, as the target shows it.
#[derive(Debug, Clone)]
struct Case {
    /// Its printed id, under which leftovers are recorded.
    lease: String,
    /// Its name for all time.
    handle: String,
    /// Its oid, where it is known: sessions are ended by it even when the role is gone.
    oid: Option<u32>,
    /// The role, when it is there.
    role: Option<Role>,
    /// The groups it joins by its actions.
    groups: Vec<String>,
}

/// A lease's role.
#[derive(Debug, Clone)]
struct Role {
    oid: u32,
    /// What it is called now.
    name: String,
    /// What it is a member of, and who granted that.
    joins: Vec<(String, String)>,
    /// Who is a member of it, the manager excepted, and who granted that.
    joined_by: Vec<(String, String)>,
    makes_roles: MakesRoles,
}

/// Whether a lease could have made roles, by its own attribute or by that of a role it could become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MakesRoles {
    Perhaps,
    Never,
}

/// How far a case has come.
enum Progress {
    /// Locked out, no session left. Clean, or cleared.
    Quiet(Case),
    /// Locked out, no session left, and something stands in the way of the rest.
    Stuck(Case, String),
    /// Not even that.
    Failed(CallError),
}

pub(super) async fn run(
    postgres: &Postgres,
    target: &Target,
    orders: &[RevokeOrder],
) -> Vec<Result<Revocation, CallError>> {
    let chunks = orders.chunks(AT_ONCE).map(|chunk| batch(postgres, target, chunk));
    futures::future::join_all(chunks).await.into_iter().flatten().collect()
}

async fn batch(postgres: &Postgres, target: &Target, orders: &[RevokeOrder]) -> Vec<Result<Revocation, CallError>> {
    match attempt(postgres, target, orders).await {
        Ok(answers) => answers,
        Err(e) => vec![Err(e); orders.len()],
    }
}

async fn attempt(
    postgres: &Postgres,
    target: &Target,
    orders: &[RevokeOrder],
) -> Result<Vec<Result<Revocation, CallError>>, CallError> {
    let site = Site::of(target)?;
    let reach = if orders.iter().any(|o| o.reach == Reach::Leftovers) { Reach::Leftovers } else { Reach::Access };
    let lane = match reach {
        Reach::Access => Lane::Take,
        Reach::Leftovers => Lane::Clear,
    };
    let _place = postgres.pool.enter(site.resource(), lane).await;
    let mut link = postgres.link(&site).await?;
    prepare::fit(&link, &site)?;
    let cases = lockout::run(postgres, &mut link, &site, orders).await?;
    let cases = end_all_sessions(postgres, &mut link, &site, cases).await?;
    let cases = clear_and_drop(postgres, &mut link, &site, cases, reach).await?;
    let answers = verify::run(postgres, &mut link, &site, cases).await?;
    postgres.pool.give_back(&site.way, link);
    Ok(answers)
}

async fn end_all_sessions(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    cases: Vec<Result<Case, CallError>>,
) -> Result<Vec<Progress>, CallError> {
    let oids: BTreeSet<_> = cases.iter().flatten().filter_map(|case| case.oid).collect();
    let left = sessions::end(link, &postgres.clock, &oids).await.map_err(|e| site.failed(&e))?;
    let progress = |case: Result<Case, CallError>| match case {
        Ok(case) => match case.oid.and_then(|oid| left.get(&oid)) {
            Some(why) => Progress::Failed(site.refused(format!("{}: {why}", case.handle))),
            None => Progress::Quiet(case),
        },
        Err(e) => Progress::Failed(e),
    };
    Ok(cases.into_iter().map(progress).collect())
}

/// Drops what is clean together, and clears the rest one by one if the order reaches that far.
async fn clear_and_drop(
    postgres: &Postgres,
    link: &mut Link,
    site: &Site<'_>,
    cases: Vec<Progress>,
    reach: Reach,
) -> Result<Vec<Progress>, CallError> {
    let there: Vec<&Role> = cases.iter().filter_map(Progress::role).collect();
    if there.is_empty() {
        return Ok(cases);
    }
    begin(link, site).await?;
    let dirty = clear::dirty(link, site, &there).await?;
    let groups = clear::dirty_groups(link, site, &cases).await?;
    let clean: Vec<_> = there.iter().filter(|role| !dirty.contains(&role.oid)).map(|role| role.name.as_str()).collect();
    let dropped = drop_roles(link, &clean).await?;
    let mut after = Vec::with_capacity(cases.len());
    for case in cases {
        let Progress::Quiet(case) = case else {
            after.push(case);
            continue;
        };
        let tainted: Vec<_> = case.groups.iter().filter(|group| groups.contains_key(*group)).cloned().collect();
        let done = case.role.as_ref().is_none_or(|role| dropped.is_all() && !dirty.contains(&role.oid));
        if done && tainted.is_empty() {
            after.push(Progress::Quiet(case));
            continue;
        }
        if reach == Reach::Access {
            after.push(Progress::Stuck(case, "what it left behind is still to be cleared".to_owned()));
            continue;
        }
        let result = clear::one(postgres, link, site, &case, &tainted, &groups).await;
        after.push(match result {
            Ok(()) => Progress::Quiet(case),
            Err(because) => Progress::Stuck(case, because),
        });
    }
    Ok(after)
}

/// Whether a `DROP ROLE` of several went through.
enum Dropped {
    All,
    None,
}

impl Dropped {
    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// Drops roles in the open transaction and ends it; when one cannot be dropped, none is.
async fn drop_roles(link: &mut Link, names: &[&str]) -> Result<Dropped, CallError> {
    if names.is_empty() {
        // Only what was read is given up.
        let _ = link.ask("COMMIT").await;
        return Ok(Dropped::All);
    }
    let names = names.iter().map(|name| ident(name)).collect::<Result<Vec<_>, _>>()?.join(", ");
    if link.ask(&format!("DROP ROLE {names}; COMMIT")).await.is_ok() {
        return Ok(Dropped::All);
    }
    let _ = link.ask("ROLLBACK").await;
    Ok(Dropped::None)
}

impl Progress {
    fn role(&self) -> Option<&Role> {
        match self {
            Self::Quiet(case) => case.role.as_ref(),
            Self::Stuck(..) | Self::Failed(_) => None,
        }
    }
}

/// Locks a role out and ends its sessions, without removing anything.
pub(super) async fn lock(
    postgres: &Postgres,
    target: &Target,
    found: &curfew_engine::seams::connector::Found,
) -> Result<(), CallError> {
    let site = Site::of(target)?;
    let oid: u32 = found.locator.parse().map_err(|_| CallError::Invalid("the locator is no oid".to_owned()))?;
    let _place = postgres.pool.enter(site.resource(), Lane::Take).await;
    let mut link = postgres.link(&site).await?;
    prepare::fit(&link, &site)?;
    lockout::only(postgres, &mut link, &site, oid).await?;
    let left = sessions::end(&mut link, &postgres.clock, &BTreeSet::from([oid])).await.map_err(|e| site.failed(&e))?;
    postgres.pool.give_back(&site.way, link);
    match left.get(&oid) {
        Some(why) => Err(site.refused(format!("{}: {why}", found.name))),
        None => Ok(()),
    }
}
