//! Workloads: what a policy may say of a pipeline's run or a service account, and whether a token's claims are that.
//!
//! Claims are compared as whole strings. A rule has to name an identity that nobody else can take over, and where it
//! runs; what a stranger can cause never matches by omission.

mod check;

pub(crate) use check::check;

use crate::language::PROVIDERS;
use crate::node::Node;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Who vouches for a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// A Kubernetes cluster.
    Kubernetes,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    Circleci,
    /// Any other issuer.
    Oidc,
}

impl Provider {
    const ALL: [Provider; 6] = [
        Provider::Github,
        Provider::Gitlab,
        Provider::Kubernetes,
        Provider::Buildkite,
        Provider::Circleci,
        Provider::Oidc,
    ];

    /// The provider of a word.
    pub fn of(word: &str) -> Option<Provider> {
        PROVIDERS.iter().position(|w| *w == word).and_then(|i| Self::ALL.get(i)).copied()
    }

    /// The word in policy.
    pub fn word(self) -> &'static str {
        let number = Self::ALL.iter().position(|p| *p == self).unwrap_or_default();
        PROVIDERS.get(number).copied().unwrap_or_default()
    }

    /// Who starts its runs, as its tokens tell it.
    pub(crate) fn starter(self) -> Starter {
        match self {
            Provider::Github => Starter::Claim("actor_id"),
            Provider::Gitlab => Starter::Claim("user_id"),
            Provider::Buildkite | Provider::Circleci => Starter::Untold,
            Provider::Kubernetes | Provider::Oidc => Starter::Nobody,
        }
    }

    /// Of each list, at least one has to be named.
    fn needed(self) -> &'static [&'static [&'static str]] {
        match self {
            Provider::Github => &[&["repository_id", "repository"], &["ref", "environment"]],
            Provider::Gitlab => &[&["project_id", "project_path"], &["ref", "environment"]],
            Provider::Kubernetes => &[&["namespace"], &["service_account"]],
            Provider::Buildkite => &[&["organization_slug"], &["pipeline_slug"]],
            Provider::Circleci => &[&["project_id"]],
            Provider::Oidc => &[],
        }
    }

    /// The claim with the branch or tag, where its form is the provider's own.
    fn reference(self) -> Option<&'static str> {
        match self {
            Provider::Github | Provider::Gitlab => Some("ref"),
            Provider::Circleci => Some("vcs_ref"),
            Provider::Kubernetes | Provider::Buildkite | Provider::Oidc => None,
        }
    }

    /// Claims that hold a name which somebody else can take over.
    fn by_name(self) -> Option<(&'static str, &'static str)> {
        match self {
            Provider::Github => Some(("repository", "repository_id")),
            Provider::Gitlab => Some(("project_path", "project_id")),
            Provider::Kubernetes | Provider::Buildkite | Provider::Circleci | Provider::Oidc => None,
        }
    }
}

/// Who starts the runs of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The account whose number this claim holds.
    Claim(&'static str),
    /// Somebody, of whom a token says nothing that `people` could name.
    Untold,
    /// Nobody in particular.
    Nobody,
}

/// GitHub events that only people with write access, or the clock, can cause.
const SAFE_EVENTS: &[&str] = &["push", "workflow_dispatch", "schedule", "release", "deployment", "merge_group"];

/// What a policy says of a workload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Workload {
    /// Who vouches.
    pub provider: Provider,
    /// Which issuer of that kind, by the name a server has for it, or by its URL.
    pub issuer: Option<String>,
    /// What claims have to be, by policy's names for them: any of the texts.
    pub claims: BTreeMap<String, Vec<String>>,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workload:{}", self.provider.word())?;
        let issuer = self.issuer.iter().map(|issuer| ("issuer", issuer.clone()));
        let claims = self.claims.iter().map(|(name, texts)| (name.as_str(), texts.join("|")));
        for ((name, text), separator) in issuer.chain(claims).zip(std::iter::once('?').chain(std::iter::repeat('&'))) {
            write!(f, "{separator}{name}={text}")?;
        }
        Ok(())
    }
}

