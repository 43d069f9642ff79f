//! What is asked of the tables about runs of pipelines, and about the sign-ins of persons.

use super::apply::key_of;
use super::apply_runs::text_of;
use super::query::{Listing, clamp, many, one};
use curfew_domain::{BeatId, Email, Id, Run, RunKey, Timestamp};
use curfew_engine::seams::store::{Beat, Over, Page, RunFilter, Session};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

pub(super) fn run(conn: &Connection, id: Id<Run>) -> rusqlite::Result<Option<Run>> {
    one(conn, "SELECT body FROM runs WHERE id = ?1", [key_of(id)])
}

pub(super) fn newest_run(conn: &Connection, key: &RunKey) -> rusqlite::Result<Option<Run>> {
    one(conn, "SELECT body FROM runs WHERE key = ?1 ORDER BY id DESC LIMIT 1", [text_of(key)])
}

pub(super) fn runs(conn: &Connection, filter: &RunFilter, page: &Page) -> rusqlite::Result<Vec<Run>> {
    let mut listing = Listing::of("SELECT body FROM runs", "id");
    match filter.over {
        Over::Left => listing.only_where("live = 1"),
        Over::Listed => {}
    }
    if let Some(number) = &filter.number {
        listing.only("number = ?", number.clone());
    }
    listing.read(conn, page)
}

pub(super) fn ended_by_provider(conn: &Connection, key: &RunKey) -> rusqlite::Result<Option<Timestamp>> {
    let mut select = conn.prepare_cached("SELECT at FROM ended_runs WHERE key = ?1")?;
    let at: Option<i64> = select.query_row([text_of(key)], |row| row.get(0)).optional()?;
    Ok(at.map(Timestamp::from_millis))
}

pub(super) fn beat(conn: &Connection, run: Id<Run>, beat: &BeatId) -> rusqlite::Result<Option<Beat>> {
    let sql = "SELECT run, beat, owner, until, token FROM beats WHERE run = ?1 AND beat = ?2";
    conn.prepare_cached(sql)?.query_row(params![key_of(run), beat.as_str()], read).optional()
}

pub(super) fn beats(conn: &Connection, run: Id<Run>) -> rusqlite::Result<Vec<Beat>> {
    let sql = "SELECT run, beat, owner, until, token FROM beats WHERE run = ?1 ORDER BY beat";
    all_beats(conn, sql, [key_of(run)])
}

/// Those that were silent for too long, the longest first.
pub(super) fn silent(conn: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Beat>> {
    let sql = "SELECT run, beat, owner, until, token FROM beats INDEXED BY beats_due WHERE until <= ?1
               ORDER BY until, run, beat LIMIT ?2";
    all_beats(conn, sql, params![now.as_millis(), clamp(limit)])
}

pub(super) fn sign_ins_of(conn: &Connection, email: &Email, limit: usize) -> rusqlite::Result<Vec<Session>> {
    let sql = "SELECT body FROM sessions INDEXED BY sessions_of_person WHERE person = ?1
               ORDER BY expires_at DESC, token_hash DESC LIMIT ?2";
    many(conn, sql, params![email.as_str(), clamp(limit)])
}

pub(super) fn sign_ins(conn: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Session>> {
    let sql = "SELECT body FROM sessions INDEXED BY sessions_of_persons WHERE person IS NOT NULL AND expires_at > ?1
               ORDER BY expires_at, token_hash LIMIT ?2";
    many(conn, sql, params![now.as_millis(), clamp(limit)])
}

fn all_beats(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Vec<Beat>> {
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map(values, read)?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Beat> {
    let text: String = row.get(1)?;
    let not_text = |error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error));
    let not_token = |error| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, Box::new(error));
    Ok(Beat {
        run: Id::from_u128(u128::from_be_bytes(row.get(0)?)),
        beat: BeatId::try_from(text).map_err(not_text)?,
        owner: row.get(2)?,
        until: Timestamp::from_millis(row.get(3)?),
        token: serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(not_token)?,
    })
}
