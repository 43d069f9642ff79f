//! What `deny.toml` forbids, checked here from what Cargo knows, because `cargo-deny` may not be installed.

use crate::metadata::Package;
use crate::process;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every package that may not be there, each as a sentence.
pub(crate) fn broken(packages: &[Package]) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(process::root().join("deny.toml")).context("cannot read deny.toml")?;
    let rules = Rules::read(&text);
    anyhow::ensure!(!rules.banned.is_empty() && !rules.licenses.is_empty(), "deny.toml forbids nothing");
    Ok(rules.broken_by(packages))
}

/// The lines of `deny.toml` that matter here. Each ban and each licence stands on a line of its own there.
struct Rules {
    banned: Vec<String>,
    once: Vec<String>,
    licenses: Vec<String>,
}

impl Rules {
    fn read(text: &str) -> Self {
        let mut rules = Self { banned: Vec::new(), once: Vec::new(), licenses: Vec::new() };
        let mut list = "";
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(key) = line.strip_suffix(" = [") {
                list = key;
            } else if line.starts_with(']') {
                list = "";
            } else if let Some(word) = line.split('"').nth(1) {
                match list {
                    "deny" if line.contains("deny-multiple-versions") => rules.once.push(word.to_owned()),
                    "deny" => rules.banned.push(word.to_owned()),
                    "allow" => rules.licenses.push(word.to_owned()),
                    _ => {}
                }
            }
        }
        rules
    }

    fn broken_by(&self, packages: &[Package]) -> Vec<String> {
        let mut said = Vec::new();
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in packages {
            versions.entry(&package.name).or_default().push(&package.version);
            let shown = format!("`{} {}`", package.name, package.version);
            if self.banned.contains(&package.name) {
                said.push(format!("{shown} is banned; deny.toml says why"));
            }
            let Some(source) = &package.source else { continue };
            if source != REGISTRY {
                said.push(format!("{shown} comes from {source}; only crates.io is allowed"));
            }
            if !self.allows(&package.license) {
                said.push(format!("{shown} is under `{}`, which deny.toml does not allow", package.license));
            }
        }
        let twice = versions.iter().filter(|(name, all)| all.len() > 1 && self.once.iter().any(|o| o == *name));
        said.extend(twice.map(|(name, all)| format!("`{name}` is there {} times: {}", all.len(), all.join(", "))));
        said
    }

    /// Whether an SPDX expression can be met: every part of one of its alternatives is allowed. Where
    /// parentheses stand, every licence named must be.
    fn allows(&self, expression: &str) -> bool {
        let known = |license: &str| self.licenses.iter().any(|allowed| allowed == license.trim_matches(['(', ')']));
        let plain = expression.replace('/', " OR ");
        if plain.contains('(') {
            let words = plain.replace(" OR ", " AND ");
            return words.split(" AND ").all(|license| known(license.trim()));
        }
        plain.split(" OR ").any(|side| side.split(" AND ").all(|license| known(license.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[licenses]
allow = [
    "MIT",
    "Apache-2.0",
]
[bans]
deny = [
    { crate = "openssl-sys", reason = "x" },
    { crate = "libsqlite3-sys", deny-multiple-versions = true, reason = "x" },
]
"#;

    fn package(name: &str, version: &str, license: &str) -> Package {
        let source = Some(REGISTRY.to_owned());
        Package { name: name.into(), version: version.into(), license: license.into(), source, needs: [].into() }
    }

    #[test]
    fn bans_licences_and_doubles_are_found() {
        let rules = Rules::read(TEXT);
        let good = [package("a", "1", "GPL-3.0 OR MIT"), package("b", "1", "MIT/Apache-2.0")];
        assert_eq!(rules.broken_by(&good), Vec::<String>::new());
        let bad = [
            package("openssl-sys", "1", "MIT"),
            package("c", "1", "MIT AND GPL-3.0"),
            package("libsqlite3-sys", "1", "MIT"),
            package("libsqlite3-sys", "2", "MIT"),
        ];
        assert_eq!(rules.broken_by(&bad).len(), 3);
    }
}
