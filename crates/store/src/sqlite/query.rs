//! What is asked of the tables. Each answer is found by an index, however much has passed.

use super::apply::key_of;
use super::query_runs;
use curfew_domain::audit::SealedEvent;
use curfew_domain::{Grant, Id, Identity, Lease, Request, Timestamp};
use curfew_engine::seams::store::{Due, Ended, GrantFilter, Notice, Open, Page, RequestFilter, SealedKey, Session};
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

pub(super) fn request(conn: &Connection, id: Id<Request>) -> rusqlite::Result<Option<Request>> {
    one(conn, "SELECT body FROM requests WHERE id = ?1", [key_of(id)])
}

pub(super) fn askers(conn: &Connection, of: &[Id<Request>]) -> rusqlite::Result<BTreeMap<Id<Request>, Identity>> {
    let asker = |id| one(conn, "SELECT body FROM requests WHERE id = ?1", [key_of(id)]);
    of.iter().filter_map(|id| asker(*id).transpose().map(|who| who.map(|who| (*id, who)))).collect()
}

pub(super) fn grant(conn: &Connection, id: Id<Grant>) -> rusqlite::Result<Option<Grant>> {
    one(conn, "SELECT body FROM grants WHERE id = ?1", [key_of(id)])
}

pub(super) fn lease(conn: &Connection, id: Id<Lease>) -> rusqlite::Result<Option<Lease>> {
    one(conn, "SELECT body FROM leases WHERE id = ?1", [key_of(id)])
}

pub(super) fn leases(conn: &Connection, ids: &[Id<Lease>]) -> rusqlite::Result<Vec<Lease>> {
    ids.iter().filter_map(|id| lease(conn, *id).transpose()).collect()
}

pub(super) fn requests(conn: &Connection, filter: &RequestFilter, page: &Page) -> rusqlite::Result<Vec<Request>> {
    let mut listing = Listing::of("SELECT body FROM requests", "id");
    if let Some(subject) = &filter.subject {
        listing.only("subject = ?", subject.to_string());
    }
    if let Some(state) = filter.state {
        listing.only("state = ?", state.to_owned());
    }
    if let Some(run) = filter.run {
        listing.only_of("run = ?", key_of(run));
    }
    listing.read(conn, page)
}

pub(super) fn grants(conn: &Connection, filter: &GrantFilter, page: &Page) -> rusqlite::Result<Vec<Grant>> {
    let mut listing = match (filter.ended, &filter.resource) {
        // Few live with one run.
        (ended, None) if filter.run.is_some() => {
            let mut listing = Listing::of("SELECT body FROM grants INDEXED BY grants_of_run", "id");
            if ended == Ended::Left {
                listing.only_where("open = 1");
            }
            listing
        }
        // Few are open, and their index holds what is filtered by.
        (Ended::Left, resource) => {
            let mut listing = Listing::of("SELECT body FROM grants INDEXED BY grants_open", "id");
            listing.only_where("open = 1");
            if let Some(resource) = resource {
                let there = "EXISTS (SELECT 1 FROM grant_resources r WHERE r.resource = ? AND r.grant_id = grants.id)";
                listing.only(there, resource.to_string());
            }
            listing
        }
        (Ended::Listed, Some(resource)) => {
            let tables = "SELECT body FROM grant_resources r CROSS JOIN grants ON grants.id = r.grant_id";
            let mut listing = Listing::of(tables, "r.grant_id");
            listing.only("r.resource = ?", resource.to_string());
            listing
        }
        (Ended::Listed, None) => Listing::of("SELECT body FROM grants", "id"),
    };
    if let Some(subject) = &filter.subject {
        listing.only("subject = ?", subject.to_string());
    }
    if let Some(role) = &filter.role {
        listing.only("role = ?", role.to_string());
    }
    if let Some(run) = filter.run {
        listing.only_of("run = ?", key_of(run));
    }
    listing.read(conn, page)
}

pub(super) fn open(conn: &Connection) -> rusqlite::Result<Open> {
    // One transaction: a lease that is live must not meet a grant as it was before.
    let conn = conn.unchecked_transaction()?;
    Ok(Open { leases: open_leases(&conn)?, grants: open_grants(&conn)? })
}

pub(super) fn open_grants(conn: &Connection) -> rusqlite::Result<Vec<Grant>> {
    many(conn, "SELECT body FROM grants INDEXED BY grants_open WHERE open = 1 ORDER BY id", ())
}

pub(super) fn open_leases(conn: &Connection) -> rusqlite::Result<Vec<Lease>> {
    many(conn, "SELECT body FROM leases INDEXED BY leases_open WHERE open = 1 ORDER BY id", ())
}

