//! A run of a pipeline, as its token showed it, and how long it lives.
//!
//! A run lives while one of its clients beats. What its clients claimed for themselves lives with their own beats;
//! what a crew was given lives with the run.

use crate::artefact::{Artefact, ArtefactKind, COMMIT_CLAIMS};
use crate::audit::{AuditAction, AuditEvent};
use crate::id::{Id, Identified};
use crate::names::RoleName;
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::transition::{Noun, Transition, Version};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which run of which pipeline, as its provider counts them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The name this server has for who vouches.
    pub issuer: String,
    /// The kind of issuer, as policy writes it: `github`, `gitlab`, ...
    pub provider: String,
    /// The provider's own id of the run.
    pub number: String,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} run {}", self.provider, self.number)
    }
}

/// What a verified token said of a workload. It holds nothing that opens anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadToken {
    /// Whose run it is of.
    pub run: RunKey,
    /// Each claim, flattened as `kubernetes.io.namespace`, with its texts.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// One client that says, again and again, that it is still there. 32 lower-case hex digits, made by the client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BeatId(String);

/// The text is no beat's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a beat's id is 32 lower-case hex digits")]
pub struct NotABeatId;

impl BeatId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BeatId {
    type Error = NotABeatId;
    fn try_from(text: String) -> Result<Self, NotABeatId> {
        let sound = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if sound { Ok(Self(text)) } else { Err(NotABeatId) }
    }
}

impl From<BeatId> for String {
    fn from(id: BeatId) -> String {
        id.0
    }
}

impl fmt::Display for BeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request or grant lives with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LivesWith {
    /// The run.
    pub run: Id<Run>,
    /// As its provider counts it.
    pub key: RunKey,
    /// The one client it lives with; none when it lives while any client of the run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<BeatId>,
}

/// Why a run was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// The last of its clients said so.
    Finished,
    /// None of its clients was heard of for the heartbeat window.
    Silent,
    /// Its provider said so. No run of that key begins again.
    ProviderEnded,
}

impl RunEnd {
    /// Why, as a sentence in the record.
    pub fn because(self) -> &'static str {
        match self {
            Self::Finished => "the last client of the run said that it is done",
            Self::Silent => "no heartbeat of any client of the run came for its window",
            Self::ProviderEnded => "the provider of the pipeline said that the run has ended",
        }
    }
}

/// A run's states. `Over` is final: when its key is heard of again, that is another run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// A client of it beats.
    Live,
    /// None does.
    Over {
        /// Since when.
        at: Timestamp,
        /// Why.
        why: RunEnd,
    },
}

/// Roles that a token of a run has fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// Which.
    pub roles: BTreeSet<RoleName>,
    /// What the token said; none when it is the one that the run began with. Another job of a run may run elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<WorkloadToken>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: Id<Run>,
    /// How often it has changed.
    pub version: Version,
    /// The workload whose client began it.
    pub subject: Subject,
    /// What its token said.
    pub token: WorkloadToken,
    /// When it began.
    pub began_at: Timestamp,
    /// What its triggers have opened; each role once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<Firing>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RunState,
}

impl Identified for Run {
    const PREFIX: &'static str = "run";
}

impl Noun for Run {
    fn version(&self) -> Version {
        self.version
    }
    fn set_version(&mut self, version: Version) {
        self.version = version;
    }
}

/// The run was over before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the run is over")]
pub struct RunIsOver;

impl Run {
    /// A run that begins, with evidence.
    pub fn begun(run: Run) -> Transition<Run> {
        let run = Run { version: Version::NONE, state: RunState::Live, ..run };
        let event = run.event(AuditAction::RunBegan, &run.subject, run.began_at);
        Transition::new(run, event)
    }

    /// Another job of it has fired more roles.
    ///
    /// # Errors
    /// When it is over.
    pub fn fires(self, firing: Firing, now: Timestamp) -> Result<Transition<Run>, RunIsOver> {
        if !self.is_live() {
            return Err(RunIsOver);
        }
        let event = self.event(AuditAction::RunTriggered, &self.subject, now);
        let mut next = self;
        next.fired.push(firing);
        Ok(Transition::new(next, event))
    }

    /// Whether its triggers have opened a role.
    pub fn has_fired(&self, role: &RoleName) -> bool {
        self.fired.iter().any(|firing| firing.roles.contains(role))
    }

    /// What the token said that fired a role; the one it began with when none did.
    pub fn token_for(&self, role: &RoleName) -> &WorkloadToken {
        let firing = self.fired.iter().find(|firing| firing.roles.contains(role));
        firing.and_then(|firing| firing.token.as_ref()).unwrap_or(&self.token)
    }

    /// The end of a run. From here on nothing that lives with it is given to anybody.
    ///
    /// # Errors
    /// When it was over before.
    pub fn over(self, why: RunEnd, now: Timestamp) -> Result<Transition<Run>, RunIsOver> {
        let actor = match (&self.state, why) {
            (RunState::Over { .. }, _) => return Err(RunIsOver),
            (RunState::Live, RunEnd::Finished) => self.subject.clone(),
            (RunState::Live, RunEnd::Silent | RunEnd::ProviderEnded) => Subject::system(),
        };
        let event = self.event(AuditAction::RunOver, &actor, now).because(why.because());
        Ok(Transition::new(Self { state: RunState::Over { at: now, why }, ..self }, event))
    }

