//! What group roles should hold, what they hold, and closing the gap.
//!
//! Tables come and go, so the gap is looked for before each batch of activations; a fingerprint of the
//! catalog makes that look cheap as long as nothing has changed.

use super::grammar::{On, Privilege};
use super::groups::Group;
use super::link::{Link, LinkError, number, text, yes};
use super::quote::{self, Unquotable};
use super::settings::OWN_PREFIX;
use std::collections::{BTreeMap, BTreeSet};

/// Tables in one `GRANT`.
const TABLES_AT_ONCE: usize = 200;

/// A privilege that a group should hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    group: String,
    privilege: Privilege,
    /// The one thing of several it is missing on; none when it is on a thing named by policy.
    table: Option<(String, String)>,
    grantable: bool,
    /// For a person.
    pub(crate) what: String,
}

impl Missing {
    /// A table that the manager has no say over is left out; anything that policy names is not.
    pub(crate) fn is_one_of_many(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the manager may grant it.
    pub(crate) fn is_grantable(&self) -> bool {
        self.grantable
    }
}

/// Where the groups stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) missing: Vec<Missing>,
    /// Privileges nobody ordered, as sentences.
    pub(crate) extra: Vec<String>,
}

/// Reads where the groups stand in the connection's database.
pub(crate) async fn look(link: &mut Link, groups: &[Group]) -> Result<Picture, LinkError> {
    let sql = picture_sql(groups).map_err(|e| LinkError::NameCut(e.to_string()))?;
    let mut picture = Picture::default();
    for row in link.rows(&sql).await? {
        let (group, class, word) = (text(&row, 1).to_owned(), text(&row, 2), text(&row, 4));
        let (schema, name) = (text(&row, 5), text(&row, 6));
        let thing = if schema.is_empty() { format!("{class} {name}") } else { format!("{class} {schema}.{name}") };
        if text(&row, 0) == "extra" {
            picture.extra.push(format!("the group role {group} holds {word} on {thing}, which policy does not say"));
            continue;
        }
        let ordered = |item: usize| groups.iter().find(|g| g.name == group)?.privileges.get(item).cloned();
        let privilege = match number::<i64>(&row, 3).map(usize::try_from) {
            Some(Ok(item)) => ordered(item),
            // The one that nobody orders: to get in at all.
            Some(Err(_)) | None => Some(Privilege::new(&["CONNECT"], On::Database(name.to_owned()))),
        };
        let Some(privilege) = privilege else { continue };
        let many = matches!(privilege.on, On::Tables(_) | On::Sequences(_));
        let table = (many && !name.is_empty()).then(|| (schema.to_owned(), name.to_owned()));
        let gone = if name.is_empty() { ", which does not exist" } else { "" };
        let on = privilege.sql().map_err(|e| LinkError::NameCut(e.to_string()))?;
        let what = if table.is_some() { format!("{word} on {thing}") } else { format!("{on}{gone}") };
        picture.missing.push(Missing { group, privilege, table, grantable: yes(&row, 7), what });
    }
    Ok(picture)
}

/// Grants what is missing, where it can be.
pub(crate) async fn give(link: &mut Link, missing: &[Missing]) -> Result<(), LinkError> {
    let sql = give_sql(missing).map_err(|e| LinkError::NameCut(e.to_string()))?;
    if sql.is_empty() { Ok(()) } else { link.ask(&sql).await.map(drop) }
}

fn give_sql(missing: &[Missing]) -> Result<String, Unquotable> {
    let mut by_privilege: BTreeMap<(&str, &Privilege), Vec<&Missing>> = BTreeMap::new();
    for one in missing {
        by_privilege.entry((&one.group, &one.privilege)).or_default().push(one);
    }
    let mut sql = String::new();
    for ((group, privilege), missing) in by_privilege {
        let group = quote::ident(group)?;
        if missing.iter().any(|m| m.table.is_none()) {
            sql.push_str(&format!("GRANT {} TO {group};\n", privilege.sql()?));
        }
        let tables: BTreeSet<_> = missing.iter().filter(|m| m.grantable).filter_map(|m| m.table.as_ref()).collect();
        let names = tables.iter().map(|(s, n)| Ok(format!("{}.{}", quote::ident(s)?, quote::ident(n)?)));
        let names = names.collect::<Result<Vec<_>, Unquotable>>()?;
        for some in names.chunks(TABLES_AT_ONCE) {
            sql.push_str(&format!("GRANT {} ON TABLE {} TO {group};\n", privilege.words.join(", "), some.join(", ")));
        }
    }
    Ok(sql)
}

