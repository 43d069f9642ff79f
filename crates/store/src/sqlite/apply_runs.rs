//! Runs of pipelines inside a commit: what lives with one is only written while it lives.
//!
//! The end of a run and what would be given by it meet here, in one order: whichever is second sees the first.

use super::apply::{Applied, Refusal, Versions, key_of, run as execute, written};
use crate::nature::PRUNED_AT_ONCE;
use curfew_domain::{BeatId, Id, LivesWith, Run, RunEnd, RunKey, RunState, Timestamp, Transition, Version};
use curfew_engine::seams::store::{Beat, CommitError};
use rusqlite::{Connection, params};

pub(super) fn run(conn: &Connection, step: &Transition<Run>, body: &str) -> Applied {
    let next = &step.next;
    let versions = Versions::of(next.id, step)?;
    let (id, live) = (key_of(next.id), next.is_live());
    if step.from != Version::NONE {
        let sql = "UPDATE runs SET version = ?2, live = ?3, body = ?4 WHERE id = ?1 AND version = ?5";
        let rows = execute(conn, sql, params![id, versions.to, live, body, versions.from])?;
        written(rows, || next.id.to_string())?;
        return match next.state {
            RunState::Live => Ok(()),
            RunState::Over { why: RunEnd::ProviderEnded, .. } => {
                execute(conn, "DELETE FROM beats WHERE run = ?1", [id]).map(drop)
            }
            RunState::Over { why: RunEnd::Finished | RunEnd::Silent, .. } => {
                let mut left = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM beats WHERE run = ?1)")?;
                let left: bool = left.query_row([id], |row| row.get(0))?;
                written(usize::from(!left), || next.token.run.to_string())
            }
        };
    }
    let key = text_of(&next.token.run);
    let sql = "INSERT INTO runs (id, version, live, key, number, body)
               SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM ended_runs WHERE key = ?4)
               ON CONFLICT DO NOTHING";
    let rows = execute(conn, sql, params![id, versions.to, live, key, next.token.run.number, body])?;
    written(rows, || next.token.run.to_string())
}

/// Whether what a step needs to be alive is.
pub(super) fn lives(conn: &Connection, LivesWith { run, key, beat }: &LivesWith) -> Applied {
    let lives: bool = match beat {
        None => {
            let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND live = 1)";
            conn.prepare_cached(sql)?.query_row([key_of(*run)], |row| row.get(0))?
        }
        // A run that is over has no beats.
        Some(beat) => {
            let sql = "SELECT EXISTS (SELECT 1 FROM beats WHERE run = ?1 AND beat = ?2)";
            conn.prepare_cached(sql)?.query_row(params![key_of(*run), beat.as_str()], |row| row.get(0))?
        }
    };
    if lives { Ok(()) } else { Err(Refusal::Commit(CommitError::Conflict(key.to_string()))) }
}

pub(super) fn beat(conn: &Connection, beat: &Beat, token: &str) -> Applied {
    let sql = "INSERT INTO beats (run, beat, owner, until, token)
               SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND live = 1)
               ON CONFLICT DO NOTHING";
    let values = params![key_of(beat.run), beat.beat.as_str(), beat.owner, beat.until.as_millis(), token];
    written(execute(conn, sql, values)?, || "the heartbeat".to_owned())
}

pub(super) fn heard(conn: &Connection, (run, beat): (Id<Run>, &BeatId), owner: &str, until: Timestamp) -> Applied {
    let sql = "UPDATE beats SET until = max(until, ?4) WHERE run = ?1 AND beat = ?2 AND owner = ?3";
    let values = params![key_of(run), beat.as_str(), owner, until.as_millis()];
    written(execute(conn, sql, values)?, || "the heartbeat".to_owned())
}

pub(super) fn beat_over(conn: &Connection, run: Id<Run>, beat: &BeatId) -> Applied {
    let sql = "DELETE FROM beats WHERE run = ?1 AND beat = ?2";
    execute(conn, sql, params![key_of(run), beat.as_str()]).map(drop)
}

/// Whether a run that lives on has a client that beats. Two clients that go at the same moment each see the other: the
/// second commit has to take the run with it.
pub(super) fn left_to_somebody(conn: &Connection, run: Id<Run>) -> Applied {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND live = 1)
               AND NOT EXISTS (SELECT 1 FROM beats WHERE run = ?1)";
    let left_alone: bool = conn.prepare_cached(sql)?.query_row([key_of(run)], |row| row.get(0))?;
    written(usize::from(!left_alone), || run.to_string())
}

pub(super) fn ended_by_provider(conn: &Connection, key: &RunKey, at: Timestamp) -> Applied {
    let sql = "INSERT INTO ended_runs (key, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    execute(conn, sql, params![text_of(key), at.as_millis()]).map(drop)
}

pub(super) fn prune(conn: &Connection, ended_before: Timestamp) -> Applied {
    let sql = "DELETE FROM ended_runs WHERE key IN
               (SELECT key FROM ended_runs WHERE at < ?1 ORDER BY at, key LIMIT ?2)";
    execute(conn, sql, params![ended_before.as_millis(), PRUNED_AT_ONCE as i64]).map(drop)
}

/// A key as the tables hold it: unambiguous, whatever stands in its parts.
pub(super) fn text_of(key: &RunKey) -> String {
    serde_json::to_string(&(&key.issuer, &key.provider, &key.number)).expect("INVARIANT: texts serialize to JSON")
}
