//! What may be written of a workload: an identity that nobody else can take over, and where it runs.

use super::{Provider, Workload, read};
use crate::compound;
use crate::language::{Record, WORKLOADS};
use crate::node::{Document, Entry, Node};
use crate::parse::parse;
use crate::problem::{Problem, Problems};
use crate::shape::{Site, shown};
use crate::source::SourceFile;

/// Where a mapping stands that is no part of a policy, in what is said of it.
const OUTSIDE: &str = "workload.json";

impl Workload {
    /// Reads what names one workload outside a policy, in policy's own words and as JSON:
    /// `{"github": {"repository_id": "123456", "ref": "refs/heads/main"}}`.
    ///
    /// # Errors
    /// Everything that policy would refuse or warn of: a name that somebody else can take over is no name here.
    pub fn from_json(text: &str) -> Result<Self, Vec<Problem>> {
        let mut out = Problems::default();
        let file = SourceFile { path: OUTSIDE.to_owned(), bytes: text.as_bytes().to_vec() };
        let read = parse(&file, &mut out).and_then(|Document { root, .. }| {
            compound::check_workload(&root, root.entries(), Site::of(OUTSIDE, "workload"), &mut out);
            read(&root)
        });
        let problems = out.sorted();
        match read {
            Some(workload) if problems.is_empty() => Ok(workload),
            Some(_) | None => Err(problems),
        }
    }
}

/// Reports what a provider's mapping lacks or must not have. Its keys were checked before.
pub(crate) fn check(entry: &Entry, site: Site<'_>, out: &mut Problems) {
    let Some(provider) = entry.name().and_then(Provider::of) else { return };
    let node = &entry.value;
    for claim in node
        .entries()
        .iter()
        .flat_map(|e| if e.name() == Some("claims") { e.value.entries() } else { std::slice::from_ref(e) })
    {
        check_wildcards(claim, site, out);
    }
    for any in provider.needed() {
        if !any.iter().any(|key| node.get(key).is_some()) {
            let message = format!("`{}` has to name {}", provider.word(), any.join(" or "));
            let wanted = any.first().and_then(|name| record(provider)?.key(name));
            let write = wanted.map_or_else(String::new, |key| format!("write `{}: {}`: ", key.name, key.example));
            let hint = format!("{write}without it, runs that you do not mean would match");
            site.refuse(out, node.head(), "workload", message, hint);
        }
    }
    if let Some((name, number)) = provider.by_name()
        && let (Some(value), None) = (node.get(name), node.get(number))
    {
        let message = format!("`{name}` can be taken over by somebody else");
        let hint = format!("write its number, which stays: `{number}: \"123456\"`");
        out.warning(site.file, value.head(), "workload-by-name", message, hint);
    }
    let reference = provider.reference().and_then(|name| Some((name, node.get(name)?)));
    if let Some((name, value)) = reference {
        check_reference(provider, name, value, site, out);
    }
}

/// The table of what can be said of a provider's runs.
fn record(provider: Provider) -> Option<&'static Record> {
    WORKLOADS.iter().find(|(word, _)| *word == provider.word()).map(|(_, record)| *record)
}

/// A branch or tag that no token ever has, because this provider writes them otherwise.
fn check_reference(provider: Provider, key: &str, value: &Node, site: Site<'_>, out: &mut Problems) {
    let texts = if value.text().is_some() { std::slice::from_ref(value) } else { value.items() };
    for node in texts {
        let Some(text) = node.text().filter(|text| !text.is_empty()) else { continue };
        let bare = ["refs/heads/", "refs/tags/"].iter().find_map(|start| text.strip_prefix(start));
        let meant = match provider {
            Provider::Github | Provider::Circleci if !text.starts_with("refs/") => format!("refs/heads/{text}"),
            Provider::Gitlab => match bare {
                Some(bare) => bare.to_owned(),
                None => continue,
            },
            Provider::Github | Provider::Circleci | Provider::Kubernetes | Provider::Buildkite | Provider::Oidc => {
                continue;
            }
        };
        let message = format!("no run of {} has the `{key}` `{}`", provider.word(), shown(text));
        let hint = format!("write `{key}: {}`", shown(&meant));
        out.warning(site.file, node.at(), "unlikely-ref", message, hint);
    }
}

fn check_wildcards(claim: &Entry, site: Site<'_>, out: &mut Problems) {
    let key = claim.key.text().unwrap_or_default();
    let texts = if claim.value.text().is_some() { std::slice::from_ref(&claim.value) } else { claim.value.items() };
    for node in texts {
        let Some(text) = node.text() else { continue };
        if text.is_empty() {
            site.refuse(out, node.at(), "empty-text", format!("`{key}` is empty"), "name what it has to be");
        }
        let tag = matches!(key, "ref" | "vcs_ref")
            && text.starts_with("refs/tags/")
            && text.find('*') == Some(text.len() - 1);
        if text.contains('*') && !tag {
            let message = format!("`{}` has a `*`, but claims are compared whole", shown(text));
            let hint =
                "the only wildcard is one `*` at the end of a tag ref: refs/tags/v*; otherwise list what you mean";
            site.refuse(out, node.at(), "workload-wildcard", message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_policy_it_is_read_strictly() {
        let read = |text: &str| Workload::from_json(text);
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let claims = [("repository_id", texts(&["123456"])), ("ref", texts(&["refs/heads/main"]))];
        let claims = claims.map(|(name, texts)| (name.to_owned(), texts)).into();
        let main = read(r#"{"github": {"repository_id": "123456", "ref": ["refs/heads/main"]}}"#).expect("sound");
        assert_eq!(main, Workload { provider: Provider::Github, issuer: None, claims });
        for (text, code) in [
            (r#"{"github": {"repository_id": "1"}}"#, "workload"),
            (r#"{"github": {"repository": "acme/policy", "ref": "refs/heads/main"}}"#, "workload-by-name"),
            (r#"{"github": {"repository_id": "1", "ref": "refs/heads/*"}}"#, "workload-wildcard"),
            (r#"{"github": {"repository_id": 1, "ref": "refs/heads/main"}}"#, "wrong-kind"),
            (r#"{"github": {"repository_id": "1", "ref": "refs/heads/main", "branch": "x"}}"#, "unknown-key"),
            (r#"{"kubernetes": {"namespace": "a"}, "gitlab": {"project_id": "1", "ref": "main"}}"#, "workload"),
            (r"{}", "workload"),
            (r#""github""#, "workload"),
        ] {
            let problems = read(text).expect_err(text);
            assert!(problems.iter().any(|problem| problem.code == code), "{text}: {problems:#?}");
        }
    }
}