/// What a token says, flattened: `kubernetes.io.namespace`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims(BTreeMap<String, Vec<String>>);

impl Claims {
    /// The texts, numbers and booleans of a token's claims, and lists of them.
    pub fn from_json(claims: &serde_json::Map<String, serde_json::Value>) -> Self {
        let mut flat = BTreeMap::new();
        let mut open: Vec<(String, &serde_json::Value)> = claims.iter().map(|(k, v)| (k.clone(), v)).collect();
        while let Some((name, value)) = open.pop() {
            match value {
                serde_json::Value::Object(map) => open.extend(map.iter().map(|(k, v)| (format!("{name}.{k}"), v))),
                serde_json::Value::Array(items) => {
                    flat.insert(name, items.iter().filter_map(scalar).collect());
                }
                other => {
                    flat.extend(scalar(other).map(|text| (name, vec![text])));
                }
            }
        }
        Self(flat)
    }

    /// Those that were flattened before: what [`Claims::into_flat`] gave.
    pub fn from_flat(flat: BTreeMap<String, Vec<String>>) -> Self {
        Self(flat)
    }

    /// Each claim by its flat name, with its texts.
    pub fn into_flat(self) -> BTreeMap<String, Vec<String>> {
        self.0
    }

    /// The text of a claim that has exactly one.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name).map(Vec::as_slice) {
            Some([one]) => Some(one),
            Some(_) | None => None,
        }
    }

    /// Every claim that has exactly one text.
    pub(crate) fn single(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.keys().filter_map(|name| Some((name.as_str(), self.get(name)?)))
    }
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(n) => Some(n.to_string()),
        serde_json::Value::Bool(b) => Some(b.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

/// A workload's token, as it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Who vouches.
    pub provider: Provider,
    /// The name a server has for the issuer; none offline.
    pub issuer: Option<String>,
    /// What it says.
    pub claims: Claims,
}

impl Token {
    /// Whether a rule is about this workload.
    pub fn is(&self, rule: &Workload) -> bool {
        let issuer_fits = rule
            .issuer
            .as_deref()
            .is_none_or(|name| self.issuer.as_deref() == Some(name) || self.claims.get("iss") == Some(name));
        let claims_fit = rule.claims.iter().all(|(name, texts)| {
            let held = self.held(name);
            held.iter().any(|value| texts.iter().any(|text| fits(text, value)))
        });
        self.provider == rule.provider && issuer_fits && claims_fit && self.is_safe(rule)
    }

    /// Whether nothing started it that a stranger can cause, unless the rule names that.
    fn is_safe(&self, rule: &Workload) -> bool {
        match self.provider {
            Provider::Github if !rule.claims.contains_key("event") => {
                self.claims.get("event_name").is_some_and(|event| SAFE_EVENTS.contains(&event))
            }
            Provider::Gitlab if !rule.claims.contains_key("source") => self
                .claims
                .get("pipeline_source")
                .is_some_and(|source| !source.contains("merge_request") && !source.contains("pull_request")),
            Provider::Github
            | Provider::Gitlab
            | Provider::Kubernetes
            | Provider::Buildkite
            | Provider::Circleci
            | Provider::Oidc => true,
        }
    }

    /// What the token has under policy's name for a claim.
    fn held(&self, name: &str) -> Vec<String> {
        let plain = |name: &str| self.claims.0.get(name).cloned().unwrap_or_default();
        match (self.provider, name) {
            (Provider::Github, "event") => plain("event_name"),
            (Provider::Github, "workflow") => plain("workflow_ref").iter().filter_map(|r| workflow_path(r)).collect(),
            (Provider::Gitlab, "source") => plain("pipeline_source"),
            (Provider::Kubernetes, "namespace") => self.kubernetes("kubernetes.io.namespace", 0),
            (Provider::Kubernetes, "service_account") => self.kubernetes("kubernetes.io.serviceaccount.name", 1),
            (Provider::Circleci, "project_id") => plain("oidc.circleci.com/project-id"),
            (Provider::Circleci, "context_id") => plain("oidc.circleci.com/context-ids"),
            (Provider::Circleci, "vcs_ref") => plain("oidc.circleci.com/vcs-ref"),
            (_, name) => plain(name),
        }
    }

