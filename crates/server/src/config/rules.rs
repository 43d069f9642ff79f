//! What makes a configuration hold together. Whatever this version cannot do is refused, never left out.

use super::file::{ConfigFile, MailTable, WebhookTable};
use super::{
    Config, ConfigProblem, Ledger, Log, LogFormat, Mail, PolicyOrigin, Reach, Reference, Setting, SignInMethod,
    TlsFiles, Webhook, deployers, issuers, policy, problem,
};
use curfew_domain::{Email, RoleName, limits};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use url::{Host, Url};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7373);
const LEDGER: &str = "sqlite:/var/lib/curfew/ledger.db";
/// Webhooks there may be.
const WEBHOOKS: usize = 64;

/// Checks everything and says all that is wrong.
pub(super) fn check(file: ConfigFile, setting: Setting) -> Result<Config, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let mut keep = |result: Result<(), ConfigProblem>| problems.extend(result.err());
    let listen = listen(file.listen.as_deref()).unwrap_or_else(|p| {
        keep(Err(p));
        LISTEN
    });
    let public_url = file.public_url.as_deref().map(web_address).transpose().unwrap_or_else(|p| {
        keep(Err(p));
        None
    });
    let ledger = ledger(file.ledger.as_deref().unwrap_or(LEDGER)).unwrap_or_else(|p| {
        keep(Err(p));
        Ledger::Sqlite(PathBuf::new())
    });
    let tls = file.tls.map(|tls| TlsFiles { cert: tls.cert, key: tls.key });
    let seal = file.seal.map(|seal| seal.key);
    keep(sign_in(file.development_sign_in, setting, listen));
    keep(reach(listen, tls.as_ref(), setting));
    keep(seal_rules(seal.as_ref(), setting, &ledger));
    keep(file.environment.as_deref().map_or(Ok(()), environment));
    let from = default_sender(public_url.as_ref());
    let mail = file.mail.map(|table| mail(table, from)).transpose().unwrap_or_else(|p| {
        keep(Err(p));
        None
    });
    let webhooks = webhooks(file.webhooks, &mut keep);
    let issuers = issuers::issuers(file.issuers, public_url.as_ref(), &mut keep);
    let hooks = issuers::hooks(file.hooks, &issuers, &mut keep);
    let heartbeat_window = issuers::heartbeat_window(&file.pipelines).unwrap_or_else(|p| {
        keep(Err(p));
        limits::HEARTBEAT_WINDOW
    });
    let log = log(file.log.format.as_deref(), file.log.level, setting).unwrap_or_else(|p| {
        keep(Err(p));
        Log { format: LogFormat::Json, level: String::new() }
    });
    keep(secrets(file.secrets.keys()));
    let mut policy = file.policy;
    let deployers = deployers::deployers(std::mem::take(&mut policy.deployers), &issuers, &mut keep);
    let policy = policy::origin(policy, setting).unwrap_or_else(|found| {
        problems.extend(found);
        PolicyOrigin::Folder(PathBuf::new())
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let sign_in = SignInMethod::Development;
    let environment = file.environment;
    let secrets = file.secrets;
    let witness = file.audit.witness;
    Ok(Config {
        setting,
        listen,
        public_url,
        ledger,
        sign_in,
        policy,
        environment,
        issuers,
        deployers,
        heartbeat_window,
        hooks,
        secrets,
        tls,
        seal,
        mail,
        webhooks,
        witness,
        log,
    })
}

/// As `environments/NAME.yaml` can be named.
fn environment(name: &str) -> Result<(), ConfigProblem> {
    let is_name = RoleName::new(name).is_ok();
    if is_name { Ok(()) } else { Err(problem("environment", "is not 1 to 64 of a-z A-Z 0-9 . _ -")) }
}

fn listen(text: Option<&str>) -> Result<SocketAddr, ConfigProblem> {
    let Some(text) = text else { return Ok(LISTEN) };
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = local.as_deref().unwrap_or(text).parse();
    address.map_err(|_| problem("listen", "is not ADDRESS:PORT, such as 127.0.0.1:7373"))
}

fn web_address(text: &str) -> Result<Url, ConfigProblem> {
    let bad = || problem("public_url", "is not an address such as https://curfew.example.com, without path and query");
    let url = Url::parse(text).map_err(|_| bad())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !bare || url.password().is_some() || url.host().is_none() {
        return Err(bad());
    }
    Ok(url)
}

fn ledger(text: &str) -> Result<Ledger, ConfigProblem> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Ledger::Sqlite(path.into())),
        Some(("postgres" | "postgresql", _)) => {
            Err(problem("ledger", "this version keeps its ledger in a file: use sqlite:/PATH"))
        }
        Some(_) | None => Err(problem("ledger", "is not sqlite:/PATH: write sqlite:/var/lib/curfew/ledger.db")),
    }
}

fn sign_in(development: bool, setting: Setting, listen: SocketAddr) -> Result<(), ConfigProblem> {
    match setting {
        Setting::Dev => Ok(()),
        Setting::Serve if !development => Err(problem(
            "development_sign_in",
            "nobody could sign in: there is neither an issuer for people (`people = true`) nor `development_sign_in = true`",
        )),
        Setting::Serve if !listen.ip().is_loopback() => {
            Err(problem("development_sign_in", "anybody could sign in as anybody: it is for loopback addresses only"))
        }
        Setting::Serve => Ok(()),
    }
}

