//! `curfew audit show`: one event in full, or the story of a request, grant or lease.

use super::{Context, print_events};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Facts, Voice};
use crate::session::{self, Session};
use clap::Args;
use curfew_api::{AuditEventView, AuditFrom};
use std::str::FromStr;

/// What `curfew audit show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The place of an event, or an id: `req_...`, `grt_...`, `lse_...`
    which: Which,
}

/// One event, or all about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Event(u64),
    About(String),
}

impl FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = ["req_", "grt_", "lse_"].iter().any(|prefix| text.starts_with(prefix));
        let plain = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match text.parse() {
            Ok(seq) => Ok(Self::Event(seq)),
            Err(_) if id && plain => Ok(Self::About(text.to_owned())),
            Err(_) => Err("neither the number of an event nor an id"),
        }
    }
}

pub(crate) async fn run(context: &mut Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let session = Session::signed_in(context)?;
    match &args.which {
        Which::Event(seq) => {
            let query = AuditFrom { from: *seq, limit: Some(1) };
            let events = session.client.audit_events(&query).await.map_err(session::failure)?.items;
            let event = events.into_iter().next().filter(|event| event.seq == *seq);
            show(context, &event.ok_or_else(|| Failure::not_found(format!("there is no event {seq}")))?)?;
        }
        Which::About(id) => {
            let events = session.client.audit_about(id).await.map_err(session::failure)?.items;
            if events.is_empty() {
                return Err(Failure::not_found(format!("no event is about {id}")));
            }
            print_events(context, &events)?;
        }
    }
    Ok(Exit::Done)
}

fn show(context: &mut Context, event: &AuditEventView) -> Result<(), Failure> {
    if context.output.voice() == Voice::Json {
        return context.output.document(event);
    }
    let details = serde_json::to_string_pretty(&event.details).expect("INVARIANT: JSON prints");
    let mut facts = Facts::new();
    facts
        .add("seq", event.seq.to_string())
        .add("at", event.at.to_string())
        .add("action", event.action.as_str())
        .add("actor", event.actor.label())
        .add("subject", event.subject.as_ref().map(curfew_api::SubjectView::label).unwrap_or_default())
        .add("request", event.request_id.map(|id| id.to_string()).unwrap_or_default())
        .add("grant", event.grant_id.map(|id| id.to_string()).unwrap_or_default())
        .add("lease", event.lease_id.map(|id| id.to_string()).unwrap_or_default())
        .add("because", event.because.clone())
        .add("policy", event.policy_version.clone().unwrap_or_default())
        .list("details", details.lines().map(str::to_owned))
        .add("leaf hash", event.leaf_hash.clone());
    facts.print(&mut context.output)
}

#[cfg(test)]
mod tests {
    use super::Which;

    #[test]
    fn a_number_is_an_event_and_an_id_is_a_story() {
        assert_eq!("12".parse(), Ok(Which::Event(12)));
        assert_eq!("lse_0".parse(), Ok(Which::About("lse_0".into())));
        for wrong in ["", "-1", "x", "req_a/b"] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }
}
