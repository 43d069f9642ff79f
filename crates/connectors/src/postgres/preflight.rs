//! Whether a target can be trusted with access: each thing looked at by itself, each failure with the
//! statement that mends it. Changes nothing.

use super::Postgres;
use super::cover;
use super::link::{Link, LinkError, ManagerIs, Standing as Replication, number, yes};
use super::observe;
use super::pool::Lane;
use super::prepare::OLDEST;
use super::quote;
use super::settings::Place;
use super::site::Site;
use super::way::TlsMode;
use curfew_engine::seams::connector::{Finding, Standing, Target};

/// Beyond this the clocks are worth a look.
const OFFSET_WARNING_MILLIS: u64 = 5_000;
/// Beyond this no time written into the target means anything.
const OFFSET_FAILED_MILLIS: u64 = 60_000;
/// Connections that should be free for leases and for Curfew.
const SPARE_CONNECTIONS: i64 = 20;

struct Report(Vec<Finding>);

impl Report {
    fn say(&mut self, check: &str, standing: Standing, message: impl Into<String>) {
        self.0.push(Finding { check: check.to_owned(), standing, message: message.into() });
    }
}

pub(crate) async fn run(postgres: &Postgres, target: &Target) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    let site = match Site::of(target) {
        Ok(site) => site,
        Err(e) => {
            report.say("settings", Standing::Failed, e.to_string());
            return report.0;
        }
    };
    let _place = postgres.pool.enter(site.resource(), Lane::Look).await;
    match postgres.pool.take(&site.way).await {
        Ok(mut link) => {
            report.say("reachable", Standing::Ok, format!("{} answers", site.way.place()));
            match all(postgres, &mut link, &site, &mut report).await {
                Ok(()) => postgres.pool.give_back(&site.way, link),
                Err(e) => report.say("readable", Standing::Failed, e.to_string()),
            }
        }
        Err(e) => report.say("reachable", Standing::Failed, e.to_string()),
    }
    report.0
}

async fn all(postgres: &Postgres, link: &mut Link, site: &Site<'_>, report: &mut Report) -> Result<(), LinkError> {
    server(link, site, report);
    clock(postgres, link, report).await?;
    match link.server().manager_is {
        ManagerIs::Superuser => report.say("privileges", Standing::Ok, "Curfew's account is a superuser"),
        ManagerIs::Ordinary => {
            attributes(link, report).await?;
            database(link, site, report).await?;
            admin_options(link, site, report).await?;
        }
    }
    coverage(link, site, report).await?;
    exposure(link, site, report).await?;
    capacity(link, report).await?;
    for place in &site.settings.replicas {
        replica(postgres, site, place, report).await;
    }
    Ok(())
}

fn server(link: &Link, site: &Site<'_>, report: &mut Report) {
    let version = link.server().version;
    let (major, minor) = (version / 10_000, version % 10_000);
    if version < OLDEST {
        report.say("version", Standing::Failed, format!("PostgreSQL {major} is too old: 14 or later is needed"));
    } else {
        report.say("version", Standing::Ok, format!("PostgreSQL {major}.{minor}"));
    }
    if link.server().standing == Replication::Standby {
        report.say("primary", Standing::Failed, "this is a standby: let `admin` lead to the primary");
    }
    let host = &site.way.place().host;
    let local = host.starts_with('/') || matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if !local && matches!(site.way.tls(), TlsMode::Disable | TlsMode::Prefer | TlsMode::Require) {
        let message = "the server's certificate is not checked: add sslmode=verify-full to `admin`";
        report.say("tls", Standing::Warning, message);
    }
}

async fn clock(postgres: &Postgres, link: &mut Link, report: &mut Report) -> Result<(), LinkError> {
    let offset = observe::clock_offset(postgres, link).await?;
    let standing = match offset.unsigned_abs() {
        far if far > OFFSET_FAILED_MILLIS => Standing::Failed,
        some if some > OFFSET_WARNING_MILLIS => Standing::Warning,
        _ => Standing::Ok,
    };
    report.say("clock", standing, format!("the server's clock is {offset} ms from ours"));
    Ok(())
}

