//! Logs for people and machines, metrics for Prometheus.
//!
//! | metric | kind | labels | what |
//! |---|---|---|---|
//! | `curfew_http_requests_total` | counter | `method`, `path`, `status` | calls answered; `path` is the pattern |
//! | `curfew_http_request_seconds` | histogram | `method`, `path` | time to the head of the answer |
//! | `curfew_http_connections` | gauge | | open connections |
//! | `curfew_refusals_total` | counter | `kind` | sign-ins and tokens refused |
//! | `curfew_open_leases` | gauge | `connector`, `state` | leases that are not revoked |
//! | `curfew_overdue_leases` | gauge | `connector` | leases whose end was ordered more than five minutes ago |
//! | `curfew_audit_events` | gauge | | size of the audit log |
//! | `curfew_checkpoint_size` | gauge | | size of the log at the newest signed checkpoint |
//! | `curfew_clock_in_doubt` | gauge | | 1 while nothing new is granted because of the clock |

use crate::config::{Log, LogFormat};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

const SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Starts logging to stderr. Once in a process; a second call changes nothing.
pub fn start_logging(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    // A second subscriber is refused, which is what is wanted.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).compact().try_init(),
    };
}

/// The process's metrics, made on first use.
pub(crate) fn metrics_handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new().set_buckets(SECONDS).expect("INVARIANT: the buckets are not empty");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // Another recorder in the process would mean that ours renders nothing, which a test would notice.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    handle
}

fn describe() {
    metrics::describe_counter!("curfew_http_requests_total", "Calls answered.");
    metrics::describe_histogram!("curfew_http_request_seconds", "Time to the head of the answer.");
    metrics::describe_gauge!("curfew_http_connections", "Open connections.");
    metrics::describe_counter!("curfew_refusals_total", "Sign-ins and tokens refused.");
    metrics::describe_gauge!("curfew_open_leases", "Leases that are not revoked.");
    metrics::describe_gauge!("curfew_overdue_leases", "Leases whose end was ordered more than five minutes ago.");
    metrics::describe_gauge!("curfew_audit_events", "Size of the audit log.");
    metrics::describe_gauge!("curfew_checkpoint_size", "Size of the log at the newest signed checkpoint.");
    metrics::describe_gauge!("curfew_clock_in_doubt", "1 while nothing new is granted because of the clock.");
}
