//! What `run` and `pipeline end` do alike: wait until what was returned is verified gone, and say so.

use super::super::Context;
use super::begun::say;
use crate::failure::Failure;
use crate::session::{self, Session};
use curfew_api::GrantView;
use curfew_domain::{Grant, Id};
use std::time::Duration;

/// How long the end of access is waited for.
const VERIFIED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Waits until every target was read, and tells the log.
pub(crate) async fn verified(context: &mut Context, session: &Session, grants: &[Id<Grant>]) {
    let mut left = VERIFIED_WITHIN;
    for id in grants {
        let mut last = look(session, *id).await;
        while !left.is_zero() && !last.as_ref().is_ok_and(|grant| grant.state == "ended") {
            tokio::time::sleep(LOOK_EVERY).await;
            left = left.saturating_sub(LOOK_EVERY);
            last = look(session, *id).await;
        }
        match last {
            Ok(grant) => tell(context, &grant),
            Err(failure) => context.output.warn(&format!("{id}: nobody says whether it is gone: {failure}")),
        }
    }
}

async fn look(session: &Session, id: Id<Grant>) -> Result<GrantView, Failure> {
    session.client.show_grant(&id.to_string()).await.map_err(session::failure)
}

fn tell(context: &mut Context, grant: &GrantView) {
    let targets: Vec<_> = grant.leases.iter().map(|lease| lease.resource.to_string()).collect();
    let id = grant.id;
    if grant.state == "ended" && grant.verified && targets.is_empty() {
        return say(context, &format!("{id} is over; nothing had been made for it"));
    }
    if grant.state == "ended" && grant.verified {
        return say(context, &format!("{id} is over: {} was read and shows no access", targets.join(", ")));
    }
    let because = grant.leases.iter().filter_map(|lease| lease.held_up.as_ref()).map(|held| held.because.clone());
    let because: Vec<_> = because.chain(grant.unverified_because.clone()).collect();
    let why = if because.is_empty() { String::new() } else { format!(" ({})", because.join("; ")) };
    match grant.state.as_str() {
        "ended" => context.output.warn(&format!("{id} is over, and that could not be verified{why}")),
        "ending" => context.output.warn(&format!(
            "{id} is being taken away, and was not verified gone within 10s{why}; the server goes on until it is"
        )),
        _ => context.output.warn(&format!("{id} is still {}", grant.state)),
    }
}
