//! What one role left in one database: given to a powerless owner with nobody else let in, or dropped.
//!
//! Never to Curfew's own account: a view or a definer function would then read with the manager's rights.

use super::clear::record;
use super::{BTreeSet, Case, Link, begin, ident, number, quote};
use crate::postgres::Postgres;
use crate::postgres::link::{LinkError, ManagerIs, text, yes};
use crate::postgres::settings::Leftovers;
use crate::postgres::site::Site;
use curfew_domain::lease::{Leftover, LeftoverDone};
use tokio_postgres::SimpleQueryRow;

/// Statements of one kind in one round trip.
const AT_ONCE: usize = 500;

/// Whose things they are.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) oid: u32,
    pub(super) kind: OwnerKind,
}

/// What an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnerKind {
    /// A lease's own role: it goes.
    Lease,
    /// A group role that a lease acted as: it stays, and keeps its privileges.
    Group,
}

/// Something owned.
struct Thing {
    kind: String,
    identity: String,
    /// The schema it is in; empty when it is in none.
    schema: String,
    is_default_privileges: bool,
}

/// The databases in which a role owns something or holds a privilege.
pub(super) async fn of(link: &mut Link, oid: u32) -> Result<BTreeSet<String>, String> {
    let sql = format!(
        "SELECT DISTINCT d.datname, d.datallowconn FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid \
         WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = {oid}"
    );
    let rows = link.rows(&sql).await.map_err(|e| e.to_string())?;
    if let Some(row) = rows.iter().find(|row| !yes(row, 1)) {
        return Err(format!("{} takes no connections, and something of the subject's is in it", text(row, 0)));
    }
    Ok(rows.iter().map(|row| text(row, 0).to_owned()).collect())
}

/// Clears one database.
pub(super) async fn clear(
    postgres: &Postgres,
    main: &mut Link,
    site: &Site<'_>,
    case: &Case,
    owner: &Owner,
    database: &str,
) -> Result<(), String> {
    let way = site.way.to_database(database);
    let mut link = postgres.pool.take(&way).await.map_err(|e| e.to_string())?;
    link.ask("BEGIN").await.map_err(|e| e.to_string())?;
    let things = things(&mut link, owner.oid).await.map_err(|e| e.to_string())?;
    let drop_it = site.settings.leftovers == Leftovers::Drop && owner.kind == OwnerKind::Lease;
    let dropped = if drop_it { try_drop(&mut link, owner).await? } else { Fate::Stays };
    let found: Vec<_> = things.iter().map(|thing| thing.leftover(database, dropped)).collect();
    record(main, site, case, &found).await?;
    // The fence is in the resource's own database: it is held there while this one is changed.
    begin(main, site).await.map_err(|e| e.to_string())?;
    if dropped == Fate::Stays {
        quarantine(&mut link, site, owner, &things).await.map_err(|e| e.to_string())?;
    }
    link.ask("COMMIT").await.map_err(|e| e.to_string())?;
    main.ask("COMMIT").await.map_err(|e| e.to_string())?;
    postgres.pool.give_back(&way, link);
    Ok(())
}

/// What became of things that were to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone,
    Stays,
}

impl Thing {
    fn leftover(&self, database: &str, fate: Fate) -> Leftover {
        let gone = fate == Fate::Gone || self.is_default_privileges;
        Leftover {
            kind: self.kind.clone(),
            name: self.identity.clone(),
            database: database.to_owned(),
            done: if gone { LeftoverDone::Dropped } else { LeftoverDone::Quarantined },
        }
    }
}

async fn things(link: &mut Link, oid: u32) -> Result<Vec<Thing>, LinkError> {
    let sql = format!(
        "SELECT CASE WHEN p.prosecdef THEN 'security definer ' ELSE '' END || i.type, i.identity, \
         (SELECT nspname FROM pg_namespace WHERE oid = to_regnamespace(i.schema)), \
         s.classid = 'pg_default_acl'::regclass \
         FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i \
         LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid \
         WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = {oid} AND s.deptype = 'o' \
         AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2"
    );
    let thing = |row: &SimpleQueryRow| Thing {
        kind: text(row, 0).to_owned(),
        identity: text(row, 1).to_owned(),
        schema: text(row, 2).to_owned(),
        is_default_privileges: yes(row, 3),
    };
    Ok(link.rows(&sql).await?.iter().map(thing).collect())
}

