//! What `run` and `pipeline start` do alike: begin the run, come by access, and tell the job's log about it.

use super::super::Context;
use super::super::activate::{Activated, Claiming, activate};
use super::super::artefact::{ArtefactArgs, named};
use super::super::request::{WhatArgs, ask, wait};
use super::super::running::{no_verdict, withdraw};
use crate::child::{self, Signals};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{Heart, Job, Platform, masks};
use crate::output::{Voice, left};
use crate::secret::{Iterations, SecretKind};
use crate::session;
use crate::state::{GrantFolder, StateFolder};
use curfew_api::{AskBody, BeatBody, RequestView, RunStateView};
use curfew_domain::request::Origin;
use curfew_domain::{BeatId, RoleName, Seconds, SubjectKind};

/// When the log is told again who is waited for: soon at first, then every five minutes.
const FIRST_REMINDER: Seconds = Seconds::new(60);
const LAST_REMINDER: Seconds = Seconds::new(300);

/// A run that this program is a client of.
pub(crate) struct Begun {
    /// As it was when it began.
    pub(crate) run: RunStateView,
    /// What this client beats with.
    pub(crate) beat: BeatId,
    /// What beats.
    pub(crate) heart: Heart,
}

/// What a job wants.
pub(crate) struct Wanted {
    /// As it is asked for.
    body: AskBody,
    /// How long it waits for a verdict.
    timeout: Option<Seconds>,
    /// What it presents to approvals that name it.
    artefacts: ArtefactArgs,
}

impl Wanted {
    /// As it stands on the command line. The log says what is presented, for those who approve exactly that.
    ///
    /// # Errors
    /// When it cannot be asked for so, or a file of it cannot be read.
    pub(crate) fn of(
        context: &mut Context,
        (role, what): (&RoleName, &WhatArgs),
        artefacts: &ArtefactArgs,
    ) -> Result<Self, Failure> {
        let wanted = Self { body: what.body(role)?, timeout: what.timeout, artefacts: artefacts.clone() };
        for presented in wanted.artefacts.measured(&context.machine)? {
            say(context, &format!("this job presents {}", named(&presented)));
        }
        Ok(wanted)
    }
}

/// How the wait for access ended.
pub(crate) enum Obtained {
    /// It is there.
    Access(Box<Activated>),
    /// A signal came first.
    Interrupted(Exit),
}

/// A line for the log. Job logs are read long after, so it is said whoever reads.
pub(crate) fn say(context: &mut Context, text: &str) {
    if context.output.voice() != Voice::Quiet {
        context.output.aside(&format!("curfew: {text}"));
    }
}

impl Begun {
    /// A heartbeat that nobody has.
    pub(crate) fn fresh_beat(context: &Context) -> BeatId {
        let beat = hex::encode(context.machine.random::<16>());
        BeatId::try_from(beat).expect("INVARIANT: 16 bytes in hex are a beat's id")
    }

    /// Begins the run, or joins it, as the client with this heartbeat.
    pub(crate) async fn with(job: &Job, beat: BeatId) -> Result<Self, Failure> {
        let run = job.session.client.begin_run(&BeatBody { beat: beat.clone() }).await.map_err(session::failure)?;
        let heart = Heart::of(job.session.client.clone(), run.id, beat.clone(), job.window);
        Ok(Self { run, beat, heart })
    }

