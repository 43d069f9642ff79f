//! One commit inside the writer's transaction: every change, or the reason why none.
//!
//! Each noun is written by one statement that names the version it expects, so there is no moment between
//! looking and writing.

use super::apply_runs as runs;
use super::prepare::{Placed, Write};
use crate::nature::{self, PRUNED_AT_ONCE};
use curfew_domain::audit::merkle::Node;
use curfew_domain::audit::{Draft, Frontier};
use curfew_domain::id::Identified;
use curfew_domain::transition::Noun;
use curfew_domain::{Grant, Id, Lease, LivesWith, Request, SubjectKind, Timestamp, Transition, Version};
use curfew_engine::seams::store::{Change, CommitError, Notice, SealedKey, Session, TokenUse};
use rusqlite::{Connection, OptionalExtension, Params, params};

/// Why a commit is not written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It does not fit what the ledger holds.
    Commit(CommitError),
    /// SQLite said no.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(why: rusqlite::Error) -> Self {
        Self::Sql(why)
    }
}

pub(super) type Applied<T = ()> = Result<T, Refusal>;

/// Applies the changes in order and gives their events places.
pub(super) fn apply(conn: &Connection, tree: &mut Frontier, writes: &[Write]) -> Applied<Vec<Placed>> {
    let mut places = Vec::with_capacity(writes.len());
    for Write { change, body, draft } in writes {
        write(conn, change, body)?;
        if let Some(draft) = draft {
            places.push(append(conn, tree, draft)?);
        }
    }
    for Write { change, .. } in writes {
        if let Change::BeatOver { run, .. } = change {
            runs::left_to_somebody(conn, *run)?;
        }
    }
    Ok(places)
}

fn write(conn: &Connection, change: &Change, body: &str) -> Applied {
    match change {
        Change::Request(step) => request(conn, step, body),
        Change::Grant(step) => grant(conn, step, body),
        Change::Lease(step) => lease(conn, step, body),
        Change::Run(step) => runs::run(conn, step, body),
        Change::Beat(beat) => runs::beat(conn, beat, body),
        Change::BeatHeard { run, beat, owner, until } => runs::heard(conn, (*run, beat), owner, *until),
        Change::BeatOver { run, beat } => runs::beat_over(conn, *run, beat),
        Change::RunEndedByProvider { key, at } => runs::ended_by_provider(conn, key, *at),
        // All there is of it is its event.
        Change::Event(_) => Ok(()),
        Change::Notice(notice) => self::notice(conn, notice, body),
        Change::NoticeSent(id) => run(conn, "DELETE FROM outbox WHERE id = ?1", [id]).map(drop),
        Change::NoticeLater { id, attempts, next_at } => {
            let sql = "UPDATE outbox SET attempts = ?2, next_at = ?3 WHERE id = ?1";
            run(conn, sql, params![id, attempts, next_at.as_millis()]).map(drop)
        }
        Change::RequestKey { key, request } => request_key(conn, key, *request),
        Change::Session(session) => self::session(conn, session, body),
        Change::TokenUsed(token) => token_used(conn, token),
        Change::SessionEnded { token_hash } => {
            run(conn, "DELETE FROM sessions WHERE token_hash = ?1", [token_hash]).map(drop)
        }
        Change::Prune { sessions_before, keys_before } => prune(conn, *sessions_before, *keys_before),
        Change::Key(key) => self::key(conn, key, body),
        Change::Fact { name, value: Some(value) } => {
            let sql =
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
            run(conn, sql, [name, value]).map(drop)
        }
        Change::Fact { name, value: None } => run(conn, "DELETE FROM facts WHERE name = ?1", [name]).map(drop),
    }
}

fn request(conn: &Connection, step: &Transition<Request>, body: &str) -> Applied {
    let next = &step.next;
    let versions = Versions::of(next.id, step)?;
    let (state, due_at) = (next.state_word(), millis(next.due_at()));
    if let Some(with) = nature::request_needs(step) {
        runs::lives(conn, with)?;
    }
    let rows = if step.from == Version::NONE {
        let sql = "INSERT INTO requests (id, version, state, subject, due_at, body, run)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        let (subject, with) = (next.subject.id.to_string(), run_of(next.lives_with.as_ref()));
        run(conn, sql, params![key_of(next.id), versions.to, state, subject, due_at, body, with])?
    } else {
        let sql = "UPDATE requests SET version = ?2, state = ?3, due_at = ?4, body = ?5 WHERE id = ?1 AND version = ?6";
        run(conn, sql, params![key_of(next.id), versions.to, state, due_at, body, versions.from])?
    };
    written(rows, || next.id.to_string())
}

