//! `curfew doctor`: each resource, the clock and the ledger, one line each.

use super::Context;
use super::views::state_colour;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{self, Session};
use curfew_api::StandingView;
use curfew_domain::text::visible;

pub(crate) async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    let doctor = session.client.doctor().await.map_err(session::failure)?;
    context.output.show(&doctor, |output, doctor| {
        for finding in &doctor.findings {
            let word = match finding.standing {
                StandingView::Ok => "ok",
                StandingView::Warning => "warning",
                StandingView::Failed => "failed",
            };
            let mark = output.paint(state_colour(word), &format!("{word:8}"));
            let rest = format!("{}: {}: {}", finding.about, finding.check, finding.message);
            output.raw(format!("{mark} {}\n", visible(&rest)).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(if doctor.ok { Exit::Done } else { Exit::No })
}