    /// Looks at what was opened for another client of this very job, which this one may claim as well. One that is over has
    /// nothing.
    pub(crate) async fn knows_of(&mut self, job: &Job, beat: BeatId) -> Result<(), Failure> {
        match job.session.client.begin_run(&BeatBody { beat }).await.map_err(session::failure) {
            Ok(other) => self.run.requests.extend(other.requests),
            Err(failure) if failure.code == "run_over" => {}
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Comes by access: what a trigger opened for this run, or else what is asked for now.
    pub(crate) async fn obtain(
        &mut self,
        context: &mut Context,
        job: &Job,
        Wanted { body, timeout, artefacts }: Wanted,
        signals: &mut Signals,
    ) -> Result<Obtained, Failure> {
        let request = match opened(&self.run, &body) {
            Some(request) => {
                say(context, &format!("{} was opened for this run by the policy's trigger", request.id));
                request.clone()
            }
            None => {
                let body = AskBody { beat: Some(self.beat.clone()), ..body };
                self.heart.alongside(ask(&job.session, &body)).await?
            }
        };
        let request = match self.decided(context, job, (request, timeout), signals).await? {
            Ok(request) => request,
            Err(signal) => return Ok(Obtained::Interrupted(signal)),
        };
        let id = request.id.to_string();
        // A file may have become another while somebody was waited for.
        let artefacts = artefacts.measured(&context.machine)?;
        let claiming = Claiming { iterations: Iterations::ANY_DRIVER, artefacts };
        let activated = activate(context, &job.session, &id, claiming);
        let activated = self.heart.alongside(activated).await?;
        mask(context, job.platform, &activated)?;
        say(context, &has_access(&activated));
        Ok(Obtained::Access(Box::new(activated)))
    }

    /// Says that this client is done, as far as the server can be told.
    pub(crate) async fn stop(&mut self, context: &mut Context, job: &Job) {
        if let Err(failure) = self.heart.stop().await
            && failure.code != "run_over"
        {
            let rest = format!("it ends what is left {} after it last heard of this job", job.window);
            context.output.warn(&format!("the server could not be told that this job is done: {failure}; {rest}"));
        }
    }

    /// Waits until somebody decided, and tells the log who is waited for. The inner error is how a signal ends us.
    async fn decided(
        &mut self,
        context: &mut Context,
        job: &Job,
        (mut request, timeout): (RequestView, Option<Seconds>),
        signals: &mut Signals,
    ) -> Result<Result<RequestView, Exit>, Failure> {
        let id = request.id.to_string();
        let (mut left, mut step) = (timeout, FIRST_REMINDER);
        while request.state == "pending" {
            say(context, &waits_for(&request, context.machine.now(), left));
            let pause = left.map_or(step, |left| left.min(step));
            let waiting = wait(&job.session, request.clone(), Some(pause));
            let waited = tokio::select! {
                waited = self.heart.alongside(waiting) => waited,
                signal = signals.next() => {
                    withdraw(context, &job.session, &id).await;
                    return Ok(Err(child::exit_of(signal)));
                }
            };
            request = match waited {
                Ok(request) => request,
                // With the run its requests are gone.
                Err(failure) if failure.code == "run_over" => return Err(failure),
                Err(failure) => {
                    withdraw(context, &job.session, &id).await;
                    return Err(failure);
                }
            };
            left = left.map(|left| Seconds::new(left.as_secs().saturating_sub(pause.as_secs())));
            step = Seconds::new((step.as_secs() * 2).min(LAST_REMINDER.as_secs()));
            if request.state == "pending" && left == Some(Seconds::new(0)) {
                withdraw(context, &job.session, &id).await;
                return Err(no_verdict(&request));
            }
        }
        if request.state == "approved" { Ok(Ok(request)) } else { Err(no_verdict(&request)) }
    }
}

/// What a trigger opened for the run itself and nobody claimed. Who asks for a part of the role, or with words of its own,
/// means another request.
fn opened<'a>(run: &'a RunStateView, body: &AskBody) -> Option<&'a RequestView> {
    let plain = body.resources.is_empty()
        && body.actions.is_empty()
        && body.duration_seconds.is_none()
        && body.inputs.is_empty();
    let is_ours = |request: &&RequestView| {
        request.origin == Origin::Trigger
            && request.subject.kind == SubjectKind::Workload
            && request.role.as_str() == body.role
            && match request.state.as_str() {
                "pending" => true,
                "approved" => request.grant.as_ref().is_none_or(|grant| grant.state == "approved"),
                _ => false,
            }
    };
    run.requests.iter().filter(|_| plain).find(is_ours)
}

fn waits_for(request: &RequestView, now: curfew_domain::Timestamp, timeout: Option<Seconds>) -> String {
    let approvers = request.decision.approvers.join(", ");
    let end = match timeout {
        Some(left) => format!("this job waits {left} more"),
        None => format!("it lapses in {}", left(request.lapses_at, now)),
    };
    format!("{} waits for {approvers} (`curfew approve {}`); {end}", request.id, request.id)
}

