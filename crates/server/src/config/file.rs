//! `curfew.toml` as it is written. Unknown keys are errors; what a key means is checked afterwards.

use super::reference::Reference;
use curfew_domain::{Email, ResourceName};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Every key there is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) listen: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) ledger: Option<String>,
    pub(super) environment: Option<String>,
    #[serde(default)]
    pub(super) development_sign_in: bool,
    #[serde(default)]
    pub(super) policy: PolicyTable,
    #[serde(default)]
    pub(super) issuers: Vec<IssuerTable>,
    #[serde(default)]
    pub(super) pipelines: PipelinesTable,
    #[serde(default)]
    pub(super) hooks: Vec<HookTable>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, Vec<ResourceName>>,
    pub(super) tls: Option<TlsTable>,
    pub(super) seal: Option<SealTable>,
    pub(super) mail: Option<MailTable>,
    #[serde(default)]
    pub(super) webhooks: Vec<WebhookTable>,
    #[serde(default)]
    pub(super) audit: AuditTable,
    #[serde(default)]
    pub(super) log: LogTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    pub(super) path: Option<PathBuf>,
    pub(super) git: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) password: Option<Reference>,
    pub(super) allowed_signers: Option<String>,
    pub(super) max_age: Option<String>,
    #[serde(default)]
    pub(super) deployers: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerTable {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) audience: Option<String>,
    pub(super) people: Option<bool>,
    pub(super) domains: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PipelinesTable {
    pub(super) heartbeat_window: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HookTable {
    pub(super) provider: String,
    pub(super) issuer: Option<String>,
    pub(super) secret: Reference,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsTable {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealTable {
    pub(super) key: Reference,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailTable {
    pub(super) smtp: String,
    pub(super) password: Option<Reference>,
    pub(super) from: Option<Email>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookTable {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) secret: Reference,
    #[serde(default)]
    pub(super) allow_private: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditTable {
    pub(super) witness: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogTable {
    pub(super) format: Option<String>,
    pub(super) level: Option<String>,
}
