//! Accepting connections: bounded in number, in all and of one source, in the time to say hello and in the time to say what is wanted.

use super::{Peer, Source};
use crate::app::{Stopping, stopped};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How many connections are held at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connections {
    /// Of everybody; more wait in the kernel's queue.
    pub(crate) total: u32,
    /// Of one source; more are closed at once, so that nobody holds all of them.
    pub(crate) per_source: u32,
}

/// Connections of everybody, where the system allows as many.
const MOST: u64 = 4_096;
/// And where it allows hardly any.
const LEAST: u64 = 64;
/// Descriptors kept for the ledger and for targets: an end must never wait for one.
const RESERVED: u64 = 512;

impl Connections {
    /// What a process can hold that may open so many descriptors. A quarter is one source's, because a proxy in front is
    /// one source too.
    pub(crate) fn within(descriptors: u64) -> Self {
        let total = descriptors.saturating_sub(RESERVED).clamp(LEAST, MOST);
        let total = u32::try_from(total).expect("INVARIANT: it is clamped");
        Self { total, per_source: total / 4 }
    }
}
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
    pub(crate) connections: Connections,
}

impl Listener {
    /// Accepts until the server stops, then waits until what is under way has been answered.
    #[allow(clippy::disallowed_methods, reason = "this is the server's accept loop: a task for each connection")]
    pub(crate) async fn serve(self) {
        let total = self.connections.total;
        let slots = Arc::new(Semaphore::new(total as usize));
        let places = Places::new(self.connections.per_source);
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stopping) => break,
                accepted = accept(&self.tcp, &slots) => accepted,
            };
            let Some((stream, remote, slot)) = accepted else { continue };
            metrics::gauge!("curfew_http_connections").set(f64::from(total) - slots.available_permits() as f64);
            let Some(place) = places.take(Source::of(remote.ip())) else {
                metrics::counter!("curfew_http_connections_refused_total").increment(1);
                continue;
            };
            let (router, tls, stopping) = (self.router.clone(), self.tls.clone(), self.stopping.clone());
            tokio::spawn(async move {
                let _held = (slot, place);
                connection(stream, remote, Serving { router, tls, stopping }).await;
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(FINISH_WITHIN, slots.acquire_many(total)).await.is_err() {
            tracing::warn!("some connections were cut off");
        }
    }
}

/// Who holds how many connections.
#[derive(Clone)]
struct Places {
    most: u32,
    held: Arc<Mutex<BTreeMap<Source, u32>>>,
}

/// One connection of a source, until it is dropped.
struct Place {
    of: Source,
    places: Places,
}

impl Places {
    fn new(most: u32) -> Self {
        Self { most, held: Arc::default() }
    }

    /// A place for one more connection of a source, unless it holds as many as it may.
    fn take(&self, of: Source) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let many = held.entry(of.clone()).or_insert(0);
        if *many >= self.most {
            return None;
        }
        *many += 1;
        Some(Place { of, places: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(many) = held.get_mut(&self.of) {
            *many -= 1;
            if *many == 0 {
                held.remove(&self.of);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    #[test]
    fn descriptors_are_left_for_ends() {
        for (descriptors, total) in [(1_048_576, 4_096), (u64::MAX, 4_096), (1_024, 512), (600, 88), (256, 64), (0, 64)]
        {
            let connections = Connections::within(descriptors);
            assert_eq!((connections.total, connections.per_source), (total, total / 4), "{descriptors}");
        }
    }

    /// A connection from this address of the machine.
    async fn from(local: &str, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{local}:0").parse().expect("an address")).expect("bound");
        socket.connect(to).await.expect("connected")
    }

    /// The status of `/`; empty when the connection was closed instead.
    async fn asks(mut stream: TcpStream) -> String {
        let call = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        // A connection that was closed at once may fail at either.
        let _ = stream.write_all(call).await;
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The attack: one peer opens connections and says nothing on them, so that nobody else gets one.
    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "the server of a test runs beside it")]
    async fn a_peer_that_holds_connections_holds_only_its_own() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = tcp.local_addr().expect("an address");
        let (stop, stopping) = watch::channel(Stopping::No);
        let router = Router::new().route("/", get(|| async { "here" }));
        let connections = Connections { total: 8, per_source: 4 };
        let serving = tokio::spawn(Listener { tcp, tls: None, router, stopping, connections }.serve());
        let mut silent = Vec::new();
        for _ in 0..32 {
            silent.push(from("127.0.0.1", to).await);
        }
        assert_eq!(asks(from("127.0.0.1", to).await).await, "", "it holds as many as it may");
        for _ in 0..8 {
            assert_eq!(asks(from("127.0.0.2", to).await).await, "200");
        }
        drop(silent);
        let again = async {
            while asks(from("127.0.0.1", to).await).await != "200" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), again).await.expect("served again once it let go");
        stop.send_replace(Stopping::Yes);
        serving.await.expect("ended");
    }
}
