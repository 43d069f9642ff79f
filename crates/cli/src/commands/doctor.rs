//! `curfew doctor`: each resource, the clock and the ledger, one line each; under `--quiet` only what is not right.

use super::Context;
use super::views::state_colour;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Voice;
use crate::session::{self, Session};
use curfew_api::{FindingView, StandingView};
use curfew_domain::text::visible;

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let doctor = session.client.doctor().await.map_err(session::failure)?;
    context.output.show(&doctor, |output, doctor| {
        let quiet = output.voice() == Voice::Quiet;
        for finding in doctor.findings.iter().filter(|f| !quiet || f.standing != StandingView::Ok) {
            let word = match finding.standing {
                StandingView::Ok => "ok",
                StandingView::Warning => "warning",
                StandingView::Failed => "failed",
            };
            let mark = output.paint(state_colour(word), &format!("{word:8}"));
            output.raw(format!("{mark} {}\n", visible(&line(finding))).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(if doctor.ok { Exit::Done } else { Exit::No })
}

/// What was looked at, once: the clock and the ledger have one check each, named like themselves.
fn line(finding: &FindingView) -> String {
    let FindingView { about, check, message, .. } = finding;
    if about == check { format!("{about}: {message}") } else { format!("{about}: {check}: {message}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_named_twice() {
        let finding = |about: &str, check: &str| FindingView {
            about: about.to_owned(),
            check: check.to_owned(),
            standing: StandingView::Ok,
            message: "they agree".to_owned(),
        };
        assert_eq!(line(&finding("clock", "clock")), "clock: they agree");
        assert_eq!(line(&finding("services/db", "clock")), "services/db: clock: they agree");
    }
}
