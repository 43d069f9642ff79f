//! One server, and who is signed in there.

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::state::{StateFolder, StoredToken, Tokens};
use curfew_api::{Client, ClientError, ErrorCode};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Where `curfew dev` listens.
const DEFAULT_SERVER: &str = "http://127.0.0.1:7373";

/// A client of one server, with what there is of a sign-in.
pub(crate) struct Session {
    /// Makes the calls.
    pub(crate) client: Client,
    /// The server's address, in its one spelling.
    pub(crate) server: String,
}

impl Session {
    /// As nobody: for what anybody may read, and for signing in.
    pub(crate) fn as_nobody(context: &Context) -> Result<Self, Failure> {
        let tokens = stored(&context.machine).unwrap_or_default();
        let server = server(context, &tokens)?;
        Self::new(server, None)
    }

    /// As whoever is signed in there; refused when nobody is.
    pub(crate) fn signed_in(context: &Context) -> Result<Self, Failure> {
        let given = context.machine.var("CURFEW_TOKEN").map(SecretString::from);
        // With a token at hand, files that cannot be read are in nobody's way.
        let tokens = match &given {
            Some(_) => stored(&context.machine).unwrap_or_default(),
            None => stored(&context.machine)?,
        };
        let server = server(context, &tokens)?;
        let token = match given {
            Some(token) => token,
            None => valid(context.machine.now(), tokens.servers.get(&server).cloned())
                .ok_or_else(|| not_signed_in(&server))?,
        };
        Self::new(server, Some(token))
    }

    fn new(server: String, token: Option<SecretString>) -> Result<Self, Failure> {
        let token = token.map(|token| token.expose_secret().to_owned());
        let client = Client::new(&server, token).map_err(failure)?;
        Ok(Self { client, server })
    }
}

/// Whether the caller signed in with a variable rather than a file.
fn stored(machine: &Machine) -> Result<Tokens, Failure> {
    Tokens::read(&StateFolder::of(machine)?)
}

fn valid(now: curfew_domain::Timestamp, token: Option<StoredToken>) -> Option<SecretString> {
    token.filter(|token| token.expires_at.is_none_or(|end| end > now)).map(|token| token.token)
}

fn not_signed_in(server: &str) -> Failure {
    Failure::new(Exit::NotAllowed, "unauthenticated", format!("not signed in at {server}"))
        .hint("curfew login --as you@example.com, or set CURFEW_TOKEN")
}

/// The flag, the variable, the server of the last sign-in, or the one that `curfew dev` makes.
fn server(context: &Context, tokens: &Tokens) -> Result<String, Failure> {
    let named = context.server.clone().or_else(|| context.machine.var("CURFEW_SERVER"));
    let text = named.or_else(|| tokens.current.clone()).unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    canonical(&text)
}

/// One spelling for each address. A token sent in the clear over a network is everybody's, so plain HTTP is
/// for this machine only.
pub(crate) fn canonical(text: &str) -> Result<String, Failure> {
    let shown: String = text.chars().take(200).collect();
    let url = Url::parse(text).ok().filter(|url| url.has_host());
    let wrong = || {
        Failure::wrong_use(format!("`{shown}` is not the address of a server"))
            .hint("write http://127.0.0.1:7373 or https://curfew.example.com")
    };
    let url = url.ok_or_else(wrong)?;
    match url.scheme() {
        _ if is_safe(&url) => {}
        "http" => {
            return Err(Failure::wrong_use(format!("{shown}: plain http is refused beyond this machine"))
                .hint("use https://, or a tunnel to a loopback port"));
        }
        _ => return Err(wrong()),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether what is sent there can be read by nobody on the way.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What the server, or its silence, means to a person and a script.
pub(crate) fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Api { status, code, message, hint, decision } => {
            let exit = ErrorCode::parse(&code).map_or_else(|| exit_of_status(status), exit_of);
            let document = decision.and_then(|decision| serde_json::to_value(decision).ok()).map(Box::new);
            Failure { exit, code, message, hint, document }
        }
        ClientError::Unreachable { .. } => Failure::unavailable(error.to_string())
            .hint("is the server running? --server and CURFEW_SERVER say which one is meant"),
        ClientError::Unintelligible { .. } => {
            Failure::unavailable(error.to_string()).hint("is it a Curfew server, of this version?")
        }
        ClientError::BadAddress(_) | ClientError::BadToken => Failure::wrong_use(error.to_string()),
        ClientError::NoClient(_) => Failure::unavailable(error.to_string()),
    }
}