pub(super) fn due(conn: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Due> {
    // One transaction, so that nothing falls between the lists and the time after them.
    let conn = conn.unchecked_transaction()?;
    let at = params![now.as_millis(), clamp(limit)];
    let requests = "SELECT body FROM requests INDEXED BY requests_due WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    let grants = "SELECT body FROM grants INDEXED BY grants_due WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2";
    let next = "SELECT min(at) FROM (
        SELECT min(due_at) AS at FROM requests INDEXED BY requests_due WHERE due_at > ?1
        UNION ALL SELECT min(due_at) FROM grants INDEXED BY grants_due WHERE due_at > ?1
        UNION ALL SELECT min(until) FROM beats INDEXED BY beats_due WHERE until > ?1)";
    let next_at: Option<i64> = conn.prepare_cached(next)?.query_row([now.as_millis()], |row| row.get(0))?;
    Ok(Due {
        requests: many(&conn, requests, at)?,
        grants: many(&conn, grants, at)?,
        beats: query_runs::silent(&conn, now, limit)?,
        next_at: next_at.map(Timestamp::from_millis),
    })
}

pub(super) fn notices(conn: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Notice>> {
    let sql = "SELECT body, attempts, next_at FROM outbox WHERE next_at <= ?1 ORDER BY created_at, id LIMIT ?2";
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map(params![now.as_millis(), clamp(limit)], |row| {
        let next_at = Timestamp::from_millis(row.get(2)?);
        Ok(Notice { attempts: row.get(1)?, next_at, ..body(row)? })
    })?;
    rows.collect()
}

pub(super) fn session(conn: &Connection, token_hash: &str) -> rusqlite::Result<Option<Session>> {
    one(conn, "SELECT body FROM sessions WHERE token_hash = ?1", [token_hash])
}

pub(super) fn keys(conn: &Connection, name: &str) -> rusqlite::Result<Vec<SealedKey>> {
    many(conn, "SELECT body FROM keys WHERE name = ?1 ORDER BY number", [name])
}

pub(super) fn fact(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut select = conn.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    select.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn facts(conn: &Connection, prefix: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut select = conn.prepare_cached("SELECT name, value FROM facts WHERE name >= ?1 ORDER BY name")?;
    let mut rows = select.query([prefix])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if !name.starts_with(prefix) {
            break;
        }
        found.insert(name, row.get(1)?);
    }
    Ok(found)
}

pub(super) fn events(conn: &Connection, from: u64, limit: usize) -> rusqlite::Result<Vec<SealedEvent>> {
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    many(conn, "SELECT line FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2", params![from, clamp(limit)])
}

pub(super) fn events_about(conn: &Connection, id: &str) -> rusqlite::Result<Vec<SealedEvent>> {
    if let Ok(request) = id.parse::<Id<Request>>() {
        return many(conn, "SELECT line FROM events WHERE request_id = ?1 ORDER BY seq", [key_of(request)]);
    }
    if let Ok(grant) = id.parse::<Id<Grant>>() {
        return many(conn, "SELECT line FROM events WHERE grant_id = ?1 ORDER BY seq", [key_of(grant)]);
    }
    match id.parse::<Id<Lease>>() {
        Ok(lease) => many(conn, "SELECT line FROM events WHERE lease_id = ?1 ORDER BY seq", [key_of(lease)]),
        Err(_) => Ok(Vec::new()),
    }
}

/// A listing by id, newest first, put together from fixed pieces of text; what is filtered by is bound.
pub(super) struct Listing {
    tables: &'static str,
    id: &'static str,
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Listing {
    pub(super) fn of(tables: &'static str, id: &'static str) -> Self {
        Self { tables, id, conditions: Vec::new(), values: Vec::new() }
    }

    pub(super) fn only(&mut self, condition: &'static str, value: String) {
        self.conditions.push(condition);
        self.values.push(Value::Text(value));
    }

    fn only_of(&mut self, condition: &'static str, id: [u8; 16]) {
        self.conditions.push(condition);
        self.values.push(Value::Blob(id.to_vec()));
    }

    pub(super) fn only_where(&mut self, condition: &'static str) {
        self.conditions.push(condition);
    }

    pub(super) fn read<T: DeserializeOwned>(mut self, conn: &Connection, page: &Page) -> rusqlite::Result<Vec<T>> {
        let mut sql = self.tables.to_owned();
        let mut joint = " WHERE ";
        for condition in &self.conditions {
            sql.push_str(joint);
            sql.push_str(condition);
            joint = " AND ";
        }
        if let Some(before) = page.before {
            sql.push_str(&format!("{joint}{} < ?", self.id));
            self.values.push(Value::Blob(before.to_be_bytes().to_vec()));
        }
        sql.push_str(&format!(" ORDER BY {} DESC LIMIT ?", self.id));
        self.values.push(Value::Integer(clamp(page.limit)));
        many(conn, &sql, params_from_iter(self.values))
    }
}

pub(super) fn one<T: DeserializeOwned>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<Option<T>> {
    conn.prepare_cached(sql)?.query_row(values, body).optional()
}

pub(super) fn many<T: DeserializeOwned>(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Vec<T>> {
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map(values, body)?;
    rows.collect()
}

/// The noun in a row's first column.
fn body<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let text = row.get_ref(0)?.as_str()?;
    serde_json::from_str(text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

pub(super) fn clamp(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
