//! A subject that does its worst: everything it can leave behind, in two databases, also as the group.

use crate::support::{Ask, EVERY, Manager, Session, Site, Version, connect, revoked, value};
use curfew_domain::lease::{Leftover, LeftoverDone};
use curfew_engine::seams::Connector;
use curfew_engine::seams::connector::{Issued, Revocation};
use secrecy::ExposeSecret;
use std::time::Duration;

/// A second database, where everybody may create.
async fn second(site: &Site) -> String {
    let name = format!("second_{}", site.database);
    site.sql(&format!("CREATE DATABASE {name}")).await;
    site.server.postgres.execute(&name, "GRANT CREATE ON SCHEMA public TO PUBLIC").await.unwrap();
    name
}

/// What it does in one session, as itself or as whoever it has become.
async fn plunder(session: &Session, tag: &str, accomplice: &str) {
    session
        .run(&format!(
            "CREATE TABLE public.{tag}_loot (i int); GRANT SELECT ON public.{tag}_loot TO PUBLIC; \
             GRANT ALL ON public.{tag}_loot TO {accomplice} WITH GRANT OPTION; \
             CREATE FUNCTION public.{tag}_leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 42::bigint'; \
             CREATE PROCEDURE public.{tag}_do(int) LANGUAGE sql AS 'SELECT 1'; \
             CREATE TYPE public.{tag}_pair AS (a int, b int); CREATE DOMAIN public.{tag}_small AS int; CREATE TYPE public.{tag}_range AS RANGE (subtype = int); \
             CREATE VIEW public.{tag}_peek AS SELECT * FROM public.{tag}_loot; \
             CREATE SEQUENCE public.{tag}_seq; CREATE AGGREGATE public.{tag}_sum(int) (SFUNC = int4pl, STYPE = int); \
             ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; \
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {accomplice}; \
             SELECT lo_create(0)"
        ))
        .await
        .unwrap_or_else(|e| panic!("{tag}: {e:?}"));
    session
        .run(&format!(
            "BEGIN; CREATE TABLE public.{tag}_prepared (i int); PREPARE TRANSACTION 'it''s {tag} {accomplice}'"
        ))
        .await
        .unwrap_or_else(|e| panic!("{tag} prepared: {e:?}"));
}

struct Scene {
    site: Site,
    second: String,
    accomplice: String,
    ask: Ask,
    issued: Issued,
}

