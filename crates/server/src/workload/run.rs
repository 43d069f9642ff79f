//! Which run a token was given to, and what people know it by.

use super::checks::TokenRefused;
use curfew_domain::{RunKey, limits, text};
use curfew_policy::{Claims, Provider};
use std::collections::BTreeMap;

/// Characters of a run's number.
const NUMBER_CHARS: usize = 256;
/// Claims by which people know a run: what it is of, where it stands, who and what began it.
const NOTABLE: [&str; 40] = [
    "repository",
    "repository_id",
    "repository_owner_id",
    "ref",
    "sha",
    "environment",
    "event_name",
    "workflow_ref",
    "job_workflow_ref",
    "actor",
    "actor_id",
    "run_id",
    "run_attempt",
    "runner_environment",
    "project_path",
    "project_id",
    "namespace_id",
    "ref_protected",
    "ref_type",
    "pipeline_id",
    "pipeline_source",
    "job_id",
    "user_id",
    "user_login",
    "ci_config_ref_uri",
    "kubernetes.io.namespace",
    "kubernetes.io.serviceaccount.name",
    "kubernetes.io.serviceaccount.uid",
    "kubernetes.io.pod.name",
    "kubernetes.io.pod.uid",
    "organization_slug",
    "pipeline_slug",
    "build_number",
    "build_branch",
    "build_commit",
    "oidc.circleci.com/project-id",
    "oidc.circleci.com/workflow-id",
    "oidc.circleci.com/job-id",
    "oidc.circleci.com/vcs-ref",
    "oidc.circleci.com/vcs-origin",
];

/// Whose tokens are read.
pub(super) struct Vouching<'a> {
    /// The name this server has for the issuer.
    pub(super) issuer: &'a str,
    pub(super) kind: Provider,
}

/// The run that a token was given to. `unnamed` stands for it where its issuer has no runs and gives no `jti`.
///
/// # Errors
/// When an issuer that has runs does not say which it is.
pub(super) fn key(of: &Vouching<'_>, claims: &Claims, unnamed: &str) -> Result<RunKey, TokenRefused> {
    let claim = |name: &str| claims.get(name).map(str::to_owned);
    let of_token = || claim("jti").unwrap_or_else(|| unnamed.to_owned());
    let number = match of.kind {
        Provider::Github => claim("run_id").map(|id| match claims.get("run_attempt") {
            None | Some("1") => id,
            Some(attempt) => format!("{id}/attempts/{attempt}"),
        }),
        Provider::Gitlab => claim("pipeline_id"),
        Provider::Kubernetes => Some(claim("kubernetes.io.pod.uid").unwrap_or_else(of_token)),
        Provider::Buildkite => ["organization_slug", "pipeline_slug", "build_number"]
            .map(claim)
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join("/")),
        Provider::Circleci => claim("oidc.circleci.com/workflow-id").or_else(|| claim("oidc.circleci.com/job-id")),
        Provider::Oidc => Some(of_token()),
    };
    let sound =
        |number: &String| (1..=NUMBER_CHARS).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_graphic());
    let number = number.filter(sound).ok_or(TokenRefused::NoRun)?;
    Ok(RunKey { issuer: of.issuer.to_owned(), provider: of.kind.word().to_owned(), number })
}

/// What people call the workload: `acme/orders`. For showing only.
pub(super) fn name(kind: Provider, claims: &Claims) -> Option<String> {
    let claim = |name: &str| claims.get(name).map(str::to_owned);
    let both = |first: &str, second: &str| Some(format!("{}/{}", claim(first)?, claim(second)?));
    let name = match kind {
        Provider::Github => claim("repository"),
        Provider::Gitlab => claim("project_path"),
        Provider::Kubernetes => both("kubernetes.io.namespace", "kubernetes.io.serviceaccount.name"),
        Provider::Buildkite => both("organization_slug", "pipeline_slug"),
        Provider::Circleci => claim("oidc.circleci.com/vcs-origin").or_else(|| claim("oidc.circleci.com/project-id")),
        Provider::Oidc => None,
    }?;
    let name: String = name.chars().take(limits::DISPLAY_NAME_CHARS).collect();
    Some(text::visible(&name).into_owned())
}

/// Of a token's claims, those by which people know a run.
pub(crate) fn notable(claims: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let told = NOTABLE.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.join(" "))));
    told.filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(json: serde_json::Value) -> Claims {
        Claims::from_json(json.as_object().expect("an object"))
    }

    fn number(kind: Provider, json: serde_json::Value) -> Option<String> {
        let key = key(&Vouching { issuer: "ci", kind }, &claims(json), "hash").ok()?;
        assert_eq!((key.issuer.as_str(), key.provider.as_str()), ("ci", kind.word()));
        Some(key.number)
    }

    #[test]
    fn runs_are_counted_as_their_providers_count_them() {
        let github = |attempt: &str| number(Provider::Github, json!({"run_id": "77", "run_attempt": attempt}));
        assert_eq!((github("1").as_deref(), github("3").as_deref()), (Some("77"), Some("77/attempts/3")));
        assert_eq!(number(Provider::Github, json!({"jti": "x"})), None);
        assert_eq!(number(Provider::Github, json!({"run_id": "7 7"})), None);
        assert_eq!(number(Provider::Github, json!({"run_id": "7".repeat(257)})), None);
        assert_eq!(number(Provider::Gitlab, json!({"pipeline_id": "5", "job_id": "6"})).as_deref(), Some("5"));
        let pod = json!({"kubernetes.io": {"pod": {"uid": "u-1"}}, "jti": "x"});
        assert_eq!(number(Provider::Kubernetes, pod).as_deref(), Some("u-1"));
        assert_eq!(number(Provider::Kubernetes, json!({"jti": "x"})).as_deref(), Some("x"));
        let build = json!({"organization_slug": "acme", "pipeline_slug": "deploy", "build_number": 9});
        assert_eq!(number(Provider::Buildkite, build).as_deref(), Some("acme/deploy/9"));
        assert_eq!(number(Provider::Buildkite, json!({"organization_slug": "acme", "build_number": 9})), None);
        let flow = json!({"oidc.circleci.com/workflow-id": "w", "oidc.circleci.com/job-id": "j"});
        assert_eq!(number(Provider::Circleci, flow).as_deref(), Some("w"));
        assert_eq!(number(Provider::Circleci, json!({"oidc.circleci.com/job-id": "j"})).as_deref(), Some("j"));
        assert_eq!(number(Provider::Circleci, json!({"jti": "x"})), None);
        assert_eq!(number(Provider::Oidc, json!({})).as_deref(), Some("hash"));
    }

    #[test]
    fn a_name_is_for_showing() {
        let of = |kind, json| name(kind, &claims(json));
        assert_eq!(of(Provider::Github, json!({"repository": "acme/orders"})).as_deref(), Some("acme/orders"));
        let long =
            of(Provider::Gitlab, json!({"project_path": format!("a\u{202e}{}", "b".repeat(500))})).expect("a name");
        assert!(!long.contains('\u{202e}') && long.len() < 200, "{long}");
        assert_eq!(of(Provider::Oidc, json!({"name": "x"})), None);
    }

    #[test]
    fn of_the_claims_those_are_told_that_people_know() {
        let flat = claims(json!({"sha": "abc", "run_id": "7", "secret": "x", "environment": ""})).into_flat();
        assert_eq!(notable(&flat).into_keys().collect::<Vec<_>>(), ["run_id", "sha"]);
    }
}
