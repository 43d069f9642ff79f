//! The one way the arrows run: which room may need which, as ARCHITECTURE.md says. Tests may need more.

use crate::metadata::Package;

/// Each room and what it may need.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("curfew-domain", &[]),
    ("curfew-policy", &["curfew-domain"]),
    ("curfew-source", &["curfew-domain", "curfew-policy"]),
    ("curfew-engine", &["curfew-domain", "curfew-policy"]),
    ("curfew-store", &["curfew-domain", "curfew-engine"]),
    ("curfew-connectors", &["curfew-domain", "curfew-engine"]),
    ("curfew-api", &["curfew-domain"]),
    ("curfew-server", &["curfew-api", "curfew-engine", "curfew-source", "curfew-policy", "curfew-domain"]),
    ("curfew-proof", &["curfew-policy"]),
    ("curfew-cli", &["curfew-api", "curfew-source", "curfew-policy", "curfew-proof", "curfew-domain"]),
    ("curfew-sim", &["curfew-engine", "curfew-policy", "curfew-store", "curfew-connectors", "curfew-domain"]),
    (
        "curfew",
        &[
            "curfew-domain",
            "curfew-policy",
            "curfew-source",
            "curfew-engine",
            "curfew-store",
            "curfew-connectors",
            "curfew-api",
            "curfew-server",
            "curfew-cli",
        ],
    ),
    ("xtask", &[]),
];

/// Every arrow that runs the wrong way, each as a sentence.
pub(crate) fn forbidden(packages: &[Package]) -> Vec<String> {
    let ours = packages.iter().filter(|package| package.source.is_none());
    ours.flat_map(|package| match ALLOWED.iter().find(|(name, _)| *name == package.name) {
        None => vec![format!(
            "`{}` is a new crate: say in xtask/src/arrows.rs what it may need, and in ARCHITECTURE.md why it exists",
            package.name
        )],
        Some((name, may)) => {
            let wrong = package.needs.iter().filter(|needed| !may.contains(&needed.as_str()));
            wrong.map(|needed| sentence(name, needed, may)).collect()
        }
    })
    .collect()
}

fn sentence(name: &str, needed: &str, may: &[&str]) -> String {
    let may = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(", ") };
    format!("`{name}` needs `{needed}`, but the arrows allow it {may}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, needs: &[&str]) -> Package {
        let needs = needs.iter().map(|n| (*n).to_owned()).collect();
        Package { name: name.into(), version: "0".into(), license: String::new(), source: None, needs }
    }

    #[test]
    fn an_allowed_arrow_passes_and_a_forbidden_one_is_a_sentence() {
        assert!(forbidden(&[package("curfew-cli", &["curfew-api"])]).is_empty());
        let said = forbidden(&[package("curfew-cli", &["curfew-store"])]);
        assert_eq!(
            said,
            ["`curfew-cli` needs `curfew-store`, but the arrows allow it curfew-api, curfew-source, curfew-policy, \
              curfew-proof, curfew-domain"]
        );
        assert_eq!(forbidden(&[package("curfew-utils", &[])]).len(), 1);
    }
}