async fn scene(version: Version, manager: Manager, leftovers: &str) -> Option<Scene> {
    let settings = serde_json::json!({"leftovers": leftovers, "actions": {"maker": {"roles": []}}});
    let mut site = Site::with(version, manager, settings).await?;
    let accomplice = format!("accomplice_{}", site.database);
    let maker = format!("maker_{}", site.database);
    site.sql(&format!("CREATE ROLE {accomplice}; CREATE ROLE {maker} CREATEROLE")).await;
    if version == Version::Sixteen && manager == Manager::Ordinary {
        let account = format!("curfew_manager_{}", site.database.trim_start_matches("orders_"));
        site.sql(&format!("GRANT {maker} TO {account} WITH ADMIN OPTION")).await;
    }
    site.target.definition.settings["actions"]["maker"]["roles"] = serde_json::json!([maker]);
    let second = second(&site).await;
    site.connector.prepare(&site.target).await.unwrap();
    let ask = site.order(&["read", "write", "ddl", "maker"], 600);
    let issued = site.issue(&ask).await.unwrap();
    Some(Scene { site, second, accomplice, ask, issued })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_subject_is_ended_and_everything_is_accounted_for() {
    for (version, manager) in EVERY {
        let Some(scene) = scene(version, manager, "quarantine").await else { continue };
        let Scene { site, second, accomplice, ask, issued } = &scene;
        let colleague = site.order(&["read", "ddl"], 600);
        let colleague_issued = site.issue(&colleague).await.unwrap();
        let at_work = colleague.log_in(site).await.unwrap();
        let port = site.server.postgres.port();

        let one = ask.log_in(site).await.unwrap();
        plunder(&one, "own", accomplice).await;
        let two = ask.log_in_to(site, second, port).await.unwrap();
        plunder(&two, "own2", accomplice).await;
        let group = site.group_of(ask, "ddl").await;
        let three = ask.log_in(site).await.unwrap();
        let became = three.run(&format!("SET ROLE \"{group}\"")).await;
        assert_eq!(became.is_ok(), version == Version::Debian, "16 and later refuse SET ROLE");
        if became.is_ok() {
            plunder(&three, "grp", accomplice).await;
            let four = ask.log_in_to(site, second, port).await.unwrap();
            four.run(&format!("SET ROLE \"{group}\"")).await.unwrap();
            plunder(&four, "grp2", accomplice).await;
            let five = ask.log_in(site).await.unwrap();
            five.run(&format!("SET ROLE maker_{0}; CREATE ROLE minion_{0} LOGIN", site.database)).await.unwrap();
        }
        let holds = ask.log_in(site).await.unwrap();
        holds.run("SELECT pg_advisory_lock(7); BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let own_row = ask.log_in(site).await.unwrap();
        own_row.run(&format!("BEGIN; ALTER ROLE \"{}\" PASSWORD 'hold the row'", ask.name())).await.unwrap();

        let begun = std::time::Instant::now();
        let left = revoked(site.revoke(ask, Some(issued)).await);
        eprintln!("{version:?} {manager:?}: ended in {:?} with {} leftovers", begun.elapsed(), left.len());
        for session in [&one, &two, &three, &holds, &own_row] {
            assert!(session.closes().await);
        }
        assert_eq!(site.value(&format!("SELECT count(*) FROM pg_roles WHERE oid = {}", issued.locator)).await, "0");
        assert_eq!(site.value("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()").await, "0");
        let tags = if version == Version::Debian { vec!["own", "own2", "grp", "grp2"] } else { vec!["own", "own2"] };
        for tag in &tags {
            accounted(&left, tag, site, if tag.ends_with('2') { second } else { &site.database });
        }
        if version == Version::Debian {
            let minion = format!("minion_{}", site.database);
            assert!(
                left.iter().any(|l| l.kind == "role" && l.name == minion && l.done == LeftoverDone::Reported),
                "{left:#?}"
            );
        }
        for (database, tag) in [(&site.database, "own"), (second, "own2")] {
            powerless(site, database, tag, accomplice).await;
        }
        if version == Version::Debian {
            powerless(site, &site.database, "grp", accomplice).await;
            powerless(site, second, "grp2", accomplice).await;
        }
        // The others of the group were not hurt, and the group is as policy says.
        at_work.run("SELECT * FROM orders").await.unwrap();
        assert_eq!(site.connector.observe(&site.target).await.unwrap().drift, Vec::<String>::new());
        assert_eq!(revoked(site.revoke(ask, Some(issued)).await), left, "asked again, the same is reported");
        revoked(site.revoke(&colleague, Some(&colleague_issued)).await);
    }
}

fn accounted(left: &[Leftover], tag: &str, site: &Site, database: &str) {
    for (kind, name) in [
        ("table", format!("public.{tag}_loot")),
        ("security definer function", format!("public.{tag}_leak()")),
        ("procedure", format!("public.{tag}_do(integer)")),
        ("view", format!("public.{tag}_peek")),
        ("sequence", format!("public.{tag}_seq")),
    ] {
        let found = left.iter().find(|l| l.kind == kind && l.name == name && l.database == database);
        assert_eq!(found.map(|l| l.done), Some(LeftoverDone::Quarantined), "{kind} {name} in {database} of {left:#?}");
    }
    let prepared = format!("it's {tag} accomplice_{}", site.database);
    assert!(left.iter().any(|l| l.kind == "prepared transaction" && l.name == prepared), "{prepared} of {left:#?}");
    assert!(
        left.iter().any(|l| l.kind == "default acl" && l.database == database && l.done == LeftoverDone::Dropped),
        "{left:#?}"
    );
}

/// Whatever is left belongs to a role without a right, and nobody else is let in.
async fn powerless(site: &Site, database: &str, tag: &str, accomplice: &str) {
    let (client, _keep) = connect(site.server.postgres.url_to(database).expose_secret()).await.unwrap();
    let ask = async |sql: &str| value(&client, sql).await.unwrap();
    let owner = ask(&format!("SELECT relowner::regrole FROM pg_class WHERE oid = 'public.{tag}_loot'::regclass")).await;
    assert_eq!(owner, format!("cf_quarantine_{}", site.target.installation));
    for sql in [
        format!("SELECT has_table_privilege('{accomplice}', 'public.{tag}_loot', 'SELECT')"),
        format!("SELECT has_function_privilege('{accomplice}', 'public.{tag}_leak()', 'EXECUTE')"),
        format!("SELECT has_function_privilege('{accomplice}', 'public.{tag}_do(int)', 'EXECUTE')"),
        format!(
            "SELECT rolcanlogin OR rolsuper OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r WHERE rolname = '{owner}'"
        ),
        format!("SELECT has_schema_privilege('{owner}', 'public', 'CREATE') AND current_database() NOT LIKE 'second%'"),
        "SELECT EXISTS (SELECT FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole WHERE r.rolname LIKE 'cf_%')"
            .to_owned(),
        format!("SELECT EXISTS (SELECT FROM pg_class WHERE relname = '{tag}_prepared')"),
    ] {
        assert_eq!(ask(&sql).await, "f", "{sql} in {database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_holds_its_own_row_in_a_prepared_transaction_is_locked_out() {
    for (version, manager) in EVERY {
        let Some(site) = Site::prepared(version, manager).await else { continue };
        let (ask, mate) = (site.order(&["read", "ddl"], 600), site.order(&["read"], 600));
        let issued = [site.issue(&ask).await.unwrap(), site.issue(&mate).await.unwrap()];
        let session = ask.log_in(&site).await.unwrap();
        session
            .run(&format!(
                "BEGIN; ALTER ROLE \"{}\" PASSWORD 'x'; PREPARE TRANSACTION 'held {}'",
                ask.name(),
                site.database
            ))
            .await
            .unwrap();
        let endings = [site.ending(&ask, Some(&issued[0])), site.ending(&mate, Some(&issued[1]))];
        let begun = std::time::Instant::now();
        for answer in site.connector.revoke(&site.target, &endings).await {
            revoked(answer);
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(session.closes().await && ask.log_in(&site).await.is_err() && mate.log_in(&site).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_dropped_is_dropped_and_what_others_use_is_kept() {
    for (version, manager) in EVERY {
        let Some(scene) = scene(version, manager, "drop").await else { continue };
        let Scene { site, ask, issued, .. } = &scene;
        let session = ask.log_in(site).await.unwrap();
        session.run("CREATE TABLE public.scratch (i int)").await.unwrap();
        let left = revoked(site.revoke(ask, Some(issued)).await);
        // What other tests make at the same time on this server is younger than the lease too, and is named.
        let ours = left.iter().filter(|l| l.kind != "role" || l.name.contains(site.database.as_str()));
        assert_eq!(ours.map(|l| (l.kind.as_str(), l.done)).collect::<Vec<_>>(), [("table", LeftoverDone::Dropped)]);
        assert_eq!(site.value("SELECT to_regclass('public.scratch') IS NULL").await, "t");

        let ask = site.order(&["ddl"], 600);
        let issued = site.issue(&ask).await.unwrap();
        ask.log_in(site).await.unwrap().run("CREATE TABLE public.used (i int)").await.unwrap();
        site.sql("CREATE VIEW public.theirs AS SELECT * FROM public.used").await;
        let left = revoked(site.revoke(&ask, Some(&issued)).await);
        assert!(left.iter().all(|l| l.done == LeftoverDone::Quarantined), "{left:?}");
        assert_eq!(site.value("SELECT count(*) FROM public.theirs").await, "0", "somebody else's view still works");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cleared_yet_is_locked_out_and_does_not_hold_up_others() {
    for (version, manager) in EVERY {
        let Some(scene) = scene(version, manager, "quarantine").await else { continue };
        let Scene { site, second, accomplice, ask, issued } = &scene;
        let mate = site.order(&["read"], 600);
        let mate_issued = site.issue(&mate).await.unwrap();
        let session = ask.log_in_to(site, second, site.server.postgres.port()).await.unwrap();
        plunder(&session, "own", accomplice).await;
        session.run(&format!("ROLLBACK PREPARED 'it''s own {accomplice}'")).await.unwrap();
        // Nobody can connect there for a while; the open session stays.
        site.sql(&format!("ALTER DATABASE {second} ALLOW_CONNECTIONS false")).await;
        let endings = [site.ending(ask, Some(issued)), site.ending(&mate, Some(&mate_issued))];
        let mut answers = site.connector.revoke(&site.target, &endings).await;
        revoked(answers.remove(1));
        let stuck = answers.remove(0);
        assert!(
            matches!(&stuck, Ok(Revocation::LockedOut { because, .. }) if because.contains(second.as_str())),
            "{stuck:?}"
        );
        assert!(session.closes().await);
        assert!(ask.log_in(site).await.is_err());
        site.sql(&format!("ALTER DATABASE {second} ALLOW_CONNECTIONS true")).await;
        let left = revoked(site.revoke(ask, Some(issued)).await);
        assert!(left.iter().any(|l| l.name == "public.own_leak()"), "{left:?}");
    }
}
