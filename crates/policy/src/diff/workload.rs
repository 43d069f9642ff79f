//! Whether one rule about machines matches every run that another matches.

use crate::workload::{Provider, Workload};

/// Whether every run that the first matches is matched by the second as well.
pub(super) fn is_within(inner: &Workload, outer: &Workload) -> bool {
    let issuer = outer.issuer.is_none() || inner.issuer == outer.issuer;
    let fits = |(claim, allowed): (&String, &Vec<String>)| {
        inner.claims.get(claim).is_some_and(|own| own.iter().all(|value| is_allowed(value, allowed)))
    };
    let started_by = started_by(outer.provider);
    let mut named = outer.claims.iter().filter(|(claim, _)| Some(claim.as_str()) != started_by);
    inner.provider == outer.provider && issuer && named.all(fits) && starts_as(inner, outer, started_by)
}

/// The claim that says what caused a run. Its absence means a fixed list, not anything.
fn started_by(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Github => Some("event"),
        Provider::Gitlab => Some("source"),
        Provider::Kubernetes | Provider::Buildkite | Provider::Circleci | Provider::Oidc => None,
    }
}

fn starts_as(inner: &Workload, outer: &Workload, claim: Option<&str>) -> bool {
    let Some(claim) = claim else { return true };
    match (inner.claims.get(claim), outer.claims.get(claim)) {
        (None, None) => true,
        (Some(own), Some(allowed)) => own.iter().all(|value| allowed.contains(value)),
        // What is named may or may not be one of the language's own list.
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// `refs/tags/v*` is within `refs/tags/*`, and `refs/tags/v1` within both.
fn is_allowed(value: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|a| a == value || a.strip_suffix('*').is_some_and(|prefix| value.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github(claims: &[(&str, &[&str])]) -> Workload {
        let values = |list: &[&str]| list.iter().map(|v| (*v).to_owned()).collect();
        let claims = claims.iter().map(|(claim, list)| ((*claim).to_owned(), values(list))).collect();
        Workload { provider: Provider::Github, issuer: None, claims }
    }

    #[test]
    fn fewer_claims_and_more_values_match_more() {
        let main = github(&[("repository_id", &["1"]), ("ref", &["refs/heads/main"])]);
        let any_ref = github(&[("repository_id", &["1"])]);
        let two = github(&[("repository_id", &["1"]), ("ref", &["refs/heads/main", "refs/heads/x"])]);
        let tags = github(&[("repository_id", &["1"]), ("ref", &["refs/tags/*"])]);
        let versions = github(&[("repository_id", &["1"]), ("ref", &["refs/tags/v*"])]);
        for (narrow, wide) in [(&main, &any_ref), (&main, &two), (&versions, &tags), (&tags, &any_ref)] {
            assert!(is_within(narrow, wide) && !is_within(wide, narrow), "{narrow} {wide}");
        }
        assert!(!is_within(&main, &tags) && is_within(&main, &main));
        let named = Workload { issuer: Some("own".to_owned()), ..main.clone() };
        assert!(is_within(&named, &main) && !is_within(&main, &named));
    }

    #[test]
    fn naming_an_event_is_never_taken_for_narrower() {
        let plain = github(&[("repository_id", &["1"])]);
        let strangers = github(&[("repository_id", &["1"]), ("event", &["pull_request"])]);
        assert!(!is_within(&strangers, &plain) && !is_within(&plain, &strangers));
    }
}
