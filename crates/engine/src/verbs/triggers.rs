//! What a run's triggers open: a request of its own for each of those they give to, decided like any other.
//!
//! **Invariant:** nobody gets anything here that policy would not decide so. What is refused is evidence, and keeps
//! nobody else from theirs.

use super::ask::{AskFor, Case};
use super::request::RequestError;
use super::run::Beginning;
use crate::Engine;
use crate::engine::Changes;
use crate::facts::token_of;
use crate::seams::Change;
use crate::seams::store::ReadError;
use curfew_domain::audit::AuditEvent;
use curfew_domain::request::Origin;
use curfew_domain::{Email, Firing, GroupName, Identity, Inputs, Outcome, Request, RoleName, Run, Subject, limits};
use curfew_policy::{Occasion, Recipient, Token};
use futures::lock::MutexGuard;
use std::collections::BTreeSet;

/// Sign-ins that are looked through for the members of a provider's group.
const SIGN_INS: usize = 10_000;

/// What a token of a run opens.
#[derive(Default)]
pub(crate) struct Opened<'e> {
    /// The roles it fires that the run had not fired yet.
    pub(crate) firing: Option<Firing>,
    /// What there is to commit with the run.
    pub(crate) changes: Changes,
    /// The requests among it.
    pub(crate) requests: Vec<Request>,
    refused: i64,
    left_out: i64,
    /// Kept until the commit, where a role counts its grants.
    _counting: Option<MutexGuard<'e, ()>>,
}

impl Opened<'_> {
    /// The event of the run, with what its triggers came to.
    pub(crate) fn noted(&self, event: AuditEvent) -> AuditEvent {
        let Some(firing) = &self.firing else { return event };
        let roles = firing.roles.iter().map(RoleName::to_string).collect::<Vec<_>>().join(" ");
        let opened = i64::try_from(self.requests.len()).unwrap_or(i64::MAX);
        let event = event.with("triggered", roles).with("opened", opened).with("refused", self.refused);
        if self.left_out > 0 { event.with("left_out", self.left_out) } else { event }
    }
}

/// What is the same for everybody a run gives to.
struct Giving<'a> {
    run: &'a Run,
    beginning: &'a Beginning,
    token: &'a Token,
    reason: String,
}

impl Engine {
    /// Judges what this token of a run fires. Writes nothing: what comes of it is committed with the run, so that it is
    /// fired once, or the run has not begun.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn fire(
        &self,
        who: &Identity,
        run: &Run,
        beginning: &Beginning,
    ) -> Result<Opened<'_>, RequestError> {
        let said = &beginning.bound.token;
        let Some(token) = token_of(said) else { return Ok(Opened::default()) };
        let mut fired = self.policy().fired_by(&token);
        fired.retain(|fired| !run.has_fired(&fired.role));
        if fired.is_empty() {
            return Ok(Opened::default());
        }
        let roles: BTreeSet<RoleName> = fired.iter().map(|fired| fired.role.clone()).collect();
        let mut counting = None;
        for role in &roles {
            if counting.is_none() {
                counting = self.counting(role).await;
            }
        }
        let token_elsewhere = (run.token.claims != said.claims).then(|| said.clone());
        let firing = Firing { roles, token: token_elsewhere };
        let mut opened = Opened { firing: Some(firing), _counting: counting, ..Opened::default() };
        let giving = Giving { run, beginning, token: &token, reason: reason(run) };
        for fired in fired {
            let people = self.people(&fired.to).await?;
            if fired.to.contains(&Recipient::Run) {
                self.give(&mut opened, &giving, (&fired.role, who)).await?;
            }
            for person in &people {
                self.give(&mut opened, &giving, (&fired.role, person)).await?;
            }
        }
        Ok(opened)
    }

    /// Decides for one of those it gives to.
    async fn give(
        &self,
        opened: &mut Opened<'_>,
        giving: &Giving<'_>,
        (role, who): (&RoleName, &Identity),
    ) -> Result<(), RequestError> {
        if opened.requests.len() >= limits::TRIGGERED_PER_RUN {
            opened.left_out += 1;
            return Ok(());
        }
        let Giving { run, beginning, token, reason } = giving;
        let itself = who.subject.id == run.subject.id;
        let case = Case {
            who,
            ask: AskFor {
                role: role.clone(),
                resources: Vec::new(),
                actions: Vec::new(),
                duration: None,
                reason: reason.clone(),
                ticket: String::new(),
                inputs: Inputs::new(),
                source_ip: beginning.source_ip.filter(|_| itself),
                client: None,
            },
            occasion: Occasion::Trigger,
            origin: Origin::Trigger,
            // What the run itself is given lives with the client that began it; what people are given, with the run.
            lives_with: Some(run.with(itself.then(|| beginning.beat.clone()))),
            token: Some((*token).clone()),
        };
        let judgement = self.judge_case(&case).await?;
        let now = self.clock.now();
        let Some(terms) = judgement.terms else {
            let event = self.refusal_of(&case, &judgement.decision);
            opened.changes.0.push(Change::Event(Box::new(event)));
            opened.refused += 1;
            return Ok(());
        };
        if judgement.decision.outcome != Outcome::Automatic && self.check_pending(who).await.is_err() {
            opened.left_out += 1;
            return Ok(());
        }
        match self.draw_up(&mut opened.changes, case, (judgement.decision, terms), now) {
            Ok(request) => opened.requests.push(request),
            Err(error) => {
                tracing::error!(run = %run.id, %role, %error, "a trigger's request could not be drawn up");
                opened.left_out += 1;
            }
        }
        Ok(())
    }

    /// The persons among those it gives to, as their newest sign-ins show them.
    async fn people(&self, to: &BTreeSet<Recipient>) -> Result<Vec<Identity>, ReadError> {
        let mut emails: BTreeSet<Email> = BTreeSet::new();
        let mut groups: BTreeSet<&GroupName> = BTreeSet::new();
        for recipient in to {
            match recipient {
                Recipient::Run => {}
                Recipient::Person(email) => {
                    emails.insert(email.clone());
                }
                Recipient::Group(name) => {
                    groups.insert(name);
                }
            }
        }
        if !groups.is_empty() {
            // All that a server can know of a provider's group: who has shown to be in it, and is signed in.
            for session in self.store.sign_ins(self.clock.now(), SIGN_INS).await? {
                let is_in = session.groups.iter().any(|group| groups.contains(group));
                emails.extend(session.subject.email.filter(|_| is_in));
            }
        }
        let mut people = Vec::with_capacity(emails.len());
        for email in emails {
            people.push(self.person_at(email).await?);
        }
        Ok(people)
    }

    /// Whoever signs in with an address, as they last did; somebody who never has is known by the address alone.
    async fn person_at(&self, email: Email) -> Result<Identity, ReadError> {
        let last = self.store.sign_ins_of(&email, 1).await?.pop();
        Ok(match last {
            Some(session) => Identity { subject: session.subject, groups: session.groups },
            None => Identity { subject: Subject::of_address(email), groups: BTreeSet::new() },
        })
    }
}

/// Why a trigger's request is there: which run, of what, on what.
fn reason(run: &Run) -> String {
    let of = ["repository", "project_path", "pipeline_slug"].iter().find_map(|claim| run.claim(claim));
    let on = run.claim("ref").or_else(|| run.claim("build_branch"));
    let mut text = format!("{} began", run.token.run);
    if let Some(of) = of {
        text.push_str(&format!(" in {of}"));
    }
    if let Some(on) = on {
        text.push_str(&format!(" on {on}"));
    }
    text.chars().filter(|c| !c.is_control()).take(limits::REASON_CHARS).collect()
}