fn has_access(activated: &Activated) -> String {
    let scope = super::super::views::scope_lines(&activated.grant.scope).join("; ");
    let end = activated.grant.expires_at.map_or_else(String::new, |at| format!(", until {at} at the latest"));
    format!("{} is active: {scope}{end}", activated.grant.id)
}

/// Has the runner hide what was made, where it can.
fn mask(context: &mut Context, platform: Platform, activated: &Activated) -> Result<(), Failure> {
    if platform != Platform::Github {
        return Ok(());
    }
    let folder = GrantFolder::of(&StateFolder::of(&context.machine)?, activated.grant.id);
    let mut secrets = Vec::new();
    for credential in &activated.credentials {
        for name in SecretKind::FILES {
            secrets.extend(folder.read(&credential.resource, name)?);
        }
    }
    // The runner reads commands from both streams (its `ScriptHandler` hands both to one manager), and stdout is the
    // command's own.
    context.output.raw_aside(masks(&secrets).as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RUN: &str = "run_01kb9n7r00e00000000000000a";
    const REQUEST: &str = "req_01kb9n7r00e00000000000000a";

    fn run(kind: &str, origin: &str, state: &str, grant: Option<&str>) -> RunStateView {
        let grant = grant.map(|state| {
            json!({"state": state, "expires_at": null, "ended_at": null, "end_cause": null, "end_ordered": null})
        });
        let subject = json!({"kind": kind, "id": "https://ci.example.com|x", "email": null, "name": null});
        let at = "2026-03-02T10:00:00Z";
        let decision = json!({"outcome": "automatic", "role": "hotfix", "policy_version": "00", "satisfied": [],
            "unsatisfied": [], "failed": [], "stages": [], "approvers": [], "max_until": null, "residual_exposure": []});
        let request = json!({"id": REQUEST, "state": state, "role": "hotfix", "subject": subject, "scope": [],
            "duration_seconds": 60, "reason": "", "ticket": "", "inputs": {}, "digest": "", "policy_version": "00",
            "decision": decision, "stages": [], "approvals": [], "origin": origin, "extends": null, "run": null,
            "grant_id": null, "grant": grant, "created_at": at, "lapses_at": at});
        let run = json!({"id": RUN, "run": {"provider": "github", "id": "7"}, "state": "live", "subject": subject,
            "began_at": at, "over_at": null, "over_because": null, "heartbeat_window_seconds": 60, "silent_at": at,
            "claims": {}, "requests": [request], "grants": []});
        serde_json::from_value(run).expect("a run")
    }

    #[test]
    fn what_a_trigger_opened_for_the_run_is_claimed_and_nothing_else() {
        let body = AskBody { role: "hotfix".to_owned(), reason: "whatever".to_owned(), ..AskBody::default() };
        for (kind, origin, state, grant, claimed) in [
            ("workload", "trigger", "pending", None, true),
            ("workload", "trigger", "approved", Some("approved"), true),
            ("workload", "trigger", "approved", Some("active"), false),
            ("workload", "trigger", "denied", None, false),
            ("workload", "asked", "approved", Some("approved"), false),
            ("person", "trigger", "approved", Some("approved"), false),
        ] {
            let run = run(kind, origin, state, grant);
            assert_eq!(opened(&run, &body).is_some(), claimed, "{kind} {origin} {state} {grant:?}");
        }
        let run = run("workload", "trigger", "pending", None);
        for other in [
            AskBody { role: "deploy".to_owned(), ..AskBody::default() },
            AskBody { duration_seconds: Some(Seconds::new(5)), ..body.clone() },
            AskBody { actions: vec!["read".parse().expect("an action")], ..body.clone() },
        ] {
            assert!(opened(&run, &other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn the_log_says_who_was_asked_and_how_long_is_left() {
        let mut request = run("workload", "asked", "pending", None).requests.remove(0);
        request.decision.approvers = vec!["ann@example.com".to_owned(), "bob@example.com".to_owned()];
        let now = curfew_domain::Timestamp::from_millis(request.lapses_at.as_millis() - 90_000);
        let expected = format!(
            "{REQUEST} waits for ann@example.com, bob@example.com (`curfew approve {REQUEST}`); it lapses in 1m30s"
        );
        assert_eq!(waits_for(&request, now, None), expected);
        assert!(waits_for(&request, now, Some(Seconds::new(40))).ends_with("; this job waits 40s more"));
    }
}
