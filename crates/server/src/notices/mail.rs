//! Mail over SMTP: STARTTLS or TLS with a checked certificate, plain to this machine only.

use super::carrier::{Carrier, Undelivered};
use super::letter::{self, Envelope, Letter};
use super::told::Told;
use crate::config::Mail;
use curfew_domain::{Email, Request};
use curfew_engine::SteadyClock;
use curfew_engine::seams::BoxFuture;
use curfew_engine::seams::store::Notice;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use url::{Host, Url};

/// The server's answer to one command takes at most this long.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Connections to the mail server.
const CONNECTIONS: u32 = 4;

/// Why mail cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    /// The address names a user, and there is no password for it.
    #[error("`mail.smtp` names a user, and `mail.password` is missing")]
    NoPassword,
    /// There is a password and nobody it belongs to.
    #[error("`mail.password` is set, and `mail.smtp` names no user")]
    NoUser,
    /// TLS cannot be set up.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(String),
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// TLS from the first byte.
    Wrapped,
    /// TLS before anything is said; without it nothing is sent.
    StartTls,
    /// None: to this machine itself.
    Plain,
}

impl Protection {
    /// What an address asks for.
    pub(super) fn of(smtp: &Url) -> Self {
        let here = match smtp.host() {
            // Outside the web's own schemes the parser leaves addresses as names.
            Some(Host::Domain(name)) => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
            Some(Host::Ipv4(v4)) => v4.is_loopback(),
            Some(Host::Ipv6(v6)) => v6.is_loopback(),
            None => false,
        };
        match smtp.scheme() {
            "smtps" => Self::Wrapped,
            _ if here => Self::Plain,
            _ => Self::StartTls,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Wrapped => 465,
            Self::StartTls => 587,
            Self::Plain => 25,
        }
    }
}

/// Which certificates vouch for the mail server.
#[derive(Clone)]
pub(super) enum Trust {
    /// Those that the machine trusts.
    Machine,
    /// Those, and these.
    #[cfg_attr(not(test), allow(dead_code, reason = "only tests bring a certificate of their own"))]
    Also(Vec<Certificate>),
}

/// Outside things that mail needs.
pub(super) struct PostParts<'a> {
    pub(super) config: &'a Mail,
    pub(super) password: Option<SecretString>,
    pub(super) protection: Protection,
    pub(super) trust: Trust,
    /// How browsers reach this server.
    pub(super) server: Url,
    pub(super) clock: Arc<SteadyClock>,
}

/// The mail server, as it is configured.
pub(super) struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Email,
    server: Url,
    clock: Arc<SteadyClock>,
}

impl Post {
    pub(super) fn new(parts: PostParts<'_>) -> Result<Self, MailError> {
        let smtp = &parts.config.smtp;
        let host = smtp.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
            .port(smtp.port().unwrap_or(parts.protection.port()))
            .tls(tls(host, parts.protection, parts.trust)?)
            .timeout(Some(TIME_LIMIT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        match (smtp.username(), parts.password) {
            ("", None) => {}
            ("", Some(_)) => return Err(MailError::NoUser),
            (_, None) => return Err(MailError::NoPassword),
            (user, Some(password)) => {
                builder = builder.credentials(Credentials::new(decoded(user), password.expose_secret().to_owned()));
            }
        }
        let from = parts.config.from.clone();
        Ok(Self { transport: builder.build(), from, server: parts.server, clock: parts.clock })
    }

    async fn send(&self, notice: &Notice, told: &Told) -> Result<(), Undelivered> {
        let message = self.message(notice, told)?;
        self.transport.send(message).await.map(drop).map_err(judge)
    }

    /// The message of a notice.
    pub(super) fn message(&self, notice: &Notice, told: &Told) -> Result<Message, Undelivered> {
        let unfit = |what: &str| Undelivered::This(format!("it cannot become a mail: {what}"));
        let to: Email = notice.to.parse().map_err(|_| unfit("its address is none"))?;
        let envelope = Envelope { to: to.as_str(), server: &self.server };
        let letter = letter::compose(told, &envelope).ok_or_else(|| unfit("it does not say what it is about"))?;
        let domain = self.from.domain();
        let mut builder = Message::builder()
            .from(mailbox(Some("Curfew"), &self.from).ok_or_else(|| unfit("its sender is no address"))?)
            .to(mailbox(None, &to).ok_or_else(|| unfit("its address is none"))?)
            .subject(letter.subject.clone())
            .date(self.date())
            .message_id(Some(format!("<{}@{domain}>", notice.id)))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        if let Some(request) = request_of(told) {
            // All mail about one request is one conversation.
            builder = builder.references(format!("<{request}@{domain}>"));
        }
        builder.multipart(parts(notice, &letter)).map_err(|error| unfit(&error.to_string()))
    }

    fn date(&self) -> SystemTime {
        let millis = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}

impl Carrier for Post {
    fn carry<'a>(&'a self, notice: &'a Notice, told: &'a Told) -> BoxFuture<'a, Result<(), Undelivered>> {
        Box::pin(self.send(notice, told))
    }
}

fn tls(host: String, protection: Protection, trust: Trust) -> Result<Tls, MailError> {
    let parameters = || {
        let builder = TlsParameters::builder(host);
        let builder = match trust {
            Trust::Machine => builder,
            Trust::Also(roots) => roots.into_iter().fold(builder, |b, root| b.add_root_certificate(root)),
        };
        builder.build().map_err(|error| MailError::Tls(error.to_string()))
    };
    Ok(match protection {
        Protection::Wrapped => Tls::Wrapper(parameters()?),
        Protection::StartTls => Tls::Required(parameters()?),
        Protection::Plain => Tls::None,
    })
}

fn parts(notice: &Notice, letter: &Letter) -> MultiPart {
    MultiPart::alternative()
        .boundary(format!("={}=", notice.id))
        .singlepart(SinglePart::plain(letter.text()))
        .singlepart(SinglePart::html(letter.html()))
}

fn request_of(told: &Told) -> Option<curfew_domain::Id<Request>> {
    told.request.as_ref().map(|r| r.id).or(told.grant.as_ref().map(|g| g.request_id))
}

fn mailbox(name: Option<&str>, email: &Email) -> Option<Mailbox> {
    Some(Mailbox::new(name.map(str::to_owned), email.as_str().parse().ok()?))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A user name without its percent signs.
fn decoded(user: &str) -> String {
    let pair = format!("user={}", user.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map_or_else(|| user.to_owned(), |(_, user)| user.into_owned())
}

/// What a failure means for this mail and for those after it. The server's words may be anything: they are cut
/// and made visible. Source of the codes: RFC 5321, section 4.2.
fn judge(error: lettre::transport::smtp::Error) -> Undelivered {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let text: String = text.chars().take(300).collect();
    let text = curfew_domain::text::visible(&text).into_owned();
    let code = error.status().map(u16::from);
    match code {
        // 421 the service goes away; 454, 530, 534, 535, 538 it does not let us in.
        Some(421 | 454 | 530 | 534 | 535 | 538) | None => Undelivered::Nobody(text),
        Some(_) => Undelivered::This(text),
    }
}