/// Drops what nothing of anybody else's depends on.
async fn try_drop(link: &mut Link, owner: &Owner) -> Result<Fate, String> {
    let name = ident(&owner.name).map_err(|e| e.to_string())?;
    match link.ask(&format!("SAVEPOINT gone; DROP OWNED BY {name} RESTRICT; RELEASE SAVEPOINT gone")).await {
        Ok(_) => Ok(Fate::Gone),
        Err(LinkError::Statement { .. }) => {
            link.ask("ROLLBACK TO SAVEPOINT gone").await.map_err(|e| e.to_string())?;
            Ok(Fate::Stays)
        }
        Err(e) => Err(e.to_string()),
    }
}

async fn quarantine(link: &mut Link, site: &Site<'_>, owner: &Owner, things: &[Thing]) -> Result<(), LinkError> {
    let cut = |e: quote::Unquotable| LinkError::NameCut(e.to_string());
    let (role, keeper) = (quote::ident(&owner.name).map_err(cut)?, quote::ident(&site.quarantine).map_err(cut)?);
    let opened = open_schemas(link, site, things).await?;
    if !things.is_empty() {
        let moved = owned_rows(link, owner.oid).await?;
        link.ask(&format!("REASSIGN OWNED BY {role} TO {keeper}")).await?;
        close(link, &moved).await?;
    }
    let defaults = things.iter().any(|thing| thing.is_default_privileges);
    if owner.kind == OwnerKind::Lease || defaults {
        // What is left of it: privileges it was given, those it passed on, default privileges, policies.
        link.ask(&format!("DROP OWNED BY {role} CASCADE")).await?;
    }
    for schema in opened {
        let schema = quote::ident(&schema).map_err(cut)?;
        link.ask(&format!("REVOKE CREATE ON SCHEMA {schema} FROM {keeper}")).await?;
    }
    Ok(())
}

/// Whoever is no superuser may give a function only to an owner that may create in its schema; so the
/// powerless role may, until the end of this transaction.
async fn open_schemas(link: &mut Link, site: &Site<'_>, things: &[Thing]) -> Result<Vec<String>, LinkError> {
    if link.server().manager_is == ManagerIs::Superuser {
        return Ok(Vec::new());
    }
    let cut = |e: quote::Unquotable| LinkError::NameCut(e.to_string());
    let schemas: BTreeSet<_> = things.iter().map(|t| t.schema.as_str()).filter(|s| !s.is_empty()).collect();
    let sql = format!(
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY ({}) AND NOT has_schema_privilege({}, oid, 'CREATE')",
        quote::texts(schemas).map_err(cut)?,
        quote::literal(&site.quarantine).map_err(cut)?
    );
    let closed: Vec<_> = link.rows(&sql).await?.iter().map(|row| text(row, 0).to_owned()).collect();
    let keeper = quote::ident(&site.quarantine).map_err(cut)?;
    for schema in &closed {
        let schema = quote::ident(schema).map_err(cut)?;
        link.ask(&format!("GRANT CREATE ON SCHEMA {schema} TO {keeper}")).await?;
    }
    Ok(closed)
}

/// One thing that others may have been let into.
struct Row {
    class: String,
    schema: String,
    name: String,
    /// Schema and name of each argument's type, for routines.
    arguments: Vec<(String, String)>,
    oid: u32,
}

