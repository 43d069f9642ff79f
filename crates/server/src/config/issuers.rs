//! Who may vouch for machines, and the hooks by which a provider says that a run ended.

use super::file::{HookTable, IssuerTable, PipelinesTable};
use super::{ConfigProblem, Reference, problem};
use curfew_domain::{RoleName, Seconds, limits};
use curfew_policy::{Provider, Workload};
use url::{Host, Url};

/// Issuers there may be, and hooks.
const MOST: usize = 64;
/// Bytes of an audience.
const AUDIENCE_BYTES: usize = 512;
/// A client says four times in a window that it is there: a shorter one asks too much of networks, and a longer one
/// leaves access behind for longer than anybody expects.
const WINDOWS: std::ops::RangeInclusive<u32> = 5..=3_600;

/// Somebody who vouches for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name, which policy uses where there are several of a kind.
    pub name: String,
    /// What its tokens look like.
    pub kind: Provider,
    /// Its `iss`, compared as it is written: with a slash at its end it would be another.
    pub url: String,
    /// Whom its tokens are for. None: this server, by its public address.
    pub audience: Option<String>,
}

/// What a provider calls when a run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `github` or `gitlab`.
    pub provider: Provider,
    /// The name of the issuer whose runs it tells of.
    pub issuer: String,
    /// What its calls are signed with, or carry.
    pub secret: Reference,
}

/// The word of a kind in the configuration; policy calls any other issuer `oidc`.
pub(crate) fn word(kind: Provider) -> &'static str {
    match kind {
        Provider::Oidc => "workload",
        Provider::Github | Provider::Gitlab | Provider::Kubernetes | Provider::Buildkite | Provider::Circleci => {
            kind.word()
        }
    }
}

/// Why it is not clear who vouches for a workload, if it is not. That none of its kind is configured is clear.
pub(crate) fn unclear(workload: &Workload, issuers: &[Issuer]) -> Option<String> {
    let word = workload.provider.word();
    let mut of_kind = issuers.iter().filter(|issuer| issuer.kind == workload.provider);
    match &workload.issuer {
        Some(name) if of_kind.any(|issuer| issuer.name == *name || issuer.url == *name) => None,
        Some(name) => Some(format!("no `[[issuers]]` of kind `{word}` is called `{name}`")),
        None if of_kind.clone().count() <= 1 => None,
        None => {
            let names: Vec<_> = of_kind.map(|issuer| issuer.name.as_str()).collect();
            Some(format!("there are several issuers of kind `{word}`: write `issuer:` and one of {}", names.join(", ")))
        }
    }
}

/// Every issuer, as far as it is sound; what is wrong goes to `keep`.
pub(super) fn issuers(
    tables: Vec<IssuerTable>,
    public_url: Option<&Url>,
    keep: &mut impl FnMut(Result<(), ConfigProblem>),
) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for table in tables.into_iter().take(MOST + 1) {
        let result = issuer(table, &issuers, public_url).map(|issuer| issuers.push(issuer));
        keep(result);
    }
    issuers
}

fn issuer(table: IssuerTable, others: &[Issuer], public_url: Option<&Url>) -> Result<Issuer, ConfigProblem> {
    if others.len() >= MOST {
        return Err(problem("issuers", "are more than 64"));
    }
    if RoleName::new(table.name.as_str()).is_err() {
        return Err(problem("issuers.name", "is not 1 to 64 of a-z A-Z 0-9 . _ -"));
    }
    if others.iter().any(|other| other.name.eq_ignore_ascii_case(&table.name)) {
        return Err(problem("issuers.name", format!("`{}` stands twice", table.name)));
    }
    let kind = kind(&table)?;
    let url = address(&table)?;
    if table
        .audience
        .as_ref()
        .is_some_and(|a| a.is_empty() || a.len() > AUDIENCE_BYTES || a.chars().any(char::is_control))
    {
        return Err(problem(
            "issuers.audience",
            format!("of `{}` is empty, longer than 512 bytes, or no text", table.name),
        ));
    }
    let issuer = Issuer { name: table.name, kind, url, audience: table.audience };
    let default = public_url.map(plain);
    let audience = |issuer: &Issuer| issuer.audience.clone().or_else(|| default.clone());
    let same = others.iter().find(|other| other.url == issuer.url && audience(other) == audience(&issuer));
    if let Some(same) = same {
        let why = format!(
            "`{}` and `{}` have one url and one audience: nobody could tell whose a token is",
            same.name, issuer.name
        );
        return Err(problem("issuers", why));
    }
    Ok(issuer)
}

