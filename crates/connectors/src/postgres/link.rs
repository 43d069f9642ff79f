//! One connection to a target: statements in, rows out, and what went wrong told apart.
//!
//! It is driven by whoever waits for an answer, so nothing has to be spawned, and dropping it closes it.

use super::tls;
use super::way::Way;
use curfew_engine::seams::Clock;
use curfew_engine::seams::connector::CallError;
use futures::future::{Either, poll_fn, select};
use futures::stream::{self, Stream, StreamExt};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, SimpleQueryMessage, SimpleQueryRow};

/// How long a connection may take to be made.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long one round trip may take. Above the server's own `statement_timeout`, which should be first.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What every connection of ours says first. The search path keeps functions and operators that a subject
/// planted in a schema it may write to from being run with the manager's rights.
const OPENING: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = '15s'; \
    SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = notice; \
    SET standard_conforming_strings = on; SET default_transaction_read_only = off; SET DateStyle = ISO; \
    SET TimeZone = 'UTC'; SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; \
    SELECT current_setting('server_version_num'), session_user, rolsuper, pg_is_in_recovery() \
    FROM pg_roles WHERE rolname = session_user";

/// The rows of one statement.
pub(crate) type Rows = Vec<SimpleQueryRow>;

/// What the server said about itself and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// As `server_version_num`: 150018.
    pub(crate) version: u32,
    /// The account we are.
    pub(crate) manager: String,
    /// Whether it is a superuser.
    pub(crate) manager_is: ManagerIs,
    /// What the server is.
    pub(crate) standing: Standing,
}

/// What Curfew's own account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManagerIs {
    /// Above all checks.
    Superuser,
    /// What it was granted.
    Ordinary,
}

/// What a server is in its replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It takes writes.
    Primary,
    /// It replays another's.
    Standby,
}

/// PostgreSQL 16 gave memberships options of their own.
pub(crate) const MEMBERSHIP_OPTIONS: u32 = 160_000;

impl Server {
    pub(crate) fn has_membership_options(&self) -> bool {
        self.version >= MEMBERSHIP_OPTIONS
    }
}

/// Why a statement gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LinkError {
    /// No connection could be made.
    #[error("{0}")]
    NoConnection(String),
    /// The server does not let Curfew's account in.
    #[error("{0}")]
    NotLetIn(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The server said no to a statement.
    #[error("{message} (SQLSTATE {})", code.code())]
    Statement {
        /// Its SQLSTATE.
        code: SqlState,
        /// Its message.
        message: String,
    },
    /// The server cut a name. Nothing may rest on that statement.
    #[error("the server cut a name: {0}")]
    NameCut(String),
}

impl LinkError {
    pub(crate) fn is(&self, codes: &[&SqlState]) -> bool {
        matches!(self, Self::Statement { code, .. } if codes.contains(&code))
    }

    /// As the engine hears it, when nothing was committed.
    pub(crate) fn before_commit(&self, resource: impl std::fmt::Display) -> CallError {
        let (resource, message) = (resource.to_string(), self.to_string());
        match self {
            Self::NoConnection(_) | Self::Broken(_) | Self::TooSlow(_) => CallError::Unreachable { resource, message },
            Self::NotLetIn(_) | Self::Statement { .. } | Self::NameCut(_) => CallError::Refused { resource, message },
        }
    }

    /// As the engine hears it, when the commit was under way.
    pub(crate) fn at_commit(&self, resource: impl std::fmt::Display) -> CallError {
        match self {
            Self::Broken(_) | Self::TooSlow(_) => {
                CallError::Lost { resource: resource.to_string(), message: self.to_string() }
            }
            Self::NoConnection(_) | Self::NotLetIn(_) | Self::Statement { .. } | Self::NameCut(_) => {
                self.before_commit(resource)
            }
        }
    }
}

type Driver = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

/// A connection with its greeting done.
pub(crate) struct Link {
    client: Client,
    driver: Driver,
    clock: Arc<dyn Clock>,
    server: Server,
    cut: Option<String>,
}