async fn attributes(link: &mut Link, report: &mut Report) -> Result<(), LinkError> {
    let manager = shown(&link.server().manager.clone());
    let sql =
        "SELECT rolcreaterole, pg_has_role('pg_signal_backend', 'USAGE') FROM pg_roles WHERE rolname = session_user";
    let rows = link.rows(sql).await?;
    let has = |column| rows.first().is_some_and(|row| yes(row, column));
    for (column, what, mend) in [
        (0, "CREATEROLE", format!("ALTER ROLE {manager} CREATEROLE")),
        (1, "pg_signal_backend", format!("GRANT pg_signal_backend TO {manager}")),
    ] {
        if has(column) {
            report.say(what, Standing::Ok, "granted");
        } else {
            report.say(what, Standing::Failed, format!("missing; as a superuser: {mend};"));
        }
    }
    Ok(())
}

async fn database(link: &mut Link, site: &Site<'_>, report: &mut Report) -> Result<(), LinkError> {
    let manager = shown(&link.server().manager.clone());
    let sql = "SELECT has_database_privilege(current_database(), 'CREATE'), \
               (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'curfew')";
    let rows = link.rows(sql).await?;
    let database = shown(site.way.database());
    if rows.first().is_some_and(|row| yes(row, 0)) {
        report.say("CREATE on the database", Standing::Ok, "granted");
    } else {
        let mend = format!("missing; as its owner: GRANT CREATE ON DATABASE {database} TO {manager};");
        report.say("CREATE on the database", Standing::Failed, mend);
    }
    if rows.first().is_some_and(|row| row.get(1) == Some("f")) {
        let mend = format!("it belongs to somebody else; as a superuser: ALTER SCHEMA curfew OWNER TO {manager};");
        report.say("schema curfew", Standing::Failed, mend);
    }
    let sql = "SELECT string_agg(quote_ident(datname), ', ') FROM pg_database WHERE datallowconn \
               AND NOT has_database_privilege(datname, 'CONNECT')";
    if let Some(closed) = link.rows(sql).await?.first().and_then(|row| row.get(0)) {
        let mend =
            format!("what a subject leaves there cannot be cleared: GRANT CONNECT ON DATABASE {closed} TO {manager};");
        report.say("CONNECT everywhere", Standing::Warning, mend);
    }
    Ok(())
}

/// From 16 on `CREATEROLE` alone gives no say over roles that others made.
async fn admin_options(link: &mut Link, site: &Site<'_>, report: &mut Report) -> Result<(), LinkError> {
    let manager = shown(&link.server().manager.clone());
    let needs_admin = link.server().has_membership_options();
    for role in site.settings.actions.values().flat_map(|action| &action.roles) {
        let name = quote::literal(role).map_err(|e| LinkError::NameCut(e.to_string()))?;
        let sql = format!(
            "SELECT rolsuper, pg_has_role(oid, 'MEMBER WITH ADMIN OPTION') FROM pg_roles WHERE rolname = {name}"
        );
        let rows = link.rows(&sql).await?;
        let check = format!("role {role}");
        let quoted = shown(role);
        match rows.first() {
            None => report.say(&check, Standing::Failed, format!("it does not exist: CREATE ROLE {quoted};")),
            Some(row) if yes(row, 0) => {
                report.say(&check, Standing::Failed, "only a superuser can give out a superuser")
            }
            Some(row) if needs_admin && !yes(row, 1) => {
                let mend = format!("as a superuser: GRANT {quoted} TO {manager} WITH ADMIN OPTION;");
                report.say(&check, Standing::Failed, mend);
            }
            Some(_) => report.say(&check, Standing::Ok, "can be given out"),
        }
    }
    Ok(())
}

/// Whether the manager may grant what the actions mean.
async fn coverage(link: &mut Link, site: &Site<'_>, report: &mut Report) -> Result<(), LinkError> {
    let manager = shown(&link.server().manager.clone());
    for schema in &site.settings.schemas {
        let name = quote::literal(schema).map_err(|e| LinkError::NameCut(e.to_string()))?;
        let sql = format!(
            "SELECT pg_has_role(nspowner, 'USAGE') OR (has_schema_privilege(oid, 'USAGE WITH GRANT OPTION') \
             AND has_schema_privilege(oid, 'CREATE WITH GRANT OPTION')), pg_get_userbyid(nspowner) \
             FROM pg_namespace WHERE nspname = {name}"
        );
        let rows = link.rows(&sql).await?;
        let check = format!("schema {schema}");
        let quoted = shown(schema);
        match rows.first() {
            None => report.say(&check, Standing::Failed, format!("it does not exist: CREATE SCHEMA {quoted};")),
            Some(row) if yes(row, 0) => report.say(&check, Standing::Ok, "its privileges can be granted"),
            Some(_) => {
                let mend = format!(
                    "its privileges cannot be granted; as its owner: GRANT USAGE, CREATE ON SCHEMA {quoted} TO {manager} WITH GRANT OPTION;"
                );
                report.say(&check, Standing::Failed, mend);
            }
        }
    }
    tables(link, site, &manager, report).await
}