    /// Whether a client of it beats.
    pub fn is_live(&self) -> bool {
        match self.state {
            RunState::Live => true,
            RunState::Over { .. } => false,
        }
    }

    /// What lives with it, or with one client of it.
    pub fn with(&self, beat: Option<BeatId>) -> LivesWith {
        LivesWith { run: self.id, key: self.token.run.clone(), beat }
    }

    /// The text of a claim that has exactly one.
    pub fn claim(&self, name: &str) -> Option<&str> {
        match self.token.claims.get(name).map(Vec::as_slice) {
            Some([one]) => Some(one),
            Some(_) | None => None,
        }
    }

    /// The commit that it is of, as its token says; none when the token says none.
    pub fn commit(&self) -> Option<Artefact> {
        let said = COMMIT_CLAIMS.iter().find_map(|name| self.claim(name))?;
        Artefact::new(ArtefactKind::Commit, said).ok()
    }

    /// An event about this run.
    pub fn event(&self, action: AuditAction, actor: &Subject, now: Timestamp) -> AuditEvent {
        let mut event = AuditEvent::new(now, actor.clone(), action);
        event.subject = Some(self.subject.clone());
        event.with("run", self.id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let id = crate::subject::SubjectId::new("https://ci.example", "repo:acme/orders").expect("an id");
        let key = RunKey { issuer: "ci".to_owned(), provider: "github".to_owned(), number: "77".to_owned() };
        let now = Timestamp::from_millis(1_000);
        Run {
            id: Id::new(now, [1; 10]),
            version: Version::NONE,
            subject: Subject { kind: crate::subject::SubjectKind::Workload, id, email: None, name: None },
            token: WorkloadToken { run: key, claims: BTreeMap::from([("sha".to_owned(), vec!["abc".to_owned()])]) },
            began_at: now,
            fired: Vec::new(),
            state: RunState::Live,
        }
    }

    #[test]
    fn a_run_is_over_once() {
        let begun = Run::begun(run());
        assert_eq!((begun.event.action, begun.next.version.get()), (AuditAction::RunBegan, 1));
        let now = Timestamp::from_millis(2_000);
        let over = begun.next.over(RunEnd::Silent, now).expect("it lived");
        assert_eq!(over.next.state, RunState::Over { at: now, why: RunEnd::Silent });
        assert_eq!((over.event.action, over.event.actor.clone()), (AuditAction::RunOver, Subject::system()));
        assert!(!over.next.is_live());
        assert_eq!(over.next.over(RunEnd::Finished, now), Err(RunIsOver));
    }

    #[test]
    fn each_role_goes_by_the_token_that_fired_it() {
        let (debug, look) = ("debug".parse().expect("a name"), "look".parse().expect("a name"));
        let run = Run { fired: vec![Firing { roles: [debug].into(), token: None }], ..run() };
        let run = Run::begun(run).next;
        let elsewhere = WorkloadToken { claims: BTreeMap::new(), ..run.token.clone() };
        let firing = Firing { roles: BTreeSet::from([look]), token: Some(elsewhere.clone()) };
        let fired = run.fires(firing, Timestamp::from_millis(2)).expect("it lives").next;
        let token = |role: &str| fired.token_for(&role.parse().expect("a name")).clone();
        assert_eq!(
            (token("debug"), token("look"), token("none")),
            (fired.token.clone(), elsewhere, fired.token.clone())
        );
        assert!(
            fired.has_fired(&"look".parse().expect("a name")) && !fired.has_fired(&"none".parse().expect("a name"))
        );
        let over = fired.over(RunEnd::Finished, Timestamp::from_millis(3)).expect("it lived").next;
        assert_eq!(
            over.fires(Firing { roles: BTreeSet::new(), token: None }, Timestamp::from_millis(4)),
            Err(RunIsOver)
        );
    }

    #[test]
    fn a_claim_is_one_text() {
        let mut run = run();
        assert_eq!((run.claim("sha"), run.claim("ref")), (Some("abc"), None));
        assert_eq!(run.commit(), None, "`abc` is no commit's id");
        run.token.claims.insert("build_commit".to_owned(), vec!["c0ffee25".repeat(5)]);
        run.token.claims.insert("sha".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(run.claim("sha"), None);
        assert_eq!(run.commit().map(|commit| commit.to_string()), Some(format!("commit {}", "c0ffee25".repeat(5))));
    }

    #[test]
    fn beats_are_bounded() {
        assert!(BeatId::try_from("0123456789abcdef0123456789abcdef".to_owned()).is_ok());
        for bad in ["", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcde", "g".repeat(32).as_str()]
        {
            assert_eq!(BeatId::try_from(bad.to_owned()), Err(NotABeatId), "{bad}");
        }
    }
}