/// A text that changes whenever what the groups cover may have changed: the rows of the catalog carry the
/// transaction that last wrote them.
pub(crate) fn fingerprint_sql(groups: &[Group]) -> Result<String, Unquotable> {
    let schemas: BTreeSet<_> = groups.iter().flat_map(|g| &g.privileges).filter_map(|p| p.on.schema()).collect();
    let schemas = quote::texts(schemas)?;
    let names = quote::texts(groups.iter().map(|g| &g.name))?;
    Ok(format!(
        "WITH s AS (SELECT oid, xmin FROM pg_namespace WHERE nspname = ANY ({schemas})), \
         things AS (SELECT oid, xmin FROM pg_class WHERE relnamespace IN (SELECT oid FROM s) AND relkind = ANY ('{{r,p,v,m,f,S}}') \
         UNION ALL SELECT oid, xmin FROM s \
         UNION ALL SELECT oid, xmin FROM pg_database WHERE datname = current_database()) \
         SELECT count(*) || ':' || coalesce(sum(hashtextextended(oid::text || ':' || xmin::text, 0)), 0) || ':' || \
         (SELECT count(*) FROM pg_roles WHERE rolname = ANY ({names})) FROM things"
    ))
}

fn picture_sql(groups: &[Group]) -> Result<String, Unquotable> {
    let mut wanted = Vec::new();
    for group in groups {
        for (item, privilege) in group.privileges.iter().enumerate() {
            wanted.push(wanted_sql(&group.name, item, privilege)?);
        }
        wanted.push(connect_sql(&group.name)?);
    }
    let names = quote::texts(groups.iter().map(|g| &g.name))?;
    let (wanted, own) = (wanted.join("\nUNION ALL "), quote::literal(OWN_PREFIX)?);
    Ok(format!(
        "WITH g AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY ({names})),
wanted(grp, item, class, oid, word) AS ({wanted}),
actual(grp, class, oid, word) AS (
SELECT g.rolname::text, a.class, a.oid, x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM (SELECT 'relation' class, oid, relacl acl FROM pg_class WHERE relacl IS NOT NULL
 UNION ALL SELECT 'schema', oid, nspacl FROM pg_namespace WHERE nspacl IS NOT NULL
 UNION ALL SELECT 'function', oid, proacl FROM pg_proc WHERE proacl IS NOT NULL
 UNION ALL SELECT 'database', oid, datacl FROM pg_database WHERE datacl IS NOT NULL) a
CROSS JOIN LATERAL aclexplode(a.acl) x JOIN g ON g.oid = x.grantee),
things(class, oid, schema, name, owner) AS (
SELECT 'relation', c.oid, n.nspname::text, c.relname::text, c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL SELECT 'schema', oid, '', nspname::text, nspowner FROM pg_namespace
UNION ALL SELECT 'function', p.oid, n.nspname::text, p.proname::text, p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
UNION ALL SELECT 'database', oid, '', datname::text, datdba FROM pg_database)
SELECT 'missing', w.grp, w.class, w.item::text, w.word, t.schema, t.name,
 CASE WHEN w.class <> 'relation' OR t.oid IS NULL THEN true
  ELSE pg_has_role(t.owner, 'USAGE') OR has_table_privilege(t.oid, 'SELECT WITH GRANT OPTION') END
FROM wanted w LEFT JOIN actual a USING (grp, class, oid, word) LEFT JOIN things t ON t.class = w.class AND t.oid = w.oid
WHERE a.oid IS NULL AND w.item >= 0
UNION ALL
SELECT 'missing', w.grp, w.class, w.item::text, w.word, '', t.name, true
FROM wanted w LEFT JOIN actual a USING (grp, class, oid, word) JOIN things t ON t.class = w.class AND t.oid = w.oid
WHERE a.oid IS NULL AND w.item < 0 AND NOT has_database_privilege('public', w.oid, 'CONNECT')
UNION ALL
SELECT 'extra', a.grp, a.class, '', a.word, t.schema, t.name, true
FROM actual a LEFT JOIN wanted w USING (grp, class, oid, word) JOIN things t ON t.class = a.class AND t.oid = a.oid
JOIN pg_roles o ON o.oid = t.owner WHERE w.oid IS NULL AND NOT starts_with(o.rolname, {own})
UNION ALL
SELECT 'extra', g.rolname::text, 'something of', '', 'a privilege', '', coalesce(d.datname::text, 'the cluster'), true
FROM pg_shdepend s JOIN g ON g.oid = s.refobjid LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'a' AND
 (s.dbid NOT IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) OR s.objsubid <> 0
  OR s.classid NOT IN ('pg_class'::regclass, 'pg_namespace'::regclass, 'pg_proc'::regclass, 'pg_database'::regclass))
 AND NOT EXISTS (SELECT FROM pg_shdepend o JOIN pg_roles r ON r.oid = o.refobjid
  WHERE (o.dbid, o.classid, o.objid) = (s.dbid, s.classid, s.objid) AND o.refclassid = 'pg_authid'::regclass
   AND o.deptype = 'o' AND starts_with(r.rolname, {own}))
ORDER BY 1, 2, 3, 4, 6, 7"
    ))
}