fn grant(conn: &Connection, step: &Transition<Grant>, body: &str) -> Applied {
    let next = &step.next;
    let versions = Versions::of(next.id, step)?;
    let (state, open, due_at) = (next.state_word(), nature::grant_is_open(next), millis(nature::grant_due_at(next)));
    if let Some(with) = nature::grant_needs(step) {
        runs::lives(conn, with)?;
    }
    if step.from != Version::NONE {
        let sql = "UPDATE grants SET version = ?2, state = ?3, open = ?4, due_at = ?5, body = ?6
                   WHERE id = ?1 AND version = ?7";
        let rows = run(conn, sql, params![key_of(next.id), versions.to, state, open, due_at, body, versions.from])?;
        return written(rows, || next.id.to_string());
    }
    let sql = "INSERT INTO grants (id, version, state, subject, role, open, due_at, body, run)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
    let (id, subject, role) = (key_of(next.id), next.subject.id.to_string(), next.role.as_str());
    let with = run_of(next.lives_with.as_ref());
    let rows = run(conn, sql, params![id, versions.to, state, subject, role, open, due_at, body, with])?;
    written(rows, || next.id.to_string())?;
    // The scope of a grant never changes, so this is written once.
    for resource in next.scope.by_resource().keys() {
        let sql = "INSERT INTO grant_resources (resource, grant_id) VALUES (?1, ?2)";
        run(conn, sql, params![resource.as_str(), key_of(next.id)])?;
    }
    Ok(())
}

fn lease(conn: &Connection, step: &Transition<Lease>, body: &str) -> Applied {
    let next = &step.next;
    let versions = Versions::of(next.id, step)?;
    let (state, open) = (next.state.word(), nature::lease_is_open(next));
    let rows = if step.from == Version::NONE {
        let sql = "INSERT INTO leases (id, version, state, open, body) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        run(conn, sql, params![key_of(next.id), versions.to, state, open, body])?
    } else {
        let sql = "UPDATE leases SET version = ?2, state = ?3, open = ?4, body = ?5 WHERE id = ?1 AND version = ?6";
        run(conn, sql, params![key_of(next.id), versions.to, state, open, body, versions.from])?
    };
    written(rows, || next.id.to_string())
}

fn append(conn: &Connection, tree: &mut Frontier, draft: &Draft) -> Applied<Placed> {
    let seq = tree.size();
    let (leaf, line) = draft.place(seq);
    let line = str::from_utf8(&line).expect("INVARIANT: JSON is UTF-8");
    let event = draft.event();
    let sql = "INSERT INTO events (seq, leaf, request_id, grant_id, lease_id, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (request, grant, lease) =
        (event.request_id.map(key_of), event.grant_id.map(key_of), event.lease_id.map(key_of));
    run(conn, sql, params![seq as i64, leaf.as_bytes(), request, grant, lease, line])?;
    let mut nodes: Vec<Node> = Vec::new();
    // A leaf stands with its event already.
    tree.append_with(leaf, |node| nodes.extend((node.id.level > 0).then_some(node)));
    for node in nodes {
        let sql = "INSERT INTO tree_nodes (level, place, hash) VALUES (?1, ?2, ?3)";
        run(conn, sql, params![node.id.level, node.id.index as i64, node.hash.as_bytes()])?;
    }
    Ok(Placed { seq, leaf })
}

/// A notice that waits already is left as it is: telling somebody twice must never hold up an end.
fn notice(conn: &Connection, notice: &Notice, body: &str) -> Applied {
    let sql = "INSERT INTO outbox (id, created_at, next_at, attempts, body) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO NOTHING";
    let times = (notice.created_at.as_millis(), notice.next_at.as_millis());
    run(conn, sql, params![notice.id, times.0, times.1, notice.attempts, body]).map(drop)
}

