//! Where the policy in force is changed, one step at a time, and where is known how that went.

use super::follow::{Candidate, Follower, Found, Wanted};
use super::news::{News, Trouble, WriteDown};
use super::rollback::{Proposal, is_named};
use super::unfit::short;
use super::{Loaded, PolicyError, PolicySource, Unfit};
use crate::config::PolicyOrigin;
use curfew_domain::audit::{AuditAction, AuditEvent, Detail};
use curfew_domain::{Grant, Identity, Subject, Timestamp};
use curfew_engine::seams::Change;
use curfew_engine::seams::store::{CommitError, ReadError};
use curfew_engine::{Engine, Fate, PolicyStep};
use curfew_policy::{PolicySet, SourceFile};
use std::sync::{Arc, PoisonError, RwLock};

/// The end of the branch that was rolled back from: what it holds is not followed by itself.
const HELD: &str = "policy_held";
/// The commit that was in force before the one that is.
const BEFORE: &str = "policy_before";
/// Who wants to go back, until enough do.
const ROLLBACK: &str = "policy_rollback";
/// When the repository was last reached.
const REACHED: &str = "policy_reached";

/// Who wants a policy in force.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// The server, which follows.
    Itself,
    /// Somebody.
    Person(Identity),
    /// A pipeline that may, with its run as its provider counts it.
    Pipeline(Identity, String),
}

impl By {
    fn subject(&self) -> Subject {
        match self {
            Self::Itself => Subject::system(),
            Self::Person(who) | Self::Pipeline(who, _) => who.subject.clone(),
        }
    }

    /// The run of a pipeline, for the record.
    fn run(&self) -> Option<&str> {
        match self {
            Self::Pipeline(_, run) => Some(run),
            Self::Itself | Self::Person(_) => None,
        }
    }
}

/// Why the policy in force stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A commit was named, and there is no git.
    #[error("this server reads its policy from a folder, not from a repository")]
    NoGit,
    /// What there is, is not what was expected.
    #[error("the policy there is has the content {is}, not {expected}")]
    OtherContent { is: String, expected: String },
    /// The branch was rolled back, and a pipeline does not undo that.
    #[error("the branch was rolled back from {}, and stays so until it has something newer or an administrator applies it", short(.0))]
    Held(String),
    /// No commit was in force before.
    #[error("no other commit was in force before this one")]
    NothingBefore,
    /// Not for everybody.
    #[error("going back is for administrators, and for those whom `policy_approvers` name")]
    Forbidden,
    /// It cannot be in force.
    #[error(transparent)]
    Refused(PolicyError),
    /// The ledger did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Report {
    /// The version that was in force.
    pub(crate) before: String,
    /// Live grants that the new one would no longer give.
    pub(crate) touched: Vec<(Grant, Fate)>,
    /// Who has to say yes still, before it is in force.
    pub(crate) missing: Vec<String>,
}

/// What a desk is made of.
pub(crate) struct DeskParts {
    pub(crate) source: Arc<PolicySource>,
    pub(crate) follower: Option<Follower>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) files: Arc<[SourceFile]>,
    /// When the repository was last reached, as far as is known.
    pub(crate) reached: Option<Timestamp>,
}

/// Where the policy in force is changed.
pub(crate) struct PolicyDesk {
    source: Arc<PolicySource>,
    follower: Option<Arc<Follower>>,
    engine: Arc<Engine>,
    /// One step at a time.
    turn: tokio::sync::Mutex<()>,
    /// Held while set and text are exchanged.
    changing: tokio::sync::Mutex<()>,
    /// The text of the version in force.
    files: RwLock<Arc<[SourceFile]>>,
    news: News,
}

impl PolicyDesk {
    pub(crate) fn new(parts: DeskParts) -> Self {
        let DeskParts { source, follower, engine, files, reached } = parts;
        Self {
            source,
            follower: follower.map(Arc::new),
            engine,
            turn: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            files: RwLock::new(files),
            news: News::new(reached),
        }
    }

