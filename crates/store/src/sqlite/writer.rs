//! The one thread that writes: it takes everything that waits, writes it in one transaction, each commit
//! whole or not at all, syncs once, and answers everybody.

use super::apply::{Refusal, apply};
use super::error::{Damaged, OpenError};
use super::file::Place;
use super::prepare::{Placed, Write};
use super::progress::Progress;
use super::proofs;
use super::queue::{AbandonOnDrop, Bounds, Queue};
use super::reserve::{Options, Reserve, Space};
use super::schema;
use crate::nature::Need;
use curfew_domain::audit::Frontier;
use curfew_engine::seams::store::CommitError;
use futures::channel::oneshot;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::thread::JoinHandle;

/// How many commits may wait.
pub(super) const WAITING: Bounds = Bounds { first: 65_536, usual: 16_384 };
/// Commits of each lane that share a transaction at most, so that nobody waits for a very long one.
const BATCH: usize = 512;
const FULL: &str = "disk full: only revocation proceeds";

/// The places of a commit's events, or why it was not written.
pub(super) type Outcome = Result<Vec<Placed>, CommitError>;

/// One caller's commit.
pub(super) struct Job {
    /// The caller has it too, and makes its answer of it.
    pub(super) writes: Arc<Vec<Write>>,
    pub(super) need: Need,
    pub(super) reply: oneshot::Sender<Outcome>,
}

impl Job {
    fn answer(self, outcome: Outcome) {
        // Before the answer, so that the caller has the last hand on it.
        drop(self.writes);
        // Who dropped the future does not want to know.
        drop(self.reply.send(outcome));
    }
}

/// Why a batch cannot go on.
enum Halt {
    /// A refused commit had written something before it was refused.
    Torn,
    Sql(rusqlite::Error),
}

impl From<Refusal> for CommitError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Commit(why) => why,
            Refusal::Sql(why) => Self::Unavailable(why.to_string()),
        }
    }
}

pub(super) struct Writer {
    conn: Connection,
    tree: Frontier,
    reserve: Reserve,
    space: Space,
    progress: Arc<Progress>,
}

