//! Making access: a role for each lease, its expiry first, its right to log in last, read back before it
//! is committed. Orders that arrive together share a transaction.

use super::Postgres;
use super::cover;
use super::kind::PUBLIC_HALF;
use super::link::{Link, LinkError, ManagerIs, Server, number, text};
use super::pool::Lane;
use super::prepare::{self, Failure};
use super::quote;
use super::site::{Opened, Site, begin, ident, literal};
use super::verifier::Verifier;
use curfew_domain::Timestamp;
use curfew_domain::lease::handle;
use curfew_domain::limits::EMAIL_BYTES;
use curfew_engine::seams::connector::{CallError, IssueOrder, Issued, Target};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::SimpleQueryRow;

/// Sessions one lease may have at a time.
const CONNECTIONS: u32 = 10;
/// Orders that share a transaction.
const AT_ONCE: usize = 64;
/// How far apart two reckonings of one expiry may be, by the jitter of reading two clocks.
const EXPIRY_JITTER_MILLIS: u64 = 5_000;

/// An order, checked and ready to be written as statements.
struct Plan {
    name: String,
    marker: String,
    verifier: String,
    /// What is left when the batch begins, in milliseconds.
    left_millis: i64,
    /// Every role it joins.
    joins: BTreeSet<String>,
    /// Who it is for, as a comment that shows where the server logs its statements. No character of it
    /// could end the comment.
    label: String,
}

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

fn plan(site: &Site<'_>, order: &IssueOrder, now: Timestamp) -> Result<Plan, CallError> {
    let groups = site.groups_of(&order.actions)?;
    if groups.is_empty() {
        return Err(CallError::Invalid("an order without actions gives nothing".to_owned()));
    }
    if order.public_half.kind != PUBLIC_HALF {
        return Err(CallError::Invalid(format!("the public half must be of the kind {PUBLIC_HALF}")));
    }
    let verifier = Verifier::parse(&order.public_half.value, site.settings.iterations);
    let verifier = verifier.map_err(|e| CallError::Invalid(e.to_string()))?;
    // Whichever of the two reckonings ends earlier: a clock that jumped lengthens nothing.
    let left = order.expires_at.millis_since(order.now).min(order.expires_at.millis_since(now));
    if left == 0 {
        return Err(CallError::Invalid(format!("the time of {} is over", order.lease)));
    }
    let roles = groups.iter().flat_map(|g| g.roles.iter().cloned());
    Ok(Plan {
        name: handle(order.lease),
        marker: order.marker(site.target).to_string(),
        verifier: verifier.rebuild(),
        left_millis: i64::try_from(left).unwrap_or(i64::MAX),
        joins: groups.iter().map(|g| g.name.clone()).chain(roles).collect(),
        label: order
            .label
            .chars()
            .take(EMAIL_BYTES)
            .filter(|c| c.is_ascii_alphanumeric() || "@._-+:".contains(*c))
            .collect(),
    })
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
    let sql = write_sql(link.server(), site, plans, opened, &there)? + &read_sql(link.server(), plans)?;
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

/// What has to be written so that the plans stand. All of it is one transaction: nobody sees a role that may
/// log in before its expiry, marker and memberships are there too.
///
/// What changes roles comes first, then the comments, then one `GRANT` for all who join the same groups:
/// from 16 on each check of a manager that is no superuser walks everything it administers.
fn write_sql(
    server: &Server,
    site: &Site<'_>,
    plans: &[&Plan],
    opened: Opened,
    there: &BTreeMap<String, Stands>,
) -> Result<String, CallError> {
    let (mut roles, mut comments) = (String::new(), String::new());
    let mut joins: BTreeMap<&BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for plan in plans {
        let (name, password) = (ident(&plan.name)?, literal(&plan.verifier)?);
        match there.get(&plan.name) {
            None => {
                let until = literal(&expiry(plan, opened).to_string())?;
                roles.push_str(&format!(
                    "CREATE ROLE {name} /* {} */ LOGIN CONNECTION LIMIT {CONNECTIONS} VALID UNTIL {until} PASSWORD {password};\n",
                    plan.label
                ));
                comments.push_str(&format!("COMMENT ON ROLE {name} IS {};\n", literal(&plan.marker)?));
                joins.entry(&plan.joins).or_default().push(name);
            }
            // Whoever may not read verifiers writes the one ordered again.
            Some(stands) if stands.verifier.is_none() && is_ours(site, plan, opened, stands) => {
                roles.push_str(&format!("ALTER ROLE {name} PASSWORD {password};\n"));
            }
            Some(_) => {}
        }
    }
    for (groups, members) in joins {
        let groups = groups.iter().map(|g| ident(g)).collect::<Result<Vec<_>, _>>()?.join(", ");
        comments.push_str(&format!("GRANT {groups} TO {}{};\n", members.join(", "), Site::membership(server)));
    }
    Ok(roles + &comments)
}

fn is_ours(site: &Site<'_>, plan: &Plan, opened: Opened, stands: &Stands) -> bool {
    stands.marker == plan.marker && compare(site, plan, opened, stands).is_ok()
}

/// The expiry by the target's clock.
fn expiry(plan: &Plan, opened: Opened) -> Timestamp {
    Timestamp::from_millis(opened.now_millis.saturating_add(plan.left_millis))
}

/// A role as it stands in the target.
struct Stands {
    oid: u32,
    marker: String,
    /// Everything it can do beyond what a lease's role does, as words; empty when nothing.
    odd: String,
    valid_until: Option<i64>,
    joins: BTreeSet<String>,
    /// Absent when we may not see it.
    verifier: Option<String>,
}

fn read_sql(server: &Server, plans: &[&Plan]) -> Result<String, CallError> {
    let names = quote::texts(plans.iter().map(|p| &p.name)).map_err(|e| CallError::Invalid(e.to_string()))?;
    let (password, catalog) = match server.manager_is {
        ManagerIs::Superuser => ("r.rolpassword", "pg_authid"),
        ManagerIs::Ordinary => ("NULL", "pg_roles"),
    };
    let set_option = if server.has_membership_options() { "m.set_option OR NOT m.inherit_option" } else { "false" };
    Ok(format!(
        "SELECT r.rolname, r.oid, d.description, concat_ws(', ', CASE WHEN NOT r.rolcanlogin THEN 'may not log in' END, \
         CASE WHEN NOT r.rolinherit THEN 'does not inherit' END, CASE WHEN r.rolconnlimit <> {CONNECTIONS} THEN 'another connection limit' END, \
         CASE WHEN r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls THEN 'more rights than a lease has' END, \
         CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND (m.admin_option OR {set_option})) THEN 'other membership options' END), \
         (extract(epoch FROM r.rolvaliduntil) * 1000)::bigint, \
         (SELECT coalesce(json_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), \
         {password} FROM {catalog} r LEFT JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass \
         WHERE r.rolname = ANY ({names})"
    ))
}

async fn read(link: &mut Link, plans: &[&Plan]) -> Result<BTreeMap<String, Stands>, Failure> {
    let sql = read_sql(link.server(), plans)?;
    Ok(by_name(link.rows(&sql).await?.iter()))
}

fn by_name<'a>(rows: impl Iterator<Item = &'a SimpleQueryRow>) -> BTreeMap<String, Stands> {
    rows.filter_map(|row| {
        let stands = Stands {
            oid: number(row, 1)?,
            marker: text(row, 2).to_owned(),
            odd: text(row, 3).to_owned(),
            valid_until: number(row, 4),
            joins: serde_json::from_str(text(row, 5)).unwrap_or_default(),
            verifier: row.get(6).map(str::to_owned),
        };
        Some((text(row, 0).to_owned(), stands))
    })
    .collect()
}

