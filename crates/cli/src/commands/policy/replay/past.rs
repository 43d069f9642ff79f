//! Past requests, as the audit log holds them.

use curfew_domain::request::Origin;
use curfew_domain::{Decision, Request, Timestamp};
use curfew_policy::{Ask, Facts, Occasion, Refused};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a line of an export is about.
pub(super) enum Past {
    /// Something that was asked.
    Asked(Box<Asked>),
    /// Something of which the log does not hold enough to decide it again.
    Unknown(Timestamp),
    /// Something else.
    Other,
    /// The signed end of an export.
    Checkpoint,
    /// No line of an export, or a part of one.
    NoEvent,
}

/// Something that was asked, and what was said to it.
pub(super) struct Asked {
    /// The request that it became, or the grant that was to last longer; empty when it was refused at once.
    pub(super) id: String,
    /// As it was asked.
    pub(super) ask: Ask,
    /// What was said to it.
    pub(super) decision: Decision,
}

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Past {
    let Ok(event) = serde_json::from_slice::<Value>(line) else { return Past::NoEvent };
    let asked = match event["action"].as_str() {
        Some("request.created") => created(&event),
        Some("request.refused") => refused(&event),
        Some(_) => return Past::Other,
        None if event["checkpoint"].is_string() => return Past::Checkpoint,
        None => return Past::NoEvent,
    };
    let unknown = || member::<Timestamp>(&event["at"]).map_or(Past::Other, Past::Unknown);
    asked.map_or_else(unknown, |asked| Past::Asked(Box::new(asked)))
}

fn member<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

fn created(event: &Value) -> Option<Asked> {
    let request: Request = member(&event["details"]["after"])?;
    let bare = ask(&request);
    let ask = bare.clone().with_recorded(&event["details"]["facts"]).unwrap_or(bare);
    Some(Asked { id: request.id.to_string(), ask, decision: request.decision })
}

/// What was refused became no request: its event holds what was asked.
fn refused(event: &Value) -> Option<Asked> {
    let details = &event["details"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let refused = Refused {
        subject: member(&event["subject"])?,
        role: member(&details["role"])?,
        reason: text(&details["reason"]),
        ticket: text(&details["ticket"]),
    };
    let ask = Ask::recorded(refused, &details["asked"])?;
    Some(Asked { id: text(&event["grant_id"]), ask, decision: member(&details["decision"])? })
}

/// The same ask again, at the time it was made. Facts that the log does not hold are not known.
fn ask(request: &Request) -> Ask {
    let occasion = match (&request.extends, request.origin) {
        (Some(extends), _) => Occasion::Extension { earlier: extends.earlier },
        (None, Origin::Asked | Origin::Bundle) => Occasion::Request,
        (None, Origin::Trigger) => Occasion::Trigger,
        (None, Origin::BreakGlass) => Occasion::BreakGlass,
    };
    let source_ip = request.extends.as_ref().and_then(|extends| extends.source_ip);
    let who = request.asker();
    Ask {
        pairs: Some(request.scope.clone()),
        duration: Some(request.duration),
        reason: request.reason.clone(),
        ticket: request.ticket.clone(),
        inputs: request.inputs.clone(),
        facts: Facts { source_ip, ..Facts::default() },
        occasion,
        ..Ask::of(who, request.role.clone(), request.created_at)
    }
}