fn exit_of(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::Malformed
        | ErrorCode::OutOfBounds
        | ErrorCode::MethodNotAllowed
        | ErrorCode::TooLarge
        | ErrorCode::UriTooLong
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::HostRefused => Exit::WrongUse,
        ErrorCode::Unauthenticated
        | ErrorCode::SignInRefused
        | ErrorCode::Forbidden
        | ErrorCode::OwnRequest
        | ErrorCode::NotAnApprover
        | ErrorCode::ProofRefused
        | ErrorCode::OriginRefused => Exit::NotAllowed,
        ErrorCode::NotFound => Exit::NotFound,
        ErrorCode::Conflict
        | ErrorCode::AlreadyFinal
        | ErrorCode::DigestDiffers
        | ErrorCode::AlreadyCounted
        | ErrorCode::WrongState
        | ErrorCode::NotExtensible
        | ErrorCode::Unreviewed
        | ErrorCode::NoLongerAllowed
        | ErrorCode::PreconditionFailed
        | ErrorCode::Denied
        | ErrorCode::Widens
        | ErrorCode::PublicHalfRefused
        | ErrorCode::PolicyRefused
        | ErrorCode::IdempotencyKeyReused
        | ErrorCode::RunOver
        | ErrorCode::NotSupported => Exit::No,
        ErrorCode::TooSlow
        | ErrorCode::RateLimited
        | ErrorCode::Internal
        | ErrorCode::Unavailable
        | ErrorCode::TargetUnavailable
        | ErrorCode::ClockInDoubt
        | ErrorCode::PolicyStale
        | ErrorCode::TimedOut => Exit::Unavailable,
    }
}

/// For codes of a newer server.
fn exit_of_status(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::NotAllowed,
        404 | 410 => Exit::NotFound,
        409 | 412 | 422 | 501 => Exit::No,
        408 | 429 | 500.. => Exit::Unavailable,
        _ => Exit::WrongUse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_server_has_a_promised_exit() {
        for code in ErrorCode::ALL {
            let exit = exit_of(*code);
            assert!((1..=6).contains(&exit.code()) && exit != Exit::StillPending, "{code:?}");
            // An old client must not be far off with a new code of the same status.
            let by_status = exit_of_status(code.status());
            let near = by_status == exit || code.status() == 422 || code.status() == 421;
            assert!(near, "{code:?}: {exit:?} by its code, {by_status:?} by its status");
        }
    }

    #[test]
    fn a_denial_carries_its_decision() {
        let decision = serde_json::json!({
            "outcome": "denied", "role": "r", "policy_version": "00", "satisfied": [], "unsatisfied": [], "failed": [],
            "stages": [], "approvers": [], "max_until": null, "residual_exposure": []
        });
        let error = ClientError::Api {
            status: 422,
            code: "denied".into(),
            message: "no".into(),
            hint: String::new(),
            decision: Some(Box::new(serde_json::from_value(decision.clone()).expect("a decision"))),
        };
        let failure = failure(error);
        assert_eq!((failure.exit, failure.to_json()), (Exit::No, decision));
    }

    #[test]
    fn addresses_have_one_spelling_and_plain_http_stays_here() {
        for (text, expected) in [
            ("http://127.0.0.1:7373/", Some("http://127.0.0.1:7373")),
            ("HTTP://LOCALHOST:80", Some("http://localhost")),
            ("http://[::1]:1", Some("http://[::1]:1")),
            ("https://curfew.example.com/", Some("https://curfew.example.com")),
            ("http://curfew.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("ftp://127.0.0.1", None),
            ("127.0.0.1:7373", None),
            ("", None),
        ] {
            assert_eq!(canonical(text).ok().as_deref(), expected, "{text}");
        }
    }
}