/// Every group may connect to its own database; needed only where the database does not let everybody in.
fn connect_sql(group: &str) -> Result<String, Unquotable> {
    let group = quote::literal(group)?;
    Ok(format!(
        "SELECT {group}::text, -1, 'database', oid, 'CONNECT'::text FROM pg_database WHERE datname = current_database()"
    ))
}

fn wanted_sql(group: &str, item: usize, privilege: &Privilege) -> Result<String, Unquotable> {
    let (group, words) = (quote::literal(group)?, quote::texts(&privilege.words)?);
    let head = |class: &str, oid: &str| format!("SELECT {group}::text, {item}, '{class}', {oid}, w");
    let words = format!("unnest({words}) w");
    let within = |schema: &str| -> Result<String, Unquotable> {
        Ok(format!("to_regnamespace({})", quote::literal(&quote::ident(schema)?)?))
    };
    let own = quote::literal(OWN_PREFIX)?;
    let relations = |schema: &str, kinds: &str| -> Result<String, Unquotable> {
        Ok(format!(
            "{} FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner CROSS JOIN {words} WHERE c.relnamespace = {} \
             AND c.relkind = ANY ('{{{kinds}}}') AND NOT starts_with(o.rolname, {own})",
            head("relation", "c.oid"),
            within(schema)?
        ))
    };
    let one = |class: &str, lookup: String| {
        format!("{} FROM {words}", head(class, &format!("coalesce({lookup}::oid, 0::oid)")))
    };
    Ok(match &privilege.on {
        On::Schema(schema) => one("schema", within(schema)?),
        On::Tables(schema) => relations(schema, "r,p,v,m,f")?,
        On::Sequences(schema) => relations(schema, "S")?,
        On::Functions(schema) => format!(
            "{} FROM pg_proc p CROSS JOIN {words} WHERE p.pronamespace = {} AND p.prokind IN ('f', 'w')",
            head("function", "p.oid"),
            within(schema)?
        ),
        On::Database(name) => {
            one("database", format!("(SELECT oid FROM pg_database WHERE datname = {})", quote::literal(name)?))
        }
        On::Relation(name) => one("relation", format!("to_regclass({})", quote::literal(&name.sql()?)?)),
        On::Function(name, types) => {
            one("function", format!("to_regprocedure({})", quote::literal(&format!("{}({types})", name.sql()?))?))
        }
    })
}

/// Which groups were found covered, at which fingerprint of the catalog.
#[derive(Debug, Default)]
pub(crate) struct Covered(std::sync::Mutex<BTreeMap<String, String>>);

impl Covered {
    fn key(groups: &[Group]) -> String {
        groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn is(&self, groups: &[Group], fingerprint: &str) -> bool {
        self.lock().get(&Self::key(groups)).is_some_and(|known| known == fingerprint)
    }

    pub(crate) fn set(&self, groups: &[Group], fingerprint: &str) {
        self.lock().insert(Self::key(groups), fingerprint.to_owned());
    }

    pub(crate) fn forget(&self, groups: &[Group]) {
        self.lock().remove(&Self::key(groups));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