/// What a plan came to, by what was read before and after.
fn verdict(
    site: &Site<'_>,
    plan: &Plan,
    opened: Opened,
    before: &BTreeMap<String, Stands>,
    after: &BTreeMap<String, Stands>,
) -> Result<Issued, CallError> {
    if before.get(&plan.name).is_some_and(|stands| stands.marker != plan.marker) {
        return Err(site.not_ours(format!("a role {} stands there without this lease's marker", plan.name)));
    }
    let stands = after.get(&plan.name).ok_or_else(|| site.refused(format!("{} cannot be read back", plan.name)))?;
    compare(site, plan, opened, stands)?;
    let place = site.way.place();
    let connection = [
        ("host", place.host.clone()),
        ("port", place.port.to_string()),
        ("database", site.way.database().to_owned()),
        ("user", plan.name.clone()),
    ];
    Ok(Issued {
        locator: stands.oid.to_string(),
        connection: connection.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
    })
}

/// Whether a role stands exactly as ordered.
fn compare(site: &Site<'_>, plan: &Plan, opened: Opened, stands: &Stands) -> Result<(), CallError> {
    let differs = |how: &str| Err(site.refused(format!("{} stands there, but not as ordered: {how}", plan.name)));
    if !stands.odd.is_empty() {
        return differs(&stands.odd);
    }
    if stands.joins != plan.joins {
        return differs("other memberships");
    }
    let wanted = expiry(plan, opened).as_millis();
    if stands.valid_until.is_none_or(|until| until.abs_diff(wanted) > EXPIRY_JITTER_MILLIS) {
        return differs("another expiry");
    }
    if stands.verifier.as_ref().is_some_and(|v| *v != plan.verifier) {
        return differs("another verifier");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_domain::{ActionName, Id, ResourceName};
    use curfew_engine::seams::connector::PublicHalf;

    fn target() -> Target {
        Target {
            resource: ResourceName::new("services/db").expect("name"),
            definition: curfew_domain::lease::Definition { admin: None, settings: serde_json::json!({}) },
            admin: Some("postgres://m:p@127.0.0.1/d".to_owned().into()),
            installation: "0123456789abcdef".to_owned(),
            epoch: 1,
        }
    }

    fn order(value: &str) -> IssueOrder {
        IssueOrder {
            lease: Id::new(Timestamp::from_millis(1), [7; 10]),
            actions: vec![ActionName::new("read").expect("name")],
            expires_at: Timestamp::from_millis(10_000),
            now: Timestamp::from_millis(1_000),
            public_half: PublicHalf { kind: PUBLIC_HALF.to_owned(), value: value.to_owned() },
            label: "a'b\\c".to_owned(),
        }
    }

    #[test]
    fn a_password_is_never_taken_for_a_verifier() {
        let target = target();
        let site = Site::of(&target).expect("site");
        let refused = plan(&site, &order("hunter2"), Timestamp::from_millis(1_000)).err().expect("refused");
        assert!(matches!(&refused, CallError::Invalid(m) if !m.contains("hunter2")), "{refused}");
    }

    #[test]
    fn a_clock_that_jumped_ahead_shortens_and_one_that_fell_back_does_not_lengthen() {
        let target = target();
        let site = Site::of(&target).expect("site");
        let half = format!("SCRAM-SHA-256$1:{}==${}=:{}=", "A".repeat(22), "A".repeat(43), "A".repeat(43));
        let left = |wall| plan(&site, &order(&half), Timestamp::from_millis(wall)).map(|p| p.left_millis).ok();
        assert_eq!(left(1_000), Some(9_000));
        assert_eq!(left(9_000), Some(1_000));
        assert_eq!(left(-50_000), Some(9_000));
        assert_eq!(left(10_000), None);
    }
}
