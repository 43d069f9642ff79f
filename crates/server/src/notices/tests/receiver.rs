//! A webhook's receiver: keeps what it gets and answers as it is told.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

/// One call as it came in.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

type Answer = Arc<dyn Fn() -> Response + Send + Sync>;

/// Listens on loopback until it is dropped.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn answering(answer: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let answer: Answer = Arc::new(answer);
        let app = Router::new().fallback(keep).with_state((calls.clone(), answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        #[allow(clippy::disallowed_methods, reason = "the receiver of a test runs beside it")]
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { address, calls, task }
    }

    pub(super) async fn with_status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self::answering(move || Response::builder().status(status).body("".into()).expect("an answer")).await
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("a lock").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    State((calls, answer)): State<(Arc<Mutex<Vec<Call>>>, Answer)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    calls.lock().expect("a lock").push(Call { headers, body });
    answer()
}
