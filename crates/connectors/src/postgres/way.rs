//! The way in: the administrator's URL, read without ever printing it.

use super::settings::Place;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use tokio_postgres::config::{Host, SslMode};
use url::Url;

/// How to reach one database of one server.
#[derive(Clone)]
pub(crate) struct Way {
    config: tokio_postgres::Config,
    tls: TlsMode,
    roots: Option<PathBuf>,
    place: Place,
    database: String,
    user: String,
    digest: [u8; 32],
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Way({} at {}, database {})", self.user, self.place, self.database)
    }
}

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Never.
    Disable,
    /// When the server offers it; nobody is checked.
    Prefer,
    /// Always; nobody is checked.
    Require,
    /// Always, with a certificate that a trusted authority signed.
    VerifyCa,
    /// And for the host's name.
    VerifyFull,
}

/// Why a way in cannot be used. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoWay {
    /// There is none.
    #[error("the resource has no `admin`: a postgres resource needs the URL of Curfew's own account")]
    Missing,
    /// Not a URL of PostgreSQL.
    #[error("`admin` is not of the form postgres://user:password@host:port/database?sslmode=...: {0}")]
    Malformed(&'static str),
}

const DEFAULT_PORT: u16 = 5_432;

impl Way {
    /// Reads the URL; `database`, where given, replaces the one in it.
    pub(crate) fn parse(admin: Option<&SecretString>, database: Option<&str>) -> Result<Self, NoWay> {
        let text = admin.ok_or(NoWay::Missing)?.expose_secret();
        let mut url = Url::parse(text.trim()).map_err(|_| NoWay::Malformed("it is no URL"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(NoWay::Malformed("its scheme is neither postgres nor postgresql"));
        }
        let (tls, roots) = take_tls(&mut url)?;
        let mut config: tokio_postgres::Config =
            url.as_str().parse().map_err(|_| NoWay::Malformed("it has a part that PostgreSQL does not know"))?;
        let user = config.get_user().ok_or(NoWay::Malformed("it names no user"))?.to_owned();
        let database = database.or(config.get_dbname()).unwrap_or(&user).to_owned();
        let place = first_place(&config)?;
        config.dbname(&database).application_name("curfew").ssl_mode(driver_mode(tls));
        let digest = Sha256::digest(text.as_bytes()).into();
        Ok(Self { config, tls, roots, place, database, user, digest })
    }

    /// The same account in another database.
    pub(crate) fn to_database(&self, database: &str) -> Self {
        let mut way = self.clone();
        way.config.dbname(database);
        database.clone_into(&mut way.database);
        way
    }

    /// The same account and database on another server.
    pub(crate) fn to_place(&self, place: &Place) -> Self {
        let mut config = tokio_postgres::Config::new();
        config.host(&place.host).port(place.port).user(&self.user).dbname(&self.database);
        config.application_name("curfew").ssl_mode(driver_mode(self.tls));
        if let Some(password) = self.config.get_password() {
            config.password(password);
        }
        Self { config, place: place.clone(), ..self.clone() }
    }

    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    pub(crate) fn tls(&self) -> TlsMode {
        self.tls
    }

    pub(crate) fn roots(&self) -> Option<&PathBuf> {
        self.roots.as_ref()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// What connections may be kept under: everything that makes two of them the same.
    pub(crate) fn key(&self) -> (String, String, [u8; 32]) {
        (self.place.to_string(), self.database.clone(), self.digest)
    }
}

/// The driver knows three modes; the check of the certificate is ours in `tls.rs`.
fn driver_mode(tls: TlsMode) -> SslMode {
    match tls {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    }
}

fn take_tls(url: &mut Url) -> Result<(TlsMode, Option<PathBuf>), NoWay> {
    let (mut mode, mut roots, mut rest) = (TlsMode::Prefer, None, Vec::new());
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => mode = tls_mode(&value)?,
            "sslrootcert" if value != "system" => roots = Some(PathBuf::from(value.as_ref())),
            "sslrootcert" => mode = TlsMode::VerifyFull,
            _ => rest.push((name.into_owned(), value.into_owned())),
        }
    }
    if rest.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(rest);
    }
    Ok((mode, roots))
}

fn tls_mode(text: &str) -> Result<TlsMode, NoWay> {
    Ok(match text {
        "disable" => TlsMode::Disable,
        "allow" | "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => return Err(NoWay::Malformed("its sslmode is not one of libpq's")),
    })
}

fn first_place(config: &tokio_postgres::Config) -> Result<Place, NoWay> {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => return Err(NoWay::Malformed("it names no host")),
    };
    Ok(Place { host, port: config.get_ports().first().copied().unwrap_or(DEFAULT_PORT) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Way, NoWay> {
        Way::parse(Some(&text.to_owned().into()), None)
    }

    #[test]
    fn urls_are_read() {
        let way =
            parse("postgres://m:hunter2@db.example.com/orders?sslmode=verify-full&connect_timeout=3").expect("way");
        assert_eq!((way.place().to_string().as_str(), way.database()), ("db.example.com:5432", "orders"));
        assert_eq!(way.tls(), TlsMode::VerifyFull);
        assert!(!format!("{way:?}").contains("hunter2"));
        assert_eq!(way.to_database("other").database(), "other");
        assert_eq!(parse("postgres://m@h:1/").expect("way").database(), "m");
    }

    #[test]
    fn what_cannot_be_used_is_said_without_quoting_it() {
        for bad in
            ["hunter2", "mysql://m:hunter2@h/d", "postgres://m:hunter2@h/d?sslmode=hunter2", "postgres://h:hunter2/x"]
        {
            let error = parse(bad).expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(Way::parse(None, None).expect_err("none"), NoWay::Missing);
    }
}
