//! Making access: a role for each lease, its expiry first, its right to log in last, read back before it
//! is committed. Orders that arrive together share a transaction.

mod plan;
mod stands;

use super::Postgres;
use super::cover;
use super::link::{Link, LinkError, text};
use super::pool::Lane;
use super::prepare::{self, Failure};
use super::site::{Opened, Site, begin};
use super::told;
use curfew_engine::seams::connector::{CallError, IssueOrder, Issued, Target};
use plan::{Plan, plan, write_sql};
use stands::{by_name, read, read_sql, verdict};

/// Orders that share a transaction.
const AT_ONCE: usize = 64;

pub(crate) async fn run(postgres: &Postgres, target: &Target, orders: &[IssueOrder]) -> Vec<Result<Issued, CallError>> {
    let chunks = orders.chunks(AT_ONCE).map(|chunk| batch(postgres, target, chunk));
    futures::future::join_all(chunks).await.into_iter().flatten().collect()
}

async fn batch(postgres: &Postgres, target: &Target, orders: &[IssueOrder]) -> Vec<Result<Issued, CallError>> {
    let site = match Site::of(target) {
        Ok(site) => site,
        Err(e) => return vec![Err(e); orders.len()],
    };
    let _place = postgres.pool.enter(site.resource(), Lane::Give).await;
    let now = postgres.clock.wall();
    let plans: Vec<_> = orders.iter().map(|order| plan(&site, order, now)).collect();
    let good: Vec<&Plan> = plans.iter().filter_map(|p| p.as_ref().ok()).collect();
    if good.is_empty() {
        return plans
            .into_iter()
            .map(|plan| Err(plan.err().unwrap_or_else(|| site.refused("nothing was ordered"))))
            .collect();
    }
    let mut answers = match stand(postgres, &site, &good).await {
        Ok(answers) => answers.into_iter(),
        Err(e) => vec![Err(e); good.len()].into_iter(),
    };
    let lost = || Err(site.refused("it gave no answer for this order"));
    plans
        .iter()
        .map(|plan| plan.as_ref().map_or_else(|e| Err(e.clone()), |_| answers.next().unwrap_or_else(lost)))
        .collect()
}

async fn stand(
    postgres: &Postgres,
    site: &Site<'_>,
    plans: &[&Plan],
) -> Result<Vec<Result<Issued, CallError>>, CallError> {
    let mut link = postgres.link(site).await?;
    prepare::fit(&link, site)?;
    cover_groups(postgres, &mut link, site).await?;
    let together = all_or_nothing(&mut link, site, plans).await;
    let one_is_bad = match together {
        Ok(answers) if answers.iter().all(Result::is_ok) => return commit(postgres, link, site, answers).await,
        Ok(_) | Err(Failure::Link(LinkError::Statement { .. } | LinkError::NameCut(_))) => "ROLLBACK",
        Err(Failure::Link(e)) => return Err(site.failed(&e)),
        Err(Failure::Call(e)) => return Err(e),
    };
    link.ask(one_is_bad).await.map_err(|e| site.failed(&e))?;
    postgres.covered.forget(&site.groups()?);
    let answers = one_by_one(&mut link, site, plans).await?;
    commit(postgres, link, site, answers).await
}

async fn commit(
    postgres: &Postgres,
    mut link: Link,
    site: &Site<'_>,
    answers: Vec<Result<Issued, CallError>>,
) -> Result<Vec<Result<Issued, CallError>>, CallError> {
    // Until here nothing is there for anybody else.
    link.ask("COMMIT").await.map_err(|e| e.at_commit(site.resource()))?;
    postgres.pool.give_back(&site.way, link);
    Ok(answers)
}

/// Grants to the groups what has appeared since they were last looked at.
async fn cover_groups(postgres: &Postgres, link: &mut Link, site: &Site<'_>) -> Result<(), CallError> {
    let groups = site.groups()?;
    let sql = cover::fingerprint_sql(&groups).map_err(|e| CallError::Invalid(e.to_string()))?;
    let rows = link.rows(&sql).await.map_err(|e| site.failed(&e))?;
    let fingerprint = rows.first().map(|row| text(row, 0).to_owned()).unwrap_or_default();
    if postgres.covered.is(&groups, &fingerprint) {
        return Ok(());
    }
    match prepare::ensure(link, site, &groups).await {
        Ok(()) => {
            postgres.covered.set(&groups, &fingerprint);
            Ok(())
        }
        Err(Failure::Link(e)) => Err(site.failed(&e)),
        Err(Failure::Call(e)) => Err(e),
    }
}

async fn open(link: &mut Link, site: &Site<'_>) -> Result<Opened, CallError> {
    let opened = begin(link, site).await?;
    if opened.epoch != Some(site.target.epoch) {
        return Err(site.refused("it was not prepared by this server"));
    }
    Ok(opened)
}

/// The quick way, when nothing goes wrong: every order in one round trip, and no savepoints.
async fn all_or_nothing(
    link: &mut Link,
    site: &Site<'_>,
    plans: &[&Plan],
) -> Result<Vec<Result<Issued, CallError>>, Failure> {
    let opened = open(link, site).await?;
    let there = read(link, plans).await?;
    let sql = told::add_sql(site)?
        + &write_sql(link.server(), site, plans, opened, &there)?
        + &read_sql(link.server(), plans)?;
    let mut statements = link.ask(&sql).await?;
    let after = by_name(statements.pop().unwrap_or_default().iter());
    plans.iter().map(|plan| Ok(verdict(site, plan, opened, &there, &after))).collect()
}

/// The way that keeps one bad order from spoiling the others: a savepoint each.
async fn one_by_one(
    link: &mut Link,
    site: &Site<'_>,
    plans: &[&Plan],
) -> Result<Vec<Result<Issued, CallError>>, CallError> {
    let opened = open(link, site).await?;
    link.ask(&told::add_sql(site)?).await.map_err(|e| site.failed(&e))?;
    let mut answers = Vec::with_capacity(plans.len());
    for plan in plans {
        link.ask("SAVEPOINT one").await.map_err(|e| site.failed(&e))?;
        let answer = match alone(link, site, plan, opened).await {
            Ok(answer) => answer,
            Err(Failure::Link(e @ (LinkError::Statement { .. } | LinkError::NameCut(_)))) => Err(site.failed(&e)),
            Err(Failure::Link(e)) => return Err(site.failed(&e)),
            Err(Failure::Call(e)) => Err(e),
        };
        let end =
            if answer.is_ok() { "RELEASE SAVEPOINT one" } else { "ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one" };
        link.ask(end).await.map_err(|e| site.failed(&e))?;
        answers.push(answer);
    }
    Ok(answers)
}

async fn alone(
    link: &mut Link,
    site: &Site<'_>,
    plan: &Plan,
    opened: Opened,
) -> Result<Result<Issued, CallError>, Failure> {
    let there = read(link, &[plan]).await?;
    let sql = write_sql(link.server(), site, &[plan], opened, &there)?;
    if !sql.is_empty() {
        link.ask(&sql).await?;
    }
    let after = read(link, &[plan]).await?;
    Ok(verdict(site, plan, opened, &there, &after))
}