async fn tables(link: &mut Link, site: &Site<'_>, manager: &str, report: &mut Report) -> Result<(), LinkError> {
    let groups = site.groups().map_err(|e| LinkError::NameCut(e.to_string()))?;
    let beyond = cover::look(link, &groups).await?.missing;
    let beyond: Vec<_> =
        beyond.iter().filter(|m| m.is_one_of_many() && !m.is_grantable()).map(|m| m.what.as_str()).collect();
    if beyond.is_empty() {
        report.say("tables", Standing::Ok, "all of them can be granted");
        return Ok(());
    }
    let (n, some) = (beyond.len(), beyond.iter().take(5).copied().collect::<Vec<_>>().join(", "));
    let message = format!(
        "{n} privileges cannot be granted and are left out, such as {some}; for each owner of such a table: GRANT <owner> TO {manager};"
    );
    report.say("tables", Standing::Warning, message);
    Ok(())
}

/// What a lease could reach that no action gives.
async fn exposure(link: &mut Link, site: &Site<'_>, report: &mut Report) -> Result<(), LinkError> {
    let own = quote::literal(site.way.database()).map_err(|e| LinkError::NameCut(e.to_string()))?;
    let sql = format!(
        "SELECT (SELECT string_agg(quote_ident(datname), ', ' ORDER BY datname) FROM pg_database \
         WHERE datallowconn AND datname <> {own} AND has_database_privilege('public', oid, 'CONNECT')), \
         (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname) FROM pg_namespace \
         WHERE has_schema_privilege('public', oid, 'CREATE'))"
    );
    let rows = link.rows(&sql).await?;
    if let Some(databases) = rows.first().and_then(|row| row.get(0)) {
        let message = format!(
            "PUBLIC may connect to {databases}, so every lease may log in there too; REVOKE CONNECT ON DATABASE ... FROM PUBLIC"
        );
        report.say("other databases", Standing::Warning, message);
    }
    if let Some(schemas) = rows.first().and_then(|row| row.get(1)) {
        let message =
            format!("PUBLIC may create in {schemas}, and so may every lease; REVOKE CREATE ON SCHEMA ... FROM PUBLIC");
        report.say("open schemas", Standing::Warning, message);
    }
    Ok(())
}

async fn capacity(link: &mut Link, report: &mut Report) -> Result<(), LinkError> {
    let sql = "SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint, \
               (SELECT count(*) FROM pg_stat_get_activity(NULL) WHERE datid IS NOT NULL)";
    let rows = link.rows(sql).await?;
    let column = |n| rows.first().and_then(|row| number::<i64>(row, n)).unwrap_or(0);
    let spare = column(0) - column(1);
    let standing = if spare < SPARE_CONNECTIONS { Standing::Warning } else { Standing::Ok };
    report.say("max_connections", standing, format!("{spare} connections are free"));
    Ok(())
}

async fn replica(postgres: &Postgres, site: &Site<'_>, place: &Place, report: &mut Report) {
    let way = site.way.to_place(place);
    let check = format!("replica {place}");
    match postgres.pool.take(&way).await {
        Ok(mut link) => match link.rows("SELECT pg_is_in_recovery()").await {
            Ok(rows) if rows.first().is_some_and(|row| yes(row, 0)) => {
                report.say(&check, Standing::Ok, "it answers");
                postgres.pool.give_back(&way, link);
            }
            Ok(_) => report.say(&check, Standing::Failed, "it is no standby"),
            Err(e) => report.say(&check, Standing::Failed, e.to_string()),
        },
        Err(e) => report.say(&check, Standing::Failed, format!("sessions there could not be ended: {e}")),
    }
}

/// A name as it would stand in the statement to run.
fn shown(name: &str) -> String {
    quote::ident(name).unwrap_or_else(|e| e.to_string())
}