fn request_key(conn: &Connection, key: &str, request: Id<Request>) -> Applied {
    let sql = "INSERT INTO request_keys (key, request_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    if run(conn, sql, params![key, key_of(request)])? == 1 {
        return Ok(());
    }
    Err(Refusal::Commit(match super::query::request_of_key(conn, key)? {
        Some(made) => CommitError::KeyUsed(made),
        None => CommitError::Conflict("the idempotency key".to_owned()),
    }))
}

fn prune(conn: &Connection, sessions_before: Timestamp, keys_before: Timestamp) -> Applied {
    let sql = "DELETE FROM sessions WHERE token_hash IN
               (SELECT token_hash FROM sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
    run(conn, sql, params![sessions_before.as_millis(), PRUNED_AT_ONCE as i64])?;
    let sql = "DELETE FROM used_tokens WHERE token_id IN
               (SELECT token_id FROM used_tokens WHERE until < ?1 ORDER BY until LIMIT ?2)";
    run(conn, sql, params![sessions_before.as_millis(), PRUNED_AT_ONCE as i64])?;
    // An id begins with the time it was made at.
    let oldest_kept: Id<Request> = Id::from_u128((keys_before.as_millis().max(0) as u128) << 80);
    let sql = "DELETE FROM request_keys WHERE key IN
               (SELECT key FROM request_keys WHERE request_id < ?1 ORDER BY request_id LIMIT ?2)";
    run(conn, sql, params![key_of(oldest_kept), PRUNED_AT_ONCE as i64])?;
    runs::prune(conn, keys_before)
}

fn session(conn: &Connection, session: &Session, body: &str) -> Applied {
    let sql = "INSERT INTO sessions (token_hash, expires_at, body, person) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING";
    let email = session.subject.email.as_ref().filter(|_| session.subject.kind == SubjectKind::Person);
    let person = email.map(|email| email.as_str());
    let rows = run(conn, sql, params![session.token_hash, session.expires_at.as_millis(), body, person])?;
    written(rows, || "the sign-in".to_owned())
}

/// The same key again is a lost reply, or another client of the same job.
fn token_used(conn: &Connection, token: &TokenUse) -> Applied {
    let sql = "INSERT INTO used_tokens (token_id, key_thumbprint, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if run(conn, sql, params![token.token_id, token.key_thumbprint, token.until.as_millis()])? == 1 {
        return Ok(());
    }
    let mut used = conn.prepare_cached("SELECT key_thumbprint FROM used_tokens WHERE token_id = ?1")?;
    let held: Option<String> = used.query_row([&token.token_id], |row| row.get(0)).optional()?;
    let is_same = held.is_some_and(|held| held == token.key_thumbprint);
    written(usize::from(is_same), || "the use of the token".to_owned())
}

fn key(conn: &Connection, key: &SealedKey, body: &str) -> Applied {
    let sql = "INSERT INTO keys (name, number, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let rows = run(conn, sql, params![key.name, key.number, body])?;
    written(rows, || format!("key {} of `{}`", key.number, key.name))
}

/// A step's versions as the ledger keeps them.
pub(super) struct Versions {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Versions {
    pub(super) fn of<T: Noun + Identified>(id: Id<T>, step: &Transition<T>) -> Applied<Self> {
        if step.next.version() != step.from.next() {
            return Err(Refusal::Commit(CommitError::Conflict(id.to_string())));
        }
        Ok(Self { from: step.from.get() as i64, to: step.next.version().get() as i64 })
    }
}

pub(super) fn run(conn: &Connection, sql: &str, values: impl Params) -> Applied<usize> {
    Ok(conn.prepare_cached(sql)?.execute(values)?)
}

pub(super) fn written(rows: usize, what: impl FnOnce() -> String) -> Applied {
    if rows == 1 { Ok(()) } else { Err(Refusal::Commit(CommitError::Conflict(what()))) }
}

/// An id as the tables hold it.
pub(super) fn key_of<T>(id: Id<T>) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

fn run_of(with: Option<&LivesWith>) -> Option<[u8; 16]> {
    with.map(|with| key_of(with.run))
}
