//! What was asked for, until all of it is approved. When a part is not, nobody is left to use the others: they are
//! taken back.

use crate::child::{self, Signals};
use crate::commands::Context;
use crate::commands::request::{is_approved, is_pending, say_who_approves, wait_for_all};
use crate::commands::running::{no_verdict, withdraw};
use crate::commands::views::reason_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use curfew_api::{BundlePartView, RequestView};
use curfew_domain::Seconds;

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
            waited = wait_for_all(session, &mut self.0, timeout) => waited,
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

    fn check(&self) -> Result<(), Failure> {
        let refused = self.0.iter().find(|request| !is_pending(request) && !is_approved(request));
        match refused.or_else(|| self.0.iter().find(|request| is_pending(request))) {
            Some(request) => Err(no_verdict(request)),
            None => Ok(()),
        }
    }

    /// Takes all of them back: nobody is left to use what they could become.
    async fn take_back(&self, context: &mut Context, session: &Session) {
        for request in self.0.iter().filter(|request| is_pending(request) || is_approved(request)) {
            withdraw(context, session, &request.id.to_string()).await;
        }
    }
}
