//! Past requests, as the audit log holds them.

use curfew_domain::request::Origin;
use curfew_domain::{Request, Timestamp};
use curfew_policy::{Ask, Facts, Occasion};
use serde_json::Value;

/// What a line of an export is about.
pub(super) enum Past {
    /// A request as it was made.
    Asked(Box<Request>),
    /// A request that cannot be decided again: what was refused at once is not kept as a whole.
    Unknown(Timestamp),
    /// Something else.
    Other,
}

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Past {
    let Ok(event) = serde_json::from_slice::<Value>(line) else { return Past::Other };
    let at = || event.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
    let unknown = || at().map_or(Past::Other, Past::Unknown);
    match event.get("action").and_then(Value::as_str) {
        Some("request.created") => {
            let after = event.get("details").and_then(|details| details.get("after")).cloned();
            let request = after.and_then(|after| serde_json::from_value::<Request>(after).ok());
            request.map_or_else(unknown, |request| Past::Asked(Box::new(request)))
        }
        Some("request.refused") => unknown(),
        Some(_) | None => Past::Other,
    }
}

/// The same ask again, at the time it was made. Facts that the log does not hold are not known.
pub(super) fn ask(request: &Request) -> Ask {
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