impl Writer {
    /// Opens the ledger to write, and brings it to the newest schema.
    pub(super) fn open(place: &Place, options: Options) -> Result<Self, OpenError> {
        let reserve = Reserve::of(place, options);
        let opened = open(place).or_else(|why| match why {
            OpenError::Sqlite(_) if reserve.release().is_ok() => open(place),
            OpenError::Sqlite(_)
            | OpenError::InUse(_)
            | OpenError::File(_)
            | OpenError::NotALedger(_)
            | OpenError::Newer(_)
            | OpenError::Damaged(_) => Err(why),
        });
        let (conn, tree) = opened?;
        let progress = Arc::new(Progress::of(&tree));
        let mut writer = Self { conn, tree, reserve, space: Space::RevocationOnly, progress };
        writer.regain_space();
        Ok(writer)
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Starts the thread. It ends when the queue is closed and empty.
    pub(super) fn start(mut self, queue: Arc<Queue<Job>>) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || {
            let _abandon = AbandonOnDrop(&queue);
            while let Some(jobs) = queue.take(BATCH) {
                self.serve(jobs);
            }
        })
    }

    /// Writes a batch, in its order, and answers each of its callers.
    fn serve(&mut self, jobs: Vec<Job>) {
        let jobs = self.admit(jobs);
        match self.attempt(&jobs) {
            Ok(outcomes) => answer(jobs, outcomes),
            Err(why) if is_full(&why) => self.serve_on_reserve(jobs),
            Err(why) => {
                tracing::error!(error = %why, commits = jobs.len(), "the ledger could not be written");
                refuse(jobs, &why.to_string());
            }
        }
    }

    /// Writes what only ends access on the space kept for it, and refuses the rest.
    fn serve_on_reserve(&mut self, jobs: Vec<Job>) {
        self.spend_reserve();
        let jobs = refuse_what_gives(jobs);
        match self.attempt(&jobs) {
            Ok(outcomes) => answer(jobs, outcomes),
            Err(why) => {
                tracing::error!(error = %why, commits = jobs.len(), "the ledger could not be written on its reserve");
                refuse(jobs, &format!("disk full, and the space kept for revocation is used up: {why}"));
            }
        }
    }

    /// Refuses what there is no room for; before that, looks whether there is room again.
    fn admit(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        match self.space {
            Space::Roomy => return jobs,
            Space::RevocationOnly if jobs.iter().all(|job| job.need == Need::ReserveWillDo) => return jobs,
            Space::RevocationOnly => self.regain_space(),
        }
        match self.space {
            Space::Roomy => jobs,
            Space::RevocationOnly => refuse_what_gives(jobs),
        }
    }

    fn spend_reserve(&mut self) {
        if self.space == Space::Roomy {
            tracing::error!("the disk is full: the ledger takes nothing but revocations until there is room");
        }
        self.enter(Space::RevocationOnly);
        let spent = self.reserve.release();
        // Room in the write-ahead log is room too.
        let emptied = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        if let (Err(why), _) = (&spent, &emptied) {
            tracing::error!(error = %why, "the ledger's reserve could not be released");
        }
        if let Err(why) = emptied {
            tracing::warn!(error = %why, "the write-ahead log could not be emptied");
        }
    }

    fn regain_space(&mut self) {
        match self.reserve.build(&self.conn) {
            Ok(()) => self.enter(Space::Roomy),
            Err(why) => {
                tracing::error!(error = %why, "no space can be kept for revocation: the ledger takes nothing else");
                self.enter(Space::RevocationOnly);
            }
        }
    }

    fn enter(&mut self, space: Space) {
        self.space = space;
        self.progress.entered(space);
        if let Err(why) = self.reserve.limit(&self.conn, space) {
            tracing::error!(error = %why, "the ledger's bounds could not be set");
        }
    }

    /// Writes all of it durably, each commit for itself, or none of it.
    fn attempt(&mut self, jobs: &[Job]) -> rusqlite::Result<Vec<Outcome>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        match self.transaction(jobs) {
            Ok(outcomes) => {
                let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                self.progress.wrote(written as u64, &self.tree);
                Ok(outcomes)
            }
            Err(why) => {
                self.roll_back();
                Err(why)
            }
        }
    }

    /// First without savepoints, which nearly always will do: most refusals come before anything was
    /// written. When one does not, the batch is done again with a way back to before each commit.
    fn transaction(&mut self, jobs: &[Job]) -> rusqlite::Result<Vec<Outcome>> {
        let tree = self.tree.clone();
        self.run("BEGIN IMMEDIATE")?;
        let outcomes = match jobs.iter().map(|job| self.one(&job.writes)).collect::<Result<_, Halt>>() {
            Ok(outcomes) => outcomes,
            Err(Halt::Sql(why)) => return Err(why),
            Err(Halt::Torn) => {
                self.run("ROLLBACK")?;
                self.tree = tree;
                self.run("BEGIN IMMEDIATE")?;
                jobs.iter().map(|job| self.one_with_savepoint(&job.writes)).collect::<rusqlite::Result<_>>()?
            }
        };
        self.run("COMMIT")?;
        Ok(outcomes)
    }

    fn one(&mut self, writes: &[Write]) -> Result<Outcome, Halt> {
        let before = self.conn.total_changes();
        match apply(&self.conn, &mut self.tree, writes) {
            Ok(places) => Ok(Ok(places)),
            Err(Refusal::Sql(why)) if !concerns_one_commit(&why) => Err(Halt::Sql(why)),
            Err(refusal) if self.conn.total_changes() == before => Ok(Err(refusal.into())),
            Err(Refusal::Commit(_) | Refusal::Sql(_)) => Err(Halt::Torn),
        }
    }

    fn one_with_savepoint(&mut self, writes: &[Write]) -> rusqlite::Result<Outcome> {
        self.run("SAVEPOINT one")?;
        let tree = self.tree.clone();
        let outcome = match apply(&self.conn, &mut self.tree, writes) {
            Ok(places) => Ok(places),
            Err(Refusal::Sql(why)) if !concerns_one_commit(&why) => return Err(why),
            Err(refusal) => {
                self.run("ROLLBACK TO one")?;
                self.tree = tree;
                Err(refusal.into())
            }
        };
        self.run("RELEASE one")?;
        Ok(outcome)
    }

    /// After a failure the file is what counts: how far it got is read from it.
    fn roll_back(&mut self) {
        if !self.conn.is_autocommit()
            && let Err(why) = self.run("ROLLBACK")
        {
            tracing::error!(error = %why, "a failed transaction could not be rolled back");
        }
        match proofs::frontier(&self.conn) {
            Ok(tree) => self.tree = tree,
            Err(why) => tracing::error!(error = %why, "the audit tree could not be read back"),
        }
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute(()).map(drop)
    }
}

fn open(place: &Place) -> Result<(Connection, Frontier), OpenError> {
    let refused = |why| place.refused(why);
    let mut conn = place.connect().map_err(refused)?;
    schema::check(&conn, place)?;
    place.protect()?;
    let journal: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(refused)?;
    if !journal.eq_ignore_ascii_case("wal") {
        let what = format!("it cannot be put in WAL mode (it is in `{journal}` mode)");
        return Err(Damaged { ledger: place.ledger().to_owned(), what }.into());
    }
    // FULL: a commit is answered after the write-ahead log has been synced.
    for (pragma, value) in [("synchronous", 2), ("fullfsync", 1), ("checkpoint_fullfsync", 1), ("cache_size", -8_192)] {
        conn.pragma_update(None, pragma, value).map_err(refused)?;
    }
    schema::migrate(&mut conn, place)?;
    let tree = proofs::frontier(&conn)
        .map_err(|why| Damaged { ledger: place.ledger().to_owned(), what: format!("its audit tree: {why}") })?;
    Ok((conn, tree))
}

fn answer(jobs: Vec<Job>, outcomes: Vec<Outcome>) {
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        job.answer(outcome);
    }
}

fn refuse(jobs: Vec<Job>, because: &str) {
    for job in jobs {
        job.answer(Err(CommitError::Unavailable(because.to_owned())));
    }
}

fn refuse_what_gives(jobs: Vec<Job>) -> Vec<Job> {
    let (ends, gives) = jobs.into_iter().partition(|job| job.need == Need::ReserveWillDo);
    refuse(gives, FULL);
    ends
}

fn is_full(why: &rusqlite::Error) -> bool {
    why.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Whether an error is about the values of one commit, and the others of its batch can go on.
fn concerns_one_commit(why: &rusqlite::Error) -> bool {
    matches!(
        why.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
    )
}
