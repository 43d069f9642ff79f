//! What was asked for, until all of it is approved. When a part is not, nobody is left to use the others: they are
//! taken back.

use crate::child::{self, Signals};
use crate::commands::Context;
use crate::commands::request::say_who_approves;
use crate::commands::running::withdraw;
use crate::commands::views::reason_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use curfew_api::{BundlePartView, RequestView};
use curfew_domain::Seconds;
use std::time::Duration;

/// How often pending requests are looked at: quickly at first, because people approve while one watches.
const FIRST_LOOK: Duration = Duration::from_millis(300);
const LAST_LOOK: Duration = Duration::from_secs(3);
/// Looks without an answer, one after the other, before it is a failure.
const MOST_SILENCES: u32 = 10;

/// Requests of which all have to be approved. Never empty.
pub(super) struct Asked(Vec<RequestView>);

/// How the wait for verdicts ended.
pub(super) enum Waited {
    /// All of them are approved.
    Approved(Vec<RequestView>),
    /// A signal came; nothing is left of them.
    Interrupted(Exit),
}

impl Asked {
    pub(super) fn one(request: RequestView) -> Self {
        Self(vec![request])
    }

    /// The parts of a bundle.
    ///
    /// # Errors
    /// When policy denies one of them; the others are taken back.
    pub(super) async fn all(
        context: &mut Context,
        session: &Session,
        parts: Vec<BundlePartView>,
    ) -> Result<Self, Failure> {
        let (mut requests, mut denied) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                BundlePartView::Asked(request) => requests.push(*request),
                BundlePartView::Denied(part) => denied.push(part),
            }
        }
        let asked = Self(requests);
        if denied.is_empty() {
            return Ok(asked);
        }
        asked.take_back(context, session).await;
        let message = denied.iter().fold(String::new(), |text, part| {
            let reasons = part.decision.unsatisfied.iter().chain(&part.decision.failed).map(reason_line);
            reasons.fold(format!("{text}policy denies {}", part.role), |text, reason| format!("{text}\n{reason}"))
                + "\n"
        });
        let hint = "the command was not run, and what else was asked for was taken back; `curfew exec ROLE` runs it with one role";
        Err(Failure::no("denied", message.trim_end().to_owned()).hint(hint))
    }

    /// Waits until all of them are approved.
    ///
    /// # Errors
    /// When one is not, or not in time: then all of them are taken back.
    pub(super) async fn approved(
        mut self,
        context: &mut Context,
        session: &Session,
        timeout: Option<Seconds>,
        signals: &mut Signals,
    ) -> Result<Waited, Failure> {
        self.0.iter().for_each(|request| say_who_approves(context, request));
        let waited = tokio::select! {
            waited = self.wait(session, timeout) => waited,
            signal = signals.next() => {
                self.take_back(context, session).await;
                return Ok(Waited::Interrupted(child::exit_of(signal)));
            }
        };
        match waited.and_then(|()| self.check()) {
            Ok(()) => Ok(Waited::Approved(self.0)),
            Err(failure) => {
                self.take_back(context, session).await;
                Err(failure)
            }
        }
    }

    /// Looks until all are approved, one is not, or the time to wait is over.
    async fn wait(&mut self, session: &Session, timeout: Option<Seconds>) -> Result<(), Failure> {
        let mut pause = FIRST_LOOK;
        let mut left = timeout.map(Seconds::as_std);
        let mut silences = 0;
        while self.0.iter().any(is_pending) && self.0.iter().all(|request| is_pending(request) || is_approved(request))
        {
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            let sleep = left.map_or(pause, |left| left.min(pause));
            tokio::time::sleep(sleep).await;
            left = left.map(|left| left.saturating_sub(sleep));
            pause = (pause * 2).min(LAST_LOOK);
            for request in self.0.iter_mut().filter(|request| is_pending(request)) {
                match session.client.show_request(&request.id.to_string()).await.map_err(session::failure) {
                    Ok(seen) => (*request, silences) = (seen, 0),
                    // A server that is being restarted is waited for as well.
                    Err(failure) if failure.exit == Exit::Unavailable && silences < MOST_SILENCES => silences += 1,
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        let refused = self.0.iter().find(|request| !is_pending(request) && !is_approved(request));
        if let Some(request) = refused {
            let said = request.approvals.last().map(|a| format!(" by {}: {}", a.approver.label(), a.reason));
            let (id, role, state) = (&request.id, &request.role, &request.state);
            let message = format!("{id} ({role}) was {state}{}", said.unwrap_or_default());
            return Err(Failure::no(state, message));
        }
        let Some(request) = self.0.iter().find(|request| is_pending(request)) else { return Ok(()) };
        let message = format!("nobody approved {} ({}) in time", request.id, request.role);
        let hint = format!("these could: {}", request.decision.approvers.join(", "));
        Err(Failure::new(Exit::StillPending, "still_pending", message).hint(hint))
    }

    /// Takes all of them back: nobody is left to use what they could become.
    async fn take_back(&self, context: &mut Context, session: &Session) {
        for request in self.0.iter().filter(|request| is_pending(request) || is_approved(request)) {
            withdraw(context, session, &request.id.to_string()).await;
        }
    }
}

fn is_pending(request: &RequestView) -> bool {
    request.state == "pending"
}

fn is_approved(request: &RequestView) -> bool {
    request.state == "approved"
}