async fn owned_rows(link: &mut Link, oid: u32) -> Result<Vec<Row>, LinkError> {
    let sql = format!(
        "SELECT 'TABLE', n.nspname, c.relname, '[]', c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE c.relowner = {oid} AND c.relkind = ANY ('{{r,p,v,m,f,S}}') \
         UNION ALL SELECT 'ROUTINE', n.nspname, p.proname, (SELECT coalesce(json_agg(json_build_array(tn.nspname, t.typname) ORDER BY a.place), '[]')::text \
          FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place) JOIN pg_type t ON t.oid = a.type JOIN pg_namespace tn ON tn.oid = t.typnamespace), p.oid \
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proowner = {oid} \
         UNION ALL SELECT 'SCHEMA', '', nspname, '[]', oid FROM pg_namespace WHERE nspowner = {oid} \
         UNION ALL SELECT 'TYPE', n.nspname, t.typname, '[]', t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
          WHERE t.typowner = {oid} AND t.typelem = 0 AND t.typtype <> 'm' AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) \
         UNION ALL SELECT 'LARGE OBJECT', '', oid::text, '[]', oid FROM pg_largeobject_metadata WHERE lomowner = {oid}"
    );
    let row = |row: &SimpleQueryRow| {
        Some(Row {
            class: text(row, 0).to_owned(),
            schema: text(row, 1).to_owned(),
            name: text(row, 2).to_owned(),
            arguments: serde_json::from_str(text(row, 3)).unwrap_or_default(),
            oid: number(row, 4)?,
        })
    };
    Ok(link.rows(&sql).await?.iter().filter_map(row).collect())
}

/// Takes back everything that others, `PUBLIC` first, may do with these things.
async fn close(link: &mut Link, rows: &[Row]) -> Result<(), LinkError> {
    let oids = quote::oids(rows.iter().map(|row| row.oid));
    let sql = format!(
        "SELECT DISTINCT g.rolname FROM (SELECT relacl acl, relowner owner FROM pg_class WHERE oid = ANY ({oids}) \
          UNION ALL SELECT c.attacl, t.relowner FROM pg_attribute c JOIN pg_class t ON t.oid = c.attrelid \
           WHERE c.attrelid = ANY ({oids}) AND c.attacl IS NOT NULL \
          UNION ALL SELECT proacl, proowner FROM pg_proc WHERE oid = ANY ({oids}) \
          UNION ALL SELECT nspacl, nspowner FROM pg_namespace WHERE oid = ANY ({oids}) \
          UNION ALL SELECT typacl, typowner FROM pg_type WHERE oid = ANY ({oids}) \
          UNION ALL SELECT lomacl, lomowner FROM pg_largeobject_metadata WHERE oid = ANY ({oids})) a \
         CROSS JOIN LATERAL aclexplode(a.acl) x JOIN pg_roles g ON g.oid = x.grantee WHERE x.grantee <> a.owner"
    );
    let cut = |e: quote::Unquotable| LinkError::NameCut(e.to_string());
    let others = link.rows(&sql).await?;
    let mut grantees = vec!["PUBLIC".to_owned()];
    for row in &others {
        grantees.push(quote::ident(text(row, 0)).map_err(cut)?);
    }
    let grantees = grantees.join(", ");
    for some in rows.chunks(AT_ONCE) {
        let mut statements = String::new();
        for row in some {
            let thing = row.sql().map_err(cut)?;
            statements.push_str(&format!("REVOKE ALL ON {} {thing} FROM {grantees} CASCADE;\n", row.class));
        }
        link.ask(&statements).await?;
    }
    Ok(())
}

impl Row {
    fn sql(&self) -> Result<String, quote::Unquotable> {
        if self.class == "LARGE OBJECT" {
            return Ok(self.oid.to_string());
        }
        let name = quote::ident(&self.name)?;
        if self.schema.is_empty() {
            return Ok(name);
        }
        let name = format!("{}.{name}", quote::ident(&self.schema)?);
        if self.class != "ROUTINE" {
            return Ok(name);
        }
        let type_name =
            |(schema, name): &(String, String)| Ok(format!("{}.{}", quote::ident(schema)?, quote::ident(name)?));
        let types = self.arguments.iter().map(type_name).collect::<Result<Vec<_>, quote::Unquotable>>()?;
        Ok(format!("{name}({})", types.join(", ")))
    }
}