fn kind(table: &IssuerTable) -> Result<Provider, ConfigProblem> {
    let bad = |why: &str| Err(problem("issuers.kind", format!("of `{}` {why}", table.name)));
    let of_people = table.people.is_some() || table.domains.is_some();
    match table.kind.as_str() {
        "oidc" if table.people == Some(false) => {
            bad("is `oidc`, which is for people; an issuer of machines is `workload`")
        }
        "oidc" => bad("is `oidc`: this version has no sign-in of people by an identity provider yet"),
        word if of_people => bad(&format!("is `{word}`: `people` and `domains` go with `oidc` alone")),
        "workload" => Ok(Provider::Oidc),
        word => match Provider::of(word) {
            Some(kind) => Ok(kind),
            None => bad("is none of github, gitlab, kubernetes, buildkite, circleci and workload"),
        },
    }
}

/// The address as it is written: it is compared with what tokens say, letter by letter.
fn address(table: &IssuerTable) -> Result<String, ConfigProblem> {
    let bad = |why: &str| problem("issuers.url", format!("of `{}` {why}", table.name));
    let no_address = "is not an address such as https://token.actions.githubusercontent.com";
    let text = table.url.as_str();
    let url = Url::parse(text).map_err(|_| bad(no_address))?;
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let printable = text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'|');
    if !bare || !printable || url.password().is_some() || url.host().is_none() {
        return Err(bad(no_address));
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback(&url) => Ok(text.to_owned()),
        "http" => Err(bad("is http: whoever is between could sign anything; http is for loopback addresses only")),
        _ => Err(bad(no_address)),
    }
}

/// Whether an address names this machine, and cannot name another.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An address of a server as it is written: without a slash at its end.
pub(crate) fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// How long a client may be silent.
pub(super) fn heartbeat_window(table: &PipelinesTable) -> Result<Seconds, ConfigProblem> {
    let Some(text) = &table.heartbeat_window else { return Ok(limits::HEARTBEAT_WINDOW) };
    let window = text.parse().ok().filter(|window: &Seconds| WINDOWS.contains(&window.as_secs()));
    window.ok_or_else(|| problem("pipelines.heartbeat_window", "is no length from `5s` to `1h`"))
}

/// Every hook, as far as it is sound; what is wrong goes to `keep`.
pub(super) fn hooks(
    tables: Vec<HookTable>,
    issuers: &[Issuer],
    keep: &mut impl FnMut(Result<(), ConfigProblem>),
) -> Vec<Hook> {
    let mut hooks = Vec::new();
    if tables.len() > MOST {
        keep(Err(problem("hooks", "are more than 64")));
    }
    for table in tables.into_iter().take(MOST) {
        keep(hook(table, issuers).map(|hook| hooks.push(hook)));
    }
    hooks
}

fn hook(table: HookTable, issuers: &[Issuer]) -> Result<Hook, ConfigProblem> {
    let provider = match Provider::of(&table.provider) {
        Some(provider @ (Provider::Github | Provider::Gitlab)) => provider,
        Some(Provider::Kubernetes | Provider::Buildkite | Provider::Circleci | Provider::Oidc) | None => {
            return Err(problem("hooks.provider", "is neither `github` nor `gitlab`"));
        }
    };
    let of_kind = || issuers.iter().filter(|issuer| issuer.kind == provider);
    let found = match &table.issuer {
        Some(name) => of_kind().find(|issuer| issuer.name == *name),
        None if of_kind().count() > 1 => {
            let why = format!("is missing: there are several issuers of kind `{}`", provider.word());
            return Err(problem("hooks.issuer", why));
        }
        None => of_kind().next(),
    };
    match found {
        Some(issuer) => Ok(Hook { provider, issuer: issuer.name.clone(), secret: table.secret }),
        None => {
            let why = format!("there is no issuer of kind `{}` whose runs it could tell of", provider.word());
            Err(problem("hooks", why))
        }
    }
}