fn reach(listen: SocketAddr, tls: Option<&TlsFiles>, setting: Setting) -> Result<(), ConfigProblem> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    match (setting, tls) {
        (Setting::Dev, _) => Err(problem("listen", "`curfew dev` is for this machine only: use a loopback address")),
        (Setting::Serve, None) => Err(problem("listen", "beyond loopback it takes TLS: set `tls.cert` and `tls.key`")),
        (Setting::Serve, Some(_)) => Ok(()),
    }
}

fn seal_rules(seal: Option<&Reference>, setting: Setting, ledger: &Ledger) -> Result<(), ConfigProblem> {
    match (seal, setting) {
        (None, Setting::Dev) => Ok(()),
        (None, Setting::Serve) => {
            Err(problem("seal.key", "is missing: 32 random bytes in hex (`openssl rand -hex 32`), as file: or env:"))
        }
        (Some(Reference::Env(_)), Setting::Dev | Setting::Serve) => Ok(()),
        (Some(Reference::File(path)), Setting::Dev | Setting::Serve) => {
            if is_below(path, ledger.state_folder()) {
                return Err(problem(
                    "seal.key",
                    "must not be inside the state folder: a copy of one would open the other",
                ));
            }
            Ok(())
        }
    }
}

/// Whether a path is below a folder, by what the paths really are where they exist.
fn is_below(path: &Path, folder: &Path) -> bool {
    let real = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_owned());
    let parent = path.parent().map(real).unwrap_or_default();
    real(path).starts_with(real(folder)) || parent.starts_with(real(folder))
}

fn default_sender(public: Option<&Url>) -> Option<Email> {
    let host = match public.and_then(Url::host) {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => "localhost".to_owned(),
    };
    format!("curfew@{host}").parse().ok()
}

fn mail(table: MailTable, default: Option<Email>) -> Result<Mail, ConfigProblem> {
    let bad = || problem("mail.smtp", "is not smtp://USER@HOST:587 or smtps://USER@HOST:465");
    let smtp = Url::parse(&table.smtp).map_err(|_| bad())?;
    if !matches!(smtp.scheme(), "smtp" | "smtps") || smtp.host().is_none() || !matches!(smtp.path(), "" | "/") {
        return Err(bad());
    }
    if smtp.password().is_some() {
        return Err(problem("mail.smtp", "holds a password: it belongs behind `mail.password`"));
    }
    let from = table.from.or(default).ok_or_else(|| problem("mail.from", "is missing"))?;
    Ok(Mail { smtp, password: table.password, from })
}

fn webhooks(tables: Vec<WebhookTable>, keep: &mut impl FnMut(Result<(), ConfigProblem>)) -> Vec<Webhook> {
    let mut hooks: Vec<Webhook> = Vec::new();
    for table in tables.into_iter().take(WEBHOOKS + 1) {
        let result = webhook(table, &hooks).map(|hook| hooks.push(hook));
        keep(result);
    }
    hooks
}

fn webhook(table: WebhookTable, others: &[Webhook]) -> Result<Webhook, ConfigProblem> {
    if others.len() >= WEBHOOKS {
        return Err(problem("webhooks", "are more than 64"));
    }
    if RoleName::new(table.name.as_str()).is_err() {
        return Err(problem("webhooks.name", "is not 1 to 64 of a-z A-Z 0-9 . _ -"));
    }
    if others.iter().any(|hook| hook.name == table.name) {
        return Err(problem("webhooks.name", format!("`{}` stands twice", table.name)));
    }
    let bad = || problem("webhooks.url", format!("of `{}` is not an http or https address", table.name));
    let url = Url::parse(&table.url).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.password().is_some() {
        return Err(bad());
    }
    let reach = if table.allow_private { Reach::Private } else { Reach::Public };
    Ok(Webhook { name: table.name, url, secret: table.secret, reach })
}

fn log(format: Option<&str>, level: Option<String>, setting: Setting) -> Result<Log, ConfigProblem> {
    let format = match (format, setting) {
        (Some("text"), _) | (None, Setting::Dev) => LogFormat::Text,
        (Some("json"), _) | (None, Setting::Serve) => LogFormat::Json,
        (Some(_), _) => return Err(problem("log.format", "is neither `text` nor `json`")),
    };
    let level = level.unwrap_or_else(|| "info".to_owned());
    if level.parse::<tracing_subscriber::filter::EnvFilter>().is_err() {
        return Err(problem("log.level", "is not a filter such as `info` or `curfew_engine=debug,info`"));
    }
    Ok(Log { format, level })
}

fn secrets<'a>(references: impl Iterator<Item = &'a String>) -> Result<(), ConfigProblem> {
    for reference in references {
        if reference.starts_with("openbao:") {
            return Err(problem("secrets", format!("`{reference}`: this version reads env: and file: only")));
        }
        if reference.parse::<Reference>().is_err() {
            return Err(problem("secrets", "each key is a reference: `env:NAME` or `file:/PATH`"));
        }
    }
    Ok(())
}
