//! `POST /api/v1/ssh/hosts/sync`

use super::{host_desk, ssh_ca};
use crate::app::{App, stopped};
use crate::edge::{Answer, ApiError, Body, RefusalResponses, Source};
use crate::refusals::Refused;
use axum::Json;
use axum::extract::State;
use curfew_api::{ErrorCode, HostDutiesView, HostReportBody, HostSessionBody};
use curfew_domain::audit::AuditAction;
use curfew_engine::seams::host_desk::{HostDuties, HostReport, HostSession};
use http::HeaderMap;
use std::time::Duration;

/// How long the desk may hold a host's call until there is something to do.
const HELD_FOR: Duration = Duration::from_secs(15);

/// A host's report, answered with its duties. The host is known by its token alone; nothing it says names it.
#[utoipa::path(post, path = "/ssh/hosts/sync", tag = "ssh", request_body = HostReportBody,
    responses((status = 200, body = HostDutiesView), RefusalResponses))]
pub(crate) async fn ssh_sync(
    State(app): State<App>,
    source: Source,
    headers: HeaderMap,
    Body(body): Body<HostReportBody>,
) -> Answer<HostDutiesView> {
    let host = match host_desk::known(&app, &headers).await {
        Ok(host) => host,
        Err(error) => {
            app.refused.take(&source)?;
            let because = "the host's token is not known";
            app.refusals.note(Refused { action: AuditAction::TokenRefused, source, because, claimed: None }).await;
            return Err(error);
        }
    };
    let desk = host_desk::desk(&app)?;
    let mut stopping = app.stopping.clone();
    let duties = tokio::select! {
        duties = tokio::time::timeout(HELD_FOR, desk.sync(&host.resource, &host.name, report(body))) => duties,
        () = stopped(&mut stopping) => {
            return Err(ApiError::new(ErrorCode::Unavailable, "the server is stopping").retry_after(1));
        }
    };
    match duties {
        Ok(duties) => Ok(Json(view(duties.map_err(host_desk::error)?))),
        Err(_) => Err(ApiError::new(ErrorCode::TimedOut, "the desk did not answer")),
    }
}

fn report(body: HostReportBody) -> HostReport {
    let session =
        |s: HostSessionBody| HostSession { serial: s.serial, pid: s.pid, account: s.account, key_id: s.key_id };
    HostReport {
        revocation_list_sha256: body.revocation_list_sha256,
        sessions: body.sessions.into_iter().map(session).collect(),
        at: body.at,
    }
}

fn view(duties: HostDuties) -> HostDutiesView {
    HostDutiesView {
        authorities: ssh_ca::views(duties.authorities),
        revocation_list: duties.revocation_list,
        end_serials: duties.end_serials,
        principals: duties.principals,
        poll_seconds: duties.poll_seconds,
    }
}
