//! Accepting connections: bounded in number, in the time to say hello and in the time to say what is wanted.

use super::Peer;
use crate::app::{Stopping, stopped};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: u32 = 4_096;
/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long the head of a call may take to arrive, and a kept connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of a head.
const HEAD_BYTES: usize = 32 * 1024;
/// Header lines of a call.
const HEADERS: usize = 64;
/// How long connections may take to finish once the server stops.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// What a listener needs.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    pub(crate) stopping: watch::Receiver<Stopping>,
}

impl Listener {
    /// Accepts until the server stops, then waits until what is under way has been answered.
    #[allow(clippy::disallowed_methods, reason = "this is the server's accept loop: a task for each connection")]
    pub(crate) async fn serve(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS as usize));
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stopping) => break,
                accepted = accept(&self.tcp, &slots) => accepted,
            };
            let Some((stream, remote, slot)) = accepted else { continue };
            metrics::gauge!("curfew_http_connections").set(f64::from(CONNECTIONS) - slots.available_permits() as f64);
            let (router, tls, stopping) = (self.router.clone(), self.tls.clone(), self.stopping.clone());
            tokio::spawn(async move {
                let _slot = slot;
                connection(stream, remote, Serving { router, tls, stopping }).await;
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(FINISH_WITHIN, slots.acquire_many(CONNECTIONS)).await.is_err() {
            tracing::warn!("some connections were cut off");
        }
    }
}

struct Serving {
    router: Router,
    tls: Option<TlsAcceptor>,
    stopping: watch::Receiver<Stopping>,
}

async fn accept(tcp: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match tcp.accept().await {
        Ok((stream, remote)) => Some((stream, remote, slot)),
        Err(error) => {
            // Out of file descriptors, most likely: some will be free again shortly.
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, remote: SocketAddr, serving: Serving) {
    let Ok(local) = stream.local_addr() else { return };
    // Without it small answers wait for the other side's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let peer = Peer { remote, local };
    match &serving.tls {
        None => calls(stream, peer, serving.router, serving.stopping).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => calls(stream, peer, serving.router, serving.stopping).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS came about"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// Serves one connection's calls, one after another.
async fn calls<S>(stream: S, peer: Peer, router: Router, mut stopping: watch::Receiver<Stopping>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(peer);
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_headers(HEADERS).max_buf_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke off");
    }
}