impl Link {
    /// Connects and greets.
    pub(crate) async fn open(way: &Way, clock: &Arc<dyn Clock>) -> Result<Self, LinkError> {
        let connecting = pin!(connect(way));
        let (client, driver) = match select(connecting, clock.sleep(CONNECT_WITHIN)).await {
            Either::Left((made, _)) => made?,
            Either::Right(_) => return Err(LinkError::NoConnection(format!("{} does not answer", way.place()))),
        };
        let server =
            Server { version: 0, manager: String::new(), manager_is: ManagerIs::Ordinary, standing: Standing::Standby };
        let mut link = Self { client, driver, clock: Arc::clone(clock), server, cut: None };
        let rows = link.rows(OPENING).await?;
        link.server =
            rows.last().and_then(server_of).ok_or(LinkError::Broken("it did not say who it is".to_owned()))?;
        Ok(link)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends statements in one round trip; gives the rows of each.
    pub(crate) async fn ask(&mut self, sql: &str) -> Result<Vec<Rows>, LinkError> {
        let slow = self.clock.sleep(ANSWER_WITHIN);
        let answer = drive(&mut self.driver, &mut self.cut, self.client.simple_query(sql));
        let messages = match select(pin!(answer), slow).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(_) => return Err(LinkError::TooSlow(ANSWER_WITHIN)),
        };
        if let Some(cut) = self.cut.take() {
            return Err(LinkError::NameCut(cut));
        }
        Ok(by_statement(messages))
    }

    /// Sends statements in one round trip; gives all rows of them together.
    pub(crate) async fn rows(&mut self, sql: &str) -> Result<Rows, LinkError> {
        Ok(self.ask(sql).await?.into_iter().flatten().collect())
    }

    /// Whether the server has closed it while it was idle.
    pub(crate) async fn is_open(&mut self) -> bool {
        loop {
            match futures::poll!(self.driver.next()) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return false,
                Poll::Pending => return true,
            }
        }
    }
}

async fn connect(way: &Way) -> Result<(Client, Driver), LinkError> {
    let secured = tls::connector(way).map_err(LinkError::NotLetIn)?;
    match secured {
        Some(tls) => way.config().connect(tls).await.map(|(client, connection)| (client, driver(connection))),
        None => way.config().connect(NoTls).await.map(|(client, connection)| (client, driver(connection))),
    }
    .map_err(|e| not_connected(&e))
}

fn driver<S, T>(mut connection: Connection<S, T>) -> Driver
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(stream::poll_fn(move |cx| connection.poll_message(cx)))
}

/// Polls the request and the connection that carries it, in turn.
async fn drive<T>(
    driver: &mut Driver,
    cut: &mut Option<String>,
    request: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, LinkError> {
    let mut request = pin!(request);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(answer) = request.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|e| failed(&e)));
            }
            match driver.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    if *notice.code() == SqlState::NAME_TOO_LONG {
                        *cut = Some(notice.message().to_owned());
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(e))) => return Poll::Ready(Err(failed(&e))),
                Poll::Ready(None) => return Poll::Ready(Err(LinkError::Broken("closed by the server".to_owned()))),
                Poll::Pending => break,
            }
        }
        // The connection may just have passed the answer on.
        request.as_mut().poll(cx).map(|answer| answer.map_err(|e| failed(&e)))
    })
    .await
}

fn by_statement(messages: Vec<SimpleQueryMessage>) -> Vec<Rows> {
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(row),
            SimpleQueryMessage::CommandComplete(_) => all.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    all
}

fn server_of(row: &SimpleQueryRow) -> Option<Server> {
    Some(Server {
        version: number(row, 0)?,
        manager: row.get(1)?.to_owned(),
        manager_is: if yes(row, 2) { ManagerIs::Superuser } else { ManagerIs::Ordinary },
        standing: if yes(row, 3) { Standing::Standby } else { Standing::Primary },
    })
}

/// A number in a row.
pub(crate) fn number<T: std::str::FromStr>(row: &SimpleQueryRow, column: usize) -> Option<T> {
    row.get(column)?.parse().ok()
}

/// A text in a row; empty for null.
pub(crate) fn text(row: &SimpleQueryRow, column: usize) -> &str {
    row.get(column).unwrap_or("")
}

/// A truth in a row.
pub(crate) fn yes(row: &SimpleQueryRow, column: usize) -> bool {
    row.get(column) == Some("t")
}

fn failed(error: &tokio_postgres::Error) -> LinkError {
    let Some(db) = error.as_db_error() else { return LinkError::Broken(chain(error)) };
    let fatal = matches!(db.severity(), "FATAL" | "PANIC");
    if fatal { LinkError::Broken(db.message().to_owned()) } else { statement(db) }
}

fn statement(db: &tokio_postgres::error::DbError) -> LinkError {
    LinkError::Statement { code: db.code().clone(), message: db.message().to_owned() }
}

fn not_connected(error: &tokio_postgres::Error) -> LinkError {
    let Some(db) = error.as_db_error() else { return LinkError::NoConnection(chain(error)) };
    // 28: not authorised; 3D: no such database; 42: no CONNECT. All else passes: starting, stopping, full.
    let lasting = ["28", "3D", "42"].iter().any(|class| db.code().code().starts_with(class));
    let message = db.message().to_owned();
    if lasting { LinkError::NotLetIn(message) } else { LinkError::NoConnection(message) }
}

/// An error with its causes; tokio-postgres puts what happened into the source.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
