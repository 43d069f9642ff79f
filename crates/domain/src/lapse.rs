//! What becomes of a request that nobody decides: its stage opens to others, it is denied, or it lapses.

use crate::audit::AuditAction;
use crate::course::OnTimeout;
use crate::request::{Request, RequestState, VerdictError};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::transition::Transition;

impl Request {
    /// When something happens to it if nobody decides: its stage has waited its time, or it lapses. None once it
    /// is final.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.check_pending().ok()?;
        let stage = self.stage_now().and_then(|now| self.course.stages.iter().find(|s| s.name == now.name));
        let stage_due = stage.and_then(crate::course::StageCourse::due_at);
        Some(stage_due.map_or(self.lapses_at, |due| due.min(self.lapses_at)))
    }

    /// What its stage does when it has waited its time: it is opened to others, or the request is denied.
    ///
    /// # Errors
    /// When it is final, or no stage has waited its time.
    pub fn time_out(self, now: Timestamp) -> Result<Transition<Self>, VerdictError> {
        self.check_pending()?;
        let name = self.stage_now().map(|stage| stage.name.clone()).ok_or(VerdictError::NotDue)?;
        let place = self.course.stages.iter().position(|s| s.name == name).ok_or(VerdictError::NotDue)?;
        let stage = &self.course.stages[place];
        if stage.due_at().is_none_or(|due| now < due) {
            return Err(VerdictError::NotDue);
        }
        let because = format!("nobody decided stage `{name}` in time");
        if stage.on_timeout == OnTimeout::Reject {
            let event = self.event(AuditAction::RequestDenied, &Subject::system(), now).because(because);
            let state = RequestState::Denied { at: now };
            return Ok(Transition::new(Self { state, ..self }, event.with("stage", name)));
        }
        let event = self.event(AuditAction::RequestEscalated, &Subject::system(), now).because(because);
        let mut next = self;
        let stage = &mut next.course.stages[place];
        stage.opening = stage.opening.escalated();
        Ok(Transition::new(next, event.with("stage", name)))
    }

    /// Ends it because nobody decided in time.
    ///
    /// # Errors
    /// When it is final.
    pub fn lapse(self, now: Timestamp) -> Result<Transition<Self>, VerdictError> {
        self.check_pending()?;
        let event = self.event(AuditAction::RequestLapsed, &Subject::system(), now);
        Ok(Transition::new(Self { state: RequestState::Lapsed { at: now, because: String::new() }, ..self }, event))
    }

    /// Ends it because the grant that it was to keep longer ends, or has ended.
    ///
    /// # Errors
    /// When it is final.
    pub fn lapse_with_grant(self, now: Timestamp) -> Result<Transition<Self>, VerdictError> {
        self.check_pending()?;
        const BECAUSE: &str = "the grant that it was to keep longer is over";
        let event = self.event(AuditAction::RequestLapsed, &Subject::system(), now).because(BECAUSE);
        Ok(Transition::new(
            Self { state: RequestState::Lapsed { at: now, because: BECAUSE.to_owned() }, ..self },
            event,
        ))
    }

    /// Why it lapsed before its time; none when it did not.
    pub fn lapsed_because(&self) -> Option<&str> {
        match &self.state {
            RequestState::Lapsed { because, .. } => Some(because.as_str()).filter(|because| !because.is_empty()),
            RequestState::Pending
            | RequestState::Approved { .. }
            | RequestState::Denied { .. }
            | RequestState::Withdrawn { .. } => None,
        }
    }

    /// Ends it because the run that it lives with is over, or the client of it that asked is gone.
    ///
    /// # Errors
    /// When it is final.
    pub fn lapse_with_run(self, because: &str, now: Timestamp) -> Result<Transition<Self>, VerdictError> {
        self.check_pending()?;
        let event = self.event(AuditAction::RequestLapsed, &Subject::system(), now).because(because);
        Ok(Transition::new(
            Self { state: RequestState::Lapsed { at: now, because: because.to_owned() }, ..self },
            event,
        ))
    }
}
