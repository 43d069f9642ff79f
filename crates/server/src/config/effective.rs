//! The configuration as it is in force, for `serve --check`. Secrets stand as their references, never as values.

use super::{Config, Ledger, LogFormat, PolicyOrigin, Reach, SignInMethod, SignersAt, issuers};
use curfew_policy::{Provider, Workload};
use std::fmt;
use toml::{Table, Value};
use url::Url;

impl fmt::Display for Config {
    /// TOML that could be read again, save for what is masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string_pretty(&self.table()).map_err(|_| fmt::Error)?)
    }
}

impl Config {
    fn table(&self) -> Table {
        let mut table = Table::new();
        let mut text = |key: &str, value: String| table.insert(key.to_owned(), Value::String(value));
        text("listen", self.listen.to_string());
        if let Some(url) = &self.public_url {
            text("public_url", url.as_str().trim_end_matches('/').to_owned());
        }
        text(
            "ledger",
            match &self.ledger {
                Ledger::Sqlite(path) => format!("sqlite:{}", path.display()),
            },
        );
        if let Some(environment) = &self.environment {
            text("environment", environment.clone());
        }
        let development = match self.sign_in {
            SignInMethod::Development => true,
        };
        table.insert("development_sign_in".to_owned(), Value::Boolean(development));
        let mut section = |name: &str, entries: Vec<(&str, String)>| {
            let entries = entries.into_iter().map(|(k, v)| (k.to_owned(), Value::String(v)));
            table.insert(name.to_owned(), Value::Table(entries.collect()));
        };
        section("policy", self.origin());
        if let Some(tls) = &self.tls {
            section("tls", vec![("cert", tls.cert.display().to_string()), ("key", tls.key.display().to_string())]);
        }
        if let Some(key) = &self.seal {
            section("seal", vec![("key", key.to_string())]);
        }
        if let Some(mail) = &self.mail {
            let mut entries = vec![("smtp", mail.smtp.to_string()), ("from", mail.from.to_string())];
            entries.extend(mail.password.as_ref().map(|password| ("password", password.to_string())));
            section("mail", entries);
        }
        if let Some(witness) = &self.witness {
            section("audit", vec![("witness", witness.display().to_string())]);
        }
        section("pipelines", vec![("heartbeat_window", self.heartbeat_window.to_string())]);
        let format = match self.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        section("log", vec![("format", format.to_owned()), ("level", self.log.level.clone())]);
        if !self.secrets.is_empty() {
            table.insert("secrets".to_owned(), Value::Table(self.bindings()));
        }
        if let (false, Some(Value::Table(policy))) = (self.deployers.is_empty(), table.get_mut("policy")) {
            policy.insert("deployers".to_owned(), Value::Array(self.deployers.iter().map(workload).collect()));
        }
        if !self.issuers.is_empty() {
            table.insert("issuers".to_owned(), Value::Array(self.vouching()));
        }
        if !self.hooks.is_empty() {
            table.insert("hooks".to_owned(), Value::Array(self.calling()));
        }
        if !self.webhooks.is_empty() {
            table.insert("webhooks".to_owned(), Value::Array(self.webhooks()));
        }
        table
    }

    fn origin(&self) -> Vec<(&'static str, String)> {
        let branch = match &self.policy {
            PolicyOrigin::Folder(path) => return vec![("path", path.display().to_string())],
            PolicyOrigin::Git(branch) => branch,
        };
        let mut entries =
            vec![("git", branch.remote.address().to_owned()), ("branch", branch.remote.branch().to_owned())];
        if !branch.folder.is_empty() {
            entries.push(("path", branch.folder.trim_end_matches('/').to_owned()));
        }
        entries.extend(branch.password.as_ref().map(|password| ("password", password.to_string())));
        entries.extend(branch.signers.as_ref().map(|signers| match signers {
            SignersAt::Here(path) => ("allowed_signers", path.display().to_string()),
            SignersAt::InRepository(path) => ("allowed_signers", path.clone()),
        }));
        entries.extend(branch.max_age.map(|age| ("max_age", age.to_string())));
        entries
    }

    fn bindings(&self) -> Table {
        let names = |list: &[curfew_domain::ResourceName]| list.iter().map(|n| Value::String(n.to_string())).collect();
        self.secrets.iter().map(|(reference, list)| (reference.clone(), Value::Array(names(list)))).collect()
    }

    fn vouching(&self) -> Vec<Value> {
        let issuer = |issuer: &super::Issuer| {
            let url = issuer.url.clone();
            let mut entries =
                vec![("name", issuer.name.clone()), ("kind", issuers::word(issuer.kind).to_owned()), ("url", url)];
            entries.extend(issuer.audience.clone().map(|audience| ("audience", audience)));
            row(entries)
        };
        self.issuers.iter().map(issuer).collect()
    }

    fn calling(&self) -> Vec<Value> {
        let hook = |hook: &super::Hook| {
            let provider = hook.provider.word().to_owned();
            row(vec![("provider", provider), ("issuer", hook.issuer.clone()), ("secret", hook.secret.to_string())])
        };
        self.hooks.iter().map(hook).collect()
    }

    fn webhooks(&self) -> Vec<Value> {
        let hook = |hook: &super::Webhook| {
            let mut table = Table::new();
            table.insert("name".to_owned(), Value::String(hook.name.clone()));
            table.insert("url".to_owned(), Value::String(masked(&hook.url)));
            table.insert("secret".to_owned(), Value::String(hook.secret.to_string()));
            table.insert("allow_private".to_owned(), Value::Boolean(hook.reach == Reach::Private));
            Value::Table(table)
        };
        self.webhooks.iter().map(hook).collect()
    }
}

/// A workload as it is written.
fn workload(workload: &Workload) -> Value {
    let texts = |texts: &Vec<String>| Value::Array(texts.iter().cloned().map(Value::String).collect());
    let claims = workload.claims.iter().map(|(name, held)| (name.clone(), texts(held)));
    let mut table: Table = match workload.provider {
        Provider::Oidc => Table::from_iter([("claims".to_owned(), Value::Table(claims.collect()))]),
        Provider::Github | Provider::Gitlab | Provider::Kubernetes | Provider::Buildkite | Provider::Circleci => {
            claims.collect()
        }
    };
    table.extend(workload.issuer.clone().map(|issuer| ("issuer".to_owned(), Value::String(issuer))));
    Value::Table(Table::from_iter([(workload.provider.word().to_owned(), Value::Table(table))]))
}

fn row(entries: Vec<(&str, String)>) -> Value {
    Value::Table(entries.into_iter().map(|(key, text)| (key.to_owned(), Value::String(text))).collect())
}

/// An address without what may be a secret in it: many webhooks carry a token in their path.
fn masked(url: &Url) -> String {
    let hidden = url.path() != "/" || url.query().is_some() || !url.username().is_empty();
    let origin = url.origin().ascii_serialization();
    if hidden { format!("{origin}/********") } else { origin }
}
