//! Whose workloads a policy means. A set that is only checked knows no issuers; a server does, so that here it must be clear
//! which of them vouches.

use crate::config::{Issuer, unclear};
use curfew_policy::{Listed, Place, PolicySet, Principal, Requesters, Role, Workload};

/// One line for each workload whose issuer is not clear.
pub(super) fn objections(set: &PolicySet, issuers: &[Issuer]) -> Vec<String> {
    let named = set.roles().flat_map(workloads);
    named.filter_map(|(place, workload)| objection(place, workload, issuers)).collect()
}

/// Every workload that a role names, and where.
fn workloads(role: &Role) -> Vec<(&Place, &Workload)> {
    fn of(listed: &Listed) -> Option<(&Place, &Workload)> {
        match &listed.principal {
            Principal::Workload(workload) => Some((&listed.place, workload)),
            Principal::Person(_) | Principal::Group(_) | Principal::OnCall(_) => None,
        }
    }
    let requesters = match &role.requesters {
        Requesters::Listed(list) => list.as_slice(),
        Requesters::Anyone(_) | Requesters::TriggersOnly => &[],
    };
    let triggers = role.triggers.iter().map(|trigger| (&trigger.place, &trigger.workload));
    requesters.iter().filter_map(of).chain(triggers).collect()
}

fn objection(place: &Place, workload: &Workload, issuers: &[Issuer]) -> Option<String> {
    unclear(workload, issuers).map(|why| format!("{}:{}: {why}", place.file, place.line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_policy::{Provider, Purpose, SourceFile, check};

    fn set(workload: &str) -> PolicySet {
        let text = format!(
            "roles:\n  - name: r\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [l@example.com]\n    requesters:\n      - {workload}\n  - name: t\n    duration: 1h\n    conditions: [{{resource: x, actions: [read]}}]\n    approvers: [l@example.com]\n    triggers: [{{{}, grant_to: [pipeline], until: pipeline-end}}]\n",
            &workload
        );
        let files = [SourceFile { path: "p.yaml".to_owned(), bytes: text.into_bytes() }];
        let checked = check(&files, &[], Purpose::Check);
        checked.set.unwrap_or_else(|| panic!("{:#?}", checked.problems))
    }

    fn issuer(name: &str, kind: Provider) -> Issuer {
        Issuer { name: name.to_owned(), kind, url: format!("https://{name}.example.com"), audience: None }
    }

    #[test]
    fn with_several_of_a_kind_policy_says_which() {
        let issuers =
            [issuer("github", Provider::Github), issuer("ghes", Provider::Github), issuer("ci", Provider::Oidc)];
        let plain = set("github: {repository_id: \"1\", ref: refs/heads/main}");
        assert_eq!(objections(&plain, &issuers[..1]), Vec::<String>::new());
        assert_eq!(objections(&plain, &[]), Vec::<String>::new(), "a server without pipelines loads them");
        assert_eq!(
            objections(&plain, &issuers),
            [
                "p.yaml:7: there are several issuers of kind `github`: write `issuer:` and one of github, ghes",
                "p.yaml:12: there are several issuers of kind `github`: write `issuer:` and one of github, ghes"
            ]
        );
        let named = set("github: {issuer: ghes, repository_id: \"1\", ref: refs/heads/main}");
        assert_eq!(objections(&named, &issuers), Vec::<String>::new());
        assert_eq!(
            objections(&named, &issuers[..1]),
            [
                "p.yaml:7: no `[[issuers]]` of kind `github` is called `ghes`",
                "p.yaml:12: no `[[issuers]]` of kind `github` is called `ghes`"
            ]
        );
        let other_kind = set("github: {issuer: ci, repository_id: \"1\", ref: refs/heads/main}");
        assert_eq!(objections(&other_kind, &issuers).len(), 2);
        let by_address = set("oidc: {issuer: \"https://ci.example.com\", claims: {sub: job}}");
        assert_eq!(objections(&by_address, &issuers), Vec::<String>::new());
        assert_eq!(objections(&by_address, &issuers[..2]).len(), 2);
    }
}