    /// When the repository was reached before this start, by the ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn reached_before(
        store: &dyn curfew_engine::seams::Store,
    ) -> Result<Option<Timestamp>, ReadError> {
        let millis = store.fact(REACHED).await?.and_then(|text| text.parse().ok());
        Ok(millis.map(Timestamp::from_millis))
    }

    /// Where policy comes from.
    pub(crate) fn source(&self) -> &PolicySource {
        &self.source
    }

    /// The branch that is followed.
    pub(crate) fn follower(&self) -> Option<&Follower> {
        self.follower.as_deref()
    }

    /// The set in force and its text, of one moment.
    pub(crate) async fn in_force(&self) -> (Arc<PolicySet>, Arc<[SourceFile]>) {
        let _changing = self.changing.lock().await;
        (self.engine.policy(), self.files.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// What is wrong with following.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.news.trouble()
    }

    /// When the repository was last reached.
    pub(crate) fn reached(&self) -> Option<Timestamp> {
        self.news.reached()
    }

    /// Whether a person may go back at all.
    pub(crate) fn may_go_back(&self, who: &Identity) -> bool {
        self.engine.may_administer(who) || is_named(&self.engine.policy(), who)
    }

    /// Puts in force what is wanted, or leaves everything as it is. `content` is the content hash that it must have.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub(crate) async fn apply(&self, wanted: Wanted, by: &By, content: Option<&str>) -> Result<Report, ApplyError> {
        let _turn = self.turn.lock().await;
        match (&self.follower, &wanted) {
            (Some(follower), _) => self.apply_commit(follower, wanted, (by, content)).await,
            (None, Wanted::Tip | Wanted::Newest) => self.apply_folder(by, content).await,
            (None, Wanted::Commit(_) | Wanted::Deployed(_) | Wanted::Rollback(_)) => Err(ApplyError::NoGit),
        }
    }

    /// Goes back to the commit that was in force before.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub(crate) async fn go_back(&self, by: &By) -> Result<Report, ApplyError> {
        if self.follower.is_none() {
            return Err(ApplyError::NoGit);
        }
        let before = self.engine.store().fact(BEFORE).await?.ok_or(ApplyError::NothingBefore)?;
        self.apply(Wanted::Rollback(before), by, None).await
    }

    async fn apply_folder(&self, by: &By, content: Option<&str>) -> Result<Report, ApplyError> {
        let source = self.source.clone();
        // Reading and compiling a large set takes seconds, which nobody else should wait for.
        let loaded = blocking(move || match &source.origin {
            PolicyOrigin::Folder(path) => source.load(path),
            PolicyOrigin::Git(branch) => {
                Err(Unfit::NoFolder { commit: branch.remote.to_string(), folder: String::new() }.into())
            }
        });
        match loaded.await {
            Ok(loaded) => {
                expect(content, &loaded)?;
                self.news.set_trouble(None);
                let details = by.run().map(|run| ("run", Detail::from(run.to_owned()))).into_iter().collect();
                let step = Step { loaded, by, because: String::new(), details, facts: Vec::new() };
                self.put(step).await
            }
            Err(error) => Err(self.refused(error, by).await),
        }
    }

    async fn apply_commit(
        &self,
        follower: &Arc<Follower>,
        wanted: Wanted,
        (by, content): (&By, Option<&str>),
    ) -> Result<Report, ApplyError> {
        let held = self.engine.store().fact(HELD).await?;
        let (finding, in_force, want) = (follower.clone(), self.engine.policy(), wanted.clone());
        let found = blocking(move || finding.find(&in_force, &want, held.as_deref())).await;
        if !matches!(found, Err(PolicyError::Unfit(Unfit::Unreachable(_)))) {
            self.reached_now().await;
        }
        let before = self.engine.policy().version().to_owned();
        let nothing = || Report { before, touched: Vec::new(), missing: Vec::new() };
        match found {
            Err(error) => Err(self.refused(error, by).await),
            Ok(Found::InForce) => {
                self.news.set_trouble(None);
                Ok(nothing())
            }
            Ok(Found::Held(commit)) if matches!(wanted, Wanted::Deployed(_)) => Err(ApplyError::Held(commit)),
            Ok(Found::Held(tip)) => {
                self.news.set_trouble(Some(Trouble::Held(tip)));
                Ok(nothing())
            }
            Ok(Found::Candidate(candidate)) => {
                expect(content, &candidate.loaded)?;
                match wanted {
                    Wanted::Rollback(_) => self.roll_back(*candidate, follower, by).await,
                    Wanted::Tip | Wanted::Newest | Wanted::Commit(_) | Wanted::Deployed(_) => {
                        self.step_forward(*candidate, by).await
                    }
                }
            }
        }
    }

    async fn step_forward(&self, candidate: Candidate, by: &By) -> Result<Report, ApplyError> {
        let mut details = details(&candidate);
        details.extend(by.run().map(|run| ("run", Detail::from(run.to_owned()))));
        let before = self.engine.policy().commit().map(str::to_owned);
        let facts = vec![(HELD, None), (BEFORE, before), (ROLLBACK, None)];
        self.news.set_trouble(None);
        self.put(Step { loaded: candidate.loaded, by, because: String::new(), details, facts }).await
    }

    async fn roll_back(&self, candidate: Candidate, follower: &Follower, by: &By) -> Result<Report, ApplyError> {
        let By::Person(who) = by else { return Err(ApplyError::Forbidden) };
        let in_force = self.engine.policy();
        let (from, to) = (in_force.version().to_owned(), candidate.loaded.set.commit().unwrap_or_default().to_owned());
        let said = self.engine.store().fact(ROLLBACK).await?;
        let proposal = Proposal::with(said.as_deref(), &from, &to, (who, self.engine.now()));
        let mut missing = proposal.missing(&in_force, &follower.places(), &candidate.changed);
        if !proposal.has(|who| self.engine.may_administer(who)) {
            missing.push("one of them is an administrator".to_owned());
        }
        let people = Detail::List(proposal.people().into_iter().map(Detail::Text).collect());
        if !missing.is_empty() {
            let event = AuditEvent::new(self.engine.now(), who.subject.clone(), AuditAction::PolicyRollbackAsked);
            let because = format!("back to {}; still missing: {}", short(&to), missing.join("; "));
            let event = event.because(because).with("from", from.clone()).with("to", to).with("by", people);
            let fact = Change::Fact { name: ROLLBACK.to_owned(), value: Some(proposal.text()) };
            self.engine.store().commit(vec![fact, Change::Event(Box::new(event))]).await?;
            return Ok(Report { before: from, touched: Vec::new(), missing });
        }
        let mut details = details(&candidate);
        details.extend([("rollback_from", from.into()), ("rollback_by", people)]);
        let before = in_force.commit().map(str::to_owned);
        let facts = vec![(HELD, Some(candidate.tip)), (BEFORE, before), (ROLLBACK, None)];
        let because = format!("rolled back to {}", short(&to));
        self.put(Step { loaded: candidate.loaded, by, because, details, facts }).await
    }

    async fn put(&self, step: Step<'_>) -> Result<Report, ApplyError> {
        let Step { loaded: Loaded { set, files }, by, because, details, facts } = step;
        let (before, version) = (self.engine.policy().version().to_owned(), set.version().to_owned());
        let actor = by.subject();
        let step = PolicyStep { set, actor: &actor, because, details, facts };
        let _changing = self.changing.lock().await;
        let done = self.engine.put_in_force(step).await?;
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = files;
        if before != version {
            tracing::info!(policy_version = %version, %before, grants_ended = done.ended.len(), "a new policy is in force");
        }
        Ok(Report { before, touched: done.touched, missing: Vec::new() })
    }

    /// Says why the policy in force stays: once for as long as it is so, and to whoever asked each time.
    async fn refused(&self, error: PolicyError, by: &By) -> ApplyError {
        let because = error.to_string();
        let trouble = match &error {
            PolicyError::Unfit(Unfit::Unreachable(_)) => Trouble::Unreachable(because.clone()),
            PolicyError::Unfit(_)
            | PolicyError::Folder(_)
            | PolicyError::Text(_)
            | PolicyError::Environment { .. }
            | PolicyError::Completion(_)
            | PolicyError::NotObeyed(_)
            | PolicyError::Secrets(_)
            | PolicyError::Issuers(_) => Trouble::Refused(because.clone()),
        };
        let is_unreachable = matches!(trouble, Trouble::Unreachable(_));
        let is_news = match by {
            By::Itself => self.news.set_trouble(Some(trouble)),
            // What somebody named says nothing of the branch.
            By::Person(_) | By::Pipeline(..) => true,
        };
        if is_news {
            tracing::error!("the policy in force stays: {because}");
        }
        if is_news && !is_unreachable {
            let rewritten = if let PolicyError::Unfit(Unfit::Rewritten { to, .. }) = &error { Some(to) } else { None };
            let details = rewritten.map(|to| ("commit", Detail::from(to.clone()))).into_iter().collect();
            self.engine.refuse_policy(&because, &by.subject(), details).await;
        }
        ApplyError::Refused(error)
    }

    /// The repository was reached. That is written down now and then, so that a start does not make it younger.
    async fn reached_now(&self) {
        let now = self.engine.now();
        let write_down = self.news.set_reached(now);
        self.judge_age();
        if write_down == WriteDown::Now {
            let fact = Change::Fact { name: REACHED.to_owned(), value: Some(now.as_millis().to_string()) };
            if let Err(error) = self.engine.store().commit(vec![fact]).await {
                tracing::warn!(%error, "when the repository was reached could not be written down");
            }
        }
    }

    /// Stops what is new while the policy in force may be older than it is allowed to be.
    pub(crate) fn judge_age(&self) {
        let Some(most) = self.follower().and_then(|follower| follower.branch().max_age) else { return };
        let doubt = self.news.doubt(most, self.engine.now());
        if doubt.is_some() != self.engine.policy_doubt().is_some() {
            match &doubt {
                Some(because) => tracing::error!("nothing new is given: {because}"),
                None => tracing::info!("the policy repository was reached again: grants are given again"),
            }
        }
        self.engine.doubt_policy(doubt);
    }
}

/// A set that is to be in force, and what is written down of it.
struct Step<'s> {
    loaded: Loaded,
    by: &'s By,
    because: String,
    details: Vec<(&'static str, Detail)>,
    facts: Vec<(&'static str, Option<String>)>,
}

fn details(candidate: &Candidate) -> Vec<(&'static str, Detail)> {
    let set = &candidate.loaded.set;
    let signers = candidate.signers.iter().cloned().map(Detail::Text).collect();
    vec![
        ("commit", set.commit().unwrap_or_default().into()),
        ("content", set.content_hash().into()),
        ("commits", i64::try_from(candidate.steps).unwrap_or(i64::MAX).into()),
        ("signers", Detail::List(signers)),
    ]
}

fn expect(content: Option<&str>, loaded: &Loaded) -> Result<(), ApplyError> {
    let is = loaded.set.content_hash();
    match content {
        Some(expected) if expected != is => {
            Err(ApplyError::OtherContent { is: is.to_owned(), expected: expected.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