    /// A part of `system:serviceaccount:NAMESPACE:NAME`, which every such token has as its `sub`.
    fn kubernetes(&self, claim: &str, part: usize) -> Vec<String> {
        let sub = self.claims.get("sub").and_then(|sub| sub.strip_prefix("system:serviceaccount:"));
        let from_sub = sub.and_then(|rest| rest.split(':').nth(part)).map(str::to_owned);
        match (self.claims.get(claim), from_sub) {
            (Some(said), Some(sub)) if said != sub => Vec::new(),
            (Some(said), _) => vec![said.to_owned()],
            (None, sub) => sub.into_iter().collect(),
        }
    }

    /// The number of the account that started it, where runs are started by somebody.
    pub(crate) fn actor(&self) -> Option<Actor<'_>> {
        let claim = match self.provider.starter() {
            Starter::Claim(claim) => claim,
            Starter::Untold => return Some(Actor::Unsure),
            Starter::Nobody => return None,
        };
        let again = self.claims.get("run_attempt").is_some_and(|n| n != "1");
        Some(if again { Actor::Unsure } else { self.claims.get(claim).map_or(Actor::Unsure, Actor::Account) })
    }
}

/// Who started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor<'a> {
    /// The account of this number.
    Account(&'a str),
    /// Nobody can tell: its provider does not say, or a re-run may have been started by somebody else.
    Unsure,
}

/// The only wildcard is one trailing `*` in a tag ref; that it stands nowhere else was checked.
fn fits(text: &str, value: &str) -> bool {
    match text.strip_suffix('*') {
        Some(start) => value.starts_with(start),
        None => value == text,
    }
}

/// `.github/workflows/x.yml` of `owner/name/.github/workflows/x.yml@refs/heads/main`.
fn workflow_path(reference: &str) -> Option<String> {
    let path = reference.split_once('@').map_or(reference, |(path, _)| path);
    path.splitn(3, '/').nth(2).map(str::to_owned)
}

