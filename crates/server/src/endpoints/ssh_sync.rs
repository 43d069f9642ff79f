//! `POST /api/v1/ssh/hosts/sync`

use super::{host_desk, ssh_ca};
use crate::app::{App, stopped};
use crate::edge::{Answer, ApiError, Body, RefusalResponses, Source, read_whole};
use crate::refusals::Refused;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use curfew_api::{ErrorCode, HostDutiesView, HostReportBody, HostSessionBody, LedgerMarkView};
use curfew_domain::audit::AuditAction;
use curfew_engine::seams::connector::LedgerMark;
use curfew_engine::seams::host_desk::{HostDuties, HostReport, HostSession};
use std::time::Duration;

/// Bytes of a report: the one body that may be longer than others.
const REPORT_BYTES: usize = 1 << 20;
/// How long the desk may hold a host's call until there is something to do.
const HELD_FOR: Duration = Duration::from_secs(15);

/// A host's report, answered with its duties. The host is known by its token alone; nothing it says names it.
#[utoipa::path(post, path = "/ssh/hosts/sync", tag = "ssh", request_body = HostReportBody,
    security(("host_token" = [])),
    responses((status = 200, body = HostDutiesView), RefusalResponses))]
pub(crate) async fn ssh_sync(State(app): State<App>, source: Source, request: Request) -> Answer<HostDutiesView> {
    // A stranger's report is not even read: the token comes first, and how often it may be looked up is bounded.
    app.host_calls.take(&source)?;
    let host = match host_desk::known(&app, request.headers()).await {
        Ok(host) => host,
        Err(error) => {
            app.refused.take(&source)?;
            let because = "the host's token is not known";
            let (action, because) = (AuditAction::TokenRefused, because.to_owned());
            app.refusals.note(Refused { action, source, because, claimed: None }).await;
            return Err(error);
        }
    };
    let Body(body) = Body::<HostReportBody>::from_request(read_whole(request, REPORT_BYTES).await?, &()).await?;
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
        mark: body.mark.map(|mark| LedgerMark { seq: mark.seq, leaf_hash: mark.leaf_hash }),
    }
}

fn view(duties: HostDuties) -> HostDutiesView {
    HostDutiesView {
        authorities: ssh_ca::views(duties.authorities),
        revocation_list: duties.revocation_list,
        end_serials: duties.end_serials,
        principals: duties.principals,
        poll_seconds: duties.poll_seconds,
        mark: LedgerMarkView { seq: duties.mark.seq, leaf_hash: duties.mark.leaf_hash },
    }
}

#[cfg(test)]
mod tests {
    use crate::endpoints::testing::{World, call, text};
    use axum::body::Body;
    use http::Method;
    use serde_json::json;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn report() -> serde_json::Value {
        let session = json!({"serial": 7, "pid": 1, "account": "deploy"});
        json!({"revocation_list_sha256": "", "at": "2026-03-02T10:00:00Z", "sessions": [session]})
    }

    #[tokio::test]
    async fn a_host_is_known_by_its_token_alone() {
        let world = World::new().await;
        let root = world.sign_in("root@example.com").await;
        let host = || json!({"resource": "services/db", "host": "web-1.example.com:22"});
        let token = text(&world.post(&root, "/api/v1/ssh/hosts", host()).await.ok(), "token");
        let duties = world.post(&token, "/api/v1/ssh/hosts/sync", report()).await.ok();
        assert_eq!(duties["end_serials"], json!([7]));
        assert!(duties["principals"].get("services/db:web-1.example.com:22").is_some(), "{duties}");
        // A second token replaces the first; a session's token is none.
        let second = text(&world.post(&root, "/api/v1/ssh/hosts", host()).await.ok(), "token");
        for wrong in [token.as_str(), root.as_str(), ""] {
            let reply = world.post(wrong, "/api/v1/ssh/hosts/sync", report()).await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "unauthenticated"));
        }
        assert_eq!(world.get(&second, "/api/v1/whoami").await.status, 401);
        let gone = call(Method::DELETE, &root, "/api/v1/ssh/hosts", Some(host()), None);
        assert_eq!(world.send(gone).await.status, 204);
        assert_eq!(world.post(&second, "/api/v1/ssh/hosts/sync", report()).await.status, 401);
        let gone = call(Method::DELETE, &root, "/api/v1/ssh/hosts", Some(host()), None);
        assert_eq!(world.send(gone).await.status, 404);
        let found = world.get(&root, "/api/v1/audit/search?q=host.").await.ok();
        assert_eq!(found["items"].as_array().map(Vec::len), Some(3), "{found}");
        assert!(!found.to_string().contains(&second));
    }

    /// The attack: reports as long as they may be, by somebody without a token, sent for ever.
    #[tokio::test]
    async fn a_strangers_report_is_not_read() {
        let world = World::new().await;
        let read = Arc::new(AtomicUsize::new(0));
        let send = |token: &str| {
            let count = read.clone();
            let piece = futures::stream::poll_fn(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                std::task::Poll::Ready(Some(Ok::<_, std::io::Error>(vec![b'{'; 1_024])))
            });
            let mut request = call(Method::POST, token, "/api/v1/ssh/hosts/sync", None, None);
            *request.body_mut() = Body::from_stream(piece);
            world.send(request)
        };
        let unknown = format!("cfh_{}", "A".repeat(43));
        for token in ["", "cfh_short", &unknown] {
            assert_eq!(send(token).await.code(), "unauthenticated", "{token}");
        }
        assert_eq!(read.load(Ordering::SeqCst), 0, "nothing of it was read");
        for _ in 0..crate::endpoints::HOST_RATE.burst {
            send(&unknown).await;
        }
        let refused = send(&unknown).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "rate_limited"));
        assert_eq!(read.load(Ordering::SeqCst), 0);
        // One whose token stands is read, up to its bound.
        world.clock.turn(std::time::Duration::from_secs(60));
        let root = world.sign_in("root@example.com").await;
        let host = json!({"resource": "services/db", "host": "web-1"});
        let token = text(&world.post(&root, "/api/v1/ssh/hosts", host).await.ok(), "token");
        assert_eq!(send(&token).await.code(), "too_large");
        assert!(read.load(Ordering::SeqCst) >= 1_024);
    }

    #[tokio::test]
    async fn hosts_are_for_administrators_and_their_keys_for_anybody() {
        let world = World::new().await;
        let dev = world.sign_in("dev@example.com").await;
        let host = json!({"resource": "services/db", "host": "a"});
        assert_eq!(world.post(&dev, "/api/v1/ssh/hosts", host).await.code(), "forbidden");
        assert_eq!(world.post(&dev, "/api/v1/ssh/ca/rotate", json!({"resource": "a"})).await.code(), "forbidden");
        assert_eq!(world.get("", "/api/v1/ssh/ca").await.ok()["authorities"][0]["number"], 1);
        let list = world.get("", "/api/v1/ssh/krl").await;
        assert_eq!(
            (list.headers["content-type"].as_bytes(), list.text.as_str()),
            (&b"application/octet-stream"[..], "SSHKRL\n\0")
        );
    }
}