/// A provider's mapping that was checked.
pub(crate) fn read(node: &Node) -> Option<Workload> {
    let (entry, provider) = node.entries().iter().find_map(|e| Some((e, Provider::of(e.name()?)?)))?;
    let texts = |node: &Node| -> Vec<String> {
        match node.text() {
            Some(text) => vec![text.to_owned()],
            None => node.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect(),
        }
    };
    let claims = match provider {
        Provider::Oidc => entry.value.get("claims").map(Node::entries).unwrap_or_default(),
        Provider::Github | Provider::Gitlab | Provider::Kubernetes | Provider::Buildkite | Provider::Circleci => {
            entry.value.entries()
        }
    };
    let claims = claims.iter().filter(|e| e.name() != Some("issuer") || provider == Provider::Oidc);
    let claims = claims.filter_map(|e| Some((e.name()?.to_owned(), texts(&e.value)))).collect();
    let issuer = entry.value.get("issuer").and_then(Node::text).map(str::to_owned);
    Some(Workload { provider, issuer, claims })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(provider: Provider, claims: serde_json::Value) -> Token {
        let serde_json::Value::Object(map) = claims else { panic!("claims are an object") };
        Token { provider, issuer: None, claims: Claims::from_json(&map) }
    }

    fn rule(provider: Provider, claims: &[(&str, &[&str])]) -> Workload {
        let texts = |t: &[&str]| t.iter().map(|t| (*t).to_owned()).collect();
        Workload { provider, issuer: None, claims: claims.iter().map(|(k, t)| ((*k).to_owned(), texts(t))).collect() }
    }

    #[test]
    fn whole_strings_and_lists() {
        let run = |event: &str| {
            token(
                Provider::Github,
                json!({"repository_id": 123456, "ref": "refs/tags/v1.2", "event_name": event,
                "workflow_ref": "org/repo/.github/workflows/hotfix.yml@refs/heads/main"}),
            )
        };
        let yes: [&[(&str, &[&str])]; 4] = [
            &[("repository_id", &["123456"])],
            &[("ref", &["refs/heads/main", "refs/tags/v*"])],
            &[("workflow", &[".github/workflows/hotfix.yml"])],
            &[("event", &["push"])],
        ];
        for claims in yes {
            assert!(run("push").is(&rule(Provider::Github, claims)), "{claims:?}");
        }
        let no: [&[(&str, &[&str])]; 5] = [
            &[("repository_id", &["12345"])],
            &[("ref", &["refs/tags/v1"])],
            &[("ref", &["refs/heads/*"])],
            &[("environment", &["production"])],
            &[("workflow", &["hotfix.yml"])],
        ];
        for claims in no {
            assert!(!run("push").is(&rule(Provider::Github, claims)), "{claims:?}");
        }
        let main = rule(Provider::Github, &[("repository_id", &["123456"])]);
        assert!(!run("pull_request").is(&main) && !run("workflow_run").is(&main) && run("merge_group").is(&main));
        let named = rule(Provider::Github, &[("event", &["pull_request"])]);
        assert!(run("pull_request").is(&named) && !run("push").is(&named));
        assert!(!token(Provider::Github, json!({"repository_id": "123456"})).is(&main), "no event is no safe event");
    }

    #[test]
    fn other_providers() {
        let run = token(Provider::Gitlab, json!({"project_id": "22", "ref": "main", "pipeline_source": "push"}));
        assert!(run.is(&rule(Provider::Gitlab, &[("project_id", &["22"]), ("ref", &["main"]), ("source", &["push"])])));
        let merge = token(Provider::Gitlab, json!({"project_id": "22", "pipeline_source": "merge_request_event"}));
        assert!(!merge.is(&rule(Provider::Gitlab, &[("project_id", &["22"])])));
        let pod = token(
            Provider::Kubernetes,
            json!({"iss": "https://k", "sub": "system:serviceaccount:ci:deployer",
            "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "deployer"}}}),
        );
        let account = [("namespace", &["ci"][..]), ("service_account", &["deployer"])];
        assert!(pod.is(&rule(Provider::Kubernetes, &account)));
        assert!(pod.is(&Workload { issuer: Some("https://k".to_owned()), ..rule(Provider::Kubernetes, &account) }));
        assert!(!pod.is(&Workload { issuer: Some("other".to_owned()), ..rule(Provider::Kubernetes, &account) }));
        let lies = token(
            Provider::Kubernetes,
            json!({"sub": "system:serviceaccount:ci:x", "kubernetes.io": {"namespace": "other"}}),
        );
        assert!(!lies.is(&rule(Provider::Kubernetes, &[("namespace", &["ci"])])));
        let job = token(
            Provider::Circleci,
            json!({"oidc.circleci.com/project-id": "p", "oidc.circleci.com/context-ids": ["a", "b"]}),
        );
        assert!(job.is(&rule(Provider::Circleci, &[("project_id", &["p"]), ("context_id", &["b"])])));
        assert!(!job.is(&rule(Provider::Buildkite, &[("pipeline_slug", &["p"])])));
    }

    #[test]
    fn who_started_a_run() {
        let run = |attempt: &str| token(Provider::Github, json!({"actor_id": "583231", "run_attempt": attempt}));
        assert_eq!(run("1").actor(), Some(Actor::Account("583231")));
        assert_eq!(run("2").actor(), Some(Actor::Unsure));
        assert_eq!(token(Provider::Kubernetes, json!({})).actor(), None);
        let circle = json!({"oidc.circleci.com/user-id": "583231", "actor_id": "583231"});
        assert_eq!(token(Provider::Circleci, circle).actor(), Some(Actor::Unsure));
        assert_eq!(token(Provider::Buildkite, json!({})).actor(), Some(Actor::Unsure));
    }
}
